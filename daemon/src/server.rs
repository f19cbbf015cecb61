//! Where the plugin calls: one line of JSON in, one out, on a unix socket that only root may use.
//!
//! A call runs to its end whatever becomes of the caller: an ADD whose caller hung up is undone, not abandoned.

mod add;
mod attachment;
mod check;
mod decision;
mod delete;
mod gc;
mod limit;
mod status;
#[cfg(test)]
mod tests;
mod turn;

use std::io;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use api::cni::{Error, code};
use api::wire::{Answer, Call, LINE_LIMIT, Request, Response};
use futures::FutureExt;
use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::{UnixListener, UnixStream};
use tokio::time::Instant;

use crate::node::Node;
use limit::Limit;

pub(crate) use gc::sweep;
pub(crate) use status::ready;
pub(crate) use turn::Turns;

/// How long a caller may take to write its line.
const PATIENCE: Duration = Duration::from_secs(5);
/// The longest a call may take, whatever the caller says.
const LONGEST: Duration = Duration::from_secs(600);

/// Opens the socket, in place of one that a former daemon left.
///
/// # Errors
/// When the path cannot be had.
pub(crate) fn listen(path: &Path) -> io::Result<UnixListener> {
    match std::fs::remove_file(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
        _ => {}
    }
    if let Some(folder) = path.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let listener = UnixListener::bind(path)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o600))?;
    Ok(listener)
}

/// Answers calls until the process ends.
///
/// # Errors
/// When the socket fails.
pub(crate) async fn run(listener: UnixListener, node: Arc<Node>) -> anyhow::Result<()> {
    loop {
        let (stream, _) = listener.accept().await?;
        let node = node.clone();
        tokio::spawn(async move {
            if let Err(error) = serve(stream, node).await {
                tracing::debug!(%error, "a caller went away");
            }
        });
    }
}

async fn serve(stream: UnixStream, node: Arc<Node>) -> io::Result<()> {
    let began = Instant::now();
    let peer = stream.peer_cred()?;
    let (reader, mut writer) = stream.into_split();
    if peer.uid() != 0 {
        let refused = Error::new(code::DAEMON, "only root may call")
            .with_details(format!("uid {}", peer.uid()));
        return writer.write_all(&Response::new(Answer::Failed(refused)).to_line()).await;
    }
    let mut reader = BufReader::new(reader);
    let mut line = Vec::new();
    let limit = u64::try_from(LINE_LIMIT).unwrap_or(u64::MAX);
    let mut limited = (&mut reader).take(limit);
    tokio::time::timeout(PATIENCE, limited.read_until(b'\n', &mut line)).await??;
    if line.is_empty() {
        return Ok(());
    }
    let request = match Request::parse(&line) {
        Ok(request) => request,
        Err(malformed) => {
            tracing::warn!(%malformed, "a request was not understood");
            return writer
                .write_all(&Response::new(Answer::Failed(malformed.to_error())).to_line())
                .await;
        }
    };
    drop(line);
    let deadline = began + Duration::from_millis(request.deadline_ms).min(LONGEST);
    let (limit, gone) = Limit::new(deadline);
    // A caller that went while it stood in the backlog wants nothing any more.
    if reader.fill_buf().now_or_never().is_some() {
        return Ok(());
    }
    let work = tokio::spawn(answer(request.call, node, limit, began));
    tokio::pin!(work);
    let mut hung_up = false;
    let outcome = loop {
        tokio::select! {
            outcome = &mut work => break outcome,
            // Nothing more is said on this connection: the end, or bytes nobody asked for, is the caller's end.
            _ = reader.fill_buf(), if !hung_up => {
                hung_up = true;
                gone.send_replace(true);
            }
        }
    };
    let answer = outcome.unwrap_or_else(|panic| {
        tracing::error!(%panic, "a call failed unexpectedly");
        Err(Error::new(code::DAEMON, "the daemon failed; its log says where"))
    });
    writer.write_all(&Response::from(answer).to_line()).await
}

/// Carries out a call, and writes down how it went.
async fn answer(
    call: Call,
    node: Arc<Node>,
    limit: Limit,
    began: Instant,
) -> Result<Answer, Error> {
    let (method, done_code) = match &call {
        Call::Add(_) => ("add", "200"),
        Call::Del(_) => ("del", "204"),
        Call::Check(_) => ("check", "200"),
        Call::Gc(_) => ("gc", "200"),
        Call::Status => ("status", "200"),
    };
    let outcome = match call {
        Call::Add(attachment) => add::add(&node, &attachment, limit).await.map(Answer::Attached),
        Call::Del(attachment) => {
            delete::delete(&node, &attachment, limit).await.map(|()| Answer::Done)
        }
        Call::Check(attachment) => {
            check::check(&node, &attachment, limit).await.map(|()| Answer::Done)
        }
        Call::Gc(gc) => gc::collect(&node, &gc, limit).await.map(|()| Answer::Done),
        Call::Status => status::status(&node).await.map(|()| Answer::Done),
    };
    let status_code = if outcome.is_ok() { done_code } else { "500" };
    node.metrics.answered(method, status_code, began.elapsed());
    outcome
}
