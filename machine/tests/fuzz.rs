//! The harnesses of the fuzz targets on inputs that are the same everywhere: a seeded stream of noise,
//! and every input that once made one of them fail (`fuzz/regressions/`).

#[path = "../../fuzz/harness/mod.rs"]
mod harness;

use std::path::Path;

#[global_allocator]
static ALLOCATOR: harness::cost::Counting = harness::cost::Counting;

/// Runs `count` inputs of up to `length` bytes and then the kept ones of this target.
fn all(target: &str, count: u64, length: u64, run: fn(&[u8])) {
    let mut random = Random(0x5eed);
    for _ in 0..count {
        let length = random.next() % length;
        let input: Vec<u8> = (0..length).map(|_| random.byte()).collect();
        run(&input);
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/regressions").join(target);
    for entry in std::fs::read_dir(folder).into_iter().flatten() {
        run(&std::fs::read(entry.unwrap().path()).unwrap());
    }
}

/// SplitMix64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    /// Small bytes are frequent: they are what counts, lengths and choices are made of.
    fn byte(&mut self) -> u8 {
        let [low, high, ..] = self.next().to_le_bytes();
        if high % 4 == 0 { low % 4 } else { low }
    }
}

#[test]
fn the_decoder_stands_any_bits() {
    all("decoder", 2_000, 1 << 10, harness::decoder::run);
}

#[test]
fn the_devices_stand_any_accesses() {
    all("devices", 2_000, 1 << 12, harness::devices::run);
}

#[test]
fn the_disk_stands_any_driver() {
    all("virtqueue", 2_000, 1 << 10, harness::virtqueue::run);
}

#[test]
fn the_loader_stands_any_file() {
    all("loader", 500, 1 << 9, harness::loader::run);
}

#[test]
fn a_device_tree_says_what_the_board_is() {
    all("device_tree", 200, 1 << 8, harness::device_tree::run);
}

#[test]
fn the_host_stands_any_guest() {
    all("guest", 300, 1 << 12, harness::guest::run);
}

#[test]
fn files_and_links_stand_any_damage() {
    all("scenario", 300, 1 << 7, harness::files::scenario);
    all("migration", 300, 1 << 7, harness::files::migration);
    all("recording", 300, 1 << 7, harness::files::recording);
    all("link", 300, 1 << 7, harness::files::link);
}
