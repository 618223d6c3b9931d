//! `mmap`, `munmap`, `msync`: files and fresh memory at addresses of the program's choice.
//!
//! Mapping only adds an area; pages come on first touch, as everywhere. What was written through a
//! shared mapping of a file goes back to the file when it is synced, unmapped or evicted, and only the
//! pages whose dirty bit is set.

use alloc::{rc::Rc, vec::Vec};
use core::ops::Range;

use faultline_abi::{
    PAGE_SIZE, Ppn, VirtAddr,
    sv39::{Pte, PteFlags},
    trace::{AreaKind, AreaOp},
};

use crate::{
    address_space::AddressSpace,
    arch,
    area::{AREAS_MAX, Area, Backing, FilePart, Prot, Sharing},
    file::{FileId, FileRef, IoError},
    frame::PageName,
    memlayout::{TRAPFRAME, USER_BOTTOM, USER_TOP},
    memory::{Memory, SpaceId},
    reclaim::Mapping,
    shared_memory::SharedMemory,
};

/// Where a mapping is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Address {
    /// Anywhere.
    Any,
    /// Here if there is room, otherwise anywhere.
    Hint(VirtAddr),
    /// Here, in place of what is mapped there.
    Fixed(VirtAddr),
}

/// What a program asks `mmap` for.
#[derive(Clone)]
pub struct Request {
    /// Where.
    pub address: Address,
    /// How many bytes; the last page counts whole.
    pub length: u64,
    /// What the program may do with it.
    pub prot: Prot,
    /// Who sees what is written.
    pub sharing: Sharing,
    /// The file and where in it the mapping begins; `None` for fresh memory.
    pub file: Option<(FileRef, u64)>,
}

/// Why a mapping call failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MmapError {
    /// An address, a length or an offset that cannot be.
    Invalid,
    /// There is something else, or no room.
    NoRoom,
    /// The file could not be written.
    Io,
}

impl From<IoError> for MmapError {
    fn from(_: IoError) -> Self {
        Self::Io
    }
}

impl Memory {
    /// Maps what `request` asks for; where.
    ///
    /// # Errors
    /// See [`MmapError`]. Nothing has changed then, but a fixed mapping may have taken away what was
    /// mapped at its place.
    pub fn mmap(&mut self, id: SpaceId, request: &Request) -> Result<VirtAddr, MmapError> {
        let length = whole_pages(request.length)?;
        if request.prot.contains(Prot::W | Prot::X) || self.space(id).areas.count() >= AREAS_MAX {
            return Err(MmapError::Invalid);
        }
        let backing = backing(request)?;
        let start = self.find_place(id, request.address, length)?;
        let end = start.wrapping_add(length);
        // Hardware has no page that can be written and not read.
        let readable = if request.prot.contains(Prot::W) { Prot::R } else { Prot::empty() };
        let (prot, sharing) = (request.prot | readable, request.sharing);
        self.space_mut(id).add_area(Area { kind: AreaKind::Mmap, start, end, prot, sharing, backing });
        Ok(start)
    }

    fn find_place(&mut self, id: SpaceId, address: Address, length: u64) -> Result<VirtAddr, MmapError> {
        let anywhere = |memory: &Self| memory.space(id).areas.highest_gap(length).ok_or(MmapError::NoRoom);
        match address {
            Address::Any => anywhere(self),
            Address::Hint(start) => match user_pages(start, length) {
                Ok(pages) if self.space(id).areas.are_free(&pages) => Ok(start),
                _ => anywhere(self),
            },
            Address::Fixed(start) => {
                self.munmap(id, start, length)?;
                Ok(start)
            }
        }
    }

    /// Takes away every mapping in `length` bytes from `start`, which may cut mappings in two.
    ///
    /// # Errors
    /// [`MmapError::Invalid`] for what is no whole page or no mapping; [`MmapError::Io`] where a
    /// shared page could not be written back, and then the mapping stays.
    pub fn munmap(&mut self, id: SpaceId, start: VirtAddr, length: u64) -> Result<(), MmapError> {
        let pages = user_pages(start, whole_pages(length)?)?;
        let areas = &self.space(id).areas;
        let touched = |area: &&Area| area.start < pages.end && pages.start < area.page_end();
        if areas.iter().filter(touched).any(|area| area.kind != AreaKind::Mmap) {
            return Err(MmapError::Invalid);
        }
        if areas.count() >= AREAS_MAX {
            return Err(MmapError::NoRoom);
        }
        self.write_back(id, pages.clone())?;
        self.space_mut(id).unmap_areas(&pages);
        Ok(())
    }

