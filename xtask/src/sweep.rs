//! Sweeps: the same run again and again, in which the first, the second, … request for a frame, read,
//! write or sector is the one that fails, or the last one before the power goes. The kernel must neither panic
//! nor lose a frame, and what it acknowledged must be on the disk.

use std::{
    fs,
    num::NonZero,
    path::{Path, PathBuf},
    sync::Mutex,
    thread,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use clap::ValueEnum;

use crate::{
    fsck::{self, Past},
    kept, machine,
    process::{self, Captured},
    qemu::Boot,
    workspace,
};

/// What fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum Fault {
    /// A request for a frame
    Frame,
    /// Each request for a frame whose number is a multiple
    Frames,
    /// A read of the disk, swap included
    Read,
    /// A write to the disk, swap included
    Write,
    /// Each write to the disk whose number is a multiple
    Writes,
    /// The power, after so many sectors were written
    Power,
}

impl Fault {
    /// What a kernel and a machine are told so that number `n` fails.
    fn arguments(self, n: u64) -> (String, Vec<String>) {
        let machine = |option: &str, value: String| (String::new(), vec![option.to_owned(), value]);
        match self {
            Self::Frame => (format!(" alloc-fail-at={n}"), Vec::new()),
            Self::Frames => (format!(" alloc-fail-every={n}"), Vec::new()),
            Self::Read => machine("--disk-fail-at", format!("read:{n}")),
            Self::Write => machine("--disk-fail-at", n.to_string()),
            Self::Writes => machine("--disk-fail-every", n.to_string()),
            Self::Power => machine("--disk-cut-at", n.to_string()),
        }
    }
}

/// Programs and options that take the kernel through files, mappings, forks and swap within few requests.
pub(crate) const BOOTS: [&str; 2] = [
    "init=keep:6,dirty exec=demand zero=shared frames=40",
    "init=soak:7:40,keep:3 fork=cow exec=demand frames=48",
];

/// Instructions and traps after which a run is taken to hang: many times what one needs.
const LIMIT: &str = "400000000";

/// What a sweep needs.
pub(crate) struct Sweep<'a> {
    pub(crate) faultline: &'a Path,
    /// Kernel options.
    pub(crate) options: &'a str,
    pub(crate) fault: Fault,
    /// `fsck.fat`, where it is to look at the disk too.
    pub(crate) fsck: Option<&'a Path>,
    image: Vec<u8>,
    folder: PathBuf,
}

impl<'a> Sweep<'a> {
    pub(crate) fn new(
        faultline: &'a Path,
        options: &'a str,
        fault: Fault,
        fsck: Option<&'a Path>,
    ) -> Result<Self> {
        let disk = workspace::guest_images().join("disk.img");
        let image = fs::read(&disk).with_context(|| format!("reading {}", disk.display()))?;
        let folder = workspace::target().join("sweep");
        fs::create_dir_all(&folder).with_context(|| format!("creating {}", folder.display()))?;
        Ok(Self { faultline, options, fault, fsck, image, folder })
    }

    /// How many requests of the kind there are in a run in which none fails.
    pub(crate) fn requests(&self) -> Result<u64> {
        let row = match self.fault {
            Fault::Frame | Fault::Frames => "frames requested",
            Fault::Read => "disk reads",
            Fault::Write | Fault::Writes => "disk writes",
            Fault::Power => "sectors written",
        };
        // The kernel counts requests for frames only where one of them may fail.
        let run = self.run(0, " alloc-fail-at=18446744073709551615", &["--stats".to_owned()])?;
        self.judge(0, &run)?;
        let number = |line: &str| line.split_whitespace().filter_map(|word| word.parse().ok()).next_back();
        let lines = || run.stdout.lines().chain(run.stderr.lines());
        let count = lines().find(|line| line.contains(row)).and_then(number);
        count.with_context(|| format!("the run does not say how many {row} there were\n{}", run.stdout))
    }

