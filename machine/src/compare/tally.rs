//! What is counted of a run, and what two counts say.

use std::collections::BTreeSet;

use faultline_abi::trace::{DiskOp, FrameKind, FrameOp, Resolution};

use crate::event::{Event, What};

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// Page-fault traps.
    Faults,
    /// Pages that the kernel itself found missing, without a trap.
    Found,
    /// Frames given to user pages.
    Frames,
    /// User frames in use at once, at most.
    Peak,
    /// Pages copied in answer to page faults; what `fork` copies by itself is no answer.
    Copies,
    /// Pages filled with zeros.
    Zeroed,
    /// Pages evicted.
    Evictions,
    /// Disk sectors read.
    SectorsRead,
    /// Disk sectors written.
    SectorsWritten,
    /// Instructions retired.
    Instructions,
}

impl Quantity {
    /// Every quantity, in the order in which they are told.
    pub const ALL: [Self; 10] = [
        Self::Faults,
        Self::Found,
        Self::Frames,
        Self::Peak,
        Self::Copies,
        Self::Zeroed,
        Self::Evictions,
        Self::SectorsRead,
        Self::SectorsWritten,
        Self::Instructions,
    ];

    /// In words: of one, and of another number.
    const fn forms(self) -> [&'static str; 2] {
        match self {
            Self::Faults => ["page fault", "page faults"],
            Self::Found => {
                ["page found missing by the kernel itself", "pages found missing by the kernel itself"]
            }
            Self::Frames => ["frame given to programs", "frames given to programs"],
            Self::Peak => ["frame of programs in use at once", "frames of programs in use at once"],
            Self::Copies => ["page copied in a page fault", "pages copied in page faults"],
            Self::Zeroed => ["page filled with zeros", "pages filled with zeros"],
            Self::Evictions => ["page evicted", "pages evicted"],
            Self::SectorsRead => ["disk sector read", "disk sectors read"],
            Self::SectorsWritten => ["disk sector written", "disk sectors written"],
            Self::Instructions => ["instruction", "instructions"],
        }
    }

    /// In words, as the heading of a count.
    #[must_use]
    pub const fn words(self) -> &'static str {
        self.forms()[1]
    }
}

/// The counts of a run, in the order of [`Quantity::ALL`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally([u64; Quantity::ALL.len()]);

impl Tally {
    /// Counts the events of a run up to some place.
    #[must_use]
    pub fn of(events: &[Event]) -> Self {
        let mut tally = Self::default();
        let mut in_use = 0_u64;
        // The harts whose last trap was a page fault that the kernel has not classified yet.
        let mut trapped = BTreeSet::new();
        for event in events {
            match &event.what {
                What::Trap(trap) if trap.page_fault().is_some() => drop(trapped.insert(event.hart)),
                What::Trap(_) => drop(trapped.remove(&event.hart)),
                // The classification that follows a trap belongs to it.
                What::Fault { .. } if !trapped.remove(&event.hart) => tally.add(Quantity::Found, 1),
                What::Frame { op: FrameOp::Allocated, usage: FrameKind::User, .. } => {
                    in_use += 1;
                    tally.add(Quantity::Frames, 1);
                }
                What::Frame { op: FrameOp::Freed, usage: FrameKind::User, .. } => {
                    in_use = in_use.saturating_sub(1);
                }
                what => tally.add_other(what),
            }
            tally.add(Quantity::Faults, event.what.page_fault().is_some().into());
            tally.raise(Quantity::Peak, in_use);
        }
        tally.raise(Quantity::Instructions, events.last().map_or(0, |event| event.instret));
        tally
    }

    fn add_other(&mut self, what: &What) {
        match what {
            What::Resolved { how: Resolution::Copied, .. } => self.add(Quantity::Copies, 1),
            What::Resolved { how: Resolution::Zeroed, .. } => self.add(Quantity::Zeroed, 1),
            What::Evicted { .. } => self.add(Quantity::Evictions, 1),
            What::Disk { op: DiskOp::Read, sectors, .. } => {
                self.add(Quantity::SectorsRead, (*sectors).into());
            }
            What::Disk { op: DiskOp::Write, sectors, .. } => {
                self.add(Quantity::SectorsWritten, (*sectors).into());
            }
            _ => {}
        }
    }

