//! Control and status registers: who may touch them, what they read as, and what a write leaves in
//! them (privileged specification, "Control and Status Registers (CSRs)" and the chapters on M- and
//! S-mode CSRs). The three are separate functions.

use crate::{
    bus::line,
    counter::{Counter, Counting},
    hart::{Features, Hart, Privilege},
    insn::{Insn, Op},
    mmu::walk::Update,
    trap::Interrupt,
};
use faultline_abi::{satp::Root, sv39};

/// The numbers of the CSRs that exist.
#[allow(missing_docs, reason = "each is named like the register")]
pub mod number {
    pub const FFLAGS: u16 = 0x001;
    pub const FRM: u16 = 0x002;
    pub const FCSR: u16 = 0x003;
    pub const CYCLE: u16 = 0xc00;
    pub const TIME: u16 = 0xc01;
    pub const INSTRET: u16 = 0xc02;
    pub const HPMCOUNTER3: u16 = 0xc03;
    pub const HPMCOUNTER31: u16 = 0xc1f;

    pub const SSTATUS: u16 = 0x100;
    pub const SIE: u16 = 0x104;
    pub const STVEC: u16 = 0x105;
    pub const SCOUNTEREN: u16 = 0x106;
    pub const SENVCFG: u16 = 0x10a;
    pub const SSCRATCH: u16 = 0x140;
    pub const SEPC: u16 = 0x141;
    pub const SCAUSE: u16 = 0x142;
    pub const STVAL: u16 = 0x143;
    pub const SIP: u16 = 0x144;
    pub const STIMECMP: u16 = 0x14d;
    pub const SATP: u16 = 0x180;

    pub const MVENDORID: u16 = 0xf11;
    pub const MARCHID: u16 = 0xf12;
    pub const MIMPID: u16 = 0xf13;
    pub const MHARTID: u16 = 0xf14;
    pub const MCONFIGPTR: u16 = 0xf15;
    pub const MSTATUS: u16 = 0x300;
    pub const MISA: u16 = 0x301;
    pub const MEDELEG: u16 = 0x302;
    pub const MIDELEG: u16 = 0x303;
    pub const MIE: u16 = 0x304;
    pub const MTVEC: u16 = 0x305;
    pub const MCOUNTEREN: u16 = 0x306;
    pub const MENVCFG: u16 = 0x30a;
    pub const MCOUNTINHIBIT: u16 = 0x320;
    pub const MHPMEVENT3: u16 = 0x323;
    pub const MHPMEVENT31: u16 = 0x33f;
    pub const MSCRATCH: u16 = 0x340;
    pub const MEPC: u16 = 0x341;
    pub const MCAUSE: u16 = 0x342;
    pub const MTVAL: u16 = 0x343;
    pub const MIP: u16 = 0x344;
    pub const PMPCFG0: u16 = 0x3a0;
    pub const PMPCFG2: u16 = 0x3a2;
    pub const PMPADDR0: u16 = 0x3b0;
    pub const PMPADDR15: u16 = 0x3bf;
    pub const TSELECT: u16 = 0x7a0;
    pub const TDATA1: u16 = 0x7a1;
    pub const TDATA2: u16 = 0x7a2;
    pub const TDATA3: u16 = 0x7a3;
    pub const MCYCLE: u16 = 0xb00;
    pub const MINSTRET: u16 = 0xb02;
    pub const MHPMCOUNTER3: u16 = 0xb03;
    pub const MHPMCOUNTER31: u16 = 0xb1f;
}

