//! What the page and the worker say to each other: few commands, and updates in batches.
//!
//! Both travel in Borsh's binary form, which is read whole or refused: page and worker come from one build, and
//! reading JSON took a fifth of the page's code.

use std::collections::BTreeMap;

use borsh::{BorshDeserialize, BorshSerialize};
use faultline_abi::PhysAddr;
use faultline_abi::scenario::{Input, Scenario};
use faultline_machine::event::Event;
use faultline_machine::session::Direction;
use serde::{Deserialize, Serialize};

use crate::catalogue;
use crate::replacement::Policy;
use crate::snapshot::Snapshot;

/// What the page says to hear whether the worker is there; it answers with a batch without updates.
pub const PULSE: &str = "?";

/// What is sent.
///
/// # Panics
/// Never: writing to memory does not fail.
#[must_use]
pub fn written(message: &(impl BorshSerialize + ?Sized)) -> Vec<u8> {
    borsh::to_vec(message).expect("memory takes everything")
}

/// What was sent.
///
/// # Errors
/// Where the bytes are something else, or not all of them are used.
pub fn read<T: BorshDeserialize>(bytes: &[u8]) -> Result<T, String> {
    borsh::from_slice(bytes).map_err(|error| error.to_string())
}

/// What the page asks for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
pub enum Command {
    /// Boot a scenario, explore it to its end, and stop at the first page fault or at `at`.
    Load(Load),
    /// Move forwards.
    Step(Until),
    /// Move backwards.
    Back(Until),
    /// Move forwards until told to pause.
    Run(Pace),
    /// Stop running, or give up what is under way.
    Pause,
    /// Go to a place in the run.
    Seek(Target),
    /// Go to where a condition holds, in a direction.
    Search(Search),
    /// Another future, or one less.
    Course(Course),
    /// Report this with every stop from now on.
    Watch(Watch),
    /// Answer a question about the present.
    Ask(Question),
}

/// What becomes of the run from here on.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
pub enum Course {
    /// Type at the present; what was known behind it is kept as another future.
    Type(String),
    /// Walk in the future of this name, which was left; what was walked in is kept in its place.
    Return(u32),
    /// Forget the future of this name.
    Drop(u32),
}

/// What is looked for in the run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
pub struct Search {
    /// A condition, as [`Condition`] reads it.
    ///
    /// [`Condition`]: faultline_machine::session::Condition
    pub until: String,
    /// In which direction.
    pub direction: Direction,
}

/// A future that was left by typing in the past.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
pub struct Future {
    /// Its name.
    pub id: u32,
    /// The step at which it leaves.
    pub at: u64,
    /// Events that happen in it.
    pub events: usize,
    /// What was typed in it first.
    pub typed: String,
}

/// What the page wants to see at every stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
pub enum Watch {
    /// What was reported last is on the screen: the page can take more while the machine runs. With the first of
    /// these the worker's script loads what was not needed until then.
    Shown,
    /// The page tables of this root; `None` follows the program that runs.
    Root(Option<PhysAddr>),
    /// The registers of this hart; `None` follows the hart that moves.
    Hart(Option<u32>),
    /// A modelled TLB of this shape, as [`Geometry`] reads it; `None` for no TLB.
    ///
    /// [`Geometry`]: faultline_machine::translations::Geometry
    Tlb(Option<String>),
}

/// What the page can ask about the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
pub enum Question {
    /// The bytes of the frame that starts here.
    Bytes(PhysAddr),
    /// What the pages that the programs touch would cost under each policy.
    Policies,
}

/// An answer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
pub enum Answer {
    /// The bytes of a frame.
    Bytes(PhysAddr, Vec<u8>),
    /// Page faults for each policy and number of frames, as far as they are counted.
    Policies(Policies),
    /// What came of a search, in words.
    Searched(String),
}

/// The costs of a reference string.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
pub struct Policies {
    /// Touches, one page touched many times in a row being one.
    pub touches: usize,
    /// Whether the string was cut off there.
    pub cut: bool,
    /// Pages that are touched.
    pub pages: usize,
    /// For each policy: number of frames, page faults.
    pub faults: BTreeMap<Policy, Vec<(usize, u64)>>,
    /// Whether everything is counted.
    pub done: bool,
}

