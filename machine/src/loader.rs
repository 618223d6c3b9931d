//! Programs that boot: RISC-V ELF files and raw images.
//!
//! A file is read whole and checked whole before anything of it reaches memory, so there is no
//! half-loaded program. Segments go to their physical addresses (`p_paddr`), as a board's loader
//! would put them.

use std::fmt;

use elf::ElfBytes;
use elf::abi::{EM_RISCV, ET_DYN, ET_EXEC, PT_LOAD, STT_FUNC, STT_NOTYPE, STT_OBJECT};
use elf::endian::LittleEndian;
use elf::file::Class;
use elf::segment::ProgramHeader;
use faultline_abi::board::DRAM_BASE;
use faultline_abi::{PhysAddr, VirtAddr};

use crate::decode::decode;
use crate::insn::{Insn, Length, Op};

/// Most symbols that are kept; they only label addresses.
const SYMBOLS_MAX: usize = 200_000;
/// Where a raw kernel is put that a firmware starts: as on QEMU's `virt`, one superpage above it.
pub const KERNEL_BEHIND_FIRMWARE: u64 = DRAM_BASE + (2 << 20);
/// Bytes that an image may have; more than fits any memory size is refused unread.
const IMAGE_BYTES_MAX: usize = 1 << 30;

/// Why a program cannot be loaded.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LoadError {
    /// The file does not begin as an ELF file does.
    NotElf,
    /// It is an ELF file, but not for this machine: what it is instead.
    WrongKind(&'static str),
    /// Headers that contradict themselves or end early.
    Malformed(String),
    /// A segment claims bytes that the file does not have.
    Truncated {
        /// Number of the segment.
        segment: usize,
        /// The byte after its last.
        end: u64,
        /// Bytes of the file.
        file: u64,
    },
    /// A segment has more bytes in the file than in memory.
    FileLargerThanMemory {
        /// Number of the segment.
        segment: usize,
        /// `p_filesz`.
        file: u64,
        /// `p_memsz`.
        memory: u64,
    },
    /// A segment, or the whole raw image, does not fit into DRAM.
    OutsideMemory {
        /// First physical address.
        start: u64,
        /// Bytes.
        size: u64,
        /// End of DRAM.
        dram_end: u64,
    },
    /// Nothing to load.
    Empty,
    /// No segment holds the entry point.
    Entry(u64),
    /// The firmware and the kernel claim the same memory: an address that both have.
    Overlap(u64),
    /// The program leaves no room for the device tree.
    NoRoomForDeviceTree,
    /// A board setting that is not possible: what, and what would be.
    Setting(String),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotElf => f.write_str("not an ELF file (no \\x7fELF at its start)"),
            Self::WrongKind(what) => write!(f, "{what}; a 64-bit RISC-V executable is needed"),
            Self::Malformed(what) => write!(f, "malformed ELF file: {what}"),
            Self::Truncated { segment, end, file } => {
                write!(
                    f,
                    "ELF segment {segment} ends at byte {end:#x} of a file of {file:#x} bytes (cut off?)"
                )
            }
            Self::FileLargerThanMemory { segment, file, memory } => {
                write!(f, "ELF segment {segment} has {file:#x} bytes in the file but {memory:#x} in memory")
            }
            Self::OutsideMemory { start, size, dram_end } => write!(
                f,
                "{size:#x} bytes at {start:#x} do not fit into memory, {DRAM_BASE:#x} to {dram_end:#x} \
                 (give the machine more memory or link the program elsewhere)"
            ),
            Self::Empty => f.write_str("nothing in it is to be loaded"),
            Self::Entry(entry) => write!(f, "no loaded segment holds the entry point {entry:#x}"),
            Self::Overlap(address) => write!(
                f,
                "the firmware and the kernel both claim {address:#x} (link the kernel for {KERNEL_BEHIND_FIRMWARE:#x} or above)"
            ),
            Self::NoRoomForDeviceTree => {
                f.write_str("the program leaves no room for the device tree (give the machine more memory)")
            }
            Self::Setting(what) => f.write_str(what),
        }
    }
}

