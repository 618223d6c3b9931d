//! Page faults as QEMU's log and as Faultline's events tell them, reduced to what both must agree on.

use std::{
    collections::{BTreeMap, HashSet},
    fmt,
};

use anyhow::{Context, Result, bail, ensure};
use serde::Deserialize;

/// A page fault, in the terms of the supervisor's registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct PageFault {
    scause: u64,
    stval: u64,
    sepc: u64,
}

/// Instruction, load and store page fault (privileged specification, table of `scause` values).
const PAGE_FAULTS: [u64; 3] = [12, 13, 15];

impl fmt::Display for PageFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { scause, stval, sepc } = self;
        write!(f, "scause {scause:#x}  stval {stval:#018x}  sepc {sepc:#018x}")
    }
}

/// The page faults in a log that `qemu-system-riscv64 -d int` wrote, one line a trap:
/// `riscv_cpu_do_interrupt: hart:0, async:0, cause:…d, epc:0x…, tval:0x…, desc=load_page_fault`.
pub(crate) fn of_qemu(log: &str) -> Result<Vec<PageFault>> {
    let lines = log.lines().filter(|line| line.starts_with("riscv_cpu_do_interrupt:"));
    let traps: Result<Vec<_>> =
        lines.map(|line| trap(line).with_context(|| format!("QEMU's log: {line}"))).collect();
    Ok(traps?.into_iter().flatten().collect())
}

fn trap(line: &str) -> Result<Option<PageFault>> {
    let field = |name: &str| {
        let value = line.split([',', ' ']).find_map(|word| word.strip_prefix(name)?.strip_prefix(':'));
        hexadecimal(value.with_context(|| format!("no `{name}`"))?)
    };
    let fault = PageFault { scause: field("cause")?, stval: field("tval")?, sepc: field("epc")? };
    Ok((field("async")? == 0 && PAGE_FAULTS.contains(&fault.scause)).then_some(fault))
}

/// The part of an event that matters here.
#[derive(Deserialize)]
struct Event {
    source: String,
    kind: String,
    interrupt: Option<bool>,
    scause: Option<String>,
    stval: Option<String>,
    sepc: Option<String>,
    pid: Option<u32>,
}

/// A page fault and the process whose it is.
pub(crate) type Owned = (u32, PageFault);

/// The page faults in the events that `faultline run --events -` prints, one JSON object a line. The
/// kernel says whose each is when it classifies it; one that it does not is process 0's.
pub(crate) fn of_faultline(events: &str) -> Result<Vec<Owned>> {
    let mut faults = Vec::new();
    let mut open = false;
    for line in events.lines() {
        let event: Event = serde_json::from_str(line).with_context(|| format!("reading the event {line}"))?;
        if event.source == "machine" && event.kind == "trap" && event.interrupt == Some(false) {
            let fault = event.page_fault().with_context(|| format!("in the event {line}"))?;
            open = fault.is_some();
            faults.extend(fault.map(|fault| (0, fault)));
        } else if event.source == "kernel"
            && event.kind == "fault"
            && std::mem::take(&mut open)
            && let Some((pid, _)) = faults.last_mut()
        {
            *pid = event.pid.unwrap_or(0);
        }
    }
    Ok(faults)
}

impl Event {
    fn page_fault(&self) -> Result<Option<PageFault>> {
        let number = |field: &Option<String>| hexadecimal(field.as_deref().context("a trap lacks a field")?);
        let fault = PageFault {
            scause: number(&self.scause)?,
            stval: number(&self.stval)?,
            sepc: number(&self.sepc)?,
        };
        Ok(PAGE_FAULTS.contains(&fault.scause).then_some(fault))
    }
}

fn hexadecimal(text: &str) -> Result<u64> {
    let digits = text.strip_prefix("0x").unwrap_or(text);
    u64::from_str_radix(digits, 16).with_context(|| format!("`{text}` is no hexadecimal number"))
}

