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
    scenario::bless_titles()?;
    ui::begin("What changed (read it before you commit it)");
    process::run(
        Command::new("git")
            .args(["--no-pager", "diff", "--stat", "--patch", "--", "static"])
            .current_dir(workspace::root()),
    )?;
    Ok(ExitCode::SUCCESS)
}

/// Records the events in words, and their digest in the scenario itself.
fn bless(faultline: &Path, file: &Path, golden: &Path) -> Result<()> {
    let digest = |what: &str| {
        let mut command = Command::new(faultline);
        command.env("FAULTLINE_GUEST", workspace::guest_images()).arg("digest").arg(file).arg(what);
        process::stdout_of(&mut command)
    };
    digest("--write")?;
    let lines = digest("--semantic")?;
    let target = golden.join(format!("{}.semantic.txt", scenario::name(file)));
    fs::write(&target, lines).with_context(|| format!("writing {}", target.display()))
}
