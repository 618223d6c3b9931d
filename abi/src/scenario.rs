//! The scenario file: what to boot, with which options, what to say and to ask at which event, and the
//! digests that the run must reproduce. See `docs/scenarios.md` for the format in words and
//! `docs/scenario.schema.json` for the format in JSON Schema.
//!
//! Reading checks everything before anything is used: [`Scenario::check`] names the field that is
//! wrong. JSON itself is read by the callers (`faultline_machine::scenario`), with a cap on bytes.
//! Fields that this version does not know are kept in [`Unknown`] and written back.

mod check;
mod note;
mod unknown;
pub mod v0;

use alloc::{collections::BTreeMap, format, string::String, vec::Vec};
use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};

pub use check::Refused;
pub use note::{Ask, Choices, Note, Prediction, Quantity, Question};
pub use unknown::{Json, Unknown};

/// The format version that this build writes.
pub const FORMAT: u32 = 1;

/// Limits of a scenario file; beyond them it is refused.
pub mod limits {
    /// Bytes of JSON.
    pub const FILE_BYTES: usize = 1 << 20;
    /// Characters of any one text.
    pub const TEXT_CHARS: usize = 8192;
    /// Kernel options, notes, questions, inputs, checkpoints: each list at most this long.
    pub const LIST: usize = 1000;
    /// Answers to choose from.
    pub const CHOICES: usize = 20;
    /// Extra files on the disk.
    pub const FILES: usize = 16;
    /// Bytes of all extra files together.
    pub const FILES_BYTES: usize = 512 << 10;
    /// Characters of a file name.
    pub const NAME_CHARS: usize = 100;
    /// Values in all fields together that this version does not know.
    pub const UNKNOWN: usize = 10_000;
    /// How deep values may lie inside fields that this version does not know.
    pub const UNKNOWN_DEPTH: usize = 16;
    /// Characters of the whole kernel command line.
    pub const COMMAND_LINE: usize = 1024;
    /// MiB of DRAM, smallest.
    pub const MEMORY_MIB_MIN: u32 = 2;
    /// MiB of DRAM, largest.
    pub const MEMORY_MIB_MAX: u32 = 1024;
    /// Harts, most.
    pub const HARTS_MAX: u32 = 8;
    /// Instructions a scenario may run, largest.
    pub const INSTRUCTIONS_MAX: u64 = 100_000_000_000;
    /// Hexadecimal digits of a checkpoint.
    pub const CHECKPOINT_DIGITS: usize = 16;
}

/// A 64-bit number as JSON has it: a hexadecimal string.
#[cfg(feature = "schema")]
#[derive(schemars::JsonSchema)]
#[schemars(transparent)]
#[allow(dead_code, reason = "only its schema is used")]
pub(crate) struct Hexadecimal(#[schemars(regex(pattern = r"^0x[0-9a-fA-F]{1,16}$"))] String);

/// A scenario, format version 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "wire", derive(borsh::BorshSerialize, borsh::BorshDeserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Scenario {
    /// Format version: 1.
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 1)))]
    pub faultline: u32,
    /// One line, shown in the picker.
    #[cfg_attr(feature = "schema", schemars(length(min = 1, max = 8192)))]
    pub title: String,
    /// A sentence or two: what to look at.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = 8192)))]
    pub summary: String,
    /// Board settings.
    #[serde(default)]
    pub machine: MachineSettings,
    /// Kernel options; joined as `key=value` with spaces they are the kernel's command line.
    #[serde(default, deserialize_with = "distinct")]
    pub kernel: BTreeMap<String, String>,
    /// What boots.
    #[serde(default)]
    pub images: Images,
    /// Files that are put on the disk before the run.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(length(max = 16)))]
    pub files: Vec<ExtraFile>,
    /// Console input, in order of instruction count.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = 1000)))]
    pub inputs: Vec<Input>,
    /// What to say at which event.
    #[serde(default)]
    #[cfg_attr(feature = "schema", schemars(length(max = 1000)))]
    pub narration: Vec<Note>,
    /// What to ask at which event.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(length(max = 1000)))]
    pub quiz: Vec<Question>,
    /// Where to begin looking; the viewer's choice where absent (the first page fault).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub start: Option<Start>,
    /// Digests of the event stream.
    #[serde(default)]
    pub digest: Digests,
    /// Fields of a later version.
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// A map in which no key stands twice: of two values for one option neither is to be trusted.
fn distinct<'de, D: Deserializer<'de>>(deserializer: D) -> Result<BTreeMap<String, String>, D::Error> {
    deserializer.deserialize_map(Distinct)
}

struct Distinct;

