//! Unit and integration tests on the host.

use std::{fs, path::Path, process::Command};

use anyhow::{Context, Result};

use super::{Outcome, results};
use crate::{guest, packages, process, toolchain, ui, workspace};

/// A file of each firmware that the machine's tests boot, by the Debian package that has it.
const FIRMWARE: [(&str, &str); 2] = [
    ("opensbi", "/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_jump.bin"),
    ("u-boot-qemu", "/usr/lib/u-boot/qemu-riscv64_smode/u-boot.bin"),
];

/// Whose reading of instructions the decoder is compared with.
const BINUTILS: &str = "binutils-riscv64-unknown-elf";
const OBJDUMP: &str = "riscv64-unknown-elf-objdump";

pub(super) fn run() -> Result<Outcome> {
    let images = guest::build()?;
    if let Err(missing) = super::needed(firmware())? {
        ui::warn(&format!("the tests that boot a firmware are SKIPPED: {}", missing.0));
    }
    let binutils = super::needed(binutils())?;
    if let Err(missing) = &binutils {
        ui::warn(&format!("the comparison with objdump is SKIPPED: {}", missing.0));
    }
    let mut count = results::Count::default();
    for arguments in [rest(), page()?, xtask()] {
        let mut cargo = Command::new(toolchain::host_cargo());
        cargo.args(["test", "--no-fail-fast"]).args(arguments).current_dir(workspace::root());
        cargo.env("FAULTLINE_GUEST", &images).env("FAULTLINE_REQUIRE_GUEST", "1");
        if binutils.is_ok() {
            cargo.env("FAULTLINE_REQUIRE_BINUTILS", "1");
        }
        count += results::of_cargo_test(&mut cargo)?;
    }
    Ok(Outcome::Ran(count))
}

fn rest() -> Vec<String> {
    ["--workspace", "--exclude", "xtask", "--exclude", "faultline-web"].map(str::to_owned).into()
}

/// All of the page's tests but those in a browser, which are a folder with a program of its own.
fn page() -> Result<Vec<String>> {
    let mut arguments = ["--package", "faultline-web", "--lib", "--bins"].map(str::to_owned).to_vec();
    let folder = workspace::root().join("web/tests");
    for entry in fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))? {
        let file = entry?.path();
        if file.is_file() {
            let name = file.file_stem().unwrap_or_default().to_string_lossy().into_owned();
            arguments.extend(["--test".to_owned(), name]);
        }
    }
    Ok(arguments)
}

/// In its own profile, in which it is built already.
fn xtask() -> Vec<String> {
    ["--package", "xtask", "--profile", "xtask"].map(str::to_owned).into()
}

fn binutils() -> Result<()> {
    match process::find(OBJDUMP) {
        Some(_) => Ok(()),
        None => packages::install(&[BINUTILS], "comparing the decoder with objdump"),
    }
}

fn firmware() -> Result<()> {
    let missing = FIRMWARE.iter().filter(|(_, file)| !Path::new(file).exists());
    let missing: Vec<&str> = missing.map(|(package, _)| *package).collect();
    if missing.is_empty() { Ok(()) } else { packages::install(&missing, "booting firmware in the tests") }
}
