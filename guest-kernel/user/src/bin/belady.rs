//! Bélády's anomaly: with first in, first out, more memory can mean more faults. Touches five pages in
//! the order that he found, and counts. Boot with `policy=fifo`, and with two values of `frames=` of
//! which one leaves three frames for the pages and the other four.
#![no_std]
#![no_main]

use faultline_user::{PAGE, abi::meminfo::FAULTS, memory_info, page, println, sbrk, store};

faultline_user::program!(main);

/// The order in which the pages are touched.
const ORDER: [isize; 12] = [1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5];

fn main() {
    let heap = sbrk(6 * PAGE).expect("lazy sbrk has room");
    let before = memory_info()[FAULTS];
    for number in ORDER {
        store(page(heap, number), 1);
    }
    println!("belady: {} faults for {} touches", memory_info()[FAULTS] - before, ORDER.len());
}
