//! Copy-on-write, three writers of one page: two copies are made, and the last writer keeps the
//! original. Boot with `fork=cow`.
#![no_std]
#![no_main]

use faultline_user::{PAGE, exit, fork, load, println, sbrk, store, wait};

faultline_user::program!(main);

fn main() {
    let heap = sbrk(PAGE).expect("room for a page");
    store(heap, 1);
    for child in [2, 3] {
        if fork() == Some(0) {
            store(heap, child);
            println!("cowthree: child {child} reads {}", load(heap));
            exit(0);
        }
    }
    while wait().is_some() {}
    store(heap, 4);
    println!("cowthree: the parent reads {}", load(heap));
}
