//! `--stats`: what a run came to, as a short table on stderr.

use std::fmt::Write as _;
use std::time::{Duration, Instant};

use faultline_machine::device::disk_faults::DiskCounts;
use faultline_machine::drive::Driver;
use faultline_machine::machine::{Machine, RunEnd};
use faultline_machine::observer::Observer;
use faultline_machine::statistics::{Counted, Statistics};
use faultline_machine::translations::{Geometry, TlbCounts, TlbModel};

/// Whether a summary is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    Yes,
    No,
}

impl From<bool> for Wanted {
    fn from(flag: bool) -> Self {
        if flag { Self::Yes } else { Self::No }
    }
}

/// Runs to `step`, counting what is reported; with a modelled TLB every access is.
pub(crate) fn run_counted(
    driver: &mut Driver,
    step: u64,
    inner: impl Observer,
    statistics: &mut Statistics,
) -> RunEnd {
    if statistics.tlb.is_some() {
        driver.run_to(step, &mut Counted::<'_, _, true> { inner, statistics })
    } else {
        driver.run_to(step, &mut Counted::<'_, _, false> { inner, statistics })
    }
}

/// Counts a run and measures its time.
#[derive(Debug)]
pub(crate) struct Summary {
    pub(crate) statistics: Statistics,
    wanted: Wanted,
    running: Duration,
}

impl Summary {
    pub(crate) fn new(wanted: Wanted, tlb: Option<Geometry>) -> Self {
        let wanted = if tlb.is_some() { Wanted::Yes } else { wanted };
        let mut statistics = Statistics::default();
        statistics.tlb = tlb.map(TlbModel::new);
        Self { statistics, wanted, running: Duration::ZERO }
    }

    /// Runs a piece, and adds the time that it took: waiting for keys does not count.
    pub(crate) fn timed<T>(&mut self, piece: impl FnOnce(&mut Statistics) -> T) -> T {
        let start = Instant::now();
        let result = piece(&mut self.statistics);
        self.running += start.elapsed();
        result
    }

    /// Prints the table, if it is wanted.
    pub(crate) fn print(&self, machine: &Machine) {
        if self.wanted == Wanted::Yes {
            let disk = machine.devices().disk_counts();
            let retired: Vec<u64> = machine.harts().iter().map(|hart| machine.retired_by(hart)).collect();
            eprint!("{}", table(&self.statistics, &retired, disk, self.running, peak_memory_kib()));
        }
    }
}

/// The table, a line for each thing that was counted; `retired` is by hart.
fn table(
    statistics: &Statistics,
    retired: &[u64],
    disk: DiskCounts,
    running: Duration,
    memory_kib: Option<u64>,
) -> String {
    let instructions: u64 = retired.iter().sum();
    let mut rows = vec![("instructions".to_owned(), instructions.to_string())];
    if retired.len() > 1 {
        rows.extend(
            retired.iter().zip(0..).map(|(count, hart)| (format!("  hart {hart}"), count.to_string())),
        );
    }
    rows.extend([
        ("seconds".to_owned(), format!("{:.3}", running.as_secs_f64())),
        ("instructions/s".to_owned(), rate(instructions, running)),
        ("traps".to_owned(), statistics.traps().to_string()),
    ]);
    rows.extend(
        statistics.causes().into_iter().map(|(cause, count)| (format!("  {cause}"), count.to_string())),
    );
    for (name, count) in [
        ("interrupts", statistics.interrupts),
        ("page faults", statistics.page_faults),
        ("page-table writes", statistics.table_writes),
        ("satp writes", statistics.satp_writes),
        ("sfence.vma", statistics.fences),
        ("tracepoints", statistics.tracepoints),
        ("events", statistics.events()),
        ("page-table walks", statistics.walks),
        ("disk reads", disk.reads),
        ("disk writes", disk.writes),
        ("sectors written", disk.sectors_written),
    ] {
        rows.push((name.to_owned(), count.to_string()));
    }
    match &statistics.tlb {
        Some(tlb) => rows.extend(tlb_rows(tlb.counts)),
        // Every instruction makes one access or more, so of all accesses fewer still needed a walk.
        None => {
            let hits = instructions.saturating_sub(statistics.walks);
            rows.push(("TLB hit rate, at least".to_owned(), percent(hits, instructions)));
        }
    }
    rows.extend(memory_kib.map(|kib| ("peak memory".to_owned(), format!("{} MiB", kib.div_ceil(1024)))));
    rows.iter().fold(String::new(), |mut text, (name, value)| {
        let _ = writeln!(text, "faultline: {name:<34} {value:>15}");
        text
    })
}

fn tlb_rows(counts: TlbCounts) -> Vec<(String, String)> {
    let mut rows = vec![("TLB hit rate".to_owned(), percent(counts.hits, counts.hits + counts.fills))];
    for (name, count) in [
        ("TLB hits", counts.hits),
        ("TLB fills", counts.fills),
        ("TLB evictions", counts.evictions),
        ("TLB entries fenced", counts.flushed),
        ("TLB stale hits", counts.stale),
    ] {
        rows.push((name.to_owned(), count.to_string()));
    }
    rows
}

fn percent(part: u64, all: u64) -> String {
    let hundredths = u128::from(part) * 10_000 / u128::from(all.max(1));
    format!("{}.{:02} %", hundredths / 100, hundredths % 100)
}

fn rate(instructions: u64, running: Duration) -> String {
    let nanoseconds = running.as_nanos().max(1);
    (u128::from(instructions) * 1_000_000_000 / nanoseconds).to_string()
}

/// The most memory that this process has had, where the system tells.
fn peak_memory_kib() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix("kB")?.trim().parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_a_line_for_each_count() {
        let disk = DiskCounts { sectors_written: 7, ..DiskCounts::default() };
        let text = table(
            &Statistics::default(),
            &[2_000_000, 1_000_000],
            disk,
            Duration::from_millis(500),
            Some(2049),
        );
        let value = |name: &str| {
            let line = text.lines().find(|line| line.contains(&format!(" {name} "))).unwrap();
            line.rsplit("  ").next().unwrap().trim().to_owned()
        };
        assert_eq!((value("instructions"), value("hart 1")), ("3000000".into(), "1000000".into()));
        assert_eq!(value("instructions/s"), "6000000");
        assert_eq!(value("seconds"), "0.500");
        assert_eq!(value("peak memory"), "3 MiB");
        assert_eq!(value("events"), "0");
        assert_eq!(value("TLB hit rate, at least"), "100.00 %");
        assert_eq!(value("sectors written"), "7");
        assert_eq!(rate(5, Duration::ZERO), "5000000000");
        let mut walks = Statistics::default();
        walks.walks = 30_000;
        let text = table(&walks, &[3_000_000], DiskCounts::default(), Duration::ZERO, None);
        assert!(text.contains(" 99.00 %"), "one walk in a hundred instructions: {text}");
    }
}
