//! Which page goes? The clock spares a page that was used since its hand last came by. The program uses
//! page 2 all the time, and every other page once. Boot with `frames=26`, once with `policy=clock` and
//! once with `policy=fifo`, which does not look.
#![no_std]
#![no_main]

use faultline_user::{
    PAGE, abi::meminfo::FAULTS, load, lock_memory, memory_info, page, println, sbrk, store,
};

faultline_user::program!(main);

const PAGES: isize = 40;
/// The page that is used all the time.
const HOT: isize = 2;

fn main() {
    // The program itself stays in memory: only its heap comes and goes.
    lock_memory();
    let heap = sbrk(PAGES * PAGE).expect("lazy sbrk has room");
    let mut lost = 0;
    for n in 0..PAGES {
        store(page(heap, n), 1);
        if n > HOT {
            let before = memory_info()[FAULTS];
            load(page(heap, HOT));
            lost += memory_info()[FAULTS] - before;
        }
    }
    println!("hot: {PAGES} pages came in, and page {HOT} was lost {lost} times");
}
