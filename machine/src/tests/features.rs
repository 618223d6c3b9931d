//! What machines may differ in: who sets A and D, and what becomes of misaligned accesses.

use super::{asm::*, *};
use crate::{
    csr::{MENVCFG_ADUE, number},
    hart::{Features, Misaligned},
    insn::Op,
    mmu::walk::Update,
};

impl Bench {
    fn with_features(mut self, features: Features) -> Self {
        let csrs = self.hart().csrs.clone();
        let (mode, pc) = (self.hart().mode, self.hart().pc);
        self.machine = self.machine.with_harts(1, features);
        let hart = self.hart();
        hart.csrs = crate::csr::Csrs { menvcfg: hart.csrs.menvcfg, ..csrs };
        (hart.mode, hart.pc) = (mode, pc);
        self
    }
}

#[test]
fn menvcfg_adue_says_who_sets_a_and_d() {
    const VA: u64 = 0x40_0000;
    for (update, written, sets) in [
        (Update::Hardware, None, true),
        (Update::Hardware, Some(0), false),
        (Update::Hardware, Some(MENVCFG_ADUE), true),
        (Update::Fault, None, false),
        (Update::Fault, Some(MENVCFG_ADUE), false),
    ] {
        let mut bench = Bench::supervisor(&[imm(Op::Ld, A0, A1, 0)]);
        bench.map(VA, DATA, "WRV");
        let mut bench = bench.with_features(Features { update, ..Features::default() });
        if let Some(value) = written {
            bench.program(M_HANDLER, &[csr(Op::Csrrw, ZERO, number::MENVCFG, A0)]);
            let (mode, pc) = (bench.hart().mode, bench.hart().pc);
            (bench.hart().mode, bench.hart().pc) = (Privilege::Machine, M_HANDLER);
            bench.set(A0, value).run(1);
            (bench.hart().mode, bench.hart().pc) = (mode, pc);
        }
        bench.set(A1, VA).run(1);
        let entry = bench.entry(VA);
        assert_eq!(bench.peek(entry) & 1 << 6 != 0, sets, "{update:?}, {written:?}");
        if !sets {
            assert_eq!(bench.supervisor_trap(), (13, VA, CODE));
        }
    }
}

#[test]
fn misaligned_accesses_trap_where_they_are_not_handled() {
    let trapped = Features { misaligned: Misaligned::Trapped, ..Features::default() };
    for (word, size, cause) in [
        (imm(Op::Lh, A0, A1, 0), 2, 4),
        (imm(Op::Lwu, A0, A1, 0), 4, 4),
        (imm(Op::Ld, A0, A1, 0), 8, 4),
        (imm(Op::Fld, A0, A1, 0), 8, 4),
        (store(Op::Sh, A0, 0, A1), 2, 6),
        (store(Op::Sw, A0, 0, A1), 4, 6),
        (store(Op::Sd, A0, 0, A1), 8, 6),
        (store(Op::Fsw, A0, 0, A1), 4, 6),
    ] {
        for offset in 0..size {
            let mut bench = Bench::new(&[word]).with_features(trapped);
            bench.hart().csrs.mstatus |= crate::csr::status::FS;
            bench.set(A1, DATA + offset).run(1);
            if offset == 0 {
                assert_eq!(bench.hart().pc, CODE + 4, "{word:#x}");
            } else {
                assert_eq!(bench.machine_trap(), (cause, DATA + offset, CODE), "{word:#x} + {offset}");
            }
        }
    }
}

#[test]
fn a_misaligned_access_traps_before_its_address_is_translated() {
    let trapped = Features { misaligned: Misaligned::Trapped, ..Features::default() };
    let mut bench = Bench::supervisor(&[imm(Op::Ld, A0, A1, 0)]).with_features(trapped);
    bench.set(A1, 0x7000_0001).run(1);
    assert_eq!(bench.supervisor_trap(), (4, 0x7000_0001, CODE));
}
