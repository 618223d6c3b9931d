//! From reset to Rust, and the one machine-mode trap that the kernel takes: the timer.
//!
//! The boot ROM enters `_start` in M-mode with the hart's number in a0 and the device tree in a1.
//! The kernel lives in S-mode, so `_start` prepares the return from a trap that never happened and
//! "returns" to [`kmain`]. Harts other than 0 sleep.
//!
//! The timer: CLINT interrupts go to M-mode and cannot be delegated (privileged specification,
//! "Machine Interrupt Registers (mip and mie)"; Sstc would be another way, but not every board has
//! it). The handler re-arms the timer and raises a supervisor software interrupt, which S-mode can take.

use core::arch::global_asm;

use faultline_abi::PhysAddr;

use super::Board;
use crate::system::boot;

global_asm!(
    r#"
    .section .text.entry, "ax"
    .globl _start
_start:
    csrr    t0, mhartid
    bnez    t0, 2f
    la      sp, __stack_top

    # S-mode may touch all memory: PMP entry 0 covers every address. On a hart without PMP the
    # writes trap, and go on at 1.
    la      t0, 1f
    csrw    mtvec, t0
    li      t0, -1
    srli    t0, t0, 10
    csrw    pmpaddr0, t0
    li      t0, 0x1f                # NAPOT, R, W, X
    csrw    pmpcfg0, t0
    .balign 4
1:
    # Exceptions of U and S, and all S interrupts, go to S-mode.
    li      t0, 0xb1ff
    csrw    medeleg, t0
    li      t0, 0x222
    csrw    mideleg, t0

    # The timer interrupts M-mode; start_timer arms it.
    la      t0, __timer_scratch
    csrw    mscratch, t0
    la      t0, timer_vector
    csrw    mtvec, t0
    li      t0, {MTIMECMP}
    li      t1, -1
    sd      t1, 0(t0)
    li      t0, 1 << 7              # MTIE
    csrw    mie, t0

    # S-mode: no translation yet; software and external interrupts enabled for when a program runs.
    csrw    satp, zero
    la      t0, kernel_vector
    csrw    stvec, t0
    li      t0, 1 << 9 | 1 << 1     # SEIE, SSIE
    csrw    sie, t0

    # "Return" to S-mode, interrupts off.
    li      t0, 3 << 11             # MPP = M: clear both bits
    csrc    mstatus, t0
    li      t0, 1 << 11             # MPP = S
    csrs    mstatus, t0
    la      t0, kmain
    csrw    mepc, t0
    mv      a0, a1
    mret

2:  wfi
    j       2b

    # Machine timer interrupt. Uses no stack: S-mode's may be anything.
    .balign 4
timer_vector:
    csrrw   a0, mscratch, a0        # a0 = __timer_scratch
    sd      a1, 0(a0)
    sd      a2, 8(a0)
    li      a1, {MTIME}             # next interrupt: now + interval
    ld      a1, 0(a1)
    ld      a2, 16(a0)
    add     a1, a1, a2
    li      a2, {MTIMECMP}
    sd      a1, 0(a2)
    csrsi   mip, 1 << 1             # SSIP
    ld      a2, 8(a0)
    ld      a1, 0(a0)
    csrrw   a0, mscratch, a0
    mret

    # A trap while the kernel itself runs: its own fault. The stack may be the reason, so report
    # from another one.
    .balign 4
kernel_vector:
    la      sp, __emergency_stack_top
    csrr    a0, scause
    csrr    a1, stval
    csrr    a2, sepc
    j       kernel_trap

    .section .bss
    .balign 8
    .globl  __timer_scratch
__timer_scratch:
    .zero   24                      # a1, a2, ticks between interrupts
    "#,
    MTIME = const super::timer::MTIME,
    MTIMECMP = const super::timer::MTIMECMP,
);

/// First Rust code, in S-mode on the kernel stack, with the device tree at `dtb`.
#[unsafe(no_mangle)]
extern "C" fn kmain(dtb: u64) -> ! {
    // SAFETY: this is the beginning; the boot ROM put the device tree there.
    boot::boot(unsafe { Board::take_over(PhysAddr::new(dtb)) })
}

/// The kernel faulted.
#[unsafe(no_mangle)]
#[expect(clippy::panic, reason = "the kernel is at fault; it touches no memory by an address of a program's")]
extern "C" fn kernel_trap(scause: u64, stval: u64, sepc: u64) -> ! {
    panic!("the kernel trapped: scause {scause:#x} stval {stval:#x} sepc {sepc:#x}")
}
