//! Debian packages: installed where that is allowed, otherwise asked for by the exact command.

use std::{
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Result, bail};

use crate::{process, ui};

/// Whether this is Debian or one of its children.
pub(crate) fn apt_exists() -> bool {
    Path::new("/etc/debian_version").exists() && process::find("apt-get").is_some()
}

/// Whether the user may install packages without asking anyone.
fn is_root() -> bool {
    process::ask(Command::new("id").arg("-u")).as_deref() == Some("0")
}

/// Whether [`install`] would work.
pub(crate) fn may_install() -> bool {
    apt_exists() && is_root()
}

/// What root would type.
pub(crate) fn install_command(packages: &[&str]) -> String {
    format!("apt-get install --no-install-recommends {}", packages.join(" "))
}

/// Installs packages as root; for anybody else the error holds the command to type.
pub(crate) fn install(packages: &[&str], why: &str) -> Result<()> {
    if !apt_exists() {
        bail!("{why} needs what Debian calls {}; install it and run this again", packages.join(", "));
    }
    if !is_root() {
        bail!("{why} needs packages; run `sudo {}` and then this again", install_command(packages));
    }
    ui::step(&format!("Installing {} ({why})", packages.join(", ")), || {
        // The lists are empty in a fresh container, and old ones may offer versions that are too old.
        if let Err(error) = process::run(apt_get().arg("update")) {
            ui::warn(&format!("{error}; going on with the package lists that are there"));
        }
        process::run(apt_get().args(["install", "--yes", "--no-install-recommends"]).args(packages))
    })
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.arg("-qq").env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null()).stdout(Stdio::null());
    command
}
