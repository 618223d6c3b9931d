//! The part of `cargo xtask bench` that measures the page as its user has it.

use std::process::Command;

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use crate::{browser, process, server, toolchain, ui, web, workspace};

/// The measurement: an example of the page.
const EXAMPLE: &str = "page_speed";
/// First visits are a quarter of it; steps of each kind.
const COUNT: u32 = 40;
/// Milliseconds until the first page fault is drawn, at most, at the median.
const FIRST_FAULT_AIM: f64 = 1500.0;
/// Milliseconds until a step is drawn, at most, at the 95th percentile.
const STEP_AIM: f64 = 50.0;
/// Frames a second while the machine runs, at least; a browser's clock is not exact to the last one.
const FRAMES_AIM: f64 = 59.0;
/// A frame is late where the one before is this many milliseconds ago: one of 60 a second is left out.
const LATE: f64 = 25.0;

/// A line of the measurement.
#[derive(Clone, Debug, Deserialize)]
#[serde(untagged)]
enum Line {
    Visit { visit: String, milliseconds: f64 },
    Steps { run: String, kind: String, milliseconds: Vec<f64> },
    Frames { pace: String, gaps: Vec<f64>, shown: u64, frames: u64, processes: u64 },
}

/// What the visits, the steps of one kind, or a run came to.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(untagged)]
pub(super) enum Figure {
    FirstFault {
        visit: String,
        median_ms: f64,
        worst_ms: f64,
        visits: usize,
        aim_ms: f64,
    },
    Step {
        run: String,
        kind: String,
        p50_ms: f64,
        p95_ms: f64,
        worst_ms: f64,
        steps: usize,
        aim_ms: f64,
    },
    Running {
        pace: String,
        frames_per_second: f64,
        worst_frame_ms: f64,
        late_percent: f64,
        /// Places of the run that were shown.
        places_per_second: f64,
        frames_of_memory: u64,
        processes: u64,
        aim_frames_per_second: f64,
    },
}

/// Builds the page as it is published, serves it and measures.
pub(super) fn measure() -> Result<Vec<Figure>> {
    let browser = browser::ensure()?;
    let server = server::start(&web::build(web::Profile::Published)?, [0])?;
    let mut cargo = Command::new(toolchain::host_cargo());
    cargo.args(["run", "--quiet", "--package", "faultline-web", "--example", EXAMPLE, "--"]);
    cargo.arg(COUNT.to_string()).current_dir(workspace::root());
    cargo.env("FAULTLINE_URL", server.url());
    cargo.env("CHROMIUM", browser.chromium).env("CHROMEDRIVER", browser.chromedriver);
    let lines = ui::step("Measuring the page in Chromium", || process::stdout_of(&mut cargo))?;
    let read = |line| serde_json::from_str(line).with_context(|| format!("reading the measurement {line}"));
    let lines: Vec<Line> = lines.lines().map(read).collect::<Result<_>>()?;
    Ok(figures(lines))
}

/// All second visits are one figure, and so on, in the order in which the first of each came.
fn figures(lines: Vec<Line>) -> Vec<Figure> {
    let mut visits: Vec<(String, Vec<f64>)> = Vec::new();
    let mut others = Vec::new();
    for line in lines {
        match line {
            Line::Visit { visit, milliseconds } => {
                match visits.iter_mut().find(|(known, _)| *known == visit) {
                    Some((_, times)) => times.push(milliseconds),
                    None => visits.push((visit, vec![milliseconds])),
                }
            }
            Line::Steps { run, kind, milliseconds } => others.extend(step(run, kind, milliseconds)),
            Line::Frames { pace, gaps, shown, frames, processes } => {
                others.push(running(pace, &gaps, (shown, frames, processes)));
            }
        }
    }
    visits.into_iter().map(first_fault).chain(others).collect()
}

fn first_fault((visit, times): (String, Vec<f64>)) -> Figure {
    let [median_ms, _, worst_ms] = spread(&times);
    Figure::FirstFault { visit, median_ms, worst_ms, visits: times.len(), aim_ms: FIRST_FAULT_AIM }
}

/// `None` where a run has nowhere to step to.
fn step(run: String, kind: String, times: Vec<f64>) -> Option<Figure> {
    let [p50_ms, p95_ms, worst_ms] = spread(&times);
    let steps = times.len();
    (steps > 0).then_some(Figure::Step { run, kind, p50_ms, p95_ms, worst_ms, steps, aim_ms: STEP_AIM })
}

