//! `cargo xtask bless`: records the golden event streams anew, for a person to read the difference.

use std::{
    fs,
    path::Path,
    process::{Command, ExitCode},
};

use anyhow::{Context, Result, bail};
use clap::Args;

use super::test;
use crate::{guest, machine, process, scenario, toolchain, ui, workspace};

#[derive(Args)]
pub(crate) struct Options {
    /// Take the reference pictures of the page anew instead
    #[arg(long)]
    screens: bool,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    if options.screens {
        test::bless_screens()?;
        ui::note("look at every picture in web/tests/browser/screens before you commit it");
        return Ok(ExitCode::SUCCESS);
    }
    guest::build()?;
    let faultline = machine::build()?;
    let golden = workspace::root().join("static/golden");
    fs::create_dir_all(&golden).with_context(|| format!("creating {}", golden.display()))?;
    let mut changes = Vec::new();
    for file in scenario::built_in()? {
        changes.push((scenario::name(&file), bless(&faultline, &file, &golden)?));
    }
    bless_schema()?;
    scenario::bless_titles()?;
    ui::begin("What changed (read it before you commit it)");
    print!("{}", told(&changes));
    let mut git = Command::new("git");
    git.args(["--no-pager", "diff", "--stat", "--", "static", "docs/scenario.schema.json"]);
    process::run(git.current_dir(workspace::root()))?;
    Ok(ExitCode::SUCCESS)
}

/// The changes of each scenario, in words.
fn told(changes: &[(String, String)]) -> String {
    let mut text = String::new();
    for (name, change) in changes.iter().filter(|(_, change)| !change.is_empty()) {
        text += &format!("{name}\n");
        change.lines().for_each(|line| text += &format!("  {line}\n"));
    }
    if text.is_empty() { "every scenario means what it meant\n".into() } else { text }
}

/// Writes the schema of scenario files as the types say it: a test of the machine does.
fn bless_schema() -> Result<()> {
    let mut cargo = Command::new(toolchain::host_cargo());
    cargo.args(["test", "--quiet", "--package", "faultline-machine", "--test", "schema"]);
    cargo.env("FAULTLINE_BLESS", "1").current_dir(workspace::root());
    ui::step("Writing the schema of scenarios", || process::stdout_of(&mut cargo)).map(drop)
}

/// Records the events in words, and their digest in the scenario itself. Returns in words what has changed.
fn bless(faultline: &Path, file: &Path, golden: &Path) -> Result<String> {
    let target = golden.join(format!("{}.semantic.txt", scenario::name(file)));
    let change = if target.exists() { changes(faultline, file, &target)? } else { "new\n".into() };
    let digest = |what: &str| {
        let mut command = Command::new(faultline);
        command.env("FAULTLINE_GUEST", workspace::guest_images()).arg("digest").arg(file).arg(what);
        process::stdout_of(&mut command)
    };
    digest("--write")?;
    let lines = digest("--semantic")?;
    fs::write(&target, lines).with_context(|| format!("writing {}", target.display()))?;
    Ok(change)
}

/// What a scenario does differently from what was recorded, a difference a line.
fn changes(faultline: &Path, file: &Path, golden: &Path) -> Result<String> {
    let mut command = Command::new(faultline);
    command.env("FAULTLINE_GUEST", workspace::guest_images());
    let output = command.arg("digest").arg(file).arg("--against").arg(golden).output()?;
    match output.status.code() {
        Some(0 | 1) => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        _ => bail!("{}: {}", scenario::name(file), String::from_utf8_lossy(&output.stderr).trim()),
    }
}

#[cfg(test)]
mod tests {
    use super::told;

    #[test]
    fn changes_stand_below_their_scenario() {
        let entry = |name: &str, change: &str| (name.to_owned(), change.to_owned());
        assert_eq!(told(&[entry("a", ""), entry("b", "x\ny\n")]), "b\n  x\n  y\n");
        assert_eq!(told(&[entry("a", "")]), "every scenario means what it meant\n");
    }
}
