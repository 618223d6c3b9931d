//! The programs, assembled here, and the machines that are about to run them.

use faultline_abi::{PAGE_SIZE, PhysAddr, Ppn, VirtAddr, board::DRAM_BASE, sv39};
use faultline_machine::{
    csr::number as csr,
    device::Board,
    encode::encode,
    insn::{Insn, Op},
    machine::Machine,
    ram::Ram,
};

const MEMORY: u64 = 128 << 20;
/// Page tables begin here.
const TABLES: u64 = DRAM_BASE + (16 << 20);
/// Data of the integer work: 200 nodes of a list, and two matrices of 20 times 20 half words.
const LIST: u64 = DRAM_BASE + 0x10_0000;
const MATRICES: u64 = LIST + 0x4000;
/// The handler of the fault storm, the place where it saves registers, its stack.
const HANDLER: u64 = DRAM_BASE + 0x2000;
const SAVED: u64 = DRAM_BASE + 0x20_0000;
/// Where the storm touches pages: so many in turn, then all are unmapped.
const STORM: u64 = 0x4000_0000;
const STORM_PAGES: i32 = 512;
/// The frames that the storm maps, over and over: few enough that the host has given memory to all of
/// them before the clock starts.
const FRAMES: u64 = DRAM_BASE + (32 << 20);
const FRAMES_END: u64 = FRAMES + (8 << 20);

const ZERO: u8 = 0;
const SP: u8 = 2;
const T0: u8 = 5;
const T1: u8 = 6;
const T2: u8 = 7;
const S0: u8 = 8;
const S1: u8 = 9;
const A0: u8 = 10;
const A1: u8 = 11;
const A2: u8 = 12;
const A3: u8 = 13;
const A4: u8 = 14;
const A5: u8 = 15;
const S2: u8 = 18;
const S3: u8 = 19;

/// Integer work in M-mode.
pub(super) fn integer_in_machine_mode() -> Machine {
    let mut code = Code::default();
    integer(&mut code);
    machine(&[(DRAM_BASE, code)], |_| {})
}

/// The same in S-mode, all of memory mapped in pages of 4 KiB.
pub(super) fn integer_under_sv39() -> Machine {
    let mut code = Code::default();
    enter(&mut code, csr::STVEC, 1);
    integer(&mut code);
    machine(&[(DRAM_BASE, code)], |ram| map_all(ram, "DAXWRV"))
}

/// A storm of page faults from U-mode.
pub(super) fn fault_storm() -> Machine {
    let (mut user, mut handler) = (Code::default(), Code::default());
    enter(&mut user, csr::STVEC, 0);
    touch(&mut user);
    handle(&mut handler);
    machine(&[(DRAM_BASE, user), (HANDLER, handler)], |ram| {
        map_all(ram, "DAXWRV");
        // The page of the user program, and the table that the handler fills.
        map(ram, DRAM_BASE, leaf(DRAM_BASE, "DAXRUV"));
        map(ram, STORM, 0);
    })
}

fn machine(programs: &[(u64, Code)], setup: impl FnOnce(&mut Ram)) -> Machine {
    let mut ram = Ram::new(usize::try_from(MEMORY).expect("fits"));
    for (at, code) in programs {
        let bytes: Vec<u8> = code.words().iter().flat_map(|word| word.to_le_bytes()).collect();
        ram.write(PhysAddr::new(*at), &bytes).expect("inside memory");
    }
    for node in 0..200 {
        let next = if node == 199 { 0 } else { LIST + (node * 7 + 7) % 200 * 16 };
        poke(&mut ram, LIST + node * 7 % 200 * 16, next);
        poke(&mut ram, LIST + node * 7 % 200 * 16 + 8, node * 37);
    }
    for half in 0..800 {
        ram.write(PhysAddr::new(MATRICES + half * 2), &[half.to_le_bytes()[0], 0]).expect("inside memory");
    }
    setup(&mut ram);
    Machine::from_parts(ram, Board::new(1, None), DRAM_BASE)
}

