//! Time: timer interrupts at their exact instruction, idle time, and Sstc.

use super::{asm::*, *};
use crate::{
    csr::{MENVCFG_STCE, number, status},
    insn::Op,
};

/// A loop of one instruction that never ends.
fn spinning() -> Bench {
    let mut bench = Bench::new(&[jal(ZERO, 0)]);
    bench.hart().csrs.mie = 1 << 7 | 1 << 5;
    bench.hart().csrs.mstatus |= status::MIE;
    bench
}

#[test]
fn a_timer_interrupt_arrives_at_its_exact_instruction() {
    let mut bench = spinning();
    bench.machine.devices_mut().mtimecmp = 100;
    bench.run(1000);
    assert_eq!(bench.hart().pc, CODE, "mtime is 100 now, the interrupt comes with the next step");
    bench.run(1);
    assert_eq!(bench.machine_trap(), (1 << 63 | 7, 0, CODE));
    assert_eq!(bench.machine.instret(), 1000);
}

#[test]
fn what_the_guest_added_to_mtime_counts() {
    let mut bench = spinning();
    bench.machine.devices_mut().mtimecmp = 100;
    bench.machine.devices_mut().offset = 60;
    bench.run(401);
    assert_eq!(bench.machine_trap().0, 1 << 63 | 7);
    assert_eq!(bench.machine.mtime(), 100);
}

#[test]
fn software_sees_mip_change_at_the_exact_instruction() {
    let mut bench = Bench::new(&[
        csr(Op::Csrrs, A0, number::MIP, ZERO),
        branch(Op::Beq, A0, ZERO, -4),
        plain(Op::Ebreak),
    ]);
    bench.machine.devices_mut().mtimecmp = 7;
    bench.run(72);
    assert_eq!((bench.x(A0), bench.hart().pc), (1 << 7, CODE + 8));
}

#[test]
fn stimecmp_drives_stip_once_it_is_enabled() {
    for (stce, interrupts) in [(0, false), (MENVCFG_STCE, true)] {
        let mut bench = spinning();
        bench.hart().csrs.menvcfg = stce;
        bench.hart().csrs.stimecmp = 50;
        bench.run(501);
        assert_eq!(bench.hart().pc == M_HANDLER, interrupts);
    }
}

#[test]
fn stimecmp_is_open_to_supervisors_under_stce_and_tm_only() {
    for (stce, tm, open) in [(0, 2, false), (MENVCFG_STCE, 0, false), (MENVCFG_STCE, 2, true)] {
        let mut bench = Bench::new(&[csr(Op::Csrrw, ZERO, number::STIMECMP, A0)]);
        bench.hart().mode = Privilege::Supervisor;
        bench.hart().csrs.menvcfg = stce;
        bench.hart().csrs.mcounteren = tm;
        bench.run(1);
        assert_eq!(bench.hart().pc == CODE + 4, open);
    }
}

#[test]
fn under_sstc_stip_cannot_be_written() {
    let mut bench = Bench::new(&[csr(Op::Csrrw, ZERO, number::MIP, A0)]);
    bench.hart().csrs.menvcfg = MENVCFG_STCE;
    bench.set(A0, u64::MAX).run(1);
    assert_eq!(bench.hart().csrs.mip, 0x202);
}

#[test]
fn wfi_lets_time_pass_until_the_next_enabled_timer() {
    let mut bench = Bench::new(&[plain(Op::Wfi), csr(Op::Csrrs, A0, number::TIME, ZERO)]);
    bench.hart().csrs.mie = 1 << 7;
    bench.machine.devices_mut().mtimecmp = 1_000_000;
    bench.run(2);
    assert_eq!(bench.x(A0), 1_000_000);
    assert_eq!((bench.machine.instret(), bench.machine.step_count()), (2, 2));
}

#[test]
fn wfi_wakes_up_into_the_interrupt() {
    let mut bench = Bench::new(&[plain(Op::Wfi)]);
    bench.hart().csrs.mie = 1 << 7;
    bench.hart().csrs.mstatus |= status::MIE;
    bench.machine.devices_mut().mtimecmp = 5000;
    bench.run(2);
    assert_eq!(bench.machine_trap(), (1 << 63 | 7, 0, CODE + 4));
}

#[test]
fn a_timer_beyond_the_end_of_time_wakes_nobody() {
    let last = u64::MAX / 10;
    for (mtimecmp, offset) in [
        (u64::MAX, 0),
        (u64::MAX, 5),
        (0, 1 << 63),
        (0, 0),
        (u64::MAX - 1, u64::MAX - 5),
        (last, 0),
        (last - 1, 1),
    ] {
        let mut bench = Bench::new(&[plain(Op::Wfi), jal(ZERO, -4)]);
        bench.machine.devices_mut().mtimecmp = mtimecmp;
        bench.machine.devices_mut().offset = offset;
        bench.hart().csrs.mie = 1 << 7;
        // Whatever it comes to, it comes to an end.
        let _ = bench.machine.run(300, &mut NoObserver);
        assert!(bench.machine.step_count() >= 1);
    }
}
