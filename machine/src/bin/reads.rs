//! What a run reads of its images: `reads SCENARIO KERNEL DISK FOLDER`, for `cargo xtask dist`.
//!
//! Writes both images to FOLDER with zeros where the run reads nothing, and then `opening`: the scenario as a page begins
//! with it, and the digest over every event.
//! A run of what was written gives the same digest, or the command fails: with that, whoever shows the run can
//! begin before the images are there as a whole.
//!
//! What is read of the kernel is what is executed or loaded of it. What is read of the disk is what the kernel's
//! tracepoints say.

use std::collections::BTreeSet;
use std::error::Error;
use std::path::Path;

use elf::ElfBytes;
use elf::abi::{PT_LOAD, SHF_ALLOC};
use elf::endian::LittleEndian;
use faultline_abi::{PhysAddr, VirtAddr, scenario::Scenario};
use faultline_machine::decode::decode;
use faultline_machine::event::What;
use faultline_machine::hart::Privilege;
use faultline_machine::insn::Format;
use faultline_machine::inspect;
use faultline_machine::machine::Machine;
use faultline_machine::opening::Opening;
use faultline_machine::scenario::parse;
use faultline_machine::session::{Boot, Goal, Session};
use sha2::{Digest, Sha256};

/// Bytes that are kept or left out together, of the kernel: the alignment of instructions.
const BLOCK: u64 = 2;
/// Bytes that one instruction loads, at most.
const WIDEST: u64 = 8;
const SECTOR_BYTES: usize = 512;

type Outcome<T> = Result<T, Box<dyn Error>>;

fn main() -> Outcome<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [scenario, kernel, disk, folder] = arguments.as_slice() else {
        eprintln!("usage: reads SCENARIO KERNEL DISK FOLDER");
        std::process::exit(2);
    };
    let scenario = parse(&std::fs::read(scenario)?)?;
    let (kernel, disk) = (std::fs::read(kernel)?, std::fs::read(disk)?);
    let [kernel_sha256, disk_sha256] = [&kernel, &disk].map(|image| sha256(image));
    let (blocks, exact) = used(&scenario, &kernel, &disk)?;
    let kernel = only_used(kernel, &blocks)?;
    let disk = only_read(&scenario, &kernel, disk)?;
    if run(&scenario, &kernel, &disk)?.digests().exact.as_ref() != Some(&exact) {
        return Err("the run reads more of its images than can be told".into());
    }
    let folder = Path::new(folder);
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("kernel.elf"), kernel)?;
    std::fs::write(folder.join("disk.img"), disk)?;
    let opening = Opening { scenario, kernel_sha256, disk_sha256, exact };
    std::fs::write(folder.join("opening"), borsh::to_vec(&opening).map_err(|error| error.to_string())?)?;
    Ok(())
}

fn sha256(image: &[u8]) -> String {
    Sha256::digest(image).iter().map(|byte| format!("{byte:02x}")).collect()
}

fn session(scenario: &Scenario, kernel: &[u8], disk: &[u8]) -> Outcome<Session> {
    let boot = Boot { scenario: scenario.clone(), kernel: kernel.to_vec(), disk: Some(disk.to_vec()) };
    Ok(Session::load(boot)?)
}

/// The run to its end.
fn run(scenario: &Scenario, kernel: &[u8], disk: &[u8]) -> Outcome<Session> {
    let mut session = session(scenario, kernel, disk)?;
    session.forward(Goal::End, u64::MAX);
    Ok(session)
}

/// The blocks of memory that are executed or loaded, and the digest over every event.
fn used(scenario: &Scenario, kernel: &[u8], disk: &[u8]) -> Outcome<(BTreeSet<u64>, String)> {
    let whole = run(scenario, kernel, disk)?;
    let exact = whole.digests().exact.ok_or("the run has no digest")?;
    let (end, mut session) = (whole.frontier(), session(scenario, kernel, disk)?);
    let mut blocks = BTreeSet::new();
    while session.position().step < end {
        add_used(session.machine(), &mut blocks);
        session.forward(Goal::Instructions(1), 1);
    }
    Ok((blocks, exact))
}

/// Adds what the next instruction is read from, and what it may load.
fn add_used(machine: &Machine, blocks: &mut BTreeSet<u64>) {
    let (hart, ram) = (machine.hart(0), machine.ram());
    let satp = if hart.mode() == Privilege::Machine { 0 } else { hart.satp() };
    let physical = |va| inspect::physical(ram, satp, va).map(PhysAddr::get);
    // Either may lie across two pages.
    let mut add = |va: VirtAddr, bytes: u64| {
        let addresses = (0..bytes).filter_map(|offset| physical(va.wrapping_add(offset)));
        blocks.extend(addresses.map(|address| address / BLOCK));
    };
    let Some(instruction) = inspect::instruction(ram, satp, hart.pc()) else { return };
    add(instruction.va, instruction.length.into());
    let insn = decode(instruction.bits).0;
    if matches!(insn.op.format(), Format::Load | Format::FloatLoad | Format::LoadReserved | Format::Atomic) {
        let base = hart.registers()[usize::from(insn.rs1)];
        add(VirtAddr::new(base.wrapping_add_signed(insn.imm.into())), WIDEST);
    }
}

/// The kernel without what is not used, and without names.
fn only_used(mut kernel: Vec<u8>, blocks: &BTreeSet<u64>) -> Outcome<Vec<u8>> {
    let file = ElfBytes::<LittleEndian>::minimal_parse(&kernel)?;
    let (sections, _) = file.section_headers_with_strtab()?;
    let unloaded = sections.into_iter().flatten();
    let unloaded = unloaded.filter(|section| section.sh_flags & u64::from(SHF_ALLOC) == 0);
    let mut unread: Vec<(u64, u64)> =
        unloaded.map(|section| (section.sh_offset, section.sh_offset + section.sh_size)).collect();
    let loaded = file.segments().into_iter().flatten();
    for segment in loaded.filter(|segment| segment.p_type == PT_LOAD) {
        for offset in 0..segment.p_filesz {
            if !blocks.contains(&((segment.p_paddr + offset) / BLOCK)) {
                unread.push((segment.p_offset + offset, segment.p_offset + offset + 1));
            }
        }
    }
    for (start, end) in unread {
        kernel[usize::try_from(start)?..usize::try_from(end)?].fill(0);
    }
    Ok(kernel)
}

/// The disk without the sectors that the kernel does not read.
fn only_read(scenario: &Scenario, kernel: &[u8], disk: Vec<u8>) -> Outcome<Vec<u8>> {
    let run = run(scenario, kernel, &disk)?;
    let mut only = vec![0; disk.len()];
    for event in run.log() {
        if let What::Disk { sector, sectors, .. } = event.what {
            let start = usize::try_from(sector)? * SECTOR_BYTES;
            let end = disk.len().min(start + usize::try_from(sectors)? * SECTOR_BYTES);
            if start < end {
                only[start..end].copy_from_slice(&disk[start..end]);
            }
        }
    }
    Ok(only)
}
