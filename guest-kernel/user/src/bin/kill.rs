//! Ends processes.
#![no_std]
#![no_main]

use faultline_user::{Args, kill, println};

faultline_user::program!(main with arguments);

fn main(args: Args) {
    for word in args.rest() {
        if word.parse().ok().and_then(kill).is_none() {
            println!("kill: there is no process {word}");
        }
    }
}
