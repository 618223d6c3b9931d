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
