//! A program file, wherever it is kept.

/// Bytes that can be read from any offset.
pub trait ProgramFile {
    /// How many bytes there are.
    fn size(&self) -> u64;

    /// Fills `buffer` from `offset`.
    ///
    /// # Errors
    /// Where the file ends before that, or the disk fails.
    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<(), ReadError>;
}

/// The file could not be read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ReadError;

impl ProgramFile for &[u8] {
    fn size(&self) -> u64 {
        self.len() as u64
    }

    fn read_at(&mut self, offset: u64, buffer: &mut [u8]) -> Result<(), ReadError> {
        let start = usize::try_from(offset).map_err(|_| ReadError)?;
        let end = start.checked_add(buffer.len()).ok_or(ReadError)?;
        buffer.copy_from_slice(self.get(start..end).ok_or(ReadError)?);
        Ok(())
    }
}
