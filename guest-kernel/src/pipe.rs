//! Pipes: bytes from those who hold the writing end to those who hold the reading end.

use alloc::{collections::VecDeque, rc::Rc, vec::Vec};
use core::cell::{Cell, RefCell};

/// Bytes that wait in a pipe, at most.
pub const PIPE_SIZE: usize = 512;

/// What both ends know.
pub struct Pipe {
    bytes: RefCell<VecDeque<u8>>,
    readers: Cell<usize>,
    writers: Cell<usize>,
}

/// The end that is read. Dropping it closes it.
pub struct Reader(Rc<Pipe>);

/// The end that is written. Dropping it closes it.
pub struct Writer(Rc<Pipe>);

/// The two ends of a new pipe.
#[must_use]
pub fn pipe() -> (Reader, Writer) {
    // All the memory that it will ever take: later, when it is written to, there may be none left.
    let bytes = RefCell::new(VecDeque::with_capacity(PIPE_SIZE));
    let pipe = Rc::new(Pipe { bytes, readers: Cell::new(1), writers: Cell::new(1) });
    (Reader(Rc::clone(&pipe)), Writer(pipe))
}

impl Pipe {
    /// Whether reading gets something: bytes, or the news that none will come.
    #[must_use]
    pub fn can_be_read(&self) -> bool {
        !self.bytes.borrow().is_empty() || self.writers.get() == 0
    }

    /// Whether writing gets somewhere: into the pipe, or to the news that nobody reads.
    #[must_use]
    pub fn can_be_written(&self) -> bool {
        self.bytes.borrow().len() < PIPE_SIZE || self.readers.get() == 0
    }
}

impl Reader {
    /// What both ends know, to wait for.
    #[must_use]
    pub const fn pipe(&self) -> &Rc<Pipe> {
        &self.0
    }

    /// At most `max` bytes; `None` where there are none yet. Empty where none will come.
    #[must_use]
    #[expect(clippy::disallowed_methods, reason = "no more is drained than there is")]
    pub fn read(&self, max: usize) -> Option<Vec<u8>> {
        if !self.0.can_be_read() {
            return None;
        }
        let mut bytes = self.0.bytes.borrow_mut();
        let length = max.min(bytes.len());
        Some(bytes.drain(..length).collect())
    }

    /// Puts back, in front, what a reader could not take.
    pub fn unread(&self, bytes: &[u8]) {
        let mut queue = self.0.bytes.borrow_mut();
        bytes.iter().rev().for_each(|&byte| queue.push_front(byte));
    }
}

impl Writer {
    /// What both ends know, to wait for.
    #[must_use]
    pub const fn pipe(&self) -> &Rc<Pipe> {
        &self.0
    }

    /// How many bytes fit now; `None` where nobody will ever read them.
    #[must_use]
    pub fn room(&self) -> Option<usize> {
        (self.0.readers.get() > 0).then(|| PIPE_SIZE.saturating_sub(self.0.bytes.borrow().len()))
    }

    /// Writes `bytes`, for which there is room.
    pub fn write(&self, bytes: &[u8]) {
        self.0.bytes.borrow_mut().extend(bytes);
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.0.readers.set(self.0.readers.get().saturating_sub(1));
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.0.writers.set(self.0.writers.get().saturating_sub(1));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_come_out_in_order_and_an_empty_pipe_makes_wait() {
        let (reader, writer) = pipe();
        assert_eq!(reader.read(10), None);
        writer.write(b"hello");
        assert_eq!(reader.read(2).unwrap(), b"he");
        reader.unread(b"e");
        assert_eq!(reader.read(10).unwrap(), b"ello");
        assert!(!reader.pipe().can_be_read());
    }

    #[test]
    fn without_writers_the_rest_comes_and_then_nothing() {
        let (reader, writer) = pipe();
        writer.write(b"x");
        drop(writer);
        assert_eq!(reader.read(10).unwrap(), b"x");
        assert_eq!(reader.read(10).unwrap(), b"");
    }

    #[test]
    fn a_full_pipe_makes_wait_and_one_without_readers_fails() {
        let (reader, writer) = pipe();
        writer.write(&[0; PIPE_SIZE]);
        assert_eq!((writer.room(), writer.pipe().can_be_written()), (Some(0), false));
        drop(reader);
        assert_eq!((writer.room(), writer.pipe().can_be_written()), (None, true));
    }
}
