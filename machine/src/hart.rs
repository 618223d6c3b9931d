//! The architectural state of one hart.

use borsh::{BorshDeserialize, BorshSerialize};
use faultline_abi::{PhysAddr, VirtAddr, satp::Root};
use serde::{Deserialize, Serialize};

use crate::{
    bus::Width,
    csr::{Csrs, status},
    mmu::{
        tlb::Context,
        walk::{Rules, Update},
    },
    registers::Registers,
    trap::{Cause, Interrupt},
};

/// A privilege mode; ordered U < S < M.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    Hash,
    PartialOrd,
    Ord,
    Serialize,
    Deserialize,
    BorshSerialize,
    BorshDeserialize,
)]
#[borsh(use_discriminant = false)]
#[repr(u8)]
pub enum Privilege {
    /// User.
    #[serde(rename = "U")]
    User = 0,
    /// Supervisor.
    #[serde(rename = "S")]
    Supervisor = 1,
    /// Machine.
    #[serde(rename = "M")]
    Machine = 3,
}

impl Privilege {
    /// `U`, `S` or `M`.
    #[must_use]
    pub const fn letter(self) -> char {
        match self {
            Self::User => 'U',
            Self::Supervisor => 'S',
            Self::Machine => 'M',
        }
    }

    /// The mode in a two-bit field; the encoding that no mode has counts as U.
    const fn from_field(bits: u64) -> Self {
        match bits & 0b11 {
            1 => Self::Supervisor,
            3 => Self::Machine,
            _ => Self::User,
        }
    }
}

/// What becomes of a load or store that is not aligned to its size. Atomic ones always trap.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Misaligned {
    /// The hardware makes it, in memory; a device refuses it.
    #[default]
    Handled,
    /// It raises an address-misaligned exception, whatever the address leads to.
    Trapped,
}

/// What the harts of one machine may differ in from those of another.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Features {
    /// Who sets A and D. With [`Update::Hardware`] (Svadu) `menvcfg.ADUE` exists, set at reset; with
    /// [`Update::Fault`] (Svade) it does not.
    pub update: Update,
    /// What becomes of misaligned loads and stores.
    pub misaligned: Misaligned,
}

/// What LR reserved.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Reservation {
    pub(crate) pa: PhysAddr,
    pub(crate) width: Width,
}

/// One hart: registers, program counter, privilege, CSRs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hart {
    pub(crate) id: u32,
    pub(crate) x: Registers,
    /// `f0`…`f31`; a single-precision number has its upper half set ("NaN boxing").
    pub(crate) f: [u64; 32],
    pub(crate) pc: u64,
    pub(crate) mode: Privilege,
    pub(crate) csrs: Csrs,
    pub(crate) reservation: Option<Reservation>,
    /// It executed WFI and nothing has woken it yet.
    pub(crate) waiting: bool,
    pub(crate) features: Features,
    /// Instructions retired; counted only where there are several harts.
    pub(crate) retired: u64,
}

impl Hart {
    pub(crate) fn new(id: u32, pc: u64, features: Features) -> Self {
        Self {
            id,
            x: Registers::new(),
            f: [0; 32],
            pc,
            mode: Privilege::Machine,
            csrs: Csrs::at_reset(features),
            reservation: None,
            waiting: false,
            features,
            retired: 0,
        }
    }

    /// `x0`…`x31`.
    #[must_use]
    pub fn registers(&self) -> [u64; 32] {
        self.x.architectural()
    }

    /// `f0`…`f31`.
    #[must_use]
    pub fn float_registers(&self) -> [u64; 32] {
        self.f
    }

    /// Address of the next instruction.
    #[must_use]
    pub fn pc(&self) -> VirtAddr {
        VirtAddr::new(self.pc)
    }

    /// The current privilege.
    #[must_use]
    pub fn mode(&self) -> Privilege {
        self.mode
    }

    /// `satp`.
    #[must_use]
    pub fn satp(&self) -> u64 {
        self.csrs.satp
    }

    /// Control and status registers.
    #[must_use]
    pub fn csrs(&self) -> &Csrs {
        &self.csrs
    }

    /// Whether it executed WFI and nothing has woken it yet.
    #[must_use]
    pub fn is_waiting(&self) -> bool {
        self.waiting
    }

    /// The root page table that `satp` names, where it translates.
    pub(crate) fn root(&self) -> Option<Root> {
        Root::of(self.csrs.satp)
    }

    /// Who sets A and D now.
    fn update(&self) -> Update {
        if self.csrs.updates_marks() { Update::Hardware } else { Update::Fault }
    }

    /// The rules for fetches.
    pub(crate) fn fetch_rules(&self) -> Rules {
        Rules { privilege: self.mode, sum: false, mxr: false, update: self.update() }
    }

    /// The rules for loads and stores; MPRV lends them the privilege in MPP ("Memory Privilege in
    /// mstatus Register").
    pub(crate) fn data_rules(&self) -> Rules {
        let mstatus = self.csrs.mstatus;
        let privilege = if mstatus & status::MPRV != 0 {
            Privilege::from_field(mstatus >> status::MPP_SHIFT)
        } else {
            self.mode
        };
        let (sum, mxr) = (mstatus & status::SUM != 0, mstatus & status::MXR != 0);
        Rules { privilege, sum, mxr, update: self.update() }
    }

    /// The root that an access under these rules is translated with; `None` where addresses are
    /// physical.
    pub(crate) fn translating_root(&self, rules: &Rules) -> Option<Root> {
        if rules.privilege == Privilege::Machine { None } else { self.root() }
    }

