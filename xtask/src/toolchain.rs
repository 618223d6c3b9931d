//! Who compiles for the guest and for the browser.
//!
//! There are two kinds of machine. Where rustup has the target's standard library, or may fetch
//! it, Cargo on PATH does everything. Where it may not, Debian's own compiler builds the standard
//! library from the source that Debian packages. [`plan`] decides between them from [`Facts`];
//! [`ensure`] carries the plan out.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};

use crate::{packages, process, ui};

/// Debian's compiler, its Cargo and the source of its standard library.
const DEBIAN_PACKAGES: [&str; 3] = ["rustc-web", "cargo-web", "rust-web-src"];
const SYSTEM_CARGO: &str = "/usr/bin/cargo";
const SYSTEM_RUSTC: &str = "/usr/bin/rustc";
const SYSTEM_CLIPPY: &str = "/usr/bin/cargo-clippy";

/// A target that no host toolchain brings along.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// The kernel and its programs.
    Guest,
    /// The page and its worker.
    Web,
}

impl Target {
    pub(crate) const ALL: [Self; 2] = [Self::Guest, Self::Web];

    pub(crate) const fn triple(self) -> &'static str {
        match self {
            Self::Guest => "riscv64gc-unknown-none-elf",
            Self::Web => "wasm32-unknown-unknown",
        }
    }

    /// The parts of the standard library to build from source; the bare target has no `std`.
    const fn library(self) -> &'static str {
        match self {
            Self::Guest => "core,alloc",
            Self::Web => "std,panic_abort",
        }
    }

    fn linker_variable(self) -> String {
        let name = self.triple().to_uppercase().replace('-', "_");
        format!("CARGO_TARGET_{name}_LINKER")
    }
}

/// What compiles for a target.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Compiler {
    /// Cargo on PATH; its toolchain has the target's standard library.
    Installed,
    /// The system's compiler; the standard library comes from its source.
    FromSource {
        /// An LLVM linker; the system's compiler has none of its own.
        linker: PathBuf,
    },
}

/// What this machine offers.
#[derive(Clone, Copy, Debug)]
struct Facts {
    /// The toolchain on PATH has the target's standard library.
    has_target: bool,
    rustup: Rustup,
    system: System,
}

/// What rustup may do.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Rustup {
    MayDownload,
    /// Absent, or told not to install anything.
    MayNot,
}

/// The state of the system's compiler.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum System {
    /// New enough and with the source of its standard library.
    Complete,
    /// Missing, old or without source, but Debian's packages would mend that.
    Installable,
    Absent,
}

/// What to do about a target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Plan {
    UseInstalled,
    AddTarget,
    UseSystem,
    InstallSystem,
    GiveUp,
}

/// Downloading a finished library beats compiling it, and both beat installing a compiler.
const fn plan(facts: Facts) -> Plan {
    match facts {
        Facts { has_target: true, .. } => Plan::UseInstalled,
        Facts { rustup: Rustup::MayDownload, .. } => Plan::AddTarget,
        Facts { system: System::Complete, .. } => Plan::UseSystem,
        Facts { system: System::Installable, .. } => Plan::InstallSystem,
        Facts { system: System::Absent, .. } => Plan::GiveUp,
    }
}

/// Finds a compiler for the target or installs what is missing.
pub(crate) fn ensure(target: Target) -> Result<Compiler> {
    let mut facts = facts(target);
    if plan(facts) == Plan::AddTarget {
        match add_target(target) {
            Ok(()) => facts.has_target = true,
            Err(error) => {
                ui::warn(&format!("{error}; trying the system's compiler"));
                facts.rustup = Rustup::MayNot;
            }
        }
    }
    match plan(facts) {
        Plan::UseInstalled => Ok(Compiler::Installed),
        Plan::UseSystem => from_source(),
        Plan::InstallSystem => {
            packages::install(&DEBIAN_PACKAGES, &format!("compiling for {}", target.triple()))?;
            ensure!(system() == System::Complete, "{SYSTEM_RUSTC} is {}", unfit());
            from_source()
        }
        Plan::AddTarget | Plan::GiveUp => bail!(
            "no compiler for {0}: install rustup and run `rustup target add {0}`, or use Debian's packages {1}",
            target.triple(),
            DEBIAN_PACKAGES.join(", ")
        ),
    }
}

/// What [`ensure`] would do.
pub(crate) struct Outlook {
    /// Whether it would succeed.
    pub(crate) works: bool,
    /// In words.
    pub(crate) text: String,
}