impl std::error::Error for LoadError {}

/// A program, checked and ready to be put into memory.
#[derive(Clone, Debug)]
pub struct LoadedProgram {
    /// Where execution begins.
    pub entry: PhysAddr,
    /// What goes where.
    pub segments: Vec<Segment>,
    /// Address of `tohost`, by which programs that follow the HTIF convention end the run.
    pub tohost: Option<PhysAddr>,
    /// Address of `fromhost`, where they are answered.
    pub fromhost: Option<PhysAddr>,
    /// From `begin_signature` to `end_signature`: what an architectural test has found out.
    pub signature: Option<core::ops::Range<PhysAddr>>,
    /// Names of functions and variables.
    pub symbols: Symbols,
}

/// Bytes at a physical address, followed by zeros up to `size`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Segment {
    /// First address.
    pub address: PhysAddr,
    /// The bytes that come from the file.
    pub bytes: Vec<u8>,
    /// Bytes in memory.
    pub size: u64,
}

impl Segment {
    /// Whether the segment holds any of these `size` bytes.
    #[must_use]
    pub fn overlaps(&self, start: PhysAddr, size: u64) -> bool {
        let (a, b) = (self.address.get(), start.get());
        a < b.saturating_add(size) && b < a.saturating_add(self.size)
    }
}

/// Names by address.
#[derive(Clone, Debug, Default)]
pub struct Symbols(Vec<Symbol>);

#[derive(Clone, Debug)]
struct Symbol {
    address: VirtAddr,
    size: u64,
    name: String,
}

impl Symbols {
    /// The symbol that holds `address`, and how far inside it the address is. A symbol without a
    /// size reaches to the next one.
    #[must_use]
    pub fn lookup(&self, address: VirtAddr) -> Option<(&str, u64)> {
        let after = self.0.partition_point(|symbol| symbol.address <= address);
        let symbol = self.0.get(after.checked_sub(1)?)?;
        let offset = address.get() - symbol.address.get();
        (symbol.size == 0 || offset < symbol.size).then_some((&*symbol.name, offset))
    }

    /// The variable or function that begins at exactly this address and has a size.
    #[must_use]
    pub fn variable_at(&self, address: VirtAddr) -> Option<&str> {
        let at = self.0.partition_point(|symbol| symbol.address < address);
        let mut here = self.0.iter().skip(at).take_while(|symbol| symbol.address == address);
        here.find(|symbol| symbol.size > 0).map(|symbol| &*symbol.name)
    }

    /// The address of the symbol with this name.
    #[must_use]
    pub fn address(&self, name: &str) -> Option<VirtAddr> {
        self.0.iter().find(|symbol| symbol.name == name).map(|symbol| symbol.address)
    }
}

/// Whether a file begins as an ELF file does.
#[must_use]
pub fn is_elf(file: &[u8]) -> bool {
    file.starts_with(b"\x7fELF")
}

/// Instructions at the start of a raw image that must be instructions.
const CODE_INSTRUCTIONS: usize = 16;
/// After so many, a jump may lead on to where there is more code, over data.
const CODE_BEFORE_JUMP: usize = 4;

/// A raw image has at least so many bytes.
const RAW_BYTES_MIN: usize = 16;

/// Where the header of a Linux image says what it is, and how much memory it takes, its zeros
/// included ("Boot image header in RISC-V Linux").
const LINUX_MAGIC: (usize, &[u8; 4]) = (0x38, b"RSC\x05");
const LINUX_SIZE: usize = 0x10;

/// Bytes that a Linux image takes in memory; `None` where it is none.
fn linux_size(file: &[u8]) -> Option<u64> {
    let (at, magic) = LINUX_MAGIC;
    let is_linux = file.get(at..)?.starts_with(magic);
    let size = u64::from_le_bytes(*file.get(LINUX_SIZE..)?.first_chunk()?);
    is_linux.then_some(size.max(file.len() as u64))
}

