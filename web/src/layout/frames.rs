//! The physical memory as a row of frames: those in use one by one, the stretches between as one.

use faultline_abi::trace::FrameKind;
use faultline_abi::{PAGE_SIZE, PhysAddr};

use crate::state::Frames;

/// A frame to draw.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FrameCell {
    /// Where it starts.
    pub address: PhysAddr,
    /// What it is used for.
    pub kind: FrameKind,
    /// Its owner; 0 is the kernel.
    pub owner: u32,
    /// Its reference count; 0 for a frame that is free again.
    pub refs: u32,
}

/// A stretch of physical memory.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum FrameRun {
    /// Frames that are or were in use.
    Cells(Vec<FrameCell>),
    /// So many frames in a row that never were.
    Untouched(u64),
}

/// The first `limit` frames in order of address.
#[must_use]
pub fn frame_runs(frames: &Frames, limit: usize) -> Vec<FrameRun> {
    let mut runs: Vec<FrameRun> = Vec::new();
    let mut next: Option<u64> = None;
    for (&address, frame) in frames.by_address.iter().take(limit) {
        let gap = next.map_or(0, |next| address.get().saturating_sub(next) / PAGE_SIZE);
        if gap > 0 {
            runs.push(FrameRun::Untouched(gap));
        }
        next = address.get().checked_add(PAGE_SIZE);
        let cell = FrameCell { address, kind: frame.kind, owner: frame.owner, refs: frame.refs };
        match runs.last_mut() {
            Some(FrameRun::Cells(cells)) => cells.push(cell),
            _ => runs.push(FrameRun::Cells(vec![cell])),
        }
    }
    runs
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state::View;
    use crate::testing::{frame, numbered};
    use faultline_abi::trace::FrameOp;

    fn frames(addresses: &[u64]) -> Frames {
        let taken = addresses.iter().map(|&at| frame(FrameOp::Allocated, at, 1, 1, FrameKind::User));
        let mut view = View::default();
        numbered(taken).iter().for_each(|event| view.apply(event));
        view.frames
    }

    #[test]
    fn neighbours_stand_together_and_what_lies_between_is_counted() {
        let frames = frames(&[0x8000_0000, 0x8000_1000, 0x8000_5000]);
        let shape: Vec<usize> = frame_runs(&frames, 10)
            .iter()
            .map(|run| match run {
                FrameRun::Cells(cells) => cells.len(),
                FrameRun::Untouched(count) => 1000 + usize::try_from(*count).unwrap(),
            })
            .collect();
        assert_eq!(shape, [2, 1003, 1]);
    }

    #[test]
    fn no_more_frames_are_laid_out_than_asked_for() {
        let runs = frame_runs(&frames(&[0x8000_0000, 0x8000_1000, 0x8000_2000]), 2);
        let [FrameRun::Cells(cells)] = runs.as_slice() else { panic!("{runs:?}") };
        assert_eq!(cells.len(), 2);
    }
}
