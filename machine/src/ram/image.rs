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
    /// The words that are not zero.
    Words(Listed),
    /// What differs from an earlier state of the frame, which is no difference itself.
    Change(Arc<Change>),
}

/// Words of a frame: first where they stand, a bit for each of the 512, then their values in order. One allocation,
/// for there are very many of them.
type Listed = Arc<[u64]>;

pub(super) struct Change {
    anchor: Contents,
    words: Listed,
}

/// Most words of a frame that is kept as its difference from an anchor, and from zeros.
const CHANGED_WORDS: u32 = 128;
const NONZERO_WORDS: usize = 440;

const GROUPS: usize = 8;
const LISTED_MAX: usize = GROUPS + 512;
/// A bit for each word of a frame.
type Places = [u64; GROUPS];

/// Where words are listed before it is known how many they are.
#[derive(Debug)]
pub(super) struct Scratch(Box<[u64; LISTED_MAX]>);

impl Default for Scratch {
    fn default() -> Self {
        Self(Box::new([0; LISTED_MAX]))
    }
}

impl Scratch {
    /// Lists the words of a frame that are not zero.
    fn nonzero(&mut self, bytes: &FrameBytes) -> &[u64] {
        let (lines, _) = bytes.as_chunks::<64>();
        let mut places: Places = [0; GROUPS];
        let mut count = GROUPS;
        for (number, line) in lines.iter().enumerate() {
            let words: [u64; 8] = core::array::from_fn(|at| u64::from_le_bytes(line.as_chunks().0[at]));
            // Most lines of most pages are zeros or hold none, and that is seen at once.
            let mut there = 0u64;
            for (at, word) in words.iter().enumerate() {
                there |= u64::from(*word != 0) << at;
            }
            places[number / 8] |= there << (number % 8 * 8);
            if there == 0xff
                && let Some(slots) = self.0.get_mut(count..).and_then(|slots| slots.first_chunk_mut())
            {
                *slots = words;
                count += 8;
                continue;
            }
            while there != 0 {
                if let (Some(slot), Some(word)) =
                    (self.0.get_mut(count), words.get(there.trailing_zeros() as usize))
                {
                    *slot = *word;
                }
                count += 1;
                there &= there - 1;
            }
        }
        self.listed(&places, count)
    }

    /// Lists the words at these places.
    fn of(&mut self, places: &Places, bytes: &FrameBytes) -> &[u64] {
        let (words, _) = bytes.as_chunks::<8>();
        let mut count = GROUPS;
        each_place(places, |at| {
            if let (Some(slot), Some(word)) = (self.0.get_mut(count), words.get(at)) {
                *slot = u64::from_le_bytes(*word);
            }
            count += 1;
        });
        self.listed(places, count)
    }

    fn listed(&mut self, places: &Places, count: usize) -> &[u64] {
        self.0[..GROUPS].copy_from_slice(places);
        self.0.get(..count).unwrap_or(&*self.0)
    }
}

/// The places and the values of a list.
fn unlisted(listed: &[u64]) -> (Places, &[u64]) {
    match listed.split_first_chunk() {
        Some((places, values)) => (*places, values),
        None => ([0; GROUPS], &[]),
    }
}

impl Contents {
    /// `None` for zeros. `before` is an earlier state of the same frame.
    pub(super) fn of(bytes: &FrameBytes, before: Option<&Self>, scratch: &mut Scratch) -> Option<Self> {
        let nonzero = scratch.nonzero(bytes);
        let count = nonzero.len() - GROUPS;
        if count == 0 {
            return None;
        }
        if count > CHANGED_WORDS as usize
            && let Some(anchor) = before.map(Self::anchor)
            && let Some(places) = anchor.changed(bytes, nonzero)
        {
            let words = scratch.of(&places, bytes).into();
            return Some(Self::Change(Arc::new(Change { anchor: anchor.clone(), words })));
        }
        Some(match count {
            1..=NONZERO_WORDS => Self::Words(nonzero.into()),
            _ => Self::Whole(Arc::new(*bytes)),
        })
    }

