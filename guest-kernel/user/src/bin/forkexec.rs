//! exec in fork's shadow: what fork copied is thrown away at once. Compare `fork=copy` with
//! `fork=cow`: how many frames did the child take before it became another program?
#![no_std]
#![no_main]

use faultline_user::{PAGE, exec, exit, fork, frames_used, free_frames, page, println, sbrk, store, wait};

faultline_user::program!(main);

const PAGES: isize = 32;

fn main() {
    let heap = sbrk(PAGES * PAGE).expect("room for a heap");
    (0..PAGES).for_each(|n| store(page(heap, n), 1));
    let before = free_frames();
    if fork() == Some(0) {
        println!("forkexec: the child took {} frames", frames_used(before));
        exec("hello", &["hello"]);
        exit(127);
    }
    wait();
    println!("forkexec: the child has ended, {} frames are free", free_frames());
}
