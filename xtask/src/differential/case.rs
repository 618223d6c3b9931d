//! A random case: straight code with forward branches, every kind of instruction that the machine
//! advertises, and the traps that go with them.

use super::{
    assembler::{Assembler, Label},
    encode::*,
    harness::FS,
    layout::*,
    random::Random,
};

/// What a case is made from. Every step of it has a seed of its own, so that the others stay what they
/// are where one is left out.
#[derive(Clone, Debug)]
pub(super) struct Recipe {
    pub(super) seed: u64,
    /// The steps that are in it, in order.
    pub(super) steps: Vec<u32>,
}

impl Recipe {
    /// The first `length` steps.
    pub(super) fn whole(seed: u64, length: u32) -> Self {
        Self { seed, steps: (0..length).collect() }
    }
}

/// A generated case: its code and the state it starts in.
pub(super) struct Case {
    pub(super) code: Vec<u8>,
    /// Offset of the final `ecall`.
    pub(super) end: u64,
    pub(super) mstatus: u64,
    pub(super) medeleg: u64,
    pub(super) registers: [u64; 31],
    /// `satp` while it runs in S-mode.
    pub(super) satp: u64,
    pub(super) mcounteren: u64,
    pub(super) scounteren: u64,
    pub(super) pmp: Protection,
}

/// PMP while a case runs.
pub(super) struct Protection {
    pub(super) config: u64,
    pub(super) addresses: [u64; 8],
}

impl Protection {
    /// First the harness and its tables, open to everybody; then a few entries that cover data, each open
    /// in its own way; then the rest.
    fn random(random: &mut Random, guarded: Guarded) -> Self {
        let open = napot(0, 56);
        if guarded == Guarded::No {
            return Self { config: 0x1f, addresses: [open, 0, 0, 0, 0, 0, 0, 0] };
        }
        let mut config = [0u8; 8];
        let mut addresses = [0; 8];
        (config[0], addresses[0]) = (0x1f, napot(HARNESS, 20));
        for entry in 1..=5 {
            // Whole pages: on parts of them QEMU 7.2 decides by the first byte alone.
            let page = random.pick(&[DATA, DATA, VA, VA_MEGA]) + random.below(DATA_PAGES) * 4096;
            let permissions = random.pick(&[0u8, 1, 3, 3, 4, 5, 7, 7]);
            let (mode, address) = match random.below(4) {
                0 => (0, page >> 2),
                1 => (1, page >> 2),
                _ => (3, napot(page, 12 + random.field(3))),
            };
            (config[entry], addresses[entry]) = (mode << 3 | permissions, address);
        }
        let rest = random.pick(&[0x1f, 0x1f, 0x1d]);
        (config[6], addresses[6]) = (rest, open);
        Self { config: u64::from_le_bytes(config), addresses }
    }
}

/// `pmpaddr` of the naturally aligned `2^bits` bytes around an address.
fn napot(address: u64, bits: u32) -> u64 {
    let (base, ones) = (address >> bits << bits, (1 << (bits - 1)) - 1);
    (base | ones) >> 2
}

/// CSRs that exist, that do not, and that ask for another privilege. Left out is what depends on
/// time or on the board (counters, pending interrupts, identification) and what the harness lives
/// on (`mtvec`, `mscratch`, `stvec`, PMP).
const CSRS: [u32; 27] = [
    0x001, 0x002, 0x003, 0x003, 0x100, 0x106, 0x140, 0x141, 0x142, 0x143, 0x14d, 0x180, 0x300, 0x302, 0x303,
    0x306, 0x341, 0x342, 0x343, 0x000, 0x007, 0x0c3, 0x105, 0x240, 0x7b0, 0x800, 0xfff,
];
/// Counters: whether they can be read at all is compared, what they read as is not.
const COUNTERS: [u32; 7] = [0xc00, 0xc01, 0xc02, 0xc03, 0xc0a, 0xb00, 0xb02];
/// Of these only the harness may be the writer; and QEMU 7.2 keeps bit 0 of `sepc` and `mepc`, which
/// is read-only zero, and the upper half of `scounteren` and `mcounteren`, which have 32 bits.
const READ_ONLY_HERE: [u32; 9] = [0x105, 0x180, 0x303, 0xfff, 0x141, 0x341, 0x106, 0x306, 0x14d];
/// mstatus bits that a case may flip: SPIE, MPIE, SPP, MPP, FS, MPRV, SUM, MXR, TVM, TW, TSR.
const MSTATUS_BITS: u64 = FS | 1 << 5 | 1 << 7 | 1 << 8 | 3 << 11 | 1 << 17 | 1 << 18 | 1 << 19 | 7 << 20;