/// Compares process by process. QEMU does not say whose a page fault is, and when its timer fires is
/// chance, so its faults must be those of our processes in *some* interleaving, each process's in their
/// order.
pub(crate) fn compare(qemu: &[PageFault], faultline: &[Owned]) -> Result<()> {
    let mut sequences: BTreeMap<u32, Vec<PageFault>> = BTreeMap::new();
    for &(pid, fault) in faultline {
        sequences.entry(pid).or_default().push(fault);
    }
    let furthest = Interleaving::new(qemu, sequences.values().cloned().collect()).search()?;
    let lengths = (qemu.len(), faultline.len());
    ensure!(
        furthest < qemu.len() || lengths.0 == lengths.1,
        "{lengths:?} page faults on QEMU and on Faultline"
    );
    if furthest == qemu.len() {
        return Ok(());
    }
    bail!(
        "page fault {furthest} on QEMU is no process's next one ({} on QEMU, {} on Faultline)\n  QEMU       {}\n  Faultline  {}",
        lengths.0,
        lengths.1,
        qemu[furthest],
        faultline
            .get(furthest)
            .map_or_else(|| "none".to_owned(), |(pid, fault)| format!("{fault} of process {pid}")),
    )
}

/// Compares what faulted how often, whatever the order.
pub(crate) fn compare_as_multisets(qemu: &[PageFault], faultline: &[Owned]) -> Result<()> {
    let (mut qemu, mut ours) = (qemu.to_vec(), faultline.iter().map(|(_, fault)| *fault).collect::<Vec<_>>());
    qemu.sort_unstable();
    ours.sort_unstable();
    let at = qemu.iter().zip(&ours).position(|(theirs, ours)| theirs != ours);
    let at = at.or((qemu.len() != ours.len()).then_some(qemu.len().min(ours.len())));
    let Some(at) = at else { return Ok(()) };
    let shown = |faults: &[PageFault]| faults.get(at).map_or_else(|| "none".to_owned(), ToString::to_string);
    bail!(
        "in order of address, fault {at} differs\n  QEMU       {}\n  Faultline  {}",
        shown(&qemu),
        shown(&ours)
    )
}

/// The search for the interleaving of some sequences that makes another.
struct Interleaving<'a> {
    whole: &'a [PageFault],
    parts: Vec<Vec<PageFault>>,
    /// How many of each part are used up.
    used: Vec<usize>,
    /// The part that each fault so far was taken from, and which others could have been taken.
    path: Vec<(usize, Vec<usize>)>,
    seen: HashSet<Vec<usize>>,
}

impl<'a> Interleaving<'a> {
    /// Positions that are tried before the search is given up.
    const PATIENCE: usize = 1 << 18;

    fn new(whole: &'a [PageFault], parts: Vec<Vec<PageFault>>) -> Self {
        let used = vec![0; parts.len()];
        Self { whole, parts, used, path: Vec::new(), seen: HashSet::new() }
    }

    /// How far the best interleaving goes.
    fn search(mut self) -> Result<usize> {
        let (mut furthest, mut choices) = (0, self.choices());
        for _ in 0..Self::PATIENCE {
            furthest = furthest.max(self.path.len());
            if self.path.len() == self.whole.len() {
                return Ok(furthest);
            }
            if let Some(part) = choices.pop() {
                self.used[part] += 1;
                self.path.push((part, choices));
                choices = if self.seen.insert(self.used.clone()) { self.choices() } else { Vec::new() };
            } else if let Some((part, others)) = self.path.pop() {
                self.used[part] -= 1;
                choices = others;
            } else {
                return Ok(furthest);
            }
        }
        bail!("too many ways to interleave the processes; it goes at least to page fault {furthest}")
    }

