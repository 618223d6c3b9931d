//! `faultline boot`: a kernel with its serial line on the terminal.

use std::fmt::Write as _;
use std::io::{Write, stdout};
use std::ops::Range;
use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use faultline_abi::PhysAddr;
use faultline_abi::board::DRAM_BASE;
use faultline_machine::boot::MachineConfig;
use faultline_machine::detect::{Detectors, Watched};
use faultline_machine::drive::Driver;
use faultline_machine::loader::{KERNEL_BEHIND_FIRMWARE, LoadedProgram, Symbols};
use faultline_machine::machine::{Machine, RunEnd};
use faultline_machine::observer::{Context, Observer};
use faultline_machine::recorder::Events;
use faultline_machine::scenario::features;
use faultline_machine::statistics::Statistics;

use crate::BootArguments;
use crate::failure::{Failure, cut_off, guest, with_warnings};
use crate::files;
use crate::output::{Digesting, Output};
use crate::summary::{Summary, run_counted};
use crate::terminal::{Keyboard, Typed};

/// Steps between two looks at the keyboard: a few milliseconds.
const SLICE: u64 = 1_000_000;
/// How long to wait for a key while the guest has nothing to do.
const PATIENCE: Duration = Duration::from_millis(100);

/// Shows the console and hears nothing else.
struct ConsoleOnly;

impl Observer for ConsoleOnly {
    const ACTIVE: bool = true;

    fn console_output(&mut self, _: &Context, byte: u8) {
        // A terminal that went away is no reason to stop the guest.
        let _ = stdout().write_all(&[byte]);
    }
}

/// What the guest's serial line is connected to.
enum Line {
    Console(ConsoleOnly),
    Events(Box<(Output, Detectors)>),
}

impl Line {
    fn run(&mut self, driver: &mut Driver, step: u64, statistics: &mut Statistics) -> RunEnd {
        match self {
            Self::Console(ConsoleOnly) => {
                let end = run_counted(driver, step, ConsoleOnly, statistics);
                let _ = stdout().flush();
                end
            }
            Self::Events(watched) => {
                let (sink, detectors) = &mut **watched;
                let end = run_counted(driver, step, Events(&mut Watched { sink, detectors }), statistics);
                watched.0.flush();
                end
            }
        }
    }

    /// Ends it; how many warnings were told.
    fn finish(self) -> Result<u64, Failure> {
        match self {
            Self::Console(_) => Ok(0),
            Self::Events(watched) => Ok(watched.0.finish()?.warnings),
        }
    }

    fn new(arguments: &BootArguments) -> Result<Self, Failure> {
        let events = arguments.events.as_deref();
        if events.is_none() && !arguments.detect {
            return Ok(Self::Console(ConsoleOnly));
        }
        let output = Output::new(events, None, Digesting::Off)?;
        let output = if arguments.detect { output.telling_warnings() } else { output };
        Ok(Self::Events(Box::new((output, Detectors::default()))))
    }
}

/// `faultline boot`.
pub(crate) fn boot(arguments: &BootArguments) -> Result<ExitCode, Failure> {
    let Prepared { mut driver, signature, symbols } = prepare(arguments)?;
    let mut line = Line::new(arguments)?;
    let mut keyboard = Keyboard::open();
    let mut summary = Summary::new(arguments.stats.into(), arguments.tlb.and_then(|tlb| tlb.0));
    arguments.spaces.prepare(&mut summary.statistics);
    let limit = arguments.max_instructions.unwrap_or(u64::MAX);
    let code = drive(&mut driver, limit, &mut line, &mut keyboard, &mut summary);
    drop(keyboard);
    let warnings = line.finish()?;
    summary.print(driver.machine());
    arguments.spaces.finish(&summary.statistics, driver.machine(), &symbols)?;
    save_disk(&driver, arguments)?;
    if let (Some(path), Some(range)) = (&arguments.signature, signature) {
        save_signature(driver.machine(), path, range)?;
    }
    Ok(with_warnings(code, warnings))
}