/// Whether a file may be a raw image. A Linux image says so; of any other, which has no header, all
/// that can be seen is that it is no text, and begins with instructions that exist. Of noise about one
/// file in a hundred passes.
#[must_use]
pub fn looks_raw(file: &[u8]) -> bool {
    let text = |byte: &u8| byte.is_ascii_graphic() || byte.is_ascii_whitespace();
    linux_size(file).is_some()
        || file.len() >= RAW_BYTES_MIN && !file.iter().take(64).all(text) && begins_with_code(file)
}

fn begins_with_code(mut rest: &[u8]) -> bool {
    for count in 0..CODE_INSTRUCTIONS {
        let Some((insn, length)) = first_instruction(rest) else { return false };
        match insn.op {
            Op::Illegal => return false,
            Op::Jal | Op::Jalr if count >= CODE_BEFORE_JUMP => return true,
            _ => rest = &rest[length..],
        }
        if rest.is_empty() {
            return true;
        }
    }
    true
}

fn first_instruction(bytes: &[u8]) -> Option<(Insn, usize)> {
    let low = u16::from_le_bytes(*bytes.first_chunk()?);
    match Length::of(low) {
        Length::Compressed => Some((decode(low.into()).0, 2)),
        Length::Full => Some((decode(u32::from_le_bytes(*bytes.first_chunk()?)).0, 4)),
    }
}

impl LoadedProgram {
    /// Reads an ELF file.
    ///
    /// # Errors
    /// The first thing that is wrong with it.
    pub fn from_elf(file: &[u8]) -> Result<Self, LoadError> {
        if !is_elf(file) {
            return Err(LoadError::NotElf);
        }
        let elf = ElfBytes::<LittleEndian>::minimal_parse(file).map_err(|error| malformed(file, &error))?;
        check_kind(&elf)?;
        let headers: Vec<ProgramHeader> = elf
            .segments()
            .ok_or(LoadError::Empty)?
            .iter()
            .filter(|header| header.p_type == PT_LOAD && header.p_memsz > 0)
            .collect();
        let segments = headers.iter().enumerate().map(|(i, header)| {
            segment(i, header, file).map(|segment| without_headers(segment, header, &elf))
        });
        let segments: Vec<Segment> = segments.collect::<Result<_, _>>()?;
        if segments.is_empty() {
            return Err(LoadError::Empty);
        }
        let entry = elf.ehdr.e_entry;
        let symbols = symbols(&elf);
        let address = |name| symbols.address(name).and_then(|at| physical(&headers, at.get()));
        let signature = symbols.address("end_signature").and_then(|end| {
            let start = address("begin_signature")?;
            let length = end.get().checked_sub(symbols.address("begin_signature")?.get())?;
            Some(start..start.checked_add(length)?)
        });
        let (tohost, fromhost) = (address("tohost"), address("fromhost"));
        Ok(Self {
            entry: physical(&headers, entry).ok_or(LoadError::Entry(entry))?,
            segments,
            tohost,
            fromhost,
            signature,
            symbols,
        })
    }

    /// Takes a raw image as it is: it is put at the start of DRAM and begins with its first byte.
    ///
    /// # Errors
    /// Where it is empty or larger than any memory.
    pub fn from_raw(file: Vec<u8>) -> Result<Self, LoadError> {
        Self::from_raw_at(file, PhysAddr::new(DRAM_BASE))
    }

