//! `faultline record`: a run as a file; and reading runs from files, whether they were recorded or not.

use std::fs::File;
use std::io::{self, BufWriter, ErrorKind, Write, stdout};
use std::path::Path;
use std::process::ExitCode;

use faultline_machine::detect::{Detectors, Watched};
use faultline_machine::digest::{self, Exact, Semantic, sha256};
use faultline_machine::machine::RunEnd;
use faultline_machine::recorded::{self, CSV_HEADER, Capture, Ending, Identities, Recorded, csv_line};
use faultline_machine::recorder::Events;
use faultline_machine::session::{Boot, Session};

use crate::failure::Failure;
use crate::progress::Progress;
use crate::run::{Prepared, prepare, prepare_scenario};
use crate::{Format, RecordArguments, ScenarioArguments, files};

/// Steps between two looks at the progress.
const SLICE: u64 = 10_000_000;

/// A run: from a recording, or from a scenario, which is run now.
pub(crate) fn load(arguments: &ScenarioArguments) -> Result<Recorded, Failure> {
    let path = &arguments.scenario;
    let bytes = files::read(path, recorded::FILE_BYTES as u64)?;
    if !recorded::is_recording(&bytes) {
        return run(arguments);
    }
    if !arguments.settings.is_empty() || arguments.max_instructions.is_some() {
        return Err(Failure::file(path, "a recording; what is set for a run cannot change it any more"));
    }
    Recorded::parse(&bytes).map_err(|error| Failure::file(path, error))
}

/// Runs a scenario and keeps everything.
pub(crate) fn run(arguments: &ScenarioArguments) -> Result<Recorded, Failure> {
    prepare(arguments).and_then(|prepared| keep(prepared, &arguments.scenario))
}

/// Runs the scenario of a recording again, with images of the same identities where they are at hand.
pub(crate) fn run_again(recorded: &Recorded, arguments: &ScenarioArguments) -> Result<Recorded, Failure> {
    let prepared = prepare_scenario(recorded.scenario.clone(), arguments, Some(&recorded.images))?;
    keep(prepared, &arguments.scenario)
}

/// A session of the run of a recording, with images of the same identities where they are at hand.
pub(crate) fn session(recorded: &Recorded, arguments: &ScenarioArguments) -> Result<Session, Failure> {
    let prepared = prepare_scenario(recorded.scenario.clone(), arguments, Some(&recorded.images))?;
    let Prepared { scenario, images, .. } = prepared;
    let boot = Boot { scenario, kernel: images.kernel, disk: images.disk };
    Session::load(boot).map_err(|error| Failure::file(&images.kernel_path, error))
}

fn keep(prepared: Prepared, path: &Path) -> Result<Recorded, Failure> {
    let Prepared { scenario, images, mut driver, .. } = prepared;
    let (mut capture, mut detectors) = (Capture::default(), Detectors::default());
    let limit = scenario.machine.max_instructions;
    let mut progress = Progress::new(&format!("running {}", path.display()), limit);
    let ending = loop {
        let step = driver.machine().step_count();
        if step >= limit {
            break Ending::CutOff;
        }
        let mut watched = Watched { sink: &mut capture, detectors: &mut detectors };
        match driver.run_to(limit.min(step + SLICE), &mut Events(&mut watched)) {
            RunEnd::Budget => progress.at(driver.machine().instret()),
            RunEnd::Exited(code) => break Ending::Exited(code.0),
            RunEnd::WaitingForInput => break Ending::WaitingForInput,
            RunEnd::Stopped => {
                let most = capture.events();
                return Err(Failure::new(format!("more than {most} events; lower --max-instructions")));
            }
        }
    };
    let (instructions, steps) = (driver.machine().instret(), driver.machine().step_count());
    let (console, tables, events) = capture.finish();
    let identities = Identities { kernel: sha256(&images.kernel), disk: images.disk.as_deref().map(sha256) };
    let (mut exact, mut semantic) = (Exact::default(), Semantic::default());
    for event in &events {
        exact.add(event);
        semantic.add(&event.what, event.mode);
    }
    Ok(Recorded {
        recording: recorded::FORMAT,
        scenario,
        images: identities,
        ending,
        instructions,
        steps,
        digest: digest::digests(exact, &semantic),
        console,
        tables,
        events,
    })
}

/// `faultline record`.
pub(crate) fn record(arguments: &RecordArguments) -> Result<ExitCode, Failure> {
    let recorded = load(&arguments.scenario)?;
    let format = arguments.format.unwrap_or_else(|| Format::of(&arguments.output));
    let result = write(&recorded, format, &arguments.output);
    match result {
        Err(error) if error.kind() != ErrorKind::BrokenPipe => {
            Err(Failure::file(&arguments.output, format!("cannot be written: {error}")))
        }
        _ => Ok(ExitCode::SUCCESS),
    }
}

impl Format {
    /// By the end of a file's name; JSON where that says nothing.
    fn of(path: &Path) -> Self {
        match path.extension().and_then(|extension| extension.to_str()) {
            Some("jsonl" | "ndjson") => Self::Jsonl,
            Some("csv") => Self::Csv,
            _ => Self::Json,
        }
    }
}

fn write(recorded: &Recorded, format: Format, path: &Path) -> io::Result<()> {
    let target: Box<dyn Write> =
        if path == Path::new("-") { Box::new(stdout()) } else { Box::new(File::create(path)?) };
    let mut target = BufWriter::with_capacity(1 << 16, target);
    match format {
        Format::Json => target.write_all(recorded.write().as_bytes())?,
        Format::Jsonl => {
            recorded.events.iter().try_for_each(|event| writeln!(target, "{}", event.to_json()))?
        }
        Format::Csv => {
            writeln!(target, "{CSV_HEADER}")?;
            recorded.events.iter().try_for_each(|event| writeln!(target, "{}", csv_line(event)))?;
        }
    }
    target.flush()
}
