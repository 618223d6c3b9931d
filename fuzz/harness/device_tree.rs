//! The device tree of boards with any memory, harts and command line: it can be built or is refused in
//! words, and another's parser reads from it what was asked for.

use faultline_machine::boot::{MMU, MachineConfig, isa};
use faultline_machine::device_tree::{self, Description};
use faultline_machine::hart::Features;
use faultline_machine::loader::LoadedProgram;
use faultline_machine::machine::Machine;

use super::bytes::Bytes;

pub(crate) fn run(data: &[u8]) {
    let mut bytes = Bytes::new(data);
    let (memory, harts) = (bytes.double(), u32::from(bytes.byte() % 64));
    let (memory_mib, code) = (u32::from(bytes.half() % 8), usize::from(bytes.half()) * 64);
    let bootargs = String::from_utf8_lossy(bytes.take(data.len())).into_owned();
    let isa = isa(Features::default());
    let description = Description { memory, harts, bootargs: &bootargs, initrd: None, isa: &isa, mmu: MMU };
    match device_tree::build(&description) {
        Ok(tree) => read(&tree, &description),
        Err(error) => assert!(bootargs.contains('\0'), "{error}"),
    }
    let config = MachineConfig { memory_mib, harts, bootargs, ..MachineConfig::default() };
    let program = LoadedProgram::from_raw(vec![0x13; code + 4]).expect("some bytes");
    if let Err(error) = Machine::new(config, &program) {
        assert!(!error.to_string().is_empty());
    }
}

fn read(tree: &[u8], asked: &Description<'_>) {
    let fdt = fdt::Fdt::new(tree).expect("a tree that a kernel can read");
    assert_eq!(fdt.cpus().count(), asked.harts as usize);
    assert_eq!(fdt.chosen().bootargs().unwrap_or(""), asked.bootargs);
    let region = fdt.memory().regions().next().expect("memory");
    assert_eq!(region.size, usize::try_from(asked.memory).ok());
}
