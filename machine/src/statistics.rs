//! Counting what a machine reports.

use faultline_abi::VirtAddr;

use crate::event::What;
use crate::hart::Privilege;
use crate::mmu::Walk;
use crate::observer::{Context, Observer, PteWrite, TrapInfo};
use crate::ram::Ram;
use crate::spaces::Spaces;
use crate::translations::{Fence, Held, Key, TlbModel};
use crate::trap::Cause;

/// How often each thing was reported.
#[derive(Clone, Debug, Default)]
pub struct Statistics {
    /// Traps by the name of their cause, in the order in which they first came.
    causes: Vec<(&'static str, u64)>,
    /// Interrupts among the traps.
    pub interrupts: u64,
    /// Page faults among the traps.
    pub page_faults: u64,
    /// Entries of page tables that were written, A and D included.
    pub table_writes: u64,
    /// Writes to `satp`.
    pub satp_writes: u64,
    /// `sfence.vma`.
    pub fences: u64,
    /// Tracepoints.
    pub tracepoints: u64,
    /// Returns from traps.
    pub returns: u64,
    /// Translations that the machine had to make by a walk: what its own TLB did not have.
    pub walks: u64,
    /// A TLB that is modelled beside the machine's own cache.
    pub tlb: Option<TlbModel>,
    /// The address spaces, where somebody wants to know.
    pub spaces: Option<Spaces>,
}

impl Statistics {
    /// Traps of every kind.
    #[must_use]
    pub fn traps(&self) -> u64 {
        self.causes.iter().map(|&(_, count)| count).sum()
    }

    /// Traps by cause, the most frequent first.
    #[must_use]
    pub fn causes(&self) -> Vec<(&'static str, u64)> {
        let mut causes = self.causes.clone();
        causes.sort_by_key(|&(_, count)| core::cmp::Reverse(count));
        causes
    }

    /// Reports that are events: all but what the guest printed.
    #[must_use]
    pub fn events(&self) -> u64 {
        let others = self.table_writes + self.satp_writes + self.fences + self.tracepoints + self.returns;
        self.traps() + others
    }

    fn count(&mut self, cause: Cause) {
        match cause {
            Cause::Interrupt(_) => self.interrupts += 1,
            Cause::Exception(exception) => self.page_faults += u64::from(exception.is_page_fault()),
        }
        let name = cause.name();
        match self.causes.iter_mut().find(|(known, _)| *known == name) {
            Some((_, count)) => *count += 1,
            None => self.causes.push((name, 1)),
        }
    }
}

/// An observer that counts, and hands every report on to another. A modelled TLB sees what it should
/// only with `EACH_ACCESS`.
#[derive(Debug)]
pub struct Counted<'a, O, const EACH_ACCESS: bool> {
    /// Who is told.
    pub inner: O,
    /// What is counted.
    pub statistics: &'a mut Statistics,
}

impl<O: Observer, const EACH_ACCESS: bool> Observer for Counted<'_, O, EACH_ACCESS> {
    const ACTIVE: bool = true;
    const EACH_ACCESS: bool = EACH_ACCESS;

    fn trap(&mut self, cx: &Context, trap: &TrapInfo<'_>) {
        self.statistics.count(trap.cause);
        self.statistics.walks += u64::from(trap.walk.is_some());
        self.inner.trap(cx, trap);
    }

    fn trap_return(&mut self, cx: &Context, to: Privilege, pc: VirtAddr) {
        self.statistics.returns += 1;
        self.inner.trap_return(cx, to, pc);
    }

    fn pte_written(&mut self, cx: &Context, write: &PteWrite) {
        self.statistics.table_writes += 1;
        self.inner.pte_written(cx, write);
    }

    fn accessed_dirty(&mut self, cx: &Context, write: &PteWrite) {
        self.statistics.table_writes += 1;
        self.inner.accessed_dirty(cx, write);
    }

    fn satp_written(&mut self, cx: &Context, old: u64, new: u64) {
        self.statistics.satp_writes += 1;
        if let Some(spaces) = &mut self.statistics.spaces {
            spaces.satp(cx, new);
        }
        self.inner.satp_written(cx, old, new);
    }

    fn sfence_vma(&mut self, cx: &Context, va: Option<VirtAddr>, asid: Option<u16>) {
        self.statistics.fences += 1;
        if let Some(tlb) = &mut self.statistics.tlb {
            tlb.fence(Fence { hart: cx.hart, va, asid });
        }
        self.inner.sfence_vma(cx, va, asid);
    }

    fn tracepoint(&mut self, cx: &Context, number: u16, arguments: [u64; 6]) {
        self.statistics.tracepoints += 1;
        if let Some(spaces) = &mut self.statistics.spaces {
            spaces.event(cx.step, cx.hart, &What::from_tracepoint(cx.mode, number, arguments));
        }
        self.inner.tracepoint(cx, number, arguments);
    }

    fn translated(&mut self, cx: &Context, satp: u64, walk: &Walk) {
        self.statistics.walks += 1;
        if let (Some(tlb), Some(held)) = (&mut self.statistics.tlb, Held::of(walk)) {
            tlb.access(Key::new(cx.hart, satp, walk.va), held);
        }
        self.inner.translated(cx, satp, walk);
    }

    fn settled(&mut self, cx: &Context, ram: &Ram) {
        self.inner.settled(cx, ram);
    }

    fn console_output(&mut self, cx: &Context, byte: u8) {
        self.inner.console_output(cx, byte);
    }

    fn stop(&self) -> bool {
        self.inner.stop()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::observer::NoObserver;
    use crate::trap::{Exception, Interrupt};

    fn trap(cause: Cause) -> TrapInfo<'static> {
        TrapInfo { cause, tval: 0, epc: VirtAddr::new(0), satp: 0, to: Privilege::Supervisor, walk: None }
    }

    #[test]
    fn traps_are_counted_by_cause_and_by_kind() {
        let mut statistics = Statistics::default();
        let mut counted: Counted<'_, _, false> = Counted { inner: NoObserver, statistics: &mut statistics };
        let cx = Context { instret: 0, step: 0, hart: 0, mode: Privilege::User, pc: VirtAddr::new(0) };
        for cause in [
            Cause::Exception(Exception::EcallFromU),
            Cause::Exception(Exception::StorePage),
            Cause::Interrupt(Interrupt::SupervisorTimer),
            Cause::Exception(Exception::StorePage),
        ] {
            counted.trap(&cx, &trap(cause));
        }
        counted.sfence_vma(&cx, None, None);
        counted.console_output(&cx, b'x');
        assert_eq!((statistics.traps(), statistics.interrupts, statistics.page_faults), (4, 1, 2));
        assert_eq!(statistics.causes()[0], (Exception::StorePage.name(), 2));
        assert_eq!(statistics.events(), 5, "what is printed is no event");
    }
}