/// What to boot.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
pub struct Load {
    /// File name of the scenario: under `scenarios/`, or wherever `text` comes from.
    pub scenario: String,
    /// The scenario itself, where it does not come with the page.
    pub text: Option<String>,
    /// Kernel options that replace those of the scenario.
    pub options: BTreeMap<String, String>,
    /// Where to stop after loading, in machine steps.
    pub at: Option<u64>,
}

impl Load {
    /// Whether this is the scenario that the page opens with, as it is.
    #[must_use]
    pub fn is_opening(&self) -> bool {
        self.scenario == catalogue::FIRST && self.text.is_none() && self.options.is_empty()
    }
}

/// How far one step goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
pub enum Until {
    /// One instruction.
    Instruction,
    /// One event.
    Event,
    /// One page fault.
    Fault,
}

/// How fast to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
pub enum Pace {
    /// So many events a second.
    EventsPerSecond(u32),
    /// As fast as the machine goes.
    Full,
}

/// A place in the run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
pub enum Target {
    /// Before the first instruction.
    Start,
    /// The end of the run.
    End,
    /// Just after event number n.
    Event(usize),
    /// The first page fault.
    FirstFault,
}

/// What the worker reports.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
pub enum Update {
    /// It is up and listens.
    Ready,
    /// Long work goes on.
    Progress(Progress),
    /// This scenario is booted now, with these options in force.
    Loaded(Box<Loaded>),
    /// The events known from number `from` on; what was known beyond that is void.
    Events {
        /// Number of the first of them.
        from: usize,
        /// The events.
        events: Vec<Event>,
    },
    /// The whole run is known.
    Explored(Box<Explored>),
    /// The futures that were left, and what was typed in the one that is walked in.
    Futures {
        /// Oldest first.
        left: Vec<Future>,
        /// In order, beyond the scenario's own input.
        typed: Vec<Input>,
    },
    /// The machine stands here.
    At(Box<Snapshot>),
    /// An answer to a question.
    Answer(Box<Answer>),
    /// Something could not be done; what, where, and what to do.
    Failed(String),
}

/// What long work is under way.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
pub enum Stage {
    /// Images come over the network.
    Fetching,
    /// The run is being explored to its end.
    Exploring,
    /// The run is looked at again for something.
    Searching,
}

/// How far long work has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
pub struct Progress {
    /// What it is.
    pub stage: Stage,
    /// Units done: images or instructions.
    pub done: u64,
    /// Units at most.
    pub of: u64,
}

/// A booted scenario.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
pub struct Loaded {
    /// What the page asked for.
    pub request: Load,
    /// The scenario with the options in force.
    pub scenario: Scenario,
    /// Options that differ from those the scenario was written for: `fork=copy`.
    pub other_options: Vec<String>,
    /// SHA-256 of the kernel image.
    pub kernel_sha256: String,
    /// SHA-256 of the disk image.
    pub disk_sha256: Option<String>,
}

/// What exploring the run to its end told.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, BorshSerialize, BorshDeserialize)]
pub struct Explored {
    /// Retired instructions of the whole run.
    pub instructions: u64,
    /// How it ended, in words.
    pub ending: String,
    /// Whether nothing can follow without somebody's input.
    pub complete: bool,
    /// SHA-256 over every event.
    pub exact: String,
    /// SHA-256 over the semantic form.
    pub semantic: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_first_scenario_as_it_is_opens_the_page() {
        let opening = Load { scenario: catalogue::FIRST.into(), ..Load::default() };
        assert!(opening.is_opening());
        assert!(Load { at: Some(7), ..opening.clone() }.is_opening());
        for other in [
            Load { scenario: "other.json".into(), ..Load::default() },
            Load { text: Some("{}".into()), ..opening.clone() },
            Load { options: [("sbrk".into(), "eager".into())].into(), ..opening },
        ] {
            assert!(!other.is_opening(), "{other:?}");
        }
    }
}
