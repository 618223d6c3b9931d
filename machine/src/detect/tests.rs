//! Each detector on made-up events and tables: what it must name, and what it must not.

use faultline_abi::board::DRAM_BASE;
use faultline_abi::sv39::{PTE_SIZE, Pte, satp_sv39};

use super::*;
use crate::event::PteChange;
use crate::hart::Privilege;
use crate::mmu::walk::{Rules, TableMemory, Update, walk};
use crate::trap::{Cause, Exception};
use faultline_abi::sv39::Access;

const USER: PteFlags = PteFlags::V.union(PteFlags::U).union(PteFlags::A).union(PteFlags::D);
const R: PteFlags = USER.union(PteFlags::R);
const RW: PteFlags = R.union(PteFlags::W);
const RWX: PteFlags = RW.union(PteFlags::X);
const VA: VirtAddr = VirtAddr::new(0x5000);
/// Root tables of two address spaces; the next two pages of each are its other tables.
const ONE: u64 = 1;
const TWO: u64 = 4;

struct Bench {
    detectors: Detectors,
    ram: Ram,
    instret: u64,
    hart: u32,
}

fn page(number: u64) -> Ppn {
    Ppn::new((DRAM_BASE >> 12) + number)
}

struct Plain<'a>(&'a Ram);

impl TableMemory for Plain<'_> {
    fn read_pte(&self, pte_addr: PhysAddr) -> Option<Pte> {
        self.0.read_u64(pte_addr).ok().map(Pte::from_raw)
    }
}

impl Bench {
    /// Two address spaces that map nothing yet.
    fn new() -> Self {
        let mut bench = Self { detectors: Detectors::default(), ram: Ram::new(1 << 20), instret: 0, hart: 0 };
        for root in [ONE, TWO] {
            bench.put(root, 0, Pte::new(page(root + 1), PteFlags::V));
            bench.put(root + 1, 0, Pte::new(page(root + 2), PteFlags::V));
            bench.tell(What::Satp { old: 0, new: satp_sv39(page(root)) });
        }
        bench.settle();
        bench
    }

    fn put(&mut self, table: u64, index: usize, pte: Pte) {
        let at = page(table).base().wrapping_add(index as u64 * PTE_SIZE);
        self.ram.write(at, &pte.raw().to_le_bytes()).unwrap();
    }

    fn cx(&self) -> Context {
        let (instret, hart) = (self.instret, self.hart);
        Context { instret, step: instret, hart, mode: Privilege::User, pc: VirtAddr::new(0x1000) }
    }

    fn tell(&mut self, what: What) {
        self.detectors.event(&self.cx(), &what);
    }

    /// The kernel writes the entry for [`VA`], and this is reported.
    fn map(&mut self, root: u64, frame: u64, flags: PteFlags) {
        let new = Pte::new(page(frame), flags);
        let index = VA.vpn(0);
        self.put(root + 2, index, new);
        let pte_addr = page(root + 2).base().wrapping_add(index as u64 * PTE_SIZE);
        let change = PteChange { va: Some(VA), level: 0, root: page(root), pte_addr, old: Pte::INVALID, new };
        self.tell(What::Pte(change));
    }

    fn access(&mut self, root: u64, access: Access) {
        let rules = Rules { privilege: Privilege::User, sum: false, mxr: false, update: Update::Hardware };
        let walk = walk(&Plain(&self.ram), Root::sv39(page(root)), VA, access, &rules);
        match walk.result {
            Ok(_) => self.detectors.translated(&self.cx(), satp_sv39(page(root)), &walk),
            Err(check) => self.fault(root, &walk, check),
        }
    }

    fn fault(&mut self, root: u64, walk: &Walk, check: Check) {
        self.tell(What::Trap(Trap {
            scause: walk.access.page_fault_cause(),
            cause: Cause::Exception(Exception::page_fault(walk.access)),
            stval: VA.get(),
            sepc: VirtAddr::new(0x1000),
            satp: satp_sv39(page(root)),
            interrupt: false,
            to: Privilege::Supervisor,
            walk: Some((*walk.steps).into()),
            check: Some(check),
        }));
    }

