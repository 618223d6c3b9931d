//! A tour: notes bound to events, in the order of the run; how they are edited, and undone.

use std::borrow::Borrow;

use faultline_abi::scenario::{Anchor, Note, limits};
use faultline_machine::event::{Event, Selector};

/// Steps back that are kept.
const UNDO_MAX: usize = 100;

/// The notes, and what they were before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tour {
    notes: Vec<Note>,
    undo: Vec<Vec<Note>>,
    redo: Vec<Vec<Note>>,
}

/// A change of a tour. Notes are named by their place in [`Tour::notes`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Another text.
    Text(usize, String),
    /// Another text for the person at the lectern.
    Speaker(usize, String),
    /// A new note, without text yet.
    Add(Anchor),
    /// A note less.
    Delete(usize),
    /// As it was before the last change.
    Undo,
    /// As it was before the last step back.
    Redo,
}

impl Tour {
    /// A tour with these notes.
    #[must_use]
    pub fn new(notes: Vec<Note>) -> Self {
        Self { notes, ..Self::default() }
    }

    /// Its notes, in the order of the file.
    #[must_use]
    pub fn notes(&self) -> &[Note] {
        &self.notes
    }

    /// Whether there is something to take back.
    #[must_use]
    pub fn can_undo(&self) -> bool {
        !self.undo.is_empty()
    }

    /// Whether something was taken back.
    #[must_use]
    pub fn can_redo(&self) -> bool {
        !self.redo.is_empty()
    }

    /// The tour after the change. What the format's limits forbid changes nothing.
    #[must_use]
    pub fn after(mut self, edit: Edit) -> Self {
        match edit {
            Edit::Undo => {
                if let Some(before) = self.undo.pop() {
                    self.redo.push(std::mem::replace(&mut self.notes, before));
                }
            }
            Edit::Redo => {
                if let Some(after) = self.redo.pop() {
                    self.undo.push(std::mem::replace(&mut self.notes, after));
                }
            }
            change => {
                let before = self.notes.clone();
                self.change(change);
                self.remember(before);
            }
        }
        self
    }

    fn change(&mut self, edit: Edit) {
        match edit {
            Edit::Text(at, text) => {
                if let Some(note) = self.notes.get_mut(at) {
                    note.text = text.chars().take(limits::TEXT_CHARS).collect();
                }
            }
            Edit::Speaker(at, text) => {
                if let Some(note) = self.notes.get_mut(at) {
                    note.speaker = text.chars().take(limits::TEXT_CHARS).collect();
                }
            }
            Edit::Add(anchor) if self.notes.len() < limits::LIST => {
                self.notes.push(Note { at: anchor, ..Note::default() });
            }
            Edit::Delete(at) if at < self.notes.len() => drop(self.notes.remove(at)),
            Edit::Add(_) | Edit::Delete(_) | Edit::Undo | Edit::Redo => {}
        }
    }

    fn remember(&mut self, before: Vec<Note>) {
        if before == self.notes {
            return;
        }
        self.undo.push(before);
        self.redo.clear();
        if self.undo.len() > UNDO_MAX {
            self.undo.remove(0);
        }
    }
}

/// A place where the tour stops.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Stop {
    /// The event that the note is bound to.
    pub event: usize,
    /// Which note.
    pub note: usize,
}

/// The stops of these notes in a run, in its order. A note whose event never comes is left out.
#[must_use]
pub fn stops<E: Borrow<Event>>(notes: &[Note], events: impl IntoIterator<Item = E>) -> Vec<Stop> {
    let mut wanted: Vec<(Selector, u32, usize)> = notes
        .iter()
        .enumerate()
        .filter_map(|(note, each)| Some((each.at.kind.parse().ok()?, each.at.ordinal, note)))
        .collect();
    let mut found = Vec::new();
    for (event, each) in events.into_iter().enumerate() {
        if wanted.is_empty() {
            break;
        }
        let each = each.borrow();
        wanted.retain_mut(|(selector, left, note)| {
            if !selector.matches(&each.what) {
                return true;
            }
            if *left == 0 {
                found.push(Stop { event, note: *note });
            }
            left.checked_sub(1).map(|one_less| *left = one_less).is_some()
        });
    }
    found.sort_unstable();
    found
}

