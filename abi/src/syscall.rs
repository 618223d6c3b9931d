//! System-call numbers: in `a7` at `ecall`, arguments in `a0`…`a5`, the result in `a0`.
//!
//! A negative result is an error. Numbers are never reused.

macro_rules! syscalls {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal;)*) => {
        /// A system call.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[repr(u64)]
        pub enum Syscall {
            $($(#[$doc])* $name = $number,)*
        }

        impl Syscall {
            /// Every system call, in order of number.
            pub const ALL: &[Self] = &[$(Self::$name),*];

            /// The call with this number.
            #[must_use]
            pub const fn from_number(number: u64) -> Option<Self> {
                match number {
                    $($number => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// The number that goes into `a7`.
            #[must_use]
            pub const fn number(self) -> u64 {
                self as u64
            }

            /// The name as a C programmer writes it.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)*
                }
            }
        }
    };
}

syscalls! {
    /// `fork()`: a second process like this one; its pid, 0 in the child, or negative.
    Fork = 1, "fork";
    /// `exit(status)`: ends the process; does not return.
    Exit = 2, "exit";
    /// `wait(&status)`: waits for a child to end and stores its exit code, 8 bytes; its pid, or
    /// negative where there is no child. The address may be 0.
    Wait = 3, "wait";
    /// `pipe(&fds)`: stores the descriptors of a pipe's reading and writing end, 8 bytes each.
    Pipe = 4, "pipe";
    /// `read(fd, buffer, length)`: bytes read, 0 at the end, or negative.
    Read = 5, "read";
    /// `kill(pid)`: asks for the end of a process.
    Kill = 6, "kill";
    /// `exec(path, argv)`: runs another program; `argv` is an array of strings, ended by 0. Returns
    /// only where it failed.
    Exec = 7, "exec";
    /// `fstat(fd, &stat)`: stores three words of 8 bytes: a [`FileKind`], the file's number, its size.
    Fstat = 8, "fstat";
    /// `dup(fd)`: another descriptor for the same open file.
    Dup = 10, "dup";
    /// `getpid()`.
    Getpid = 11, "getpid";
    /// `sbrk(bytes)`: moves the end of the heap; the old end, or negative.
    Sbrk = 12, "sbrk";
    /// `sleep(ticks)`: waits for as many timer interrupts.
    Sleep = 13, "sleep";
    /// `uptime()`: timer interrupts since boot.
    Uptime = 14, "uptime";
    /// `open(path, flags)`: a descriptor, or negative. See [`open`].
    Open = 15, "open";
    /// `write(fd, buffer, length)`: bytes written, or negative.
    Write = 16, "write";
    /// `unlink(path)`: removes a file.
    Unlink = 18, "unlink";
    /// `close(fd)`: what was written to the file is on the disk then.
    Close = 21, "close";
    /// `yield()`: lets the next process run.
    Yield = 22, "yield";
    /// `shutdown(status)`: ends the run with this exit code.
    Shutdown = 23, "shutdown";
    /// `meminfo(&info)`: free frames. Where the address is not 0, stores the words of [`meminfo`].
    Meminfo = 24, "meminfo";
    /// `mmap(address, length, prot, flags, fd, offset)`: where it is mapped, or negative. See [`mmap`].
    Mmap = 25, "mmap";
    /// `munmap(address, length)`.
    Munmap = 26, "munmap";
    /// `msync(address, length)`: what was changed in shared mappings of files is on the disk then.
    Msync = 27, "msync";
    /// `lseek(fd, offset, whence)`: the new position; `whence` is 0 for the start, 1 for the position,
    /// 2 for the end.
    Lseek = 28, "lseek";
    /// `ps(buffer, length)`: stores the words of [`ps`] and a name of 16 bytes for each process; how many
    /// there are.
    Ps = 29, "ps";
    /// `mlockall()`: the areas as they are now keep their pages in memory: those that are there, and the
    /// others once they have come. Holds until `exec`; a child does not inherit it.
    Mlockall = 30, "mlockall";
}

/// Flags of `open`.
pub mod open {
    /// To read.
    pub const READ: u64 = 0;
    /// To write.
    pub const WRITE: u64 = 1;
    /// To read and to write.
    pub const READ_WRITE: u64 = 2;
    /// Make the file if there is none.
    pub const CREATE: u64 = 0x200;
    /// Make it empty.
    pub const TRUNCATE: u64 = 0x400;
}

/// What may be done with a mapping.
pub mod prot {
    /// Load from it.
    pub const READ: u64 = 1;
    /// Store to it.
    pub const WRITE: u64 = 2;
    /// Execute it.
    pub const EXECUTE: u64 = 4;
}

/// Flags of `mmap`.
pub mod mmap {
    /// Everybody who maps it sees what is written.
    pub const SHARED: u64 = 1;
    /// Only the writer sees it.
    pub const PRIVATE: u64 = 2;
    /// At this address and no other.
    pub const FIXED: u64 = 0x10;
    /// Fresh memory, not a file.
    pub const ANONYMOUS: u64 = 0x20;
}

/// What `meminfo` stores, in this order.
pub mod meminfo {
    /// How many words there are.
    pub const WORDS: usize = 8;
    /// Free frames.
    pub const FREE_FRAMES: usize = 0;
    /// All frames.
    pub const FRAMES: usize = 1;
    /// Free swap slots.
    pub const FREE_SLOTS: usize = 2;
    /// All swap slots.
    pub const SLOTS: usize = 3;
    /// Page faults that the kernel has looked at since boot.
    pub const FAULTS: usize = 4;
    /// Pages evicted since boot.
    pub const EVICTED: usize = 5;
    /// Pages read from swap since boot.
    pub const SWAP_READS: usize = 6;
    /// Pages written to swap since boot.
    pub const SWAP_WRITES: usize = 7;
}

/// What `ps` stores for each process before its name, in this order.
pub mod ps {
    /// How many words there are.
    pub const WORDS: usize = 5;
    /// Bytes for one process.
    pub const ENTRY: usize = WORDS * 8 + 16;
    /// Its pid.
    pub const PID: usize = 0;
    /// Its parent's pid, 0 for none.
    pub const PARENT: usize = 1;
    /// 0 where it can run, 1 where it waits, 2 where it has ended.
    pub const STATE: usize = 2;
    /// Its mapped pages.
    pub const PAGES: usize = 3;
    /// Its pages in swap.
    pub const SWAPPED: usize = 4;
}

/// What a descriptor stands for, as `fstat` tells it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum FileKind {
    /// The directory: reading it gives for each file a name of 16 bytes and a size of 8.
    Directory = 1,
    /// A file of the disk.
    File = 2,
    /// The console.
    Console = 3,
    /// An end of a pipe.
    Pipe = 4,
}

#[cfg(test)]
mod tests {
    use super::Syscall;

    #[test]
    fn numbers_and_calls_agree_both_ways() {
        for &call in Syscall::ALL {
            assert_eq!(Syscall::from_number(call.number()), Some(call));
        }
        assert_eq!(Syscall::from_number(u64::MAX), None);
    }
}
