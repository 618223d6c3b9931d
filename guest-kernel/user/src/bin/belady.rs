//! Bélády's anomaly: with first in, first out, more memory can mean more faults. Touches pages in the
//! order that he found, and counts. Boot with `policy=fifo`, once with `frames=38` and once with
//! `frames=46`: room for three groups of pages, then for four.
#![no_std]
#![no_main]

use faultline_user::{PAGE, abi::meminfo::FAULTS, memory_info, page, println, sbrk, store};

faultline_user::program!(main);

/// The order in which the groups are touched.
const ORDER: [isize; 12] = [1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5];
/// Pages of a group: so many that the program's own few pages do not matter.
const GROUP: isize = 8;

fn main() {
    let heap = sbrk(6 * GROUP * PAGE).expect("lazy sbrk has room");
    let before = memory_info()[FAULTS];
    for group in ORDER {
        (0..GROUP).for_each(|n| store(page(heap, group * GROUP + n), 1));
    }
    println!(
        "belady: {} faults for {} touches",
        memory_info()[FAULTS] - before,
        ORDER.len() * GROUP.unsigned_abs()
    );
}