/// Writes the disk to the file that was asked for.
fn save_disk(driver: &Driver, arguments: &BootArguments) -> Result<(), Failure> {
    let disk = driver.machine().devices().disk();
    let (Some(path), Some(disk)) = (&arguments.disk_options.disk_out, disk) else { return Ok(()) };
    std::fs::write(path, disk.contents()).map_err(|error| Failure::file(path, error))
}

/// Writes the words of a test's signature, a line each, as the frameworks for such tests compare them.
fn save_signature(machine: &Machine, path: &Path, range: Range<PhysAddr>) -> Result<(), Failure> {
    let mut text = String::new();
    for at in (range.start.get()..range.end.get()).step_by(4) {
        let word = machine.ram().read_u32(PhysAddr::new(at)).map_err(|_| {
            Failure::file(path, format!("the signature reaches beyond memory, to {:#x}", range.end))
        })?;
        let _ = writeln!(text, "{word:08x}");
    }
    std::fs::write(path, text).map_err(|error| Failure::file(path, error))
}

/// A machine that is about to start, and what its program says about itself.
struct Prepared {
    driver: Driver,
    signature: Option<Range<PhysAddr>>,
    symbols: Symbols,
}

fn prepare(arguments: &BootArguments) -> Result<Prepared, Failure> {
    let firmware = arguments.bios.as_deref().map(|path| files::kernel(path, DRAM_BASE)).transpose()?;
    let raw_at = if firmware.is_some() { KERNEL_BEHIND_FIRMWARE } else { DRAM_BASE };
    let program = files::kernel(&arguments.kernel, raw_at)?;
    if arguments.signature.is_some() && program.signature.is_none() {
        let missing = "no symbols `begin_signature` and `end_signature`, which --signature needs";
        return Err(Failure::file(&arguments.kernel, missing));
    }
    let initrd = arguments.initrd.as_deref().map(files::image).transpose()?;
    let disk = arguments.disk.as_deref().map(files::image).transpose()?;
    let (memory_mib, bootargs) = (arguments.memory, arguments.append.clone());
    let virtio = arguments.virtio.into();
    let features = features(arguments.adue.into(), arguments.misaligned.into());
    let disk_faults = arguments.disk_options.faults();
    let config = MachineConfig {
        memory_mib,
        harts: arguments.harts,
        features,
        bootargs,
        initrd,
        disk,
        disk_access: arguments.disk_options.access(),
        disk_faults,
        virtio,
        firmware,
    };
    let machine = Machine::new(config, &program).map_err(|error| Failure::file(&arguments.kernel, error))?;
    let LoadedProgram { signature, symbols, .. } = program;
    Ok(Prepared { driver: Driver::new(machine, &[]), signature, symbols })
}

fn drive(
    driver: &mut Driver,
    limit: u64,
    line: &mut Line,
    keyboard: &mut Keyboard,
    summary: &mut Summary,
) -> ExitCode {
    let mut patience = Duration::ZERO;
    loop {
        let room = driver.machine().devices().input_room();
        match keyboard.read(room, patience) {
            Typed::Bytes(bytes) => driver.type_bytes(&bytes),
            Typed::Nothing => {}
            Typed::Quit => return ExitCode::SUCCESS,
            Typed::Closed if patience > Duration::ZERO => {
                return cut_off("the guest waits for input, and there is no more");
            }
            Typed::Closed => {}
        }
        let step = driver.machine().step_count();
        if step >= limit {
            return cut_off(format!("cut off after {limit} instructions and traps (--max-instructions)"));
        }
        let slice_end = limit.min(step.saturating_add(SLICE));
        patience = match summary.timed(|statistics| line.run(driver, slice_end, statistics)) {
            RunEnd::Budget => Duration::ZERO,
            RunEnd::WaitingForInput => PATIENCE,
            RunEnd::Exited(_) if driver.machine().devices().has_lost_power() => {
                return cut_off("the disk lost its power (--disk-cut-at)");
            }
            RunEnd::Exited(code) => return guest(code),
            RunEnd::Stopped => return ExitCode::SUCCESS,
        };
    }
}
