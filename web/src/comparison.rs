//! Compare: two machines, where they stand together, and what differs; pure.

use std::collections::BTreeMap;
use std::rc::Rc;

use faultline_abi::scenario::Scenario;
use faultline_machine::compare::{Alignment, Difference, Quantity, Side, Stop, Tally, differences};

use crate::model::{self, Link, Model};
use crate::protocol::{Command, Load, Target};

/// Kernel options that can be compared: key, what it decides, choices.
pub const OPTIONS: [(&str, &str, &[&str]); 5] = [
    ("sbrk", "when the heap gets its frames", &["lazy", "eager"]),
    ("fork", "what fork does with the pages", &["cow", "copy"]),
    ("exec", "when text and data are read", &["demand", "eager"]),
    ("zero", "where zeros come from", &["shared", "private"]),
    ("policy", "who is evicted", &["fifo", "clock", "aging", "random"]),
];

/// What is compared: an option with two values.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setup {
    /// The option's key.
    pub key: String,
    /// Its value on the left and on the right.
    pub values: [String; 2],
}

impl Setup {
    /// The first option that the scenario is about, with its first two values.
    #[must_use]
    pub fn of(scenario: Option<&Scenario>) -> Self {
        let named = |key: &str| scenario.is_some_and(|scenario| scenario.kernel.contains_key(key));
        let option = OPTIONS.iter().find(|(key, ..)| named(key)).unwrap_or(&OPTIONS[0]);
        Self::of_option(option.0)
    }

    /// An option with its first two values.
    #[must_use]
    pub fn of_option(key: &str) -> Self {
        let choices = choices(key);
        Self { key: key.into(), values: [choices[0], choices[1]].map(Into::into) }
    }

    /// What each side is called.
    #[must_use]
    pub fn names(&self) -> [String; 2] {
        self.values.clone().map(|value| format!("{}={value}", self.key))
    }

    /// What to boot on each side, where the page has booted this.
    #[must_use]
    pub fn loads(&self, base: &Load) -> [Load; 2] {
        self.values.clone().map(|value| {
            let mut options: BTreeMap<String, String> = base.options.clone();
            options.insert(self.key.clone(), value);
            Load { options, at: None, ..base.clone() }
        })
    }
}

/// The choices of an option.
#[must_use]
pub fn choices(key: &str) -> &'static [&'static str] {
    OPTIONS.iter().find(|option| option.0 == key).unwrap_or(&OPTIONS[0]).2
}

/// Left or right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Hand {
    /// The left machine.
    Left,
    /// The right machine.
    Right,
}

impl Hand {
    /// Both.
    pub const BOTH: [Self; 2] = [Self::Left, Self::Right];
}

/// What can happen to a comparison.
#[derive(Clone, Debug)]
pub enum Action {
    /// A machine reports.
    Of(Hand, model::Action),
    /// Go to this stop; 0 is the start.
    Go(usize),
}

/// A comparison under way.
#[derive(Clone, Debug, Default)]
pub struct Comparison {
    /// The two machines.
    pub models: [Rc<Model>; 2],
    /// How the runs are aligned, once both are known.
    pub alignment: Option<Rc<Alignment>>,
    /// Stops passed.
    pub at: usize,
}

impl Comparison {
    /// The state after this.
    #[must_use]
    pub fn after(mut self, action: Action) -> Self {
        match action {
            Action::Of(hand, action) => {
                let model = &mut self.models[hand as usize];
                *model = Rc::new((**model).clone().after(action));
                self.align();
            }
            Action::Go(stop) => self.at = stop.min(self.stops().len()),
        }
        self
    }

    /// Aligns the runs as soon as both are known to their ends, and stands at the first difference.
    fn align(&mut self) {
        let [left, right] = &self.models;
        if self.alignment.is_some() || left.explored.is_none() || right.explored.is_none() {
            return;
        }
        let alignment = Alignment::new(&left.history.events, &right.history.events);
        let first = alignment.stops.iter().position(|stop| stop.side != Side::Both);
        self.at = first.map_or(0, |first| first + 1);
        self.alignment = Some(Rc::new(alignment));
    }

    /// The aligned stops.
    #[must_use]
    pub fn stops(&self) -> &[Stop] {
        self.alignment.as_ref().map_or(&[], |alignment| &alignment.stops)
    }

    /// The stop that was passed last.
    #[must_use]
    pub fn stop(&self) -> Option<&Stop> {
        self.stops().get(self.at.checked_sub(1)?)
    }

    /// The next stop, or the one before, at which only one side has something.
    #[must_use]
    pub fn difference(&self, forwards: bool) -> Option<usize> {
        let differs = |&(_, stop): &(usize, &Stop)| stop.side != Side::Both;
        let mut stops = self.stops().iter().enumerate();
        let found = if forwards {
            stops.skip(self.at).find(differs)
        } else {
            let passed = stops.len().min(self.at.saturating_sub(1));
            stops.by_ref().take(passed).rev().find(differs)
        };
        found.map(|(n, _)| n + 1)
    }

