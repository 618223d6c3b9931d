//! How many faults a reference string costs with so many frames, under each policy.
//!
//! A reference string is the sequence of pages that are touched, numbered from 0 or nearly so. The frames are empty at first, so
//! the first touch of each page is a fault under every policy, as textbooks count.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

/// The place of a page that is not in memory.
const NOWHERE: usize = usize::MAX;

/// Where each page is, by its number.
fn nowhere(references: &[u32]) -> Vec<usize> {
    vec![NOWHERE; references.iter().max().map_or(0, |&page| page as usize + 1)]
}

/// Which page goes when all frames are taken.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    serde::Serialize,
    serde::Deserialize,
    borsh::BorshSerialize,
    borsh::BorshDeserialize,
)]
pub enum Policy {
    /// The one that has been in memory longest.
    Fifo,
    /// Second chance: in the order of arrival, but who was touched gets one more round.
    Clock,
    /// The one whose touches of late make the smallest number.
    Aging,
    /// The one that was not touched for longest.
    Lru,
    /// The one that will not be touched for longest: what no kernel can know.
    Opt,
}

impl Policy {
    /// Every policy, in the order of the text.
    pub const ALL: [Self; 5] = [Self::Fifo, Self::Clock, Self::Aging, Self::Lru, Self::Opt];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Fifo => "FIFO",
            Self::Clock => "clock",
            Self::Aging => "aging",
            Self::Lru => "LRU",
            Self::Opt => "OPT",
        }
    }

    /// Page faults of `references` with `frames` frames; with none, every touch is one.
    #[must_use]
    pub fn faults(self, references: &[u32], frames: usize) -> u64 {
        if frames == 0 {
            return references.len() as u64;
        }
        match self {
            Self::Fifo => fifo(references, frames),
            Self::Clock => clock(references, frames),
            Self::Aging => aging(references, frames),
            Self::Lru => lru(references, frames),
            Self::Opt => opt(references, frames),
        }
    }
}

fn fifo(references: &[u32], frames: usize) -> u64 {
    let (mut queue, mut place, mut faults) = (VecDeque::new(), nowhere(references), 0);
    for &page in references {
        if place[page as usize] != NOWHERE {
            continue;
        }
        faults += 1;
        place[page as usize] = 0;
        queue.push_back(page);
        if queue.len() > frames
            && let Some(oldest) = queue.pop_front()
        {
            place[oldest as usize] = NOWHERE;
        }
    }
    faults
}

/// The hand goes round the frames; a page enters with its accessed bit set.
fn clock(references: &[u32], frames: usize) -> u64 {
    let mut ring: Vec<(u32, bool)> = Vec::new();
    let (mut place, mut hand, mut faults) = (nowhere(references), 0, 0);
    for &page in references {
        let at = place[page as usize];
        if at != NOWHERE {
            ring[at].1 = true;
            continue;
        }
        faults += 1;
        if ring.len() < frames {
            place[page as usize] = ring.len();
            ring.push((page, true));
            continue;
        }
        while std::mem::take(&mut ring[hand].1) {
            hand = (hand + 1) % frames;
        }
        place[ring[hand].0 as usize] = NOWHERE;
        place[page as usize] = hand;
        ring[hand] = (page, true);
        hand = (hand + 1) % frames;
    }
    faults
}

/// A page that ages.
struct Aged {
    page: u32,
    born: u64,
    age: u8,
    accessed: bool,
}

/// As the kernel does it: at each eviction every page's accessed bit moves into its age from the left, and
/// the smallest goes, of equals the oldest.
fn aging(references: &[u32], frames: usize) -> u64 {
    let mut resident: Vec<Aged> = Vec::new();
    let (mut place, mut faults) = (nowhere(references), 0);
    for &page in references {
        let at = place[page as usize];
        if at != NOWHERE {
            resident[at].accessed = true;
            continue;
        }
        faults += 1;
        let newcomer = Aged { page, born: faults, age: 0, accessed: true };
        if resident.len() < frames {
            place[page as usize] = resident.len();
            resident.push(newcomer);
            continue;
        }
        let victim = oldest(&mut resident);
        place[resident[victim].page as usize] = NOWHERE;
        place[page as usize] = victim;
        resident[victim] = newcomer;
    }
    faults
}

/// Lets all pages age by a moment, and gives the place of the one that goes.
fn oldest(resident: &mut [Aged]) -> usize {
    for page in &mut *resident {
        page.age = page.age >> 1 | if std::mem::take(&mut page.accessed) { 0x80 } else { 0 };
    }
    let ages = resident.iter().enumerate();
    ages.min_by_key(|(_, page)| (page.age, page.born)).map_or(0, |(at, _)| at)
}

fn lru(references: &[u32], frames: usize) -> u64 {
    let mut by_time: BTreeMap<usize, u32> = BTreeMap::new();
    let (mut last, mut faults) = (nowhere(references), 0);
    for (now, &page) in references.iter().enumerate() {
        match std::mem::replace(&mut last[page as usize], now) {
            NOWHERE => faults += 1,
            before => drop(by_time.remove(&before)),
        }
        by_time.insert(now, page);
        if by_time.len() > frames
            && let Some((_, oldest)) = by_time.pop_first()
        {
            last[oldest as usize] = NOWHERE;
        }
    }
    faults
}

