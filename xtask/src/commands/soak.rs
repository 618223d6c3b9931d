//! `cargo xtask soak`.

use std::{
    process::ExitCode,
    time::{Duration, Instant},
};

use anyhow::Result;
use clap::Args;

use crate::{guest, machine, soak, ui};

#[derive(Args)]
pub(crate) struct Options {
    /// How long to go on
    #[arg(long, default_value_t = 600)]
    seconds: u64,
    /// The first seed; the next run has the next one
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Runs after which to end, if that is sooner
    #[arg(long)]
    runs: Option<u64>,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    guest::build()?;
    let faultline = machine::build()?;
    let (start, limit) = (Instant::now(), Duration::from_secs(options.seconds));
    let (mut runs, mut told) = (0, start);
    ui::begin(&format!("Random programs under memory pressure for {}", ui::seconds(limit)));
    while start.elapsed() < limit && options.runs.is_none_or(|most| runs < most) {
        soak::run(&faultline, options.seed + runs)?;
        runs += 1;
        if told.elapsed() > Duration::from_secs(30) {
            ui::note(&format!("{runs} runs in {}", ui::seconds(start.elapsed())));
            told = Instant::now();
        }
    }
    let last = options.seed + runs.saturating_sub(1);
    ui::note(&format!(
        "{runs} runs, seeds {} to {last}: no panic, no wrong byte, no leak, no warning",
        options.seed
    ));
    Ok(ExitCode::SUCCESS)
}
