//! Copy-on-write, a child that writes: it gets a copy of the page it writes to, and the parent sees
//! nothing of it. Boot with `fork=cow`.
#![no_std]
#![no_main]

use faultline_user::{PAGE, exit, fork, load, page, println, sbrk, store, wait};

faultline_user::program!(main);

const PAGES: isize = 4;

fn main() {
    let heap = sbrk(PAGES * PAGE).expect("room for four pages");
    (0..PAGES).for_each(|n| store(page(heap, n), 7));
    if fork() == Some(0) {
        store(page(heap, 1), 9);
        println!("cowwrite: the child wrote {} to page 1", load(page(heap, 1)));
        exit(0);
    }
    wait();
    println!("cowwrite: the parent still reads {}", load(page(heap, 1)));
    // Nobody else holds page 1 any more: no copy is needed now.
    store(page(heap, 1), 8);
    println!("cowwrite: the parent wrote {}", load(page(heap, 1)));
}
