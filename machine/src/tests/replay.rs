//! Determinism: however a run is cut into pieces, kept and restored, it is the same run; and whatever
//! the guest is, the host survives it.

use super::{asm::*, *};
use crate::{csr::status, insn::Op};

/// A small generator; the tests must not depend on anything outside.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, limit: u64) -> u64 {
        self.next() % limit
    }
}

/// A kernel in miniature: U-mode walks over pages that are not there; each fault maps the next frame; a
/// timer interrupts both; the console is written now and then.
fn lively() -> Bench {
    let mut bench = Bench::user(&[
        // a0: address, a1: step
        store(Op::Sd, A0, 0, A0),
        imm(Op::Ld, A2, A0, 0),
        reg(Op::Add, A0, A0, A1),
        0x0030_2013,
        jal(ZERO, -16),
    ]);
    let entry = bench.entry(0x10_0000);
    bench.map(0x20_0000, entry & !0xfff, "DAWRV");
    bench.map(0x1f_f000, CONSOLE & !0xfff, "DAWRV");
    // S-mode handler: for a fault, writes the next frame into the entry of stval; for an interrupt,
    // prints a byte and moves stimecmp on.
    bench.program(
        S_HANDLER,
        &[
            csr(Op::Csrrs, T0, 0x142, ZERO),
            branch(Op::Blt, T0, ZERO, 40),
            csr(Op::Csrrs, T0, 0x143, ZERO),
            imm(Op::Srli, T0, T0, 12),
            imm(Op::Andi, T0, T0, 0x1ff),
            imm(Op::Slli, T0, T0, 3),
            reg(Op::Add, T0, T0, SP),
            store(Op::Sd, A3, 0, T0),
            imm(Op::Addi, A3, A3, 0x400),
            reg(Op::SfenceVma, ZERO, ZERO, ZERO),
            plain(Op::Sret),
            csr(Op::Csrrs, T1, 0xc01, ZERO),
            imm(Op::Addi, T1, T1, 17),
            csr(Op::Csrrw, ZERO, 0x14d, T1),
            store(Op::Sb, T1, 0x100, 31),
            plain(Op::Sret),
        ],
    );
    let hart = bench.hart();
    hart.csrs.menvcfg |= 1 << 63;
    hart.csrs.mcounteren = 7;
    hart.csrs.mideleg = 0x222;
    hart.csrs.mie = 1 << 5;
    hart.csrs.stimecmp = 9;
    hart.csrs.mstatus |= status::SIE;
    bench.set(A0, 0x10_0000).set(A1, 0x808).set(A3, leaf(DATA + 0x10000, "UWRV"));
    bench.set(SP, 0x20_0000).set(31, 0x1f_f000);
    bench
}

fn same(a: &mut Bench, b: &mut Bench) {
    assert_eq!(a.hart(), b.hart());
    assert_eq!(a.machine.devices(), b.machine.devices());
    assert_eq!((a.machine.step_count(), a.machine.mtime()), (b.machine.step_count(), b.machine.mtime()));
    let whole = |bench: &Bench| {
        let size = usize::try_from(bench.machine.ram().size()).expect("fits");
        bench.machine.ram().slice(PhysAddr::new(0x8000_0000), size).expect("all of it").to_vec()
    };
    assert!(whole(a) == whole(b), "memory differs");
}

const STEPS: u64 = 3000;

#[test]
fn the_lively_program_is_lively() {
    let log = lively().watch(STEPS);
    let count = |wanted: fn(&Seen) -> bool| log.events.iter().filter(|event| wanted(event)).count();
    let faults = count(|event| matches!(event, Seen::Trap(_, Cause::Exception(_), _, Some(_))));
    let interrupts = count(|event| matches!(event, Seen::Trap(_, Cause::Interrupt(_), ..)));
    let ptes = count(|event| matches!(event, Seen::Pte(..)));
    assert!(faults > 50 && interrupts > 10 && ptes > 50, "{faults} {interrupts} {ptes}");
    assert!(count(|event| matches!(event, Seen::Point(..))) > 50);
    assert!(count(|event| matches!(event, Seen::Byte(..))) > 10);
}

#[test]
fn a_run_cut_anywhere_is_the_same_run() {
    let mut whole = lively();
    let expected = whole.watch(STEPS);
    for seed in 1..20 {
        let mut random = Random(seed);
        let mut pieces = lively();
        let mut log = Log::default();
        while pieces.machine.step_count() < STEPS {
            let left = STEPS - pieces.machine.step_count();
            let longest = 1 << random.below(9);
            let piece = (1 + random.below(longest)).min(left);
            pieces.machine.run(piece, &mut log);
        }
        assert_eq!(log, expected);
        same(&mut pieces, &mut whole);
    }
}

