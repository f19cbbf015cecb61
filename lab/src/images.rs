//! Images on nodes. They are imported once, into the containerd folder of a machine that runs only for that,
//! and every new node gets that folder as hard links: blobs and snapshots never change, databases are copied.

use std::{
    collections::{BTreeMap, HashSet},
    fs, io,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result};
use nix::sys::signal::Signal;

use crate::{
    cache,
    golang::Programs,
    layout::{Layout, MachineFiles},
    node,
    oci::{Archive, Image},
    plan::Machine,
    process::{run, run_with_writer},
    screen::Step,
    wait::{Look, until},
};

/// What every pod's network namespace is held by.
pub(crate) const PAUSE: &str = "docker.io/lab/pause:1";
pub(crate) const AGNHOST: &str = "docker.io/lab/agnhost:1";
const COREDNS: &str = "docker.io/lab/coredns:1";

/// Relative to a containerd folder.
const BLOBS: &str = "io.containerd.content.v1.content/blobs/sha256";
const SNAPSHOTS: &str = "io.containerd.snapshotter.v1.overlayfs/snapshots";
const NAMESPACE: [&str; 3] = ["ctr", "--namespace", "k8s.io"];

/// The lab's own images.
pub(crate) struct Own {
    pub(crate) pause: Archive,
    pub(crate) agnhost: Archive,
    /// Tagged by content: its pods outlive an upgrade of the lab, and must notice one.
    pub(crate) coredns: Archive,
}

impl Own {
    /// Writes the archives that are missing.
    ///
    /// # Errors
    /// A program cannot be read or an archive not be written.
    pub(crate) fn ensure_written(layout: &Layout, programs: &Programs) -> Result<Self> {
        fs::create_dir_all(layout.images())?;
        let own = Self {
            pause: archive(layout, PAUSE, &programs.agnhost, &["/agnhost", "pause"])?,
            agnhost: archive(layout, AGNHOST, &programs.agnhost, &["/agnhost"])?,
            coredns: archive(layout, COREDNS, &programs.coredns, &["/coredns"])?
                .tagged_by_content(),
        };
        remove_former(&layout.images(), &own.all())?;
        Ok(own)
    }

    pub(crate) fn all(&self) -> Vec<Archive> {
        vec![self.pause.clone(), self.agnhost.clone(), self.coredns.clone()]
    }
}

/// Archives of programs that have changed since.
fn remove_former(folder: &Path, archives: &[Archive]) -> Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        let ours =
            path.extension().is_some_and(|extension| extension == "tar" || extension == "new");
        if ours && archives.iter().all(|archive| archive.path != path) {
            fs::remove_file(&path).with_context(|| format!("cannot remove {}", path.display()))?;
        }
    }
    Ok(())
}

/// The file is named by the cache folder of its program, so by what the program was built from.
fn archive(layout: &Layout, name: &str, folder: &Path, entrypoint: &[&str]) -> Result<Archive> {
    let short = name.trim_start_matches("docker.io/lab/").replace(':', "-");
    let key = folder.file_name().context("a cache folder has a name")?.to_string_lossy();
    let path = layout.images().join(format!("{short}-{key}.tar"));
    if !path.exists() {
        let program = folder.join(entrypoint[0].trim_start_matches('/'));
        let bytes = Image { name, program: &program, entrypoint }.archive()?;
        let unfinished = path.with_extension("new");
        fs::write(&unfinished, bytes)
            .with_context(|| format!("cannot write {}", unfinished.display()))?;
        fs::rename(&unfinished, &path)?;
    }
    Archive::open(&path)
}

/// Makes the containerd folder that new nodes begin with hold exactly these images.
///
/// # Errors
/// The machine that imports does not boot, or an import failed.
pub(crate) fn ensure_template(
    layout: &Layout,
    root: &Path,
    archives: &[Archive],
    step: &Step,
) -> Result<()> {
    let machine = Machine::Images;
    let files = layout.machine(machine);
    let have = Imported::read(&files)?;
    if archives.iter().all(|archive| have.has(archive)) {
        return Ok(());
    }
    node::end(layout, machine, Signal::SIGKILL)?;
    node::boot(layout, machine, root, &Vec::new())?;
    let imported = import_missing(layout, machine, archives, step)
        .and_then(|()| forget_others(layout, archives));
    // Asked to stop, so that its databases are whole.
    node::end(layout, machine, Signal::SIGTERM)?;
    imported
}

/// Gives a node that was never booted the images of the template.
///
/// # Errors
/// Files cannot be linked or copied.
pub(crate) fn furnish(layout: &Layout, node: Machine) -> Result<()> {
    let (template, files) = (layout.machine(Machine::Images), layout.machine(node));
    if files.imported().exists() {
        return Ok(());
    }
    cache::remove(&files.containerd())?;
    let copied = copy(&template.containerd(), &files.containerd(), false);
    copied
        .with_context(|| format!("cannot copy the images to {}", files.containerd().display()))?;
    fs::copy(template.imported(), files.imported())?;
    Ok(())
}

