//! Copies the CNI plugins out of the image to where the container runtime looks for them.

use std::fs::{self, File, Permissions};
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use anyhow::Context as _;

/// Copies every file of `from` into `to`. A plugin that runs meanwhile keeps its old file, and no runtime sees half a
/// new one: each copy is complete under another name before it takes the plugin's.
///
/// # Errors
/// When a file cannot be read or written, with its path.
pub fn run(from: &Path, to: &Path) -> anyhow::Result<()> {
    fs::create_dir_all(to).with_context(|| to.display().to_string())?;
    for entry in fs::read_dir(from).with_context(|| from.display().to_string())? {
        let plugin = entry?;
        let target = to.join(plugin.file_name());
        install(&plugin.path(), &target).with_context(|| target.display().to_string())?;
        tracing::info!(plugin = %target.display(), "installed");
    }
    Ok(())
}

fn install(from: &Path, to: &Path) -> io::Result<()> {
    let name = to.file_name().ok_or(io::ErrorKind::InvalidInput)?;
    let part = to.with_file_name(format!(".{}.part", name.display()));
    let mut file = File::create(&part)?;
    io::copy(&mut File::open(from)?, &mut file)?;
    file.set_permissions(Permissions::from_mode(0o755))?;
    file.sync_all()?;
    drop(file);
    fs::rename(&part, to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_plugin_in_use_is_replaced_and_nothing_else_is_left() {
        let (from, to) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
        fs::write(from.path().join("kube-ovn"), "new").unwrap();
        fs::write(to.path().join("kube-ovn"), "old").unwrap();
        let mut running = File::open(to.path().join("kube-ovn")).unwrap();
        run(from.path(), to.path()).unwrap();
        assert_eq!(io::read_to_string(&mut running).unwrap(), "old");
        assert_eq!(fs::read_to_string(to.path().join("kube-ovn")).unwrap(), "new");
        let mode = fs::metadata(to.path().join("kube-ovn")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o755);
        assert_eq!(fs::read_dir(to.path()).unwrap().count(), 1);
    }
}
