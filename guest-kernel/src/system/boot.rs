//! From the first line of Rust to the first program.

use super::{console::Console, disk::FileSystem, kernel::Kernel, kernel_space::KernelSpace};
use crate::{
    arch::{self, Board},
    options::Options,
};

/// Sets up `board`, runs the programs, ends the run.
pub fn boot(mut board: Board) -> ! {
    let mut console = Console::new(board.uart());
    let options = read_options(&board, &mut console);
    let space = KernelSpace::new(&board);
    arch::activate(&space);
    let files = find_files(&mut board, &mut console);
    greet(&board, &options, &mut console);
    let mut kernel = Kernel::new(console, options, board.frames, files, board.image.trampoline.page());
    let code = kernel.run();
    arch::power_off(code)
}

fn read_options(board: &Board, console: &mut Console) -> Options {
    Options::parse(&board.command_line, |word| {
        console.say(format_args!("option \"{word}\" is not understood and has no effect"));
    })
}

fn find_files(board: &mut Board, console: &mut Console) -> Option<FileSystem> {
    let Some(disk) = board.take_disk() else {
        console.say(format_args!("there is no disk"));
        return None;
    };
    FileSystem::mount(disk)
        .map_err(|error| console.say(format_args!("the disk cannot be used: {error}")))
        .ok()
}

fn greet(board: &Board, options: &Options, console: &mut Console) {
    let (free, all) = (board.frames.free_count(), board.frames.count());
    console.say(format_args!("Faultline, {free} of {all} frames free, sbrk={}", options.sbrk.name()));
}
