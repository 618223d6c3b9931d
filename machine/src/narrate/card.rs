//! The fault card: one page fault with everything that is known of it at a position of the run.

use faultline_abi::satp::{Root, Scheme};
use faultline_abi::sv39::{Access, Check, WalkStep, satp_root};
use faultline_abi::trace::{AreaKind, FaultClass, ProcessOp, ReasonKind, Resolution};
use faultline_abi::{PhysAddr, VirtAddr};

use crate::event::{Event, Plan, Trap, What};
use crate::hart::Privilege;
use crate::narrate::episode::{Episode, Outcome, is_clearing};
use crate::narrate::state::{Area, History, Process, View};
use crate::narrate::words::{self, Asked, Told, area_name};

/// A page fault and its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Card {
    /// Which page fault, counted from 0.
    pub ordinal: usize,
    /// Page faults of the whole run.
    pub of: usize,
    /// Number of the trap event.
    pub event: usize,
    /// The hart that took it.
    pub hart: u32,
    /// The trap.
    pub trap: Trap,
    /// What the instruction wanted.
    pub access: Access,
    /// The privilege it ran in.
    pub mode: Privilege,
    /// The process it belonged to.
    pub process: Option<Process>,
    /// Where the address lies.
    pub place: Place,
    /// The kernel's answer, event by event.
    pub answer: Vec<Step>,
    /// What came of it, in the end.
    pub outcome: Outcome,
    /// How the kernel answered, if it said so.
    pub how: Option<Resolution>,
    /// Why the kernel refused the access, if it did and said so.
    pub refused: Option<ReasonKind>,
    /// Whether the answer lies wholly in the past.
    pub is_over: bool,
    /// Number of the event that ends the answer.
    pub end: Option<usize>,
}

/// Where an address lies among the areas of a process.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Place {
    /// In this area.
    In(Area),
    /// In none; the areas below and above.
    Between(Option<Area>, Option<Area>),
    /// The kernel has not told of any area.
    Unknown,
}

/// A step of the kernel's answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// Number of its event; of the last one, where several are told as one.
    pub event: usize,
    /// What happened.
    pub told: Told,
    /// Whether it lies in the past, just happened, or is coming up.
    pub when: When,
    /// Whether it is bad news for the program.
    pub is_bad: bool,
}

/// Where a step lies, seen from the present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum When {
    /// In the past.
    Passed,
    /// It is the last thing that happened.
    Now,
    /// In the future.
    Coming,
}

impl When {
    /// Of events `first` to `last`, after the first `so_far`.
    fn of(first: usize, last: usize, so_far: usize) -> Self {
        match so_far {
            so_far if so_far <= first => Self::Coming,
            so_far if so_far <= last + 1 => Self::Now,
            _ => Self::Passed,
        }
    }
}

impl Card {
    /// The card of page fault `ordinal` after the first `so_far` events.
    #[must_use]
    pub fn new(history: &History, ordinal: usize, so_far: usize) -> Option<Self> {
        let episode = *history.episodes.get(ordinal)?;
        let event = history.events.get(episode.trap)?;
        let (trap, access) = event.what.page_fault()?;
        let view = history.view_after(episode.trap + 1);
        let process = owner(&view, event, trap);
        let place = place(process.as_ref(), VirtAddr::new(trap.stval));
        Some(Self {
            ordinal,
            of: history.episodes.len(),
            event: episode.trap,
            hart: event.hart,
            trap: trap.clone(),
            access,
            mode: event.mode,
            process,
            place,
            answer: answer(history, episode, &view, so_far),
            outcome: episode.outcome,
            how: how(history, episode),
            refused: refused(history, episode),
            is_over: episode.end.is_some_and(|end| so_far > end),
            end: episode.end,
        })
    }

    /// The walk, root first; empty where the address was refused before any table was read.
    #[must_use]
    pub fn walk(&self) -> &[WalkStep] {
        self.trap.walk.as_deref().unwrap_or(&[])
    }

    /// How the address was translated; Sv39 where `satp` says nothing of it.
    #[must_use]
    pub fn scheme(&self) -> Scheme {
        Root::of(self.trap.satp).map_or(Scheme::Sv39, |root| root.scheme)
    }

    /// The root page table.
    #[must_use]
    pub fn root(&self) -> PhysAddr {
        satp_root(self.trap.satp).base()
    }

    /// `lazy (pid 1)`, or who else it was.
    #[must_use]
    pub fn who(&self) -> String {
        match &self.process {
            Some(process) if self.mode == Privilege::User => format!("program {}", process.label()),
            _ => words::mode(self.mode).into(),
        }
    }

