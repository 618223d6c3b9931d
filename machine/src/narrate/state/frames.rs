//! Physical frames, as the kernel reported them.

use std::collections::BTreeMap;

use faultline_abi::PhysAddr;
use faultline_abi::trace::{FrameKind, FrameOp};

/// A frame that was in use at some time.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame {
    /// What it is used for, or was used for last.
    pub kind: FrameKind,
    /// Whose it is; 0 is the kernel.
    pub owner: u32,
    /// Its reference count; 0 once it is free again.
    pub refs: u32,
    /// Number of the last event about it.
    pub last: usize,
}

/// Frames by physical address. What became of one in the course of the run tells
/// [`crate::story`].
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Frames {
    /// Every frame that was ever in use.
    pub by_address: BTreeMap<PhysAddr, Frame>,
}

/// What a `frame` event says.
#[derive(Clone, Copy, Debug)]
pub(super) struct FrameNews {
    pub(super) op: FrameOp,
    pub(super) frame: PhysAddr,
    pub(super) owner: u32,
    pub(super) refs: u32,
    pub(super) kind: FrameKind,
}

impl Frames {
    /// Frames in use now.
    pub fn used(&self) -> impl Iterator<Item = (PhysAddr, &Frame)> {
        self.by_address.iter().filter(|(_, frame)| frame.refs > 0).map(|(&address, frame)| (address, frame))
    }

    /// The frame, if it was ever in use.
    #[must_use]
    pub fn get(&self, address: PhysAddr) -> Option<&Frame> {
        self.by_address.get(&address)
    }

    pub(super) fn apply(&mut self, event: usize, news: FrameNews) {
        let frame = self.by_address.entry(news.frame).or_insert(Frame {
            kind: news.kind,
            owner: news.owner,
            refs: 0,
            last: event,
        });
        frame.refs = if news.op == FrameOp::Freed { 0 } else { news.refs };
        if news.op == FrameOp::Allocated {
            frame.owner = news.owner;
        }
        frame.kind = news.kind;
        frame.last = event;
    }
}
