//! RISC-V, on QEMU's `virt` board and machines like it.

mod device_tree;
mod disk;
mod entry;
mod fence;
mod heap;
mod image;
mod power;
mod timer;
mod trace;
mod uart;
mod user;

pub use device_tree::DeviceTree;
pub use disk::{BlockDevice, find_disk};
pub use fence::{activate, flush_all, flush_page};
pub use heap::give_heap;
pub use image::{ImageLayout, frame_pool, image_layout};
pub use power::power_off;
pub use timer::{clear_tick, start_timer};
pub use trace::tracepoint;
pub use uart::Uart;
pub use user::{Trap, Trapframe, run_user, trapframe};
