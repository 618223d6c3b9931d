//! Copy-on-write across three generations: one page is shared by all, until the grandchild writes to it
//! and then the child. Each gets a copy; the grandparent keeps the original. Boot with `fork=cow`.
#![no_std]
#![no_main]

use faultline_user::{PAGE, exit, fork, load, println, sbrk, store, wait};

faultline_user::program!(main);

fn main() {
    let heap = sbrk(PAGE).expect("room for a page");
    store(heap, 1);
    if fork() == Some(0) {
        if fork() == Some(0) {
            store(heap, 3);
            println!("cowgrand: the grandchild reads {}", load(heap));
            exit(0);
        }
        wait();
        store(heap, 2);
        println!("cowgrand: the child reads {}", load(heap));
        exit(0);
    }
    wait();
    println!("cowgrand: the grandparent reads {}", load(heap));
}
