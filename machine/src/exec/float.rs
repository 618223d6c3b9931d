//! The "F" and "D" extensions: registers, NaN boxing, rounding modes and flags around [`crate::float`]
//! (unprivileged specification, "F" and "D" Standard Extensions).

use super::{Cpu, Fault, Flow, memory::effective};
use crate::{
    bus::{Devices, Width},
    csr::status,
    float::{self, DOUBLE, Flagged, Flags, Format, Integer, Rounding, SINGLE},
    insn::{self, Insn, Op},
    observer::Observer,
};

/// The rounding-mode field that stands for `frm`.
const DYNAMIC: u64 = 7;
/// The upper half of a register that holds a single-precision number.
const BOX: u64 = 0xffff_ffff_0000_0000;

impl<D: Devices, O: Observer> Cpu<'_, D, O> {
    pub(super) fn execute_float(&mut self, insn: Insn) -> Result<Flow, Fault> {
        if self.hart.csrs.mstatus & status::FS == 0 {
            return Err(self.illegal());
        }
        match insn.op.format() {
            insn::Format::FloatLoad => return self.float_load(insn),
            insn::Format::FloatStore => return self.float_store(insn),
            insn::Format::FloatFused => self.fused(insn)?,
            insn::Format::FloatRounded => self.rounded(insn)?,
            insn::Format::FloatUnary => self.unary(insn)?,
            insn::Format::FloatToInteger => self.convert_to_integer(insn)?,
            insn::Format::FloatFromInteger => self.convert_from_integer(insn)?,
            insn::Format::FloatRegister => self.pairwise(insn),
            insn::Format::FloatCompare => self.compare(insn),
            insn::Format::FloatToBits => self.move_to_integer(insn),
            _ => self.move_from_integer(insn),
        }
        Ok(Flow::Next)
    }

    fn float_load(&mut self, insn: Insn) -> Result<Flow, Fault> {
        let va = effective(self.hart, insn);
        let (width, format) =
            if insn.op == Op::Flw { (Width::Word, SINGLE) } else { (Width::Double, DOUBLE) };
        let (value, flow) = self.load(va, width)?;
        self.set(format, insn.rd, (value, Flags::NONE));
        Ok(flow)
    }

    fn float_store(&mut self, insn: Insn) -> Result<Flow, Fault> {
        let width = if insn.op == Op::Fsw { Width::Word } else { Width::Double };
        // The lower half as it is, boxed or not.
        self.store(effective(self.hart, insn), width, self.hart.f[register(insn.rs2)])
    }

    /// FMADD, FMSUB, FNMSUB, FNMADD: ±(a × b) ± c.
    fn fused(&mut self, insn: Insn) -> Result<(), Fault> {
        let mode = self.rounding(insn)?;
        let format = format_of(insn.op);
        let rs3 = u8::try_from(insn.imm >> 3).unwrap_or(0);
        let (a, b, c) = (self.get(format, insn.rs1), self.get(format, insn.rs2), self.get(format, rs3));
        let (a, c) = match insn.op {
            Op::FmaddS | Op::FmaddD => (a, c),
            Op::FmsubS | Op::FmsubD => (a, negated(format, c)),
            Op::FnmsubS | Op::FnmsubD => (negated(format, a), c),
            _ => (negated(format, a), negated(format, c)),
        };
        self.set(format, insn.rd, float::fused_multiply_add(format, a, b, c, mode));
        Ok(())
    }

    fn rounded(&mut self, insn: Insn) -> Result<(), Fault> {
        let mode = self.rounding(insn)?;
        let format = format_of(insn.op);
        let (a, b) = (self.get(format, insn.rs1), self.get(format, insn.rs2));
        let result = match insn.op {
            Op::FaddS | Op::FaddD => float::add(format, a, b, mode),
            Op::FsubS | Op::FsubD => float::subtract(format, a, b, mode),
            Op::FmulS | Op::FmulD => float::multiply(format, a, b, mode),
            _ => float::divide(format, a, b, mode),
        };
        self.set(format, insn.rd, result);
        Ok(())
    }

    fn unary(&mut self, insn: Insn) -> Result<(), Fault> {
        let mode = self.rounding(insn)?;
        let (format, result) = match insn.op {
            Op::FsqrtS => (SINGLE, float::square_root(SINGLE, self.get(SINGLE, insn.rs1), mode)),
            Op::FsqrtD => (DOUBLE, float::square_root(DOUBLE, self.get(DOUBLE, insn.rs1), mode)),
            Op::FcvtSD => (SINGLE, float::resize(DOUBLE, SINGLE, self.get(DOUBLE, insn.rs1), mode)),
            _ => (DOUBLE, float::resize(SINGLE, DOUBLE, self.get(SINGLE, insn.rs1), mode)),
        };
        self.set(format, insn.rd, result);
        Ok(())
    }

    fn convert_to_integer(&mut self, insn: Insn) -> Result<(), Fault> {
        let mode = self.rounding(insn)?;
        let format = format_of(insn.op);
        let operand = self.get(format, insn.rs1);
        let result = float::to_integer(format, operand, integer_of(insn.op), mode);
        self.set_integer(insn.rd, result);
        Ok(())
    }

    fn convert_from_integer(&mut self, insn: Insn) -> Result<(), Fault> {
        let mode = self.rounding(insn)?;
        let format = format_of(insn.op);
        let result = float::from_integer(format, self.hart.x[insn.rs1], integer_of(insn.op), mode);
        self.set(format, insn.rd, result);
        Ok(())
    }

    /// Sign injection, minimum and maximum.
    fn pairwise(&mut self, insn: Insn) {
        let format = format_of(insn.op);
        let (a, b) = (self.get(format, insn.rs1), self.get(format, insn.rs2));
        let sign = sign_bit(format);
        let with_sign = |bits: u64| (a & !sign | bits & sign, Flags::NONE);
        let result = match insn.op {
            Op::FsgnjS | Op::FsgnjD => with_sign(b),
            Op::FsgnjnS | Op::FsgnjnD => with_sign(!b),
            Op::FsgnjxS | Op::FsgnjxD => with_sign(a ^ b),
            Op::FminS | Op::FminD => float::minimum(format, a, b),
            _ => float::maximum(format, a, b),
        };
        self.set(format, insn.rd, result);
    }

    fn compare(&mut self, insn: Insn) {
        let format = format_of(insn.op);
        let (a, b) = (self.get(format, insn.rs1), self.get(format, insn.rs2));
        let (holds, flags) = match insn.op {
            Op::FeqS | Op::FeqD => float::equal(format, a, b),
            Op::FltS | Op::FltD => float::less(format, a, b),
            _ => float::less_or_equal(format, a, b),
        };
        self.set_integer(insn.rd, (holds.into(), flags));
    }

    /// Moves to an integer register, which take the bits as they are, and classification.
    fn move_to_integer(&mut self, insn: Insn) {
        let raw = self.hart.f[register(insn.rs1)];
        self.hart.x[insn.rd] = match insn.op {
            #[expect(clippy::cast_possible_truncation, reason = "the lower half, sign-extended")]
            Op::FmvXW => i64::from(raw as i32).cast_unsigned(),
            Op::FmvXD => raw,
            op => float::classify(format_of(op), self.get(format_of(op), insn.rs1)),
        };
    }

    fn move_from_integer(&mut self, insn: Insn) {
        let format = if insn.op == Op::FmvWX { SINGLE } else { DOUBLE };
        self.set(format, insn.rd, (self.hart.x[insn.rs1], Flags::NONE));
    }

    /// The rounding mode in force; a reserved one makes the instruction illegal.
    fn rounding(&mut self, insn: Insn) -> Result<Rounding, Fault> {
        let mode = u64::from(insn.imm.cast_unsigned() & 0b111);
        let mode = if mode == DYNAMIC { self.hart.csrs.rounding() } else { mode };
        let rounding = u8::try_from(mode).ok().and_then(Rounding::from_bits);
        rounding.ok_or_else(|| self.illegal())
    }

    /// A single-precision number that is not boxed counts as the canonical NaN.
    fn get(&self, format: Format, number: u8) -> u64 {
        let raw = self.hart.f[register(number)];
        match format {
            SINGLE if raw & BOX != BOX => SINGLE.canonical_nan(),
            SINGLE => raw & !BOX,
            _ => raw,
        }
    }

    fn set(&mut self, format: Format, number: u8, (bits, flags): Flagged<u64>) {
        self.hart.f[register(number)] = if format == SINGLE { bits | BOX } else { bits };
        self.accrue(flags);
    }

    fn set_integer(&mut self, number: u8, (value, flags): Flagged<u64>) {
        self.hart.x[number] = value;
        self.accrue(flags);
    }

    /// Every instruction that can change the floating-point state marks it dirty.
    fn accrue(&mut self, flags: Flags) {
        self.hart.csrs.fcsr |= u64::from(flags.bits());
        self.hart.csrs.mstatus |= status::FS;
    }
}

