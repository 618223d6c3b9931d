//! `cargo xtask fuzz`: the fuzz targets with libFuzzer, each for some time.

use std::{
    fs,
    path::PathBuf,
    process::{Command, ExitCode},
};

use anyhow::{Context, Result, bail, ensure};
use clap::Args;

use crate::{packages, process, ui, workspace};

/// Seconds on the wall after which an input hangs, however busy the host is. How much processor time and memory
/// reading a file may take is narrower, and for the harness to see (`fuzz/harness/cost.rs`).
const INPUT_SECONDS: u32 = 30;
/// MiB that a target may use, the sanitizer's own included.
const MEMORY_MIB: u32 = 1024;
/// Bytes of the largest file.
const INPUT_BYTES: usize = 1 << 20;

/// Where inputs are found to begin with: a folder, and how the names of those begin that are for this target.
const SEEDS: [(&str, &str, &str); 8] = [
    ("scenario", "static/scenarios", ""),
    ("scenario", "machine/tests/formats", "full"),
    ("scenario", "machine/tests/bad", "scenario-"),
    ("migration", "machine/tests/formats", "v0"),
    ("migration", "machine/tests/bad", "scenario-"),
    ("recording", "machine/tests/formats", "recording"),
    ("recording", "machine/tests/bad", "recording-"),
    ("link", "machine/tests/bad", "link-"),
];

#[path = "../../../fuzz/harness/large.rs"]
mod large;

#[derive(Args)]
pub(crate) struct Options {
    /// The target, a file in fuzz/targets/ [default: all, one after the other]
    target: Option<String>,
    /// Seconds for each target
    #[arg(long, default_value_t = 60)]
    seconds: u32,
}

pub(crate) fn run(options: &Options) -> Result<ExitCode> {
    let targets = chosen(options)?;
    ensure_tools()?;
    let mut failed = Vec::new();
    for target in targets {
        let what = format!("Fuzzing {target} for {} s", options.seconds);
        if let Err(error) =
            seed(&target).and_then(|()| ui::step(&what, || process::run(&mut fuzz(&target, options.seconds))))
        {
            ui::error(&error);
            failed.push(target);
        }
    }
    if failed.is_empty() {
        return Ok(ExitCode::SUCCESS);
    }
    println!(
        "Failed: {}. Mend it, and keep the input from fuzz/artifacts/ in fuzz/regressions/.",
        failed.join(", ")
    );
    Ok(ExitCode::FAILURE)
}

fn chosen(options: &Options) -> Result<Vec<String>> {
    let all = targets()?;
    let Some(target) = &options.target else { return Ok(all) };
    ensure!(all.contains(target), "there is no fuzz target `{target}`; there are {}", all.join(", "));
    Ok(vec![target.clone()])
}

/// The names of all targets.
fn targets() -> Result<Vec<String>> {
    let folder = workspace::root().join("fuzz/targets");
    let mut names = Vec::new();
    for entry in fs::read_dir(&folder).with_context(|| format!("reading {}", folder.display()))? {
        names.extend(entry?.path().file_stem().map(|name| name.to_string_lossy().into_owned()));
    }
    names.sort();
    Ok(names)
}

/// A nightly compiler (for the sanitizer), cargo-fuzz, and a C++ compiler for libFuzzer.
fn ensure_tools() -> Result<()> {
    let toolchains = process::ask(Command::new("rustup").args(["toolchain", "list"])).unwrap_or_default();
    if !toolchains.lines().any(|line| line.starts_with("nightly")) {
        bail!("fuzzing needs a nightly compiler; run `rustup toolchain install nightly` and then this again");
    }
    if process::find("g++").is_none() && process::find("clang++").is_none() {
        packages::install(&["g++"], "building libFuzzer")?;
    }
    if process::find("cargo-fuzz").is_none() {
        ui::step("Installing cargo-fuzz", || {
            process::run(Command::new("cargo").args(["install", "--quiet", "cargo-fuzz"]))
        })?;
    }
    Ok(())
}

