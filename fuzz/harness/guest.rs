//! A guest that is nothing but noise, watched by everything that can watch: detectors and a modelled
//! TLB. It may do what it likes to itself; the host goes on.

use faultline_abi::board::DRAM_BASE;
use faultline_machine::boot::MachineConfig;
use faultline_machine::detect::{Detectors, Discard, Watched};
use faultline_machine::loader::LoadedProgram;
use faultline_machine::machine::Machine;
use faultline_machine::recorder::Events;
use faultline_machine::statistics::{Counted, Statistics};
use faultline_machine::translations::TlbModel;

use super::bytes::Bytes;

const STEPS: u64 = 4000;
/// Code that opens PMP, sets a handler that skips what traps, and takes tables from the image.
const START: [u32; 14] = [
    0x0000_0297, // auipc t0, 0
    0x0382_8313, // addi  t1, t0, 56: the handler
    0x3053_1073, // csrw  mtvec, t1
    0xfff0_0393, // li    t2, -1
    0x3b03_9073, // csrw  pmpaddr0, t2
    0x01f0_0393, // li    t2, 31
    0x3a03_9073, // csrw  pmpcfg0, t2
    0x0000_1e37, // lui   t3, 1
    0x01c2_8e33, // add   t3, t0, t3: the tables
    0x00ce_5e13, // srli  t3, t3, 12
    0xfff0_0e93, // li    t4, -1
    0x03fe_9e93, // slli  t4, t4, 63
    0x01de_6e33, // or    t3, t3, t4
    0x180e_1073, // csrw  satp, t3; the handler is what follows
];
/// `mepc += 4`, and back into S-mode or U-mode as the noise has it.
const HANDLER: [u32; 4] = [
    0x3410_22f3, // csrr  t0, mepc
    0x0042_8293, // addi  t0, t0, 4
    0x3412_9073, // csrw  mepc, t0
    0x3020_0073, // mret
];

pub(crate) fn run(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let each_access = bytes.byte().is_multiple_of(2);
    let program = LoadedProgram::from_raw(image(&mut bytes)).expect("some bytes");
    let config = MachineConfig { memory_mib: 2, ..MachineConfig::default() };
    let mut machine = Machine::new(config, &program).expect("it fits");
    let (mut sink, mut detectors, mut statistics) = (Discard, Detectors::default(), Statistics::default());
    let mut watched = Watched { sink: &mut sink, detectors: &mut detectors };
    let inner = Events(&mut watched);
    if each_access {
        statistics.tlb = Some(TlbModel::new("8x2".parse().expect("a shape")));
        let mut counted = Counted::<'_, _, true> { inner, statistics: &mut statistics };
        machine.run(STEPS / 4, &mut counted);
    } else {
        let mut counted = Counted::<'_, _, false> { inner, statistics: &mut statistics };
        machine.run(STEPS, &mut counted);
    }
    assert!(machine.step_count() <= STEPS);
}

/// A page of code and two of tables, the rest of the input behind the fixed start.
fn image(bytes: &mut Bytes<'_>) -> Vec<u8> {
    let mut image: Vec<u8> = START.iter().chain(&HANDLER).flat_map(|word| word.to_le_bytes()).collect();
    image.extend(bytes.take(2048));
    image.resize(4096, 0x13);
    // The root maps every gigabyte of the lower half by the table behind it, or as the noise has it.
    for index in 0..1024u64 {
        let noise = if index.is_multiple_of(8) { bytes.double() } else { 0 };
        let pte = match index {
            2 => DRAM_BASE >> 12 << 10 | 0xcf,
            0..512 => (DRAM_BASE + 0x2000) >> 12 << 10 | 1,
            _ => (DRAM_BASE + (index % 8) * 0x1000) >> 12 << 10 | 0xdf,
        };
        image.extend((pte ^ noise).to_le_bytes());
    }
    image
}