impl<'de> de::Visitor<'de> for Distinct {
    type Value = BTreeMap<String, String>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a map from names to texts")
    }

    fn visit_map<A: de::MapAccess<'de>>(self, mut entries: A) -> Result<Self::Value, A::Error> {
        let mut map = BTreeMap::new();
        while let Some((key, value)) = entries.next_entry::<String, String>()? {
            if map.contains_key(&key) {
                return Err(de::Error::custom(format_args!("duplicate key `{key}`")));
            }
            if map.len() == limits::LIST {
                return Err(de::Error::custom(format_args!("more than {} options", limits::LIST)));
            }
            map.insert(key, value);
        }
        Ok(map)
    }
}

/// Board settings of a scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "wire", derive(borsh::BorshSerialize, borsh::BorshDeserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct MachineSettings {
    /// MiB of DRAM.
    #[cfg_attr(feature = "schema", schemars(range(min = 2, max = 1024)))]
    pub memory_mib: u32,
    /// Harts.
    #[serde(skip_serializing_if = "is_one")]
    #[cfg_attr(feature = "schema", schemars(range(min = 1, max = 8)))]
    pub harts: u32,
    /// Whether the hardware sets A and D.
    #[serde(skip_serializing_if = "is_default")]
    pub adue: Adue,
    /// What becomes of misaligned loads and stores.
    #[serde(skip_serializing_if = "is_default")]
    pub misaligned: Misaligned,
    /// The register layout of the virtio slots.
    #[serde(skip_serializing_if = "is_default")]
    pub virtio: Virtio,
    /// Instructions and traps after which the run is cut off.
    #[serde(with = "crate::hex")]
    #[cfg_attr(feature = "schema", schemars(with = "Hexadecimal"))]
    pub max_instructions: u64,
    /// Fields of a later version.
    #[serde(flatten)]
    pub unknown: Unknown,
}

impl Default for MachineSettings {
    fn default() -> Self {
        Self {
            memory_mib: crate::board::DRAM_MIB_DEFAULT,
            harts: 1,
            adue: Adue::On,
            misaligned: Misaligned::Hw,
            virtio: Virtio::Modern,
            max_instructions: 1_000_000_000,
            unknown: Unknown::default(),
        }
    }
}

/// Whether the hardware sets the accessed and dirty bits of page-table entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "wire", derive(borsh::BorshSerialize, borsh::BorshDeserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Adue {
    /// It does (Svadu), unless software clears `menvcfg.ADUE`.
    #[default]
    On,
    /// An access that would set them faults instead (Svade).
    Off,
}

/// What becomes of loads and stores that are not aligned to their size.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "wire", derive(borsh::BorshSerialize, borsh::BorshDeserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Misaligned {
    /// The hardware makes them.
    #[default]
    Hw,
    /// They raise an address-misaligned exception.
    Trap,
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
const fn is_one(count: &u32) -> bool {
    *count == 1
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

/// The register layout of the virtio slots.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "wire", derive(borsh::BorshSerialize, borsh::BorshDeserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "lowercase")]
pub enum Virtio {
    /// Version 2.
    #[default]
    Modern,
    /// Version 1, for drivers from before virtio 1.0.
    Legacy,
}

/// The images that a scenario boots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "wire", derive(borsh::BorshSerialize, borsh::BorshDeserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Images {
    /// The kernel.
    pub kernel: Image,
    /// The disk in the first virtio slot, if any.
    pub disk: Option<Image>,
    /// The program on the disk that the scenario is about, for its identity.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub program: Option<Image>,
    /// Fields of a later version.
    #[serde(flatten)]
    pub unknown: Unknown,
}

impl Default for Images {
    fn default() -> Self {
        Self {
            kernel: Image::named("kernel.elf"),
            disk: Some(Image::named("disk.img")),
            program: None,
            unknown: Unknown::default(),
        }
    }
}

/// An image by name and, once pinned, by content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "wire", derive(borsh::BorshSerialize, borsh::BorshDeserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Image {
    /// File name, without a folder.
    #[cfg_attr(feature = "schema", schemars(regex(pattern = r"^[A-Za-z0-9_-][A-Za-z0-9._-]{0,99}$")))]
    pub name: String,
    /// SHA-256 in hexadecimal of the image for which the exact digest holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(regex(pattern = r"^[0-9a-fA-F]{64}$")))]
    pub sha256: Option<String>,
    /// Fields of a later version.
    #[serde(flatten)]
    pub unknown: Unknown,
}

impl Image {
    /// An image by name alone.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self { name: name.into(), ..Self::default() }
    }
}

