//! Moments of a run that were kept, so that every other one is near.
//!
//! There are two kinds. Along the way that was recorded lie those for good, at a distance that doubles
//! when there are too many, and thinner where they would take too much memory. Around the place where
//! somebody steps back and forth lie those for now: they are made while a stretch is replayed, ever
//! closer towards its end, so that the next step back replays next to nothing.

use crate::detect::Detectors;
use crate::drive::Moment;

/// Steps between keyframes, at first: some milliseconds in a browser, and keeping one costs some
/// hundredths of that.
const DISTANCE: u64 = 1 << 21;
/// Up to this distance, memory is saved everywhere alike; beyond it where the run is old.
const DISTANCE_MAX: u64 = 1 << 22;
/// When there are this many for good, every second goes and the distance doubles.
const COUNT_MAX: usize = 1024;
/// Bytes that those for good may take, as well as they can be counted.
const BYTES_MAX: usize = 224 << 20;
/// What the detectors knew is kept with so many of them.
const DETECTORS_MAX: usize = 16;

/// Those for now: how many, their bytes, and how short a replay must be to need none.
const NEAR_MAX: usize = 48;
const NEAR_BYTES_MAX: usize = 30 << 20;
const NEAR_STEPS: u64 = 1 << 13;
/// A replay of so many steps, about a millisecond in a browser, is not done again for the same place.
pub(super) const FAR_STEPS: u64 = 1 << 17;

/// A moment that was kept.
#[derive(Clone, Debug)]
pub(super) struct Kept {
    pub(super) step: u64,
    pub(super) moment: Moment,
    /// What the detectors knew then, at some of them.
    pub(super) detectors: Option<Box<Detectors>>,
    /// What it takes beside the one before.
    bytes: usize,
}

/// Every moment that was kept, in order; the first is the start and never goes.
#[derive(Debug)]
pub(super) struct Keyframes {
    kept: Vec<Kept>,
    distance: u64,
    bytes: usize,
    /// Steps between two that have detectors.
    detectors_distance: u64,
    near: Vec<Kept>,
}

impl Keyframes {
    pub(super) fn new(start: Moment) -> Self {
        let start = Kept { step: 0, moment: start, detectors: Some(Box::default()), bytes: 0 };
        Self {
            kept: vec![start],
            distance: DISTANCE,
            bytes: 0,
            detectors_distance: DISTANCE,
            near: Vec::new(),
        }
    }

    /// The last moment at or before `step`, of either kind.
    pub(super) fn before(&self, step: u64) -> Option<&Kept> {
        let near = self.near.iter().filter(|kept| kept.step <= step).max_by_key(|kept| kept.step);
        [last_before(&self.kept, step), near].into_iter().flatten().max_by_key(|kept| kept.step)
    }

    /// The last moment for good at or before `step` that knows the detectors.
    pub(super) fn with_detectors(&self, step: u64) -> Option<&Kept> {
        let after = self.kept.partition_point(|kept| kept.step <= step);
        self.kept[..after].iter().rev().find(|kept| kept.detectors.is_some())
    }

    /// The moments for good, in order.
    pub(super) fn all(&self) -> &[Kept] {
        &self.kept
    }

    /// Bytes that all of them take, as well as they can be counted.
    pub(super) fn bytes(&self) -> usize {
        self.bytes + self.near_bytes()
    }

    /// The step at which the next one for good is due.
    pub(super) fn next_due(&self) -> u64 {
        self.last_step().saturating_add(self.distance)
    }

    fn last_step(&self) -> u64 {
        self.kept.last().map_or(0, |kept| kept.step)
    }

    /// Keeps a moment for good, at the end of what is known.
    pub(super) fn keep(&mut self, step: u64, moment: Moment, detectors: &Detectors) {
        let bytes = self.kept.last().map_or(0, |last| moment.bytes_beside(&last.moment));
        let knowing =
            self.kept.iter().rev().find(|kept| kept.detectors.is_some()).map_or(0, |kept| kept.step);
        let due = step >= knowing.saturating_add(self.detectors_distance);
        let detectors = due.then(|| Box::new(detectors.clone()));
        self.bytes += bytes;
        self.kept.push(Kept { step, moment, detectors, bytes });
        self.thin_detectors();
        if self.kept.len() > COUNT_MAX {
            self.distance *= 2;
            self.thin(1, self.kept.len());
        }
        self.save_memory();
    }

    /// Makes them fewer until they take no more than they may.
    fn save_memory(&mut self) {
        while self.bytes > BYTES_MAX && self.kept.len() > 3 {
            if self.distance < DISTANCE_MAX {
                self.distance *= 2;
                self.thin(1, self.kept.len());
            } else {
                self.thin_by_age();
            }
        }
    }

