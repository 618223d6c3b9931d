//! What is advertised works, and what is not advertised traps: `misa`, `riscv,isa`, `mmu-type` and
//! behaviour say the same.

use super::{asm::*, *};
use crate::{
    boot::{MMU, isa},
    csr::{MISA, number, status},
    hart::Features,
    insn::Op,
    mmu::walk::Update,
};

/// Whether an instruction is executed in M-mode by such a hart, with the floating-point unit on.
fn works(word: u32, features: Features) -> bool {
    let mut bench = Bench::new(&[word]);
    bench.machine = bench.machine.with_harts(1, features);
    bench.hart().csrs.mtvec = M_HANDLER;
    bench.hart().csrs.mstatus |= status::FS;
    // Where it is a load or an atomic access, it goes to memory.
    for register in 1..32 {
        bench.set(register, DATA);
    }
    bench.run(1);
    bench.hart().csrs.mcause != 2 || bench.hart().pc != M_HANDLER
}

/// Instructions that there are because of this extension.
fn samples(extension: &str) -> Vec<u32> {
    let read = |number| csr(Op::Csrrs, A0, number, ZERO);
    match extension {
        "i" => vec![reg(Op::Add, A0, A1, A2), imm(Op::Lwu, A0, A1, 0), plain(Op::Wfi)],
        "m" => vec![reg(Op::Mulhsu, A0, A1, A2), reg(Op::Remuw, A0, A1, A2)],
        "a" => vec![reg(Op::AmoaddW, A0, A1, A2), reg(Op::LrD, A0, A1, 0)],
        "f" => vec![reg(Op::FaddS, A0, A1, A2), reg(Op::FmvWX, A0, A1, 0), read(number::FCSR)],
        "d" => vec![reg(Op::FmaddD, A0, A1, A2), reg(Op::FcvtDL, A0, A1, 0)],
        "c" => vec![0x0505, 0x8082],
        "b" => ["zba", "zbb", "zbs"].into_iter().flat_map(samples).collect(),
        "zicntr" => vec![read(number::CYCLE), read(number::TIME), read(number::INSTRET)],
        "zicsr" => vec![csr(Op::Csrrwi, A0, number::MSCRATCH, 3)],
        "zifencei" => vec![plain(Op::FenceI)],
        "zba" => vec![reg(Op::Sh3addUw, A0, A1, A2), imm(Op::SlliUw, A0, A1, 3)],
        "zbb" => vec![reg(Op::Rev8, A0, A1, 0), reg(Op::Maxu, A0, A1, A2), imm(Op::Roriw, A0, A1, 3)],
        "zbs" => vec![reg(Op::Bext, A0, A1, A2), imm(Op::Bseti, A0, A1, 63)],
        "sstc" => vec![read(number::STIMECMP)],
        "svadu" | "svade" => vec![read(number::MENVCFG)],
        "svinval" => vec![reg(Op::SinvalVma, ZERO, A1, A2), plain(Op::SfenceWInval)],
        unknown => panic!("riscv,isa names `{unknown}`, and nothing is known of it"),
    }
}

fn extensions(features: Features) -> Vec<String> {
    let isa = isa(features);
    let (single, multi) = isa.strip_prefix("rv64").and_then(|rest| rest.split_once('_')).expect("both");
    single.chars().map(String::from).chain(multi.split('_').map(String::from)).collect()
}

#[test]
fn every_extension_that_riscv_isa_names_works() {
    for update in [Update::Hardware, Update::Fault] {
        let features = Features { update, ..Features::default() };
        for extension in extensions(features) {
            for word in samples(&extension) {
                assert!(works(word, features), "{extension}: {word:#x}");
            }
        }
        let named = |name: &str| extensions(features).contains(&name.to_owned());
        let hardware = update == Update::Hardware;
        assert_eq!((named("svadu"), named("svade")), (hardware, !hardware));
    }
}

#[test]
fn misa_has_the_letters_of_riscv_isa_and_the_modes() {
    let letter = |letter: &str| 1_u64 << (letter.as_bytes()[0] - b'a');
    let names = extensions(Features::default());
    let single = names.iter().filter(|name| name.len() == 1).map(|name| letter(name)).sum::<u64>();
    assert_eq!(MISA, 2 << 62 | single | letter("s") | letter("u"));
}

#[test]
fn mmu_type_is_the_largest_scheme_that_satp_takes() {
    assert_eq!(MMU, "riscv,sv48");
    for (mode, taken) in [(8, true), (9, true), (10, false), (11, false)] {
        let mut bench =
            Bench::new(&[csr(Op::Csrrw, ZERO, number::SATP, A0), csr(Op::Csrrs, A1, number::SATP, ZERO)]);
        bench.set(A0, mode << 60 | 0x80000).run(2);
        assert_eq!(bench.x(A1) == mode << 60 | 0x80000, taken, "MODE {mode}");
    }
}

#[test]
fn instructions_and_registers_of_other_extensions_are_illegal() {
    let read = |number| csr(Op::Csrrs, A0, number, ZERO);
    for (name, word) in [
        ("clmul of Zbc", 0x0ac5_9533),
        ("pack of Zbkb", 0x08c5_c53b),
        ("brev8 of Zbkb", 0x6875_d513),
        ("fadd.h of Zfh", 0x04c5_f553),
        ("fli.s of Zfa", 0xf010_0553),
        ("czero.eqz of Zicond", 0x0ec5_d533),
        ("cbo.clean of Zicbom", 0x0015_a00f),
        ("cbo.zero of Zicboz", 0x0045_a00f),
        ("amocas.w of Zacas", 0x28c5_a52f),
        ("amoadd.b of Zabha", 0x00c5_852f),
        ("wrs.nto of Zawrs", 0x00d0_0073),
        ("flq of Q", 0x0005_c507),
        ("vsetvli of V", 0x0005_7557),
        ("hlv.b of H", 0x6005_c573),
        ("hfence.vvma of H", 0x2200_0073),
        ("mop.r.0 of Zimop", 0x81c5_c573),
        ("c.lbu of Zcb", 0x8188),
        ("sscsrind's siselect", read(0x150)),
        ("scountovf of Sscofpmf", read(0xda0)),
        ("mstateen0 of Smstateen", read(0x30c)),
        ("mseccfg of Smepmp", read(0x747)),
        ("hstatus of H", read(0x600)),
        ("vstart of V", read(0x008)),
        ("seed of Zkr", csr(Op::Csrrw, A0, 0x015, ZERO)),
    ] {
        assert!(!works(word, Features::default()), "{name} is not advertised");
    }
}
