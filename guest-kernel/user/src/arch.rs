//! Entering the program and entering the kernel.

#[cfg(target_os = "none")]
mod guest {
    use core::{
        arch::{asm, global_asm},
        panic::PanicInfo,
    };

    // The kernel starts a program here, with the number of arguments in a0 and their addresses in a1;
    // `main` is the program's.
    global_asm!(
        ".section .text.start, \"ax\"",
        ".globl _start",
        "_start:",
        "call main",
        "li a7, {exit}",
        "ecall",
        exit = const faultline_abi::syscall::Syscall::Exit.number(),
    );

    /// Asks the kernel: number in a7, arguments in a0 to a5, result in a0.
    pub fn system_call(number: u64, [a0, a1, a2, a3, a4, a5]: [u64; 6]) -> u64 {
        let result;
        // SAFETY: the kernel keeps every register but a0. Memory that it changes, gives or takes is
        // named by the arguments: see the wrappers.
        unsafe {
            asm!(
                "ecall",
                in("a7") number, inlateout("a0") a0 => result, in("a1") a1, in("a2") a2,
                in("a3") a3, in("a4") a4, in("a5") a5,
                options(nostack),
            );
        }
        result
    }

    macro_rules! forbidden {
        ($($text:literal),*) => {
            &[$(|| {
                // SAFETY: the instruction is not for programs. The kernel ends this one.
                unsafe { asm!($text, options(nostack)) };
            }),*]
        };
    }

    /// Instructions that end a program: those of higher privilege, reserved ones, and floating point, which the
    /// kernel does not switch on.
    pub const FORBIDDEN: &[fn()] = forbidden![
        "ebreak",
        "sret",
        "mret",
        "sfence.vma",
        "csrw satp, zero",
        "csrr zero, sstatus",
        "csrw stvec, zero",
        "csrr zero, mhartid",
        ".4byte 0",
        ".2byte 0",
        ".4byte 0xffffffff",
        ".4byte 0x00000053"
    ];

    #[panic_handler]
    fn panic(info: &PanicInfo<'_>) -> ! {
        crate::println!("{info}");
        crate::exit(101)
    }
}

#[cfg(target_os = "none")]
pub use guest::{FORBIDDEN, system_call};

/// A host is not asked to forbid anything.
#[cfg(not(target_os = "none"))]
pub const FORBIDDEN: &[fn()] = &[];

/// Asks the kernel. A host has another kernel, with other calls: all of ours fail.
#[cfg(not(target_os = "none"))]
pub fn system_call(_number: u64, _arguments: [u64; 6]) -> u64 {
    u64::MAX
}
