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
    sv39::{Access, Pte},
    trace::{Resolution, Source, TraceEvent},
};

use crate::{
    apply::Resolved,
    area::{Area, Backing, Place},
    frame::Pin,
    memory::{Memory, SpaceId},
    plan::{FaultPlan, Reason, Sight, plan},
    shared_memory::Kept,
    table::slot_of,
    trace,
};

/// Who touched the address.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Toucher {
    /// The instruction of the program at this address: it runs again, or the program is killed.
    Program(VirtAddr),
    /// The kernel, for a system call: it goes on, or the call fails.
    Kernel,
}

impl Memory {
    /// Resolves the page fault that `access` to `va` raised.
    ///
    /// # Errors
    /// Why the access is refused; then the page is as before.
    pub fn fault(
        &mut self,
        id: SpaceId,
        va: VirtAddr,
        access: Access,
        toucher: Toucher,
    ) -> Result<(), Reason> {
        let sight = self.look(id, va);
        let plan = plan(&sight, access, self.options.zero);
        self.announce_plan(id, va, access, &sight, plan);
        self.counters.faults = self.counters.faults.saturating_add(1);
        let _needed = self.pin_needed(id, va, access, toucher);
        let result = self.apply(id, va, plan.action);
        self.report(id, va, &result, toucher);
        result.map(drop)
    }

    /// What is to be seen at `va`.
    pub(crate) fn look(&self, id: SpaceId, va: VirtAddr) -> Sight {
        let space = self.space(id);
        let pte = space.table.walk(va);
        let refs = if pte.is_leaf() { self.frames.refs(pte.ppn()) } else { 0 };
        let place = space.areas.place(va);
        let source = if let Place::Area(area) = &place { source(area, pte, va) } else { Source::Nowhere };
        Sight { place, pte, refs, source }
    }

    /// Says what kind of fault it is, what is to be done about it, and what was seen that led to it.
    fn announce_plan(&self, id: SpaceId, va: VirtAddr, access: Access, sight: &Sight, plan: FaultPlan) {
        let area = if let Place::Area(area) = &sight.place { Some(area.kind) } else { None };
        let (pid, va) = (self.space(id).pid.number(), va.get());
        trace::emit(TraceEvent::Fault { pid, va, access, class: plan.class, area });
        let &Sight { pte, refs, source: from, .. } = sight;
        let plan = plan.action.planned();
        trace::emit(TraceEvent::Plan { pid, va, plan, entry: pte.raw(), refs, from });
    }

    /// Keeps in memory, as long as the result exists, what is there of the other pages that the instruction
    /// needs. If one of them were evicted to make room, and the next time this one to make room for that,
    /// the instruction would fault for ever. The kernel itself needs one page at a time.
    fn pin_needed(
        &self,
        id: SpaceId,
        va: VirtAddr,
        access: Access,
        toucher: Toucher,
    ) -> [Option<Pin>; NEEDED_MAX] {
        let Toucher::Program(pc) = toucher else { return [const { None }; NEEDED_MAX] };
        let table = &self.space(id).table;
        pages_needed(pc, va, access).map(|page| table.mapped(page?).map(|ppn| self.frames.pin(ppn)))
    }

    /// Says how the fault was dealt with.
    fn report(&self, id: SpaceId, va: VirtAddr, result: &Result<Resolved, Reason>, toucher: Toucher) {
        let space = self.space(id);
        let (how, pte) = match (result, toucher) {
            (Ok(resolved), _) => (resolved.how, resolved.pte),
            (Err(_), Toucher::Program(_)) => (Resolution::Killed, space.table.walk(va)),
            (Err(_), Toucher::Kernel) => (Resolution::Refused, space.table.walk(va)),
        };
        let frame = if result.is_ok() { pte.ppn().base().get() } else { 0 };
        let reason = result.err().map(Reason::kind);
        let (pid, va) = (space.pid.number(), va.get());
        trace::emit(TraceEvent::Resolved { pid, va, how, frame, pte: pte.raw(), reason });
    }
}

