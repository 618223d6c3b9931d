//! Decoded instructions, kept by physical page.
//!
//! Instructions that follow each other without a jump between them are decoded together, as a
//! [`Block`]: an array that the executor runs through. Blocks never leave their page. Any change to a
//! byte they were made from drops all blocks of the page at once, so a hart never executes an old
//! instruction, with or without `fence.i`.

use crate::{
    decode::decode,
    insn::{Format, Insn, Length, Op},
    ram::{FrameBytes, FrameIndex, PAGE_BYTES, offset_in_page},
    registers::SINK,
};

/// Longest block, in instructions.
const BLOCK_MAX: usize = 64;
/// Instructions kept for one page; more (blocks that overlap) start it anew.
const PAGE_MAX: usize = 8192;
/// Pages, and instructions of all pages together, that are kept; more start everything anew. A block
/// counts as four instructions. Together they bound the cache to about 24 MiB.
const PAGES_MAX: usize = 2048;
const KEPT_MAX: usize = 1 << 21;
/// Stores to a page without blocks after which it counts as data again.
const STORES_TO_DATA: u32 = 64;
/// Parcels of two bytes in a page: every place where an instruction can begin.
const PARCELS: usize = PAGE_BYTES / 2;

/// The number of a decoded page.
pub(crate) type PageNumber = u32;

/// In a branch or jump: its target is no instruction of its own block.
pub(crate) const ELSEWHERE: u8 = u8::MAX;

/// Instructions in a row. Only the last can be an unconditional jump; conditional branches may stand
/// anywhere, so that a block is left early when one is taken, unless its target is in the block, too.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Block {
    first: u32,
    count: u32,
    /// Offset of the first instruction in the page.
    start: u16,
    /// Offset behind the last one, at most the size of a page.
    pub(crate) end: u16,
    /// One bit for each instruction that takes two bytes.
    compressed: u64,
}

impl Block {
    /// The offset in the page of instruction `index`.
    pub(crate) fn offset_of(&self, index: usize) -> u64 {
        let before = (1_u64 << (index % BLOCK_MAX)) - 1;
        let short = u64::from((self.compressed & before).count_ones());
        u64::from(self.start) + 4 * index as u64 - 2 * short
    }

    /// The instruction at this offset in the page, if one of the block begins there.
    fn index_of(&self, offset: i32) -> Option<u8> {
        let offset = u64::try_from(offset).ok()?;
        (0..self.count as usize)
            .find(|&index| self.offset_of(index) == offset)
            .and_then(|index| u8::try_from(index).ok())
    }

    /// The length of instruction `index`.
    pub(crate) fn length_of(&self, index: usize) -> Length {
        if self.compressed >> (index % BLOCK_MAX) & 1 != 0 { Length::Compressed } else { Length::Full }
    }
}

/// An instruction inside a block.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Place {
    pub(crate) page: PageNumber,
    /// The address of the page.
    pub(crate) va: u64,
    pub(crate) block: u16,
    pub(crate) index: usize,
}

/// The decoded instructions of one page.
#[derive(Debug)]
pub(crate) struct Page {
    frame: FrameIndex,
    /// For each parcel the block that begins there, plus one.
    entries: Box<[u16; PARCELS]>,
    blocks: Vec<Block>,
    insns: Vec<Insn>,
    /// One bit for each parcel that some block was made from.
    covered: [u64; PARCELS / 64],
    stores: u32,
}

impl Page {
    fn new(frame: FrameIndex) -> Self {
        Self {
            frame,
            entries: Box::new([0; PARCELS]),
            blocks: Vec::new(),
            insns: Vec::new(),
            covered: [0; PARCELS / 64],
            stores: 0,
        }
    }

    /// The block that begins at the address with this page offset.
    #[inline(always)]
    pub(crate) fn block_at(&self, pc: u64) -> Option<(u16, &Block)> {
        let entry = self.entries[offset_in_page(pc) / 2].wrapping_sub(1);
        self.blocks.get(usize::from(entry)).map(|block| (entry, block))
    }