/// Any delegation but of the calls that the harness needs (`ecall` from S and M), load and store
/// faults alike, because QEMU raises the one for the other where an AMO faults.
fn medeleg(random: &mut Random) -> u64 {
    let bits = random.next() & 0xb1ff;
    let loads = bits & (1 << 4 | 1 << 5 | 1 << 13);
    bits & !(1 << 6 | 1 << 7 | 1 << 15) | loads << 2
}

/// Whether both machines translate by Sv48.
const SV48: bool = true;

/// Whether the cases of an image use LR, SC and AMOs.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Atomics {
    Used,
    Left,
}

/// Whether PMP forbids anything to the cases of an image.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Guarded {
    Yes,
    No,
}

/// What the cases of an image have in common.
#[derive(Clone, Copy)]
pub(super) struct Flavour {
    pub(super) atomics: Atomics,
    pub(super) guarded: Guarded,
}

impl Flavour {
    pub(super) fn random(random: &mut Random) -> Self {
        let guarded = if random.one_in(3) { Guarded::Yes } else { Guarded::No };
        // QEMU 7.2 asks PMP about an AMO's load before it looks whether the page may be written.
        let atomics = if guarded == Guarded::No && random.one_in(2) { Atomics::Used } else { Atomics::Left };
        Self { atomics, guarded }
    }
}

/// The case of this recipe, its code at `base`.
pub(super) fn generate(recipe: &Recipe, base: u64, flavour: Flavour) -> Case {
    let mut random = Random::new(recipe.seed);
    let mut writer =
        Writer { asm: Assembler::new(base), random: random.fork(), pending: Vec::new(), flavour };
    if random.one_in(2) {
        // The place of the code inside its page varies, so that instructions straddle pages.
        for _ in 0..random.below(3) {
            writer.asm.half(1);
        }
    }
    for &step in &recipe.steps {
        writer.bind_due_labels();
        writer.random = Random::new(recipe.seed.wrapping_add(u64::from(step) << 40)).fork();
        writer.step();
    }
    writer.pending.iter_mut().for_each(|(due, _)| *due = 0);
    writer.bind_due_labels();
    let end = writer.asm.here() - base;
    writer.asm.word(ECALL);
    Case {
        code: writer.asm.finish(),
        end,
        mstatus: FS | random.pick(&[0, 1 << 11, 3 << 11, 3 << 11]) | random.next() & (1 << 18 | 1 << 19),
        medeleg: if random.one_in(2) { 0 } else { medeleg(&mut random) },
        registers: core::array::from_fn(|_| random.value()),
        satp: satp(&mut random),
        mcounteren: (random.next() | random.next()) & 0xffff_ffff,
        scounteren: (random.next() | random.next()) & 0xffff_ffff,
        pmp: Protection::random(&mut random, flavour.guarded),
    }
}

/// The root of S-mode, by one of the schemes that both machines have.
fn satp(random: &mut Random) -> u64 {
    match (SV48, random.below(3)) {
        (true, 0) => 9 << 60 | TABLES >> 12 | SV48_ROOTS,
        _ => 8 << 60 | TABLES >> 12,
    }
}

struct Writer {
    asm: Assembler,
    random: Random,
    /// Labels of forward jumps, and how many more steps each lies ahead.
    pending: Vec<(u64, Label)>,
    flavour: Flavour,
}

impl Writer {
    fn bind_due_labels(&mut self) {
        for (due, label) in &mut self.pending {
            if *due == 0 {
                self.asm.bind(*label);
            } else {
                *due -= 1;
            }
        }
        // A label bound at zero is dropped: its count has run out.
        let asm = &self.asm;
        self.pending.retain(|(_, label)| !asm.is_bound(*label));
    }

    fn ahead(&mut self) -> Label {
        let label = self.asm.label();
        let steps = self.random.below(6);
        self.pending.push((steps, label));
        label
    }

    fn reg(&mut self) -> Reg {
        self.random.field(32)
    }

