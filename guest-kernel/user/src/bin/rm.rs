//! Removes files.
#![no_std]
#![no_main]

use faultline_user::{Args, println, unlink};

faultline_user::program!(main with arguments);

fn main(args: Args) {
    for name in args.rest() {
        if unlink(name).is_none() {
            println!("rm: cannot remove {name}");
        }
    }
}
