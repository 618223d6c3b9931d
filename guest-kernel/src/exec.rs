//! `exec`: a fresh address space with a program in it.
//!
//! ```text
//! heap    empty, starts where the stack ends: p->sz
//! stack   four pages of zeros
//! guard   one page, valid but not for users, so that a stack that grows too far faults
//! data    from the file, then zeros (bss)
//! text    from the file
//! ```

use core::fmt;

use faultline_abi::{
    PAGE_SIZE, Ppn, VirtAddr,
    sv39::PteFlags,
    trace::{AreaKind, FrameKind},
};

use crate::{
    address_space::AddressSpace,
    area::{Area, Prot},
    elf_file::{ElfError, Program, Segment},
    frame::{FramePool, PAGE_BYTES},
    memlayout::{STACK_SIZE, USER_TOP},
    pid::Pid,
    program_file::{ProgramFile, ReadError},
    table::MapError,
};

/// Why a program could not be loaded. Nothing of it is left then.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ExecError {
    /// The file is no program.
    Elf(ElfError),
    /// Memory is used up.
    OutOfMemory,
}

impl fmt::Display for ExecError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Elf(error) => error.fmt(f),
            Self::OutOfMemory => f.write_str("out of memory"),
        }
    }
}

impl From<ElfError> for ExecError {
    fn from(error: ElfError) -> Self {
        Self::Elf(error)
    }
}

impl From<ReadError> for ExecError {
    fn from(error: ReadError) -> Self {
        Self::Elf(error.into())
    }
}

impl From<MapError> for ExecError {
    fn from(error: MapError) -> Self {
        match error {
            MapError::OutOfFrames => Self::OutOfMemory,
            MapError::Occupied => Self::Elf(ElfError::BadSegment("two segments share a page")),
        }
    }
}

/// A program in memory, ready to run.
pub struct Image {
    /// Its address space.
    pub space: AddressSpace,
    /// The first instruction.
    pub entry: VirtAddr,
    /// The first stack pointer: one beyond the stack.
    pub stack_top: VirtAddr,
}

/// Loads the program in `file` for process `pid`.
///
/// # Errors
/// See [`ExecError`].
pub fn load(
    file: &mut impl ProgramFile,
    pool: &FramePool,
    pid: Pid,
    trampoline: Ppn,
) -> Result<Image, ExecError> {
    let program = Program::read(file)?;
    let mut space = AddressSpace::new(pool, pid, trampoline)?;
    for segment in &program.segments {
        space.load_segment(file, segment)?;
    }
    let stack_top = space.add_stack_and_heap(program.end())?;
    Ok(Image { space, entry: program.entry, stack_top })
}

impl AddressSpace {
    fn load_segment(&mut self, file: &mut impl ProgramFile, segment: &Segment) -> Result<(), ExecError> {
        let kind = if segment.prot.contains(Prot::X) { AreaKind::Text } else { AreaKind::Data };
        let area = Area { kind, start: segment.start, end: segment.end, prot: segment.prot };
        self.add_area(area);
        let mut page = segment.start;
        while page < area.page_end() {
            self.load_page(file, segment, page)?;
            page = page.wrapping_add(PAGE_SIZE);
        }
        Ok(())
    }

    /// Maps the page at `page` with what the file has for it, and zeros.
    fn load_page(
        &mut self,
        file: &mut impl ProgramFile,
        segment: &Segment,
        page: VirtAddr,
    ) -> Result<(), ExecError> {
        let mut frame =
            self.table.pool().allocate(self.pid, FrameKind::User).ok_or(ExecError::OutOfMemory)?;
        let done = page.get() - segment.start.get();
        let length = segment.file_size.saturating_sub(done);
        let length = usize::try_from(length).map_or(PAGE_BYTES, |length| length.min(PAGE_BYTES));
        if length > 0 {
            let bytes = frame.bytes_mut().expect("a new frame is nobody else's");
            file.read_at(segment.file_offset + done, &mut bytes[..length])?;
        }
        self.table.map(page, frame, segment.prot.pte_flags() | PteFlags::U)?;
        Ok(())
    }

    /// Adds guard, stack and empty heap from `base`; where the stack ends.
    fn add_stack_and_heap(&mut self, base: VirtAddr) -> Result<VirtAddr, ExecError> {
        let stack = base.wrapping_add(PAGE_SIZE);
        let top = stack.wrapping_add(STACK_SIZE);
        if top > USER_TOP {
            return Err(ExecError::OutOfMemory);
        }
        let rw = Prot::R | Prot::W;
        let guard = Area { kind: AreaKind::Guard, start: base, end: stack, prot: Prot::empty() };
        self.add_mapped_area(guard, rw.pte_flags())?;
        let stack = Area { kind: AreaKind::Stack, start: stack, end: top, prot: rw };
        self.add_mapped_area(stack, rw.pte_flags() | PteFlags::U)?;
        self.add_area(Area { kind: AreaKind::Heap, start: top, end: top, prot: rw });
        Ok(top)
    }

