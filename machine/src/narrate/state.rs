//! What the kernel has told so far, folded from its events. Pure: the same events give the same view.

mod check;
mod frames;
mod history;
mod mapped;
mod process;
mod reclaim;

use faultline_abi::trace::{AreaOp, DiskOp};

use crate::event::{Event, What};

pub use check::{Disagreement, disagreements};
pub use frames::{Frame, Frames};
pub use history::History;
pub use mapped::Mapped;
pub use process::{Area, Life, Process, Processes};
pub use reclaim::{Reclaim, Slot};

use frames::FrameNews;
use process::ProcessNews;

/// Everything the kernel's events say, up to some event.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// Processes and their areas.
    pub processes: Processes,
    /// Frames.
    pub frames: Frames,
    /// What was done to make room.
    pub reclaim: Reclaim,
    /// Disk sectors read.
    pub sectors_read: u64,
    /// Disk sectors written.
    pub sectors_written: u64,
}

impl View {
    /// Takes one more event into account.
    pub fn apply(&mut self, event: &Event) {
        self.reclaim.apply(number(event), &event.what);
        match &event.what {
            What::Frame { op, frame, owner, refs, usage } => {
                let news = FrameNews { op: *op, frame: *frame, owner: *owner, refs: *refs, kind: *usage };
                self.frames.apply(number(event), news);
            }
            What::Process { op, pid, other, root, name } => self.processes.apply(ProcessNews {
                hart: event.hart,
                op: *op,
                pid: *pid,
                other: *other,
                root: *root,
                name: name.clone(),
            }),
            What::Area { op, pid, start, end, area, prot } => {
                let area = Area { start: *start, end: *end, kind: *area, prot: *prot };
                self.area(*op, *pid, area);
            }
            What::Disk { op, sectors, .. } => self.disk(*op, u64::from(*sectors)),
            _ => {}
        }
    }

    fn area(&mut self, op: AreaOp, pid: u32, area: Area) {
        self.processes.process(pid).area_changed(op, area);
    }

    fn disk(&mut self, op: DiskOp, sectors: u64) {
        match op {
            DiskOp::Read => {
                self.sectors_read += sectors;
                self.reclaim.reads += 1;
            }
            DiskOp::Write => {
                self.sectors_written += sectors;
                self.reclaim.writes += 1;
            }
        }
    }
}

/// An event's number as an index.
fn number(event: &Event) -> usize {
    usize::try_from(event.n).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::narrate::testing::{area, frame, numbered, process};
    use faultline_abi::trace::{AreaKind, FrameKind, FrameOp, ProcessOp};
    use faultline_abi::{PhysAddr, VirtAddr};

    fn fold(events: impl IntoIterator<Item = What>) -> View {
        let mut view = View::default();
        numbered(events).iter().for_each(|event| view.apply(event));
        view
    }

    #[test]
    fn a_process_lives_from_its_creation_to_its_end() {
        let story = [
            process(ProcessOp::Created, 1, 0, "lazy"),
            process(ProcessOp::Switched, 1, 0, ""),
            process(ProcessOp::Killed, 1, 15, ""),
        ];
        let lives: Vec<Life> =
            (1..=3).map(|n| fold(story[..n].iter().cloned()).processes.by_pid[&1].life).collect();
        assert_eq!(lives, [Life::Ready, Life::Running, Life::Killed(15)]);
        let view = fold(story);
        assert!(view.processes.current().is_none());
        assert_eq!(view.processes.by_pid[&1].label(), "lazy (pid 1)");
    }

    #[test]
    fn only_one_process_has_the_hart() {
        let view = fold([process(ProcessOp::Switched, 1, 0, "a"), process(ProcessOp::Switched, 2, 1, "b")]);
        assert_eq!(view.processes.by_pid[&1].life, Life::Ready);
        assert_eq!(view.processes.current().map(|process| process.pid), Some(2));
    }

    #[test]
    fn each_hart_has_a_process_of_its_own() {
        let mut events = numbered([
            process(ProcessOp::Switched, 1, 0, "a"),
            process(ProcessOp::Switched, 2, 0, "b"),
            process(ProcessOp::Switched, 3, 1, "c"),
        ]);
        events[1].hart = 1;
        let mut view = View::default();
        events.iter().for_each(|event| view.apply(event));
        let on = |hart| view.processes.on_hart(hart).map(|process| process.pid);
        assert_eq!((on(0), on(1), on(2)), (Some(3), Some(2), None));
        let lives: Vec<Life> = view.processes.by_pid.values().map(|process| process.life).collect();
        assert_eq!(lives, [Life::Ready, Life::Running, Life::Running]);
    }

    #[test]
    fn the_heap_moves_with_sbrk_and_areas_go_away() {
        let view = fold([
            area(AreaOp::Mapped, 0x1000, 0x2000, AreaKind::Text),
            area(AreaOp::Mapped, 0x5000, 0x5000, AreaKind::Heap),
            area(AreaOp::Resized, 0x5000, 0x9000, AreaKind::Heap),
            area(AreaOp::Unmapped, 0x1000, 0x2000, AreaKind::Text),
        ]);
        let process = &view.processes.by_pid[&1];
        assert_eq!(process.size(), Some(VirtAddr::new(0x9000)));
        assert_eq!(process.area_at(VirtAddr::new(0x8fff)).map(|area| area.kind), Some(AreaKind::Heap));
        assert_eq!(process.area_at(VirtAddr::new(0x9000)), None);
        assert_eq!(process.area_at(VirtAddr::new(0x1000)), None);
    }

    #[test]
    fn a_frame_that_is_reused_has_its_new_owner_and_kind() {
        let view = fold([
            frame(FrameOp::Allocated, 0x8010_0000, 1, 1, FrameKind::User),
            frame(FrameOp::Freed, 0x8010_0000, 1, 0, FrameKind::User),
            frame(FrameOp::Allocated, 0x8010_0000, 2, 1, FrameKind::PageTable),
        ]);
        let frame = view.frames.get(PhysAddr::new(0x8010_0000)).expect("it was in use");
        assert_eq!((frame.owner, frame.refs, frame.kind, frame.last), (2, 1, FrameKind::PageTable, 2));
    }
}
