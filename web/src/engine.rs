//! The worker's side without a browser: takes commands, runs the machine in slices, gives updates.

mod fetched;
mod first;
mod futures;
mod packed;
mod references;
mod snapshots;
mod tlb;

use faultline_abi::scenario::{Anchor, Note, Start};
use faultline_abi::syscall::Syscall;
use faultline_abi::trace::SyscallOp;
use faultline_machine::event::What;
use faultline_machine::session::{Condition, Direction, Goal, Progress as Came, Session};

pub use fetched::{Fetched, Images};
pub use first::Lack;
pub use packed::{Manifest, unpack};

use crate::protocol::{
    Answer, Command, Course, Explored, Load, Loaded, Pace, Progress, Question, Search, Stage, Target, Until,
    Update, Watch,
};
use crate::tour::stops;
use futures::Typed;
use references::Counting;
use snapshots::Camera;

/// Machine steps of one slice: some ten milliseconds, so that commands do not wait.
const SLICE: u64 = 2_000_000;
/// Machine steps after which the modelled TLB lets others have their turn.
const TLB_SLICE: u64 = 1 << 20;
/// Events told in one batch.
const BATCH: usize = 4000;
/// Events after which the page stops exploring by itself: it keeps every one of them.
const EVENTS_EXPLORED: usize = 300_000;

/// What the engine is doing.
#[derive(Clone, Debug, PartialEq)]
enum Work {
    /// Nothing.
    Idle,
    /// Learning the whole run, then going where it is to be looked at.
    Exploring(Then),
    /// On the way to a goal.
    Moving(Goal),
    /// Looking for something.
    Searching(Condition, Direction),
    /// Going on until told to pause.
    Running(Pace),
}

/// Where to go once the run is known.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Then {
    /// To the first page fault.
    FirstFault,
    /// To this step.
    Step(u64),
    /// Where the scenario says.
    Start,
    /// Nowhere.
    Stay,
}

/// How soon the engine wants to go on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// When there is a command.
    Command,
    /// As soon as the commands that have arrived are done.
    Soon,
    /// In so many milliseconds.
    After(u32),
}

/// A session and what is being done with it.
pub struct Engine {
    session: Session,
    camera: Camera,
    work: Work,
    /// Where the scenario begins to be looked at.
    start: Option<Start>,
    told: usize,
    limit: u64,
    /// The step at which the guest waits for somebody to type.
    waits_at: Option<u64>,
    /// Whether the page has not shown yet what was reported while running.
    is_behind: bool,
    tlb: Option<tlb::Watched>,
    counting: Option<Counting>,
    typed: Typed,
    /// What is to be done while the images serve one run only.
    first: Option<first::Provisional>,
}

impl Engine {
    /// Boots what was fetched and begins to explore it. The updates are for the page.
    ///
    /// # Errors
    /// One sentence on what is wrong with the scenario or its images.
    pub fn boot(load: Load, fetched: Fetched) -> Result<(Self, Vec<Update>), String> {
        let images = fetched.images.clone();
        let first = fetched.exact.clone().map(|exact| first::Provisional::new(exact, load.clone()));
        let other_options = fetched.other_options(&load);
        let (scenario, boot) = fetched.boot(&load)?;
        let limit = scenario.machine.max_instructions;
        let session = Session::load(boot).map_err(|error| error.to_string())?;
        let start = scenario.start.clone();
        let there = if start.is_some() { Then::Start } else { Then::FirstFault };
        let work = Work::Exploring(load.at.map_or(there, Then::Step));
        let loaded = Loaded {
            request: load,
            scenario,
            other_options,
            kernel_sha256: images.kernel_sha256,
            disk_sha256: images.disk_sha256,
        };
        let engine = Self {
            session,
            camera: Camera::default(),
            work,
            start,
            told: 0,
            limit,
            waits_at: None,
            is_behind: false,
            tlb: None,
            counting: None,
            typed: Typed::default(),
            first,
        };
        let updates = vec![Update::Loaded(Box::new(loaded)), engine.exploring()];
        Ok((engine, updates))
    }

