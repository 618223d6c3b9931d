//! Reading scenario files. The format is `faultline_abi::scenario`; `docs/scenarios.md` describes it.
//!
//! Nothing is believed: the size is capped, the version is read first, everything is parsed into
//! types and checked, and only then is anything used.

use std::fmt;

use faultline_abi::hex;
use faultline_abi::scenario::{
    Adue, Anchor, FORMAT, Misaligned, Refused, Scenario, Start, Virtio, limits, v0,
};
use serde::Deserialize;
use serde::de::IgnoredAny;

use crate::device::virtio::Transport;
use crate::event::Selector;
use crate::hart::{self, Features};
use crate::mmu::walk::Update;

/// Why a scenario file is refused.
#[derive(Debug)]
pub enum ScenarioError {
    /// More bytes than a scenario may have.
    TooLarge(usize),
    /// It is no JSON, is cut off, or has a field of the wrong type.
    Json(serde_json::Error),
    /// A field breaks a limit.
    Refused(Refused),
}

impl fmt::Display for ScenarioError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooLarge(bytes) => {
                write!(f, "{bytes} bytes; a scenario has at most {}", limits::FILE_BYTES)
            }
            Self::Json(error) if error.is_eof() => write!(f, "the JSON is cut off: {error}"),
            Self::Json(error) => write!(f, "not a scenario: {error}"),
            Self::Refused(refused) => refused.fmt(f),
        }
    }
}

impl std::error::Error for ScenarioError {}

impl From<Refused> for ScenarioError {
    fn from(refused: Refused) -> Self {
        Self::Refused(refused)
    }
}

/// The one field that every version has, and the one by which a recording is known.
#[derive(Deserialize)]
#[serde(expecting = "an object, as a scenario is")]
struct Version {
    faultline: Option<u64>,
    recording: Option<IgnoredAny>,
}

/// Reads a scenario; one of an older version becomes one of the present version.
///
/// # Errors
/// What is wrong: the line and column, or the field.
pub fn parse(file: &[u8]) -> Result<Scenario, ScenarioError> {
    if file.len() > limits::FILE_BYTES {
        return Err(ScenarioError::TooLarge(file.len()));
    }
    let version: Version = serde_json::from_slice(file).map_err(ScenarioError::Json)?;
    let scenario = match version.faultline {
        Some(0) => serde_json::from_slice::<v0::Scenario>(file).map_err(ScenarioError::Json)?.migrate()?,
        Some(1) => serde_json::from_slice(file).map_err(ScenarioError::Json)?,
        Some(other) => return Err(unknown_version(other).into()),
        None if version.recording.is_some() => {
            let reason = "the file is a recording; its scenario is inside";
            return Err(Refused::new("faultline", reason).into());
        }
        None => {
            let reason = format!("missing; a scenario begins with its format version, {FORMAT}");
            return Err(Refused::new("faultline", reason).into());
        }
    };
    check(&scenario)?;
    Ok(scenario)
}

fn unknown_version(version: u64) -> Refused {
    let reason = format!("format version {version} is unknown; this build reads versions 0 to {FORMAT}");
    Refused::new("faultline", reason)
}

/// The scenario as it is written into a file.
///
/// # Panics
/// Never: every scenario has a JSON form.
#[must_use]
pub fn write(scenario: &Scenario) -> String {
    let json = serde_json::to_string_pretty(scenario);
    json.expect("a scenario has only strings for keys and writes to memory") + "\n"
}

/// Checks every limit, and that each note is bound to a kind of event that exists.
///
/// # Errors
/// The first field that is wrong.
pub fn check(scenario: &Scenario) -> Result<(), Refused> {
    scenario.check()?;
    let notes = scenario.narration.iter().enumerate();
    let questions = scenario.quiz.iter().enumerate();
    let start = match &scenario.start {
        Some(Start::Event(at)) => Some(("start.event".into(), at)),
        _ => None,
    };
    let anchors = notes
        .map(|(i, note)| (format!("narration[{i}].at"), &note.at))
        .chain(questions.map(|(i, question)| (format!("quiz[{i}].at"), &question.at)))
        .chain(start);
    anchors.into_iter().try_for_each(|(field, at)| {
        let selector = at.kind.parse::<Selector>();
        selector.map(drop).map_err(|reason| Refused::new(format!("{field}.kind"), reason))
    })
}

/// The number of the event that an anchor means, where it happens.
#[must_use]
pub fn find(events: &[crate::event::Event], at: &Anchor) -> Option<usize> {
    let selector: Selector = at.kind.parse().ok()?;
    let mut meant = events.iter().enumerate().filter(|(_, event)| selector.matches(&event.what));
    meant.nth(at.ordinal as usize).map(|(n, _)| n)
}

/// Changes one setting: `memory=64` (MiB), `max-instructions=1000000`, `harts=2`, `adue=off`,
/// `misaligned=trap`, and anything else is a kernel option.
///
/// # Errors
/// Where `setting` is no `key=value`, or the scenario would be refused with it.
pub fn set(scenario: &mut Scenario, setting: &str) -> Result<(), Refused> {
    let refused = |reason: &str| Refused { field: setting.into(), reason: reason.into() };
    let (key, value) = setting.split_once('=').ok_or_else(|| refused("give it as key=value"))?;
    match key {
        "memory" => {
            scenario.machine.memory_mib = value.parse().map_err(|_| refused("give a number of MiB"))?;
        }
        "max-instructions" => {
            scenario.machine.max_instructions =
                parse_count(value).ok_or_else(|| refused("give a number, such as 1000000 or 0xf4240"))?;
        }
        "harts" => {
            scenario.machine.harts = value.parse().map_err(|_| refused("give a number of harts"))?;
        }
        "adue" => {
            scenario.machine.adue = match value {
                "on" => Adue::On,
                "off" => Adue::Off,
                _ => return Err(refused("give on or off")),
            };
        }
        "misaligned" => {
            scenario.machine.misaligned = match value {
                "hw" => Misaligned::Hw,
                "trap" => Misaligned::Trap,
                _ => return Err(refused("give hw or trap")),
            };
        }
        _ => drop(scenario.kernel.insert(key.into(), value.into())),
    }
    check(scenario)
}

