//! `cargo xtask mutants`.

use std::process::ExitCode;

use anyhow::Result;

use crate::mutants;

pub(crate) fn run() -> Result<ExitCode> {
    let outcome = mutants::run()?;
    println!("{} mistakes noticed, {} not", outcome.killed, outcome.survived.len());
    outcome.survived.iter().for_each(|name| println!("SURVIVED: {name}"));
    Ok(if outcome.survived.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
