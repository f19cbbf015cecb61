//! Programs of the lab that are written in Go and built from the module proxy: Kubernetes, Helm, CoreDNS,
//! and our own test program. Versions and checksums stand in `lab/go/*/go.{mod,sum}`.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{
    cache::Entry,
    layout::Layout,
    process::{command, run, stream},
    screen::{Screen, Step},
};

/// A Go module of the lab: one folder with the programs it builds.
struct Module {
    name: &'static str,
    title: &'static str,
    /// `-ldflags` after those that strip.
    link: String,
    /// What to build: the module's `tool` lines, or the module itself.
    packages: &'static str,
    /// Everything the result depends on.
    inputs: &'static [&'static str],
}

const KUBERNETES: &str = include_str!("../go/kubernetes/go.mod");

/// Folders with the programs of each module.
#[derive(Clone, Debug)]
pub(crate) struct Programs {
    pub(crate) kubernetes: PathBuf,
    pub(crate) helm: PathBuf,
    pub(crate) coredns: PathBuf,
    pub(crate) agnhost: PathBuf,
}

impl Programs {
    /// Builds what the cache lacks, one module after the other: each uses all processors, and they share
    /// Go's build cache.
    ///
    /// # Errors
    /// Go is missing, a module cannot be had, or a build failed.
    pub(crate) fn ensure_built(layout: &Layout, screen: &Screen) -> Result<Self> {
        let [kubernetes, helm, coredns, agnhost] = modules();
        Ok(Self {
            agnhost: agnhost.get(layout, screen)?,
            kubernetes: kubernetes.get(layout, screen)?,
            coredns: coredns.get(layout, screen)?,
            helm: helm.get(layout, screen)?,
        })
    }

    /// Where they are once built.
    ///
    /// # Errors
    /// There is no cache folder, or `up` never ran.
    pub(crate) fn built() -> Result<Self> {
        let [kubernetes, helm, coredns, agnhost] = modules().map(|module| {
            let path = module.entry().path()?;
            path.exists()
                .then_some(path)
                .with_context(|| format!("{} is not built: `cargo lab up` does it", module.name))
        });
        Ok(Self { kubernetes: kubernetes?, helm: helm?, coredns: coredns?, agnhost: agnhost? })
    }

    pub(crate) fn kubectl(&self) -> PathBuf {
        self.kubernetes.join("kubectl")
    }
}

/// The version of Kubernetes, as its `go.mod` line says.
pub(crate) fn kubernetes_version() -> &'static str {
    let line = KUBERNETES.lines().map(|line| line.trim().trim_start_matches("require "));
    line.filter_map(|line| line.strip_prefix("k8s.io/kubernetes "))
        .next()
        .map_or("unknown", |version| version.split_whitespace().next().unwrap_or(version))
}

fn modules() -> [Module; 4] {
    let version = kubernetes_version();
    let mut numbers = version.trim_start_matches('v').split('.');
    let set = |name, value: &str| format!("-X k8s.io/component-base/version.{name}={value}");
    let link = [
        set("gitVersion", version),
        set("gitMajor", numbers.next().unwrap_or_default()),
        set("gitMinor", numbers.next().unwrap_or_default()),
        set("gitTreeState", "clean"),
    ];
    let module =
        |name, title, inputs| Module { name, title, link: String::new(), packages: "tool", inputs };
    [
        Module {
            link: link.join(" "),
            ..module(
                "kubernetes",
                "Kubernetes from source, 5 to 10 minutes the first time",
                &[KUBERNETES, include_str!("../go/kubernetes/go.sum")],
            )
        },
        module(
            "helm",
            "Helm from source, a minute",
            &[include_str!("../go/helm/go.mod"), include_str!("../go/helm/go.sum")],
        ),
        Module {
            packages: ".",
            ..module(
                "coredns",
                "CoreDNS from source, a minute",
                &[
                    include_str!("../go/coredns/go.mod"),
                    include_str!("../go/coredns/go.sum"),
                    include_str!("../go/coredns/main.go"),
                ],
            )
        },
        Module {
            packages: ".",
            ..module(
                "agnhost",
                "The lab's test program",
                &[
                    include_str!("../go/agnhost/go.mod"),
                    include_str!("../go/agnhost/main.go"),
                    include_str!("../go/agnhost/serve.go"),
                    include_str!("../go/agnhost/dial.go"),
                ],
            )
        },
    ]
}

impl Module {
    fn entry(&self) -> Entry {
        let inputs = [&[self.link.as_str()], self.inputs].concat();
        Entry::new(self.name, &inputs)
    }

    fn get(&self, layout: &Layout, screen: &Screen) -> Result<PathBuf> {
        let source = layout.repository.join("lab/go").join(self.name);
        self.entry().get(|folder| screen.step(self.title, |step| self.build(&source, folder, step)))
    }

    /// `go build` names every package it compiles, which makes a true bar; what Go's own cache holds is
    /// not named.
    fn build(&self, source: &Path, folder: &Path, step: &Step) -> Result<()> {
        step.message("downloading modules");
        let packages = run(Self::go(source, "list").args(["-deps", self.packages]))?;
        step.length(packages.lines().count() as u64);
        fs::create_dir_all(folder)?;
        let mut build = Self::go(source, "build");
        build.args(["-trimpath", "-buildvcs=false", "-v", "-o"]).arg(folder);
        build.arg(format!("-ldflags=-s -w {}", self.link)).arg(self.packages);
        stream(&mut build, |line| {
            step.advance();
            step.message(line);
        })?;
        Ok(())
    }

    fn go(source: &Path, verb: &str) -> Command {
        let mut go = command("go", [verb, "-mod=readonly"]);
        go.current_dir(source).env("CGO_ENABLED", "0");
        go
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_version_of_kubernetes_is_the_one_its_module_requires() {
        let version = kubernetes_version();
        assert!(version.starts_with("v1.") && version.split('.').count() == 3, "{version}");
        assert!(
            modules()[0].link.contains(&format!("gitVersion={version} ")),
            "{}",
            modules()[0].link
        );
    }

    #[test]
    fn every_staging_module_has_the_version_of_kubernetes() {
        let minor_and_patch = kubernetes_version().trim_start_matches("v1.");
        let replaced: Vec<_> = KUBERNETES.lines().filter(|line| line.contains("=>")).collect();
        assert!(replaced.len() > 25, "{replaced:?}");
        assert!(
            replaced.iter().all(|line| line.ends_with(&format!("v0.{minor_and_patch}"))),
            "{replaced:?}"
        );
    }
}
