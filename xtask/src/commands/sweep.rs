//! `cargo xtask sweep`.

use std::{process::ExitCode, sync::Mutex, time::Instant};

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::{
    fsck, guest, machine,
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
    let fsck = fsck::ensure_installed()?;
    let mut failed = 0;
    for (boot, fault) in boots.iter().flat_map(|boot| faults.iter().map(move |fault| (boot, fault))) {
        failed += sweep(&Sweep::new(&faultline, boot, *fault, Some(&fsck))?, options.count)?;
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Lets one after the other fail; how many of the runs went wrong.
fn sweep(sweep: &Sweep<'_>, count: u64) -> Result<usize> {
    let requests = sweep.requests()?;
    ui::begin(&format!("{:?} 1 to {requests} fails: {}", sweep.fault, sweep.options));
    let (begun, told) = (Instant::now(), Mutex::new(Instant::now()));
    let wrong = sweep.fail_all(numbers(requests, count), |n| {
        let Ok(mut told) = told.lock() else { return };
        if told.elapsed() > PATIENCE {
            ui::note(&format!("{n} of {requests}"));
            *told = Instant::now();
        }
    });
    let (runs, failed) = (numbers(requests, count).count(), wrong.len());
    for (n, error) in wrong {
        ui::error(&error.context(format!("FAILED: {:?} {n}", sweep.fault)));
    }
    ui::note(&format!("{runs} runs in {}, {failed} failed", ui::seconds(begun.elapsed())));
    Ok(failed)
}