fn poke(ram: &mut Ram, at: u64, value: u64) {
    ram.write(PhysAddr::new(at), &value.to_le_bytes()).expect("inside memory");
}

/// From M-mode to the next instruction in privilege `mode` under Sv39, faults delegated to [`HANDLER`].
fn enter(code: &mut Code, vector: u16, mode: i32) {
    code.li(T0, -1).csrw(csr::PMPADDR0, T0).li(T0, 0x1f).csrw(csr::PMPCFG0, T0);
    code.li(T0, -1).csrw(csr::MEDELEG, T0);
    code.lui(T0, HANDLER).csrw(vector, T0);
    code.lui(T0, SAVED).csrw(csr::SSCRATCH, T0);
    code.li(T0, 8).shift(Op::Slli, T0, T0, 60).lui(T1, TABLES).shift(Op::Srli, T1, T1, 12);
    code.reg(Op::Add, T0, T0, T1).csrw(csr::SATP, T0);
    code.li(T0, 3).shift(Op::Slli, T0, T0, 11);
    code.push(Insn { rs1: T0, imm: csr::MSTATUS.into(), ..Insn::plain(Op::Csrrc) });
    code.li(T0, mode).shift(Op::Slli, T0, T0, 11);
    code.push(Insn { rs1: T0, imm: csr::MSTATUS.into(), ..Insn::plain(Op::Csrrs) });
    // mepc: four instructions on.
    code.push(Insn { rd: T0, ..Insn::plain(Op::Auipc) });
    code.imm(Op::Addi, T0, T0, 16).csrw(csr::MEPC, T0);
    code.push(Insn::plain(Op::Mret));
}

/// For ever: a checksum over a list, bit by bit, and a product of two matrices.
fn integer(code: &mut Code) {
    code.lui(S3, 0xa000).imm(Op::Addi, S3, S3, 1);
    let start = code.here();
    code.lui(A0, LIST);
    let node = code.here();
    code.imm(Op::Lh, A2, A0, 8).li(A3, 16);
    let bit = code.here();
    code.reg(Op::Xor, T0, A1, A2).imm(Op::Andi, T0, T0, 1);
    code.shift(Op::Srli, A1, A1, 1).shift(Op::Srli, A2, A2, 1);
    let even = code.forward(Op::Beq, T0, ZERO);
    code.reg(Op::Xor, A1, A1, S3).land(even);
    code.imm(Op::Addi, A3, A3, -1).back(Op::Bne, A3, ZERO, bit);
    code.imm(Op::Ld, A0, A0, 0).back(Op::Bne, A0, ZERO, node);
    // Rows, columns, and along them.
    code.lui(S0, MATRICES).li(S1, 20);
    let row = code.here();
    code.lui(S2, MATRICES).imm(Op::Addi, S2, S2, 800).li(A5, 20);
    let column = code.here();
    code.imm(Op::Addi, A2, S0, 0).imm(Op::Addi, A3, S2, 0).li(A4, 20).li(T2, 0);
    let cell = code.here();
    code.imm(Op::Lh, T0, A2, 0).imm(Op::Lh, T1, A3, 0).reg(Op::Mulw, T0, T0, T1).reg(Op::Addw, T2, T2, T0);
    code.imm(Op::Addi, A2, A2, 2).imm(Op::Addi, A3, A3, 40);
    code.imm(Op::Addi, A4, A4, -1).back(Op::Bne, A4, ZERO, cell);
    code.store(Op::Sw, T2, 1600, S0);
    code.imm(Op::Addi, S2, S2, 2).imm(Op::Addi, A5, A5, -1).back(Op::Bne, A5, ZERO, column);
    code.imm(Op::Addi, S0, S0, 40).imm(Op::Addi, S1, S1, -1).back(Op::Bne, S1, ZERO, row);
    code.jump(start);
}

