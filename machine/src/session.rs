//! A run that one can walk through, forwards and backwards.
//!
//! What has been executed once is known: its events stay in the log, and keyframes lie along the
//! way. Going back is going to the keyframe before and replaying, so every position is the same
//! however it was reached. Typing in the past begins another future; the one that was known becomes a
//! branch, to which one can return.

mod branches;
mod found;
mod keyframes;
mod search;

use faultline_abi::scenario::{Digests, Input, Scenario};

use crate::bus::ExitCode;
use crate::detect::{Detectors, Discard, Watched};
use crate::digest;
use crate::disk_files;
use crate::drive::Driver;
use crate::event::{Event, EventKind, Selector};
use crate::loader::{LoadError, LoadedProgram, Symbols};
use crate::log::Log;
use crate::machine::{Machine, RunEnd};
use crate::observer::{NoObserver, Observer};
use crate::recorder::{Events, Recording, Until};
use crate::scenario::machine_config;

pub use branches::{Branch, BranchId};
pub use search::{Condition, Direction};

use branches::{Branches, Future};
use keyframes::{FAR_STEPS, Keyframes, thin_out};
use search::Search;

/// What a session runs.
#[derive(Clone, Debug)]
pub struct Boot {
    /// The scenario, checked.
    pub scenario: Scenario,
    /// The kernel, an ELF file.
    pub kernel: Vec<u8>,
    /// The disk in the first virtio slot.
    pub disk: Option<Vec<u8>>,
}

/// Where to go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Goal {
    /// So many steps from here.
    Instructions(u64),
    /// The nearest event.
    NextEvent,
    /// The nearest page fault.
    PageFault,
    /// The nearest event of a kind.
    Kind(EventKind),
    /// Just after event number `n`.
    Event(usize),
    /// The position with this many steps behind it.
    Step(u64),
    /// The end of the run; backwards, its start.
    End,
}

/// How far a command came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Progress {
    /// The machine stands at the goal.
    Reached,
    /// All the steps that were allowed have been made; give the command again to go on.
    Budget,
    /// The guest ended the run before the goal.
    Ended(ExitCode),
    /// The guest waits for somebody to type.
    WaitingForInput,
    /// The scenario's limit of instructions was reached before the goal.
    OutOfInstructions,
    /// The recording is full.
    OutOfEvents,
    /// There is nothing such in that direction; nothing has moved.
    NotFound,
}

/// Where a session stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Position {
    /// Events that have happened.
    pub events: usize,
    /// Instructions retired.
    pub instret: u64,
    /// Instructions retired and traps taken.
    pub step: u64,
}

/// A machine that runs a scenario, and everything known of its run.
#[derive(Debug)]
pub struct Session {
    driver: Driver,
    recording: Recording,
    /// What watches the run, as it stands at the frontier.
    detectors: Detectors,
    keyframes: Keyframes,
    branches: Branches,
    search: Option<Search>,
    /// How far the run has been recorded.
    frontier: u64,
    limit: u64,
    exit: Option<ExitCode>,
    symbols: Symbols,
}

impl Session {
    /// Puts a machine together; nothing runs yet.
    ///
    /// # Errors
    /// Where the kernel cannot be loaded.
    pub fn load(boot: Boot) -> Result<Self, LoadError> {
        let Boot { scenario, kernel, disk } = boot;
        let program = LoadedProgram::from_elf(&kernel)?;
        let disk = disk.map(|disk| disk_files::put(disk, &scenario.files)).transpose();
        let disk = disk.map_err(|error| LoadError::Setting(error.to_string()))?;
        let machine = Machine::new(machine_config(&scenario, disk), &program)?;
        let session = Self::with_machine(machine, &scenario.inputs, scenario.machine.max_instructions);
        Ok(Self { symbols: program.symbols, ..session })
    }

    /// A session of a machine that was put together by hand, with input in order of instruction count, cut off after
    /// so many instructions and traps.
    #[must_use]
    pub fn with_machine(machine: Machine, script: &[Input], limit: u64) -> Self {
        let mut driver = Driver::new(machine, script);
        let start = driver.keep();
        Self {
            driver,
            recording: Recording::default(),
            detectors: Detectors::default(),
            keyframes: Keyframes::new(start),
            branches: Branches::default(),
            search: None,
            frontier: 0,
            limit,
            exit: None,
            symbols: Symbols::default(),
        }
    }

