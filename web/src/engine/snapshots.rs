//! Snapshots of the machine for the page.

use std::collections::BTreeMap;

use faultline_abi::satp::{Root, Scheme};
use faultline_abi::trace::ProcessOp;
use faultline_abi::{PAGE_SIZE, PhysAddr, VirtAddr};
use faultline_machine::event::{EventKind, What};
use faultline_machine::hart::{Hart, Privilege};
use faultline_machine::inspect::{instruction, memory, page_table, registers};
use faultline_machine::loader::Symbols;
use faultline_machine::log::Stretch;
use faultline_machine::machine::Machine;
use faultline_machine::ram::Ram;
use faultline_machine::session::Session;
use faultline_machine::spaces::{RootName, Spaces};

use crate::snapshot::{Instruction, Mapped, Snapshot, Tlb};

/// Bytes of console output that are sent; what came before is cut off.
const CONSOLE_BYTES: usize = 16 << 10;

/// Takes snapshots, and remembers what does not change.
#[derive(Default)]
pub(super) struct Camera {
    watched: Option<PhysAddr>,
    hart: Option<u32>,
    /// The instruction behind each page fault, by the number of the trap event.
    faulting: BTreeMap<usize, Option<Instruction>>,
    /// The modelled TLB at the present, where it is known.
    pub(super) tlb: Option<Tlb>,
}

impl Camera {
    /// Shows the page tables of this root from now on; `None` follows the program that runs.
    pub(super) fn watch(&mut self, root: Option<PhysAddr>) {
        self.watched = root;
    }

    /// Shows this hart from now on; `None` follows the one that moves.
    pub(super) fn watch_hart(&mut self, hart: Option<u32>) {
        self.hart = hart;
    }

    /// The run goes on differently after this many events.
    pub(super) fn forget_after(&mut self, events: usize) {
        self.faulting.retain(|&trap, _| trap < events);
    }

    /// The machine where the session stands.
    pub(super) fn take(&mut self, session: &mut Session) -> Snapshot {
        let faulting = self.faulting(session);
        let position = session.position();
        let past = session.log().events(0..position.events);
        let (machine, harts) = (session.machine(), session.machine().harts());
        let watched_hart = self.hart.filter(|&hart| index(hart) < harts.len());
        let number = watched_hart.unwrap_or_else(|| moved_last(past.clone(), position.step, machine));
        let hart = machine.hart(index(number));
        let root = self.watched.or_else(|| followed(past.clone(), number, hart));
        let naming = past.clone().of_kinds(&[EventKind::Satp, EventKind::Process]);
        let roots = Spaces::of(naming).names(session.symbols());
        Snapshot {
            events: position.events,
            instret: position.instret,
            step: position.step,
            running: false,
            ended: None,
            waits: false,
            harts: u32::try_from(harts.len()).unwrap_or(u32::MAX),
            hart: number,
            watched_hart,
            settled: harts.iter().all(|hart| hart.mode() == Privilege::User || is_idle(hart, harts)),
            registers: registers(hart),
            next: instruction(machine.ram(), translation(hart), hart.pc()),
            code: around(machine.ram(), hart),
            symbol: symbol(session.symbols(), hart),
            faulting,
            console: console(session.console()),
            watched: self.watched,
            mapped: mapped(machine.ram(), past, &roots),
            table: root.map(|root| page_table(machine.ram(), known(&roots, root))),
            roots,
            tlb: self.tlb.clone(),
        }
    }

    /// The instruction that raised the last page fault, read at the moment when it did: its page may
    /// be gone since.
    fn faulting(&mut self, session: &mut Session) -> Option<Instruction> {
        let here = session.position();
        let mut traps = session.log().events(0..here.events).of_kinds(&[EventKind::Trap]);
        let event = traps.rfind(|event| event.what.page_fault().is_some())?;
        let trap = usize::try_from(event.n).ok()?;
        if let Some(known) = self.faulting.get(&trap) {
            return known.clone();
        }
        let (satp, sepc) = event.what.page_fault().map(|(trap, _)| (trap.satp, trap.sepc))?;
        session.seek_event(trap);
        let found = instruction(session.machine().ram(), satp, sepc);
        session.seek_step(here.step);
        self.faulting.insert(trap, found.clone());
        found
    }
}

