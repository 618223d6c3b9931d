//! The soak: random programs under memory pressure. A seed says what they do and how the kernel is set,
//! so that a run can be had again.

use std::path::Path;

use anyhow::{Result, bail, ensure};

use crate::{
    machine,
    process::{self, Captured},
    qemu::Boot,
    vmtests::Policy,
};

/// Rounds of one run: a second or so.
const ROUNDS: u64 = 400;
/// Instructions and traps after which a run is taken to hang: some thirty times what one needs.
const LIMIT: u64 = 3_000_000_000;

/// The options that belong to a seed: every combination comes in turn.
pub(crate) fn options(seed: u64) -> String {
    const FRAMES: [u64; 5] = [60, 90, 75, 140, 48];
    const SWAP: [u64; 3] = [128, 40, 8];
    let pick = |choices: &[&'static str], weight: u64| {
        let count = choices.len() as u64;
        choices[usize::try_from(seed / weight % count).unwrap_or(0)]
    };
    let policies = [Policy::Clock, Policy::Fifo, Policy::Aging, Policy::Random].map(Policy::option);
    let modes = [
        pick(&policies, 1),
        pick(&["fork=cow", "fork=copy"], 2),
        pick(&["exec=demand", "exec=eager"], 4),
        pick(&["zero=shared", "zero=private"], 8),
        pick(&["sbrk=lazy", "sbrk=lazy", "sbrk=eager"], 16),
    ];
    let number = |numbers: &[u64]| numbers[usize::try_from(seed % numbers.len() as u64).unwrap_or(0)];
    let (frames, swap) = (number(&FRAMES), number(&SWAP));
    // A short time slice brings the processes into each other's way.
    format!(
        "init=soak:{seed}:{ROUNDS} {} frames={frames} swap={swap} seed={seed} quantum=20000",
        modes.join(" ")
    )
}

/// Runs the programs of `seed`.
pub(crate) fn run(faultline: &Path, seed: u64) -> Result<()> {
    let mut command = machine::boot(faultline, &Boot::with_options(options(seed)));
    command.arg("--detect").args(["--max-instructions", &LIMIT.to_string()]);
    let run = process::captured(&mut command)?;
    judge(&run).map_err(|error| error.context(format!("seed {seed}: `{}`", process::shown(&command))))
}

/// Whether nothing went wrong. The first program may be killed for want of memory: then there is no verdict
/// of its own, but everything must have come back.
fn judge(run: &Captured) -> Result<()> {
    let tail = || {
        let lines: Vec<&str> = run.stdout.lines().chain(run.stderr.lines()).collect();
        lines[lines.len().saturating_sub(8)..].join("\n")
    };
    for bad in ["WRONG", "SOAK FAILED", "panic"] {
        if let Some(line) = run.stdout.lines().find(|line| line.contains(bad)) {
            bail!("{line}\n{}", tail());
        }
    }
    let warning = run.stderr.lines().find(|line| line.contains("warning"));
    ensure!(warning.is_none(), "{}", warning.unwrap_or_default());
    let whole = run.stdout.lines().any(|line| line.contains("frames free as before"));
    ensure!(whole, "the run did not come to its end (exit code {:?})\n{}", run.code, tail());
    let passed = run.code == Some(0) && run.stdout.contains("SOAK PASSED");
    ensure!(passed || run.stdout.contains("out of memory"), "exit code {:?}\n{}", run.code, tail());
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(stdout: &str, stderr: &str, code: i32) -> Captured {
        Captured { stdout: stdout.into(), stderr: stderr.into(), code: Some(code) }
    }

    #[test]
    fn a_run_is_good_that_passed_or_ran_out_of_memory_and_gave_everything_back() {
        const END: &str = "kernel: all programs have ended, 60 frames free as before\n";
        assert!(judge(&run(&format!("SOAK PASSED with seed 1\n{END}"), "", 0)).is_ok());
        assert!(judge(&run(&format!("soak killed: out of memory\n{END}"), "", 143)).is_ok());
        for (stdout, stderr, code) in [
            ("SOAK PASSED with seed 1\n", "", 0),
            (END, "", 0),
            ("SOAK FAILED with seed 1\n", "", 1),
            ("kernel panicked at x\n", "", 101),
        ] {
            assert!(judge(&run(stdout, stderr, code)).is_err(), "{stdout}");
        }
        let passed = format!("SOAK PASSED with seed 1\n{END}");
        assert!(judge(&run(&passed, "faultline: warning: a stale translation", 4)).is_err());
    }

    #[test]
    fn seeds_bring_every_policy_and_mode() {
        let all: Vec<String> = (0..48).map(options).collect();
        for word in
            ["policy=random", "fork=copy", "exec=eager", "zero=private", "sbrk=eager", "frames=48", "swap=8"]
        {
            assert!(all.iter().any(|options| options.split(' ').any(|option| option == word)), "{word}");
        }
    }
}
