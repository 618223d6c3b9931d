//! The three kinds of page fault: an instruction that is not there, a load, and a store. Boot with
//! `exec=demand`, so that even the first instruction has to be brought in.
#![no_std]
#![no_main]

use faultline_user::{PAGE, load, page, println, sbrk, store};

faultline_user::program!(main);

fn main() {
    let heap = sbrk(2 * PAGE).expect("room for two pages");
    let value = load(page(heap, 0));
    store(page(heap, 1), 1);
    println!("kinds: loaded {value} from one page, stored 1 to the other");
}
