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

/// What a frame holds, if that is not all zeros.
///
/// Between two keyframes a page of a stack or of the kernel's data changes in a few words, and a page that a fault
/// brought holds a few: such a page takes no more than those words.
#[derive(Clone)]
pub(super) enum Contents {
    Whole(Arc<FrameBytes>),
    Words(Arc<Words>),
}

/// The words in which a frame differs from its anchor, and where they stand: a bit for each of the 512.
pub(super) struct Words {
    /// An earlier state of the frame that is no difference from another, or one of zeros.
    anchor: Option<Contents>,
    places: [u64; 8],
    words: Box<[u64]>,
}

/// Most words of a frame that is kept as its difference from an anchor, and from zeros.
const CHANGED_WORDS: u32 = 128;
const NONZERO_WORDS: u32 = 440;

const ZEROS: FrameBytes = [0; 4096];

impl Contents {
    /// `None` for zeros. `before` is an earlier state of the same frame.
    pub(super) fn of(bytes: &FrameBytes, before: Option<&Self>) -> Option<Self> {
        let nonzero = places(bytes, &ZEROS);
        let count = ones(&nonzero);
        if count == 0 {
            return None;
        }
        if let Some(anchor) = before.map(Self::anchor)
            && count > CHANGED_WORDS
        {
            let changed = anchor.with_bytes(|old| places(bytes, old));
            if ones(&changed) <= CHANGED_WORDS && ones(&changed) < count {
                return Some(Self::words(Some(anchor.clone()), changed, bytes));
            }
        }
        Some(match count {
            1..=NONZERO_WORDS => Self::words(None, nonzero, bytes),
            _ => Self::Whole(Arc::new(*bytes)),
        })
    }

    fn words(anchor: Option<Self>, places: [u64; 8], bytes: &FrameBytes) -> Self {
        let mut words = Vec::with_capacity(ones(&places) as usize);
        let (all, _) = bytes.as_chunks::<8>();
        each_place(&places, |at| words.push(u64::from_le_bytes(all[at])));
        Self::Words(Arc::new(Words { anchor, places, words: words.into() }))
    }

    /// What later states may be differences from.
    fn anchor(&self) -> &Self {
        match self {
            Self::Words(words) => words.anchor.as_ref().unwrap_or(self),
            Self::Whole(_) => self,
        }
    }

    fn with_bytes<T>(&self, look: impl FnOnce(&FrameBytes) -> T) -> T {
        match self {
            Self::Whole(whole) => look(whole),
            Self::Words(_) => {
                let mut bytes = ZEROS;
                self.copy_to(&mut bytes);
                look(&bytes)
            }
        }
    }

    /// Writes what it holds into a frame.
    pub(super) fn copy_to(&self, bytes: &mut FrameBytes) {
        let words = match self {
            Self::Whole(whole) => return bytes.copy_from_slice(&**whole),
            Self::Words(words) => words,
        };
        match &words.anchor {
            // An anchor has none itself.
            Some(anchor) => anchor.copy_to(bytes),
            None => bytes.fill(0),
        }
        let (slots, _) = bytes.as_chunks_mut::<8>();
        let mut values = words.words.iter();
        each_place(&words.places, |at| slots[at] = values.next().map_or([0; 8], |value| value.to_le_bytes()));
    }

    /// Bytes of memory that it takes, the allocator's included, beside what `other` has.
    fn size_beside(&self, other: Option<&Self>) -> usize {
        match self {
            Self::Whole(_) => size_of::<FrameBytes>() + 32,
            Self::Words(words) => {
                let own = size_of::<Words>() + words.words.len() * 8 + 48;
                let shared = other.map(Self::anchor);
                let anchor = words.anchor.as_ref().filter(|anchor| !shared.is_some_and(|it| it.is(anchor)));
                own + anchor.map_or(0, |anchor| anchor.size_beside(None))
            }
        }
    }

    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Whole(ours), Self::Whole(theirs)) => Arc::ptr_eq(ours, theirs),
            (Self::Words(ours), Self::Words(theirs)) => Arc::ptr_eq(ours, theirs),
            _ => false,
        }
    }
}

/// A bit for each word in which two frames differ.
fn places(new: &FrameBytes, old: &FrameBytes) -> [u64; 8] {
    let (new, old) = (new.as_chunks::<8>().0, old.as_chunks::<8>().0);
    let mut places = [0u64; 8];
    for (place, (new, old)) in places.iter_mut().zip(new.chunks(64).zip(old.chunks(64))) {
        for (at, (new, old)) in new.iter().zip(old).enumerate() {
            *place |= u64::from(new != old) << at;
        }
    }
    places
}

