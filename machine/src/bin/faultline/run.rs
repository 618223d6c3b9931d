//! `faultline run` and `faultline digest`: a scenario, headless.

use std::path::Path;
use std::process::ExitCode;

use faultline_abi::scenario::{Digests, Image, Scenario};
use faultline_machine::bus;
use faultline_machine::detect::{Detectors, Watched};
use faultline_machine::diff::{Difference, Side, compare_with_text};
use faultline_machine::digest::{Semantic, sha256};
use faultline_machine::disk_files;
use faultline_machine::drive::Driver;
use faultline_machine::loader::{LoadedProgram, Symbols};
use faultline_machine::machine::{Machine, RunEnd};
use faultline_machine::recorded::{Ending, Identities, Recorded};
use faultline_machine::recorder::Events;
use faultline_machine::scenario::machine_config;

use crate::failure::{Failure, cut_off, guest};
use crate::files::{self, Images};
use crate::output::{Digesting, Output, Totals};
use crate::record;
use crate::summary::{Summary, Wanted, run_counted};
use crate::{DigestArguments, RunArguments, ScenarioArguments};

/// Largest semantic form that is read.
const TEXT_BYTES: u64 = 1 << 28;
/// Steps between two looks at the screen.
const SLICE: u64 = 10_000_000;

/// How a scenario's run ended.
enum End {
    Exited(bus::ExitCode),
    OutOfInstructions,
    WaitingForInput,
    /// By `--until`, or because nobody reads the output any more.
    Stopped,
}

/// A scenario that is ready to run.
pub(crate) struct Prepared {
    pub(crate) scenario: Scenario,
    pub(crate) images: Images,
    pub(crate) driver: Driver,
    pub(crate) symbols: Symbols,
}

/// A scenario from a file, ready to run.
pub(crate) fn prepare(arguments: &ScenarioArguments) -> Result<Prepared, Failure> {
    let scenario = files::scenario(arguments)?;
    prepare_scenario(scenario, arguments, None)
}

/// A scenario, ready to run with the images that it names, or with those of these identities where they
/// are at hand.
pub(crate) fn prepare_scenario(
    scenario: Scenario,
    arguments: &ScenarioArguments,
    wanted: Option<&Identities>,
) -> Result<Prepared, Failure> {
    let mut images = files::images(&scenario, arguments, wanted)?;
    let failure = |error| Failure::file(&images.kernel_path, error);
    let program = LoadedProgram::from_elf(&images.kernel).map_err(failure)?;
    let disk = images.disk.clone().map(|disk| disk_files::put(disk, &scenario.files)).transpose();
    let disk = disk.map_err(|error| Failure::file(&arguments.scenario, error))?;
    if let Some(differs) = differing_program(&scenario, disk.as_deref()) {
        eprintln!("faultline: {}: {differs}", arguments.scenario.display());
    }
    let machine = Machine::new(machine_config(&scenario, disk), &program).map_err(failure)?;
    let driver = Driver::new(machine, &scenario.inputs);
    images.kernel.shrink_to_fit();
    Ok(Prepared { scenario, images, driver, symbols: program.symbols })
}

/// How the program on the disk differs from the one that the scenario was made with, where it names one by its
/// SHA-256. What the run means must not depend on that, so it is no reason to refuse it.
fn differing_program(scenario: &Scenario, disk: Option<&[u8]>) -> Option<String> {
    let Image { name, sha256: Some(told), .. } = scenario.images.program.as_ref()? else { return None };
    match disk.and_then(|disk| disk_files::get(disk.into(), name)).map(|bytes| sha256(&bytes)) {
        None => Some(format!("field `images.program`: there is no `{name}` on the disk")),
        Some(found) if found.eq_ignore_ascii_case(told) => None,
        Some(found) => Some(format!(
            "field `images.program`: `{name}` on the disk has the SHA-256 {found}, and the scenario was made with {told}"
        )),
    }
}

/// Runs to the end, or as far as it goes.
fn drive(driver: &mut Driver, limit: u64, output: &mut Output, summary: &mut Summary) -> End {
    let mut detectors = Detectors::default();
    loop {
        let step = driver.machine().step_count();
        if step >= limit {
            return End::OutOfInstructions;
        }
        let end = summary.timed(|statistics| {
            let mut watched = Watched { sink: &mut *output, detectors: &mut detectors };
            run_counted(driver, limit.min(step + SLICE), Events(&mut watched), statistics)
        });
        output.flush();
        match end {
            RunEnd::Budget => {}
            RunEnd::Stopped => return End::Stopped,
            RunEnd::Exited(code) => return End::Exited(code),
            RunEnd::WaitingForInput => return End::WaitingForInput,
        }
    }
}

/// `faultline run`.
pub(crate) fn run(arguments: &RunArguments) -> Result<ExitCode, Failure> {
    let Prepared { scenario, images, mut driver, symbols } = prepare(&arguments.scenario)?;
    let mut output = Output::new(arguments.events.as_deref(), arguments.until, Digesting::On)?;
    let mut summary = Summary::new(arguments.stats.into(), arguments.tlb.and_then(|tlb| tlb.0));
    arguments.spaces.prepare(&mut summary.statistics);
    let end = drive(&mut driver, scenario.machine.max_instructions, &mut output, &mut summary);
    let totals = output.finish()?;
    summary.print(driver.machine());
    arguments.spaces.finish(&summary.statistics, driver.machine(), &symbols)?;
    let whole = matches!(end, End::Exited(_)) && arguments.scenario.settings.is_empty() && !totals.found;
    let verdict = if whole { compare(&scenario, &images, &totals) } else { String::new() };
    let (events, faults) = (totals.events, totals.page_faults);
    let instructions = driver.machine().instret();
    eprintln!("faultline: {instructions} instructions, {events} events, {faults} page faults{verdict}");
    Ok(match end {
        _ if totals.found => ExitCode::SUCCESS,
        End::Exited(code) => guest(code),
        End::Stopped => ExitCode::SUCCESS,
        End::OutOfInstructions => {
            let limit = scenario.machine.max_instructions;
            cut_off(format!(
                "cut off after {limit} instructions and traps (--max-instructions raises the limit)"
            ))
        }
        End::WaitingForInput => cut_off("the guest waits for input, and the scenario has no more"),
    })
}

