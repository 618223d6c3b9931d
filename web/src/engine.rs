//! The worker's side without a browser: takes commands, runs the machine in slices, gives updates.

mod fetched;
mod packed;
mod snapshots;

use faultline_abi::PhysAddr;
use faultline_abi::syscall::Syscall;
use faultline_abi::trace::SyscallOp;
use faultline_machine::event::What;
use faultline_machine::session::{Goal, Progress as Came, Session};

pub use fetched::{Fetched, Images};
pub use packed::{Manifest, unpack};

use crate::protocol::{Command, Explored, Load, Loaded, Pace, Progress, Stage, Target, Until, Update};
use snapshots::Camera;

/// Machine steps of one slice: some ten milliseconds, so that commands do not wait.
const SLICE: u64 = 2_000_000;
/// Events told in one batch.
const BATCH: usize = 4000;
/// Events after which the page stops exploring by itself: it keeps every one of them.
const EVENTS_EXPLORED: usize = 300_000;

/// What the engine is doing.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Work {
    /// Nothing.
    Idle,
    /// Learning the whole run, then going to this step or, without one, to the first page fault.
    Exploring(Option<u64>),
    /// On the way to a goal.
    Moving(Goal),
    /// Going on until told to pause.
    Running(Pace),
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
    told: usize,
    limit: u64,
}

impl Engine {
    /// Boots what was fetched and begins to explore it. The updates are for the page.
    ///
    /// # Errors
    /// One sentence on what is wrong with the scenario or its images.
    pub fn boot(load: Load, fetched: Fetched) -> Result<(Self, Vec<Update>), String> {
        let images = fetched.images.clone();
        let (scenario, boot) = fetched.boot(&load)?;
        let limit = scenario.machine.max_instructions;
        let session = Session::load(boot).map_err(|error| error.to_string())?;
        let work = Work::Exploring(load.at);
        let loaded = Loaded {
            request: load,
            scenario,
            kernel_sha256: images.kernel_sha256,
            disk_sha256: images.disk_sha256,
        };
        let engine = Self { session, camera: Camera::default(), work, told: 0, limit };
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
            Command::Watch(root) => {
                self.camera.watch(root);
                self.arrived()
            }
            Command::Read(address) => vec![self.read(address)],
            // The page starts a new worker for it.
            Command::Load(_) => Vec::new(),
        }
    }

    /// How soon [`Self::slice`] is to be called.
    #[must_use]
    pub fn next(&self) -> Next {
        match self.work {
            Work::Idle => Next::Command,
            Work::Running(Pace::EventsPerSecond(rate)) => Next::After(1000 / rate.max(1)),
            Work::Exploring(_) | Work::Moving(_) | Work::Running(Pace::Full) => Next::Soon,
        }
    }

    /// Goes on for a slice with what is being done.
    pub fn slice(&mut self) -> Vec<Update> {
        match self.work {
            Work::Idle => Vec::new(),
            Work::Exploring(at) => self.explore(at),
            Work::Moving(goal) => self.advance(goal),
            Work::Running(Pace::Full) => self.run(Goal::End),
            Work::Running(Pace::EventsPerSecond(_)) => self.run(Goal::NextEvent),
        }
    }

    fn begin(&mut self, work: Work) -> Vec<Update> {
        self.work = work;
        self.slice()
    }

    fn explore(&mut self, at: Option<u64>) -> Vec<Update> {
        let came = self.session.forward(Goal::End, SLICE);
        if came == Came::Budget && self.session.log().len() < EVENTS_EXPLORED {
            let mut updates = self.news();
            updates.push(self.exploring());
            return updates;
        }
        self.explored(at)
    }

    /// The whole run is known: reports it, and goes where the user is to begin.
    fn explored(&mut self, at: Option<u64>) -> Vec<Update> {
        let mut updates = self.news();
        let digests = self.session.digests();
        updates.push(Update::Explored(Box::new(Explored {
            instructions: self.session.position().instret,
            ending: self.ending().unwrap_or_else(|| "explored up to here, not to its end".into()),
            exact: digests.exact.unwrap_or_default(),
            semantic: digests.semantic.unwrap_or_default(),
        })));
        match at {
            Some(step) => drop(self.session.seek_step(step)),
            None => self.first_fault(),
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

    fn advance(&mut self, goal: Goal) -> Vec<Update> {
        match self.session.forward(goal, SLICE) {
            Came::Budget if !matches!(goal, Goal::Instructions(_)) => self.news(),
            _ => self.arrived(),
        }
    }

    fn run(&mut self, goal: Goal) -> Vec<Update> {
        let came = self.session.forward(goal, SLICE);
        match came {
            Came::Budget | Came::Reached => self.look(),
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
            Work::Exploring(at) => self.explored(at),
            _ => self.arrived(),
        }
    }

    fn seek(&mut self, target: Target) -> Vec<Update> {
        match target {
            Target::Start => drop(self.session.seek_step(0)),
            Target::Event(event) if event < self.session.log().len() => drop(self.session.seek_event(event)),
            Target::FirstFault => self.first_fault(),
            Target::Event(_) | Target::End => return self.begin(Work::Moving(Goal::End)),
        }
        self.arrived()
    }

    fn read(&self, address: PhysAddr) -> Update {
        Update::Bytes { address, bytes: snapshots::frame(self.session.machine(), address) }
    }

    /// The machine has come to rest: what is new, and where it stands.
    fn arrived(&mut self) -> Vec<Update> {
        self.work = Work::Idle;
        self.look()
    }

    /// What is new, and where the machine stands.
    fn look(&mut self) -> Vec<Update> {
        let mut updates = self.news();
        let mut snapshot = self.camera.take(&mut self.session);
        snapshot.running = matches!(self.work, Work::Running(_));
        snapshot.ended = self.ending();
        updates.push(Update::At(Box::new(snapshot)));
        updates
    }

    /// Events that the page does not know yet.
    fn news(&mut self) -> Vec<Update> {
        let log = self.session.log();
        let from = self.told.min(log.len());
        let batches = log[from..].chunks(BATCH).zip((from..).step_by(BATCH));
        let updates =
            batches.map(|(events, from)| Update::Events { from, events: events.to_vec() }).collect();
        self.told = log.len();
        updates
    }

    fn exploring(&self) -> Update {
        let done = self.session.position().instret;
        Update::Progress(Progress { stage: Stage::Exploring, done, of: self.limit })
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
