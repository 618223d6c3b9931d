//! The text of floating-point instructions.

use core::fmt;

use super::{Text, name};
use crate::insn::{Format, Insn, Op};

/// The ABI names of `f0`…`f31`.
const FLOAT_NAMES: [&str; 32] = [
    "ft0", "ft1", "ft2", "ft3", "ft4", "ft5", "ft6", "ft7", "fs0", "fs1", "fa0", "fa1", "fa2", "fa3", "fa4",
    "fa5", "fa6", "fa7", "fs2", "fs3", "fs4", "fs5", "fs6", "fs7", "fs8", "fs9", "fs10", "fs11", "ft8",
    "ft9", "ft10", "ft11",
];

fn float_name(register: u8) -> &'static str {
    FLOAT_NAMES[usize::from(register % 32)]
}

impl Text {
    pub(super) fn float(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Insn { op, rd, rs1, rs2, imm } = self.insn;
        let (fd, f1, f2) = (float_name(rd), float_name(rs1), float_name(rs2));
        if rs1 == rs2
            && let Some(pseudo) = sign_pseudo(op)
        {
            return write!(f, "{pseudo} {fd},{f1}");
        }
        write!(f, "{} ", op.name())?;
        match op.format() {
            Format::FloatLoad => write!(f, "{fd},{imm}({})", name(rs1)),
            Format::FloatStore => write!(f, "{f2},{imm}({})", name(rs1)),
            Format::FloatFused => {
                let f3 = float_name(u8::try_from(imm >> 3).unwrap_or(0));
                write!(f, "{fd},{f1},{f2},{f3}{}", mode(imm))
            }
            Format::FloatRounded => write!(f, "{fd},{f1},{f2}{}", mode(imm)),
            Format::FloatUnary => write!(f, "{fd},{f1}{}", mode_unless_exact(op, imm)),
            Format::FloatRegister => write!(f, "{fd},{f1},{f2}"),
            Format::FloatCompare => write!(f, "{},{f1},{f2}", name(rd)),
            Format::FloatToInteger => write!(f, "{},{f1}{}", name(rd), mode(imm)),
            Format::FloatFromInteger => write!(f, "{fd},{}{}", name(rs1), mode_unless_exact(op, imm)),
            Format::FloatToBits => write!(f, "{},{f1}", name(rd)),
            _ => write!(f, "{fd},{}", name(rs1)),
        }
    }
}

/// Sign injections of a number into itself.
const fn sign_pseudo(op: Op) -> Option<&'static str> {
    match op {
        Op::FsgnjS => Some("fmv.s"),
        Op::FsgnjD => Some("fmv.d"),
        Op::FsgnjnS => Some("fneg.s"),
        Op::FsgnjnD => Some("fneg.d"),
        Op::FsgnjxS => Some("fabs.s"),
        Op::FsgnjxD => Some("fabs.d"),
        _ => None,
    }
}

/// The rounding mode, silent where it is that of `frm`.
const fn mode(imm: i32) -> &'static str {
    match imm & 0b111 {
        0 => ",rne",
        1 => ",rtz",
        2 => ",rdn",
        3 => ",rup",
        4 => ",rmm",
        7 => "",
        _ => ",unknown",
    }
}

/// Conversions that are always exact are assembled with mode 0, which is not worth a word.
const fn mode_unless_exact(op: Op, imm: i32) -> &'static str {
    match op {
        Op::FcvtDS | Op::FcvtDW | Op::FcvtDWu if imm & 0b111 == 0 => "",
        _ => mode(imm),
    }
}
