//! Starts one supervised group of processes: `central` or `node`.

fn main() {}
