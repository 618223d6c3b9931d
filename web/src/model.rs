//! The page's state: what the worker has reported, and what follows from it. The reducer is pure.

use std::collections::BTreeMap;
use std::rc::Rc;

use faultline_abi::sv39::Pte;
use faultline_abi::{PhysAddr, VirtAddr};
use faultline_machine::event::{Selector, What};
use faultline_machine::hart::Privilege;

use crate::card::Card;
use crate::episode::Episode;
use crate::layout::Leaves;
use crate::linked::Selection;
use crate::protocol::{Explored, Load, Loaded, Progress, Update};
use crate::snapshot::{Entry, Snapshot, Table};
use crate::state::{Disagreement, History, Process, View, disagreements};
use crate::words;

/// How it stands with the worker.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Link {
    /// It is starting, or working on something long.
    Busy(Option<Progress>),
    /// It listens.
    Ready,
    /// It is gone; this is why.
    Lost(String),
}

/// Where the run stands.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    /// Before the first instruction.
    pub at_start: bool,
    /// At the end.
    pub at_end: bool,
}

/// Everything the page shows.
#[derive(Clone, Debug)]
pub struct Model {
    /// How it stands with the worker.
    pub link: Link,
    /// What could not be done, in words.
    pub failure: Option<String>,
    /// What was asked for last.
    pub request: Load,
    /// What is booted.
    pub loaded: Option<Rc<Loaded>>,
    /// The known run.
    pub history: Rc<History>,
    /// What the whole run told.
    pub explored: Option<Rc<Explored>>,
    /// Where the machine stands.
    pub snapshot: Option<Rc<Snapshot>>,
    /// What the kernel has told up to there.
    pub view: Rc<View>,
    /// The card of the page fault at or before that place.
    pub card: Option<Rc<Card>>,
    /// The leaf mappings of the watched page tables.
    pub leaves: Rc<Leaves>,
    /// Where kernel and page tables disagree.
    pub disagreements: Rc<[Disagreement]>,
    /// What the user pointed at.
    pub selection: Option<Selection>,
    /// The bytes of a frame that the user asked for.
    pub bytes: Option<Rc<(PhysAddr, Vec<u8>)>>,
}

/// What can happen to the page.
#[derive(Clone, Debug)]
pub enum Action {
    /// The page asks the worker to load this.
    Asked(Load),
    /// The worker reports.
    Updates(Vec<Update>),
    /// The worker is gone.
    Crashed(String),
    /// The user points at something; at the same thing again to let it go.
    Select(Selection),
    /// The user has read what could not be done.
    Dismiss,
}

impl Default for Model {
    fn default() -> Self {
        Self {
            link: Link::Busy(None),
            failure: None,
            request: Load::default(),
            loaded: None,
            history: Rc::default(),
            explored: None,
            snapshot: None,
            view: Rc::default(),
            card: None,
            leaves: Rc::default(),
            disagreements: Rc::new([]),
            selection: None,
            bytes: None,
        }
    }
}

impl Model {
    /// The state after this.
    #[must_use]
    pub fn after(mut self, action: Action) -> Self {
        match action {
            Action::Asked(load) => self.request = load,
            Action::Updates(updates) => self.updated(updates),
            Action::Crashed(why) => self.link = Link::Lost(why),
            Action::Select(selection) => {
                self.selection = (self.selection != Some(selection)).then_some(selection);
            }
            Action::Dismiss => self.failure = None,
        }
        self
    }

    fn updated(&mut self, updates: Vec<Update>) {
        for update in updates {
            self.update(update);
        }
        self.derive();
    }

    fn update(&mut self, update: Update) {
        match update {
            Update::Ready => {}
            Update::Progress(progress) => self.link = Link::Busy(Some(progress)),
            Update::Loaded(loaded) => self.booted(*loaded),
            Update::Events { from, events } => Rc::make_mut(&mut self.history).learn(from, events),
            Update::Explored(explored) => self.explored = Some(Rc::new(*explored)),
            Update::At(snapshot) => {
                self.link = Link::Ready;
                self.snapshot = Some(Rc::new(*snapshot));
            }
            Update::Bytes { address, bytes } => self.bytes = Some(Rc::new((address, bytes))),
            Update::Failed(why) => {
                self.link = Link::Ready;
                self.failure = Some(why);
            }
        }
    }

    fn booted(&mut self, loaded: Loaded) {
        let link = self.link.clone();
        *self = Self { link, request: loaded.request.clone(), ..Self::default() };
        self.loaded = Some(Rc::new(loaded));
    }

    /// Works out what follows from the snapshot and the history.
    fn derive(&mut self) {
        let so_far = self.events_so_far();
        self.view = Rc::new(self.history.view_after(so_far));
        let ordinal = self.current_episode().map(|(ordinal, _)| ordinal);
        self.card = ordinal.and_then(|ordinal| Card::new(&self.history, ordinal, so_far)).map(Rc::new);
        self.leaves = Rc::new(self.table().map(leaves).unwrap_or_default());
        self.disagreements = self.compared().into();
    }

    fn compared(&self) -> Vec<Disagreement> {
        match &self.snapshot {
            Some(snapshot) if self.is_settled() => disagreements(&self.view, &snapshot.mapped),
            _ => Vec::new(),
        }
    }

    /// Whether the kernel is in the middle of nothing.
    fn is_settled(&self) -> bool {
        let in_user = |snapshot: &Rc<Snapshot>| snapshot.registers.mode == Privilege::User;
        self.snapshot.as_ref().is_some_and(in_user)
    }

