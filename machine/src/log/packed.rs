//! How an event is written into a block.
//!
//! An event is a few words: where it happened, then its fields. Of each word what differs from the last event of
//! the same kind in the block is kept, without the zeros above it:
//!
//! | bytes | |
//! |---|---|
//! | 1 | the kind |
//! | 1 | how many words the event has |
//! | 4 | a bit for each word that differs |
//! | 1 + n, for each of those | how many bytes it has, and those, the lowest first |
//!
//! An event that has more words than this can tell stands whole in a block of its own.

use borsh::{BorshDeserialize, BorshSerialize};
use faultline_abi::sv39::{Check, Pte, WalkStep};
use faultline_abi::{PhysAddr, Ppn, VirtAddr};

use crate::event::{Event, EventKind, PteChange, Trap, What};
use crate::hart::Privilege;
use crate::observer::Context;
use crate::trap::Cause;

/// Bytes of a block.
const BLOCK: usize = 1 << 14;
/// Words of an event that is kept by what differs: a trap with four steps of a walk has 18.
const WORDS: usize = 20;
/// Where it happened.
const PLACE: usize = 4;
/// Most bytes that such an event takes; behind it a whole word can still be read.
const ROOM: usize = 6 + 9 * WORDS + 8;

type Words = [u64; WORDS];

/// The last event of each kind.
type Lasts = [Words; EventKind::ALL.len()];

/// Some events, which can be read without any others.
#[derive(Clone)]
pub(super) struct Block {
    bytes: Box<[u8]>,
    used: usize,
    first: usize,
    first_step: u64,
    len: usize,
    /// The event that stands here alone, where it has too many words.
    whole: Option<Box<(Context, What)>>,
}

impl Block {
    /// Begins with event number `first`.
    pub(super) fn new(first: usize, first_step: u64, room: usize) -> Self {
        Self { bytes: vec![0; room].into(), used: 0, first, first_step, len: 0, whole: None }
    }

    /// The number of its first event.
    pub(super) const fn first(&self) -> usize {
        self.first
    }

    /// The step of its first event.
    pub(super) const fn first_step(&self) -> u64 {
        self.first_step
    }

    /// How many events it holds.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Bytes of memory that it takes, as well as they can be counted.
    pub(super) fn bytes(&self) -> usize {
        size_of::<Self>() + self.bytes.len() + self.whole.as_ref().map_or(0, |whole| size_of_val(&**whole))
    }

    /// Eight bytes, of which those behind the end are zero.
    fn word(&self, at: usize) -> u64 {
        self.bytes.get(at..).and_then(|bytes| bytes.first_chunk()).copied().map_or(0, u64::from_le_bytes)
    }
}

/// What is written from.
#[derive(Clone, Debug)]
pub(super) struct Writer {
    lasts: Lasts,
    /// How many words the last event of each kind has; behind them are zeros.
    counts: [usize; EventKind::ALL.len()],
    new: Words,
}

impl Default for Writer {
    fn default() -> Self {
        const KINDS: usize = EventKind::ALL.len();
        Self { lasts: [[0; WORDS]; KINDS], counts: [0; KINDS], new: [0; WORDS] }
    }
}

impl Writer {
    /// A new block begins.
    pub(super) fn begin(&mut self) {
        *self = Self::default();
    }

    /// Bytes of the block that begins with this event.
    pub(super) fn room_for(what: &What) -> usize {
        if words(what, &mut [0; WORDS]).is_some() { BLOCK } else { 0 }
    }

    /// Adds an event to a block; whether there was room.
    pub(super) fn write(&mut self, block: &mut Block, cx: &Context, what: &What) -> bool {
        let Some(count) = words(what, &mut self.new) else { return Self::write_whole(block, cx, what) };
        let Some(room) = block.bytes.get_mut(block.used..).and_then(|room| room.first_chunk_mut::<ROOM>())
        else {
            return false;
        };
        place(cx, &mut self.new);
        let kind = what.kind() as u8;
        let last_count = core::mem::replace(&mut self.counts[usize::from(kind)], count);
        let most = count.max(last_count);
        self.new[count..most].fill(0);
        let last = &mut self.lasts[usize::from(kind)][..most];
        block.used += difference(kind, count, &self.new[..most], last, room);
        block.len += 1;
        true
    }

    fn write_whole(block: &mut Block, cx: &Context, what: &What) -> bool {
        let alone = block.len == 0;
        if alone {
            block.whole = Some(Box::new((*cx, what.clone())));
            block.len = 1;
        }
        alone
    }
}