/// `faultline digest`.
pub(crate) fn digest(arguments: &DigestArguments) -> Result<ExitCode, Failure> {
    if arguments.write {
        return write(arguments);
    }
    let Prepared { scenario, mut driver, .. } = prepare(&arguments.scenario)?;
    let mut output = Output::silent();
    let limit = scenario.machine.max_instructions;
    let end = drive(&mut driver, limit, &mut output, &mut Summary::new(Wanted::No, None));
    if !matches!(end, End::Exited(_)) {
        return Ok(cut_off("the run has no end, so it has no digest"));
    }
    let Some((exact, semantic)) = output.finish()?.digests else { return Ok(ExitCode::SUCCESS) };
    if arguments.semantic {
        print!("{}", semantic.text());
    } else if let Some(file) = &arguments.against {
        return against(file, &semantic);
    } else {
        println!(r#"{{"semantic":"{}","exact":"{exact}"}}"#, semantic.digest());
    }
    Ok(ExitCode::SUCCESS)
}

/// Says in words what has changed since a semantic form was written down.
fn against(file: &Path, semantic: &Semantic) -> Result<ExitCode, Failure> {
    let text = String::from_utf8_lossy(&files::read(file, TEXT_BYTES)?).into_owned();
    let comparison = compare_with_text(&text, semantic);
    for Difference { section, side, event, text, elsewhere } in &comparison.differences {
        let moved = if elsewhere.is_some() { ", elsewhere" } else { "" };
        match side {
            Side::A => println!("{section}: no longer{moved}: {text}"),
            Side::B => println!("{section}: now{moved}, at event {event}: {text}"),
        }
    }
    Ok(if comparison.is_same() { ExitCode::SUCCESS } else { ExitCode::from(1) })
}

/// Writes the scenario back with the digests that its run has now. An exact digest that stood there held for
/// other images and goes, unless these are to be pinned.
fn write(arguments: &DigestArguments) -> Result<ExitCode, Failure> {
    let path = &arguments.scenario.scenario;
    if !arguments.scenario.settings.is_empty() || arguments.scenario.max_instructions.is_some() {
        return Err(Failure::new("--write takes the scenario as it is; drop --set and --max-instructions"));
    }
    let Recorded { mut scenario, images, ending, mut digest, .. } = record::run(&arguments.scenario)?;
    if !matches!(ending, Ending::Exited(_)) {
        return Ok(cut_off("the run has no end, so it has no digest"));
    }
    if arguments.pin {
        scenario.images.kernel.sha256 = Some(images.kernel);
        if let (Some(disk), Some(sha256)) = (&mut scenario.images.disk, images.disk) {
            disk.sha256 = Some(sha256);
        }
        pin_program(&mut scenario, &arguments.scenario)?;
    } else {
        digest.exact = None;
        digest
            .checkpoints
            .iter_mut()
            .for_each(|checkpoints| (checkpoints.events, checkpoints.exact) = (0, Vec::new()));
    }
    scenario.digest = Digests { unknown: scenario.digest.unknown, ..digest };
    std::fs::write(path, faultline_machine::scenario::write(&scenario))
        .map_err(|error| Failure::file(path, error))?;
    Ok(ExitCode::SUCCESS)
}

/// Names the program by what is on the disk.
fn pin_program(scenario: &mut Scenario, arguments: &ScenarioArguments) -> Result<(), Failure> {
    let disk = files::images(scenario, arguments, None)?.disk;
    let disk = disk.map(|disk| disk_files::put(disk, &scenario.files)).transpose();
    let disk = disk.map_err(|error| Failure::file(&arguments.scenario, error))?;
    if let (Some(program), Some(disk)) = (&mut scenario.images.program, disk) {
        program.sha256 = disk_files::get(disk, &program.name).map(|bytes| sha256(&bytes));
    }
    Ok(())
}

/// Says of each digest what it is and whether it is the one that the scenario promises.
fn compare(scenario: &Scenario, images: &Images, totals: &Totals) -> String {
    let Some((exact, semantic)) = &totals.digests else { return String::new() };
    let promised = &scenario.digest;
    let exact_applies = same_images(scenario, images);
    let expected_exact = promised.exact.as_deref().filter(|_| exact_applies);
    let semantic = semantic.digest();
    format!(
        "; semantic digest {semantic}{}; exact digest {exact}{}",
        judge(&semantic, promised.semantic.as_deref()),
        judge(exact, expected_exact)
    )
}

fn judge(digest: &str, expected: Option<&str>) -> String {
    match expected {
        None => String::new(),
        Some(expected) if expected.eq_ignore_ascii_case(digest) => " matches the scenario".into(),
        Some(expected) => format!(" DIFFERS from the scenario's {expected}"),
    }
}

/// Whether these are the very images for which the exact digest holds.
fn same_images(scenario: &Scenario, images: &Images) -> bool {
    let same = |image: &Image, bytes: &[u8]| image.sha256.as_deref() == Some(&sha256(bytes));
    let disk = match (&scenario.images.disk, &images.disk) {
        (Some(image), Some(bytes)) => same(image, bytes),
        (None, None) => true,
        _ => false,
    };
    disk && same(&scenario.images.kernel, &images.kernel)
}