    #[inline(always)]
    pub(crate) fn block(&self, number: u16) -> Option<&Block> {
        self.blocks.get(usize::from(number))
    }

    /// The instructions of a block.
    #[inline(always)]
    pub(crate) fn insns(&self, block: &Block) -> &[Insn] {
        self.insns.get(block.first as usize..(block.first + block.count) as usize).unwrap_or(&[])
    }

    fn clear(&mut self) {
        self.entries.fill(0);
        self.covered.fill(0);
        // Their memory is given back, too: what is kept is what counts.
        self.blocks = Vec::new();
        self.insns = Vec::new();
    }

    fn kept(&self) -> usize {
        self.insns.len() + 4 * self.blocks.len()
    }

    /// Decodes the block that begins at `offset`.
    fn decode(&mut self, bytes: &FrameBytes, offset: usize) {
        if self.insns.len() + BLOCK_MAX > PAGE_MAX {
            self.clear();
        }
        let block = Decoder { bytes, insns: &mut self.insns, offset, compressed: 0 }.block();
        for parcel in usize::from(block.start) / 2..usize::from(block.end) / 2 {
            self.covered[parcel / 64] |= 1 << (parcel % 64);
        }
        self.blocks.push(block);
        if let (Ok(entry), Some(slot)) = (u16::try_from(self.blocks.len()), self.entries.get_mut(offset / 2))
        {
            *slot = entry;
        }
    }

    /// Whether some block was made from any of these bytes.
    fn covers(&self, offset: usize, len: usize) -> bool {
        let last = (offset + len - 1).min(PAGE_BYTES - 1) / 2;
        (offset / 2..=last).any(|parcel| self.covered[parcel / 64] >> (parcel % 64) & 1 != 0)
    }
}

/// Decodes one block onto the end of `insns`.
struct Decoder<'a> {
    bytes: &'a FrameBytes,
    insns: &'a mut Vec<Insn>,
    offset: usize,
    compressed: u64,
}

impl Decoder<'_> {
    fn block(mut self) -> Block {
        let (first, start) = (self.insns.len(), self.offset);
        let mut count = 0;
        while count < BLOCK_MAX && self.offset < PAGE_BYTES {
            let insn = self.next(count);
            self.insns.push(insn);
            count += 1;
            if ends_block(insn.op) {
                break;
            }
        }
        let block = Block {
            first: index(first),
            count: index(count),
            start: page_offset(start),
            end: page_offset(self.offset),
            compressed: self.compressed,
        };
        let insns = self.insns.get_mut(first..).unwrap_or(&mut []);
        link(&block, insns);
        mark_rows(insns);
        block
    }

    /// The instruction at the current offset, as the executor wants it.
    fn next(&mut self, number: usize) -> Insn {
        let low = self.parcel(self.offset);
        let high = self.parcel(self.offset + 2);
        let (insn, length) = match (Length::of(low.unwrap_or(0)), high) {
            (Length::Full, None) => (Insn::plain(Op::CrossesPage), Length::Compressed),
            _ => decode(u32::from(low.unwrap_or(0)) | u32::from(high.unwrap_or(0)) << 16),
        };
        let prepared = prepare(insn, self.offset);
        if length == Length::Compressed {
            self.compressed |= 1 << number;
            self.offset += 2;
        } else {
            self.offset += 4;
        }
        prepared
    }

    fn parcel(&self, offset: usize) -> Option<u16> {
        self.bytes.as_chunks().0.get(offset / 2).map(|&parcel| u16::from_le_bytes(parcel))
    }
}

/// Tells the branches and jumps of a block which of its own instructions they go to.
fn link(block: &Block, insns: &mut [Insn]) {
    for insn in insns {
        if matches!(insn.op.format(), Format::Branch | Format::Jump) {
            insn.rd = block.index_of(insn.imm).unwrap_or(ELSEWHERE);
        }
    }
}

/// Shortest row that is worth to be executed as one.
const ROW_MIN: u8 = 3;

