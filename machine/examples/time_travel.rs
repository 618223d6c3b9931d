//! How long it takes to walk back through a long run: `cargo run --release -p faultline-machine --example
//! time_travel [MOVES]`. Prints a line of JSON for each measured move, and one for the recording;
//! `cargo xtask bench` makes a table of them, and measures in a browser, too.

use faultline_machine::bench::journey::{Alone, Journey, Move, Program, TURNS};

fn main() {
    let Ok(moves) = std::env::args().nth(1).map_or(Ok(200), |moves| moves.parse::<u32>()) else {
        eprintln!("usage: time_travel [MOVES]");
        std::process::exit(2);
    };
    for program in Program::ALL {
        measure(program, moves);
    }
}

fn measure(program: Program, moves: u32) {
    let name = program.name();
    let mut journey = record(program);
    for step in Move::ALL {
        for _ in 0..moves {
            journey.prepare();
            let nanoseconds = time(|| journey.make(step));
            let step = step.name();
            println!(r#"{{"host":"native","program":"{name}","move":"{step}","nanoseconds":{nanoseconds}}}"#);
        }
    }
}

fn record(program: Program) -> Journey {
    let (mut alone, mut journey) = (Alone::new(program), Journey::new(program));
    let (mut unheard, mut recorded) = (0, 0);
    for _ in 0..TURNS {
        unheard += time(|| alone.advance());
        recorded += time(|| journey.record());
    }
    let name = program.name();
    let [faults, events, keyframes, bytes] = journey.counts();
    println!(
        r#"{{"host":"native","program":"{name}","alone":{unheard},"recorded":{recorded},"faults":{faults},"events":{events},"keyframes":{keyframes},"bytes":{bytes}}}"#
    );
    journey
}

/// Nanoseconds of processor time, where the host tells them, that something takes.
fn time(work: impl FnOnce() -> bool) -> u128 {
    let start = now();
    assert!(work(), "a move comes where it is meant to");
    now() - start
}

#[cfg(unix)]
fn now() -> u128 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    u128::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000 + u128::try_from(time.tv_nsec).unwrap_or(0)
}

#[cfg(not(unix))]
fn now() -> u128 {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed().as_nanos()
}