#[expect(clippy::cast_precision_loss, reason = "counts far below 2^53")]
fn running(pace: String, gaps: &[f64], (shown, frames_of_memory, processes): (u64, u64, u64)) -> Figure {
    let seconds = gaps.iter().sum::<f64>() / 1000.0;
    let late = gaps.iter().filter(|gap| **gap > LATE).count();
    let [_, _, worst_frame_ms] = spread(gaps);
    Figure::Running {
        pace,
        frames_per_second: rounded(gaps.len() as f64 / seconds),
        worst_frame_ms,
        late_percent: rounded(late as f64 * 100.0 / gaps.len().max(1) as f64),
        places_per_second: rounded(shown as f64 / seconds),
        frames_of_memory,
        processes,
        aim_frames_per_second: FRAMES_AIM,
    }
}

/// The median, the 95th percentile and the worst.
fn spread(times: &[f64]) -> [f64; 3] {
    let mut times = times.to_vec();
    times.sort_by(f64::total_cmp);
    let at = |place: usize| times.get(place.min(times.len().saturating_sub(1))).copied().map_or(0.0, rounded);
    [at(times.len() / 2), at(times.len() * 95 / 100), at(times.len())]
}

fn rounded(value: f64) -> f64 {
    (value * 10.0).round() / 10.0
}

impl Figure {
    /// Whether the page does as well as it should.
    pub(super) fn is_reached(&self) -> bool {
        match self {
            Self::FirstFault { median_ms, aim_ms, .. } => median_ms < aim_ms,
            Self::Step { p95_ms, aim_ms, .. } => p95_ms < aim_ms,
            Self::Running { frames_per_second, aim_frames_per_second, .. } => {
                frames_per_second >= aim_frames_per_second
            }
        }
    }

    fn line(&self) -> String {
        match self {
            Self::FirstFault { visit, median_ms, worst_ms, visits, aim_ms } => format!(
                "first page fault  {visit} visit: median {median_ms:.0} ms, worst {worst_ms:.0} ms of {visits} (aim: {aim_ms:.0} ms)"
            ),
            Self::Step { run, kind, p50_ms, p95_ms, worst_ms, aim_ms, .. } => format!(
                "{run:<13} {kind:<21} {p50_ms:>7.1} {p95_ms:>7.1} {worst_ms:>7.1}  ms, median, 95th percentile (aim: {aim_ms:.0}), worst"
            ),
            Self::Running {
                pace,
                frames_per_second,
                worst_frame_ms,
                late_percent,
                places_per_second,
                frames_of_memory,
                processes,
                aim_frames_per_second,
            } => format!(
                "running  {pace}: {frames_per_second:.1} frames a second (aim: {aim_frames_per_second:.0}), late {late_percent:.1} %, worst {worst_frame_ms:.0} ms; {places_per_second:.1} places a second; {frames_of_memory} frames of memory, {processes} processes"
            ),
        }
    }
}

/// The figures as a table.
pub(super) fn table(figures: &[Figure]) -> String {
    let line = |figure: &Figure| {
        let verdict = if figure.is_reached() { "" } else { "  MISSED" };
        format!("{}{verdict}\n", figure.line())
    };
    figures.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Line {
        serde_json::from_str(line).unwrap()
    }

    #[test]
    fn visits_are_put_together_and_kinds_of_steps_are_not() {
        let lines = [
            r#"{"visit":"first","milliseconds":900}"#,
            r#"{"visit":"second","milliseconds":300.26}"#,
            r#"{"visit":"first","milliseconds":1000.6}"#,
            r#"{"run":"a tour","kind":"next fault","milliseconds":[1,60,3]}"#,
            r#"{"run":"a tour","kind":"next note","milliseconds":[]}"#,
        ];
        let figures = figures(lines.map(read).to_vec());
        assert_eq!(figures.len(), 3);
        let text = table(&figures);
        assert!(text.contains("first visit: median 1001 ms, worst 1001 ms of 2"), "{text}");
        assert!(text.contains("second visit: median 300 ms"), "{text}");
        assert!(text.lines().last().unwrap().ends_with("worst  MISSED"), "{text}");
    }

    #[test]
    fn frames_that_come_late_are_counted() {
        let gaps = [[16.0; 59].as_slice(), &[56.0]].concat();
        let Figure::Running { frames_per_second, worst_frame_ms, late_percent, .. } =
            running("full speed".into(), &gaps, (30, 32768, 20))
        else {
            panic!("it ran")
        };
        assert_eq!((frames_per_second, worst_frame_ms, late_percent), (60.0, 56.0, 1.7));
    }
}
