//! The console.

use alloc::vec::Vec;
use core::fmt;

use crate::{arch::Uart, line::Lines};

/// Where the kernel and its programs print, and people type.
pub struct Console {
    uart: Uart,
    lines: Lines,
}

impl Console {
    /// A console on this serial port.
    #[must_use]
    pub fn new(uart: Uart) -> Self {
        Self { uart, lines: Lines::default() }
    }

    /// Lets the serial port interrupt when somebody types.
    pub fn listen(&mut self) {
        self.uart.listen();
    }

    /// Takes in what was typed, and shows it.
    pub fn take_input(&mut self) {
        while let Some(byte) = self.uart.get() {
            let shown = self.lines.typed(byte);
            self.print(shown);
        }
    }

    /// Whether control-C was typed since somebody asked last.
    pub fn take_interrupt(&mut self) -> bool {
        self.lines.take_interrupt()
    }

    /// Whether a read would get something.
    #[must_use]
    pub fn can_be_read(&self) -> bool {
        self.lines.are_ready()
    }

    /// At most `max` bytes of a line that was typed; none at the end of the input.
    pub fn read(&mut self, max: usize) -> Vec<u8> {
        self.lines.read(max)
    }

    /// Prints raw bytes.
    pub fn print(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.uart.put(byte);
        }
    }

    /// Prints a line of the kernel's own.
    pub fn say(&mut self, line: fmt::Arguments<'_>) {
        // Printing cannot fail: `write_str` never does.
        let _ = fmt::write(self, format_args!("kernel: {line}\n"));
    }
}

impl fmt::Write for Console {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.print(text.as_bytes());
        Ok(())
    }
}
