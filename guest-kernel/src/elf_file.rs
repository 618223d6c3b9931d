//! Reading an ELF program, trusting nothing in it.
//!
//! What comes out is checked: every segment lies in the file, in user memory, on pages of its own,
//! and none is both writable and executable.

use alloc::vec::Vec;
use core::fmt;

use elf::{
    abi::{EM_RISCV, ET_EXEC, PF_R, PF_W, PF_X, PT_LOAD},
    endian::LittleEndian,
    file::{Class, FileHeader, parse_ident},
    segment::{ProgramHeader, SegmentTable},
};
use faultline_abi::VirtAddr;

use crate::{
    area::Prot,
    file::{File, IoError},
    memlayout::{USER_BOTTOM, USER_TOP},
};

/// Bytes of an ELF64 file header.
const HEADER_SIZE: usize = 64;
/// Bytes of the identification at its start.
const IDENT_SIZE: usize = 16;
/// Bytes of an ELF64 program header.
const PROGRAM_HEADER_SIZE: u16 = 56;
/// Program headers of a file, at most. A program of ours has two.
const PROGRAM_HEADERS_MAX: u16 = 16;

/// A program that may be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Program {
    /// Where it starts to run.
    pub entry: VirtAddr,
    /// What is loaded, lowest address first.
    pub segments: Vec<Segment>,
}

/// A stretch of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Segment {
    /// First address, the start of a page.
    pub start: VirtAddr,
    /// One beyond the last address.
    pub end: VirtAddr,
    /// What the program may do with it.
    pub prot: Prot,
    /// Where its bytes are in the file.
    pub file_offset: u64,
    /// How many bytes the file has; the rest is zero.
    pub file_size: u64,
}

/// What is wrong with a program file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ElfError {
    /// The file does not begin as an ELF file does.
    NotElf,
    /// It is an ELF file, but not a 64-bit little-endian RISC-V program at fixed addresses.
    NotForThisMachine,
    /// The file ends too early, or cannot be read.
    CutOff,
    /// The headers say something impossible.
    BadHeader(&'static str),
    /// A segment says something impossible.
    BadSegment(&'static str),
}

impl fmt::Display for ElfError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotElf => f.write_str("not an ELF file"),
            Self::NotForThisMachine => f.write_str("not a 64-bit RISC-V program at fixed addresses"),
            Self::CutOff => f.write_str("the file is cut off"),
            Self::BadHeader(what) => write!(f, "bad ELF header: {what}"),
            Self::BadSegment(what) => write!(f, "bad ELF segment: {what}"),
        }
    }
}

impl From<IoError> for ElfError {
    fn from(_: IoError) -> Self {
        Self::CutOff
    }
}

impl Program {
    /// Reads the headers of `file`.
    ///
    /// # Errors
    /// See [`ElfError`].
    pub fn read(file: &dyn File) -> Result<Self, ElfError> {
        let header = read_header(file)?;
        let mut segments = Vec::new();
        for program_header in read_program_headers(file, &header)? {
            if program_header.p_type == PT_LOAD && program_header.p_memsz > 0 {
                segments.push(Segment::check(&program_header, file.size())?);
            }
        }
        let program = Self { entry: VirtAddr::new(header.e_entry), segments };
        program.check()?;
        Ok(program)
    }

    /// What holds between the segments.
    fn check(&self) -> Result<(), ElfError> {
        for pair in self.segments.windows(2) {
            if let [lower, upper] = pair
                && page_end(lower) > upper.start
            {
                return Err(ElfError::BadSegment("two segments share a page or stand out of order"));
            }
        }
        let entry_in = |segment: &Segment| (segment.start..segment.end).contains(&self.entry);
        match self.segments.iter().find(|segment| entry_in(segment)) {
            Some(segment) if segment.prot.contains(Prot::X) => Ok(()),
            _ => Err(ElfError::BadHeader("the entry lies outside the program text")),
        }
    }

    /// One beyond the last page of the program.
    #[must_use]
    pub fn end(&self) -> VirtAddr {
        self.segments.last().map_or(USER_BOTTOM, page_end)
    }
}

/// One beyond the last page of `segment`, which ends at most at [`USER_TOP`].
fn page_end(segment: &Segment) -> VirtAddr {
    segment.end.page_up().unwrap_or(USER_TOP)
}

