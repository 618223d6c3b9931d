//! What became of a frame in the course of the run.

use faultline_abi::trace::{FrameOp, Resolution};
use faultline_abi::{PhysAddr, VirtAddr};
use faultline_machine::event::{Event, What};

/// Chapters that are told; of a frame that has more, the last ones.
pub const CHAPTERS_MAX: usize = 200;

/// Something that happened to a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Chapter {
    /// The event's number.
    pub event: usize,
    /// What happened.
    pub what: Happening,
}

/// What can happen to a frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Happening {
    /// It changed hands.
    Handed {
        /// How.
        op: FrameOp,
        /// Whose it is, or was.
        pid: u32,
        /// The reference count after it.
        refs: u32,
    },
    /// It answered a page fault.
    Answered {
        /// How.
        how: Resolution,
        /// Whose fault.
        pid: u32,
        /// Of which page.
        va: VirtAddr,
    },
    /// Its page was evicted.
    Evicted {
        /// Whose page.
        pid: u32,
        /// Which one.
        va: VirtAddr,
        /// The slot of swap; `None` where the contents were dropped.
        slot: Option<u64>,
    },
}

/// The story of the frame in these events, oldest first.
#[must_use]
pub fn story(events: &[Event], of: PhysAddr) -> Vec<Chapter> {
    let told = events.iter().enumerate().rev();
    let told = told.filter_map(|(event, each)| Some(Chapter { event, what: happening(&each.what, of)? }));
    let mut last: Vec<Chapter> = told.take(CHAPTERS_MAX).collect();
    last.reverse();
    last
}

fn happening(what: &What, of: PhysAddr) -> Option<Happening> {
    match *what {
        What::Frame { op, frame, owner, refs, .. } if frame == of => {
            Some(Happening::Handed { op, pid: owner, refs })
        }
        What::Resolved { pid, va, how, frame, .. } if frame == of => {
            Some(Happening::Answered { how, pid, va })
        }
        What::Evicted { pid, va, frame, slot, .. } if frame == of => {
            Some(Happening::Evicted { pid, va, slot: slot.map(|slot| slot.0) })
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{evicted, frame, numbered};
    use faultline_abi::trace::FrameKind;

    #[test]
    fn a_frame_is_allocated_shared_evicted_and_freed() {
        let at = 0x8010_0000;
        let events = numbered([
            frame(FrameOp::Allocated, at, 3, 1, FrameKind::User),
            frame(FrameOp::Allocated, at + 4096, 3, 1, FrameKind::User),
            frame(FrameOp::Shared, at, 4, 2, FrameKind::User),
            evicted(3, 0x9000, at, Some(7)),
            frame(FrameOp::Freed, at, 4, 0, FrameKind::User),
        ]);
        let told: Vec<usize> =
            story(&events, PhysAddr::new(at)).iter().map(|chapter| chapter.event).collect();
        assert_eq!(told, [0, 2, 3, 4]);
        let third = story(&events, PhysAddr::new(at))[2];
        assert_eq!(third.what, Happening::Evicted { pid: 3, va: VirtAddr::new(0x9000), slot: Some(7) });
    }

    #[test]
    fn of_a_long_story_the_end_is_told() {
        let many = (0..1000).map(|_| frame(FrameOp::Allocated, 0x8010_0000, 1, 1, FrameKind::User));
        let told = story(&numbered(many), PhysAddr::new(0x8010_0000));
        assert_eq!((told.len(), told.last().map(|chapter| chapter.event)), (CHAPTERS_MAX, Some(999)));
    }
}
