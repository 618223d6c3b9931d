//! System calls as functions.

use faultline_abi::syscall::{Syscall, meminfo};

use crate::arch::system_call;

/// Longest path or argument, with the zero that ends it.
const STRING_MAX: usize = 128;
/// Arguments that [`exec`] passes on, at most.
const ARGUMENTS_MAX: usize = 16;

fn call<const N: usize>(call: Syscall, arguments: [u64; N]) -> u64 {
    let mut all = [0; 6];
    all[..N].copy_from_slice(&arguments);
    system_call(call.number(), all)
}

/// The result of a call: `None` for a negative number.
fn checked(result: u64) -> Option<u64> {
    (result.cast_signed() >= 0).then_some(result)
}

/// A string as the kernel takes it: with a zero behind it.
struct ZeroEnded([u8; STRING_MAX]);

impl ZeroEnded {
    fn new(text: &str) -> Option<Self> {
        let mut bytes = [0; STRING_MAX];
        bytes[..STRING_MAX - 1].get_mut(..text.len())?.copy_from_slice(text.as_bytes());
        Some(Self(bytes))
    }

    fn address(&self) -> u64 {
        self.0.as_ptr() as u64
    }
}

/// Ends the program.
pub fn exit(status: u64) -> ! {
    loop {
        call(Syscall::Exit, [status]);
    }
}

/// Makes a second process like this one: its number, and 0 in the second process.
///
/// Both come back to their stacks and write to them. When they do so is up to the compiler; so that every
/// build shows the same page faults, they do it here and at once.
pub fn fork() -> Option<u64> {
    let mut on_the_stack = 0;
    let pid = checked(call(Syscall::Fork, []));
    // SAFETY: a variable of this function.
    unsafe { (&raw mut on_the_stack).write_volatile(1) };
    pid
}

/// Waits for a child to end: its number and its exit code.
pub fn wait() -> Option<(u64, u64)> {
    let mut code = 0u64;
    let pid = checked(call(Syscall::Wait, [&raw mut code as u64]))?;
    Some((pid, code))
}

/// Runs another program instead of this one. Returns only where that fails.
pub fn exec(path: &str, arguments: &[&str]) {
    let mut strings = [const { ZeroEnded([0; STRING_MAX]) }; ARGUMENTS_MAX];
    let mut addresses = [0u64; ARGUMENTS_MAX + 1];
    let Some(path) = ZeroEnded::new(path) else { return };
    for (n, argument) in arguments.iter().take(ARGUMENTS_MAX).enumerate() {
        let Some(string) = ZeroEnded::new(argument) else { return };
        strings[n] = string;
        addresses[n] = strings[n].address();
    }
    call(Syscall::Exec, [path.address(), addresses.as_ptr() as u64]);
}

/// Asks for the end of a process.
pub fn kill(pid: u64) -> Option<u64> {
    checked(call(Syscall::Kill, [pid]))
}

/// Waits for some timer interrupts.
pub fn sleep(ticks: u64) {
    call(Syscall::Sleep, [ticks]);
}

/// Opens a file: a descriptor. The flags are those of `faultline_abi::syscall::open`.
pub fn open(path: &str, flags: u64) -> Option<u64> {
    checked(call(Syscall::Open, [ZeroEnded::new(path)?.address(), flags]))
}

/// Closes a descriptor.
pub fn close(fd: u64) -> Option<u64> {
    checked(call(Syscall::Close, [fd]))
}

/// Another descriptor for the same open file.
pub fn dup(fd: u64) -> Option<u64> {
    checked(call(Syscall::Dup, [fd]))
}

/// The reading and the writing end of a new pipe.
pub fn pipe() -> Option<(u64, u64)> {
    let mut fds = [0u64; 2];
    checked(call(Syscall::Pipe, [fds.as_mut_ptr() as u64]))?;
    Some((fds[0], fds[1]))
}

/// Reads into `buffer`: how many bytes, 0 at the end.
pub fn read(fd: u64, buffer: &mut [u8]) -> Option<usize> {
    let length = checked(call(Syscall::Read, [fd, buffer.as_mut_ptr() as u64, buffer.len() as u64]))?;
    usize::try_from(length).ok()
}

/// Reads into any address. The kernel checks it.
///
/// # Safety
/// If the program has memory there, nothing else uses it now.
pub unsafe fn read_raw(fd: u64, start: *mut u8, length: usize) -> Option<usize> {
    checked(call(Syscall::Read, [fd, start as u64, length as u64]))
        .and_then(|length| usize::try_from(length).ok())
}