    /// The parts whose next fault comes next; the one that was taken last is tried first, then others in
    /// order, because most faults come in runs of one process.
    fn choices(&self) -> Vec<usize> {
        let Some(next) = self.whole.get(self.path.len()) else { return Vec::new() };
        let fits = |part: &usize| self.parts[*part].get(self.used[*part]) == Some(next);
        let mut choices: Vec<usize> = (0..self.parts.len()).rev().filter(fits).collect();
        let last = self.path.last().map(|(part, _)| *part);
        if let Some(at) = choices.iter().position(|part| Some(*part) == last) {
            let last = choices.remove(at);
            choices.push(last);
        }
        choices
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &str = "\
riscv_cpu_do_interrupt: hart:0, async:1, cause:0000000000000007, epc:0x0000000080000a52, tval:0x0000000000000000, desc=m_timer
riscv_cpu_do_interrupt: hart:0, async:0, cause:0000000000000008, epc:0x000000000000110a, tval:0x0000000000000000, desc=user_ecall
riscv_cpu_do_interrupt: hart:0, async:0, cause:000000000000000f, epc:0x0000000000001042, tval:0x0000000000008010, desc=store_page_fault
something else
riscv_cpu_do_interrupt: hart:0, async:1, cause:000000000000000d, epc:0x0000000000001042, tval:0x0000000000000000, desc=reserved
";

    const EVENTS: &str = concat!(
        r#"{"n":0,"source":"machine","kind":"satp","old":"0x0","new":"0x1"}"#,
        "\n",
        r#"{"n":1,"source":"machine","kind":"trap","scause":"0x8000000000000001","stval":"0x0","sepc":"0x0","interrupt":true}"#,
        "\n",
        r#"{"n":2,"source":"machine","kind":"trap","scause":"0xf","stval":"0x8010","sepc":"0x1042","interrupt":false}"#,
        "\n",
        r#"{"n":2,"source":"kernel","kind":"fault","pid":7,"va":"0x8010"}"#,
        "\n",
        r#"{"n":3,"source":"machine","kind":"trap","scause":"0x8","stval":"0x0","sepc":"0x2","interrupt":false}"#,
    );

    #[test]
    fn only_page_faults_are_read_and_both_sides_agree() {
        let fault = PageFault { scause: 15, stval: 0x8010, sepc: 0x1042 };
        assert_eq!(of_qemu(LOG).unwrap(), [fault]);
        assert_eq!(of_faultline(EVENTS).unwrap(), [(7, fault)]);
    }

    #[test]
    fn a_line_that_lacks_a_field_is_an_error() {
        assert!(of_qemu("riscv_cpu_do_interrupt: hart:0, async:0, cause:f").is_err());
        assert!(of_faultline(r#"{"source":"machine","kind":"trap","interrupt":false}"#).is_err());
        assert!(of_faultline("{").is_err());
    }

    fn fault(stval: u64) -> PageFault {
        PageFault { scause: 13, stval, sepc: 0 }
    }

    fn owned(faults: &[(u32, u64)]) -> Vec<Owned> {
        faults.iter().map(|&(pid, stval)| (pid, fault(stval))).collect()
    }

    #[test]
    fn processes_may_be_interleaved_otherwise_but_each_keeps_its_order() {
        let ours = owned(&[(1, 10), (1, 11), (2, 10), (2, 12)]);
        for theirs in [[10, 11, 10, 12], [10, 10, 11, 12], [10, 10, 12, 11], [10, 12, 10, 11]] {
            assert!(compare(&theirs.map(fault), &ours).is_ok(), "{theirs:?}");
        }
        for theirs in [vec![11, 10, 10, 12], vec![10, 11, 12, 10], vec![10, 11, 10], vec![10, 11, 10, 12, 12]]
        {
            let theirs: Vec<PageFault> = theirs.into_iter().map(fault).collect();
            assert!(compare(&theirs, &ours).is_err(), "{theirs:?}");
        }
    }

    #[test]
    fn as_multisets_only_the_order_may_differ() {
        let ours = owned(&[(1, 1), (1, 2), (1, 2)]);
        assert!(compare_as_multisets(&[2, 1, 2].map(fault), &ours).is_ok());
        assert!(compare_as_multisets(&[2, 1, 1].map(fault), &ours).is_err());
        assert!(compare_as_multisets(&[2, 1].map(fault), &ours).is_err());
    }

    #[test]
    fn the_first_difference_is_shown() {
        let error = compare(&[1, 3].map(fault), &owned(&[(1, 1), (1, 2)])).unwrap_err().to_string();
        assert!(error.contains("page fault 1 on QEMU is no process's next one"), "{error}");
        assert!(error.contains("of process 1"), "{error}");
    }
}
