//! The shape of files: module documentation, sizes, names, and that every file is part of a crate.

use std::collections::BTreeSet;
use std::path::Path;

use proc_macro2::Span;
use syn::spanned::Spanned;
use syn::visit::{self, Visit};

use super::{Finding, Source};

/// Longest file, in lines.
const FILE: usize = 400;
/// Longest function, in lines.
const FUNCTION: usize = 60;
/// Names that say nothing about what is inside.
const EMPTY_NAMES: [&str; 9] =
    ["utils", "util", "common", "helper", "helpers", "manager", "handler", "misc", "v2"];

pub(crate) fn check(source: &Source) -> Vec<Finding> {
    let mut findings = Vec::new();
    let tests_beside = source.path.ends_with("/tests.rs");
    if !tests_beside && !source.syntax.attrs.iter().any(is_inner_doc) {
        findings.push(Finding::new(&source.path, 1, "module without `//!`: say what it is"));
    }
    let stem = Path::new(&source.path).file_stem().unwrap_or_default().to_string_lossy();
    if source.generated() {
        return findings;
    }
    if EMPTY_NAMES.contains(&stem.as_ref()) || source.path.ends_with("/mod.rs") {
        findings.push(Finding::new(&source.path, 1, format!("file may not be called {stem}")));
    }
    let lines = source.text.lines().count();
    if lines > FILE {
        findings.push(Finding::new(&source.path, FILE, format!("{lines} lines, over {FILE}")));
    }
    let mut functions = Functions { path: &source.path, findings: &mut findings };
    functions.visit_file(&source.syntax);
    findings
}

fn is_inner_doc(attribute: &syn::Attribute) -> bool {
    matches!(attribute.style, syn::AttrStyle::Inner(_)) && attribute.path().is_ident("doc")
}

struct Functions<'a> {
    path: &'a str,
    findings: &'a mut Vec<Finding>,
}

impl Functions<'_> {
    fn measure(&mut self, name: &syn::Ident, span: Span) {
        let (first, last) = (span.start().line, span.end().line);
        let lines = last + 1 - first;
        if lines > FUNCTION {
            let what = format!("function {name} has {lines} lines, over {FUNCTION}");
            self.findings.push(Finding::new(self.path, first, what));
        }
    }

    fn ignored(&mut self, attributes: &[syn::Attribute]) {
        for attribute in attributes.iter().filter(|a| a.path().is_ident("ignore")) {
            if matches!(attribute.meta, syn::Meta::Path(_)) {
                let line = attribute.span().start().line;
                self.findings.push(Finding::new(self.path, line, "`#[ignore]` without a reason"));
            }
        }
    }
}

impl<'ast> Visit<'ast> for Functions<'_> {
    fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
        self.ignored(&function.attrs);
        self.measure(&function.sig.ident, function.block.span());
        visit::visit_item_fn(self, function);
    }

    fn visit_impl_item_fn(&mut self, function: &'ast syn::ImplItemFn) {
        self.measure(&function.sig.ident, function.block.span());
        visit::visit_impl_item_fn(self, function);
    }
}

/// Files no crate declares are never compiled, so nobody notices when they rot.
pub(crate) fn reachable(sources: &[Source]) -> Vec<Finding> {
    let known: BTreeSet<&str> = sources.iter().map(|source| source.path.as_str()).collect();
    let mut seen = BTreeSet::new();
    let mut open: Vec<String> = crate_roots(&known);
    while let Some(path) = open.pop() {
        if !seen.insert(path.clone()) {
            continue;
        }
        let Some(source) = sources.iter().find(|source| source.path == path) else { continue };
        open.extend(declared(&path, &source.syntax.items, &known));
    }
    sources
        .iter()
        .filter(|source| !seen.contains(&source.path))
        .map(|source| Finding::new(&source.path, 1, "declared by no `mod`: never compiled"))
        .collect()
}

/// Where cargo begins: `src/lib.rs`, `src/main.rs`, `src/bin`, and each file of `tests`, `benches`, `examples`, `fuzz_targets`.
fn crate_roots(known: &BTreeSet<&str>) -> Vec<String> {
    let is_root = |path: &&&str| {
        let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
        (folder.ends_with("src") && (file == "lib.rs" || file == "main.rs"))
            || ["src/bin", "/tests", "/benches", "/examples", "/fuzz_targets"]
                .iter()
                .any(|end| folder.ends_with(end) && !folder.ends_with("src/tests"))
            || (file == "main.rs" && (folder.ends_with("/bench") || parent_is_tests(folder)))
            || file == "build.rs"
    };
    known.iter().filter(is_root).map(|path| (*path).to_owned()).collect()
}

