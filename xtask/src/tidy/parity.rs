//! The parity table of `docs/compatibility.md`: each row names a test, and the test is real.
//!
//! A row reads `| feature | Kube-OVN | here | test |`. The feature names the field, annotation or flag it is about
//! in backticks; the test cell names test functions in backticks, or says `–` for what is not built yet.

use std::fs;
use std::path::Path;

use anyhow::Context;
use syn::visit::{self, Visit};

use super::{Finding, Source};

const TABLE: &str = "docs/compatibility.md";

pub(crate) fn check(root: &Path, sources: &[Source]) -> anyhow::Result<Vec<Finding>> {
    let text = fs::read_to_string(root.join(TABLE)).with_context(|| format!("read {TABLE}"))?;
    let tests: Vec<Test> = sources.iter().flat_map(tests_of).collect();
    Ok(check_rows(&text, &tests))
}

/// A test function, the file it stands in, and whether a plain run leaves it out.
struct Test<'a> {
    name: String,
    file: &'a str,
    ignored: bool,
}

struct Row<'a> {
    line: usize,
    subjects: Vec<&'a str>,
    here: &'a str,
    tests: Vec<&'a str>,
}

fn check_rows(table: &str, tests: &[Test]) -> Vec<Finding> {
    let mut findings = Vec::new();
    for row in rows(table) {
        let mut say = |what: String| findings.push(Finding::new(TABLE, row.line, what));
        if row.tests.is_empty() && row.here.starts_with("yes") {
            say("says yes and names no test".to_owned());
        }
        for name in &row.tests {
            let Some(test) = tests.iter().find(|test| test.name == **name) else {
                say(format!("names the test {name}, which does not exist"));
                continue;
            };
            if test.ignored {
                say(format!("names the test {name}, which does not run in .ci/run"));
            }
            if !row.subjects.iter().all(|subject| test.file.contains(subject)) {
                say(format!("the file of {name} does not mention {:?}", row.subjects));
            }
        }
    }
    findings
}

/// The rows of all tables with four columns, without heads and rules.
fn rows(table: &str) -> Vec<Row<'_>> {
    let mut rows = Vec::new();
    for (i, line) in table.lines().enumerate() {
        let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
        let [feature, _, here, test] = cells[..] else { continue };
        if feature == "feature" || feature.starts_with("---") || feature.starts_with(":-") {
            continue;
        }
        rows.push(Row { line: i + 1, subjects: quoted(feature), here, tests: quoted(test) });
    }
    rows
}

/// The words between backticks.
fn quoted(cell: &str) -> Vec<&str> {
    cell.split('`').skip(1).step_by(2).collect()
}

fn tests_of(source: &Source) -> Vec<Test<'_>> {
    struct Finder<'a>(&'a str, Vec<Test<'a>>);
    impl<'ast> Visit<'ast> for Finder<'_> {
        fn visit_item_fn(&mut self, function: &'ast syn::ItemFn) {
            let last = |a: &syn::Attribute| a.path().segments.last().map(|s| s.ident.to_string());
            let has = |name: &str| function.attrs.iter().any(|a| last(a).as_deref() == Some(name));
            if has("test") {
                let name = function.sig.ident.to_string();
                self.1.push(Test { name, file: self.0, ignored: has("ignore") });
            }
            visit::visit_item_fn(self, function);
        }
        fn visit_macro(&mut self, call: &'ast syn::Macro) {
            if call.path.segments.last().is_some_and(|segment| segment.ident == "proptest")
                && let Ok(inside) = syn::parse2::<Properties>(call.tokens.clone())
            {
                let found = inside.0.into_iter();
                self.1.extend(found.map(|name| Test { name, file: self.0, ignored: false }));
            }
        }
    }
    let mut finder = Finder(&source.text, Vec::new());
    finder.visit_file(&source.syntax);
    finder.1
}

/// The names of the functions in a `proptest!` block, whose arguments (`x in strategy`) are no Rust.
struct Properties(Vec<String>);

impl syn::parse::Parse for Properties {
    fn parse(input: syn::parse::ParseStream) -> syn::Result<Self> {
        let mut names = Vec::new();
        while !input.is_empty() {
            if input.peek(syn::Token![fn]) {
                input.parse::<syn::Token![fn]>()?;
                names.push(input.parse::<syn::Ident>()?.to_string());
            } else {
                input.parse::<proc_macro2::TokenTree>()?;
            }
        }
        Ok(Self(names))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn findings(table: &str) -> Vec<String> {
        let test = |name: &str, ignored| Test {
            name: name.to_owned(),
            file: "… ovn.kubernetes.io/ip_address …",
            ignored,
        };
        let tests = [test("a_static_address_is_kept", false), test("slow_one", true)];
        check_rows(table, &tests).into_iter().map(|finding| finding.what).collect()
    }

    #[test]
    fn a_row_with_a_real_test_that_mentions_its_field_is_fine() {
        let row = "| static address `ip_address` | annotation | yes | `a_static_address_is_kept` |";
        assert_eq!(findings(row), Vec::<String>::new());
    }

    #[test]
    fn a_missing_ignored_or_unrelated_test_is_found() {
        assert_eq!(findings("| `ip_address` | x | yes | `gone` |").len(), 1);
        assert_eq!(findings("| `ip_address` | x | yes | `slow_one` |").len(), 1);
        assert_eq!(findings("| `mac_address` | x | yes | `a_static_address_is_kept` |").len(), 1);
        assert_eq!(findings("| `mac_address` | x | yes | – |").len(), 1);
        assert_eq!(findings("| `mac_address` | x | later | – |"), Vec::<String>::new());
    }

    #[test]
    fn properties_count_as_tests() {
        let text = "//! D.\nproptest! {\n #[test]\n fn holds(x in 0..3u8) { assert!(x < 3); }\n}\n";
        let source = Source::parse("a/src/t.rs", text).unwrap();
        let names: Vec<String> = tests_of(&source).into_iter().map(|test| test.name).collect();
        assert_eq!(names, ["holds"]);
    }
}
