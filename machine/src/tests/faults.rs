//! What faults leave behind, and what the observer is told.

use super::{asm::*, *};
use crate::{insn::Op, trap::Exception};

#[test]
fn an_illegal_instruction_leaves_its_bits() {
    for (word, bits) in
        [(0xffff_ffff, 0xffff_ffff), (0x0000_0000, 0), (0x0001_4002, 0x4002), (0x7c00_2573, 0x7c00_2573)]
    {
        let mut bench = Bench::new(&[word]);
        bench.run(1);
        assert_eq!(bench.machine_trap(), (2, bits, CODE), "{word:#x}");
    }
}

#[test]
fn a_breakpoint_leaves_no_value_as_on_qemu() {
    for word in [plain(Op::Ebreak), 0x9002] {
        let mut bench = Bench::new(&[word]);
        bench.run(1);
        assert_eq!(bench.machine_trap(), (3, 0, CODE));
    }
}

#[test]
fn calls_name_the_privilege_that_called() {
    for (mode, cause) in [(Privilege::User, 8), (Privilege::Supervisor, 9), (Privilege::Machine, 11)] {
        let mut bench = Bench::new(&[plain(Op::Ecall)]);
        bench.hart().mode = mode;
        bench.run(1);
        assert_eq!(bench.machine_trap(), (cause, 0, CODE));
    }
}

#[test]
fn a_trap_is_a_step_but_no_retired_instruction() {
    let mut bench = Bench::new(&[nop(), plain(Op::Ecall)]);
    bench.run(2);
    assert_eq!((bench.machine.instret(), bench.machine.step_count()), (1, 2));
}

#[test]
fn a_page_fault_is_reported_with_its_walk_and_position() {
    let mut bench = Bench::user(&[nop(), imm(Op::Ld, A0, A1, 8)]);
    bench.map(0x4000, DATA, "");
    let entry = bench.entry(0x4000);
    let log = bench.set(A1, 0x4000).watch(2);
    let [Seen::Trap(cx, cause, tval, Some(walk))] = log.events.as_slice() else { panic!("{log:?}") };
    assert_eq!(*cause, Cause::Exception(Exception::LoadPage));
    assert_eq!((*tval, cx.instret, cx.step, cx.mode, cx.pc.get()), (0x4008, 1, 1, Privilege::User, 0x1004));
    let levels: Vec<u32> = walk.steps.iter().map(|step| step.level).collect();
    assert_eq!(levels, [2, 1, 0]);
    assert_eq!(walk.steps[2].pte_addr.get(), entry);
}

#[test]
fn tracepoints_carry_their_number_and_six_registers_in_every_mode() {
    for mode in [Privilege::User, Privilege::Machine] {
        let mut bench =
            if mode == Privilege::User { Bench::user(&[0x0050_2013]) } else { Bench::new(&[0x0050_2013]) };
        for register in 10..16 {
            bench.set(register, register.into());
        }
        let log = bench.watch(1);
        let [Seen::Point(cx, number, arguments)] = log.events.as_slice() else { panic!("{log:?}") };
        assert_eq!((cx.mode, *number, *arguments), (mode, 5, [10, 11, 12, 13, 14, 15]));
    }
}

#[test]
fn sfence_vma_reports_all_four_of_its_forms() {
    let program = [
        reg(Op::SfenceVma, ZERO, ZERO, ZERO),
        reg(Op::SfenceVma, ZERO, A0, ZERO),
        reg(Op::SfenceVma, ZERO, ZERO, A1),
        reg(Op::SfenceVma, ZERO, A0, A1),
    ];
    let mut bench = Bench::supervisor(&program);
    let log = bench.set(A0, 0x5000).set(A1, 3).watch(4);
    let page = Some(VirtAddr::new(0x5000));
    let fences: Vec<_> = log
        .events
        .iter()
        .filter_map(|event| if let Seen::Fence(_, va, asid) = event { Some((*va, *asid)) } else { None })
        .collect();
    assert_eq!(fences, [(None, None), (page, None), (None, Some(3)), (page, Some(3))]);
}