    /// Writes what was changed in `length` bytes from `start` to the files that are mapped there.
    ///
    /// # Errors
    /// [`MmapError::Invalid`] for what is no whole page, [`MmapError::Io`] where the disk fails.
    pub fn msync(&mut self, id: SpaceId, start: VirtAddr, length: u64) -> Result<(), MmapError> {
        let pages = user_pages(start, whole_pages(length)?)?;
        Ok(self.write_back(id, pages)?)
    }

    /// Writes every dirty page in `pages` of a shared mapping to its file, and the files to the disk. Where
    /// one cannot be written, the others still are.
    pub(crate) fn write_back(&mut self, id: SpaceId, pages: Range<VirtAddr>) -> Result<(), IoError> {
        let shared = |area: &&Area| area.sharing == Sharing::Shared && area.prot.contains(Prot::W);
        let areas: Vec<Area> = self.space(id).areas.iter().filter(shared).cloned().collect();
        let mut outcome = Ok(());
        for area in areas {
            let Backing::File(part) = &area.backing else { continue };
            let part_of_it = area.start.max(pages.start)..area.page_end().min(pages.end);
            outcome = outcome.and(self.write_back_file(id, &area, &part.file, part_of_it));
        }
        outcome
    }

    /// Writes the dirty pages in `pages` to `file`, and the file to the disk if there were any.
    fn write_back_file(
        &mut self,
        id: SpaceId,
        area: &Area,
        file: &FileRef,
        pages: Range<VirtAddr>,
    ) -> Result<(), IoError> {
        let (mut from, mut outcome, mut any) = (pages.start, Ok(()), false);
        while let Some((va, pte)) = self.space(id).table.next_entry(from..pages.end) {
            from = va.wrapping_add(PAGE_SIZE);
            let Some(name) = area.file_page(va).filter(|_| pte.is_leaf()) else { continue };
            // Whoever stored to the page: what is seen here shall be in the file.
            let Some(dirty) = self.dirty_mappings(pte.ppn()) else { return Err(IoError) };
            if dirty.is_empty() {
                continue;
            }
            dirty.iter().for_each(|mapping| self.set_dirty(mapping, PteFlags::empty()));
            let written = self.write_page(file, name, pte.ppn());
            if written.is_err() {
                dirty.iter().for_each(|mapping| self.set_dirty(mapping, PteFlags::D));
            }
            outcome = outcome.and(written);
            any = true;
        }
        if any { outcome.and(file.flush()) } else { outcome }
    }

    fn dirty_mappings(&self, ppn: Ppn) -> Option<Vec<Mapping>> {
        let mut mappings = self.mappings(ppn)?;
        mappings.retain(|mapping| mapping.flags.contains(PteFlags::D));
        Some(mappings)
    }

    /// Gives an entry that was dirty its flags again, with or without D.
    fn set_dirty(&mut self, mapping: &Mapping, dirty: PteFlags) {
        let flags = mapping.flags.difference(PteFlags::D) | dirty;
        self.space_mut(mapping.space).table.set_flags(mapping.va, flags);
        // Or the hart would not set the bit again.
        arch::flush_page(mapping.va);
    }

    /// The file `id` has become empty: whoever has pages of it mapped loses them, and faults beyond its end.
    pub fn forget_file(&mut self, id: FileId) {
        let frames = self.frames.clone();
        let is_of_file =
            |pte: Pte| pte.is_leaf() && frames.name_of(pte.ppn()).is_some_and(|name| name.file == id);
        for space in self.spaces.values_mut() {
            let mut from = VirtAddr::new(0);
            while let Some((va, pte)) = space.table.next_entry(from..TRAPFRAME) {
                from = va.wrapping_add(PAGE_SIZE);
                if is_of_file(pte) {
                    drop(space.table.take(va));
                }
            }
        }
        arch::flush_all();
    }

    /// Whether any process runs the program in the file `id`.
    #[must_use]
    pub fn runs(&self, id: FileId) -> bool {
        let is_program = |area: &Area| matches!(area.kind, AreaKind::Text | AreaKind::Data);
        let is_file = |area: &Area| matches!(&area.backing, Backing::File(part) if part.file.id() == id);
        self.spaces.values().any(|space| space.areas.iter().any(|area| is_program(area) && is_file(area)))
    }