    /// Goes forward. A goal that is known is a keyframe away, and is reached at once; on the way to others at most
    /// `max_steps` steps are made. After [`Progress::Budget`] the same command goes on, except
    /// [`Goal::Instructions`], which counts from the present position again.
    pub fn forward(&mut self, goal: Goal, max_steps: u64) -> Progress {
        self.give_up_search();
        let step = self.step();
        let budget = step.saturating_add(max_steps);
        match self.known_target(goal) {
            Some(target) if target <= self.frontier => {
                self.visit(target);
                Progress::Reached
            }
            target => self.explore(goal, target.unwrap_or(u64::MAX), budget),
        }
    }

    /// Goes back to the nearest position of that kind before the present one.
    pub fn back(&mut self, goal: Goal) -> Progress {
        self.give_up_search();
        let step = self.step();
        let target = match goal {
            Goal::Instructions(count) => (step > 0).then(|| step.saturating_sub(count)),
            Goal::NextEvent => self.event_before(step, |_| true),
            Goal::PageFault => self.event_before(step, |event| Selector::PageFault.matches(&event.what)),
            Goal::Kind(kind) => self.event_before(step, |event| event.what.kind() == kind),
            Goal::Event(n) => self.after_event(n),
            Goal::Step(to) => Some(to),
            Goal::End => Some(0),
        };
        match target {
            Some(target) if target <= self.frontier => self.seek_step(target),
            _ => Progress::NotFound,
        }
    }

    /// Goes to just after event `n`, in whatever direction, exploring if it is not known yet.
    pub fn seek_event(&mut self, n: usize) -> Progress {
        match self.after_event(n) {
            Some(step) => self.seek_step(step),
            None => self.forward(Goal::Event(n), u64::MAX),
        }
    }

    /// Goes to the position with this many steps behind it, in whatever direction.
    pub fn seek_step(&mut self, step: u64) -> Progress {
        self.give_up_search();
        if step <= self.frontier {
            self.visit(step);
            return Progress::Reached;
        }
        self.forward(Goal::Step(step), u64::MAX)
    }

    /// Goes over known ground from step `from` to step `to` with an observer, and stands there.
    pub fn observe<O: Observer>(&mut self, from: u64, to: u64, observer: &mut O) {
        if self.step() != from {
            self.seek_step(from);
        }
        self.driver.run_to(to.min(self.frontier), observer);
    }

    /// Types at the present position: the text arrives before the next step. What was known behind it becomes a
    /// branch, named by [`Self::branches`].
    pub fn type_text(&mut self, text: &str) {
        self.give_up_search();
        let step = self.step();
        if step < self.frontier {
            self.leave(step);
        }
        self.exit = None;
        self.driver.type_bytes(text.as_bytes());
    }

    /// The futures that were left, oldest first.
    #[must_use]
    pub fn branches(&self) -> Vec<Branch> {
        self.branches.list()
    }

    /// The name of the future in which the session stands.
    #[must_use]
    pub fn branch(&self) -> BranchId {
        self.branches.current
    }

    /// Goes to where a future that was left begins, and walks in it from now on; the future that was walked in
    /// becomes a branch in its place. [`Progress::NotFound`] where there is no such branch.
    pub fn switch_branch(&mut self, id: BranchId) -> Progress {
        self.give_up_search();
        let Some(path) = self.branches.path_to(id) else { return Progress::NotFound };
        for id in path {
            let Some(future) = self.branches.take(id) else { return Progress::NotFound };
            self.walk_into(future);
        }
        Progress::Reached
    }

    /// Forgets a branch and those that left it; whether there was one.
    pub fn drop_branch(&mut self, id: BranchId) -> bool {
        self.branches.drop(id)
    }

    /// How many keyframes there are, and how many bytes they take, as well as that can be counted.
    #[must_use]
    pub fn keyframes(&self) -> (usize, usize) {
        (self.keyframes.all().len(), self.keyframes.bytes())
    }

    /// Where the session stands.
    #[must_use]
    pub fn position(&self) -> Position {
        let step = self.step();
        Position { events: self.recording.events_before(step), instret: self.machine().instret(), step }
    }