    /// Takes a raw image as it is and puts it at `entry`.
    ///
    /// # Errors
    /// Where it is empty or larger than any memory.
    pub fn from_raw_at(file: Vec<u8>, entry: PhysAddr) -> Result<Self, LoadError> {
        let size = file.len() as u64;
        match file.len() {
            0 => return Err(LoadError::Empty),
            1..=IMAGE_BYTES_MAX => {}
            _ => return Err(LoadError::OutsideMemory { start: entry.get(), size, dram_end: u64::MAX }),
        }
        let size = linux_size(&file).unwrap_or(size);
        let segment = Segment { address: entry, bytes: file, size };
        Ok(Self {
            entry,
            segments: vec![segment],
            tohost: None,
            fromhost: None,
            signature: None,
            symbols: Symbols::default(),
        })
    }

    /// Checks that no byte belongs to both programs.
    ///
    /// # Errors
    /// Names an address that does.
    pub fn check_apart(&self, other: &Self) -> Result<(), LoadError> {
        let pairs = self.segments.iter().flat_map(|a| other.segments.iter().map(move |b| (a, b)));
        let mut shared = pairs.filter(|(a, b)| a.overlaps(b.address, b.size));
        match shared.next() {
            Some((a, b)) => Err(LoadError::Overlap(a.address.max(b.address).get())),
            None => Ok(()),
        }
    }

    /// Checks that everything fits into `memory` bytes of DRAM.
    ///
    /// # Errors
    /// Names the first segment that does not.
    pub fn check_fits(&self, memory: u64) -> Result<(), LoadError> {
        let dram_end = DRAM_BASE.saturating_add(memory);
        for segment in &self.segments {
            let start = segment.address.get();
            let end = start.checked_add(segment.size);
            if start < DRAM_BASE || end.is_none_or(|end| end > dram_end) {
                return Err(LoadError::OutsideMemory { start, size: segment.size, dram_end });
            }
        }
        Ok(())
    }
}

/// The parser names what it stumbled over; a wrong class or byte order is said in plain words.
fn malformed(file: &[u8], error: &elf::ParseError) -> LoadError {
    match file.get(5) {
        Some(2) => LoadError::WrongKind("a big-endian ELF file"),
        _ => LoadError::Malformed(error.to_string()),
    }
}

fn check_kind(elf: &ElfBytes<'_, LittleEndian>) -> Result<(), LoadError> {
    if elf.ehdr.class != Class::ELF64 {
        return Err(LoadError::WrongKind("a 32-bit ELF file"));
    }
    if elf.ehdr.e_machine != EM_RISCV {
        return Err(LoadError::WrongKind("an ELF file for another processor"));
    }
    if !matches!(elf.ehdr.e_type, ET_EXEC | ET_DYN) {
        return Err(LoadError::WrongKind("an ELF file that is no executable"));
    }
    Ok(())
}

fn segment(number: usize, header: &ProgramHeader, file: &[u8]) -> Result<Segment, LoadError> {
    let &ProgramHeader { p_offset, p_filesz, p_memsz, .. } = header;
    if p_filesz > p_memsz {
        return Err(LoadError::FileLargerThanMemory { segment: number, file: p_filesz, memory: p_memsz });
    }
    let end = p_offset.saturating_add(p_filesz);
    let range = usize::try_from(p_offset).ok().zip(usize::try_from(end).ok());
    // Stripping leaves segments without bytes whose offset lies beyond the end of the file.
    let none = (p_filesz == 0).then_some(&[][..]);
    let bytes = none.or_else(|| range.and_then(|(start, end)| file.get(start..end)));
    let truncated = LoadError::Truncated { segment: number, end, file: file.len() as u64 };
    let bytes = bytes.ok_or(truncated)?.to_vec();
    Ok(Segment { address: PhysAddr::new(header.p_paddr), bytes, size: p_memsz })
}

