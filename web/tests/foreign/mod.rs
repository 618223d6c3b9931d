//! A kernel of somebody else's that says nothing: Sv48, two harts, each with a program that stores
//! where nothing is mapped. Its root table is a variable of it, `user_pagetable`.

use faultline_abi::board::DRAM_BASE;
use faultline_machine::encode::encode;
use faultline_machine::insn::{Insn, Op};

/// Where hart 0 stores; hart 1 stores one page above.
pub(crate) const STORED: u64 = 0x2000;
/// Pages of the image, counted from the start of memory: the root, the tables below it, the program.
pub(crate) const ROOT: u64 = 1;
const TABLES: [usize; 4] = [1, 2, 3, 4];
const PROGRAM: usize = 5;
const PAGES: usize = 6;
const PAGE: usize = 4096;

/// The scenario; its image is called `foreign.elf`.
pub(crate) const SCENARIO: &str = r#"{
    "faultline": 1,
    "title": "Four levels, two harts",
    "machine": { "memory_mib": 16, "harts": 2, "max_instructions": "0x4000" },
    "images": { "kernel": { "name": "foreign.elf" } }
}"#;

/// The kernel alone.
pub(crate) fn kernel() -> Vec<u8> {
    elf(&image())
}

fn image() -> Vec<u8> {
    let mut image = vec![0; PAGES * PAGE];
    let mut put = |at: usize, bytes: &[u8]| image[at..at + bytes.len()].copy_from_slice(bytes);
    for (n, word) in start().into_iter().enumerate() {
        put(n * 4, &word.to_le_bytes());
    }
    let entry = |page: usize, flags: u64| ((DRAM_BASE >> 12) + page as u64) << 10 | flags;
    for (table, next) in TABLES.into_iter().zip(TABLES.into_iter().skip(1)) {
        put(table * PAGE, &entry(next, 0x01).to_le_bytes());
    }
    // Page 1 of the address space: V, R, X, U and A.
    put(TABLES[3] * PAGE + 8, &entry(PROGRAM, 0x5b).to_le_bytes());
    put(PROGRAM * PAGE, &insn(Op::Sd, 0, A0, ZERO, 0).to_le_bytes());
    put(PROGRAM * PAGE + 4, &insn(Op::Jal, ZERO, 0, 0, 0).to_le_bytes());
    image
}

const ZERO: u8 = 0;
const T0: u8 = 5;
const T1: u8 = 6;
const T2: u8 = 7;
const S0: u8 = 8;
const A0: u8 = 10;

fn insn(op: Op, rd: u8, rs1: u8, rs2: u8, imm: i32) -> u32 {
    encode(Insn { op, rd, rs1, rs2, imm })
}

/// In M-mode: where traps go, all memory open, Sv48, and into the program, on every hart.
fn start() -> Vec<u32> {
    let imm = |op, rd, rs1, imm| insn(op, rd, rs1, ZERO, imm);
    let csrw = |csr: i32, rs1| insn(Op::Csrrw, ZERO, rs1, ZERO, csr);
    let mut code = vec![
        imm(Op::Auipc, S0, ZERO, 0),
        imm(Op::Csrrs, T0, ZERO, 0xf14),
        imm(Op::Addi, T1, S0, 4 * 22),
        csrw(0x305, T1),
        imm(Op::Addi, T1, ZERO, -1),
        csrw(0x3b0, T1),
        imm(Op::Addi, T1, ZERO, 0x1f),
        csrw(0x3a0, T1),
        imm(Op::Srli, T1, S0, 12),
        imm(Op::Addi, T1, T1, 1),
        imm(Op::Addi, T2, ZERO, 9),
        imm(Op::Slli, T2, T2, 60),
        insn(Op::Or, T1, T1, T2, 0),
        csrw(0x180, T1),
        imm(Op::Addi, A0, T0, 2),
        imm(Op::Slli, A0, A0, 12),
        imm(Op::Lui, T1, ZERO, 1 << 12),
        csrw(0x341, T1),
        csrw(0x300, ZERO),
        insn(Op::Mret, 0, 0, 0, 0),
    ];
    // The handler: it knows no answer.
    code.resize(23, insn(Op::Jal, ZERO, 0, 0, 0));
    code
}

/// An ELF file with the image at the start of DRAM and one symbol, the root table.
fn elf(image: &[u8]) -> Vec<u8> {
    const HEADERS: u64 = 64 + 56;
    const NAMES: &[u8] = b"\0user_pagetable\0";
    let size = image.len() as u64;
    let (sections, symbols) = (HEADERS + size, HEADERS + size + 3 * 64);
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0".to_vec();
    file.extend([2, 0, 243, 0, 1, 0, 0, 0]);
    let words = |words: &[u64], file: &mut Vec<u8>| {
        words.iter().for_each(|word| file.extend(word.to_le_bytes()));
    };
    words(&[DRAM_BASE, 64, sections], &mut file);
    file.extend([0; 4]);
    [64u16, 56, 1, 64, 3, 0].iter().for_each(|half| file.extend(half.to_le_bytes()));
    // One segment, to be read, written and executed.
    file.extend([1, 0, 0, 0, 7, 0, 0, 0]);
    words(&[HEADERS, DRAM_BASE, DRAM_BASE, size, size, 4096], &mut file);
    file.extend(image);
    // No section, the symbols, their names.
    words(&[0; 8], &mut file);
    words(&[2 << 32, 0, 0, symbols, 48, 2, 8, 24], &mut file);
    words(&[3 << 32, 0, 0, symbols + 48, NAMES.len() as u64, 0, 1, 0], &mut file);
    file.extend([0; 24]);
    file.extend([1, 0, 0, 0, 0x11, 0, 1, 0]);
    words(&[DRAM_BASE + ROOT * 4096, 4096], &mut file);
    file.extend(NAMES);
    file
}