/// Makes LD and SD the heads of rows where more of the same with the same base register follow, so that
/// saving and restoring registers looks its page up once. How many follow stands in `rs2` of LD and in
/// `rd` of SD.
fn mark_rows(insns: &mut [Insn]) {
    let (mut next, mut behind) = (Insn::plain(Op::Illegal), 0);
    for insn in insns.iter_mut().rev() {
        let kept = insn.op == Op::Sd || insn.rd != insn.rs1;
        let goes_on = next.op == insn.op && next.rs1 == insn.rs1 && kept;
        behind = if goes_on { behind + 1 } else { 0 };
        next = *insn;
        if behind + 1 >= ROW_MIN {
            match insn.op {
                Op::Ld => *insn = Insn { op: Op::LdRow, rs2: behind, ..*insn },
                Op::Sd => *insn = Insn { op: Op::SdRow, rd: behind, ..*insn },
                _ => {}
            }
        }
    }
}

/// The form in which the executor wants an instruction that stands at `offset` of its page: writes to
/// `x0` go to the sink or make it a NOP, and what is relative to `pc` becomes relative to the page. The
/// `rd` of branches and jumps says where in the block they go; JAL links in `rs2`.
pub(crate) fn prepare(insn: Insn, offset: usize) -> Insn {
    let insn = insn.with_sink();
    let relative = matches!(insn.op.format(), Format::Branch | Format::Jump) || insn.op == Op::Auipc;
    // The offset is below 4096. A branch or jump reaches at most 1 MiB, and the low twelve bits of
    // AUIPC's immediate are zero, so this cannot overflow.
    let imm = if relative { insn.imm.wrapping_add(i32::from(page_offset(offset))) } else { insn.imm };
    let computes = matches!(insn.op.format(), Format::Upper | Format::Immediate | Format::Register)
        || matches!(insn.op.format(), Format::Shift | Format::ShiftWord | Format::Unary);
    match insn.op.format() {
        Format::Branch => Insn { rd: ELSEWHERE, imm, ..insn },
        Format::Jump => Insn { rd: ELSEWHERE, rs2: insn.rd, imm, ..insn },
        _ if computes && insn.rd == SINK && insn.op != Op::Tracepoint => Insn::plain(Op::Nop),
        _ => Insn { imm, ..insn },
    }
}

/// Instructions behind which nothing can be said about what comes next.
const fn ends_block(op: Op) -> bool {
    matches!(
        op,
        Op::Jal
            | Op::Jalr
            | Op::Ecall
            | Op::Ebreak
            | Op::Mret
            | Op::Sret
            | Op::Wfi
            | Op::Illegal
            | Op::CrossesPage
    )
}

fn index(value: usize) -> u32 {
    u32::try_from(value).unwrap_or(u32::MAX)
}

/// An offset in a page, its end included.
fn page_offset(offset: usize) -> u16 {
    u16::try_from(offset).unwrap_or(u16::MAX)
}

/// What a store did to decoded instructions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Overwritten {
    /// Nothing: no block was made from these bytes.
    Nothing,
    /// Blocks were dropped.
    Blocks,
    /// Nothing, and the page has been written so often that it counts as data from now on.
    BecameData,
}

/// The decoded pages.
#[derive(Debug, Default)]
pub(crate) struct CodeCache {
    pages: Vec<Page>,
    /// For each frame the number of its page, plus one.
    by_frame: Vec<PageNumber>,
    /// What all pages keep together.
    kept: usize,
}

impl CodeCache {
    pub(crate) fn new(frames: usize) -> Self {
        Self { pages: Vec::new(), by_frame: vec![0; frames], kept: 0 }
    }

    #[inline(always)]
    pub(crate) fn page(&self, number: PageNumber) -> Option<&Page> {
        self.pages.get(number as usize)
    }

    /// Whether there is no room for more code of `frame`; then [`CodeCache::clear`] comes first.
    pub(crate) fn is_full_for(&self, frame: FrameIndex) -> bool {
        self.kept >= KEPT_MAX || self.pages.len() >= PAGES_MAX && !self.holds(frame)
    }