/// A file that is put on the disk before the run: a text, or bytes in base64.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "wire", derive(borsh::BorshSerialize, borsh::BorshDeserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct ExtraFile {
    /// File name in the root folder: at most eight letters, digits, `-` or `_`, then perhaps `.` and three more.
    #[cfg_attr(
        feature = "schema",
        schemars(regex(pattern = r"^[A-Za-z0-9_-]{1,8}(\.[A-Za-z0-9_-]{1,3})?$"))
    )]
    pub name: String,
    /// Its contents, where they are text.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<String>,
    /// Its contents, in base64 (RFC 4648, section 4, with padding).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base64: Option<String>,
    /// Fields of a later version.
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// Console input.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "wire", derive(borsh::BorshSerialize, borsh::BorshDeserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Input {
    /// The instruction count at which it arrives.
    #[serde(with = "crate::hex")]
    #[cfg_attr(feature = "schema", schemars(with = "Hexadecimal"))]
    pub instret: u64,
    /// What is typed.
    #[cfg_attr(feature = "schema", schemars(length(max = 8192)))]
    pub text: String,
    /// Fields of a later version.
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// An event by kind and ordinal.
#[derive(Clone, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[cfg_attr(feature = "wire", derive(borsh::BorshSerialize, borsh::BorshDeserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
pub struct Anchor {
    /// `page-fault` for page-fault traps, or the `kind` of an event.
    pub kind: String,
    /// Which of them, counted from 0.
    pub ordinal: u32,
    /// Fields of a later version.
    #[serde(flatten)]
    pub unknown: Unknown,
}

impl Anchor {
    /// The `ordinal`-th event of a kind, from 0.
    #[must_use]
    pub fn new(kind: &str, ordinal: u32) -> Self {
        Self { kind: kind.into(), ordinal, unknown: Unknown::default() }
    }
}

/// Where to begin looking.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "wire", derive(borsh::BorshSerialize, borsh::BorshDeserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(rename_all = "kebab-case")]
pub enum Start {
    /// Before the first instruction.
    Beginning,
    /// At the end of the run.
    End,
    /// Just after an event.
    Event(Anchor),
    /// After so many steps; holds only for the images whose SHA-256 is given.
    Step(
        #[serde(with = "crate::hex")]
        #[cfg_attr(feature = "schema", schemars(with = "Hexadecimal"))]
        u64,
    ),
}

/// What a run must reproduce; see `docs/ARCHITECTURE.md`, "Two digests".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "wire", derive(borsh::BorshSerialize, borsh::BorshDeserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Digests {
    /// SHA-256 of the semantic form: holds for every build of the kernel.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(regex(pattern = r"^[0-9a-fA-F]{64}$")))]
    pub semantic: Option<String>,
    /// SHA-256 of every event: holds only for the images whose SHA-256 is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "schema", schemars(regex(pattern = r"^[0-9a-fA-F]{64}$")))]
    pub exact: Option<String>,
    /// Digests of the beginnings of both, to find the place where a run differs.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub checkpoints: Option<Checkpoints>,
    /// Fields of a later version.
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// Digests of the beginnings of a run: the first 64 bits of each SHA-256, in hexadecimal.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "wire", derive(borsh::BorshSerialize, borsh::BorshDeserialize))]
#[cfg_attr(feature = "schema", derive(schemars::JsonSchema))]
#[serde(default)]
pub struct Checkpoints {
    /// Events between two exact checkpoints.
    pub events: u32,
    /// After each so many events, the exact digest of all events so far.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(length(max = 1000), inner(regex(pattern = r"^[0-9a-f]{16}$"))))]
    pub exact: Vec<String>,
    /// Lines between two semantic checkpoints.
    pub lines: u32,
    /// After each so many lines of the semantic form, the digest of all lines so far.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    #[cfg_attr(feature = "schema", schemars(length(max = 1000), inner(regex(pattern = r"^[0-9a-f]{16}$"))))]
    pub semantic: Vec<String>,
    /// Fields of a later version.
    #[serde(flatten)]
    pub unknown: Unknown,
}

impl Scenario {
    /// A scenario with this title and defaults for everything else.
    #[must_use]
    pub fn named(title: &str) -> Self {
        Self {
            faultline: FORMAT,
            title: title.into(),
            summary: String::new(),
            machine: MachineSettings::default(),
            kernel: BTreeMap::new(),
            images: Images::default(),
            files: Vec::new(),
            inputs: Vec::new(),
            narration: Vec::new(),
            quiz: Vec::new(),
            start: None,
            digest: Digests::default(),
            unknown: Unknown::default(),
        }
    }

    /// The kernel's command line: the options as `key=value`, in alphabetical order.
    #[must_use]
    pub fn command_line(&self) -> String {
        let options: Vec<String> = self.kernel.iter().map(|(key, value)| format!("{key}={value}")).collect();
        options.join(" ")
    }
}
