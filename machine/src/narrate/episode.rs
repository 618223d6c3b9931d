//! A page fault from the trap to the moment when the program goes on, or is no more.

use std::collections::BTreeMap;

use faultline_abi::VirtAddr;
use faultline_abi::trace::{AreaOp, FaultClass, FrameOp, ProcessOp, Resolution};

use crate::event::{Event, Trap, What};
use crate::hart::Privilege;

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
    /// The hart that took the trap; only its events belong to the fault.
    pub hart: u32,
    /// Number of the trap event.
    pub trap: usize,
    /// Number of the last event that belongs to it, where it is over.
    pub end: Option<usize>,
    /// What came of it.
    pub outcome: Outcome,
    /// The time in which others had the hart, where the process was set aside in the middle.
    pub away: Option<Away>,
}

/// A process that was set aside in the middle of its page fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Away {
    /// Number of the event that gave the hart to another process.
    pub from: usize,
    /// Where it went on: the number of the event that gave it a hart again, and the hart.
    pub back: Option<(usize, u32)>,
}

impl Away {
    /// Whether an event belongs to the process all the same.
    fn admits(self, n: usize, event: &Event, hart: u32) -> bool {
        match self.back {
            Some((back, on)) if n >= back => event.hart == on,
            _ => n < self.from && event.hart == hart,
        }
    }
}

impl Episode {
    /// The events that answer the fault, with their numbers.
    pub fn answer<'a>(&self, events: &'a [Event]) -> impl Iterator<Item = (usize, &'a Event)> + use<'a> {
        let (hart, away, first) = (self.hart, self.away, self.trap + 1);
        let last = self.end.unwrap_or_else(|| events.len().saturating_sub(1));
        let answer = events.get(first..=last).unwrap_or(&[]);
        let own = move |n: usize, event: &Event| {
            away.map_or(event.hart == hart, |away| away.admits(n, event, hart))
        };
        (first..).zip(answer).filter(move |&(n, event)| own(n, event))
    }
}

/// The page faults in these events, in order. Each hart answers its own; a process that the kernel sets aside in
/// the middle may go on with its fault on any hart.
#[must_use]
pub fn episodes(events: &[Event]) -> Vec<Episode> {
    let mut fold = Fold::default();
    for (n, event) in events.iter().enumerate() {
        fold.see(n, event);
    }
    fold.all
}

/// What is known up to some event.
#[derive(Default)]
struct Fold {
    all: Vec<Episode>,
    /// The fault that a hart answers.
    open: BTreeMap<u32, Open>,
    /// Faults of processes that were set aside, by process.
    aside: BTreeMap<u32, Open>,
    /// The process that a hart runs, as far as the kernel tells.
    running: BTreeMap<u32, u32>,
}

impl Fold {
    fn see(&mut self, n: usize, event: &Event) {
        if let Some((trap, _)) = event.what.page_fault() {
            let owner = self.running.get(&event.hart).copied();
            let now = Open::new(n, event, trap, self.all.len(), owner);
            self.all.push(now.episode);
            self.open.insert(event.hart, now);
        } else if let What::Process { op: ProcessOp::Switched, pid, .. } = event.what {
            self.switched(n, event, pid);
        } else {
            self.answered(n, event);
        }
    }

    fn answered(&mut self, n: usize, event: &Event) {
        if let Some(now) = self.open.get_mut(&event.hart) {
            let seen = now.see(n, event);
            self.all[now.ordinal] = now.episode;
            if seen == Seen::Over {
                self.open.remove(&event.hart);
            }
        }
    }

    /// The hart goes to a process: the fault of the one before waits with it, and that of this one goes on.
    fn switched(&mut self, n: usize, event: &Event, pid: u32) {
        self.running.insert(event.hart, pid);
        match self.open.get(&event.hart).map(|now| (now.owner, now.episode.end)) {
            // It was gone from its hart for nobody, or nobody knows whose fault it is.
            Some((owner, None)) if owner.is_none_or(|owner| owner == pid) => return,
            Some((Some(owner), None)) => {
                if let Some(mut now) = self.open.remove(&event.hart) {
                    now.episode.away.get_or_insert(Away { from: n, back: None });
                    self.all[now.ordinal] = now.episode;
                    self.aside.insert(owner, now);
                }
            }
            _ => self.answered(n, event),
        }
        if let Some(mut now) = self.aside.remove(&pid) {
            let from = now.episode.away.map_or(n, |away| away.from);
            now.episode.away = Some(Away { from, back: Some((n, event.hart)) });
            self.all[now.ordinal] = now.episode;
            self.open.insert(event.hart, now);
        }
    }
}

