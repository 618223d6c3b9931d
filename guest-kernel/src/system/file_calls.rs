//! System calls about files, pipes and the console.

use alloc::rc::Rc;
use core::cell::Cell;

use faultline_abi::{
    PAGE_SIZE, VirtAddr,
    syscall::{FileKind, open as flags},
};

use super::{
    files::{FileSystem, Missing},
    kernel::Kernel,
    open_file::{DiskFile, OpenFile, Rights},
    process::{Process, Wait},
    syscall::{Reply, Stop},
};
use crate::{
    file::{File, IoError},
    pipe::{self, Reader, Writer},
};

/// Bytes that a `read` or `write` moves before others get their turn.
const TRANSFER_MAX: u64 = 4096;
/// Bytes that travel through the kernel at once.
const CHUNK: usize = 512;

/// What it means that fewer bytes were moved than could have been.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Short {
    /// There are no more.
    Ends,
    /// There is no room for more just now.
    GoesOn,
}

impl From<IoError> for Stop {
    fn from(_: IoError) -> Self {
        Self::Failed
    }
}

impl Kernel {
    fn file_system(&self) -> Result<&Rc<FileSystem>, Stop> {
        self.files.as_ref().ok_or(Stop::Failed)
    }

    /// `open(path, flags)`: a descriptor. The directory is `/` or `.`.
    pub(super) fn open(&mut self, process: &mut Process, path: u64, how: u64) -> Reply {
        let path = self.string(process, path)?;
        let rights = match how & 3 {
            flags::READ => Rights::Read,
            flags::WRITE => Rights::Write,
            flags::READ_WRITE => Rights::ReadWrite,
            _ => return Err(Stop::Failed),
        };
        let file = if path.is_empty() || path == "." {
            let listing = self.file_system()?.list().map_err(|_| Stop::Failed)?;
            OpenFile::Directory { listing, position: Cell::new(0) }
        } else {
            OpenFile::Disk(self.open_on_disk(&path, how, rights)?)
        };
        process.files.insert(Rc::new(file)).ok_or(Stop::Failed)
    }

    /// A program that runs cannot be opened to be written: its pages come from the file.
    fn open_on_disk(&mut self, path: &str, how: u64, rights: Rights) -> Result<DiskFile, Stop> {
        let missing = if how & flags::CREATE == 0 { Missing::Fail } else { Missing::Create };
        let inode = self.file_system()?.open(path, missing).map_err(|_| Stop::Failed)?;
        if rights.can_write() && self.memory.runs(inode.id()) {
            return Err(Stop::Failed);
        }
        if how & flags::TRUNCATE != 0 && rights.can_write() {
            self.memory.forget_file(inode.id());
            inode.truncate()?;
        }
        Ok(DiskFile { inode, position: Cell::new(0), rights })
    }

    /// `close(fd)`: what was written is on the disk then.
    pub(super) fn close(&mut self, process: &mut Process, fd: u64) -> Reply {
        let file = process.files.take(fd).ok_or(Stop::Failed)?;
        if let OpenFile::Disk(file) = &*file {
            file.inode.flush()?;
        }
        Ok(0)
    }

    /// `dup(fd)`: another descriptor for the same open file.
    pub(super) fn dup(&mut self, process: &mut Process, fd: u64) -> Reply {
        let file = process.files.get(fd).ok_or(Stop::Failed)?;
        process.files.insert(file).ok_or(Stop::Failed)
    }

    /// `pipe(&fds)`.
    pub(super) fn pipe(&mut self, process: &mut Process, fds: u64) -> Reply {
        let (reader, writer) = pipe::pipe();
        let reading = process.files.insert(Rc::new(OpenFile::PipeReader(reader))).ok_or(Stop::Failed)?;
        let writing = process.files.insert(Rc::new(OpenFile::PipeWriter(writer)));
        let stored = writing.map(|writing| {
            let [low, high] = [reading, writing].map(u64::to_le_bytes);
            self.memory.copyout(process.space, VirtAddr::new(fds), &[low, high].concat())
        });
        if let Some(Ok(())) = stored {
            return Ok(0);
        }
        [Some(reading), writing].into_iter().flatten().for_each(|fd| drop(process.files.take(fd)));
        Err(Stop::Failed)
    }

