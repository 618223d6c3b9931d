//! Two runs side by side, aligned by what the programs do.
//!
//! The same program under two configurations makes the same system calls and marks and touches the
//! same pages; what differs is which of these touches fault and what the kernel does about it. So the
//! processes are paired in the order of their creation, and each pair's landmarks (system calls,
//! marks, page faults, beginnings and ends) are aligned by the longest common subsequence.

mod align;
mod landmark;
mod tally;

use crate::event::Event;

pub use tally::{Difference, Quantity, Tally, differences};

use align::Pair;
use landmark::Landmarks;

/// Where the two runs stand together.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stop {
    /// Number of the event in the left run: the landmark itself, or the last one before a landmark
    /// that only the right run has. `None` is the start.
    pub left: Option<usize>,
    /// The same in the right run.
    pub right: Option<usize>,
    /// In which of the runs the landmark is.
    pub side: Side,
}

/// In which runs a landmark is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// In both.
    Both,
    /// In the left one only.
    Left,
    /// In the right one only.
    Right,
}

/// The alignment of two runs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Alignment {
    /// The landmarks of both, in the order of the left run; what only the right run has follows what
    /// its process did before.
    pub stops: Vec<Stop>,
}

impl Alignment {
    /// Aligns two runs, given as their events from the start.
    #[must_use]
    pub fn new(left: &[Event], right: &[Event]) -> Self {
        let (left, right) = (Landmarks::of(left), Landmarks::of(right));
        let mut rows: Vec<(usize, Stop)> = Vec::new();
        for process in 0..left.processes.len().max(right.processes.len()) {
            rows.extend(rows_of(left.process(process), right.process(process)));
        }
        // Stable: what only the right run has stays behind the row that it follows.
        rows.sort_by_key(|&(order, _)| order);
        Self { stops: rows.into_iter().map(|(_, stop)| stop).collect() }
    }
}

/// The aligned landmarks of a pair of processes, each with its place in the order of the left run.
fn rows_of(left: &[landmark::Landmark], right: &[landmark::Landmark]) -> Vec<(usize, Stop)> {
    let (mut at_left, mut at_right) = (None, None);
    let mut rows = Vec::new();
    for pair in align::align(left, right) {
        let side = match pair {
            Pair::Both(l, r) => {
                (at_left, at_right) = (Some(left[l].event), Some(right[r].event));
                Side::Both
            }
            Pair::Left(l) => {
                at_left = Some(left[l].event);
                Side::Left
            }
            Pair::Right(r) => {
                at_right = Some(right[r].event);
                Side::Right
            }
        };
        rows.push((at_left.map_or(0, |event| event + 1), Stop { left: at_left, right: at_right, side }));
    }
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::narrate::testing::{numbered, page_fault, process};
    use faultline_abi::VirtAddr;
    use faultline_abi::sv39::Access;
    use faultline_abi::syscall::Syscall;
    use faultline_abi::trace::{FaultClass, ProcessOp, SyscallOp};

    use crate::event::{What, Word};

    fn fault(pid: u32, va: u64) -> What {
        let (va, class) = (VirtAddr::new(va), FaultClass::Lazy);
        What::Fault { pid, va, access: Access::Store, class, area: None }
    }

    fn call(pid: u32, argument: u64) -> What {
        let number = u32::try_from(Syscall::Sbrk.number()).expect("it is small");
        What::Syscall { op: SyscallOp::Enter, pid, number, args: [argument, 0, 0].map(Word) }
    }

    fn sides(alignment: &Alignment) -> Vec<(Side, Option<usize>, Option<usize>)> {
        alignment.stops.iter().map(|stop| (stop.side, stop.left, stop.right)).collect()
    }

    #[test]
    fn faults_of_the_lazy_run_stand_between_the_system_calls_of_both() {
        let start = || process(ProcessOp::Created, 1, 0, "lazy");
        let lazy = numbered([
            start(),
            call(1, 0x6000),
            page_fault(15, 0x9000, 0x100),
            fault(1, 0x9000),
            fault(1, 0xa000),
            call(1, 7),
        ]);
        let eager = numbered([start(), call(1, 0x6000), call(1, 7)]);
        let expected = [
            (Side::Both, Some(0), Some(0)),
            (Side::Both, Some(1), Some(1)),
            (Side::Left, Some(3), Some(1)),
            (Side::Left, Some(4), Some(1)),
            (Side::Both, Some(5), Some(2)),
        ];
        assert_eq!(sides(&Alignment::new(&lazy, &eager)), expected);
        let mirrored = Alignment::new(&eager, &lazy);
        assert_eq!(mirrored.stops.iter().filter(|stop| stop.side == Side::Right).count(), 2);
    }

    #[test]
    fn processes_are_paired_in_the_order_of_their_creation_however_they_take_turns() {
        let created = |pid, parent| process(ProcessOp::Created, pid, parent, "p");
        let left = numbered([created(1, 0), created(2, 1), call(1, 1), call(1, 2), call(2, 9)]);
        let right = numbered([created(4, 0), created(7, 4), call(7, 9), call(4, 1), call(4, 2)]);
        let found = sides(&Alignment::new(&left, &right));
        assert!(found.iter().all(|&(side, ..)| side == Side::Both), "{found:?}");
        assert_eq!(found[4], (Side::Both, Some(4), Some(2)));
    }

    #[test]
    fn a_run_is_aligned_with_itself_and_with_nothing() {
        let run = numbered([process(ProcessOp::Created, 1, 0, "a"), call(1, 1), fault(1, 0x5000)]);
        assert!(Alignment::new(&run, &run).stops.iter().all(|stop| stop.side == Side::Both));
        let alone = Alignment::new(&run, &[]);
        assert!(alone.stops.len() == 3 && alone.stops.iter().all(|stop| stop.right.is_none()));
        assert_eq!(Alignment::new(&[], &[]), Alignment::default());
    }
}