    fn step(&mut self) {
        match self.random.below(100) {
            0..=13 => self.integer(),
            14..=19 => self.bits(),
            20..=29 => self.float(),
            30..=39 => self.immediate(),
            40..=54 => self.memory(),
            55..=61 if self.flavour.atomics == Atomics::Used => self.atomic(),
            62..=71 => self.compressed(),
            72..=77 => self.jump(),
            78..=79 => self.compressed_jump(),
            80..=85 => self.csr(),
            86..=87 => self.counter(),
            88..=90 => self.mode(),
            91..=92 => self.return_from_trap(),
            93..=94 => self.odd_word(),
            95..=96 => self.fence(),
            55..=61 => self.memory(),
            _ => self.constant(),
        }
    }

    fn constant(&mut self) {
        let (rd, value) = (self.reg(), self.random.value());
        self.asm.li(rd, value);
    }

    fn integer(&mut self) {
        let (rd, rs1, rs2) = (self.reg(), self.reg(), self.reg());
        let word = match self.random.below(4) {
            0 => r(0x33, self.random.field(8), 1, rd, rs1, rs2),
            1 => r(0x3b, self.random.pick(&[0, 4, 5, 6, 7]), 1, rd, rs1, rs2),
            2 => {
                let funct3 = self.random.field(8);
                let alternate = matches!(funct3, 0 | 5) && self.random.one_in(2);
                r(0x33, funct3, u32::from(alternate) << 5, rd, rs1, rs2)
            }
            _ => {
                let funct3 = self.random.pick(&[0, 1, 5]);
                let alternate = funct3 != 1 && self.random.one_in(2);
                r(0x3b, funct3, u32::from(alternate) << 5, rd, rs1, rs2)
            }
        };
        self.asm.word(word);
    }

    /// Zba, Zbb, Zbs.
    fn bits(&mut self) {
        let (rd, rs1, rs2) = (self.reg(), self.reg(), self.reg());
        let word = match self.random.below(5) {
            0 => {
                let (opcode, funct3, imm) = self.random.pick(&BITS_UNARY);
                i(opcode, funct3, rd, rs1, imm)
            }
            1 => {
                let (opcode, funct3, high, mask) = self.random.pick(&BITS_SHIFT);
                i(opcode, funct3, rd, rs1, high | self.random.next() as i32 & mask)
            }
            _ => {
                let (opcode, funct7, funct3) = self.random.pick(&BITS_REGISTER);
                r(opcode, funct3, funct7, rd, rs1, rs2)
            }
        };
        self.asm.word(word);
    }

    fn immediate(&mut self) {
        let (rd, rs1) = (self.reg(), self.reg());
        let imm = self.random.next() as i32;
        let word = match self.random.below(6) {
            0 => lui(rd, self.random.field(1 << 20)),
            1 => auipc(rd, self.random.field(1 << 20)),
            2 => {
                let alternate = self.random.pick(&[0, 0x400]);
                i(0x13, 5, rd, rs1, alternate | imm & 0x3f)
            }
            3 => i(0x13, 1, rd, rs1, imm & 0x3f),
            4 => {
                let (funct3, high) = self.random.pick(&[(0, -1), (1, 0), (5, 0), (5, 0x400)]);
                i(0x1b, funct3, rd, rs1, if high < 0 { imm } else { high | imm & 0x1f })
            }
            _ => i(0x13, self.random.pick(&[0, 2, 3, 4, 6, 7]), rd, rs1, avoid_hint(rd, imm)),
        };
        self.asm.word(word);
    }

    /// An address worth touching: data, mapped and unmapped pages, page ends, broken addresses.
    fn address(&mut self) -> u64 {
        if self.random.one_in(4) { self.hole() } else { self.memory_address() }
    }

    /// An address that is memory where there is no translation.
    fn memory_address(&mut self) -> u64 {
        let page = match self.random.below(10) {
            0..=3 => DATA + self.random.below(DATA_PAGES) * 4096,
            4..=8 => VA + self.random.below(64) * 4096,
            _ => VA_MEGA + self.random.below(2) * 0x20_0000 + self.random.below(DATA_PAGES) * 4096,
        };
        page + self.offset()
    }

    /// An address that is none, or only with translation.
    fn hole(&mut self) -> u64 {
        let page = match self.random.below(3) {
            0 => VA_HIGH + self.random.below(64) * 4096,
            1 => VA_GIGA + 0x40_0000 + self.random.below(DATA_PAGES) * 4096,
            _ => self.random.pick(&[
                VA | 1 << 40,
                0x40_0000_0000,
                0xffff_ff80_0000_0000,
                0x1_8000_0000,
                0x20_4000,
            ]),
        };
        page + self.offset()
    }

