//! The console.

use core::fmt;

use crate::arch::Uart;

/// Where the kernel and its programs print.
pub struct Console(Uart);

impl Console {
    /// A console on this serial port.
    #[must_use]
    pub const fn new(uart: Uart) -> Self {
        Self(uart)
    }

    /// Prints raw bytes.
    pub fn print(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            self.0.put(byte);
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
