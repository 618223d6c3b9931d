//! RISC-V, on QEMU's `virt` board and machines like it.

mod board;
mod disk;
mod entry;
mod fence;
mod heap;
mod image;
mod interrupt;
mod power;
mod timer;
mod trace;
mod uart;
mod user;

pub use board::Board;
pub use disk::BlockDevice;
pub use fence::{activate, flush_all, flush_page};
pub use heap::heap_is_low;
pub use image::ImageLayout;
pub use interrupt::{complete_device_interrupt, enable_console_interrupt, pending, wait_for_interrupt};
pub use power::power_off;
pub use timer::{clear_tick, start_timer, stop_timer};
pub use trace::tracepoint;
pub use uart::Uart;
pub use user::{Trap, Trapframe, run_user, trapframe};
