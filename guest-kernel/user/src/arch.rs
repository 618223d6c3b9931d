//! Entering the program and entering the kernel.

#[cfg(target_os = "none")]
mod guest {
    use core::{
        arch::{asm, global_asm},
        panic::PanicInfo,
    };

    // The kernel starts a program here with an empty stack; `main` is the program's.
    global_asm!(
        ".section .text.start, \"ax\"",
        ".globl _start",
        "_start:",
        "call main",
        "li a7, {exit}",
        "ecall",
        exit = const faultline_abi::syscall::Syscall::Exit.number(),
    );

    /// Asks the kernel: number in a7, arguments in a0 to a2, result in a0.
    pub fn system_call(number: u64, [a0, a1, a2]: [u64; 3]) -> u64 {
        let result;
        // SAFETY: the kernel keeps every register but a0. It reads memory and, for `sbrk`, takes
        // away what lies above the new end of the heap: see `sbrk`.
        unsafe {
            asm!(
                "ecall",
                in("a7") number, inlateout("a0") a0 => result, in("a1") a1, in("a2") a2,
                options(nostack),
            );
        }
        result
    }

    #[panic_handler]
    fn panic(info: &PanicInfo<'_>) -> ! {
        crate::println!("{info}");
        crate::exit(101)
    }
}

#[cfg(target_os = "none")]
pub use guest::system_call;

/// Asks the kernel. A host has another kernel, with other calls: all of ours fail.
#[cfg(not(target_os = "none"))]
pub fn system_call(_number: u64, _arguments: [u64; 3]) -> u64 {
    u64::MAX
}