/// Whether an episode may have more events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Seen {
    More,
    Over,
}

struct Open {
    /// Its place among all of them.
    ordinal: usize,
    episode: Episode,
    /// The process that the hart ran, as far as the kernel tells.
    owner: Option<u32>,
    mode: Privilege,
    sepc: VirtAddr,
    page: VirtAddr,
    pid: Option<u32>,
}

impl Open {
    fn new(n: usize, event: &Event, trap: &Trap, ordinal: usize, owner: Option<u32>) -> Self {
        let (hart, outcome) = (event.hart, Outcome::Unanswered);
        let episode = Episode { hart, trap: n, end: None, outcome, away: None };
        let page = VirtAddr::new(trap.stval).page_down();
        Self { ordinal, episode, owner, mode: event.mode, sepc: trap.sepc, page, pid: None }
    }

    fn see(&mut self, n: usize, event: &Event) -> Seen {
        if self.episode.end.is_some() {
            return self.see_aftermath(n, event);
        }
        match &event.what {
            What::Fault { pid, class, .. } => {
                self.pid = Some(*pid);
                let promised = matches!(class, FaultClass::Lazy | FaultClass::ZeroFill | FaultClass::Stack);
                self.episode.outcome = if promised { Outcome::Promised } else { Outcome::Resolved };
            }
            What::Resolved { how: Resolution::Killed, .. } => self.episode.outcome = Outcome::Killed,
            What::Process { op: ProcessOp::Killed, pid, .. } if self.pid.is_none_or(|own| own == *pid) => {
                self.episode.outcome = Outcome::Killed;
                self.episode.end = Some(n);
            }
            What::Return { to, target } if (*to, *target) == (self.mode, self.sepc) => {
                self.episode.end = Some(n);
            }
            _ => {}
        }
        Seen::More
    }

    /// After the end: the hardware marks the page as the instruction succeeds; the kernel clears
    /// away what a killed process leaves behind.
    fn see_aftermath(&mut self, n: usize, event: &Event) -> Seen {
        let belongs = match &event.what {
            What::Ad(change) => event.mode == self.mode && change.va == Some(self.page),
            what => self.episode.outcome == Outcome::Killed && is_clearing(what),
        };
        if belongs {
            self.episode.end = Some(n);
            return Seen::More;
        }
        Seen::Over
    }
}

