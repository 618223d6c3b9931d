//! How fast the machine is: `cargo run --release -p faultline-machine --example speed`.
//!
//! Three programs, each once with nobody listening and once with every event recorded: integer work
//! (a linked list, checksums bit by bit, a matrix) in M-mode, the same in S-mode under Sv39 with pages
//! of 4 KiB, and a storm of page faults (U-mode touches, the handler saves 31 registers, maps a page,
//! fences, restores and returns). Each figure is the best of five runs.

mod program;

use std::time::{Duration, Instant};

use faultline_machine::{
    machine::{Machine, RunEnd},
    observer::{NoObserver, Observer},
    recorder::{Events, Recording},
};

/// Steps of one run.
const STEPS: u64 = 100_000_000;
const RUNS: u32 = 5;

/// Puts together a machine that is about to run a program.
type Make = fn() -> Machine;

/// What a run came to.
#[derive(Clone, Copy)]
struct Measured {
    instructions: u64,
    traps: u64,
    time: Duration,
}

fn main() {
    println!("{:<24} {:>14} {:>14}", "", "alone", "recorded");
    let works: [(&str, Make); 2] = [
        ("integer, M", program::integer_in_machine_mode),
        ("integer, S under Sv39", program::integer_under_sv39),
    ];
    for (name, make) in works {
        let [alone, recorded] = both(make, STEPS).map(|run| {
            let microseconds = run.time.as_micros().max(1);
            format!("{} M/s", u128::from(run.instructions) / microseconds)
        });
        println!("{name:<24} {alone:>14} {recorded:>14}");
    }
    let storm = both(program::fault_storm, STEPS / 10);
    let [alone, recorded] =
        storm.map(|run| format!("{} ns/fault", run.time.as_nanos() / u128::from(run.traps.max(1))));
    let length = storm[0].instructions / storm[0].traps.max(1);
    println!("{:<24} {alone:>14} {recorded:>14}   ({length} instructions each)", "page faults");
}

/// The best run alone, and the best run recorded.
fn both(make: Make, steps: u64) -> [Measured; 2] {
    let alone = best(|| timed(make(), steps, &mut NoObserver));
    let recorded = best(|| timed(make(), steps, &mut Events(&mut Recording::default())));
    [alone, recorded]
}

fn best(run: impl Fn() -> Measured) -> Measured {
    let runs = (0..RUNS).map(|_| run());
    runs.min_by_key(|run| run.time).unwrap_or(Measured { instructions: 0, traps: 0, time: Duration::MAX })
}

fn timed<O: Observer>(mut machine: Machine, steps: u64, observer: &mut O) -> Measured {
    // The first steps decode the program and touch its memory.
    machine.run(steps / 10, observer);
    let (instret, step) = (machine.instret(), machine.step_count());
    let start = Instant::now();
    let end = machine.run(steps, observer);
    let time = start.elapsed();
    assert_eq!(end, RunEnd::Budget, "the program is meant to run for ever");
    let instructions = machine.instret() - instret;
    Measured { instructions, traps: machine.step_count() - step - instructions, time }
}
