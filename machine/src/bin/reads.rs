//! What a run reads of its images: `reads SCENARIO KERNEL DISK FOLDER`, for `cargo xtask dist`.
//!
//! Writes both images to FOLDER with zeros where the run reads nothing, and prints the digest over every event.
//! A run of what was written gives the same digest, or the command fails: with that, whoever shows the run can
//! begin before the images are there as a whole.
//!
//! What is read of the kernel is what it executes, and everything that is no code. What is read of the disk is
//! what the kernel's tracepoints say.

use std::collections::BTreeSet;
use std::error::Error;
use std::path::Path;

use elf::ElfBytes;
use elf::abi::{PF_X, PT_LOAD, SHT_STRTAB, SHT_SYMTAB};
use elf::endian::LittleEndian;
use faultline_abi::scenario::Scenario;
use faultline_machine::event::What;
use faultline_machine::inspect;
use faultline_machine::scenario::parse;
use faultline_machine::session::{Boot, Goal, Session};

/// Bytes that are kept or left out together, of the kernel's code.
const BLOCK: u64 = 8;
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
    let (blocks, exact) = executed(&scenario, &kernel, &disk)?;
    let kernel = only_executed(kernel, &blocks)?;
    let disk = only_read(&scenario, &kernel, disk)?;
    if run(&scenario, &kernel, &disk)?.digests().exact.as_ref() != Some(&exact) {
        return Err("the run reads more of its images than can be told".into());
    }
    let folder = Path::new(folder);
    std::fs::create_dir_all(folder)?;
    std::fs::write(folder.join("kernel.elf"), kernel)?;
    std::fs::write(folder.join("disk.img"), disk)?;
    println!("{exact}");
    Ok(())
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

/// The blocks of memory from which instructions are executed, and the digest over every event.
fn executed(scenario: &Scenario, kernel: &[u8], disk: &[u8]) -> Outcome<(BTreeSet<u64>, String)> {
    let whole = run(scenario, kernel, disk)?;
    let exact = whole.digests().exact.ok_or("the run has no digest")?;
    let (end, mut session) = (whole.frontier(), session(scenario, kernel, disk)?);
    let mut blocks = BTreeSet::new();
    while session.position().step < end {
        let hart = session.machine().hart(0);
        let satp = if hart.mode() == faultline_machine::hart::Privilege::Machine { 0 } else { hart.satp() };
        if let Some(address) = inspect::physical(session.machine().ram(), satp, hart.pc()) {
            // An instruction has four bytes at most; its end may lie in the next block.
            blocks.extend([address.get(), address.get() + 3].map(|address| address / BLOCK));
        }
        session.forward(Goal::Instructions(1), 1);
    }
    Ok((blocks, exact))
}

/// The kernel without code that is not executed, and without names.
fn only_executed(mut kernel: Vec<u8>, blocks: &BTreeSet<u64>) -> Outcome<Vec<u8>> {
    let file = ElfBytes::<LittleEndian>::minimal_parse(&kernel)?;
    let (sections, _) = file.section_headers_with_strtab()?;
    let names = sections.into_iter().flatten();
    let names = names.filter(|section| matches!(section.sh_type, SHT_SYMTAB | SHT_STRTAB));
    let mut unread: Vec<(u64, u64)> =
        names.map(|section| (section.sh_offset, section.sh_offset + section.sh_size)).collect();
    let code = file.segments().into_iter().flatten();
    for segment in code.filter(|segment| segment.p_type == PT_LOAD && segment.p_flags & PF_X != 0) {
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
