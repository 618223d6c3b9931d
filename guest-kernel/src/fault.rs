//! Page faults: from "this access failed" to "try again" or "you may not".
//!
//! ```text
//! trap.rs   what is this trap?            load page fault at 0x8000
//! fault.rs  where is that, what is there? in the heap, no entry
//! plan.rs   decide                        map a frame of zeros
//! apply.rs  do it                         allocate, map, flush; the instruction runs again
//! ```

use faultline_abi::{
    VirtAddr,
    sv39::Access,
    trace::{Resolution, TraceEvent},
};

use crate::{
    address_space::AddressSpace,
    apply::Resolved,
    area::Place,
    plan::{Reason, plan},
    trace,
};

/// Who touched the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Toucher {
    /// An instruction of the program: it runs again, or the program is killed.
    Program,
    /// The kernel, for a system call: it goes on, or the call fails.
    Kernel,
}

impl AddressSpace {
    /// Resolves the page fault that `access` to `va` raised.
    ///
    /// # Errors
    /// Why the access is refused; then nothing has changed.
    pub fn fault(&mut self, va: VirtAddr, access: Access, toucher: Toucher) -> Result<(), Reason> {
        let place = self.areas.place(va);
        let plan = plan(place, self.table.walk(va), access);
        let area = if let Place::Area(area) = place { Some(area.kind) } else { None };
        let pid = self.pid.number();
        trace::emit(TraceEvent::Fault { pid, va: va.get(), access, class: plan.class(), area });
        let result = self.apply(va, plan);
        self.report(va, &result, toucher);
        result.map(|_| ())
    }

    fn report(&self, va: VirtAddr, result: &Result<Resolved, Reason>, toucher: Toucher) {
        let (how, pte) = match (result, toucher) {
            (Ok(resolved), _) => (resolved.how, resolved.pte),
            (Err(_), Toucher::Program) => (Resolution::Killed, self.table.walk(va)),
            (Err(_), Toucher::Kernel) => (Resolution::Refused, self.table.walk(va)),
        };
        let frame = if result.is_ok() { pte.ppn().base().get() } else { 0 };
        let (pid, va) = (self.pid.number(), va.get());
        trace::emit(TraceEvent::Resolved { pid, va, how, frame, pte: pte.raw() });
    }
}

#[cfg(test)]
mod tests {
    use faultline_abi::{
        PAGE_SIZE,
        trace::{AreaKind, FaultClass},
    };

    use super::*;
    use crate::{
        arch::take_events,
        pid::Pid,
        sbrk::SbrkPolicy,
        testing::{check, image, pool, space, touch},
    };

    fn events_of(fault: impl FnOnce()) -> std::vec::Vec<TraceEvent> {
        drop(take_events());
        fault();
        take_events()
    }

    #[test]
    fn a_lazy_fault_is_told_as_classified_frame_taken_resolved() {
        let pool = pool(64);
        let mut space = space(&pool);
        let heap = space.sbrk(4096, SbrkPolicy::Lazy).unwrap();
        let va = heap.wrapping_add(0x123);
        let events = events_of(|| space.fault(va, Access::Store, Toucher::Program).unwrap());
        let pte = space.table().walk(va);
        let (pid, va) = (1, va.get());
        let [classified, _table_or_frame, .., resolved] = &events[..] else { panic!("{events:?}") };
        let area = Some(AreaKind::Heap);
        let fault = TraceEvent::Fault { pid, va, access: Access::Store, class: FaultClass::Lazy, area };
        assert_eq!(classified, &fault);
        let frame = pte.ppn().base().get();
        let how = Resolution::Zeroed;
        assert_eq!(resolved, &TraceEvent::Resolved { pid, va, how, frame, pte: pte.raw() });
    }

    #[test]
    fn without_a_frame_the_program_is_killed_and_nothing_changes() {
        let enough = pool(64);
        let used = enough.count() - {
            let _space = space(&enough);
            enough.free_count()
        };
        let pool = pool(u32::try_from(used).unwrap());
        let mut space = space(&pool);
        let heap = space.sbrk(4096, SbrkPolicy::Lazy).unwrap();
        let mut result = Ok(());
        let events = events_of(|| result = space.fault(heap, Access::Load, Toucher::Program));
        assert_eq!(result, Err(Reason::OutOfMemory));
        assert!(
            matches!(
                events[..],
                [
                    TraceEvent::Fault { class: FaultClass::Lazy, .. },
                    TraceEvent::Resolved { how: Resolution::Killed, frame: 0, pte: 0, .. },
                ]
            ),
            "{events:?}"
        );
        check(&pool, &[&space]);
    }