/// Touches [`STORM_PAGES`] pages, asks for them to be unmapped, and begins again.
fn touch(code: &mut Code) {
    let start = code.here();
    code.lui(A0, STORM).li(A1, STORM_PAGES).lui(A2, PAGE_SIZE);
    let page = code.here();
    code.store(Op::Sd, A1, 0, A0).reg(Op::Add, A0, A0, A2);
    code.imm(Op::Addi, A1, A1, -1).back(Op::Bne, A1, ZERO, page);
    code.push(Insn::plain(Op::Ecall));
    code.jump(start);
}

/// Saves 31 registers; maps the next frame where a page fault happened, or unmaps all pages; restores
/// and returns.
fn handle(code: &mut Code) {
    let others = || (1..32).filter(|&register| register != SP);
    let swap = Insn { rd: SP, rs1: SP, imm: csr::SSCRATCH.into(), ..Insn::plain(Op::Csrrw) };
    code.push(swap);
    others().for_each(|register| {
        code.store(Op::Sd, register, i32::from(register) * 8, SP);
    });
    code.csrr(T0, csr::SSCRATCH).store(Op::Sd, T0, 16, SP);
    code.csrr(A0, csr::SCAUSE).csrr(A1, csr::STVAL).csrr(A2, csr::SEPC);
    code.imm(Op::Addi, T0, A0, -8);
    // A call: clears the table. The level-0 table of the storm is the last one made.
    code.lui(A3, TABLES + 67 * PAGE_SIZE);
    let fault = code.forward(Op::Bne, T0, ZERO);
    code.li(T1, STORM_PAGES);
    let entry = code.here();
    code.store(Op::Sd, ZERO, 0, A3).imm(Op::Addi, A3, A3, 8);
    code.imm(Op::Addi, T1, T1, -1).back(Op::Bne, T1, ZERO, entry);
    code.imm(Op::Addi, A2, A2, 4);
    let done = code.forward(Op::Beq, ZERO, ZERO);
    // A fault: the next frame, its entry, the fence.
    code.land(fault);
    code.lui(T2, SAVED).imm(Op::Ld, T0, T2, 512).lui(T1, PAGE_SIZE).reg(Op::Add, T1, T0, T1);
    code.lui(A4, FRAMES_END);
    let in_range = code.forward(Op::Bltu, T1, A4);
    code.lui(T1, FRAMES).land(in_range);
    code.store(Op::Sd, T1, 512, T2);
    code.shift(Op::Srli, A4, A1, 12).imm(Op::Andi, A4, A4, 0x1ff).shift(Op::Slli, A4, A4, 3);
    code.reg(Op::Add, A3, A3, A4).shift(Op::Srli, T0, T0, 2).imm(Op::Ori, T0, T0, 0x17);
    code.store(Op::Sd, T0, 0, A3);
    code.push(Insn { rs1: A1, ..Insn::plain(Op::SfenceVma) });
    code.land(done).csrw(csr::SEPC, A2);
    others().for_each(|register| {
        code.imm(Op::Ld, register, SP, i32::from(register) * 8);
    });
    code.push(swap);
    code.push(Insn::plain(Op::Sret));
}

/// Maps all of memory where it is, in pages of 4 KiB, and the registers of the storm's table.
fn map_all(ram: &mut Ram, flags: &str) {
    for page in 0..MEMORY / PAGE_SIZE {
        let at = DRAM_BASE + page * PAGE_SIZE;
        map(ram, at, leaf(at, flags));
    }
    poke(ram, SAVED + 512, FRAMES);
}

/// Writes one level-0 entry; makes the tables above it: the root stands at [`TABLES`], then the table of
/// level 1 for memory, its 64 tables of level 0, and those of the storm.
fn map(ram: &mut Ram, va: u64, entry: u64) {
    let va = VirtAddr::new(va);
    let (level1, level0) = if va.get() >= DRAM_BASE { (1, 2 + va.vpn(1) as u64) } else { (66, 67) };
    let table = |number: u64| TABLES + number * PAGE_SIZE;
    poke(ram, table(0) + va.vpn(2) as u64 * 8, leaf(table(level1), "V"));
    poke(ram, table(level1) + va.vpn(1) as u64 * 8, leaf(table(level0), "V"));
    poke(ram, table(level0) + va.vpn(0) as u64 * 8, entry);
}