/// `tests/<name>/main.rs` is an integration test of its own.
fn parent_is_tests(folder: &str) -> bool {
    folder.rsplit_once('/').is_some_and(|(parent, _)| parent.ends_with("tests"))
}

/// The files the modules of `items` live in, for a file at `path`.
fn declared(path: &str, items: &[syn::Item], known: &BTreeSet<&str>) -> Vec<String> {
    let (folder, file) = path.rsplit_once('/').unwrap_or(("", path));
    let stem = file.trim_end_matches(".rs");
    let nested = format!("{folder}/{stem}");
    let mut found = Vec::new();
    for item in items {
        let syn::Item::Mod(module) = item else { continue };
        let name = module.ident.to_string();
        if let Some((_, inner)) = &module.content {
            let inside = format!("{folder}/{stem}/{name}.rs");
            found.extend(declared(&inside, inner, known));
            continue;
        }
        let candidates = explicit(module).map_or_else(
            || {
                let places = [folder, &nested];
                places
                    .map(|place| [format!("{place}/{name}.rs"), format!("{place}/{name}/mod.rs")])
                    .concat()
            },
            |at| vec![without_dots(&format!("{folder}/{at}"))],
        );
        found.extend(candidates.into_iter().filter(|path| known.contains(path.as_str())));
    }
    found
}

/// The same path without `..`.
fn without_dots(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.split('/') {
        if part == ".." {
            parts.pop();
        } else {
            parts.push(part);
        }
    }
    parts.join("/")
}

/// The value of `#[path = "…"]`.
fn explicit(module: &syn::ItemMod) -> Option<String> {
    module.attrs.iter().find_map(|attribute| match &attribute.meta {
        syn::Meta::NameValue(pair) if pair.path.is_ident("path") => match &pair.value {
            syn::Expr::Lit(syn::ExprLit { lit: syn::Lit::Str(text), .. }) => Some(text.value()),
            _ => None,
        },
        _ => None,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(path: &str, text: &str) -> Vec<String> {
        let source = Source::parse(path, text).unwrap();
        check(&source).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn a_module_must_say_what_it_is() {
        assert_eq!(findings("a/src/x.rs", "//! Here.\n"), Vec::<String>::new());
        assert_eq!(findings("a/src/x.rs", "fn f() {}\n").len(), 1);
    }

    #[test]
    fn long_files_and_functions_are_found() {
        let body = "    let _ = 1;\n".repeat(61);
        let long = format!("//! Doc.\nfn f() {{\n{body}}}\n");
        assert!(findings("a/src/x.rs", &long)[0].starts_with("function f has 63 lines"));
        let file = format!("//! Doc.\n{}", "// x\n".repeat(400));
        assert_eq!(findings("a/src/x.rs", &file), ["401 lines, over 400"]);
        let generated = format!("//! Generated by `cargo xtask gen`.\n{}", "// x\n".repeat(400));
        assert_eq!(findings("a/src/x.rs", &generated), Vec::<String>::new());
    }

    #[test]
    fn an_ignored_test_needs_a_reason() {
        let ignored = |attribute: &str| {
            findings("a/src/x.rs", &format!("//! Doc.\n#[test]\n{attribute}\nfn t() {{}}\n"))
        };
        assert_eq!(ignored("#[ignore = \"needs a VLAN module\"]"), Vec::<String>::new());
        assert_eq!(ignored("#[ignore]"), ["`#[ignore]` without a reason"]);
    }

    #[test]
    fn a_file_nobody_declares_is_found() {
        let source = |path: &str, text: &str| Source::parse(path, text).unwrap();
        let tree = [
            source("a/src/lib.rs", "//! A.\nmod b;\n"),
            source("a/src/b.rs", "//! B.\n#[cfg(test)]\nmod tests;\n"),
            source("a/src/b/tests.rs", "//! T.\n"),
            source("a/src/c.rs", "//! C.\n"),
        ];
        let lost = reachable(&tree);
        assert_eq!(lost.iter().map(|f| f.path.as_str()).collect::<Vec<_>>(), ["a/src/c.rs"]);
    }
}
