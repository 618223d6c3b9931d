//! What the unit tests of several files share: a program to load, a file and a swap device in memory,
//! a stand-in for the hart that touches memory, and the invariants that hold between operations.

use std::{
    boxed::Box,
    cell::{Cell, RefCell},
    collections::{BTreeMap, BTreeSet},
    rc::Rc,
    vec,
    vec::Vec,
};

use core::ptr::NonNull;

use faultline_abi::{
    PAGE_SIZE, Ppn, VirtAddr,
    sv39::{Access, PteFlags},
    trace::AreaKind,
};

use crate::{
    area::{Area, Backing, Sharing},
    elf_file::tests::{DATA, TEXT, file},
    exec::{ExecError, Image},
    fault::Toucher,
    file::{File, FileId, FileRef, IoError},
    frame::{FramePool, PAGE_BYTES, Page},
    memlayout::{TRAMPOLINE, TRAPFRAME, USER_BOTTOM},
    memory::{Memory, MemoryOptions, SpaceId},
    pid::Pid,
    plan::{Reason, right},
    shared_memory::Kept,
    swap::SwapDevice,
    table::slot_of,
};

/// A frame of the kernel's image, as far as the tests are concerned.
pub(crate) const TRAMPOLINE_FRAME: Ppn = Ppn::new(0x80001);

/// A pool in ordinary memory; its frames begin at number 0x80200 and hold no zeros.
pub(crate) fn pool(count: u32) -> FramePool {
    let pages = Box::leak(vec![Page([0xa5; PAGE_BYTES]); count as usize].into_boxed_slice());
    let window = NonNull::new(pages.as_mut_ptr()).expect("a box is not null");
    // SAFETY: the pages were leaked for this pool.
    unsafe { FramePool::new(window, Ppn::new(0x80200), count) }
}

/// A file in ordinary memory.
pub(crate) struct MemoryFile {
    id: FileId,
    bytes: RefCell<Vec<u8>>,
    /// Every write of which the number is a multiple of this fails, if it is not 0.
    fails_every: Cell<u32>,
    writes: Cell<u32>,
}

impl MemoryFile {
    pub(crate) fn new(bytes: &[u8]) -> Self {
        Self::numbered(1, bytes)
    }

    pub(crate) fn numbered(id: u64, bytes: &[u8]) -> Self {
        let (fails_every, writes) = (Cell::new(0), Cell::new(0));
        Self { id: FileId(id), bytes: RefCell::new(bytes.into()), fails_every, writes }
    }

    /// From now on every so many writes fail and change nothing.
    pub(crate) fn fail_every(&self, every: u32) {
        self.fails_every.set(every);
    }

    pub(crate) fn truncate(&self) {
        self.bytes.borrow_mut().clear();
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.bytes.borrow().clone()
    }
}

impl File for MemoryFile {
    fn id(&self) -> FileId {
        self.id
    }

    fn size(&self) -> u64 {
        self.bytes.borrow().len() as u64
    }

    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), IoError> {
        let start = usize::try_from(offset).map_err(|_| IoError)?;
        let end = start.checked_add(buffer.len()).ok_or(IoError)?;
        buffer.copy_from_slice(self.bytes.borrow().get(start..end).ok_or(IoError)?);
        Ok(())
    }

    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), IoError> {
        self.writes.set(self.writes.get() + 1);
        if self.fails_every.get() > 0 && self.writes.get().is_multiple_of(self.fails_every.get()) {
            return Err(IoError);
        }
        let start = usize::try_from(offset).map_err(|_| IoError)?;
        let mut all = self.bytes.borrow_mut();
        let end = all.len().max(start + bytes.len());
        all.resize(end, 0);
        all[start..start + bytes.len()].copy_from_slice(bytes);
        Ok(())
    }

    fn flush(&self) -> Result<(), IoError> {
        Ok(())
    }
}

/// Which transfers to and from swap fail: those whose number is a multiple of this, where it is not 0.
#[derive(Default)]
pub(crate) struct SwapFaults {
    pub(crate) reads_and_writes_every: Cell<u32>,
    pub(crate) writes_every: Cell<u32>,
    transfers: Cell<u32>,
    writes: Cell<u32>,
    /// This slot cannot be written.
    pub(crate) bad_slot: Cell<Option<u32>>,
    /// How many writes have failed.
    pub(crate) failed: Cell<u32>,
}

