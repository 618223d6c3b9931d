//! `exec`: a fresh address space with a program in it.
//!
//! ```text
//! heap    empty, starts where the stack ends: p->sz
//! stack   four pages of zeros; on the topmost the arguments
//! guard   one page, valid but not for users, so that a stack that grows too far faults
//! data    from the file, then zeros (bss)
//! text    from the file
//! ```
//!
//! Eager exec brings in every page before the program starts. With demand paging the areas only say
//! where each page would come from; the first touch of it faults. Either way text is one frame for
//! all processes that run the program, and data is everybody's own.

use alloc::rc::Rc;
use core::fmt;

use faultline_abi::{PAGE_SIZE, VirtAddr, sv39::Access, trace::AreaKind};

use crate::{
    area::{Area, Backing, FilePart, Prot, Sharing},
    elf_file::{ElfError, Program, Segment},
    file::{FileRef, IoError},
    memlayout::{STACK_SIZE, USER_TOP},
    memory::{ExecPolicy, Memory, SpaceId},
    pid::Pid,
    plan::{Reason, ZeroPolicy, plan},
};

/// Bytes of arguments that a program may be given, their addresses included.
pub const ARGUMENTS_MAX: u64 = 2048;

/// Why a program could not be loaded. Nothing of it is left then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExecError {
    /// The file is no program.
    Elf(ElfError),
    /// Memory is used up.
    OutOfMemory,
    /// The arguments take more than [`ARGUMENTS_MAX`] bytes.
    TooManyArguments,
}

impl fmt::Display for ExecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Elf(error) => error.fmt(f),
            Self::OutOfMemory => f.write_str("out of memory"),
            Self::TooManyArguments => f.write_str("too many arguments"),
        }
    }
}

impl From<ElfError> for ExecError {
    fn from(error: ElfError) -> Self {
        Self::Elf(error)
    }
}

impl From<IoError> for ExecError {
    fn from(error: IoError) -> Self {
        Self::Elf(error.into())
    }
}

impl From<Reason> for ExecError {
    fn from(reason: Reason) -> Self {
        match reason {
            Reason::OutOfMemory => Self::OutOfMemory,
            _ => Self::Elf(ElfError::CutOff),
        }
    }
}

/// A program in memory, ready to run.
#[derive(Debug)]
pub struct Image {
    /// Its address space.
    pub space: SpaceId,
    /// The first instruction.
    pub entry: VirtAddr,
    /// The first stack pointer.
    pub sp: VirtAddr,
    /// How many arguments there are, for a0.
    pub argc: u64,
    /// Where their addresses stand, for a1.
    pub argv: VirtAddr,
}

impl Memory {
    /// Loads the program in `file` for process `pid`, with arguments `args`.
    ///
    /// # Errors
    /// See [`ExecError`].
    pub fn load(&mut self, file: &FileRef, pid: Pid, args: &[&[u8]]) -> Result<Image, ExecError> {
        let program = Program::read(&**file)?;
        let space = self.new_space(pid)?;
        let image = self.load_into(space, file, &program, args);
        if image.is_err() {
            self.drop_space(space);
        }
        image
    }

    fn load_into(
        &mut self,
        id: SpaceId,
        file: &FileRef,
        program: &Program,
        args: &[&[u8]],
    ) -> Result<Image, ExecError> {
        for segment in &program.segments {
            self.add_segment(id, file, segment)?;
        }
        let top = self.add_stack_and_heap(id, program.end())?;
        let (sp, argv) = self.push_arguments(id, top, args)?;
        Ok(Image { space: id, entry: program.entry, sp, argc: args.len() as u64, argv })
    }

    fn add_segment(&mut self, id: SpaceId, file: &FileRef, segment: &Segment) -> Result<(), ExecError> {
        let kind = if segment.prot.contains(Prot::X) { AreaKind::Text } else { AreaKind::Data };
        let part =
            FilePart { file: Rc::clone(file), offset: segment.file_offset, length: Some(segment.file_size) };
        self.space_mut(id).add_area(Area {
            kind,
            start: segment.start,
            end: segment.end,
            prot: segment.prot,
            sharing: Sharing::Private,
            backing: Backing::File(part),
        });
        self.load_eagerly(id, segment.start, segment.end)
    }

    /// Brings in every page of a program that is not loaded on demand.
    fn load_eagerly(&mut self, id: SpaceId, start: VirtAddr, end: VirtAddr) -> Result<(), ExecError> {
        if self.options.exec == ExecPolicy::Eager {
            self.populate(id, start, end)?;
        }
        Ok(())
    }

