use faultline_abi::VirtAddr;

use super::text;
use crate::{
    decode::decode,
    insn::{ENCODINGS, Length, Op},
};

/// Address, bits and text of instructions, as GNU as encodes and objdump 2.40 prints them; but the
/// forms with an immediate keep their own names (`addi`, `csrwi`), and `menvcfg` its.
const OBJDUMP: &str = include_str!("objdump.txt");

fn lines() -> impl Iterator<Item = (u64, u32, Length, &'static str)> {
    OBJDUMP.lines().map(|line| {
        let mut parts = line.splitn(3, ' ');
        let mut next = || parts.next().expect("three columns");
        let (address, bits, text) = (next(), next(), next());
        let length = if bits.len() == 4 { Length::Compressed } else { Length::Full };
        let address = u64::from_str_radix(address, 16).expect("an address");
        (address, u32::from_str_radix(bits, 16).expect("bits"), length, text)
    })
}

#[test]
fn every_instruction_reads_as_objdump_prints_it() {
    for (address, bits, expected_length, expected) in lines() {
        let (insn, length) = decode(bits);
        assert_eq!(text(insn, VirtAddr::new(address)).to_string(), expected, "{bits:08x}");
        assert_eq!(length, expected_length, "{expected}");
    }
}

#[test]
fn the_table_has_every_instruction_that_exists() {
    let seen: Vec<Op> = lines().map(|(_, bits, _, _)| decode(bits).0.op).collect();
    for encoding in ENCODINGS {
        assert!(seen.contains(&encoding.op), "{} is not in the table", encoding.op.name());
    }
}

#[test]
fn what_is_reserved_or_belongs_to_missing_extensions_is_illegal() {
    let illegal = [
        0x0000_0000, // defined as illegal
        0xffff_ffff,
        0x0000_707f,
        0x0000_700b, // custom-0
        0x0400_0053, // fadd.h
        0x4000_1013, // slli with bits of another function
        0x0200_501b, // srliw with shamt 32
        0x0000_7003, // load of no width
        0x0000_4023, // store of no width
        0x1010_202f, // lr.w with rs2
        0x0000_002f, // AMO of bytes
        0x0000_4073, // funct3 without a CSR instruction
        0x0020_0073, // uret
        0x1020_00f3, // sret with rd
        0x1200_00f3, // sfence.vma with rd
        0x7020_0073, // mnret
        0x0000_8000, // c: reserved in quadrant 0
        0x0000_2001, // c.addiw x0
        0x0000_6001, // c.lui x0, 0
        0x0000_6101, // c.addi16sp 0
        0x0000_9c41, // c: reserved arithmetic
        0x0000_4002, // c.lwsp x0
        0x0000_6002, // c.ldsp x0
        0x0000_8002, // c.jr x0
    ];
    for bits in illegal {
        assert_eq!(decode(bits).0.op, Op::Illegal, "{bits:#010x}");
    }
}

#[test]
fn no_bits_make_the_decoder_panic() {
    // Every compressed instruction, and full ones in a stride that meets every opcode and function.
    for bits in (0..=u16::MAX).map(u32::from).chain((0..1 << 20).map(|n: u32| n.wrapping_mul(4097))) {
        let (insn, _) = decode(bits);
        let _ = text(insn, VirtAddr::new(u64::MAX)).to_string();
        assert!(insn.rd < 32 && insn.rs1 < 32 && insn.rs2 < 32);
    }
}