    fn fence(&mut self) {
        self.tell(What::Sfence { va: None, asid: None });
    }

    fn settle(&mut self) {
        self.detectors.settled(&self.cx(), &self.ram);
    }

    /// What has been said since the last time, after the kernel has returned.
    fn found(&mut self) -> Vec<Detector> {
        self.settle();
        self.detectors.take_warnings().into_iter().map(|warning| warning.detector).collect()
    }

    fn frame(&mut self, op: FrameOp, frame: u64, refs: u32) {
        let frame = page(frame).base();
        self.tell(What::Frame { op, frame, owner: 1, refs, usage: FrameKind::User });
    }

    /// The program calls its kernel from this place.
    fn system_call(&mut self, sepc: u64) {
        self.tell(What::Trap(Trap {
            scause: Exception::EcallFromU as u64,
            cause: Cause::Exception(Exception::EcallFromU),
            stval: 0,
            sepc: VirtAddr::new(sepc),
            satp: satp_sv39(page(ONE)),
            interrupt: false,
            to: Privilege::Supervisor,
            walk: None,
            check: None,
        }));
    }

    fn retry(&mut self) {
        self.return_to(0x1000);
    }

    /// A handler returns to a program at this place; it is the next instruction.
    fn return_to(&mut self, target: u64) {
        self.tell(What::Return { to: Privilege::User, target: VirtAddr::new(target) });
        self.instret += 1;
    }
}

#[test]
fn an_entry_used_after_its_change_without_a_fence_is_stale() {
    let mut bench = Bench::new();
    bench.map(ONE, 20, RW);
    bench.access(ONE, Access::Store);
    bench.map(ONE, 21, RW);
    bench.access(ONE, Access::Store);
    assert_eq!(bench.found(), [Detector::StaleTranslation]);
}

#[test]
fn an_entry_taken_away_without_a_fence_is_stale_when_the_program_runs_into_it() {
    let mut bench = Bench::new();
    bench.map(ONE, 20, RW);
    bench.access(ONE, Access::Store);
    bench.map(ONE, 20, R);
    bench.access(ONE, Access::Load);
    assert_eq!(bench.found(), [], "loads do the same with the old entry");
    let mut bench = Bench::new();
    bench.map(ONE, 20, RW);
    bench.access(ONE, Access::Store);
    bench.map(ONE, 20, R);
    bench.access(ONE, Access::Store);
    assert_eq!(bench.found(), [Detector::StaleTranslation], "copy-on-write would have missed this store");
}

#[test]
fn nothing_is_stale_behind_a_fence() {
    for second in [RW, R, PteFlags::empty()] {
        let mut bench = Bench::new();
        bench.map(ONE, 20, RW);
        bench.access(ONE, Access::Store);
        bench.map(ONE, 21, second);
        bench.fence();
        bench.access(ONE, Access::Store);
        assert_eq!(bench.found(), []);
    }
}

#[test]
fn another_address_space_with_the_same_asid_needs_a_fence_too() {
    let mut bench = Bench::new();
    bench.map(ONE, 20, RW);
    bench.map(TWO, 21, RW);
    bench.access(ONE, Access::Load);
    bench.access(TWO, Access::Load);
    assert_eq!(bench.found(), [Detector::StaleTranslation]);
}

#[test]
fn a_fault_that_comes_again_at_once_is_named_and_one_that_was_dealt_with_is_not() {
    let mut bench = Bench::new();
    bench.access(ONE, Access::Store);
    bench.retry();
    bench.access(ONE, Access::Store);
    assert_eq!(bench.found(), [Detector::RepeatedFault]);
    let mut bench = Bench::new();
    bench.access(ONE, Access::Store);
    bench.retry();
    bench.instret += 10;
    bench.access(ONE, Access::Store);
    assert_eq!(bench.found(), [], "the instruction had been executed in between");
    let mut bench = Bench::new();
    bench.access(ONE, Access::Store);
    bench.map(ONE, 20, R);
    bench.retry();
    bench.access(ONE, Access::Store);
    assert_eq!(bench.found(), [], "another check failed");
    let mut bench = Bench::new();
    bench.access(ONE, Access::Store);
    bench.return_to(0x2000);
    bench.retry();
    bench.access(ONE, Access::Store);
    assert_eq!(bench.found(), [], "another program ran in between");
    let mut bench = Bench::new();
    bench.access(ONE, Access::Store);
    bench.system_call(0xffc);
    bench.retry();
    bench.access(ONE, Access::Store);
    assert_eq!(bench.found(), [], "the program came from a system call just before the instruction");
}

