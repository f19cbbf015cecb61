//! The CNI configuration that makes the container runtime call us.

use std::io;
use std::path::Path;

use serde_json::json;

use crate::args::Conflist;

/// Puts the configuration where the runtime reads it, in one step; nothing if it is there already.
///
/// # Errors
/// When a file cannot be read or written.
pub(crate) fn install(to: &Conflist, socket: &Path) -> io::Result<()> {
    let text = match std::fs::read_to_string(&to.template) {
        Ok(text) => text,
        Err(error) if error.kind() == io::ErrorKind::NotFound => own(socket),
        Err(error) => return Err(error),
    };
    let path = to.folder.join(&to.name);
    if std::fs::read_to_string(&path).is_ok_and(|there| there == text) {
        return Ok(());
    }
    std::fs::create_dir_all(&to.folder)?;
    // A name that no runtime takes for a configuration.
    let part = to.folder.join(format!(".{}.part", to.name));
    std::fs::write(&part, text)?;
    std::fs::rename(&part, &path)?;
    tracing::info!(path = %path.display(), "installed the CNI configuration");
    Ok(())
}

/// Our plugin alone: host ports are its own business.
fn own(socket: &Path) -> String {
    let list = json!({
        "name": "kube-ovn",
        "cniVersion": "0.3.1",
        "cniVersions": ["0.3.1", "0.4.0", "1.0.0", "1.1.0"],
        "plugins": [{
            "type": api::cni::PLUGIN,
            "server_socket": socket,
            "capabilities": { "portMappings": true },
        }],
    });
    format!("{list:#}\n")
}
