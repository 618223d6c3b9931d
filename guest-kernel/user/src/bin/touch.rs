//! One page fault: the first touch of a page that was promised and is not there yet.
#![no_std]
#![no_main]

use faultline_user::{PAGE, load, println, sbrk, store};

faultline_user::program!(main);

fn main() {
    let heap = sbrk(PAGE).expect("room for a page");
    println!("touch: storing to {heap:p}");
    // This store is begun twice: the first time it faults, the second time the page is there.
    store(heap, 42);
    println!("touch: loaded {}", load(heap));
}
