//! The command `faultline`: scenarios and kernels, headless.
//!
//! Exit codes: the guest's own; 2 for bad usage or bad input, with one line on stderr that says what
//! is wrong and where; 3 when the run was cut off (its instructions ran out, it waits for input that
//! will not come, or its disk was to lose the power); 4 when `--detect` found a mistake of a kernel
//! that ended well.

mod boot;
mod diff;
mod failure;
mod files;
mod output;
mod progress;
mod record;
mod run;
mod show;
mod source;
mod spaces;
mod summary;
mod terminal;
mod verify;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{Args, Parser, Subcommand, ValueEnum};
use faultline_abi::board::DRAM_MIB_DEFAULT;
use faultline_abi::scenario;
use faultline_machine::device::DiskAccess;
use faultline_machine::device::disk_faults::{DiskFaults, Failing};
use faultline_machine::device::virtio::Transport;
use faultline_machine::event::Selector;
use faultline_machine::scenario::parse_count;
use faultline_machine::session::Condition;
use faultline_machine::translations::Geometry;

use crate::failure::Failure;

/// A deterministic RISC-V board that shows what page faults do.
#[derive(Debug, Parser)]
#[command(version, about, after_help = EXIT_CODES)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

const EXIT_CODES: &str = "Exit codes: run and boot give the guest's own, and 3 where the run was cut off. Every other command \
gives 0 for yes and done, and 1 for no: a digest that is not reproduced, runs that differ. 2 is bad usage or bad input, \
with one line on stderr that says what is wrong and where.";

#[derive(Debug, Subcommand)]
enum Command {
    /// Run a scenario and print what its console prints.
    Run(RunArguments),
    /// Boot a kernel with its serial line on the terminal.
    Boot(BootArguments),
    /// Print the digests of a scenario's run as JSON.
    Digest(DigestArguments),
    /// Print the source of one of the guest's programs, or the line that an instruction comes from.
    Source(SourceArguments),
    /// Run a scenario and keep everything: a recording that a viewer needs no machine for, or its events.
    Record(RecordArguments),
    /// Run scenarios and recordings again and compare digests: exit code 0 only if every digest that applies is
    /// reproduced, 1 if one is not or none applies.
    Verify(VerifyArguments),
    /// Tell what one run does and the other does not: exit code 0 if both mean the same, 1 if not.
    Diff(DiffArguments),
    /// Print a moment of a run: page fault, processes, page table, frames.
    Show(ShowArguments),
    /// Print the JSON Schema of scenario files.
    Schema,
}

/// A scenario and the settings that differ from it.
#[derive(Args, Debug)]
struct ScenarioArguments {
    /// The scenario, a JSON file.
    scenario: PathBuf,
    /// Change a setting: memory=MIB, max-instructions=N, harts=N, adue=on|off, misaligned=hw|trap, or
    /// any kernel option.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// Cut the run off after so many instructions and traps.
    #[arg(long, value_name = "N", value_parser = count)]
    max_instructions: Option<u64>,
    /// Folder of the kernel and disk that `cargo xtask guest` builds.
    #[arg(long, value_name = "DIR")]
    guest: Option<PathBuf>,
}

/// How a run is written.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Format {
    /// A recording.
    Json,
    /// An event a line, as JSON.
    Jsonl,
    /// An event a row.
    Csv,
}

#[derive(Args, Debug)]
struct RecordArguments {
    #[command(flatten)]
    scenario: ScenarioArguments,
    /// Where to write it; `-` is stdout.
    #[arg(short, long, value_name = "FILE|-")]
    output: PathBuf,
    /// What to write [default: by the end of the name, .jsonl or .csv; otherwise json]
    #[arg(long, value_name = "json|jsonl|csv")]
    format: Option<Format>,
}

