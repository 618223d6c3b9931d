//! Printing: a line is put together on the stack and written by one system call.

use core::fmt;

use crate::write;

/// Bytes that are written at once, at most.
const LENGTH: usize = 120;

/// A line on its way to the console.
pub struct Line {
    bytes: [u8; LENGTH],
    length: usize,
}

impl Line {
    /// Prints formatted text.
    pub fn print(text: fmt::Arguments<'_>) {
        let mut line = Self { bytes: [0; LENGTH], length: 0 };
        // Printing cannot fail: `write_str` never does.
        let _ = fmt::write(&mut line, text);
        line.flush();
    }

    fn flush(&mut self) {
        write(1, &self.bytes[..self.length]);
        self.length = 0;
    }
}

impl fmt::Write for Line {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for &byte in text.as_bytes() {
            if self.length == LENGTH {
                self.flush();
            }
            self.bytes[self.length] = byte;
            self.length += 1;
        }
        Ok(())
    }
}

/// Prints a line.
#[macro_export]
macro_rules! println {
    ($($text:tt)*) => {
        $crate::Line::print(::core::format_args!("{}\n", ::core::format_args!($($text)*)))
    };
}
