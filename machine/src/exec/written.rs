//! Writing memory on which something may depend: decoded code, page tables, the watched word.

use faultline_abi::{PhysAddr, sv39::Pte};

use super::{Cpu, Flow, memory::Spot};
use crate::{
    bus::{Devices, ExitCode, Width},
    code::Overwritten,
    htif::{self, Request},
    mmu::tables::Change,
    observer::Observer,
    ram::{Disturbance, FrameIndex, PAGE_BYTES, flag, offset_in_page},
};

impl<D: Devices, O: Observer> Cpu<'_, D, O> {
    /// Stores inside one frame.
    pub(super) fn store_memory(
        &mut self,
        frame: FrameIndex,
        offset: usize,
        width: Width,
        value: u64,
    ) -> Flow {
        let flags = self.system.ram.flags(frame);
        if flags == 0 {
            self.system.ram.store(frame, offset, width, value);
            return Flow::Next;
        }
        // An access inside a page touches at most two entries.
        let entries = [offset / 8, (offset + width.size() - 1) / 8];
        let old = entries.map(|index| self.entry(frame, index));
        self.system.ram.store(frame, offset, width, value);
        let mut flow = self.code_written(frame, offset, width.size());
        if flags & flag::TABLE != 0 {
            flow = flow.or(self.entry_written(frame, entries[0], old[0], width));
            if entries[1] != entries[0] {
                flow = flow.or(self.entry_written(frame, entries[1], old[1], width));
            }
        }
        if flags & flag::WATCH != 0 {
            flow = flow.or(self.watched_written());
        }
        flow
    }

    /// Stores the low `len` bytes of `value` one by one, at the end or the beginning of a page.
    pub(super) fn store_bytes(&mut self, at: Spot, value: u64, len: u64) -> Flow {
        let bytes = value.to_le_bytes().into_iter().zip(at.1..).take(offset_in_page(len));
        bytes.fold(Flow::Next, |flow, (byte, offset)| {
            flow.or(self.store_memory(at.0, offset, Width::Byte, byte.into()))
        })
    }

    fn entry(&self, frame: FrameIndex, index: usize) -> Pte {
        Pte::from_raw(self.system.ram.load(frame, index * 8, Width::Double))
    }

    /// An entry of a page table may have changed.
    fn entry_written(&mut self, frame: FrameIndex, index: usize, old: Pte, width: Width) -> Flow {
        let new = self.entry(frame, index);
        if new == old {
            return Flow::Next;
        }
        let change = Change { frame, index, old, new, width };
        let (write, stale) = if change.is_no_entry() && !self.in_active_tree(frame) {
            (None, self.system.tables.forget_tree_of(frame, &mut self.system.ram))
        } else {
            self.system.tables.changed(&change, &mut self.system.ram)
        };
        if let (true, Some(write)) = (O::ACTIVE, write) {
            self.observer.pte_written(&self.context(), &write);
        }
        self.tables_changed(stale);
        Flow::Look
    }

    /// Whether any hart translates through the tree that a table stands in.
    fn in_active_tree(&self, table: FrameIndex) -> bool {
        self.system.tables.root_of(table, &self.system.ram).is_some_and(|root| self.is_active(root))
    }

    /// Bytes that may have been decoded have changed.
    pub(super) fn code_written(&mut self, frame: FrameIndex, offset: usize, len: usize) -> Flow {
        if self.system.ram.flags(frame) & flag::CODE == 0 {
            return Flow::Next;
        }
        match self.system.code.overwritten(frame, offset, len) {
            Overwritten::Nothing => Flow::Next,
            Overwritten::Blocks => Flow::Look,
            Overwritten::BecameData => {
                self.system.ram.clear_flag(frame, flag::CODE);
                Flow::Next
            }
        }
    }

    /// The word by which HTIF programs ask for something may have been written.
    fn watched_written(&mut self) -> Flow {
        let word = self.system.tohost.and_then(|tohost| self.system.ram.read_u64(tohost).ok());
        match Request::of(word.unwrap_or(0)) {
            Request::None => return Flow::Next,
            Request::Exit(code) => self.system.exit = Some(code),
            Request::Print(byte) => {
                self.print(byte);
                self.answer_host(None);
            }
            Request::Call(block) => self.call_host(PhysAddr::new(block)),
        }
        Flow::Look
    }

    /// Does a system call for a program; its answer takes the place of its number.
    fn call_host(&mut self, block: PhysAddr) {
        let word = |index: u64| self.system.ram.read_u64(block.wrapping_add(8 * index)).unwrap_or(0);
        let [number, code, buffer, length] = [word(0), word(1), word(2), word(3)];
        let answer = match number {
            htif::CALL_EXIT => {
                self.system.exit = Some(ExitCode(code));
                return;
            }
            htif::CALL_WRITE => self.print_all(PhysAddr::new(buffer), length.min(htif::WRITE_MAX)),
            _ => htif::NO_SUCH_CALL,
        };
        // A block outside memory gets no answer.
        let _ = self.system.ram.write(block, &answer.to_le_bytes());
        self.answer_host(Some(1));
    }

    fn print(&mut self, byte: u8) {
        if O::ACTIVE {
            self.observer.console_output(&self.context(), byte);
        }
    }

    /// Prints what is in memory; how many bytes it was.
    fn print_all(&mut self, buffer: PhysAddr, length: u64) -> u64 {
        for index in 0..length {
            let mut byte = [0];
            if self.system.ram.read(buffer.wrapping_add(index), &mut byte).is_err() {
                return index;
            }
            self.print(byte[0]);
        }
        length
    }

    /// Takes the command, and leaves an answer where there is one.
    fn answer_host(&mut self, answer: Option<u64>) {
        let answered = answer.and_then(|answer| Some((self.system.fromhost?, answer)));
        for (at, value) in self.system.tohost.map(|tohost| (tohost, 0)).into_iter().chain(answered) {
            // Both were found in memory; where that has gone, nobody waits.
            let _ = self.system.ram.write(at, &value.to_le_bytes());
        }
        self.settle();
    }

    /// After a device was accessed: interrupt lines may have changed, and it may have written memory
    /// that is reserved or on which something depends.
    pub(super) fn settle(&mut self) {
        self.system.lines_due = 0;
        self.hart.reservation = None;
        for Disturbance { frame, before } in self.system.ram.take_disturbed() {
            self.code_written(frame, 0, PAGE_BYTES);
            if self.system.ram.flags(frame) & flag::TABLE != 0 {
                for (index, old) in before.as_chunks().0.iter().enumerate() {
                    let old = Pte::from_raw(u64::from_le_bytes(*old));
                    self.entry_written(frame, index, old, Width::Double);
                }
            }
            self.watched_written();
        }
    }
}

impl Flow {
    /// The stricter of two.
    pub(super) fn or(self, other: Self) -> Self {
        if self == Self::Next { other } else { self }
    }
}
