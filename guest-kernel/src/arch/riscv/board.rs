//! Taking over the board: what the device tree says about it, and all its memory.
#![expect(
    clippy::arithmetic_side_effects,
    clippy::expect_used,
    reason = "at boot, before there is a program"
)]

use alloc::{string::String, vec::Vec};

use faultline_abi::{PhysAddr, board};
use fdt::{Fdt, node::FdtNode};

use super::{
    Uart,
    disk::{BlockDevice, find_disk},
    heap::give_heap,
    image::{ImageLayout, frame_pool, image_layout},
};
use crate::frame::FramePool;

/// Heap that the kernel has on any board.
const HEAP_BYTES: u64 = 640 << 10;
/// Heap for the book-keeping of one frame, rounded up.
const HEAP_BYTES_PER_FRAME: u64 = 40;

/// The board, and all memory that the kernel's image and heap do not take.
pub struct Board {
    /// The kernel command line.
    pub command_line: String,
    /// One beyond the last byte of DRAM.
    pub memory_end: PhysAddr,
    /// Where the kernel's image lies.
    pub image: ImageLayout,
    /// The memory.
    pub frames: FramePool,
    /// Registers of the console.
    uart: PhysAddr,
    /// Registers of the virtio-mmio slots, address and size, lowest address first.
    virtio: Vec<(PhysAddr, usize)>,
}

impl Board {
    /// Takes over the board that the device tree at `dtb` describes.
    ///
    /// # Safety
    /// Called once, before anything is allocated. The tree is there and tells the truth; nobody else
    /// uses the memory and the devices in it.
    ///
    /// # Panics
    /// Where the tree is damaged or the board has too little memory.
    pub(super) unsafe fn take_over(dtb: PhysAddr) -> Self {
        // SAFETY: the caller vouches for the tree. It is not used after this function, and nothing
        // writes to free memory before `frame_pool` hands it out.
        let tree = unsafe { Fdt::from_ptr(dtb.get() as *const u8) };
        let tree = tree.expect("the boot ROM hands over a device tree");
        let (image, memory_end) = (image_layout(), memory_end(&tree));
        let heap_end = heap_end(image.heap, memory_end);
        // SAFETY: the first use of the heap; the memory after the image is free.
        unsafe { give_heap(image.heap, heap_end) };
        let (command_line, uart) = (command_line(&tree).into(), uart(&tree));
        let virtio = virtio_slots(&tree);
        // SAFETY: the memory after the heap is free; the kernel's table maps it to itself.
        let frames = unsafe { frame_pool(heap_end, memory_end) };
        Self { command_line, memory_end, image, frames, uart, virtio }
    }

    /// The registers of the console.
    #[must_use]
    pub const fn uart_registers(&self) -> PhysAddr {
        self.uart
    }

    /// The console.
    #[must_use]
    pub const fn uart(&self) -> Uart {
        // SAFETY: the device tree says that there is a 16550A.
        unsafe { Uart::new(self.uart) }
    }

    /// The first disk, the first time that somebody asks.
    pub fn take_disk(&mut self) -> Option<BlockDevice> {
        let slots = core::mem::take(&mut self.virtio);
        // SAFETY: the device tree lists the slots, and they are handed out once.
        unsafe { find_disk(&slots) }
    }
}

/// Where the heap ends, which begins at `start`, on a board whose DRAM ends at `memory_end`.
fn heap_end(start: PhysAddr, memory_end: PhysAddr) -> PhysAddr {
    let frames = memory_end.page().get().saturating_sub(start.page().get());
    let bytes = HEAP_BYTES + HEAP_BYTES_PER_FRAME * frames;
    let end = start.checked_add(bytes).and_then(PhysAddr::page_up).filter(|&end| end < memory_end);
    end.expect("the board has too little memory for the kernel")
}

fn memory_end(tree: &Fdt<'_>) -> PhysAddr {
    let memory = tree.find_node("/memory").and_then(registers);
    let (base, size) = memory.expect("the device tree says how much memory there is");
    base.wrapping_add(size as u64).page_down()
}

fn command_line<'a>(tree: &Fdt<'a>) -> &'a str {
    let bootargs = tree.find_node("/chosen").and_then(|chosen| chosen.property("bootargs"));
    bootargs.and_then(|property| property.as_str()).unwrap_or_default()
}

/// The console. Where none is mentioned it is where QEMU's `virt` board has it.
fn uart(tree: &Fdt<'_>) -> PhysAddr {
    let found = compatible(tree, "ns16550a").find_map(registers);
    found.map_or(PhysAddr::new(board::UART.base), |(address, _)| address)
}

fn virtio_slots(tree: &Fdt<'_>) -> Vec<(PhysAddr, usize)> {
    let mut slots: Vec<_> = compatible(tree, "virtio,mmio").filter_map(registers).collect();
    slots.sort_unstable();
    slots
}

fn compatible<'b, 'a>(tree: &'b Fdt<'a>, name: &'static str) -> impl Iterator<Item = FdtNode<'b, 'a>> {
    tree.all_nodes().filter(move |node| node.compatible().is_some_and(|list| list.all().any(|it| it == name)))
}

/// The first register range of `node`.
fn registers(node: FdtNode<'_, '_>) -> Option<(PhysAddr, usize)> {
    let range = node.reg()?.next()?;
    Some((PhysAddr::new(range.starting_address.addr() as u64), range.size?))
}
