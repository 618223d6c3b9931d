//! `cargo xtask trunk …`: Trunk with the environment that this machine's compilers need.
//!
//! `cargo xtask serve` does without Trunk, because building it takes long. Where rustup has the
//! standard libraries, plain `trunk serve` does the same as this command.

use std::{
    env,
    ffi::OsString,
    fs,
    path::PathBuf,
    process::{Command, ExitCode},
};

use anyhow::{Context, Result};
use clap::Args;

use crate::{
    process,
    toolchain::{self, Compiler, Target},
    ui, workspace,
};

/// The last version that builds with the Rust version this workspace asks for.
const TRUNK: &str = "0.21.14";
/// As pinned in the workspace: command and library must be the same version.
const WASM_BINDGEN: &str = "0.2.130";

#[derive(Args)]
pub(crate) struct Options {
    /// Arguments for Trunk, such as `serve` or `build --release`
    #[arg(trailing_var_arg = true, allow_hyphen_values = true, default_value = "serve")]
    arguments: Vec<OsString>,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let trunk = ensure()?;
    let mut command = Command::new(trunk);
    command.args(&options.arguments).current_dir(workspace::root()).env("PATH", path()?);
    // Trunk takes a set NO_COLOR for its own flag, and accepts no value but true and false.
    if env::var_os("NO_COLOR").is_some() {
        command.env("NO_COLOR", "true");
    }
    process::hand_over(&mut command)
}

/// Trunk and the tool that it calls, installed with Cargo where they are missing.
fn ensure() -> Result<PathBuf> {
    install("wasm-bindgen", "wasm-bindgen-cli", WASM_BINDGEN, &[])?;
    install("trunk", "trunk", TRUNK, &["--locked"])
}

fn install(program: &str, package: &str, version: &str, more: &[&str]) -> Result<PathBuf> {
    if let Some(found) = process::find(program).filter(|found| has_version(found, version)) {
        return Ok(found);
    }
    let what = format!("Installing {package} {version}, once; this takes about ten minutes on two cores");
    ui::step(&what, || {
        let mut cargo = Command::new(toolchain::host_cargo());
        process::run(cargo.args(["install", package, "--version", version]).args(more))
    })?;
    process::find(program).with_context(|| format!("{program} was installed, but its folder is not on PATH"))
}

fn has_version(program: &PathBuf, version: &str) -> bool {
    let answer = process::ask(Command::new(program).arg("--version"));
    answer.is_some_and(|answer| answer.split_whitespace().any(|word| word == version))
}

/// Versions of Trunk and its tool on PATH, for the doctor.
pub(crate) fn found() -> [(&'static str, Option<String>); 2] {
    ["trunk", "wasm-bindgen"].map(|name| (name, process::ask(Command::new(name).arg("--version"))))
}

/// PATH as it is, or with a `cargo` before it that builds the standard library from source.
fn path() -> Result<OsString> {
    let path = env::var_os("PATH").unwrap_or_default();
    let compiler = toolchain::ensure(Target::Web)?;
    if compiler == Compiler::Installed {
        return Ok(path);
    }
    let folder = workspace::target().join("trunk-path");
    let mut environment = compiler.environment(Target::Web);
    // What `cargo xtask serve` compiled is taken over.
    environment.push(("CARGO_TARGET_DIR".to_owned(), workspace::web_build().display().to_string()));
    write_script(&folder.join("cargo"), &script(&environment, &env::current_exe()?))?;
    let folders = std::iter::once(folder).chain(env::split_paths(&path));
    env::join_paths(folders).context("PATH cannot be extended")
}

/// A `cargo` for Trunk. The variables are set for Cargo alone, and not for Trunk as a whole: its
/// hook builds the guest, which needs others.
fn script(environment: &[(String, String)], xtask: &std::path::Path) -> String {
    let mut script = "#!/bin/sh\n".to_owned();
    script += &format!(
        "if [ \"$1\" = xtask ]; then shift; exec {} \"$@\"; fi\n",
        quoted(&xtask.display().to_string())
    );
    for (name, value) in environment {
        script += &format!("export {name}={}\n", quoted(value));
    }
    script + "exec \"$CARGO\" \"$@\"\n"
}

fn quoted(text: &str) -> String {
    format!("'{}'", text.replace('\'', r"'\''"))
}

fn write_script(file: &std::path::Path, text: &str) -> Result<()> {
    let folder = file.parent().context("a script stands in a folder")?;
    fs::create_dir_all(folder).with_context(|| format!("creating {}", folder.display()))?;
    fs::write(file, text).with_context(|| format!("writing {}", file.display()))?;
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        fs::set_permissions(file, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn trunks_cargo_passes_xtask_on_and_sets_the_variables_for_the_rest() {
        let environment =
            [("CARGO".to_owned(), "/usr/bin/cargo".to_owned()), ("A".to_owned(), "it's".to_owned())];
        let script = script(&environment, std::path::Path::new("/x y/xtask"));
        let expected = concat!(
            "#!/bin/sh\n",
            "if [ \"$1\" = xtask ]; then shift; exec '/x y/xtask' \"$@\"; fi\n",
            "export CARGO='/usr/bin/cargo'\n",
            "export A='it'\\''s'\n",
            "exec \"$CARGO\" \"$@\"\n",
        );
        assert_eq!(script, expected);
    }

    #[test]
    fn the_versions_are_those_of_the_workspace() {
        let manifest = fs::read_to_string(workspace::root().join("Cargo.toml")).unwrap();
        assert!(manifest.contains(&format!("wasm-bindgen = \"={WASM_BINDGEN}\"")));
    }
}
