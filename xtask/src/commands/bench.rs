//! `cargo xtask bench`.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use clap::{Args, ValueEnum};
use serde::{Deserialize, Serialize};

use super::{bench_page, bench_time};
use crate::{browser, process, server, toolchain, ui, web, workspace};

/// The measurement on each host: an example of the machine, and one of the page that takes what to measure.
const EXAMPLE: &str = "speed";
pub(super) const PAGE_EXAMPLE: &str = "measure";

#[derive(Args)]
pub(crate) struct Options {
    /// Where to measure [default: everywhere]
    #[arg(long, value_enum)]
    host: Option<Host>,
    /// Measured runs of each workload
    #[arg(long, default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..=1000))]
    runs: u32,
    /// Measure walking back and forth through a run of 1,000,000,000 instructions instead
    #[arg(long)]
    time_travel: bool,
    /// Measure the page in Chromium instead: the first page fault, every kind of step, frames while running
    #[arg(long, conflicts_with_all = ["time_travel", "host", "words"])]
    web: bool,
    /// Print the figures as JSON
    #[arg(long)]
    json: bool,
    /// Parts of the names of what to measure: integer-m, integer-sv39, page-faults; alone, recorded, watched
    words: Vec<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Host {
    /// A program of this machine
    Native,
    /// WebAssembly in a page of Chromium
    Chromium,
}

/// A measured run, as the examples print it.
#[derive(Clone, Debug, Deserialize)]
struct Sample {
    host: String,
    workload: String,
    listening: String,
    instructions: u64,
    traps: u64,
    events: u64,
    nanoseconds: u64,
}

/// What the runs of one workload came to on one host.
#[derive(Debug, PartialEq, Serialize)]
struct Figure {
    host: String,
    workload: String,
    /// `alone`; `recorded`, where every event is kept; `watched`, where the detectors are on as well.
    listening: String,
    unit: Unit,
    median: f64,
    best: f64,
    runs: usize,
    instructions_per_trap: Option<f64>,
    events_per_trap: Option<f64>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
enum Unit {
    #[serde(rename = "million instructions per second")]
    MillionsPerSecond,
    #[serde(rename = "nanoseconds per fault")]
    NanosecondsPerFault,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    if options.time_travel {
        return time_travel(options);
    }
    if options.web {
        return page(options);
    }
    let mut samples = Vec::new();
    if options.host != Some(Host::Chromium) {
        samples.extend(native(options)?);
    }
    if options.host != Some(Host::Native) {
        samples.extend(chromium(options)?);
    }
    let figures = figures(&samples);
    if options.json {
        println!("{}", serde_json::to_string_pretty(&figures)?);
    } else {
        print!("{}", table(&figures));
    }
    Ok(ExitCode::SUCCESS)
}

fn time_travel(options: &Options) -> Result<ExitCode> {
    let mut figures = Vec::new();
    if options.host != Some(Host::Chromium) {
        figures.extend(bench_time::native()?);
    }
    if options.host != Some(Host::Native) {
        figures.extend(bench_time::chromium()?);
    }
    if options.json {
        println!("{}", serde_json::to_string_pretty(&figures)?);
    } else {
        print!("{}", bench_time::table(&figures));
    }
    Ok(ExitCode::SUCCESS)
}

/// Fails where the page misses an aim.
fn page(options: &Options) -> Result<ExitCode> {
    let figures = bench_page::measure()?;
    if options.json {
        println!("{}", serde_json::to_string_pretty(&figures)?);
    } else {
        print!("{}", bench_page::table(&figures));
    }
    let is_reached = figures.iter().all(bench_page::Figure::is_reached);
    Ok(if is_reached { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn native(options: &Options) -> Result<Vec<Sample>> {
    let mut cargo = Command::new(toolchain::host_cargo());
    cargo.args(["run", "--quiet", "--release", "--package", "faultline-machine", "--example", EXAMPLE, "--"]);
    measure("Measuring on this machine", &mut cargo, options)
}

fn chromium(options: &Options) -> Result<Vec<Sample>> {
    let browser = browser::ensure()?;
    let server = server::start(&web::build_alone("bench")?, [0])?;
    let mut cargo = Command::new(toolchain::host_cargo());
    cargo.args(["run", "--quiet", "--package", "faultline-web", "--example", PAGE_EXAMPLE, "--", EXAMPLE]);
    cargo.env("FAULTLINE_BENCH_URL", server.url());
    cargo.env("CHROMIUM", browser.chromium).env("CHROMEDRIVER", browser.chromedriver);
    measure("Measuring in Chromium", &mut cargo, options)
}

fn measure(what: &str, cargo: &mut Command, options: &Options) -> Result<Vec<Sample>> {
    cargo.arg(options.runs.to_string()).args(&options.words).current_dir(workspace::root());
    let lines = ui::step(what, || process::stdout_of(cargo))?;
    let read = |line| serde_json::from_str(line).with_context(|| format!("reading the measurement {line}"));
    lines.lines().map(read).collect()
}

/// One figure for all runs of the same thing, in the order in which they came.
fn figures(samples: &[Sample]) -> Vec<Figure> {
    samples.chunk_by(|a, b| a.key() == b.key()).filter_map(figure).collect()
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn figure(samples: &[Sample]) -> Option<Figure> {
    let first = samples.first()?;
    let of_faults = first.traps > 0;
    let value = |sample: &Sample| match of_faults {
        true => sample.nanoseconds as f64 / sample.traps as f64,
        false => sample.instructions as f64 * 1000.0 / sample.nanoseconds.max(1) as f64,
    };
    let mut values: Vec<f64> = samples.iter().map(value).collect();
    values.sort_by(f64::total_cmp);
    let per_trap = |count: u64| of_faults.then(|| rounded(count as f64 / first.traps as f64));
    Some(Figure {
        host: first.host.clone(),
        workload: first.workload.clone(),
        listening: first.listening.clone(),
        unit: if of_faults { Unit::NanosecondsPerFault } else { Unit::MillionsPerSecond },
        median: rounded(values[values.len() / 2]),
        best: rounded(if of_faults { values[0] } else { values[values.len() - 1] }),
        runs: samples.len(),
        instructions_per_trap: per_trap(first.instructions),
        events_per_trap: per_trap(first.events),
    })
}

fn rounded(value: f64) -> f64 {
    (value * 100.0).round() / 100.0
}

impl Sample {
    fn key(&self) -> (&str, &str, &str) {
        (&self.host, &self.workload, &self.listening)
    }
}

fn table(figures: &[Figure]) -> String {
    let mut text = format!("{:<10} {:<14} {:<10} {:>8} {:>8}\n", "", "", "", "median", "best");
    for figure in figures {
        let Figure { host, workload, listening, median, best, .. } = figure;
        let unit = match figure.unit {
            Unit::MillionsPerSecond => "million instructions/s".to_owned(),
            Unit::NanosecondsPerFault => per_fault(figure, figures),
        };
        text += &format!("{host:<10} {workload:<14} {listening:<10} {median:>8.0} {best:>8.0}  {unit}\n");
    }
    text
}

/// The unit of a fault, and what each of its events has cost above a run that nobody listened to.
fn per_fault(figure: &Figure, figures: &[Figure]) -> String {
    let length = figure.instructions_per_trap.unwrap_or_default();
    let alone = figures.iter().find(|other| {
        (&other.host, &other.workload, other.listening.as_str()) == (&figure.host, &figure.workload, "alone")
    });
    match (alone, figure.events_per_trap) {
        (Some(alone), Some(events)) if events > 0.0 => {
            let event = (figure.median - alone.median) / events;
            format!("ns/fault of {length:.0} instructions, {events:.0} events of {event:.0} ns")
        }
        _ => format!("ns/fault of {length:.0} instructions"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample(listening: &str, traps: u64, events: u64, nanoseconds: u64) -> Sample {
        let (host, workload, listening) = ("native".into(), "w".into(), listening.into());
        Sample { host, workload, listening, instructions: 1000, traps, events, nanoseconds }
    }

    #[test]
    fn rates_and_faults_have_their_median_and_their_best() {
        let rates = figures(&[4000, 2000, 5000].map(|time| sample("alone", 0, 0, time)));
        assert_eq!((rates[0].median, rates[0].best, rates[0].runs), (250.0, 500.0, 3));
        assert_eq!(rates[0].unit, Unit::MillionsPerSecond);
        let faults = figures(&[4000, 2000, 5000].map(|time| sample("alone", 10, 0, time)));
        assert_eq!((faults[0].median, faults[0].best), (400.0, 200.0));
        assert_eq!(faults[0].instructions_per_trap, Some(100.0));
    }

    #[test]
    fn an_event_costs_what_a_fault_takes_longer() {
        let figures = figures(&[sample("alone", 10, 0, 4000), sample("watched", 10, 50, 9000)]);
        let text = table(&figures);
        let line = text.lines().last().unwrap();
        assert!(line.ends_with("900      900  ns/fault of 100 instructions, 5 events of 100 ns"), "{line}");
    }
}
