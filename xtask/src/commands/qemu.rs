//! `cargo xtask qemu`.

use std::{process::ExitCode, time::Duration};

use anyhow::Result;
use clap::Args;

use crate::{
    faults, guest, process,
    qemu::{self, Boot},
    scenario, ui,
};

#[derive(Args)]
pub(crate) struct Options {
    /// A scenario: a file, or the name of a built-in one
    #[arg(default_value = "lazy-sbrk")]
    scenario: String,
    /// Kernel options instead of a scenario's, such as "init=hello sbrk=eager"
    #[arg(long, conflicts_with = "scenario")]
    append: Option<String>,
    /// Run to the end and list the page faults
    #[arg(long)]
    trace: bool,
    /// Seconds after which a traced run is ended
    #[arg(long, default_value_t = 60)]
    limit: u64,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let boot = boot(options)?;
    let qemu = qemu::ensure()?;
    guest::build()?;
    if options.trace {
        return trace(&boot, Duration::from_secs(options.limit));
    }
    let mut command = qemu::command(&qemu, &boot);
    ui::begin(&format!("Booting on QEMU (Ctrl-A X ends it): {}", process::shown(&command)));
    process::hand_over(&mut command)
}

fn boot(options: &Options) -> Result<Boot> {
    if let Some(append) = &options.append {
        return Ok(Boot::with_options(append.clone()));
    }
    let scenario = scenario::read(&scenario::find(&options.scenario)?)?;
    Ok(Boot { memory_mib: scenario.machine.memory_mib, append: scenario.command_line() })
}

fn trace(boot: &Boot, limit: Duration) -> Result<ExitCode> {
    let traced = qemu::traced(boot, limit)?;
    eprint!("{}", traced.console);
    for fault in faults::of_qemu(&traced.log)? {
        println!("{fault}");
    }
    Ok(exit_code(traced.code))
}

/// The guest's own exit code.
fn exit_code(code: Option<i32>) -> ExitCode {
    code.and_then(|code| u8::try_from(code).ok()).map_or(ExitCode::FAILURE, ExitCode::from)
}
