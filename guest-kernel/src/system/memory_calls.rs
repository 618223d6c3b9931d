//! System calls about memory.

use faultline_abi::{
    VirtAddr,
    syscall::{meminfo, mmap as flags},
};

use super::{
    kernel::Kernel,
    open_file::OpenFile,
    process::Process,
    syscall::{Arguments, Reply, Stop},
};
use crate::{
    area::{Prot, Sharing},
    file::FileRef,
    mmap::{Address, MmapError, Request},
};

impl From<MmapError> for Stop {
    fn from(_: MmapError) -> Self {
        Self::Failed
    }
}

impl Kernel {
    /// `sbrk(bytes)`: the old end of the heap.
    pub(super) fn sbrk(&mut self, process: &Process, bytes: i64) -> Reply {
        self.memory.sbrk(process.space, bytes).map(VirtAddr::get).map_err(|_| Stop::Failed)
    }

    /// `mmap(address, length, prot, flags, fd, offset)`: where it is mapped.
    pub(super) fn mmap(&mut self, process: &Process, args: Arguments) -> Reply {
        let [address, length, prot, how, fd, offset] = args;
        let prot = Prot::from_bits(prot).ok_or(Stop::Failed)?;
        let sharing = match how & (flags::SHARED | flags::PRIVATE) {
            flags::SHARED => Sharing::Shared,
            flags::PRIVATE => Sharing::Private,
            _ => return Err(Stop::Failed),
        };
        let address = match VirtAddr::new(address) {
            address if how & flags::FIXED != 0 => Address::Fixed(address),
            address if address.get() == 0 => Address::Any,
            address => Address::Hint(address),
        };
        let file = if how & flags::ANONYMOUS == 0 {
            Some((file_to_map(process, fd, prot, sharing)?, offset))
        } else {
            None
        };
        let request = Request { address, length, prot, sharing, file };
        Ok(self.memory.mmap(process.space, &request)?.get())
    }

    /// `munmap(address, length)`.
    pub(super) fn munmap(&mut self, process: &Process, address: u64, length: u64) -> Reply {
        self.memory.munmap(process.space, VirtAddr::new(address), length)?;
        Ok(0)
    }

    /// `msync(address, length)`.
    pub(super) fn msync(&mut self, process: &Process, address: u64, length: u64) -> Reply {
        self.memory.msync(process.space, VirtAddr::new(address), length)?;
        Ok(0)
    }

    /// `mlockall()`: what the process has now stays in memory.
    pub(super) fn mlockall(&mut self, process: &Process) -> Reply {
        self.memory.space_mut(process.space).lock_all();
        Ok(0)
    }

    /// `meminfo(&info)`: free frames.
    pub(super) fn meminfo(&mut self, process: &Process, info: u64) -> Reply {
        let words = self.memory.info();
        if info != 0 {
            let mut bytes = [0; meminfo::WORDS * 8];
            for (to, word) in bytes.as_chunks_mut().0.iter_mut().zip(words) {
                *to = word.to_le_bytes();
            }
            self.memory.copyout(process.space, VirtAddr::new(info), &bytes)?;
        }
        Ok(words[meminfo::FREE_FRAMES])
    }
}

/// The file behind `fd`, if the mapping asks for no more than the descriptor allows: a mapping must
/// read, and a shared one that is writable writes to the file.
fn file_to_map(process: &Process, fd: u64, prot: Prot, sharing: Sharing) -> Result<FileRef, Stop> {
    let open = process.files.get(fd).ok_or(Stop::Failed)?;
    let OpenFile::Disk(file) = &*open else { return Err(Stop::Failed) };
    let writes = sharing == Sharing::Shared && prot.contains(Prot::W);
    if !file.rights.can_read() || (writes && !file.rights.can_write()) {
        return Err(Stop::Failed);
    }
    Ok(file.inode.as_file())
}
