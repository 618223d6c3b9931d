//! Decoder, disassembler and execution against GNU `objdump`, an independent reading of the same
//! specification: the whole 16-bit space, and a stratified sample of 32-bit words.
//!
//! The program is Debian's `binutils-riscv64-unknown-elf`; without it these tests are skipped, loudly,
//! unless `FAULTLINE_REQUIRE_BINUTILS` is set. It is told which extensions there are by
//! [`crate::boot::isa`], so an instruction that is added is compared from then on.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::path::PathBuf;
use std::process::Command;

use faultline_abi::VirtAddr;

use super::{Bench, DATA, M_HANDLER};
use crate::{
    boot::isa,
    csr::{self, Clocks, status},
    decode::decode,
    disasm::text,
    hart::{Features, Hart, Privilege},
    insn::{Format, Insn, Op},
    observer::NoObserver,
};

const OBJDUMP: &str = "riscv64-unknown-elf-objdump";

/// What objdump says about one sample; `None` where it knows no instruction.
type Verdict = Option<String>;

#[test]
fn every_compressed_instruction_reads_as_objdump_prints_it() {
    let samples: Vec<u32> = (0..=u16::MAX).filter(|half| half & 0b11 != 0b11).map(u32::from).collect();
    compare(&samples);
}

#[test]
fn a_sample_of_every_opcode_and_function_reads_as_objdump_prints_it() {
    // Where bits 4:2 are all ones, an instruction has more than 32 bits: none that exists.
    let (longer, words): (Vec<_>, Vec<_>) = full_words().into_iter().partition(|bits| bits >> 2 & 7 == 7);
    compare(&words);
    assert!(longer.iter().all(|&bits| decode(bits).0.op == Op::Illegal));
}

#[test]
fn what_decodes_is_executed_and_what_does_not_is_illegal() {
    let compressed = (0..=u16::MAX).filter(|half| half & 0b11 != 0b11).map(u32::from);
    let samples: Vec<u32> = compressed.chain(full_words()).collect();
    // As many at a time as there is room for between data and the end of memory.
    for samples in samples.chunks(1 << 18) {
        execute(samples);
    }
}

fn compare(samples: &[u32]) {
    let Some(verdicts) = objdump(samples) else { return };
    let mut wrong = String::new();
    let mut count = 0;
    for ((&bits, at), verdict) in samples.iter().zip((0..).step_by(size(samples))).zip(&verdicts) {
        let (insn, _) = decode(bits);
        let ours = (insn.op != Op::Illegal).then(|| text(insn, VirtAddr::new(at)).to_string());
        if ours != *verdict && !allowed(bits, insn, ours.as_deref(), verdict.as_deref()) {
            count += 1;
            if count <= 40 {
                let _ = writeln!(wrong, "{bits:08x}: ours {ours:?}, objdump {verdict:?}");
            }
        }
    }
    assert!(count == 0, "{count} of {} differ:\n{wrong}", samples.len());
}

/// The differences that are right; `docs/decisions/machine-oracles.md` gives the reasons at length.
fn allowed(bits: u32, insn: Insn, ours: Option<&str>, theirs: Option<&str>) -> bool {
    match (ours, theirs) {
        (Some(ours), Some(theirs)) => {
            let theirs = with_immediate(theirs);
            ours == theirs
                || ours == moved(&theirs)
                || hint(bits, insn, &theirs)
                || foreign(insn, ours, &theirs)
        }
        // The fields that FENCE does not use are reserved, and "base implementations shall ignore" them.
        (Some(_), None) if matches!(insn.op, Op::Fence | Op::FenceI) => true,
        // Exact conversions have a rounding mode like all others; objdump 2.40 knows them with mode 0 only.
        (Some(_), None) => matches!(insn.op, Op::FcvtDS | Op::FcvtDW | Op::FcvtDWu) && insn.imm & 7 != 0,
        // c.addi16sp by zero is reserved; objdump prints it all the same.
        (None, Some(_)) if bits == 0x6101 => true,
        // Of drafts that were given up, and of debug mode, which is not for software.
        (None, Some("uret" | "hret" | "sfence.vm" | "dret")) => true,
        // Svinval's half for hypervisors, which objdump does not tell apart.
        (None, Some(theirs)) => theirs.starts_with("hinval."),
        (None, None) => true,
    }
}

/// `add a0,zero,a1` has no name of its own in 32 bits; here it is `mv` as in 16.
fn moved(theirs: &str) -> String {
    theirs.replace(",zero,", ",").replacen("add ", "mv ", 1)
}

