//! Zero fill on demand: untouched memory that is only read is one frame of zeros for everybody; the
//! first store to a page copies it. Boot with `zero=shared`.
#![no_std]
#![no_main]

use faultline_user::{PAGE, frames_used, free_frames, load, page, println, sbrk, store};

faultline_user::program!(main);

const PAGES: isize = 8;

fn main() {
    let before = free_frames();
    let heap = sbrk(PAGES * PAGE).expect("room for eight pages");
    let sum: u64 = (0..PAGES).map(|n| u64::from(load(page(heap, n)))).sum();
    println!("zerofill: loaded from {PAGES} pages, sum {sum}, frames used: {}", frames_used(before));
    store(page(heap, 3), 1);
    println!("zerofill: stored to one of them, frames used: {}", frames_used(before));
}
