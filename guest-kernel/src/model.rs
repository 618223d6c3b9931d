//! Random operations on several address spaces, against a model that knows only where each heap ends
//! and which bytes were written. The invariants of [`crate::testing::check`] hold after every step.

use std::{collections::BTreeMap, vec::Vec};

use faultline_abi::{PAGE_SIZE, VirtAddr, sv39::Access, trace::AreaKind};

use crate::{
    address_space::AddressSpace,
    frame::FramePool,
    pid::Pid,
    plan::Reason,
    sbrk::SbrkPolicy,
    testing::{area, check, image, pool, touch},
};

/// A generator of reproducible random numbers (Marsaglia's xorshift).
struct Random(u64);

impl Random {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

/// A heap, and what it should be.
struct Heap {
    space: AddressSpace,
    /// Bytes from start to end.
    length: u64,
    /// What was written where; all else is zero.
    bytes: BTreeMap<u64, u8>,
}

impl Heap {
    fn new(pool: &FramePool) -> Self {
        let space = image(pool, Pid::KERNEL.next()).unwrap().space;
        Self { space, length: 0, bytes: BTreeMap::new() }
    }

    fn at(&self, offset: u64) -> VirtAddr {
        area(&self.space, AreaKind::Heap).start.wrapping_add(offset)
    }

    /// The last page counts whole.
    fn whole_pages(&self) -> u64 {
        self.length.next_multiple_of(PAGE_SIZE)
    }

    fn sbrk(&mut self, delta: i64, policy: SbrkPolicy) {
        let new = self.length.checked_add_signed(delta);
        if self.space.sbrk(delta, policy).is_ok() {
            self.length = new.expect("a heap does not end below its start");
            let end = self.whole_pages();
            self.bytes.retain(|&offset, _| offset < end);
        } else {
            assert!(new.is_none() || policy == SbrkPolicy::Eager, "lazy sbrk needs no memory");
        }
    }

    fn store(&mut self, offset: u64, value: u8) {
        let va = self.at(offset);
        match touch(&mut self.space, va, Access::Store) {
            Ok(()) => {
                assert!(offset < self.whole_pages());
                let index = usize::try_from(va.page_offset()).unwrap();
                self.space.table.page_mut(va).unwrap()[index] = value;
                self.bytes.insert(offset, value);
            }
            Err(reason) => self.check_refusal(offset, reason),
        }
    }

    fn load(&mut self, offset: u64) {
        let mut byte = [0];
        match self.space.copyin(self.at(offset), &mut byte) {
            Ok(()) => {
                assert!(offset < self.whole_pages());
                assert_eq!(byte[0], self.bytes.get(&offset).copied().unwrap_or(0), "offset {offset:#x}");
            }
            Err(reason) => self.check_refusal(offset, reason),
        }
    }

    fn check_refusal(&self, offset: u64, reason: Reason) {
        assert!(offset >= self.whole_pages() || reason == Reason::OutOfMemory, "{offset:#x}: {reason}");
    }
}

fn step(heap: &mut Heap, policy: SbrkPolicy, random: &mut Random) {
    // Few places in each page, so that what was written is read again.
    let offset = random.below(20) * PAGE_SIZE + random.below(3) * (PAGE_SIZE / 2 - 1);
    match random.below(4) {
        0 => heap.sbrk(i64::try_from(random.below(8 * PAGE_SIZE)).unwrap() - 4 * 4096, policy),
        1 => heap.store(offset, random.below(256).to_le_bytes()[0]),
        _ => heap.load(offset),
    }
}

#[test]
fn spaces_behave_like_their_model_under_random_operations() {
    for (seed, policy) in [(1, SbrkPolicy::Lazy), (2, SbrkPolicy::Eager), (3, SbrkPolicy::Lazy)] {
        let mut random = Random(seed);
        // Too few frames for three full heaps, so that memory runs out now and then.
        let pool = pool(60);
        let mut heaps: Vec<_> = (0..3).map(|_| Heap::new(&pool)).collect();
        for _ in 0..3000 {
            let which = usize::try_from(random.below(3)).unwrap();
            step(&mut heaps[which], policy, &mut random);
            check(&pool, &heaps.iter().map(|heap| &heap.space).collect::<Vec<_>>());
        }
        drop(heaps);
        assert_eq!(pool.free_count(), pool.count());
    }
}