    /// What a cached translation under these rules depends on.
    pub(crate) fn context(&self, rules: &Rules) -> Context {
        let tables = self.translating_root(rules).map_or(0, Root::satp);
        Context::new(tables, rules)
    }
}

/// Traps ("Trap handling": "Machine Trap Delegation Registers", "Privilege and Global
/// Interrupt-Enable Stack in mstatus register").
impl Hart {
    /// The privilege that handles `cause` if it happens now.
    pub(crate) fn handler(&self, cause: Cause) -> Privilege {
        let delegated = match cause {
            Cause::Exception(exception) => self.csrs.medeleg >> exception.code() & 1 != 0,
            Cause::Interrupt(interrupt) => self.csrs.mideleg & interrupt.bit() != 0,
        };
        if delegated && self.mode <= Privilege::Supervisor {
            Privilege::Supervisor
        } else {
            Privilege::Machine
        }
    }

    /// The interrupt to take now, if any. Those that M-mode handles come before those that S-mode
    /// handles, whatever their number.
    pub(crate) fn interrupt(&self) -> Option<Interrupt> {
        let pending = self.csrs.pending() & self.csrs.mie;
        if pending == 0 {
            return None;
        }
        let to_machine = pending & !self.csrs.mideleg;
        let to_supervisor = pending & self.csrs.mideleg;
        self.first_open(to_machine, Privilege::Machine, status::MIE)
            .or_else(|| self.first_open(to_supervisor, Privilege::Supervisor, status::SIE))
    }

    /// Whether it can go on: it does not wait, or an enabled interrupt is pending.
    pub(crate) fn is_awake(&self) -> bool {
        !self.waiting || self.csrs.pending() & self.csrs.mie != 0
    }

    /// The most urgent of `pending` if its handler's privilege accepts interrupts now.
    fn first_open(&self, pending: u64, handler: Privilege, enable: u64) -> Option<Interrupt> {
        let open = self.mode < handler || self.mode == handler && self.csrs.mstatus & enable != 0;
        let mut urgent = Interrupt::BY_PRIORITY.into_iter();
        if open { urgent.find(|interrupt| pending & interrupt.bit() != 0) } else { None }
    }

    /// The one place where a trap changes the hart: it goes on in `handler`.
    pub(crate) fn take_trap(&mut self, cause: Cause, handler: Privilege, tval: u64, epc: u64) {
        self.reservation = None;
        self.waiting = false;
        let csrs = &mut self.csrs;
        let vector = if handler == Privilege::Machine {
            csrs.mstatus = stack_machine(csrs.mstatus, self.mode);
            (csrs.mcause, csrs.mtval, csrs.mepc) = (cause.code(), tval, epc);
            csrs.mtvec
        } else {
            csrs.mstatus = stack_supervisor(csrs.mstatus, self.mode);
            (csrs.scause, csrs.stval, csrs.sepc) = (cause.code(), tval, epc);
            csrs.stvec
        };
        self.mode = handler;
        self.pc = entry_point(vector, cause);
    }

    /// `mret`: back to MPP. Returns that privilege.
    pub(crate) fn return_from_machine(&mut self) -> Privilege {
        let old = self.csrs.mstatus;
        let to = Privilege::from_field(old >> status::MPP_SHIFT);
        let enable = if old & status::MPIE != 0 { status::MIE } else { 0 };
        let kept = old & !(status::MIE | status::MPP) | status::MPIE;
        self.go_back(kept | enable, to, self.csrs.mepc);
        to
    }

    /// `sret`: back to SPP. Returns that privilege.
    pub(crate) fn return_from_supervisor(&mut self) -> Privilege {
        let old = self.csrs.mstatus;
        let to = if old & status::SPP != 0 { Privilege::Supervisor } else { Privilege::User };
        let enable = if old & status::SPIE != 0 { status::SIE } else { 0 };
        let kept = old & !(status::SIE | status::SPP) | status::SPIE;
        self.go_back(kept | enable, to, self.csrs.sepc);
        to
    }

    /// Leaving M-mode clears MPRV, so that it never lends a privilege to S- or U-mode.
    fn go_back(&mut self, mstatus: u64, to: Privilege, pc: u64) {
        self.reservation = None;
        let cleared = if to == Privilege::Machine { 0 } else { status::MPRV };
        self.csrs.mstatus = mstatus & !cleared;
        self.mode = to;
        self.pc = pc;
    }
}

/// MPIE takes MIE, MIE is cleared, MPP takes the privilege that was interrupted.
const fn stack_machine(mstatus: u64, from: Privilege) -> u64 {
    let previous = if mstatus & status::MIE != 0 { status::MPIE } else { 0 };
    mstatus & !(status::MIE | status::MPIE | status::MPP) | previous | (from as u64) << status::MPP_SHIFT
}

/// SPIE takes SIE, SIE is cleared, SPP takes the privilege that was interrupted.
const fn stack_supervisor(mstatus: u64, from: Privilege) -> u64 {
    let previous = if mstatus & status::SIE != 0 { status::SPIE } else { 0 };
    let from = if matches!(from, Privilege::User) { 0 } else { status::SPP };
    mstatus & !(status::SIE | status::SPIE | status::SPP) | previous | from
}

/// Where a handler begins: vectored mode spreads interrupts, never exceptions.
const fn entry_point(vector: u64, cause: Cause) -> u64 {
    let base = vector & !0b11;
    match cause {
        Cause::Interrupt(interrupt) if vector & 0b11 == 1 => base.wrapping_add(4 * interrupt.code()),
        _ => base,
    }
}
