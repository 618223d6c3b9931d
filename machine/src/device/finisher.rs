//! The test finisher: a store to it ends the run (SiFive test device, as on QEMU's `virt`).

use faultline_abi::board::{FINISHER_FAIL, FINISHER_PASS, FINISHER_RESET};

use crate::bus::{BusError, Effect, ExitCode, Width};

/// What a store to the finisher asks for; values that mean nothing ask for nothing.
///
/// A reset ends the run well: nothing would come after it but the same run once more.
///
/// # Errors
/// Where the access is wider than a word or narrower than a half.
pub fn store(offset: u64, width: Width, value: u64) -> Result<Effect, BusError> {
    check(width)?;
    #[expect(clippy::cast_possible_truncation, reason = "at most a word was stored")]
    let (command, code) = (value as u32 & 0xffff, value as u32 >> 16);
    Ok(match (offset, command) {
        (0, FINISHER_PASS | FINISHER_RESET) => Effect::PowerOff(ExitCode(0)),
        (0, FINISHER_FAIL) => Effect::PowerOff(ExitCode(code.into())),
        _ => Effect::None,
    })
}

/// The finisher reads as zero.
///
/// # Errors
/// As for [`store`].
pub fn load(width: Width) -> Result<u64, BusError> {
    check(width).map(|()| 0)
}

fn check(width: Width) -> Result<(), BusError> {
    if matches!(width, Width::Half | Width::Word) { Ok(()) } else { Err(BusError) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_end_the_run_and_anything_else_does_nothing() {
        for (offset, value, effect) in [
            (0, 0x5555, Effect::PowerOff(ExitCode(0))),
            (0, 0x7_3333, Effect::PowerOff(ExitCode(7))),
            (0, 0x7777, Effect::PowerOff(ExitCode(0))),
            (0, 0, Effect::None),
            (4, 0x5555, Effect::None),
        ] {
            assert_eq!(store(offset, Width::Word, value), Ok(effect), "{offset} {value:#x}");
        }
        assert_eq!(store(0, Width::Byte, 0x55), Err(BusError));
        assert_eq!(load(Width::Double), Err(BusError));
    }
}
