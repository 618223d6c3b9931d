//! What the kernel has done to make room: where the clock hand stands, which pages lie in swap.

use std::collections::BTreeMap;

use crate::event::What;
use faultline_abi::trace::{ProcessOp, Resolution, Verdict};
use faultline_abi::{PhysAddr, VirtAddr};

/// A slot of swap that was written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Slot {
    /// Whose page lies in it: pid and page. Empty once everybody has it back or is gone.
    pub users: Vec<(u32, VirtAddr)>,
    /// The event by which the page went out.
    pub out: usize,
    /// The event by which it came back last.
    pub back: Option<usize>,
}

/// Reclaim, counted and remembered.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reclaim {
    /// The frame that the hand looked at last.
    pub hand: Option<PhysAddr>,
    /// Frames that the hand looked at.
    pub looks: u64,
    /// Looks that ended in a second chance.
    pub second_chances: u64,
    /// Frames that were evicted.
    pub evicted: u64,
    /// Among them those whose contents were dropped.
    pub dropped: u64,
    /// Slots of swap by number, as far as they were ever written.
    pub slots: BTreeMap<u64, Slot>,
    /// Transfers from the disk.
    pub reads: u64,
    /// Transfers to the disk.
    pub writes: u64,
    /// The frame of the last eviction, whose further entries are no further evictions.
    last: Option<PhysAddr>,
}

impl Reclaim {
    /// Takes one more event into account.
    pub(super) fn apply(&mut self, n: usize, what: &What) {
        match *what {
            What::Hand { frame, verdict, .. } => self.looked(frame, verdict),
            What::Evicted { pid, va, frame, slot, .. } => {
                self.evict(n, (pid, va.page_down()), frame, slot.map(|slot| slot.0));
            }
            What::Resolved { pid, va, how: Resolution::ReadSwap, .. } => {
                self.came_back(n, (pid, va.page_down()));
            }
            What::Process { op: ProcessOp::Exited | ProcessOp::Killed | ProcessOp::Execed, pid, .. } => {
                self.forget(pid);
            }
            _ => {}
        }
    }

    fn looked(&mut self, frame: PhysAddr, verdict: Verdict) {
        self.hand = Some(frame);
        self.looks += 1;
        self.second_chances += u64::from(verdict == Verdict::SecondChance);
        self.last = None;
    }

    fn evict(&mut self, n: usize, user: (u32, VirtAddr), frame: PhysAddr, slot: Option<u64>) {
        if self.last != Some(frame) {
            self.evicted += 1;
            self.dropped += u64::from(slot.is_none());
        }
        if let Some(number) = slot {
            let fresh = Slot { users: Vec::new(), out: n, back: None };
            let kept = self.slots.entry(number).or_insert_with(|| fresh.clone());
            if self.last != Some(frame) {
                *kept = fresh;
            }
            kept.users.push(user);
        }
        self.last = Some(frame);
    }

    fn came_back(&mut self, n: usize, user: (u32, VirtAddr)) {
        for slot in self.slots.values_mut().filter(|slot| slot.users.contains(&user)) {
            slot.users.retain(|&each| each != user);
            slot.back = Some(n);
        }
    }

    fn forget(&mut self, pid: u32) {
        self.slots.values_mut().for_each(|slot| slot.users.retain(|&(user, _)| user != pid));
    }

    /// Slots in which somebody's page lies.
    pub fn in_swap(&self) -> impl Iterator<Item = (u64, &Slot)> {
        self.slots.iter().filter(|(_, slot)| !slot.users.is_empty()).map(|(&number, slot)| (number, slot))
    }

    /// The slot that holds this page of a process.
    #[must_use]
    pub fn slot_of(&self, pid: u32, va: VirtAddr) -> Option<u64> {
        let user = (pid, va.page_down());
        self.in_swap().find(|(_, slot)| slot.users.contains(&user)).map(|(number, _)| number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::narrate::testing::{evicted, hand, process, resolved};

    fn fold(events: &[What]) -> Reclaim {
        let mut reclaim = Reclaim::default();
        events.iter().enumerate().for_each(|(n, what)| reclaim.apply(n, what));
        reclaim
    }

    #[test]
    fn the_hand_is_where_it_looked_last_and_its_looks_are_counted() {
        let seen = fold(&[
            hand(0x8010_0000, true, Verdict::SecondChance),
            hand(0x8010_1000, false, Verdict::Victim),
        ]);
        assert_eq!((seen.hand, seen.looks, seen.second_chances), (Some(PhysAddr::new(0x8010_1000)), 2, 1));
    }

    #[test]
    fn a_page_lies_in_swap_until_it_comes_back() {
        let story = [
            evicted(1, 0x9000, 0x8010_0000, Some(4)),
            evicted(1, 0xa000, 0x8010_1000, None),
            resolved(0x9008, Resolution::ReadSwap),
        ];
        let out = fold(&story[..2]);
        assert_eq!((out.evicted, out.dropped, out.slot_of(1, VirtAddr::new(0x9abc))), (2, 1, Some(4)));
        let back = fold(&story);
        assert_eq!(back.in_swap().count(), 0);
        assert_eq!((back.slots[&4].out, back.slots[&4].back), (0, Some(2)));
    }

    #[test]
    fn a_frame_that_two_processes_shared_is_one_eviction() {
        let seen =
            fold(&[evicted(1, 0x9000, 0x8010_0000, Some(0)), evicted(2, 0x9000, 0x8010_0000, Some(0))]);
        assert_eq!((seen.evicted, seen.slots[&0].users.len()), (1, 2));
    }

    #[test]
    fn who_has_ended_has_nothing_in_swap() {
        let seen = fold(&[evicted(1, 0x9000, 0x8010_0000, Some(0)), process(ProcessOp::Exited, 1, 0, "")]);
        assert_eq!(seen.in_swap().count(), 0);
    }
}