    /// What was wanted, in a few words: `store to 0x9000, in its heap`.
    #[must_use]
    pub fn title(&self) -> String {
        let preposition = if self.access == Access::Store { "to" } else { "from" };
        format!("{} {preposition} {:#x}{}", self.access.name(), self.trap.stval, self.place.words())
    }

    /// One sentence: who wanted what, where, and why it failed.
    #[must_use]
    pub fn headline(&self) -> String {
        let who = capitalised(&self.who());
        let wanted = words::wanted(self.access);
        let place = self.place.words();
        format!("{who} tried to {wanted} {:#x}{place}. {}", self.trap.stval, self.reason())
    }

    /// One sentence for the moment when the answer is complete.
    #[must_use]
    pub fn closing(&self) -> String {
        let (who, wanted, va) = (self.who(), words::wanted(self.access), self.trap.stval);
        match (self.outcome, self.refused) {
            (Outcome::Killed, Some(reason)) => {
                let reason = words::reason(reason);
                format!("The kernel killed {who}, which tried to {wanted} {va:#x}: {reason}.")
            }
            (Outcome::Killed, None) => format!("The kernel killed {who}: it may not {wanted} {va:#x}."),
            (Outcome::Promised | Outcome::Resolved | Outcome::Unanswered, _) => {
                format!(
                    "{} {} executes the same instruction again, and knows nothing of all this.",
                    self.mended(),
                    capitalised(&who)
                )
            }
        }
    }

    /// What is different now, seen from what the hardware had objected to.
    const fn mended(&self) -> &'static str {
        match (self.trap.check, self.how) {
            (_, Some(Resolution::Copied)) => {
                "The page has a frame of its own now, a copy, and may be written."
            }
            (Some(Check::NotWritable | Check::DirtyClear), _) => "The page may be written now.",
            (Some(Check::NotReadable | Check::NotExecutable | Check::NotUser | Check::AccessedClear), _) => {
                "The entry allows it now."
            }
            _ => "The page is there now.",
        }
    }

    fn reason(&self) -> String {
        let last = self.walk().last();
        match (self.trap.check, last) {
            (Some(Check::NotValid), Some(step)) if step.level > 0 => {
                format!("Nothing is mapped in that whole region: the walk ended at level {}.", step.level)
            }
            (Some(Check::NotValid), _) => "No page is mapped there.".into(),
            (Some(check), _) => words::check(check).sentence.into(),
            (None, _) => "The hardware refused.".into(),
        }
    }
}

impl Place {
    /// Where it is, as the end of a sentence.
    #[must_use]
    pub fn words(&self) -> String {
        match self {
            Self::In(area) if area.kind == AreaKind::Guard => ", in the guard page".into(),
            Self::In(area) => format!(", in its {}", area_name(area.kind)),
            Self::Between(..) => ", where it has no memory".into(),
            Self::Unknown => String::new(),
        }
    }
}

/// The process whose page tables were in force, which is the one that ran.
fn owner(view: &View, event: &Event, trap: &Trap) -> Option<Process> {
    let by_root = view.processes.of_root(satp_root(trap.satp).base());
    let running = view.processes.on_hart(event.hart).filter(|_| event.mode == Privilege::User);
    by_root.or(running).cloned()
}

fn place(process: Option<&Process>, va: VirtAddr) -> Place {
    let Some(process) = process.filter(|process| !process.areas.is_empty()) else { return Place::Unknown };
    if let Some(area) = process.area_at(va) {
        return Place::In(*area);
    }
    let below = process.areas.range(..=va.get()).next_back().map(|(_, &area)| area);
    let above = process.areas.range(va.get()..).find(|(_, area)| !area.is_empty()).map(|(_, &area)| area);
    Place::Between(below, above)
}

/// Events of one kind in a row that are told as one step.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Group {
    /// Stands for itself.
    Single,
    /// The trampoline changes the page tables: fence, `satp`, fence.
    Switch,
    /// Something is taken away from a process.
    Clearing,
}

impl Group {
    fn of(what: &What) -> Self {
        match what {
            What::Sfence { va: None, .. } | What::Satp { .. } => Self::Switch,
            what if is_clearing(what) => Self::Clearing,
            _ => Self::Single,
        }
    }
}

/// The kernel's last word on it.
fn how(history: &History, episode: Episode) -> Option<Resolution> {
    let said = episode.answer(&history.events).filter_map(|(_, event)| match event.what {
        What::Resolved { how, .. } => Some(how),
        _ => None,
    });
    said.last()
}

/// Why the access was refused; what came in the way of a plan says more than the plan.
fn refused(history: &History, episode: Episode) -> Option<ReasonKind> {
    let reasons = episode.answer(&history.events).filter_map(|(_, event)| match &event.what {
        What::Resolved { reason, .. } => *reason,
        What::Plan(plan) => plan.reason,
        _ => None,
    });
    reasons.fold(None, |_, reason| Some(reason))
}