/// The index of a register. Instructions about to be executed name 32 where they mean `f0`: see
/// [`crate::registers`].
fn register(number: u8) -> usize {
    usize::from(number % 32)
}

fn sign_bit(format: Format) -> u64 {
    if format == SINGLE { 1 << 31 } else { 1 << 63 }
}

fn negated(format: Format, bits: u64) -> u64 {
    bits ^ sign_bit(format)
}

/// The format of the floating-point operands: the mnemonic's last letter, but for conversions from
/// integers, which name the result first.
fn format_of(op: Op) -> Format {
    let name = op.name();
    let double = match op.format() {
        insn::Format::FloatFromInteger => name.starts_with("fcvt.d"),
        _ => name.ends_with('d'),
    };
    if double { DOUBLE } else { SINGLE }
}

/// The integer side of a conversion.
const fn integer_of(op: Op) -> Integer {
    match op {
        Op::FcvtWS | Op::FcvtWD | Op::FcvtSW | Op::FcvtDW => Integer::I32,
        Op::FcvtWuS | Op::FcvtWuD | Op::FcvtSWu | Op::FcvtDWu => Integer::U32,
        Op::FcvtLS | Op::FcvtLD | Op::FcvtSL | Op::FcvtDL => Integer::I64,
        _ => Integer::U64,
    }
}
