//! What a file descriptor stands for.

use alloc::{rc::Rc, vec::Vec};
use core::cell::Cell;

use super::files::Inode;
use crate::pipe::{Reader, Writer};

/// Descriptors that a process may have.
pub const DESCRIPTORS_MAX: usize = 16;

/// An open file. Descriptors that were duplicated or inherited share it, and its position.
pub enum OpenFile {
    /// The console, to read and to write.
    Console,
    /// A file of the disk.
    Disk(DiskFile),
    /// The directory, as it was when it was opened.
    Directory {
        /// Its entries.
        listing: Vec<u8>,
        /// Where the next read begins.
        position: Cell<usize>,
    },
    /// The reading end of a pipe.
    PipeReader(Reader),
    /// The writing end of a pipe.
    PipeWriter(Writer),
}

/// An open file of the disk.
pub struct DiskFile {
    /// The file.
    pub inode: Rc<Inode>,
    /// Where the next read or write begins.
    pub position: Cell<u64>,
    /// What may be done with it.
    pub rights: Rights,
}

/// What may be done with an open file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rights {
    /// Read.
    Read,
    /// Write.
    Write,
    /// Both.
    ReadWrite,
}

impl Rights {
    /// Whether reading is allowed.
    #[must_use]
    pub const fn can_read(self) -> bool {
        matches!(self, Self::Read | Self::ReadWrite)
    }

    /// Whether writing is allowed.
    #[must_use]
    pub const fn can_write(self) -> bool {
        matches!(self, Self::Write | Self::ReadWrite)
    }
}

/// The descriptors of a process.
#[derive(Clone)]
pub struct Descriptors(Vec<Option<Rc<OpenFile>>>);

impl Default for Descriptors {
    /// Standard input, output and error: the console.
    fn default() -> Self {
        let console = Rc::new(OpenFile::Console);
        Self(Vec::from([Some(Rc::clone(&console)), Some(Rc::clone(&console)), Some(console)]))
    }
}

impl Descriptors {
    /// No descriptor at all.
    #[must_use]
    pub const fn none() -> Self {
        Self(Vec::new())
    }

    /// What descriptor `fd` stands for.
    #[must_use]
    pub fn get(&self, fd: u64) -> Option<Rc<OpenFile>> {
        self.0.get(usize::try_from(fd).ok()?)?.clone()
    }

    /// Gives `file` the lowest free descriptor.
    pub fn insert(&mut self, file: Rc<OpenFile>) -> Option<u64> {
        let free = self.0.iter().position(Option::is_none).unwrap_or(self.0.len());
        if free == DESCRIPTORS_MAX {
            return None;
        }
        if free == self.0.len() {
            self.0.push(None);
        }
        *self.0.get_mut(free)? = Some(file);
        Some(free as u64)
    }

    /// Frees descriptor `fd`; what it stood for.
    pub fn take(&mut self, fd: u64) -> Option<Rc<OpenFile>> {
        self.0.get_mut(usize::try_from(fd).ok()?)?.take()
    }
}