    /// Does what the page asks, or begins to.
    pub fn command(&mut self, command: Command) -> Vec<Update> {
        match command {
            Command::Step(until) => self.begin(Work::Moving(goal(until))),
            Command::Back(until) => self.back(until),
            Command::Run(pace) => self.begin(Work::Running(pace)),
            Command::Pause => self.pause(),
            Command::Seek(target) => self.seek(target),
            Command::Search(search) => self.search(&search),
            Command::Course(Course::Type(text)) => self.type_text(&text),
            Command::Course(Course::Return(id)) => self.return_to(id),
            Command::Course(Course::Drop(id)) => {
                self.session.drop_branch(id);
                vec![self.futures()]
            }
            Command::Watch(watch) => self.watch(watch),
            Command::Ask(question) => self.answer(question),
            // The page starts a new worker for it.
            Command::Load(_) => Vec::new(),
        }
    }

    /// How soon [`Self::slice`] is to be called.
    #[must_use]
    pub fn next(&self) -> Next {
        match self.work {
            Work::Idle if self.has_background() => Next::Soon,
            Work::Idle => Next::Command,
            Work::Running(Pace::EventsPerSecond(rate)) => Next::After(1000 / rate.max(1)),
            Work::Exploring(_) | Work::Moving(_) | Work::Searching(..) | Work::Running(Pace::Full) => {
                Next::Soon
            }
        }
    }

    /// Goes on for a slice with what is being done.
    pub fn slice(&mut self) -> Vec<Update> {
        match self.work.clone() {
            Work::Idle => self.background(),
            Work::Exploring(then) => self.explore(then),
            Work::Moving(goal) => self.advance(goal),
            Work::Searching(condition, direction) => self.look_for(&condition, direction),
            Work::Running(Pace::Full) => self.run(Goal::End),
            Work::Running(Pace::EventsPerSecond(_)) => self.run(Goal::NextEvent),
        }
    }

    fn begin(&mut self, work: Work) -> Vec<Update> {
        self.work = work;
        self.slice()
    }

    fn explore(&mut self, then: Then) -> Vec<Update> {
        let came = self.go(Goal::End);
        if came == Came::Budget && self.session.log().len() < EVENTS_EXPLORED {
            let mut updates = self.news();
            updates.push(self.exploring());
            return updates;
        }
        self.explored(then)
    }

    /// The whole run is known: reports it, and goes where the user is to begin.
    fn explored(&mut self, then: Then) -> Vec<Update> {
        let digests = self.session.digests();
        if self.first.as_mut().is_some_and(|first| !first.fits(digests.exact.as_deref())) {
            self.work = Work::Idle;
            return Vec::new();
        }
        let mut updates = self.news();
        updates.push(Update::Explored(Box::new(Explored {
            instructions: self.session.position().instret,
            ending: self.ending().unwrap_or_else(|| self.pausing().into()),
            complete: self.ending().is_some() || self.is_waiting(),
            exact: digests.exact.unwrap_or_default(),
            semantic: digests.semantic.unwrap_or_default(),
        })));
        match then {
            Then::FirstFault => self.first_fault(),
            Then::Step(step) => drop(self.session.seek_step(step)),
            Then::Start => self.scenarios_start(),
            Then::Stay => {}
        }
        updates.extend(self.arrived());
        updates
    }

    /// Goes to the first page fault; in a run without one, to where the program gets its memory.
    fn first_fault(&mut self) {
        let first =
            |wanted: fn(&What) -> bool| self.session.log().iter().position(|event| wanted(&event.what));
        let start = first(|what| what.page_fault().is_some()).or_else(|| first(is_sbrk_done));
        match start {
            Some(event) => drop(self.session.seek_event(event)),
            None => drop(self.session.seek_step(0)),
        }
    }

    /// Goes where the scenario says; to the first page fault if that never comes.
    fn scenarios_start(&mut self) {
        let event = |anchor: &Anchor| {
            let note = Note { at: anchor.clone(), ..Note::default() };
            stops(&[note], self.session.log()).first().map(|stop| stop.event)
        };
        match self.start.clone() {
            Some(Start::Beginning) => drop(self.session.seek_step(0)),
            Some(Start::End) => {}
            Some(Start::Step(step)) => drop(self.session.seek_step(step)),
            Some(Start::Event(anchor)) => match event(&anchor) {
                Some(event) => drop(self.session.seek_event(event)),
                None => self.first_fault(),
            },
            None => self.first_fault(),
        }
    }

