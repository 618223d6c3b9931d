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

/// What a frame holds, if that is not all zeros. A page that was zeroed and then touched holds a few words,
/// and there are many such pages where page faults are: they take no more than those words.
#[derive(Clone)]
pub(super) enum Contents {
    Whole(Arc<FrameBytes>),
    Sparse(Arc<Sparse>),
}

/// The words of a frame that are not zero, and where they stand: a bit for each of the 512.
pub(super) struct Sparse {
    places: [u64; 8],
    words: Box<[u64]>,
}

/// Most words of a sparse frame.
const SPARSE_WORDS: usize = 128;

impl Contents {
    /// `None` for zeros.
    pub(super) fn of(bytes: &FrameBytes) -> Option<Self> {
        let (words, _) = bytes.as_chunks::<8>();
        let mut places = [0u64; 8];
        for (place, group) in places.iter_mut().zip(words.chunks(64)) {
            *place = group.iter().rev().fold(0, |bits, word| bits << 1 | u64::from(*word != [0; 8]));
        }
        let count: u32 = places.iter().map(|place| place.count_ones()).sum();
        match count as usize {
            0 => None,
            1..=SPARSE_WORDS => {
                let kept = words.iter().filter(|word| **word != [0; 8]).map(|&word| u64::from_le_bytes(word));
                Some(Self::Sparse(Arc::new(Sparse { places, words: kept.collect() })))
            }
            _ => Some(Self::Whole(Arc::new(*bytes))),
        }
    }

    /// Writes what it holds into a frame.
    pub(super) fn copy_to(&self, bytes: &mut FrameBytes) {
        let sparse = match self {
            Self::Whole(whole) => return bytes.copy_from_slice(&**whole),
            Self::Sparse(sparse) => sparse,
        };
        bytes.fill(0);
        let (slots, _) = bytes.as_chunks_mut::<8>();
        let mut words = sparse.words.iter();
        for (place, group) in sparse.places.iter().zip(slots.chunks_mut(64)) {
            let mut left = *place;
            while left != 0 {
                let at = left.trailing_zeros() as usize;
                left &= left - 1;
                if let (Some(slot), Some(word)) = (group.get_mut(at), words.next()) {
                    *slot = word.to_le_bytes();
                }
            }
        }
    }

    /// Bytes of memory that it takes, the allocator's included.
    fn size(&self) -> usize {
        match self {
            Self::Whole(_) => size_of::<FrameBytes>() + 32,
            Self::Sparse(sparse) => size_of::<Sparse>() + sparse.words.len() * 8 + 48,
        }
    }

    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Whole(ours), Self::Whole(theirs)) => Arc::ptr_eq(ours, theirs),
            (Self::Sparse(ours), Self::Sparse(theirs)) => Arc::ptr_eq(ours, theirs),
            _ => false,
        }
    }
}

/// Frames in one chunk of an [`Image`].
const CHUNK: usize = 32;
/// A stretch of frames; `None` is a frame of zeros.
type Chunk = [Option<Contents>; CHUNK];

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

    pub(super) fn get(&self, frame: FrameIndex) -> Option<&Contents> {
        self.chunks.get(frame as usize / CHUNK)?[frame as usize % CHUNK].as_ref()
    }

    pub(super) fn set(&mut self, frame: FrameIndex, contents: Option<Contents>) {
        if let Some(chunk) = self.chunks.get_mut(frame as usize / CHUNK) {
            Arc::make_mut(chunk)[frame as usize % CHUNK] = contents;
        }
    }

    /// The frames that are not shared with `other`.
    pub(super) fn differing_frames(&self, other: &Self) -> Vec<FrameIndex> {
        self.differing(other).filter_map(|(frame, _)| FrameIndex::try_from(frame).ok()).collect()
    }

    /// Bytes that this image takes beside `other`.
    pub(crate) fn bytes_beside(&self, other: &Self) -> usize {
        let chunks =
            self.chunks.iter().zip(&other.chunks).filter(|(ours, theirs)| !Arc::ptr_eq(ours, theirs));
        let frames = self.differing(other).filter_map(|(_, contents)| contents.map(Contents::size));
        self.chunks.len() * size_of::<Arc<Chunk>>()
            + chunks.count() * size_of::<Chunk>()
            + frames.sum::<usize>()
    }

    /// The frames that are not shared with `other`, and what they hold here.
    fn differing<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = (usize, Option<&'a Contents>)> {
        let chunks = self.chunks.iter().zip(&other.chunks).enumerate();
        chunks.filter(|(_, (ours, theirs))| !Arc::ptr_eq(ours, theirs)).flat_map(
            |(number, (ours, theirs))| {
                let frames = (0..CHUNK).filter(|&at| !same(ours[at].as_ref(), theirs[at].as_ref()));
                frames.map(move |at| (number * CHUNK + at, ours[at].as_ref()))
            },
        )
    }
}

fn same(a: Option<&Contents>, b: Option<&Contents>) -> bool {
    match (a, b) {
        (Some(a), Some(b)) => a.is(b),
        (None, None) => true,
        _ => false,
    }
}

impl core::fmt::Debug for Image {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Image").field("chunks", &self.chunks.len()).finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn frame(words: &[(usize, u8)]) -> FrameBytes {
        let mut bytes = [0; 4096];
        words.iter().for_each(|&(at, value)| bytes[at] = value);
        bytes
    }

    #[test]
    fn a_frame_is_kept_as_it_is_however_full_it_is() {
        let mut full = [0u8; 4096];
        for words in 0..512usize {
            let contents = Contents::of(&full);
            let mut copy = [0xa5; 4096];
            match &contents {
                Some(contents) => contents.copy_to(&mut copy),
                None => copy.fill(0),
            }
            assert_eq!(copy, full, "{words} words");
            assert_eq!(matches!(contents, Some(Contents::Sparse(_))), (1..=SPARSE_WORDS).contains(&words));
            full[words * 97 % 512 * 8 + words % 8] = 1;
        }
    }

    #[test]
    fn an_image_counts_what_it_holds_alone() {
        let empty = Image::zero(64);
        let mut image = empty.clone();
        let base = image.bytes_beside(&empty);
        image.set(3, Contents::of(&frame(&[(0, 1), (4095, 2)])));
        image.set(40, Contents::of(&[7; 4096]));
        image.set(41, Contents::of(&[0; 4096]));
        assert_eq!(image.differing_frames(&empty), [3, 40]);
        let more = image.bytes_beside(&empty) - base;
        assert!((4096..4096 + 2500).contains(&more), "{more}");
        assert_eq!(image.bytes_beside(&image.clone()), base);
    }
}