/// Bits of `mstatus`.
#[allow(missing_docs, reason = "each is named like the field")]
pub mod status {
    pub const SIE: u64 = 1 << 1;
    pub const MIE: u64 = 1 << 3;
    pub const SPIE: u64 = 1 << 5;
    pub const MPIE: u64 = 1 << 7;
    pub const SPP: u64 = 1 << 8;
    pub const MPP_SHIFT: u32 = 11;
    pub const MPP: u64 = 0b11 << MPP_SHIFT;
    /// State of the floating-point unit: off, initial, clean, dirty.
    pub const FS: u64 = 0b11 << 13;
    pub const MPRV: u64 = 1 << 17;
    pub const SUM: u64 = 1 << 18;
    pub const MXR: u64 = 1 << 19;
    pub const TVM: u64 = 1 << 20;
    pub const TW: u64 = 1 << 21;
    pub const TSR: u64 = 1 << 22;
    /// Some state is dirty; follows from FS.
    pub const SD: u64 = 1 << 63;
    /// UXL and SXL, both fixed to 64 bits.
    pub const XL: u64 = 0b1010 << 32;

    /// What a write to `mstatus` can change; MPP is legalized beside it.
    pub(super) const WRITABLE: u64 = SIE | MIE | SPIE | MPIE | SPP | FS | MPRV | SUM | MXR | TVM | TW | TSR;
    /// The part of `mstatus` that `sstatus` shows and changes.
    pub(super) const SUPERVISOR: u64 = SIE | SPIE | SPP | FS | SUM | MXR;
    /// UXL, shown in `sstatus`.
    pub(super) const UXL: u64 = 0b10 << 32;
}

/// `misa`: RV64 with A, B, C, D, F, I, M, S and U. Not writable.
pub const MISA: u64 = 2 << 62 | letters("ABCDFIMSU");

/// `menvcfg.STCE`: `stimecmp` exists for S-mode and drives `mip.STIP`.
pub(crate) const MENVCFG_STCE: u64 = 1 << 63;
/// `menvcfg.ADUE`: the hardware sets A and D.
pub(crate) const MENVCFG_ADUE: u64 = 1 << 61;
/// `menvcfg.FIOM` and `senvcfg.FIOM`: fences order memory and devices; they always do here.
const ENVCFG_FIOM: u64 = 1;

/// `mcountinhibit.CY` and `.IR`.
const INHIBIT_CYCLE: u64 = 1 << 0;
const INHIBIT_INSTRET: u64 = 1 << 2;

/// The accrued exception flags in `fcsr`.
const FFLAGS: u64 = 0x1f;
/// Where the rounding mode stands in `fcsr`.
const FRM_SHIFT: u32 = 5;

/// Exceptions that can be delegated: all that exist but the call from M-mode.
const DELEGABLE: u64 = 0xb3ff;
/// Interrupts that can be delegated: those of S-mode.
const SUPERVISOR_INTERRUPTS: u64 = Interrupt::SupervisorSoftware.bit()
    | Interrupt::SupervisorTimer.bit()
    | Interrupt::SupervisorExternal.bit();
const ALL_INTERRUPTS: u64 = SUPERVISOR_INTERRUPTS
    | Interrupt::MachineSoftware.bit()
    | Interrupt::MachineTimer.bit()
    | Interrupt::MachineExternal.bit();
/// Counters that `mcounteren` and `scounteren` can open: all 32.
const COUNTERS: u64 = 0xffff_ffff;

const fn letters(letters: &str) -> u64 {
    let (mut bits, mut index) = (0, 0);
    while index < letters.len() {
        bits |= 1 << (letters.as_bytes()[index] - b'A');
        index += 1;
    }
    bits
}

/// The CSRs of a hart that hold something; each is named like the register.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[allow(missing_docs, reason = "each is named like the register")]
pub struct Csrs {
    pub mstatus: u64,
    pub medeleg: u64,
    pub mideleg: u64,
    pub mie: u64,
    /// The bits of `mip` that software wrote. What devices and timers drive is in `lines`.
    pub mip: u64,
    /// The bits of `mip` that devices and timers drive.
    pub lines: u64,
    pub mtvec: u64,
    pub mcounteren: u64,
    pub menvcfg: u64,
    pub mscratch: u64,
    pub mepc: u64,
    pub mcause: u64,
    pub mtval: u64,
    pub stvec: u64,
    pub scounteren: u64,
    pub senvcfg: u64,
    pub sscratch: u64,
    pub sepc: u64,
    pub scause: u64,
    pub stval: u64,
    pub stimecmp: u64,
    pub satp: u64,
    /// `frm` in bits 7:5, `fflags` below.
    pub fcsr: u64,
    pub mcycle: Counter,
    pub minstret: Counter,
    pub pmp: crate::mmu::pmp::Pmp,
}

