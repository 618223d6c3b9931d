//! How fast the machine is on this host: `cargo run --release -p faultline-machine --example speed`.
//!
//! Prints a line of JSON for each measured run of each reference workload
//! ([`faultline_machine::bench`]), by processor time. `cargo xtask bench` makes a table of them, and
//! measures in a browser, too. Arguments: the number of runs, then words that pick workloads and
//! listeners.

use faultline_machine::bench::{Pair, Run, selected};

fn main() {
    let mut arguments = std::env::args().skip(1);
    let Ok(runs) = arguments.next().map_or(Ok(5), |runs| runs.parse()) else {
        eprintln!("usage: speed [RUNS [WORD...]]");
        std::process::exit(2);
    };
    let words: Vec<String> = arguments.collect();
    for pair in selected(&words) {
        measure(pair, runs);
    }
}

fn measure(pair: Pair, runs: u32) {
    let (workload, listening) = pair;
    let mut run = Run::new(workload, listening);
    // The first steps decode the program and touch its memory.
    run.advance(workload.steps() / 10);
    for _ in 0..runs {
        run.forget();
        let start = processor_time();
        let counts = run.advance(workload.steps());
        println!("{}", counts.line("native", pair, processor_time() - start));
    }
}

/// Nanoseconds that this thread has computed.
#[cfg(unix)]
fn processor_time() -> u128 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ThreadCPUTime);
    u128::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000 + u128::try_from(time.tv_nsec).unwrap_or(0)
}

/// Nanoseconds that have passed.
#[cfg(not(unix))]
fn processor_time() -> u128 {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    START.get_or_init(std::time::Instant::now).elapsed().as_nanos()
}