/// objdump writes some instructions with an immediate by the name of the form without: `add a0,sp,8`.
fn with_immediate(theirs: &str) -> String {
    let Some((name, operands)) = theirs.split_once(' ') else { return theirs.to_owned() };
    let last = operands.rsplit(',').next().unwrap_or("");
    if !last.starts_with(|c: char| c == '-' || c.is_ascii_digit()) {
        return theirs.to_owned();
    }
    if name.starts_with("csr") {
        return format!("{name}i {operands}");
    }
    match name.strip_suffix('w').or(name.strip_suffix('u')) {
        Some(stem) => format!("{stem}i{} {operands}", &name[stem.len()..]),
        None => format!("{name}i {operands}"),
    }
}

/// objdump has names for CSRs that this machine has not; here they are numbers.
fn foreign(insn: Insn, ours: &str, theirs: &str) -> bool {
    let number = format!("{:#x}", insn.imm);
    let same = |(a, b): (&str, &str)| a == b || a == number && !b.starts_with("0x");
    let words = |text: &'static str| move |c| text.contains(c);
    matches!(insn.op.format(), Format::Csr | Format::CsrImmediate)
        && !exists(insn)
        && ours.split(words(" ,")).zip(theirs.split(words(" ,"))).all(same)
}

/// Whether this machine has the CSR that the instruction names.
fn exists(insn: Insn) -> bool {
    let clocks = Clocks { instret: 0, cycle: 0, time: 0 };
    u16::try_from(insn.imm)
        .is_ok_and(|csr| csr::read(&Hart::new(0, 0, Features::default()), csr, &clocks).is_ok())
}

/// Compressed HINTs (results to `x0`, shifts and additions of zero) keep their own names.
fn hint(bits: u32, insn: Insn, theirs: &str) -> bool {
    let by_zero = insn.rd == insn.rs1 && insn.imm == 0;
    let shift = matches!(insn.op, Op::Slli | Op::Srli | Op::Srai) && theirs.contains("64 ");
    bits & 0b11 != 0b11 && (insn.rd == 0 || by_zero && (shift || insn.op == Op::Addi))
}

/// Words of every major opcode, with every funct3 and funct7, and of some more fields where these
/// tell instructions apart; all others are noise.
fn full_words() -> Vec<u32> {
    let mut noise = 0x1234_5678_9abc_def1u64;
    let mut next = move || {
        noise ^= noise << 13;
        noise ^= noise >> 7;
        noise ^= noise << 17;
        (noise >> 32) as u32
    };
    let mut words = Vec::new();
    let operands = 0x01ff_8f80;
    for major in 0..32 {
        for functions in 0..1 << 10 {
            let fixed = major << 2 | 0b11 | (functions & 7) << 12 | functions >> 3 << 25;
            words.extend([fixed, fixed | next() & operands, fixed | next() & operands]);
            // No destination, no source, an even register: where pseudo-instructions and hints are.
            words.push(fixed | next() & operands & !0xf80);
            words.push(fixed | next() & operands & !0xf_8000);
            words.push(fixed | next() & operands & !0x1f0_0000);
        }
    }
    // rs2 is a function code of floating-point, bit-manipulation and system instructions.
    for major in [0x04, 0x06, 0x0b, 0x0c, 0x0e, 0x14, 0x1c] {
        for functions in 0..1 << 15 {
            let fixed = major << 2 | 0b11 | (functions & 7) << 12 | functions >> 3 << 20;
            words.push(fixed | next() & 0xf_8f80);
        }
    }
    for function in 0..1 << 12 {
        words.push(0x73 | function << 20);
    }
    words.extend((0..50_000).map(|_| next() | 0b11));
    words
}

/// Bytes of each sample; they are all of one size.
fn size(samples: &[u32]) -> usize {
    if samples.iter().any(|bits| bits & 0b11 == 0b11) { 4 } else { 2 }
}

/// What objdump says about every sample; `None` where it is not installed.
fn objdump(samples: &[u32]) -> Option<Vec<Verdict>> {
    let file =
        std::env::temp_dir().join(format!("faultline-objdump-{}-{}", std::process::id(), samples.len()));
    std::fs::write(&file, object(samples)).expect("a temporary file");
    let output = run_objdump(&file);
    let _ = std::fs::remove_file(&file);
    let output = output?;
    let size = size(samples);
    let mut lines: BTreeMap<usize, &str> = BTreeMap::new();
    for line in output.lines() {
        let mut columns = line.splitn(3, '\t');
        let address =
            columns.next().and_then(|text| usize::from_str_radix(text.trim().strip_suffix(':')?, 16).ok());
        if let (Some(address), Some(_), Some(text)) = (address, columns.next(), columns.next())
            && address % size == 0
        {
            lines.insert(address, text);
        }
    }
    let line = |index: usize| lines.get(&(index * size)).expect("a line each");
    Some(samples.iter().enumerate().map(|(index, &bits)| verdict(bits, line(index))).collect())
}

fn verdict(bits: u32, text: &str) -> Verdict {
    let text = text.replace('\t', " ");
    let text = text.split(" #").next().unwrap_or("").split(" <").next().unwrap_or("").trim();
    let none = text.starts_with('.') || text == "unimp" && bits == 0;
    (!none).then(|| text.to_owned())
}