#[test]
fn a_frame_that_two_address_spaces_may_write_is_named_once() {
    let mut bench = Bench::new();
    bench.map(ONE, 20, RW);
    bench.map(TWO, 20, R);
    assert_eq!(bench.found(), [], "one of them may only read");
    bench.map(TWO, 20, RW);
    assert_eq!(bench.found(), [Detector::WritableInTwo]);
    bench.map(TWO, 20, RW);
    assert_eq!(bench.found(), []);
}

#[test]
fn what_a_kernel_puts_right_before_it_returns_is_no_mistake() {
    let mut bench = Bench::new();
    bench.map(ONE, 20, RW);
    bench.map(TWO, 20, RW);
    bench.map(ONE, 20, R);
    bench.map(TWO, 20, R);
    assert_eq!(bench.found(), []);
}

#[test]
fn areas_that_are_mapped_to_be_shared_may_be_shared() {
    let mut bench = Bench::new();
    for (pid, root) in [(1, ONE), (2, TWO)] {
        let root = page(root).base();
        let name = String::new();
        bench.tell(What::Process { op: ProcessOp::Created, pid, other: 0, root, name });
        let (start, end) = (VA, VA.wrapping_add(4096));
        bench.tell(What::Area { op: AreaOp::Mapped, pid, start, end, area: AreaKind::Mmap, prot: 3 });
    }
    bench.map(ONE, 20, RW);
    bench.map(TWO, 20, RW);
    assert_eq!(bench.found(), []);
}

#[test]
fn a_page_that_may_be_written_and_executed_is_named() {
    let mut bench = Bench::new();
    bench.map(ONE, 20, RWX);
    assert_eq!(bench.found(), [Detector::WritableExecutable]);
    bench.map(ONE, 21, RWX.difference(PteFlags::U));
    assert_eq!(bench.found(), [], "a kernel's own page is its own affair");
}

#[test]
fn a_freed_frame_must_not_be_mapped() {
    let mut bench = Bench::new();
    bench.map(ONE, 20, RW);
    bench.frame(FrameOp::Freed, 20, 0);
    assert_eq!(bench.found(), [Detector::FreedButMapped]);
    let mut bench = Bench::new();
    bench.map(ONE, 20, RW);
    bench.frame(FrameOp::Freed, 20, 0);
    bench.map(ONE, 20, PteFlags::empty());
    assert_eq!(bench.found(), [], "unmapped before the kernel returned");
}

#[test]
fn a_count_of_references_below_the_count_of_entries_is_named() {
    let mut bench = Bench::new();
    bench.map(ONE, 20, R);
    bench.map(TWO, 20, R);
    bench.frame(FrameOp::Shared, 20, 2);
    assert_eq!(bench.found(), []);
    bench.frame(FrameOp::Unshared, 20, 1);
    assert_eq!(bench.found(), [Detector::TooFewReferences]);
}

impl Bench {
    fn process(&mut self, op: ProcessOp, pid: u32, root: u64) {
        let root = page(root).base();
        self.tell(What::Process { op, pid, other: 0, root, name: String::new() });
    }

    fn free_table(&mut self, frame: u64) {
        let (frame, usage) = (page(frame).base(), FrameKind::PageTable);
        self.tell(What::Frame { op: FrameOp::Freed, frame, owner: 1, refs: 0, usage });
    }
}

