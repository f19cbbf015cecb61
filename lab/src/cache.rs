//! Folders that are expensive to make, keyed by what they are made from, made once per user.

use std::{
    fs::{self, File, OpenOptions},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use nix::fcntl::{Flock, FlockArg};
use sha2::{Digest, Sha256};

use crate::layout;

/// A cache folder's name and the key of its contents.
#[derive(Clone, Debug)]
pub(crate) struct Entry {
    name: String,
}

impl Entry {
    /// `name-<key>`: another input, another folder.
    pub(crate) fn new(name: &str, inputs: &[&str]) -> Self {
        Self { name: format!("{name}-{}", key(inputs)) }
    }

    /// Where it is, or will be.
    ///
    /// # Errors
    /// There is no cache folder.
    pub(crate) fn path(&self) -> Result<PathBuf> {
        Ok(layout::cache()?.join(&self.name))
    }

    /// The folder, made by `make` when it is missing. `make` fills a folder under another name, which is
    /// renamed when whole, so what exists is complete; a second caller waits for the first.
    ///
    /// # Errors
    /// Of `make`, or the file system's.
    pub(crate) fn get(&self, make: impl FnOnce(&Path) -> Result<()>) -> Result<PathBuf> {
        let path = self.path()?;
        if path.exists() {
            return Ok(path);
        }
        let parent = layout::cache()?;
        fs::create_dir_all(&parent).with_context(|| format!("cannot make {}", parent.display()))?;
        let _lock = lock(&parent.join(format!(".{}.lock", self.name)))?;
        if path.exists() {
            return Ok(path);
        }
        let unfinished = parent.join(format!(".{}.new", self.name));
        remove(&unfinished)?;
        make(&unfinished)?;
        fs::rename(&unfinished, &path)
            .with_context(|| format!("cannot rename {}", unfinished.display()))?;
        Ok(path)
    }
}

/// Holds the file's lock until dropped; waits for another holder.
///
/// # Errors
/// The file cannot be opened.
pub(crate) fn lock(path: &Path) -> Result<Flock<File>> {
    let open = || OpenOptions::new().create(true).truncate(false).write(true).open(path);
    let file = open().with_context(|| format!("cannot open {}", path.display()))?;
    Flock::lock(file, FlockArg::LockExclusive)
        .map_err(|(_, error)| error)
        .with_context(|| format!("cannot lock {}", path.display()))
}

/// Removes a folder and everything below it; one that is missing is fine.
///
/// # Errors
/// Something could not be removed.
pub(crate) fn remove(path: &Path) -> Result<()> {
    match fs::remove_dir_all(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("cannot remove {}", path.display()))
        }
        _ => Ok(()),
    }
}

/// Twelve hexadecimal digits over all inputs; moving text from one input to the next changes them.
pub(crate) fn key(inputs: &[&str]) -> String {
    let mut hash = Sha256::new();
    for input in inputs {
        hash.update(input.len().to_be_bytes());
        hash.update(input);
    }
    hex(&hash.finalize()[..6])
}

/// Lower-case hexadecimal.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_key_depends_on_every_input_and_on_their_borders() {
        let keys = [key(&["ab", "c"]), key(&["a", "bc"]), key(&["abc"]), key(&["ab", "c", ""])];
        for (i, a) in keys.iter().enumerate() {
            assert_eq!(a.len(), 12);
            assert!(keys[i + 1..].iter().all(|b| a != b), "{a} twice");
        }
    }

    #[test]
    fn removing_what_is_not_there_is_fine() {
        let folder = tempfile::tempdir().unwrap();
        remove(&folder.path().join("missing")).unwrap();
    }
}