impl Csrs {
    pub(crate) fn at_reset(features: Features) -> Self {
        let menvcfg = if features.update == Update::Hardware { MENVCFG_ADUE } else { 0 };
        Self { mstatus: status::XL, menvcfg, stimecmp: u64::MAX, ..Self::default() }
    }

    /// `mip` as it reads.
    #[must_use]
    pub fn pending(&self) -> u64 {
        self.mip | self.lines
    }

    /// The dynamic rounding mode, `frm`.
    pub(crate) fn rounding(&self) -> u64 {
        self.fcsr >> FRM_SHIFT
    }

    /// Whether the hardware sets A and D.
    pub(crate) fn updates_marks(&self) -> bool {
        self.menvcfg & MENVCFG_ADUE != 0
    }

    /// Whether `stimecmp` drives `mip.STIP`.
    pub(crate) fn has_supervisor_timer(&self) -> bool {
        self.menvcfg & MENVCFG_STCE != 0
    }
}

/// The access is not allowed, or there is no such register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct IllegalCsr;

/// Whether an instruction writes the register or only reads it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Use {
    Read,
    Write,
}

/// The clocks that counters read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Clocks {
    /// Instructions retired before this one.
    pub(crate) instret: u64,
    /// Cycles of the machine's clock.
    pub(crate) cycle: u64,
    /// `mtime`.
    pub(crate) time: u64,
}

/// What a write changed beyond the register.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Written {
    /// Nothing that anything else depends on.
    Quiet,
    /// Interrupts or translation may have changed.
    Control,
    /// A timer's line may have changed.
    Timer,
    /// `satp` was written.
    Satp { old: u64 },
    /// Physical memory protection was written.
    Protection,
}

/// Whether the hart may use CSR `csr` in this way now.
///
/// # Errors
/// Where the register is above its privilege, is read-only and would be written, or is closed by
/// TVM, `mcounteren`, `scounteren` or `menvcfg.STCE`.
pub(crate) fn check(hart: &Hart, csr: u16, usage: Use) -> Result<(), IllegalCsr> {
    let needed = csr >> 8 & 0b11;
    let read_only = csr >> 10 == 0b11;
    let open = match csr {
        number::SATP => !(hart.mode == Privilege::Supervisor && hart.csrs.mstatus & status::TVM != 0),
        number::CYCLE..=number::HPMCOUNTER31 => counter_open(hart, csr - number::CYCLE),
        number::STIMECMP => supervisor_timer_open(hart),
        number::FFLAGS..=number::FCSR => hart.csrs.mstatus & status::FS != 0,
        _ => true,
    };
    let privileged = hart.mode as u16 >= needed;
    if privileged && open && !(read_only && usage == Use::Write) { Ok(()) } else { Err(IllegalCsr) }
}

fn counter_open(hart: &Hart, counter: u16) -> bool {
    let (m, s) = (hart.csrs.mcounteren >> counter & 1 != 0, hart.csrs.scounteren >> counter & 1 != 0);
    match hart.mode {
        Privilege::Machine => true,
        Privilege::Supervisor => m,
        Privilege::User => m && s,
    }
}

/// ("Sstc" Extension, "Machine Counter-Enable Register")
fn supervisor_timer_open(hart: &Hart) -> bool {
    let tm = hart.csrs.mcounteren >> (number::TIME - number::CYCLE) & 1 != 0;
    hart.mode == Privilege::Machine || hart.csrs.has_supervisor_timer() && tm
}