    /// Forgets everything; returns the frames that held code.
    pub(crate) fn clear(&mut self) -> Vec<FrameIndex> {
        self.by_frame.fill(0);
        self.kept = 0;
        core::mem::take(&mut self.pages).into_iter().map(|page| page.frame).collect()
    }

    /// The number of the page of `frame`, which is new and empty if there was none.
    pub(crate) fn page_of(&mut self, frame: FrameIndex) -> PageNumber {
        let next = index(self.pages.len());
        let Some(slot) = self.by_frame.get_mut(frame as usize) else { return 0 };
        if *slot == 0 {
            self.pages.push(Page::new(frame));
            *slot = next + 1;
        }
        *slot - 1
    }

    /// Whether `frame` has a page.
    fn holds(&self, frame: FrameIndex) -> bool {
        self.by_frame.get(frame as usize).is_some_and(|&number| number != 0)
    }

    /// Whether a block begins at `offset` of a page.
    pub(crate) fn has_block(&self, number: PageNumber, offset: usize) -> bool {
        self.page(number).is_some_and(|page| page.block_at(offset as u64).is_some())
    }

    /// The instruction at a place, and its length.
    pub(crate) fn insn_at(&self, place: &Place) -> (Insn, Length) {
        let found = self.page(place.page).and_then(|page| {
            let block = page.block(place.block)?;
            Some((*page.insns(block).get(place.index)?, block.length_of(place.index)))
        });
        found.unwrap_or((Insn::plain(Op::Illegal), Length::Full))
    }

    /// Decodes the block at `offset` of a page.
    pub(crate) fn decode(&mut self, number: PageNumber, bytes: &FrameBytes, offset: usize) {
        if let Some(page) = self.pages.get_mut(number as usize) {
            page.stores = 0;
            self.kept -= page.kept();
            page.decode(bytes, offset);
            self.kept += page.kept();
        }
    }

    /// The contents of `frame` are others now.
    pub(crate) fn drop_page(&mut self, frame: FrameIndex) {
        let number = self.by_frame.get(frame as usize).copied().unwrap_or(0);
        if let Some(page) = number.checked_sub(1).and_then(|number| self.pages.get_mut(number as usize)) {
            self.kept -= page.kept();
            page.clear();
        }
    }

