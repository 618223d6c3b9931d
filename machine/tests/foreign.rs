//! A small kernel of somebody else's, in assembly, without symbols and without tracepoints: what it does
//! with its page tables is seen all the same, whoever does it, and so are its mistakes.

use faultline_abi::board::DRAM_BASE;
use faultline_abi::{PAGE_SIZE, Ppn};
use faultline_machine::boot::MachineConfig;
use faultline_machine::detect::{Detectors, Watched};
use faultline_machine::encode::encode;
use faultline_machine::event::{Detector, Event, What};
use faultline_machine::hart::Privilege;
use faultline_machine::insn::{Insn, Op};
use faultline_machine::loader::{LoadedProgram, Symbols};
use faultline_machine::machine::{Machine, RunEnd};
use faultline_machine::recorder::{Events, Recording};
use faultline_machine::spaces::{NamedAfter, Spaces};

const ZERO: u8 = 0;
const T0: u8 = 5;
const T1: u8 = 6;
const T2: u8 = 7;
/// Start of memory.
const S0: u8 = 8;
const A0: u8 = 10;
const A1: u8 = 11;
/// Page faults so far.
const FAULTS: u8 = 30;
/// Calls so far.
const CALLS: u8 = 31;

const HANDLER: i32 = 0x200;
const SUPERVISOR: i32 = 0x600;
const OTHER_HART: i32 = 0x700;

/// Pages of the image, counted from the start of memory.
const USER_CODE: u64 = 1;
const FLAG: i32 = 3;
const ONE: u64 = 4;
const TWO: u64 = 7;
const SHARED: u64 = 12;

const MSTATUS: u16 = 0x300;
const MTVEC: u16 = 0x305;
const MEPC: u16 = 0x341;
const MCAUSE: u16 = 0x342;
const SATP: u16 = 0x180;

/// A list of instructions.
#[derive(Default)]
struct Code(Vec<u32>);

impl Code {
    fn put(&mut self, op: Op, rd: u8, rs1: u8, rs2: u8, imm: i32) -> &mut Self {
        self.0.push(encode(Insn { op, rd, rs1, rs2, imm }));
        self
    }

    fn imm(&mut self, op: Op, rd: u8, rs1: u8, imm: i32) -> &mut Self {
        self.put(op, rd, rs1, ZERO, imm)
    }

    fn lui(&mut self, rd: u8, pages: i32) -> &mut Self {
        self.imm(Op::Lui, rd, ZERO, pages << 12)
    }

    fn csrw(&mut self, csr: u16, rs1: u8) -> &mut Self {
        self.imm(Op::Csrrw, ZERO, rs1, csr.into())
    }

    fn csrr(&mut self, rd: u8, csr: u16) -> &mut Self {
        self.imm(Op::Csrrs, rd, ZERO, csr.into())
    }

    /// The address of a page of the image.
    fn page(&mut self, rd: u8, page: i32) -> &mut Self {
        self.lui(rd, page).put(Op::Add, rd, rd, S0, 0)
    }

    /// Stores an entry for a frame into a table, both by their page.
    fn map(&mut self, table: u64, index: i32, frame: u64) -> &mut Self {
        let number = |page: u64| i32::try_from(page).unwrap();
        self.page(T1, number(table)).imm(Op::Srli, T2, S0, 12).imm(Op::Addi, T2, T2, number(frame));
        self.imm(Op::Slli, T2, T2, 10).imm(Op::Ori, T2, T2, 0xd7);
        self.put(Op::Sd, 0, T1, T2, index * 8)
    }

    fn satp(&mut self, root: u64) -> &mut Self {
        self.imm(Op::Srli, T0, S0, 12).imm(Op::Addi, T0, T0, i32::try_from(root).unwrap());
        self.imm(Op::Addi, T1, ZERO, 8).imm(Op::Slli, T1, T1, 60).put(Op::Or, T0, T0, T1, 0).csrw(SATP, T0)
    }

    /// Into U-mode, at the start of the program.
    fn enter_user(&mut self) -> &mut Self {
        self.lui(T0, 1).csrw(MEPC, T0).csrw(MSTATUS, ZERO).put(Op::Mret, 0, 0, 0, 0)
    }

    /// Goes over the next `count` instructions unless the two are equal.
    fn unless_equal(&mut self, a: u8, b: u8, count: i32) -> &mut Self {
        self.put(Op::Bne, 0, a, b, 4 * (count + 1))
    }
}

