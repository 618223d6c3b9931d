//! Driving a machine: input at its moment, and never past a limit.
//!
//! Input is part of time. What a scenario scripts arrives at its instruction count, what a person
//! types arrives at the step at which it was typed, and both are kept, so that a replay receives
//! the same bytes at the same steps.

use faultline_abi::VirtAddr;
use faultline_abi::scenario::Input;

use crate::machine::{Keyframe, Machine, RunEnd};
use crate::observer::Observer;

/// A machine and its input.
#[derive(Debug)]
pub struct Driver {
    machine: Machine,
    /// Scripted input, in order of instruction count.
    script: Vec<Input>,
    delivered: Vec<Delivery>,
    /// How many of `delivered` the machine has received at its present position.
    received: usize,
}

/// Bytes that arrived before the step with this number.
#[derive(Clone, Debug)]
struct Delivery {
    step: u64,
    bytes: Vec<u8>,
    from: From,
}

/// Whose input it was.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum From {
    Script,
    Keyboard,
}

/// A moment of a driven machine.
#[derive(Clone, Debug)]
pub struct Moment {
    keyframe: Keyframe,
    received: usize,
}

impl Moment {
    /// Bytes of memory that it takes beside `other`: [`Keyframe::bytes_beside`].
    #[must_use]
    pub fn bytes_beside(&self, other: &Self) -> usize {
        self.keyframe.bytes_beside(&other.keyframe)
    }
}

/// Input that was taken away with its future.
#[derive(Clone, Debug, Default)]
pub struct Inputs(Vec<Delivery>);

impl Inputs {
    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What was typed at its beginning; empty where the script came first.
    #[must_use]
    pub fn first_typed(&self) -> String {
        let Some(first) = self.0.first() else { return String::new() };
        let same = self.0.iter().take_while(|input| input.step == first.step && input.from == From::Keyboard);
        String::from_utf8_lossy(&same.flat_map(|input| input.bytes.clone()).collect::<Vec<_>>()).into_owned()
    }
}

impl Driver {
    /// Drives `machine`, with input in order of instruction count.
    #[must_use]
    pub fn new(machine: Machine, script: &[Input]) -> Self {
        Self { machine, script: script.into(), delivered: Vec::new(), received: 0 }
    }

    /// The machine.
    #[must_use]
    pub fn machine(&self) -> &Machine {
        &self.machine
    }

    /// Runs until the machine stands at `step`, or something else ends the run. Where it waits for
    /// input and the script has more, the next input arrives early: its instruction would never come.
    pub fn run_to<O: Observer>(&mut self, step: u64, observer: &mut O) -> RunEnd {
        loop {
            let left = step.saturating_sub(self.machine.step_count());
            if left == 0 {
                return RunEnd::Budget;
            }
            self.deliver_due();
            match self.machine.run(left.min(self.steps_to_input()), observer) {
                RunEnd::Budget => {}
                RunEnd::WaitingForInput if self.deliver_early() => {}
                end => return end,
            }
        }
    }

    /// Types at the present position, behind everything that is known: the bytes arrive before the next step.
    pub fn type_bytes(&mut self, bytes: &[u8]) {
        let step = self.machine.step_count();
        self.delivered.push(Delivery { step, bytes: bytes.to_vec(), from: From::Keyboard });
    }

    /// Takes away what arrives from the present position on: it belongs to another future. Scripted input
    /// will come again.
    pub fn split_off(&mut self) -> Inputs {
        Inputs(self.delivered.split_off(self.received))
    }

    /// Puts back what was taken away at this position.
    pub fn append(&mut self, mut inputs: Inputs) {
        self.delivered.append(&mut inputs.0);
    }

    /// Reports every access to a page to the observers of the next runs: [`Machine::watch`].
    pub fn watch(&mut self, page: Option<VirtAddr>) {
        self.machine.watch(page);
    }

    /// Keeps this moment.
    pub fn keep(&mut self) -> Moment {
        Moment { keyframe: self.machine.keyframe(), received: self.received }
    }

    /// Goes to a moment that was kept.
    pub fn go_to(&mut self, moment: &Moment) {
        self.machine.restore(&moment.keyframe);
        self.received = moment.received;
    }

    /// At most this many steps may be made before input must arrive. A step retires at most one
    /// instruction, so that many steps never overshoot an instruction count.
    fn steps_to_input(&self) -> u64 {
        if let Some(next) = self.delivered.get(self.received) {
            return next.step.saturating_sub(self.machine.step_count());
        }
        self.next_scripted().map_or(u64::MAX, |input| input.instret.saturating_sub(self.machine.instret()))
    }

    /// The script's first input that was not delivered yet.
    fn next_scripted(&self) -> Option<&Input> {
        let done = self.delivered.iter().filter(|delivery| delivery.from == From::Script).count();
        self.script.get(done)
    }

    fn deliver_due(&mut self) {
        while self.steps_to_input() == 0 {
            if let Some(next) = self.delivered.get(self.received) {
                self.machine.console_input(&next.bytes);
                self.received += 1;
            } else if !self.deliver_early() {
                return;
            }
        }
    }

    /// Delivers the script's next input; whether there was one.
    fn deliver_early(&mut self) -> bool {
        if self.received < self.delivered.len() {
            return false;
        }
        let Some(input) = self.next_scripted() else { return false };
        let bytes = input.text.clone().into_bytes();
        self.deliver(bytes, From::Script);
        true
    }

    fn deliver(&mut self, bytes: Vec<u8>, from: From) {
        self.machine.console_input(&bytes);
        self.delivered.push(Delivery { step: self.machine.step_count(), bytes, from });
        self.received = self.delivered.len();
    }
}
