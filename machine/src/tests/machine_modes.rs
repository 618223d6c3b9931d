//! Traps and returns: delegation, the stack of enables, vectors, WFI, and the bits that trap.

use super::{asm::*, *};
use crate::{csr::status, insn::Op, trap::Interrupt};

#[test]
fn an_exception_goes_to_the_privilege_it_is_delegated_to_but_never_down() {
    for (mode, delegated, handler) in [
        (Privilege::User, true, Privilege::Supervisor),
        (Privilege::Supervisor, true, Privilege::Supervisor),
        (Privilege::Machine, true, Privilege::Machine),
        (Privilege::User, false, Privilege::Machine),
    ] {
        let mut bench = Bench::new(&[0xffff_ffff]);
        bench.hart().mode = mode;
        bench.hart().csrs.medeleg = if delegated { 1 << 2 } else { 0 };
        bench.run(1);
        assert_eq!(bench.hart().mode, handler);
        let trap = if handler == Privilege::Machine { bench.machine_trap() } else { bench.supervisor_trap() };
        assert_eq!(trap, (2, 0xffff_ffff, CODE));
    }
}

#[test]
fn a_trap_stacks_enable_and_privilege_and_mret_unstacks_them() {
    for enable in [0, status::MIE] {
        let mut bench = Bench::new(&[plain(Op::Ecall)]);
        bench.program(M_HANDLER, &[plain(Op::Mret)]);
        bench.hart().mode = Privilege::Supervisor;
        bench.hart().csrs.mstatus |= enable;
        bench.run(1);
        let mpie = if enable == 0 { 0 } else { status::MPIE };
        assert_eq!(bench.hart().csrs.mstatus, status::XL | mpie | 1 << status::MPP_SHIFT);
        bench.hart().csrs.mstatus |= status::MPRV;
        bench.run(1);
        assert_eq!(bench.hart().csrs.mstatus, status::XL | status::MPIE | enable, "MPRV is gone");
        assert_eq!((bench.hart().mode, bench.hart().pc), (Privilege::Supervisor, CODE));
    }
}

#[test]
fn mret_to_machine_mode_keeps_mprv() {
    let mut bench = Bench::new(&[plain(Op::Mret)]);
    bench.hart().csrs.mstatus |= status::MPP | status::MPRV;
    bench.hart().csrs.mepc = CODE;
    bench.run(1);
    assert_ne!(bench.hart().csrs.mstatus & status::MPRV, 0);
    assert_eq!(bench.hart().csrs.mstatus & status::MPP, 0, "MPP falls to U");
}

#[test]
fn a_return_below_machine_mode_clears_mprv() {
    for (op, mpp) in [(Op::Mret, 0), (Op::Mret, 1 << status::MPP_SHIFT), (Op::Sret, 0)] {
        let mut bench = Bench::new(&[plain(op)]);
        bench.hart().csrs.mstatus |= mpp | status::MPRV;
        bench.run(1);
        assert_eq!(bench.hart().csrs.mstatus & status::MPRV, 0, "{op:?}, MPP {mpp:#x}");
    }
}

#[test]
fn sret_unstacks_the_supervisors_half() {
    for (spp, mode) in [(0, Privilege::User), (status::SPP, Privilege::Supervisor)] {
        let mut bench = Bench::new(&[plain(Op::Sret)]);
        bench.hart().csrs.mstatus |= status::SPIE | spp | status::MPRV;
        bench.hart().csrs.sepc = 0x1234;
        bench.run(1);
        assert_eq!((bench.hart().mode, bench.hart().pc), (mode, 0x1234));
        assert_eq!(bench.hart().csrs.mstatus, status::XL | status::SIE | status::SPIE);
    }
}

#[test]
fn returns_and_waits_trap_where_they_are_not_allowed() {
    let cases = [
        (Op::Mret, Privilege::Supervisor, 0, true),
        (Op::Mret, Privilege::User, 0, true),
        (Op::Sret, Privilege::User, 0, true),
        (Op::Sret, Privilege::Supervisor, 0, false),
        (Op::Sret, Privilege::Supervisor, status::TSR, true),
        (Op::Sret, Privilege::Machine, status::TSR, false),
        (Op::Wfi, Privilege::User, 0, true),
        (Op::Wfi, Privilege::Supervisor, 0, false),
        (Op::Wfi, Privilege::Supervisor, status::TW, true),
        (Op::Wfi, Privilege::Machine, status::TW, false),
    ];
    for (op, mode, bits, traps) in cases {
        let mut bench = Bench::new(&[plain(op)]);
        bench.hart().mode = mode;
        bench.hart().csrs.mstatus |= bits;
        bench.run(1);
        assert_eq!(bench.hart().csrs.mcause == 2, traps, "{op:?} from {mode:?}");
    }
}

