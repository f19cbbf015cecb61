//! The parts of a process: named tasks, of which the first to end takes the process with it.

use std::future::Future;
use std::process;

use anyhow::Context;
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

/// Runs every part of the process until the first one ends. A part that ends is a failure, so that
/// Kubernetes starts the process again, unless it is the one that waits for [`signals`].
#[derive(Debug, Default)]
pub struct Parts(JoinSet<(&'static str, anyhow::Result<()>)>);

impl Parts {
    /// Starts `part` under `name`, the name its end is reported by.
    pub fn add(
        &mut self,
        name: &'static str,
        part: impl Future<Output = anyhow::Result<()>> + Send + 'static,
    ) {
        self.0.spawn(async move { (name, part.await) });
    }

    /// Waits for the first part to end and says which it was and why; the others are stopped.
    pub async fn first_to_end(&mut self) -> anyhow::Error {
        match self.0.join_next().await {
            Some(Ok((name, Err(error)))) => error.context(name),
            Some(Ok((name, Ok(())))) => anyhow::anyhow!("{name} ended"),
            Some(Err(panic)) => anyhow::Error::new(panic),
            None => anyhow::anyhow!("nothing to run"),
        }
    }
}

/// Ends when the process is asked to stop (SIGTERM or SIGINT). From then on a second signal aborts at once,
/// so that an orderly stop that hangs can still be ended.
///
/// # Errors
/// When the signal handlers cannot be installed.
pub async fn signals() -> anyhow::Result<()> {
    let mut terminate = signal(SignalKind::terminate()).context("handler of SIGTERM")?;
    let mut interrupt = signal(SignalKind::interrupt()).context("handler of SIGINT")?;
    tokio::select! {
        _ = terminate.recv() => {}
        _ = interrupt.recv() => {}
    }
    tracing::info!("asked to stop");
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        process::exit(130);
    });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn the_part_that_fails_is_named_with_its_reason() {
        let mut parts = Parts::default();
        parts.add("patient", std::future::pending());
        parts.add("hasty", async { anyhow::bail!("no database") });
        assert_eq!(format!("{:#}", parts.first_to_end().await), "hasty: no database");
    }

    #[tokio::test]
    async fn a_part_that_simply_ends_is_named_too() {
        let mut parts = Parts::default();
        parts.add("watch", async { Ok(()) });
        assert_eq!(parts.first_to_end().await.to_string(), "watch ended");
    }
}