/// What [`ensure`] would do; nothing is installed.
pub(crate) fn outlook(target: Target) -> Outlook {
    let install = |packages: &[&str]| {
        let command = packages::install_command(packages);
        let works = packages::may_install();
        Outlook {
            works,
            text: if works { format!("will run {command}") } else { format!("as root: {command}") },
        }
    };
    let triple = target.triple();
    match (plan(facts(target)), find_linker()) {
        (Plan::UseInstalled, _) => {
            Outlook { works: true, text: "the toolchain on PATH has its library".to_owned() }
        }
        (Plan::AddTarget, _) => Outlook { works: true, text: format!("will run rustup target add {triple}") },
        (Plan::UseSystem, Some(linker)) => Outlook {
            works: true,
            text: format!("{SYSTEM_RUSTC}, library from source, {}", linker.display()),
        },
        (Plan::UseSystem, None) => install(&[&linker_package()]),
        (Plan::InstallSystem, _) => install(&DEBIAN_PACKAGES),
        (Plan::GiveUp, _) => Outlook { works: false, text: format!("run rustup target add {triple}") },
    }
}

fn facts(target: Target) -> Facts {
    let print = process::ask(Command::new(host_rustc()).args([
        "--print",
        "target-libdir",
        "--target",
        target.triple(),
    ]));
    Facts {
        has_target: print.is_some_and(|folder| Path::new(&folder).is_dir()),
        rustup: rustup(),
        system: system(),
    }
}

fn rustup() -> Rustup {
    let told_not_to = env::var("RUSTUP_AUTO_INSTALL").is_ok_and(|value| value == "0");
    if told_not_to || process::find("rustup").is_none() { Rustup::MayNot } else { Rustup::MayDownload }
}

fn system() -> System {
    let new_enough = process::ask(Command::new(SYSTEM_RUSTC).arg("--version"))
        .and_then(|text| version(&text))
        .is_some_and(|found| Some(found) >= version(env!("CARGO_PKG_RUST_VERSION")));
    let source = Path::new("/usr/lib/rustlib/src/rust/library/Cargo.lock").exists();
    if new_enough && source && Path::new(SYSTEM_CARGO).exists() {
        System::Complete
    } else if packages::apt_exists() {
        System::Installable
    } else {
        System::Absent
    }
}

/// Why the packages that were installed do not help.
fn unfit() -> String {
    let found =
        process::ask(Command::new(SYSTEM_RUSTC).arg("--version")).unwrap_or_else(|| "missing".to_owned());
    let least = env!("CARGO_PKG_RUST_VERSION");
    format!(
        "{found} after installing its packages, but at least {least} with its source is needed; are Debian's updates and security archives among apt's sources?"
    )
}

/// `rustc 1.96.0 (…)` or `1.88` as (major, minor).
fn version(text: &str) -> Option<(u32, u32)> {
    let number = text.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    let mut parts = number.split('.').map(|part| part.parse().ok());
    Some((parts.next()??, parts.next()??))
}

fn add_target(target: Target) -> Result<()> {
    ui::step(&format!("Fetching the standard library for {} with rustup", target.triple()), || {
        process::run(Command::new("rustup").args(["target", "add", target.triple()]))
    })
}

fn from_source() -> Result<Compiler> {
    if let Some(linker) = find_linker() {
        return Ok(Compiler::FromSource { linker });
    }
    packages::install(&[&linker_package()], "linking for the guest and the browser")?;
    let linker = find_linker().context("the LLVM linker is still missing after its package was installed")?;
    Ok(Compiler::FromSource { linker })
}

/// Any rustup toolchain brings `rust-lld`; otherwise the linker of the LLVM the compiler was built with.
fn find_linker() -> Option<PathBuf> {
    rust_lld().or_else(|| process::find(&linker_package()))
}

fn rust_lld() -> Option<PathBuf> {
    let active = process::ask(Command::new(host_rustc()).args(["--print", "sysroot"])).map(PathBuf::from);
    active.into_iter().chain(rustup_toolchains()).find_map(|sysroot| lld_of(&sysroot))
}

fn rustup_toolchains() -> Vec<PathBuf> {
    let home = env::var_os("RUSTUP_HOME")
        .map(PathBuf::from)
        .or_else(|| env::var_os("HOME").map(|home| Path::new(&home).join(".rustup")));
    let mut found = home.map_or_else(Vec::new, |home| subfolders(&home.join("toolchains")));
    found.sort();
    found
}

fn lld_of(sysroot: &Path) -> Option<PathBuf> {
    let hosts = subfolders(&sysroot.join("lib/rustlib"));
    hosts.into_iter().map(|host| host.join("bin/rust-lld")).find(|file| file.is_file())
}

fn subfolders(folder: &Path) -> Vec<PathBuf> {
    fs::read_dir(folder)
        .map_or_else(|_| Vec::new(), |list| list.flatten().map(|entry| entry.path()).collect())
}

