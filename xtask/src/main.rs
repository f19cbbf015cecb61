//! The chores of the repository: check, test, lint, gen, bench, fix, image.

fn main() {}
