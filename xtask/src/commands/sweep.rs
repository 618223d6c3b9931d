//! `cargo xtask sweep`.

use std::{process::ExitCode, time::Instant};

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::{
    guest, machine,
    sweep::{BOOTS, Fault, PATIENCE, Sweep, numbers},
    ui,
};

#[derive(Args)]
pub(crate) struct Options {
    /// What fails [default: each in turn]
    fault: Option<Fault>,
    /// Kernel options to boot with [default: some that take the kernel through all it can do]
    #[arg(long)]
    append: Option<String>,
    /// Only so many failures of each kind, spread over the run
    #[arg(long, default_value_t = u64::MAX)]
    count: u64,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    guest::build()?;
    let faultline = machine::build()?;
    let faults = options.fault.map_or_else(|| Fault::value_variants().to_vec(), |fault| vec![fault]);
    let boots = options.append.as_deref().map_or_else(|| BOOTS.to_vec(), |append| vec![append]);
    let mut failed = 0;
    for (boot, fault) in boots.iter().flat_map(|boot| faults.iter().map(move |fault| (boot, fault))) {
        failed += sweep(&Sweep::new(&faultline, boot, *fault)?, options.count)?;
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Lets one after the other fail; how many of the runs went wrong.
fn sweep(sweep: &Sweep<'_>, count: u64) -> Result<u32> {
    let requests = sweep.requests()?;
    ui::begin(&format!("{:?} 1 to {requests} fails: {}", sweep.fault, sweep.options));
    let (mut told, mut runs, mut failed) = (Instant::now(), 0, 0);
    for n in numbers(requests, count) {
        if let Err(error) = sweep.fail(n) {
            failed += 1;
            ui::error(&error.context(format!("FAILED: {:?} {n}", sweep.fault)));
        }
        runs += 1;
        if told.elapsed() > PATIENCE {
            ui::note(&format!("{n} of {requests}"));
            told = Instant::now();
        }
    }
    ui::note(&format!("{runs} runs, {failed} failed"));
    Ok(failed)
}