    /// What later states may be differences from.
    fn anchor(&self) -> &Self {
        match self {
            Self::Change(change) => &change.anchor,
            Self::Whole(_) | Self::Words(_) => self,
        }
    }

    /// Where a frame, of which the words that are not zero are listed, differs from this anchor, if that is in few
    /// places.
    fn changed(&self, bytes: &FrameBytes, nonzero: &[u64]) -> Option<Places> {
        let places = match self {
            Self::Whole(whole) => differing(bytes, whole),
            Self::Words(words) => differing_listed(words, nonzero),
            Self::Change(_) => None,
        }?;
        (ones(&places) <= CHANGED_WORDS).then_some(places)
    }

    /// Writes what it holds into a frame.
    pub(super) fn copy_to(&self, bytes: &mut FrameBytes) {
        let words = match self {
            Self::Whole(whole) => return bytes.copy_from_slice(&**whole),
            Self::Words(words) => {
                bytes.fill(0);
                words
            }
            Self::Change(change) => {
                // An anchor has none itself.
                change.anchor.copy_to(bytes);
                &change.words
            }
        };
        let (slots, _) = bytes.as_chunks_mut::<8>();
        let (places, values) = unlisted(words);
        let mut values = values.iter();
        each_place(&places, |at| slots[at] = values.next().map_or([0; 8], |value| value.to_le_bytes()));
    }

    /// Bytes of memory that it takes, the allocator's included, beside what `other` has.
    fn size_beside(&self, other: Option<&Self>) -> usize {
        let of_list = |words: &Listed| size_of_val(&**words) + 32;
        match self {
            Self::Whole(_) => size_of::<FrameBytes>() + 32,
            Self::Words(words) => of_list(words),
            Self::Change(change) => {
                let own = size_of::<Change>() + 32 + of_list(&change.words);
                let is_shared = other.is_some_and(|other| other.anchor().is(&change.anchor));
                own + if is_shared { 0 } else { change.anchor.size_beside(None) }
            }
        }
    }

    fn is(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::Whole(ours), Self::Whole(theirs)) => Arc::ptr_eq(ours, theirs),
            (Self::Words(ours), Self::Words(theirs)) => Arc::ptr_eq(ours, theirs),
            (Self::Change(ours), Self::Change(theirs)) => Arc::ptr_eq(ours, theirs),
            _ => false,
        }
    }
}

/// A bit for each word in which two frames differ, unless they are more than [`CHANGED_WORDS`].
fn differing(new: &FrameBytes, old: &FrameBytes) -> Option<Places> {
    let (new, old) = (new.as_chunks::<8>().0, old.as_chunks::<8>().0);
    let mut places: Places = [0; GROUPS];
    let mut count = 0;
    for (place, (new, old)) in places.iter_mut().zip(new.chunks(64).zip(old.chunks(64))) {
        for (at, (new, old)) in new.iter().zip(old).enumerate() {
            *place |= u64::from(new != old) << at;
        }
        count += place.count_ones();
        if count > CHANGED_WORDS {
            return None;
        }
    }
    Some(places)
}

/// The same for two lists of the words that are not zero.
fn differing_listed(old: &[u64], new: &[u64]) -> Option<Places> {
    let ((old_places, old), (new_places, new)) = (unlisted(old), unlisted(new));
    if old_places == new_places && seems_new(old, new) {
        return None;
    }
    let (mut old, mut new) = (old.iter(), new.iter());
    let mut places: Places = [0; GROUPS];
    let mut count = 0;
    for ((place, was), is) in places.iter_mut().zip(old_places).zip(new_places) {
        let mut left = was | is;
        while left != 0 {
            let bit = left & left.wrapping_neg();
            let before = (was & bit != 0).then(|| old.next());
            let now = (is & bit != 0).then(|| new.next());
            if before != now {
                *place |= bit;
                count += 1;
            }
            left ^= bit;
        }
        if count > CHANGED_WORDS {
            return None;
        }
    }
    Some(places)
}

