//! Clean and dirty victims: pages that were only read are dropped, pages that were written must go to
//! swap first. Boot with `frames=40`.
#![no_std]
#![no_main]

use faultline_user::{
    PAGE,
    abi::meminfo::{EVICTED, SWAP_WRITES},
    load, lock_memory, memory_info, page, println, sbrk, store,
};

faultline_user::program!(main);

const PAGES: isize = 40;

fn main() {
    // The program itself stays in memory: only its heap comes and goes.
    lock_memory();
    let heap = sbrk(PAGES * PAGE).expect("lazy sbrk has room");
    report("read", || {
        assert!((0..PAGES).all(|n| load(page(heap, n)) == 0));
    });
    // The first victims are still clean; the second time all are dirty.
    for how in ["written", "written again"] {
        report(how, || (0..PAGES).for_each(|n| store(page(heap, n), 1)));
    }
}

fn report(how: &str, work: impl FnOnce()) {
    let before = memory_info();
    work();
    let after = memory_info();
    let (evicted, written) = (after[EVICTED] - before[EVICTED], after[SWAP_WRITES] - before[SWAP_WRITES]);
    println!("dirty: {PAGES} pages {how}: {evicted} evicted, {written} written to swap");
}
