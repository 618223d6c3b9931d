//! Thrashing: goes round and round through as many pages as fit into memory, then one more, then twice as
//! many. One page too many, and nearly every touch faults: the page that comes next is always the one
//! that has just gone. Boot with `frames=24`.
#![no_std]
#![no_main]

use faultline_user::{PAGE, abi::meminfo::FAULTS, memory_info, page, println, sbrk, store};

faultline_user::program!(main);

/// Rounds that are counted.
const ROUNDS: u64 = 3;

fn main() {
    let heap = sbrk(100 * PAGE).expect("lazy sbrk has room");
    let rounds = |pages| (0..ROUNDS).for_each(|_| (0..pages).for_each(|n| store(page(heap, n), 1)));
    let faults = |pages| {
        // The first rounds bring the pages in, and are not counted.
        rounds(pages);
        let before = memory_info()[FAULTS];
        rounds(pages);
        memory_info()[FAULTS] - before
    };
    // How many pages fit? One more, and one more, until there are faults.
    let fit = (1..).find(|&pages| faults(pages + 1) > 0).expect("some number is too large");
    for pages in [fit, fit + 1, 2 * fit] {
        println!("thrash: {fit} pages fit. {ROUNDS} rounds through {pages}: {} faults", faults(pages));
    }
}