    /// `read(fd, buffer, length)`: how many bytes; 0 at the end. A file is read as far as it goes, the
    /// others as far as there is something.
    pub(super) fn read(&mut self, process: &mut Process, fd: u64, buffer: u64, length: u64) -> Reply {
        let file = process.files.get(fd).ok_or(Stop::Failed)?;
        if let OpenFile::Disk(file) = &*file {
            return Self::piecemeal(process, (buffer, length), Short::Ends, |process, at, length| {
                self.read_disk(process, file, at, length)
            });
        }
        let length = usize::try_from(length.min(TRANSFER_MAX)).map_err(|_| Stop::Failed)?;
        let buffer = VirtAddr::new(buffer);
        match &*file {
            OpenFile::Console => self.read_console(process, buffer, length),
            OpenFile::Directory { listing, position } => {
                let rest = listing.get(position.get()..).unwrap_or_default();
                let bytes = rest.get(..length).unwrap_or(rest);
                self.memory.copyout(process.space, buffer, bytes)?;
                position.set(position.get().saturating_add(bytes.len()));
                Ok(bytes.len() as u64)
            }
            OpenFile::PipeReader(pipe) => self.read_pipe(process, pipe, buffer, length),
            OpenFile::Disk(_) | OpenFile::PipeWriter(_) => Err(Stop::Failed),
        }
    }

    /// Moves `length` bytes from or to `buffer` a piece at a time, and lets others run in between. `piece`
    /// gets an address and how many bytes to move at most, and says how many it moved. What goes wrong
    /// after the first bytes ends the call with those.
    fn piecemeal(
        process: &mut Process,
        (buffer, length): (u64, u64),
        short: Short,
        piece: impl FnOnce(&Process, VirtAddr, usize) -> Result<usize, Stop>,
    ) -> Reply {
        let done = process.progress.unwrap_or(0);
        let at = VirtAddr::new(buffer).checked_add(done).ok_or(Stop::Failed);
        let wanted =
            usize::try_from(length.saturating_sub(done).min(TRANSFER_MAX)).map_err(|_| Stop::Failed)?;
        let moved = match at.and_then(|at| piece(process, at, wanted)) {
            Ok(moved) => moved,
            Err(Stop::Failed) if done > 0 => return Ok(done),
            Err(stop) => return Err(stop),
        };
        let all = done.saturating_add(moved as u64);
        if all == length || (moved < wanted && short == Short::Ends) {
            return Ok(all);
        }
        process.progress = Some(all);
        Err(Wait::Turn.into())
    }

    fn read_console(&mut self, process: &Process, buffer: VirtAddr, length: usize) -> Reply {
        if !self.console.can_be_read() {
            return Err(Wait::Input.into());
        }
        let bytes = self.console.read(length);
        self.memory.copyout(process.space, buffer, &bytes)?;
        Ok(bytes.len() as u64)
    }

    fn read_pipe(&mut self, process: &Process, pipe: &Reader, buffer: VirtAddr, length: usize) -> Reply {
        let Some(bytes) = pipe.read(length) else {
            return Err(Wait::PipeData(Rc::clone(pipe.pipe())).into());
        };
        if let Err(reason) = self.memory.copyout(process.space, buffer, &bytes) {
            pipe.unread(&bytes);
            return Err(reason.into());
        }
        Ok(bytes.len() as u64)
    }

    fn read_disk(
        &mut self,
        process: &Process,
        file: &DiskFile,
        buffer: VirtAddr,
        length: usize,
    ) -> Result<usize, Stop> {
        if !file.rights.can_read() {
            return Err(Stop::Failed);
        }
        let mut done = 0;
        while done < length {
            let left = file.inode.size().saturating_sub(file.position.get());
            let part = length.saturating_sub(done).min(usize::try_from(left).unwrap_or(CHUNK));
            let mut chunk = [0; CHUNK];
            let chunk = first(&mut chunk, part);
            let at = buffer.wrapping_add(done as u64);
            self.memory.read_file(&file.inode.as_file(), file.position.get(), chunk)?;
            match self.memory.copyout(process.space, at, chunk) {
                Ok(()) if !chunk.is_empty() => {}
                Err(reason) if done == 0 => return Err(reason.into()),
                _ => break,
            }
            file.position.set(file.position.get().saturating_add(chunk.len() as u64));
            done = done.saturating_add(chunk.len());
        }
        Ok(done)
    }

    /// `write(fd, buffer, length)`: how many bytes; if a bad address, the end of the disk or of a pipe's
    /// readers cuts it short, those before it. Where a pipe is full it waits.
    pub(super) fn write(&mut self, process: &mut Process, fd: u64, buffer: u64, length: u64) -> Reply {
        let file = process.files.get(fd).ok_or(Stop::Failed)?;
        let short = if let OpenFile::PipeWriter(_) = &*file { Short::GoesOn } else { Short::Ends };
        Self::piecemeal(process, (buffer, length), short, |process, at, length| {
            self.write_piece(process, &file, at, length)
        })
    }