/// Writes bytes to a file descriptor; 1 is the console. How many it took.
pub fn write(fd: u64, bytes: &[u8]) -> Option<usize> {
    write_raw(fd, bytes.as_ptr(), bytes.len())
}

/// Writes all of `bytes`, however many calls it takes.
pub fn write_all(fd: u64, bytes: &[u8]) -> Option<()> {
    let mut rest = bytes;
    while !rest.is_empty() {
        rest = &rest[write(fd, rest).filter(|&length| length > 0)?..];
    }
    Some(())
}

/// [`write()`] with any address and length. The kernel checks them.
pub fn write_raw(fd: u64, start: *const u8, length: usize) -> Option<usize> {
    let written = call(Syscall::Write, [fd, start as u64, length as u64]);
    checked(written).and_then(|length| usize::try_from(length).ok())
}

/// Moves the position in a file; `whence` is 0 for the start, 1 for the position, 2 for the end.
pub fn lseek(fd: u64, offset: i64, whence: u64) -> Option<u64> {
    checked(call(Syscall::Lseek, [fd, offset.cast_unsigned(), whence]))
}

/// What a descriptor stands for: kind, number, size.
pub fn fstat(fd: u64) -> Option<[u64; 3]> {
    let mut stat = [0u64; 3];
    checked(call(Syscall::Fstat, [fd, stat.as_mut_ptr() as u64]))?;
    Some(stat)
}

/// Removes a file.
pub fn unlink(path: &str) -> Option<u64> {
    checked(call(Syscall::Unlink, [ZeroEnded::new(path)?.address()]))
}

/// Moves the end of the heap by `bytes`; the old end, or `None` where there is no room.
///
/// Memory above the end must not be used any more.
pub fn sbrk(bytes: isize) -> Option<*mut u8> {
    let bytes = bytes.cast_unsigned() as u64;
    checked(call(Syscall::Sbrk, [bytes])).map(|end| end as *mut u8)
}

/// Maps a file (`file`: descriptor and offset) or fresh memory. `prot` is made of the constants of
/// `faultline_abi::syscall::prot`, the flags of those of `faultline_abi::syscall::mmap`, without
/// `ANONYMOUS`.
pub fn mmap(address: u64, length: usize, prot: u64, flags: u64, file: Option<(u64, u64)>) -> Option<*mut u8> {
    let anonymous = if file.is_none() { faultline_abi::syscall::mmap::ANONYMOUS } else { 0 };
    let (fd, offset) = file.unwrap_or((0, 0));
    let mapped = call(Syscall::Mmap, [address, length as u64, prot, flags | anonymous, fd, offset]);
    checked(mapped).map(|start| start as *mut u8)
}

/// Takes mappings away. They must not be used any more.
pub fn munmap(start: *mut u8, length: usize) -> Option<u64> {
    checked(call(Syscall::Munmap, [start as u64, length as u64]))
}

/// Writes what was changed in shared mappings to their files.
pub fn msync(start: *mut u8, length: usize) -> Option<u64> {
    checked(call(Syscall::Msync, [start as u64, length as u64]))
}

/// The number of this process.
pub fn getpid() -> u64 {
    call(Syscall::Getpid, [])
}

/// Timer interrupts since boot.
pub fn uptime() -> u64 {
    call(Syscall::Uptime, [])
}

/// Lets the next process run.
pub fn yield_now() {
    call(Syscall::Yield, []);
}

/// Keeps in memory what the program has now: its text, data and stack, and the heap as it is.
pub fn lock_memory() {
    call(Syscall::Mlockall, []);
}

/// How many frames of memory are free.
pub fn free_frames() -> u64 {
    call(Syscall::Meminfo, [0])
}

/// How many frames fewer are free than there were `before`: less than none where other programs have given
/// some back since.
pub fn frames_used(before: u64) -> i64 {
    before.wrapping_sub(free_frames()).cast_signed()
}

/// What the kernel knows about memory: the words of `faultline_abi::syscall::meminfo`.
pub fn memory_info() -> [u64; meminfo::WORDS] {
    let mut words = [0; meminfo::WORDS];
    call(Syscall::Meminfo, [words.as_mut_ptr() as u64]);
    words
}

/// Fills `buffer` with what `faultline_abi::syscall::ps` says about each process; how many there are.
pub fn processes(buffer: &mut [u8]) -> Option<u64> {
    checked(call(Syscall::Ps, [buffer.as_mut_ptr() as u64, buffer.len() as u64]))
}

/// Ends the run.
pub fn shutdown(status: u64) -> ! {
    loop {
        call(Syscall::Shutdown, [status]);
    }
}