    /// In two pages at once an access is one for QEMU's PMP and two for ours; both are allowed.
    fn offset(&mut self) -> u64 {
        match self.random.below(4) {
            _ if self.flavour.guarded == Guarded::Yes => self.random.below(512) * 8,
            0 => 4096 - self.random.below(9),
            1 => self.random.below(4096),
            _ => self.random.below(512) * 8,
        }
    }

    fn memory(&mut self) {
        let (base, other) = (1 + self.random.field(31), self.reg());
        let offset = self.random.pick(&[0, 0, 1, -1, 8, -8, 2047, -2048]);
        let address = self.address().wrapping_sub(i64::from(offset).cast_unsigned());
        self.asm.li(base, address);
        let word = match self.random.below(5) {
            0 | 1 => i(0x03, self.random.field(7), other, base, offset),
            2 | 3 => s(self.random.field(4), base, other, offset),
            // flw, fld, fsw, fsd: the integer encodings with one bit more in the opcode.
            _ => match self.random.one_in(2) {
                true => i(0x07, 2 + self.random.field(2), other, base, offset),
                false => s(2 + self.random.field(2), base, other, offset) | 0x04,
            },
        };
        self.asm.word(word);
    }

    fn atomic(&mut self) {
        let (base, source, rd) = (1 + self.random.field(31), self.reg(), self.reg());
        let width = self.random.pick(&[2, 3]);
        // Not a hole: QEMU takes an AMO on one for a load.
        let address = self.memory_address();
        let address = if self.random.one_in(4) { address } else { address & !7 };
        self.asm.li(base, address);
        let ordering = self.random.field(4);
        if self.random.one_in(3) {
            // LR and SC to the same place, nothing between that the specification leaves open.
            let keep = if base == 31 { 30 } else { 31 };
            if !address.is_multiple_of(1 << width) {
                // The LR alone: whether the SC behind one that failed checks its alignment is open.
                return self.asm.word(r(0x2f, width, 2 << 2 | ordering, keep, base, ZERO));
            }
            self.asm.words(&[r(0x2f, width, 2 << 2 | ordering, keep, base, ZERO)]);
            self.asm.word(r(0x2f, width, 3 << 2 | ordering, rd, base, source));
            return;
        }
        let op = self.random.pick(&[0, 1, 3, 4, 8, 12, 16, 20, 24, 28]);
        if op == 3 {
            // Whether an SC that must fail checks its alignment first is left open.
            self.asm.li(base, address & !7);
        }
        self.asm.word(r(0x2f, width, op << 2 | ordering, rd, base, source));
    }

    fn float(&mut self) {
        let (fd, f1, f2) = (self.reg(), self.reg(), self.reg());
        let double = self.random.field(2);
        let rounding = self.random.pick(&[0, 1, 2, 3, 4, 7, 7, 7, 7, 5]);
        let op = |funct5: u32, funct3: u32, rs2: Reg| r(0x53, funct3, funct5 << 2 | double, fd, f1, rs2);
        let word = match self.random.below(12) {
            0..=2 => op(self.random.pick(&[0, 1, 2, 3]), rounding, f2),
            3 => op(0x0b, rounding, ZERO),
            4 => op(0x04, self.random.field(3), f2),
            5 => op(self.random.pick(&[0x05, 0x14]), self.random.field(2), f2),
            6 => op(0x14, 2, f2),
            7 => op(self.random.pick(&[0x18, 0x1a]), rounding, self.random.field(4)),
            8 => op(0x08, rounding, 1 - double),
            9 => op(self.random.pick(&[0x1c, 0x1c, 0x1e]), 0, ZERO),
            10 => op(0x1c, 1, ZERO),
            _ => {
                let (opcode, f3) = (self.random.pick(&[0x43, 0x47, 0x4b, 0x4f]), self.reg());
                self.float_operand(f3, double);
                r(opcode, rounding, f3 << 2 | double, fd, f1, f2)
            }
        };
        self.float_operand(f1, double);
        self.float_operand(f2, double);
        self.asm.word(word);
    }

