//! `cargo xtask image`: the project's one OCI image, built without Docker as an archive that `ctr image import` takes.
//!
//! A layer of Debian packages (OVN, OVS and the tools people expect in the pods), then a layer with our binaries, both
//! uncompressed so that an import is a copy. Pushes to no registry and knows no other architecture than this machine's.

mod archive;
mod base;
mod binaries;

use std::path::{Path, PathBuf};

use anyhow::{Context as _, ensure};

/// The image's name in the chart's default values and in every node's image store.
pub(crate) const REFERENCE: &str =
    concat!("docker.io/kubeovn/kube-ovn:v", env!("CARGO_PKG_VERSION"));

/// What all layers together may take on a node's disk.
const LIMIT: u64 = 250_000_000;

/// Which build of our binaries goes in.
#[derive(clap::Args, Debug)]
pub(crate) struct Args {
    /// Cargo profile of our binaries: `lab` links quickly, `release` is what is published.
    #[arg(long, default_value = "lab")]
    profile: String,
}

/// Builds the binaries, then `target/image/kube-ovn.tar`. The last line on standard output is the image's reference.
pub(crate) fn run(args: &Args) -> anyhow::Result<()> {
    let cache = cache()?;
    // Two at once would write the same files; the kernel frees the lock however we end.
    let lock = std::fs::File::create(cache.join(".image.lock")).context("lock of the image")?;
    lock.lock().context("lock of the image")?;
    let built = binaries::build(&args.profile)?;
    let base = base::layer(&cache)?;
    let folder = built.target.join("image");
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    let ours = binaries::layer(&built, &folder)?;
    let size = base.unpacked + ours.unpacked;
    ensure!(
        size <= LIMIT,
        "the image takes {} unpacked, more than {}",
        megabytes(size),
        megabytes(LIMIT)
    );
    let revision = binaries::vswitch_revision(&base, &built)?;
    let out = folder.join("kube-ovn.tar");
    let image = archive::Image {
        reference: REFERENCE,
        path: "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        labels: &[
            ("org.opencontainers.image.title", "kube-ovn"),
            ("org.opencontainers.image.version", env!("CARGO_PKG_VERSION")),
            ("kube-ovn.io/ovs-revision", &revision),
        ],
    };
    image.write(&[&base, &ours], &out)?;
    println!("packages   {:>9}   {}", megabytes(base.unpacked), base.digest);
    for (name, size) in &built.sizes()? {
        println!("{name:<22} {:>9}", megabytes(*size));
    }
    println!("all layers {:>9}   of {} allowed", megabytes(size), megabytes(LIMIT));
    println!("ovs-ovn revision {revision}");
    println!("{}", out.display());
    println!("{REFERENCE}");
    Ok(())
}

/// The user's cache folder, where what is slow to make outlives the work tree.
fn cache() -> anyhow::Result<PathBuf> {
    let base = std::env::var_os("XDG_CACHE_HOME")
        .map(PathBuf::from)
        .filter(|path| path.is_absolute())
        .or_else(|| std::env::var_os("HOME").map(|home| Path::new(&home).join(".cache")));
    let folder = base.context("neither XDG_CACHE_HOME nor HOME is set")?.join("kube-ovn-rs");
    std::fs::create_dir_all(&folder).with_context(|| folder.display().to_string())?;
    Ok(folder)
}

fn megabytes(bytes: u64) -> String {
    format!("{}.{} MB", bytes / 1_000_000, bytes % 1_000_000 / 100_000)
}
