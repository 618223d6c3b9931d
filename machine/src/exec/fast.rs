//! The fast path: runs decoded blocks until something needs more than registers and memory that is
//! at hand.
//!
//! It knows no traps, no devices and no observer. Whatever it cannot do at once (a page that is not
//! in the TLB, a CSR, a system instruction) it leaves untouched and hands back; the slow path then
//! does that one instruction completely.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::cast_lossless,
    reason = "two's complement arithmetic on registers is what this file is about"
)]

use super::{arithmetic as alu, bits};
use crate::{
    code::{Block, CodeCache, Page, Place},
    insn::{Insn, Op},
    mmu::tlb::{self, Array, Set},
    ram::FrameBytes,
    registers::Registers,
};

/// What the fast path works on.
pub(super) struct Fast<'a> {
    pub(super) x: &'a mut Registers,
    pub(super) frames: &'a mut [FrameBytes],
    pub(super) code: &'a CodeCache,
    pub(super) fetch: &'a Set,
    pub(super) data: &'a Set,
}

/// Where to begin.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Start {
    /// With the instruction at `pc`, wherever it is.
    Fresh,
    /// Behind the place at which the last run stopped.
    Behind,
}

/// Why the fast path ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stop {
    /// The allowed number of instructions has been executed.
    Budget,
    /// Nothing is decoded at `pc`, or it is not known where its page is.
    NotDecoded,
    /// The instruction at the place needs the slow path.
    Slow,
}

/// How far it came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Done {
    /// Instructions executed.
    pub(super) count: u64,
    pub(super) stop: Stop,
}

/// How a run through a block ended.
enum Leave {
    /// Behind the last instruction that was allowed.
    End,
    /// By a jump to this address; so many instructions are done.
    Jump(u64, usize),
    /// Before the instruction of this index.
    Slow(usize),
}

/// What became of one instruction on its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Single {
    /// It is done; the address of the next one.
    Done(u64),
    /// It needs the slow path.
    Slow,
}

