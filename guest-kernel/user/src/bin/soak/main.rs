//! Random programs under memory pressure: `soak SEED ROUNDS`. Workers do random things to their memory,
//! files and children, and look whether every byte is what it must be; between them others call the
//! kernel with garbage. The same seed does the same things.
//!
//! A worker may be killed where memory is used up. What must not happen: a wrong byte, a frame, slot
//! or process that does not come back. The last line is the verdict.
#![no_std]
#![no_main]

mod map;
mod worker;

use faultline_user::{
    Args, Random, exit, fork, println,
    testing::{Account, code_of, settled},
    unlink, wait,
};

use worker::{Worker, file_name};

faultline_user::program!(main with arguments);

/// Workers that run at the same time.
const WORKERS: usize = 3;
/// Rounds that one worker does before another takes its place.
const SHIFT: u64 = 40;
/// The exit code of a worker that has found a wrong byte.
pub(crate) const WRONG: u64 = 99;

fn main(args: Args) {
    let (seed, rounds) = (args.number(1, 1), args.number(2, 400));
    // The first child makes this program's own pages what they stay.
    code_of(|| 0);
    let before = Account::now();
    let tally = all_shifts(seed, rounds.div_ceil(SHIFT));
    let after = settled(before);
    for place in 0..WORKERS as u64 {
        unlink(file_name(place));
    }
    println!("soak: {tally:?}");
    if tally.wrong > 0 || before != after {
        println!("SOAK FAILED with seed {seed}: {before:?}, then {after:?}");
        exit(1);
    }
    println!("SOAK PASSED with seed {seed}");
}

/// How workers ended.
#[derive(Debug, Default)]
struct Tally {
    /// They did all their rounds.
    done: u64,
    /// They were killed: memory was used up.
    killed: u64,
    /// There was no memory to begin with.
    unborn: u64,
    /// They found a wrong byte, or ended as nobody should.
    wrong: u64,
}

impl Tally {
    fn add(&mut self, code: u64) {
        match code {
            0 => self.done += 1,
            128.. => self.killed += 1,
            _ => self.wrong += 1,
        }
    }
}

/// Runs so many shifts, a few at a time.
fn all_shifts(seed: u64, shifts: u64) -> Tally {
    let (mut tally, mut places) = (Tally::default(), [0; WORKERS]);
    for shift in 0..shifts {
        let free = places.iter().position(|&pid| pid == 0).unwrap_or(0);
        match fork() {
            Some(0) => exit(Worker::new(free as u64, Random::new(seed, shift)).run(SHIFT)),
            Some(pid) => places[free] = pid,
            None => tally.unborn += 1,
        }
        if places.iter().all(|&pid| pid != 0) {
            reap(&mut tally, &mut places);
        }
    }
    while places.iter().any(|&pid| pid != 0) {
        reap(&mut tally, &mut places);
    }
    tally
}

/// Waits for one worker to end.
fn reap(tally: &mut Tally, places: &mut [u64]) {
    let Some((pid, code)) = wait() else { return places.fill(0) };
    if let Some(place) = places.iter_mut().find(|place| **place == pid) {
        *place = 0;
        tally.add(code);
    }
}
