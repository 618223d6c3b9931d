//! Futures that were left by typing in the past: kept until they are dropped.
//!
//! The run that is walked through is one line from the start to its frontier. Where somebody types in the
//! past, all that was known behind that place becomes a branch of the line. A branch may have branches of its own:
//! those that left the line behind the place where it did.

use crate::bus::ExitCode;
use crate::detect::Detectors;
use crate::drive::Inputs;
use crate::recorder::Tail;

use super::keyframes::Kept;

/// Most futures that are kept; then the oldest goes.
pub(super) const BRANCHES_MAX: usize = 16;
/// Keyframes that a future keeps.
pub(super) const KEYFRAMES_MAX: usize = 32;

/// What names a future: no two of a session have the same.
pub type BranchId = u32;

/// A future that was left, as it is listed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Branch {
    /// Its name.
    pub id: BranchId,
    /// The future that it left, if that one was left, too; `None` where it leaves the line that is walked.
    pub parent: Option<BranchId>,
    /// The step at which it leaves.
    pub at: u64,
    /// Events that happened in it.
    pub events: usize,
    /// How far it is known.
    pub frontier: u64,
    /// What was typed in it first, after it left; empty for the future that was scripted.
    pub typed: String,
    /// How it ended, if it was explored to its end.
    pub exit: Option<ExitCode>,
}

/// All that is known of a future.
#[derive(Debug)]
pub(super) struct Future {
    pub(super) id: BranchId,
    pub(super) parent: Option<BranchId>,
    pub(super) at: u64,
    pub(super) tail: Tail,
    pub(super) inputs: Inputs,
    pub(super) keyframes: Vec<Kept>,
    pub(super) detectors: Detectors,
    pub(super) frontier: u64,
    pub(super) exit: Option<ExitCode>,
}

/// The futures that were left.
#[derive(Debug, Default)]
pub(super) struct Branches {
    futures: Vec<Future>,
    /// The name of the line that is walked, and the names that were given.
    pub(super) current: BranchId,
    given: BranchId,
}

impl Branches {
    pub(super) fn list(&self) -> Vec<Branch> {
        let branch = |future: &Future| Branch {
            id: future.id,
            parent: future.parent,
            at: future.at,
            events: future.tail.events(),
            frontier: future.frontier,
            typed: future.inputs.first_typed(),
            exit: future.exit,
        };
        self.futures.iter().map(branch).collect()
    }

    /// A name that nothing has.
    pub(super) fn new_id(&mut self) -> BranchId {
        self.given += 1;
        self.given
    }

    /// Keeps the future that the line is about to leave. What had left it behind that place is its own.
    pub(super) fn leave(&mut self, future: Future) {
        for other in &mut self.futures {
            if other.parent.is_none() && other.at > future.at {
                other.parent = Some(future.id);
            }
        }
        self.futures.push(future);
        while self.futures.len() > BRANCHES_MAX {
            let oldest = self.futures[0].id;
            self.drop(oldest);
        }
    }

    /// Takes a future out, to walk in it: what had left it now leaves the line.
    pub(super) fn take(&mut self, id: BranchId) -> Option<Future> {
        let at = self.futures.iter().position(|future| future.id == id)?;
        let future = self.futures.remove(at);
        for other in &mut self.futures {
            if other.parent == Some(id) {
                other.parent = None;
            }
        }
        Some(future)
    }

    /// From the line to a future: the futures to walk into, in this order.
    pub(super) fn path_to(&self, id: BranchId) -> Option<Vec<BranchId>> {
        let mut path = Vec::new();
        let mut next = Some(id);
        while let Some(id) = next {
            next = self.futures.iter().find(|future| future.id == id)?.parent;
            path.push(id);
        }
        path.reverse();
        Some(path)
    }

    /// Forgets a future and those that left it; whether there was one.
    pub(super) fn drop(&mut self, id: BranchId) -> bool {
        let before = self.futures.len();
        let mut doomed = vec![id];
        while let Some(id) = doomed.pop() {
            doomed.extend(
                self.futures.iter().filter(|future| future.parent == Some(id)).map(|future| future.id),
            );
            self.futures.retain(|future| future.id != id);
        }
        self.futures.len() < before
    }
}
