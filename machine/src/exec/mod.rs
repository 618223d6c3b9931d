//! Execution: the fast path through decoded blocks, and a slow path that can do everything.

mod arithmetic;
mod atomic;
mod bits;
mod fast;
mod fetch;
mod float;
mod memory;
mod reach;
mod system;
mod written;

use faultline_abi::{PhysAddr, Ppn, VirtAddr};

use self::{
    fast::{Done, Fast, Start, Stop},
    fetch::Fetched,
};
use crate::{
    bus::{Devices, ExitCode},
    clock::Clock,
    code::{CodeCache, Place},
    hart::Hart,
    insn::{Format, Insn, Length, Op},
    mmu::{
        tables::Tables,
        tlb::{For, Tlb},
    },
    observer::{Context, Observer, TrapInfo},
    ram::Ram,
    trap::{Cause, Exception},
};

/// Everything that the harts share.
#[derive(Debug)]
pub(crate) struct System<D> {
    pub(crate) ram: Ram,
    pub(crate) devices: D,
    pub(crate) code: CodeCache,
    pub(crate) tables: Tables,
    pub(crate) clock: Clock,
    /// The cycle from which on the interrupt lines have to be looked at again; 0 after anything but
    /// time may have changed them.
    pub(crate) lines_due: u64,
    pub(crate) exit: Option<ExitCode>,
    pub(crate) tohost: Option<PhysAddr>,
    pub(crate) fromhost: Option<PhysAddr>,
}

/// The harts that do nothing while another one is at work: those before it and those behind it.
pub(crate) struct Peers<'a> {
    pub(crate) harts: [&'a [Hart]; 2],
    pub(crate) tlbs: [&'a mut [Tlb]; 2],
}

/// A hart at work.
pub(crate) struct Cpu<'a, D, O> {
    pub(crate) hart: &'a mut Hart,
    pub(crate) tlb: &'a mut Tlb,
    pub(crate) peers: Peers<'a>,
    pub(crate) system: &'a mut System<D>,
    pub(crate) observer: &'a mut O,
    /// The fault about to be raised comes from the last walk.
    pub(crate) walk_failed: bool,
}

/// An instruction that cannot be completed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Fault {
    exception: Exception,
    tval: u64,
}

/// How to go on behind a completed instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Flow {
    /// With the next one: nothing that execution depends on has changed.
    Next,
    /// With the next one, after looking again at interrupts, translations and decoded code.
    Look,
    /// Where the instruction has set `pc`, after looking again at the same.
    Jump,
}

