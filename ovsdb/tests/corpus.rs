//! Replays the seeds of the fuzz targets, so that their properties are checked on every run.

use std::fs;
use std::path::Path;

#[path = "../fuzz/properties.rs"]
mod properties;

fn replay(target: &str, property: fn(&[u8])) {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/corpus").join(target);
    let seeds = fs::read_dir(&folder).expect("the corpus is part of the tree");
    let seeds: Vec<_> = seeds.map(|seed| seed.expect("a folder of ours").path()).collect();
    assert!(seeds.len() >= 5, "{folder:?} has {} seeds", seeds.len());
    for seed in seeds {
        property(&fs::read(&seed).expect("a file of ours"));
    }
}

#[test]
fn the_framer_cuts_the_corpus_alike_however_it_comes() {
    replay("framer", properties::framer);
}

#[test]
fn the_decoder_takes_the_corpus_without_a_panic() {
    replay("decoder", properties::decoder);
}
