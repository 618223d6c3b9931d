//! The contents of memory at one moment, and which frames have changed since.

use std::sync::Arc;

use super::{FrameBytes, FrameIndex};

/// A set of frames that can be emptied in time proportional to its size.
#[derive(Debug)]
pub(super) struct DirtySet {
    bits: Vec<u64>,
    list: Vec<FrameIndex>,
}

impl DirtySet {
    pub(super) fn new(frames: usize) -> Self {
        Self { bits: vec![0; frames.div_ceil(64)], list: Vec::new() }
    }

    pub(super) fn insert(&mut self, frame: FrameIndex) {
        if let Some(word) = self.bits.get_mut(frame as usize / 64)
            && *word >> (frame % 64) & 1 == 0
        {
            *word |= 1 << (frame % 64);
            self.list.push(frame);
        }
    }

    pub(super) fn take(&mut self) -> Vec<FrameIndex> {
        let list = core::mem::take(&mut self.list);
        for &frame in &list {
            if let Some(word) = self.bits.get_mut(frame as usize / 64) {
                *word = 0;
            }
        }
        list
    }
}

/// Frames in one chunk of an [`Image`].
const CHUNK: usize = 64;
/// A stretch of frames; `None` is a frame of zeros.
type Chunk = [Option<Arc<FrameBytes>>; CHUNK];

/// The contents of DRAM at one moment; images share the frames that they have in common.
#[derive(Clone)]
pub(crate) struct Image {
    chunks: Vec<Arc<Chunk>>,
}

impl Image {
    pub(super) fn zero(frames: usize) -> Self {
        let empty: Arc<Chunk> = Arc::new([const { None }; CHUNK]);
        Self { chunks: core::iter::repeat_n(empty, frames.div_ceil(CHUNK)).collect() }
    }

    pub(super) fn get(&self, frame: FrameIndex) -> Option<&Arc<FrameBytes>> {
        self.chunks.get(frame as usize / CHUNK)?[frame as usize % CHUNK].as_ref()
    }

    pub(super) fn set(&mut self, frame: FrameIndex, bytes: Arc<FrameBytes>) {
        if let Some(chunk) = self.chunks.get_mut(frame as usize / CHUNK) {
            Arc::make_mut(chunk)[frame as usize % CHUNK] = Some(bytes);
        }
    }

    /// The frames that are not shared with `other`.
    pub(super) fn differing_frames(&self, other: &Self) -> Vec<FrameIndex> {
        let chunks = self.chunks.iter().zip(&other.chunks).enumerate();
        chunks
            .filter(|(_, (ours, theirs))| !Arc::ptr_eq(ours, theirs))
            .flat_map(|(number, (ours, theirs))| {
                let frames = (0..CHUNK).filter(|&at| !same_frame(ours[at].as_ref(), theirs[at].as_ref()));
                frames.filter_map(move |at| FrameIndex::try_from(number * CHUNK + at).ok())
            })
            .collect()
    }
}

fn same_frame(a: Option<&Arc<FrameBytes>>, b: Option<&Arc<FrameBytes>>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => Arc::ptr_eq(a, b),
        (None, None) => true,
        _ => false,
    }
}

impl core::fmt::Debug for Image {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Image").field("chunks", &self.chunks.len()).finish()
    }
}
