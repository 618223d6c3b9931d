//! A recording: a run as a file, with everything that a viewer needs without the machine.
//!
//! It holds the scenario and the identities of what ran, every event, what was printed, and the page tables
//! wherever they do not follow from the events ([`Shot`]). `docs/scenarios.md` describes the JSON.

mod capture;
mod csv;
mod tables;

use std::fmt;

use faultline_abi::PhysAddr;
use faultline_abi::hex;
use faultline_abi::scenario::{Digests, Refused, Scenario};
use serde::de::IgnoredAny;
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use crate::digest::{Exact, Semantic, digests};
use crate::event::Event;
use crate::inspect::Mapping;
use crate::recorder::{CONSOLE_MAX, EVENTS_MAX};
use crate::scenario::{self, ScenarioError};

pub use capture::Capture;
pub use csv::{CSV_HEADER, csv_line};
pub use tables::PageTables;

/// The version of the format that this build writes.
pub const FORMAT: u32 = 1;
/// Bytes of JSON that a recording may have.
pub const FILE_BYTES: usize = 1 << 30;
/// Page tables that a recording may hold in full, and entries of each.
pub const SHOTS_MAX: usize = 100_000;

/// A run as a file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Recorded {
    /// Format version: [`FORMAT`].
    pub recording: u32,
    /// What ran.
    pub scenario: Scenario,
    /// What it ran with.
    pub images: Identities,
    /// How it ended.
    pub ending: Ending,
    /// Instructions retired.
    #[serde(with = "hex")]
    pub instructions: u64,
    /// Instructions retired and traps taken.
    #[serde(with = "hex")]
    pub steps: u64,
    /// Digests of the events.
    pub digest: Digests,
    /// What was printed.
    pub console: Vec<Printed>,
    /// Page tables that do not follow from the events.
    pub tables: Vec<Shot>,
    /// Every event.
    pub events: Vec<Event>,
}

/// The SHA-256 of each image, in hexadecimal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Identities {
    /// Of the kernel.
    pub kernel: String,
    /// Of the disk as it is published, if there was one; the scenario's extra files come on top.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub disk: Option<String>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Ending {
    /// The guest ended it with this code.
    Exited(#[serde(with = "hex")] u64),
    /// The scenario's limit was reached.
    CutOff,
    /// The guest waits for input that does not come.
    WaitingForInput,
}

impl fmt::Display for Ending {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Exited(code) => write!(f, "the guest exits with code {code}"),
            Self::CutOff => f.write_str("cut off by the scenario's limit"),
            Self::WaitingForInput => f.write_str("the guest waits for input"),
        }
    }
}

/// Text that left the board before the step with this number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Printed {
    /// The step of its last byte.
    #[serde(with = "hex")]
    pub step: u64,
    /// The text; what is no UTF-8 is replaced.
    pub text: String,
}

/// A page table as it was when a trap handler returned to a program.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Shot {
    /// How many events had happened.
    pub events: u64,
    /// The root table.
    pub root: PhysAddr,
    /// Every leaf.
    pub mappings: Vec<Mapping>,
}

/// Why a recording is refused.
#[derive(Debug)]
pub enum RecordedError {
    /// More bytes than a recording may have.
    TooLarge(usize),
    /// It is no JSON, is cut off, or has a field of the wrong type.
    Json(serde_json::Error),
    /// A field breaks a limit.
    Refused(Refused),
    /// The scenario inside is refused.
    Scenario(ScenarioError),
}

impl fmt::Display for RecordedError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(bytes) => write!(f, "{bytes} bytes; a recording has at most {FILE_BYTES}"),
            Self::Json(error) if error.is_eof() => write!(f, "the JSON is cut off: {error}"),
            Self::Json(error) => write!(f, "not a recording: {error}"),
            Self::Refused(refused) => refused.fmt(f),
            Self::Scenario(error) => write!(f, "in the recording: {error}"),
        }
    }
}

impl std::error::Error for RecordedError {}

/// What says that a file is a recording.
#[derive(Deserialize)]
#[serde(expecting = "an object, as a recording is")]
struct Version {
    recording: Option<u64>,
    faultline: Option<IgnoredAny>,
}

/// The file as it is read: the scenario may be of an older version.
#[derive(Deserialize)]
struct File<'a> {
    #[serde(rename = "recording")]
    _recording: u64,
    #[serde(borrow)]
    scenario: &'a RawValue,
    images: Identities,
    ending: Ending,
    #[serde(with = "hex")]
    instructions: u64,
    #[serde(with = "hex")]
    steps: u64,
    digest: Digests,
    #[serde(default)]
    console: Vec<Printed>,
    #[serde(default)]
    tables: Vec<Shot>,
    events: Vec<Event>,
}

/// Whether a file says of itself that it is a recording, not a scenario.
#[must_use]
pub fn is_recording(file: &[u8]) -> bool {
    let version = serde_json::from_slice::<Version>(file);
    version.is_ok_and(|version| version.recording.is_some() && version.faultline.is_none())
}

