//! A bootable image of many cases: harness, page tables, headers and code in one ELF segment.

use super::{
    case::{self, Atomics, Case, Flavour, Guarded, Recipe},
    harness,
    layout::*,
    random::Random,
};

/// Cases that one image holds at the most.
pub(super) const CASES_MAX: u64 = (DATA - CODE) / CODE_SIZE;

const PTE_V: u64 = 1;
const PTE_R: u64 = 2;
const PTE_W: u64 = 4;
const PTE_X: u64 = 8;
const PTE_U: u64 = 16;
const PTE_A: u64 = 64;
const PTE_D: u64 = 128;

/// What an image writes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Detail {
    /// A hash for each case.
    Hashes,
    /// Every trap and every register.
    Everything,
}

/// What an image is made from.
#[derive(Clone, Debug)]
pub(super) struct Plan {
    /// The page tables follow from it.
    pub(super) tables_seed: u64,
    pub(super) cases: Vec<Recipe>,
    pub(super) detail: Detail,
}

/// The image of a plan, as an ELF file.
pub(super) fn build(plan: &Plan) -> Vec<u8> {
    assert!(plan.cases.len() as u64 <= CASES_MAX, "at most {CASES_MAX} cases in an image");
    let mut memory = Memory { bytes: vec![0; usize_of(DATA + DATA_PAGES * 4096 - HARNESS)] };
    let code = harness::harness();
    assert!(code.len() as u64 <= S_HANDLER - HARNESS, "the harness outgrew its pages");
    memory.write(HARNESS, &code);
    memory.write(S_HANDLER, &harness::s_handler());
    memory.write(SAVE + u64::from(VERBOSE.cast_unsigned()), &[u8::from(plan.detail == Detail::Everything)]);
    let mut random = Random::new(plan.tables_seed);
    let flavour = Flavour::random(&mut random);
    tables(&mut memory, &mut random, flavour);
    for page in 0..DATA_PAGES * 512 {
        memory.write(DATA + page * 8, &random.value().to_le_bytes());
    }
    for (recipe, index) in plan.cases.iter().zip(0..) {
        let base = CODE + index * CODE_SIZE;
        let case = case::generate(recipe, base, flavour);
        assert!((case.code.len() as u64) < CODE_SIZE, "a case outgrew its pages");
        memory.write(base, &case.code);
        header(&mut memory, HEADERS + index * HEADER_SIZE, base, &case);
    }
    elf(&memory.bytes)
}

/// The code of a case where it stands alone.
pub(super) fn code(plan: &Plan) -> Vec<u8> {
    let mut random = Random::new(plan.tables_seed);
    let flavour = Flavour::random(&mut random);
    plan.cases.first().map_or_else(Vec::new, |recipe| case::generate(recipe, CODE, flavour).code)
}

fn header(memory: &mut Memory, at: u64, base: u64, case: &Case) {
    let mut put = |offset: i32, value: u64| {
        memory.write(at + u64::from(offset.cast_unsigned()), &value.to_le_bytes());
    };
    put(harness::header::CODE, base);
    put(harness::header::END, base + case.end);
    put(harness::header::MSTATUS, case.mstatus);
    put(harness::header::SATP, 0);
    put(harness::header::MEDELEG, case.medeleg);
    put(harness::header::SUPERVISOR_SATP, case.satp);
    put(harness::header::MCOUNTEREN, case.mcounteren);
    put(harness::header::SCOUNTEREN, case.scounteren);
    put(harness::header::PMPCFG0, case.pmp.config);
    for (&address, offset) in case.pmp.addresses.iter().zip((harness::header::PMPADDR0..).step_by(8)) {
        put(offset, address);
    }
    for (&value, offset) in case.registers.iter().zip((harness::header::REGISTERS..).step_by(8)) {
        put(offset, value);
    }
}

