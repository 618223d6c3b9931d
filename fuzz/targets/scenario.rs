#![no_main]

#[path = "../harness/mod.rs"]
mod harness;

#[global_allocator]
static ALLOCATOR: harness::cost::Counting = harness::cost::Counting;

libfuzzer_sys::fuzz_target!(|data: &[u8]| harness::files::scenario(data));