/// Whether an event takes something away from a process.
#[must_use]
pub fn is_clearing(what: &What) -> bool {
    match what {
        What::Area { op: AreaOp::Unmapped, .. }
        | What::Frame { op: FrameOp::Freed | FrameOp::Unshared, .. } => true,
        What::Pte(change) => !change.new.is_valid(),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::narrate::testing::{ad, fault, frame, numbered, page_fault, process, resolved, returned};
    use faultline_abi::trace::FrameKind;

    fn user(events: Vec<What>) -> Vec<Event> {
        let mut events = numbered(events);
        for event in &mut events {
            if matches!(event.what, What::Trap(_) | What::Ad(_)) {
                event.mode = Privilege::User;
            }
        }
        events
    }

    #[test]
    fn a_lazy_fault_ends_when_the_instruction_has_run_again() {
        let found = episodes(&user(vec![
            returned(0x1000),
            page_fault(15, 0x9008, 0x101c),
            fault(0x9008, FaultClass::Lazy),
            resolved(0x9008, Resolution::Zeroed),
            returned(0x101c),
            ad(0x9000),
            ad(0xa000),
        ]));
        assert_eq!(
            found,
            [Episode { hart: 0, trap: 1, end: Some(5), outcome: Outcome::Promised, away: None }]
        );
    }

    #[test]
    fn without_accessed_bits_it_ends_at_the_return() {
        let found = episodes(&user(vec![
            page_fault(13, 0x9000, 0x101c),
            fault(0x9000, FaultClass::Cow),
            returned(0x101c),
            ad(0x5000),
        ]));
        assert_eq!(
            found,
            [Episode { hart: 0, trap: 0, end: Some(2), outcome: Outcome::Resolved, away: None }]
        );
    }

    #[test]
    fn a_killed_process_is_cleared_away() {
        let found = episodes(&user(vec![
            page_fault(15, 0x4ff8, 0x1012),
            fault(0x4ff8, FaultClass::Invalid),
            resolved(0x4ff8, Resolution::Killed),
            process(ProcessOp::Killed, 1, 15, ""),
            frame(FrameOp::Freed, 0x8010_0000, 1, 0, FrameKind::User),
            process(ProcessOp::Switched, 2, 1, "hello"),
            frame(FrameOp::Freed, 0x8010_1000, 2, 0, FrameKind::User),
        ]));
        assert_eq!(found, [Episode { hart: 0, trap: 0, end: Some(4), outcome: Outcome::Killed, away: None }]);
    }

    #[test]
    fn a_fault_that_nobody_answers_stays_open() {
        let found = episodes(&user(vec![page_fault(12, 0, 0), page_fault(13, 8, 4)]));
        let open = |trap| Episode { hart: 0, trap, end: None, outcome: Outcome::Unanswered, away: None };
        assert_eq!(found, [open(0), open(1)]);
    }

    #[test]
    fn two_harts_answer_their_faults_at_the_same_time() {
        let mut events = user(vec![
            page_fault(15, 0x9008, 0x101c),
            page_fault(13, 0xa000, 0x2000),
            fault(0x9008, FaultClass::Lazy),
            fault(0xa000, FaultClass::Cow),
            returned(0x2000),
            returned(0x101c),
            ad(0x9000),
        ]);
        for n in [1, 3, 4] {
            events[n].hart = 1;
        }
        let found = episodes(&events);
        assert_eq!(
            found,
            [
                Episode { hart: 0, trap: 0, end: Some(6), outcome: Outcome::Promised, away: None },
                Episode { hart: 1, trap: 1, end: Some(4), outcome: Outcome::Resolved, away: None },
            ]
        );
        let numbers = |episode: &Episode| episode.answer(&events).map(|(n, _)| n).collect::<Vec<_>>();
        assert_eq!(found.iter().map(numbers).collect::<Vec<_>>(), [vec![2, 5, 6], vec![3, 4]]);
    }

    #[test]
    fn a_process_that_is_set_aside_goes_on_with_its_fault_on_another_hart() {
        let mut events = user(vec![
            process(ProcessOp::Switched, 1, 0, "reader"),
            page_fault(15, 0x9008, 0x101c),
            fault(0x9008, FaultClass::Demand),
            process(ProcessOp::Switched, 2, 1, "other"),
            page_fault(13, 0xa000, 0x2000),
            process(ProcessOp::Switched, 1, 0, "reader"),
            returned(0x2000),
            resolved(0x9008, Resolution::Zeroed),
            returned(0x101c),
            ad(0x9000),
        ]);
        for n in [5, 7, 8, 9] {
            events[n].hart = 1;
        }
        let found = episodes(&events);
        assert_eq!(found.iter().map(|each| each.end).collect::<Vec<_>>(), [Some(9), Some(6)]);
        assert_eq!(found[0].away, Some(Away { from: 3, back: Some((5, 1)) }));
        let numbers = |episode: &Episode| episode.answer(&events).map(|(n, _)| n).collect::<Vec<_>>();
        assert_eq!(found.iter().map(numbers).collect::<Vec<_>>(), [vec![2, 5, 7, 8, 9], vec![6]]);
    }

    #[test]
    fn two_processes_that_wait_in_their_faults_on_one_hart_each_end_their_own() {
        let found = episodes(&user(vec![
            process(ProcessOp::Switched, 1, 0, "a"),
            page_fault(15, 0x9008, 0x101c),
            process(ProcessOp::Switched, 2, 1, "b"),
            page_fault(15, 0x9008, 0x101c),
            process(ProcessOp::Switched, 1, 2, "a"),
            returned(0x101c),
            process(ProcessOp::Switched, 2, 1, "b"),
            returned(0x101c),
        ]));
        assert_eq!(found.iter().map(|each| each.end).collect::<Vec<_>>(), [Some(5), Some(7)]);
    }
}
