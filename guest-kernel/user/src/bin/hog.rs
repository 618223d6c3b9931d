//! Out of memory: lazy `sbrk` promises more than the board has, and the touch that finds no frame
//! left ends the program. With `sbrk=eager` it is `sbrk` that says no.
#![no_std]
#![no_main]

use faultline_user::{PAGE, free_frames, lock_memory, page, println, sbrk, store};

faultline_user::program!(main);

/// 2 GiB.
const PROMISED: isize = 1 << 31;

fn main() {
    // The program itself stays in memory: only its heap comes and goes.
    lock_memory();
    println!("hog: {} frames are free", free_frames());
    let Some(heap) = sbrk(PROMISED) else {
        println!("hog: sbrk refused");
        return;
    };
    println!("hog: was promised {} pages", PROMISED / PAGE);
    for n in 0..PROMISED / PAGE {
        store(page(heap, n), 1);
    }
    println!("hog: got them all, which must not happen");
}
