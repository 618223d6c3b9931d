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

/// The frames in order of address.
#[must_use]
pub fn frame_runs(frames: &Frames) -> Vec<FrameRun> {
    let mut runs: Vec<FrameRun> = Vec::new();
    let mut next: Option<u64> = None;
    for (&address, frame) in &frames.by_address {
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