impl Segment {
    fn check(header: &ProgramHeader, file_size: u64) -> Result<Self, ElfError> {
        let start = VirtAddr::new(header.p_vaddr);
        let end = start.checked_add(header.p_memsz).ok_or(ElfError::BadSegment("its size wraps around"))?;
        let in_file = header.p_offset.checked_add(header.p_filesz).ok_or(ElfError::CutOff)?;
        let rules = [
            (start.is_page_aligned(), "it does not begin on a page"),
            (start >= USER_BOTTOM && end <= USER_TOP, "it lies outside user memory"),
            (header.p_filesz <= header.p_memsz, "it is larger in the file than in memory"),
        ];
        if let Some((_, what)) = rules.into_iter().find(|(holds, _)| !holds) {
            return Err(ElfError::BadSegment(what));
        }
        // The place of a segment with nothing in the file means nothing: tools that shorten files leave it beyond the end.
        if header.p_filesz > 0 && in_file > file_size {
            return Err(ElfError::CutOff);
        }
        let prot = protection(header.p_flags)?;
        Ok(Self { start, end, prot, file_offset: header.p_offset, file_size: header.p_filesz })
    }
}

fn protection(flags: u32) -> Result<Prot, ElfError> {
    let pairs = [(PF_R, Prot::R), (PF_W, Prot::W), (PF_X, Prot::X)];
    let prot: Prot = pairs.into_iter().filter(|(bit, _)| flags & bit != 0).map(|(_, prot)| prot).collect();
    if prot.contains(Prot::W | Prot::X) {
        return Err(ElfError::BadSegment("it is both writable and executable"));
    }
    if !prot.contains(Prot::R) {
        return Err(ElfError::BadSegment("it is not readable"));
    }
    Ok(prot)
}

fn read_header(file: &dyn File) -> Result<FileHeader<LittleEndian>, ElfError> {
    let mut bytes = [0; HEADER_SIZE];
    if file.size() < HEADER_SIZE as u64 {
        return Err(ElfError::NotElf);
    }
    file.read_at(0, &mut bytes)?;
    if !bytes.starts_with(b"\x7fELF") {
        return Err(ElfError::NotElf);
    }
    let (ident, tail) = bytes.split_at_checked(IDENT_SIZE).ok_or(ElfError::NotElf)?;
    let ident = parse_ident(ident).map_err(|_| ElfError::NotForThisMachine)?;
    let header = FileHeader::parse_tail(ident, tail).map_err(|_| ElfError::NotForThisMachine)?;
    let ours = header.class == Class::ELF64 && header.e_machine == EM_RISCV && header.e_type == ET_EXEC;
    if ours { Ok(header) } else { Err(ElfError::NotForThisMachine) }
}

