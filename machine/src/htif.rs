//! The host-target interface, by which test programs end, and print where the board has no console
//! for them: a program stores a command into the doubleword `tohost`, and finds an answer in
//! `fromhost` (the "HTIF" of RISC-V's ISA simulator; there is no specification but its source).

use crate::bus::ExitCode;

/// What a program asks for by what it has stored in `tohost`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Request {
    /// Nothing, or nothing that exists here.
    None,
    /// The end of the run: device 0, command 0, an odd payload.
    Exit(ExitCode),
    /// A byte for the console: device 1, command 1.
    Print(u8),
    /// A system call by proxy: device 0, command 0, the physical address of eight doublewords, the
    /// call's number and its arguments.
    Call(u64),
}

impl Request {
    /// Decodes a command: the device in the highest byte, the command in the next, 48 bits of payload.
    pub(crate) fn of(word: u64) -> Self {
        let payload = word & 0xffff_ffff_ffff;
        match (word >> 56, word >> 48 & 0xff) {
            (0, 0) if payload & 1 != 0 => Self::Exit(ExitCode(payload >> 1)),
            (0, 0) if payload != 0 => Self::Call(payload),
            (1, 1) => Self::Print(payload.to_le_bytes()[0]),
            _ => Self::None,
        }
    }
}

/// A call's number: `write(file, buffer, length)`.
pub(crate) const CALL_WRITE: u64 = 64;
/// `exit(code)`.
pub(crate) const CALL_EXIT: u64 = 93;
/// The answer to every other call, `-ENOSYS`.
pub(crate) const NO_SUCH_CALL: u64 = (-38_i64).cast_unsigned();
/// Most bytes that one call prints.
pub(crate) const WRITE_MAX: u64 = 64 << 10;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_command_is_device_command_and_payload() {
        for (word, request) in [
            (0, Request::None),
            (1, Request::Exit(ExitCode(0))),
            (7 << 1 | 1, Request::Exit(ExitCode(7))),
            (0x8000_1000, Request::Call(0x8000_1000)),
            (0x0101_0000_0000_0041, Request::Print(b'A')),
            (0x0100_0000_0000_0041, Request::None),
            (u64::MAX, Request::None),
        ] {
            assert_eq!(Request::of(word), request, "{word:#x}");
        }
    }
}
