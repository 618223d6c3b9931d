//! `vmtests`, the kernel's tests from inside: what to boot, and how to tell that all passed.

use std::{path::PathBuf, time::Duration};

use anyhow::{Result, ensure};
use clap::ValueEnum;

use crate::{
    machine,
    process::{self, Captured},
    qemu::{self, Boot},
};

/// QEMU needs a few seconds for the tests; a busy machine may take many times that.
const LIMIT: Duration = Duration::from_secs(300);

/// So few frames that pages of the tests must go to swap.
pub(crate) const SCARCE: u32 = 60;

/// A replacement policy of the kernel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Policy {
    Clock,
    Fifo,
    Aging,
    Random,
}

impl Policy {
    /// The kernel option.
    pub(crate) const fn option(self) -> &'static str {
        match self {
            Self::Clock => "policy=clock",
            Self::Fifo => "policy=fifo",
            Self::Aging => "policy=aging",
            Self::Random => "policy=random",
        }
    }
}

/// Whose machine to boot on.
pub(crate) enum Host {
    /// Faultline's, with all detectors on: the command.
    Faultline(PathBuf),
    /// QEMU's.
    Qemu,
}

/// Boots `vmtests` with these kernel options; what it printed and how it ended.
pub(crate) fn boot(host: &Host, options: &str) -> Result<Captured> {
    let boot = Boot::with_options(format!("init=vmtests {options}"));
    match host {
        Host::Faultline(faultline) => process::captured(machine::boot(faultline, &boot).arg("--detect")),
        Host::Qemu => qemu::finished(&boot, LIMIT),
    }
}

/// How many cases passed, if all did.
pub(crate) fn passed(run: &Captured) -> Result<usize> {
    let lines = || run.stdout.lines().map(str::trim_end);
    if let Some(word) = lines().find(|line| line.contains("is not understood and has no effect")) {
        anyhow::bail!("{word}");
    }
    let failed: Vec<&str> =
        lines().filter(|line| line.contains("FAILED") || line.contains("panic")).collect();
    ensure!(failed.is_empty(), "{}", failed.join("\n"));
    ensure!(lines().any(|line| line == "ALL TESTS PASSED"), "the last line, ALL TESTS PASSED, is missing");
    ensure!(run.code == Some(0), "the exit code is {:?}\n{}", run.code, run.stderr);
    let cases = lines().filter(|line| line.starts_with("test ") && line.ends_with(": OK")).count();
    ensure!(cases > 0, "no case ran");
    Ok(cases)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn run(stdout: &str, code: i32) -> Captured {
        Captured { stdout: stdout.into(), stderr: String::new(), code: Some(code) }
    }

    #[test]
    fn all_passed_means_the_last_line_and_the_code_and_no_failure() {
        assert_eq!(passed(&run("test a: OK\r\ntest b: OK\nALL TESTS PASSED\n", 0)).unwrap(), 2);
        for (stdout, code) in [
            ("test a: OK\n", 0),
            ("test a: OK\nALL TESTS PASSED\n", 4),
            ("test a: FAILED\nALL TESTS PASSED\n", 0),
            ("ALL TESTS PASSED\n", 0),
            ("kernel: option \"x=1\" is not understood and has no effect\ntest a: OK\nALL TESTS PASSED\n", 0),
        ] {
            assert!(passed(&run(stdout, code)).is_err(), "{stdout} {code}");
        }
    }
}
