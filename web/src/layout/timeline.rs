//! The run as a line, with a mark for each page fault.

use crate::episode::Outcome;
use crate::state::History;

/// The shape of a mark, so that colour is not alone in telling faults apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A page the kernel had promised and now gives.
    Circle,
    /// A fault dealt with in another way, or not yet.
    Diamond,
    /// The end of a process.
    Cross,
    /// A page that the kernel itself found missing, without a trap.
    Ring,
}

/// A mark for a page fault.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tick {
    /// Number of the trap event.
    pub event: usize,
    /// Which page fault, counted from 0; `None` where nothing trapped.
    pub ordinal: Option<usize>,
    /// Where: 0 is the start of the run, 100 its end.
    pub percent: f64,
    /// What it looks like.
    pub shape: Shape,
}

/// The marks of the faults in a run.
#[must_use]
pub fn ticks(history: &History) -> Vec<Tick> {
    let of = history.events.len();
    let tick = |event, ordinal, shape| Tick { event, ordinal, percent: percent(event + 1, of), shape };
    let trapped = history.episodes.iter().enumerate();
    let trapped = trapped.map(|(ordinal, each)| tick(each.trap, Some(ordinal), shape(each.outcome)));
    let found = history.found.iter().map(|&event| tick(event, None, Shape::Ring));
    trapped.chain(found).collect()
}

/// Position `at` of `of` in percent, for a slider from 0 to `of`.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts of events stay far below 2^52")]
pub fn percent(at: usize, of: usize) -> f64 {
    if of == 0 { 0.0 } else { 100.0 * at as f64 / of as f64 }
}

fn shape(outcome: Outcome) -> Shape {
    match outcome {
        Outcome::Promised => Shape::Circle,
        Outcome::Resolved | Outcome::Unanswered => Shape::Diamond,
        Outcome::Killed => Shape::Cross,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{fault, numbered, page_fault, resolved, returned};
    use faultline_abi::trace::{FaultClass, Resolution};

    #[test]
    fn faults_with_and_without_a_trap_stand_where_they_happened() {
        let mut history = History::default();
        history.learn(
            0,
            numbered([
                page_fault(15, 0x9000, 0x1000),
                fault(0x9000, FaultClass::Lazy),
                resolved(0x9000, Resolution::Zeroed),
                returned(0x2000),
                fault(0xd000, FaultClass::Lazy),
            ]),
        );
        let shapes: Vec<_> =
            ticks(&history).iter().map(|tick| (tick.event, tick.ordinal, tick.shape)).collect();
        assert_eq!(shapes, [(0, Some(0), Shape::Circle), (4, None, Shape::Ring)]);
        assert!((ticks(&history)[1].percent - 100.0).abs() < 1e-9);
    }

    #[test]
    fn an_empty_run_has_no_length() {
        assert!(percent(0, 0).abs() < f64::EPSILON);
        assert!((percent(1, 4) - 25.0).abs() < f64::EPSILON);
    }
}
