//! The disassembler: instructions as GNU objdump writes them, pseudo-instructions included.

mod float;

use core::fmt;

use faultline_abi::VirtAddr;

use crate::{
    csr::number as csr,
    insn::{Format, Insn, Op},
};

/// The ABI names of `x0`…`x31`.
pub const REGISTER_NAMES: [&str; 32] = [
    "zero", "ra", "sp", "gp", "tp", "t0", "t1", "t2", "s0", "s1", "a0", "a1", "a2", "a3", "a4", "a5", "a6",
    "a7", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "t3", "t4", "t5", "t6",
];

const ZERO: u8 = 0;
const RA: u8 = 1;

/// The name of a register by its number, which counts modulo 32.
fn name(register: u8) -> &'static str {
    REGISTER_NAMES[usize::from(register % 32)]
}

/// The text of the instruction that stands at `pc`.
#[must_use]
pub fn text(insn: Insn, pc: VirtAddr) -> impl fmt::Display {
    Text { insn, pc }
}

#[derive(Clone, Copy, Debug)]
struct Text {
    insn: Insn,
    pc: VirtAddr,
}

impl fmt::Display for Text {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.insn.op.format().is_float() {
            self.float(f)
        } else if self.pseudo(f)? {
            Ok(())
        } else {
            self.plain(f)
        }
    }
}

impl Text {
    /// Writes the instruction by the name of a special case of it; `false` where it has none.
    fn pseudo(&self, f: &mut fmt::Formatter<'_>) -> Result<bool, fmt::Error> {
        let Insn { op, rd, rs1, rs2, imm } = self.insn;
        let (d, s1, s2) = (name(rd), name(rs1), name(rs2));
        match (op, rd, rs1, rs2, imm) {
            (Op::Addi, ZERO, ZERO, _, 0) => write!(f, "nop"),
            (Op::Addi, _, ZERO, _, _) => write!(f, "li {d},{imm}"),
            (Op::Addi, _, _, _, 0) => write!(f, "mv {d},{s1}"),
            (Op::Add, _, ZERO, _, _) => write!(f, "mv {d},{s2}"),
            (Op::Addiw, _, _, _, 0) => write!(f, "sext.w {d},{s1}"),
            (Op::Xori, _, _, _, -1) => write!(f, "not {d},{s1}"),
            (Op::Andi, _, _, _, 255) => write!(f, "zext.b {d},{s1}"),
            (Op::Sltiu, _, _, _, 1) => write!(f, "seqz {d},{s1}"),
            (Op::AddUw, _, _, ZERO, _) => write!(f, "zext.w {d},{s1}"),
            (Op::Sub, _, ZERO, _, _) => write!(f, "neg {d},{s2}"),
            (Op::Subw, _, ZERO, _, _) => write!(f, "negw {d},{s2}"),
            (Op::Sltu, _, ZERO, _, _) => write!(f, "snez {d},{s2}"),
            (Op::Slt, _, _, ZERO, _) => write!(f, "sltz {d},{s1}"),
            (Op::Slt, _, ZERO, _, _) => write!(f, "sgtz {d},{s2}"),
            (Op::Beq | Op::Bne, _, _, ZERO, _) => write!(f, "{}z {s1},{}", op.name(), self.target()),
            (Op::Bge, _, ZERO, _, _) => write!(f, "blez {s2},{}", self.target()),
            (Op::Blt | Op::Bge, _, _, ZERO, _) => write!(f, "{}z {s1},{}", op.name(), self.target()),
            (Op::Blt, _, ZERO, _, _) => write!(f, "bgtz {s2},{}", self.target()),
            (Op::Jal, ZERO, _, _, _) => write!(f, "j {}", self.target()),
            (Op::Jal, RA, _, _, _) => write!(f, "jal {}", self.target()),
            (Op::Jalr, ZERO, RA, _, 0) => write!(f, "ret"),
            (Op::Jalr, ZERO, _, _, 0) => write!(f, "jr {s1}"),
            (Op::Jalr, ZERO, _, _, _) => write!(f, "jr {imm}({s1})"),
            (Op::Jalr, RA, _, _, 0) => write!(f, "jalr {s1}"),
            (Op::Jalr, RA, _, _, _) => write!(f, "jalr {imm}({s1})"),
            (Op::Jalr, _, _, _, 0) => write!(f, "jalr {d},{s1}"),
            (Op::Fence, _, _, _, 0xff) => write!(f, "fence"),
            (Op::Fence, _, _, _, 0x833) => write!(f, "fence.tso"),
            (Op::SfenceVma, _, ZERO, ZERO, _) => write!(f, "sfence.vma"),
            (Op::SfenceVma, _, _, ZERO, _) => write!(f, "sfence.vma {s1}"),
            _ => return self.csr_pseudo(f),
        }
        .map(|()| true)
    }

