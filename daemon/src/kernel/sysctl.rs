//! Kernel parameters below `/proc/sys`; those of `net` belong to the calling thread's network namespace.

use std::io;
use std::path::Path;

/// Writes `value` to the parameter `key` (`net/ipv4/ip_forward`), unless it says so already.
pub(crate) fn write(key: &str, value: &str) -> io::Result<()> {
    let path = Path::new("/proc/sys").join(key);
    if std::fs::read_to_string(&path)?.trim() == value {
        return Ok(());
    }
    std::fs::write(&path, value)
}