fn answer(history: &History, episode: Episode, view: &View, so_far: usize) -> Vec<Step> {
    let events: Vec<(usize, &Event)> = episode.answer(&history.events).collect();
    let same = |a: &(usize, &Event), b: &(usize, &Event)| {
        let group = Group::of(&a.1.what);
        group != Group::Single && group == Group::of(&b.1.what)
    };
    let mut asked = None;
    let mut steps = Vec::new();
    for group in events.chunk_by(same) {
        if let [(_, Event { what: What::Fault { access, area, .. }, .. })] = group {
            asked = Some(Asked { access: *access, area: *area });
        }
        steps.extend(step(group, asked, view, so_far));
    }
    steps
}

/// A step of the answer to what was `asked`.
fn step(events: &[(usize, &Event)], asked: Option<Asked>, view: &View, so_far: usize) -> Option<Step> {
    let (&(first, _), &(last, _)) = (events.first()?, events.last()?);
    let events: Vec<&Event> = events.iter().map(|(_, event)| *event).collect();
    Some(Step {
        event: last,
        told: told(&events, asked, view),
        when: When::of(first, last, so_far),
        is_bad: events.iter().any(|event| is_bad(&event.what)),
    })
}

fn told(events: &[&Event], asked: Option<Asked>, view: &View) -> Told {
    let tell = |event: &Event| words::happened(&event.what, &view.processes);
    let switch = events.iter().find(|event| matches!(event.what, What::Satp { .. }));
    match (switch, events) {
        (Some(switch), _) => tell(switch),
        (None, [event]) => match &event.what {
            What::Plan(plan) => words::planned(plan, asked),
            What::Return { to: Privilege::User, .. } => {
                Told { what: "Back to the program, at the same instruction".into(), ..tell(event) }
            }
            What::Ad(_) if event.mode == Privilege::User => {
                let told = tell(event);
                Told { what: format!("The instruction runs again and succeeds. {}", told.what), ..told }
            }
            _ => tell(event),
        },
        (None, several) => cleared(several),
    }
}

fn cleared(events: &[&Event]) -> Told {
    let count = |wanted: fn(&What) -> bool| events.iter().filter(|event| wanted(&event.what)).count();
    let frames = count(|what| matches!(what, What::Frame { .. }));
    let areas = count(|what| matches!(what, What::Area { .. }));
    let what = if frames + areas == 0 {
        "The hardware forgets its translations".into()
    } else {
        format!("Everything it had is taken back: {areas} areas, {frames} frames")
    };
    Told { what, ..Told::default() }
}

fn is_bad(what: &What) -> bool {
    matches!(
        what,
        What::Warning(_)
            | What::Fault { class: FaultClass::Invalid, .. }
            | What::Plan(Plan { reason: Some(_), .. })
            | What::Resolved { how: Resolution::Killed, .. }
            | What::Process { op: ProcessOp::Killed, .. }
    )
}

