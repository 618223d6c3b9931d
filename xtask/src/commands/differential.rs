//! `cargo xtask differential`.

use std::process::ExitCode;

use anyhow::Result;
use clap::Args;

use crate::{
    differential::{self, Plan},
    machine, qemu, ui, workspace,
};

/// Groups of instructions in a program: some 600 are executed.
pub(crate) const LENGTH: u32 = 400;

#[derive(Args)]
pub(crate) struct Options {
    /// How many random programs
    #[arg(long, default_value_t = 20_000)]
    cases: u64,
    /// The seed of the first; the others have those that follow
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Groups of instructions in a program
    #[arg(long, default_value_t = LENGTH, value_parser = clap::value_parser!(u32).range(1..=i64::from(LENGTH)))]
    length: u32,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let plan = Plan {
        seed: options.seed,
        cases: options.cases,
        length: options.length,
        qemu: qemu::ensure()?,
        faultline: machine::build()?,
        folder: workspace::target().join("differential"),
    };
    let what = format!("Running {} random programs on QEMU and on Faultline", options.cases);
    let outcome = ui::step(&what, || differential::run(&plan))?;
    println!(
        "{} programs and {} instructions compared, {} images differ",
        outcome.cases,
        outcome.instructions,
        outcome.differences.len()
    );
    outcome.differences.iter().for_each(|difference| println!("\n{difference}"));
    Ok(if outcome.differences.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
