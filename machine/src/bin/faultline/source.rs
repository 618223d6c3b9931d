//! `faultline source`: the source of a guest's program, and the line of an instruction.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use faultline_abi::hex;
use faultline_machine::lines::{self, Line, Lines, Source};
use faultline_machine::recorded::Identities;
use serde::Deserialize;

use crate::failure::Failure;
use crate::files;
use crate::{ScenarioArguments, SourceArguments};

/// Lines that are shown before and after the one that is asked for.
const AROUND: usize = 5;

/// `faultline source`.
pub(crate) fn source(arguments: &SourceArguments) -> Result<ExitCode, Failure> {
    let folder = files::guest_folder(arguments.guest.as_deref(), Path::new(""))?;
    let lines = read(&folder, &arguments.program)?;
    let text = match arguments.at {
        Some(pc) => show_line(&folder, &lines, pc)?,
        None => show_files(&folder, &lines)?,
    };
    // Whoever stops reading has seen enough.
    let _ = std::io::stdout().write_all(text.as_bytes());
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

fn show_files(folder: &Path, lines: &Lines) -> Result<String, Failure> {
    let mut shown = String::new();
    for file in lines.files().iter().filter(|file| file.source == Source::Own) {
        let _ = writeln!(shown, "{}", file.path);
        for (number, line) in text(folder, &file.path)?.lines().enumerate() {
            let _ = writeln!(shown, "{:>5}  {line}", number + 1);
        }
    }
    Ok(shown)
}

fn show_line(folder: &Path, lines: &Lines, pc: u64) -> Result<String, Failure> {
    let Some(line) = lines.line(pc) else {
        return Err(Failure::new(format!("{pc:#x} is no instruction of {}", lines.program())));
    };
    let mut shown = lines.chain(pc).fold(String::new(), |shown, line| shown + &place(&line) + "\n");
    let Some(file) = line.file.filter(|file| file.source != Source::Absent) else { return Ok(shown) };
    let number = line.number as usize;
    let first = number.saturating_sub(AROUND + 1);
    let text = text(folder, &file.path)?;
    for (n, line) in text.lines().enumerate().skip(first).take(number + AROUND - first) {
        let mark = if n + 1 == number { '>' } else { ' ' };
        let _ = writeln!(shown, "{mark}{:>5}  {line}", n + 1);
    }
    Ok(shown)
}

fn place(line: &Line<'_>) -> String {
    let file = line.file.map_or("?", |file| &file.path);
    format!("{file}:{}, in {}", line.number, line.function)
}

fn text(folder: &Path, path: &str) -> Result<String, Failure> {
    let file = folder.join("source").join(path);
    std::fs::read_to_string(&file).map_err(|error| Failure::file(&file, error))
}

/// The line tables and the source at hand, if they belong to the images of a run.
pub(crate) struct Sources(PathBuf);

/// What `manifest.json` says of an image.
#[derive(Deserialize)]
struct Image {
    sha256: String,
}

impl Sources {
    /// Those in the folder of the guest, if the kernel and the disk there are the ones that ran.
    pub(crate) fn of(arguments: &ScenarioArguments, images: &Identities) -> Option<Self> {
        let folder = files::guest_folder(arguments.guest.as_deref(), &arguments.scenario).ok()?;
        let manifest = std::fs::read(folder.join("manifest.json")).ok()?;
        let manifest: BTreeMap<String, Image> = serde_json::from_slice(&manifest).ok()?;
        let same = |name: &str, ran: &str| manifest.get(name).is_some_and(|image| image.sha256 == ran);
        let disk = images.disk.as_deref()?;
        (same("kernel.elf", &images.kernel) && same("disk.img", disk)).then_some(Self(folder))
    }

    /// The line that an instruction comes from: its place, and the line itself.
    pub(crate) fn line(&self, program: &str, pc: u64) -> Option<String> {
        let lines = read(&self.0, program).ok()?;
        let line = lines.line(pc)?;
        let file = line.file.filter(|file| file.source != Source::Absent)?;
        let text = text(&self.0, &file.path).ok()?;
        let code = text.lines().nth((line.number as usize).checked_sub(1)?)?;
        Some(format!("{}: {}", place(&line), code.trim()))
    }
}

/// An address as the command line takes it.
pub(crate) fn address(text: &str) -> Result<u64, String> {
    hex::parse(text).ok_or_else(|| "give an address, such as 0x10f2".into())
}