#[derive(Args, Debug)]
struct VerifyArguments {
    /// Scenarios and recordings.
    #[arg(required = true, value_name = "FILE")]
    files: Vec<PathBuf>,
    /// Folder of the kernel and disk that `cargo xtask guest` builds; older ones lie in its folder `images`, each
    /// named by its SHA-256.
    #[arg(long, value_name = "DIR")]
    guest: Option<PathBuf>,
    /// Print a list as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
struct DiffArguments {
    /// A scenario or a recording.
    a: PathBuf,
    /// Another one, or the same.
    b: PathBuf,
    /// Change a setting of both.
    #[arg(long = "set", value_name = "KEY=VALUE")]
    settings: Vec<String>,
    /// Change a setting of A alone.
    #[arg(long = "set-a", value_name = "KEY=VALUE")]
    settings_a: Vec<String>,
    /// Change a setting of B alone.
    #[arg(long = "set-b", value_name = "KEY=VALUE")]
    settings_b: Vec<String>,
    /// Cut both runs off after so many instructions and traps.
    #[arg(long, value_name = "N", value_parser = count)]
    max_instructions: Option<u64>,
    /// Folder of the kernel and disk that `cargo xtask guest` builds.
    #[arg(long, value_name = "DIR")]
    guest: Option<PathBuf>,
    /// Print every difference, however many.
    #[arg(long)]
    all: bool,
    /// Print the comparison as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
struct ShowArguments {
    #[command(flatten)]
    recording: ScenarioArguments,
    /// The moment just after event number N [default: the end]
    #[arg(long, value_name = "N")]
    at: Option<usize>,
    /// The moment at which this happened last, in the whole run or before --at: an event (page-fault, resolved, …),
    /// pte=ADDRESS, frame=ADDRESS or frame=ADDRESS:freed, pid=N, page=ADDRESS or page=ADDRESS:store, either with
    /// @ROOT, pc=ADDRESS, or a register. The run is made again for it.
    #[arg(long, value_name = "CONDITION")]
    last: Option<Condition>,
    /// The process whose address space is shown [default: the one that runs]
    #[arg(long, value_name = "PID")]
    pid: Option<u32>,
    /// Print every row, however many.
    #[arg(long)]
    all: bool,
    /// Print the moment as JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Args, Debug)]
struct RunArguments {
    #[command(flatten)]
    scenario: ScenarioArguments,
    /// Write every event as a line of JSON; `-` is stdout, and moves the console to stderr.
    #[arg(long, value_name = "FILE|-")]
    events: Option<PathBuf>,
    /// End after the first event of this kind: page-fault, trap, fault, resolved, …
    #[arg(long, value_name = "KIND")]
    until: Option<Selector>,
    /// At the end, print what the run came to: instructions, traps by cause, memory, …
    #[arg(long)]
    stats: bool,
    /// Model a TLB: ENTRIES or ENTRIESxWAYS, then perhaps ,lru or ,fifo. Its counts come with --stats,
    /// which it implies; the run takes many times longer.
    #[arg(long, value_name = "SHAPE|off", value_parser = tlb)]
    tlb: Option<Tlb>,
    #[command(flatten)]
    spaces: spaces::SpacesOption,
}

#[derive(Args, Debug)]
struct BootArguments {
    /// The kernel: an ELF file, or a raw image that begins with code (or is named .bin, .img or .raw).
    kernel: PathBuf,
    /// A first stage that runs in M-mode and starts the kernel, such as OpenSBI's `fw_jump` or
    /// `fw_dynamic`; a raw kernel is then put at 0x80200000.
    #[arg(long, value_name = "FILE")]
    bios: Option<PathBuf>,
    /// An initial file system, which the device tree names as Linux wants it.
    #[arg(long, value_name = "FILE")]
    initrd: Option<PathBuf>,
    /// Write what an architectural test has found out, the memory from the symbol `begin_signature` to
    /// `end_signature`, as words in hexadecimal, a line each.
    #[arg(long, value_name = "FILE")]
    signature: Option<PathBuf>,
    /// A disk for the first virtio slot. The file itself is never written.
    #[arg(long, value_name = "IMG")]
    disk: Option<PathBuf>,
    #[command(flatten)]
    disk_options: DiskOptions,
    /// The register layout of the virtio slots: legacy is version 1, for drivers from before virtio 1.0.
    #[arg(long, value_name = "legacy|modern", default_value = "modern")]
    virtio: Virtio,
    /// MiB of memory.
    #[arg(long, value_name = "MIB", default_value_t = DRAM_MIB_DEFAULT)]
    memory: u32,
    /// Harts, 1 to 8.
    #[arg(long, value_name = "N", default_value_t = 1)]
    harts: u32,
    /// Whether the hardware sets A and D in page-table entries (Svadu), or faults where it would (Svade).
    #[arg(long, value_name = "on|off", default_value = "on")]
    adue: Adue,
    /// Whether the hardware makes misaligned loads and stores, or traps them.
    #[arg(long, value_name = "hw|trap", default_value = "hw")]
    misaligned: Misaligned,
    /// The kernel's command line.
    #[arg(long, value_name = "OPTIONS", default_value = "")]
    append: String,
    /// Write every event as a line of JSON; `-` is stdout, and moves the console to stderr.
    #[arg(long, value_name = "FILE|-")]
    events: Option<PathBuf>,
    /// Look for mistakes of the kernel with page tables, and say each on stderr; where there is one, a
    /// run that ended well ends with exit code 4.
    #[arg(long)]
    detect: bool,
    /// Cut the run off after so many instructions and traps.
    #[arg(long, value_name = "N", value_parser = count)]
    max_instructions: Option<u64>,
    /// At the end, print what the run came to: instructions, traps by cause, memory, …
    #[arg(long)]
    stats: bool,
    /// Model a TLB: ENTRIES or ENTRIESxWAYS, then perhaps ,lru or ,fifo. Its counts come with --stats,
    /// which it implies; the run takes many times longer.
    #[arg(long, value_name = "SHAPE|off", value_parser = tlb)]
    tlb: Option<Tlb>,
    #[command(flatten)]
    spaces: spaces::SpacesOption,
}

/// Where the disk goes at the end of a run, and what goes wrong with it before.
#[derive(Args, Debug)]
struct DiskOptions {
    /// Write the disk as it is at the end to this file, however the run ended.
    #[arg(long, value_name = "IMG", requires = "disk")]
    disk_out: Option<PathBuf>,
    /// The disk says that it is read-only, and refuses to be written.
    #[arg(long, requires = "disk")]
    disk_read_only: bool,
    /// The N-th write to the disk (or the N-th read) fails with an I/O error.
    #[arg(long, value_name = "[read:]N", value_parser = request, requires = "disk")]
    disk_fail_at: Option<Request>,
    /// Every N-th write to the disk (or every N-th read) fails with an I/O error.
    #[arg(long, value_name = "[read:]N", value_parser = request, requires = "disk")]
    disk_fail_every: Option<Request>,
    /// The power goes when N sectors have been written, and the run ends.
    #[arg(long, value_name = "N", value_parser = count, requires = "disk")]
    disk_cut_at: Option<u64>,
}

impl DiskOptions {
    const fn access(&self) -> DiskAccess {
        if self.disk_read_only { DiskAccess::ReadOnly } else { DiskAccess::ReadWrite }
    }

