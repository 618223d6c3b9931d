//! Keeping what a machine reports.

use faultline_abi::VirtAddr;

use crate::event::{PteChange, Selector, What};
use crate::hart::Privilege;
use crate::log::Log;
use crate::mmu::Walk;
use crate::observer::{Context, Observer, PteWrite, TrapInfo};
use crate::ram::Ram;

/// Most events that a recording holds; a guest that reports more without end is cut off.
pub const EVENTS_MAX: usize = 2_000_000;
/// Most bytes of console output that a recording holds; the rest is not kept.
pub const CONSOLE_MAX: usize = 16 << 20;

/// Receives events one by one, in order.
pub trait Sink {
    /// The next event.
    fn event(&mut self, cx: &Context, what: What);

    /// A byte left the board on the console.
    fn console(&mut self, cx: &Context, byte: u8);

    /// An address was translated; no event.
    fn translated(&mut self, cx: &Context, satp: u64, walk: &Walk) {
        let _ = (cx, satp, walk);
    }

    /// A trap handler has returned to a program; no event.
    fn settled(&mut self, cx: &Context, ram: &Ram) {
        let _ = (cx, ram);
    }

    /// Whether the run is to end at this instruction.
    fn stop(&self) -> bool;
}

/// An observer that turns every report into an event for a sink.
#[derive(Debug)]
pub struct Events<'a, S>(pub &'a mut S);

impl<S: Sink> Observer for Events<'_, S> {
    const ACTIVE: bool = true;

    fn trap(&mut self, cx: &Context, trap: &TrapInfo<'_>) {
        self.0.event(cx, What::from(trap));
    }

    fn trap_return(&mut self, cx: &Context, to: Privilege, pc: VirtAddr) {
        self.0.event(cx, What::Return { to, target: pc });
    }

    fn pte_written(&mut self, cx: &Context, write: &PteWrite) {
        self.0.event(cx, What::Pte(PteChange::from(write)));
    }

    fn accessed_dirty(&mut self, cx: &Context, write: &PteWrite) {
        self.0.event(cx, What::Ad(PteChange::from(write)));
    }

    fn satp_written(&mut self, cx: &Context, old: u64, new: u64) {
        self.0.event(cx, What::Satp { old, new });
    }

    fn sfence_vma(&mut self, cx: &Context, va: Option<VirtAddr>, asid: Option<u16>) {
        self.0.event(cx, What::Sfence { va, asid });
    }

    fn tracepoint(&mut self, cx: &Context, number: u16, arguments: [u64; 6]) {
        self.0.event(cx, What::from_tracepoint(cx.mode, number, arguments));
    }

    fn translated(&mut self, cx: &Context, satp: u64, walk: &Walk) {
        self.0.translated(cx, satp, walk);
    }

    fn settled(&mut self, cx: &Context, ram: &Ram) {
        self.0.settled(cx, ram);
    }

    fn console_output(&mut self, cx: &Context, byte: u8) {
        self.0.console(cx, byte);
    }

    fn stop(&self) -> bool {
        self.0.stop()
    }
}

/// When a recording ends a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Until {
    /// Never.
    Never,
    /// At the next event.
    Any,
    /// At the next event that is meant.
    Matching(Selector),
    /// When this many events are known.
    Count(usize),
}

/// All events and all console output of a run, from its start.
#[derive(Clone, Debug)]
pub struct Recording {
    events: Log,
    console: Vec<u8>,
    /// At which step each byte of `console` left the board.
    console_steps: Vec<u64>,
    until: Until,
    found: bool,
}

/// The end of a recording, taken away.
#[derive(Clone, Debug, Default)]
pub struct Tail {
    events: Log,
    console: Vec<u8>,
    console_steps: Vec<u64>,
}

impl Tail {
    /// How many events are in it.
    #[must_use]
    pub fn events(&self) -> usize {
        self.events.len()
    }
}

impl Default for Recording {
    fn default() -> Self {
        Self {
            events: Log::default(),
            console: Vec::new(),
            console_steps: Vec::new(),
            until: Until::Never,
            found: false,
        }
    }
}

impl Recording {
    /// All events.
    #[must_use]
    pub fn events(&self) -> &Log {
        &self.events
    }

    /// Whether it holds as much as it can.
    #[must_use]
    pub fn is_full(&self) -> bool {
        self.events.len() >= EVENTS_MAX
    }

    /// How many events happened before the machine stood at `step`.
    #[must_use]
    pub fn events_before(&self, step: u64) -> usize {
        self.events.before_step(step)
    }

    /// What was printed before the machine stood at `step`.
    #[must_use]
    pub fn console_before(&self, step: u64) -> &[u8] {
        &self.console[..self.console_steps.partition_point(|&at| at < step)]
    }

    /// Takes away what happened at `step` and later.
    #[must_use]
    pub fn split_off(&mut self, step: u64) -> Tail {
        let printed = self.console_before(step).len();
        Tail {
            events: self.events.split_off(self.events_before(step)),
            console: self.console.split_off(printed),
            console_steps: self.console_steps.split_off(printed),
        }
    }

    /// Puts back what was taken away, behind what happened before it.
    pub fn append(&mut self, mut tail: Tail) {
        self.events.append(tail.events);
        self.console.append(&mut tail.console);
        self.console_steps.append(&mut tail.console_steps);
    }

    /// Sets when the next run ends.
    pub fn stop_at(&mut self, until: Until) {
        self.until = until;
        self.found = false;
    }

    /// Whether the run ended because what [`Self::stop_at`] asked for happened.
    #[must_use]
    pub fn found(&self) -> bool {
        self.found
    }
}

impl Sink for Recording {
    fn event(&mut self, cx: &Context, what: What) {
        self.found |= match self.until {
            Until::Never => false,
            Until::Any => true,
            Until::Matching(selector) => selector.matches(&what),
            Until::Count(count) => self.events.len() + 1 >= count,
        };
        self.events.push(cx, &what);
    }

    fn console(&mut self, cx: &Context, byte: u8) {
        if self.console.len() < CONSOLE_MAX {
            self.console.push(byte);
            self.console_steps.push(cx.step);
        }
    }

    fn stop(&self) -> bool {
        self.found || self.is_full()
    }
}