/// What CSR `csr` reads as.
///
/// # Errors
/// Where there is no such register.
pub(crate) fn read(hart: &Hart, csr: u16, clocks: &Clocks) -> Result<u64, IllegalCsr> {
    let csrs = &hart.csrs;
    Ok(match csr {
        number::CYCLE | number::MCYCLE => csrs.mcycle.value(clocks.cycle),
        number::TIME => clocks.time,
        number::MCOUNTINHIBIT => inhibited(csrs),
        number::INSTRET | number::MINSTRET => csrs.minstret.value(clocks.instret),
        number::FFLAGS => csrs.fcsr & FFLAGS,
        number::FRM => csrs.fcsr >> FRM_SHIFT,
        number::FCSR => csrs.fcsr,
        number::SSTATUS => with_dirty(csrs.mstatus) & (status::SUPERVISOR | status::SD) | status::UXL,
        number::SIE => csrs.mie & csrs.mideleg,
        number::STVEC => csrs.stvec,
        number::SCOUNTEREN => csrs.scounteren,
        number::SENVCFG => csrs.senvcfg,
        number::SSCRATCH => csrs.sscratch,
        number::SEPC => csrs.sepc,
        number::SCAUSE => csrs.scause,
        number::STVAL => csrs.stval,
        number::SIP => csrs.pending() & csrs.mideleg,
        number::STIMECMP => csrs.stimecmp,
        number::SATP => csrs.satp,
        number::MHARTID => hart.id.into(),
        number::MSTATUS => with_dirty(csrs.mstatus),
        number::MISA => MISA,
        number::MEDELEG => csrs.medeleg,
        number::MIDELEG => csrs.mideleg,
        number::MIE => csrs.mie,
        number::MTVEC => csrs.mtvec,
        number::MCOUNTEREN => csrs.mcounteren,
        number::MENVCFG => csrs.menvcfg,
        number::MSCRATCH => csrs.mscratch,
        number::MEPC => csrs.mepc,
        number::MCAUSE => csrs.mcause,
        number::MTVAL => csrs.mtval,
        number::MIP => csrs.pending(),
        number::PMPCFG0 => csrs.pmp.config(0),
        number::PMPCFG2 => csrs.pmp.config(1),
        number::PMPADDR0..=number::PMPADDR15 => csrs.pmp.address((csr - number::PMPADDR0).into()),
        _ if reads_zero(csr) => 0,
        _ => return Err(IllegalCsr),
    })
}

/// `mcountinhibit`: time cannot be stopped, and the other counters stand anyway.
fn inhibited(csrs: &Csrs) -> u64 {
    let bit = |counter: &Counter, bit| if counter.counting() == Counting::Stands { bit } else { 0 };
    bit(&csrs.mcycle, INHIBIT_CYCLE) | bit(&csrs.minstret, INHIBIT_INSTRET)
}

/// A CSR instruction on a register that handlers use all the time and that nothing else depends on, or
/// that only reads one which needs no clock; whether it was done. If not, nothing has changed.
#[inline(never)]
pub(crate) fn at_once(hart: &mut Hart, insn: Insn) -> bool {
    let csr = u16::try_from(insn.imm).unwrap_or(0);
    if (hart.mode as u16) < csr >> 8 & 0b11 {
        return false;
    }
    let csrs = &mut hart.csrs;
    let (register, legal) = match csr {
        number::SSCRATCH => (&mut csrs.sscratch, u64::MAX),
        number::SEPC => (&mut csrs.sepc, !1),
        number::SCAUSE => (&mut csrs.scause, u64::MAX),
        number::STVAL => (&mut csrs.stval, u64::MAX),
        number::MSCRATCH => (&mut csrs.mscratch, u64::MAX),
        number::MEPC => (&mut csrs.mepc, !1),
        number::MCAUSE => (&mut csrs.mcause, u64::MAX),
        number::MTVAL => (&mut csrs.mtval, u64::MAX),
        number::SSTATUS | number::MSTATUS | number::MHARTID => return read_at_once(hart, csr, insn),
        _ => return false,
    };
    let (old, operand) = (*register, hart.x[insn.rs1]);
    let new = match insn.op {
        Op::Csrrw => operand,
        Op::Csrrs => old | operand,
        Op::Csrrc => old & !operand,
        Op::Csrrwi => insn.rs1.into(),
        Op::Csrrsi => old | u64::from(insn.rs1),
        _ => old & !u64::from(insn.rs1),
    };
    *register = new & legal;
    hart.x[insn.rd] = old;
    true
}

