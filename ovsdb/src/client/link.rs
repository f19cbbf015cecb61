//! One connection: a reader and a writer that never wait for each other.
//!
//! ```text
//!             requests (bounded)            ┌────────┐
//!  owner ───────────────────────────────▶   │ writer │ ──▶ server
//!    ▲         answers, probes (bounded) ─▶ └────────┘
//!    │                    │
//!    │ frames (bounded)  ┌────────┐
//!    └────────────────── │ reader │ ◀── server
//!                        └────────┘
//! ```
//!
//! The server stops reading a session that has unsent output, so the reader must never wait for the
//! writer. It may wait for the owner, who in turn never waits for the writer without also receiving.

use std::time::Duration;

use bytes::Bytes;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::sync::mpsc::{self, Receiver, Sender};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep_until, timeout};

use super::endpoint::Endpoint;
use super::message::{self, Message};
use crate::error::Error;
use crate::framer::Framer;

/// What comes from a connection, in order. After `Closed` nothing comes.
#[derive(Debug)]
pub(super) enum Frame {
    Opened,
    Message(Message),
    Closed(Error),
}

/// The owner's ends of a connection that is being made or is up; dropping it closes it.
pub(super) struct Link {
    pub(super) frames: Receiver<Frame>,
    pub(super) requests: Sender<Bytes>,
    task: JoinHandle<()>,
}

/// Messages that wait for the owner.
const FRAMES: usize = 256;
/// Requests that wait for the writer.
const REQUESTS: usize = 64;
/// Answers and probes that wait for the writer.
const ANSWERS: usize = 16;

impl Link {
    /// Connects after `delay`. `probe` is the longest silence before we ask whether the server is there;
    /// after two of them it is not.
    pub(super) fn dial(endpoint: Endpoint, delay: Duration, probe: Duration) -> Self {
        Self::start(probe, async move {
            sleep_until(Instant::now() + delay).await;
            let lost = |reason: String| Error::Connection(format!("{endpoint}: {reason}"));
            match timeout(probe, endpoint.open()).await {
                Ok(Ok(halves)) => Ok(halves),
                Ok(Err(error)) => Err(lost(error.to_string())),
                Err(_) => Err(lost(format!("no connection within {probe:?}"))),
            }
        })
    }

    fn start<R, W>(
        probe: Duration,
        open: impl Future<Output = Result<(R, W), Error>> + Send + 'static,
    ) -> Self
    where
        R: AsyncRead + Unpin + Send,
        W: AsyncWrite + Unpin + Send,
    {
        let (frames_in, frames) = mpsc::channel(FRAMES);
        let (requests, requests_out) = mpsc::channel(REQUESTS);
        let task = tokio::spawn(async move {
            let end = match open.await {
                Err(error) => error,
                Ok((incoming, outgoing)) => {
                    if frames_in.send(Frame::Opened).await.is_err() {
                        return;
                    }
                    let (answers, answers_out) = mpsc::channel(ANSWERS);
                    let reader = Reader { probe, frames: frames_in.clone(), answers };
                    tokio::select! {
                        end = reader.run(incoming) => end,
                        end = write(outgoing, requests_out, answers_out) => end,
                    }
                }
            };
            // An owner that is gone needs no reason.
            frames_in.send(Frame::Closed(end)).await.ok();
        });
        Self { frames, requests, task }
    }
}

impl Drop for Link {
    fn drop(&mut self) {
        self.task.abort();
    }
}

struct Reader {
    probe: Duration,
    frames: Sender<Frame>,
    answers: Sender<Bytes>,
}

impl Reader {
    async fn run(self, incoming: impl AsyncRead + Unpin) -> Error {
        match self.read(incoming).await {
            Err(error) => error,
            Ok(()) => Error::Connection("closed by the server".to_owned()),
        }
    }

    async fn read(&self, mut incoming: impl AsyncRead + Unpin) -> Result<(), Error> {
        let mut framer = Framer::default();
        let mut asked = false;
        loop {
            while let Some(frame) = framer.next_frame()? {
                self.deliver(Message::parse(&frame)?).await?;
            }
            match timeout(self.probe, incoming.read_buf(framer.space())).await {
                Ok(Ok(0)) if framer.is_empty() => return Ok(()),
                Ok(Ok(0)) => {
                    return Err(Error::Connection("closed in the middle of a message".to_owned()));
                }
                Ok(Ok(_)) => asked = false,
                Ok(Err(error)) => return Err(Error::Connection(error.to_string())),
                Err(_) if asked => {
                    let silence = self.probe * 2;
                    return Err(Error::Connection(format!("silent for {silence:?}")));
                }
                Err(_) => {
                    asked = true;
                    self.send(Bytes::from_static(message::PROBE))?;
                }
            }
        }
    }

    async fn deliver(&self, message: Message) -> Result<(), Error> {
        match message {
            Message::Request { id, method, params } => {
                self.send(message::answer(&id, &method, &params))
            }
            Message::Reply { id, .. } if id == message::PROBE_ID => Ok(()),
            other => {
                let sent = self.frames.send(Frame::Message(other)).await;
                sent.map_err(|_| Error::Connection("closed by ourselves".to_owned()))
            }
        }
    }

    /// Never waits. A server that asks on and on without reading an answer is as good as gone.
    fn send(&self, bytes: Bytes) -> Result<(), Error> {
        let sent = self.answers.try_send(bytes);
        sent.map_err(|_| Error::Connection("the server does not read what we answer".to_owned()))
    }
}

/// The most that is gathered into one write.
const GATHER: usize = 64 * 1024;

async fn write(
    mut outgoing: impl AsyncWrite + Unpin,
    mut requests: Receiver<Bytes>,
    mut answers: Receiver<Bytes>,
) -> Error {
    let mut buffer = Vec::new();
    loop {
        let first = tokio::select! {
            biased;
            Some(answer) = answers.recv() => answer,
            Some(request) = requests.recv() => request,
            else => return Error::Connection("closed by ourselves".to_owned()),
        };
        buffer.extend_from_slice(&first);
        while buffer.len() < GATHER {
            let Ok(more) = requests.try_recv() else { break };
            buffer.extend_from_slice(&more);
        }
        if let Err(error) = outgoing.write_all(&buffer).await {
            return Error::Connection(error.to_string());
        }
        if let Err(error) = outgoing.flush().await {
            return Error::Connection(error.to_string());
        }
        buffer.clear();
        buffer.shrink_to(GATHER * 2);
    }
}

#[cfg(test)]
mod tests;