    /// All events that are known; they may reach beyond the present position.
    #[must_use]
    pub fn log(&self) -> &Log {
        self.recording.events()
    }

    /// The machine at the present position.
    #[must_use]
    pub fn machine(&self) -> &Machine {
        self.driver.machine()
    }

    /// The names in the kernel.
    #[must_use]
    pub fn symbols(&self) -> &Symbols {
        &self.symbols
    }

    /// The guest's exit code, where the session stands at the end of its run.
    #[must_use]
    pub fn exit(&self) -> Option<ExitCode> {
        self.exit.filter(|_| self.step() == self.frontier)
    }

    /// The guest's exit code, once the run has been explored to its end.
    #[must_use]
    pub fn known_exit(&self) -> Option<ExitCode> {
        self.exit
    }

    /// How far the run is known, in steps.
    #[must_use]
    pub fn frontier(&self) -> u64 {
        self.frontier
    }

    /// What the guest has printed so far.
    #[must_use]
    pub fn console(&self) -> &[u8] {
        self.recording.console_before(self.step())
    }

    /// The digests of all events that are known.
    #[must_use]
    pub fn digests(&self) -> Digests {
        digest::of(self.log())
    }

    fn step(&self) -> u64 {
        self.machine().step_count()
    }

    fn after_event(&self, n: usize) -> Option<u64> {
        self.log().get(n).map(|event| event.step + 1)
    }

    /// The position just after the last event that is meant and lies wholly before `step`.
    fn event_before(&self, step: u64, meant: impl Fn(&Event) -> bool) -> Option<u64> {
        let before = self.log().before_step(step.saturating_sub(1));
        self.log().events(0..before).rev().find(|event| meant(event)).map(|event| event.step + 1)
    }

    fn event_after(&self, step: u64, meant: impl Fn(&Event) -> bool) -> Option<u64> {
        let after = self.recording.events_before(step);
        self.log().events(after..usize::MAX).find(|event| meant(event)).map(|event| event.step + 1)
    }

    /// The step of a goal ahead, as far as it is known: from the log, or because it is a number.
    fn known_target(&self, goal: Goal) -> Option<u64> {
        let step = self.step();
        match goal {
            Goal::Instructions(count) => Some(step.saturating_add(count)),
            Goal::NextEvent => self.event_after(step, |_| true),
            Goal::PageFault => self.event_after(step, |event| Selector::PageFault.matches(&event.what)),
            Goal::Kind(kind) => self.event_after(step, |event| event.what.kind() == kind),
            Goal::Event(n) => self.after_event(n),
            Goal::Step(to) => Some(to.max(step)),
            Goal::End => None,
        }
    }

    /// Goes to a step that is known, in whatever direction, from the nearest moment that was kept. On the way
    /// back moments are kept close before it, so that the next step back is short. Returns how many steps had to be
    /// replayed from the last moment that was kept.
    fn go_to_known(&mut self, step: u64) -> u64 {
        let here = self.step();
        let backwards = step < here;
        if let Some(kept) = self.keyframes.before(step)
            && (backwards || kept.step > here)
        {
            self.driver.go_to(&kept.moment);
        }
        if backwards {
            for stop in Keyframes::stops(self.step(), step) {
                self.driver.run_to(stop, &mut NoObserver);
                let moment = self.driver.keep();
                self.keyframes.keep_near(stop, moment);
            }
        }
        let from = self.step();
        self.driver.run_to(step, &mut NoObserver);
        step.saturating_sub(from)
    }

    /// Goes to a step that is known because somebody wants to be there. People come back to where they have been, so
    /// the place is kept where it is far from what was kept.
    fn visit(&mut self, step: u64) {
        if self.go_to_known(step) >= FAR_STEPS {
            self.keep_place();
        }
    }

    fn keep_place(&mut self) {
        let (step, moment) = (self.step(), self.driver.keep());
        self.keyframes.keep_near(step, moment);
    }

