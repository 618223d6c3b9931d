//! The kernel's word against the page tables: where they disagree, one of them is wrong.

use std::collections::BTreeMap;

use faultline_abi::PhysAddr;
use faultline_abi::sv39::PteFlags;
use faultline_abi::trace::FrameKind;

use super::{Frame, Mapped, View};

/// A frame about which the kernel's events and the page tables disagree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Disagreement {
    /// The frame.
    pub frame: PhysAddr,
    /// The last event about it, if there was any.
    pub event: Option<usize>,
    /// What is wrong, in words.
    pub words: String,
}

/// Compares what the kernel said about frames with what the page tables of its processes map.
///
/// Only meaningful while a program runs: inside the kernel a change may be half done.
#[must_use]
pub fn disagreements(view: &View, mapped: &[Mapped]) -> Vec<Disagreement> {
    let mut count: BTreeMap<PhysAddr, u32> = BTreeMap::new();
    for page in mapped {
        *count.entry(page.frame()).or_default() += 1;
    }
    let free = mapped.iter().filter_map(|page| mapped_but_free(view, page));
    free.chain(view.frames.used().filter_map(|(at, frame)| miscounted(at, frame, &count))).collect()
}

/// A user's page on a frame that the kernel says nobody uses. Pages without U may be the kernel's
/// own memory, of which no frame event tells.
fn mapped_but_free(view: &View, page: &Mapped) -> Option<Disagreement> {
    let (frame, va) = (page.frame(), page.va);
    let in_use = view.frames.get(frame).is_some_and(|known| known.refs > 0);
    if in_use || !page.pte.flags().contains(PteFlags::U) {
        return None;
    }
    let words = format!("frame {frame} is mapped at {va}, but the kernel says that it is free");
    Some(Disagreement { frame, event: last_event(view.frames.get(frame)), words })
}

/// A program's page whose reference count is not the number of entries that map it.
fn miscounted(at: PhysAddr, frame: &Frame, count: &BTreeMap<PhysAddr, u32>) -> Option<Disagreement> {
    let (told, counted) = (frame.refs, count.get(&at).copied().unwrap_or(0));
    if frame.kind != FrameKind::User || told == counted {
        return None;
    }
    let words =
        format!("the kernel counts {told} uses of frame {at}, the page tables map it {counted} times");
    Some(Disagreement { frame: at, event: last_event(Some(frame)), words })
}

fn last_event(frame: Option<&Frame>) -> Option<usize> {
    frame.map(|frame| frame.last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::narrate::testing::{frame, numbered, process, root};
    use faultline_abi::sv39::Pte;
    use faultline_abi::trace::{FrameOp, ProcessOp};
    use faultline_abi::{Ppn, VirtAddr};

    fn compare(told: &[u64], mapped: &[u64]) -> Vec<Disagreement> {
        let mut story = vec![process(ProcessOp::Created, 1, 0, "p")];
        story.extend(told.iter().map(|&at| frame(FrameOp::Allocated, at, 1, 1, FrameKind::User)));
        let mut view = View::default();
        numbered(story).iter().for_each(|event| view.apply(event));
        let page = |(i, at): (usize, &u64)| Mapped {
            root: root(1),
            va: VirtAddr::new(i as u64 * 4096),
            pte: Pte::new(Ppn::new(at >> 12), PteFlags::V | PteFlags::R | PteFlags::U),
        };
        let mapped: Vec<Mapped> = mapped.iter().enumerate().map(page).collect();
        disagreements(&view, &mapped)
    }

    #[test]
    fn a_kernel_that_tells_the_truth_is_believed() {
        assert_eq!(compare(&[0x8010_0000, 0x8010_1000], &[0x8010_1000, 0x8010_0000]), []);
    }

    #[test]
    fn a_mapped_frame_that_is_said_to_be_free_is_reported() {
        let found = compare(&[], &[0x8010_0000]);
        assert_eq!(found[0].frame, PhysAddr::new(0x8010_0000));
        assert!(found[0].words.contains("0x80100000 is mapped at 0x0"), "{found:?}");
    }

    #[test]
    fn a_frame_that_nothing_maps_is_reported_with_its_event() {
        let found = compare(&[0x8010_0000], &[]);
        assert_eq!((found.len(), found[0].event), (1, Some(1)));
    }

    #[test]
    fn a_frame_mapped_more_often_than_counted_is_reported() {
        let found = compare(&[0x8010_0000], &[0x8010_0000, 0x8010_0000]);
        assert!(found[0].words.contains("counts 1 uses"), "{found:?}");
        assert!(found[0].words.contains("map it 2 times"), "{found:?}");
    }
}
