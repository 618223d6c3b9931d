//! What is typed at the console, line by line: a line can be mended until it is ended.

use alloc::{collections::VecDeque, vec::Vec};

/// Bytes of a line that is being typed, and of lines that nobody has read yet, at most.
const LINE_MAX: usize = 256;
/// Bytes of ended lines that wait, at most.
const WAITING_MAX: usize = 4096;
/// Control-C: whatever runs in the foreground shall end.
const INTERRUPT: u8 = 3;
/// Control-D: the end of the input.
const END_OF_INPUT: u8 = 4;
/// Backspace, as one of two keys sends it.
const BACKSPACE: u8 = 8;
/// Backspace, as the other key sends it.
const DELETE: u8 = 127;

/// The typed input of a console.
#[derive(Default)]
pub struct Lines {
    /// The line that is being typed.
    line: Vec<u8>,
    /// Ended lines, each with its newline; `None` for an end of input.
    ended: VecDeque<Option<u8>>,
    /// Whether control-C was typed since somebody asked.
    interrupted: bool,
}

impl Lines {
    /// Takes in a byte that was typed; what is to be shown for it.
    pub fn typed(&mut self, byte: u8) -> &'static [u8] {
        match byte {
            b'\r' | b'\n' => {
                self.line.push(b'\n');
                self.end_line();
                b"\n"
            }
            INTERRUPT => {
                self.line.clear();
                self.interrupted = true;
                b"^C\n"
            }
            END_OF_INPUT => {
                self.end_line();
                self.ended.push_back(None);
                b""
            }
            BACKSPACE | DELETE => {
                if self.line.pop().is_some() {
                    b"\x08 \x08"
                } else {
                    b""
                }
            }
            b' '..=b'~' if self.line.len() < LINE_MAX => {
                self.line.push(byte);
                echo(byte)
            }
            _ => b"",
        }
    }

    /// Whether control-C was typed since somebody asked last.
    pub fn take_interrupt(&mut self) -> bool {
        core::mem::take(&mut self.interrupted)
    }

    /// Whether a read would get something.
    #[must_use]
    pub fn are_ready(&self) -> bool {
        !self.ended.is_empty()
    }

    /// At most `max` bytes of the next line, newline included; none at an end of input.
    pub fn read(&mut self, max: usize) -> Vec<u8> {
        let mut bytes = Vec::new();
        while bytes.len() < max {
            match self.ended.pop_front() {
                Some(Some(byte)) => bytes.push(byte),
                // An end of input after some bytes ends this read, and the next one gets none.
                Some(None) if !bytes.is_empty() => self.ended.push_front(None),
                Some(None) | None => break,
            }
            if bytes.last() == Some(&b'\n') || self.ended.front() == Some(&None) {
                break;
            }
        }
        bytes
    }

    fn end_line(&mut self) {
        if self.ended.len().saturating_add(self.line.len()) <= WAITING_MAX {
            self.ended.extend(self.line.iter().copied().map(Some));
        }
        self.line.clear();
    }
}

/// Every printable character, to be shown as it is.
const PRINTABLE: [u8; 95] = {
    let mut all = [0; 95];
    let mut n = 0;
    while n < 95 {
        #[expect(clippy::cast_possible_truncation, reason = "below 95")]
        let offset = n as u8;
        #[expect(clippy::indexing_slicing, reason = "done by the compiler")]
        {
            all[n] = b' ' + offset;
        }
        n += 1;
    }
    all
};

fn echo(byte: u8) -> &'static [u8] {
    let index = usize::from(byte.saturating_sub(b' '));
    PRINTABLE.get(index..=index).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn typed(lines: &mut Lines, text: &[u8]) -> Vec<u8> {
        text.iter().flat_map(|&byte| lines.typed(byte).iter().copied()).collect()
    }

    #[test]
    fn a_line_can_be_read_when_it_is_ended() {
        let mut lines = Lines::default();
        assert_eq!(typed(&mut lines, b"ls"), b"ls");
        assert!(!lines.are_ready());
        assert_eq!(typed(&mut lines, b"\r"), b"\n");
        assert!(lines.are_ready());
        assert_eq!(lines.read(100), b"ls\n");
        assert!(!lines.are_ready());
    }

    #[test]
    fn a_read_gets_one_line_or_part_of_it() {
        let mut lines = Lines::default();
        typed(&mut lines, b"one\ntwo\n");
        assert_eq!(lines.read(2), b"on");
        assert_eq!(lines.read(100), b"e\n");
        assert_eq!(lines.read(100), b"two\n");
    }

    #[test]
    fn backspace_takes_back_what_is_there() {
        let mut lines = Lines::default();
        assert_eq!(typed(&mut lines, b"\x7fab\x08\n"), b"ab\x08 \x08\n");
        assert_eq!(lines.read(100), b"a\n");
    }

    #[test]
    fn control_d_ends_the_input_once() {
        let mut lines = Lines::default();
        typed(&mut lines, b"x\x04\x04y\n");
        assert_eq!(lines.read(100), b"x");
        assert_eq!(lines.read(100), b"");
        assert_eq!(lines.read(100), b"");
        assert_eq!(lines.read(100), b"y\n");
    }

    #[test]
    fn control_c_is_told_once_and_throws_the_line_away() {
        let mut lines = Lines::default();
        assert_eq!(typed(&mut lines, b"rm \x03ls\n"), b"rm ^C\nls\n");
        assert_eq!(lines.read(100), b"ls\n");
        assert_eq!([lines.take_interrupt(), lines.take_interrupt()], [true, false]);
    }

    #[test]
    fn what_nobody_reads_does_not_fill_memory() {
        let mut lines = Lines::default();
        for _ in 0..100_000 {
            typed(&mut lines, b"0123456789");
        }
        for _ in 0..1000 {
            typed(&mut lines, b"0123456789\n");
        }
        assert!(lines.ended.len() <= WAITING_MAX && lines.line.len() <= LINE_MAX + 1);
        assert!(typed(&mut lines, b"\x1b[A").starts_with(b"[A"), "escape shows nothing");
    }
}
