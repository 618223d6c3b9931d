//! `faultline source`: the source of a guest's program, and the line of an instruction.

use std::path::Path;
use std::process::ExitCode;

use faultline_abi::hex;
use faultline_machine::lines::{self, Line, Lines, Source};

use crate::SourceArguments;
use crate::failure::Failure;
use crate::files;

/// Lines that are shown before and after the one that is asked for.
const AROUND: usize = 5;

/// `faultline source`.
pub(crate) fn source(arguments: &SourceArguments) -> Result<ExitCode, Failure> {
    let folder = files::guest_folder(arguments.guest.as_deref(), Path::new(""))?;
    let lines = read(&folder, &arguments.program)?;
    match arguments.at {
        Some(pc) => show_line(&folder, &lines, pc)?,
        None => show_files(&folder, &lines)?,
    }
    Ok(ExitCode::SUCCESS)
}

fn read(folder: &Path, program: &str) -> Result<Lines, Failure> {
    let path = folder.join("lines").join(format!("{program}.json"));
    if !path.exists() {
        return Err(Failure::new(format!(
            "no program `{program}` in {} (see docs/kernel.md)",
            folder.display()
        )));
    }
    let bytes = files::read(&path, lines::FILE_BYTES as u64)?;
    lines::parse(&bytes).map_err(|error| Failure::file(&path, error))
}

fn show_files(folder: &Path, lines: &Lines) -> Result<(), Failure> {
    for file in lines.files().iter().filter(|file| file.source == Source::Own) {
        println!("{}", file.path);
        let text = text(folder, &file.path)?;
        for (number, line) in text.lines().enumerate() {
            println!("{:>5}  {line}", number + 1);
        }
    }
    Ok(())
}

fn show_line(folder: &Path, lines: &Lines, pc: u64) -> Result<(), Failure> {
    let Some(shown) = lines.line(pc) else {
        return Err(Failure::new(format!("{pc:#x} is no instruction of {}", lines.program())));
    };
    lines.chain(pc).for_each(|line| println!("{}", place(&line)));
    let Some(file) = shown.file.filter(|file| file.source != Source::Absent) else { return Ok(()) };
    let text = text(folder, &file.path)?;
    let number = shown.number as usize;
    let first = number.saturating_sub(AROUND + 1);
    for (n, line) in text.lines().enumerate().skip(first).take(number + AROUND - first) {
        let mark = if n + 1 == number { '>' } else { ' ' };
        println!("{mark}{:>5}  {line}", n + 1);
    }
    Ok(())
}

fn place(line: &Line<'_>) -> String {
    let file = line.file.map_or("?", |file| &file.path);
    format!("{file}:{}, in {}", line.number, line.function)
}

fn text(folder: &Path, path: &str) -> Result<String, Failure> {
    let file = folder.join("source").join(path);
    std::fs::read_to_string(&file).map_err(|error| Failure::file(&file, error))
}

/// An address as the command line takes it.
pub(crate) fn address(text: &str) -> Result<u64, String> {
    hex::parse(text).ok_or_else(|| "give an address, such as 0x10f2".into())
}
