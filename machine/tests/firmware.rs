//! Firmware that was built for QEMU's board by others: OpenSBI, and U-Boot behind it. Debian's packages
//! `opensbi` and `u-boot-qemu`; without them these tests are skipped, loudly.

mod common;

use std::path::Path;

use faultline_abi::PhysAddr;
use faultline_machine::boot::MachineConfig;
use faultline_machine::bus::ExitCode;
use faultline_machine::device::virtio::Transport;
use faultline_machine::loader::{KERNEL_BEHIND_FIRMWARE, LoadedProgram};
use faultline_machine::machine::{Machine, RunEnd};
use faultline_machine::observer::{Context, Observer};

const OPENSBI: &str = "/usr/lib/riscv64-linux-gnu/opensbi/generic";
const U_BOOT: &str = "/usr/lib/u-boot/qemu-riscv64_smode";
/// Steps between two looks at the console.
const SLICE: u64 = 1_000_000;
/// Slices after which an answer will not come any more.
const PATIENCE: u32 = 600;

fn read(folder: &str, name: &str) -> Option<Vec<u8>> {
    let bytes = std::fs::read(Path::new(folder).join(name)).ok();
    if bytes.is_none() {
        eprintln!("SKIPPED: no {folder}/{name}; install Debian's packages opensbi and u-boot-qemu");
    }
    bytes
}

#[derive(Default)]
struct Console(String);

impl Observer for Console {
    const ACTIVE: bool = true;

    fn console_output(&mut self, _: &Context, byte: u8) {
        self.0.push(byte.into());
    }
}

/// A machine at whose console one can wait for words.
struct Terminal {
    machine: Machine,
    console: Console,
    /// How much of the console has been read.
    seen: usize,
}

impl Terminal {
    fn new(firmware: LoadedProgram, kernel: &LoadedProgram, virtio: Transport, harts: u32) -> Self {
        let disk = Some((0..64 * 512u32).map(|byte| (byte / 512).to_le_bytes()[0]).collect());
        let firmware = Some(firmware);
        let config = MachineConfig { harts, firmware, disk, virtio, ..MachineConfig::default() };
        let machine = Machine::new(config, kernel).unwrap();
        Self { machine, console: Console::default(), seen: 0 }
    }

    #[track_caller]
    fn expect(&mut self, words: &str) {
        for _ in 0..PATIENCE {
            if let Some(at) = self.console.0[self.seen..].find(words) {
                self.seen += at + words.len();
                return;
            }
            if let RunEnd::Exited(code) = self.machine.run(SLICE, &mut self.console) {
                assert!(self.console.0[self.seen..].contains(words), "ended with {code:?}");
            }
        }
        panic!("no `{words}` in:\n{}", &self.console.0[self.seen..]);
    }

    fn type_line(&mut self, line: &str) {
        for byte in format!("{line}\n").bytes() {
            self.machine.console_input(&[byte]);
            self.machine.run(SLICE, &mut self.console);
        }
    }
}

/// Starts U-Boot and comes to its prompt.
fn prompt(firmware: LoadedProgram, kernel: &LoadedProgram, virtio: Transport, harts: u32) -> Terminal {
    let mut terminal = Terminal::new(firmware, kernel, virtio, harts);
    terminal.expect("OpenSBI");
    terminal.expect(&format!("Platform HART Count       : {harts}"));
    terminal.expect("Boot HART PMP Count       : 16");
    terminal.expect("U-Boot");
    terminal.expect("Hit any key");
    terminal.type_line("");
    terminal.expect("=> ");
    terminal
}

#[test]
fn u_boot_comes_to_its_prompt_behind_fw_jump_and_reads_a_modern_disk() {
    let (Some(firmware), Some(kernel)) = (read(OPENSBI, "fw_jump.elf"), read(U_BOOT, "uboot.elf")) else {
        return;
    };
    let (firmware, kernel) =
        (LoadedProgram::from_elf(&firmware).unwrap(), LoadedProgram::from_elf(&kernel).unwrap());
    let mut terminal = prompt(firmware, &kernel, Transport::Modern, 1);
    read_disk(&mut terminal);
    terminal.type_line("poweroff");
    terminal.expect("poweroff ...");
    let end = terminal.machine.run(u64::from(PATIENCE) * SLICE, &mut terminal.console);
    assert_eq!(end, RunEnd::Exited(ExitCode(0)));
}

#[test]
fn u_boot_raw_behind_fw_dynamic_on_four_harts_reads_a_legacy_disk() {
    let (Some(firmware), Some(kernel)) = (read(OPENSBI, "fw_dynamic.bin"), read(U_BOOT, "u-boot.bin")) else {
        return;
    };
    let at = PhysAddr::new(KERNEL_BEHIND_FIRMWARE);
    let (firmware, kernel) =
        (LoadedProgram::from_raw(firmware).unwrap(), LoadedProgram::from_raw_at(kernel, at).unwrap());
    read_disk(&mut prompt(firmware, &kernel, Transport::Legacy, 4));
}

/// Finds the disk, reads its sixth sector and shows the first bytes.
#[track_caller]
fn read_disk(terminal: &mut Terminal) {
    terminal.type_line("virtio scan");
    terminal.type_line("virtio info");
    terminal.expect("Capacity: 0.0 MB = 0.0 GB (64 x 512)");
    terminal.type_line("virtio read 84000000 5 1");
    terminal.expect("1 blocks read: OK");
    terminal.type_line("md.b 84000000 4");
    terminal.expect("84000000: 05 05 05 05");
}