    /// `len` bytes at `offset` of `frame` have been written.
    pub(crate) fn overwritten(&mut self, frame: FrameIndex, offset: usize, len: usize) -> Overwritten {
        let number = self.by_frame.get(frame as usize).copied().unwrap_or(0);
        let Some(page) = number.checked_sub(1).and_then(|number| self.pages.get_mut(number as usize)) else {
            return Overwritten::Nothing;
        };
        if page.covers(offset, len) {
            self.kept -= page.kept();
            page.clear();
            return Overwritten::Blocks;
        }
        page.stores += 1;
        if page.blocks.is_empty() && page.stores >= STORES_TO_DATA {
            Overwritten::BecameData
        } else {
            Overwritten::Nothing
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A page of `c.addi a0, 1`.
    const CODE: FrameBytes = {
        let mut bytes = [0; PAGE_BYTES];
        let mut at = 0;
        while at < PAGE_BYTES {
            (bytes[at], bytes[at + 1]) = (0x05, 0x05);
            at += 2;
        }
        bytes
    };

    #[test]
    fn a_block_knows_the_address_of_each_of_its_instructions() {
        let mut cache = CodeCache::new(1);
        let page = cache.page_of(0);
        let mut bytes = CODE;
        // nop, of four bytes, as the second instruction
        bytes[102..106].copy_from_slice(&0x13_u32.to_le_bytes());
        cache.decode(page, &bytes, 100);
        let (_, block) = cache.page(page).and_then(|page| page.block_at(100)).expect("decoded");
        assert_eq!([0, 1, 2, 3].map(|index| block.offset_of(index)), [100, 102, 106, 108]);
        assert_eq!(block.end, 100 + 64 * 2 + 2);
    }

    #[test]
    fn branches_and_jumps_know_where_in_their_block_they_go() {
        let mut bytes = CODE;
        // beq x0, x0, +6: over the next instruction; beq x0, x0, -6 and j -10: to the start.
        for (at, word) in [(100, 0x0000_0363_u32), (106, 0xfe00_0de3), (110, 0xff7f_f06f)] {
            bytes[at..at + 4].copy_from_slice(&word.to_le_bytes());
        }
        let mut cache = CodeCache::new(1);
        let page = cache.page_of(0);
        cache.decode(page, &bytes, 100);
        let page = cache.page(page).expect("decoded");
        let (_, block) = page.block_at(100).expect("decoded");
        let goes_to: Vec<_> = page.insns(block).iter().map(|insn| (insn.op, insn.rd)).collect();
        let expected = [(Op::Beq, 2), (Op::Addi, 10), (Op::Beq, 0), (Op::Jal, 0)];
        assert_eq!(goes_to, expected);
        assert_eq!(
            prepare(Insn::plain(Op::Jal), 0),
            Insn { rd: ELSEWHERE, rs2: SINK, ..Insn::plain(Op::Jal) }
        );
    }

    #[test]
    fn rows_of_loads_and_stores_know_their_length() {
        let of = |op, rd, rs1| Insn { rd, rs1, ..Insn::plain(op) };
        let mut insns = [
            of(Op::Sd, 0, 2),
            of(Op::Sd, 0, 2),
            of(Op::Sd, 0, 2),
            of(Op::Sd, 0, 8),
            of(Op::Ld, 1, 2),
            of(Op::Ld, 3, 2),
            of(Op::Ld, 4, 2),
            of(Op::Ld, 2, 2),
            of(Op::Ld, 5, 2),
            of(Op::Addi, 2, 2),
            of(Op::Addi, 2, 2),
            of(Op::Addi, 2, 2),
        ];
        mark_rows(&mut insns);
        assert_eq!((insns[0].op, insns[0].rd), (Op::SdRow, 2));
        assert_eq!((insns[4].op, insns[4].rs2), (Op::LdRow, 3), "up to the one that changes the base");
        assert_eq!((insns[5].op, insns[5].rs2), (Op::LdRow, 2));
        let rows = insns.iter().filter(|insn| matches!(insn.op, Op::LdRow | Op::SdRow)).count();
        assert_eq!(rows, 3);
    }

    #[test]
    fn what_is_kept_stays_bounded_whatever_is_executed() {
        // Many pages with a block each, and fewer with many.
        for (frames, distance) in [(2100, PAGE_BYTES), (520, 64)] {
            let mut cache = CodeCache::new(4096);
            let mut cleared = 0;
            for frame in 0..frames {
                if cache.is_full_for(frame) {
                    cleared += cache.clear().len();
                }
                let page = cache.page_of(frame);
                for offset in (0..PAGE_BYTES).step_by(distance) {
                    cache.decode(page, &CODE, offset);
                    assert!(cache.has_block(page, offset));
                }
                assert!(cache.pages.len() <= PAGES_MAX && cache.kept <= KEPT_MAX + 5 * PAGE_MAX);
            }
            assert!(cleared > 0, "the limit was reached");
            assert_eq!(cache.kept, cache.pages.iter().map(Page::kept).sum::<usize>());
        }
    }

    #[test]
    fn only_a_store_onto_decoded_bytes_drops_blocks() {
        let mut cache = CodeCache::new(1);
        let page = cache.page_of(0);
        cache.decode(page, &CODE, 4000);
        assert_eq!(cache.overwritten(0, 3992, 8), Overwritten::Nothing);
        assert_eq!(cache.overwritten(0, 3993, 8), Overwritten::Blocks);
        assert!(!cache.has_block(page, 4000));
        let data = (0..200).find(|_| cache.overwritten(0, 0, 8) == Overwritten::BecameData);
        assert!(data.is_some(), "a page that is only written becomes data");
    }
}
