//! The keyboard: standard input, byte by byte, without waiting for a line.
//!
//! On a terminal every key goes to the guest, Ctrl-C too; Ctrl-A X ends the run, as on QEMU.

use std::io::{Read, stdin};
use std::sync::mpsc::{Receiver, RecvTimeoutError, sync_channel};
use std::thread;
use std::time::Duration;

/// The key that begins a command to this program.
const ESCAPE: u8 = 1;
/// Pieces of input that are read before the guest takes them.
const READ_AHEAD: usize = 16;
/// Bytes that wait for the guest before standard input has to.
const WAITING_MAX: usize = 64 * 1024;

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
    /// What the guest has no room for yet.
    waiting: Vec<u8>,
    escape: Escape,
    raw: Option<raw::RawMode>,
}

impl Keyboard {
    /// Starts listening; a terminal is put into raw mode until this is dropped.
    pub(crate) fn open() -> Self {
        let raw = raw::RawMode::enter();
        if raw.is_some() {
            eprintln!("faultline: Ctrl-A X ends the run");
        }
        let (sender, keys) = sync_channel(READ_AHEAD);
        thread::spawn(move || {
            let mut buffer = [0; 4096];
            while let Ok(count @ 1..) = stdin().read(&mut buffer) {
                if sender.send(buffer[..count].to_vec()).is_err() {
                    return;
                }
            }
        });
        Self { keys, waiting: Vec::new(), escape: Escape::default(), raw }
    }

    /// At most `room` bytes of what was typed since the last time; waits at most `patience` for them.
    /// The rest waits here, and standard input waits with it: a guest that does not read loses nothing.
    pub(crate) fn read(&mut self, room: usize, patience: Duration) -> Typed {
        let mut patience = if self.waiting.is_empty() { patience } else { Duration::ZERO };
        while self.waiting.len() < WAITING_MAX {
            match self.keys.recv_timeout(std::mem::take(&mut patience)) {
                Ok(keys) => match self.for_guest(keys) {
                    Some(keys) => self.waiting.extend(keys),
                    None => return Typed::Quit,
                },
                Err(RecvTimeoutError::Disconnected) if self.waiting.is_empty() => return Typed::Closed,
                Err(_) => break,
            }
        }
        let taken = room.min(self.waiting.len());
        if taken == 0 { Typed::Nothing } else { Typed::Bytes(self.waiting.drain(..taken).collect()) }
    }

    /// What of these keys is the guest's; all of it, unless a person types.
    fn for_guest(&mut self, keys: Vec<u8>) -> Option<Vec<u8>> {
        if self.raw.is_some() { self.escape.filter(&keys) } else { Some(keys) }
    }
}

/// Watches the keys for Ctrl-A X. Ctrl-A twice is one Ctrl-A for the guest; before any other key it
/// is the guest's as well.
#[derive(Debug, Default)]
struct Escape {
    seen: bool,
}

impl Escape {
    /// The keys for the guest; `None` where the user wants to leave.
    fn filter(&mut self, keys: &[u8]) -> Option<Vec<u8>> {
        let mut through = Vec::with_capacity(keys.len());
        for &key in keys {
            match (std::mem::take(&mut self.seen), key) {
                (true, b'x' | b'X') => return None,
                (false, ESCAPE) => self.seen = true,
                (true, key) if key != ESCAPE => through.extend([ESCAPE, key]),
                (_, key) => through.push(key),
            }
        }
        Some(through)
    }
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

#[cfg(test)]
mod tests {
    use super::Escape;

    #[test]
    fn ctrl_a_x_leaves_however_it_is_typed_and_other_keys_go_through() {
        let typed = |pieces: &[&[u8]]| {
            let mut escape = Escape::default();
            pieces
                .iter()
                .map(|keys| escape.filter(keys))
                .collect::<Option<Vec<_>>>()
                .map(|keys| keys.concat())
        };
        assert_eq!(typed(&[b"ls\r"]), Some(b"ls\r".to_vec()));
        assert_eq!(typed(&[b"a\x01", b"x"]), None);
        assert_eq!(typed(&[b"\x01X"]), None);
        assert_eq!(typed(&[b"\x01\x01", b"x"]), Some(b"\x01x".to_vec()));
        assert_eq!(typed(&[b"\x01", b"b"]), Some(b"\x01b".to_vec()));
    }
}