/// Writes what differs, and makes the last event the new one; how many bytes that takes.
fn difference(kind: u8, count: usize, new: &[u64], last: &mut [u64], room: &mut [u8; ROOM]) -> usize {
    let mut differs = 0u32;
    for (at, (new, last)) in new.iter().zip(&*last).enumerate() {
        differs |= u32::from(new != last) << at;
    }
    room[0] = kind;
    room[1] = u8::try_from(count).unwrap_or(u8::MAX);
    room[2..6].copy_from_slice(&differs.to_le_bytes());
    let mut used = 6;
    while differs != 0 {
        let at = differs.trailing_zeros() as usize;
        let word = new[at] ^ last[at];
        last[at] = new[at];
        let bytes = (71 - word.leading_zeros()) / 8;
        if let Some(slot) = room.get_mut(used..).and_then(|room| room.first_chunk_mut::<9>()) {
            slot[0] = bytes.to_le_bytes()[0];
            slot[1..].copy_from_slice(&word.to_le_bytes());
        }
        used += 1 + bytes as usize;
        differs &= differs - 1;
    }
    used
}

/// Reads a block from its beginning.
#[derive(Clone)]
pub(super) struct Reader {
    lasts: Box<Lasts>,
    at: usize,
    kind: u8,
    count: usize,
}

impl Default for Reader {
    fn default() -> Self {
        Self { lasts: Box::new([[0; WORDS]; EventKind::ALL.len()]), at: 0, kind: 0, count: 0 }
    }
}

impl core::fmt::Debug for Reader {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("Reader").field("at", &self.at).finish_non_exhaustive()
    }
}

impl Reader {
    /// Goes over the next event, of which there must be one; its kind.
    pub(super) fn advance(&mut self, block: &Block) -> Option<u8> {
        if let Some(whole) = &block.whole {
            self.kind = whole.1.kind() as u8;
            place(&whole.0, self.lasts.get_mut(usize::from(self.kind))?);
            return Some(self.kind);
        }
        let [kind, count, differs @ .., _, _] = block.word(self.at).to_le_bytes();
        (self.kind, self.count) = (kind, usize::from(count));
        let last = self.lasts.get_mut(usize::from(kind))?;
        let mut differs = u32::from_le_bytes(differs);
        let mut at = self.at + 6;
        while differs != 0 {
            let bytes = u32::from(*block.bytes.get(at)?).min(8);
            let word = block.word(at + 1) & u64::MAX.checked_shr(64 - 8 * bytes).unwrap_or(0);
            *last.get_mut(differs.trailing_zeros() as usize)? ^= word;
            at += 1 + bytes as usize;
            differs &= differs - 1;
        }
        self.at = at;
        Some(kind)
    }

    fn last(&self) -> &Words {
        &self.lasts[usize::from(self.kind)]
    }

    /// The step of the event that was gone over last.
    pub(super) fn step(&self) -> u64 {
        self.last()[1]
    }

    /// The event that was gone over last, which has this number.
    pub(super) fn event(&self, block: &Block, n: usize) -> Option<Event> {
        if let Some(whole) = &block.whole {
            return Some(Event::new(n as u64, &whole.0, whole.1.clone()));
        }
        let words = self.last();
        let [instret, step, hart_and_mode, pc] = *words.first_chunk::<PLACE>()?;
        let (hart, mode) = (u32::try_from(hart_and_mode >> 8).ok()?, borrowed(hart_and_mode & 0xff)?);
        let cx = Context { instret, step, hart, mode, pc: VirtAddr::new(pc) };
        Some(Event::new(n as u64, &cx, what(self.kind, &words[PLACE..self.count.clamp(PLACE, WORDS)])?))
    }
}

/// The words that say where something happened.
fn place(cx: &Context, words: &mut Words) {
    let &Context { instret, step, hart, mode, pc } = cx;
    words[..PLACE].copy_from_slice(&[instret, step, u64::from(hart) << 8 | lent(&mode), pc.get()]);
}

/// A small value in at most eight bytes, as the wire has it.
fn lent(value: &impl BorshSerialize) -> u64 {
    let mut bytes = [0; 8];
    // Nothing that is given here is longer.
    let _ = value.serialize(&mut &mut bytes[..]);
    u64::from_le_bytes(bytes)
}

fn borrowed<T: BorshDeserialize>(word: u64) -> Option<T> {
    T::deserialize(&mut &word.to_le_bytes()[..]).ok()
}

