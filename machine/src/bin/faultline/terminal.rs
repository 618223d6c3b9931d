//! The keyboard: standard input, byte by byte, without waiting for a line.
//!
//! On a terminal every key goes to the guest, Ctrl-C too; Ctrl-A X ends the run, as on QEMU.

use std::io::{Read, stdin};
use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::thread;
use std::time::Duration;

/// The key that begins a command to this program.
const ESCAPE: u8 = 1;

/// Something that came from the keyboard, or did not.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Typed {
    /// Bytes for the guest.
    Bytes(Vec<u8>),
    /// Nothing yet.
    Nothing,
    /// Standard input has ended.
    Closed,
    /// The user wants to leave.
    Quit,
}

/// Standard input, read by a thread of its own.
#[derive(Debug)]
pub(crate) struct Keyboard {
    keys: Receiver<Vec<u8>>,
    raw: Option<raw::RawMode>,
}

impl Keyboard {
    /// Starts listening; a terminal is put into raw mode until this is dropped.
    pub(crate) fn open() -> Self {
        let raw = raw::RawMode::enter();
        if raw.is_some() {
            eprintln!("faultline: Ctrl-A X ends the run");
        }
        let (sender, keys) = channel();
        thread::spawn(move || {
            let mut buffer = [0; 1024];
            while let Ok(count @ 1..) = stdin().read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { keys, raw }
    }

    /// What was typed since the last time; waits at most `patience` for it.
    pub(crate) fn read(&self, patience: Duration) -> Typed {
        match self.keys.recv_timeout(patience) {
            Ok(bytes) if self.raw.is_some() => interpret(bytes),
            Ok(bytes) => Typed::Bytes(bytes),
            Err(RecvTimeoutError::Timeout) => Typed::Nothing,
            Err(RecvTimeoutError::Disconnected) => Typed::Closed,
        }
    }
}

/// Ctrl-A X, typed at once or pasted, ends the run; anything else is the guest's.
fn interpret(bytes: Vec<u8>) -> Typed {
    let quit = bytes.windows(2).any(|pair| pair[0] == ESCAPE && matches!(pair[1], b'x' | b'X'));
    if quit { Typed::Quit } else { Typed::Bytes(bytes) }
}

#[cfg(unix)]
mod raw {
    use std::io::{IsTerminal, stdin};

    use rustix::termios::{InputModes, LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

    /// The terminal as it was, to be restored.
    #[derive(Debug)]
    pub(super) struct RawMode(Termios);

    impl RawMode {
        /// Keys arrive one by one, unechoed and uninterpreted. Output stays as it is.
        pub(super) fn enter() -> Option<Self> {
            if !stdin().is_terminal() {
                return None;
            }
            let before = tcgetattr(stdin()).ok()?;
            let mut raw = before.clone();
            raw.local_modes -= LocalModes::ICANON | LocalModes::ECHO | LocalModes::ISIG | LocalModes::IEXTEN;
            raw.input_modes -= InputModes::IXON | InputModes::ICRNL;
            tcsetattr(stdin(), OptionalActions::Now, &raw).ok()?;
            Some(Self(before))
        }
    }

    impl Drop for RawMode {
        fn drop(&mut self) {
            // Nothing is left to be done where the terminal has gone.
            let _ = tcsetattr(stdin(), OptionalActions::Now, &self.0);
        }
    }
}

#[cfg(not(unix))]
mod raw {
    /// Elsewhere the terminal stays in its own mode: lines, with its own editing.
    #[derive(Debug)]
    pub(super) enum RawMode {}

    impl RawMode {
        pub(super) fn enter() -> Option<Self> {
            None
        }
    }
}
