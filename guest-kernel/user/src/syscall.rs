//! System calls as functions.

use faultline_abi::syscall::Syscall;

use crate::arch::system_call;

fn call(call: Syscall, arguments: [u64; 3]) -> u64 {
    system_call(call.number(), arguments)
}

/// The result of a call: `None` for a negative number.
fn checked(result: u64) -> Option<u64> {
    (result.cast_signed() >= 0).then_some(result)
}

/// Ends the program.
pub fn exit(status: u64) -> ! {
    loop {
        call(Syscall::Exit, [status, 0, 0]);
    }
}

/// Writes bytes to a file descriptor; 1 is the console. How many it took.
pub fn write(fd: u64, bytes: &[u8]) -> Option<usize> {
    write_raw(fd, bytes.as_ptr(), bytes.len())
}

/// [`write()`] with any address and length. The kernel checks them.
pub fn write_raw(fd: u64, start: *const u8, length: usize) -> Option<usize> {
    let written = call(Syscall::Write, [fd, start as u64, length as u64]);
    checked(written).and_then(|length| usize::try_from(length).ok())
}

/// Moves the end of the heap by `bytes`; the old end, or `None` where there is no room.
///
/// Memory above the end must not be used any more.
pub fn sbrk(bytes: isize) -> Option<*mut u8> {
    let bytes = bytes.cast_unsigned() as u64;
    checked(call(Syscall::Sbrk, [bytes, 0, 0])).map(|end| end as *mut u8)
}

/// The number of this process.
pub fn getpid() -> u64 {
    call(Syscall::Getpid, [0; 3])
}

/// Timer interrupts since boot.
pub fn uptime() -> u64 {
    call(Syscall::Uptime, [0; 3])
}

/// Lets the next process run.
pub fn yield_now() {
    call(Syscall::Yield, [0; 3]);
}

/// How many frames of memory are free.
pub fn free_frames() -> u64 {
    call(Syscall::Meminfo, [0; 3])
}