/// Some linkers put the file's own headers into the first segment, on the page before the program,
/// and so below DRAM where the program begins with it. Nothing needs them there: as on QEMU they are
/// left out, if they and zeros are all that lies below.
fn without_headers(segment: Segment, header: &ProgramHeader, elf: &ElfBytes<'_, LittleEndian>) -> Segment {
    let below = DRAM_BASE.saturating_sub(segment.address.get());
    let headers =
        elf.ehdr.e_phoff.saturating_add(u64::from(elf.ehdr.e_phnum) * u64::from(elf.ehdr.e_phentsize));
    let usize_of = |bytes: u64| usize::try_from(bytes).unwrap_or(usize::MAX);
    let padding = segment.bytes.get(usize_of(headers)..usize_of(below));
    let only_headers = padding.is_some_and(|padding| padding.iter().all(|&byte| byte == 0));
    if header.p_offset != 0 || below == 0 || below >= segment.size || !only_headers {
        return segment;
    }
    let bytes = segment.bytes[usize_of(below)..].to_vec();
    Segment { address: PhysAddr::new(DRAM_BASE), bytes, size: segment.size - below }
}

/// Where a linked address is loaded.
fn physical(headers: &[ProgramHeader], address: u64) -> Option<PhysAddr> {
    headers.iter().find_map(|header| {
        let offset = address.checked_sub(header.p_vaddr)?;
        (offset < header.p_memsz).then(|| PhysAddr::new(header.p_paddr.wrapping_add(offset)))
    })
}

/// The named functions and variables. A file without them, or with a broken table, has none.
fn symbols(elf: &ElfBytes<'_, LittleEndian>) -> Symbols {
    let Ok(Some((table, strings))) = elf.symbol_table() else { return Symbols::default() };
    let mut symbols: Vec<Symbol> = table
        .iter()
        .filter(|symbol| !symbol.is_undefined())
        .filter(|symbol| matches!(symbol.st_symtype(), STT_FUNC | STT_OBJECT | STT_NOTYPE))
        .filter_map(|symbol| {
            let name = strings.get(symbol.st_name as usize).ok()?;
            let keep = !name.is_empty() && !name.starts_with(['$', '.']);
            let address = VirtAddr::new(symbol.st_value);
            keep.then(|| Symbol { address, size: symbol.st_size, name: name.into() })
        })
        .take(SYMBOLS_MAX)
        .collect();
    symbols.sort_by(|a, b| (a.address, a.size, &a.name).cmp(&(b.address, b.size, &b.name)));
    Symbols(symbols)
}

#[cfg(test)]
mod tests {
    use super::*;

    const HEADER: usize = 64;
    const PROGRAM_HEADER: usize = 56;

    /// A small executable: one segment of 8 bytes, 16 in memory, at the start of DRAM.
    fn sample() -> Vec<u8> {
        let mut file = Vec::new();
        file.extend(b"\x7fELF\x02\x01\x01");
        file.resize(16, 0);
        file.extend(2u16.to_le_bytes());
        file.extend(243u16.to_le_bytes());
        file.extend(1u32.to_le_bytes());
        file.extend((DRAM_BASE + 4).to_le_bytes());
        file.extend((HEADER as u64).to_le_bytes());
        file.extend(0u64.to_le_bytes());
        file.extend(0u32.to_le_bytes());
        for half in [64u16, 56, 1, 64, 0, 0] {
            file.extend(half.to_le_bytes());
        }
        file.extend(1u32.to_le_bytes());
        file.extend(5u32.to_le_bytes());
        let offset = (HEADER + PROGRAM_HEADER) as u64;
        for field in [offset, DRAM_BASE, DRAM_BASE, 8, 16, 8] {
            file.extend(field.to_le_bytes());
        }
        file.extend([1, 2, 3, 4, 5, 6, 7, 8]);
        file
    }

    /// Overwrites a field of the program header.
    fn with(field: usize, value: u64) -> Vec<u8> {
        let mut file = sample();
        file[HEADER + field..][..8].copy_from_slice(&value.to_le_bytes());
        file
    }

