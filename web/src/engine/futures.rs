//! What is typed begins another future; the one that was known is kept, and one can return to it.

use std::collections::BTreeMap;

use faultline_abi::scenario::Input;
use faultline_machine::session::{Branch, BranchId};

use super::{Engine, Then, Work};
use crate::protocol::{Future, Update};

/// What was typed in each future, with the step at which it was.
#[derive(Default)]
pub(super) struct Typed(BTreeMap<BranchId, Vec<(u64, Input)>>);

impl Engine {
    /// Types at the present, and learns the new future to its end.
    pub(super) fn type_text(&mut self, text: &str) -> Vec<Update> {
        let (here, left) = (self.session.position(), self.session.branch());
        let mut typed = self.typed.0.get(&left).cloned().unwrap_or_default();
        self.session.type_text(text);
        if self.session.branch() != left {
            // What was typed at this very step has not arrived yet, so it belongs to the other one, too.
            typed.retain(|&(step, _)| step < here.step);
        }
        typed.push((here.step, Input { instret: here.instret, text: text.into(), ..Input::default() }));
        self.typed.0.insert(self.session.branch(), typed);
        self.goes_on_differently(here.step, Then::Stay)
    }

    /// Walks in a future that was left, from where it leaves.
    pub(super) fn return_to(&mut self, id: BranchId) -> Vec<Update> {
        let branches = self.session.branches();
        let Some(mut at) = place(&branches, id) else { return vec![self.futures()] };
        let mut parent = Some(id);
        while let Some(branch) = branches.iter().find(|branch| Some(branch.id) == parent) {
            (at, parent) = (at.min(branch.at), branch.parent);
        }
        self.session.switch_branch(id);
        let stands = self.session.position().step;
        self.goes_on_differently(at, Then::Step(stands))
    }

    /// All that is known after this step is another than before.
    fn goes_on_differently(&mut self, step: u64, then: Then) -> Vec<Update> {
        let known = self.session.log().before_step(step);
        self.waits_at = None;
        self.counting = None;
        self.camera.forget_after(known);
        if let Some(tlb) = &mut self.tlb {
            tlb.forget_after(step);
        }
        self.told = self.told.min(known);
        let mut updates = vec![Update::Events { from: self.told, events: Vec::new() }, self.futures()];
        updates.extend(self.begin(Work::Exploring(then)));
        updates
    }

    /// The futures that were left.
    pub(super) fn futures(&self) -> Update {
        let future = |branch: Branch| {
            let Branch { id, at, events, typed, .. } = branch;
            Future { id, at, events, typed }
        };
        let typed = self.typed.0.get(&self.session.branch()).into_iter().flatten();
        Update::Futures {
            left: self.session.branches().into_iter().map(future).collect(),
            typed: typed.map(|(_, input)| input.clone()).collect(),
        }
    }
}

fn place(branches: &[Branch], id: BranchId) -> Option<u64> {
    branches.iter().find(|branch| branch.id == id).map(|branch| branch.at)
}
