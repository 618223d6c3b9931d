//! `cargo xtask vmtests`.

use std::process::ExitCode;

use anyhow::Result;
use clap::{Args, ValueEnum};

use crate::{
    guest, machine, ui,
    vmtests::{self, Host, Policy, SCARCE},
};

#[derive(Args)]
pub(crate) struct Options {
    /// Boot on QEMU instead of on Faultline's machine
    #[arg(long)]
    qemu: bool,
    /// Who goes when frames run out [default: each policy in turn]
    #[arg(long)]
    policy: Option<Policy>,
    /// Frames for programs [default: once all there are, once so few that pages are swapped]
    #[arg(long)]
    frames: Option<u32>,
    /// Further kernel options, such as fork=cow
    #[arg(value_name = "OPTION")]
    options: Vec<String>,
}

impl Options {
    /// The kernel options of each run.
    fn runs(&self) -> Vec<String> {
        let policies = self.policy.map_or_else(|| Policy::value_variants().to_vec(), |policy| vec![policy]);
        let frames = self.frames.map_or_else(|| vec![None, Some(SCARCE)], |frames| vec![Some(frames)]);
        let mut runs = Vec::new();
        for policy in policies {
            for frames in &frames {
                let frames = frames.map(|frames| format!("frames={frames}"));
                let words = [policy.option().to_owned()].into_iter().chain(frames);
                runs.push(words.chain(self.options.iter().cloned()).collect::<Vec<_>>().join(" "));
            }
        }
        runs
    }
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    guest::build()?;
    let host = if options.qemu { Host::Qemu } else { Host::Faultline(machine::build()?) };
    let mut failed = 0;
    for options in options.runs() {
        ui::begin(&format!("vmtests with {options}"));
        let run = vmtests::boot(&host, &options)?;
        print!("{}", run.stdout);
        match vmtests::passed(&run) {
            Ok(cases) => ui::note(&format!("{cases} cases passed")),
            Err(error) => {
                failed += 1;
                ui::error(&error.context(format!("FAILED with {options}")));
            }
        }
    }
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_choice_every_policy_runs_with_ample_and_with_scarce_frames() {
        let all = Options { qemu: false, policy: None, frames: None, options: vec!["fork=cow".into()] };
        let runs = all.runs();
        assert_eq!(runs.len(), 8);
        assert_eq!(runs[..2], ["policy=clock fork=cow", "policy=clock frames=60 fork=cow"]);
        let one = Options { qemu: true, policy: Some(Policy::Aging), frames: Some(99), options: vec![] };
        assert_eq!(one.runs(), ["policy=aging frames=99"]);
    }
}