    /// Leaves all that is known behind `step`, where the session stands: it becomes a branch.
    fn leave(&mut self, step: u64) {
        let detectors = self.detectors_at(step);
        let mut keyframes = self.keyframes.split_off(step);
        thin_out(&mut keyframes, branches::KEYFRAMES_MAX);
        let future = Future {
            id: self.branches.current,
            parent: None,
            at: step,
            tail: self.recording.split_off(step),
            inputs: self.driver.split_off(),
            keyframes,
            detectors: core::mem::replace(&mut self.detectors, detectors),
            frontier: self.frontier,
            exit: self.exit.take(),
        };
        if future.frontier > step || !future.inputs.is_empty() {
            self.branches.leave(future);
        }
        self.branches.current = self.branches.new_id();
        self.frontier = step;
    }

    /// Walks in a future that leaves the line; what is known of the present one becomes a branch.
    fn walk_into(&mut self, future: Future) {
        self.go_to_known(future.at);
        self.leave(future.at);
        self.branches.current = future.id;
        self.recording.append(future.tail);
        self.driver.append(future.inputs);
        self.keyframes.append(future.keyframes);
        self.detectors = future.detectors;
        self.frontier = future.frontier;
        self.exit = future.exit;
    }

    /// Explores up to `step`, unless the run ends before, and stands somewhere on the way.
    fn explore_to(&mut self, step: u64) -> Progress {
        if step <= self.frontier { Progress::Reached } else { self.explore(Goal::Step(step), step, step) }
    }

    /// Goes on into the unknown, recording, to the goal, to `target` or to `budget`.
    fn explore(&mut self, goal: Goal, target: u64, budget: u64) -> Progress {
        // To the end one may want to go step by step; anything else lies behind what is known.
        let known = if goal == Goal::End { self.frontier.min(budget) } else { self.frontier };
        self.go_to_known(known.max(self.step()));
        if let Some(code) = self.exit() {
            return Progress::Ended(code);
        }
        if self.recording.is_full() {
            return Progress::OutOfEvents;
        }
        self.recording.stop_at(match goal {
            Goal::NextEvent => Until::Any,
            Goal::PageFault => Until::Matching(Selector::PageFault),
            Goal::Kind(kind) => Until::Matching(Selector::Kind(kind)),
            Goal::Event(n) => Until::Count(n.saturating_add(1)),
            Goal::Instructions(_) | Goal::Step(_) | Goal::End => Until::Never,
        });
        let budget = budget.max(self.step());
        let stop = target.min(budget).min(self.limit);
        while self.step() < stop {
            let end = self.record_to(self.keyframes.next_due().max(self.step() + 1).min(stop));
            if let Some(progress) = self.progress(end) {
                return progress;
            }
        }
        match self.step() {
            step if step >= target => Progress::Reached,
            step if step >= self.limit => {
                self.keep_place();
                Progress::OutOfInstructions
            }
            _ => Progress::Budget,
        }
    }

    fn record_to(&mut self, step: u64) -> RunEnd {
        let mut watched = Watched { sink: &mut self.recording, detectors: &mut self.detectors };
        let end = self.driver.run_to(step, &mut Events(&mut watched));
        self.frontier = self.frontier.max(self.step());
        self.keep_moment();
        end
    }

    /// What the detectors knew at `step`, where the session stands: from a keyframe that knows them, over
    /// the ground behind it once more.
    fn detectors_at(&mut self, step: u64) -> Detectors {
        if step == self.frontier {
            return self.detectors.clone();
        }
        let Some(kept) = self.keyframes.with_detectors(step) else { return Detectors::default() };
        let mut detectors = kept.detectors.as_deref().cloned().unwrap_or_default();
        self.driver.go_to(&kept.moment);
        let mut watched = Watched { sink: &mut Discard, detectors: &mut detectors };
        self.driver.run_to(step, &mut Events(&mut watched));
        detectors
    }

    fn progress(&mut self, end: RunEnd) -> Option<Progress> {
        match end {
            RunEnd::Budget => None,
            RunEnd::Stopped if self.recording.found() => Some(Progress::Reached),
            RunEnd::Stopped => Some(Progress::OutOfEvents),
            RunEnd::WaitingForInput => Some(Progress::WaitingForInput),
            RunEnd::Exited(code) => {
                self.exit = Some(code);
                self.keep_place();
                Some(Progress::Ended(code))
            }
        }
    }

    fn keep_moment(&mut self) {
        let step = self.step();
        if step >= self.keyframes.next_due() {
            self.keyframes.keep(step, self.driver.keep(), &self.detectors);
        }
    }
}