fn run_objdump(file: &PathBuf) -> Option<String> {
    let run = Command::new(OBJDUMP)
        .args(["--disassemble-all", "--section=.text", "--disassemble-zeroes", "-M", "priv-spec=1.12"])
        .arg(file)
        .output();
    match run {
        Ok(output) if output.status.success() => Some(String::from_utf8_lossy(&output.stdout).into_owned()),
        Ok(output) => panic!("{OBJDUMP}: {}", String::from_utf8_lossy(&output.stderr)),
        Err(error) => {
            assert!(std::env::var_os("FAULTLINE_REQUIRE_BINUTILS").is_none(), "{OBJDUMP}: {error}");
            eprintln!("SKIPPED: no {OBJDUMP}; install Debian's package binutils-riscv64-unknown-elf");
            None
        }
    }
}

/// An object file: `.text` with the samples, and `.riscv.attributes` that say which extensions there are.
fn object(samples: &[u32]) -> Vec<u8> {
    const NAMES: &[u8] = b"\0.text\0.riscv.attributes\0.shstrtab\0";
    let mut code = Vec::new();
    for &bits in samples {
        code.extend(&bits.to_le_bytes()[..size(samples)]);
    }
    let attributes = attributes();
    let sections: [(u32, u32, u64, &[u8]); 4] =
        [(0, 0, 0, &[]), (1, 1, 6, &code), (7, 0x7000_0003, 0, &attributes), (25, 3, 0, NAMES)];
    let mut file = b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0\x01\0\xf3\0\x01\0\0\0".to_vec();
    let bodies: usize = sections.iter().map(|section| section.3.len()).sum();
    for word in [0, 0, 64 + bodies as u64] {
        file.extend(u64::to_le_bytes(word));
    }
    file.extend(5u32.to_le_bytes());
    [64u16, 0, 0, 64, 4, 3].iter().for_each(|half| file.extend(half.to_le_bytes()));
    sections.iter().for_each(|section| file.extend(section.3));
    let mut at = 64;
    for (name, kind, flags, body) in sections {
        [name, kind].iter().for_each(|word| file.extend(word.to_le_bytes()));
        let size = body.len() as u64;
        [flags, 0, at, size, 0, 1, 0].iter().for_each(|word| file.extend(u64::to_le_bytes(*word)));
        at += size;
    }
    file
}

/// The attribute `Tag_RISCV_arch`, as the ABI specification lays it out.
fn attributes() -> Vec<u8> {
    let architecture = [&[5u8], isa(Features::default()).as_bytes(), &[0]].concat();
    let length = |bytes: usize| u32::try_from(bytes).expect("short").to_le_bytes();
    let file = [&[1u8][..], &length(architecture.len() + 5), &architecture].concat();
    let vendor = [&length(file.len() + 10)[..], b"riscv\0", &file].concat();
    [b"A", &vendor[..]].concat()
}

/// Every sample is executed once, in M-mode with the floating-point unit on and every register
/// pointing at memory, and raises an illegal instruction exactly where it decodes as one.
fn execute(samples: &[u32]) {
    let code = DATA + 0x10_0000;
    let mut bench = Bench::new(&[]);
    for (&bits, at) in samples.iter().zip((code..).step_by(8)) {
        bench.poke(at, bits.into());
    }
    for register in 1..32 {
        bench.set(register, DATA + 0x8000);
    }
    bench.hart().csrs.mstatus |= status::FS;
    let fresh = bench.hart().clone();
    for (&bits, at) in samples.iter().zip((code..).step_by(8)) {
        bench.hart().clone_from(&fresh);
        bench.hart().pc = at;
        bench.machine.run(1, &mut NoObserver);
        let hart = bench.hart();
        let trapped = hart.mode == Privilege::Machine && hart.pc == M_HANDLER && hart.csrs.mcause == 2;
        let (insn, _) = decode(bits);
        if let Some(illegal) = expected(insn) {
            assert_eq!(trapped, illegal, "{bits:08x} {}", text(insn, VirtAddr::new(at)));
        }
        assert!(!trapped || hart.csrs.mtval == u64::from(bits), "{bits:08x}: {:#x}", hart.csrs.mtval);
    }
}

/// Whether this instruction is illegal in M-mode; `None` where it is the CSR that decides.
fn expected(insn: Insn) -> Option<bool> {
    match insn.op.format() {
        Format::Csr | Format::CsrImmediate => None,
        // Rounding modes 5 and 6 are reserved.
        Format::FloatFused
        | Format::FloatRounded
        | Format::FloatUnary
        | Format::FloatToInteger
        | Format::FloatFromInteger => Some(matches!(insn.imm & 7, 5 | 6)),
        _ => Some(insn.op == Op::Illegal),
    }
}
