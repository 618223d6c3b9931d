//! A long run with page faults all along it, and somebody who walks through it in every direction.
//!
//! A run of 1,000,000,000 steps has about 100,000 page faults: a program touches one page after the other, and
//! computes with each. What is measured is how long a step back takes from anywhere, and a jump to anywhere, and
//! what recording costs: a session, with its events, detectors and keyframes, against the same machine with nobody
//! listening. Both are run in turns, so that whatever else the host does slows both.

use core::str::FromStr;

use super::{RunEnd, faults};
use crate::drive::Driver;
use crate::machine::Machine;
use crate::observer::NoObserver;
use crate::session::{Goal, Progress, Session};

/// Steps of the run.
pub const STEPS: u64 = 1_000_000_000;

/// Turns in which the run is made, alone and recorded.
pub const TURNS: u64 = 20;

/// What the program does with each page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Program {
    /// It changes 64 words.
    Words64,
    /// It changes 256 words: half of the page.
    Words256,
}

impl Program {
    /// Every program.
    pub const ALL: [Self; 2] = [Self::Words64, Self::Words256];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Words64 => "64-words",
            Self::Words256 => "256-words",
        }
    }

    fn machine(self) -> Machine {
        faults::journey(match self {
            Self::Words64 => 64,
            Self::Words256 => 256,
        })
    }
}

impl FromStr for Program {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|program| program.name() == text);
        found.ok_or_else(|| format!("`{text}` is no program; give 64-words or 256-words"))
    }
}

/// A move that is measured.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Move {
    /// Back by an instruction.
    Instruction,
    /// Back by an event.
    Event,
    /// Back to the page fault before.
    Fault,
    /// To any other place.
    Seek,
}

impl Move {
    /// Every move.
    pub const ALL: [Self; 4] = [Self::Instruction, Self::Event, Self::Fault, Self::Seek];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Instruction => "back-instruction",
            Self::Event => "back-event",
            Self::Fault => "back-fault",
            Self::Seek => "seek",
        }
    }
}

impl FromStr for Move {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|step| step.name() == text);
        found.ok_or_else(|| format!("`{text}` is no move"))
    }
}

/// The run without a session: what recording is compared with.
#[derive(Debug)]
pub struct Alone(Driver);

impl Alone {
    /// About to begin.
    #[must_use]
    pub fn new(program: Program) -> Self {
        Self(Driver::new(program.machine(), &[]))
    }

    /// Makes one of [`TURNS`] parts of the run.
    pub fn advance(&mut self) -> bool {
        let step = self.0.machine().step_count().saturating_add(STEPS / TURNS);
        self.0.run_to(step, &mut NoObserver) == RunEnd::Budget
    }
}

/// A session of the run.
#[derive(Debug)]
pub struct Journey {
    session: Session,
    random: u64,
    target: u64,
}

impl Journey {
    /// About to begin.
    #[must_use]
    pub fn new(program: Program) -> Self {
        let session = Session::with_machine(program.machine(), &[], STEPS);
        Self { session, random: 0x9e37_79b9_7f4a_7c15, target: 0 }
    }

    /// Records one of [`TURNS`] parts of the run.
    pub fn record(&mut self) -> bool {
        let to = self.session.frontier().saturating_add(STEPS / TURNS);
        self.session.forward(Goal::Step(to), u64::MAX) == Progress::Reached
    }

    /// Stands somewhere, arrived from before, and knows where to jump next.
    pub fn prepare(&mut self) {
        let (place, target) = (self.anywhere(), self.anywhere());
        self.session.seek_step(0);
        self.session.seek_step(place);
        self.target = target;
    }

    /// Makes a move; whether it came where it was meant to.
    pub fn make(&mut self, step: Move) -> bool {
        let came = match step {
            Move::Instruction => self.session.back(Goal::Instructions(1)),
            Move::Event => self.session.back(Goal::NextEvent),
            Move::Fault => self.session.back(Goal::PageFault),
            Move::Seek => self.session.seek_step(self.target),
        };
        came == Progress::Reached
    }

    /// Page faults, events, keyframes, and the bytes that they take.
    #[must_use]
    pub fn counts(&self) -> [u64; 4] {
        let faults = self.session.log().iter().filter(|event| event.what.page_fault().is_some()).count();
        let (keyframes, bytes) = self.session.keyframes();
        [faults, self.session.log().len(), keyframes, bytes].map(|count| count as u64)
    }

    /// A known place behind the beginning, where programs are not started yet.
    fn anywhere(&mut self) -> u64 {
        // Knuth's generator; its upper bits are the random ones.
        self.random =
            self.random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let frontier = self.session.frontier().max(200_000);
        100_000 + (self.random >> 20) % (frontier - 100_000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ten_thousand_steps_have_a_page_fault_and_seven_events() {
        for program in Program::ALL {
            assert_eq!(program.name().parse(), Ok(program));
            let mut journey = Journey::new(program);
            journey.session.forward(Goal::Step(5_000_000), u64::MAX);
            let [faults, events, ..] = journey.counts();
            assert!((400..600).contains(&faults), "{faults}");
            assert!((5..8).contains(&(events / faults)), "{events} of {faults}");
            for step in Move::ALL {
                journey.prepare();
                assert!(journey.make(step), "{step:?}");
                assert_eq!(step.name().parse(), Ok(step));
            }
        }
        assert!("words".parse::<Program>().is_err());
    }
}
