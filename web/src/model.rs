//! The page's state: what the worker has reported, and what follows from it. The reducer is pure.

use std::collections::BTreeMap;
use std::rc::Rc;

use faultline_abi::satp::Scheme;
use faultline_abi::scenario::{Input, Scenario};
use faultline_abi::sv39::Pte;
use faultline_abi::{PhysAddr, VirtAddr};
use faultline_machine::event::{Event, What};
use faultline_machine::hart::Privilege;
use faultline_machine::spaces::NamedAfter;

use crate::card::Card;
use crate::episode::Episode;
use crate::layout::Leaves;
use crate::linked::Selection;
use crate::protocol::{Answer, Explored, Future, Load, Loaded, Policies, Progress, Update};
use crate::snapshot::{Entry, Snapshot, Table};
use crate::state::{Disagreement, History, Process, View, disagreements};
use crate::tour::{Edit, Stop, Tour, current, stops};
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
    /// Events up to the place where it stood first.
    opened: Option<usize>,
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
    /// What the pages that programs touch would cost under each policy, where somebody asked.
    pub policies: Option<Rc<Policies>>,
    /// The scenario's notes, as they are edited.
    pub tour: Rc<Tour>,
    /// Where the notes stand in the run.
    pub stops: Rc<[Stop]>,
    /// What was typed here, beyond the scenario's own input.
    pub typed: Vec<Input>,
    /// The futures that were left by typing in the past.
    pub futures: Rc<[Future]>,
    /// What came of the last search, until something moves.
    pub searched: Option<String>,
    /// What brings files of its own, and waits for somebody to say that it may run.
    pub brought: Option<Rc<Load>>,
    /// Notes and input as they were saved last.
    saved: Option<(Rc<Tour>, Vec<Input>)>,
}

/// What can happen to the page.
#[derive(Clone, Debug)]
pub enum Action {
    /// The page asks the worker to load this.
    Asked(Load),
    /// A link or a file brings this, with files of its own that could be programs; `None` where it is not wanted.
    Brought(Option<Load>),
    /// The worker reports.
    Updates(Vec<Update>),
    /// The worker is gone.
    Crashed(String),
    /// The user points at something; at the same thing again to let it go.
    Select(Selection),
    /// The user has read what could not be done.
    Dismiss,
    /// Something could not be done on the page itself.
    Failed(String),
    /// The user changes the notes.
    Edit(Edit),
    /// The user has typed this to the guest.
    Typed(String),
    /// The scenario as it stands is in a file now.
    Saved,
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
            opened: None,
            view: Rc::default(),
            card: None,
            leaves: Rc::default(),
            disagreements: Rc::new([]),
            selection: None,
            bytes: None,
            policies: None,
            tour: Rc::default(),
            stops: Rc::new([]),
            typed: Vec::new(),
            futures: Rc::new([]),
            searched: None,
            brought: None,
            saved: None,
        }
    }
}

impl Model {
    /// The state after this.
    #[must_use]
    pub fn after(mut self, action: Action) -> Self {
        match action {
            Action::Asked(load) => {
                self.brought = self.brought.filter(|brought| **brought != load);
                (self.request, self.failure) = (load, None);
            }
            Action::Brought(load) => self.brought = load.map(Rc::new),
            Action::Updates(updates) => self.updated(updates),
            Action::Crashed(why) => self.link = Link::Lost(why),
            Action::Select(selection) => {
                self.selection = (self.selection != Some(selection)).then_some(selection);
            }
            Action::Dismiss => self.failure = None,
            Action::Failed(why) => self.failure = Some(why),
            Action::Edit(edit) => {
                self.tour = Rc::new((*self.tour).clone().after(edit));
                self.stops = stops(self.tour.notes(), &self.history.events).into();
            }
            Action::Typed(text) => self.typed(text),
            Action::Saved => self.saved = Some((self.tour.clone(), self.typed.clone())),
        }
        self
    }