    /// Events up to the present.
    #[must_use]
    pub fn events_so_far(&self) -> usize {
        self.snapshot.as_ref().map_or(0, |snapshot| snapshot.events.min(self.history.events.len()))
    }

    /// The last page fault, with its ordinal.
    #[must_use]
    pub fn current_episode(&self) -> Option<(usize, &Episode)> {
        let so_far = self.events_so_far();
        let passed = self.history.episodes.partition_point(|episode| episode.trap < so_far);
        let ordinal = passed.checked_sub(1)?;
        Some((ordinal, &self.history.episodes[ordinal]))
    }

    /// Whether buttons that move may be pressed.
    #[must_use]
    pub fn is_ready(&self) -> bool {
        self.link == Link::Ready && self.snapshot.is_some()
    }

    /// Whether the machine goes on by itself.
    #[must_use]
    pub fn is_running(&self) -> bool {
        self.snapshot.as_ref().is_some_and(|snapshot| snapshot.running)
    }

    /// Whether the run stands at one of its ends.
    #[must_use]
    pub fn place(&self) -> Place {
        self.snapshot.as_ref().map_or_else(Place::default, |snapshot| Place {
            at_start: snapshot.step == 0,
            at_end: snapshot.ended.is_some(),
        })
    }

    /// The value of a kernel option in force.
    #[must_use]
    pub fn option(&self, key: &str) -> Option<&str> {
        self.loaded.as_ref()?.scenario.kernel.get(key).map(String::as_str)
    }

    /// The watched page tables.
    #[must_use]
    pub fn table(&self) -> Option<&Table> {
        self.snapshot.as_ref()?.table.as_ref()
    }

    /// The process whose page tables are watched.
    #[must_use]
    pub fn watched_process(&self) -> Option<&Process> {
        self.view.processes.of_root(self.table()?.addr)
    }

    /// One sentence on what happened last, which is also read out.
    #[must_use]
    pub fn sentence(&self) -> String {
        let Some(snapshot) = &self.snapshot else { return "The machine is starting.".into() };
        if let Some(ending) = &snapshot.ended {
            return format!("The run has ended: {ending}.");
        }
        let so_far = self.events_so_far();
        let last = so_far.checked_sub(1).and_then(|n| self.history.events.get(n));
        match (last, &self.card) {
            (None, _) => "The machine is switched on; nothing has happened yet.".into(),
            (Some(_), Some(card)) if card.event + 1 == so_far => card.headline(),
            (Some(_), Some(card)) if card.end.is_some_and(|end| end + 1 == so_far) => card.closing(),
            (Some(event), _) => words::happened(&event.what, &self.view.processes).what + ".",
        }
    }

    /// Whether an event lies before the last page fault.
    #[must_use]
    pub fn is_past(&self, event: usize) -> bool {
        self.card.as_ref().is_some_and(|card| event < card.event)
    }

    /// The scenario's note for the present: the last one that was passed, with its event.
    #[must_use]
    pub fn note(&self) -> Option<(usize, &str)> {
        let scenario = &self.loaded.as_ref()?.scenario;
        let so_far = self.events_so_far();
        let notes = scenario.narration.iter();
        notes
            .filter_map(|note| Some((self.anchor(&note.at.kind, note.at.ordinal)?, note.text.as_str())))
            .filter(|&(event, _)| event < so_far)
            .max_by_key(|&(event, _)| event)
    }

    fn anchor(&self, kind: &str, ordinal: u32) -> Option<usize> {
        let selector: Selector = kind.parse().ok()?;
        let matching = self.history.events.iter().filter(|event| selector.matches(&event.what));
        let event = matching.take(1 + ordinal as usize).nth(ordinal as usize)?;
        usize::try_from(event.n).ok()
    }

    /// What the machine's detectors have warned of up to the present, the last one first.
    pub fn warnings(&self) -> impl Iterator<Item = (usize, &str)> {
        let past = self.history.events[..self.events_so_far()].iter().enumerate();
        past.rev().filter_map(|(n, event)| match &event.what {
            What::Warning(warning) => Some((n, &*warning.text)),
            _ => None,
        })
    }

    /// Entries of page tables that were written since the last page fault, up to the present, with
    /// what stood there before.
    #[must_use]
    pub fn changed_entries(&self) -> BTreeMap<PhysAddr, Pte> {
        let since = self.current_episode().map_or(0, |(_, episode)| episode.trap);
        let events = self.history.events.get(since..self.events_so_far()).unwrap_or(&[]);
        let mut changed = BTreeMap::new();
        for event in events {
            if let What::Pte(change) | What::Ad(change) = &event.what {
                changed.entry(change.pte_addr).or_insert(change.old);
            }
        }
        changed
    }

    /// Pages whose entries are among [`Self::changed_entries`].
    #[must_use]
    pub fn changed_pages(&self) -> Vec<VirtAddr> {
        let changed = self.changed_entries();
        let mut pages = Vec::new();
        if let Some(table) = self.table() {
            each_entry(table, &mut |entry| {
                let differs = changed.get(&entry.pte_addr).is_some_and(|&old| old != entry.pte);
                if differs && entry.pte.is_leaf() {
                    pages.push(entry.va);
                }
            });
        }
        pages
    }
}

/// The leaf mappings in these tables.
fn leaves(table: &Table) -> Leaves {
    let mut all = Leaves::new();
    each_entry(table, &mut |entry| {
        if entry.pte.is_leaf() {
            all.insert(entry.va, entry.pte);
        }
    });
    all
}

fn each_entry(table: &Table, visit: &mut impl FnMut(&Entry)) {
    for entry in &table.entries {
        visit(entry);
        if let Some(child) = &entry.child {
            each_entry(child, visit);
        }
    }
}
