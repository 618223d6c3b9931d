//! `cargo xtask doctor`: looks at everything, changes nothing.

use std::{
    path::PathBuf,
    process::{Command, ExitCode},
};

use anyhow::Result;

use crate::{browser, commands::trunk, packages, process, toolchain, workspace};

/// What the doctor says of one thing.
struct Finding {
    what: &'static str,
    state: String,
    health: Health,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Health {
    /// There, or brought by the command that needs it.
    Good,
    /// Missing; something does not work without it.
    Missing,
}

pub(crate) fn run() -> Result<ExitCode> {
    let findings: Vec<Finding> =
        [host(), targets(), tests(), trunk(), built()].into_iter().flatten().collect();
    for Finding { what, state, health } in &findings {
        let mark = if *health == Health::Good { "ok     " } else { "MISSING" };
        println!("{mark}  {what:<28}  {state}");
    }
    let healthy = findings.iter().all(|finding| finding.health == Health::Good);
    Ok(if healthy { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn good(what: &'static str, state: impl Into<String>) -> Finding {
    Finding { what, state: state.into(), health: Health::Good }
}

/// A finding about something that may be absent; `mend` says what to do then.
fn about(what: &'static str, found: Option<String>, mend: impl Into<String>) -> Finding {
    match found {
        Some(state) => good(what, state),
        None => Finding { what, state: mend.into(), health: Health::Missing },
    }
}

fn host() -> Vec<Finding> {
    let answer = |program: PathBuf| process::ask(Command::new(program).arg("--version"));
    let rustc = std::env::var_os("RUSTC").map_or_else(|| "rustc".into(), PathBuf::from);
    vec![
        about("cargo", answer(toolchain::host_cargo()), "install Rust: https://rustup.rs"),
        about("rustc", answer(rustc), "install Rust: https://rustup.rs"),
        about(
            "C linker (cc)",
            located("cc"),
            format!("as root: {}", packages::install_command(&["gcc", "libc6-dev"])),
        ),
        about("rustfmt", located("rustfmt"), "only for tests; rustup component add rustfmt"),
        about("clippy", located("cargo-clippy"), "only for tests; rustup component add clippy"),
    ]
}

fn located(program: &str) -> Option<String> {
    process::find(program).map(|file| file.display().to_string())
}

fn targets() -> Vec<Finding> {
    let finding = |target: toolchain::Target| {
        let outlook = toolchain::outlook(target);
        Finding {
            what: target.triple(),
            health: if outlook.works { Health::Good } else { Health::Missing },
            state: outlook.text,
        }
    };
    toolchain::Target::ALL.map(finding).into()
}

/// What tests need. `cargo xtask test` installs it where it may.
fn tests() -> Vec<Finding> {
    let debian = |packages: &[&str]| match packages::may_install() {
        true => format!("`cargo xtask test` will run {}", packages::install_command(packages)),
        false => format!("as root: {}", packages::install_command(packages)),
    };
    let found = browser::find();
    let browser = found.map(|b| format!("{}, {}", b.chromium.display(), b.chromedriver.display()));
    let qemu = process::ask(Command::new("qemu-system-riscv64").arg("--version"));
    let qemu = qemu.and_then(|text| text.lines().next().map(str::to_owned));
    vec![
        about("QEMU", qemu, debian(&["qemu-system-misc"])),
        about("Chromium and its driver", browser, debian(&["chromium", "chromium-driver"])),
        about("fsck.fat", located("fsck.fat"), debian(&["dosfstools"])),
    ]
}

fn trunk() -> Vec<Finding> {
    let absent =
        "not needed by `cargo xtask serve`; `cargo xtask trunk serve` installs it (16 minutes on two cores)";
    let finding = |(what, found): (&'static str, Option<String>)| {
        good(what, found.unwrap_or_else(|| absent.to_owned()))
    };
    trunk::found().map(finding).into()
}

fn built() -> Vec<Finding> {
    let state = |folder: PathBuf, file: &str, mend: &str| {
        if folder.join(file).exists() { workspace::shown(&folder) } else { format!("not built yet: {mend}") }
    };
    vec![
        good("guest images", state(workspace::guest_images(), "manifest.json", "cargo xtask guest")),
        good("page", state(workspace::dist(), "index.html", "cargo xtask serve")),
    ]
}