#[test]
fn a_frame_that_a_process_leaves_behind_is_leaked_once_its_tables_are_freed() {
    for (given_back, expected) in [(false, vec![Detector::LeakedFrame]), (true, vec![])] {
        let mut bench = Bench::new();
        bench.process(ProcessOp::Created, 1, ONE);
        bench.map(ONE, 20, RW);
        bench.frame(FrameOp::Allocated, 20, 1);
        bench.process(ProcessOp::Exited, 1, ONE);
        assert_eq!(bench.found(), [], "a kernel may wait for the parent");
        if given_back {
            bench.frame(FrameOp::Freed, 20, 0);
        }
        bench.free_table(ONE);
        assert_eq!(bench.found(), expected);
    }
}

#[test]
fn a_frame_that_the_kernel_keeps_for_itself_is_not_leaked() {
    let mut bench = Bench::new();
    bench.process(ProcessOp::Created, 1, ONE);
    bench.map(ONE, 20, RW);
    bench.frame(FrameOp::Allocated, 20, 1);
    bench.frame(FrameOp::Shared, 20, 2);
    assert_eq!(bench.found(), [], "as a page of a file in a cache");
    bench.process(ProcessOp::Exited, 1, ONE);
    bench.frame(FrameOp::Unshared, 20, 1);
    bench.free_table(ONE);
    assert_eq!(bench.found(), []);
}

#[test]
fn a_frame_that_another_process_still_maps_is_not_leaked() {
    let mut bench = Bench::new();
    bench.process(ProcessOp::Created, 1, ONE);
    bench.process(ProcessOp::Created, 2, TWO);
    bench.frame(FrameOp::Allocated, 20, 2);
    bench.map(ONE, 20, R);
    bench.map(TWO, 20, R);
    bench.process(ProcessOp::Exited, 1, ONE);
    bench.free_table(ONE);
    assert_eq!(bench.found(), []);
}

#[test]
fn tables_that_were_thrown_away_accuse_nobody() {
    let mut bench = Bench::new();
    bench.map(ONE, 20, RW);
    // The kernel uses the tables for something else, without a word.
    bench.ram.write(page(ONE).base(), &[5; 4096]).unwrap();
    bench.map(TWO, 20, RW);
    assert_eq!(bench.found(), []);
}

#[test]
fn what_was_in_a_table_before_satp_named_it_counts() {
    let mut bench = Bench::new();
    let index = VA.vpn(0);
    bench.put(TWO + 2, index, Pte::new(page(20), RW));
    bench.put(TWO + 6, 0, Pte::new(page(TWO + 1), PteFlags::V));
    bench.tell(What::Satp { old: 0, new: satp_sv39(page(TWO + 6)) });
    bench.map(ONE, 20, RW);
    assert_eq!(bench.found(), [Detector::WritableInTwo]);
}

#[test]
fn another_harts_return_judges_nothing_that_is_still_being_done() {
    for (given_up, found) in [(true, vec![]), (false, vec![Detector::WritableInTwo])] {
        let mut bench = Bench::new();
        bench.map(ONE, 20, RW);
        bench.settle();
        // Hart 0 shares the page and has not taken back the right to write it yet.
        bench.map(TWO, 20, RW);
        bench.hart = 1;
        assert_eq!(bench.found(), []);
        bench.hart = 0;
        if given_up {
            bench.map(TWO, 20, RW.difference(PteFlags::W));
        }
        assert_eq!(bench.found(), found);
    }
}

#[test]
fn what_two_harts_change_is_judged_when_both_are_done() {
    let mut bench = Bench::new();
    bench.map(ONE, 20, RW);
    bench.hart = 1;
    bench.map(TWO, 20, RW);
    assert_eq!(bench.found(), [], "hart 0 is not done");
    bench.hart = 0;
    assert_eq!(bench.found(), [Detector::WritableInTwo]);
}

#[test]
fn a_return_on_another_hart_makes_no_repetition() {
    let mut bench = Bench::new();
    bench.access(ONE, Access::Store);
    bench.hart = 1;
    bench.retry();
    bench.hart = 0;
    bench.access(ONE, Access::Store);
    assert_eq!(bench.found(), []);
}
