//! Page faults as QEMU's log and as Faultline's events tell them, reduced to what both must agree on.

use std::fmt;

use anyhow::{Context, Result, bail};
use serde::Deserialize;

/// A page fault, in the terms of the supervisor's registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
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
}

/// The page faults in the events that `faultline run --events -` prints, one JSON object a line.
pub(crate) fn of_faultline(events: &str) -> Result<Vec<PageFault>> {
    let mut faults = Vec::new();
    for line in events.lines() {
        let event: Event = serde_json::from_str(line).with_context(|| format!("reading the event {line}"))?;
        if event.source == "machine" && event.kind == "trap" && event.interrupt == Some(false) {
            faults.push(event.page_fault().with_context(|| format!("in the event {line}"))?);
        }
    }
    Ok(faults.into_iter().flatten().collect())
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

/// Compares the two sequences; the error shows the first difference.
pub(crate) fn compare(qemu: &[PageFault], faultline: &[PageFault]) -> Result<()> {
    let longest = qemu.len().max(faultline.len());
    let Some(at) = (0..longest).find(|&i| qemu.get(i) != faultline.get(i)) else { return Ok(()) };
    let shown = |faults: &[PageFault]| faults.get(at).map_or_else(|| "none".to_owned(), ToString::to_string);
    bail!(
        "page fault {at} differs ({} on QEMU, {} on Faultline)\n  QEMU       {}\n  Faultline  {}",
        qemu.len(),
        faultline.len(),
        shown(qemu),
        shown(faultline)
    )
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
        r#"{"n":3,"source":"machine","kind":"trap","scause":"0x8","stval":"0x0","sepc":"0x2","interrupt":false}"#,
    );

    #[test]
    fn only_page_faults_are_read_and_both_sides_agree() {
        let fault = PageFault { scause: 15, stval: 0x8010, sepc: 0x1042 };
        assert_eq!(of_qemu(LOG).unwrap(), [fault]);
        assert_eq!(of_faultline(EVENTS).unwrap(), [fault]);
    }

    #[test]
    fn a_line_that_lacks_a_field_is_an_error() {
        assert!(of_qemu("riscv_cpu_do_interrupt: hart:0, async:0, cause:f").is_err());
        assert!(of_faultline(r#"{"source":"machine","kind":"trap","interrupt":false}"#).is_err());
        assert!(of_faultline("{").is_err());
    }

    #[test]
    fn the_first_difference_is_shown() {
        let fault = |stval| PageFault { scause: 13, stval, sepc: 0 };
        assert!(compare(&[fault(1)], &[fault(1)]).is_ok());
        let error = compare(&[fault(1), fault(2)], &[fault(1)]).unwrap_err().to_string();
        assert!(error.contains("page fault 1 differs (2 on QEMU, 1 on Faultline)"), "{error}");
        assert!(error.contains("Faultline  none"), "{error}");
    }
}