impl Fast<'_> {
    /// Executes one instruction that stands in the page at `page_va`; `end` is the address behind it.
    #[inline(never)]
    pub(super) fn single(&mut self, insn: Insn, page_va: u64, end: u64) -> Single {
        match self.block(&[insn], page_va, end) {
            Leave::End => Single::Done(end),
            Leave::Jump(target, _) => Single::Done(target),
            Leave::Slow(_) => Single::Slow,
        }
    }

    /// Executes at most `allowed` instructions. Leaves the address of the next one in `pc`, and where it
    /// stands in `place` if it needs the slow path.
    pub(super) fn run(&mut self, pc: &mut u64, allowed: u64, start: Start, place: &mut Place) -> Done {
        let mut left = allowed;
        let mut at = *pc;
        let mut start = start;
        let stop = loop {
            if start == Start::Fresh {
                let entry = self.fetch.fetch[tlb::slot(at)];
                if entry.tag != at & !0xfff {
                    break Stop::NotDecoded;
                }
                (place.page, place.va) = (entry.frame, entry.tag);
            }
            let Some(page) = self.code.page(place.page) else { break Stop::NotDecoded };
            if let Some(stop) = self.page(page, &mut at, &mut left, start, place) {
                break stop;
            }
            start = Start::Fresh;
        };
        *pc = at;
        Done { count: allowed - left, stop }
    }

    /// Executes inside one page; `None` where it was left.
    #[inline(always)]
    fn page(
        &mut self,
        page: &Page,
        at: &mut u64,
        left: &mut u64,
        start: Start,
        place: &mut Place,
    ) -> Option<Stop> {
        let page_va = place.va;
        let mut from = 0;
        let mut found = match start {
            Start::Fresh => page.block_at(*at),
            Start::Behind => {
                from = place.index + 1;
                page.block(place.block).map(|block| (place.block, block))
            }
        };
        loop {
            let Some((number, block)) = found else { return Some(Stop::NotDecoded) };
            let insns = page.insns(block).get(from..).unwrap_or(&[]);
            let allowed = insns.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
            let end = page_va.wrapping_add(block.end.into());
            match self.block(insns.get(..allowed).unwrap_or(&[]), page_va, end) {
                Leave::Jump(target, done) => {
                    *left -= done as u64;
                    *at = target;
                }
                Leave::End => {
                    *left -= allowed as u64;
                    *at = if allowed < insns.len() { address(page_va, block, from + allowed) } else { end };
                }
                Leave::Slow(done) => {
                    *left -= done as u64;
                    (place.block, place.index) = (number, from + done);
                    *at = address(page_va, block, from + done);
                    return Some(Stop::Slow);
                }
            }
            if *left == 0 {
                return Some(Stop::Budget);
            }
            if *at & !0xfff != page_va {
                return None;
            }
            from = 0;
            found = page.block_at(*at);
        }
    }

    /// Runs through `insns`, which stand in the page at `page_va`; `end` is the address behind the
    /// whole block. What is relative to `pc` was made relative to the page when it was decoded.
    #[inline(always)]
    #[allow(clippy::too_many_lines, reason = "one line for each instruction")]
    fn block(&mut self, insns: &[Insn], page_va: u64, end: u64) -> Leave {
        let x = &mut *self.x;
        let frames = &mut *self.frames;
        let (loads, stores) = (&*self.data.load, &*self.data.store);

        macro_rules! load {
            ($insn:ident, $at:ident, $unsigned:ty, $kind:ty) => {{
                let va = x[$insn.rs1].wrapping_add(extend($insn.imm));
                match load(loads, frames, va) {
                    Some(bytes) => x[$insn.rd] = <$unsigned>::from_le_bytes(bytes) as $kind as u64,
                    None => return Leave::Slow($at),
                }
            }};
        }
        macro_rules! store {
            ($insn:ident, $at:ident, $unsigned:ty) => {{
                let va = x[$insn.rs1].wrapping_add(extend($insn.imm));
                let bytes = (x[$insn.rs2] as $unsigned).to_le_bytes();
                if !store(stores, frames, va, bytes) {
                    return Leave::Slow($at);
                }
            }};
        }
        macro_rules! branch {
            ($insn:ident, $at:ident, $taken:expr) => {
                if $taken {
                    return Leave::Jump(page_va.wrapping_add(extend($insn.imm)), $at + 1);
                }
            };
        }
        macro_rules! immediate {
            ($insn:ident, $f:expr) => {
                x[$insn.rd] = $f(x[$insn.rs1], extend($insn.imm))
            };
        }
        macro_rules! register {
            ($insn:ident, $f:expr) => {
                x[$insn.rd] = $f(x[$insn.rs1], x[$insn.rs2])
            };
        }
        macro_rules! unary {
            ($insn:ident, $f:expr) => {
                x[$insn.rd] = $f(x[$insn.rs1])
            };
        }

        for (at, insn) in insns.iter().enumerate() {
            match insn.op {
                Op::Lb => load!(insn, at, u8, i8),
                Op::Lh => load!(insn, at, u16, i16),
                Op::Lw => load!(insn, at, u32, i32),
                Op::Ld => load!(insn, at, u64, u64),
                Op::Lbu => load!(insn, at, u8, u8),
                Op::Lhu => load!(insn, at, u16, u16),
                Op::Lwu => load!(insn, at, u32, u32),
                Op::Sb => store!(insn, at, u8),
                Op::Sh => store!(insn, at, u16),
                Op::Sw => store!(insn, at, u32),
                Op::Sd => store!(insn, at, u64),

                Op::Beq => branch!(insn, at, x[insn.rs1] == x[insn.rs2]),
                Op::Bne => branch!(insn, at, x[insn.rs1] != x[insn.rs2]),
                Op::Blt => branch!(insn, at, (x[insn.rs1] as i64) < x[insn.rs2] as i64),
                Op::Bge => branch!(insn, at, x[insn.rs1] as i64 >= x[insn.rs2] as i64),
                Op::Bltu => branch!(insn, at, x[insn.rs1] < x[insn.rs2]),
                Op::Bgeu => branch!(insn, at, x[insn.rs1] >= x[insn.rs2]),
                Op::Jal => {
                    x[insn.rd] = end;
                    return Leave::Jump(page_va.wrapping_add(extend(insn.imm)), at + 1);
                }
                Op::Jalr => {
                    let target = x[insn.rs1].wrapping_add(extend(insn.imm)) & !1;
                    x[insn.rd] = end;
                    return Leave::Jump(target, at + 1);
                }
                Op::Lui => x[insn.rd] = extend(insn.imm),
                Op::Auipc => x[insn.rd] = page_va.wrapping_add(extend(insn.imm)),

                Op::Addi => immediate!(insn, u64::wrapping_add),
                Op::Slti => immediate!(insn, alu::slt),
                Op::Sltiu => immediate!(insn, alu::sltu),
                Op::Xori => immediate!(insn, |a, b| a ^ b),
                Op::Ori => immediate!(insn, |a, b| a | b),
                Op::Andi => immediate!(insn, |a, b| a & b),
                Op::Slli => immediate!(insn, alu::sll),
                Op::Srli => immediate!(insn, alu::srl),
                Op::Srai => immediate!(insn, alu::sra),
                Op::Addiw => immediate!(insn, alu::addw),
                Op::Slliw => immediate!(insn, alu::sllw),
                Op::Srliw => immediate!(insn, alu::srlw),
                Op::Sraiw => immediate!(insn, alu::sraw),

                Op::Add => register!(insn, u64::wrapping_add),
                Op::Sub => register!(insn, u64::wrapping_sub),
                Op::Sll => register!(insn, alu::sll),
                Op::Slt => register!(insn, alu::slt),
                Op::Sltu => register!(insn, alu::sltu),
                Op::Xor => register!(insn, |a, b| a ^ b),
                Op::Srl => register!(insn, alu::srl),
                Op::Sra => register!(insn, alu::sra),
                Op::Or => register!(insn, |a, b| a | b),
                Op::And => register!(insn, |a, b| a & b),
                Op::Addw => register!(insn, alu::addw),
                Op::Subw => register!(insn, alu::subw),
                Op::Sllw => register!(insn, alu::sllw),
                Op::Srlw => register!(insn, alu::srlw),
                Op::Sraw => register!(insn, alu::sraw),
                Op::Mul => register!(insn, u64::wrapping_mul),
                Op::Mulh => register!(insn, alu::mulh),
                Op::Mulhsu => register!(insn, alu::mulhsu),
                Op::Mulhu => register!(insn, alu::mulhu),
                Op::Div => register!(insn, alu::div),
                Op::Divu => register!(insn, alu::divu),
                Op::Rem => register!(insn, alu::rem),
                Op::Remu => register!(insn, alu::remu),
                Op::Mulw => register!(insn, alu::mulw),
                Op::Divw => register!(insn, alu::divw),
                Op::Divuw => register!(insn, alu::divuw),
                Op::Remw => register!(insn, alu::remw),
                Op::Remuw => register!(insn, alu::remuw),

                Op::AddUw => register!(insn, bits::add_uw),
                Op::Sh1add => register!(insn, bits::shift_add::<1>),
                Op::Sh2add => register!(insn, bits::shift_add::<2>),
                Op::Sh3add => register!(insn, bits::shift_add::<3>),
                Op::Sh1addUw => register!(insn, bits::shift_add_uw::<1>),
                Op::Sh2addUw => register!(insn, bits::shift_add_uw::<2>),
                Op::Sh3addUw => register!(insn, bits::shift_add_uw::<3>),
                Op::SlliUw => immediate!(insn, bits::slli_uw),
                Op::Andn => register!(insn, |a: u64, b: u64| a & !b),
                Op::Orn => register!(insn, |a: u64, b: u64| a | !b),
                Op::Xnor => register!(insn, |a: u64, b: u64| !(a ^ b)),
                Op::Min => register!(insn, bits::min),
                Op::Minu => register!(insn, bits::minu),
                Op::Max => register!(insn, bits::max),
                Op::Maxu => register!(insn, bits::maxu),
                Op::Rol => register!(insn, bits::rol),
                Op::Ror => register!(insn, bits::ror),
                Op::Rolw => register!(insn, bits::rolw),
                Op::Rorw => register!(insn, bits::rorw),
                Op::Rori => immediate!(insn, bits::ror),
                Op::Roriw => immediate!(insn, bits::rorw),
                Op::Clz => unary!(insn, bits::clz),
                Op::Ctz => unary!(insn, bits::ctz),
                Op::Cpop => unary!(insn, bits::cpop),
                Op::Clzw => unary!(insn, bits::clzw),
                Op::Ctzw => unary!(insn, bits::ctzw),
                Op::Cpopw => unary!(insn, bits::cpopw),
                Op::SextB => unary!(insn, bits::sext_b),
                Op::SextH => unary!(insn, bits::sext_h),
                Op::ZextH => unary!(insn, bits::zext_h),
                Op::OrcB => unary!(insn, bits::orc_b),
                Op::Rev8 => unary!(insn, u64::swap_bytes),
                Op::Bset => register!(insn, bits::bset),
                Op::Bclr => register!(insn, bits::bclr),
                Op::Binv => register!(insn, bits::binv),
                Op::Bext => register!(insn, bits::bext),
                Op::Bseti => immediate!(insn, bits::bset),
                Op::Bclri => immediate!(insn, bits::bclr),
                Op::Binvi => immediate!(insn, bits::binv),
                Op::Bexti => immediate!(insn, bits::bext),

                // Harts that take turns, devices that act inside an access, and code that is dropped
                // when it changes: all of memory is always in order.
                Op::Nop | Op::Fence | Op::FenceI => {}
                _ => return Leave::Slow(at),
            }
        }
        Leave::End
    }
}

