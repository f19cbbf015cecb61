//! The node's chassis name: a random UUID, made once and kept on the host beside the configuration database, so that it
//! outlives that.

use std::fs;
use std::io::{ErrorKind, Write as _};
use std::path::Path;

use anyhow::Context as _;
use uuid::Uuid;

/// The name in `system-id.conf` of `folder`, made now if there is none.
pub(super) fn system_id(folder: &Path) -> anyhow::Result<String> {
    let path = folder.join("system-id.conf");
    match fs::read_to_string(&path) {
        Ok(text) if !text.trim().is_empty() => return Ok(text.trim().to_owned()),
        Err(error) if error.kind() != ErrorKind::NotFound => {
            return Err(error).context(path.display().to_string());
        }
        _ => {}
    }
    let id = Uuid::new_v4().to_string();
    store(&path, &id).with_context(|| path.display().to_string())?;
    tracing::info!(id, "this node got its chassis name");
    Ok(id)
}

/// Complete on disk before it has its name: half an identity would be another one.
fn store(path: &Path, id: &str) -> std::io::Result<()> {
    let part = path.with_extension("part");
    let mut file = fs::File::create(&part)?;
    writeln!(file, "{id}")?;
    file.sync_all()?;
    fs::rename(&part, path)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_name_is_made_once_and_an_empty_file_is_none() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join("system-id.conf"), "\n").unwrap();
        let first = system_id(folder.path()).unwrap();
        assert_eq!(system_id(folder.path()).unwrap(), first);
        assert!(Uuid::parse_str(&first).is_ok(), "{first}");
    }
}