    /// Lets number `n` fail.
    pub(crate) fn fail(&self, n: u64) -> Result<()> {
        let (options, machine) = self.fault.arguments(n);
        let run = self.run(n, &options, &machine)?;
        let judged = self.judge(n, &run);
        judged.with_context(|| format!("`{}{options}` {}", self.options, machine.join(" ")))
    }

    /// Where run number `n` leaves the disk; 0 is the run in which nothing fails.
    fn out(&self, n: u64) -> PathBuf {
        self.folder.join(format!("{}-{n}.img", std::process::id()))
    }

    fn run(&self, n: u64, options: &str, more: &[String]) -> Result<Captured> {
        let boot = Boot::with_options(format!("{}{options}", self.options));
        let mut command = machine::boot(self.faultline, &boot);
        command.args(["--detect", "--max-instructions", LIMIT, "--disk-out"]).arg(self.out(n)).args(more);
        process::captured(&mut command)
    }

    fn judge(&self, n: u64, run: &Captured) -> Result<()> {
        let disk = Disk(self.out(n));
        for (text, bad) in [(&run.stdout, "panic"), (&run.stdout, "WRONG"), (&run.stderr, "warning")] {
            if let Some(line) = text.lines().find(|line| line.contains(bad)) {
                bail!("{line}");
            }
        }
        let ended =
            run.stdout.contains("frames free as before") || run.stdout.contains("the disk cannot be used");
        let cut = self.fault == Fault::Power && run.code == Some(3) && run.stderr.contains("lost its power");
        let last = run.stdout.lines().next_back().unwrap_or_default();
        ensure!(
            ended || cut,
            "the run did not come to its end (exit code {:?}): {last} {}",
            run.code,
            run.stderr
        );
        let image = fs::read(&disk.0).with_context(|| format!("reading {}", disk.0.display()))?;
        kept::check(&run.stdout, &self.image, &image)?;
        let past = if n == 0 { Past::Quiet } else { Past::Failure };
        self.fsck.map_or(Ok(()), |fsck| fsck::check(fsck, &disk.0, past))
    }
}

/// A disk image in a file, which goes when this does: left behind it would only take room.
struct Disk(PathBuf);

impl Drop for Disk {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

impl Sweep<'_> {
    /// Lets each of these numbers fail, on every processor of this host; those that went wrong, and why.
    pub(crate) fn fail_all(
        &self,
        numbers: impl Iterator<Item = u64> + Send,
        done: impl Fn(u64) + Sync,
    ) -> Vec<(u64, anyhow::Error)> {
        let (numbers, wrong) = (Mutex::new(numbers), Mutex::new(Vec::new()));
        let next = || numbers.lock().ok()?.next();
        let work = || {
            while let Some(n) = next() {
                if let (Err(error), Ok(mut wrong)) = (self.fail(n), wrong.lock()) {
                    wrong.push((n, error));
                }
                done(n);
            }
        };
        thread::scope(|scope| {
            let workers = thread::available_parallelism().map_or(1, NonZero::get);
            (0..workers).for_each(|_| drop(scope.spawn(work)));
        });
        wrong.into_inner().unwrap_or_default()
    }
}

/// Every `step`-th number up to `last`, and some beyond the others in between, so that slices differ.
pub(crate) fn numbers(last: u64, count: u64) -> impl Iterator<Item = u64> {
    let step = last.div_ceil(count.max(1)).max(1);
    (0..).map(move |at| at * step + at % step + 1).take_while(move |&n| n <= last)
}

/// How long a sweep may take before it is told how far it is.
pub(crate) const PATIENCE: Duration = Duration::from_secs(30);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slice_of_numbers_begins_at_one_and_ends_in_time() {
        assert_eq!(numbers(4, 100).collect::<Vec<_>>(), [1, 2, 3, 4]);
        let slice: Vec<u64> = numbers(1000, 10).collect();
        assert_eq!((slice[0], slice.len()), (1, 10));
        assert!(slice.is_sorted() && slice.iter().any(|n| n % 2 == 0));
    }
}