    /// Brings in every page from `start` to `end` that is not there, as a load would.
    pub(crate) fn populate(&mut self, id: SpaceId, start: VirtAddr, end: VirtAddr) -> Result<(), Reason> {
        let mut page = start;
        while page < end {
            let sight = self.look(id, page);
            if !sight.pte.is_valid() {
                self.apply(id, page, plan(&sight, Access::Load, ZeroPolicy::Private).action)?;
            }
            page = page.wrapping_add(PAGE_SIZE);
        }
        Ok(())
    }

    /// Adds guard, stack and empty heap from `base`; where the stack ends.
    fn add_stack_and_heap(&mut self, id: SpaceId, base: VirtAddr) -> Result<VirtAddr, ExecError> {
        let stack = base.wrapping_add(PAGE_SIZE);
        let top = stack.wrapping_add(STACK_SIZE);
        if top > USER_TOP {
            return Err(ExecError::OutOfMemory);
        }
        let rw = Prot::R | Prot::W;
        let space = self.space_mut(id);
        space.add_area(Area::zeros(AreaKind::Guard, base, stack, Prot::empty()));
        space.add_area(Area::zeros(AreaKind::Stack, stack, top, rw));
        space.add_area(Area::zeros(AreaKind::Heap, top, top, rw));
        self.map_zeros(id, base, rw.pte_flags())?;
        self.load_eagerly(id, stack, top)?;
        Ok(top)
    }

    /// Puts the arguments on top of the stack, first the strings, each with a zero behind it, below them
    /// their addresses and a zero; the stack pointer under it all, and where the addresses are.
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "lengths are those of strings in memory, and less than a page below the stack's end is counted down"
    )]
    fn push_arguments(
        &mut self,
        id: SpaceId,
        top: VirtAddr,
        args: &[&[u8]],
    ) -> Result<(VirtAddr, VirtAddr), ExecError> {
        let strings: u64 = args.iter().map(|arg| arg.len() as u64 + 1).sum();
        let below = (args.len() as u64 + 1) * 8;
        if strings.saturating_add(below) > ARGUMENTS_MAX - 16 {
            return Err(ExecError::TooManyArguments);
        }
        let mut at = VirtAddr::new(top.get() - strings);
        let argv = VirtAddr::new((at.get() - below) & !15);
        self.populate(id, VirtAddr::new(top.get() - PAGE_SIZE), top)?;
        for (arg, slot) in args.iter().zip(0..) {
            self.copyout(id, argv.wrapping_add(8 * slot), &at.get().to_le_bytes())?;
            self.copyout(id, at, arg)?;
            at = at.wrapping_add(arg.len() as u64 + 1);
        }
        Ok((argv, argv))
    }
}

#[cfg(test)]
mod tests {
    use std::{vec, vec::Vec};

    use faultline_abi::trace::TraceEvent;

    use super::*;
    use crate::{
        arch::take_events,
        elf_file::tests::{DATA, Header, TEXT, file},
        file::{File, FileId},
        memlayout::{TRAMPOLINE, TRAPFRAME},
        memory::MemoryOptions,
        testing::{MemoryFile, area, check, frames_of_a_program, image, memory, memory_with, touch},
    };

    const PID: Pid = Pid::KERNEL.next();

    fn on_demand(frames: u32) -> Memory {
        memory_with(frames, MemoryOptions { exec: ExecPolicy::Demand, ..MemoryOptions::default() }, 0)
    }

    fn bytes(memory: &mut Memory, id: SpaceId, va: u64, length: usize) -> Vec<u8> {
        let mut bytes = vec![0xff; length];
        memory.copyin(id, VirtAddr::new(va), &mut bytes).unwrap();
        bytes
    }

    #[test]
    fn a_program_gets_its_areas_in_the_order_of_the_lecture() {
        let mut memory = memory(64);
        let image = image(&mut memory, PID).unwrap();
        let space = memory.space(image.space);
        let bounds: Vec<_> =
            space.areas().iter().map(|area| (area.kind, area.start.get(), area.end.get())).collect();
        let expected = [
            (AreaKind::Text, 0x1000, 0x1800),
            (AreaKind::Data, 0x2000, 0x3010),
            (AreaKind::Guard, 0x4000, 0x5000),
            (AreaKind::Stack, 0x5000, 0x9000),
            (AreaKind::Heap, 0x9000, 0x9000),
            (AreaKind::Trapframe, TRAPFRAME.get(), TRAPFRAME.get() + PAGE_SIZE),
            (AreaKind::Trampoline, TRAMPOLINE.get(), TRAMPOLINE.get() + PAGE_SIZE),
        ];
        assert_eq!(bounds, expected);
        assert_eq!(image.entry.get(), 0x1000);
        check(&memory);
    }

