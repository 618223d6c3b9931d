//! Physical frames: a pool that hands them out, and handles that count who holds them.
//!
//! A [`Frame`] is one reference to one frame. Dropping it gives the reference back, and the last one
//! gives back the frame; [`Frame::share`] makes another. There is no way to free a frame by hand. A
//! page-table entry holds a reference too: see [`crate::table`] and [`crate::page_table`], the only
//! other files that touch the memory of a frame.
//!
//! Invariant: the count of a frame is the number of handles plus the number of entries that own one;
//! a frame on the free list has count 0.
//!
//! A frame that holds a page of a file as the disk has it bears that page's name, so that the next
//! process that wants the page finds it. The name counts nothing: it goes with the last holder.

use alloc::{collections::BTreeMap, rc::Rc, vec, vec::Vec};
use core::{cell::RefCell, mem::ManuallyDrop, ptr, ptr::NonNull};

use faultline_abi::{
    PAGE_SIZE, Ppn, Vpn,
    trace::{FrameKind, FrameOp, TraceEvent},
};

use crate::{file::FileId, pid::Pid, swap::SwapMap, trace};

/// Bytes of a frame, as an index.
pub const PAGE_BYTES: usize = 1 << faultline_abi::addr::PAGE_SHIFT;
#[expect(clippy::disallowed_macros, reason = "for the compiler")]
const _: () = assert!(PAGE_BYTES as u64 == PAGE_SIZE);

/// The memory of one frame.
#[derive(Clone)]
#[repr(C, align(4096))]
pub struct Page(pub [u8; PAGE_BYTES]);

/// All frames that the kernel may hand out: one stretch of memory. Cloning gives another handle to
/// the same pool.
#[derive(Clone)]
pub struct FramePool(Rc<Inner>);

struct Inner {
    /// The number of the first frame.
    first: Ppn,
    /// Where the kernel sees the first frame; the others follow.
    window: NonNull<Page>,
    state: RefCell<State>,
    swap: SwapMap,
}

struct State {
    /// For each frame, how often it is held and for what.
    slots: Vec<Slot>,
    /// Frames with count 0, the next one to hand out last.
    free: Vec<u32>,
    /// Frames that hold a page of a file, by its name.
    named: BTreeMap<PageName, u32>,
    /// The names again, by frame.
    names: BTreeMap<u32, PageName>,
    /// Allocations so far: the age of a frame is told by it.
    allocations: u32,
    /// One beyond the highest frame that was ever handed out.
    span: u32,
    /// Which requests for a frame fail although there are some, and how many came.
    failing: Failing,
    requests: u64,
}

/// Which requests fail on purpose, counted from 1: how the kernel takes it is worth a test.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Failing {
    /// None.
    #[default]
    Never,
    /// The one with this number.
    At(u64),
    /// Each whose number is a multiple of this.
    Every(u64),
}

impl Failing {
    const fn hits(self, number: u64) -> bool {
        match self {
            Self::Never => false,
            Self::At(at) => number == at,
            Self::Every(every) => number.is_multiple_of(every),
        }
    }
}

impl State {
    /// Takes a free frame's index, unless this request is one that fails.
    fn take(&mut self) -> Option<u32> {
        self.requests = self.requests.saturating_add(1);
        if self.failing.hits(self.requests) { None } else { self.free.pop() }
    }
}

/// A page of a file as the disk has it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct PageName {
    /// The file.
    pub file: FileId,
    /// Where the page begins in it.
    pub offset: u64,
    /// Bytes that come from the file; the rest is zero. A whole page where the file decides.
    pub length: u64,
}

#[derive(Clone, Copy)]
struct Slot {
    refs: u32,
    kind: FrameKind,
    /// How many [`Pin`]s hold it.
    pins: u16,
    history: History,
}

/// What replacement policies know about a frame, besides the accessed bits of its entries.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct History {
    /// Its place in the order of allocation.
    pub born: u32,
    /// Accessed bits of the past, the latest in the highest bit (aging).
    pub age: u8,
    /// Where it was first mapped. Others that share it have it at the same address, unless they
    /// mapped it themselves.
    pub page: Vpn,
}

