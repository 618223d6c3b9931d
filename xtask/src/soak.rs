//! The soak: random programs under memory pressure, and now and then enemies of the kernel. A seed says what
//! they do and how the kernel is set, so that a run can be had again.

use std::path::Path;

use anyhow::{Result, bail, ensure};

use crate::{
    machine,
    process::{self, Captured},
    qemu::Boot,
    vmtests::Policy,
};

/// Rounds of one run of the program `soak`: a second or so.
const ROUNDS: u64 = 400;
/// Rounds of one run of the program `hostile`, likewise.
const HOSTILE_ROUNDS: u64 = 100;
/// Instructions and traps after which a run is taken to hang: some thirty times what one needs.
const LIMIT: u64 = 3_000_000_000;

/// The options that belong to a seed: every combination comes in turn. Every third run is an enemy's.
pub(crate) fn options(seed: u64) -> String {
    const FRAMES: [u64; 5] = [60, 90, 75, 140, 48];
    const SWAP: [u64; 3] = [128, 40, 8];
    let program = if seed % 3 == 2 {
        format!("hostile:{seed}:{HOSTILE_ROUNDS}")
    } else {
        format!("soak:{seed}:{ROUNDS}")
    };
    let modes = modes(seed);
    let number =
        |seed: u64, numbers: &[u64]| numbers[usize::try_from(seed % numbers.len() as u64).unwrap_or(0)];
    let (frames, swap) = (number(seed, &FRAMES), number(seed / 3, &SWAP));
    // A short time slice brings the processes into each other's way.
    format!("init={program} {modes} frames={frames} swap={swap} seed={seed} quantum=20000")
}

/// What can be switched.
fn modes(seed: u64) -> String {
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
    modes.join(" ")
}

/// Runs the programs of `seed`.
pub(crate) fn run(faultline: &Path, seed: u64) -> Result<()> {
    boot(faultline, &options(seed)).map_err(|error| error.context(format!("seed {seed}")))
}

/// Runs the programs that these kernel options name.
pub(crate) fn boot(faultline: &Path, options: &str) -> Result<()> {
    let mut command = machine::boot(faultline, &Boot::with_options(options.to_owned()));
    command.arg("--detect").args(["--max-instructions", &LIMIT.to_string()]);
    let run = process::captured(&mut command)?;
    judge(&run).map_err(|error| error.context(format!("`{}`", process::shown(&command))))
}

/// Whether nothing went wrong.
fn judge(run: &Captured) -> Result<()> {
    let tail = || {
        let lines: Vec<&str> = run.stdout.lines().chain(run.stderr.lines()).collect();
        lines[lines.len().saturating_sub(8)..].join("\n")
    };
    for bad in ["WRONG", "FAILED", "panic"] {
        if let Some(line) = run.stdout.lines().find(|line| line.contains(bad)) {
            bail!("{line}\n{}", tail());
        }
    }
    let warning = run.stderr.lines().find(|line| line.contains("warning"));
    ensure!(warning.is_none(), "{}", warning.unwrap_or_default());
    let whole = run.stdout.lines().any(|line| line.contains("frames free as before"));
    let passed = whole && run.code == Some(0) && run.stdout.contains(" PASSED with seed");
    ensure!(passed || was_cut_short(run, whole), "exit code {:?}\n{}", run.code, tail());
    Ok(())
}

/// Whether the first program was killed for want of memory: then there is no verdict of its own. Everything
/// must have come back, unless somebody is left who waits for ever, and nobody who would end him.
fn was_cut_short(run: &Captured, whole: bool) -> bool {
    let of_first = |line: &str| line.contains("(pid 1) killed") && line.contains("out of memory");
    let waiting = run.stderr.contains("the guest waits for input");
    run.stdout.lines().any(of_first) && (whole || waiting)
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
        const KILLED: &str = "kernel: soak (pid 1) killed: out of memory\n";
        assert!(judge(&run(&format!("{KILLED}{END}"), "", 143)).is_ok());
        assert!(judge(&run(KILLED, "faultline: the guest waits for input, and there is no more", 3)).is_ok());
        for (stdout, stderr, code) in [
            (KILLED, "", 143),
            ("HOSTILE PASSED with seed 1\n", "faultline: the guest waits for input", 3),
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
        let all: Vec<String> = (0..96).map(options).collect();
        for word in
            ["policy=random", "fork=copy", "exec=eager", "zero=private", "sbrk=eager", "frames=48", "swap=8"]
        {
            assert!(all.iter().any(|options| options.split(' ').any(|option| option == word)), "{word}");
        }
    }
}