impl SwapFaults {
    fn transfer(&self) -> Result<(), IoError> {
        self.transfers.set(self.transfers.get() + 1);
        hits(self.reads_and_writes_every.get(), self.transfers.get())
    }

    fn write(&self, slot: u32) -> Result<(), IoError> {
        self.writes.set(self.writes.get() + 1);
        let bad = if self.bad_slot.get() == Some(slot) { Err(IoError) } else { Ok(()) };
        let written = self.transfer().and(hits(self.writes_every.get(), self.writes.get())).and(bad);
        self.failed.set(self.failed.get() + u32::from(written.is_err()));
        written
    }
}

fn hits(every: u32, number: u32) -> Result<(), IoError> {
    if every > 0 && number.is_multiple_of(every) { Err(IoError) } else { Ok(()) }
}

/// Swap in ordinary memory, which can be told to fail now and then. A write that fails leaves rubbish.
struct MemorySwap {
    pages: Vec<[u8; PAGE_BYTES]>,
    faults: Rc<SwapFaults>,
}

impl SwapDevice for MemorySwap {
    fn read(&mut self, slot: u32, page: &mut [u8; PAGE_BYTES]) -> Result<(), IoError> {
        self.faults.transfer()?;
        *page = self.pages[slot as usize];
        Ok(())
    }

    fn write(&mut self, slot: u32, page: &[u8; PAGE_BYTES]) -> Result<(), IoError> {
        self.pages[slot as usize].fill(0xee);
        self.faults.write(slot)?;
        self.pages[slot as usize] = *page;
        Ok(())
    }
}

/// Memory of `frames` frames, managed as by default, without swap.
pub(crate) fn memory(frames: u32) -> Memory {
    memory_with(frames, MemoryOptions::default(), 0)
}

/// Memory of `frames` frames and `slots` swap slots, managed as `options` say.
pub(crate) fn memory_with(frames: u32, options: MemoryOptions, slots: u32) -> Memory {
    memory_with_swap(frames, options, slots).0
}

/// As [`memory_with`], and what says which transfers to and from swap fail.
pub(crate) fn memory_with_swap(frames: u32, options: MemoryOptions, slots: u32) -> (Memory, Rc<SwapFaults>) {
    let pool = pool(frames);
    pool.swap().set_size(slots);
    let (pages, faults) = (vec![[0; PAGE_BYTES]; slots as usize], Rc::<SwapFaults>::default());
    let swap = MemorySwap { pages, faults: Rc::clone(&faults) };
    (Memory::new(pool, options, Some(Box::new(swap)), TRAMPOLINE_FRAME), faults)
}

/// A program with one page of text, two of data and bss, a stack and an empty heap.
pub(crate) fn image(memory: &mut Memory, pid: Pid) -> Result<Image, ExecError> {
    let file: FileRef = Rc::new(MemoryFile::new(&file(0x1000, &[TEXT, DATA])));
    memory.load(&file, pid, &[b"test"])
}

/// The address space of [`image`].
pub(crate) fn space(memory: &mut Memory) -> SpaceId {
    image(memory, Pid::KERNEL.next()).expect("enough frames for a program").space
}

/// How many frames [`space`] takes.
pub(crate) fn frames_of_a_program() -> u32 {
    let mut memory = memory(64);
    let _space = space(&mut memory);
    u32::try_from(memory.frames().count() - memory.frames().free_count()).unwrap()
}

/// The area of this kind.
pub(crate) fn area(memory: &Memory, id: SpaceId, kind: AreaKind) -> Area {
    memory.space(id).areas().of_kind(kind).expect("every program has the area").clone()
}

/// An instruction of the program.
pub(crate) const PROGRAM: Toucher = Toucher::Program(USER_BOTTOM);

