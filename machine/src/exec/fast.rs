//! The fast path: runs decoded blocks until something needs more than registers and memory that is
//! at hand.
//!
//! It knows no traps, no devices and no observer. Whatever it cannot do at once (a page that is not
//! in the TLB, a CSR that something depends on, a system instruction) it leaves untouched and hands
//! back; the slow path then does that one instruction completely.
#![expect(
    clippy::cast_possible_truncation,
    clippy::cast_possible_wrap,
    clippy::cast_sign_loss,
    clippy::cast_lossless,
    reason = "two's complement arithmetic on registers is what this file is about"
)]

use super::{arithmetic as alu, atomic, bits};
use crate::{
    code::{Block, CodeCache, ELSEWHERE, Page, Place},
    csr,
    hart::Hart,
    insn::{Insn, Op},
    mmu::tlb::{self, Array, Set},
    ram::FrameBytes,
    registers::Registers,
};

/// What the fast path works on.
pub(super) struct Fast<'a> {
    pub(super) hart: &'a mut Hart,
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
    /// Before the instruction of this index, or behind the last one.
    At(usize),
    /// By a jump to this address.
    Jump(u64),
    /// Before the instruction of this index, which needs the slow path.
    Slow(usize),
}

/// Why instructions are no longer executed one behind the other.
enum Break<'a> {
    /// No more are allowed.
    End,
    /// A branch or jump was taken; it knows where it goes.
    Taken(&'a Insn),
    /// A jump to this address.
    To(u64),
    /// The last one needs the slow path.
    Slow,
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
        match self.block(&[insn], 0, &mut 1, page_va, end) {
            Leave::At(_) => Single::Done(end),
            Leave::Jump(target) => Single::Done(target),
            Leave::Slow(_) => Single::Slow,
        }
    }

    /// Executes at most `allowed` instructions. Leaves the address of the next one in `pc`, and where it
    /// stands in `place` if it needs the slow path.
    pub(super) fn run(&mut self, allowed: u64, start: Start, place: &mut Place) -> Done {
        let mut left = allowed;
        let mut at = self.hart.pc;
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
        self.hart.pc = at;
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
            let insns = page.insns(block);
            let end = page_va.wrapping_add(block.end.into());
            match self.block(insns, from, left, page_va, end) {
                Leave::Jump(target) => *at = target,
                Leave::At(index) if index < insns.len() => *at = address(page_va, block, index),
                Leave::At(_) => *at = end,
                Leave::Slow(index) => {
                    (place.block, place.index) = (number, index);
                    *at = address(page_va, block, index);
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

    /// Runs through `insns`, a block in the page at `page_va`, from instruction `from` on; `end` is the
    /// address behind it. What is relative to `pc` was made relative to the page when it was decoded.
    /// A branch whose target is in the block goes there at once.
    #[inline(always)]
    fn block(&mut self, insns: &[Insn], mut from: usize, left: &mut u64, page_va: u64, end: u64) -> Leave {
        loop {
            let behind = insns.get(from..).unwrap_or(&[]);
            let allowed = behind.len().min(usize::try_from(*left).unwrap_or(usize::MAX));
            let mut stretch = behind.get(..allowed).unwrap_or(&[]).iter();
            let reason = self.stretch(&mut stretch, page_va, end);
            let done = allowed - stretch.len();
            *left -= done as u64;
            let taken = match reason {
                Break::End => return Leave::At(from + done),
                Break::To(target) => return Leave::Jump(target),
                Break::Slow => {
                    *left += 1;
                    return Leave::Slow(from + done - 1);
                }
                Break::Taken(taken) => taken,
            };
            if taken.rd == ELSEWHERE || *left == 0 {
                return Leave::Jump(page_va.wrapping_add(extend(taken.imm)));
            }
            from = taken.rd.into();
        }
    }

    /// Executes one instruction behind the other until there is none left or one goes elsewhere; that
    /// one was taken from `insns`, too.
    #[inline(always)]
    #[allow(clippy::too_many_lines, reason = "one line for each instruction")]
    fn stretch<'a>(&mut self, insns: &mut core::slice::Iter<'a, Insn>, page_va: u64, end: u64) -> Break<'a> {
        let hart = &mut *self.hart;
        let frames = &mut *self.frames;
        let (loads, stores) = (&*self.data.load, &*self.data.store);

        macro_rules! load {
            ($x:ident, $insn:ident, $unsigned:ty, $kind:ty) => {{
                let va = $x[$insn.rs1].wrapping_add(extend($insn.imm));
                match load(loads, frames, va) {
                    Some(bytes) => $x[$insn.rd] = <$unsigned>::from_le_bytes(bytes) as $kind as u64,
                    None => return Break::Slow,
                }
            }};
        }
        macro_rules! store {
            ($x:ident, $insn:ident, $unsigned:ty) => {{
                let va = $x[$insn.rs1].wrapping_add(extend($insn.imm));
                let bytes = ($x[$insn.rs2] as $unsigned).to_le_bytes();
                if !store(stores, frames, va, bytes) {
                    return Break::Slow;
                }
            }};
        }
        macro_rules! branch {
            ($insn:ident, $taken:expr) => {
                if $taken {
                    return Break::Taken($insn);
                }
            };
        }
        macro_rules! immediate {
            ($x:ident, $insn:ident, $f:expr) => {
                $x[$insn.rd] = $f($x[$insn.rs1], extend($insn.imm))
            };
        }
        macro_rules! register {
            ($x:ident, $insn:ident, $f:expr) => {
                $x[$insn.rd] = $f($x[$insn.rs1], $x[$insn.rs2])
            };
        }
        macro_rules! unary {
            ($x:ident, $insn:ident, $f:expr) => {
                $x[$insn.rd] = $f($x[$insn.rs1])
            };
        }

        while let Some(insn) = insns.next() {
            let x = &mut hart.x;
            match insn.op {
                Op::Lb => load!(x, insn, u8, i8),
                Op::Lh => load!(x, insn, u16, i16),
                Op::Lw => load!(x, insn, u32, i32),
                Op::Ld => load!(x, insn, u64, u64),
                Op::LdRow => {
                    let row = insns.as_slice();
                    let Some(done) = load_row(x, loads, frames, insn, row) else { return Break::Slow };
                    *insns = row.get(done..).unwrap_or(&[]).iter();
                }
                Op::Lbu => load!(x, insn, u8, u8),
                Op::Lhu => load!(x, insn, u16, u16),
                Op::Lwu => load!(x, insn, u32, u32),
                Op::Sb => store!(x, insn, u8),
                Op::Sh => store!(x, insn, u16),
                Op::Sw => store!(x, insn, u32),
                Op::Sd => store!(x, insn, u64),
                Op::SdRow => {
                    let row = insns.as_slice();
                    let Some(done) = store_row(x, stores, frames, insn, row) else { return Break::Slow };
                    *insns = row.get(done..).unwrap_or(&[]).iter();
                }

                Op::Beq => branch!(insn, x[insn.rs1] == x[insn.rs2]),
                Op::Bne => branch!(insn, x[insn.rs1] != x[insn.rs2]),
                Op::Blt => branch!(insn, (x[insn.rs1] as i64) < x[insn.rs2] as i64),
                Op::Bge => branch!(insn, x[insn.rs1] as i64 >= x[insn.rs2] as i64),
                Op::Bltu => branch!(insn, x[insn.rs1] < x[insn.rs2]),
                Op::Bgeu => branch!(insn, x[insn.rs1] >= x[insn.rs2]),
                Op::Jal => {
                    x[insn.rs2] = end;
                    return Break::Taken(insn);
                }
                Op::Jalr => {
                    let target = x[insn.rs1].wrapping_add(extend(insn.imm)) & !1;
                    x[insn.rd] = end;
                    return Break::To(target);
                }
                Op::Lui => x[insn.rd] = extend(insn.imm),
                Op::Auipc => x[insn.rd] = page_va.wrapping_add(extend(insn.imm)),

                Op::Addi => immediate!(x, insn, u64::wrapping_add),
                Op::Slti => immediate!(x, insn, alu::slt),
                Op::Sltiu => immediate!(x, insn, alu::sltu),
                Op::Xori => immediate!(x, insn, |a, b| a ^ b),
                Op::Ori => immediate!(x, insn, |a, b| a | b),
                Op::Andi => immediate!(x, insn, |a, b| a & b),
                Op::Slli => immediate!(x, insn, alu::sll),
                Op::Srli => immediate!(x, insn, alu::srl),
                Op::Srai => immediate!(x, insn, alu::sra),
                Op::Addiw => immediate!(x, insn, alu::addw),
                Op::Slliw => immediate!(x, insn, alu::sllw),
                Op::Srliw => immediate!(x, insn, alu::srlw),
                Op::Sraiw => immediate!(x, insn, alu::sraw),

                Op::Add => register!(x, insn, u64::wrapping_add),
                Op::Sub => register!(x, insn, u64::wrapping_sub),
                Op::Sll => register!(x, insn, alu::sll),
                Op::Slt => register!(x, insn, alu::slt),
                Op::Sltu => register!(x, insn, alu::sltu),
                Op::Xor => register!(x, insn, |a, b| a ^ b),
                Op::Srl => register!(x, insn, alu::srl),
                Op::Sra => register!(x, insn, alu::sra),
                Op::Or => register!(x, insn, |a, b| a | b),
                Op::And => register!(x, insn, |a, b| a & b),
                Op::Addw => register!(x, insn, alu::addw),
                Op::Subw => register!(x, insn, alu::subw),
                Op::Sllw => register!(x, insn, alu::sllw),
                Op::Srlw => register!(x, insn, alu::srlw),
                Op::Sraw => register!(x, insn, alu::sraw),
                Op::Mul => register!(x, insn, u64::wrapping_mul),
                Op::Mulh => register!(x, insn, alu::mulh),
                Op::Mulhsu => register!(x, insn, alu::mulhsu),
                Op::Mulhu => register!(x, insn, alu::mulhu),
                Op::Div => register!(x, insn, alu::div),
                Op::Divu => register!(x, insn, alu::divu),
                Op::Rem => register!(x, insn, alu::rem),
                Op::Remu => register!(x, insn, alu::remu),
                Op::Mulw => register!(x, insn, alu::mulw),
                Op::Divw => register!(x, insn, alu::divw),
                Op::Divuw => register!(x, insn, alu::divuw),
                Op::Remw => register!(x, insn, alu::remw),
                Op::Remuw => register!(x, insn, alu::remuw),

                Op::AddUw => register!(x, insn, bits::add_uw),
                Op::Sh1add => register!(x, insn, bits::shift_add::<1>),
                Op::Sh2add => register!(x, insn, bits::shift_add::<2>),
                Op::Sh3add => register!(x, insn, bits::shift_add::<3>),
                Op::Sh1addUw => register!(x, insn, bits::shift_add_uw::<1>),
                Op::Sh2addUw => register!(x, insn, bits::shift_add_uw::<2>),
                Op::Sh3addUw => register!(x, insn, bits::shift_add_uw::<3>),
                Op::SlliUw => immediate!(x, insn, bits::slli_uw),
                Op::Andn => register!(x, insn, |a: u64, b: u64| a & !b),
                Op::Orn => register!(x, insn, |a: u64, b: u64| a | !b),
                Op::Xnor => register!(x, insn, |a: u64, b: u64| !(a ^ b)),
                Op::Min => register!(x, insn, bits::min),
                Op::Minu => register!(x, insn, bits::minu),
                Op::Max => register!(x, insn, bits::max),
                Op::Maxu => register!(x, insn, bits::maxu),
                Op::Rol => register!(x, insn, bits::rol),
                Op::Ror => register!(x, insn, bits::ror),
                Op::Rolw => register!(x, insn, bits::rolw),
                Op::Rorw => register!(x, insn, bits::rorw),
                Op::Rori => immediate!(x, insn, bits::ror),
                Op::Roriw => immediate!(x, insn, bits::rorw),
                Op::Clz => unary!(x, insn, bits::clz),
                Op::Ctz => unary!(x, insn, bits::ctz),
                Op::Cpop => unary!(x, insn, bits::cpop),
                Op::Clzw => unary!(x, insn, bits::clzw),
                Op::Ctzw => unary!(x, insn, bits::ctzw),
                Op::Cpopw => unary!(x, insn, bits::cpopw),
                Op::SextB => unary!(x, insn, bits::sext_b),
                Op::SextH => unary!(x, insn, bits::sext_h),
                Op::ZextH => unary!(x, insn, bits::zext_h),
                Op::OrcB => unary!(x, insn, bits::orc_b),
                Op::Rev8 => unary!(x, insn, u64::swap_bytes),
                Op::Bset => register!(x, insn, bits::bset),
                Op::Bclr => register!(x, insn, bits::bclr),
                Op::Binv => register!(x, insn, bits::binv),
                Op::Bext => register!(x, insn, bits::bext),
                Op::Bseti => immediate!(x, insn, bits::bset),
                Op::Bclri => immediate!(x, insn, bits::bclr),
                Op::Binvi => immediate!(x, insn, bits::binv),
                Op::Bexti => immediate!(x, insn, bits::bext),

                // Harts that take turns, devices that act inside an access, and code that is dropped
                // when it changes: all of memory is always in order.
                Op::Nop | Op::Fence | Op::FenceI => {}

                Op::Csrrw | Op::Csrrs | Op::Csrrc | Op::Csrrwi | Op::Csrrsi | Op::Csrrci => {
                    if !csr::at_once(hart, *insn) {
                        return Break::Slow;
                    }
                }
                #[rustfmt::skip]
                Op::AmoaddW | Op::AmoswapW | Op::AmoxorW | Op::AmoorW | Op::AmoandW | Op::AmominW
                | Op::AmomaxW | Op::AmominuW | Op::AmomaxuW | Op::AmoaddD | Op::AmoswapD | Op::AmoxorD
                | Op::AmoorD | Op::AmoandD | Op::AmominD | Op::AmomaxD | Op::AmominuD | Op::AmomaxuD => {
                    if !atomic::at_once(x, stores, frames, *insn) {
                        return Break::Slow;
                    }
                },
                // All by name: so the compiler knows that there are no others, and dispatches without a check.
                #[rustfmt::skip]
                Op::Illegal | Op::Tracepoint | Op::CrossesPage | Op::Flw | Op::Fld | Op::Fsw | Op::Fsd
                | Op::LrW | Op::ScW | Op::LrD | Op::ScD | Op::FmaddS | Op::FmaddD | Op::FmsubS
                | Op::FmsubD | Op::FnmsubS | Op::FnmsubD | Op::FnmaddS | Op::FnmaddD | Op::FaddS
                | Op::FaddD | Op::FsubS | Op::FsubD | Op::FmulS | Op::FmulD | Op::FdivS | Op::FdivD
                | Op::FsqrtS | Op::FsqrtD | Op::FsgnjS | Op::FsgnjD | Op::FsgnjnS | Op::FsgnjnD
                | Op::FsgnjxS | Op::FsgnjxD | Op::FminS | Op::FminD | Op::FmaxS | Op::FmaxD
                | Op::FcvtSD | Op::FcvtDS | Op::FleS | Op::FleD | Op::FltS | Op::FltD | Op::FeqS
                | Op::FeqD | Op::FcvtWS | Op::FcvtWD | Op::FcvtWuS | Op::FcvtWuD | Op::FcvtLS
                | Op::FcvtLD | Op::FcvtLuS | Op::FcvtLuD | Op::FcvtSW | Op::FcvtDW | Op::FcvtSWu
                | Op::FcvtDWu | Op::FcvtSL | Op::FcvtDL | Op::FcvtSLu | Op::FcvtDLu | Op::FmvXW
                | Op::FmvXD | Op::FclassS | Op::FclassD | Op::FmvWX | Op::FmvDX | Op::Ecall
                | Op::Ebreak | Op::Sret | Op::Wfi | Op::SfenceVma | Op::SinvalVma | Op::SfenceWInval
                | Op::SfenceInvalIr | Op::Mret => return Break::Slow,
            }
        }
        Break::End
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

/// LD, and as many of the row behind it as lie in the same page. How many those are; `None` where not even
/// the first is at hand.
#[inline(never)]
fn load_row(
    x: &mut Registers,
    tlb: &Array,
    frames: &[FrameBytes],
    first: &Insn,
    row: &[Insn],
) -> Option<usize> {
    let base = x[first.rs1];
    let va = base.wrapping_add(extend(first.imm));
    let entry = tlb[tlb::slot(va)];
    if entry.tag != tag_of::<8>(va) {
        return None;
    }
    let frame = frames.get(entry.frame as usize)?;
    x[first.rd] = double(frame, va);
    let row = row.get(..row.len().min(first.rs2.into())).unwrap_or(&[]);
    for (done, insn) in row.iter().enumerate() {
        let va = base.wrapping_add(extend(insn.imm));
        if entry.tag != tag_of::<8>(va) {
            return Some(done);
        }
        x[insn.rd] = double(frame, va);
    }
    Some(row.len())
}

/// The same for SD.
#[inline(never)]
fn store_row(
    x: &Registers,
    tlb: &Array,
    frames: &mut [FrameBytes],
    first: &Insn,
    row: &[Insn],
) -> Option<usize> {
    let base = x[first.rs1];
    let va = base.wrapping_add(extend(first.imm));
    let entry = tlb[tlb::slot(va)];
    if entry.tag != tag_of::<8>(va) {
        return None;
    }
    let frame = frames.get_mut(entry.frame as usize)?;
    set_double(frame, va, x[first.rs2]);
    let row = row.get(..row.len().min(first.rd.into())).unwrap_or(&[]);
    for (done, insn) in row.iter().enumerate() {
        let va = base.wrapping_add(extend(insn.imm));
        if entry.tag != tag_of::<8>(va) {
            return Some(done);
        }
        set_double(frame, va, x[insn.rs2]);
    }
    Some(row.len())
}

/// The aligned double word at `va` in its page.
#[inline(always)]
fn double(frame: &FrameBytes, va: u64) -> u64 {
    frame[offset_of::<8>(va)..].first_chunk().copied().map_or(0, u64::from_le_bytes)
}

#[inline(always)]
fn set_double(frame: &mut FrameBytes, va: u64, value: u64) {
    if let Some(slot) = frame[offset_of::<8>(va)..].first_chunk_mut() {
        *slot = value.to_le_bytes();
    }
}