/// A count in decimal or, with `0x`, in hexadecimal.
#[must_use]
pub fn parse_count(text: &str) -> Option<u64> {
    hex::parse(text).or_else(|| text.parse().ok())
}

/// The settings of the board that a scenario describes.
#[must_use]
pub fn machine_config(scenario: &Scenario, disk: Option<Vec<u8>>) -> crate::boot::MachineConfig {
    crate::boot::MachineConfig {
        memory_mib: scenario.machine.memory_mib,
        harts: scenario.machine.harts,
        features: features(scenario.machine.adue, scenario.machine.misaligned),
        virtio: match scenario.machine.virtio {
            Virtio::Modern => Transport::Modern,
            Virtio::Legacy => Transport::Legacy,
        },
        bootargs: scenario.command_line(),
        disk,
        ..crate::boot::MachineConfig::default()
    }
}

/// The kind of harts that these settings describe.
#[must_use]
pub const fn features(adue: Adue, misaligned: Misaligned) -> Features {
    Features {
        update: match adue {
            Adue::On => Update::Hardware,
            Adue::Off => Update::Fault,
        },
        misaligned: match misaligned {
            Misaligned::Hw => hart::Misaligned::Handled,
            Misaligned::Trap => hart::Misaligned::Trapped,
        },
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const GOOD: &str = r#"{"faultline":1,"title":"t","kernel":{"init":"lazy"},
        "narration":[{"at":{"kind":"page-fault","ordinal":0},"text":"look"}]}"#;

    #[test]
    fn a_short_scenario_has_defaults_for_the_rest() {
        let scenario = parse(GOOD.as_bytes()).unwrap();
        assert_eq!(scenario.machine.memory_mib, 128);
        assert_eq!(scenario.images.kernel.name, "kernel.elf");
        assert_eq!(scenario.command_line(), "init=lazy");
    }

    #[test]
    fn every_cut_is_refused_with_its_place() {
        for end in 0..GOOD.len() {
            let error = parse(&GOOD.as_bytes()[..end]).unwrap_err().to_string();
            assert!(error.contains("cut off") && error.contains("line"), "{end}: {error}");
        }
    }

    #[test]
    fn what_is_wrong_is_named() {
        let large = vec![b' '; limits::FILE_BYTES + 1];
        for (file, message) in [
            (&large[..], "bytes; a scenario has at most"),
            (b"{}", "field `faultline`: missing; a scenario begins with its format version, 1"),
            (br#"{"recording":1}"#, "the file is a recording; its scenario is inside"),
            (
                br#"{"faultline":2,"something":[1]}"#,
                "format version 2 is unknown; this build reads versions 0 to 1",
            ),
            (br#"{"faultline":1}"#, "missing field `title`"),
            (
                br#"{"faultline":1,"title":7}"#,
                "invalid type: integer `7`, expected a string at line 1 column 24",
            ),
            (br#"{"faultline":1,"title":"t","title":"u"}"#, "duplicate field `title`"),
            (br#"{"faultline":1,"title":"t","kernel":{"a":"1","a":"2"}}"#, "duplicate"),
            (
                br#"{"faultline":1,"title":"t","machine":{"memory_mib":1}}"#,
                "field `machine.memory_mib`: 1 MiB",
            ),
            (br#"{"faultline":1,"title":"t","machine":{"max_instructions":9}}"#, "hexadecimal string"),
            (
                br#"{"faultline":1,"title":"t","narration":[{"at":{"kind":"no","ordinal":0},"text":""}]}"#,
                "field `narration[0].at.kind`: `no` is no kind of event",
            ),
            (b"\xff", "not a scenario"),
        ] {
            let error = parse(file).unwrap_err().to_string();
            assert!(error.contains(message), "{message}: {error}");
        }
    }

    #[test]
    fn settings_change_the_board_or_the_kernels_options() {
        let mut scenario = parse(GOOD.as_bytes()).unwrap();
        let settings = ["memory=64", "max-instructions=0x10", "sbrk=eager", "init=guard"];
        for setting in settings.into_iter().chain(["harts=2", "adue=off", "misaligned=trap"]) {
            set(&mut scenario, setting).unwrap();
        }
        assert_eq!(scenario.machine.memory_mib, 64);
        assert_eq!(scenario.machine.max_instructions, 16);
        assert_eq!(scenario.command_line(), "init=guard sbrk=eager");
        assert_eq!((scenario.machine.harts, scenario.machine.adue), (2, Adue::Off));
        assert_eq!(scenario.machine.misaligned, Misaligned::Trap);
        for bad in ["memory", "memory=x", "memory=1", "max-instructions=-1", "a b=c", "=x"]
            .into_iter()
            .chain(["harts=0", "harts=9", "adue=yes", "misaligned=hardware"])
        {
            assert!(set(&mut scenario.clone(), bad).is_err(), "{bad}");
        }
    }
}