    #[test]
    fn bytes_come_from_the_file_and_the_rest_is_zero_sooner_or_later() {
        for mut memory in [memory(64), on_demand(64)] {
            let id = image(&mut memory, PID).unwrap().space;
            let data = bytes(&mut memory, id, 0x2000, 4096 + 16);
            let in_file = (0x1800..0x1810).map(|n: u16| (n % 251).to_le_bytes()[0]);
            assert!(data[..16].iter().copied().eq(in_file));
            assert!(data[16..].iter().all(|&byte| byte == 0));
            check(&memory);
        }
    }

    #[test]
    fn the_arguments_stand_on_the_stack() {
        let mut memory = memory(64);
        let bytes_of_file = file(0x1000, &[TEXT, DATA]);
        let file: FileRef = Rc::new(MemoryFile::new(&bytes_of_file));
        let image = memory.load(&file, PID, &[b"cat", b"", b"notes.txt"]).unwrap();
        assert_eq!((image.argc, image.sp.get() % 16), (3, 0));
        assert!(image.sp.get() < 0x9000 && image.argv >= image.sp);
        let addresses = bytes(&mut memory, image.space, image.argv.get(), 32);
        let mut strings = Vec::new();
        for address in addresses.chunks(8).take(3) {
            let address = VirtAddr::new(u64::from_le_bytes(address.try_into().unwrap()));
            strings.push(memory.copyin_string(image.space, address, 20).unwrap());
        }
        assert_eq!(strings, [&b"cat"[..], b"", b"notes.txt"]);
        assert_eq!(addresses[24..], [0; 8]);
        let long = vec![b'x'; 3000];
        let refused = memory.load(&file, PID, &[&long]).err();
        assert_eq!(refused, Some(ExecError::TooManyArguments));
        memory.drop_space(image.space);
        assert_eq!(memory.frames().free_count(), memory.frames().count());
    }

    #[test]
    fn on_demand_a_page_comes_when_it_is_touched() {
        let mut memory = on_demand(64);
        let id = image(&mut memory, PID).unwrap().space;
        let is_there = |memory: &Memory, va| memory.space(id).table().walk(VirtAddr::new(va)).is_valid();
        assert!(!is_there(&memory, 0x1000) && !is_there(&memory, 0x2000) && !is_there(&memory, 0x5000));
        assert!(is_there(&memory, 0x8000), "the arguments are on the top page of the stack");
        let free = memory.frames().free_count();
        for (va, access) in [(0x1000, Access::Fetch), (0x2000, Access::Load), (0x7ff0, Access::Store)] {
            touch(&mut memory, id, VirtAddr::new(va), access).unwrap();
        }
        assert_eq!(memory.frames().free_count(), free - 3);
        check(&memory);
    }

    #[test]
    fn two_processes_share_the_text_and_not_the_data_of_a_program() {
        for mut memory in [memory(64), on_demand(64)] {
            let bytes_of_file = file(0x1000, &[TEXT, DATA]);
            let file: FileRef = Rc::new(MemoryFile::new(&bytes_of_file));
            let spaces: Vec<_> =
                (0..2).map(|_| memory.load(&file, PID, &[b"twice"]).unwrap().space).collect();
            for &id in &spaces {
                touch(&mut memory, id, VirtAddr::new(0x1000), Access::Fetch).unwrap();
                touch(&mut memory, id, VirtAddr::new(0x2000), Access::Store).unwrap();
            }
            let frame = |id, va| memory.space(id).table().mapped(VirtAddr::new(va)).unwrap();
            assert_eq!(frame(spaces[0], 0x1000), frame(spaces[1], 0x1000));
            assert_ne!(frame(spaces[0], 0x2000), frame(spaces[1], 0x2000));
            check(&memory);
        }
    }