/// Debian's linker is named after the LLVM version; it must be the compiler's, or it cannot read its objects.
fn linker_package() -> String {
    let verbose = process::ask(Command::new(SYSTEM_RUSTC).arg("-vV")).unwrap_or_default();
    llvm_major(&verbose).map_or_else(|| "lld".to_owned(), |major| format!("lld-{major}"))
}

fn llvm_major(verbose_version: &str) -> Option<&str> {
    let line = verbose_version.lines().find_map(|line| line.strip_prefix("LLVM version: "))?;
    line.split('.').next()
}

/// Cargo for the host: the one that runs this command.
pub(crate) fn host_cargo() -> PathBuf {
    env::var_os("CARGO").map_or_else(|| "cargo".into(), PathBuf::from)
}

fn host_rustc() -> PathBuf {
    env::var_os("RUSTC").map_or_else(|| "rustc".into(), PathBuf::from)
}

impl Compiler {
    /// Cargo, ready to build for the target.
    pub(crate) fn cargo(&self, target: Target) -> Command {
        match self {
            Self::Installed => self.command(host_cargo(), target),
            Self::FromSource { .. } => self.command(SYSTEM_CARGO.into(), target),
        }
    }

    /// Clippy of the same compiler, installed if that is allowed: another one could not read its libraries.
    pub(crate) fn clippy(&self, target: Target) -> Result<Command> {
        let mut command = match self {
            Self::Installed => self.command(host_cargo(), target),
            // `cargo clippy` would take the first cargo-clippy on PATH, which may be rustup's.
            Self::FromSource { .. } => self.command(SYSTEM_CLIPPY.into(), target),
        };
        if *self != Self::Installed && !Path::new(SYSTEM_CLIPPY).exists() {
            packages::install(&["rust-web-clippy"], "checking the guest and the page for warnings")?;
        }
        command.arg("clippy");
        Ok(command)
    }

    fn command(&self, program: PathBuf, target: Target) -> Command {
        let mut command = Command::new(program);
        command.envs(self.environment(target)).current_dir(crate::workspace::root());
        command
    }

    /// The variables that make Cargo build the standard library from source.
    pub(crate) fn environment(&self, target: Target) -> Vec<(String, String)> {
        match self {
            Self::Installed => Vec::new(),
            Self::FromSource { linker } => [
                ("CARGO", SYSTEM_CARGO.to_owned()),
                ("RUSTC", SYSTEM_RUSTC.to_owned()),
                // Building the library from source is unstable in Cargo; nothing else of ours is.
                ("RUSTC_BOOTSTRAP", "1".to_owned()),
                ("CARGO_UNSTABLE_BUILD_STD", target.library().to_owned()),
                (&target.linker_variable(), linker.display().to_string()),
            ]
            .map(|(name, value)| (name.to_owned(), value))
            .into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cheapest_way_to_a_compiler_is_taken() {
        use {Plan::*, Rustup::*, System::*};
        let cases = [
            (true, MayNot, Absent, UseInstalled),
            (true, MayDownload, Complete, UseInstalled),
            (false, MayDownload, Complete, AddTarget),
            (false, MayNot, Complete, UseSystem),
            (false, MayNot, Installable, InstallSystem),
            (false, MayNot, Absent, GiveUp),
        ];
        for (has_target, rustup, system, expected) in cases {
            let facts = Facts { has_target, rustup, system };
            assert_eq!(plan(facts), expected, "{facts:?}");
        }
    }

    #[test]
    fn versions_are_compared_as_numbers() {
        assert_eq!(version("rustc 1.96.0 (ac68faa20 2026-05-25)"), Some((1, 96)));
        assert!(version("1.100.0") > version("1.88"));
        assert_eq!(version("no number"), None);
    }

    #[test]
    fn the_linker_belongs_to_the_compilers_llvm() {
        assert_eq!(llvm_major("host: x\nLLVM version: 22.1.8\n"), Some("22"));
        assert_eq!(llvm_major("host: x\n"), None);
    }

    #[test]
    fn a_library_from_source_needs_its_target_and_linker_named() {
        let compiler = Compiler::FromSource { linker: "/opt/lld".into() };
        let environment = compiler.environment(Target::Web);
        let linker = ("CARGO_TARGET_WASM32_UNKNOWN_UNKNOWN_LINKER".to_owned(), "/opt/lld".to_owned());
        assert!(environment.contains(&linker));
        assert!(environment.contains(&("CARGO_UNSTABLE_BUILD_STD".into(), "std,panic_abort".into())));
        assert!(Compiler::Installed.environment(Target::Web).is_empty());
    }
}
