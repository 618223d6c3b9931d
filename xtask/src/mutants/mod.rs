//! `cargo xtask mutants`: are the tests able to notice?
//!
//! Each mistake of the table is put into a copy of the machine's source, all of them at once, each behind
//! a switch: an environment variable that names the one that is on. So the copy is compiled once, and
//! each mistake costs only the run of the test that has to fail. With all of them off the tests must
//! pass. The source itself knows nothing of this.

mod source;
mod table;

use std::{
    collections::BTreeSet,
    path::PathBuf,
    process::{Command, Stdio},
    time::Duration,
};

use anyhow::{Context, Result, ensure};

use self::table::{MUTANTS, Tests};
use crate::{artifacts, process, qemu, toolchain, ui, workspace};

/// The variable that names the mistake that is on, by its number.
const SWITCH: &str = "FAULTLINE_MUTANT";
/// A test that takes longer hangs, which is a failure.
const PATIENCE: Duration = Duration::from_secs(120);

/// What came of it.
pub(crate) struct Outcome {
    /// Mistakes that their test has noticed.
    pub(crate) killed: usize,
    /// Mistakes that it has not.
    pub(crate) survived: Vec<&'static str>,
}

/// Puts all mistakes in and runs the tests, first without any of them.
pub(crate) fn run() -> Result<Outcome> {
    let programs = ui::step("Building the machine's tests with every mistake in them", build)?;
    let filters: BTreeSet<_> = MUTANTS.iter().map(|mutant| mutant.killed_by.1).collect();
    for filter in filters {
        let tests =
            MUTANTS.iter().find(|mutant| mutant.killed_by.1 == filter).map(|mutant| mutant.killed_by.0);
        let passed = passes(programs.of(tests.unwrap_or(Tests::Unit)), filter, None)?;
        ensure!(passed, "the tests `{filter}` fail although no mistake is on");
    }
    let mut outcome = Outcome { killed: 0, survived: Vec::new() };
    for (number, mutant) in MUTANTS.iter().enumerate() {
        let (tests, filter) = mutant.killed_by;
        if passes(programs.of(tests), filter, Some(number))? {
            outcome.survived.push(mutant.name);
        } else {
            outcome.killed += 1;
            ui::note(&format!("killed: {}", mutant.name));
        }
    }
    Ok(outcome)
}

/// The test programs of the copy.
struct Programs {
    unit: PathBuf,
    walk_oracle: PathBuf,
}

impl Programs {
    fn of(&self, tests: Tests) -> &PathBuf {
        match tests {
            Tests::Unit => &self.unit,
            Tests::WalkOracle => &self.walk_oracle,
        }
    }
}

fn build() -> Result<Programs> {
    let copy = workspace::target().join("mutants/source");
    source::write(&copy)?;
    let mut cargo = Command::new(toolchain::host_cargo());
    cargo.args(["test", "--no-run", "--quiet", "--package", "faultline-machine", "--lib"]);
    cargo.args(["--test", "walk_oracle", "--message-format", "json-render-diagnostics"]);
    cargo
        .env("CARGO_TARGET_DIR", workspace::target().join("mutants/build"))
        .env("RUSTFLAGS", "--cap-lints=allow");
    let messages = process::stdout_of(cargo.current_dir(&copy))?;
    let program = |name: &str| {
        let found = artifacts::binaries(&messages)?.into_iter().find(|test| test.name == name);
        Ok::<_, anyhow::Error>(found.with_context(|| format!("Cargo built no tests `{name}`"))?.file)
    };
    Ok(Programs { unit: program("faultline_machine")?, walk_oracle: program("walk_oracle")? })
}

/// Whether these tests pass with mistake `number` on, or none.
fn passes(program: &PathBuf, filter: &str, number: Option<usize>) -> Result<bool> {
    let mut command = Command::new(program);
    command.arg(filter).stdout(Stdio::null()).stderr(Stdio::null());
    command.env(SWITCH, number.map_or_else(String::new, |number| number.to_string()));
    // Files that tests read lie beside the package.
    command.current_dir(workspace::target().join("mutants/source/machine"));
    let shown = process::shown(&command);
    let mut child = command.spawn().with_context(|| format!("cannot start `{shown}`"))?;
    Ok(qemu::wait(&mut child, PATIENCE)?.is_some_and(|status| status.success()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_mistake_has_its_place_in_the_source_as_it_is() {
        let root = workspace::root().join("machine/src");
        for mutant in MUTANTS {
            for (file, from, _) in mutant.edits {
                let text = std::fs::read_to_string(root.join(file)).unwrap();
                let table::Mutant { name, .. } = mutant;
                assert_eq!(
                    text.matches(from).count(),
                    1,
                    "`{name}`: the text in {file} is no longer there once"
                );
            }
        }
    }

    #[test]
    fn mistakes_are_told_apart_by_name() {
        let names: BTreeSet<_> = MUTANTS.iter().map(|mutant| mutant.name).collect();
        assert_eq!(names.len(), MUTANTS.len());
    }
}
