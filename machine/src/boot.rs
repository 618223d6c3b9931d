//! Putting a machine together: memory with the program in it, the device tree, the boot ROM.

use faultline_abi::PhysAddr;
use faultline_abi::board::{BOOT_ROM, DRAM_BASE};
use faultline_abi::scenario::limits;

use crate::device::virtio::Transport;
use crate::device::{Board, Disk};
use crate::device_tree::{self, Description};
use crate::loader::{LoadError, LoadedProgram};
use crate::machine::Machine;
use crate::ram::Ram;

/// What each hart is, as `riscv,isa` says it.
pub const ISA: &str = "rv64imac_zicntr_zicsr_zifencei_sstc";
/// The largest address translation that the harts have.
pub const MMU: &str = "riscv,sv39";

/// Where the device tree may begin: as high as it goes, on such a boundary; the first that is free.
const DEVICE_TREE_ALIGNMENTS: [u64; 2] = [2 << 20, 4096];

/// The board's settings.
#[derive(Clone, Debug)]
pub struct MachineConfig {
    /// MiB of DRAM.
    pub memory_mib: u32,
    /// Harts; one, for now.
    pub harts: u32,
    /// The kernel's command line.
    pub bootargs: String,
    /// The disk in the first virtio slot.
    pub disk: Option<Vec<u8>>,
    /// The register layout of the virtio slots.
    pub virtio: Transport,
}

impl Default for MachineConfig {
    fn default() -> Self {
        let memory_mib = faultline_abi::board::DRAM_MIB_DEFAULT;
        Self { memory_mib, harts: 1, bootargs: String::new(), disk: None, virtio: Transport::Modern }
    }
}

impl Machine {
    /// A machine that is about to execute the first instruction of its boot ROM, with `program` in
    /// memory.
    ///
    /// # Errors
    /// Where the settings are impossible or the program does not fit; nothing is built then.
    pub fn new(config: MachineConfig, program: &LoadedProgram) -> Result<Self, LoadError> {
        check(&config)?;
        let memory = u64::from(config.memory_mib) << 20;
        program.check_fits(memory)?;
        let tree = tree(&config, memory)?;
        let tree_at = place_tree(program, memory, tree.len() as u64)?;
        let mut ram = Ram::new(usize::try_from(memory).map_err(|_| too_much(&config))?);
        load(&mut ram, program, tree_at, &tree)?;
        let board = Board::new(config.harts, config.disk.map(Disk::new)).with_transport(config.virtio);
        let mut machine = Self::from_parts(ram, board, BOOT_ROM.base);
        if let Some(tohost) = program.tohost {
            machine.watch_tohost(tohost);
        }
        Ok(machine)
    }
}

fn too_much(config: &MachineConfig) -> LoadError {
    LoadError::Setting(format!("this host cannot hold {} MiB of memory", config.memory_mib))
}

fn check(config: &MachineConfig) -> Result<(), LoadError> {
    let (min, max) = (limits::MEMORY_MIB_MIN, limits::MEMORY_MIB_MAX);
    if !(min..=max).contains(&config.memory_mib) {
        let given = config.memory_mib;
        return Err(LoadError::Setting(format!("{given} MiB of memory; give {min} to {max}")));
    }
    if config.harts != 1 {
        return Err(LoadError::Setting(format!("{} harts; this machine has one", config.harts)));
    }
    if config.bootargs.contains('\0') {
        return Err(LoadError::Setting("the kernel's command line holds a zero byte".into()));
    }
    Ok(())
}

fn tree(config: &MachineConfig, memory: u64) -> Result<Vec<u8>, LoadError> {
    let description =
        Description { memory, harts: config.harts, bootargs: &config.bootargs, isa: ISA, mmu: MMU };
    device_tree::build(&description).map_err(|error| LoadError::Setting(error.to_string()))
}