fn ones(places: &[u64; 8]) -> u32 {
    places.iter().map(|place| place.count_ones()).sum()
}

/// Calls with the number of each word whose bit is set, in order.
fn each_place(places: &[u64; 8], mut call: impl FnMut(usize)) {
    for (group, place) in places.iter().enumerate() {
        let mut left = *place;
        while left != 0 {
            call(group * 64 + left.trailing_zeros() as usize);
            left &= left - 1;
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

    /// A frame holds this now.
    pub(super) fn set(&mut self, frame: FrameIndex, bytes: &FrameBytes) {
        if let Some(chunk) = self.chunks.get_mut(frame as usize / CHUNK) {
            let slot = &mut Arc::make_mut(chunk)[frame as usize % CHUNK];
            *slot = Contents::of(bytes, slot.as_ref());
        }
    }

    /// The frames that are not shared with `other`.
    pub(super) fn differing_frames(&self, other: &Self) -> Vec<FrameIndex> {
        self.differing(other).filter_map(|(frame, ..)| FrameIndex::try_from(frame).ok()).collect()
    }

    /// Bytes that this image takes beside `other`.
    pub(crate) fn bytes_beside(&self, other: &Self) -> usize {
        let chunks =
            self.chunks.iter().zip(&other.chunks).filter(|(ours, theirs)| !Arc::ptr_eq(ours, theirs));
        let frames = self.differing(other).filter_map(|(_, ours, theirs)| Some(ours?.size_beside(theirs)));
        self.chunks.len() * size_of::<Arc<Chunk>>()
            + chunks.count() * size_of::<Chunk>()
            + frames.sum::<usize>()
    }

    /// The frames that are not shared with `other`, and what they hold here and there.
    fn differing<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = Differing<'a>> {
        let chunks = self.chunks.iter().zip(&other.chunks).enumerate();
        chunks.filter(|(_, (ours, theirs))| !Arc::ptr_eq(ours, theirs)).flat_map(
            |(number, (ours, theirs))| {
                let frames = ours.iter().zip(theirs.iter()).enumerate();
                let frames = frames
                    .map(move |(at, (ours, theirs))| (number * CHUNK + at, ours.as_ref(), theirs.as_ref()));
                frames.filter(|(_, ours, theirs)| !same(*ours, *theirs))
            },
        )
    }
}

/// A frame's number, and what it holds in two images.
type Differing<'a> = (usize, Option<&'a Contents>, Option<&'a Contents>);

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
        let mut before: Option<Contents> = None;
        for words in 0..512usize {
            for contents in [Contents::of(&full, None), Contents::of(&full, before.as_ref())] {
                let mut copy = [0xa5; 4096];
                match &contents {
                    Some(contents) => contents.copy_to(&mut copy),
                    None => copy.fill(0),
                }
                assert_eq!(copy, full, "{words} words");
                before = contents;
            }
            full[words * 97 % 512 * 8 + words % 8] = 1;
        }
    }

    #[test]
    fn a_page_that_changes_a_little_takes_a_little() {
        let mut bytes = [0x11; 4096];
        let whole = Contents::of(&bytes, None).unwrap();
        assert!(matches!(whole, Contents::Whole(_)));
        bytes[8] = 0;
        let first = Contents::of(&bytes, Some(&whole)).unwrap();
        bytes[4000] = 0;
        let second = Contents::of(&bytes, Some(&first)).unwrap();
        assert!(second.anchor().is(&whole), "an anchor is no difference itself");
        assert!(second.size_beside(Some(&first)) < 250, "{}", second.size_beside(Some(&first)));
        assert!(second.size_beside(None) > 4096);
        let mut copy = ZEROS;
        second.copy_to(&mut copy);
        assert_eq!(copy, bytes);
    }

    #[test]
    fn an_image_counts_what_it_holds_alone() {
        let empty = Image::zero(64);
        let mut image = empty.clone();
        let base = image.bytes_beside(&empty);
        image.set(3, &frame(&[(0, 1), (4095, 2)]));
        image.set(40, &[7; 4096]);
        image.set(41, &[0; 4096]);
        assert_eq!(image.differing_frames(&empty), [3, 40]);
        let more = image.bytes_beside(&empty) - base;
        assert!((4096..4096 + 2500).contains(&more), "{more}");
        assert_eq!(image.bytes_beside(&image.clone()), base);
    }
}
