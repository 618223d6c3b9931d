//! The arguments of a program.

use core::ffi::{CStr, c_char};

/// The arguments that the program was started with; the first is its own name.
#[derive(Clone, Copy)]
pub struct Args(&'static [*const c_char]);

impl Args {
    /// The arguments as the kernel hands them over.
    ///
    /// # Safety
    /// `argv` points at `argc` strings that end with a zero and are never changed.
    #[must_use]
    pub const unsafe fn new(argc: usize, argv: *const *const c_char) -> Self {
        // SAFETY: promised by the caller.
        Self(unsafe { core::slice::from_raw_parts(argv, argc) })
    }

    /// How many there are, the program's name included.
    #[must_use]
    pub const fn count(self) -> usize {
        self.0.len()
    }

    /// Argument `number`, 0 for the name; what is no text is empty.
    #[must_use]
    pub fn get(self, number: usize) -> Option<&'static str> {
        // SAFETY: promised to `new`.
        let string = unsafe { CStr::from_ptr(*self.0.get(number)?) };
        Some(string.to_str().unwrap_or(""))
    }

    /// Argument `number` as a number, or `otherwise` where there is none.
    #[must_use]
    pub fn number(self, number: usize, otherwise: u64) -> u64 {
        self.get(number).and_then(|text| text.parse().ok()).unwrap_or(otherwise)
    }

    /// The arguments after the name.
    pub fn rest(self) -> impl Iterator<Item = &'static str> {
        (1..self.count()).filter_map(move |number| self.get(number))
    }
}
