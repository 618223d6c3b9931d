//! Version 0 of the format, from before the first release: read, and turned into version 1.
//!
//! It had one flat object, decimal numbers, the kernel's options in one text, and notes that could be
//! bound to page faults only.

use alloc::{collections::BTreeMap, format, string::String, vec::Vec};

use serde::Deserialize;

use super::{Anchor, Digests, Image, Images, Input, MachineSettings, Note, Refused, Unknown};

/// A scenario, format version 0.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Scenario {
    /// Format version: 0.
    pub faultline: u32,
    /// One line.
    pub name: String,
    /// What to look at.
    #[serde(default)]
    pub about: String,
    /// MiB of DRAM.
    #[serde(default)]
    pub memory: Option<u32>,
    /// Instructions after which the run is cut off.
    #[serde(default)]
    pub limit: Option<u64>,
    /// The kernel's command line.
    #[serde(default)]
    pub options: String,
    /// File name of the kernel.
    #[serde(default)]
    pub kernel: Option<String>,
    /// File name of the disk.
    #[serde(default)]
    pub disk: Option<String>,
    /// What is typed: instruction count and text.
    #[serde(default)]
    pub typed: Vec<(u64, String)>,
    /// What to say at which page fault.
    #[serde(default)]
    pub notes: Vec<FaultNote>,
    /// SHA-256 of the semantic form.
    #[serde(default)]
    pub digest: Option<String>,
    /// Fields of another version.
    #[serde(flatten)]
    pub unknown: Unknown,
}

/// A sentence bound to a page fault.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct FaultNote {
    /// Which page fault, counted from 0.
    pub fault: u32,
    /// What to say.
    pub text: String,
}

impl Scenario {
    /// The same scenario in the present format; it still has to be checked.
    ///
    /// # Errors
    /// Where the options are no list of `key=value`.
    pub fn migrate(self) -> Result<super::Scenario, Refused> {
        let kernel = options(&self.options)?;
        let defaults = MachineSettings::default();
        let typed = |(instret, text)| Input { instret, text, ..Input::default() };
        let note = |note: FaultNote| Note {
            at: Anchor::new("page-fault", note.fault),
            text: note.text,
            ..Note::default()
        };
        Ok(super::Scenario {
            summary: self.about,
            machine: MachineSettings {
                memory_mib: self.memory.unwrap_or(defaults.memory_mib),
                max_instructions: self.limit.unwrap_or(defaults.max_instructions),
                ..defaults
            },
            kernel,
            images: images(self.kernel, self.disk),
            inputs: self.typed.into_iter().map(typed).collect(),
            narration: self.notes.into_iter().map(note).collect(),
            digest: Digests { semantic: self.digest, ..Digests::default() },
            unknown: self.unknown,
            ..super::Scenario::named(&self.name)
        })
    }
}

fn images(kernel: Option<String>, disk: Option<String>) -> Images {
    let mut images = Images::default();
    if let Some(name) = kernel {
        images.kernel = Image::named(&name);
    }
    if let Some(name) = disk {
        images.disk = Some(Image::named(&name));
    }
    images
}

/// `key=value key=value` as a map.
fn options(text: &str) -> Result<BTreeMap<String, String>, Refused> {
    let mut map = BTreeMap::new();
    for option in text.split_whitespace() {
        let (key, value) = option
            .split_once('=')
            .ok_or_else(|| Refused::new("options", format!("`{option}` is no key=value")))?;
        if map.insert(key.into(), value.into()).is_some() {
            return Err(Refused::new("options", format!("`{key}` stands twice")));
        }
    }
    Ok(map)
}