    fn advance(&mut self, goal: Goal) -> Vec<Update> {
        match self.go(goal) {
            Came::Budget if !matches!(goal, Goal::Instructions(_)) => self.news(),
            _ => self.arrived(),
        }
    }

    /// Goes forward for a slice, and notes where the guest waits for somebody to type.
    fn go(&mut self, goal: Goal) -> Came {
        let came = self.session.forward(goal, SLICE);
        if came == Came::WaitingForInput {
            self.waits_at = Some(self.session.position().step);
        }
        came
    }

    /// Runs for a slice. The page is not told more than it can show.
    fn run(&mut self, goal: Goal) -> Vec<Update> {
        let came = self.go(goal);
        match came {
            Came::Budget | Came::Reached if self.is_behind => Vec::new(),
            Came::Budget | Came::Reached => {
                self.is_behind = true;
                self.look()
            }
            _ => self.arrived(),
        }
    }

    fn back(&mut self, until: Until) -> Vec<Update> {
        if self.session.back(goal(until)) == Came::NotFound {
            self.session.seek_step(0);
        }
        self.arrived()
    }

    fn pause(&mut self) -> Vec<Update> {
        match self.work {
            Work::Exploring(then) => self.explored(then),
            Work::Searching(..) => {
                self.session.give_up_search();
                self.searched("Given up; nothing has moved.".into())
            }
            _ => self.arrived(),
        }
    }

    fn search(&mut self, search: &Search) -> Vec<Update> {
        match search.until.parse() {
            Ok(condition) => self.begin(Work::Searching(condition, search.direction)),
            Err(why) => {
                vec![Update::Answer(Box::new(Answer::Searched(format!("Nothing was looked for: {why}."))))]
            }
        }
    }

    /// Looks for a slice's time.
    fn look_for(&mut self, condition: &Condition, direction: Direction) -> Vec<Update> {
        // A register is watched step by step, which takes many times longer.
        let slice = if matches!(condition, Condition::Register { .. }) { SLICE / 32 } else { SLICE / 4 };
        let came = self.session.search(condition, direction, slice);
        if came == Came::WaitingForInput {
            self.waits_at = Some(self.session.position().step);
        }
        let said = match came {
            Came::Budget => {
                let mut updates = self.news();
                updates.push(self.searching(direction));
                return updates;
            }
            Came::Reached => format!("Found: {}", self.session.told(condition)),
            Came::NotFound => "There is nothing like that before this moment.".into(),
            _ => "There is nothing like that up to the end of the run.".into(),
        };
        self.searched(said)
    }

    /// The search is over, and this came of it.
    fn searched(&mut self, said: String) -> Vec<Update> {
        let mut updates = self.arrived();
        updates.push(Update::Answer(Box::new(Answer::Searched(said))));
        updates
    }

    fn searching(&self, direction: Direction) -> Update {
        let here = self.session.position().step;
        let done = self.session.searched().unwrap_or(here);
        let of = if direction == Direction::Back { here.saturating_add(done) } else { self.limit };
        Update::Progress(Progress { stage: Stage::Searching, done, of })
    }

    fn seek(&mut self, target: Target) -> Vec<Update> {
        match target {
            Target::Start => drop(self.session.seek_step(0)),
            Target::Event(event) if event < self.session.log().len() => drop(self.session.seek_event(event)),
            Target::FirstFault => self.first_fault(),
            Target::Event(_) | Target::End => {
                // What is known of the run is not executed again.
                self.session.seek_step(self.session.frontier());
                return self.begin(Work::Moving(Goal::End));
            }
        }
        self.arrived()
    }

