//! Putting a machine together: memory with the program in it, the device tree, the boot ROM.

use faultline_abi::PhysAddr;
use faultline_abi::board::{BOOT_ROM, DRAM_BASE};
use faultline_abi::scenario::limits;

use crate::device::disk_faults::DiskFaults;
use crate::device::virtio::Transport;
use crate::device::{Board, Disk, DiskAccess};
use crate::device_tree::{self, Description};
use crate::hart::Features;
use crate::loader::{LoadError, LoadedProgram, Segment};
use crate::machine::Machine;
use crate::mmu::walk::Update;
use crate::ram::Ram;

/// What each hart is, as `riscv,isa` says it; [`isa`] adds who sets A and D.
const ISA: &str = "rv64imafdcb_zicntr_zicsr_zifencei_zba_zbb_zbs_sstc";
/// The largest address translation that the harts have.
pub const MMU: &str = "riscv,sv48";

/// Where the device tree may begin: as high as it goes, on such a boundary; the first that is free.
const DEVICE_TREE_ALIGNMENTS: [u64; 2] = [2 << 20, 4096];

/// Bytes between an initial file system and the end of memory: the device tree lies there.
const ABOVE_INITRD: u64 = 4 << 20;

/// The board's settings.
#[derive(Clone, Debug)]
pub struct MachineConfig {
    /// MiB of DRAM.
    pub memory_mib: u32,
    /// Harts, 1 to [`limits::HARTS_MAX`].
    pub harts: u32,
    /// The kernel's command line.
    pub bootargs: String,
    /// A file system for the kernel's start (`linux,initrd-start` in the device tree).
    pub initrd: Option<Vec<u8>>,
    /// The disk in the first virtio slot.
    pub disk: Option<Vec<u8>>,
    /// Whether it can be written.
    pub disk_access: DiskAccess,
    /// What goes wrong with it.
    pub disk_faults: DiskFaults,
    /// What kind of harts they are.
    pub features: Features,
    /// The register layout of the virtio slots.
    pub virtio: Transport,
    /// A first stage that runs before the program, in M-mode, and starts it.
    pub firmware: Option<LoadedProgram>,
}

impl Default for MachineConfig {
    fn default() -> Self {
        let memory_mib = faultline_abi::board::DRAM_MIB_DEFAULT;
        Self {
            memory_mib,
            harts: 1,
            features: Features::default(),
            bootargs: String::new(),
            initrd: None,
            disk: None,
            disk_access: DiskAccess::default(),
            disk_faults: DiskFaults::default(),
            virtio: Transport::Modern,
            firmware: None,
        }
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
        let images = Images::new(config.firmware.as_ref(), program, memory)?;
        let initrd = images.place_initrd(memory, config.initrd.as_deref())?;
        let tree = tree(&config, memory, initrd.as_ref())?;
        let tree_at = images.place_tree(memory, tree.len() as u64)?;
        let mut ram = Ram::new(usize::try_from(memory).map_err(|_| too_much(&config))?);
        images.load(&mut ram, tree_at, &tree)?;
        if let Some(initrd) = &initrd {
            ram.write(initrd.address, &initrd.bytes).map_err(|_| LoadError::NoRoomForDeviceTree)?;
        }
        let disk = config.disk.map(|image| Disk::new(image).with_access(config.disk_access));
        let board = Board::with_faults(config.harts, disk, config.disk_faults);
        let board = board.with_transport(config.virtio);
        let mut machine =
            Self::from_parts(ram, board, BOOT_ROM.base).with_harts(config.harts, config.features);
        if let Some(tohost) = program.tohost {
            machine.watch_tohost(tohost, program.fromhost);
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
    if !(1..=limits::HARTS_MAX).contains(&config.harts) {
        let (given, max) = (config.harts, limits::HARTS_MAX);
        return Err(LoadError::Setting(format!("{given} harts; give 1 to {max}")));
    }
    if config.bootargs.contains('\0') {
        return Err(LoadError::Setting("the kernel's command line holds a zero byte".into()));
    }
    Ok(())
}

/// `riscv,isa` of a hart with these features.
#[must_use]
pub fn isa(features: Features) -> String {
    let marks = if features.update == Update::Hardware { "svadu" } else { "svade" };
    format!("{ISA}_{marks}_svinval")
}

fn tree(config: &MachineConfig, memory: u64, initrd: Option<&Segment>) -> Result<Vec<u8>, LoadError> {
    let isa = &isa(config.features);
    let description = Description {
        memory,
        harts: config.harts,
        bootargs: &config.bootargs,
        initrd: initrd.map(|segment| (segment.address.get(), segment.bytes.len() as u64)),
        isa,
        mmu: MMU,
    };
    device_tree::build(&description).map_err(|error| LoadError::Setting(error.to_string()))
}

/// What is in memory at the start, the device tree apart.
struct Images<'a> {
    firmware: Option<&'a LoadedProgram>,
    program: &'a LoadedProgram,
}

impl<'a> Images<'a> {
    /// Checked: everything fits, and nothing lies on anything else.
    fn new(
        firmware: Option<&'a LoadedProgram>,
        program: &'a LoadedProgram,
        memory: u64,
    ) -> Result<Self, LoadError> {
        program.check_fits(memory)?;
        if let Some(firmware) = firmware {
            firmware.check_fits(memory)?;
            firmware.check_apart(program)?;
        }
        Ok(Self { firmware, program })
    }

