//! Any bytes as a schema, table updates and a column's value.
#![no_main]

#[path = "../properties.rs"]
mod properties;

libfuzzer_sys::fuzz_target!(|data: &[u8]| properties::decoder(data));
