//! A page fault from the trap to the moment when the program goes on, or is no more.

use faultline_abi::VirtAddr;
use faultline_abi::trace::{FaultClass, ProcessOp, Resolution};
use faultline_machine::event::{Event, Trap, What};
use faultline_machine::hart::Privilege;

/// What came of a page fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The kernel gave the page that it had promised.
    Promised,
    /// The kernel dealt with it in another way.
    Resolved,
    /// The process was killed.
    Killed,
    /// Nothing is known yet.
    Unanswered,
}

/// A page fault and the events that answer it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Episode {
    /// Number of the trap event.
    pub trap: usize,
    /// Number of the last event that belongs to it, where it is over.
    pub end: Option<usize>,
    /// What came of it.
    pub outcome: Outcome,
}

impl Episode {
    /// Whether event number `n` belongs to it, in a run of `known` events.
    #[must_use]
    pub fn contains(&self, n: usize) -> bool {
        n >= self.trap && self.end.is_none_or(|end| n <= end)
    }
}

/// The page faults in these events.
#[must_use]
pub fn episodes(events: &[Event]) -> Vec<Episode> {
    let mut all: Vec<Episode> = Vec::new();
    let mut open: Option<Open> = None;
    for (n, event) in events.iter().enumerate() {
        if let Some((trap, _)) = event.what.page_fault() {
            all.extend(open.take().map(|open| open.episode));
            open = Some(Open::new(n, event.mode, trap));
        } else if let Some(episode) = open.as_mut().and_then(|open| open.see(n, &event.what)) {
            all.push(episode);
            open = None;
        }
    }
    all.extend(open.map(|open| open.episode));
    all
}

struct Open {
    episode: Episode,
    mode: Privilege,
    sepc: VirtAddr,
    pid: Option<u32>,
}

impl Open {
    fn new(n: usize, mode: Privilege, trap: &Trap) -> Self {
        let episode = Episode { trap: n, end: None, outcome: Outcome::Unanswered };
        Self { episode, mode, sepc: trap.sepc, pid: None }
    }

    /// Takes an event into account; gives the episode back when that was its last.
    fn see(&mut self, n: usize, what: &What) -> Option<Episode> {
        match what {
            What::Fault { pid, class, .. } => {
                self.pid = Some(*pid);
                let promised = matches!(class, FaultClass::Lazy | FaultClass::ZeroFill | FaultClass::Stack);
                self.episode.outcome = if promised { Outcome::Promised } else { Outcome::Resolved };
            }
            What::Resolved { how: Resolution::Killed, .. } => self.episode.outcome = Outcome::Killed,
            What::Process { op: ProcessOp::Killed, pid, .. } if self.pid.is_none_or(|own| own == *pid) => {
                self.episode.outcome = Outcome::Killed;
                return self.over(n);
            }
            What::Return { to, target } if (*to, *target) == (self.mode, self.sepc) => return self.over(n),
            _ => {}
        }
        None
    }

    fn over(&mut self, n: usize) -> Option<Episode> {
        self.episode.end = Some(n);
        Some(self.episode)
    }
}