fn start() -> Code {
    let mut code = Code::default();
    code.imm(Op::Auipc, S0, ZERO, 0).csrr(T0, 0xf14);
    code.imm(Op::Addi, T1, S0, OTHER_HART).unless_equal(T0, ZERO, 1).put(Op::Jal, ZERO, 0, 0, 8);
    code.imm(Op::Jalr, ZERO, T1, 0);
    code.imm(Op::Addi, T0, S0, HANDLER).csrw(MTVEC, T0);
    code.imm(Op::Addi, T0, ZERO, -1).csrw(0x3b0, T0).imm(Op::Addi, T0, ZERO, 0x1f).csrw(0x3a0, T0);
    code.satp(ONE).enter_user();
    code
}

/// Calls from U-mode: the first changes an entry without a fence and lets the other hart go, the second changes
/// the address space, the third goes on in S-mode, which calls to end everything. A page fault is not
/// dealt with the first time; after that its instruction is left out.
fn handler() -> Code {
    let mut stages = [Code::default(), Code::default(), Code::default()];
    stages[0].map(ONE + 2, 6, 15).page(T1, FLAG).put(Op::Sw, 0, T1, T1, 0).enter_user();
    stages[1].satp(TWO).enter_user();
    stages[2].lui(T0, 1).imm(Op::Addi, T0, T0, -0x800).csrw(MSTATUS, T0);
    stages[2].imm(Op::Addi, T0, S0, SUPERVISOR).csrw(MEPC, T0).put(Op::Mret, 0, 0, 0, 0);
    let mut off = Code::default();
    off.lui(T0, 0x100).lui(T1, 5).imm(Op::Addi, T1, T1, 0x555).put(Op::Sw, 0, T0, T1, 0);
    let mut fault = Code::default();
    fault.imm(Op::Addi, FAULTS, FAULTS, 1).imm(Op::Addi, T1, ZERO, 2).put(Op::Blt, 0, FAULTS, T1, 16);
    fault.csrr(T0, MEPC).imm(Op::Addi, T0, T0, 4).csrw(MEPC, T0).put(Op::Mret, 0, 0, 0, 0);

    let mut code = Code::default();
    let length = |code: &Code| i32::try_from(code.0.len()).unwrap();
    let calls: i32 = stages.iter().map(|stage| length(stage) + 2).sum();
    code.csrr(T0, MCAUSE).imm(Op::Addi, T1, ZERO, 8).unless_equal(T0, T1, calls + 1);
    code.imm(Op::Addi, CALLS, CALLS, 1);
    for (stage, number) in stages.iter().zip(1..) {
        code.imm(Op::Addi, T1, ZERO, number).unless_equal(CALLS, T1, length(stage));
        code.0.extend(&stage.0);
    }
    code.imm(Op::Addi, T1, ZERO, 9).unless_equal(T0, T1, length(&off));
    code.0.extend(&off.0);
    code.0.extend(&fault.0);
    code
}

/// Maps a page, and waits until the other hart has done its part.
fn supervisor() -> Code {
    let mut code = Code::default();
    code.map(ONE + 2, 7, SHARED);
    code.page(T1, FLAG).imm(Op::Lw, T2, T1, 8).put(Op::Beq, 0, T2, ZERO, -4);
    code.put(Op::Ecall, 0, 0, 0, 0);
    code
}

/// Waits for the flag, maps a page, says so, and does nothing more.
fn other_hart() -> Code {
    let mut code = Code::default();
    code.page(T1, FLAG).imm(Op::Lw, T2, T1, 0).put(Op::Beq, 0, T2, ZERO, -4);
    code.map(ONE + 2, 8, 13).page(T1, FLAG).put(Op::Sw, 0, T1, T1, 8).put(Op::Jal, ZERO, 0, 0, 0);
    code
}

fn user() -> Code {
    let mut code = Code::default();
    code.lui(A0, 5).put(Op::Sw, 0, A0, ZERO, 0);
    code.lui(A0, 6).imm(Op::Lw, A1, A0, 0);
    code.lui(A0, 10).imm(Op::Lw, A1, A0, 0);
    code.put(Op::Ecall, 0, 0, 0, 0);
    code
}

fn frame(page: u64) -> Ppn {
    Ppn::new(DRAM_BASE / PAGE_SIZE + page)
}