/// The folder with what the fuzzer has learned of a target.
fn corpus(target: &str) -> PathBuf {
    workspace::target().join("fuzz-corpus").join(target)
}

/// Puts into the corpus what there is to begin with, files of the project, and some that are made to cost much.
fn seed(target: &str) -> Result<()> {
    let corpus = corpus(target);
    // It exists, or libFuzzer stops.
    fs::create_dir_all(&corpus)?;
    for (_, folder, beginning) in SEEDS.iter().filter(|seeds| seeds.0 == target) {
        for entry in
            fs::read_dir(workspace::root().join(folder)).with_context(|| format!("reading {folder}"))?
        {
            let (path, name) = entry.map(|entry| (entry.path(), entry.file_name()))?;
            let name = name.to_string_lossy();
            if !path.is_file() || !name.starts_with(beginning) || name.ends_with(".expected") {
                continue;
            }
            fs::copy(&path, corpus.join(&*name)).with_context(|| format!("copying {}", path.display()))?;
        }
    }
    for (n, (_, file)) in large::files().enumerate().filter(|(_, (of, _))| *of == target) {
        fs::write(corpus.join(format!("large-{n}.json")), file)?;
    }
    Ok(())
}

fn fuzz(target: &str, seconds: u32) -> Command {
    let root = workspace::root();
    let mut cargo = Command::new("cargo");
    cargo.args(["fuzz", "run", "--fuzz-dir"]).arg(root.join("fuzz"));
    cargo.arg("--target-dir").arg(workspace::target().join("fuzz")).arg(target);
    // What is learned goes into the first folder; the second is only read.
    let corpus = corpus(target);
    let regressions = root.join("fuzz/regressions").join(target);
    cargo.arg(&corpus).args(regressions.is_dir().then_some(regressions));
    cargo.arg("--").arg(format!("-max_total_time={seconds}"));
    if SEEDS.iter().any(|seeds| seeds.0 == target) {
        cargo.arg(format!("-max_len={INPUT_BYTES}"));
    }
    cargo.arg(format!("-timeout={INPUT_SECONDS}")).arg(format!("-rss_limit_mb={MEMORY_MIB}"));
    // A crate of the workspace, for cargo-fuzz to stand in: the root is none.
    cargo.current_dir(root.join("machine")).env("RUSTUP_TOOLCHAIN", "nightly");
    cargo
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_target_is_a_program_of_the_fuzz_crate_and_is_run_by_the_ordinary_tests() {
        let read = |path: &str| fs::read_to_string(workspace::root().join(path)).unwrap();
        let (manifest, tests) = (read("fuzz/Cargo.toml"), read("machine/tests/fuzz.rs"));
        let names = targets().unwrap();
        assert!(names.len() >= 6);
        for name in names {
            assert!(manifest.contains(&format!("path = \"targets/{name}.rs\"")), "{name}");
            let target = read(&format!("fuzz/targets/{name}.rs"));
            let harness = target.split("harness::").nth(1).and_then(|call| call.split('(').next()).unwrap();
            assert!(
                tests.contains(&format!("harness::{harness}")),
                "{name}: {harness} in machine/tests/fuzz.rs"
            );
        }
    }

    #[test]
    fn every_folder_of_seeds_has_some_for_a_target_that_exists() {
        let names = targets().unwrap();
        for (target, folder, beginning) in SEEDS {
            assert!(names.iter().any(|name| name == target), "{target}");
            let found = fs::read_dir(workspace::root().join(folder)).unwrap();
            let mut found = found.map(|entry| entry.unwrap().file_name().into_string().unwrap());
            assert!(found.any(|name| name.starts_with(beginning)), "{folder}/{beginning}…");
        }
    }

    #[test]
    fn a_target_that_does_not_exist_is_named_with_those_that_do() {
        let options = Options { target: Some("nothing".into()), seconds: 1 };
        let error = chosen(&options).unwrap_err().to_string();
        assert!(error.contains("`nothing`") && error.contains("decoder"), "{error}");
    }
}
