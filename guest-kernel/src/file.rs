//! A file, wherever it is kept: what exec reads programs from, and what mmap maps.

use alloc::rc::Rc;
use core::fmt;

/// The number of a file, as long as anybody has it open or mapped.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct FileId(pub u64);

/// Bytes that can be read and written at any offset.
pub trait File {
    /// Which file it is. Two handles of one file have the same number.
    fn id(&self) -> FileId;

    /// How many bytes there are.
    fn size(&self) -> u64;

    /// Fills `buffer` from `offset`.
    ///
    /// # Errors
    /// Where the file ends before that, or the disk fails.
    fn read_at(&self, offset: u64, buffer: &mut [u8]) -> Result<(), IoError>;

    /// Writes `bytes` at `offset`, which is at most the size; the file grows if need be.
    ///
    /// # Errors
    /// Where the disk is full or fails.
    fn write_at(&self, offset: u64, bytes: &[u8]) -> Result<(), IoError>;

    /// Makes sure that what was written is on the disk, size included.
    ///
    /// # Errors
    /// Where the disk fails.
    fn flush(&self) -> Result<(), IoError>;
}

/// A file that somebody holds. The last one to let go closes it.
pub type FileRef = Rc<dyn File>;

/// A file, or the disk it is on, could not be read or written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IoError;

impl fmt::Display for IoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the disk could not be read or written")
    }
}
