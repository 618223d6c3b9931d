//! From the first line of Rust to the first program.

use alloc::{boxed::Box, rc::Rc};

use super::{
    console::Console,
    disk::{Disk, SwapArea},
    files::FileSystem,
    kernel::Kernel,
    kernel_space::KernelSpace,
};
use crate::{
    arch::{self, Board},
    memory::Memory,
    options::Options,
    swap::SwapDevice,
};

/// Sets up `board`, runs the programs, ends the run.
pub fn boot(mut board: Board) -> ! {
    let mut console = Console::new(board.uart());
    let options = read_options(&board, &mut console);
    let space = KernelSpace::new(&board);
    arch::activate(&space);
    arch::enable_console_interrupt();
    console.listen();
    let (files, swap) = find_files(&mut board, &mut console);
    let memory = take_memory(&board, &options, swap);
    greet(&memory, &options, &mut console);
    let mut kernel = Kernel::new(console, options, memory, files);
    let code = kernel.run();
    // What is still open is closed before the power goes.
    drop(kernel);
    arch::power_off(code)
}

fn read_options(board: &Board, console: &mut Console) -> Options {
    Options::parse(&board.command_line, |word| {
        console.say(format_args!("option \"{word}\" is not understood and has no effect"));
    })
}

/// What is on the disk: files, and room for swap with its number of pages.
type OnDisk = (Option<Rc<FileSystem>>, Option<(SwapArea, u32)>);

fn find_files(board: &mut Board, console: &mut Console) -> OnDisk {
    let Some(disk) = board.take_disk().map(Disk::new) else {
        console.say(format_args!("there is no disk"));
        return (None, None);
    };
    let boot_sector = match disk.boot_sector() {
        Ok(sector) => sector,
        Err(error) => {
            console.say(format_args!("the disk cannot be used: {error}"));
            return (None, None);
        }
    };
    let swap = disk.swap_area(&boot_sector);
    match FileSystem::mount(disk, boot_sector) {
        Ok(files) => (Some(files), Some(swap)),
        // A disk without a volume may hold anything: nothing is written to it.
        Err(error) => {
            console.say(format_args!("the disk cannot be used: {error}"));
            (None, None)
        }
    }
}

/// All memory that is left, within the limits that the options set.
fn take_memory(board: &Board, options: &Options, swap: Option<(SwapArea, u32)>) -> Memory {
    let frames = board.frames.clone();
    if let Some(limit) = options.frames {
        frames.limit(limit);
    }
    let device = swap.map(|(area, pages)| {
        frames.swap().set_size(options.swap.map_or(pages, |wanted| wanted.min(pages)));
        Box::new(area) as Box<dyn SwapDevice>
    });
    let memory = Memory::new(frames, options.memory, device, board.image.trampoline.page());
    memory.frames().let_fail(options.failing);
    memory
}

fn greet(memory: &Memory, options: &Options, console: &mut Console) {
    let (frames, slots) = (memory.frames().free_count(), memory.frames().swap().count());
    console.say(format_args!("Faultline, {frames} frames and {slots} swap slots free, {}", options.memory));
}