    /// The count with this many instructions: a run goes on behind its last event.
    #[must_use]
    pub fn with_instructions(mut self, instructions: u64) -> Self {
        self.raise(Quantity::Instructions, instructions);
        self
    }

    /// The count of something.
    #[must_use]
    pub const fn get(&self, quantity: Quantity) -> u64 {
        self.0[quantity as usize]
    }

    fn add(&mut self, quantity: Quantity, more: u64) {
        self.0[quantity as usize] = self.get(quantity).saturating_add(more);
    }

    fn raise(&mut self, quantity: Quantity, to: u64) {
        self.0[quantity as usize] = self.get(quantity).max(to);
    }
}

/// Where two counts differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Difference {
    /// What was counted.
    pub quantity: Quantity,
    /// In the left run.
    pub left: u64,
    /// In the right run.
    pub right: u64,
}

impl Difference {
    /// In one sentence, as seen from the left run called `left`.
    #[must_use]
    pub fn sentence(&self, left: &str, right: &str) -> String {
        let (more, less) = (self.left.max(self.right), self.left.min(self.right));
        let (many, few) = if self.left >= self.right { (left, right) } else { (right, left) };
        let words = self.quantity.forms()[usize::from(more - less != 1)];
        format!("{many} has {} {words} more than {few} ({more} and {less}).", more - less)
    }
}

/// What differs between two runs, in the order of [`Quantity::ALL`].
#[must_use]
pub fn differences(left: &Tally, right: &Tally) -> Vec<Difference> {
    let each = Quantity::ALL.into_iter().map(|quantity| Difference {
        quantity,
        left: left.get(quantity),
        right: right.get(quantity),
    });
    each.filter(|difference| difference.left != difference.right).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::narrate::testing::{fault, frame, numbered, page_fault, resolved};
    use faultline_abi::trace::FaultClass;

    #[test]
    fn what_the_hardware_and_what_the_kernel_found_are_told_apart() {
        let tally = Tally::of(&numbered([
            page_fault(15, 0x9000, 0x10),
            fault(0x9000, FaultClass::Lazy),
            frame(FrameOp::Allocated, 0x8010_0000, 1, 1, FrameKind::User),
            resolved(0x9000, Resolution::Zeroed),
            fault(0xa000, FaultClass::Lazy),
            frame(FrameOp::Freed, 0x8010_0000, 1, 0, FrameKind::User),
            frame(FrameOp::Allocated, 0x8010_0000, 1, 1, FrameKind::User),
            frame(FrameOp::Allocated, 0x8010_1000, 1, 1, FrameKind::PageTable),
        ]));
        let count = |quantity| tally.get(quantity);
        assert_eq!((count(Quantity::Faults), count(Quantity::Found)), (1, 1));
        assert_eq!((count(Quantity::Frames), count(Quantity::Peak)), (2, 1));
        assert_eq!((count(Quantity::Zeroed), count(Quantity::Copies)), (1, 0));
        assert_eq!(count(Quantity::Instructions), 70);
    }

    #[test]
    fn a_classification_belongs_to_the_trap_of_its_own_hart() {
        let mut events = numbered([
            page_fault(15, 0x9000, 0x10),
            page_fault(15, 0xa000, 0x20),
            fault(0x9000, FaultClass::Lazy),
            fault(0xa000, FaultClass::Lazy),
        ]);
        for n in [1, 3] {
            events[n].hart = 1;
        }
        assert_eq!(Tally::of(&events).get(Quantity::Found), 0);
    }

    #[test]
    fn differences_are_told_from_the_side_that_has_more() {
        let mut left = Tally::default();
        left.add(Quantity::Faults, 7);
        left.add(Quantity::Frames, 3);
        let mut right = left;
        right.add(Quantity::Faults, 2);
        let found = differences(&left, &right);
        assert_eq!(found, [Difference { quantity: Quantity::Faults, left: 7, right: 9 }]);
        assert_eq!(found[0].sentence("lazy", "eager"), "eager has 2 page faults more than lazy (9 and 7).");
        let one = Difference { quantity: Quantity::Frames, left: 1, right: 0 };
        assert_eq!(one.sentence("a", "b"), "a has 1 frame given to programs more than b (1 and 0).");
    }
}