    fn csr_pseudo(&self, f: &mut fmt::Formatter<'_>) -> Result<bool, fmt::Error> {
        let Insn { op, rd, rs1, imm, .. } = self.insn;
        let (d, s1, csr) = (name(rd), name(rs1), CsrName(imm));
        match (op, rd, rs1, float_csr(imm)) {
            // A write to a register that cannot be written: what assemblers call an unimplemented instruction.
            (Op::Csrrw, ZERO, ZERO, _) if imm == i32::from(csr::CYCLE) => {
                return write!(f, "unimp").map(|()| true);
            }
            (Op::Csrrwi, ZERO, _, Some(short @ ("flags" | "rm"))) => {
                return write!(f, "fs{short}i {rs1}").map(|()| true);
            }
            (Op::Csrrwi, _, _, Some(short @ ("flags" | "rm"))) => {
                return write!(f, "fs{short}i {d},{rs1}").map(|()| true);
            }
            (Op::Csrrs, _, ZERO, Some(short)) => return write!(f, "fr{short} {d}").map(|()| true),
            (Op::Csrrw, ZERO, _, Some(short)) => return write!(f, "fs{short} {s1}").map(|()| true),
            (Op::Csrrw, _, _, Some(short)) => return write!(f, "fs{short} {d},{s1}").map(|()| true),
            _ => {}
        }
        match (op, rd, rs1) {
            (Op::Csrrs, _, ZERO) if is_counter(imm) => write!(f, "rd{csr} {d}"),
            (Op::Csrrs, _, ZERO) => write!(f, "csrr {d},{csr}"),
            (Op::Csrrw, ZERO, _) => write!(f, "csrw {csr},{s1}"),
            (Op::Csrrs, ZERO, _) => write!(f, "csrs {csr},{s1}"),
            (Op::Csrrc, ZERO, _) => write!(f, "csrc {csr},{s1}"),
            (Op::Csrrwi, ZERO, _) => write!(f, "csrwi {csr},{rs1}"),
            (Op::Csrrsi, ZERO, _) => write!(f, "csrsi {csr},{rs1}"),
            (Op::Csrrci, ZERO, _) => write!(f, "csrci {csr},{rs1}"),
            _ => return Ok(false),
        }
        .map(|()| true)
    }

    fn plain(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Insn { op, rd, rs1, rs2, imm } = self.insn;
        let (d, s1, s2) = (name(rd), name(rs1), name(rs2));
        write!(f, "{}", op.name())?;
        match op.format() {
            Format::Upper => write!(f, " {d},{:#x}", imm.cast_unsigned() >> 12),
            Format::Jump => write!(f, " {d},{}", self.target()),
            Format::Branch => write!(f, " {s1},{s2},{}", self.target()),
            Format::JumpRegister | Format::Load => write!(f, " {d},{imm}({s1})"),
            Format::Store => write!(f, " {s2},{imm}({s1})"),
            Format::Immediate => write!(f, " {d},{s1},{imm}"),
            Format::Shift | Format::ShiftWord => write!(f, " {d},{s1},{imm:#x}"),
            Format::Register => write!(f, " {d},{s1},{s2}"),
            Format::Unary => write!(f, " {d},{s1}"),
            Format::Atomic => write!(f, "{} {d},{s2},({s1})", ordering(imm)),
            Format::LoadReserved => write!(f, "{} {d},({s1})", ordering(imm)),
            Format::Csr => write!(f, " {d},{},{s1}", CsrName(imm)),
            Format::CsrImmediate => write!(f, " {d},{},{rs1}", CsrName(imm)),
            Format::Fence => write!(f, " {},{}", FenceSet(imm >> 4), FenceSet(imm)),
            Format::FenceVma => write!(f, " {s1},{s2}"),
            // `Text::float` has written those of the floating-point unit.
            _ => Ok(()),
        }
    }

    /// Where a branch or jump goes.
    fn target(&self) -> VirtAddr {
        VirtAddr::new(self.pc.get().wrapping_add_signed(self.insn.imm.into()))
    }
}

/// The suffix for aq and rl.
const fn ordering(imm: i32) -> &'static str {
    match imm & 0b11 {
        0b00 => "",
        0b01 => ".rl",
        0b10 => ".aq",
        _ => ".aqrl",
    }
}

