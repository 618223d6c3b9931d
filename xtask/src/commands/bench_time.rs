//! The part of `cargo xtask bench` that walks through a long run.

use std::process::Command;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::bench;
use crate::{browser, process, server, toolchain, ui, web, workspace};

/// The measurement on each host: an example of the machine, and one of the page.
const EXAMPLE: &str = "time_travel";
/// What the page's example is to measure.
const KIND: &str = "time-travel";
/// Moves of each kind.
const MOVES: u32 = 200;

/// A line of a measurement.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Line {
    Move {
        host: String,
        program: String,
        r#move: String,
        nanoseconds: u64,
    },
    Run {
        host: String,
        program: String,
        alone: u64,
        recorded: u64,
        faults: u64,
        events: u64,
        keyframes: u64,
        bytes: u64,
    },
}

/// What the moves of one kind came to, and the recording of the run.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(super) enum Figure {
    Move {
        host: String,
        program: String,
        r#move: String,
        median_ms: f64,
        p99_ms: f64,
        moves: usize,
    },
    Run {
        host: String,
        program: String,
        faults: u64,
        events: u64,
        keyframes: u64,
        keyframe_mib: f64,
        recording_percent: f64,
    },
}

/// Measures natively.
pub(super) fn native() -> Result<Vec<Figure>> {
    let mut cargo = Command::new(toolchain::host_cargo());
    cargo.args(["run", "--quiet", "--release", "--package", "faultline-machine", "--example", EXAMPLE, "--"]);
    measure("Walking through a run on this machine", &mut cargo)
}

/// Measures in Chromium.
pub(super) fn chromium() -> Result<Vec<Figure>> {
    let browser = browser::ensure()?;
    let server = server::start(&web::build_alone("bench")?, [0])?;
    let mut cargo = Command::new(toolchain::host_cargo());
    cargo.args([
        "run",
        "--quiet",
        "--package",
        "faultline-web",
        "--example",
        bench::PAGE_EXAMPLE,
        "--",
        KIND,
    ]);
    cargo.env("FAULTLINE_BENCH_URL", server.url());
    cargo.env("CHROMIUM", browser.chromium).env("CHROMEDRIVER", browser.chromedriver);
    measure("Walking through a run in Chromium", &mut cargo)
}

fn measure(what: &str, cargo: &mut Command) -> Result<Vec<Figure>> {
    cargo.arg(MOVES.to_string()).current_dir(workspace::root());
    let lines = ui::step(what, || process::stdout_of(cargo))?;
    let read = |line| serde_json::from_str(line).with_context(|| format!("reading the measurement {line}"));
    let lines: Vec<Line> = lines.lines().map(read).collect::<Result<_>>()?;
    Ok(figures(&lines))
}

fn figures(lines: &[Line]) -> Vec<Figure> {
    lines.chunk_by(|a, b| a.kind() == b.kind()).filter_map(figure).collect()
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn figure(lines: &[Line]) -> Option<Figure> {
    let rounded = |value: f64| (value * 100.0).round() / 100.0;
    match lines.first()?.clone() {
        Line::Run { host, program, alone, recorded, faults, events, keyframes, bytes } => Some(Figure::Run {
            host,
            program,
            faults,
            events,
            keyframes,
            keyframe_mib: rounded(bytes as f64 / f64::from(1 << 20)),
            recording_percent: rounded((recorded as f64 / alone.max(1) as f64 - 1.0) * 100.0),
        }),
        Line::Move { host, program, r#move, .. } => {
            let mut times: Vec<u64> = lines.iter().filter_map(Line::nanoseconds).collect();
            times.sort_unstable();
            let ms = |at: usize| rounded(times[at.min(times.len() - 1)] as f64 / 1e6);
            let (median_ms, p99_ms) = (ms(times.len() / 2), ms(times.len() * 99 / 100));
            Some(Figure::Move { host, program, r#move, median_ms, p99_ms, moves: times.len() })
        }
    }
}

impl Line {
    fn kind(&self) -> (&str, &str, &str) {
        match self {
            Self::Move { host, program, r#move, .. } => (host, program, r#move),
            Self::Run { host, program, .. } => (host, program, ""),
        }
    }

    const fn nanoseconds(&self) -> Option<u64> {
        match self {
            Self::Move { nanoseconds, .. } => Some(*nanoseconds),
            Self::Run { .. } => None,
        }
    }
}

/// The figures as a table.
pub(super) fn table(figures: &[Figure]) -> String {
    let line = |figure: &Figure| match figure {
        Figure::Run { host, program, faults, events, keyframes, keyframe_mib, recording_percent } => format!(
            "{host:<10} {program:<10} {faults} page faults, {events} events, {keyframes} keyframes of {keyframe_mib} MiB, recording costs {recording_percent} %\n"
        ),
        Figure::Move { host, program, r#move, median_ms, p99_ms, .. } => {
            format!(
                "{host:<10} {program:<10} {move:<18} {median_ms:>8.2} {p99_ms:>8.2}  ms, median and 99th percentile\n",
                r#move = r#move
            )
        }
    };
    figures.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn moves_have_their_median_and_their_tail() {
        let (host, program) = ("native".to_owned(), "64-words".to_owned());
        let of = |nanoseconds| Line::Move {
            host: host.clone(),
            program: program.clone(),
            r#move: "seek".into(),
            nanoseconds,
        };
        let lines: Vec<Line> = (1..=200).rev().map(|ms| of(ms * 1_000_000)).collect();
        let run = Line::Run {
            host: host.clone(),
            program: program.clone(),
            alone: 100,
            recorded: 107,
            faults: 1,
            events: 2,
            keyframes: 3,
            bytes: 3 << 19,
        };
        let figures = figures(&[vec![run], lines].concat());
        assert_eq!(figures.len(), 2);
        let text = table(&figures);
        assert!(text.contains("3 keyframes of 1.5 MiB, recording costs 7 %"), "{text}");
        assert!(text.contains("seek                 101.00   199.00  ms"), "{text}");
    }
}
