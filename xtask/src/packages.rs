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
        if !packages.iter().all(|package| is_known(package)) {
            process::run(apt_get().arg("update"))?;
        }
        process::run(apt_get().args(["install", "--yes", "--no-install-recommends"]).args(packages))
    })
}

/// Whether the package lists, empty in a fresh container, offer the package.
fn is_known(package: &str) -> bool {
    process::ask(Command::new("apt-cache").args(["policy", package])).is_some_and(|text| offers(&text))
}

fn offers(policy: &str) -> bool {
    policy.lines().any(|line| line.trim_start().starts_with("Candidate:") && !line.contains("(none)"))
}

fn apt_get() -> Command {
    let mut command = Command::new("apt-get");
    command.arg("-qq").env("DEBIAN_FRONTEND", "noninteractive").stdin(Stdio::null()).stdout(Stdio::null());
    command
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_package_without_candidate_is_not_offered() {
        assert!(offers("qemu:\n  Installed: (none)\n  Candidate: 1:7.2\n"));
        assert!(!offers("qemu:\n  Installed: (none)\n  Candidate: (none)\n"));
        assert!(!offers(""));
    }
}
