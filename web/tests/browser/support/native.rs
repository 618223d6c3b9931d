//! What the native command says about a scenario.

use std::path::Path;
use std::process::Command;

use faultline_machine::event::Event;
use faultline_web::words;

/// A run of a scenario.
pub(crate) struct Run {
    /// Its page faults, in order.
    pub(crate) faults: Vec<Fault>,
    /// SHA-256 of the semantic form.
    pub(crate) semantic: String,
    /// SHA-256 of every event.
    pub(crate) exact: String,
}

/// A page fault.
pub(crate) struct Fault {
    pub(crate) scause: u64,
    pub(crate) stval: String,
    pub(crate) sepc: String,
    /// The check that failed, as the page words it.
    pub(crate) check: &'static str,
    /// The entry at which the walk stopped.
    pub(crate) pte_addr: String,
}

/// Runs a scenario natively.
pub(crate) fn run(faultline: &Path, scenario: &str) -> Run {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../static/scenarios").join(scenario);
    let output = Command::new(faultline).arg("run").arg(file).args(["--events", "-"]).output();
    let output = output.expect("the native command runs");
    let report = String::from_utf8_lossy(&output.stderr).into_owned();
    // The exit code is the guest's, but for bad input and a run that was cut off.
    assert!(!matches!(output.status.code(), None | Some(2 | 3)), "{report}");
    let lines = std::str::from_utf8(&output.stdout).expect("events are text").lines();
    let events =
        lines.map(|line| serde_json::from_str(line).unwrap_or_else(|error| panic!("{line}: {error}")));
    let faults = events.filter_map(|event: Event| fault(&event)).collect();
    Run { faults, semantic: after(&report, "semantic digest "), exact: after(&report, "exact digest ") }
}

fn fault(event: &Event) -> Option<Fault> {
    let (trap, _) = event.what.page_fault()?;
    let last = trap.walk.as_deref()?.last()?;
    Some(Fault {
        scause: trap.scause,
        stval: format!("{:#x}", trap.stval),
        sepc: trap.sepc.to_string(),
        check: words::check(trap.check?).short,
        pte_addr: last.pte_addr.to_string(),
    })
}

/// The word after a label.
fn after(report: &str, label: &str) -> String {
    let (_, rest) = report.split_once(label).unwrap_or_else(|| panic!("no `{label}` in {report}"));
    rest.split(|c: char| !c.is_ascii_hexdigit()).next().unwrap_or_default().to_owned()
}
