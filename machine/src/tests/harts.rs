//! Several harts: turns, what one sees of another, and that a run stays a function of its image.

use super::{asm::*, *};
use crate::{
    csr::{number, status},
    hart::Features,
    insn::Op,
};

/// Steps of a turn; see `crate::schedule`.
const TURN: u64 = 509;
const A4: u8 = 14;
const A5: u8 = 15;

impl Bench {
    /// The same, with so many harts that all begin as the first one stands; `a0` is the hart's number.
    pub(super) fn with_harts(mut self, count: u32) -> Self {
        let first = self.hart().clone();
        self.machine = self.machine.with_harts(count, Features::default());
        for id in 0..count {
            let mut hart = first.clone();
            hart.id = id;
            hart.x[A0] = id.into();
            *self.machine.hart_at(id as usize) = hart;
        }
        self
    }

    fn x_of(&mut self, hart: usize, register: u8) -> u64 {
        self.machine.hart_at(hart).x[register]
    }
}

#[test]
fn harts_take_turns_of_a_fixed_number_of_steps() {
    let mut bench = Bench::new(&[imm(Op::Addi, A1, A1, 1), jal(ZERO, -4)]).with_harts(3);
    let retired = |bench: &mut Bench| [0, 1, 2].map(|hart| bench.x_of(hart, A1).div_ceil(2) * 2);
    bench.run(TURN - 1);
    assert_eq!(retired(&mut bench)[1..], [0, 0]);
    bench.run(1 + TURN);
    assert!(retired(&mut bench)[1] > 0 && retired(&mut bench)[2] == 0);
    bench.run(7 * TURN);
    assert_eq!([0, 1, 2].map(|hart| bench.x_of(hart, A1)), [(3 * TURN).div_ceil(2); 3]);
}

#[test]
fn each_hart_counts_its_own_instructions_and_everybodys_cycles() {
    let program = [csr(Op::Csrrs, A1, number::MINSTRET, ZERO), csr(Op::Csrrs, A2, number::MCYCLE, ZERO)];
    let mut bench = Bench::new(&[&program[..], &[jal(ZERO, -8)]].concat()).with_harts(2);
    bench.run(4 * TURN);
    let [own, all] = [A1, A2].map(|register| bench.x_of(1, register));
    assert!((2 * TURN - 4..2 * TURN).contains(&own), "{own}");
    assert!((4 * TURN - 4..4 * TURN).contains(&all), "{all}");
    assert_eq!(bench.machine.instret(), 4 * TURN);
}

#[test]
fn a_turn_between_lr_and_sc_takes_the_reservation() {
    // Between LR and SC lie `spin` times two instructions.
    let program = |spin: i32| {
        [
            reg(Op::LrD, A2, A5, ZERO),
            li(A3, spin),
            imm(Op::Addi, A3, A3, -1),
            branch(Op::Bne, A3, ZERO, -4),
            reg(Op::ScD, A4, A5, A2),
            jal(ZERO, 0),
        ]
    };
    for (harts, spin, fails) in [(1, 1000, 0), (2, 1000, 1), (2, 10, 0)] {
        let mut bench = Bench::new(&program(spin));
        bench.set(A5, DATA);
        let mut bench = bench.with_harts(harts);
        bench.run(6000);
        for hart in 0..harts as usize {
            assert_eq!(bench.x_of(hart, A4), fails, "{harts} harts, {spin}");
        }
    }
}

/// Adds one to the word at `a5`, `a1` times, by LR and SC, then by AMO, then waits for ever.
fn counting() -> Vec<u32> {
    vec![
        reg(Op::LrD, A2, A5, ZERO),
        imm(Op::Addi, A2, A2, 1),
        reg(Op::ScD, A2, A5, A2),
        branch(Op::Bne, A2, ZERO, -12),
        li(A2, 1),
        reg(Op::AmoaddD, A3, A5, A2),
        imm(Op::Addi, A1, A1, -1),
        branch(Op::Bne, A1, ZERO, -28),
        jal(ZERO, 0),
    ]
}

#[test]
fn no_update_of_several_harts_is_lost() {
    let mut bench = Bench::new(&counting());
    bench.set(A5, DATA).set(A1, 1000);
    let mut bench = bench.with_harts(8);
    bench.run(8 * 12_000);
    assert_eq!(bench.peek(DATA), 2 * 8 * 1000);
}

