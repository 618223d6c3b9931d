//! Counting tests, and reading the counts that `cargo test` prints.

use std::{
    io::{BufRead, BufReader},
    ops::AddAssign,
    process::{Command, Stdio},
};

use anyhow::{Context, Result};

use crate::{process, ui};

/// How many tests passed and failed, and which failed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Count {
    pub(super) passed: u32,
    pub(super) failed: u32,
    /// The failed ones as far as they have names, to be told again at the end of a long log.
    pub(super) failures: Vec<String>,
    /// Those that failed and passed when they were run again alone.
    pub(super) unsteady: Vec<String>,
}

impl Count {
    pub(super) const PASSED: Self = Self { passed: 1, failed: 0, failures: Vec::new(), unsteady: Vec::new() };

    /// One failure.
    pub(super) fn failure(what: &str) -> Self {
        Self { failed: 1, failures: vec![what.to_owned()], ..Self::default() }
    }

    /// Corrects the count by a second run of exactly the failed tests.
    pub(super) fn correct(&mut self, again: Self) {
        let passed = |name: &String| !again.failures.contains(name);
        self.unsteady.extend(self.failures.iter().filter(|name| passed(name)).cloned());
        self.passed += again.passed;
        self.failed = again.failed;
        self.failures = again.failures;
    }

    /// Counts one check and says why it failed.
    pub(super) fn check(&mut self, what: &str, outcome: Result<()>) {
        match outcome {
            Ok(()) => {
                ui::note(&format!("passed: {what}"));
                *self += Self::PASSED;
            }
            Err(error) => {
                ui::error(&error.context(format!("FAILED: {what}")));
                *self += Self::failure(what);
            }
        }
    }
}

impl AddAssign for Count {
    fn add_assign(&mut self, other: Self) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.failures.extend(other.failures);
        self.unsteady.extend(other.unsteady);
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
        count.failures.extend(failed_test(&line).map(str::to_owned));
    }
    if !child.wait()?.success() && count.failed == 0 {
        count += Count::failure(&shown);
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
    Some(Count { passed: number("passed")?, failed: number("failed")?, ..Count::default() })
}

/// `test walk::superpage ... FAILED`.
fn failed_test(line: &str) -> Option<&str> {
    line.strip_prefix("test ")?.strip_suffix(" ... FAILED")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_are_read_from_the_result_line_only() {
        let line = "test result: FAILED. 12 passed; 3 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.1s";
        assert_eq!(of_line(line), Some(Count { passed: 12, failed: 3, ..Count::default() }));
        assert_eq!(of_line("test walk::superpage ... ok"), None);
        assert_eq!(of_line("test result: odd"), None);
    }

    #[test]
    fn a_second_run_corrects_the_first_and_names_what_was_unsteady() {
        let names = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        let mut count = Count { passed: 8, failed: 2, failures: names(&["a", "b"]), unsteady: vec![] };
        count.correct(Count { passed: 1, failed: 1, failures: names(&["b"]), unsteady: vec![] });
        let expected = Count { passed: 9, failed: 1, failures: names(&["b"]), unsteady: names(&["a"]) };
        assert_eq!(count, expected);
    }

    #[test]
    fn failed_tests_are_known_by_name() {
        assert_eq!(failed_test("test walk::superpage ... FAILED"), Some("walk::superpage"));
        assert_eq!(failed_test("test walk::superpage ... ok"), None);
    }

    #[test]
    fn a_run_that_ends_badly_is_a_failure_even_without_a_failed_test() {
        let count = |script: &str| {
            let count = of_cargo_test(Command::new("sh").args(["-c", script])).unwrap();
            (count.passed, count.failed)
        };
        assert_eq!(count("exit 101"), (0, 1));
        let result = "echo 'test result: ok. 2 passed; 0 failed; 0 ignored'";
        assert_eq!(count(result), (2, 0));
        assert_eq!(count(&format!("{result}; exit 1")), (2, 1));
    }
}