    #[test]
    fn an_executable_loads_at_its_physical_address() {
        let program = LoadedProgram::from_elf(&sample()).unwrap();
        assert_eq!(program.entry, PhysAddr::new(DRAM_BASE + 4));
        let segment =
            Segment { address: PhysAddr::new(DRAM_BASE), bytes: vec![1, 2, 3, 4, 5, 6, 7, 8], size: 16 };
        assert_eq!(program.segments, [segment]);
        assert_eq!(program.check_fits(16), Ok(()));
        assert_eq!(program.tohost, None);
    }

    #[test]
    fn a_kernel_linked_high_starts_where_it_is_loaded() {
        let mut file = with(16, 0xffff_ffc0_0000_0000);
        file[24..32].copy_from_slice(&0xffff_ffc0_0000_0008u64.to_le_bytes());
        assert_eq!(LoadedProgram::from_elf(&file).unwrap().entry, PhysAddr::new(DRAM_BASE + 8));
    }

    #[test]
    fn a_segment_without_bytes_may_stand_anywhere_in_the_file() {
        let mut file = with(8, 1 << 40);
        file[HEADER + 32..][..8].copy_from_slice(&0u64.to_le_bytes());
        let program = LoadedProgram::from_elf(&file).unwrap();
        assert!(program.segments[0].bytes.is_empty());
        assert_eq!(program.segments[0].size, 16);
    }

    #[test]
    fn what_is_wrong_with_a_file_is_named() {
        let changed = |at: usize, byte: u8| {
            let mut file = sample();
            file[at] = byte;
            file
        };
        for (file, message) in [
            (b"MZ".to_vec(), "not an ELF file"),
            (Vec::new(), "not an ELF file"),
            (changed(4, 1), "malformed ELF file"),
            (changed(5, 2), "a big-endian ELF file"),
            (changed(18, 62), "for another processor"),
            (changed(16, 1), "no executable"),
            (changed(16, 4), "no executable"),
            (changed(HEADER, 4), "nothing in it"),
            (changed(24, 0xff), "entry point 0x800000ff"),
            (sample()[..40].to_vec(), "malformed ELF file"),
            (sample()[..HEADER + 20].to_vec(), "malformed ELF file"),
            (
                sample()[..HEADER + PROGRAM_HEADER + 7].to_vec(),
                "segment 0 ends at byte 0x80 of a file of 0x7f bytes",
            ),
            (with(8, u64::MAX), "segment 0 ends at byte 0xffffffffffffffff"),
            (with(32, 17), "0x11 bytes in the file but 0x10 in memory"),
            (with(32, u64::MAX), "bytes in the file but"),
        ] {
            let error = LoadedProgram::from_elf(&file).unwrap_err().to_string();
            assert!(error.contains(message), "{message}: {error}");
        }
    }

    #[test]
    fn a_segment_outside_memory_does_not_fit() {
        for (field, value) in
            [(24, DRAM_BASE - 1), (24, 0x1000), (24, u64::MAX - 3), (40, 1 << 40), (40, u64::MAX)]
        {
            let program = LoadedProgram::from_elf(&with(field, value)).unwrap();
            let error = program.check_fits(128 << 20).unwrap_err();
            assert!(matches!(error, LoadError::OutsideMemory { .. }), "{error}");
        }
    }

    #[test]
    fn any_cut_and_any_changed_byte_is_refused_or_loads_but_never_panics() {
        let file = sample();
        for end in 0..file.len() {
            assert!(LoadedProgram::from_elf(&file[..end]).is_err(), "{end}");
        }
        for at in 0..file.len() {
            for byte in [0, 1, 0x7f, 0x80, 0xff] {
                let mut changed = file.clone();
                changed[at] = byte;
                if let Ok(program) = LoadedProgram::from_elf(&changed) {
                    let _ = program.check_fits(1 << 20);
                }
            }
        }
    }

