//! Tests that need the running lab (`cargo lab up`); `cargo xtask test` runs them last.

mod cluster;