/// The text with its first letter in upper case.
#[must_use]
pub fn capitalised(text: &str) -> String {
    let mut letters = text.chars();
    letters.next().map_or_else(String::new, |first| first.to_uppercase().chain(letters).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::narrate::testing::{
        ad, area, fault, frame, make, numbered, page_fault, process, pte, resolved, returned,
    };
    use faultline_abi::trace::{ActionKind, AreaOp, FrameKind, FrameOp, Source};

    /// A process with a heap that faults once; the trap is event 3, the last word event 11.
    fn lazy_story() -> History {
        let switch = |to: u64| What::Satp { old: 0, new: 8 << 60 | to };
        let mut events = numbered([
            process(ProcessOp::Created, 1, 0, "lazy"),
            area(AreaOp::Mapped, 0x9000, 0xf000, AreaKind::Heap),
            process(ProcessOp::Switched, 1, 0, ""),
            page_fault(15, 0x9008, 0x101c),
            What::Sfence { va: None, asid: None },
            switch(0x80124),
            What::Sfence { va: None, asid: None },
            fault(0x9008, FaultClass::Lazy),
            frame(FrameOp::Allocated, 0x8013_a000, 1, 1, FrameKind::User),
            What::Pte(pte(0x9000, 0x17)),
            resolved(0x9008, Resolution::Zeroed),
            returned(0x101c),
            ad(0x9000),
        ]);
        for n in [3, 12] {
            events[n].mode = Privilege::User;
        }
        let mut history = History::default();
        history.learn(0, events);
        history
    }

    #[test]
    fn the_headline_says_who_wanted_what_and_why_it_failed() {
        let card = Card::new(&lazy_story(), 0, 4).expect("there is a fault");
        assert_eq!(
            card.headline(),
            "Program lazy (pid 1) tried to write to 0x9008, in its heap. No page is mapped there."
        );
        assert_eq!(card.title(), "store to 0x9008, in its heap");
        assert_eq!((card.event, card.end, card.is_over), (3, Some(12), false));
    }

    #[test]
    fn the_answer_comes_up_passes_and_is_over() {
        let history = lazy_story();
        let when = |so_far| -> Vec<When> {
            let card = Card::new(&history, 0, so_far).expect("there is a fault");
            card.answer.iter().map(|step| step.when).collect()
        };
        assert!(when(4).iter().all(|&when| when == When::Coming));
        assert_eq!(when(5)[0], When::Now, "the first fence belongs to the switch of page tables");
        assert_eq!(when(8)[..3], [When::Passed, When::Now, When::Coming]);
        assert!(Card::new(&history, 0, 13).is_some_and(|card| card.is_over));
    }

    #[test]
    fn the_switch_of_page_tables_is_one_step() {
        let card = Card::new(&lazy_story(), 0, 4).expect("there is a fault");
        let events: Vec<usize> = card.answer.iter().map(|step| step.event).collect();
        assert_eq!(events, [6, 7, 8, 9, 10, 11, 12]);
    }

    #[test]
    fn the_plan_is_told_with_the_checks_of_area_and_entry() {
        let mut events = lazy_story().events;
        let plan = make(ActionKind::Zero, 0x17, 0, 0, Source::Zeros);
        events.insert(8, Event { what: What::Plan(plan), ..events[7].clone() });
        let mut history = History::default();
        history.learn(0, events.into_iter().zip(0..).map(|(event, n)| Event { n, ..event }).collect());
        let card = Card::new(&history, 0, 4).expect("there is a fault");
        let step = &card.answer[2];
        assert_eq!(step.told.what, "Planned: zero, map a frame full of zeros");
        assert_eq!(step.told.checks[0], "The address lies in the heap, which may be written");
        assert_eq!(step.told.checks.len(), 3);
    }

    #[test]
    fn what_came_in_the_way_of_the_plan_is_the_reason() {
        let plan = make(ActionKind::Zero, 0x17, 0, 0, Source::Zeros);
        let killed = What::Resolved {
            pid: 1,
            va: VirtAddr::new(0x9008),
            how: Resolution::Killed,
            frame: PhysAddr::new(0),
            pte: faultline_abi::sv39::Pte::INVALID,
            reason: Some(ReasonKind::OutOfMemory),
        };
        let mut events = numbered([
            page_fault(15, 0x9008, 0x101c),
            fault(0x9008, FaultClass::Lazy),
            What::Plan(plan),
            killed,
            process(ProcessOp::Killed, 1, 15, ""),
        ]);
        events[0].mode = Privilege::User;
        let mut history = History::default();
        history.learn(0, events);
        let card = Card::new(&history, 0, 5).expect("there is a fault");
        assert_eq!(card.refused, Some(ReasonKind::OutOfMemory));
        assert!(card.closing().ends_with("to write to 0x9008: out of memory: no frame is left."));
    }

    #[test]
    fn what_is_different_now_answers_what_was_wrong() {
        let closing = |check, how| {
            let mut card = Card::new(&lazy_story(), 0, 13).expect("there is a fault");
            (card.trap.check, card.how) = (check, how);
            card.closing()
        };
        let begins = |check, how, words: &str| {
            let closing = closing(check, how);
            assert!(closing.starts_with(words), "{closing}");
        };
        begins(Some(Check::NotValid), Some(Resolution::Zeroed), "The page is there now.");
        begins(Some(Check::NotWritable), Some(Resolution::Copied), "The page has a frame of its own now");
        begins(Some(Check::NotWritable), Some(Resolution::Reused), "The page may be written now.");
        begins(Some(Check::NotWritable), None, "The page may be written now.");
        begins(Some(Check::NotExecutable), None, "The entry allows it now.");
    }

    #[test]
    fn going_back_gives_the_same_card() {
        let history = lazy_story();
        let before = Card::new(&history, 0, 4);
        let _ = Card::new(&history, 0, 13);
        assert_eq!(Card::new(&history, 0, 4), before);
    }

    #[test]
    fn an_address_outside_every_area_lies_between_two() {
        let view = lazy_story().view_after(3);
        let process = view.processes.by_pid[&1].clone();
        let Place::Between(None, Some(above)) = place(Some(&process), VirtAddr::new(0x8)) else {
            panic!("0x8 lies below the heap");
        };
        assert_eq!(above.kind, AreaKind::Heap);
        assert_eq!(place(None, VirtAddr::new(0)), Place::Unknown);
    }
}
