//! Kernels that know nothing of this machine but QEMU's board: how teaching kernels start, tick and
//! drive the disk, with several harts; and a supervisor behind OpenSBI that starts the others. They are
//! written in assembly (`kernels/`), so that any assembler's output would do; these tests use Debian's
//! `binutils-riscv64-unknown-elf`, and without it they are skipped, loudly.

use std::path::{Path, PathBuf};
use std::process::Command;

use faultline_abi::PhysAddr;
use faultline_abi::scenario::Misaligned;
use faultline_machine::boot::MachineConfig;
use faultline_machine::bus::ExitCode;
use faultline_machine::detect::{Detectors, Watched};
use faultline_machine::device::virtio::Transport;
use faultline_machine::event::What;
use faultline_machine::loader::{KERNEL_BEHIND_FIRMWARE, LoadedProgram};
use faultline_machine::log::Log;
use faultline_machine::machine::{Machine, RunEnd};
use faultline_machine::recorder::{Events, Recording};
use faultline_machine::scenario::features;

const OPENSBI: &str = "/usr/lib/riscv64-linux-gnu/opensbi/generic/fw_jump.elf";
const DRAM: u64 = 0x8000_0000;
/// Steps after which nothing new will come.
const PATIENCE: u64 = 60_000_000;

/// Assembles and links a kernel for `at`; `None` where the tools are missing.
fn assemble(name: &str, at: u64, symbols: &[&str]) -> Option<Vec<u8>> {
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/kernels").join(format!("{name}.s"));
    let output = |kind| -> PathBuf {
        Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("{name}-{}.{kind}", symbols.concat()))
    };
    let (object, elf) = (output("o"), output("elf"));
    let mut assembler = Command::new("riscv64-unknown-elf-as");
    assembler.args(["-march=rv64imac_zicsr", "-mabi=lp64", "-o"]).arg(&object).arg(&source);
    for symbol in symbols {
        assembler.args(["--defsym", &format!("{symbol}=1")]);
    }
    let Ok(assembled) = assembler.status() else {
        eprintln!(
            "SKIPPED: no riscv64-unknown-elf-as; install Debian's package binutils-riscv64-unknown-elf"
        );
        return None;
    };
    assert!(assembled.success(), "{name}.s");
    let mut linker = Command::new("riscv64-unknown-elf-ld");
    linker.arg("--no-relax").arg(format!("-Ttext={at:#x}")).arg("-o").arg(&elf).arg(&object);
    assert!(linker.status().expect("the linker beside the assembler").success());
    Some(std::fs::read(elf).expect("what was linked"))
}

/// A disk whose sectors are filled with their numbers.
fn disk() -> Vec<u8> {
    (0..64 * 512u32).map(|byte| (byte / 512).to_le_bytes()[0]).collect()
}

struct Run {
    machine: Machine,
    recording: Recording,
    end: RunEnd,
}

impl Run {
    fn new(config: MachineConfig, program: &LoadedProgram) -> Self {
        let mut machine = Machine::new(config, program).expect("a board");
        let mut recording = Recording::default();
        let mut detectors = Detectors::default();
        let mut watched = Watched { sink: &mut recording, detectors: &mut detectors };
        let end = machine.run(PATIENCE, &mut Events(&mut watched));
        Self { machine, recording, end }
    }

    fn console(&self) -> String {
        String::from_utf8_lossy(self.recording.console_before(u64::MAX)).into_owned()
    }

    fn events(&self) -> &Log {
        self.recording.events()
    }

    #[track_caller]
    fn assert_ended_well(&self) {
        let pcs: Vec<_> = self.machine.harts().iter().map(|hart| (hart.pc(), hart.mode())).collect();
        assert_eq!(self.end, RunEnd::Exited(ExitCode(0)), "{}\n{pcs:?}", self.console());
    }
}

/// The lines of a text in order.
fn sorted_lines(text: &str) -> Vec<&str> {
    let mut lines: Vec<_> = text.lines().collect();
    lines.sort_unstable();
    lines
}

fn teaching(symbols: &[&str], config: MachineConfig) -> Option<Run> {
    let program = LoadedProgram::from_elf(&assemble("teaching", DRAM, symbols)?).expect("a program");
    let run = Run::new(MachineConfig { harts: 3, disk: Some(disk()), ..config }, &program);
    run.assert_ended_well();
    let console = run.console();
    assert!(console.starts_with("booting\n") && console.ends_with("disk ok\n"), "{console}");
    assert_eq!(sorted_lines(&console), ["booting", "disk ok", "hart 0", "hart 1", "hart 2"]);
    let written = run.machine.devices().disk().expect("a disk").contents();
    assert_eq!((written[6 * 512], written[6 * 512 + 1]), (0x5a, 5));
    Some(run)
}