    /// What brings each machine to where the comparison stands; `None` until both are known.
    #[must_use]
    pub fn commands(&self) -> Option<[Command; 2]> {
        self.alignment.as_ref()?;
        let stop = self.stop();
        let event = |event: Option<usize>| event.map_or(Target::Start, Target::Event);
        let places = stop.map_or([None, None], |stop| [stop.left, stop.right]);
        Some(places.map(|place| Command::Seek(event(place))))
    }

    /// Each quantity here and at the end: left, right.
    #[must_use]
    pub fn counts(&self) -> Vec<(Quantity, [u64; 2], [u64; 2])> {
        let here = |model: &Rc<Model>| Tally::of(&model.history.events[..model.events_so_far()]);
        let (here, whole) = ([0, 1].map(|side| here(&self.models[side])), self.whole());
        let both = |tallies: &[Tally; 2], quantity| [tallies[0].get(quantity), tallies[1].get(quantity)];
        let all = Quantity::ALL
            .into_iter()
            .map(|quantity| (quantity, both(&here, quantity), both(&whole, quantity)));
        all.filter(|(_, _, whole)| *whole != [0, 0]).collect()
    }

    /// What differs in the whole runs.
    #[must_use]
    pub fn differences(&self) -> Vec<Difference> {
        let [left, right] = self.whole();
        differences(&left, &right)
    }

    /// The counts of both whole runs.
    fn whole(&self) -> [Tally; 2] {
        [0, 1].map(|side: usize| {
            let model = &self.models[side];
            let instructions = model.explored.as_ref().map_or(0, |explored| explored.instructions);
            Tally::of(&model.history.events).with_instructions(instructions)
        })
    }

    /// Why there is nothing to compare yet; `None` where there is.
    #[must_use]
    pub fn waiting(&self) -> Option<String> {
        for model in &self.models {
            if let Some(failure) = &model.failure {
                return Some(failure.clone());
            }
            if let Link::Lost(why) = &model.link {
                return Some(format!("A machine stopped: {why}"));
            }
        }
        self.alignment.is_none().then(|| "Both machines run once to their end…".into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::Update;
    use crate::testing::{fault, numbered, process};
    use faultline_abi::trace::{FaultClass, ProcessOp};
    use faultline_machine::event::What;

    fn run(hand: Hand, events: Vec<What>) -> Action {
        let events = Update::Events { from: 0, events: numbered(events) };
        let explored = Update::Explored(Box::default());
        Action::Of(hand, model::Action::Updates(vec![events, explored]))
    }

    fn comparison() -> Comparison {
        let start = || process(ProcessOp::Created, 1, 0, "lazy");
        let end = || process(ProcessOp::Exited, 1, 0, "");
        let lazy = vec![start(), fault(0x9000, FaultClass::Lazy), fault(0xa000, FaultClass::Lazy), end()];
        Comparison::default().after(run(Hand::Left, lazy)).after(run(Hand::Right, vec![start(), end()]))
    }

    #[test]
    fn both_machines_go_to_the_same_place_in_the_program() {
        let comparison = comparison();
        // The first difference is the first fault of the lazy run.
        assert_eq!(comparison.at, 2);
        let seek = |target| Command::Seek(target);
        assert_eq!(comparison.commands(), Some([seek(Target::Event(1)), seek(Target::Event(0))]));
        let start = comparison.clone().after(Action::Go(0));
        assert_eq!(start.commands(), Some([seek(Target::Start), seek(Target::Start)]));
        let end = comparison.after(Action::Go(99));
        assert_eq!((end.at, end.commands()), (4, Some([seek(Target::Event(3)), seek(Target::Event(1))])));
    }

    #[test]
    fn one_goes_from_difference_to_difference() {
        let comparison = comparison();
        assert_eq!((comparison.difference(true), comparison.difference(false)), (Some(3), None));
        let next = comparison.after(Action::Go(3));
        assert_eq!((next.difference(true), next.difference(false)), (None, Some(2)));
    }

    #[test]
    fn what_differs_is_counted() {
        let comparison = comparison();
        let found = comparison.differences();
        assert!(found.iter().any(|d| (d.quantity, d.left, d.right) == (Quantity::Found, 2, 0)), "{found:?}");
        let counts = comparison.counts();
        assert!(counts.iter().all(|(_, _, whole)| *whole != [0, 0]));
        assert_eq!(comparison.waiting(), None);
        assert!(Comparison::default().waiting().is_some());
    }

    #[test]
    fn the_scenario_says_what_to_compare() {
        let mut scenario = Scenario::named("t");
        assert_eq!(Setup::of(Some(&scenario)).names(), ["sbrk=lazy", "sbrk=eager"]);
        scenario.kernel.insert("policy".into(), "clock".into());
        let setup = Setup::of(Some(&scenario));
        assert_eq!(setup.names(), ["policy=fifo", "policy=clock"]);
        let base = Load { scenario: "a.json".into(), at: Some(7), ..Load::default() };
        let [left, right] = setup.loads(&base);
        assert_eq!((left.options["policy"].as_str(), left.at), ("fifo", None));
        assert_eq!(right.options["policy"], "clock");
    }
}
