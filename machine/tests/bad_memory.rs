//! What a file that is made to cost much may cost.

#[path = "../../fuzz/harness/cost.rs"]
mod cost;
#[path = "../../fuzz/harness/large.rs"]
mod large;

use faultline_machine::recorded::{Recorded, is_recording};
use faultline_machine::scenario::parse;

#[global_allocator]
static ALLOCATOR: cost::Counting = cost::Counting;

/// Whether the file is refused.
fn is_refused(file: &[u8]) -> bool {
    if is_recording(file) { Recorded::parse(file).is_err() } else { parse(file).is_err() }
}

/// Files of a MiB that are made to cost much: what they cost is bounded.
#[test]
fn a_large_bad_file_costs_little_time_and_memory() {
    for (target, file) in large::files() {
        let what = format!("{target}: {}…", &file[..60]);
        assert!(file.len() > 1_000_000, "{what}");
        assert!(cost::bounded(&what, || is_refused(file.as_bytes())), "{what}");
    }
}