/// The anchor that names event `n`: a page fault as such, anything else by its kind.
#[must_use]
pub fn anchor(events: &[Event], n: usize) -> Option<Anchor> {
    let event = events.get(n)?;
    let (kind, selector) = match event.what.page_fault() {
        Some(_) => ("page-fault", Selector::PageFault),
        None => (event.what.kind().name(), Selector::Kind(event.what.kind())),
    };
    let before = events[..n].iter().filter(|each| selector.matches(&each.what)).count();
    Some(Anchor { kind: kind.into(), ordinal: u32::try_from(before).ok()?, ..Anchor::default() })
}

/// Which stop stands for the present: the last one that was passed after `so_far` events.
#[must_use]
pub fn current(stops: &[Stop], so_far: usize) -> Option<usize> {
    stops.partition_point(|stop| stop.event < so_far).checked_sub(1)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{fault, numbered, page_fault, returned};
    use faultline_abi::trace::FaultClass;

    fn note(kind: &str, ordinal: u32) -> Note {
        Note {
            at: Anchor { kind: kind.into(), ordinal, ..Anchor::default() },
            text: format!("{kind} {ordinal}"),
            ..Note::default()
        }
    }

    fn events() -> Vec<Event> {
        numbered([
            returned(0),
            page_fault(15, 0x9000, 0x1000),
            fault(0x9000, FaultClass::Lazy),
            returned(0),
            page_fault(15, 0xa000, 0x1000),
        ])
    }

    #[test]
    fn notes_stop_at_their_events_in_the_order_of_the_run() {
        let notes = [note("page-fault", 1), note("return", 0), note("fault", 0), note("return", 9)];
        let found: Vec<(usize, usize)> =
            stops(&notes, events()).iter().map(|stop| (stop.event, stop.note)).collect();
        assert_eq!(found, [(0, 1), (2, 2), (4, 0)]);
    }

    #[test]
    fn every_event_has_an_anchor_that_leads_back_to_it() {
        let events = events();
        for n in 0..events.len() {
            let at = anchor(&events, n).expect("it is there");
            assert_eq!(stops(&[Note { at, ..Note::default() }], &events), [Stop { event: n, note: 0 }]);
        }
        assert_eq!(anchor(&events, 5), None);
    }

    #[test]
    fn the_present_stop_is_the_last_one_passed() {
        let stops = [Stop { event: 2, note: 0 }, Stop { event: 5, note: 1 }];
        let at = |so_far| current(&stops, so_far);
        assert_eq!(
            [at(0), at(2), at(3), at(5), at(6), at(99)],
            [None, None, Some(0), Some(0), Some(1), Some(1)]
        );
    }

    #[test]
    fn edits_are_undone_and_redone_in_order() {
        let first = Tour::new(vec![note("page-fault", 0)]);
        let added = first.clone().after(Edit::Add(Anchor { kind: "fault".into(), ..Anchor::default() }));
        let written = added.clone().after(Edit::Text(1, "new".into()));
        let deleted = written.clone().after(Edit::Delete(0));
        assert_eq!(deleted.notes()[0].text, "new");
        let undone = [Edit::Undo, Edit::Undo, Edit::Undo].into_iter().fold(deleted.clone(), Tour::after);
        assert_eq!((undone.notes(), undone.can_undo()), (first.notes(), false));
        let redone = [Edit::Redo, Edit::Redo, Edit::Redo].into_iter().fold(undone, Tour::after);
        assert_eq!((redone.notes(), redone.can_redo()), (deleted.notes(), false));
        assert!(
            !deleted.after(Edit::Undo).after(Edit::Delete(0)).can_redo(),
            "a new change ends the old future"
        );
    }

    #[test]
    fn what_changes_nothing_leaves_nothing_to_undo() {
        let tour = Tour::new(vec![note("page-fault", 0)]);
        for edit in [Edit::Delete(7), Edit::Text(3, "x".into()), Edit::Text(0, "page-fault 0".into())] {
            assert!(!tour.clone().after(edit).can_undo());
        }
        let long = tour.after(Edit::Text(0, "x".repeat(10_000)));
        assert_eq!(long.notes()[0].text.len(), limits::TEXT_CHARS);
    }
}
