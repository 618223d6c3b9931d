//! The kernel from inside: slices of `cargo xtask vmtests`, `soak` and `sweep`, and every combination of
//! its options.

use std::path::Path;

use anyhow::{Result, ensure};
use clap::ValueEnum;

use super::{Outcome, results::Count};
use crate::{
    fsck, guest,
    least::{self, LEAST},
    machine, process,
    qemu::Boot,
    soak,
    sweep::{BOOTS, Fault, Sweep, numbers},
    ui,
    vmtests::{self, Host, Policy, SCARCE},
};

/// Seeds of the soak's slice.
const SEEDS: std::ops::Range<u64> = 1000..1006;
/// The seed of a run with so many processes in so few frames that a fault takes longer than a time slice.
const CROWDED: u64 = 18;
/// Failures of each kind in the sweeps' slice.
const FAILURES: u64 = 5;
/// What can be switched, in every combination with every policy.
const SWITCHES: [[&str; 2]; 4] = [
    ["sbrk=lazy", "sbrk=eager"],
    ["fork=cow", "fork=copy"],
    ["exec=demand", "exec=eager"],
    ["zero=shared", "zero=private"],
];

pub(super) fn run() -> Result<Outcome> {
    guest::build()?;
    let faultline = machine::build()?;
    let mut count = Count::default();
    let host = Host::Faultline(faultline.clone());
    for policy in Policy::value_variants() {
        for frames in [String::new(), format!(" frames={SCARCE} fork=cow exec=demand zero=shared")] {
            let options = format!("{}{frames}", policy.option());
            let passed = vmtests::boot(&host, &options).and_then(|run| vmtests::passed(&run));
            count.check(&format!("vmtests pass with {options}"), passed.map(drop));
        }
    }
    count.check("every combination of options boots", every_combination(&faultline, boots));
    count.check("no call harms the kernel, whatever the options", every_combination(&faultline, withstands));
    let demonstrations =
        LEAST.iter().try_for_each(|&(program, least)| least::check(&faultline, program, least));
    count.check("every demonstration runs with as few frames as it needs", demonstrations);
    count.check("who gets a page uses it before others take it", soak::run(&faultline, CROWDED));
    for seed in SEEDS {
        count.check(&format!("random programs under pressure, seed {seed}"), soak::run(&faultline, seed));
    }
    let fsck = super::needed(fsck::ensure_installed())?;
    if let Err(missing) = &fsck {
        ui::warn(&format!("fsck.fat does not look at the disks: {}", missing.0));
    }
    let fsck = fsck.ok();
    for (boot, fault) in BOOTS.iter().flat_map(|boot| Fault::value_variants().iter().map(move |f| (boot, f)))
    {
        let what = format!("{fault:?} fails here and there, with {boot}");
        count.check(&what, some_failures(&Sweep::new(&faultline, boot, *fault, fsck.as_deref())?));
    }
    Ok(Outcome::Ran(count))
}

fn every_combination(faultline: &Path, judge: fn(&Path, &str) -> Result<()>) -> Result<()> {
    for policy in Policy::value_variants() {
        for bits in 0..1 << SWITCHES.len() {
            let words = SWITCHES.iter().enumerate().map(|(at, words)| words[bits >> at & 1]);
            let words: Vec<&str> = words.chain([policy.option()]).collect();
            judge(faultline, &words.join(" "))?;
        }
    }
    Ok(())
}

/// A short program boots and all that it took comes back.
fn boots(faultline: &Path, options: &str) -> Result<()> {
    let boot = Boot::with_options(format!("init=cowwrite,mmapshr {options} frames=64"));
    let run = process::captured(machine::boot(faultline, &boot).arg("--detect"))?;
    let whole = run.code == Some(0) && run.stdout.contains("frames free as before");
    ensure!(whole, "with {options}: exit code {:?}\n{}{}", run.code, run.stdout, run.stderr);
    ensure!(!run.stdout.contains("not understood"), "with {options}: {}", run.stdout);
    ensure!(
        run.stdout.contains(options),
        "the kernel does not say that it runs with {options}: {}",
        run.stdout
    );
    Ok(())
}

/// An enemy of the kernel comes to nothing, with scarce frames.
fn withstands(faultline: &Path, options: &str) -> Result<()> {
    soak::boot(faultline, &format!("init=hostile:{}:10 {options} frames=75 quantum=20000", options.len()))
}

fn some_failures(sweep: &Sweep<'_>) -> Result<()> {
    let wrong = sweep.fail_all(numbers(sweep.requests()?, FAILURES), |_| {});
    wrong.into_iter().next().map_or(Ok(()), |(n, error)| Err(error.context(format!("number {n}"))))
}
