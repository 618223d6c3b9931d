//! Eager allocation: `sbrk` takes every frame at once, used or not. Boot with `sbrk=eager`.
#![no_std]
#![no_main]

use faultline_user::{PAGE, frames_used, free_frames, page, println, sbrk, store};

faultline_user::program!(main);

const PAGES: isize = 6;

fn main() {
    let before = free_frames();
    let heap = sbrk(PAGES * PAGE).expect("room for six pages");
    println!("eager: sbrk gave {PAGES} pages, frames used: {}", frames_used(before));
    store(page(heap, 0), 1);
    println!("eager: touched one of them, frames used: {}", frames_used(before));
}