    /// Adds `area` with a frame of zeros under each of its pages.
    fn add_mapped_area(&mut self, area: Area, flags: PteFlags) -> Result<(), ExecError> {
        self.add_area(area);
        let mut page = area.start;
        while page < area.end {
            self.map_zeros(page, flags).map_err(|_| ExecError::OutOfMemory)?;
            page = page.wrapping_add(PAGE_SIZE);
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use std::vec::Vec;

    use faultline_abi::{sv39::Access, trace::TraceEvent};

    use super::*;
    use crate::{
        arch::take_events,
        elf_file::tests::{DATA, TEXT, file},
        memlayout::{TRAMPOLINE, TRAPFRAME},
        testing::{TRAMPOLINE_FRAME, area, check, image, pool, touch},
    };

    #[test]
    fn a_program_gets_its_areas_in_the_order_of_the_lecture() {
        let pool = pool(64);
        let image = image(&pool, Pid::KERNEL.next()).unwrap();
        let bounds: Vec<_> =
            image.space.areas().iter().map(|area| (area.kind, area.start.get(), area.end.get())).collect();
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
        assert_eq!((image.entry.get(), image.stack_top.get()), (0x1000, 0x9000));
        check(&pool, &[&image.space]);
    }

    #[test]
    fn bytes_come_from_the_file_and_the_rest_is_zero() {
        let pool = pool(64);
        let image = image(&pool, Pid::KERNEL.next()).unwrap();
        let data = image.space.table().page(VirtAddr::new(0x2000)).unwrap();
        let in_file = (0x1800..0x1810).map(|n: u16| (n % 251).to_le_bytes()[0]);
        assert!(data[..16].iter().copied().eq(in_file));
        assert!(data[16..].iter().all(|&byte| byte == 0));
        let bss = image.space.table().page(VirtAddr::new(0x3000)).unwrap();
        assert!(bss.iter().all(|&byte| byte == 0));
    }

    #[test]
    fn every_access_that_the_program_may_not_make_is_refused() {
        use crate::plan::Reason::{Forbidden, KernelPage, NullPointer, StackOverflow};
        let pool = pool(64);
        let mut space = image(&pool, Pid::KERNEL.next()).unwrap().space;
        let guard = area(&space, AreaKind::Guard).start;
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
            assert_eq!(touch(&mut space, va, access), Err(reason), "{access:?} {va}");
        }
        for (va, access) in [(0x1000, Access::Fetch), (0x2000, Access::Store), (0x8ff8, Access::Store)] {
            assert_eq!(touch(&mut space, VirtAddr::new(va), access), Ok(()), "{access:?} {va:#x}");
        }
    }

    #[test]
    fn a_process_that_ends_gives_everything_back() {
        let pool = pool(64);
        drop(image(&pool, Pid::KERNEL.next()).unwrap());
        assert_eq!(pool.free_count(), pool.count());
    }

    #[test]
    fn running_out_of_frames_at_any_point_fails_and_leaks_nothing() {
        let enough = {
            let pool = pool(64);
            let _image = image(&pool, Pid::KERNEL.next()).unwrap();
            u32::try_from(pool.count() - pool.free_count()).unwrap()
        };
        for frames in 0..enough {
            let pool = pool(frames);
            let failed = image(&pool, Pid::KERNEL.next()).err();
            assert_eq!(failed, Some(ExecError::OutOfMemory), "{frames} frames");
            assert_eq!(pool.free_count(), pool.count(), "{frames} frames");
        }
        assert!(image(&pool(enough), Pid::KERNEL.next()).is_ok());
    }

    #[test]
    fn a_file_that_fails_half_way_leaves_nothing() {
        struct Broken<'a>(&'a [u8], u32);
        impl ProgramFile for Broken<'_> {
            fn size(&self) -> u64 {
                self.0.size()
            }
            fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
                self.1 = self.1.checked_sub(1).ok_or(ReadError)?;
                self.0.read_at(offset, buffer)
            }
        }
        let bytes = file(0x1000, &[TEXT, DATA]);
        let pool = pool(64);
        for reads in 0..4 {
            let result = load(&mut Broken(&bytes, reads), &pool, Pid::KERNEL.next(), TRAMPOLINE_FRAME);
            assert_eq!(result.err(), Some(ExecError::Elf(ElfError::CutOff)), "{reads} reads");
            assert_eq!(pool.free_count(), pool.count());
        }
        assert!(load(&mut Broken(&bytes, 4), &pool, Pid::KERNEL.next(), TRAMPOLINE_FRAME).is_ok());
    }

    #[test]
    fn a_program_that_fills_the_space_leaves_no_room_for_a_stack() {
        let top = USER_TOP.get() - PAGE_SIZE;
        let bytes = file(top, &[crate::elf_file::tests::Header { va: top, ..TEXT }]);
        let pool = pool(64);
        let result = load(&mut &*bytes, &pool, Pid::KERNEL.next(), TRAMPOLINE_FRAME);
        assert_eq!(result.err(), Some(ExecError::OutOfMemory));
        assert_eq!(pool.free_count(), pool.count());
    }

    #[test]
    fn what_is_mapped_is_reported_area_by_area() {
        let pool = pool(64);
        drop(take_events());
        drop(image(&pool, Pid::KERNEL.next()).unwrap());
        let mut open = Vec::new();
        let mut frames = 0;
        for event in take_events() {
            match event {
                TraceEvent::Area { op: faultline_abi::trace::AreaOp::Mapped, kind, .. } => open.push(kind),
                TraceEvent::Area { kind, .. } => open.retain(|&other| other != kind),
                TraceEvent::Frame { refs, .. } => frames += if refs == 1 { 1 } else { -1 },
                _ => panic!("unexpected {event:?}"),
            }
        }
        assert!(open.is_empty() && frames == 0);
    }
}
