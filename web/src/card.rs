//! The fault card: one page fault with everything that is known of it at a position of the run.

use faultline_abi::sv39::{Access, Check, LEVELS, WalkStep, satp_root};
use faultline_abi::trace::{AreaKind, FrameOp};
use faultline_abi::{PhysAddr, VirtAddr};
use faultline_machine::event::{Event, Trap, What};
use faultline_machine::hart::Privilege;

use crate::episode::{Episode, Outcome};
use crate::state::{Area, History, Process, View};
use crate::words::{self, Told, area_name};

/// A page fault and its answer.
#[derive(Clone, Debug, PartialEq)]
pub struct Card {
    /// Which page fault, counted from 0.
    pub ordinal: usize,
    /// Page faults of the whole run.
    pub of: usize,
    /// Number of the trap event.
    pub event: usize,
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
    fn of(event: usize, so_far: usize) -> Self {
        match so_far {
            so_far if so_far == event + 1 => Self::Now,
            so_far if so_far > event => Self::Passed,
            _ => Self::Coming,
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
            trap: trap.clone(),
            access,
            mode: event.mode,
            process,
            place,
            answer: answer(history, episode, &view, so_far),
            outcome: episode.outcome,
            is_over: episode.end.is_some_and(|end| so_far > end),
            end: episode.end,
        })
    }

    /// The walk, root first; empty where the address was refused before any table was read.
    #[must_use]
    pub fn walk(&self) -> &[WalkStep] {
        self.trap.walk.as_deref().unwrap_or(&[])
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
            Some(process) if self.mode == Privilege::User => process.label(),
            _ => words::mode(self.mode).into(),
        }
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
        match self.outcome {
            Outcome::Killed => format!(
                "The kernel killed {}: it may not {} {:#x}.",
                self.who(),
                words::wanted(self.access),
                self.trap.stval
            ),
            Outcome::Promised | Outcome::Resolved | Outcome::Unanswered => {
                format!(
                    "The page is there now. {} executes the same instruction again, and knows nothing of all this.",
                    capitalised(&self.who())
                )
            }
        }
    }

    fn reason(&self) -> String {
        let last = self.walk().last();
        match (self.trap.check, last) {
            (Some(Check::NotValid), Some(step)) if step.level + 1 < LEVELS => {
                format!("The page table has nothing there: the walk ended at level {}.", step.level)
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
    let running = view.processes.current().filter(|_| event.mode == Privilege::User);
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

fn answer(history: &History, episode: Episode, view: &View, so_far: usize) -> Vec<Step> {
    let last = episode.end.unwrap_or_else(|| history.events.len().saturating_sub(1));
    let range = episode.trap + 1..=last;
    let events = history.events.get(range).unwrap_or(&[]);
    let mut steps: Vec<Step> = Vec::new();
    let mut freed = 0_usize;
    for (n, event) in (episode.trap + 1..).zip(events) {
        let is_freeing = matches!(event.what, What::Frame { op: FrameOp::Freed, .. });
        freed = if is_freeing { freed + 1 } else { 0 };
        if freed > 1 {
            steps.pop();
        }
        steps.push(step(n, event, view, freed, so_far));
    }
    steps
}

fn step(n: usize, event: &Event, view: &View, freed: usize, so_far: usize) -> Step {
    let mut told = words::happened(&event.what, &view.processes);
    if freed > 1 {
        told = Told { what: format!("{freed} frames given back"), ..Told::default() };
    }
    if let What::Return { to: Privilege::User, .. } = event.what {
        told.what = "Back to the program: the same instruction is executed again".into();
    }
    Step { event: n, told, when: When::of(n, so_far), is_bad: is_bad(&event.what) }
}

fn is_bad(what: &What) -> bool {
    use faultline_abi::trace::{FaultClass, ProcessOp, Resolution};
    matches!(
        what,
        What::Fault { class: FaultClass::Invalid, .. }
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
