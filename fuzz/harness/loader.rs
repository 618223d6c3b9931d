//! ELF files and raw images: what is refused is refused before anything is built, and what is taken
//! boots without harm.

use faultline_abi::VirtAddr;
use faultline_abi::board::DRAM_BASE;
use faultline_machine::boot::MachineConfig;
use faultline_machine::loader::{LoadedProgram, looks_raw};
use faultline_machine::machine::Machine;
use faultline_machine::observer::NoObserver;

use super::bytes::Bytes;

const MEMORY_MIB: u32 = 2;
/// Steps that a program which loads may make.
const STEPS: u64 = 200;

pub(crate) fn run(data: &[u8]) {
    try_elf(data);
    try_elf(&damaged(data));
    let _ = looks_raw(data);
    if let Ok(program) = LoadedProgram::from_raw(data.to_vec()) {
        boot(&program);
    }
}

fn try_elf(file: &[u8]) {
    let Ok(program) = LoadedProgram::from_elf(file) else { return };
    let bytes: usize = program.segments.iter().map(|segment| segment.bytes.len()).sum();
    assert!(bytes <= file.len() * program.segments.len(), "no byte comes from nowhere");
    let _ = program.symbols.lookup(VirtAddr::new(DRAM_BASE));
    boot(&program);
}

fn boot(program: &LoadedProgram) {
    let config = MachineConfig { memory_mib: MEMORY_MIB, ..MachineConfig::default() };
    let fits = program.check_fits(u64::from(MEMORY_MIB) << 20);
    match Machine::new(config, program) {
        Ok(mut machine) => {
            assert_eq!(fits, Ok(()), "what does not fit is not loaded");
            machine.run(STEPS, &mut NoObserver);
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// A sound ELF file with a few of its fields replaced: mutations of noise alone seldom get past the
/// first check.
fn damaged(data: &[u8]) -> Vec<u8> {
    let mut bytes = Bytes::new(data);
    let mut file = sound();
    for _ in 0..bytes.byte() % 6 {
        let at = usize::from(bytes.half()) % (file.len() - 8);
        let value = match bytes.byte() % 4 {
            0 => bytes.double(),
            1 => DRAM_BASE.wrapping_add(bytes.double() as i32 as u64),
            2 => u64::MAX - u64::from(bytes.byte()),
            _ => bytes.half().into(),
        };
        let width = usize::from(bytes.pick(&[8u8, 4, 2, 1]));
        file[at..at + width].copy_from_slice(&value.to_le_bytes()[..width]);
    }
    file
}

/// Two segments, a section table with symbols and their names.
fn sound() -> Vec<u8> {
    const HEADERS: u64 = 64 + 2 * 56;
    const CODE: u64 = 16;
    let strings = b"\0tohost\0main\0";
    let symbols_at = HEADERS + CODE;
    let strings_at = symbols_at + 3 * 24;
    let sections_at = (strings_at + strings.len() as u64).next_multiple_of(8);
    let mut file = Vec::new();
    file.extend(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    file.extend([2, 0, 243, 0, 1, 0, 0, 0]);
    [DRAM_BASE, 64, sections_at].iter().for_each(|field| file.extend(field.to_le_bytes()));
    file.extend([0; 4]);
    [64u16, 56, 2, 64, 3, 0].iter().for_each(|half| file.extend(half.to_le_bytes()));
    for (address, memory) in [(DRAM_BASE, CODE), (DRAM_BASE + 0x1000, 0x2000)] {
        file.extend([1, 0, 0, 0, 7, 0, 0, 0]);
        let fields = [HEADERS, address, address, CODE, memory, 16];
        fields.iter().for_each(|field| file.extend(field.to_le_bytes()));
    }
    for word in [0x0010_0513u32, 0x0000_0073, 0x0000_006f, 0x0000_0013] {
        file.extend(word.to_le_bytes());
    }
    file.extend([0; 24]);
    for (name, address) in [(1u32, DRAM_BASE + 0x1000), (8, DRAM_BASE)] {
        file.extend(name.to_le_bytes());
        file.extend([0x12, 0, 1, 0]);
        [address, 8].iter().for_each(|field| file.extend(field.to_le_bytes()));
    }
    file.extend(strings);
    file.resize(sections_at as usize, 0);
    file.extend([0; 64]);
    for (kind, at, size, link, entry) in
        [(2u32, symbols_at, 72u64, 2u32, 24u64), (3, strings_at, strings.len() as u64, 0, 0)]
    {
        file.extend([0; 4]);
        file.extend(kind.to_le_bytes());
        [0, 0, at, size].iter().for_each(|field| file.extend(field.to_le_bytes()));
        [link, 0].iter().for_each(|field| file.extend(field.to_le_bytes()));
        [8, entry].iter().for_each(|field| file.extend(field.to_le_bytes()));
    }
    file
}