fn image() -> Vec<u8> {
    let mut image = vec![0; 20 * 4096];
    let mut put = |at: usize, code: &Code| {
        let bytes: Vec<u8> = code.0.iter().flat_map(|word| word.to_le_bytes()).collect();
        image[at..at + bytes.len()].copy_from_slice(&bytes);
    };
    let at = |offset: i32| usize::try_from(offset).unwrap();
    put(0, &start());
    put(at(HANDLER), &handler());
    put(at(SUPERVISOR), &supervisor());
    put(at(OTHER_HART), &other_hart());
    put(4096, &user());
    let mut entry = |table: u64, index: u64, page: u64, flags: u64| {
        let pte = frame(page).get() << 10 | flags;
        let at = usize::try_from(table * PAGE_SIZE + index * 8).unwrap();
        image[at..at + 8].copy_from_slice(&pte.to_le_bytes());
    };
    for (root, own) in [(ONE, 13), (TWO, 16)] {
        entry(root, 0, root + 1, 1);
        entry(root, 2, 0, 0xcf);
        entry(root + 1, 0, root + 2, 1);
        entry(root + 2, 1, USER_CODE, 0x5b);
        entry(root + 2, 5, SHARED, 0xd7);
        entry(root + 2, 6, own, 0xd7);
    }
    entry(ONE + 2, 9, 14, 0xdf);
    image
}

fn run() -> (Machine, Vec<Event>) {
    let program = LoadedProgram::from_raw(image()).unwrap();
    let config = MachineConfig { memory_mib: 2, harts: 2, ..MachineConfig::default() };
    let mut machine = Machine::new(config, &program).unwrap();
    let (mut recording, mut detectors) = (Recording::default(), Detectors::default());
    let mut watched = Watched { sink: &mut recording, detectors: &mut detectors };
    let end = machine.run(100_000, &mut Events(&mut watched));
    assert!(matches!(end, RunEnd::Exited(code) if code.0 == 0), "{end:?}");
    (machine, recording.events().to_vec())
}

#[test]
fn entries_are_seen_whoever_writes_them() {
    let (_, events) = run();
    let writes: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.what {
            What::Pte(change) => Some((event.hart, event.mode, change.va?.get(), change.root)),
            _ => None,
        })
        .collect();
    let machine = Privilege::Machine;
    for expected in [
        (0, machine, 0x6000, frame(ONE)),
        (0, Privilege::Supervisor, 0x7000, frame(ONE)),
        (1, machine, 0x8000, frame(ONE)),
    ] {
        assert!(writes.contains(&expected), "{expected:?} in {writes:?}");
    }
    assert_eq!(writes.len(), 3);
}

#[test]
fn mistakes_are_found_without_a_word_from_the_kernel() {
    let (_, events) = run();
    let mut found: Vec<_> = events
        .iter()
        .filter_map(|event| match &event.what {
            What::Warning(warning) => Some((warning.detector, warning.va.map_or(0, |va| va.get()))),
            _ => None,
        })
        .collect();
    found.sort();
    found.dedup();
    let expected = [
        (Detector::StaleTranslation, 0x6000),
        (Detector::RepeatedFault, 0xa000),
        (Detector::WritableInTwo, 0x5000),
        (Detector::WritableExecutable, 0x9000),
    ];
    for warning in expected {
        assert!(found.contains(&warning), "{warning:?} in {found:?}");
    }
    assert_eq!(found.len(), expected.len(), "{found:?}");
}

#[test]
fn address_spaces_and_sharers_are_read_from_satp_and_memory() {
    let (machine, events) = run();
    let report = Spaces::of(&events).report(machine.ram(), &Symbols::default());
    let roots: Vec<_> = report.spaces.iter().map(|space| space.root).collect();
    assert_eq!(roots, [frame(ONE), frame(TWO)]);
    for (space, (user_pages, shared)) in report.spaces.iter().zip([(6, 3), (3, 2)]) {
        assert_eq!(
            (&*space.name, space.named_after),
            (&*format!("root {}", space.root.base()), NamedAfter::Frame)
        );
        let contents = space.contents.unwrap();
        assert_eq!((contents.tables, contents.kernel_leaves), (3, 1));
        assert_eq!((contents.user_pages, contents.shared), (user_pages, shared));
    }
    let sharers: Vec<_> = report.shared.iter().map(|shared| (shared.frame, shared.users.len())).collect();
    assert_eq!(sharers, [(frame(USER_CODE), 2), (frame(SHARED), 3)], "one of them maps the frame twice");
}