/// Whether two lists of one length have nothing in common in a few places. Then they hardly have much in common
/// anywhere, and the old one, which nobody has looked at for long, need not come from memory whole.
fn seems_new(old: &[u64], new: &[u64]) -> bool {
    const SPOTS: usize = 4;
    let spot = new.len() / SPOTS;
    (0..SPOTS).all(|n| {
        let spot = n * spot..n * spot + SPOTS;
        let (old, new) = (old.get(spot.clone()).unwrap_or_default(), new.get(spot).unwrap_or_default());
        old.iter().zip(new).all(|(old, new)| old != new)
    })
}

fn ones(places: &Places) -> u32 {
    places.iter().map(|place| place.count_ones()).sum()
}

/// Calls with the number of each word whose bit is set, in order.
fn each_place(places: &Places, mut call: impl FnMut(usize)) {
    for (group, place) in places.iter().enumerate() {
        let mut left = *place;
        while left != 0 {
            call(group * 64 + left.trailing_zeros() as usize);
            left &= left - 1;
        }
    }
}

/// Frames in one chunk of an [`Image`], and chunks in one part of it.
const CHUNK: usize = 16;
const PART: usize = 64;
const PART_FRAMES: usize = CHUNK * PART;
/// A stretch of frames; `None` is a frame of zeros.
type Chunk = [Option<Contents>; CHUNK];
/// A longer one. Images are made by the thousand, so that each may hold anew only what leads to its changes.
type Part = [Arc<Chunk>; PART];

/// The contents of DRAM at one moment; images share the frames that they have in common.
#[derive(Clone)]
pub(crate) struct Image {
    parts: Vec<Arc<Part>>,
}

impl Image {
    pub(super) fn zero(frames: usize) -> Self {
        let empty: Arc<Chunk> = Arc::new([const { None }; CHUNK]);
        let part: Arc<Part> = Arc::new(core::array::from_fn(|_| empty.clone()));
        Self { parts: core::iter::repeat_n(part, frames.div_ceil(PART_FRAMES)).collect() }
    }

    pub(super) fn get(&self, frame: FrameIndex) -> Option<&Contents> {
        let frame = frame as usize;
        self.parts.get(frame / PART_FRAMES)?[frame / CHUNK % PART][frame % CHUNK].as_ref()
    }