/// Where the bytes of the page of `va` in `area` are, whose entry is `pte`.
fn source(area: &Area, pte: Pte, va: VirtAddr) -> Source {
    match slot_of(pte) {
        Some(_) => Source::Swap,
        None if pte.is_valid() => Source::Frame,
        None => untouched(area, va),
    }
}

/// Where the bytes of a page are that has no entry yet.
fn untouched(area: &Area, va: VirtAddr) -> Source {
    if let Some((memory, number)) = area.memory_page(va) {
        let in_swap = memory.look(number, |kept| matches!(kept, Some(Kept::Slot(_))));
        return if in_swap { Source::MemoryInSwap } else { Source::Memory };
    }
    match (&area.backing, area.file_page(va)) {
        (Backing::File(_), Some(_)) => Source::File,
        (Backing::File(part), None) if part.length.is_none() => Source::PastEnd,
        _ => Source::Zeros,
    }
}

/// Pages that one instruction may need besides the one that it lacks.
const NEEDED_MAX: usize = 3;
/// An instruction is one or two parcels of this size.
const PARCEL: u64 = 2;
/// Bytes of an operand, at most.
const OPERAND_MAX: u64 = 8;

/// An address on each page that the instruction at `pc` may need, `access` of which to `va` faulted: its own
/// pages, and the second page of its operand.
///
/// Of an operand on two pages `va` is its own address or, if the second page is missing, where that one begins
/// (privileged specification, "Supervisor Trap Value (stval) Register"). In the second case the first page is
/// not named, because most operands that begin with a page lie on one. It may be evicted, and then the
/// instruction lacks that one: `va` is the operand's own address, both pages are named, and both stay.
fn pages_needed(pc: VirtAddr, va: VirtAddr, access: Access) -> [Option<VirtAddr>; NEEDED_MAX] {
    let operand_end = match access {
        // Whether the instruction has an operand is not known before it is fetched.
        Access::Fetch => None,
        Access::Load | Access::Store => va.checked_add(OPERAND_MAX - 1),
    };
    [Some(pc), pc.checked_add(PARCEL), operand_end]
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use faultline_abi::{
        PAGE_SIZE,
        sv39::PteFlags,
        trace::{ActionKind, AreaKind, FaultClass, FrameKind, Planned, ReasonKind},
    };

    use super::*;
    use crate::{
        arch::take_events,
        area::{Prot, Sharing},
        file::FileRef,
        frame::Frame,
        memory::{ForkPolicy, MemoryOptions},
        mmap::{Address, Request},
        pid::Pid,
        testing::{MemoryFile, PROGRAM, check, frames_of_a_program, may, memory, memory_with, space, touch},
        victim::Policy,
    };

    fn events_of(fault: impl FnOnce()) -> std::vec::Vec<TraceEvent> {
        drop(take_events());
        fault();
        take_events()
    }

    #[test]
    fn a_lazy_fault_is_told_as_classified_frame_taken_resolved() {
        let mut memory = memory(64);
        let id = space(&mut memory);
        let va = memory.sbrk(id, 4096).unwrap().wrapping_add(0x123);
        let events = events_of(|| memory.fault(id, va, Access::Store, PROGRAM).unwrap());
        let pte = memory.space(id).table().walk(va);
        let (pid, va) = (1, va.get());
        let [classified, planned, _table_or_frame, .., resolved] = &events[..] else { panic!("{events:?}") };
        let area = Some(AreaKind::Heap);
        let fault = TraceEvent::Fault { pid, va, access: Access::Store, class: FaultClass::Lazy, area };
        assert_eq!(classified, &fault);
        let flags = PteFlags::V | PteFlags::R | PteFlags::W | PteFlags::U;
        let plan = Planned::Make(ActionKind::Zero, flags.bits());
        let from = Source::Zeros;
        assert_eq!(planned, &TraceEvent::Plan { pid, va, plan, entry: 0, refs: 0, from });
        let frame = pte.ppn().base().get();
        let how = Resolution::Zeroed;
        assert_eq!(resolved, &TraceEvent::Resolved { pid, va, how, frame, pte: pte.raw(), reason: None });
    }

    #[test]
    fn the_plan_says_what_was_seen() {
        let options = MemoryOptions { fork: ForkPolicy::Cow, ..MemoryOptions::default() };
        let mut memory = memory_with(64, options, 0);
        let parent = space(&mut memory);
        let va = memory.sbrk(parent, 4096).unwrap();
        memory.fault(parent, va, Access::Store, PROGRAM).unwrap();
        let child = memory.begin_fork(parent, memory.space(parent).pid.next()).unwrap();
        memory.finish_fork(parent, child).unwrap();
        let entry = memory.space(parent).table().walk(va);
        let store = |memory: &mut Memory, id| {
            let events = events_of(|| memory.fault(id, va, Access::Store, PROGRAM).unwrap());
            events.iter().find(|event| matches!(event, TraceEvent::Plan { .. })).copied()
        };
        let make = |kind, flags: PteFlags| Planned::Make(kind, flags.bits());
        let full = PteFlags::V | PteFlags::R | PteFlags::W | PteFlags::U;
        let (va, from) = (va.get(), Source::Frame);
        let plan = make(ActionKind::Copy, full | PteFlags::A | PteFlags::D);
        let first = TraceEvent::Plan { pid: 2, va, plan, entry: entry.raw(), refs: 2, from };
        assert_eq!(store(&mut memory, child), Some(first));
        let plan = make(ActionKind::Reuse, entry.flags() | full);
        let second = TraceEvent::Plan { pid: 1, va, plan, entry: entry.raw(), refs: 1, from };
        assert_eq!(store(&mut memory, parent), Some(second));
    }

    #[test]
    fn without_a_frame_the_program_is_killed_and_nothing_changes() {
        // Every page of the program is written, so that none can be dropped.
        let mut memory = memory(frames_of_a_program());
        let id = space(&mut memory);
        for area in memory.space(id).areas().clone().iter() {
            let mut va = area.start;
            while va < area.end {
                let table = &mut memory.space_mut(id).table;
                table.set_flags(va, table.walk(va).flags() | PteFlags::D);
                va = va.wrapping_add(4096);
            }
        }
        let text = VirtAddr::new(0x1000);
        let _pin = memory.frames().pin(memory.space(id).table().mapped(text).unwrap());
        let heap = memory.sbrk(id, 4096).unwrap();
        let mut result = Ok(());
        let events = events_of(|| result = memory.fault(id, heap, Access::Load, PROGRAM));
        assert_eq!(result, Err(Reason::OutOfMemory));
        let told: std::vec::Vec<_> =
            events.iter().filter(|event| !matches!(event, TraceEvent::Hand { .. })).collect();
        assert!(
            matches!(
                told[..],
                [
                    TraceEvent::Fault { class: FaultClass::Lazy, .. },
                    TraceEvent::Plan { plan: Planned::Make(ActionKind::Zero, _), .. },
                    TraceEvent::Resolved {
                        how: Resolution::Killed,
                        frame: 0,
                        pte: 0,
                        reason: Some(ReasonKind::OutOfMemory),
                        ..
                    },
                ]
            ),
            "{events:?}"
        );
        check(&memory);
    }

    #[test]
    fn an_entry_without_a_and_d_gets_them_where_hardware_leaves_it_to_software() {
        let mut memory = memory(64);
        let id = space(&mut memory);
        let data = VirtAddr::new(0x2000);
        let flags = |memory: &Memory| memory.space(id).table.walk(data).flags() & (PteFlags::A | PteFlags::D);
        assert_eq!(flags(&memory), PteFlags::empty());
        memory.fault(id, data, Access::Load, PROGRAM).unwrap();
        assert_eq!(flags(&memory), PteFlags::A);
        memory.fault(id, data, Access::Store, PROGRAM).unwrap();
        assert_eq!(flags(&memory), PteFlags::A | PteFlags::D);
    }

    /// Code on two pages, and as many pages of heap.
    struct Program {
        memory: Memory,
        id: SpaceId,
        code: VirtAddr,
        heap: VirtAddr,
    }

    impl Program {
        /// All its pages have been there once, so that no more tables are needed.
        fn new(policy: Policy) -> Self {
            let mut memory = memory_with(64, MemoryOptions { policy, ..MemoryOptions::default() }, 64);
            let id = space(&mut memory);
            let file: FileRef = std::rc::Rc::new(MemoryFile::numbered(2, &[1; 4 * 4096]));
            let (address, length) = (Address::Any, 4 * PAGE_SIZE);
            let (prot, sharing) = (Prot::R | Prot::X, Sharing::Private);
            let code = Request { address, length, prot, sharing, file: Some((file, 0)) };
            let code = memory.mmap(id, &code).unwrap();
            let heap = memory.sbrk(id, 4 * PAGE_SIZE.cast_signed()).unwrap();
            let mut program = Self { memory, id, code, heap };
            for page in 0..4 {
                touch(&mut program.memory, id, page_of(code, page), Access::Fetch).unwrap();
                touch(&mut program.memory, id, page_of(heap, page), Access::Store).unwrap();
            }
            program
        }

        /// Leaves it `count` frames for all its pages: the others are in use for something else.
        fn confine_to(&mut self, count: usize) -> Vec<Frame> {
            let everything = self.memory.frames().count();
            assert!(self.memory.make_room(everything).is_err(), "tables stay");
            let others = self.memory.frames().free_count() - count;
            (0..others)
                .filter_map(|_| self.memory.frames().allocate(Pid::KERNEL, FrameKind::Kernel))
                .collect()
        }

        /// What a hart does: each byte of the instruction and of its operand must be there at once, or the
        /// instruction faults and begins again. How often it faulted.
        fn store(&mut self, pc: VirtAddr, operand: VirtAddr) -> Result<u32, Reason> {
            for faults in 0..20 {
                let second = |va: VirtAddr, last: u64| va.wrapping_add(last).page_down().max(va);
                let parts = [
                    (pc, Access::Fetch),
                    (second(pc, 3), Access::Fetch),
                    (operand, Access::Store),
                    (second(operand, 7), Access::Store),
                ];
                match parts.into_iter().find(|&(va, access)| !may(&self.memory, self.id, va, access)) {
                    None => return Ok(faults),
                    Some((va, access)) => self.memory.fault(self.id, va, access, Toucher::Program(pc))?,
                }
            }
            panic!("the instruction at {pc} faults for ever");
        }
    }

    fn page_of(start: VirtAddr, number: u64) -> VirtAddr {
        start.wrapping_add(number * PAGE_SIZE)
    }

    /// An instruction needs the pages that it and its operand lie on, and the kernel asks for no more.
    #[test]
    fn an_instruction_gets_on_with_as_many_frames_as_it_has_pages_and_not_with_fewer() {
        let (inside, across) = (64, PAGE_SIZE - 2);
        for policy in Policy::ALL {
            for (pc, operand, frames) in
                [(inside, 0, 2), (inside, across, 3), (across, 0, 3), (across, across, 4)]
            {
                for enough in [true, false] {
                    let mut program = Program::new(policy);
                    let _others = program.confine_to(if enough { frames } else { frames - 1 });
                    // One instruction after the other, each on other pages than the last.
                    let outcome = (0..12).try_for_each(|n| {
                        let start = |area: VirtAddr, offset| page_of(area, 2 * (n % 2)).wrapping_add(offset);
                        program.store(start(program.code, pc), start(program.heap, operand)).map(drop)
                    });
                    let expected = if enough { Ok(()) } else { Err(Reason::OutOfMemory) };
                    assert_eq!(
                        outcome, expected,
                        "{policy:?}: {pc} {operand} with {frames} frames, {enough}"
                    );
                }
            }
        }
    }
}