fn tables(memory: &mut Memory, random: &mut Random, flavour: Flavour) {
    let leaf = |random: &mut Random, frame| leaf(random, frame, flavour);
    let table = |page: u64| TABLES + page * 4096;
    let pointer = |page: u64| table(page) >> 12 << 10 | PTE_V;
    let [root_s, root_u, test_1, test_0, code_s1, code_s0, code_u1, code_u0] = [0, 1, 2, 3, 4, 5, 6, 7u64];
    let mega = leaf(random, DATA);
    let odd = match random.below(2) {
        0 => leaf(random, DATA + 0x1000),
        _ => pointer(test_0) | 1 << (4 + random.below(4)),
    };
    for (root, code_1, code_0) in [(root_s, code_s1, code_s0), (root_u, code_u1, code_u0)] {
        memory.pte(table(root), VA_HIGH >> 30, pointer(test_1));
        memory.pte(table(root), VA_GIGA >> 30, leaf(random, HARNESS));
        memory.pte(table(root), HARNESS >> 30, pointer(code_1));
        memory.pte(table(code_1), 0, pointer(code_0));
        // Code by 4 KiB pages: U-mode's root opens the cases to U, never the S handler.
        for page in 0..512 {
            let address = HARNESS + page * 4096;
            let user = if root == root_u && address >= CODE { PTE_U } else { 0 };
            memory.pte(table(code_0), page, address >> 12 << 10 | PTE_V | PTE_R | PTE_X | PTE_A | user);
        }
        memory.pte(
            table(code_1),
            1,
            (HARNESS + 0x20_0000) >> 12 << 10
                | PTE_V
                | PTE_R
                | PTE_X
                | PTE_A
                | if root == root_u { PTE_U } else { 0 },
        );
    }
    sv48_roots(memory, random);
    for (table_1, first) in [(code_s1, VA >> 21), (code_u1, VA >> 21), (test_1, 0)] {
        for (entry, index) in [pointer(test_0), mega, odd].into_iter().zip(first..) {
            memory.pte(table(table_1), index, entry);
        }
    }
    for page in 0..64 {
        let frame = DATA + random.below(DATA_PAGES) * 4096;
        let entry = match random.below(16) {
            0 => 0,
            1 => random.next() & !1,
            2 => pointer(test_0),
            3 => leaf(random, frame) | 1 << (54 + random.below(10)),
            _ => leaf(random, frame),
        };
        memory.pte(table(test_0), page, entry);
    }
}

/// Above the Sv39 roots, for Sv48: the lowest and the highest half terabyte lead to them, some others are
/// leaves of that size, mostly misaligned, or no entries at all.
fn sv48_roots(memory: &mut Memory, random: &mut Random) {
    for mode in 0..2 {
        let table = TABLES + (SV48_ROOTS + mode) * 4096;
        let root = (TABLES + mode * 4096) >> 12 << 10 | PTE_V;
        memory.pte(table, 0, root);
        memory.pte(table, 511, root);
        for index in [1, 2, 255, 256, 510] {
            let (bit, noise) = (4 + random.below(4), random.next());
            let entry = random.pick(&[0, root | 1 << bit, root | 0xe, 0xff, noise]);
            memory.pte(table, index, entry);
        }
    }
}

/// A valid entry with random permissions, more often generous than not.
///
/// Where there are AMOs, a page that cannot be written has its A bit set already: QEMU 7.2 looks an
/// AMO's page up as a load first and so marks it accessed before it refuses the store. Where PMP forbids
/// something, every page is marked already: QEMU marks it before it asks PMP.
fn leaf(random: &mut Random, frame: u64, flavour: Flavour) -> u64 {
    let flags = if random.one_in(2) { random.next() & 0x3fe } else { 0x0e | random.next() & 0x3f0 };
    let marked = match flavour {
        Flavour { guarded: Guarded::Yes, .. } => PTE_A | PTE_D,
        Flavour { atomics: Atomics::Used, .. } if flags & PTE_W == 0 => PTE_A,
        _ => 0,
    };
    frame >> 12 << 10 | flags | marked | PTE_V
}

struct Memory {
    /// DRAM from its start.
    bytes: Vec<u8>,
}

impl Memory {
    fn write(&mut self, address: u64, bytes: &[u8]) {
        let start = usize_of(address - HARNESS);
        self.bytes[start..start + bytes.len()].copy_from_slice(bytes);
    }

    fn pte(&mut self, table: u64, index: u64, entry: u64) {
        self.write(table + (index & 511) * 8, &entry.to_le_bytes());
    }
}

fn usize_of(value: u64) -> usize {
    usize::try_from(value).expect("an offset into the image")
}

/// An ELF64 file with one loadable segment at the start of DRAM.
fn elf(segment: &[u8]) -> Vec<u8> {
    const HEADERS_SIZE: u64 = 64 + 56;
    let mut file = Vec::with_capacity(segment.len() + 4096);
    file.extend(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    for half in [2u16, 0xf3] {
        file.extend(half.to_le_bytes()); // ET_EXEC, EM_RISCV
    }
    file.extend(1u32.to_le_bytes());
    for word in [HARNESS, 64, 0] {
        file.extend(u64::to_le_bytes(word)); // entry, program headers, section headers
    }
    file.extend(0u32.to_le_bytes());
    for half in [64u16, 56, 1, 0, 0, 0] {
        file.extend(half.to_le_bytes());
    }
    for word in [1u32, 7] {
        file.extend(word.to_le_bytes()); // PT_LOAD, RWX
    }
    let size = segment.len() as u64;
    for word in [HEADERS_SIZE, HARNESS, HARNESS, size, size, 8] {
        file.extend(word.to_le_bytes());
    }
    file.extend(segment);
    file
}
