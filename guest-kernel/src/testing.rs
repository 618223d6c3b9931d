//! What the unit tests of several files share: a program to load, a stand-in for the hart that
//! touches memory, and the invariants of an address space.

use std::{boxed::Box, collections::BTreeSet, vec, vec::Vec};

use core::ptr::NonNull;

use faultline_abi::{
    PAGE_SIZE, Ppn, VirtAddr,
    sv39::{Access, PteFlags},
    trace::AreaKind,
};

use crate::{
    address_space::AddressSpace,
    area::Area,
    elf_file::tests::{DATA, TEXT, file},
    exec::{ExecError, Image, load},
    fault::Toucher,
    frame::{FramePool, PAGE_BYTES, Page},
    memlayout::{TRAMPOLINE, TRAPFRAME},
    pid::Pid,
    plan::Reason,
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

/// A program with one page of text, two of data and bss, a stack and an empty heap.
pub(crate) fn image(pool: &FramePool, pid: Pid) -> Result<Image, ExecError> {
    load(&mut &*file(0x1000, &[TEXT, DATA]), pool, pid, TRAMPOLINE_FRAME)
}

/// The address space of [`image`].
pub(crate) fn space(pool: &FramePool) -> AddressSpace {
    image(pool, Pid::KERNEL.next()).expect("enough frames for a program").space
}

/// The area of this kind.
pub(crate) fn area(space: &AddressSpace, kind: AreaKind) -> Area {
    *space.areas().of_kind(kind).expect("every program has the area")
}

/// Does what a hart does in U-mode: goes through the page table, and traps where it may not.
pub(crate) fn touch(space: &mut AddressSpace, va: VirtAddr, access: Access) -> Result<(), Reason> {
    if !may(space, va, access) {
        space.fault(va, access, Toucher::Program)?;
        assert!(may(space, va, access), "{access:?} at {va} faults again");
    }
    let flags = space.table.walk(va).flags() | PteFlags::A;
    let dirty = if access == Access::Store { PteFlags::D } else { PteFlags::empty() };
    space.table.set_flags(va, flags | dirty);
    Ok(())
}

fn may(space: &AddressSpace, va: VirtAddr, access: Access) -> bool {
    let right = match access {
        Access::Fetch => PteFlags::X,
        Access::Load => PteFlags::R,
        Access::Store => PteFlags::W,
    };
    space.table().walk(va).flags().contains(PteFlags::V | PteFlags::U | right)
}

/// Checks what must hold between operations: every mapped page lies in an area with no more rights
/// than the area has, and each frame has as many references as entries map it.
pub(crate) fn check(pool: &FramePool, spaces: &[&AddressSpace]) {
    let mut mapped = BTreeSet::new();
    for space in spaces {
        for (area, va) in pages(space) {
            let pte = space.table().walk(va);
            if !pte.is_valid() || va == TRAMPOLINE {
                continue;
            }
            assert!(mapped.insert(pte.ppn()), "frame {:?} is mapped twice", pte.ppn());
            assert_eq!(pool.refs(pte.ppn()), 1, "{va}");
            if area.is_for_users() {
                assert_eq!(pte.flags() & PteFlags::RWX, area.prot.pte_flags(), "{va}");
            } else {
                assert!(!pte.flags().contains(PteFlags::U), "{va}");
            }
        }
    }
    assert!(mapped.len() + pool.free_count() <= pool.count());
}

/// Every page of every area but those of a heap beyond 64 pages.
fn pages(space: &AddressSpace) -> Vec<(Area, VirtAddr)> {
    let mut pages = Vec::new();
    for area in space.areas().iter() {
        let count = (area.page_end().get() - area.start.get()) / PAGE_SIZE;
        pages.extend((0..count.min(64)).map(|n| (*area, area.start.wrapping_add(n * PAGE_SIZE))));
    }
    pages
}

#[test]
fn the_top_of_the_space_is_where_the_map_says() {
    assert_eq!(TRAPFRAME.wrapping_add(PAGE_SIZE), TRAMPOLINE);
    assert_eq!(TRAMPOLINE.wrapping_add(PAGE_SIZE).get(), 1 << 38);
}