    /// Frames hold now what `bytes` says. Puts them in order.
    pub(super) fn set<'a>(
        &mut self,
        frames: &mut [FrameIndex],
        bytes: impl Fn(FrameIndex) -> Option<&'a FrameBytes>,
        scratch: &mut Scratch,
    ) {
        frames.sort_unstable();
        for changed in frames.chunk_by(|a, b| *a as usize / CHUNK == *b as usize / CHUNK) {
            let Some(first) = changed.first().map(|&first| first as usize) else { continue };
            let Some(part) = self.parts.get_mut(first / PART_FRAMES) else { continue };
            let chunk = &mut Arc::make_mut(part)[first / CHUNK % PART];
            let mut changed = changed.iter().copied().peekable();
            // What is replaced is not taken along only to be dropped: with every count that is touched comes
            // a line of memory that nobody has looked at for long.
            let new: Chunk = core::array::from_fn(|at| {
                let old = chunk[at].as_ref();
                match changed.next_if(|&frame| frame as usize % CHUNK == at) {
                    Some(frame) => bytes(frame).and_then(|bytes| Contents::of(bytes, old, scratch)),
                    None => old.cloned(),
                }
            });
            *chunk = Arc::new(new);
        }
    }

    /// The frames that are not shared with `other`.
    pub(super) fn differing_frames(&self, other: &Self) -> Vec<FrameIndex> {
        self.differing(other).filter_map(|(frame, ..)| FrameIndex::try_from(frame).ok()).collect()
    }

    /// Bytes that this image takes beside `other`.
    pub(crate) fn bytes_beside(&self, other: &Self) -> usize {
        let parts = self.parts.iter().zip(&other.parts).filter(|(ours, theirs)| !Arc::ptr_eq(ours, theirs));
        let chunks = self.differing_chunks(other).count();
        let frames = self.differing(other).filter_map(|(_, ours, theirs)| Some(ours?.size_beside(theirs)));
        size_of_val(&*self.parts)
            + parts.count() * (size_of::<Part>() + 32)
            + chunks * (size_of::<Chunk>() + 32)
            + frames.sum::<usize>()
    }

    /// The chunks that are not shared with `other`, by number, and what stands in their place there.
    fn differing_chunks<'a>(
        &'a self,
        other: &'a Self,
    ) -> impl Iterator<Item = (usize, (&'a Arc<Chunk>, &'a Arc<Chunk>))> {
        let parts = self.parts.iter().zip(&other.parts).enumerate();
        let chunks = parts.filter(|(_, (ours, theirs))| !Arc::ptr_eq(ours, theirs)).flat_map(
            |(number, (ours, theirs))| {
                let chunks = ours.iter().zip(theirs.iter()).enumerate();
                chunks.map(move |(at, both)| (number * PART + at, both))
            },
        );
        chunks.filter(|(_, (ours, theirs))| !Arc::ptr_eq(ours, theirs))
    }

    /// The frames that are not shared with `other`, and what they hold here and there.
    fn differing<'a>(&'a self, other: &'a Self) -> impl Iterator<Item = Differing<'a>> {
        self.differing_chunks(other).flat_map(|(number, (ours, theirs))| {
            let frames = ours.iter().zip(theirs.iter()).enumerate();
            let frames =
                frames.map(move |(at, (ours, theirs))| (number * CHUNK + at, ours.as_ref(), theirs.as_ref()));
            frames.filter(|(_, ours, theirs)| !same(*ours, *theirs))
        })
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
        f.debug_struct("Image").field("parts", &self.parts.len()).finish()
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

    fn contents(bytes: &FrameBytes, before: Option<&Contents>) -> Option<Contents> {
        Contents::of(bytes, before, &mut Scratch::default())
    }

    #[test]
    fn a_frame_is_kept_as_it_is_however_full_it_is() {
        let mut full = [0u8; 4096];
        let mut before: Option<Contents> = None;
        for words in 0..512usize {
            for contents in [contents(&full, None), contents(&full, before.as_ref())] {
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
        for filled in [4096, 8 * 300] {
            let mut bytes = [0; 4096];
            bytes[..filled].fill(0x11);
            let first = contents(&bytes, None).unwrap();
            assert_eq!(matches!(first, Contents::Whole(_)), filled == 4096);
            bytes[8..16].fill(0);
            bytes[4080] = 7;
            let second = contents(&bytes, Some(&first)).unwrap();
            bytes[1000] = 0;
            let third = contents(&bytes, Some(&second)).unwrap();
            assert!(third.anchor().is(&first), "an anchor is no difference itself");
            assert!(third.size_beside(Some(&second)) < 250, "{}", third.size_beside(Some(&second)));
            assert!(third.size_beside(None) > filled);
            let mut copy = frame(&[]);
            third.copy_to(&mut copy);
            assert_eq!(copy, bytes);
        }
    }

    #[test]
    fn a_page_that_has_become_another_is_no_difference() {
        let first = contents(&[0x11; 4096], None).unwrap();
        let second = contents(&[0x22; 4096], Some(&first)).unwrap();
        assert!(matches!(second, Contents::Whole(_)));
    }

    #[test]
    fn an_image_counts_what_it_holds_alone() {
        let empty = Image::zero(3000);
        let mut image = empty.clone();
        let base = image.bytes_beside(&empty);
        let held = [(3, frame(&[(0, 1), (4095, 2)])), (40, [7; 4096]), (41, [0; 4096]), (2000, [9; 4096])];
        let bytes =
            |frame: FrameIndex| held.iter().find(|(number, _)| *number == frame).map(|(_, bytes)| bytes);
        image.set(&mut [2000, 41, 40, 3], bytes, &mut Scratch::default());
        assert_eq!(image.differing_frames(&empty), [3, 40, 2000]);
        let mut copy = frame(&[]);
        image.get(2000).unwrap().copy_to(&mut copy);
        assert_eq!(copy, [9; 4096]);
        let more = image.bytes_beside(&empty) - base;
        assert!((8192..8192 + 3500).contains(&more), "{more}");
        assert_eq!(image.bytes_beside(&image.clone()), base);
    }
}