#[test]
fn a_store_to_a_table_by_one_hart_is_seen_by_all_at_once() {
    const VA: u64 = 0x40_0000;
    const FLAG: u64 = 0x40_1000;
    // Hart 1 loads from VA until what it reads changes; hart 0 counts down, then maps another frame.
    let program = [
        branch(Op::Bne, A0, ZERO, 20),
        imm(Op::Addi, A1, A1, -1),
        branch(Op::Bne, A1, ZERO, -4),
        store(Op::Sd, A2, 0, A3),
        jal(ZERO, 0),
        imm(Op::Ld, T0, A4, 0),
        imm(Op::Addi, T1, T1, 1),
        branch(Op::Beq, T0, ZERO, -8),
        jal(ZERO, 0),
    ];
    let mut bench = Bench::supervisor(&program);
    bench.map(VA, DATA, "DAWRV");
    bench.poke(DATA + 0x1000, 77);
    let entry = bench.entry(VA);
    bench.map(FLAG, entry & !0xfff, "DAWRV");
    bench.set(A1, 2000).set(A2, leaf(DATA + 0x1000, "DAWRV"));
    bench.set(A3, FLAG + entry % 0x1000).set(A4, VA);
    let mut bench = bench.with_harts(2);
    bench.run(20 * TURN);
    assert_eq!(bench.x_of(1, T0), 77);
    assert!(bench.x_of(1, T1) > 1000, "it had the old translation for long");
}

#[test]
fn code_that_another_hart_has_written_is_executed() {
    // Hart 1 calls a routine over and over; hart 0 changes what it returns.
    let program = [
        branch(Op::Bne, A0, ZERO, 20),
        imm(Op::Addi, A1, A1, -1),
        branch(Op::Bne, A1, ZERO, -4),
        store(Op::Sw, A2, 0, A3),
        jal(ZERO, 0),
        imm(Op::Jalr, 1, A3, 0),
        jal(ZERO, -4),
    ];
    let mut bench = Bench::new(&program);
    bench.program(DATA, &[li(A4, 1), imm(Op::Jalr, ZERO, 1, 0)]);
    bench.set(A1, 700).set(A2, li(A4, 2).into()).set(A3, DATA);
    let mut bench = bench.with_harts(2);
    bench.run(2 * TURN);
    assert_eq!(bench.x_of(1, A4), 1);
    bench.run(6 * TURN);
    assert_eq!(bench.x_of(1, A4), 2);
}

#[test]
fn a_hart_that_waits_gives_its_turn_away_and_time_goes_on() {
    let program = [branch(Op::Bne, A0, ZERO, 12), plain(Op::Wfi), jal(ZERO, 0), jal(ZERO, 0)];
    let mut bench = Bench::new(&program);
    bench.hart().csrs.mie = 1 << 5;
    bench.hart().csrs.menvcfg |= 1 << 63;
    let mut bench = bench.with_harts(2);
    bench.machine.hart_at(0).csrs.stimecmp = 400;
    bench.run(3900);
    assert!(bench.machine.hart(0).is_waiting());
    assert_eq!(bench.machine.hart(0).pc().get(), CODE + 8);
    bench.run(1000);
    assert!(!bench.machine.hart(0).is_waiting());
    assert_eq!(bench.machine.mtime(), 490, "no time was skipped while hart 1 had something to do");
}

#[test]
fn when_all_wait_time_passes_to_the_first_timer_of_any() {
    let mut bench = Bench::new(&[plain(Op::Wfi), jal(ZERO, 0)]);
    bench.hart().csrs.mie = 1 << 5;
    bench.hart().csrs.menvcfg |= 1 << 63;
    let mut bench = bench.with_harts(3);
    bench.machine.hart_at(1).csrs.stimecmp = 5000;
    bench.machine.hart_at(2).csrs.stimecmp = 3000;
    bench.run(5);
    assert_eq!(bench.machine.mtime(), 3000);
    let waiting = [0, 1, 2].map(|hart| bench.machine.hart(hart).is_waiting());
    assert_eq!(waiting, [true, true, false]);
}

#[test]
fn harts_that_wait_for_nothing_wait_for_input() {
    let mut bench = Bench::new(&[plain(Op::Wfi), jal(ZERO, 0)]).with_harts(4);
    assert_eq!(bench.machine.run(100, &mut NoObserver), RunEnd::WaitingForInput);
    assert_eq!(bench.machine.step_count(), 4);
}

