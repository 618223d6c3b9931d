//! Bélády's anomaly: with first in, first out, more memory can mean more faults. Touches pages in the
//! order that he found, each number standing for two pages, and counts. Boot with `policy=fifo`, once with
//! `frames=20`, which leaves room for three of these pairs, and once with `frames=22`, for four.
#![no_std]
#![no_main]

use faultline_user::{
    PAGE, abi::meminfo::FAULTS, free_frames, lock_memory, memory_info, page, println, sbrk, store,
};

faultline_user::program!(main);

/// The order in which the pairs are touched.
const ORDER: [isize; 12] = [1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5];

fn main() {
    // The program itself stays in memory: only its heap comes and goes.
    lock_memory();
    let heap = sbrk(12 * PAGE).expect("lazy sbrk has room");
    let (room, before) = (free_frames(), memory_info()[FAULTS]);
    for pair in ORDER {
        store(page(heap, 2 * pair), 1);
        store(page(heap, 2 * pair + 1), 1);
    }
    let faults = memory_info()[FAULTS] - before;
    println!("belady: room for {room} pages, {} touches, {faults} faults", 2 * ORDER.len());
}
