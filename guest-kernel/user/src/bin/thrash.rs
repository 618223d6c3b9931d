//! Thrashing: goes round and round through more and more pages. As soon as they do not fit into memory
//! any more, nearly every touch faults. Boot with `frames=40`.
#![no_std]
#![no_main]

use faultline_user::{
    PAGE,
    abi::meminfo::{EVICTED, FAULTS},
    memory_info, page, println, sbrk, store,
};

faultline_user::program!(main);

const ROUNDS: u64 = 4;

fn main() {
    for pages in [8, 16, 24, 32] {
        let heap = sbrk(pages * PAGE).expect("lazy sbrk has room");
        let before = memory_info();
        for round in 0..ROUNDS {
            (0..pages).for_each(|n| store(page(heap, n), round.to_le_bytes()[0]));
        }
        let after = memory_info();
        let (faults, evicted) = (after[FAULTS] - before[FAULTS], after[EVICTED] - before[EVICTED]);
        println!("thrash: {pages} pages, {ROUNDS} rounds: {faults} faults, {evicted} evicted");
        sbrk(-pages * PAGE);
    }
}