#[test]
fn output_is_reported_and_power_off_ends_every_run() {
    let mut bench = Bench::new(&[store(Op::Sb, A0, 0, A1), store(Op::Sw, A2, 0, A3), nop()]);
    bench.set(A0, 0x41).set(A1, CONSOLE).set(A2, 3).set(A3, POWER);
    let mut log = Log::default();
    assert_eq!(bench.machine.run(100, &mut log), RunEnd::Exited(ExitCode(3)));
    assert_eq!(bench.machine.run(100, &mut log), RunEnd::Exited(ExitCode(3)));
    assert_eq!(bench.machine.step_count(), 2);
    assert!(matches!(log.events.as_slice(), [Seen::Byte(_, 0x41)]));
}

#[test]
fn a_program_prints_and_calls_through_tohost_and_is_answered() {
    const TOHOST: u64 = DATA + 0x1000;
    const FROMHOST: u64 = DATA + 0x1040;
    let mut bench = Bench::new(&[
        store(Op::Sd, A0, 0, T0),
        imm(Op::Ld, A2, T0, 0),
        store(Op::Sd, A1, 0, T0),
        imm(Op::Ld, A3, T0, 0x40),
        imm(Op::Ld, T1, A1, 0),
    ]);
    bench.machine.watch_tohost(PhysAddr::new(TOHOST), Some(PhysAddr::new(FROMHOST)));
    bench.bytes(DATA, b"text");
    for (index, value) in [64, 1, DATA, 4].into_iter().zip(0..).map(|(value, index)| (index, value)) {
        bench.poke(DATA + 0x100 + 8 * index, value);
    }
    bench.set(T0, TOHOST).set(A0, 0x0101_0000_0000_0041).set(A1, DATA + 0x100).set(A2, 9);
    let log = bench.watch(5);
    let said = log.events.iter().map(|event| if let Seen::Byte(_, byte) = event { *byte } else { 0 });
    assert_eq!(said.collect::<Vec<_>>(), b"Atext");
    assert_eq!((bench.x(A2), bench.x(A3), bench.x(T1)), (0, 1, 4), "taken, answered, four bytes");
    bench.poke(DATA + 0x100, 93);
    bench.poke(DATA + 0x108, 3);
    bench.hart().pc = CODE + 8;
    assert_eq!(bench.machine.run(1, &mut NoObserver), RunEnd::Exited(ExitCode(3)));
}

#[test]
fn an_odd_value_in_tohost_ends_the_run() {
    let mut bench =
        Bench::new(&[store(Op::Sw, A0, 8, A1), store(Op::Sw, A2, 8, A1), store(Op::Sw, A3, 8, A1)]);
    bench.machine.watch_tohost(PhysAddr::new(DATA + 8), None);
    bench.set(A0, 0).set(A1, DATA).set(A2, 6).set(A3, 7);
    assert_eq!(bench.machine.run(100, &mut NoObserver), RunEnd::Exited(ExitCode(3)));
    assert_eq!(bench.machine.instret(), 3);
}

/// Stops at every report.
#[derive(Default)]
struct Stopper {
    stopped: bool,
}

impl Observer for Stopper {
    const ACTIVE: bool = true;

    fn trap(&mut self, _: &Context, _: &TrapInfo<'_>) {
        self.stopped = true;
    }

    fn tracepoint(&mut self, _: &Context, _: u16, _: [u64; 6]) {
        self.stopped = true;
    }

    fn accessed_dirty(&mut self, _: &Context, _: &PteWrite) {
        self.stopped = true;
    }

    fn stop(&self) -> bool {
        self.stopped
    }
}

#[test]
fn a_stop_comes_at_the_end_of_the_step_that_was_reported() {
    let mut bench = Bench::user(&[nop(), 0x0050_2013, nop(), plain(Op::Ecall), nop()]);
    let at = bench.entry(0x1000);
    bench.poke(at, leaf(DATA, "UXRV"));
    let stop_at = |bench: &mut Bench| {
        assert_eq!(bench.machine.run(100, &mut Stopper::default()), RunEnd::Stopped);
        (bench.machine.instret(), bench.machine.step_count())
    };
    // The first fetch sets A: the instruction it belongs to is executed, and no other.
    assert_eq!(stop_at(&mut bench), (1, 1));
    assert_eq!(stop_at(&mut bench), (2, 2));
    assert_eq!(stop_at(&mut bench), (3, 4));
}
