//! The kernel's own page table: devices and DRAM mapped to themselves, and the trampoline.
//!
//! DRAM after the kernel's image is mapped by pages of 2 MiB wherever one fits. Nothing here counts
//! references: the kernel sees every frame, whoever holds it.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    reason = "at boot, before there is a program"
)]

use core::ops::Range;

use faultline_abi::{
    PhysAddr, Ppn, VirtAddr,
    board::{CLINT, FINISHER, PLIC, Region, VIRTIO, VIRTIO_SLOTS},
    sv39::{LEVELS, PteFlags, leaf_size},
};

use crate::{
    arch::{Board, ImageLayout},
    frame::FramePool,
    memlayout::TRAMPOLINE,
    pid::Pid,
    table::TableFrame,
};

/// The kernel's page table. It exists until power-off.
pub struct KernelSpace {
    root: TableFrame,
    pool: FramePool,
}

impl KernelSpace {
    /// The table for `board`.
    ///
    /// # Panics
    /// Where memory is used up: nothing can run then.
    #[must_use]
    pub fn new(board: &Board) -> Self {
        let pool = &board.frames;
        let root = TableFrame::allocate(pool, Pid::KERNEL).expect("memory for the kernel's page table");
        let mut space = Self { root, pool: pool.clone() };
        space.map_devices(board.uart_registers());
        space.map_memory(&board.image, board.memory_end);
        let flags = PteFlags::R | PteFlags::X | PteFlags::A;
        space.map_leaf(TRAMPOLINE, 0, board.image.trampoline.page(), flags);
        space
    }

    /// The frame of the root table.
    #[must_use]
    pub const fn root(&self) -> Ppn {
        self.root.ppn()
    }

    fn map_devices(&mut self, uart: PhysAddr) {
        let rw = PteFlags::R | PteFlags::W;
        let slots = Region { base: VIRTIO.base, size: VIRTIO.size * u64::from(VIRTIO_SLOTS) };
        for region in [FINISHER, CLINT, PLIC, slots] {
            self.map_to_itself(region.base..region.base + region.size, rw);
        }
        if !(slots.base..slots.base + slots.size).contains(&uart.get()) {
            let page = uart.page_down().get();
            self.map_to_itself(page..page + leaf_size(0), rw);
        }
    }

    fn map_memory(&mut self, image: &ImageLayout, end: PhysAddr) {
        let rw = PteFlags::R | PteFlags::W;
        let start = faultline_abi::board::DRAM_BASE;
        let after_guard = image.stack_guard.get() + leaf_size(0);
        self.map_to_itself(start..image.text_end.get(), PteFlags::R | PteFlags::X);
        self.map_to_itself(image.text_end.get()..image.rodata_end.get(), PteFlags::R);
        self.map_to_itself(image.rodata_end.get()..image.stack_guard.get(), rw);
        self.map_to_itself(after_guard..end.get(), rw);
    }

    /// Maps whole pages to the same physical addresses, each by the largest leaf that fits.
    ///
    /// A and D are set from the start: the kernel does not ask which of its own pages it used.
    fn map_to_itself(&mut self, range: Range<u64>, flags: PteFlags) {
        let mut at = range.start;
        while at < range.end {
            let fits =
                |level: &u32| at.is_multiple_of(leaf_size(*level)) && range.end - at >= leaf_size(*level);
            let level = (0..LEVELS).rev().find(fits).unwrap_or(0);
            self.map_leaf(
                VirtAddr::new(at),
                level,
                PhysAddr::new(at).page(),
                flags | PteFlags::A | PteFlags::D,
            );
            at += leaf_size(level);
        }
    }

    fn map_leaf(&mut self, va: VirtAddr, level: u32, ppn: Ppn, flags: PteFlags) {
        let table = self.root.table_mut().descend(va, level, &self.pool, Pid::KERNEL);
        let mapped = table.and_then(|table| table.map_uncounted(va.vpn(level), ppn, flags));
        mapped.expect("memory for the kernel's page table");
    }
}