fn leaf(pa: u64, flags: &str) -> u64 {
    let bit = |letter| "VRWXUGAD".find(letter).expect("a flag");
    let flags: u64 = flags.chars().map(|letter| 1 << bit(letter)).sum();
    sv39::Pte::from_raw(Ppn::new(pa / PAGE_SIZE).get() << 10 | flags).raw()
}

/// Instructions, one behind the other.
#[derive(Default)]
struct Code(Vec<Insn>);

impl Code {
    fn words(&self) -> Vec<u32> {
        self.0.iter().map(|&insn| encode(insn)).collect()
    }

    fn push(&mut self, insn: Insn) -> &mut Self {
        self.0.push(insn);
        self
    }

    /// The place of the next instruction.
    fn here(&self) -> usize {
        self.0.len()
    }

    /// The distance from the next instruction to `place`, in bytes.
    fn to(&self, place: usize) -> i32 {
        let count = |place: usize| i32::try_from(place).expect("a short program");
        (count(place) - count(self.here())) * 4
    }

    fn imm(&mut self, op: Op, rd: u8, rs1: u8, imm: i32) -> &mut Self {
        self.push(Insn { rd, rs1, imm, ..Insn::plain(op) })
    }

    fn shift(&mut self, op: Op, rd: u8, rs1: u8, amount: i32) -> &mut Self {
        self.imm(op, rd, rs1, amount)
    }

    fn li(&mut self, rd: u8, value: i32) -> &mut Self {
        self.imm(Op::Addi, rd, ZERO, value)
    }

    /// Loads a page-aligned address below 4 GiB: LUI sign-extends, so the upper half is cleared again.
    fn lui(&mut self, rd: u8, address: u64) -> &mut Self {
        let low = u32::try_from(address).expect("below 4 GiB").cast_signed();
        self.push(Insn { rd, imm: low, ..Insn::plain(Op::Lui) });
        if low < 0 { self.shift(Op::Slli, rd, rd, 32).shift(Op::Srli, rd, rd, 32) } else { self }
    }

    fn reg(&mut self, op: Op, rd: u8, rs1: u8, rs2: u8) -> &mut Self {
        self.push(Insn { rd, rs1, rs2, ..Insn::plain(op) })
    }

    fn store(&mut self, op: Op, rs2: u8, imm: i32, rs1: u8) -> &mut Self {
        self.push(Insn { rs1, rs2, imm, ..Insn::plain(op) })
    }

    /// A branch whose target comes later; [`Code::land`] fixes it there.
    fn forward(&mut self, op: Op, rs1: u8, rs2: u8) -> usize {
        self.push(Insn { rs1, rs2, ..Insn::plain(op) });
        self.here() - 1
    }

    fn land(&mut self, branch: usize) -> &mut Self {
        self.0[branch].imm = -self.to(branch);
        self
    }

    /// A branch to an earlier place.
    fn back(&mut self, op: Op, rs1: u8, rs2: u8, place: usize) -> &mut Self {
        let imm = self.to(place);
        self.push(Insn { rs1, rs2, imm, ..Insn::plain(op) })
    }

    fn jump(&mut self, place: usize) -> &mut Self {
        let imm = self.to(place);
        self.push(Insn { imm, ..Insn::plain(Op::Jal) })
    }

    fn csrw(&mut self, csr: u16, rs1: u8) -> &mut Self {
        self.push(Insn { rs1, imm: csr.into(), ..Insn::plain(Op::Csrrw) })
    }

    fn csrr(&mut self, rd: u8, csr: u16) -> &mut Self {
        self.push(Insn { rd, imm: csr.into(), ..Insn::plain(Op::Csrrs) })
    }
}