fn read_at_once(hart: &mut Hart, csr: u16, insn: Insn) -> bool {
    let reads = insn.rs1 == 0 && !matches!(insn.op, Op::Csrrw | Op::Csrrwi);
    match read(hart, csr, &Clocks { instret: 0, cycle: 0, time: 0 }) {
        Ok(value) if reads => {
            hart.x[insn.rd] = value;
            true
        }
        _ => false,
    }
}

/// Registers that exist, read as zero and ignore writes. Those of the trigger module say that way that
/// there is no trigger ("Sdtrig" ISA Extension, "Enumeration").
const fn reads_zero(csr: u16) -> bool {
    matches!(
        csr,
        number::MVENDORID
            | number::MARCHID
            | number::MIMPID
            | number::MCONFIGPTR
            | number::TSELECT..=number::TDATA3
            | number::HPMCOUNTER3..=number::HPMCOUNTER31
            | number::MHPMCOUNTER3..=number::MHPMCOUNTER31
            | number::MHPMEVENT3..=number::MHPMEVENT31
    )
}

/// The value that a read-modify-write of CSR `csr` starts from. It differs from what the register
/// reads as in `mip.SEIP`, of which only the part that software wrote is modified
/// ("Machine Interrupt (mip and mie) Registers").
pub(crate) fn read_to_modify(hart: &Hart, csr: u16, value: u64) -> u64 {
    if csr == number::MIP { value & !line::SEIP | hart.csrs.mip & line::SEIP } else { value }
}

/// Writes CSR `csr`, keeping only what is legal.
///
/// # Errors
/// Where there is no such register.
pub(crate) fn write(hart: &mut Hart, csr: u16, value: u64, clocks: &Clocks) -> Result<Written, IllegalCsr> {
    let csrs = &mut hart.csrs;
    match csr {
        number::MSTATUS => csrs.mstatus = legal_mstatus(csrs.mstatus, value),
        number::SSTATUS => csrs.mstatus = merge(csrs.mstatus, value, status::SUPERVISOR),
        number::MIE => csrs.mie = value & ALL_INTERRUPTS,
        number::SIE => csrs.mie = merge(csrs.mie, value, csrs.mideleg),
        number::MIP => csrs.mip = merge(csrs.mip, value, writable_mip(csrs)),
        number::SIP => {
            csrs.mip = merge(csrs.mip, value, csrs.mideleg & Interrupt::SupervisorSoftware.bit());
        }
        number::MEDELEG => csrs.medeleg = value & DELEGABLE,
        number::MIDELEG => csrs.mideleg = value & SUPERVISOR_INTERRUPTS,
        number::MENVCFG => {
            set_menvcfg(csrs, value, hart.features);
            return Ok(Written::Timer);
        }
        number::STIMECMP => {
            csrs.stimecmp = value;
            return Ok(Written::Timer);
        }
        number::SATP => return Ok(write_satp(csrs, value)),
        number::PMPCFG0 | number::PMPCFG2 => {
            csrs.pmp.set_config(usize::from(csr == number::PMPCFG2), value);
            return Ok(Written::Protection);
        }
        number::FFLAGS..=number::FCSR => write_float(csrs, csr, value),
        number::PMPADDR0..=number::PMPADDR15 => {
            csrs.pmp.set_address((csr - number::PMPADDR0).into(), value);
            return Ok(Written::Protection);
        }
        _ => return write_quiet(csrs, csr, value, clocks),
    }
    Ok(Written::Control)
}

