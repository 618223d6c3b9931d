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
        let done = page.get() - segment.start.get();
        let length = segment.file_size.saturating_sub(done).min(PAGE_SIZE);
        let mut frame =
            self.table.pool().allocate(self.pid, FrameKind::User).ok_or(ExecError::OutOfMemory)?;
        if let (Some(bytes), Ok(length @ 1..=PAGE_BYTES)) = (frame.bytes_mut(), usize::try_from(length)) {
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
