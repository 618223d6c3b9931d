//! The least number of frames with which a demonstration still shows what it is there to show.
//!
//! A program needs five page tables, a trapframe, a guard page, and the pages of one instruction; a child needs
//! as many again. What a program locks stays in memory on top of that.

use std::path::Path;

use anyhow::{Result, ensure};

use crate::{machine, process, qemu::Boot};

/// Fewest frames that the kernel takes for a limit.
const FEWEST: u32 = 12;
/// Frames with which every demonstration runs as it was meant to.
const ENOUGH: u32 = 64;

/// Each demonstration and its least number of frames, all options as they are by default.
pub(crate) const LEAST: [(&str, u32); 30] = [
    ("hello", 12),
    ("touch", 12),
    ("kinds", 12),
    ("lazy", 12),
    ("eager", 12),
    ("sparse", 16),
    ("zerofill", 12),
    ("cowread", 16),
    ("cowwrite", 16),
    ("cowthree", 16),
    ("cowgrand", 23),
    ("forkexec", 22),
    ("demand", 12),
    ("stack", 12),
    ("mmapread", 12),
    ("mmappriv", 12),
    ("mmapshr", 16),
    ("hot", 15),
    ("thrash", 15),
    ("locality", 15),
    ("dirty", 15),
    ("belady", 15),
    ("isolate", 16),
    ("guard", 12),
    ("null", 12),
    ("trampol", 12),
    ("kernadr", 12),
    ("wrtext", 12),
    ("jumpdata", 12),
    ("count", 12),
];

/// Whether `program` shows all it has to show with `least` frames. With one fewer it may not, but it ends, and
/// everything comes back.
pub(crate) fn check(faultline: &Path, program: &str, least: u32) -> Result<()> {
    let whole = shown(faultline, program, ENOUGH)?;
    ensure!(shown(faultline, program, least)? == whole, "{least} frames are too few for {program}");
    shown(faultline, program, (least - 1).max(FEWEST)).map(drop)
}

/// What the console shows, but for numbers and the order of lines.
fn shown(faultline: &Path, program: &str, frames: u32) -> Result<Vec<String>> {
    let boot = Boot::with_options(format!("init={program} frames={frames}"));
    let mut command = machine::boot(faultline, &boot);
    let run = process::captured(command.args(["--detect", "--max-instructions", "400000000"]))?;
    let whole = run.stdout.contains("frames free as before") && !run.stderr.contains("warning");
    ensure!(whole, "{program} with {frames} frames: {}{}", run.stdout, run.stderr);
    let lines = run.stdout.lines().filter(|line| !line.contains("Faultline, "));
    let mut lines: Vec<String> = lines.map(without_numbers).collect();
    lines.sort_unstable();
    Ok(lines)
}

/// The words of a line that are no numbers.
fn without_numbers(line: &str) -> String {
    let is_number = |word: &&str| word.contains(|c: char| c.is_ascii_digit());
    line.split_whitespace().filter(|word| !is_number(word)).collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_that_differ_in_numbers_are_the_same() {
        let line = "lazy: touched 3 of them, frames used: -1 (0x12)";
        assert_eq!(without_numbers(line), "lazy: touched of them, frames used:");
    }
}
