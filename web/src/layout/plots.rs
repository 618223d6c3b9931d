//! Counts over the course of the run, as stairs.

use faultline_abi::trace::{FaultClass, FrameKind};
use faultline_machine::event::{Event, What};

use crate::state::View;

/// Steps that a curve keeps; of a longer one every so many.
const STEPS_MAX: usize = 1200;

/// A curve: from the event on, the value holds until the next point.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Curve {
    /// Event number and value, in order of event; the first is at 0.
    pub points: Vec<(usize, u64)>,
}

impl Curve {
    fn new() -> Self {
        Self { points: vec![(0, 0)] }
    }

    fn push(&mut self, event: usize, value: u64) {
        if self.points.last().is_none_or(|&(_, last)| last != value) {
            self.points.push((event, value));
        }
    }

    fn thinned(self) -> Self {
        let every = self.points.len().div_ceil(STEPS_MAX).max(1);
        let last = self.points.len().saturating_sub(1);
        let kept = self.points.into_iter().enumerate().filter(|(i, _)| i % every == 0 || *i == last);
        Self { points: kept.map(|(_, point)| point).collect() }
    }

    /// Its largest value.
    #[must_use]
    pub fn max(&self) -> u64 {
        self.points.iter().map(|&(_, value)| value).max().unwrap_or(0)
    }

    /// The value after `so_far` events.
    #[must_use]
    pub fn after(&self, so_far: usize) -> u64 {
        let passed = self.points.partition_point(|&(event, _)| event < so_far.max(1));
        passed.checked_sub(1).map_or(0, |i| self.points[i].1)
    }

    /// The stairs as an SVG path in a box of `width` by `height`, for a run of `events` and values up to
    /// `top`.
    #[must_use]
    #[expect(clippy::cast_precision_loss, reason = "counts stay far below 2^52")]
    pub fn path(&self, events: usize, top: u64, width: f64, height: f64) -> String {
        let x = |event: usize| width * event as f64 / events.max(1) as f64;
        let y = |value: u64| height - height * value as f64 / top.max(1) as f64;
        let mut path = String::new();
        for &(event, value) in &self.points {
            let (x, y) = (x(event), y(value));
            path += &if path.is_empty() { format!("M{x:.1} {y:.1}") } else { format!("H{x:.1}V{y:.1}") };
        }
        path + &format!("H{width:.1}")
    }
}

/// All curves of a run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Curves {
    /// Events of the run.
    pub events: usize,
    /// Frames that hold pages of programs or of files.
    pub resident: Curve,
    /// Frames that the kernel has taken for anything.
    pub in_use: Curve,
    /// Evictions so far.
    pub evictions: Curve,
    /// Faults so far by what the kernel took them for; only classes that occur.
    pub faults: Vec<(FaultClass, Curve)>,
}

/// Works out the curves.
#[must_use]
pub fn curves(events: &[Event]) -> Curves {
    let mut view = View::default();
    let mut count = Count::default();
    let mut curves = Curves {
        events: events.len(),
        resident: Curve::new(),
        in_use: Curve::new(),
        evictions: Curve::new(),
        faults: Vec::new(),
    };
    for (n, event) in events.iter().enumerate() {
        match &event.what {
            What::Frame { frame, .. } => {
                let before = view.frames.get(*frame).copied();
                view.apply(event);
                count.changed(before.map(|frame| (frame.kind, frame.refs)), Direction::Out);
                let now = view.frames.get(*frame).copied();
                count.changed(now.map(|frame| (frame.kind, frame.refs)), Direction::In);
                curves.resident.push(n, count.resident);
                curves.in_use.push(n, count.in_use);
            }
            What::Hand { .. } | What::Evicted { .. } => {
                view.apply(event);
                curves.evictions.push(n, view.reclaim.evicted);
            }
            What::Fault { class, .. } => curves.fault(n, *class),
            _ => {}
        }
    }
    curves.thinned()
}

enum Direction {
    In,
    Out,
}

#[derive(Default)]
struct Count {
    resident: u64,
    in_use: u64,
}

impl Count {
    fn changed(&mut self, frame: Option<(FrameKind, u32)>, direction: Direction) {
        let Some((kind, 1..)) = frame else { return };
        let resident = u64::from(matches!(kind, FrameKind::User | FrameKind::Cache));
        match direction {
            Direction::In => {
                self.resident += resident;
                self.in_use += 1;
            }
            Direction::Out => {
                self.resident -= resident;
                self.in_use -= 1;
            }
        }
    }
}

impl Curves {
    fn fault(&mut self, n: usize, class: FaultClass) {
        let known = self.faults.iter_mut().find(|(known, _)| *known == class);
        match known {
            Some((_, curve)) => {
                let next = curve.points.last().map_or(1, |&(_, count)| count + 1);
                curve.push(n, next);
            }
            None => {
                let mut curve = Curve::new();
                curve.push(n, 1);
                self.faults.push((class, curve));
                self.faults.sort_unstable_by_key(|&(class, _)| class);
            }
        }
    }

    fn thinned(self) -> Self {
        Self {
            events: self.events,
            resident: self.resident.thinned(),
            in_use: self.in_use.thinned(),
            evictions: self.evictions.thinned(),
            faults: self.faults.into_iter().map(|(class, curve)| (class, curve.thinned())).collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{evicted, fault, frame, hand, numbered, returned};
    use faultline_abi::trace::{FrameOp, Verdict};

    #[test]
    fn frames_faults_and_evictions_are_counted_where_they_happen() {
        let run = numbered([
            frame(FrameOp::Allocated, 0x8010_0000, 1, 1, FrameKind::User),
            frame(FrameOp::Allocated, 0x8010_1000, 1, 1, FrameKind::PageTable),
            fault(0x9000, FaultClass::Lazy),
            frame(FrameOp::Shared, 0x8010_0000, 2, 2, FrameKind::User),
            hand(0x8010_0000, false, Verdict::Victim),
            evicted(1, 0x9000, 0x8010_0000, None),
            frame(FrameOp::Freed, 0x8010_0000, 1, 0, FrameKind::User),
            fault(0x9000, FaultClass::Lazy),
            returned(0),
        ]);
        let curves = curves(&run);
        assert_eq!(curves.resident.points, [(0, 0), (0, 1), (6, 0)]);
        assert_eq!((curves.in_use.max(), curves.in_use.after(9)), (2, 1));
        assert_eq!((curves.evictions.after(5), curves.evictions.after(6)), (0, 1));
        assert_eq!(curves.faults, [(FaultClass::Lazy, Curve { points: vec![(0, 0), (2, 1), (7, 2)] })]);
    }

    #[test]
    fn a_curve_becomes_stairs() {
        let curve = Curve { points: vec![(0, 0), (5, 2)] };
        assert_eq!(curve.path(10, 2, 100.0, 20.0), "M0.0 20.0H50.0V0.0H100.0");
        assert_eq!(Curve::default().path(0, 0, 100.0, 20.0), "H100.0");
    }

    #[test]
    fn a_long_curve_is_thinned_and_keeps_its_ends() {
        let faults = (0..10_000).map(|_| fault(0x9000, FaultClass::Cow));
        let curves = curves(&numbered(faults));
        let (_, curve) = &curves.faults[0];
        assert!(curve.points.len() <= STEPS_MAX + 1, "{}", curve.points.len());
        assert_eq!((curve.points[0], curve.max()), ((0, 0), 10_000));
    }
}
