//! Thrashing: goes round and round through as many pages as fit into memory, then one more, then twice as
//! many. One page too many, and every touch faults: the page that comes next is always the one that has
//! just gone. Boot with `frames=24`.
#![no_std]
#![no_main]

use faultline_user::{
    PAGE, abi::meminfo::FAULTS, free_frames, lock_memory, memory_info, page, println, sbrk, store,
};

faultline_user::program!(main);

/// Rounds that are counted.
const ROUNDS: u64 = 3;

fn main() {
    // The program itself stays in memory: only its heap comes and goes.
    lock_memory();
    let heap = sbrk(100 * PAGE).expect("lazy sbrk has room");
    let fit = isize::try_from(free_frames()).unwrap_or(0);
    let round = |pages| (0..pages).for_each(|n| store(page(heap, n), 1));
    for pages in [fit, fit + 1, 2 * fit] {
        // The first round brings the pages in, and is not counted.
        round(pages);
        let before = memory_info()[FAULTS];
        (0..ROUNDS).for_each(|_| round(pages));
        let faults = memory_info()[FAULTS] - before;
        println!("thrash: {fit} pages fit. {ROUNDS} rounds through {pages}: {faults} faults");
    }
}