/// The instructions around the one that comes next. Those before it are found from the farthest place
/// from where decoding leads to it; a shorter one may be no instruction at all.
fn around(ram: &Ram, hart: &Hart) -> Vec<Instruction> {
    let at = |va| instruction(ram, translation(hart), va);
    let follow = |from: VirtAddr, count: usize| {
        let next = |last: &Instruction| at(last.va.wrapping_add(last.length.into()));
        core::iter::successors(at(from), next).take(count).collect::<Vec<_>>()
    };
    let pc = hart.pc();
    let leads_here = |back: &u64| -> Option<Vec<Instruction>> {
        let before = follow(VirtAddr::new(pc.get().checked_sub(*back)?), 8);
        let reaches = before.iter().position(|each| each.va == pc)?;
        Some(before[..reaches].to_vec())
    };
    let before = [16, 14, 12, 10, 8, 6, 4, 2].iter().find_map(leads_here).unwrap_or_default();
    before.into_iter().chain(follow(pc, 9)).collect()
}

/// The `satp` by which a hart fetches: in M-mode addresses are physical.
fn translation(hart: &Hart) -> u64 {
    if hart.mode() == Privilege::Machine { 0 } else { hart.satp() }
}

/// The hart whose event just happened; else the one whose turn it is.
fn moved_last(mut past: Stretch<'_>, step: u64, machine: &Machine) -> u32 {
    match past.next_back() {
        Some(event) if step <= event.step + 1 => event.hart,
        _ => u32::try_from(machine.whose_turn()).unwrap_or(0),
    }
}

/// Whether a hart of several waits for work, as those do that nobody has given any.
fn is_idle(hart: &Hart, harts: &[Hart]) -> bool {
    harts.len() > 1 && hart.is_waiting()
}

fn index(hart: u32) -> usize {
    usize::try_from(hart).unwrap_or(usize::MAX)
}

/// The root of the program that runs on a hart, or ran there last: that of its last trap from U-mode, or of the
/// process that the kernel has loaded or chosen there since.
fn followed(past: Stretch<'_>, number: u32, hart: &Hart) -> Option<PhysAddr> {
    if hart.mode() == Privilege::User {
        return root(hart.satp());
    }
    let telling = past.of_kinds(&[EventKind::Trap, EventKind::Process]);
    let last = telling.rev().filter(|event| event.hart == number).find_map(|event| match &event.what {
        What::Trap(trap) if event.mode == Privilege::User => root(trap.satp),
        What::Process { op: ProcessOp::Execed | ProcessOp::Switched, root, .. } if root.get() != 0 => {
            Some(*root)
        }
        _ => None,
    });
    last.or_else(|| root(hart.satp()))
}

fn root(satp: u64) -> Option<PhysAddr> {
    Root::of(satp).map(|root| root.frame.base())
}

/// The root at this address as `satp` named it; for Sv39 where it never did.
fn known(roots: &[RootName], addr: PhysAddr) -> Root {
    let named = roots.iter().find(|named| named.root == addr);
    Root { scheme: named.map_or(Scheme::Sv39, |named| named.scheme), frame: addr.page() }
}

/// Every page that a living process maps.
fn mapped(ram: &Ram, past: Stretch<'_>, roots: &[RootName]) -> Vec<Mapped> {
    let pages = |root: PhysAddr| {
        let small =
            page_table(ram, known(roots, root)).mappings().into_iter().filter(|mapping| mapping.level == 0);
        small.map(move |mapping| Mapped { root, va: mapping.va, pte: mapping.pte })
    };
    living(past).into_iter().flat_map(pages).collect()
}

/// The roots of the processes that live.
fn living(past: Stretch<'_>) -> Vec<PhysAddr> {
    let mut roots = BTreeMap::new();
    for event in past.of_kinds(&[EventKind::Process]) {
        match &event.what {
            What::Process { op: ProcessOp::Exited | ProcessOp::Killed, pid, .. } => drop(roots.remove(pid)),
            What::Process { pid, root, .. } if root.get() != 0 => drop(roots.insert(*pid, *root)),
            _ => {}
        }
    }
    roots.into_values().collect()
}

/// The kernel's name for the place where the hart stands, with how far inside it that is.
fn symbol(symbols: &Symbols, hart: &Hart) -> Option<String> {
    let found = symbols.lookup(hart.pc()).filter(|_| hart.mode() != Privilege::User);
    // Addresses that are no code of the kernel (the trampoline's) lie far above its last symbol.
    let (name, offset) = found.filter(|&(_, offset)| offset < 1 << 16)?;
    Some(format!("{:#} + {offset}", rustc_demangle::demangle(name)))
}

fn console(bytes: &[u8]) -> String {
    let start = bytes.len().saturating_sub(CONSOLE_BYTES);
    String::from_utf8_lossy(&bytes[start..]).into_owned()
}

/// The bytes of the frame that holds `address`; empty where there is no memory.
pub(super) fn frame(machine: &Machine, address: PhysAddr) -> Vec<u8> {
    memory(machine, address.page_down(), usize::try_from(PAGE_SIZE).unwrap_or(0))
}
