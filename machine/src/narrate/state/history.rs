//! All events that are known, and the view at any of them.

use super::View;
use crate::event::{Event, What};
use crate::narrate::episode::{Episode, episodes};

/// Events between two kept views, at first.
const STRIDE: usize = 256;
/// When there are this many kept views, every second is dropped and the distance doubles: each holds
/// every frame.
const KEPT_MAX: usize = 128;

/// The known run: events, the page faults in it, and a view every so many events.
#[derive(Clone, Debug, PartialEq)]
pub struct History {
    /// Every known event, in order.
    pub events: Vec<Event>,
    /// The page faults in them.
    pub episodes: Vec<Episode>,
    /// Events by which the kernel reports a page it found missing itself, without a trap: in a system
    /// call, on the program's behalf.
    pub found: Vec<usize>,
    /// Views after `stride`, `2 * stride`, … events.
    kept: Vec<View>,
    stride: usize,
}

impl Default for History {
    fn default() -> Self {
        Self { events: Vec::new(), episodes: Vec::new(), found: Vec::new(), kept: Vec::new(), stride: STRIDE }
    }
}

impl History {
    /// Takes these events as number `from` and following; what was known beyond `from` is void.
    pub fn learn(&mut self, from: usize, events: Vec<Event>) {
        let from = from.min(self.events.len());
        self.events.truncate(from);
        self.events.extend(events);
        self.kept.truncate(from / self.stride);
        self.keep();
        self.episodes = episodes(&self.events);
        self.found = found(&self.events, &self.episodes);
    }

    fn keep(&mut self) {
        while (self.kept.len() + 1) * self.stride <= self.events.len() {
            let start = self.kept.len() * self.stride;
            let mut view = self.kept.last().cloned().unwrap_or_default();
            self.events[start..start + self.stride].iter().for_each(|event| view.apply(event));
            self.kept.push(view);
            if self.kept.len() == KEPT_MAX {
                self.thin();
            }
        }
    }

    /// Keeps every second view: those whose number of events the doubled distance divides.
    fn thin(&mut self) {
        let kept = std::mem::take(&mut self.kept);
        self.kept = kept.into_iter().skip(1).step_by(2).collect();
        self.stride *= 2;
    }

    /// The view after the first `count` events.
    #[must_use]
    pub fn view_after(&self, count: usize) -> View {
        let count = count.min(self.events.len());
        let kept = (count / self.stride).min(self.kept.len());
        let mut view = kept.checked_sub(1).map(|i| self.kept[i].clone()).unwrap_or_default();
        self.events[kept * self.stride..count].iter().for_each(|event| view.apply(event));
        view
    }
}

/// The faults that belong to no trap.
fn found(events: &[Event], episodes: &[Episode]) -> Vec<usize> {
    let is_answer = |n: usize| {
        let before = episodes.partition_point(|episode| episode.trap < n);
        let of_hart = |episode: &&Episode| episode.hart == events[n].hart;
        episodes[..before].iter().rev().find(of_hart).is_some_and(|last| answers(events, last, n))
    };
    let faults = events.iter().enumerate().filter(|(_, event)| matches!(event.what, What::Fault { .. }));
    faults.map(|(n, _)| n).filter(|&n| !is_answer(n)).collect()
}

/// Whether the fault that event `n` reports is the one that trapped: the first report after it, on
/// the same page.
fn answers(events: &[Event], episode: &Episode, n: usize) -> bool {
    let first = episode.answer(events).find(|(_, event)| matches!(event.what, What::Fault { .. }));
    first.is_some_and(|(first, _)| first == n)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::narrate::testing::{frame, numbered};
    use faultline_abi::trace::{FrameKind, FrameOp};

    fn many(count: u64) -> Vec<Event> {
        let each = |n: u64| {
            let address = 0x8000_0000 + (n % 70) * 4096;
            let op = if (n / 70).is_multiple_of(2) { FrameOp::Allocated } else { FrameOp::Freed };
            frame(op, address, 1, u32::from(op == FrameOp::Allocated), FrameKind::User)
        };
        numbered((0..count).map(each))
    }

    fn straight(events: &[Event]) -> View {
        let mut view = View::default();
        events.iter().for_each(|event| view.apply(event));
        view
    }

    #[test]
    fn every_position_shows_what_a_fold_from_the_start_shows() {
        let events = many(1000);
        let mut history = History::default();
        for (i, batch) in events.chunks(77).enumerate() {
            history.learn(i * 77, batch.to_vec());
        }
        for count in (0..=1000).step_by(37).chain([255, 256, 257, 511, 512, 513, 1000, 5000]) {
            let count = count.min(1000);
            assert_eq!(history.view_after(count), straight(&events[..count]), "after {count}");
        }
    }

    #[test]
    fn a_long_run_keeps_few_views_and_shows_the_same() {
        let events = many(80_000);
        let mut history = History::default();
        history.learn(0, events.clone());
        assert!(history.kept.len() < KEPT_MAX, "{}", history.kept.len());
        for count in [1, 511, 40_000, 65_535, 79_999, 80_000] {
            assert_eq!(history.view_after(count), straight(&events[..count]), "after {count}");
        }
    }

    #[test]
    fn a_new_future_replaces_the_old_one() {
        let mut history = History::default();
        history.learn(0, many(600));
        let other = many(900).split_off(300);
        history.learn(300, other.clone());
        assert_eq!(history.events.len(), 900);
        assert_eq!(history.view_after(900), straight(&history.events));
    }
}