/// Does what a hart does in U-mode: goes through the page table, and traps where it may not.
pub(crate) fn touch(memory: &mut Memory, id: SpaceId, va: VirtAddr, access: Access) -> Result<(), Reason> {
    if !may(memory, id, va, access) {
        memory.fault(id, va, access, PROGRAM)?;
        assert!(may(memory, id, va, access), "{access:?} at {va} faults again");
    }
    let table = &mut memory.space_mut(id).table;
    let dirty = if access == Access::Store { PteFlags::D } else { PteFlags::empty() };
    table.set_flags(va, table.walk(va).flags() | PteFlags::A | dirty);
    Ok(())
}

/// Whether the hart can do this without a fault.
pub(crate) fn may(memory: &Memory, id: SpaceId, va: VirtAddr, access: Access) -> bool {
    memory.space(id).table().walk(va).flags().contains(PteFlags::V | PteFlags::U | right(access))
}

/// Checks what must hold between operations.
///
/// - Every page that has an entry lies in an area, with no more rights than the area has.
/// - A frame has as many references as entries map it and as the kernel holds; a slot likewise.
/// - A private page that others hold too cannot be written.
/// - Every frame is free, a table, mapped, or held by the kernel: none is lost.
pub(crate) fn check(memory: &Memory) {
    let mut frames: BTreeMap<Ppn, u32> = BTreeMap::new();
    let mut slots: BTreeMap<u32, u32> = BTreeMap::new();
    let mut tables = 0;
    count_kernel_holds(memory, &mut frames, &mut slots);
    for space in memory.spaces.values() {
        tables += space.table().tables();
        *frames.entry(space.table().mapped(TRAPFRAME).expect("a trapframe")).or_default() += 1;
        for (va, pte) in space.entries() {
            if let Some(slot) = slot_of(pte) {
                *slots.entry(slot).or_default() += 1;
            } else {
                *frames.entry(pte.ppn()).or_default() += 1;
            }
            check_page(
                memory,
                space.areas().at(va).expect("a page lies in an area"),
                va,
                pte.flags(),
                pte.ppn(),
            );
        }
    }
    for (&ppn, &refs) in &frames {
        assert_eq!(memory.frames().refs(ppn), refs, "references of {ppn:?}");
    }
    let map = memory.frames().swap();
    for slot in 0..u32::try_from(map.count()).unwrap() {
        assert_eq!(map.refs(slot), slots.get(&slot).copied().unwrap_or(0), "slot {slot}");
    }
    let held = memory.frames().count() - memory.frames().free_count();
    assert_eq!(held, tables + frames.len(), "no frame is lost");
}

fn count_kernel_holds(memory: &Memory, frames: &mut BTreeMap<Ppn, u32>, slots: &mut BTreeMap<u32, u32>) {
    if let Some(zero) = &memory.zero {
        frames.insert(zero.ppn(), 1);
    }
    let mut seen = BTreeSet::new();
    for area in memory.spaces.values().flat_map(|space| space.areas().iter()) {
        let Backing::Memory { memory, .. } = &area.backing else { continue };
        if seen.insert(Rc::as_ptr(memory)) {
            memory.each(|kept| match kept {
                Kept::Frame(frame) => *frames.entry(frame.ppn()).or_default() += 1,
                Kept::Slot(slot) => *slots.entry(slot.number()).or_default() += 1,
            });
        }
    }
}

fn check_page(memory: &Memory, area: &Area, va: VirtAddr, flags: PteFlags, ppn: Ppn) {
    if !flags.contains(PteFlags::V) {
        assert!(area.is_for_users(), "{va} is in swap");
        return;
    }
    assert_eq!(flags.contains(PteFlags::U), area.is_for_users(), "{va}");
    if area.is_for_users() {
        assert!(area.prot.pte_flags().contains(flags & PteFlags::RWX), "{va}");
    }
    let shared = memory.frames().refs(ppn) > 1 || memory.frames().name_of(ppn).is_some();
    if shared && area.sharing == Sharing::Private {
        assert!(!flags.contains(PteFlags::W), "{va} is shared and private and writable");
    }
}

#[test]
fn the_top_of_the_space_is_where_the_map_says() {
    assert_eq!(TRAPFRAME.wrapping_add(PAGE_SIZE), TRAMPOLINE);
    assert_eq!(TRAMPOLINE.wrapping_add(PAGE_SIZE).get(), 1 << 38);
}
