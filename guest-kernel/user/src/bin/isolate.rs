//! Isolation: two processes, one address, two values. Each has a page table of its own, so each finds its
//! own frame there.
#![no_std]
#![no_main]

use faultline_user::{PAGE, exit, fork, load, println, sbrk, store, wait, yield_now};

faultline_user::program!(main);

fn main() {
    let heap = sbrk(PAGE).expect("room for a page");
    let child = fork() == Some(0);
    let (name, value) = if child { ("the child", 1) } else { ("the parent", 2) };
    store(heap, value);
    // Let the other one store to its page before we look at ours.
    (0..3).for_each(|_| yield_now());
    println!("isolate: {name} reads {} at {heap:p}", load(heap));
    if child {
        exit(0);
    }
    wait();
}
