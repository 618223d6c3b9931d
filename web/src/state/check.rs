//! The kernel's word against the page tables: where they disagree, one of them is wrong.

use faultline_abi::PhysAddr;
use faultline_abi::VirtAddr;
use faultline_abi::sv39::PteFlags;
use faultline_abi::trace::FrameKind;

use super::{Process, View};
use crate::layout::Leaves;

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

/// Compares what the kernel said about a process's frames with what its page tables map.
///
/// Only meaningful while the program runs: inside the kernel a change may be half done.
#[must_use]
pub fn disagreements(view: &View, process: &Process, leaves: &Leaves) -> Vec<Disagreement> {
    let user = leaves.iter().filter(|(_, pte)| pte.flags().contains(PteFlags::U));
    let mapped: Vec<(VirtAddr, PhysAddr)> = user.map(|(&va, pte)| (va, pte.ppn().base())).collect();
    let mut found: Vec<Disagreement> =
        mapped.iter().filter_map(|&(va, frame)| mapped_but_free(view, va, frame)).collect();
    found.extend(owned_but_unmapped(view, process, &mapped, leaves));
    found
}

fn mapped_but_free(view: &View, va: VirtAddr, frame: PhysAddr) -> Option<Disagreement> {
    let known = view.frames.get(frame);
    if known.is_some_and(|known| known.refs > 0) {
        return None;
    }
    let words = format!("frame {frame} is mapped at {va}, but the kernel says that it is free");
    Some(Disagreement { frame, event: last_event(view, frame), words })
}

fn owned_but_unmapped(
    view: &View,
    process: &Process,
    mapped: &[(VirtAddr, PhysAddr)],
    leaves: &Leaves,
) -> Vec<Disagreement> {
    let is_mapped = |frame: PhysAddr| {
        mapped.iter().any(|&(_, other)| other == frame)
            || leaves.values().any(|pte| pte.ppn().base() == frame)
    };
    let owned = view.frames.used().filter(|(_, frame)| frame.owner == process.pid);
    owned
        .filter(|&(address, frame)| frame.kind == FrameKind::User && !is_mapped(address))
        .map(|(frame, _)| Disagreement {
            frame,
            event: last_event(view, frame),
            words: format!(
                "the kernel says that frame {frame} holds a page of {}, but nothing maps it",
                process.label()
            ),
        })
        .collect()
}

fn last_event(view: &View, frame: PhysAddr) -> Option<usize> {
    view.frames.get(frame)?.history.last().map(|moment| moment.event)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{frame, numbered, process};
    use faultline_abi::Ppn;
    use faultline_abi::sv39::Pte;
    use faultline_abi::trace::{FrameOp, ProcessOp};

    fn view(frames: &[u64]) -> View {
        let mut story = vec![process(ProcessOp::Created, 1, 0, "p")];
        story.extend(frames.iter().map(|&at| frame(FrameOp::Allocated, at, 1, 1, FrameKind::User)));
        let mut view = View::default();
        numbered(story).iter().for_each(|event| view.apply(event));
        view
    }

    fn leaves(frames: &[u64]) -> Leaves {
        let flags = PteFlags::V | PteFlags::R | PteFlags::U;
        let entry =
            |(i, at): (usize, &u64)| (VirtAddr::new(i as u64 * 4096), Pte::new(Ppn::new(at >> 12), flags));
        frames.iter().enumerate().map(entry).collect()
    }

    fn compare(told: &[u64], mapped: &[u64]) -> Vec<Disagreement> {
        let view = view(told);
        disagreements(&view, &view.processes.by_pid[&1], &leaves(mapped))
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
    fn an_owned_frame_that_nothing_maps_is_reported_with_its_event() {
        let found = compare(&[0x8010_0000], &[]);
        assert_eq!((found.len(), found[0].event), (1, Some(1)));
    }
}