    /// What was typed later belonged to another future.
    fn typed(&mut self, text: String) {
        let instret = self.snapshot.as_ref().map_or(0, |snapshot| snapshot.instret);
        self.typed.retain(|input| input.instret <= instret);
        self.typed.push(Input { instret, text, ..Input::default() });
        self.policies = None;
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
            Update::Explored(explored) => {
                self.explored = Some(Rc::new(*explored));
                self.stops = stops(self.tour.notes(), &self.history.events).into();
            }
            Update::Futures { left, typed } => {
                self.futures = left.into();
                self.typed = typed;
            }
            Update::At(snapshot) => {
                self.link = Link::Ready;
                self.searched = None;
                // A place that was asked for is somewhere in the middle.
                if self.request.at.is_none() {
                    self.opened.get_or_insert(snapshot.events);
                }
                self.snapshot = Some(Rc::new(*snapshot));
            }
            Update::Answer(answer) => match *answer {
                Answer::Bytes(address, bytes) => self.bytes = Some(Rc::new((address, bytes))),
                Answer::Policies(policies) => self.policies = Some(Rc::new(policies)),
                Answer::Searched(said) => self.searched = Some(said),
            },
            Update::Failed(why) => {
                self.link = Link::Ready;
                self.failure = Some(why);
            }
        }
    }

    fn booted(&mut self, loaded: Loaded) {
        let (link, failure, brought) = (self.link.clone(), self.failure.take(), self.brought.take());
        *self = Self { link, failure, brought, request: loaded.request.clone(), ..Self::default() };
        self.tour = Rc::new(Tour::new(loaded.scenario.narration.clone()));
        self.loaded = Some(Rc::new(loaded));
    }

    /// The scenario as it stands: with the options in force, the notes as edited, and what was typed.
    #[must_use]
    pub fn scenario(&self) -> Option<Scenario> {
        let mut scenario = self.loaded.as_ref()?.scenario.clone();
        scenario.narration = self.tour.notes().to_vec();
        scenario.inputs.extend(self.typed.iter().cloned());
        scenario.inputs.sort_by_key(|input| input.instret);
        if let Some(explored) = self.explored.as_ref().filter(|explored| explored.complete) {
            scenario.digest.semantic = Some(explored.semantic.clone()).filter(|digest| !digest.is_empty());
            scenario.digest.exact = None;
        }
        Some(scenario)
    }

    /// Whether everything that was changed is in a file.
    #[must_use]
    pub fn is_saved(&self) -> bool {
        self.saved.is_some() && !self.is_changed()
    }

    /// What would load the scenario as it stands.
    #[must_use]
    pub fn as_it_stands(&self) -> Load {
        let changed = self.scenario().filter(|_| self.tour.can_undo() || !self.typed.is_empty());
        let text = changed.and_then(|scenario| serde_json::to_string(&scenario).ok());
        Load { text: text.or_else(|| self.request.text.clone()), at: None, ..self.request.clone() }
    }

    /// Whether the scenario differs from the one that was loaded, or saved last.
    #[must_use]
    pub fn is_changed(&self) -> bool {
        match &self.saved {
            Some((tour, typed)) => (tour.notes(), typed) != (self.tour.notes(), &self.typed),
            None => self.tour.can_undo() || !self.typed.is_empty(),
        }
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

    /// Whether the kernel is in the middle of nothing, on any hart.
    fn is_settled(&self) -> bool {
        self.snapshot.as_ref().is_some_and(|snapshot| snapshot.settled)
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
            at_end: snapshot.ended.is_some() || snapshot.waits,
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

    /// How the watched page tables translate addresses.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        self.table().map_or(Scheme::Sv39, Table::scheme)
    }

    /// The hart that is shown.
    #[must_use]
    pub fn hart(&self) -> u32 {
        self.snapshot.as_ref().map_or(0, |snapshot| snapshot.hart)
    }

    /// Harts of the machine.
    #[must_use]
    pub fn harts(&self) -> u32 {
        self.snapshot.as_ref().map_or(1, |snapshot| snapshot.harts)
    }

    /// What the page tables at this root are called: after their process, else after the kernel's variable
    /// that the root is, else the kernel's where it tells of every process, else by the address alone.
    #[must_use]
    pub fn root_name(&self, root: PhysAddr) -> String {
        let known =
            self.snapshot.iter().flat_map(|snapshot| &snapshot.roots).find(|known| known.root == root);
        let named = known.filter(|known| known.named_after != NamedAfter::Frame);
        match (self.view.processes.of_root(root), named) {
            (Some(process), _) => process.label(),
            (None, Some(named)) => named.name.clone(),
            (None, None) if !self.view.processes.by_pid.is_empty() => "the kernel".into(),
            (None, None) => "an address space without a name".into(),
        }
    }

    /// The root page tables that can be shown: those that `satp` has held, and those of processes that have not
    /// run yet.
    #[must_use]
    pub fn roots(&self) -> Vec<PhysAddr> {
        let held = self.snapshot.iter().flat_map(|snapshot| &snapshot.roots).map(|known| known.root);
        let mut roots: Vec<PhysAddr> = held.collect();
        let alive = self.view.processes.by_pid.values().filter(|process| !process.areas.is_empty());
        let new: Vec<PhysAddr> =
            alive.map(|process| process.root).filter(|root| !roots.contains(root)).collect();
        roots.extend(new);
        roots
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
        if snapshot.waits {
            return "The guest waits for somebody to type: the console takes a line.".into();
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

    /// The note for the present: the last one that was passed, as its place among the stops.
    #[must_use]
    pub fn current_stop(&self) -> Option<usize> {
        current(&self.stops, self.events_so_far())
    }

    /// Whether the scenario was just opened: nobody has moved yet, or came back.
    #[must_use]
    pub fn is_opening(&self) -> bool {
        self.snapshot.as_ref().is_some_and(|snapshot| self.opened == Some(snapshot.events))
    }

    /// How many notes the kernel's answer passes that is under way.
    #[must_use]
    pub fn notes_in_the_answer(&self) -> usize {
        let end = self.card.as_ref().and_then(|card| card.end).unwrap_or_default();
        let coming = self.stops.iter().filter(|stop| stop.event >= self.events_so_far());
        coming.filter(|stop| stop.event <= end).count()
    }

    /// What the machine's detectors have warned of up to the present, the last one first.
    pub fn warnings(&self) -> impl Iterator<Item = (usize, &str)> {
        let past = self.history.events[..self.events_so_far()].iter().enumerate();
        past.rev().filter_map(|(n, event)| match &event.what {
            What::Warning(warning) => Some((n, &*warning.text)),
            _ => None,
        })
    }

    /// The event with which a program entered the kernel last, by a page fault, a system call or what else it did;
    /// interrupts come from elsewhere.
    #[must_use]
    pub fn entered(&self) -> usize {
        let is_entry = |event: &Event| match &event.what {
            What::Trap(trap) => {
                !trap.interrupt && (event.mode == Privilege::User || event.what.page_fault().is_some())
            }
            _ => false,
        };
        self.history.events[..self.events_so_far()].iter().rposition(is_entry).unwrap_or(0)
    }

    /// Entries of page tables that were written since the kernel was entered, up to the present, with
    /// what stood there before.
    #[must_use]
    pub fn changed_entries(&self) -> BTreeMap<PhysAddr, Pte> {
        let since = self.entered();
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
