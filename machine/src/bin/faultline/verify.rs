//! `faultline verify`: does a run still come out as its file says?

use std::path::Path;
use std::process::ExitCode;

use faultline_abi::scenario::Digests;
use faultline_machine::diff::compare;
use faultline_machine::digest::{Exact, semantic_checkpoints};
use faultline_machine::event::Event;
use faultline_machine::narrate::state::Processes;
use faultline_machine::narrate::words::happened;
use faultline_machine::recorded::{self, Recorded};
use serde::Serialize;

use crate::failure::Failure;
use crate::{ScenarioArguments, VerifyArguments, files, record};

/// The exit code where a digest is not reproduced, or none applies.
const NOT_VERIFIED: u8 = 1;
/// Events, lines or differences that are shown of a place where runs differ.
const SHOWN: usize = 12;

/// What became of a digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
enum Outcome {
    /// The run has it.
    Reproduced,
    /// The run has another.
    Differs,
    /// It holds for images that are not at hand.
    DoesNotApply,
    /// The file promises none.
    Absent,
}

impl Outcome {
    const fn words(self) -> &'static str {
        match self {
            Self::Reproduced => "reproduced",
            Self::Differs => "DIFFERS",
            Self::DoesNotApply => "does not apply, the images are others",
            Self::Absent => "not in the file",
        }
    }
}

/// What became of a file.
#[derive(Debug, Serialize)]
struct Verdict {
    file: String,
    verified: bool,
    semantic: Outcome,
    exact: Outcome,
    /// Where the run differs, line by line.
    difference: Vec<String>,
}

/// `faultline verify`.
pub(crate) fn verify(arguments: &VerifyArguments) -> Result<ExitCode, Failure> {
    let verdicts =
        arguments.files.iter().map(|file| verdict(file, arguments)).collect::<Result<Vec<_>, _>>()?;
    if arguments.json {
        println!("{}", serde_json::to_string_pretty(&verdicts).map_err(Failure::new)?);
    } else {
        verdicts.iter().for_each(|verdict| print!("{}", told(verdict)));
    }
    let all = verdicts.iter().all(|verdict| verdict.verified);
    Ok(if all { ExitCode::SUCCESS } else { ExitCode::from(NOT_VERIFIED) })
}

fn told(verdict: &Verdict) -> String {
    let Verdict { file, semantic, exact, .. } = verdict;
    let mut text = format!("{file}: semantic digest {}; exact digest {}\n", semantic.words(), exact.words());
    verdict.difference.iter().for_each(|line| text += &format!("  {line}\n"));
    text
}

fn verdict(file: &Path, arguments: &VerifyArguments) -> Result<Verdict, Failure> {
    let bytes = files::read(file, recorded::FILE_BYTES as u64)?;
    let run = ScenarioArguments {
        scenario: file.to_owned(),
        settings: Vec::new(),
        max_instructions: None,
        guest: arguments.guest.clone(),
    };
    if recorded::is_recording(&bytes) {
        let told = Recorded::parse(&bytes).map_err(|error| Failure::file(file, error))?;
        return Ok(of_recording(file, &told, &record::run_again(&told, &run)?));
    }
    Ok(of_scenario(file, &record::run(&run)?))
}

/// A scenario promises digests, whole and in checkpoints.
fn of_scenario(file: &Path, run: &Recorded) -> Verdict {
    let promised = &run.scenario.digest;
    let applies = has_promised_images(run);
    let semantic = outcome(promised.semantic.as_deref(), run.digest.semantic.as_deref(), true);
    let exact = outcome(promised.exact.as_deref(), run.digest.exact.as_deref(), applies);
    let mut difference = Vec::new();
    if semantic == Outcome::Differs {
        difference.extend(first_other_line(promised, run));
    }
    if exact == Outcome::Differs {
        difference.extend(first_other_event(promised, run));
    }
    finish(file, semantic, exact, difference)
}

/// A recording holds the run itself, so that the first difference can be named.
fn of_recording(file: &Path, told: &Recorded, run: &Recorded) -> Verdict {
    let applies = told.images == run.images;
    let semantic = outcome(told.digest.semantic.as_deref(), run.digest.semantic.as_deref(), true);
    let exact = outcome(told.digest.exact.as_deref(), run.digest.exact.as_deref(), applies);
    let mut difference = Vec::new();
    if exact == Outcome::Differs {
        difference.extend(first_difference(&told.events, &run.events));
    }
    if semantic == Outcome::Differs {
        let comparison = compare(&told.semantic(), &run.semantic());
        difference.push("A is the recording, B the run of today:".into());
        difference.extend(comparison.differences.iter().take(SHOWN).map(ToString::to_string));
    }
    finish(file, semantic, exact, difference)
}

