//! The run as a line, or a part of it, with a mark for each page fault.

use std::collections::BTreeSet;
use std::ops::Range;

use faultline_abi::trace::{FaultClass, Resolution};
use faultline_machine::event::{Event, What};

use crate::episode::{Episode, Outcome};
use crate::state::History;

/// How much closer each step of the zoom is.
const ZOOM: usize = 4;
/// Places along the line at which marks of one shape fall together: no screen shows more.
const PLACES: f64 = 250.0;

/// The shape of a mark, so that colour is not alone in telling faults apart.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Shape {
    /// A page the kernel had promised and now gives: lazy, zero fill, stack.
    Circle,
    /// A shared page that is written to, and copied for it.
    Diamond,
    /// The same where nobody else holds the page any more, so that nothing is copied.
    Hollow,
    /// A page of a file: of the program, or mapped.
    Square,
    /// A page that comes back from swap.
    Triangle,
    /// The end of a process.
    Cross,
    /// A page that the kernel itself found missing, without a trap.
    Ring,
    /// Anything else, or nothing known yet.
    Bar,
}

/// A mark for a page fault.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Tick {
    /// Number of the trap event.
    pub event: usize,
    /// Which page fault, counted from 0; `None` where nothing trapped.
    pub ordinal: Option<usize>,
    /// Where: 0 is the start of the part that is shown, 100 its end.
    pub percent: f64,
    /// What it looks like.
    pub shape: Shape,
}

/// The marks of the faults in a part of a run. Those that would lie on each other are one.
#[must_use]
pub fn ticks(history: &History, part: &Range<usize>) -> Vec<Tick> {
    let tick = |event: usize, ordinal, shape| {
        let percent = percent(event + 1 - part.start.min(event + 1), part.len());
        Tick { event, ordinal, percent, shape }
    };
    let inside = |event: usize| part.contains(&event);
    let trapped = history.episodes.iter().enumerate().filter(|(_, each)| inside(each.trap));
    let trapped = trapped.map(|(ordinal, each)| tick(each.trap, Some(ordinal), shape(history, each)));
    let found = history.found.iter().filter(|&&event| inside(event));
    let found = found.map(|&event| tick(event, None, Shape::Ring));
    let mut taken = BTreeSet::new();
    #[expect(clippy::cast_possible_truncation, reason = "a place along a line")]
    let place = |tick: &Tick| (tick.percent * PLACES / 100.0) as i64;
    trapped.chain(found).filter(|tick| taken.insert((place(tick), tick.shape))).collect()
}

/// The part of a run of `of` events to show around event `at`, `zoom` steps closer than all of it. It
/// stays where it is while `at` moves within its middle.
#[must_use]
pub fn part(at: usize, of: usize, zoom: u32) -> Range<usize> {
    let length = of / ZOOM.saturating_pow(zoom);
    if zoom == 0 || length < 8 {
        return 0..of;
    }
    let half = length / 2;
    let start = (at.saturating_sub(length / 4) / half * half).min(of - length);
    start..start + length
}

/// Position `at` of `of` in percent, for a slider from 0 to `of`.
#[must_use]
#[expect(clippy::cast_precision_loss, reason = "counts of events stay far below 2^52")]
pub fn percent(at: usize, of: usize) -> f64 {
    if of == 0 { 0.0 } else { 100.0 * at as f64 / of as f64 }
}

/// The shape of a page fault's mark.
#[must_use]
pub fn shape(history: &History, episode: &Episode) -> Shape {
    if episode.outcome == Outcome::Killed {
        return Shape::Cross;
    }
    let end = episode.end.map_or(history.events.len(), |end| end + 1);
    let answer = history.events.get(episode.trap..end).unwrap_or(&[]);
    let class = answer.iter().find_map(|event| match event.what {
        What::Fault { class, .. } => Some(class),
        _ => None,
    });
    match class {
        Some(FaultClass::Lazy | FaultClass::ZeroFill | FaultClass::Stack) => Shape::Circle,
        Some(FaultClass::Cow) if is_reused(answer) => Shape::Hollow,
        Some(FaultClass::Cow) => Shape::Diamond,
        Some(FaultClass::Demand | FaultClass::Mmap) => Shape::Square,
        Some(FaultClass::SwapIn) => Shape::Triangle,
        Some(FaultClass::Invalid) => Shape::Cross,
        Some(FaultClass::Spurious) | None => Shape::Bar,
    }
}

fn is_reused(answer: &[Event]) -> bool {
    answer.iter().any(|event| matches!(event.what, What::Resolved { how: Resolution::Reused, .. }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{fault, numbered, page_fault, resolved, returned};

    fn history(events: Vec<What>) -> History {
        let mut history = History::default();
        history.learn(0, numbered(events));
        history
    }

    #[test]
    fn faults_with_and_without_a_trap_stand_where_they_happened() {
        let history = history(vec![
            page_fault(15, 0x9000, 0x1000),
            fault(0x9000, FaultClass::Lazy),
            resolved(0x9000, Resolution::Zeroed),
            returned(0x2000),
            fault(0xd000, FaultClass::Lazy),
        ]);
        let all = ticks(&history, &(0..5));
        let shapes: Vec<_> = all.iter().map(|tick| (tick.event, tick.ordinal, tick.shape)).collect();
        assert_eq!(shapes, [(0, Some(0), Shape::Circle), (4, None, Shape::Ring)]);
        assert!((all[1].percent - 100.0).abs() < 1e-9);
        assert_eq!(ticks(&history, &(1..4)), []);
    }

    #[test]
    fn each_kind_of_fault_has_its_shape() {
        for (class, expected) in [
            (FaultClass::Cow, Shape::Diamond),
            (FaultClass::Demand, Shape::Square),
            (FaultClass::SwapIn, Shape::Triangle),
            (FaultClass::Invalid, Shape::Cross),
            (FaultClass::Spurious, Shape::Bar),
        ] {
            let history = history(vec![page_fault(15, 0x9000, 0x1000), fault(0x9000, class)]);
            assert_eq!(ticks(&history, &(0..2))[0].shape, expected, "{class:?}");
        }
    }

    #[test]
    fn of_many_marks_no_more_are_drawn_than_a_screen_shows() {
        let events = (0..9000).flat_map(|_| [page_fault(15, 0x9000, 0x1000), fault(0x9000, FaultClass::Cow)]);
        let history = history(events.collect());
        let all = ticks(&history, &(0..18_000));
        assert!(all.len() <= 252, "{}", all.len());
        assert_eq!(ticks(&history, &(100..150)).len(), 25);
    }

    #[test]
    fn a_part_holds_the_present_and_does_not_slide_with_it() {
        assert_eq!(part(50, 1000, 0), 0..1000);
        for at in [0, 1, 499, 500, 999, 1000] {
            let shown = part(at, 1000, 1);
            assert!(shown.start <= at && at <= shown.end && shown.len() == 250, "{at}: {shown:?}");
        }
        assert_eq!(part(500, 1000, 1), part(520, 1000, 1));
        assert_eq!(part(3, 10, 3), 0..10, "there is nothing to magnify");
    }

    #[test]
    fn an_empty_run_has_no_length() {
        assert!(percent(0, 0).abs() < f64::EPSILON);
        assert!((percent(1, 4) - 25.0).abs() < f64::EPSILON);
    }
}