    fn segments(&self) -> impl Iterator<Item = &Segment> {
        self.firmware.into_iter().chain([self.program]).flat_map(|image| &image.segments)
    }

    /// An initial file system goes high, but leaves room for the device tree above it.
    fn place_initrd(&self, memory: u64, initrd: Option<&[u8]>) -> Result<Option<Segment>, LoadError> {
        let Some(bytes) = initrd else { return Ok(None) };
        let size = bytes.len() as u64;
        let top = (DRAM_BASE + memory).checked_sub(ABOVE_INITRD).and_then(|top| top.checked_sub(size));
        let at = top.map(|at| PhysAddr::new(at).page_down());
        let free = |at: &PhysAddr| at.get() >= DRAM_BASE && !self.segments().any(|s| s.overlaps(*at, size));
        let address = at.filter(free).ok_or_else(|| {
            LoadError::Setting(format!(
                "no room for an initrd of {size:#x} bytes (give the machine more memory)"
            ))
        })?;
        Ok(Some(Segment { address, size, bytes: bytes.to_vec() }))
    }

    /// The highest place in memory where no segment is.
    fn place_tree(&self, memory: u64, size: u64) -> Result<PhysAddr, LoadError> {
        let top = (DRAM_BASE + memory).checked_sub(size).ok_or(LoadError::NoRoomForDeviceTree)?;
        DEVICE_TREE_ALIGNMENTS
            .into_iter()
            .map(|alignment| PhysAddr::new(top / alignment * alignment))
            .find(|&at| at.get() >= DRAM_BASE && !self.segments().any(|s| s.overlaps(at, size)))
            .ok_or(LoadError::NoRoomForDeviceTree)
    }

    fn load(&self, ram: &mut Ram, tree_at: PhysAddr, tree: &[u8]) -> Result<(), LoadError> {
        let no_room = |_| LoadError::NoRoomForDeviceTree;
        for segment in self.segments() {
            ram.write(segment.address, &segment.bytes).map_err(no_room)?;
        }
        ram.write(tree_at, tree).map_err(no_room)?;
        ram.set_rom(&self.boot_rom(tree_at)).map_err(no_room)
    }

