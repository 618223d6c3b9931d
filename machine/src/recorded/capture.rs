//! Keeping a run for a recording.

use std::collections::BTreeMap;

use super::{PageTables, Printed, SHOTS_MAX, Shot};
use crate::event::{Event, What};
use crate::inspect::page_table;
use crate::observer::Context;
use crate::ram::Ram;
use crate::recorder::{EVENTS_MAX, Sink};
use faultline_abi::satp::Root;

/// Bytes of one entry of the console, unless a line is longer.
const PRINTED_BYTES: usize = 4096;

/// A sink that keeps events, what is printed, and page tables where they do not follow from the events.
#[derive(Debug, Default)]
pub struct Capture {
    events: Vec<Event>,
    console: Vec<(u64, Vec<u8>)>,
    shots: Vec<Shot>,
    tables: PageTables,
    /// By hart the tables that are in force.
    roots: BTreeMap<u32, Root>,
    /// A table was changed, or another came into force, since a table was last compared.
    changed: bool,
}

impl Capture {
    /// How many events are kept.
    #[must_use]
    pub fn events(&self) -> usize {
        self.events.len()
    }

    /// What was kept: what was printed, the page tables, and the events.
    #[must_use]
    pub fn finish(self) -> (Vec<Printed>, Vec<Shot>, Vec<Event>) {
        let printed = |(step, bytes): (u64, Vec<u8>)| Printed {
            step,
            text: String::from_utf8_lossy(&bytes).into_owned(),
        };
        (self.console.into_iter().map(printed).collect(), self.shots, self.events)
    }
}

impl Sink for Capture {
    fn event(&mut self, cx: &Context, what: What) {
        self.tables.apply(&what);
        match what {
            What::Satp { new, .. } => {
                if let Some(root) = Root::of(new) {
                    self.changed |= self.roots.insert(cx.hart, root) != Some(root);
                }
            }
            What::Pte(_) | What::Ad(_) => self.changed = true,
            _ => {}
        }
        self.events.push(Event::new(self.events.len() as u64, cx, what));
    }

    fn console(&mut self, cx: &Context, byte: u8) {
        match self.console.last_mut() {
            Some((step, bytes)) if bytes.last() != Some(&b'\n') && bytes.len() < PRINTED_BYTES => {
                *step = cx.step;
                bytes.push(byte);
            }
            _ => self.console.push((cx.step, vec![byte])),
        }
    }

    fn settled(&mut self, cx: &Context, ram: &Ram) {
        if !core::mem::take(&mut self.changed) || self.shots.len() >= SHOTS_MAX {
            return;
        }
        let Some(&root) = self.roots.get(&cx.hart) else { return };
        let mappings = page_table(ram, root).mappings();
        if mappings != self.tables.mappings(root.frame) {
            self.tables.put(root.frame, &mappings);
            let events = self.events.len() as u64;
            self.shots.push(Shot { events, root: root.frame.base(), mappings });
        }
    }

    fn stop(&self) -> bool {
        self.events.len() >= EVENTS_MAX
    }
}
