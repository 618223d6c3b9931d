//! How fast the machine is: `cargo run --release -p faultline-machine --example speed`.
//!
//! Three programs, each once with nobody listening and once with every event recorded: integer work
//! (a linked list, checksums bit by bit, a matrix) in M-mode, the same in S-mode under Sv39 with pages
//! of 4 KiB, and a storm of page faults (U-mode touches, the handler saves 31 registers, maps a page,
//! fences, restores and returns). Each figure is the best of five runs. A word behind `--` picks the
//! programs whose name contains it.

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

/// A program and how its runs are shown.
struct Work {
    name: &'static str,
    make: Make,
    steps: u64,
    show: fn(Measured) -> String,
}

const WORKS: [Work; 3] = [
    Work { name: "integer, M", make: program::integer_in_machine_mode, steps: STEPS, show: rate },
    Work { name: "integer, S under Sv39", make: program::integer_under_sv39, steps: STEPS, show: rate },
    Work { name: "page faults", make: program::fault_storm, steps: STEPS / 10, show: per_fault },
];

fn main() {
    let wanted = std::env::args().nth(1).unwrap_or_default();
    println!("{:<24} {:>24} {:>24}", "", "alone", "recorded");
    for work in WORKS.iter().filter(|work| work.name.contains(&wanted)) {
        let [alone, recorded] = both(work.make, work.steps).map(work.show);
        println!("{:<24} {alone:>24} {recorded:>24}", work.name);
    }
}

fn rate(run: Measured) -> String {
    format!("{} M/s", u128::from(run.instructions) / run.time.as_micros().max(1))
}

fn per_fault(run: Measured) -> String {
    let faults = run.traps.max(1);
    let (time, length) = (run.time.as_nanos() / u128::from(faults), run.instructions / faults);
    format!("{time} ns/fault of {length}")
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