/// Writes the fields behind the place; how many words there are in all, if there is room for them.
fn words(what: &What, words: &mut Words) -> Option<usize> {
    let (_, room) = words.split_at_mut(PLACE);
    let fields = match what {
        What::Trap(trap) => return trap_words(trap, room),
        What::Pte(change) | What::Ad(change) => {
            let &PteChange { va, level, root, pte_addr, old, new } = change;
            let known = u64::from(level) << 1 | u64::from(va.is_some());
            let va = va.map_or(0, VirtAddr::get);
            &[known, va, root.get(), pte_addr.get(), old.raw(), new.raw()][..]
        }
        What::Return { to, target } => &[lent(to), target.get()],
        What::Satp { old, new } => &[*old, *new],
        What::Sfence { va, asid } => {
            let known = u64::from(va.is_some()) | u64::from(asid.is_some()) << 1;
            &[known, va.map_or(0, VirtAddr::get), asid.map_or(0, u64::from)]
        }
        other => return wire_words(other, room),
    };
    room.get_mut(..fields.len())?.copy_from_slice(fields);
    Some(PLACE + fields.len())
}

/// Whatever is small: the bytes in which it is sent.
fn wire_words(what: &What, room: &mut [u64]) -> Option<usize> {
    let mut bytes = [0; 8 * (WORDS - PLACE)];
    let mut left = &mut bytes[..];
    what.serialize(&mut left).ok()?;
    let used = 8 * (WORDS - PLACE) - left.len();
    for (word, bytes) in room.iter_mut().zip(bytes.as_chunks().0).take(used.div_ceil(8)) {
        *word = u64::from_le_bytes(*bytes);
    }
    Some(PLACE + used.div_ceil(8))
}

/// The fields of a trap that are small, together.
type Small = (Cause, bool, Privilege, Option<Check>);

fn trap_words(trap: &Trap, room: &mut [u64]) -> Option<usize> {
    let &Trap { scause, cause, stval, sepc, satp, interrupt, to, ref walk, check } = trap;
    let small: Small = (cause, interrupt, to, check);
    let (head, steps) = room.split_first_chunk_mut::<6>()?;
    let mut levels = 0;
    let walked = walk.as_deref().unwrap_or_default();
    let mut slots = steps.chunks_exact_mut(2);
    for (n, step) in walked.iter().enumerate() {
        // A byte for each level, of which no scheme has so many.
        levels |= u64::from(u8::try_from(step.level).ok()?) << (8 * n + 8);
        slots.next()?.copy_from_slice(&[step.pte_addr.get(), step.pte.raw()]);
    }
    levels |= if walk.is_some() { walked.len() as u64 + 1 } else { 0 };
    *head = [lent(&small), scause, stval, sepc.get(), satp, levels];
    Some(PLACE + 6 + 2 * walked.len())
}

/// What was written by [`words`].
fn what(kind: u8, words: &[u64]) -> Option<What> {
    match (EventKind::ALL.get(usize::from(kind))?, words) {
        (EventKind::Trap, &[small, scause, stval, sepc, satp, levels, ref steps @ ..]) => {
            let (cause, interrupt, to, check): Small = borrowed(small)?;
            let (sepc, walk) = (VirtAddr::new(sepc), walk(levels, steps));
            Some(What::Trap(Trap { scause, cause, stval, sepc, satp, interrupt, to, walk, check }))
        }
        (kind @ (EventKind::Pte | EventKind::Ad), &[known, va, root, pte_addr, old, new]) => {
            let change = PteChange {
                va: (known & 1 != 0).then_some(VirtAddr::new(va)),
                level: u32::try_from(known >> 1).ok()?,
                root: Ppn::new(root),
                pte_addr: PhysAddr::new(pte_addr),
                old: Pte::from_raw(old),
                new: Pte::from_raw(new),
            };
            Some(if *kind == EventKind::Pte { What::Pte(change) } else { What::Ad(change) })
        }
        (EventKind::Return, &[to, target]) => {
            Some(What::Return { to: borrowed(to)?, target: VirtAddr::new(target) })
        }
        (EventKind::Satp, &[old, new]) => Some(What::Satp { old, new }),
        (EventKind::Sfence, &[known, va, asid]) => Some(What::Sfence {
            va: (known & 1 != 0).then_some(VirtAddr::new(va)),
            asid: if known & 2 != 0 { Some(u16::try_from(asid).ok()?) } else { None },
        }),
        _ => {
            let mut bytes = [0; 8 * (WORDS - PLACE)];
            for (bytes, word) in bytes.as_chunks_mut().0.iter_mut().zip(words) {
                *bytes = word.to_le_bytes();
            }
            What::deserialize(&mut &bytes[..]).ok()
        }
    }
}

fn walk(levels: u64, steps: &[u64]) -> Option<Box<[WalkStep]>> {
    let [count, levels @ ..] = levels.to_le_bytes();
    let steps = steps.as_chunks().0.iter().zip(levels).map(|(&[pte_addr, pte], level)| WalkStep {
        level: level.into(),
        pte_addr: PhysAddr::new(pte_addr),
        pte: Pte::from_raw(pte),
    });
    Some(steps.take(usize::from(count.checked_sub(1)?)).collect())
}