    /// Mostly puts a number worth computing with into `fd`; left alone, registers soon hold nothing
    /// but NaNs.
    fn float_operand(&mut self, fd: Reg, double: u32) {
        if self.random.one_in(4) {
            return;
        }
        let (rd, value) = (1 + self.random.field(31), self.random.float(double == 1));
        self.asm.li(rd, value);
        // fmv.d.x, so that the box of a single-precision number is as it is given.
        self.asm.word(r(0x53, 0, 0x79, fd, rd, ZERO));
    }

    fn compressed(&mut self) {
        if self.random.one_in(3) {
            return self.compressed_memory();
        }
        let half = self.random.next() as u16;
        // Quadrant 1 and the register half of quadrant 2, without jumps and memory accesses.
        let in_quadrant_1 = half & 0xfffc | 1;
        let funct3 = half >> 13;
        let half = match funct3 {
            5..=7 => in_quadrant_1 & 0x1fff,
            4 if self.random.one_in(2) => {
                // c.mv and c.add; rs2 = 0 would be a jump or c.ebreak.
                half & 0xfffc & !0x7c | (1 + self.random.field(31) as u16) << 2 | 2
            }
            0 => half & 0xfffc | self.random.pick(&[0, 1, 2]),
            _ => in_quadrant_1,
        };
        self.asm.half(half);
    }

    fn compressed_memory(&mut self) {
        let address = self.address() & !7;
        let bits = self.random.next() as u16;
        let (base, half) = match self.random.below(4) {
            // c.fld, c.lw, c.ld, c.fsd, c.sw, c.sd with x8…x15 as base.
            0 | 1 => {
                let funct3 = self.random.pick(&[1, 2, 3, 5, 6, 7]);
                let base = self.random.field(8);
                (8 + base, funct3 << 13 | bits & 0x1c7c & !(7 << 7) | (base as u16) << 7)
            }
            // c.lwsp and c.ldsp (rd = 0 is reserved and so traps), c.swsp and c.sdsp.
            2 => (SP, self.random.pick(&[1, 2, 3]) << 13 | bits & 0x1ffc | 2),
            _ => (SP, self.random.pick(&[5, 6, 7]) << 13 | bits & 0x1ffc | 2),
        };
        self.asm.li(base, address);
        self.asm.half(half);
    }

    fn jump(&mut self) {
        let (rd, rs1, rs2) = (self.reg(), self.reg(), self.reg());
        let to = self.ahead();
        match self.random.below(8) {
            0 => self.asm.jal(rd, to),
            1 => {
                let base = 1 + self.random.field(31);
                self.asm.la(base, to);
                let odd = self.random.pick(&[0, 0, 1]);
                self.asm.word(i(0x67, 0, rd, base, odd));
            }
            _ => {
                let funct3 = self.random.pick(&[0, 1, 4, 5, 6, 7]);
                self.asm.branch(funct3, rs1, rs2, to);
            }
        }
    }

    fn compressed_jump(&mut self) {
        match self.random.below(4) {
            0 => {
                let to = self.ahead();
                self.asm.compressed_jump(C_J, to);
            }
            1 => {
                // c.jr and c.jalr.
                let (to, base) = (self.ahead(), 1 + self.random.field(31));
                self.asm.la(base, to);
                let link = self.random.pick(&[0x8002, 0x9002]);
                self.asm.half(link | (base as u16) << 7);
            }
            _ => {
                // Over one step: these do not reach far.
                let to = self.asm.label();
                self.pending.push((1, to));
                let (nonzero, register) = (self.random.field(2) as u16, self.random.field(8) as u16);
                self.asm.compressed_jump(c_branch(nonzero, register), to);
            }
        }
    }

    /// Reads of counters into `x0`, and writes of those that cannot be written.
    fn counter(&mut self) {
        let number = self.random.pick(&COUNTERS);
        let word = match self.random.below(4) {
            0 if number >= 0xc00 => csr(1, ZERO, number, RA),
            _ => csr(2, ZERO, number, ZERO),
        };
        self.asm.word(word);
    }

