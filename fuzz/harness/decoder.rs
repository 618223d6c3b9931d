//! Decoder, compressed instructions, disassembler and encoder: any bits have a meaning or none, every
//! meaning has a text, and what was decoded encodes to the same meaning.

use faultline_abi::VirtAddr;
use faultline_machine::{decode::decode, disasm, encode::encode, insn::Op};

use super::bytes::Bytes;

/// Longer than any instruction's text.
const TEXT_MAX: usize = 80;

pub(crate) fn run(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    while !bytes.is_empty() {
        let bits = bytes.word();
        let (insn, _) = decode(bits);
        assert!(insn.rd < 32 && insn.rs1 < 32 && insn.rs2 < 32, "{bits:#010x}: {insn:?}");
        let text = disasm::text(insn, VirtAddr::new(u64::from(bits) << 7)).to_string();
        assert!(!text.is_empty() && text.len() < TEXT_MAX, "{bits:#010x}: {text}");
        if insn.op != Op::Illegal {
            let word = encode(insn);
            assert_eq!(decode(word).0, insn, "{bits:#010x} encodes to {word:#010x}");
        }
    }
}
