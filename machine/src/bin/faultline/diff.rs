//! `faultline diff`: two runs side by side, in words.

use std::process::ExitCode;

use faultline_machine::diff::{Comparison, compare};
use faultline_machine::event::What;
use faultline_machine::recorded::Recorded;
use serde::Serialize;

use crate::failure::Failure;
use crate::{DiffArguments, ScenarioArguments, record};

/// Differences that fit on a screen.
const SHOWN: usize = 40;
/// The exit code where two runs differ.
const DIFFERENT: u8 = 1;

/// What a run comes to, to be compared at a glance.
#[derive(Serialize)]
struct Figures {
    instructions: u64,
    events: usize,
    page_faults: usize,
    evictions: usize,
}

#[derive(Serialize)]
struct Report<'a> {
    same: bool,
    a: Figures,
    b: Figures,
    #[serde(flatten)]
    comparison: &'a Comparison,
}

/// `faultline diff`.
pub(crate) fn diff(arguments: &DiffArguments) -> Result<ExitCode, Failure> {
    let side = |scenario: &std::path::Path, own: &[String]| ScenarioArguments {
        scenario: scenario.to_owned(),
        settings: arguments.settings.iter().chain(own).cloned().collect(),
        max_instructions: arguments.max_instructions,
        guest: arguments.guest.clone(),
    };
    let a = record::load(&side(&arguments.a, &arguments.settings_a))?;
    let b = record::load(&side(&arguments.b, &arguments.settings_b))?;
    let comparison = compare(&a.semantic(), &b.semantic());
    if arguments.json {
        let report =
            Report { same: comparison.is_same(), a: figures(&a), b: figures(&b), comparison: &comparison };
        println!("{}", serde_json::to_string_pretty(&report).map_err(Failure::new)?);
    } else {
        print!("{}", told(&a, &b, &comparison, arguments.all));
    }
    Ok(if comparison.is_same() { ExitCode::SUCCESS } else { ExitCode::from(DIFFERENT) })
}

fn figures(run: &Recorded) -> Figures {
    let count = |meant: fn(&What) -> bool| run.events.iter().filter(|event| meant(&event.what)).count();
    Figures {
        instructions: run.instructions,
        events: run.events.len(),
        page_faults: count(|what| what.page_fault().is_some()),
        evictions: count(|what| matches!(what, What::Evicted { .. })),
    }
}

fn told(a: &Recorded, b: &Recorded, comparison: &Comparison, all: bool) -> String {
    let mut text = String::new();
    for (name, run) in [("A", a), ("B", b)] {
        let Figures { instructions, events, page_faults, evictions } = figures(run);
        text += &format!(
            "{name}: {} ({instructions} instructions, {events} events, {page_faults} page faults, {evictions} evictions)\n",
            run.scenario.title
        );
    }
    if comparison.is_same() {
        return text + &format!("both do the same {} things, process by process\n", comparison.common);
    }
    let most = if all { usize::MAX } else { SHOWN };
    for difference in comparison.differences.iter().take(most) {
        text += &format!("{difference}\n");
    }
    let more = comparison.differences.len().saturating_sub(most) + comparison.left_out;
    if more > 0 {
        text += &format!("… and {more} differences more (--all shows them)\n");
    }
    text + &format!("{} things are the same\n", comparison.common)
}
