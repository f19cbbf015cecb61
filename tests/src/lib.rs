//! Tests that cross crates: a file per feature.