    /// The first instructions of every run: a0 = hart id, a1 = device tree, a2 = what the firmware
    /// is to start, then jump to the firmware or, where there is none, to the program.
    fn boot_rom(&self, tree: PhysAddr) -> Vec<u8> {
        const CODE: [u32; 6] = [
            0x0000_0297, // auipc t0, 0
            0x0282_8613, // addi  a2, t0, 40
            0xf140_2573, // csrr  a0, mhartid
            0x0202_b583, // ld    a1, 32(t0)
            0x0182_b283, // ld    t0, 24(t0)
            0x0002_8067, // jr    t0
        ];
        let first = self.firmware.unwrap_or(self.program);
        let mut rom: Vec<u8> = CODE.iter().flat_map(|word| word.to_le_bytes()).collect();
        for word in [first.entry.get(), tree.get()].into_iter().chain(self.boot_information()) {
            rom.extend(word.to_le_bytes());
        }
        rom
    }

    /// OpenSBI's `fw_dynamic_info`, version 2: magic, version, where to go on, in which mode, options,
    /// and the hart that boots. All zeros where there is no firmware.
    fn boot_information(&self) -> [u64; 6] {
        const MAGIC: u64 = 0x4942_534f;
        const SUPERVISOR: u64 = 1;
        match self.firmware {
            Some(_) => [MAGIC, 2, self.program.entry.get(), SUPERVISOR, 0, 0],
            None => [0; 6],
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::loader::KERNEL_BEHIND_FIRMWARE;

    fn program(bytes: usize) -> LoadedProgram {
        LoadedProgram::from_raw(vec![0x13; bytes]).unwrap()
    }

    #[test]
    fn impossible_boards_are_refused_in_words() {
        for (memory_mib, harts, bootargs, message) in [
            (1, 1, "", "1 MiB of memory; give 2 to 1024"),
            (2000, 1, "", "2000 MiB of memory; give 2 to 1024"),
            (128, 0, "", "0 harts; give 1 to 8"),
            (128, 9, "", "9 harts; give 1 to 8"),
            (128, 1, "a\0b", "the kernel's command line holds a zero byte"),
        ] {
            let bootargs = bootargs.into();
            let config = MachineConfig { memory_mib, harts, bootargs, ..MachineConfig::default() };
            assert_eq!(Machine::new(config, &program(4)).unwrap_err().to_string(), message);
        }
    }

    #[test]
    fn the_device_tree_lies_high_and_never_on_the_program() {
        let at = |bytes, memory| {
            let program = program(bytes);
            let images = Images { firmware: None, program: &program };
            images.place_tree(memory, 5000).map(PhysAddr::get)
        };
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

    #[test]
    fn a_firmware_comes_first_and_is_told_where_to_go_on() {
        let firmware = Some(program(64));
        let kernel =
            LoadedProgram::from_raw_at(vec![0x37; 64], PhysAddr::new(KERNEL_BEHIND_FIRMWARE)).unwrap();
        let config = MachineConfig { memory_mib: 4, firmware, ..MachineConfig::default() };
        let machine = Machine::new(config, &kernel).unwrap();
        let word = |address| machine.ram().read_u64(PhysAddr::new(address)).unwrap();
        assert_eq!(word(BOOT_ROM.base + 24), DRAM_BASE);
        assert_eq!(word(BOOT_ROM.base + 40), 0x4942_534f);
        assert_eq!(word(BOOT_ROM.base + 56), KERNEL_BEHIND_FIRMWARE);
        assert_eq!(word(KERNEL_BEHIND_FIRMWARE), 0x3737_3737_3737_3737);
        assert_eq!(word(DRAM_BASE), 0x1313_1313_1313_1313);
    }

    #[test]
    fn a_firmware_and_a_kernel_in_one_place_are_refused() {
        let config = MachineConfig { firmware: Some(program(64)), ..MachineConfig::default() };
        let error = Machine::new(config, &program(64)).unwrap_err();
        assert_eq!(error, LoadError::Overlap(DRAM_BASE));
        assert!(error.to_string().contains("both claim 0x80000000"), "{error}");
    }
}
