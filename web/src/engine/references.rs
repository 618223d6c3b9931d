//! The reference string of a run: the pages that programs touch, in order, and what it would cost
//! under each policy.

use std::collections::HashMap;

use faultline_abi::VirtAddr;
use faultline_machine::hart::Privilege;
use faultline_machine::mmu::Walk;
use faultline_machine::observer::{Context, Observer};
use faultline_machine::session::Session;

use crate::protocol::Policies;
use crate::replacement::Policy;

/// Touches after which the string is cut off.
const TOUCHES_MAX: usize = 1 << 19;
/// Numbers of frames for which the costs are counted.
const COUNTS_MAX: usize = 40;
/// Machine steps that are recorded in one slice.
const SLICE: u64 = 1 << 20;

/// Records what programs touch: fetches, loads and stores in U-mode.
#[derive(Default)]
struct Touches {
    numbers: HashMap<(u64, VirtAddr), u32>,
    string: Vec<u32>,
}

impl Observer for Touches {
    const ACTIVE: bool = true;
    const EACH_ACCESS: bool = true;

    fn translated(&mut self, cx: &Context, satp: u64, walk: &Walk) {
        if cx.mode != Privilege::User || self.string.len() >= TOUCHES_MAX {
            return;
        }
        let next = u32::try_from(self.numbers.len()).unwrap_or(u32::MAX);
        let number = *self.numbers.entry((satp, walk.va.page_down())).or_insert(next);
        if self.string.last() != Some(&number) {
            self.string.push(number);
        }
    }

    fn stop(&self) -> bool {
        self.string.len() >= TOUCHES_MAX
    }
}

/// Counting, under way: first the string is recorded, then each policy is tried.
#[derive(Default)]
pub(super) struct Counting {
    touches: Touches,
    recorded_to: u64,
    is_recorded: bool,
    left: Vec<(Policy, usize)>,
    found: Policies,
}

impl Counting {
    /// Goes on for a while; the session's position stays the same. What is counted so far, where there
    /// is something new.
    pub(super) fn advance(&mut self, session: &mut Session) -> Option<&Policies> {
        if !self.is_recorded {
            self.record(session);
            return None;
        }
        let string = &self.touches.string;
        for _ in 0..1 + (1 << 18) / string.len().max(1) {
            let Some((policy, frames)) = self.left.pop() else { break };
            self.found.faults.entry(policy).or_default().push((frames, policy.faults(string, frames)));
        }
        self.found.done = self.left.is_empty();
        Some(&self.found)
    }

    fn record(&mut self, session: &mut Session) {
        let (here, end) = (session.position().step, session.frontier());
        let to = end.min(self.recorded_to + SLICE);
        session.observe(self.recorded_to, to, &mut self.touches);
        session.seek_step(here);
        self.recorded_to = to;
        self.found.cut = self.touches.stop();
        if to == end || self.found.cut {
            self.recorded();
        }
    }

    fn recorded(&mut self) {
        self.is_recorded = true;
        self.found.touches = self.touches.string.len();
        self.found.pages = self.touches.numbers.len();
        let mut counts = counts(self.found.pages);
        counts.reverse();
        self.left = counts.iter().flat_map(|&count| Policy::ALL.map(|policy| (policy, count))).collect();
    }
}

/// The numbers of frames that are tried: all up to one more than there are pages, or some evenly spaced.
fn counts(pages: usize) -> Vec<usize> {
    let every = pages.div_ceil(COUNTS_MAX).max(1);
    (1..=pages + 1).filter(|count| count % every == 0 || *count == 1 || *count == pages).collect()
}

#[cfg(test)]
mod tests {
    use super::counts;

    #[test]
    fn few_pages_are_tried_one_by_one_and_many_in_steps() {
        assert_eq!(counts(3), [1, 2, 3, 4]);
        let many = counts(1000);
        assert!(many.len() <= 43 && many[0] == 1 && many.contains(&1000), "{many:?}");
        assert_eq!(counts(0), [1]);
    }
}
