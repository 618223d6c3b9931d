//! Copy-on-write, a child that only reads: nothing is ever copied. Boot with `fork=cow`.
#![no_std]
#![no_main]

use faultline_user::{PAGE, exit, fork, load, page, println, sbrk, store, wait};

faultline_user::program!(main);

const PAGES: isize = 4;

fn main() {
    let heap = sbrk(PAGES * PAGE).expect("room for four pages");
    (0..PAGES).for_each(|n| store(page(heap, n), 7));
    if fork() == Some(0) {
        let sum: u64 = (0..PAGES).map(|n| u64::from(load(page(heap, n)))).sum();
        println!("cowread: the child reads {sum}");
        exit(0);
    }
    wait();
    println!("cowread: the child has ended");
    // The child is gone: the parent is the only holder of its pages and gets the right to write back.
    store(page(heap, 0), 8);
}
