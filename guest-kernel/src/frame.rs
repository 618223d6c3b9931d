//! Physical frames: a pool that hands them out, and handles that count who holds them.
//!
//! A [`Frame`] is one reference to one frame. Dropping it gives the reference back, and the last one
//! gives back the frame; [`Frame::share`] makes another. There is no way to free a frame by hand. A
//! page-table entry holds a reference too: see [`crate::table`] and [`crate::page_table`], the only
//! other files that touch the memory of a frame.
//!
//! Invariant: the count of a frame is the number of handles plus the number of entries that own one;
//! a frame on the free list has count 0.

use alloc::{rc::Rc, vec, vec::Vec};
use core::{cell::RefCell, mem::ManuallyDrop, ptr, ptr::NonNull};

use faultline_abi::{
    PAGE_SIZE, Ppn,
    trace::{FrameKind, FrameOp, TraceEvent},
};

use crate::{pid::Pid, trace};

/// Bytes of a frame, as an index.
pub const PAGE_BYTES: usize = 1 << faultline_abi::addr::PAGE_SHIFT;
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
}

struct State {
    /// For each frame, how often it is held and for what.
    slots: Vec<Slot>,
    /// Frames with count 0, the next one to hand out last.
    free: Vec<u32>,
}

#[derive(Clone, Copy)]
struct Slot {
    refs: u32,
    kind: FrameKind,
}

impl FramePool {
    /// A pool of `count` frames, the first of them number `first` and visible at `window`.
    ///
    /// # Safety
    /// From here on `count` pages at `window` belong to the pool: valid, writable, referred to by
    /// nobody else, for as long as the pool or anything taken from it exists.
    #[must_use]
    pub unsafe fn new(window: NonNull<Page>, first: Ppn, count: u32) -> Self {
        let slots = vec![Slot { refs: 0, kind: FrameKind::Kernel }; count as usize];
        let free = (0..count).rev().collect();
        Self(Rc::new(Inner { first, window, state: RefCell::new(State { slots, free }) }))
    }

    /// Takes a free frame for `owner` and fills it with zeros, so that nobody ever reads what
    /// another left behind. `None` when memory is used up.
    #[must_use]
    pub fn allocate(&self, owner: Pid, kind: FrameKind) -> Option<Frame> {
        let index = {
            let mut state = self.0.state.borrow_mut();
            let index = state.free.pop()?;
            state.slots[index as usize] = Slot { refs: 1, kind };
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
        self.index(ppn).map_or(0, |index| self.0.state.borrow().slots[index].refs)
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
        Ppn::new(self.0.first.get() + u64::from(index))
    }

    fn index(&self, ppn: Ppn) -> Option<usize> {
        let index = usize::try_from(ppn.get().checked_sub(self.0.first.get())?).ok()?;
        (index < self.count()).then_some(index)
    }

    /// Changes the count of `ppn`; what it is now, and what the frame is used for.
    fn recount(&self, ppn: Ppn, change: impl FnOnce(u32) -> u32) -> Option<(u32, FrameKind)> {
        let index = self.index(ppn)?;
        let mut state = self.0.state.borrow_mut();
        let slot = &mut state.slots[index];
        slot.refs = change(slot.refs);
        Some((slot.refs, slot.kind))
    }

    /// Puts a frame whose count has reached 0 back on the free list.
    fn release(&self, ppn: Ppn) {
        if let Some(index) = self.index(ppn).and_then(|index| u32::try_from(index).ok()) {
            self.0.state.borrow_mut().free.push(index);
        }
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
    #[must_use]
    pub fn share(&self, owner: Pid) -> Self {
        let shared = Self { pool: self.pool.clone(), ppn: self.ppn, owner };
        if let Some((refs, kind)) = self.pool.recount(self.ppn, |refs| refs + 1) {
            shared.report(FrameOp::Shared, refs, kind);
        }
        shared
    }

    /// The bytes, to read.
    #[must_use]
    pub fn bytes(&self) -> &[u8; PAGE_BYTES] {
        // SAFETY: the pool's memory is valid; nobody has it to write, because that takes the only
        // reference.
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
        let Some((refs, kind)) = self.pool.recount(self.ppn, |refs| refs - 1) else { return };
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