fn read_program_headers(
    file: &dyn File,
    header: &FileHeader<LittleEndian>,
) -> Result<Vec<ProgramHeader>, ElfError> {
    if header.e_phentsize != PROGRAM_HEADER_SIZE {
        return Err(ElfError::BadHeader("program headers are not 56 bytes long"));
    }
    if header.e_phnum > PROGRAM_HEADERS_MAX {
        return Err(ElfError::BadHeader("more than 16 program headers"));
    }
    let mut bytes = [0; PROGRAM_HEADER_SIZE as usize * PROGRAM_HEADERS_MAX as usize];
    let length = usize::from(header.e_phnum).saturating_mul(usize::from(PROGRAM_HEADER_SIZE));
    let bytes = bytes.get_mut(..length).ok_or(ElfError::BadHeader("more than 16 program headers"))?;
    file.read_at(header.e_phoff, bytes)?;
    Ok(SegmentTable::new(LittleEndian, Class::ELF64, bytes).iter().collect())
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A program header as a test writes it.
    #[derive(Clone, Copy)]
    pub(crate) struct Header {
        pub(crate) flags: u32,
        pub(crate) offset: u64,
        pub(crate) va: u64,
        pub(crate) file_size: u64,
        pub(crate) mem_size: u64,
    }

    pub(crate) const TEXT: Header =
        Header { flags: PF_R | PF_X, offset: 0x1000, va: 0x1000, file_size: 0x800, mem_size: 0x800 };
    pub(crate) const DATA: Header =
        Header { flags: PF_R | PF_W, offset: 0x1800, va: 0x2000, file_size: 0x10, mem_size: 0x1010 };

    /// An ELF file of 0x2000 bytes; byte `n` beyond the headers is `n % 251`.
    pub(crate) fn file(entry: u64, headers: &[Header]) -> Vec<u8> {
        let mut bytes = Vec::from(*b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
        bytes.extend(2u16.to_le_bytes());
        bytes.extend(243u16.to_le_bytes());
        bytes.extend(1u32.to_le_bytes());
        for word in [entry, 64, 0] {
            bytes.extend(word.to_le_bytes());
        }
        bytes.extend(0u32.to_le_bytes());
        for half in [64, 56, u16::try_from(headers.len()).unwrap(), 0, 0, 0] {
            bytes.extend(half.to_le_bytes());
        }
        for header in headers {
            bytes.extend(1u32.to_le_bytes());
            bytes.extend(header.flags.to_le_bytes());
            for word in [header.offset, header.va, header.va, header.file_size, header.mem_size, 0x1000] {
                bytes.extend(word.to_le_bytes());
            }
        }
        bytes.extend((bytes.len()..0x2000).map(|n| u8::try_from(n % 251).unwrap()));
        bytes
    }

    fn read(bytes: &[u8]) -> Result<Program, ElfError> {
        Program::read(&crate::testing::MemoryFile::new(bytes))
    }

    #[test]
    fn a_good_file_gives_its_segments() {
        let program = read(&file(0x1004, &[TEXT, DATA])).unwrap();
        assert_eq!(program.entry, VirtAddr::new(0x1004));
        assert_eq!(program.segments[0].prot, Prot::R | Prot::X);
        assert_eq!(program.segments[1].end, VirtAddr::new(0x3010));
        assert_eq!(program.end(), VirtAddr::new(0x4000));
    }

    #[test]
    fn a_file_cut_off_anywhere_is_refused() {
        let bytes = file(0x1000, &[TEXT, DATA]);
        for length in 0..0x1810 {
            assert!(read(&bytes[..length]).is_err(), "{length} bytes");
        }
        assert!(read(&bytes[..0x1810]).is_ok());
    }

    #[test]
    fn a_segment_without_bytes_may_lie_beyond_the_end() {
        let bss = Header { offset: 0x3000, file_size: 0, ..DATA };
        assert!(read(&file(0x1000, &[TEXT, bss])).is_ok());
    }

    #[test]
    fn what_is_no_elf_for_this_machine_is_refused() {
        let good = file(0x1000, &[TEXT]);
        assert_eq!(read(b"#!/bin/sh"), Err(ElfError::NotElf));
        assert_eq!(read(&[0; 100]), Err(ElfError::NotElf));
        // Class, byte order, version, type, machine.
        for (offset, value) in [(4, 1), (4, 9), (5, 2), (6, 0), (16, 3), (18, 62)] {
            let mut bytes = good.clone();
            bytes[offset] = value;
            assert_eq!(read(&bytes), Err(ElfError::NotForThisMachine), "byte {offset}");
        }
        for (offset, value) in [(54, 55), (56, 17)] {
            let mut bytes = good.clone();
            bytes[offset] = value;
            assert!(matches!(read(&bytes), Err(ElfError::BadHeader(_))), "byte {offset}");
        }
    }

    #[test]
    fn a_header_table_outside_the_file_is_refused() {
        for offset in [0x2000_u64, u64::MAX, u64::MAX - 8] {
            let mut bytes = file(0x1000, &[TEXT]);
            bytes[32..40].copy_from_slice(&offset.to_le_bytes());
            assert_eq!(read(&bytes), Err(ElfError::CutOff));
        }
    }

    #[test]
    fn a_segment_that_lies_is_refused() {
        let bad = [
            Header { va: 0, ..TEXT },
            Header { va: 0x1001, ..TEXT },
            Header { va: !0xfff, mem_size: 0x2000, ..TEXT },
            Header { va: USER_TOP.get(), ..TEXT },
            Header { mem_size: u64::MAX, ..TEXT },
            Header { mem_size: USER_TOP.get(), ..TEXT },
            Header { file_size: 0x801, ..TEXT },
            Header { offset: 0x1801, ..TEXT },
            Header { offset: u64::MAX, ..TEXT },
            Header { flags: PF_R | PF_W | PF_X, ..TEXT },
            Header { flags: PF_W, ..TEXT },
            Header { flags: 0, ..TEXT },
        ];
        for header in bad {
            assert!(read(&file(0x1000, &[header])).is_err(), "{:#x} {:#x}", header.va, header.mem_size);
        }
    }

    #[test]
    fn segments_have_pages_of_their_own_and_stand_in_order() {
        for va in [0x1000, 0x1800, 0x0] {
            assert!(read(&file(0x1000, &[TEXT, Header { va, ..DATA }])).is_err());
        }
        assert!(
            read(&file(0x2000, &[Header { va: 0x2000, ..TEXT }, Header { va: 0x1000, ..DATA }])).is_err()
        );
    }

    #[test]
    fn the_entry_lies_in_text() {
        for entry in [0, 0xfff, 0x1800, 0x2000, u64::MAX] {
            assert!(read(&file(entry, &[TEXT, DATA])).is_err(), "{entry:#x}");
        }
    }

    #[test]
    fn no_single_wrong_byte_in_the_headers_makes_reading_panic() {
        let good = file(0x1000, &[TEXT, DATA]);
        for offset in 0..64 + 2 * 56 {
            for value in [0, 1, 0x7f, 0x80, 0xff] {
                let mut bytes = good.clone();
                bytes[offset] = value;
                if let Ok(program) = read(&bytes) {
                    assert!(program.end() <= USER_TOP, "byte {offset}");
                }
            }
        }
    }
}
