//! An enemy of the kernel: `hostile SEED ROUNDS`. Children call the kernel with arguments that make no sense,
//! a few at a time, until they are ended. The kernel lives on, and at the end every frame, slot and process is
//! back. The last line is the verdict.
#![no_std]
#![no_main]

use faultline_user::{
    Args, Random, exit, fork, hostile, kill, lock_memory, println, sleep,
    testing::{Account, code_of, settled},
    unlink, wait,
};

faultline_user::program!(main with arguments);

/// Children that are there at the same time.
const CHILDREN: usize = 3;
/// Calls that one of them makes, if it comes so far.
const CALLS: u64 = 150;

fn main(args: Args) {
    let (seed, rounds) = (args.number(1, 1), args.number(2, 10));
    // The first child makes this program's own pages what they stay.
    code_of(|| 0);
    // Where memory runs out others shall go, not the one who looks whether all comes back.
    lock_memory();
    let before = Account::now();
    let made: u64 = (0..rounds).map(|number| round(seed, number)).sum();
    let after = settled(before);
    for name in ["host1.tmp", "host2.tmp"] {
        unlink(name);
    }
    println!("hostile: {made} children in {rounds} rounds");
    if before != after {
        println!("HOSTILE FAILED with seed {seed}: {before:?}, then {after:?}");
        exit(1);
    }
    println!("HOSTILE PASSED with seed {seed}");
}

/// Some children do their worst; how many there were. They may wait for ever, so they are ended.
fn round(seed: u64, number: u64) -> u64 {
    let mut children = [0; CHILDREN];
    for (child, place) in children.iter_mut().zip(0..) {
        match fork() {
            Some(0) => hostile::calls(Random::new(seed, number * CHILDREN as u64 + place), CALLS),
            pid => *child = pid.unwrap_or(0),
        }
    }
    sleep(3);
    let made = children.iter().filter(|&&pid| pid != 0);
    made.clone().for_each(|&pid| _ = kill(pid));
    made.clone().for_each(|_| _ = wait());
    made.count() as u64
}