impl Recorded {
    /// Reads a recording.
    ///
    /// # Errors
    /// What is wrong: the line and column, or the field.
    pub fn parse(file: &[u8]) -> Result<Self, RecordedError> {
        if file.len() > FILE_BYTES {
            return Err(RecordedError::TooLarge(file.len()));
        }
        let version: Version = serde_json::from_slice(file).map_err(RecordedError::Json)?;
        match version.recording {
            Some(version) if version == u64::from(FORMAT) => {}
            Some(other) => {
                let reason = format!("format version {other} is unknown; this build reads version {FORMAT}");
                return refuse("recording", reason);
            }
            None => return refuse("recording", "missing; a recording begins with its format version, 1"),
        }
        let file: File<'_> = serde_json::from_slice(file).map_err(RecordedError::Json)?;
        let scenario = scenario::parse(file.scenario.get().as_bytes()).map_err(RecordedError::Scenario)?;
        let File { images, ending, instructions, steps, digest, console, tables, events, .. } = file;
        let recorded = Self {
            recording: FORMAT,
            scenario,
            images,
            ending,
            instructions,
            steps,
            digest,
            console,
            tables,
            events,
        };
        recorded.check()?;
        Ok(recorded)
    }

    /// The file: an event a line, so that it can be read and compared as text.
    ///
    /// # Panics
    /// Never: every recording has a JSON form.
    #[must_use]
    pub fn write(&self) -> String {
        let json = |value: &dyn erased::Json| value.json();
        let mut text =
            format!("{{\n\"recording\": {},\n\"scenario\": {}", self.recording, json(&self.scenario));
        for (name, value) in [
            ("images", json(&self.images)),
            ("ending", json(&self.ending)),
            ("instructions", format!("\"{:#x}\"", self.instructions)),
            ("steps", format!("\"{:#x}\"", self.steps)),
            ("digest", json(&self.digest)),
        ] {
            text += &format!(",\n\"{name}\": {value}");
        }
        lines(&mut text, "console", self.console.iter().map(|printed| json(printed)));
        lines(&mut text, "tables", self.tables.iter().map(|shot| json(shot)));
        lines(&mut text, "events", self.events.iter().map(Event::to_json));
        text + "\n}\n"
    }

    /// The semantic form of the events.
    #[must_use]
    pub fn semantic(&self) -> Semantic {
        let mut semantic = Semantic::default();
        self.events.iter().for_each(|event| semantic.add(&event.what, event.mode));
        semantic
    }

    /// The digests of the events, as they are; `digest` says what the file claims.
    #[must_use]
    pub fn digests(&self) -> Digests {
        let mut exact = Exact::default();
        self.events.iter().for_each(|event| exact.add(event));
        digests(exact, &self.semantic())
    }

    /// What was printed before the machine stood at `step`.
    #[must_use]
    pub fn console_before(&self, step: u64) -> String {
        self.console
            .iter()
            .take_while(|printed| printed.step < step)
            .map(|printed| printed.text.as_str())
            .collect()
    }

    fn check(&self) -> Result<(), RecordedError> {
        at_most("events", self.events.len(), EVENTS_MAX)?;
        at_most("tables", self.tables.len(), SHOTS_MAX)?;
        at_most("console", self.console.iter().map(|printed| printed.text.len()).sum(), CONSOLE_MAX * 3)?;
        for (n, event) in self.events.iter().enumerate() {
            if event.n != n as u64 {
                let reason = format!("is {}; events are numbered from 0", event.n);
                return refuse(format!("events[{n}].n"), reason);
            }
            if n > 0 && event.step < self.events[n - 1].step {
                return refuse(format!("events[{n}].step"), "lies before that of the event before");
            }
        }
        ascending("console", self.console.iter().map(|printed| printed.step))?;
        ascending("tables", self.tables.iter().map(|shot| shot.events))?;
        for (i, shot) in self.tables.iter().enumerate() {
            if shot.events > self.events.len() as u64 {
                return refuse(format!("tables[{i}].events"), "there are not so many events");
            }
        }
        Ok(())
    }
}

fn refuse<T>(field: impl Into<String>, reason: impl Into<String>) -> Result<T, RecordedError> {
    Err(RecordedError::Refused(Refused::new(field, reason)))
}

fn at_most(field: &str, length: usize, most: usize) -> Result<(), RecordedError> {
    if length > most { refuse(field, format!("{length} entries; at most {most}")) } else { Ok(()) }
}

fn ascending(field: &str, values: impl Iterator<Item = u64>) -> Result<(), RecordedError> {
    let mut last = 0;
    for (i, value) in values.enumerate() {
        if value < last {
            return refuse(format!("{field}[{i}]"), "lies before the entry before");
        }
        last = value;
    }
    Ok(())
}

fn lines(text: &mut String, name: &str, entries: impl Iterator<Item = String>) {
    *text += &format!(",\n\"{name}\": [");
    for (n, entry) in entries.enumerate() {
        *text += if n == 0 { "\n" } else { ",\n" };
        *text += &entry;
    }
    *text += "\n]";
}

/// Anything that has a JSON form.
mod erased {
    pub(super) trait Json {
        fn json(&self) -> String;
    }

    impl<T: serde::Serialize> Json for T {
        fn json(&self) -> String {
            serde_json::to_string(self).expect("it has only strings for keys and writes to memory")
        }
    }
}