impl FramePool {
    /// A pool of `count` frames, the first of them number `first` and visible at `window`.
    ///
    /// # Safety
    /// From here on `count` pages at `window` belong to the pool: valid, writable, referred to by
    /// nobody else, for as long as the pool or anything taken from it exists.
    #[must_use]
    pub unsafe fn new(window: NonNull<Page>, first: Ppn, count: u32) -> Self {
        let unused = Slot { refs: 0, kind: FrameKind::Kernel, pins: 0, history: History::default() };
        let state = State {
            slots: vec![unused; count as usize],
            free: (0..count).rev().collect(),
            named: BTreeMap::new(),
            names: BTreeMap::new(),
            allocations: 0,
            span: 0,
            failing: Failing::Never,
            requests: 0,
        };
        Self(Rc::new(Inner { first, window, state: RefCell::new(state), swap: SwapMap::default() }))
    }

    /// Leaves `count` frames to hand out and never uses the others.
    #[expect(clippy::disallowed_methods, reason = "at boot; and the surplus is at most the length")]
    pub fn limit(&self, count: usize) {
        let mut state = self.0.state.borrow_mut();
        let surplus = state.free.len().saturating_sub(count);
        state.free.drain(..surplus);
    }

    /// From now on these requests for a frame fail.
    pub fn let_fail(&self, failing: Failing) {
        let mut state = self.0.state.borrow_mut();
        (state.failing, state.requests) = (failing, 0);
    }

    /// How many requests for a frame came since somebody said which of them fail.
    #[must_use]
    pub fn requests(&self) -> u64 {
        self.0.state.borrow().requests
    }

    /// The slots for pages that memory has no frame for.
    #[must_use]
    pub fn swap(&self) -> &SwapMap {
        &self.0.swap
    }

    /// Takes a free frame for `owner` and fills it with zeros, so that nobody ever reads what
    /// another left behind. `None` when memory is used up.
    #[must_use]
    pub fn allocate(&self, owner: Pid, kind: FrameKind) -> Option<Frame> {
        let index = {
            let mut state = self.0.state.borrow_mut();
            let index = state.take()?;
            state.allocations = state.allocations.wrapping_add(1);
            state.span = state.span.max(index.saturating_add(1));
            let history = History { born: state.allocations, ..History::default() };
            let slot = state.slots.get_mut(index as usize)?;
            // Who pinned the frame for its last use may not have let go yet.
            *slot = Slot { refs: 1, kind, pins: slot.pins, history };
            index
        };
        let frame = Frame { pool: self.clone(), ppn: self.ppn(index), owner };
        // SAFETY: the frame was free, so `frame` is the only reference to it.
        unsafe { frame.page().write_bytes(0, 1) };
        frame.report(FrameOp::Allocated, 1, kind);
        Some(frame)
    }

    /// How many frames are free.
    #[must_use]
    pub fn free_count(&self) -> usize {
        self.0.state.borrow().free.len()
    }

