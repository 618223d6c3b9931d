//! Lazy allocation: `sbrk` promises pages, and each gets its frame when it is first touched.
//!
//! Boot with `sbrk=eager` to see the same program without a single fault.
#![no_std]
#![no_main]

use core::sync::atomic::{AtomicU64, Ordering::Relaxed};

use faultline_user::{PAGE, free_frames, println, sbrk, write};

faultline_user::program!(main);

/// Pages asked for. The last one is never touched.
const PAGES: isize = 6;

/// Free frames when the program began. Lies in the data area.
static BEFORE: AtomicU64 = AtomicU64::new(0);

fn main() {
    BEFORE.store(free_frames(), Relaxed);
    let heap = sbrk(PAGES * PAGE).expect("room for six pages");
    println!("lazy: sbrk gave {PAGES} pages at {heap:p}, frames used: {}", used());

    // The first store to each of three pages: a fault, and a frame.
    for page in 0..3 {
        store(heap, page, b'a');
        println!("lazy: stored to page {page}, frames used: {}", used());
    }

    // A second store to the same page: no fault.
    store(heap, 0, b'b');
    println!("lazy: stored to page 0 again, frames used: {}", used());

    // The first load is a fault as well; what is read is zero.
    println!("lazy: loaded {} from page 3, frames used: {}", load(heap, 3), used());

    // A page touched first by the kernel, for `write`: no trap, but the same fault code.
    // SAFETY: `sbrk` gave these bytes to us.
    write(1, unsafe { core::slice::from_raw_parts(heap.offset(4 * PAGE), 1) });
    println!("lazy: the kernel read page 4, frames used: {}", used());

    // Giving the heap back gives the frames back; page 5 never had one.
    sbrk(-PAGES * PAGE);
    println!("lazy: gave the heap back, frames used: {}", used());
}

/// How many frames fewer are free than at the beginning.
fn used() -> u64 {
    BEFORE.load(Relaxed) - free_frames()
}

#[inline(never)]
fn store(heap: *mut u8, page: isize, value: u8) {
    // SAFETY: page `page` is one of those that `sbrk` gave us.
    unsafe { heap.offset(page * PAGE).write_volatile(value) };
}

#[inline(never)]
fn load(heap: *mut u8, page: isize) -> u8 {
    // SAFETY: page `page` is one of those that `sbrk` gave us.
    unsafe { heap.offset(page * PAGE).read_volatile() }
}
