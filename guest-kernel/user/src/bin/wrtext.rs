//! Writing to text: a program's code is mapped readable and executable, and nothing more.
#![no_std]
#![no_main]

use faultline_user::{println, store};

faultline_user::program!(main);

fn main() {
    let code = main as fn() as usize;
    println!("wrtext: writing to the code at {code:#x}");
    store(faultline_user::address(code), 0);
    println!("wrtext: wrote, which must not happen");
}