    /// How many frames there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.state.borrow().slots.len()
    }

    /// How often frame `ppn` is held; 0 where it is free or none of this pool's.
    #[must_use]
    pub fn refs(&self, ppn: Ppn) -> u32 {
        self.slot(ppn).map_or(0, |slot| slot.refs)
    }

    /// One beyond the index of the highest frame that was ever in use: who looks for a frame in use need
    /// look no further.
    #[must_use]
    pub fn span(&self) -> usize {
        self.0.state.borrow().span as usize
    }

    /// What frame number `index` of the pool is used for, if it is in use and nobody pinned it.
    #[must_use]
    pub fn in_use(&self, index: usize) -> Option<(Ppn, FrameKind)> {
        let slot = *self.0.state.borrow().slots.get(index)?;
        let ppn = self.ppn(u32::try_from(index).ok()?);
        (slot.refs > 0 && slot.pins == 0).then_some((ppn, slot.kind))
    }

    /// What is remembered about frame `ppn`.
    #[must_use]
    pub fn history(&self, ppn: Ppn) -> History {
        self.slot(ppn).map_or(History::default(), |slot| slot.history)
    }

    /// Remembers about frame `ppn` what `change` makes of it.
    pub(crate) fn remember(&self, ppn: Ppn, change: impl FnOnce(&mut History)) {
        self.change(ppn, |slot| change(&mut slot.history));
    }

    /// One more reference to frame `ppn`, held for `owner`; `None` where nobody holds it.
    #[must_use]
    pub fn share(&self, ppn: Ppn, owner: Pid) -> Option<Frame> {
        if self.refs(ppn) == 0 {
            return None;
        }
        let (refs, kind) = self.recount(ppn, |refs| refs.saturating_add(1))?;
        let frame = Frame { pool: self.clone(), ppn, owner };
        frame.report(FrameOp::Shared, refs, kind);
        Some(frame)
    }

    /// Keeps frame `ppn` from being evicted.
    #[must_use]
    pub fn pin(&self, ppn: Ppn) -> Pin {
        self.repin(ppn, |pins| pins.saturating_add(1));
        Pin { pool: self.clone(), ppn }
    }

    fn repin(&self, ppn: Ppn, change: impl FnOnce(u16) -> u16) {
        self.change(ppn, |slot| slot.pins = change(slot.pins));
    }

    /// The frame that holds the page `name` of a file, if one does.
    #[must_use]
    pub fn named(&self, name: PageName) -> Option<Ppn> {
        self.0.state.borrow().named.get(&name).map(|&index| self.ppn(index))
    }

    /// The page of a file that frame `ppn` holds.
    #[must_use]
    pub fn name_of(&self, ppn: Ppn) -> Option<PageName> {
        let index = u32::try_from(self.index(ppn)?).ok()?;
        self.0.state.borrow().names.get(&index).copied()
    }

    /// Frame `ppn` holds the page `name` of a file from now on.
    pub(crate) fn set_name(&self, ppn: Ppn, name: PageName) {
        let Some(index) = self.index(ppn).and_then(|index| u32::try_from(index).ok()) else { return };
        let mut state = self.0.state.borrow_mut();
        state.named.insert(name, index);
        state.names.insert(index, name);
    }

    /// Frame `ppn` is a page of its own from now on, not one of a file.
    pub(crate) fn forget_name(&self, ppn: Ppn) {
        let Some(index) = self.index(ppn).and_then(|index| u32::try_from(index).ok()) else { return };
        let mut state = self.0.state.borrow_mut();
        if let Some(name) = state.names.remove(&index) {
            state.named.remove(&name);
            if let Some(slot) = state.slots.get_mut(index as usize) {
                slot.kind = FrameKind::User;
            }
        }
    }

    /// Copies bytes of frame `ppn` from `offset` on; as many as `buffer` takes or the frame has.
    pub fn read(&self, ppn: Ppn, offset: usize, buffer: &mut [u8]) {
        let Some(page) = self.page(ppn) else { return };
        let length = buffer.len().min(PAGE_BYTES.saturating_sub(offset));
        // SAFETY: inside the page, which is valid and initialised; whoever has it borrowed to write
        // is the only holder and does not run now.
        unsafe {
            page.cast::<u8>().add(offset.min(PAGE_BYTES)).copy_to(NonNull::from(buffer).cast(), length)
        };
    }

    /// Copies `bytes` into frame `ppn` from `offset` on, as far as they fit. All who map it see them.
    pub fn write(&self, ppn: Ppn, offset: usize, bytes: &[u8]) {
        let Some(page) = self.page(ppn) else { return };
        let length = bytes.len().min(PAGE_BYTES.saturating_sub(offset));
        // SAFETY: inside the page, which is valid; nobody has it borrowed: only a sole holder ever
        // borrows a page (`bytes_mut`), and holds it only for the filling.
        unsafe {
            page.cast::<u8>().add(offset.min(PAGE_BYTES)).copy_from(NonNull::from(bytes).cast(), length)
        };
    }

    /// Makes a handle of the reference that a page-table entry held.
    ///
    /// `None` where `ppn` is no frame of this pool (the trampoline is part of the kernel's image).
    ///
    /// # Safety
    /// The reference was given up by [`Frame::into_ppn`] and is taken back at most once.
    pub(crate) unsafe fn adopt(&self, ppn: Ppn, owner: Pid) -> Option<Frame> {
        self.index(ppn)?;
        Some(Frame { pool: self.clone(), ppn, owner })
    }

    /// The memory of frame `ppn`; `None` where it is no frame of this pool.
    pub(crate) fn page(&self, ppn: Ppn) -> Option<NonNull<Page>> {
        // SAFETY: `index` is below the pool's count, so the result is inside its memory.
        self.index(ppn).map(|index| unsafe { self.0.window.add(index) })
    }

    fn ppn(&self, index: u32) -> Ppn {
        Ppn::new(self.0.first.get().saturating_add(index.into()))
    }

    fn index(&self, ppn: Ppn) -> Option<usize> {
        let index = usize::try_from(ppn.get().checked_sub(self.0.first.get())?).ok()?;
        (index < self.count()).then_some(index)
    }

    /// Changes the count of `ppn`; what it is now, and what the frame is used for.
    fn recount(&self, ppn: Ppn, change: impl FnOnce(u32) -> u32) -> Option<(u32, FrameKind)> {
        self.change(ppn, |slot| {
            slot.refs = change(slot.refs);
            (slot.refs, slot.kind)
        })
    }

    /// What is known about frame `ppn`, if it is one of this pool's.
    fn slot(&self, ppn: Ppn) -> Option<Slot> {
        let index = self.index(ppn)?;
        self.0.state.borrow().slots.get(index).copied()
    }

    /// Changes what is known about frame `ppn`. `change` does not use the pool.
    fn change<T>(&self, ppn: Ppn, change: impl FnOnce(&mut Slot) -> T) -> Option<T> {
        let index = self.index(ppn)?;
        self.0.state.borrow_mut().slots.get_mut(index).map(change)
    }

    /// Puts a frame whose count has reached 0 back on the free list.
    fn release(&self, ppn: Ppn) {
        self.forget_name(ppn);
        if let Some(index) = self.index(ppn).and_then(|index| u32::try_from(index).ok()) {
            self.0.state.borrow_mut().free.push(index);
        }
    }
}