impl<D: Devices, O: Observer> Cpu<'_, D, O> {
    /// Makes at least one step and at most `left`, which must not be zero. Returns early where
    /// an interrupt may have to be taken or the observer wants to stop.
    pub(crate) fn advance(&mut self, mut left: u64) {
        let mut place = Place::default();
        let mut start = Start::Fresh;
        loop {
            let done = self.fast(left, start, &mut place);
            self.system.clock.instret += done.count;
            left -= done.count;
            let made = match done.stop {
                Stop::Budget => return,
                Stop::NotDecoded => match self.decode_at_pc() {
                    Ok(Fetched::Decoded) => {
                        // What the fetch reported belongs to the instruction that was fetched.
                        left = if self.wants_stop() { 1 } else { left };
                        start = Start::Fresh;
                        continue;
                    }
                    Ok(Fetched::Executed) => Ok(Flow::Look),
                    Err(fault) => Err(fault),
                },
                Stop::Slow => {
                    let (insn, length) = self.system.code.insn_at(&place);
                    self.slow(insn, length)
                }
            };
            left -= 1;
            start = self.go_on(made);
            if left == 0 || self.wants_stop() || start == Start::Fresh && self.must_look() {
                return;
            }
        }
    }

    /// Takes the trap that an instruction has led to, if any. Where to begin behind it.
    fn go_on(&mut self, made: Result<Flow, Fault>) -> Start {
        match made {
            Ok(Flow::Next) => Start::Behind,
            Ok(Flow::Look | Flow::Jump) => Start::Fresh,
            Err(fault) => {
                self.raise(fault);
                Start::Fresh
            }
        }
    }

    /// Whether something else comes before the next instruction.
    fn must_look(&self) -> bool {
        let system = &self.system;
        let due = system.clock.cycle() >= system.lines_due;
        due || system.exit.is_some() || self.hart.waiting || self.hart.interrupt().is_some()
    }

    fn fast(&mut self, left: u64, start: Start, place: &mut Place) -> Done {
        let fetch = self.tlb.select(self.hart.context(&self.hart.fetch_rules()), For::Fetches);
        let data = self.tlb.select(self.hart.context(&self.hart.data_rules()), For::Data);
        let mut fast = Fast {
            hart: self.hart,
            frames: self.system.ram.all_frames(),
            code: &self.system.code,
            fetch: self.tlb.set(fetch),
            data: self.tlb.set(data),
        };
        fast.run(left, start, place)
    }

    /// Executes the instruction at `pc` completely, whatever it is but plain arithmetic.
    fn slow(&mut self, insn: Insn, length: Length) -> Result<Flow, Fault> {
        let flow = match insn.op.format() {
            Format::Load => self.execute_load(insn),
            Format::Store => self.execute_store(insn),
            Format::Atomic | Format::LoadReserved => self.execute_atomic(insn),
            Format::Csr | Format::CsrImmediate => self.execute_csr(insn),
            format if format.is_float() => self.execute_float(insn),
            _ if insn.op == Op::CrossesPage => return self.execute_uncached().map(|()| Flow::Jump),
            _ => self.execute_system(insn),
        }?;
        self.retire(flow, length);
        Ok(flow)
    }

    fn retire(&mut self, flow: Flow, length: Length) {
        if flow != Flow::Jump {
            self.hart.pc = self.hart.pc.wrapping_add(length.bytes());
        }
        self.system.clock.instret += 1;
    }

    /// Does something to the cached translations of every hart.
    fn each_tlb(&mut self, change: impl Fn(&mut Tlb)) {
        change(self.tlb);
        self.peers.tlbs.iter_mut().flat_map(|tlbs| tlbs.iter_mut()).for_each(change);
    }

    /// Whether any hart translates through the tables below `root`.
    fn is_active(&self, root: Ppn) -> bool {
        let harts = self.peers.harts.iter().flat_map(|harts| harts.iter());
        harts.chain([&*self.hart]).any(|hart| hart.root().is_some_and(|active| active.frame == root))
    }

    fn wants_stop(&self) -> bool {
        O::ACTIVE && self.observer.stop()
    }

    /// Where the current instruction stands in the run.
    fn context(&self) -> Context {
        Context {
            instret: self.system.clock.instret,
            step: self.system.clock.step(),
            hart: self.hart.id,
            mode: self.hart.mode,
            pc: VirtAddr::new(self.hart.pc),
        }
    }

    fn raise(&mut self, fault: Fault) {
        self.trap(Cause::Exception(fault.exception), fault.tval);
        self.walk_failed = false;
    }

    /// Takes a trap: one step.
    pub(crate) fn trap(&mut self, cause: Cause, tval: u64) {
        let handler = self.hart.handler(cause);
        if O::ACTIVE {
            let trap = TrapInfo {
                cause,
                tval,
                epc: VirtAddr::new(self.hart.pc),
                satp: self.hart.csrs.satp,
                to: handler,
                walk: self.walk_failed.then_some(&self.tlb.walk),
            };
            self.observer.trap(&self.context(), &trap);
        }
        self.hart.take_trap(cause, handler, tval, self.hart.pc);
        self.system.clock.traps += 1;
    }
}

impl<D: Devices> System<D> {
    /// `mtime` as the guest sees it.
    pub(crate) fn mtime(&self) -> u64 {
        self.clock.mtime(self.devices.time_offset())
    }
}
