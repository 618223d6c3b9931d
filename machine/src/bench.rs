//! The reference workloads by which the machine's speed is measured: `cargo xtask bench`.
//!
//! They are assembled here, so that they are the same for every compiler and host: integer work in
//! the manner of CoreMark, in M-mode and in S-mode under Sv39 with pages of 4 KiB, and a storm of page
//! faults. Nothing here knows a clock: who measures, measures around [`Run::advance`].

use core::str::FromStr;

use faultline_abi::{PhysAddr, board::DRAM_BASE};

use crate::{
    detect::{Detectors, Watched},
    device::Board,
    machine::{Machine, RunEnd},
    observer::NoObserver,
    ram::Ram,
    recorder::{Events, Recording},
};

mod assembler;
mod faults;
mod integer;
pub mod journey;
mod paging;

/// DRAM of the measured machines.
const MEMORY: u64 = 128 << 20;

/// What is executed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Workload {
    /// Integer work in M-mode.
    IntegerM,
    /// The same in S-mode under Sv39, all of memory mapped in pages of 4 KiB.
    IntegerSv39,
    /// U-mode touches pages that are not mapped; a handler in S-mode saves all registers, maps one,
    /// fences, restores and returns.
    Faults,
}

/// Who listens meanwhile.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Listening {
    /// Nobody.
    Alone,
    /// Every event is kept.
    Recorded,
    /// Every event is kept and the detectors are on, as in a session and in the page.
    Watched,
}

impl Workload {
    /// Every workload.
    pub const ALL: [Self; 3] = [Self::IntegerM, Self::IntegerSv39, Self::Faults];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::IntegerM => "integer-m",
            Self::IntegerSv39 => "integer-sv39",
            Self::Faults => "page-faults",
        }
    }

    /// Steps that make a good run: some tenths of a second.
    #[must_use]
    pub const fn steps(self) -> u64 {
        match self {
            Self::IntegerM | Self::IntegerSv39 => 100_000_000,
            Self::Faults => 10_000_000,
        }
    }
}

impl Listening {
    /// Every way of listening.
    pub const ALL: [Self; 3] = [Self::Alone, Self::Recorded, Self::Watched];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alone => "alone",
            Self::Recorded => "recorded",
            Self::Watched => "watched",
        }
    }
}

impl FromStr for Workload {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|workload| workload.name() == text);
        found.ok_or_else(|| format!("`{text}` is no workload; give integer-m, integer-sv39 or page-faults"))
    }
}

impl FromStr for Listening {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|listening| listening.name() == text);
        found.ok_or_else(|| format!("`{text}` is no way to listen; give alone, recorded or watched"))
    }
}

/// What a stretch of a run came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Instructions retired.
    pub instructions: u64,
    /// Traps taken.
    pub traps: u64,
    /// Events that were kept.
    pub events: u64,
}

impl Counts {
    /// A measured stretch as a line of JSON, as `cargo xtask bench` reads it.
    #[must_use]
    pub fn line(&self, host: &str, (workload, listening): Pair, nanoseconds: u128) -> String {
        let Self { instructions, traps, events } = self;
        let (workload, listening) = (workload.name(), listening.name());
        format!(
            r#"{{"host":"{host}","workload":"{workload}","listening":"{listening}","instructions":{instructions},"traps":{traps},"events":{events},"nanoseconds":{nanoseconds}}}"#
        )
    }
}

/// What is measured: a workload, and who listens.
pub type Pair = (Workload, Listening);

/// The pairs that these words pick: each word is a part of a name, and of workloads and of listeners all
/// are meant where no word names one.
#[must_use]
pub fn selected(words: &[String]) -> Vec<Pair> {
    let workloads = picked(&Workload::ALL, Workload::name, words);
    let listenings = picked(&Listening::ALL, Listening::name, words);
    workloads
        .iter()
        .flat_map(|&workload| listenings.iter().map(move |&listening| (workload, listening)))
        .collect()
}

fn picked<T: Copy>(all: &[T], name: fn(T) -> &'static str, words: &[String]) -> Vec<T> {
    let named = |&&item: &&T| words.iter().any(|word| name(item).contains(word.as_str()));
    let named: Vec<T> = all.iter().filter(named).copied().collect();
    if named.is_empty() { all.to_vec() } else { named }
}

/// A machine at work.
#[derive(Debug)]
pub struct Run {
    machine: Machine,
    listening: Listening,
    recording: Recording,
    detectors: Detectors,
}