#[test]
fn interrupts_are_taken_by_priority_those_to_machine_mode_first() {
    let all = Interrupt::BY_PRIORITY.iter().map(|interrupt| interrupt.bit()).sum::<u64>();
    let mut bench = Bench::new(&[]);
    let hart = bench.hart();
    hart.mode = Privilege::User;
    hart.csrs.mie = all;
    hart.csrs.lines = all;
    for expected in [11, 3, 7, 9, 1, 5] {
        let interrupt = hart.interrupt().expect("one is pending");
        assert_eq!(interrupt.code(), expected);
        hart.csrs.lines &= !interrupt.bit();
    }
    // A lower one that M-mode handles comes before a higher one that is delegated.
    hart.csrs.lines = Interrupt::SupervisorExternal.bit() | Interrupt::SupervisorTimer.bit();
    hart.csrs.mideleg = Interrupt::SupervisorExternal.bit();
    assert_eq!(hart.interrupt(), Some(Interrupt::SupervisorTimer));
}

#[test]
fn an_interrupt_comes_before_the_exception_of_the_instruction_that_would_be_next() {
    let mut bench = Bench::new(&[0xffff_ffff]);
    let hart = bench.hart();
    hart.mode = Privilege::Supervisor;
    hart.csrs.mie = Interrupt::SupervisorSoftware.bit();
    hart.csrs.mip = Interrupt::SupervisorSoftware.bit();
    bench.run(1);
    assert_eq!(bench.machine_trap(), (1 << 63 | 1, 0, CODE));
}

#[test]
fn exceptions_of_one_instruction_are_taken_by_priority() {
    // What fails at once, in the order in which one of them is taken.
    for (word, a1, trap) in [
        // An atomic access that is misaligned comes before the fault of its page.
        (reg(Op::AmoaddD, A0, A1, A2), 0x7000_0004, (6, 0x7000_0004)),
        (reg(Op::LrW, A0, A1, ZERO), 0x7000_0002, (4, 0x7000_0002)),
        // A misaligned load that is handled faults by its pages, the first one first.
        (imm(Op::Ld, A0, A1, 0), 0x7000_0ffc, (13, 0x7000_0ffc)),
        // A page fault comes before anything that the physical address would raise.
        (store(Op::Sw, A0, 0, A1), 0x7000_0000, (15, 0x7000_0000)),
        // An instruction that is illegal raises nothing else.
        (csr(Op::Csrrw, A0, 0x7ff, A1), 0, (2, u64::from(csr(Op::Csrrw, A0, 0x7ff, A1)))),
    ] {
        let mut bench = Bench::supervisor(&[word]);
        bench.set(A1, a1).run(1);
        assert_eq!(bench.supervisor_trap(), (trap.0, trap.1, CODE), "{word:#x}");
    }
}

#[test]
fn an_interrupt_needs_its_enable_and_a_lower_or_open_privilege() {
    let pending = Interrupt::SupervisorExternal;
    for (mode, delegated, enables, taken) in [
        (Privilege::User, true, 0, true),
        (Privilege::Supervisor, true, 0, false),
        (Privilege::Supervisor, true, status::SIE, true),
        (Privilege::Machine, true, status::SIE | status::MIE, false),
        (Privilege::Machine, false, 0, false),
        (Privilege::Machine, false, status::MIE, true),
        (Privilege::Supervisor, false, 0, true),
    ] {
        let mut bench = Bench::new(&[]);
        let hart = bench.hart();
        hart.mode = mode;
        hart.csrs.mideleg = if delegated { pending.bit() } else { 0 };
        hart.csrs.mie = pending.bit();
        hart.csrs.lines = pending.bit();
        hart.csrs.mstatus |= enables;
        assert_eq!(hart.interrupt().is_some(), taken, "{mode:?} {delegated} {enables:#x}");
        hart.csrs.mie = 0;
        assert_eq!(hart.interrupt(), None);
    }
}

#[test]
fn vectored_handlers_spread_interrupts_but_not_exceptions() {
    let mut bench = Bench::new(&[plain(Op::Ecall)]);
    bench.hart().csrs.mtvec = M_HANDLER | 1;
    bench.run(1);
    assert_eq!(bench.hart().pc, M_HANDLER);

    let mut bench = Bench::new(&[]);
    bench.hart().csrs.mtvec = M_HANDLER | 1;
    bench.hart().csrs.mie = 1 << 11;
    bench.hart().csrs.mstatus |= status::MIE;
    bench.machine.devices_mut().lines = crate::bus::line::MEIP;
    bench.run(1);
    assert_eq!(bench.hart().pc, M_HANDLER + 4 * 11);
    assert_eq!((bench.hart().csrs.mcause, bench.hart().csrs.mepc), (1 << 63 | 11, CODE));
}

#[test]
fn wfi_waits_for_input_and_then_goes_on() {
    let mut bench = Bench::new(&[plain(Op::Wfi), li(A0, 1)]);
    bench.hart().csrs.mie = crate::bus::line::SEIP;
    assert_eq!(bench.machine.run(10, &mut NoObserver), RunEnd::WaitingForInput);
    assert_eq!(bench.machine.run(10, &mut NoObserver), RunEnd::WaitingForInput);
    assert_eq!((bench.machine.step_count(), bench.x(A0)), (1, 0));
    bench.machine.console_input(b"x");
    // The interrupt is pending but closed: execution goes on behind WFI.
    bench.run(1);
    assert_eq!(bench.x(A0), 1);
}