/// The address of instruction `index` of a block in the page at `page_va`.
fn address(page_va: u64, block: &Block, index: usize) -> u64 {
    page_va.wrapping_add(block.offset_of(index))
}

/// Sign-extends an immediate.
#[inline(always)]
fn extend(imm: i32) -> u64 {
    i64::from(imm) as u64
}

/// The address with its page and the bits that must be zero in an aligned access of `N` bytes: equal
/// to the tag of a TLB entry only where both are right.
#[inline(always)]
fn tag_of<const N: usize>(va: u64) -> u64 {
    va & (!0xfff | (N as u64 - 1))
}

/// The offset in the page of an aligned access of `N` bytes.
#[inline(always)]
fn offset_of<const N: usize>(va: u64) -> usize {
    va as usize & (0xfff & !(N - 1))
}

#[inline(always)]
fn load<const N: usize>(tlb: &Array, frames: &[FrameBytes], va: u64) -> Option<[u8; N]> {
    let entry = tlb[tlb::slot(va)];
    if entry.tag != tag_of::<N>(va) {
        return None;
    }
    let frame = frames.get(entry.frame as usize)?;
    frame[offset_of::<N>(va)..].first_chunk().copied()
}

#[inline(always)]
fn store<const N: usize>(tlb: &Array, frames: &mut [FrameBytes], va: u64, bytes: [u8; N]) -> bool {
    let entry = tlb[tlb::slot(va)];
    if entry.tag != tag_of::<N>(va) {
        return false;
    }
    let Some(frame) = frames.get_mut(entry.frame as usize) else { return false };
    match frame[offset_of::<N>(va)..].first_chunk_mut() {
        Some(slot) => *slot = bytes,
        None => return false,
    }
    true
}