    #[test]
    fn every_access_that_the_program_may_not_make_is_refused() {
        use crate::plan::Reason::{Forbidden, KernelPage, NullPointer, StackOverflow};
        let mut memory = memory(64);
        let id = image(&mut memory, PID).unwrap().space;
        let guard = area(&memory, id, AreaKind::Guard).start;
        let refused = [
            (VirtAddr::new(0), Access::Load, NullPointer),
            (VirtAddr::new(0x1000), Access::Store, Forbidden(AreaKind::Text, Access::Store)),
            (VirtAddr::new(0x2000), Access::Fetch, Forbidden(AreaKind::Data, Access::Fetch)),
            (VirtAddr::new(0x5000), Access::Fetch, Forbidden(AreaKind::Stack, Access::Fetch)),
            (guard, Access::Store, StackOverflow),
            (guard, Access::Load, StackOverflow),
            (TRAPFRAME, Access::Load, KernelPage(AreaKind::Trapframe)),
            (TRAMPOLINE, Access::Fetch, KernelPage(AreaKind::Trampoline)),
        ];
        for (va, access, reason) in refused {
            assert_eq!(touch(&mut memory, id, va, access), Err(reason), "{access:?} {va}");
        }
        for (va, access) in [(0x1000, Access::Fetch), (0x2000, Access::Store), (0x8ff8, Access::Store)] {
            assert_eq!(touch(&mut memory, id, VirtAddr::new(va), access), Ok(()), "{access:?} {va:#x}");
        }
    }

    #[test]
    fn running_out_of_frames_at_any_point_fails_and_leaks_nothing() {
        let enough = frames_of_a_program();
        for frames in 0..enough {
            let mut memory = memory(frames);
            // Clean pages of a program that is being loaded may be dropped again, so that a program
            // can start with less than all its pages; but not without its tables.
            if image(&mut memory, PID).is_ok() {
                check(&memory);
                continue;
            }
            assert_eq!(memory.frames().free_count(), memory.frames().count(), "{frames} frames");
        }
        assert!(image(&mut memory(enough), PID).is_ok());
    }

    #[test]
    fn a_file_that_fails_half_way_leaves_nothing() {
        struct Broken(MemoryFile, core::cell::Cell<u32>);
        impl File for Broken {
            fn id(&self) -> FileId {
                self.0.id()
            }
            fn size(&self) -> u64 {
                self.0.size()
            }
            fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), IoError> {
                self.1.set(self.1.get().checked_sub(1).ok_or(IoError)?);
                self.0.read_at(offset, buffer)
            }
            fn write_at(&self, _: u64, _: &[u8]) -> Result<(), IoError> {
                Err(IoError)
            }
            fn flush(&self) -> Result<(), IoError> {
                Err(IoError)
            }
        }
        let bytes = file(0x1000, &[TEXT, DATA]);
        let broken = |reads| Rc::new(Broken(MemoryFile::new(&bytes), core::cell::Cell::new(reads)));
        let mut memory = memory(64);
        for reads in 0..4 {
            let file: FileRef = broken(reads);
            let result = memory.load(&file, PID, &[]);
            assert_eq!(result.err(), Some(ExecError::Elf(ElfError::CutOff)), "{reads} reads");
            assert_eq!(memory.frames().free_count(), memory.frames().count());
        }
        let file: FileRef = broken(4);
        assert!(memory.load(&file, PID, &[]).is_ok());
    }

    #[test]
    fn a_program_that_fills_the_space_leaves_no_room_for_a_stack() {
        let top = USER_TOP.get() - PAGE_SIZE;
        let bytes = file(top, &[Header { va: top, ..TEXT }]);
        let mut memory = memory(64);
        let file: FileRef = Rc::new(MemoryFile::new(&bytes));
        let result = memory.load(&file, PID, &[]);
        assert_eq!(result.err(), Some(ExecError::OutOfMemory));
        assert_eq!(memory.frames().free_count(), memory.frames().count());
    }

    #[test]
    fn what_is_mapped_is_reported_area_by_area_when_the_program_is_ready() {
        let mut memory = memory(64);
        drop(take_events());
        let id = image(&mut memory, PID).unwrap().space;
        assert!(!take_events().iter().any(|event| matches!(event, TraceEvent::Area { .. })));
        memory.announce(id);
        let mapped = take_events();
        memory.drop_space(id);
        let unmapped = take_events();
        let areas = |events: &[TraceEvent]| {
            events.iter().filter(|event| matches!(event, TraceEvent::Area { .. })).count()
        };
        assert_eq!((areas(&mapped), areas(&unmapped)), (7, 7));
        assert!(matches!(mapped[0], TraceEvent::Area { kind: AreaKind::Trapframe, .. }));
    }
}