/// Imports into a running machine what it lacks.
///
/// # Errors
/// Its containerd does not answer, or refuses an archive.
pub(crate) fn import_missing(
    layout: &Layout,
    machine: Machine,
    archives: &[Archive],
    step: &Step,
) -> Result<()> {
    let files = layout.machine(machine);
    let mut have = Imported::read(&files)?;
    let missing: Vec<_> = archives.iter().filter(|archive| !have.has(archive)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    wait_for_containerd(layout, machine)?;
    for archive in missing {
        step.message(&format!("{machine}: {}", archive.name));
        let blobs = blobs(&files.containerd())?;
        let words = [&NAMESPACE[..], &["image", "import", "-"]].concat();
        let mut import = node::enter(layout, machine, &words)?;
        run_with_writer(&mut import, |pipe| archive.write_without(&blobs, pipe))
            .with_context(|| format!("cannot import {} into {machine}", archive.path.display()))?;
        have.0.insert(archive.name.clone(), archive.digest.clone());
        have.write(&files)?;
    }
    Ok(())
}

/// Old builds would pile up in the template.
fn forget_others(layout: &Layout, archives: &[Archive]) -> Result<()> {
    let files = layout.machine(Machine::Images);
    let mut have = Imported::read(&files)?;
    let wanted: HashSet<_> = archives.iter().map(|archive| archive.name.as_str()).collect();
    let others: Vec<_> =
        have.0.keys().filter(|name| !wanted.contains(name.as_str())).cloned().collect();
    for name in others {
        let words = [&NAMESPACE[..], &["image", "remove", &name]].concat();
        run(&mut node::enter(layout, Machine::Images, &words)?)?;
        have.0.remove(&name);
    }
    have.write(&files)
}

fn wait_for_containerd(layout: &Layout, machine: Machine) -> Result<()> {
    let words = [&NAMESPACE[..], &["--connect-timeout", "1s", "version"]].concat();
    until(&format!("containerd on {machine}"), Duration::from_secs(30), || {
        Ok(match run(&mut node::enter(layout, machine, &words)?) {
            Ok(_) => Look::Done(()),
            Err(error) => Look::Not(error.to_string()),
        })
    })
}

/// Name and manifest digest of every image a machine was given.
#[derive(Debug, Default, PartialEq, Eq)]
struct Imported(BTreeMap<String, String>);

impl Imported {
    fn read(files: &MachineFiles) -> Result<Self> {
        match fs::read_to_string(files.imported()) {
            Ok(text) => Ok(Self(
                serde_json::from_str(&text).context("the record of imported images is damaged")?,
            )),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(error.into()),
        }
    }

    fn write(&self, files: &MachineFiles) -> Result<()> {
        let unfinished = files.imported().with_extension("new");
        fs::write(&unfinished, serde_json::to_string_pretty(&self.0)?)?;
        Ok(fs::rename(unfinished, files.imported())?)
    }

    fn has(&self, archive: &Archive) -> bool {
        self.0.get(&archive.name) == Some(&archive.digest)
    }
}

fn blobs(containerd: &Path) -> Result<HashSet<String>> {
    let folder = containerd.join(BLOBS);
    if !folder.exists() {
        return Ok(HashSet::new());
    }
    let names =
        fs::read_dir(&folder)?.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned()));
    names.collect()
}

/// Copies a containerd folder; below blobs and snapshots files are linked instead.
fn copy(from: &Path, to: &Path, link: bool) -> io::Result<()> {
    fs::create_dir_all(to)?;
    for entry in fs::read_dir(from)? {
        let entry = entry?;
        let (old, new) = (entry.path(), to.join(entry.file_name()));
        let kind = entry.file_type()?;
        if kind.is_dir() {
            copy(&old, &new, link || immutable(&old))?;
        } else if kind.is_symlink() {
            std::os::unix::fs::symlink(fs::read_link(&old)?, &new)?;
        } else if link {
            fs::hard_link(&old, &new)?;
        } else if kind.is_file() {
            fs::copy(&old, &new)?;
        }
    }
    let metadata = fs::symlink_metadata(from)?;
    std::os::unix::fs::chown(to, Some(owner(&metadata).0), Some(owner(&metadata).1))?;
    fs::set_permissions(to, metadata.permissions())
}

fn owner(metadata: &fs::Metadata) -> (u32, u32) {
    use std::os::unix::fs::MetadataExt;
    (metadata.uid(), metadata.gid())
}

fn immutable(folder: &Path) -> bool {
    [BLOBS, SNAPSHOTS].iter().any(|end| folder.ends_with(PathBuf::from(end)))
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn blobs_and_snapshots_are_linked_and_databases_copied() {
        let folder = tempfile::tempdir().unwrap();
        let (from, to) = (folder.path().join("from"), folder.path().join("to"));
        let files = [
            (format!("{BLOBS}/aa"), true),
            (format!("{SNAPSHOTS}/1/fs/bin/program"), true),
            ("io.containerd.metadata.v1.bolt/meta.db".to_owned(), false),
            ("io.containerd.snapshotter.v1.overlayfs/metadata.db".to_owned(), false),
        ];
        for (path, _) in &files {
            fs::create_dir_all(from.join(path).parent().unwrap()).unwrap();
            fs::write(from.join(path), path).unwrap();
        }
        std::os::unix::fs::symlink("program", from.join(SNAPSHOTS).join("1/fs/bin/alias")).unwrap();
        copy(&from, &to, false).unwrap();
        for (path, linked) in &files {
            let inode = |base: &Path| fs::metadata(base.join(path)).unwrap().ino();
            assert_eq!(inode(&from) == inode(&to), *linked, "{path}");
            assert_eq!(fs::read_to_string(to.join(path)).unwrap(), *path);
        }
        let alias = fs::read_link(to.join(SNAPSHOTS).join("1/fs/bin/alias")).unwrap();
        assert_eq!(alias, Path::new("program"));
        assert_eq!(blobs(&to).unwrap(), HashSet::from(["aa".to_owned()]));
    }
}