#[test]
fn a_teaching_kernel_boots_on_three_harts_and_uses_a_modern_disk() {
    let Some(run) = teaching(&[], MachineConfig::default()) else { return };
    for hart in 0..3 {
        let ticks = run.events().iter().filter(|event| match &event.what {
            What::Trap(trap) => event.hart == hart && trap.interrupt && trap.scause << 1 == 5 << 1,
            _ => false,
        });
        assert!(ticks.count() >= 3, "hart {hart} has ticked");
        let spaces =
            run.events().iter().filter(|event| matches!(event.what, What::Satp { new, .. } if new != 0));
        assert!(spaces.filter(|event| event.hart == hart).count() == 1, "hart {hart} turned paging on");
    }
    let warnings = run.events().iter().filter(|event| matches!(event.what, What::Warning(_)));
    assert_eq!(warnings.count(), 0);
}

#[test]
fn a_teaching_kernel_uses_a_legacy_disk() {
    teaching(&["LEGACY"], MachineConfig { virtio: Transport::Legacy, ..MachineConfig::default() });
}

#[test]
fn a_teaching_kernel_needs_no_help_with_marks_or_alignment() {
    let features = features(faultline_abi::scenario::Adue::Off, Misaligned::Trap);
    teaching(&[], MachineConfig { features, ..MachineConfig::default() });
}

#[test]
fn a_run_of_three_harts_is_the_same_run_every_time_and_in_pieces() {
    let Some(elf) = assemble("teaching", DRAM, &[]) else { return };
    let program = LoadedProgram::from_elf(&elf).expect("a program");
    let config = || MachineConfig { harts: 3, disk: Some(disk()), ..MachineConfig::default() };
    let whole = Run::new(config(), &program);
    let mut pieces = Machine::new(config(), &program).expect("a board");
    let mut recording = Recording::default();
    let mut detectors = Detectors::default();
    let mut keyframe = pieces.keyframe();
    for piece in [1, 500, 37, 1000, 4096, 509, 10_000].into_iter().cycle() {
        let mut watched = Watched { sink: &mut recording, detectors: &mut detectors };
        match pieces.run(piece, &mut Events(&mut watched)) {
            RunEnd::Budget => {}
            end => {
                assert_eq!(end, whole.end);
                break;
            }
        }
        // Going back to where one stands changes nothing.
        keyframe = pieces.keyframe();
        pieces.restore(&keyframe);
    }
    assert!(keyframe.step_count() > 1_000);
    assert_eq!(recording.events(), whole.events());
    assert_eq!(pieces.harts(), whole.machine.harts());
}

/// The command line on a program; its exit code, standard output and standard error.
fn faultline(arguments: &[&str]) -> (Option<i32>, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_faultline")).args(arguments).output().expect("it runs");
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    (output.status.code(), text(&output.stdout), text(&output.stderr))
}

#[test]
fn a_test_suites_program_ends_through_the_host_and_leaves_its_signature() {
    let Some(elf) = assemble("suite", DRAM, &[]) else { return };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let path = |name: &str| folder.join(name).to_str().expect("a name").to_owned();
    let (kernel, signature) = (path("suite-program.elf"), path("suite-signature.txt"));
    std::fs::write(&kernel, elf).expect("a file");
    for (misaligned, traps) in [("hw", 0), ("trap", 4)] {
        let run = faultline(&["boot", &kernel, "--misaligned", misaligned, "--signature", &signature]);
        assert_eq!(run, (Some(0), "suite\n".into(), String::new()), "--misaligned {misaligned}");
        let words = std::fs::read_to_string(&signature).expect("a signature");
        assert_eq!(words, format!("{traps:08x}\n600dcafe\n"));
    }
    let (code, _, table) = faultline(&["boot", &kernel, "--harts", "2", "--stats"]);
    assert_eq!(code, Some(0));
    assert!(table.contains("  hart 0") && table.contains("  hart 1"), "{table}");
}

