//! `cargo xtask test`: every test there is, in suites that can be run alone.

mod browser;
mod differential;
mod format;
mod guest;
mod kernel;
mod lint;
mod native;
mod qemu;
mod report;
mod results;

use std::{process::ExitCode, time::Instant};

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::ui;
pub(super) use browser::bless_screens;
use report::{Report, Row};
use results::Count;

/// A part of the tests that can be run alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Suite {
    /// The layout of the source
    Format,
    /// Warnings of compiler and clippy, on the host and on both targets
    Lint,
    /// The guest images: they build, the disk is sound, no path of this machine is in them
    Guest,
    /// Unit and integration tests on the host
    Native,
    /// The kernel's own tests, random programs, failing disks and memory, every combination of options
    Kernel,
    /// Page faults on QEMU against those on Faultline
    Qemu,
    /// Random programs on QEMU and on Faultline
    Differential,
    /// The page in Chromium
    Web,
}

#[derive(Args)]
pub(crate) struct Options {
    /// Suites to run [default: all]
    suites: Vec<Suite>,
}

/// How a suite ended.
enum Outcome {
    /// It ran.
    Ran(Count),
    /// It could not run here, for this reason.
    Skipped(String),
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let all = Suite::value_variants();
    let suites = if options.suites.is_empty() { all } else { &options.suites };
    let report = Report::new(suites.iter().map(|suite| row(*suite)).collect());
    report.print();
    Ok(if report.is_good() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn row(suite: Suite) -> Row {
    ui::begin(&format!("Suite {suite:?}"));
    let start = Instant::now();
    // A suite that breaks off counts as one failure; the others still run.
    let outcome = run_suite(suite).unwrap_or_else(|error| {
        ui::error(&error);
        Outcome::Ran(Count::failure(&format!("suite {suite:?} broke off: {error:#}")))
    });
    if let Outcome::Skipped(reason) = &outcome {
        ui::warn(&format!("suite {suite:?} is SKIPPED: {reason}"));
    }
    Row { suite, outcome, time: start.elapsed() }
}

fn run_suite(suite: Suite) -> Result<Outcome> {
    match suite {
        Suite::Format => format::run(),
        Suite::Lint => lint::run(),
        Suite::Guest => guest::run(),
        Suite::Native => native::run(),
        Suite::Kernel => kernel::run(),
        Suite::Qemu => qemu::run(),
        Suite::Differential => differential::run(),
        Suite::Web => browser::run(),
    }
}

/// Why something that tests need is not here.
struct Missing(String);

impl From<Missing> for Outcome {
    fn from(missing: Missing) -> Self {
        Self::Skipped(missing.0)
    }
}

/// What tests cannot do without. Where it is missing they are skipped, but never on a build server:
/// there they must run.
fn needed<T>(found: Result<T>) -> Result<Result<T, Missing>> {
    match found {
        Ok(found) => Ok(Ok(found)),
        Err(error) if std::env::var_os("CI").is_some_and(|ci| !ci.is_empty() && ci != "false") => Err(error),
        Err(error) => Ok(Err(Missing(error.to_string()))),
    }
}