    fn watch(&mut self, watch: Watch) -> Vec<Update> {
        match watch {
            Watch::Shown => {
                self.is_behind = false;
                return Vec::new();
            }
            Watch::Root(root) => self.camera.watch(root),
            Watch::Hart(hart) => self.camera.watch_hart(hart),
            Watch::Tlb(None) => self.tlb = None,
            Watch::Tlb(Some(shape)) => match tlb::Watched::new(&shape) {
                Ok(watched) => self.tlb = Some(watched),
                Err(why) => return vec![Update::Failed(format!("This TLB cannot be modelled: {why}."))],
            },
        }
        if self.work == Work::Idle { self.look() } else { Vec::new() }
    }

    fn answer(&mut self, question: Question) -> Vec<Update> {
        match question {
            Question::Bytes(address) => {
                let bytes = snapshots::frame(self.session.machine(), address);
                vec![Update::Answer(Box::new(Answer::Bytes(address, bytes)))]
            }
            Question::Policies => {
                self.counting = Some(Counting::default());
                Vec::new()
            }
        }
    }

    fn has_background(&self) -> bool {
        self.counting.is_some() || (self.tlb.is_some() && self.camera.tlb.is_none())
    }

    /// Goes on with what is done while nobody asks for anything.
    fn background(&mut self) -> Vec<Update> {
        if let Some(tlb) = self.tlb.as_mut().filter(|_| self.camera.tlb.is_none()) {
            self.camera.tlb = tlb.advance(&mut self.session, TLB_SLICE);
            return if self.camera.tlb.is_some() { self.look_again() } else { Vec::new() };
        }
        let Some(counting) = &mut self.counting else { return Vec::new() };
        let Some(found) = counting.advance(&mut self.session).cloned() else { return Vec::new() };
        if found.done {
            self.counting = None;
        }
        vec![Update::Answer(Box::new(Answer::Policies(found)))]
    }

    /// The machine has come to rest: what is new, and where it stands.
    fn arrived(&mut self) -> Vec<Update> {
        self.work = Work::Idle;
        self.look()
    }

    /// What is new, and where the machine stands.
    fn look(&mut self) -> Vec<Update> {
        self.camera.tlb = self.tlb.as_mut().and_then(|tlb| tlb.advance(&mut self.session, TLB_SLICE));
        self.look_again()
    }

    fn look_again(&mut self) -> Vec<Update> {
        let mut updates = self.news();
        let mut snapshot = self.camera.take(&mut self.session);
        snapshot.running = matches!(self.work, Work::Running(_));
        snapshot.ended = self.ending();
        snapshot.waits = self.is_waiting();
        updates.push(Update::At(Box::new(snapshot)));
        updates
    }

    /// Events that the page does not know yet.
    fn news(&mut self) -> Vec<Update> {
        let log = self.session.log();
        let batches = (self.told.min(log.len())..log.len()).step_by(BATCH);
        let updates =
            batches.map(|from| Update::Events { from, events: log.events(from..from + BATCH).collect() });
        let updates = updates.collect();
        self.told = log.len();
        updates
    }

    fn exploring(&self) -> Update {
        let done = self.session.position().instret;
        Update::Progress(Progress { stage: Stage::Exploring, done, of: self.limit })
    }

    fn is_waiting(&self) -> bool {
        self.waits_at == Some(self.session.position().step)
    }

    /// How the run ended, where the machine stands at its end.
    fn ending(&self) -> Option<String> {
        let code = self.session.exit().map(|code| code.0);
        match code {
            Some(0) => Some("the kernel switched the machine off, exit code 0".into()),
            Some(code) => Some(format!("the kernel switched the machine off, exit code {code}")),
            None if self.session.position().step >= self.limit => {
                Some("the scenario’s limit of instructions is reached".into())
            }
            None => None,
        }
    }
}

impl Engine {
    /// Why the run is known only up to here.
    fn pausing(&self) -> &'static str {
        match self.is_waiting() {
            true => "the guest waits for somebody to type",
            false => "explored up to here, not to its end",
        }
    }
}

fn is_sbrk_done(what: &What) -> bool {
    let sbrk = Syscall::Sbrk.number();
    matches!(what, What::Syscall { op: SyscallOp::Return, number, .. } if u64::from(*number) == sbrk)
}

const fn goal(until: Until) -> Goal {
    match until {
        Until::Instruction => Goal::Instructions(1),
        Until::Event => Goal::NextEvent,
        Until::Fault => Goal::PageFault,
    }
}
