//! Victim: which page goes when frames run out. One function a policy.
//!
//! | policy | who goes |
//! |---|---|
//! | clock | the first page under the hand that nobody has touched since the hand came by last |
//! | fifo | the page that has been in memory longest |
//! | aging | the page whose accessed bits of late make the smallest number, the latest counting most |
//! | random | any page |

use faultline_abi::{
    sv39::PteFlags,
    trace::{FrameKind, TraceEvent, Verdict},
};

use crate::{arch, memory::Memory, reclaim::Candidate, trace};

/// Who goes when frames run out; the kernel option `policy`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Policy {
    /// Second chance: accessed pages get one more round.
    Clock,
    /// First in, first out.
    Fifo,
    /// An approximation of least recently used.
    Aging,
    /// By lot.
    Random,
}

impl Policy {
    /// Every policy, in the order of the table above.
    pub const ALL: [Self; 4] = [Self::Clock, Self::Fifo, Self::Aging, Self::Random];

    /// The word on the kernel command line.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Clock => "clock",
            Self::Fifo => "fifo",
            Self::Aging => "aging",
            Self::Random => "random",
        }
    }
}

/// What a policy remembers between two evictions.
pub(crate) struct Replacement {
    /// The frame that the clock hand points at, by its index in the pool.
    hand: usize,
    random: Random,
}

impl Replacement {
    /// Nothing has happened yet; `seed` starts the lots.
    pub(crate) const fn new(seed: u64) -> Self {
        Self { hand: 0, random: Random::new(seed) }
    }
}

/// Reproducible random numbers (Marsaglia's xorshift).
#[derive(Clone, Copy, Debug)]
pub(crate) struct Random(u64);

impl Random {
    /// Numbers that follow from `seed`.
    pub(crate) const fn new(seed: u64) -> Self {
        // Spread out, because small numbers begin alike; and never zero, which would stay zero for ever.
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1 << 63)
    }

    /// The next number below `bound`; 0 below 0.
    pub(crate) const fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        match self.0.checked_rem(bound) {
            Some(number) => number,
            None => 0,
        }
    }
}

impl Memory {
    /// The page that goes next; `None` where none can.
    pub(crate) fn choose(&mut self) -> Option<Candidate> {
        match self.options.policy {
            Policy::Clock => self.choose_by_clock(),
            Policy::Fifo => {
                self.choose_smallest(|memory, candidate| u64::from(memory.frames.history(candidate.ppn).born))
            }
            Policy::Aging => {
                self.age_all();
                self.choose_smallest(|memory, candidate| {
                    let history = memory.frames.history(candidate.ppn);
                    u64::from(history.age) << 32 | u64::from(history.born)
                })
            }
            Policy::Random => self.choose_by_lot(),
        }
    }

    /// Two rounds of the hand are enough: the first clears every accessed bit.
    fn choose_by_clock(&mut self) -> Option<Candidate> {
        let span = self.frames.span();
        for _ in 0..span.saturating_mul(2) {
            let index = self.replacement.hand;
            self.replacement.hand = index.saturating_add(1).checked_rem(span).unwrap_or(0);
            let Some(candidate) = self.candidate(index) else {
                self.report_skipped(index);
                continue;
            };
            if !candidate.is_accessed() {
                report_hand(&candidate, Verdict::Victim);
                return Some(candidate);
            }
            report_hand(&candidate, Verdict::SecondChance);
            self.clear_accessed(&candidate);
        }
        None
    }

    /// The candidate that `rank` makes smallest.
    fn choose_smallest(&self, rank: impl Fn(&Self, &Candidate) -> u64) -> Option<Candidate> {
        let candidates = (0..self.frames.span()).filter_map(|index| self.candidate(index));
        let victim = candidates.min_by_key(|candidate| rank(self, candidate))?;
        report_hand(&victim, Verdict::Victim);
        Some(victim)
    }

    /// The first candidate from a place that the lot decides.
    fn choose_by_lot(&mut self) -> Option<Candidate> {
        let count = self.frames.span();
        let start = self.replacement.random.below((count as u64).max(1));
        let start = usize::try_from(start).unwrap_or(0);
        let victim = (start..count).chain(0..start).find_map(|index| self.candidate(index))?;
        report_hand(&victim, Verdict::Victim);
        Some(victim)
    }

    /// A moment has passed: every page's accessed bit moves into its age. Moments are counted in
    /// evictions, because to look at all pages at every tick could take longer than a tick.
    fn age_all(&mut self) {
        for index in 0..self.frames.span() {
            let Some(candidate) = self.candidate(index) else { continue };
            let latest = if candidate.is_accessed() { 0x80 } else { 0 };
            self.frames.remember(candidate.ppn, |history| history.age = history.age >> 1 | latest);
            self.clear_accessed(&candidate);
        }
    }

    /// Clears the accessed bits of all entries of the frame.
    fn clear_accessed(&mut self, candidate: &Candidate) {
        for mapping in candidate.mappings.iter().filter(|mapping| mapping.flags.contains(PteFlags::A)) {
            let table = &mut self.space_mut(mapping.space).table;
            table.set_flags(mapping.va, mapping.flags.difference(PteFlags::A));
            // Or the hart would not set the bit again.
            arch::flush_page(mapping.va);
        }
    }

    /// Reports that the hand passed over a page of a program that cannot go.
    fn report_skipped(&self, index: usize) {
        if let Some((ppn, FrameKind::User | FrameKind::Cache)) = self.frames.in_use(index) {
            let (frame, verdict) = (ppn.base().get(), Verdict::Skipped);
            trace::emit(TraceEvent::Hand { frame, accessed: false, verdict });
        }
    }
}

/// Reports what was decided about the page.
pub(crate) fn report_hand(candidate: &Candidate, verdict: Verdict) {
    let (frame, accessed) = (candidate.ppn.base().get(), candidate.is_accessed());
    trace::emit(TraceEvent::Hand { frame, accessed, verdict });
}