    /// Reads `buffer.len()` bytes of `file` from `offset`: those that somebody has mapped and changed
    /// as they are in memory.
    ///
    /// # Errors
    /// Where the file ends before, or the disk fails.
    pub fn read_file(&self, file: &FileRef, offset: u64, buffer: &mut [u8]) -> Result<(), IoError> {
        self.each_page(file, offset, buffer.len(), |resident, at, range| {
            let part = buffer.get_mut(range).ok_or(IoError)?;
            match resident {
                Some((ppn, in_page)) => self.frames.read(ppn, in_page, part),
                None => file.read_at(at, part)?,
            }
            Ok(())
        })
    }

    /// Writes `bytes` to `file` at `offset`; who has the file mapped sees them.
    ///
    /// # Errors
    /// Where the disk is full or fails.
    pub fn write_file(&self, file: &FileRef, offset: u64, bytes: &[u8]) -> Result<(), IoError> {
        file.write_at(offset, bytes)?;
        self.each_page(file, offset, bytes.len(), |resident, _, range| {
            if let Some((ppn, in_page)) = resident {
                self.frames.write(ppn, in_page, bytes.get(range).ok_or(IoError)?);
            }
            Ok(())
        })
    }

    /// Goes through `length` bytes of `file` page by page: the frame that holds the page and where in
    /// it, if there is one; the offset in the file; the part of the bytes.
    #[expect(
        clippy::arithmetic_side_effects,
        reason = "what is done is less than the length, and an offset in a page less than its size"
    )]
    fn each_page(
        &self,
        file: &FileRef,
        offset: u64,
        length: usize,
        mut each: impl FnMut(Option<(Ppn, usize)>, u64, Range<usize>) -> Result<(), IoError>,
    ) -> Result<(), IoError> {
        let mut done = 0;
        while done < length {
            let at = offset.checked_add(done as u64).ok_or(IoError)?;
            let in_page = at % PAGE_SIZE;
            let name = PageName { file: file.id(), offset: at - in_page, length: PAGE_SIZE };
            let in_page = usize::try_from(in_page).map_err(|_| IoError)?;
            let part = (crate::frame::PAGE_BYTES - in_page).min(length - done);
            each(self.frames.named(name).map(|ppn| (ppn, in_page)), at, done..done + part)?;
            done += part;
        }
        Ok(())
    }
}

impl AddressSpace {
    /// Takes away all mappings in `pages`, and says so.
    fn unmap_areas(&mut self, pages: &Range<VirtAddr>) {
        for at in [pages.start, pages.end] {
            if let Some((lower, upper)) = self.areas.cut(at) {
                let (lower, upper) = (lower.clone(), upper.clone());
                self.report(AreaOp::Resized, &lower);
                self.report(AreaOp::Mapped, &upper);
            }
        }
        self.unmap_pages(pages.clone());
        for area in self.areas.remove(pages) {
            self.report(AreaOp::Unmapped, &area);
        }
    }
}

fn backing(request: &Request) -> Result<Backing, MmapError> {
    match (&request.file, request.sharing) {
        (Some((_, offset)), _) if !offset.is_multiple_of(PAGE_SIZE) => Err(MmapError::Invalid),
        (Some((_, offset)), _) if offset.checked_add(request.length).is_none() => Err(MmapError::Invalid),
        (Some((file, offset)), _) => {
            Ok(Backing::File(FilePart { file: Rc::clone(file), offset: *offset, length: None }))
        }
        (None, Sharing::Private) => Ok(Backing::Zeros),
        (None, Sharing::Shared) => Ok(Backing::Memory { memory: Rc::new(SharedMemory::default()), first: 0 }),
    }
}

fn whole_pages(length: u64) -> Result<u64, MmapError> {
    let whole = length.checked_next_multiple_of(PAGE_SIZE).ok_or(MmapError::Invalid)?;
    if length == 0 { Err(MmapError::Invalid) } else { Ok(whole) }
}

/// The pages of `length` bytes from `start`, if a program may have them.
fn user_pages(start: VirtAddr, length: u64) -> Result<Range<VirtAddr>, MmapError> {
    let end = start.checked_add(length).ok_or(MmapError::Invalid)?;
    let inside = start.is_page_aligned() && start >= USER_BOTTOM && end <= USER_TOP;
    if inside { Ok(start..end) } else { Err(MmapError::Invalid) }
}
