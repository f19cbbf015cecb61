//! The folders of sockets and pid files: on the host, so they outlive the container that filled them.

use std::fs::{self, File, TryLockError};
use std::io;
use std::path::Path;
use std::time::Duration;

use anyhow::Context as _;

/// How often a lock held by the pod before us is tried again.
const PAUSE: Duration = Duration::from_millis(200);

/// Held for as long as this process may touch a folder's files; the kernel frees it however the process ends.
#[derive(Debug)]
pub(crate) struct Claim(
    #[allow(dead_code, reason = "the lock lasts as long as the file is open")] File,
);

/// Waits until no other supervisor uses `folder` for `purpose`: while a pod is replaced, two can overlap.
pub(crate) async fn claim(folder: &Path, purpose: &str) -> anyhow::Result<Claim> {
    fs::create_dir_all(folder).with_context(|| folder.display().to_string())?;
    let path = folder.join(format!(".supervise-{purpose}.lock"));
    let file = File::create(&path).with_context(|| path.display().to_string())?;
    let mut waiting = false;
    loop {
        match file.try_lock() {
            Ok(()) => return Ok(Claim(file)),
            Err(TryLockError::WouldBlock) => {
                if !std::mem::replace(&mut waiting, true) {
                    tracing::info!(path = %path.display(), "waiting for the supervisor before us");
                }
                tokio::time::sleep(PAUSE).await;
            }
            Err(TryLockError::Error(error)) => {
                return Err(error).context(path.display().to_string());
            }
        }
    }
}

/// Removes what a killed program left: its pid file and its sockets. With the claim held, nobody uses them.
pub(crate) fn clear(folder: &Path, stale: impl Fn(&str) -> bool) -> anyhow::Result<()> {
    let entries = fs::read_dir(folder).with_context(|| folder.display().to_string())?;
    for entry in entries {
        let entry = entry?;
        if entry.file_name().to_str().is_some_and(&stale) {
            match fs::remove_file(entry.path()) {
                Err(error) if error.kind() != io::ErrorKind::NotFound => {
                    return Err(error).with_context(|| entry.path().display().to_string());
                }
                _ => {}
            }
        }
    }
    Ok(())
}

/// Whether `file` is `program`'s pid file or control socket (`program.pid`, `program.123.ctl`, `program.ctl`).
pub(crate) fn belongs(file: &str, program: &str) -> bool {
    let Some(rest) = file.strip_prefix(program).and_then(|rest| rest.strip_prefix('.')) else {
        return false;
    };
    rest == "pid"
        || rest == "ctl"
        || rest.strip_suffix(".ctl").is_some_and(|pid| pid.parse::<u32>().is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_files_of_the_program_itself_are_stale() {
        for file in ["ovn-northd.pid", "ovn-northd.12.ctl", "ovn-northd.ctl"] {
            assert!(belongs(file, "ovn-northd"), "{file}");
        }
        for file in [
            "ovn-northd",
            "ovn-northd.log",
            "ovn-northd2.pid",
            "ovn-northd.x.ctl",
            "kube-ovn-daemon.sock",
        ] {
            assert!(!belongs(file, "ovn-northd"), "{file}");
        }
    }

    #[tokio::test]
    async fn a_folder_is_claimed_once_at_a_time() {
        let folder = tempfile::tempdir().unwrap();
        let first = claim(folder.path(), "node").await.unwrap();
        let other = claim(folder.path(), "central").await.unwrap();
        let second = claim(folder.path(), "node");
        tokio::pin!(second);
        let soon = Duration::from_millis(50);
        assert!(
            tokio::time::timeout(soon, &mut second).await.is_err(),
            "the claim should be exclusive"
        );
        drop((first, other));
        second.await.unwrap();
    }
}
