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
    /// `exit(status)`: ends the process; does not return.
    Exit = 2, "exit";
    /// `write(fd, buffer, length)`: bytes written, or negative.
    Write = 16, "write";
    /// `getpid()`.
    Getpid = 11, "getpid";
    /// `sbrk(bytes)`: moves the end of the heap; the old end, or negative.
    Sbrk = 12, "sbrk";
    /// `uptime()`: timer interrupts since boot.
    Uptime = 14, "uptime";
    /// `yield()`: lets the next process run.
    Yield = 22, "yield";
    /// `shutdown(status)`: ends the run with this exit code.
    Shutdown = 23, "shutdown";
    /// `meminfo()`: free frames.
    Meminfo = 24, "meminfo";
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