    /// Drops every second one in a stretch, never the start.
    fn thin(&mut self, from: usize, to: usize) {
        let mut n = 0;
        let stretch = from.max(1)..to;
        self.kept.retain(|_| {
            let stays = !stretch.contains(&n) || (n - stretch.start) % 2 == 1;
            n += 1;
            stays
        });
        self.count_bytes();
    }

    /// Makes the older half thinner; where it is much thinner already than the newer half, that one.
    fn thin_by_age(&mut self) {
        let middle = self.kept.len() / 2;
        let (start, turn, end) = (0, self.kept[middle].step, self.last_step());
        let older_is_thin = turn - start > 15 * (end - turn);
        if older_is_thin {
            self.distance = self.distance.saturating_mul(2);
            self.thin(1, self.kept.len());
        } else {
            self.thin(1, middle.max(3));
        }
    }

    fn thin_detectors(&mut self) {
        let count = self.kept.iter().filter(|kept| kept.detectors.is_some()).count();
        if count <= DETECTORS_MAX {
            return;
        }
        self.detectors_distance *= 2;
        let mut n = 0;
        for kept in self.kept.iter_mut().skip(1).filter(|kept| kept.detectors.is_some()) {
            n += 1;
            if n % 2 == 1 {
                kept.detectors = None;
            }
        }
    }

    fn count_bytes(&mut self) {
        for i in 1..self.kept.len() {
            self.kept[i].bytes = self.kept[i].moment.bytes_beside(&self.kept[i - 1].moment);
        }
        self.bytes = self.kept.iter().map(|kept| kept.bytes).sum();
    }

    /// Takes those after `step` away; what comes then is another future. Those for now go, too.
    pub(super) fn split_off(&mut self, step: u64) -> Vec<Kept> {
        self.near.clear();
        let after = self.kept.partition_point(|kept| kept.step <= step);
        let tail = self.kept.split_off(after.max(1));
        self.count_bytes();
        tail
    }

    /// Puts back what was taken away.
    pub(super) fn append(&mut self, mut tail: Vec<Kept>) {
        self.kept.append(&mut tail);
        self.count_bytes();
        self.save_memory();
    }
}

/// Those for now.
impl Keyframes {
    /// Where to keep moments on the way from one step to another: ever closer towards its end.
    pub(super) fn stops(from: u64, to: u64) -> impl Iterator<Item = u64> {
        let halves = core::iter::successors(Some((to - from) / 2), |left| Some(left / 2));
        halves.take_while(|&left| left >= NEAR_STEPS / 2).map(move |left| to - left)
    }

    /// Keeps a moment for now, and forgets those farthest from it where there are too many.
    pub(super) fn keep_near(&mut self, step: u64, moment: Moment) {
        if self.near.iter().any(|kept| kept.step == step) {
            return;
        }
        let base = last_before(&self.kept, step).map(|kept| &kept.moment);
        let bytes = base.map_or(0, |base| moment.bytes_beside(base));
        self.near.push(Kept { step, moment, detectors: None, bytes });
        while self.near.len() > NEAR_MAX || self.near_bytes() > NEAR_BYTES_MAX {
            let farthest = (0..self.near.len()).max_by_key(|&i| self.near[i].step.abs_diff(step));
            let Some(farthest) = farthest else { return };
            self.near.swap_remove(farthest);
        }
    }

    fn near_bytes(&self) -> usize {
        self.near.iter().map(|kept| kept.bytes).sum()
    }
}

fn last_before(kept: &[Kept], step: u64) -> Option<&Kept> {
    let after = kept.partition_point(|kept| kept.step <= step);
    after.checked_sub(1).and_then(|i| kept.get(i))
}

/// Makes a future's moments few: it is kept, but nobody walks in it.
pub(super) fn thin_out(tail: &mut Vec<Kept>, most: usize) {
    let every = tail.len().div_ceil(most.max(1)).max(1);
    let mut n = 0;
    tail.retain(|_| {
        n += 1;
        n % every == 0
    });
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stops_lie_ever_closer_towards_the_end() {
        let stops: Vec<u64> = Keyframes::stops(0, 1 << 16).collect();
        assert_eq!(stops, [0x8000, 0xc000, 0xe000, 0xf000]);
        assert_eq!(Keyframes::stops(100, 100).count(), 0);
        assert_eq!(Keyframes::stops(0, NEAR_STEPS - 1).count(), 0);
    }
}