/// Writes one of the registers that nothing else depends on.
fn write_quiet(csrs: &mut Csrs, csr: u16, value: u64, clocks: &Clocks) -> Result<Written, IllegalCsr> {
    match csr {
        number::MTVEC => csrs.mtvec = legal_tvec(csrs.mtvec, value),
        number::STVEC => csrs.stvec = legal_tvec(csrs.stvec, value),
        number::MEPC => csrs.mepc = value & !1,
        number::SEPC => csrs.sepc = value & !1,
        number::MSCRATCH => csrs.mscratch = value,
        number::SSCRATCH => csrs.sscratch = value,
        number::MCAUSE => csrs.mcause = value,
        number::SCAUSE => csrs.scause = value,
        number::MTVAL => csrs.mtval = value,
        number::STVAL => csrs.stval = value,
        number::MCOUNTEREN => csrs.mcounteren = value & COUNTERS,
        number::SCOUNTEREN => csrs.scounteren = value & COUNTERS,
        number::SENVCFG => csrs.senvcfg = value & ENVCFG_FIOM,
        number::MCYCLE => csrs.mcycle.write(value, clocks.cycle),
        number::MINSTRET => csrs.minstret.write(value, clocks.instret),
        number::MCOUNTINHIBIT => {
            let counting = |bit| if value & bit != 0 { Counting::Stands } else { Counting::Runs };
            csrs.mcycle.set(counting(INHIBIT_CYCLE), clocks.cycle);
            csrs.minstret.set(counting(INHIBIT_INSTRET), clocks.instret);
        }
        number::MISA => {}
        _ if reads_zero(csr) => {}
        _ => return Err(IllegalCsr),
    }
    Ok(Written::Quiet)
}

/// Whatever is written, the floating-point state is dirty from here on.
fn write_float(csrs: &mut Csrs, csr: u16, value: u64) {
    csrs.fcsr = match csr {
        number::FFLAGS => merge(csrs.fcsr, value, FFLAGS),
        number::FRM => merge(csrs.fcsr, value << FRM_SHIFT, 0b111 << FRM_SHIFT),
        _ => value & 0xff,
    };
    csrs.mstatus |= status::FS;
}

/// `mstatus` as it reads: SD says that FS is dirty.
const fn with_dirty(mstatus: u64) -> u64 {
    if mstatus & status::FS == status::FS { mstatus | status::SD } else { mstatus }
}

/// `old` with the bits under `mask` taken from `new`.
const fn merge(old: u64, new: u64, mask: u64) -> u64 {
    old & !mask | new & mask
}

/// MPP holds U, S or M; a write of the fourth value keeps the old one.
const fn legal_mstatus(old: u64, value: u64) -> u64 {
    let reserved = value & status::MPP == 0b10 << status::MPP_SHIFT;
    let mask = if reserved { status::WRITABLE } else { status::WRITABLE | status::MPP };
    merge(old, value, mask)
}

/// Direct (0) and vectored (1) exist; a write of another mode is ignored.
const fn legal_tvec(old: u64, value: u64) -> u64 {
    if value & 0b10 == 0 { value } else { old }
}

/// Under Sstc `mip.STIP` belongs to the comparator.
fn writable_mip(csrs: &Csrs) -> u64 {
    if csrs.has_supervisor_timer() {
        SUPERVISOR_INTERRUPTS & !Interrupt::SupervisorTimer.bit()
    } else {
        SUPERVISOR_INTERRUPTS
    }
}

fn set_menvcfg(csrs: &mut Csrs, value: u64, features: Features) {
    let updates = if features.update == Update::Hardware { MENVCFG_ADUE } else { 0 };
    csrs.menvcfg = value & (MENVCFG_STCE | ENVCFG_FIOM | updates);
    if csrs.has_supervisor_timer() {
        csrs.mip &= !Interrupt::SupervisorTimer.bit();
    }
}

/// A write with an unsupported MODE has no effect at all ("Supervisor Address Translation and
/// Protection (satp) Register").
fn write_satp(csrs: &mut Csrs, value: u64) -> Written {
    let old = csrs.satp;
    if value >> 60 == sv39::SATP_BARE || Root::of(value).is_some() {
        csrs.satp = value;
    }
    Written::Satp { old }
}