/// Four harts under one set of tables: each maps and touches pages of its own and a common one, adds to
/// a common counter, faults, and waits for its timer now and then.
fn busy() -> Bench {
    const PAGES: u64 = 0x40_0000;
    let mut bench = Bench::supervisor(&[
        // a5: counter, a3: entry of the common page, a4: that page, a2: one of two leaves
        reg(Op::LrD, T0, A5, ZERO),
        imm(Op::Addi, T0, T0, 1),
        reg(Op::ScD, T1, A5, T0),
        store(Op::Sd, A2, 0, A3),
        imm(Op::Ld, T0, A4, 0),
        reg(Op::Add, T0, T0, A0),
        store(Op::Sd, T0, 0, A4),
        imm(Op::Xori, A2, A2, 0x400),
        imm(Op::Ld, T1, ZERO, 64), // page fault
        csr(Op::Csrrs, T0, number::TIME, ZERO),
        imm(Op::Addi, T0, T0, 30),
        csr(Op::Csrrw, ZERO, number::STIMECMP, T0),
        0x0030_2013,
        plain(Op::Wfi),
        jal(ZERO, -56),
    ]);
    // The handler goes on behind the instruction that faulted, or lets a timer be quiet.
    bench.program(
        S_HANDLER,
        &[
            csr(Op::Csrrs, T1, number::SCAUSE, ZERO),
            branch(Op::Blt, T1, ZERO, 20),
            csr(Op::Csrrs, T1, number::SEPC, ZERO),
            imm(Op::Addi, T1, T1, 4),
            csr(Op::Csrrw, ZERO, number::SEPC, T1),
            plain(Op::Sret),
            csr(Op::Csrrw, ZERO, number::STIMECMP, ZERO),
            li(T1, -1),
            csr(Op::Csrrw, ZERO, number::STIMECMP, T1),
            plain(Op::Sret),
        ],
    );
    bench.map(PAGES, DATA, "DAWRV");
    let entry = bench.entry(PAGES);
    bench.map(PAGES + 0x1000, entry & !0xfff, "DAWRV");
    bench.map(PAGES + 0x2000, DATA + 0x8000, "DAWRV");
    let hart = bench.hart();
    hart.csrs.menvcfg |= 1 << 63;
    hart.csrs.mcounteren = 7;
    hart.csrs.mideleg = 0x222;
    hart.csrs.mie = 1 << 5;
    hart.csrs.mstatus |= status::SIE;
    bench.set(A2, leaf(DATA, "DAWRV")).set(A3, PAGES + 0x1000 + entry % 0x1000);
    bench.set(A4, PAGES).set(A5, PAGES + 0x2000);
    bench.with_harts(4)
}

fn same(a: &Bench, b: &Bench) {
    assert_eq!(a.machine.harts(), b.machine.harts());
    assert_eq!((a.machine.step_count(), a.machine.mtime()), (b.machine.step_count(), b.machine.mtime()));
    let whole =
        |bench: &Bench| bench.machine.ram().slice(PhysAddr::new(CODE), 4 << 20).expect("memory").to_vec();
    assert!(whole(a) == whole(b), "memory differs");
}

const STEPS: u64 = 40_000;

#[test]
fn a_run_of_several_harts_cut_anywhere_or_unwatched_is_the_same_run() {
    let mut whole = busy();
    let expected = whole.watch(STEPS);
    let by = |hart: u32| {
        let of_hart =
            |event: &&Seen| matches!(event, Seen::Trap(cx, ..) | Seen::Pte(cx, ..) if cx.hart == hart);
        expected.events.iter().filter(of_hart).count()
    };
    assert!((0..4).all(|hart| by(hart) > 100), "{:?}", [0, 1, 2, 3].map(by));
    for piece in [1, 7, 100, TURN - 1, TURN, 1013] {
        let mut pieces = busy();
        let mut log = Log::default();
        while pieces.machine.step_count() < STEPS {
            let left = STEPS - pieces.machine.step_count();
            pieces.machine.run(piece.min(left), &mut log);
        }
        assert!(log == expected, "in pieces of {piece}");
        same(&pieces, &whole);
    }
    let mut alone = busy();
    alone.run(STEPS);
    same(&alone, &whole);
}

#[test]
fn several_harts_go_back_to_a_kept_moment() {
    for at in [1, TURN / 2, 3 * TURN + 5, 20_000] {
        let mut straight = busy();
        straight.run(STEPS);
        let mut bench = busy();
        bench.run(at);
        let keyframe = bench.machine.keyframe();
        bench.run(STEPS - at);
        same(&bench, &straight);
        bench.machine.restore(&keyframe);
        bench.run(STEPS - at);
        same(&bench, &straight);
    }
}