    /// Writes at most `length` bytes from `buffer` on; how many.
    fn write_piece(
        &mut self,
        process: &Process,
        file: &OpenFile,
        buffer: VirtAddr,
        length: usize,
    ) -> Result<usize, Stop> {
        let length = match file {
            OpenFile::Console => length,
            OpenFile::Disk(file) if file.rights.can_write() => length,
            OpenFile::PipeWriter(pipe) => length.min(room(pipe)?),
            _ => return Err(Stop::Failed),
        };
        let mut done = 0;
        while done < length {
            // No chunk crosses a page, so that everything before a bad page is written.
            let at = VirtAddr::new(buffer.get().wrapping_add(done as u64));
            let to_page_end = usize::try_from(PAGE_SIZE.saturating_sub(at.page_offset())).unwrap_or(CHUNK);
            let mut chunk = [0; CHUNK];
            let chunk = first(&mut chunk, length.saturating_sub(done).min(to_page_end));
            match self.write_chunk(process, file, buffer, done, chunk) {
                Ok(()) => done = done.saturating_add(chunk.len()),
                Err(stop) if done == 0 => return Err(stop),
                Err(_) => break,
            }
        }
        Ok(done)
    }

    /// Writes as many bytes as `chunk` takes, from `done` bytes after `buffer`.
    fn write_chunk(
        &mut self,
        process: &Process,
        file: &OpenFile,
        buffer: VirtAddr,
        done: usize,
        chunk: &mut [u8],
    ) -> Result<(), Stop> {
        let at = buffer.checked_add(done as u64).ok_or(Stop::Failed)?;
        self.memory.copyin(process.space, at, chunk)?;
        match file {
            OpenFile::Console => self.console.print(chunk),
            OpenFile::PipeWriter(pipe) => pipe.write(chunk),
            OpenFile::Disk(file) => {
                self.memory.write_file(&file.inode.as_file(), file.position.get(), chunk)?;
                file.position.set(file.position.get().saturating_add(chunk.len() as u64));
            }
            OpenFile::Directory { .. } | OpenFile::PipeReader(_) => return Err(Stop::Failed),
        }
        Ok(())
    }

    /// `lseek(fd, offset, whence)`: the new position, at most the end of the file.
    pub(super) fn lseek(&mut self, process: &Process, fd: u64, offset: i64, whence: u64) -> Reply {
        let file = process.files.get(fd).ok_or(Stop::Failed)?;
        let OpenFile::Disk(file) = &*file else { return Err(Stop::Failed) };
        let size = file.inode.size();
        let base = match whence {
            0 => 0,
            1 => file.position.get(),
            2 => size,
            _ => return Err(Stop::Failed),
        };
        let position = base.checked_add_signed(offset).filter(|&position| position <= size);
        file.position.set(position.ok_or(Stop::Failed)?);
        Ok(file.position.get())
    }

    /// `fstat(fd, &stat)`.
    pub(super) fn fstat(&mut self, process: &Process, fd: u64, stat: u64) -> Reply {
        let file = process.files.get(fd).ok_or(Stop::Failed)?;
        let (kind, id, size) = match &*file {
            OpenFile::Console => (FileKind::Console, 0, 0),
            OpenFile::Disk(file) => (FileKind::File, file.inode.id().0, file.inode.size()),
            OpenFile::Directory { listing, .. } => (FileKind::Directory, 0, listing.len() as u64),
            OpenFile::PipeReader(_) | OpenFile::PipeWriter(_) => (FileKind::Pipe, 0, 0),
        };
        let words = [kind as u64, id, size].map(u64::to_le_bytes);
        self.memory.copyout(process.space, VirtAddr::new(stat), &words.concat())?;
        Ok(0)
    }

    /// `unlink(path)`.
    pub(super) fn unlink(&mut self, process: &Process, path: u64) -> Reply {
        let path = self.string(process, path)?;
        self.file_system()?.unlink(&path).map_err(|_| Stop::Failed)?;
        Ok(0)
    }
}

/// The first `length` bytes of a chunk, or all of it.
#[expect(clippy::disallowed_methods, reason = "not beyond its end")]
fn first(chunk: &mut [u8; CHUNK], length: usize) -> &mut [u8] {
    chunk.split_at_mut(length.min(CHUNK)).0
}

/// How many bytes fit into a pipe now.
fn room(pipe: &Writer) -> Result<usize, Stop> {
    match pipe.room() {
        None => Err(Stop::Failed),
        Some(0) => Err(Wait::PipeRoom(Rc::clone(pipe.pipe())).into()),
        Some(room) => Ok(room),
    }
}
