//! Isolation: two processes, one address, two values.
#![no_std]
#![no_main]

use faultline_user::{PAGE, exit, fork, load, println, sbrk, store, wait, yield_now};

faultline_user::program!(main);

fn main() {
    let heap = sbrk(PAGE).expect("room for a page");
    let child = fork() == Some(0);
    let (name, value) = if child { ("the child", 1) } else { ("the parent", 2) };
    store(heap, value);
    for _ in 0..3 {
        yield_now();
    }
    println!("isolate: {name} reads {} at {heap:p}", load(heap));
    if child {
        exit(0);
    }
    wait();
}
