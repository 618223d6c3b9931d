//! The native command `faultline`.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};

use crate::{artifacts, process, qemu::Boot, toolchain, ui, workspace};

/// Builds the command and returns where it stands.
pub(crate) fn build() -> Result<PathBuf> {
    build_program("faultline")
}

/// Builds a program of the machine and returns where it stands.
pub(crate) fn build_program(name: &str) -> Result<PathBuf> {
    let messages = ui::step(&format!("Building the command {name}"), || {
        let mut cargo = Command::new(toolchain::host_cargo());
        cargo.args(["build", "--release", "--package", "faultline-machine", "--bin", name]);
        cargo.args(["--message-format", "json-render-diagnostics"]);
        process::stdout_of(cargo.current_dir(workspace::root()))
    })?;
    let binary = artifacts::binaries(&messages)?.into_iter().find(|binary| binary.name == name);
    Ok(binary.with_context(|| format!("faultline-machine has no binary called `{name}`"))?.file)
}

/// The command that boots the guest images, without a scenario.
pub(crate) fn boot(faultline: &Path, boot: &Boot) -> Command {
    let images = workspace::guest_images();
    let mut command = Command::new(faultline);
    command.arg("boot").arg(images.join("kernel.elf")).arg("--disk").arg(images.join("disk.img"));
    command.args(["--memory", &boot.memory_mib.to_string(), "--append", &boot.append]);
    command
}