fn finish(file: &Path, semantic: Outcome, exact: Outcome, difference: Vec<String>) -> Verdict {
    let outcomes = [semantic, exact];
    let verified = outcomes.contains(&Outcome::Reproduced) && !outcomes.contains(&Outcome::Differs);
    let difference = match outcomes {
        [Outcome::Absent, Outcome::Absent] => {
            vec!["the file promises no digest, so there is nothing to verify".into()]
        }
        [Outcome::Absent | Outcome::DoesNotApply, Outcome::Absent | Outcome::DoesNotApply] => {
            vec!["no digest applies; give the images of that SHA-256 with --guest".into()]
        }
        _ => difference,
    };
    Verdict { file: file.display().to_string(), verified, semantic, exact, difference }
}

fn outcome(promised: Option<&str>, came: Option<&str>, applies: bool) -> Outcome {
    match (promised, came) {
        (None, _) => Outcome::Absent,
        (Some(_), _) if !applies => Outcome::DoesNotApply,
        (Some(promised), Some(came)) if promised.eq_ignore_ascii_case(came) => Outcome::Reproduced,
        _ => Outcome::Differs,
    }
}

/// Whether the run had the very images for which the exact digest holds.
fn has_promised_images(run: &Recorded) -> bool {
    let images = &run.scenario.images;
    let disk = match (&images.disk, &run.images.disk) {
        (Some(image), Some(came)) => image.sha256.as_ref() == Some(came),
        (None, None) => true,
        _ => false,
    };
    disk && images.kernel.sha256.as_ref() == Some(&run.images.kernel)
}

/// The stretch of the semantic form in which the run leaves what the checkpoints say.
fn first_other_line(promised: &Digests, run: &Recorded) -> Vec<String> {
    let lines = run.semantic().lines();
    let Some(checkpoints) = promised.checkpoints.as_ref().filter(|it| it.lines > 0) else {
        return vec![
            "the file has no checkpoints to say where; `faultline diff` compares with a recording".into(),
        ];
    };
    let (came, _) = semantic_checkpoints(&lines, checkpoints.lines);
    let same = came.iter().zip(&checkpoints.semantic).take_while(|(came, told)| came == told).count();
    let from = same * checkpoints.lines as usize;
    let to = (from + checkpoints.lines as usize).min(lines.len());
    let mut text =
        vec![format!("the meaning differs first between lines {from} and {to} of the semantic form; now:")];
    text.extend(lines[from.min(to)..to].iter().take(SHOWN).cloned());
    text
}

/// The stretch of events in which the run leaves what the checkpoints say.
fn first_other_event(promised: &Digests, run: &Recorded) -> Vec<String> {
    let Some(checkpoints) = promised.checkpoints.as_ref().filter(|it| it.events > 0) else {
        return Vec::new();
    };
    let mut exact = Exact::with_distance(checkpoints.events);
    run.events.iter().for_each(|event| exact.add(event));
    let (_, came, _) = exact.finish_with_checkpoints();
    let same = came.iter().zip(&checkpoints.exact).take_while(|(came, told)| came == told).count();
    let from = same * checkpoints.events as usize;
    let to = (from + checkpoints.events as usize).min(run.events.len());
    let mut text = vec![format!("the events differ first between event {from} and event {to}; now:")];
    text.extend(run.events[from.min(to)..to].iter().take(SHOWN).map(words));
    text
}

/// The first event that differs, on both sides.
fn first_difference(told: &[Event], came: &[Event]) -> Vec<String> {
    let at = told.iter().zip(came).take_while(|(told, came)| told == came).count();
    let side = |name: &str, events: &[Event]| match events.get(at) {
        Some(event) => vec![format!("{name}: {}", words(event)), format!("{name}: {}", event.to_json())],
        None => vec![format!("{name}: nothing more, the run has ended")],
    };
    let mut text = vec![format!("the first event that differs is event {at}:")];
    text.extend(side("recorded", told));
    text.extend(side("today", came));
    text
}

fn words(event: &Event) -> String {
    let told = happened(&event.what, &Processes::default());
    format!(
        "event {} at {}: {}{}{}",
        event.n,
        event.pc,
        told.what,
        if told.detail.is_empty() { "" } else { "; " },
        told.detail
    )
}
