//! Preemption: a program that never gives the hart away, and still shares it. Start two at once with
//! `init=count,count quantum=10000`.
#![no_std]
#![no_main]

use core::hint::black_box;

use faultline_user::{getpid, println, uptime};

faultline_user::program!(main);

fn main() {
    for round in 1..=4 {
        for step in 0..200_000u64 {
            black_box(step);
        }
        println!("count: process {}, round {round}, after {} ticks", getpid(), uptime());
    }
}
