//! Running a program, until it traps.
//!
//! For the kernel, [`run_user`] is a function that returns when the program has trapped: it saves the
//! kernel's registers on the kernel stack, crosses over, and comes back when the trap is taken. So
//! one kernel stack is enough for every process, and a process that ends leaves nothing on it.
//!
//! The crossing happens on the trampoline, a page at one address in every space, because the
//! instructions around the write of `satp` must be mapped before and after it.

use core::arch::global_asm;

use faultline_abi::{VirtAddr, sv39::satp_sv39};
use riscv::register::{
    scause, sepc, sstatus, stval,
    stvec::{self, Stvec, TrapMode},
};

use crate::{
    address_space::AddressSpace,
    frame::PAGE_BYTES,
    memlayout::{TRAMPOLINE, TRAPFRAME},
};

/// A program's registers while the kernel runs. The trampoline knows the offsets.
#[repr(C)]
pub struct Trapframe {
    /// 0: the kernel's `satp`.
    kernel_satp: u64,
    /// 8: the kernel's stack pointer.
    kernel_sp: u64,
    /// 16: where the kernel goes on.
    kernel_return: u64,
    /// 24: the program's program counter, `sepc`.
    pub epc: u64,
    /// 32: the program's x1 to x31.
    registers: [u64; 31],
}

impl Trapframe {
    /// Register `x<number>`, 1 to 31.
    #[expect(clippy::indexing_slicing, reason = "who asks names the register, no program does")]
    pub fn register(&mut self, number: usize) -> &mut u64 {
        &mut self.registers[number.saturating_sub(1)]
    }

    /// The stack pointer.
    pub fn sp(&mut self) -> &mut u64 {
        self.register(2)
    }

    /// Argument register `a<number>`, 0 to 7.
    pub fn argument(&mut self, number: usize) -> &mut u64 {
        self.register(number.saturating_add(10))
    }
}

/// The trapframe in its page.
#[expect(
    clippy::disallowed_macros,
    reason = "one is for the compiler, the other where debug assertions are on"
)]
pub fn trapframe(page: &mut [u8; PAGE_BYTES]) -> &mut Trapframe {
    const { assert!(size_of::<Trapframe>() <= PAGE_BYTES) };
    debug_assert!(page.as_ptr().cast::<Trapframe>().is_aligned());
    // SAFETY: the page is large enough, borrowed exclusively and, being a frame, aligned; every bit
    // pattern is a trapframe.
    unsafe { &mut *page.as_mut_ptr().cast() }
}

/// Why a program stopped running.
#[derive(Clone, Copy, Debug)]
pub struct Trap {
    /// The cause, `scause`.
    pub scause: u64,
    /// The address or instruction that goes with it, `stval`.
    pub stval: u64,
}

/// Runs the program in `space`, from the registers in its trapframe, until its next trap.
pub fn run_user(space: &mut AddressSpace) -> Trap {
    let satp = satp_sv39(space.root());
    let frame = trapframe(space.trapframe_page());
    let vector = in_trampoline(&raw const user_vector);
    let entry = in_trampoline(&raw const user_return);
    // SAFETY: every space maps the trampoline and, with `frame` in it, the trapframe. The trampoline
    // saves every register of the program and restores every register that a call preserves.
    unsafe {
        set_trap_vector(vector);
        sstatus::set_spp(sstatus::SPP::User);
        sstatus::set_spie();
        sepc::write(to_usize(frame.epc));
        enter_user(frame, satp, entry.get());
        set_trap_vector(VirtAddr::new(&raw const kernel_vector as u64));
    }
    frame.epc = sepc::read() as u64;
    Trap { scause: scause::read().bits() as u64, stval: stval::read() as u64 }
}

/// Where `symbol` of the trampoline is mapped in every space.
fn in_trampoline(symbol: *const u8) -> VirtAddr {
    TRAMPOLINE.wrapping_add((symbol as u64).wrapping_sub(&raw const __trampoline as u64))
}

/// # Safety
/// Code that takes a trap of the mode that runs next is mapped at `vector`.
unsafe fn set_trap_vector(vector: VirtAddr) {
    // SAFETY: passed on to the caller.
    unsafe { stvec::write(Stvec::new(to_usize(vector.get()), TrapMode::Direct)) };
}

/// An address as a pointer-sized integer; the kernel is 64 bits wide.
#[expect(clippy::cast_possible_truncation, reason = "usize has 64 bits on this target")]
const fn to_usize(address: u64) -> usize {
    address as usize
}

