//! The scenario file: what to boot, with which options, what to say at which event, and the digest
//! that the run must reproduce. See `docs/scenarios.md` for the format in words.
//!
//! Reading checks everything before anything is used: [`Scenario::check`] names the field that is
//! wrong. JSON itself is read by the callers (`faultline_machine::scenario`), with a cap on bytes.

use alloc::{collections::BTreeMap, format, string::String, vec::Vec};
use core::fmt;

use serde::{Deserialize, Deserializer, Serialize, de};

/// The format version that this build writes.
pub const FORMAT: u32 = 1;

/// Limits of a scenario file; beyond them it is refused.
pub mod limits {
    /// Bytes of JSON.
    pub const FILE_BYTES: usize = 1 << 20;
    /// Characters of any one text.
    pub const TEXT_CHARS: usize = 8192;
    /// Kernel options, narration notes, inputs: each list at most this long.
    pub const LIST: usize = 1000;
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
}

/// A scenario, format version 1.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Scenario {
    /// Format version: [`FORMAT`].
    pub faultline: u32,
    /// One line, shown in the picker.
    pub title: String,
    /// A sentence or two: what to look at.
    #[serde(default)]
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
    /// Console input, in order of instruction count.
    #[serde(default)]
    pub inputs: Vec<Input>,
    /// What to say at which event.
    #[serde(default)]
    pub narration: Vec<Note>,
    /// Digests of the event stream.
    #[serde(default)]
    pub digest: Digests,
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
            map.insert(key, value);
        }
        Ok(map)
    }
}

/// Board settings of a scenario.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct MachineSettings {
    /// MiB of DRAM.
    pub memory_mib: u32,
    /// Instructions after which the run is cut off.
    #[serde(with = "crate::hex")]
    pub max_instructions: u64,
    /// Harts.
    #[serde(skip_serializing_if = "is_one")]
    pub harts: u32,
    /// Whether the hardware sets A and D.
    #[serde(skip_serializing_if = "is_default")]
    pub adue: Adue,
    /// What becomes of misaligned loads and stores.
    #[serde(skip_serializing_if = "is_default")]
    pub misaligned: Misaligned,
}

/// Whether the hardware sets the accessed and dirty bits of page-table entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
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
#[serde(rename_all = "lowercase")]
pub enum Misaligned {
    /// The hardware makes them.
    #[default]
    Hw,
    /// They raise an address-misaligned exception.
    Trap,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde passes references")]
fn is_one(count: &u32) -> bool {
    *count == 1
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Default for MachineSettings {
    fn default() -> Self {
        Self {
            memory_mib: crate::board::DRAM_MIB_DEFAULT,
            max_instructions: 1_000_000_000,
            harts: 1,
            adue: Adue::On,
            misaligned: Misaligned::Hw,
        }
    }
}

/// The images that a scenario boots.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Images {
    /// The kernel.
    pub kernel: Image,
    /// The disk in the first virtio slot, if any.
    pub disk: Option<Image>,
}

impl Default for Images {
    fn default() -> Self {
        Self { kernel: Image::named("kernel.elf"), disk: Some(Image::named("disk.img")) }
    }
}

/// An image by name and, once pinned, by content.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Image {
    /// File name, without a folder.
    pub name: String,
    /// SHA-256 in hexadecimal of the image for which the exact digest holds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}

impl Image {
    /// An image by name alone.
    #[must_use]
    pub fn named(name: &str) -> Self {
        Self { name: name.into(), sha256: None }
    }
}

/// Console input.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Input {
    /// The instruction count at which it arrives.
    #[serde(with = "crate::hex")]
    pub instret: u64,
    /// What is typed.
    pub text: String,
}

/// A sentence bound to an event, so that it survives a rebuilt kernel.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Note {
    /// The event.
    pub at: Anchor,
    /// What to say.
    pub text: String,
}

/// An event by kind and ordinal.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct Anchor {
    /// `page-fault` for page-fault traps, or the `kind` of an event.
    pub kind: String,
    /// Which of them, counted from 0.
    pub ordinal: u32,
}

/// What a run must reproduce; see `docs/ARCHITECTURE.md`, "Two digests".
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Digests {
    /// SHA-256 of the semantic form: holds for every build of the kernel.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub semantic: Option<String>,
    /// SHA-256 of every event: holds only for the images whose SHA-256 is given.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub exact: Option<String>,
}

/// Why a scenario is refused: the field, and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refused {
    /// Path of the field, such as `machine.memory_mib`.
    pub field: String,
    /// What is wrong and what would be right.
    pub reason: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "field `{}`: {}", self.field, self.reason)
    }
}

impl core::error::Error for Refused {}

fn refuse<T>(field: impl Into<String>, reason: impl Into<String>) -> Result<T, Refused> {
    Err(Refused { field: field.into(), reason: reason.into() })
}

impl Scenario {
    /// The kernel's command line: the options as `key=value`, in alphabetical order.
    #[must_use]
    pub fn command_line(&self) -> String {
        let options: Vec<String> = self.kernel.iter().map(|(key, value)| format!("{key}={value}")).collect();
        options.join(" ")
    }

    /// Checks every limit.
    ///
    /// # Errors
    /// The first field that breaks one.
    pub fn check(&self) -> Result<(), Refused> {
        if self.faultline != FORMAT {
            return refuse(
                "faultline",
                format!("format version {} is unknown; this build reads version {FORMAT}", self.faultline),
            );
        }
        text("title", &self.title)?;
        text("summary", &self.summary)?;
        if self.title.trim().is_empty() {
            return refuse("title", "is empty; give the scenario a name");
        }
        self.machine.check()?;
        self.check_kernel()?;
        image("images.kernel", &self.images.kernel)?;
        if let Some(disk) = &self.images.disk {
            image("images.disk", disk)?;
        }
        self.check_inputs()?;
        self.check_narration()?;
        digest("digest.semantic", self.digest.semantic.as_deref())?;
        digest("digest.exact", self.digest.exact.as_deref())
    }