/// Keeps a frame in memory while it exists: who works on a page pins it.
pub struct Pin {
    pool: FramePool,
    ppn: Ppn,
}

impl Drop for Pin {
    fn drop(&mut self) {
        self.pool.repin(self.ppn, |pins| pins.saturating_sub(1));
    }
}

/// One reference to one frame.
pub struct Frame {
    pool: FramePool,
    ppn: Ppn,
    /// On whose behalf it is held.
    owner: Pid,
}

impl Frame {
    /// The number of the frame.
    #[must_use]
    pub const fn ppn(&self) -> Ppn {
        self.ppn
    }

    /// The pool that it came from.
    #[must_use]
    pub const fn pool(&self) -> &FramePool {
        &self.pool
    }

    /// One more reference to the same frame, held for `owner`.
    ///
    /// The count is 32 bits wide and every reference takes at least eight bytes of memory, so it
    /// cannot overflow.
    ///
    /// # Panics
    /// Never: this handle holds the frame.
    #[must_use]
    #[expect(clippy::expect_used, reason = "the frame is held by this very handle, and so the pool's")]
    pub fn share(&self, owner: Pid) -> Self {
        self.pool.share(self.ppn, owner).expect("this handle holds the frame")
    }

    /// Fills the frame, which nobody else holds, with what frame `from` holds.
    pub(crate) fn copy_from(&mut self, from: Ppn) {
        let pool = self.pool.clone();
        if let Some(bytes) = self.bytes_mut() {
            pool.read(from, 0, bytes);
        }
    }

    /// The bytes, to read, for who is the only holder.
    #[expect(clippy::disallowed_macros, reason = "only where debug assertions are on, as in unit tests")]
    pub(crate) fn bytes(&self) -> &[u8; PAGE_BYTES] {
        debug_assert_eq!(self.pool.refs(self.ppn), 1, "a shared frame is read by copying");
        // SAFETY: the pool's memory is valid, and nobody else holds it.
        unsafe { &self.page().as_ref().0 }
    }

    /// The bytes, to write; `None` while somebody else holds the frame too.
    #[must_use]
    pub fn bytes_mut(&mut self) -> Option<&mut [u8; PAGE_BYTES]> {
        if self.pool.refs(self.ppn) != 1 {
            return None;
        }
        // SAFETY: the pool's memory is valid, and this is the only reference, borrowed exclusively.
        Some(unsafe { &mut self.page().as_mut().0 })
    }

    /// Gives the reference to a page-table entry.
    pub(crate) fn into_ppn(self) -> Ppn {
        let this = ManuallyDrop::new(self);
        // SAFETY: `this` is not dropped, so the pool is moved out exactly once.
        drop(unsafe { ptr::read(&raw const this.pool) });
        this.ppn
    }

    #[expect(clippy::expect_used, reason = "the pool made the handle for one of its frames")]
    fn page(&self) -> NonNull<Page> {
        self.pool.page(self.ppn).expect("a handle names a frame of its pool")
    }