unsafe extern "C" {
    static __trampoline: u8;
    static user_vector: u8;
    static user_return: u8;
    static kernel_vector: u8;

    /// Saves the kernel's registers, crosses over at `user_return`, returns after the next trap.
    fn enter_user(frame: *mut Trapframe, user_satp: u64, user_return: u64);
}

global_asm!(
    r#"
    .section .text.enter_user, "ax"
    .globl enter_user
enter_user:                         # a0: trapframe, a1: user satp, a2: address of user_return
    addi    sp, sp, -112
    sd      ra, 0(sp)
    sd      s0, 8(sp)
    sd      s1, 16(sp)
    sd      s2, 24(sp)
    sd      s3, 32(sp)
    sd      s4, 40(sp)
    sd      s5, 48(sp)
    sd      s6, 56(sp)
    sd      s7, 64(sp)
    sd      s8, 72(sp)
    sd      s9, 80(sp)
    sd      s10, 88(sp)
    sd      s11, 96(sp)
    csrr    t0, satp
    sd      t0, 0(a0)
    sd      sp, 8(a0)
    la      t0, 1f
    sd      t0, 16(a0)
    mv      a0, a1
    jr      a2
1:  ld      ra, 0(sp)
    ld      s0, 8(sp)
    ld      s1, 16(sp)
    ld      s2, 24(sp)
    ld      s3, 32(sp)
    ld      s4, 40(sp)
    ld      s5, 48(sp)
    ld      s6, 56(sp)
    ld      s7, 64(sp)
    ld      s8, 72(sp)
    ld      s9, 80(sp)
    ld      s10, 88(sp)
    ld      s11, 96(sp)
    addi    sp, sp, 112
    ret

    .section .text.trampoline, "ax"
    .globl user_vector
    .balign 4
user_vector:                        # a trap from a program: S-mode, but still its page table
    csrw    sscratch, a0
    li      a0, {TRAPFRAME}
    sd      x1, 32(a0)
    sd      x2, 40(a0)
    sd      x3, 48(a0)
    sd      x4, 56(a0)
    sd      x5, 64(a0)
    sd      x6, 72(a0)
    sd      x7, 80(a0)
    sd      x8, 88(a0)
    sd      x9, 96(a0)
    sd      x11, 112(a0)
    sd      x12, 120(a0)
    sd      x13, 128(a0)
    sd      x14, 136(a0)
    sd      x15, 144(a0)
    sd      x16, 152(a0)
    sd      x17, 160(a0)
    sd      x18, 168(a0)
    sd      x19, 176(a0)
    sd      x20, 184(a0)
    sd      x21, 192(a0)
    sd      x22, 200(a0)
    sd      x23, 208(a0)
    sd      x24, 216(a0)
    sd      x25, 224(a0)
    sd      x26, 232(a0)
    sd      x27, 240(a0)
    sd      x28, 248(a0)
    sd      x29, 256(a0)
    sd      x30, 264(a0)
    sd      x31, 272(a0)
    csrr    t0, sscratch
    sd      t0, 104(a0)             # x10
    ld      sp, 8(a0)
    ld      t0, 16(a0)
    ld      t1, 0(a0)
    sfence.vma                      # what the program wrote, before another table rules
    csrw    satp, t1
    sfence.vma                      # no translation of the program's outlives the switch
    jr      t0

    .globl user_return
user_return:                        # a0: user satp
    sfence.vma
    csrw    satp, a0
    sfence.vma
    li      a0, {TRAPFRAME}
    ld      x1, 32(a0)
    ld      x2, 40(a0)
    ld      x3, 48(a0)
    ld      x4, 56(a0)
    ld      x5, 64(a0)
    ld      x6, 72(a0)
    ld      x7, 80(a0)
    ld      x8, 88(a0)
    ld      x9, 96(a0)
    ld      x11, 112(a0)
    ld      x12, 120(a0)
    ld      x13, 128(a0)
    ld      x14, 136(a0)
    ld      x15, 144(a0)
    ld      x16, 152(a0)
    ld      x17, 160(a0)
    ld      x18, 168(a0)
    ld      x19, 176(a0)
    ld      x20, 184(a0)
    ld      x21, 192(a0)
    ld      x22, 200(a0)
    ld      x23, 208(a0)
    ld      x24, 216(a0)
    ld      x25, 224(a0)
    ld      x26, 232(a0)
    ld      x27, 240(a0)
    ld      x28, 248(a0)
    ld      x29, 256(a0)
    ld      x30, 264(a0)
    ld      x31, 272(a0)
    ld      x10, 104(a0)
    sret
    "#,
    TRAPFRAME = const TRAPFRAME.get(),
);
