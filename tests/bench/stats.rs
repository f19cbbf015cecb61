//! Samples and what is said of them: min, p50, p99, max, count, errors.

use std::fmt;
use std::time::Duration;

use serde::{Deserialize, Serialize};

/// The durations of one measured thing, in microseconds, and how often it failed instead.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub(crate) struct Samples {
    pub(crate) micros: Vec<u64>,
    pub(crate) errors: Vec<String>,
}

impl Samples {
    pub(crate) fn add(&mut self, took: Duration) {
        self.micros.push(u64::try_from(took.as_micros()).unwrap_or(u64::MAX));
    }

    pub(crate) fn fail(&mut self, why: String) {
        self.errors.push(why);
    }

    pub(crate) fn join(&mut self, other: Self) {
        self.micros.extend(other.micros);
        self.errors.extend(other.errors);
    }

    /// The smallest sample that at least `percent` of all samples do not exceed, in milliseconds.
    pub(crate) fn percentile(&self, percent: usize) -> f64 {
        let mut sorted = self.micros.clone();
        sorted.sort_unstable();
        let rank = (sorted.len() * percent).div_ceil(100).clamp(1, sorted.len().max(1));
        sorted.get(rank - 1).map_or(f64::NAN, |micros| millis(*micros))
    }
}

impl fmt::Display for Samples {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let min = self.micros.iter().min().map_or(f64::NAN, |micros| millis(*micros));
        let max = self.micros.iter().max().map_or(f64::NAN, |micros| millis(*micros));
        write!(
            f,
            "{min:.2} | {:.2} | {:.2} | {max:.2} | {} | {}",
            self.percentile(50),
            self.percentile(99),
            self.micros.len(),
            self.errors.len()
        )
    }
}

/// The head of the tables that rows of [`Samples`] make.
pub(crate) const HEAD: &str = "| measure | min ms | p50 ms | p99 ms | max ms | count | errors |\n| --- | --- | --- | --- | --- | --- | --- |";

#[allow(clippy::cast_precision_loss, reason = "durations far below 2^52 µs")]
fn millis(micros: u64) -> f64 {
    micros as f64 / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn percentiles_are_samples_that_occurred() {
        let samples = Samples { micros: (1..=100).map(|ms| ms * 1000).collect(), errors: vec![] };
        assert_eq!((samples.percentile(50), samples.percentile(99)), (50.0, 99.0));
        let one = Samples { micros: vec![7000], errors: vec!["late".into()] };
        assert_eq!(one.to_string(), "7.00 | 7.00 | 7.00 | 7.00 | 1 | 1");
    }
}
