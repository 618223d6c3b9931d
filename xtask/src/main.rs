//! `cargo xtask`: everything around the build. Each command is a file in `commands/`; what they
//! share (running programs, finding compilers, the places of things) stands beside this file.

mod artifacts;
mod axe;
mod browser;
mod cold;
mod commands;
mod differential;
mod disk;
mod elf;
mod faults;
mod first;
mod fsck;
mod glue;
mod guest;
mod html;
mod http;
mod kept;
mod least;
mod lines;
mod machine;
mod mutants;
mod opening;
mod packages;
mod packed;
mod process;
mod qemu;
mod relocated;
mod scenario;
mod server;
mod site;
mod sizes;
mod soak;
mod split;
mod sweep;
mod toolchain;
mod ui;
mod vmtests;
mod web;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Build, run and test Faultline.
#[derive(Parser)]
#[command(name = "cargo xtask", bin_name = "cargo xtask", version, arg_required_else_help = true)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Build everything and serve the page on this machine
    Serve(commands::serve::Options),
    /// Run the tests: all of them, or the suites named
    Test(commands::test::Options),
    /// Build the kernel, its programs and the disk image
    Guest(commands::guest::Options),
    /// Build the page into a folder that any static web host can serve, and say what it weighs
    Dist(commands::dist::Options),
    /// Boot the kernel on QEMU, interactively or to list its page faults
    Qemu(commands::qemu::Options),
    /// Replay every scenario with a guest from another level of optimisation
    Replay(commands::replay::Options),
    /// Run the kernel's own tests from inside it, under every policy, with ample and with scarce memory
    Vmtests(commands::vmtests::Options),
    /// Run random programs under memory pressure, with all detectors on, for ten minutes
    Soak(commands::soak::Options),
    /// Let every request for a frame, disk read, disk write and the power fail, one run each
    Sweep(commands::sweep::Options),
    /// Run Trunk (installed if missing) with the environment that it needs here
    Trunk(commands::trunk::Options),
    /// Say what is found on this machine, what is missing and what to do
    Doctor,
    /// Record the golden files anew and show what changed
    Bless(commands::bless::Options),
    /// Run random programs on QEMU and on Faultline and compare every trap
    Differential(commands::differential::Options),
    /// Put known mistakes into a copy of the machine and see that the tests notice each
    Mutants,
    /// Run the fuzz targets, or one of them, for some time
    Fuzz(commands::fuzz::Options),
    /// Measure the machine's speed
    Bench(commands::bench::Options),
}

fn main() -> ExitCode {
    let outcome = match Arguments::parse().command {
        Command::Serve(options) => commands::serve::run(&options),
        Command::Test(options) => commands::test::run(&options),
        Command::Guest(options) => commands::guest::run(&options),
        Command::Dist(options) => commands::dist::run(&options),
        Command::Qemu(options) => commands::qemu::run(&options),
        Command::Replay(options) => commands::replay::run(&options),
        Command::Vmtests(options) => commands::vmtests::run(&options),
        Command::Soak(options) => commands::soak::run(&options),
        Command::Sweep(options) => commands::sweep::run(&options),
        Command::Trunk(options) => commands::trunk::run(&options),
        Command::Doctor => commands::doctor::run(),
        Command::Bless(options) => commands::bless::run(&options),
        Command::Differential(options) => commands::differential::run(&options),
        Command::Mutants => commands::mutants::run(),
        Command::Fuzz(options) => commands::fuzz::run(&options),
        Command::Bench(options) => commands::bench::run(&options),
    };
    match outcome {
        Ok(code) => code,
        Err(error) => {
            ui::error(&error);
            ExitCode::FAILURE
        }
    }
}
