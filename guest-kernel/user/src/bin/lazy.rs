//! Lazy allocation: `sbrk` promises pages, and each gets its frame when it is first touched.
//!
//! Boot with `sbrk=eager` to see the same program without a single fault.
#![no_std]
#![no_main]

use faultline_user::{PAGE, frames_used, free_frames, load, page, println, sbrk, store, write_raw};

faultline_user::program!(main);

/// Pages asked for. The last one is never touched.
const PAGES: isize = 6;

fn main() {
    let before = free_frames();
    let used = || frames_used(before);
    let heap = sbrk(PAGES * PAGE).expect("room for six pages");
    println!("lazy: sbrk gave {PAGES} pages at {heap:p}, frames used: {}", used());

    // The first store to each of three pages: a fault, and a frame.
    for n in 0..3 {
        store(page(heap, n), b'a');
        println!("lazy: stored to page {n}, frames used: {}", used());
    }

    // A second store to the same page: no fault.
    store(page(heap, 0), b'b');
    println!("lazy: stored to page 0 again, frames used: {}", used());

    // The first load is a fault as well; what is read is zero.
    println!("lazy: loaded {} from page 3, frames used: {}", load(page(heap, 3)), used());

    // A page touched first by the kernel, for `write`: no trap, but the same fault code.
    write_raw(1, page(heap, 4), 1);
    println!("lazy: the kernel read page 4, frames used: {}", used());

    // Giving the heap back gives the frames back; page 5 never had one.
    sbrk(-PAGES * PAGE);
    println!("lazy: gave the heap back, frames used: {}", used());
}
