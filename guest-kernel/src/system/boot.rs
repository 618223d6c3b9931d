//! From the first line of Rust to the first program.

use faultline_abi::PhysAddr;

use super::{
    board::{Board, memory_end},
    console::Console,
    disk::FileSystem,
    kernel::Kernel,
    kernel_space::KernelSpace,
};
use crate::{
    arch::{self, DeviceTree, ImageLayout, Uart, frame_pool, give_heap, image_layout},
    frame::FramePool,
    options::Options,
};

/// Heap that the kernel has on any board.
const HEAP_BYTES: usize = 256 << 10;
/// Heap for the book-keeping of one frame, rounded up.
const HEAP_BYTES_PER_FRAME: usize = 24;

/// Boots the board that the device tree at `dtb` describes, runs the programs, ends the run.
pub fn boot(dtb: PhysAddr) -> ! {
    // SAFETY: the boot ROM put the tree there; it is read before memory is handed out.
    let tree = unsafe { DeviceTree::new(dtb) };
    let image = image_layout();
    let end = memory_end(&tree.parse());
    let heap_end = set_up_heap(&image, end);
    let board = Board::read(&tree.parse());
    // SAFETY: the board has a 16550A there; nothing is translated yet, and it is mapped below.
    let mut console = Console::new(unsafe { Uart::new(board.uart) });
    let options = read_options(&board, &mut console);
    // SAFETY: the heap ends where the pool begins, and the device tree is not read again.
    let frames = unsafe { frame_pool(heap_end, end) };
    let space = KernelSpace::new(&frames, &image, end, board.uart);
    space.activate();
    let files = find_files(&board, &mut console);
    greet(&mut console, &frames, &options);
    let mut kernel = Kernel::new(console, options, frames, files, image.trampoline.page());
    let code = kernel.run();
    arch::power_off(code)
}

/// Gives the heap memory for a board whose DRAM ends at `end`; where the heap ends.
fn set_up_heap(image: &ImageLayout, end: PhysAddr) -> PhysAddr {
    let frames = end.page().get().saturating_sub(image.heap.page().get());
    let frames = usize::try_from(frames).expect("DRAM is smaller than the address space");
    let bytes = (HEAP_BYTES + HEAP_BYTES_PER_FRAME * frames).next_multiple_of(1 << 12);
    let heap_end = image.heap.wrapping_add(bytes as u64);
    assert!(heap_end < end, "the board has too little memory");
    // SAFETY: first use of the heap; the memory after the image is free up to `end`.
    unsafe { give_heap(bytes) };
    heap_end
}

fn read_options(board: &Board, console: &mut Console) -> Options {
    Options::parse(&board.command_line, |word| {
        console.say(format_args!("option \"{word}\" is not understood and has no effect"));
    })
}

fn find_files(board: &Board, console: &mut Console) -> Option<FileSystem> {
    // SAFETY: the device tree lists the slots, the kernel's table maps them, nobody else drives them.
    let Some(disk) = (unsafe { arch::find_disk(&board.virtio) }) else {
        console.say(format_args!("there is no disk"));
        return None;
    };
    FileSystem::mount(disk)
        .map_err(|error| console.say(format_args!("the disk cannot be used: {error}")))
        .ok()
}

fn greet(console: &mut Console, frames: &FramePool, options: &Options) {
    let (free, all) = (frames.free_count(), frames.count());
    console.say(format_args!("Faultline, {free} of {all} frames free, sbrk={}", options.sbrk.name()));
}