/// Four bits of a fence: device input, device output, memory reads, memory writes.
struct FenceSet(i32);

impl fmt::Display for FenceSet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0 & 0xf == 0 {
            return f.write_str("unknown");
        }
        let letters = "iorw".chars().zip([8, 4, 2, 1]);
        letters.filter(|(_, bit)| self.0 & bit != 0).try_for_each(|(letter, _)| write!(f, "{letter}"))
    }
}

/// What the pseudo-instructions of `fflags`, `frm` and `fcsr` call them.
fn float_csr(imm: i32) -> Option<&'static str> {
    match u16::try_from(imm).ok()? {
        csr::FFLAGS => Some("flags"),
        csr::FRM => Some("rm"),
        csr::FCSR => Some("csr"),
        _ => None,
    }
}

/// Counters that can be read by a pseudo-instruction of their own.
fn is_counter(imm: i32) -> bool {
    [csr::CYCLE, csr::TIME, csr::INSTRET].iter().any(|&counter| i32::from(counter) == imm)
}

/// A CSR by its name, or by its number where it has none.
struct CsrName(i32);

impl fmt::Display for CsrName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Ok(number) = u16::try_from(self.0) else { return write!(f, "{:#x}", self.0) };
        let named = CSR_NAMES.iter().find(|(known, _)| *known == number);
        match (named, number) {
            (Some((_, name)), _) => f.write_str(name),
            (None, csr::HPMCOUNTER3..=csr::HPMCOUNTER31) => write!(f, "hpmcounter{}", number - csr::CYCLE),
            (None, csr::MHPMCOUNTER3..=csr::MHPMCOUNTER31) => {
                write!(f, "mhpmcounter{}", number - csr::MCYCLE)
            }
            (None, csr::MHPMEVENT3..=csr::MHPMEVENT31) => {
                write!(f, "mhpmevent{}", number - csr::MCOUNTINHIBIT)
            }
            (None, csr::PMPADDR0..=csr::PMPADDR15) => write!(f, "pmpaddr{}", number - csr::PMPADDR0),
            (None, _) => write!(f, "{number:#x}"),
        }
    }
}

/// Every CSR that is not one of a numbered row.
const CSR_NAMES: &[(u16, &str)] = &[
    (csr::FFLAGS, "fflags"),
    (csr::FRM, "frm"),
    (csr::FCSR, "fcsr"),
    (csr::CYCLE, "cycle"),
    (csr::TIME, "time"),
    (csr::INSTRET, "instret"),
    (csr::SSTATUS, "sstatus"),
    (csr::SIE, "sie"),
    (csr::STVEC, "stvec"),
    (csr::SCOUNTEREN, "scounteren"),
    (csr::SENVCFG, "senvcfg"),
    (csr::SSCRATCH, "sscratch"),
    (csr::SEPC, "sepc"),
    (csr::SCAUSE, "scause"),
    (csr::STVAL, "stval"),
    (csr::SIP, "sip"),
    (csr::STIMECMP, "stimecmp"),
    (csr::SATP, "satp"),
    (csr::MVENDORID, "mvendorid"),
    (csr::MARCHID, "marchid"),
    (csr::MIMPID, "mimpid"),
    (csr::MHARTID, "mhartid"),
    (csr::MCONFIGPTR, "mconfigptr"),
    (csr::MSTATUS, "mstatus"),
    (csr::MISA, "misa"),
    (csr::MEDELEG, "medeleg"),
    (csr::MIDELEG, "mideleg"),
    (csr::MIE, "mie"),
    (csr::MTVEC, "mtvec"),
    (csr::MCOUNTEREN, "mcounteren"),
    (csr::MENVCFG, "menvcfg"),
    (csr::MCOUNTINHIBIT, "mcountinhibit"),
    (csr::MSCRATCH, "mscratch"),
    (csr::MEPC, "mepc"),
    (csr::MCAUSE, "mcause"),
    (csr::MTVAL, "mtval"),
    (csr::MIP, "mip"),
    (csr::PMPCFG0, "pmpcfg0"),
    (csr::PMPCFG2, "pmpcfg2"),
    (csr::TSELECT, "tselect"),
    (csr::TDATA1, "tdata1"),
    (csr::TDATA2, "tdata2"),
    (csr::TDATA3, "tdata3"),
    (csr::MCYCLE, "mcycle"),
    (csr::MINSTRET, "minstret"),
];

#[cfg(test)]
mod tests;