    #[test]
    fn an_entry_without_a_and_d_gets_them_where_hardware_leaves_it_to_software() {
        use faultline_abi::sv39::PteFlags;
        let pool = pool(64);
        let mut space = space(&pool);
        let data = VirtAddr::new(0x2000);
        let flags = |space: &AddressSpace| space.table().walk(data).flags() & (PteFlags::A | PteFlags::D);
        assert_eq!(flags(&space), PteFlags::empty());
        space.fault(data, Access::Load, Toucher::Program).unwrap();
        assert_eq!(flags(&space), PteFlags::A);
        space.fault(data, Access::Store, Toucher::Program).unwrap();
        assert_eq!(flags(&space), PteFlags::A | PteFlags::D);
    }

    /// A generator of reproducible random numbers (Marsaglia's xorshift).
    struct Random(u64);

    impl Random {
        fn below(&mut self, bound: u64) -> u64 {
            self.0 ^= self.0 << 13;
            self.0 ^= self.0 >> 7;
            self.0 ^= self.0 << 17;
            self.0 % bound
        }
    }

    /// Random `sbrk`, touches and copies in three spaces, against a model that knows only where each
    /// heap ends and what was written.
    #[test]
    fn spaces_behave_like_their_model_under_random_operations() {
        use std::collections::BTreeMap;
        for (seed, policy) in [(1, SbrkPolicy::Lazy), (2, SbrkPolicy::Eager), (3, SbrkPolicy::Lazy)] {
            let mut random = Random(seed);
            let pool = pool(96);
            let mut spaces: std::vec::Vec<_> =
                (0..3).map(|_| image(&pool, Pid::KERNEL.next()).unwrap().space).collect();
            let mut models = std::vec![(0u64, BTreeMap::<u64, u8>::new()); 3];
            for _ in 0..3000 {
                let which = usize::try_from(random.below(3)).unwrap();
                let (space, (length, bytes)) = (&mut spaces[which], &mut models[which]);
                let start = space.areas().of_kind(AreaKind::Heap).unwrap().start;
                // Few places in each page, so that what was written is read again.
                let offset = random.below(20) * PAGE_SIZE + random.below(3) * (PAGE_SIZE / 2 - 1);
                let inside = offset < length.next_multiple_of(PAGE_SIZE);
                let va = start.wrapping_add(offset);
                match random.below(4) {
                    0 => {
                        let delta = i64::try_from(random.below(8 * PAGE_SIZE)).unwrap() - 4 * 4096;
                        let new = length.checked_add_signed(delta);
                        if space.sbrk(delta, policy).is_ok() {
                            *length = new.expect("a heap does not end below its start");
                            bytes.retain(|&at, _| at < length.next_multiple_of(PAGE_SIZE));
                        } else {
                            assert!(new.is_none() || policy == SbrkPolicy::Eager);
                        }
                    }
                    1 => match touch(space, va, Access::Store) {
                        Ok(()) => {
                            assert!(inside);
                            let value = random.below(256).to_le_bytes()[0];
                            let at = usize::try_from(va.page_offset()).unwrap();
                            space.table.page_mut(va).unwrap()[at] = value;
                            bytes.insert(offset, value);
                        }
                        Err(reason) => assert!(!inside || reason == Reason::OutOfMemory),
                    },
                    _ => {
                        let mut byte = [0];
                        match space.copyin(va, &mut byte) {
                            Ok(()) => {
                                assert_eq!((inside, byte[0]), (true, *bytes.get(&offset).unwrap_or(&0)))
                            }
                            Err(reason) => assert!(!inside || reason == Reason::OutOfMemory),
                        }
                    }
                }
                check(&pool, &spaces.iter().collect::<std::vec::Vec<_>>());
            }
            drop(spaces);
            assert_eq!(pool.free_count(), pool.count());
        }
    }
}
