//! axe-core, which judges how accessible a page is: fetched once with npm, into the target folder.

use std::{
    fs,
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Context, Result};

use crate::{process, ui, workspace};

/// The package and its version.
const PACKAGE: &str = "axe-core@4.10.3";

/// The script.
///
/// # Errors
/// Where there is no npm to fetch it, or npm fails.
pub(crate) fn ensure() -> Result<PathBuf> {
    let folder = workspace::target().join("tools").join(PACKAGE);
    let script = folder.join("package/axe.min.js");
    if script.exists() {
        return Ok(script);
    }
    let npm = process::find("npm").context(
        "there is no npm to fetch axe-core with, which checks how accessible the page is; install Node.js with npm",
    )?;
    ui::step(&format!("Fetching {PACKAGE}"), || {
        fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
        let mut pack = Command::new(npm);
        pack.args(["pack", PACKAGE, "--silent"])
            .current_dir(&folder)
            .stdin(Stdio::null())
            .stdout(Stdio::null());
        process::run(&mut pack)?;
        let packed = fs::read_dir(&folder)?.flatten().map(|entry| entry.path());
        let archive = packed.filter(|path| path.extension().is_some_and(|end| end == "tgz")).last();
        let archive = archive.context("npm packed nothing")?;
        process::run(Command::new("tar").arg("xzf").arg(archive).arg("-C").arg(&folder))
    })?;
    Ok(script)
}
