//! `cargo xtask bless`: records the golden event streams anew, for a person to read the difference.

use std::{
    fs,
    path::Path,
    process::{Command, ExitCode},
};

use anyhow::{Context, Result};

use crate::{guest, machine, process, scenario, ui, workspace};

pub(crate) fn run() -> Result<ExitCode> {
    guest::build()?;
    let faultline = machine::build()?;
    let golden = workspace::root().join("static/golden");
    fs::create_dir_all(&golden).with_context(|| format!("creating {}", golden.display()))?;
    for file in scenario::built_in()? {
        bless(&faultline, &file, &golden)?;
    }
    ui::begin("What changed (read it before you commit it)");
    process::run(
        Command::new("git")
            .args(["--no-pager", "diff", "--stat", "--patch", "--", "static"])
            .current_dir(workspace::root()),
    )?;
    Ok(ExitCode::SUCCESS)
}

fn bless(faultline: &Path, file: &Path, golden: &Path) -> Result<()> {
    let mut digest = Command::new(faultline);
    let lines = process::stdout_of(digest.arg("digest").arg(file).arg("--semantic"))?;
    let target = golden.join(format!("{}.semantic.txt", scenario::name(file)));
    fs::write(&target, lines).with_context(|| format!("writing {}", target.display()))?;
    // The scenario promises the digest of that text.
    process::run(Command::new(faultline).arg("digest").arg(file).arg("--write"))
}