    #[test]
    fn headers_that_the_linker_put_below_memory_are_left_out() {
        let linked = |padding: u8| {
            let mut file = sample();
            file.truncate(HEADER + PROGRAM_HEADER);
            file.resize(4096, padding);
            file.extend([1, 2, 3, 4, 5, 6, 7, 8]);
            for (field, value) in
                [0, DRAM_BASE - 4096, DRAM_BASE - 4096, 4096 + 8, 4096 + 16].into_iter().enumerate()
            {
                file[HEADER + 8 + field * 8..][..8].copy_from_slice(&u64::to_le_bytes(value));
            }
            file
        };
        let program = LoadedProgram::from_elf(&linked(0)).unwrap();
        assert_eq!(program.check_fits(16), Ok(()));
        assert_eq!(program.segments, LoadedProgram::from_elf(&sample()).unwrap().segments);
        assert_eq!(program.entry, PhysAddr::new(DRAM_BASE + 4));
        let with_more_than_headers = LoadedProgram::from_elf(&linked(1)).unwrap();
        assert!(with_more_than_headers.check_fits(16).is_err());
    }

    #[test]
    fn a_raw_image_begins_at_the_start_of_memory() {
        let program = LoadedProgram::from_raw(vec![0x13, 0, 0, 0]).unwrap();
        assert_eq!(program.entry, PhysAddr::new(DRAM_BASE));
        assert_eq!(LoadedProgram::from_raw(Vec::new()).unwrap_err(), LoadError::Empty);
    }

    #[test]
    fn a_linux_image_is_known_by_its_header_and_takes_what_it_says() {
        let mut image = vec![0; 0x1000];
        image[..8].copy_from_slice(&[0x4d, 0x5a, 0x6f, 0x10, 0x80, 0, 0, 0]);
        image[0x10..0x18].copy_from_slice(&0x12_3456_u64.to_le_bytes());
        assert!(!looks_raw(&image), "a jump over data might be anything");
        image[0x30..0x3c].copy_from_slice(b"RISCV\0\0\0RSC\x05");
        assert!(looks_raw(&image));
        let program = LoadedProgram::from_raw_at(image, PhysAddr::new(KERNEL_BEHIND_FIRMWARE)).unwrap();
        assert_eq!(program.segments[0].size, 0x12_3456);
        assert!(program.check_fits(3 << 20).is_err() && program.check_fits(4 << 20).is_ok());
    }

    #[test]
    fn code_looks_raw_and_text_and_noise_do_not() {
        let code: [u32; 6] = [0x0000_0297, 0x0282_8613, 0xf140_2573, 0x0202_b583, 0x0182_b283, 0x0002_8067];
        let mut image: Vec<u8> = code.iter().flat_map(|word| word.to_le_bytes()).collect();
        assert!(looks_raw(&image));
        image.extend([0; 100]);
        assert!(looks_raw(&image), "data after a jump");
        image[3] = 0xff;
        image[0] = 0xff;
        assert!(!looks_raw(&image), "no such instruction");
        for file in [
            &b""[..],
            b"hello, world\n",
            b"{\"faultline\":1}",
            &[0; 64],
            b"\x13\0\0",
            b"\x89PNG\r\n\x1a\n\0\0\0\x0dIHDR",
        ] {
            assert!(!looks_raw(file), "{file:?}");
        }
    }

    #[test]
    fn a_symbol_holds_its_own_bytes_and_no_others() {
        let symbol =
            |address, size, name: &str| Symbol { address: VirtAddr::new(address), size, name: name.into() };
        let symbols = Symbols(vec![symbol(0x10, 4, "a"), symbol(0x20, 0, "b")]);
        let lookup = |address| symbols.lookup(VirtAddr::new(address));
        assert_eq!(lookup(0xf), None);
        assert_eq!(lookup(0x13), Some(("a", 3)));
        assert_eq!(lookup(0x14), None);
        assert_eq!(lookup(0x25), Some(("b", 5)));
        assert_eq!(symbols.address("b"), Some(VirtAddr::new(0x20)));
    }
}
