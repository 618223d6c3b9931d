//! The run as a line, with a mark for each page fault.

use crate::episode::{Episode, Outcome};

/// The shape of a mark, so that colour is not alone in telling faults apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Shape {
    /// A page the kernel had promised and now gives.
    Circle,
    /// A fault dealt with in another way, or not yet.
    Diamond,
    /// The end of a process.
    Cross,
}

/// A mark for a page fault.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tick {
    /// Number of the trap event.
    pub event: usize,
    /// Which page fault, counted from 0.
    pub ordinal: usize,
    /// Where: 0 is the start of the run, 100 its end.
    pub percent: f64,
    /// What it looks like.
    pub shape: Shape,
}

/// The marks of these faults in a run of so many events.
#[must_use]
pub fn ticks(episodes: &[Episode], events: usize) -> Vec<Tick> {
    let place = |episode: &Episode| percent(episode.trap + 1, events);
    let tick = |(ordinal, episode): (usize, &Episode)| Tick {
        event: episode.trap,
        ordinal,
        percent: place(episode),
        shape: shape(episode.outcome),
    };
    episodes.iter().enumerate().map(tick).collect()
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
