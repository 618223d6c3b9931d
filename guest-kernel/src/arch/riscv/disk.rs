//! The virtio block device: finding it, and the memory it shares with the kernel.

use alloc::alloc::{alloc_zeroed, dealloc};
use core::{alloc::Layout, ptr::NonNull};

use faultline_abi::PhysAddr;
use virtio_drivers::{
    BufferDirection, Hal, PAGE_SIZE,
    device::blk::VirtIOBlk,
    transport::{DeviceType, Transport, mmio::MmioTransport},
};

/// A virtio block device behind virtio-mmio registers.
pub type BlockDevice = VirtIOBlk<DirectMemory, MmioTransport<'static>>;

/// The first block device among the virtio-mmio `slots` (address and size of their registers).
///
/// # Safety
/// Each slot is a virtio-mmio device, mapped, that nobody else drives.
pub(super) unsafe fn find_disk(slots: &[(PhysAddr, usize)]) -> Option<BlockDevice> {
    let transport = slots.iter().find_map(|&(base, size)| {
        let header = NonNull::new(base.get() as *mut _)?;
        // SAFETY: passed on to the caller.
        let transport = unsafe { MmioTransport::new(header, size) }.ok()?;
        (transport.device_type() == DeviceType::Block).then_some(transport)
    })?;
    BlockDevice::new(transport).ok()
}

/// The heap, the stack and every other buffer of the kernel are mapped to themselves, so a device
/// sees them at the address at which the kernel does.
pub struct DirectMemory;

fn layout(pages: usize) -> Option<Layout> {
    Layout::from_size_align(pages.checked_mul(PAGE_SIZE)?, PAGE_SIZE).ok()
}

// SAFETY: memory comes from the heap, whole pages, zeroed, and goes back there; addresses are the
// same for kernel and device.
unsafe impl Hal for DirectMemory {
    fn dma_alloc(pages: usize, _: BufferDirection) -> (u64, NonNull<u8>) {
        let none = (0, NonNull::dangling());
        let Some(layout) = layout(pages).filter(|layout| layout.size() > 0) else { return none };
        // SAFETY: the size is not zero.
        NonNull::new(unsafe { alloc_zeroed(layout) })
            .map_or(none, |memory| (memory.addr().get() as u64, memory))
    }

    unsafe fn dma_dealloc(_: u64, memory: NonNull<u8>, pages: usize) -> i32 {
        let Some(layout) = layout(pages) else { return -1 };
        // SAFETY: the caller hands back what `dma_alloc` gave for as many pages.
        unsafe { dealloc(memory.as_ptr(), layout) };
        0
    }

    #[expect(clippy::expect_used, reason = "the device tree says where devices are")]
    unsafe fn mmio_phys_to_virt(address: u64, _: usize) -> NonNull<u8> {
        NonNull::new(address as *mut u8).expect("no device at address 0")
    }

    unsafe fn share(buffer: NonNull<[u8]>, _: BufferDirection) -> u64 {
        buffer.addr().get() as u64
    }

    unsafe fn unshare(_: u64, _: NonNull<[u8]>, _: BufferDirection) {}
}
