//! One clear error on one line, and the exit code that goes with it.

use std::fmt::Display;
use std::process::ExitCode;

use faultline_machine::bus::ExitCode as GuestCode;

/// Bad usage or bad input.
const BAD_INPUT: u8 = 2;
/// The run was cut off.
const CUT_OFF: u8 = 3;
/// The guest ended well, but its kernel made a mistake.
const MISTAKES: u8 = 4;

/// Something the user has to put right.
#[derive(Debug)]
pub(crate) struct Failure(String);

impl Failure {
    /// What is wrong, where, and what to do.
    pub(crate) fn new(message: impl Display) -> Self {
        Self(message.to_string())
    }

    /// What is wrong with a file.
    pub(crate) fn file(path: &std::path::Path, what: impl Display) -> Self {
        Self(format!("{}: {what}", path.display()))
    }

    /// Says it and gives the exit code.
    pub(crate) fn report(self) -> ExitCode {
        let line: String = self.0.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
        eprintln!("faultline: {line}");
        ExitCode::from(BAD_INPUT)
    }
}

/// Says why the run was cut off and gives the exit code.
pub(crate) fn cut_off(why: impl Display) -> ExitCode {
    eprintln!("faultline: {why}");
    ExitCode::from(CUT_OFF)
}

/// The exit code of a run that ended with `code` and in which `warnings` mistakes were found.
pub(crate) fn with_warnings(code: ExitCode, warnings: u64) -> ExitCode {
    if warnings == 0 || code != ExitCode::SUCCESS {
        return code;
    }
    ExitCode::from(MISTAKES)
}

/// The guest's exit code as the host's. Codes that a host cannot carry become 255, never success.
pub(crate) fn guest(GuestCode(code): GuestCode) -> ExitCode {
    ExitCode::from(u8::try_from(code).unwrap_or(u8::MAX))
}