    fn report(&self, op: FrameOp, refs: u32, kind: FrameKind) {
        trace::emit(TraceEvent::Frame {
            op,
            frame: self.ppn.base().get(),
            owner: self.owner.number(),
            refs: refs.into(),
            kind,
        });
    }
}

impl Drop for Frame {
    fn drop(&mut self) {
        let Some((refs, kind)) = self.pool.recount(self.ppn, |refs| refs.saturating_sub(1)) else { return };
        if refs == 0 {
            self.pool.release(self.ppn);
        }
        self.report(if refs == 0 { FrameOp::Freed } else { FrameOp::Unshared }, refs, kind);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::pool;

    #[test]
    fn a_dropped_handle_gives_its_frame_back() {
        let pool = pool(2);
        let frames =
            [pool.allocate(Pid::KERNEL, FrameKind::User), pool.allocate(Pid::KERNEL, FrameKind::User)];
        assert!(pool.allocate(Pid::KERNEL, FrameKind::User).is_none());
        drop(frames);
        assert_eq!(pool.free_count(), 2);
    }

    #[test]
    fn requests_fail_by_number_and_cost_nothing() {
        let pool = pool(8);
        pool.let_fail(Failing::Every(2));
        let frames: Vec<_> = (0..4).map(|_| pool.allocate(Pid::KERNEL, FrameKind::User)).collect();
        assert!(frames.iter().map(Option::is_some).eq([true, false, true, false]));
        assert_eq!((pool.free_count(), pool.requests()), (6, 4));
        pool.let_fail(Failing::At(1));
        assert!(pool.allocate(Pid::KERNEL, FrameKind::User).is_none());
        assert!(pool.allocate(Pid::KERNEL, FrameKind::User).is_some());
    }

    #[test]
    fn a_frame_stays_while_anybody_holds_it() {
        let pool = pool(1);
        let mut frame = pool.allocate(Pid::KERNEL, FrameKind::User).unwrap();
        let other = frame.share(Pid::KERNEL.next());
        assert_eq!(pool.refs(frame.ppn()), 2);
        assert!(frame.bytes_mut().is_none(), "a shared frame is not writable");
        drop(other);
        assert!(frame.bytes_mut().is_some());
        assert_eq!(pool.free_count(), 0);
    }

    #[test]
    fn a_frame_that_is_used_again_is_zero() {
        let pool = pool(1);
        let mut frame = pool.allocate(Pid::KERNEL, FrameKind::User).unwrap();
        assert_eq!(frame.bytes(), &[0; PAGE_BYTES]);
        frame.bytes_mut().unwrap()[7] = 1;
        drop(frame);
        let again = pool.allocate(Pid::KERNEL, FrameKind::User).unwrap();
        assert_eq!(again.bytes(), &[0; PAGE_BYTES]);
    }

    #[test]
    fn a_handle_survives_the_way_through_an_entry() {
        let pool = pool(1);
        let frame = pool.allocate(Pid::KERNEL, FrameKind::User).unwrap();
        let ppn = frame.into_ppn();
        assert_eq!((pool.refs(ppn), pool.free_count()), (1, 0));
        // SAFETY: the reference was given up one line above.
        drop(unsafe { pool.adopt(ppn, Pid::KERNEL) });
        assert_eq!(pool.free_count(), 1);
        // SAFETY: a frame that is none of the pool's is not adopted.
        assert!(unsafe { pool.adopt(Ppn::new(0x80000), Pid::KERNEL) }.is_none());
    }

    #[test]
    fn every_step_of_a_frames_life_is_reported() {
        let pool = pool(1);
        drop(crate::arch::take_events());
        let frame = pool.allocate(Pid::KERNEL, FrameKind::User).unwrap();
        drop(frame.share(Pid::KERNEL.next()));
        drop(frame);
        let event = |op, owner, refs| TraceEvent::Frame {
            op,
            frame: 0x8020_0000,
            owner,
            refs,
            kind: FrameKind::User,
        };
        let expected = [
            event(FrameOp::Allocated, 0, 1),
            event(FrameOp::Shared, 1, 2),
            event(FrameOp::Unshared, 1, 1),
            event(FrameOp::Freed, 0, 0),
        ];
        assert_eq!(crate::arch::take_events(), expected);
    }
}
