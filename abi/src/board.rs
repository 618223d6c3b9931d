//! The board's memory map: QEMU's `virt` machine, so that kernels written for it run unmodified.
//!
//! ```text
//! 0x0000_1000  boot ROM: a0 = hart id, a1 = device tree, jump to DRAM
//! 0x0010_0000  test finisher (power off, with an exit code)
//! 0x0010_1000  goldfish real-time clock, IRQ 11
//! 0x0200_0000  CLINT: msip, mtimecmp, mtime
//! 0x0c00_0000  PLIC
//! 0x1000_0000  UART, 16550A, IRQ 10
//! 0x1000_1000  eight virtio-mmio slots, 4 KiB apart, IRQ 1 to 8
//! 0x8000_0000  DRAM
//! ```

/// A stretch of physical addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Region {
    /// First physical address.
    pub base: u64,
    /// Length in bytes.
    pub size: u64,
}

/// Boot ROM.
pub const BOOT_ROM: Region = Region { base: 0x1000, size: 0xf000 };
/// SiFive test finisher: a 32-bit store ends the run.
pub const FINISHER: Region = Region { base: 0x10_0000, size: 0x1000 };
/// Goldfish real-time clock.
pub const RTC: Region = Region { base: 0x10_1000, size: 0x1000 };
/// Core-local interruptor: software interrupts and the timer.
pub const CLINT: Region = Region { base: 0x200_0000, size: 0x1_0000 };
/// Platform-level interrupt controller.
pub const PLIC: Region = Region { base: 0xc00_0000, size: 0x60_0000 };
/// 16550A UART.
pub const UART: Region = Region { base: 0x1000_0000, size: 0x100 };
/// First of the [`VIRTIO_SLOTS`] virtio-mmio slots.
pub const VIRTIO: Region = Region { base: 0x1000_1000, size: 0x1000 };
/// Start of DRAM; its size is a setting.
pub const DRAM_BASE: u64 = 0x8000_0000;
/// DRAM in MiB unless the user says otherwise.
pub const DRAM_MIB_DEFAULT: u32 = 128;

/// How many virtio-mmio slots there are, [`VIRTIO`]`.size` bytes apart.
pub const VIRTIO_SLOTS: u32 = 8;
/// PLIC source of the first virtio slot; the others follow.
pub const VIRTIO_IRQ: u32 = 1;
/// PLIC source of the UART.
pub const UART_IRQ: u32 = 10;
/// PLIC source of the real-time clock.
pub const RTC_IRQ: u32 = 11;
/// Ticks of `mtime` in a second.
pub const TIMEBASE_HZ: u64 = 10_000_000;

/// Finisher command: the run ended well; exit code 0.
pub const FINISHER_PASS: u32 = 0x5555;
/// Finisher command: the run failed; the exit code stands in the upper 16 bits.
pub const FINISHER_FAIL: u32 = 0x3333;
/// Finisher command: reset the board.
pub const FINISHER_RESET: u32 = 0x7777;
