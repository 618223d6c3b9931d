//! A sweep: the hand's way from one eviction to the next, look by look.

use faultline_abi::trace::Verdict;
use faultline_abi::{PhysAddr, VirtAddr};
use faultline_machine::event::{Event, What};

/// Events that are searched for the rest of a sweep.
const REACH: usize = 20_000;

/// The hand looked at a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Look {
    /// The event's number.
    pub event: usize,
    /// The frame.
    pub frame: PhysAddr,
    /// Whether its accessed bit was set.
    pub accessed: bool,
    /// What the kernel decided.
    pub verdict: Verdict,
}

/// A page went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Gone {
    /// The event's number.
    pub event: usize,
    /// The frame that it leaves.
    pub frame: PhysAddr,
    /// Whose page.
    pub pid: u32,
    /// Which one.
    pub va: VirtAddr,
    /// Whether it had been written to.
    pub dirty: bool,
    /// The slot of swap; `None` where the contents were dropped or went to a file.
    pub slot: Option<u64>,
}

/// One search for a victim, and what became of it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Sweep {
    /// The hand's looks, in order.
    pub looks: Vec<Look>,
    /// The entries that were taken away; several where processes shared the frame.
    pub gone: Vec<Gone>,
}

impl Sweep {
    /// Number of its first event.
    #[must_use]
    pub fn first(&self) -> Option<usize> {
        self.looks.first().map(|look| look.event).or_else(|| self.gone.first().map(|gone| gone.event))
    }

    /// The look that was made last, after the first `so_far` events.
    #[must_use]
    pub fn hand(&self, so_far: usize) -> Option<&Look> {
        self.looks.iter().rev().find(|look| look.event < so_far)
    }
}

/// The sweep that is under way after the first `so_far` events, or else the last one before.
#[must_use]
pub fn sweep(events: &[Event], so_far: usize) -> Option<Sweep> {
    let past = events.get(..so_far.min(events.len()))?;
    let last = past.iter().rposition(|event| belongs(&event.what))?;
    let first = start(events, last);
    let mut sweep = Sweep::default();
    for (n, event) in events.iter().enumerate().skip(first).take(REACH) {
        if n > last && ends(&sweep, &event.what) {
            break;
        }
        sweep.take(n, &event.what);
    }
    Some(sweep)
}

/// The last looks, at most so many, before event `n`: where the hand came from.
#[must_use]
pub fn looks_before(events: &[Event], n: usize, count: usize) -> Vec<Look> {
    let mut found = Sweep::default();
    let before = events.iter().enumerate().take(n).rev().take(REACH);
    let hands = before.filter(|(_, event)| matches!(event.what, What::Hand { .. }));
    hands.take(count).for_each(|(n, event)| found.take(n, &event.what));
    found.looks.reverse();
    found.looks
}

/// The first event of the sweep that event `n` belongs to: the first look after the eviction before.
fn start(events: &[Event], n: usize) -> usize {
    let mut first = n;
    let mut seen_look = matches!(events[n].what, What::Hand { .. });
    for (at, event) in events[..n].iter().enumerate().rev().take(REACH) {
        match event.what {
            What::Hand { .. } => {
                first = at;
                seen_look = true;
            }
            What::Evicted { .. } if seen_look => break,
            What::Evicted { .. } => first = at,
            _ => {}
        }
    }
    first
}

const fn belongs(what: &What) -> bool {
    matches!(what, What::Hand { .. } | What::Evicted { .. })
}

/// Whether the sweep is over before this event: a look after its victim has gone begins another.
fn ends(sweep: &Sweep, what: &What) -> bool {
    matches!(what, What::Hand { .. }) && !sweep.gone.is_empty()
}

impl Sweep {
    fn take(&mut self, event: usize, what: &What) {
        match *what {
            What::Hand { frame, accessed, verdict } => {
                self.looks.push(Look { event, frame, accessed, verdict });
            }
            What::Evicted { pid, va, frame, dirty, slot } => {
                let slot = slot.map(|slot| slot.0);
                self.gone.push(Gone { event, frame, pid, va, dirty, slot });
            }
            _ => {}
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{evicted, hand, numbered, returned};

    fn two_sweeps() -> Vec<Event> {
        numbered([
            returned(0),
            hand(0x1000, true, Verdict::SecondChance),
            hand(0x2000, false, Verdict::Victim),
            evicted(1, 0x9000, 0x2000, Some(0)),
            evicted(2, 0x9000, 0x2000, Some(0)),
            returned(0),
            hand(0x3000, false, Verdict::Victim),
            evicted(1, 0xa000, 0x3000, None),
            returned(0),
        ])
    }

    #[test]
    fn before_the_first_look_there_is_none() {
        assert_eq!(sweep(&two_sweeps(), 1), None);
    }

    #[test]
    fn a_sweep_that_is_under_way_knows_its_end() {
        let events = two_sweeps();
        for so_far in 2..=6 {
            let found = sweep(&events, so_far).expect("the hand has moved");
            assert_eq!(
                (found.looks.len(), found.gone.len(), found.first()),
                (2, 2, Some(1)),
                "after {so_far}"
            );
        }
        let under_way = sweep(&events, 2).expect("the hand has moved");
        assert_eq!(under_way.hand(2).map(|look| look.frame), Some(PhysAddr::new(0x1000)));
    }

    #[test]
    fn where_the_hand_came_from_is_told_in_order() {
        let frames = |n, count| -> Vec<u64> {
            looks_before(&two_sweeps(), n, count).iter().map(|look| look.frame.get()).collect()
        };
        assert_eq!(frames(6, 10), [0x1000, 0x2000]);
        assert_eq!(frames(9, 2), [0x2000, 0x3000]);
        assert_eq!(frames(1, 9), [0; 0]);
    }

    #[test]
    fn the_next_look_begins_the_next_sweep() {
        for so_far in 7..=9 {
            let found = sweep(&two_sweeps(), so_far).expect("the hand has moved");
            assert_eq!(
                (found.first(), found.looks.len(), found.gone.len()),
                (Some(6), 1, 1),
                "after {so_far}"
            );
            assert_eq!(found.gone[0].slot, None);
        }
    }
}