/// The highest place in memory where no segment is.
fn place_tree(program: &LoadedProgram, memory: u64, size: u64) -> Result<PhysAddr, LoadError> {
    let top = (DRAM_BASE + memory).checked_sub(size).ok_or(LoadError::NoRoomForDeviceTree)?;
    DEVICE_TREE_ALIGNMENTS
        .into_iter()
        .map(|alignment| PhysAddr::new(top / alignment * alignment))
        .find(|&at| at.get() >= DRAM_BASE && !program.segments.iter().any(|s| s.overlaps(at, size)))
        .ok_or(LoadError::NoRoomForDeviceTree)
}

fn load(ram: &mut Ram, program: &LoadedProgram, tree_at: PhysAddr, tree: &[u8]) -> Result<(), LoadError> {
    let no_room = |_| LoadError::NoRoomForDeviceTree;
    for segment in &program.segments {
        ram.write(segment.address, &segment.bytes).map_err(no_room)?;
    }
    ram.write(tree_at, tree).map_err(no_room)?;
    ram.set_rom(&boot_rom(program.entry, tree_at)).map_err(no_room)
}

/// The first instructions of every run: a0 = hart id, a1 = device tree, a2 = a block of boot
/// information (all zeros: there is no firmware), then jump to the program.
fn boot_rom(entry: PhysAddr, tree: PhysAddr) -> Vec<u8> {
    const CODE: [u32; 6] = [
        0x0000_0297, // auipc t0, 0
        0x0282_8613, // addi  a2, t0, 40
        0xf140_2573, // csrr  a0, mhartid
        0x0202_b583, // ld    a1, 32(t0)
        0x0182_b283, // ld    t0, 24(t0)
        0x0002_8067, // jr    t0
    ];
    const BOOT_INFORMATION: usize = 48;
    let mut rom: Vec<u8> = CODE.iter().flat_map(|word| word.to_le_bytes()).collect();
    rom.extend(entry.get().to_le_bytes());
    rom.extend(tree.get().to_le_bytes());
    rom.resize(rom.len() + BOOT_INFORMATION, 0);
    rom
}

#[cfg(test)]
mod tests {
    use super::*;

    fn program(bytes: usize) -> LoadedProgram {
        LoadedProgram::from_raw(vec![0x13; bytes]).unwrap()
    }

    #[test]
    fn impossible_boards_are_refused_in_words() {
        for (memory_mib, harts, bootargs, message) in [
            (1, 1, "", "1 MiB of memory; give 2 to 1024"),
            (2000, 1, "", "2000 MiB of memory; give 2 to 1024"),
            (128, 0, "", "0 harts; this machine has one"),
            (128, 1, "a\0b", "the kernel's command line holds a zero byte"),
        ] {
            let bootargs = bootargs.into();
            let config = MachineConfig { memory_mib, harts, bootargs, ..MachineConfig::default() };
            assert_eq!(Machine::new(config, &program(4)).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn the_device_tree_lies_high_and_never_on_the_program() {
        let at = |bytes, memory| place_tree(&program(bytes), memory, 5000).map(PhysAddr::get);
        assert_eq!(at(4096, 128 << 20), Ok(DRAM_BASE + (126 << 20)));
        assert_eq!(at(4096, 2 << 20), Ok(DRAM_BASE + (2 << 20) - 8192));
        assert_eq!(at(2 << 20, 2 << 20), Err(LoadError::NoRoomForDeviceTree));
    }

    #[test]
    fn the_program_and_the_tree_are_in_memory() {
        let config = MachineConfig { memory_mib: 4, ..MachineConfig::default() };
        let machine = Machine::new(config, &program(64)).unwrap();
        let mut bytes = [0; 64];
        machine.ram().read(PhysAddr::new(DRAM_BASE), &mut bytes).unwrap();
        assert_eq!(bytes, [0x13; 64]);
        let mut magic = [0; 4];
        machine.ram().read(PhysAddr::new(DRAM_BASE + (2 << 20)), &mut magic).unwrap();
        assert_eq!(u32::from_be_bytes(magic), 0xd00d_feed);
    }
}
