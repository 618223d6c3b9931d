//! `--spaces`: the address spaces of a run, and who shares which frame.

use std::fmt::Write as _;
use std::path::PathBuf;

use clap::Args;
use faultline_abi::sv39::FlagLetters;
use faultline_machine::loader::Symbols;
use faultline_machine::machine::Machine;
use faultline_machine::spaces::{Report, Space, Spaces};
use faultline_machine::statistics::Statistics;

use crate::failure::Failure;

/// Shared frames that the table names; the JSON names all.
const SHARED_SHOWN: usize = 32;

#[derive(Args, Debug)]
pub(crate) struct SpacesOption {
    /// At the end, list every address space that satp has named, what its tables map, and which frames
    /// are shared; for any kernel. With FILE as JSON (`-` is stdout), else as a table on stderr.
    #[arg(long, value_name = "FILE|-", num_args = 0..=1, require_equals = true)]
    spaces: Option<Option<PathBuf>>,
}

impl SpacesOption {
    /// Has them collected, if they are wanted.
    pub(crate) fn prepare(&self, statistics: &mut Statistics) {
        statistics.spaces = self.spaces.as_ref().map(|_| Spaces::default());
    }

    /// Prints or writes them.
    ///
    /// # Errors
    /// Where the file cannot be written.
    pub(crate) fn finish(
        &self,
        statistics: &Statistics,
        machine: &Machine,
        symbols: &Symbols,
    ) -> Result<(), Failure> {
        let (Some(file), Some(spaces)) = (&self.spaces, &statistics.spaces) else { return Ok(()) };
        let report = spaces.report(machine.ram(), symbols);
        let Some(file) = file else {
            eprint!("{}", table(&report));
            return Ok(());
        };
        let failure = |error: std::io::Error| Failure::file(file, error);
        let json = serde_json::to_string_pretty(&report).map_err(|error| failure(error.into()))?;
        if file.as_os_str() == "-" {
            println!("{json}");
            return Ok(());
        }
        std::fs::write(file, json + "\n").map_err(failure)
    }
}

fn table(report: &Report) -> String {
    let mut text = format!("faultline: {} address spaces\n", report.spaces.len());
    for space in &report.spaces {
        let _ = writeln!(text, "faultline:   {}", line(space));
    }
    let _ = writeln!(text, "faultline: {} frames with more than one user entry", report.shared.len());
    for shared in report.shared.iter().take(SHARED_SHOWN) {
        let users = shared.users.iter().fold(String::new(), |mut users, user| {
            let _ = write!(
                users,
                "  {} of {} ({})",
                user.va,
                name(report, user.root.get()),
                FlagLetters(user.pte)
            );
            users
        });
        let _ = writeln!(text, "faultline:   {}:{users}", shared.frame.base());
    }
    if report.shared.len() > SHARED_SHOWN {
        let _ = writeln!(
            text,
            "faultline:   and {} more (--spaces=FILE has all)",
            report.shared.len() - SHARED_SHOWN
        );
    }
    text
}

/// The name of the living space with this root.
fn name(report: &Report, root: u64) -> &str {
    let space = report.spaces.iter().find(|space| space.root.get() == root && !space.ended);
    space.map_or("?", |space| &space.name)
}

fn line(space: &Space) -> String {
    let Space { root, scheme, name, loads, harts, contents, .. } = space;
    let harts = harts.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    let mut line =
        format!("{name:<24} {scheme:?} root {}, loaded {loads} times on hart {harts}", root.base());
    let _ = match contents {
        None => write!(line, "; ended"),
        Some(found) => write!(
            line,
            "; {} tables, {} user pages ({} writable, {} shared), {} user superpages, {} kernel leaves",
            found.tables,
            found.user_pages,
            found.writable,
            found.shared,
            found.user_superpages,
            found.kernel_leaves
        ),
    };
    if let Some(left_out) = contents.map(|found| found.left_out).filter(|&left_out| left_out > 0) {
        let _ = write!(line, "; {left_out} entries not read");
    }
    line
}
