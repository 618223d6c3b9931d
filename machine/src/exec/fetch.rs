//! Fetching: from `pc` to decoded instructions.

use faultline_abi::{VirtAddr, sv39::Access};

use super::{
    Cpu, Fault, Flow,
    fast::{Fast, Single},
    reach::Target,
};
use crate::{
    bus::{Devices, Width},
    code::prepare,
    decode::decode,
    insn::{Insn, Length},
    mmu::tlb::{For, Kept, Tlb},
    observer::Observer,
    ram::{FrameIndex, flag, offset_in_page},
};

/// What became of the instruction at `pc`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Fetched {
    /// Its block is decoded and at hand.
    Decoded,
    /// It could not be kept, and has been executed.
    Executed,
}

impl<D: Devices, O: Observer> Cpu<'_, D, O> {
    /// Decodes the block at `pc` and makes it known where its page is.
    pub(super) fn decode_at_pc(&mut self) -> Result<Fetched, Fault> {
        let rules = self.hart.fetch_rules();
        let reached = self.reach(self.hart.pc, 2, Access::Fetch, &rules)?;
        let Target::Memory { frame, offset } = reached.target else {
            return Err(self.physical_fault(self.hart.pc, Access::Fetch));
        };
        if !reached.whole_page || self.tlb.is_watched(self.hart.pc) {
            return self.execute_uncached().map(|()| Fetched::Executed);
        }
        let page = self.code_page(frame);
        if let Some(bytes) = self.system.ram.frame(frame)
            && !self.system.code.has_block(page, offset)
        {
            self.system.code.decode(page, bytes, offset);
        }
        self.tlb.fill(self.hart.context(&rules), Kept::Fetch, self.hart.pc, page);
        Ok(Fetched::Decoded)
    }

    /// The number of the decoded page of a frame. From now on stores to it are watched.
    fn code_page(&mut self, frame: FrameIndex) -> u32 {
        if self.system.code.is_full_for(frame) {
            for frame in self.system.code.clear() {
                self.system.ram.clear_flag(frame, flag::CODE);
            }
            self.each_tlb(Tlb::drop_fetches);
        }
        if self.system.ram.set_flag(frame, flag::CODE) {
            self.each_tlb(Tlb::drop_stores);
        }
        self.system.code.page_of(frame)
    }

    /// Executes the instruction at `pc` without keeping it decoded: it lies in two pages, or in a page
    /// of which only a part may be executed.
    pub(super) fn execute_uncached(&mut self) -> Result<(), Fault> {
        let (insn, length) = self.fetch_uncached()?;
        let pc = self.hart.pc;
        let prepared = prepare(insn, offset_in_page(pc));
        let end = pc.wrapping_add(length.bytes());
        match self.single(prepared, end) {
            Single::Done(next) => {
                self.hart.pc = next;
                self.retire(Flow::Jump, length);
                Ok(())
            }
            Single::Slow => self.slow(prepared, length).map(|_| ()),
        }
    }

    fn single(&mut self, insn: Insn, end: u64) -> Single {
        let page_va = VirtAddr::new(self.hart.pc).page_down().get();
        let fetch = self.tlb.select(self.hart.context(&self.hart.fetch_rules()), For::Fetches);
        let data = self.tlb.select(self.hart.context(&self.hart.data_rules()), For::Data);
        let mut fast = Fast {
            hart: self.hart,
            frames: self.system.ram.all_frames(),
            code: &self.system.code,
            fetch: self.tlb.set(fetch),
            data: self.tlb.set(data),
        };
        fast.single(insn, page_va, end)
    }

    fn fetch_uncached(&mut self) -> Result<(Insn, Length), Fault> {
        let (insn, length) = decode(self.fetch_bits()?);
        Ok((insn, length))
    }

    /// The bits of the instruction at `pc`. Of a compressed one nothing behind it is touched.
    pub(super) fn fetch_bits(&mut self) -> Result<u32, Fault> {
        let low = self.fetch_parcel(self.hart.pc)?;
        match Length::of(low) {
            Length::Compressed => Ok(low.into()),
            Length::Full => {
                let high = self.fetch_parcel(self.hart.pc.wrapping_add(2))?;
                Ok(u32::from(low) | u32::from(high) << 16)
            }
        }
    }

    fn fetch_parcel(&mut self, va: u64) -> Result<u16, Fault> {
        let rules = self.hart.fetch_rules();
        match self.reach(va, 2, Access::Fetch, &rules)?.target {
            Target::Memory { frame, offset } => {
                #[expect(clippy::cast_possible_truncation, reason = "a half word was loaded")]
                let parcel = self.system.ram.load(frame, offset, Width::Half) as u16;
                Ok(parcel)
            }
            Target::Device(_) => Err(self.physical_fault(va, Access::Fetch)),
        }
    }
}
