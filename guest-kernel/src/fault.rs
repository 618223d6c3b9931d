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
    use faultline_abi::trace::{AreaKind, FaultClass};

    use super::*;
    use crate::{
        arch::take_events,
        sbrk::SbrkPolicy,
        testing::{check, pool, space},
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
}