impl Run {
    /// A machine that is about to run a workload.
    #[must_use]
    pub fn new(workload: Workload, listening: Listening) -> Self {
        let machine = match workload {
            Workload::IntegerM => integer::in_machine_mode(),
            Workload::IntegerSv39 => integer::under_sv39(),
            Workload::Faults => faults::storm(),
        };
        Self { machine, listening, recording: Recording::default(), detectors: Detectors::default() }
    }

    /// Gives up what was recorded, so that the recording never becomes full. A session never does that,
    /// so it belongs outside of what is measured.
    pub fn forget(&mut self) {
        self.recording = Recording::default();
    }

    /// Makes `steps` steps.
    ///
    /// # Panics
    /// Where the machine ends before: workloads run for ever.
    pub fn advance(&mut self, steps: u64) -> Counts {
        let known = self.recording.events().len();
        let (instret, step) = (self.machine.instret(), self.machine.step_count());
        let end = self.run(steps);
        assert_eq!(end, RunEnd::Budget, "a workload runs for ever, and its recording is not full");
        let instructions = self.machine.instret() - instret;
        let traps = self.machine.step_count() - step - instructions;
        Counts { instructions, traps, events: (self.recording.events().len() - known) as u64 }
    }

    fn run(&mut self, steps: u64) -> RunEnd {
        let Self { machine, listening, recording, detectors } = self;
        match listening {
            Listening::Alone => machine.run(steps, &mut NoObserver),
            Listening::Recorded => machine.run(steps, &mut Events(recording)),
            Listening::Watched => {
                machine.run(steps, &mut Events(&mut Watched { sink: recording, detectors }))
            }
        }
    }
}

/// A machine with these programs in its memory, at whose start it begins.
fn machine(programs: &[(u64, Vec<u32>)], setup: impl FnOnce(&mut Ram)) -> Machine {
    let mut ram = Ram::new(usize::try_from(MEMORY).unwrap_or(usize::MAX));
    for (at, words) in programs {
        let bytes: Vec<u8> = words.iter().flat_map(|word| word.to_le_bytes()).collect();
        poke(&mut ram, *at, &bytes);
    }
    setup(&mut ram);
    Machine::from_parts(ram, Board::new(1, None), DRAM_BASE)
}

fn poke(ram: &mut Ram, at: u64, bytes: &[u8]) {
    ram.write(PhysAddr::new(at), bytes).expect("every workload fits into memory");
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::What;

    /// The checksums that the integer work has left after so many rounds.
    fn checksum(workload: Workload, rounds: u64) -> u64 {
        let mut run = Run::new(workload, Listening::Alone);
        while integer::rounds(&run.machine) < rounds {
            run.advance(1000);
        }
        integer::checksum(&run.machine)
    }

    #[test]
    fn the_integer_work_comes_to_the_same_in_both_privileges() {
        let once = checksum(Workload::IntegerM, 1);
        assert_eq!(once, checksum(Workload::IntegerSv39, 1));
        assert_ne!(once, 0);
        assert_ne!(once, checksum(Workload::IntegerM, 2), "every round adds to it");
    }

    #[test]
    fn the_integer_work_is_a_mixture() {
        let shares = integer::shares();
        for (_, share) in shares {
            assert!((10..50).contains(&share), "of a hundred instructions: {shares:?}");
        }
    }

    #[test]
    fn every_round_of_the_storm_is_one_fault() {
        let mut run = Run::new(Workload::Faults, Listening::Watched);
        run.advance(100_000);
        let counts = run.advance(1_000_000);
        let each = counts.instructions / counts.traps;
        assert!((80..130).contains(&each), "{each} instructions a fault");
        assert!((5..7).contains(&(counts.events / counts.traps)), "{counts:?}");
        let warned = run.recording.events().iter().any(|event| matches!(event.what, What::Warning(_)));
        assert!(!warned, "its kernel makes no mistake");
    }

    #[test]
    fn words_pick_workloads_and_listeners() {
        let selected =
            |words: &[&str]| selected(&words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>());
        assert_eq!(selected(&[]).len(), 9);
        assert_eq!(selected(&["fault"]).len(), 3);
        assert_eq!(selected(&["sv39", "watched"]), [(Workload::IntegerSv39, Listening::Watched)]);
    }

    #[test]
    fn names_are_read_back() {
        for workload in Workload::ALL {
            assert_eq!(workload.name().parse(), Ok(workload));
        }
        for listening in Listening::ALL {
            assert_eq!(listening.name().parse(), Ok(listening));
        }
        assert!("mips".parse::<Workload>().is_err() && "".parse::<Listening>().is_err());
    }
}