    fn faults(&self) -> DiskFaults {
        let mut faults = DiskFaults { cut_at: self.disk_cut_at, ..DiskFaults::default() };
        let at = self.disk_fail_at.map(|request| (request, Failing::At(request.number())));
        let every = self.disk_fail_every.map(|request| (request, Failing::Every(request.number())));
        for (request, failing) in at.into_iter().chain(every) {
            match request {
                Request::Read(_) => faults.reads = failing,
                Request::Write(_) => faults.writes = failing,
            }
        }
        faults
    }
}

/// A request to the disk by its number, from 1.
#[derive(Clone, Copy, Debug)]
enum Request {
    Read(u64),
    Write(u64),
}

impl Request {
    const fn number(self) -> u64 {
        match self {
            Self::Read(number) | Self::Write(number) => number,
        }
    }
}

/// `7` or `write:7`, and `read:7`.
fn request(text: &str) -> Result<Request, String> {
    let (kind, number) = text.split_once(':').unwrap_or(("write", text));
    let number = count(number)?;
    match kind {
        _ if number == 0 => Err("requests are counted from 1".into()),
        "read" => Ok(Request::Read(number)),
        "write" => Ok(Request::Write(number)),
        _ => Err(format!("{kind} is no request; give read:{number} or write:{number}")),
    }
}

/// What `--virtio` says.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Virtio {
    Legacy,
    Modern,
}

impl From<Virtio> for Transport {
    fn from(virtio: Virtio) -> Self {
        match virtio {
            Virtio::Legacy => Self::Legacy,
            Virtio::Modern => Self::Modern,
        }
    }
}

/// What `--adue` says.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Adue {
    On,
    Off,
}

impl From<Adue> for scenario::Adue {
    fn from(adue: Adue) -> Self {
        match adue {
            Adue::On => Self::On,
            Adue::Off => Self::Off,
        }
    }
}

/// What `--misaligned` says.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Misaligned {
    Hw,
    Trap,
}

