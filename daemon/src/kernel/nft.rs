//! `nft`, the only program we start: a batch is one transaction of the kernel, all of it or nothing.

use std::io;
use std::process::Stdio;

use tokio::io::AsyncWriteExt;
use tokio::process::Command;

use super::Error;

/// Applies a batch of `nft` commands atomically.
///
/// # Errors
/// With what `nft` wrote to its standard error.
pub(crate) async fn apply(batch: &str) -> Result<(), Error> {
    run(&["-f", "-"], batch).await.map(|_| ())
}

/// The table as the kernel has it, in numbers and without counters; empty when there is no such table.
pub(crate) async fn table(family: &str, name: &str) -> Result<String, Error> {
    let tables = run(&["-n", "list", "tables", family], "").await?;
    let line = format!("table {family} {name}");
    if !tables.lines().any(|table| table.trim() == line) {
        return Ok(String::new());
    }
    run(&["-n", "-s", "list", "table", family, name], "").await
}

async fn run(arguments: &[&str], input: &str) -> Result<String, Error> {
    #[allow(clippy::disallowed_methods, reason = "the one program the design lets us start")]
    let mut child = Command::new("nft")
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .map_err(|source| Error::new("start nft", source))?;
    let mut stdin = child
        .stdin
        .take()
        .ok_or_else(|| Error::new("nft's standard input", io::Error::other("absent")))?;
    let feed = async move { stdin.write_all(input.as_bytes()).await };
    let (fed, done) = tokio::join!(feed, child.wait_with_output());
    let done = done.map_err(|source| Error::new("wait for nft", source))?;
    if !done.status.success() {
        let said = String::from_utf8_lossy(&done.stderr).trim().to_owned();
        return Err(Error::new("nft refused the batch", io::Error::other(said)));
    }
    fed.map_err(|source| Error::new("write to nft", source))?;
    String::from_utf8(done.stdout)
        .map_err(|error| Error::new("read from nft", io::Error::other(error)))
}
