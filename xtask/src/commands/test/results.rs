//! Counting tests, and reading the counts that `cargo test` prints.

use std::{
    io::{BufRead, BufReader},
    ops::AddAssign,
    process::{Command, Stdio},
};

use anyhow::{Context, Result};

use crate::{process, ui};

/// How many tests passed and failed.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) passed: u32,
    pub(super) failed: u32,
}

impl Count {
    pub(super) const PASSED: Self = Self { passed: 1, failed: 0 };
    pub(super) const FAILED: Self = Self { passed: 0, failed: 1 };

    /// Counts one check and says why it failed.
    pub(super) fn check(&mut self, what: &str, outcome: Result<()>) {
        match outcome {
            Ok(()) => {
                ui::note(&format!("passed: {what}"));
                *self += Self::PASSED;
            }
            Err(error) => {
                ui::error(&error.context(format!("FAILED: {what}")));
                *self += Self::FAILED;
            }
        }
    }
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
    }
}

/// Runs `cargo test …`, shows what it prints and counts. A run that ends badly without a failed
/// test, such as one that does not compile, is one failure.
pub(super) fn of_cargo_test(command: &mut Command) -> Result<Count> {
    let shown = process::shown(command);
    let mut child =
        command.stdout(Stdio::piped()).spawn().with_context(|| format!("cannot start `{shown}`"))?;
    let output = child.stdout.take().context("the output is piped")?;
    let mut count = Count::default();
    for line in BufReader::new(output).lines() {
        let line = line.with_context(|| format!("reading what `{shown}` prints"))?;
        println!("{line}");
        count += of_line(&line).unwrap_or_default();
    }
    if !child.wait()?.success() && count.failed == 0 {
        count += Count::FAILED;
    }
    Ok(count)
}

/// `test result: ok. 12 passed; 0 failed; …`.
fn of_line(line: &str) -> Option<Count> {
    let (_, numbers) = line.strip_prefix("test result: ")?.split_once(". ")?;
    let number = |name: &str| {
        let part = numbers.split("; ").find_map(|part| part.trim().strip_suffix(name))?;
        part.trim().parse().ok()
    };
    Some(Count { passed: number("passed")?, failed: number("failed")? })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_from_the_result_line_only() {
        let line = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.1s";
        assert_eq!(of_line(line), Some(Count { passed: 12, failed: 3 }));
        assert_eq!(of_line("test walk::superpage ... ok"), None);
        assert_eq!(of_line("test result: odd"), None);
    }

    #[test]
    fn a_run_that_ends_badly_is_a_failure_even_without_a_failed_test() {
        let count = |script: &str| of_cargo_test(Command::new("sh").args(["-c", script])).unwrap();
        assert_eq!(count("exit 101"), Count::FAILED);
        let result = "echo 'test result: ok. 2 passed; 0 failed; 0 ignored'";
        assert_eq!(count(result), Count { passed: 2, failed: 0 });
        assert_eq!(count(&format!("{result}; exit 1")), Count { passed: 2, failed: 1 });
    }
}