/// Bélády's algorithm: the page whose next touch lies farthest ahead goes.
fn opt(references: &[u32], frames: usize) -> u64 {
    let next = next_touches(references);
    let mut by_next: BTreeSet<(usize, u32)> = BTreeSet::new();
    let (mut resident, mut faults) = (vec![false; nowhere(references).len()], 0);
    for (now, &page) in references.iter().enumerate() {
        if std::mem::replace(&mut resident[page as usize], true) {
            by_next.remove(&(now, page));
        } else {
            faults += 1;
            if by_next.len() == frames
                && let Some((_, farthest)) = by_next.pop_last()
            {
                resident[farthest as usize] = false;
            }
        }
        by_next.insert((next[now], page));
    }
    faults
}

/// For each touch, when the same page is touched next.
fn next_touches(references: &[u32]) -> Vec<usize> {
    let mut next = vec![usize::MAX; references.len()];
    let mut seen = nowhere(references);
    for (now, &page) in references.iter().enumerate().rev() {
        let later = std::mem::replace(&mut seen[page as usize], now);
        next[now] = later;
    }
    next
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The string with which Bélády showed his anomaly.
    const BELADY: [u32; 12] = [1, 2, 3, 4, 1, 2, 5, 1, 2, 3, 4, 5];
    /// The string of a well-known textbook's figures.
    const TEXTBOOK: [u32; 20] = [7, 0, 1, 2, 0, 3, 0, 4, 2, 3, 0, 3, 2, 1, 2, 0, 1, 7, 0, 1];

    #[test]
    fn beladys_anomaly_shows_with_fifo() {
        let counts: Vec<u64> = (1..=5).map(|frames| Policy::Fifo.faults(&BELADY, frames)).collect();
        assert_eq!(counts, [12, 12, 9, 10, 5]);
    }

    /// Worked out by hand, a row for each touch: which pages are resident after it.
    #[test]
    fn lru_and_opt_agree_with_tables_made_by_hand() {
        // LRU with 3: 1|12|123|234|341|412|125|125|125|123|234|345: faults at all but touches 8 and 9.
        assert_eq!(Policy::Lru.faults(&BELADY, 3), 10);
        // LRU with 4: 1|12|123|1234| hit 1, hit 2 | 5 for 3 | hit 1, hit 2 | 3 for 4 | 4 for 5 | 5 for 1.
        assert_eq!(Policy::Lru.faults(&BELADY, 4), 8);
        // OPT with 3: 1|12|123|4 for 3| hit 1, hit 2 | 5 for 4 | hit 1, hit 2 | 3 for 1 | 4 for 3 or 2 | hit 5.
        assert_eq!(Policy::Opt.faults(&BELADY, 3), 7);
        // OPT with 4: 1|12|123|1234| hit, hit | 5 for 4 | hit 1, 2, 3 | 4 for one of them | hit 5.
        assert_eq!(Policy::Opt.faults(&BELADY, 4), 6);
    }

    #[test]
    fn the_textbooks_string_costs_what_the_textbook_says() {
        let count = |policy: Policy| policy.faults(&TEXTBOOK, 3);
        assert_eq!((count(Policy::Fifo), count(Policy::Opt), count(Policy::Lru)), (15, 9, 12));
    }

    /// Clock with 3 frames on 1 2 3 1 4 1 5: 4 finds every bit set, clears them, takes frame 0 from 1;
    /// 1 takes frame 1 from 2, its bit being clear; 5 takes frame 2 from 3.
    #[test]
    fn clock_gives_second_chances_in_the_order_of_the_frames() {
        assert_eq!(Policy::Clock.faults(&[1, 2, 3, 1, 4, 1, 5], 3), 6);
        // After 4 took frame 0, 2 is touched: the hand, at frame 1, spares it and takes 3.
        assert_eq!(Policy::Clock.faults(&[1, 2, 3, 4, 2, 5, 2], 3), 5);
    }

    #[test]
    fn aging_spares_what_was_touched_of_late() {
        // 4 ages all three alike and takes 1, the oldest; 2 is touched; 5 takes 3, not touched since.
        assert_eq!(Policy::Aging.faults(&[1, 2, 3, 4, 2, 5, 2], 3), 5);
    }

    #[test]
    fn with_room_for_all_only_first_touches_fault_and_with_none_all_do() {
        for policy in Policy::ALL {
            assert_eq!(policy.faults(&TEXTBOOK, 6), 6, "{policy:?}");
            assert_eq!(policy.faults(&TEXTBOOK, 0), 20, "{policy:?}");
            assert_eq!(policy.faults(&[], 3), 0, "{policy:?}");
        }
    }

    /// Whatever is touched, nothing beats OPT, and LRU never gets worse with more frames.
    #[test]
    fn opt_is_a_lower_bound_and_lru_is_a_stack_algorithm() {
        let mut seed = 1_u32;
        let mut touches = Vec::new();
        for _ in 0..2000 {
            seed = seed.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            touches.push((seed >> 24) % 19 * ((seed >> 20) % 2));
        }
        let mut before = u64::MAX;
        for frames in 1..=20 {
            let best = Policy::Opt.faults(&touches, frames);
            for policy in Policy::ALL {
                assert!(policy.faults(&touches, frames) >= best, "{policy:?} with {frames}");
            }
            let lru = Policy::Lru.faults(&touches, frames);
            assert!(lru <= before);
            before = lru;
        }
    }
}