#[test]
fn an_observer_changes_nothing() {
    let (mut watched, mut alone) = (lively(), lively());
    watched.watch(STEPS);
    alone.run(STEPS);
    same(&mut watched, &mut alone);
}

#[test]
fn walking_back_and_forth_over_keyframes_is_the_same_run() {
    let mut whole = lively();
    whole.run(STEPS);
    for seed in 1..10 {
        let mut random = Random(seed * 77);
        let mut bench = lively();
        let mut kept = vec![bench.machine.keyframe()];
        for _ in 0..60 {
            match random.below(3) {
                0 => kept.push(bench.machine.keyframe()),
                1 => {
                    let index = random.below(kept.len() as u64);
                    let keyframe = &kept[usize::try_from(index).expect("small")];
                    bench.machine.restore(keyframe);
                    assert_eq!(bench.machine.step_count(), keyframe.step_count());
                }
                _ => {
                    let left = STEPS - bench.machine.step_count();
                    bench.run(random.below(200).min(left));
                }
            }
        }
        let left = STEPS - bench.machine.step_count();
        bench.run(left);
        same(&mut bench, &mut whole);
    }
}

#[test]
fn events_after_a_restore_are_the_events_of_the_first_time() {
    let mut bench = lively();
    bench.run(1000);
    let keyframe = bench.machine.keyframe();
    let first = bench.watch(1000);
    bench.machine.restore(&keyframe);
    assert_eq!(bench.watch(1000), first);
}

#[test]
fn no_guest_harms_the_host() {
    for seed in 1..200 {
        let mut random = Random(seed * 0x9e37_79b9);
        let mut bench = Bench::user(&[]);
        for page in 0..16 {
            let flags = ["DAUXWRV", "DAXWRV", "UXWRV", "DAURV", "V", "DAWV", ""];
            let flags = flags[usize::try_from(random.below(7)).expect("small")];
            bench.map(page << 12, DATA + (random.below(4) << 12), flags);
        }
        // Tables within reach of the program.
        bench.map(0x10000, TABLES, "DAUWRV");
        bench.map(0x11000, TABLES + 0x2000, "DAUWRV");
        bench.map(0x12000, CONSOLE & !0xfff, "DAUWRV");
        for at in (CODE..CODE + 0xa000).chain(DATA..DATA + 0x4000).step_by(4) {
            let bits = mostly_valid(&mut random);
            bench.bytes(at, &bits.to_le_bytes());
        }
        for register in 1..32 {
            let value = match random.below(4) {
                0 => random.below(0x14000),
                1 => CODE + random.below(0xa000),
                2 => DATA + random.below(0x4000),
                _ => random.next(),
            };
            bench.set(register, value);
        }
        bench.hart().mode = [Privilege::User, Privilege::Supervisor, Privilege::Machine]
            [usize::try_from(random.below(3)).expect("small")];
        bench.hart().csrs.mie = random.next() & 0xaaa;
        bench.hart().csrs.mstatus |= random.next() & 0x7e_19aa & !status::MPP;
        let shift = random.below(64);
        bench.machine.devices_mut().mtimecmp = random.next() >> shift;
        bench.machine.devices_mut().offset = if random.below(2) == 0 { random.next() } else { 0 };
        // Two of three seeds have several harts, which differ in what they have in their registers.
        let harts = 1 + u32::try_from(seed % 3).expect("small");
        let mut bench = if harts > 1 { bench.with_harts(harts) } else { bench };
        for hart in 1..harts as usize {
            for _ in 0..8 {
                let register = u8::try_from(1 + random.below(31)).expect("small");
                bench.machine.hart_at(hart).x[register] = DATA + random.below(0x4000);
            }
        }
        let keyframe = bench.machine.keyframe();
        let first = bench.watch(3000);
        bench.machine.restore(&keyframe);
        let mut again = Log::default();
        let steps = bench.machine.step_count() + 3000;
        while bench.machine.step_count() < steps
            && bench.machine.run(random.below(100) + 1, &mut again) == RunEnd::Budget
            && bench.machine.step_count() + 101 < steps
        {}
        let left = steps.saturating_sub(bench.machine.step_count());
        bench.machine.run(left, &mut again);
        assert_eq!(first, again, "seed {seed}");
    }
}

/// An instruction of this machine with random operands, or anything at all.
fn mostly_valid(random: &mut Random) -> u32 {
    let bits = u32::try_from(random.next() >> 32).expect("32 bits");
    if random.below(8) == 0 {
        return bits;
    }
    let table = crate::insn::ENCODINGS;
    let encoding = table[usize::try_from(random.below(table.len() as u64)).expect("small")];
    encoding.bits | bits & !encoding.format.mask()
}