    fn check_kernel(&self) -> Result<(), Refused> {
        for (key, value) in &self.kernel {
            let plain = |text: &str| text.chars().all(|c| c.is_ascii_graphic());
            if key.is_empty() || !plain(key) || key.contains('=') {
                return refuse(
                    format!("kernel.{key}"),
                    "an option's name is printable, without spaces or `=`",
                );
            }
            if !plain(value) {
                return refuse(format!("kernel.{key}"), "an option's value is printable, without spaces");
            }
        }
        let length = self.command_line().len();
        if length > limits::COMMAND_LINE {
            return refuse(
                "kernel",
                format!("the command line has {length} characters; at most {}", limits::COMMAND_LINE),
            );
        }
        Ok(())
    }

    fn check_inputs(&self) -> Result<(), Refused> {
        list("inputs", self.inputs.len())?;
        for (i, pair) in self.inputs.windows(2).enumerate() {
            if pair[0].instret > pair[1].instret {
                return refuse(
                    format!("inputs[{}].instret", i + 1),
                    "inputs must stand in order of instruction count",
                );
            }
        }
        self.inputs
            .iter()
            .enumerate()
            .try_for_each(|(i, input)| text(&format!("inputs[{i}].text"), &input.text))
    }

    fn check_narration(&self) -> Result<(), Refused> {
        list("narration", self.narration.len())?;
        self.narration
            .iter()
            .enumerate()
            .try_for_each(|(i, note)| text(&format!("narration[{i}].text"), &note.text))
    }
}

impl MachineSettings {
    /// Checks the limits of the board.
    ///
    /// # Errors
    /// The first field that breaks one.
    pub fn check(&self) -> Result<(), Refused> {
        let (min, max) = (limits::MEMORY_MIB_MIN, limits::MEMORY_MIB_MAX);
        if !(min..=max).contains(&self.memory_mib) {
            return refuse("machine.memory_mib", format!("{} MiB; give {min} to {max}", self.memory_mib));
        }
        if self.max_instructions > limits::INSTRUCTIONS_MAX {
            return refuse("machine.max_instructions", format!("at most {:#x}", limits::INSTRUCTIONS_MAX));
        }
        if !(1..=limits::HARTS_MAX).contains(&self.harts) {
            return refuse("machine.harts", format!("{} harts; give 1 to {}", self.harts, limits::HARTS_MAX));
        }
        Ok(())
    }
}

fn text(field: &str, value: &str) -> Result<(), Refused> {
    if value.chars().count() > limits::TEXT_CHARS {
        return refuse(field, format!("longer than {} characters", limits::TEXT_CHARS));
    }
    Ok(())
}

fn list(field: &str, length: usize) -> Result<(), Refused> {
    if length > limits::LIST {
        return refuse(field, format!("{length} entries; at most {}", limits::LIST));
    }
    Ok(())
}

fn image(field: &str, image: &Image) -> Result<(), Refused> {
    let plain = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_');
    if image.name.is_empty()
        || image.name.starts_with('.')
        || image.name.len() > 100
        || !image.name.chars().all(plain)
    {
        return refuse(
            format!("{field}.name"),
            "a plain file name: letters, digits, `.`, `-`, `_`; no folder",
        );
    }
    digest(&format!("{field}.sha256"), image.sha256.as_deref())
}

fn digest(field: &str, value: Option<&str>) -> Result<(), Refused> {
    match value {
        Some(hex) if hex.len() != 64 || !hex.bytes().all(|b| b.is_ascii_hexdigit()) => {
            refuse(field, "a SHA-256 digest is 64 hexadecimal digits")
        }
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Scenario {
        Scenario {
            faultline: FORMAT,
            title: "t".into(),
            summary: String::new(),
            machine: MachineSettings::default(),
            kernel: [("sbrk", "lazy"), ("init", "lazy")].map(|(k, v)| (k.into(), v.into())).into(),
            images: Images::default(),
            inputs: Vec::new(),
            narration: Vec::new(),
            digest: Digests::default(),
        }
    }

    #[test]
    fn options_become_a_command_line_in_a_fixed_order() {
        assert_eq!(sample().command_line(), "init=lazy sbrk=lazy");
    }

    #[test]
    fn a_refusal_names_the_field() {
        type Break = fn(&mut Scenario);
        let cases: [(&str, Break); 10] = [
            ("faultline", |s| s.faultline = 2),
            ("title", |s| s.title = " ".into()),
            ("machine.memory_mib", |s| s.machine.memory_mib = 0),
            ("machine.max_instructions", |s| s.machine.max_instructions = u64::MAX),
            ("machine.harts", |s| s.machine.harts = 9),
            ("kernel.a b", |s| drop(s.kernel.insert("a b".into(), "c".into()))),
            ("kernel.k", |s| drop(s.kernel.insert("k".into(), "two words".into()))),
            ("images.kernel.name", |s| s.images.kernel.name = "../secret".into()),
            ("digest.semantic", |s| s.digest.semantic = Some("12".into())),
            ("inputs[1].instret", |s| {
                let input = |instret| Input { instret, text: "x".into() };
                s.inputs = [input(2), input(1)].into();
            }),
        ];
        assert_eq!(sample().check(), Ok(()));
        for (field, break_it) in cases {
            let mut scenario = sample();
            break_it(&mut scenario);
            assert_eq!(scenario.check().unwrap_err().field, field);
        }
    }
}