    fn csr(&mut self) {
        let number = self.random.pick(&CSRS);
        let (rd, rs1) = (self.reg(), 1 + self.random.field(31));
        if matches!(number, 0x300 | 0x100) {
            let bits = if number == 0x100 { MSTATUS_BITS & 0xc_0120 } else { MSTATUS_BITS };
            // FS is set whole, so that it is off or dirty, and less often cleared than set.
            let value = self.random.next() & bits & !(1 << 17 | FS);
            let (set, fs) = self.random.pick(&[(true, FS), (true, 0), (false, 0), (false, 0), (false, FS)]);
            // MPP never comes to hold the mode that does not exist: QEMU 7.2 keeps it.
            let value = match (set, value & 1 << 11, value & 1 << 12) {
                (true, _, high) => value | high >> 1,
                (false, low, _) => value | low << 1,
            };
            self.asm.li(rs1, value | fs);
            return self.asm.word(csr(if set { 2 } else { 3 }, rd, number, rs1));
        }
        if READ_ONLY_HERE.contains(&number) || self.random.one_in(3) {
            return self.asm.word(csr(self.random.pick(&[2, 3, 6, 7]), rd, number, ZERO));
        }
        if number == 0x302 {
            let value = medeleg(&mut self.random);
            self.asm.li(rs1, value);
            return self.asm.word(csr(1, rd, number, rs1));
        }
        let funct3 = self.random.pick(&[1, 2, 3, 5, 6, 7]);
        self.asm.word(csr(funct3, rd, number, rs1));
    }

    fn mode(&mut self) {
        if self.random.one_in(3) {
            return self.modified_privilege();
        }
        let mode = self.random.pick(&[0, 0, 1, 1, 3]);
        self.asm.li(A7, MODE_REQUEST + mode);
        self.asm.word(ECALL);
    }

    /// A load or store in M-mode with the rights of MPP; from below, three illegal instructions.
    fn modified_privilege(&mut self) {
        let (base, other) = (1 + self.random.field(31), self.reg());
        let mpp = self.random.pick(&[0u64, 1 << 11, 3 << 11]);
        let (address, bits) = (self.address(), self.random.next() & (1 << 18 | 1 << 19));
        self.asm.li(base, 3 << 11 | 1 << 18 | 1 << 19);
        self.asm.word(csr(3, ZERO, 0x300, base));
        self.asm.li(base, mpp | bits | 1 << 17);
        self.asm.word(csr(2, ZERO, 0x300, base));
        // Two bases, so that the second access happens under the same rights.
        self.asm.li(base, address);
        let word = if self.random.one_in(2) {
            i(0x03, self.random.field(7), other, base, 0)
        } else {
            s(self.random.field(4), base, other, 0)
        };
        self.asm.word(word);
        self.asm.li(base, 1 << 17);
        self.asm.word(csr(3, ZERO, 0x300, base));
    }

    /// `mret` or `sret` to the next instruction, with a random previous privilege.
    fn return_from_trap(&mut self) {
        let base = 1 + self.random.field(31);
        let next = self.asm.label();
        let machine = self.random.one_in(2);
        let (epc, instruction) = if machine { (0x341, MRET) } else { (0x141, SRET) };
        self.asm.la(base, next);
        self.asm.word(csrw(epc, base));
        self.asm.word(instruction);
        self.asm.bind(next);
    }

    /// Words that mean nothing, or mean a trap.
    fn odd_word(&mut self) {
        let filler = self.random.next() as u32 & 0xffff_ff80;
        let word = match self.random.below(8) {
            0 => EBREAK,
            1 => filler | 0x0b & 0x7f,
            2 => filler | 0x2b,
            3 => filler | 0x5b,
            4 => filler | 0x7b,
            5 => 0,
            6 => filler & !0x7000 | 0x4073,
            _ => filler & 0x01ff_ff80 | 0x7e00_0033,
        };
        if self.random.one_in(6) {
            return self.asm.half(self.random.pick(&[0x9002, 0x0000, 0x8002, 0x6101 & !0x107c]));
        }
        self.asm.word(word);
    }

    fn fence(&mut self) {
        let (rs1, rs2) = (self.reg(), self.reg());
        // SFENCE.W.INVAL and SFENCE.INVAL.IR are no part of it: QEMU 7.2 lets U-mode execute them.
        let word = match self.random.below(5) {
            0 => FENCE,
            1 => FENCE_I,
            2 => sfence_vma(rs1, rs2),
            3 => sinval_vma(rs1, rs2),
            _ => sfence_vma(self.random.pick(&[ZERO, rs1]), self.random.pick(&[ZERO, rs2])),
        };
        self.asm.word(word);
    }
}

/// `slti x0, x0, n` is a tracepoint here and a no-op everywhere; nothing to avoid but the noise.
fn avoid_hint(rd: Reg, imm: i32) -> i32 {
    if rd == ZERO { imm | 1 } else { imm }
}
