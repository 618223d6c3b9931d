//! Swap: where the pages of programs go that memory has no frame for.
//!
//! A [`Slot`] is one reference to one page on the disk, as a [`crate::frame::Frame`] is one to a page
//! in memory: cloned by [`Slot::share`], given back when it is dropped. A page-table entry whose page
//! is in swap owns one too.

use alloc::{rc::Rc, vec::Vec};
use core::cell::RefCell;

use crate::{file::IoError, frame::PAGE_BYTES};

/// Where the pages are kept.
pub trait SwapDevice {
    /// Reads the page in `slot`.
    ///
    /// # Errors
    /// Where the disk fails.
    fn read(&mut self, slot: u32, page: &mut [u8; PAGE_BYTES]) -> Result<(), IoError>;

    /// Writes the page in `slot`.
    ///
    /// # Errors
    /// Where the disk fails; then the slot holds nothing of use.
    fn write(&mut self, slot: u32, page: &[u8; PAGE_BYTES]) -> Result<(), IoError>;
}

/// Which slots are in use, and how often. Cloning gives another handle to the same map.
#[derive(Clone, Default)]
pub struct SwapMap(Rc<RefCell<Vec<State>>>);

/// What is known about a slot.
#[derive(Clone, Copy, Default)]
struct State {
    /// How often it is held.
    refs: u32,
    /// How often it could not be written since it was written last. A sector may be bad for ever: a slot that
    /// has failed is taken after all others.
    failures: u8,
}

impl SwapMap {
    /// From now on there are `count` slots, all of them free.
    pub fn set_size(&self, count: u32) {
        *self.0.borrow_mut() = alloc::vec![State::default(); count as usize];
    }

    /// Takes the lowest free slot of those that have failed least.
    #[must_use]
    pub fn allocate(&self) -> Option<Slot> {
        let mut slots = self.0.borrow_mut();
        let free = slots.iter_mut().enumerate().filter(|(_, slot)| slot.refs == 0);
        let (index, slot) = free.min_by_key(|(_, slot)| slot.failures)?;
        slot.refs = 1;
        let number = u32::try_from(index).ok()?;
        Some(Slot { map: self.clone(), number })
    }

    /// How many slots there are.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.borrow().len()
    }

    /// How many slots are free.
    #[must_use]
    pub fn free_count(&self) -> usize {
        self.0.borrow().iter().filter(|slot| slot.refs == 0).count()
    }

    /// How often slot `number` is held.
    #[must_use]
    pub fn refs(&self, number: u32) -> u32 {
        self.0.borrow().get(number as usize).map_or(0, |slot| slot.refs)
    }

    /// One more reference to slot `number`, which an entry holds.
    pub(crate) fn share(&self, number: u32) -> Slot {
        self.recount(number, |refs| refs.saturating_add(1));
        Slot { map: self.clone(), number }
    }

    /// Makes a handle of the reference that a page-table entry held, given up by [`Slot::into_number`].
    #[expect(clippy::disallowed_macros, reason = "only where debug assertions are on, as in unit tests")]
    pub(crate) fn adopt(&self, number: u32) -> Slot {
        debug_assert!(self.refs(number) > 0, "an entry holds a slot that is in use");
        Slot { map: self.clone(), number }
    }

    fn recount(&self, number: u32, change: impl FnOnce(u32) -> u32) {
        if let Some(slot) = self.0.borrow_mut().get_mut(number as usize) {
            slot.refs = change(slot.refs);
        }
    }
}

/// One reference to one page in swap.
pub struct Slot {
    map: SwapMap,
    number: u32,
}

impl Slot {
    /// Its number, from 0.
    #[must_use]
    pub const fn number(&self) -> u32 {
        self.number
    }

    /// One more reference to the same page.
    #[must_use]
    pub fn share(&self) -> Self {
        self.map.share(self.number)
    }

    /// Remembers whether it could be written.
    pub(crate) fn note_write(&self, written: Result<(), IoError>) {
        if let Some(slot) = self.map.0.borrow_mut().get_mut(self.number as usize) {
            slot.failures = if written.is_ok() { 0 } else { slot.failures.saturating_add(1) };
        }
    }

    /// Gives the reference to a page-table entry.
    pub(crate) fn into_number(self) -> u32 {
        self.map.recount(self.number, |refs| refs.saturating_add(1));
        self.number
    }
}

impl Drop for Slot {
    fn drop(&mut self) {
        self.map.recount(self.number, |refs| refs.saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slot_is_free_again_when_its_last_holder_lets_go() {
        let map = SwapMap::default();
        assert!(map.allocate().is_none(), "there is no swap unless somebody says so");
        map.set_size(1);
        let slot = map.allocate().unwrap();
        let other = slot.share();
        drop(slot);
        assert!(map.allocate().is_none());
        drop(other);
        assert_eq!(map.free_count(), 1);
    }

    #[test]
    fn a_slot_that_could_not_be_written_is_taken_last() {
        let map = SwapMap::default();
        map.set_size(3);
        let next = || map.allocate().map(|slot| slot.number());
        map.allocate().unwrap().note_write(Err(IoError));
        assert_eq!(next(), Some(1));
        map.allocate().unwrap().note_write(Err(IoError));
        map.allocate().unwrap().note_write(Err(IoError));
        map.allocate().unwrap().note_write(Err(IoError));
        assert_eq!(next(), Some(1), "slot 0 has failed twice");
        map.allocate().unwrap().note_write(Ok(()));
        assert_eq!(next(), Some(1), "it could be written after all");
    }

    #[test]
    fn a_slot_survives_the_way_through_an_entry() {
        let map = SwapMap::default();
        map.set_size(2);
        let number = map.allocate().unwrap().into_number();
        assert_eq!(map.refs(number), 1);
        drop(map.adopt(number));
        assert_eq!(map.free_count(), 2);
    }
}