#[test]
fn a_signature_needs_its_symbols_and_an_initrd_its_room() {
    let Some(elf) = assemble("clint", DRAM, &[]) else { return };
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let path = |name: &str| folder.join(name).to_str().expect("a name").to_owned();
    let (kernel, initrd) = (path("no-signature.elf"), path("initrd.img"));
    std::fs::write(&kernel, elf).expect("a file");
    std::fs::write(&initrd, vec![1; 5 << 20]).expect("a file");
    let (code, _, error) = faultline(&["boot", &kernel, "--signature", "/nowhere"]);
    assert!(code == Some(2) && error.contains("`begin_signature`"), "{error}");
    let small = ["boot", &kernel, "--initrd", &initrd, "--memory", "8"];
    let (code, _, error) = faultline(&small);
    assert!(code == Some(2) && error.contains("no room for an initrd of 0x500000 bytes"), "{error}");
    let (code, said, _) = faultline(&["boot", &kernel, "--initrd", &initrd, "--harts", "2"]);
    assert_eq!((code, &*said), (Some(0), "k"));
}

#[test]
fn a_kernel_of_the_older_kind_ticks_and_calls_by_the_clint() {
    let Some(elf) = assemble("clint", DRAM, &[]) else { return };
    let program = LoadedProgram::from_elf(&elf).expect("a program");
    for harts in [2, 8] {
        let run = Run::new(MachineConfig { harts, ..MachineConfig::default() }, &program);
        run.assert_ended_well();
        assert_eq!(run.console(), "k");
    }
}

#[test]
fn a_supervisor_behind_opensbi_starts_calls_and_fences_the_other_harts() {
    let Ok(firmware) = std::fs::read(OPENSBI) else {
        return eprintln!("SKIPPED: no {OPENSBI}; install Debian's package opensbi");
    };
    let Some(elf) = assemble("sbi", KERNEL_BEHIND_FIRMWARE, &[]) else { return };
    let firmware = Some(LoadedProgram::from_elf(&firmware).expect("a firmware"));
    let program = LoadedProgram::from_elf(&elf).expect("a program");
    assert_eq!(program.entry, PhysAddr::new(KERNEL_BEHIND_FIRMWARE));
    let run = Run::new(MachineConfig { harts: 4, firmware, ..MachineConfig::default() }, &program);
    run.assert_ended_well();
    let console = run.console();
    assert!(console.contains("Platform HART Count       : 4"), "{console}");
    let (_, said) = console.split_once("supervisor\r\n").expect("it came to its first word");
    let lines = sorted_lines(said);
    let others = lines.iter().filter(|line| line.starts_with("awake ")).count();
    assert_eq!((others, lines.contains(&"all harts answered")), (3, true), "{said}");
}

/// What a kernel prints on QEMU's board; `None` where there is no QEMU.
fn on_qemu(arguments: &[&str]) -> Option<String> {
    let board = ["-machine", "virt", "-m", "128", "-nographic", "-monitor", "none", "-serial", "stdio"];
    let mut qemu = Command::new("timeout");
    let output = qemu.args(["120", "qemu-system-riscv64"]).args(board).args(arguments).output().ok()?;
    // What `timeout` answers where there is no such command.
    if output.status.code() == Some(127) {
        eprintln!("SKIPPED: no qemu-system-riscv64; install Debian's package qemu-system-misc");
        return None;
    }
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    Some(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[test]
fn the_same_kernels_say_the_same_on_qemu() {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let path = |name: &str| folder.join(name).to_str().expect("a name").to_owned();
    for (symbols, legacy) in [(&[][..], "false"), (&["LEGACY"][..], "true")] {
        let Some(elf) = assemble("teaching", DRAM, symbols) else { return };
        let (kernel, image) = (path(&format!("qemu-{legacy}.elf")), path(&format!("qemu-{legacy}.img")));
        std::fs::write(&kernel, elf).expect("a file");
        std::fs::write(&image, disk()).expect("a file");
        let transport = format!("virtio-mmio.force-legacy={legacy}");
        let drive = format!("file={image},if=none,format=raw,id=x0");
        let device = "virtio-blk-device,drive=x0,bus=virtio-mmio-bus.0";
        let board = ["-smp", "3", "-bios", "none", "-kernel", &kernel, "-global", &transport];
        let Some(said) = on_qemu(&[&board[..], &["-drive", &drive, "-device", device]].concat()) else {
            return;
        };
        assert_eq!(sorted_lines(&said), ["booting", "disk ok", "hart 0", "hart 1", "hart 2"]);
        assert_eq!(std::fs::read(&image).expect("the disk")[6 * 512..][..2], [0x5a, 5]);
    }
    let Some(elf) = assemble("clint", DRAM, &[]) else { return };
    let kernel = path("qemu-clint.elf");
    std::fs::write(&kernel, elf).expect("a file");
    assert_eq!(on_qemu(&["-smp", "2", "-bios", "none", "-kernel", &kernel]).as_deref(), Some("k"));
}