impl From<Misaligned> for scenario::Misaligned {
    fn from(misaligned: Misaligned) -> Self {
        match misaligned {
            Misaligned::Hw => Self::Hw,
            Misaligned::Trap => Self::Trap,
        }
    }
}

#[derive(Args, Debug)]
struct DigestArguments {
    #[command(flatten)]
    scenario: ScenarioArguments,
    /// Print the semantic form itself instead.
    #[arg(long, conflicts_with = "write")]
    semantic: bool,
    /// Say in words what has changed since the semantic form was written into this file: exit code 1 if anything
    /// has.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["semantic", "write"])]
    against: Option<PathBuf>,
    /// Write the semantic digest and its checkpoints into the scenario's file instead.
    #[arg(long)]
    write: bool,
    /// Write the exact digest, too, and the SHA-256 of the images for which it holds.
    #[arg(long, requires = "write")]
    pin: bool,
}

#[derive(Args, Debug)]
struct SourceArguments {
    /// The program by its name, such as lazy; or kernel.
    program: String,
    /// Show the line that the instruction at this address comes from.
    #[arg(long, value_name = "ADDRESS", value_parser = source::address)]
    at: Option<u64>,
    /// Folder of what `cargo xtask guest` builds.
    #[arg(long, value_name = "DIR")]
    guest: Option<PathBuf>,
}

/// What `--tlb` says.
#[derive(Clone, Copy, Debug)]
struct Tlb(Option<Geometry>);

fn tlb(text: &str) -> Result<Tlb, String> {
    if text == "off" { Ok(Tlb(None)) } else { text.parse().map(|shape| Tlb(Some(shape))) }
}

fn count(text: &str) -> Result<u64, String> {
    parse_count(text).ok_or_else(|| "give a number, such as 1000000 or 0xf4240".into())
}

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return usage(&error),
    };
    let result = match &cli.command {
        Command::Run(arguments) => run::run(arguments),
        Command::Boot(arguments) => boot::boot(arguments),
        Command::Digest(arguments) => run::digest(arguments),
        Command::Source(arguments) => source::source(arguments),
        Command::Record(arguments) => record::record(arguments),
        Command::Verify(arguments) => verify::verify(arguments),
        Command::Diff(arguments) => diff::diff(arguments),
        Command::Show(arguments) => show::show(arguments),
        Command::Schema => schema(),
    };
    result.unwrap_or_else(|failure| failure.report())
}

/// `faultline schema`.
fn schema() -> Result<ExitCode, Failure> {
    print!("{}", include_str!("../../../../docs/scenario.schema.json"));
    Ok(ExitCode::SUCCESS)
}

/// Help goes to stdout as it is; a mistake becomes one line.
fn usage(error: &clap::Error) -> ExitCode {
    if matches!(error.kind(), ErrorKind::DisplayHelp | ErrorKind::DisplayVersion) {
        print!("{error}");
        return ExitCode::SUCCESS;
    }
    if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return Failure::new("no command given: run, boot, digest or source (see faultline --help)").report();
    }
    let text = error.to_string();
    let first: Vec<&str> = text.lines().map(str::trim).take_while(|line| !line.is_empty()).collect();
    let message = first.join(" ");
    let message = message.strip_prefix("error: ").unwrap_or(&message);
    Failure::new(format!("{message} (see faultline --help)")).report()
}
