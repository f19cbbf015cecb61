//! What a person sees while the lab works: one line per step, with a spinner or bar while it lasts.

use std::{
    io::{self, IsTerminal, Write},
    time::{Duration, Instant},
};

use anyhow::Result;
use indicatif::{ProgressBar, ProgressStyle};

/// Steps go to standard error, so that results on standard output can be piped.
pub(crate) struct Screen {
    start: Instant,
    terminal: bool,
}

/// A step under way.
pub(crate) struct Step {
    bar: ProgressBar,
}

impl Screen {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), terminal: io::stderr().is_terminal() }
    }

    /// Does `work`, showing `title` and, at the end, how long it took.
    ///
    /// # Errors
    /// Those of `work`.
    pub(crate) fn step<T>(&self, title: &str, work: impl FnOnce(&Step) -> Result<T>) -> Result<T> {
        let start = Instant::now();
        let bar = if self.terminal { ProgressBar::new_spinner() } else { ProgressBar::hidden() };
        bar.set_style(style("{spinner} {prefix} {elapsed:>.dim} {wide_msg:.dim}"));
        bar.set_prefix(title.to_owned());
        bar.enable_steady_tick(Duration::from_millis(100));
        if !self.terminal {
            self.note(&format!("… {title}"));
        }
        let result = work(&Step { bar: bar.clone() });
        bar.finish_and_clear();
        let mark = if result.is_ok() { '✓' } else { '✗' };
        self.note(&format!("{mark} {title} ({:.1} s)", start.elapsed().as_secs_f64()));
        result
    }

    /// A line among the steps.
    pub(crate) fn note(&self, text: &str) {
        // A closed standard error is no reason to stop building a cluster.
        let _ = writeln!(io::stderr(), "{text}");
    }

    /// Since the first step.
    pub(crate) fn elapsed(&self) -> Duration {
        self.start.elapsed()
    }
}

impl Step {
    /// What is being done right now.
    pub(crate) fn message(&self, text: &str) {
        self.bar.set_message(text.to_owned());
    }

    /// From here on a bar with this many parts.
    pub(crate) fn length(&self, parts: u64) {
        self.bar.set_style(style(
            "{spinner} {prefix} {elapsed:>.dim} [{bar:24}] {pos}/{len} {wide_msg:.dim}",
        ));
        self.bar.set_length(parts);
    }

    /// One part done.
    pub(crate) fn advance(&self) {
        self.bar.inc(1);
    }
}

fn style(template: &str) -> ProgressStyle {
    ProgressStyle::with_template(template)
        .expect("the templates above are well formed")
        .progress_chars("=> ")
}

/// A result, on standard output.
///
/// # Errors
/// Standard output is closed.
pub(crate) fn print(text: &str) -> Result<()> {
    let mut out = io::stdout().lock();
    out.write_all(text.as_bytes())?;
    if !text.ends_with('\n') {
        out.write_all(b"\n")?;
    }
    Ok(out.flush()?)
}
