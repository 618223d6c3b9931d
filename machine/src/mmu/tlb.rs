//! Cached translations, from a virtual page straight to a frame.
//!
//! They are a cache and nothing else: whatever would make one of them differ from a fresh walk drops
//! it at once (a store to a page table, a write to `satp` or PMP). So they never change what the
//! guest sees, a keyframe need not keep them, and `sfence.vma` has nothing left to do.
//!
//! Translations depend on more than the page: on the tables, the privilege, SUM and MXR. There is one
//! small direct-mapped TLB for each such [`Context`], so that changing between kernel and user flushes
//! nothing.

use super::{Walk, walk::Rules};
use crate::ram::FrameIndex;

/// Entries of each direct-mapped array.
const ENTRIES: usize = 256;
/// Contexts remembered at a time.
const CONTEXTS: usize = 8;
/// A tag that no address has.
const NO_TAG: u64 = u64::MAX;

/// What a translation depends on beside the page, packed: MODE and PPN of `satp` in their places (both
/// zero where addresses are physical), and in the place of the ASID the privilege, SUM and MXR.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Context(u64);

impl Context {
    /// No access has this context: there is no such MODE.
    const NONE: Self = Self(u64::MAX);

    /// `tables` is `satp` without the ASID.
    pub(crate) fn new(tables: u64, rules: &Rules) -> Self {
        let bits = rules.privilege as u64 | u64::from(rules.sum) << 2 | u64::from(rules.mxr) << 3;
        Self(tables | bits << 44)
    }
}

/// A page and the frame behind it. Fetches keep the decoded page instead of the frame.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Entry {
    /// The address of the page.
    pub(crate) tag: u64,
    pub(crate) frame: FrameIndex,
}

const EMPTY: Entry = Entry { tag: NO_TAG, frame: 0 };

/// The entry of the array that may hold the page of `va`.
#[inline(always)]
pub(crate) const fn slot(va: u64) -> usize {
    (va >> 12) as usize & (ENTRIES - 1)
}

/// A direct-mapped array.
pub(crate) type Array = [Entry; ENTRIES];

/// What a translation is kept for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kept {
    Fetch,
    Load,
    /// Stores to a frame on which nothing depends: they need nothing but the translation.
    Store,
    /// Stores to a frame on which something depends, a page table for example.
    GuardedStore,
}

impl Kept {
    const ALL: [Self; 4] = [Self::Fetch, Self::Load, Self::Store, Self::GuardedStore];
}

/// The translations of one context.
#[derive(Debug)]
pub(crate) struct Set {
    context: Context,
    pub(crate) fetch: Box<Array>,
    pub(crate) load: Box<Array>,
    pub(crate) store: Box<Array>,
    guarded_store: Box<Array>,
}

impl Set {
    fn new() -> Self {
        let array = || Box::new([EMPTY; ENTRIES]);
        Self { context: Context::NONE, fetch: array(), load: array(), store: array(), guarded_store: array() }
    }

    fn array(&mut self, kept: Kept) -> &mut Array {
        match kept {
            Kept::Fetch => &mut self.fetch,
            Kept::Load => &mut self.load,
            Kept::Store => &mut self.store,
            Kept::GuardedStore => &mut self.guarded_store,
        }
    }

    fn drop_page(&mut self, page: u64) {
        for kept in Kept::ALL {
            let entry = &mut self.array(kept)[slot(page)];
            if entry.tag == page {
                *entry = EMPTY;
            }
        }
    }
}

/// What a set is asked for: the two alternate, and often differ.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum For {
    Fetches,
    Data,
}

/// The cached translations of one hart.
#[derive(Debug)]
pub(crate) struct Tlb {
    sets: Vec<Set>,
    /// The set that is given up when another context needs one.
    oldest: usize,
    /// The sets that were asked for last, for fetches and for data.
    recent: [usize; 2],
    /// The page whose accesses are to be seen: it is never cached. No page has the tag [`NO_TAG`].
    watched: u64,
    /// The walk that the last miss led to.
    pub(crate) walk: Walk,
}

impl Tlb {
    pub(crate) fn new() -> Self {
        Self {
            sets: (0..CONTEXTS).map(|_| Set::new()).collect(),
            oldest: 0,
            recent: [0; 2],
            watched: NO_TAG,
            walk: Walk::none(),
        }
    }

    /// The number of the set of `context`, which is emptied first where it belonged to another.
    #[inline]
    pub(crate) fn select(&mut self, context: Context, what: For) -> usize {
        let recent = self.recent[what as usize];
        if self.sets[recent].context == context { recent } else { self.find(context, what) }
    }

    #[inline(never)]
    fn find(&mut self, context: Context, what: For) -> usize {
        let held = self.sets.iter().position(|set| set.context == context);
        let number = held.unwrap_or_else(|| self.replace(context));
        self.recent[what as usize] = number;
        number
    }

    fn replace(&mut self, context: Context) -> usize {
        let free = self.sets.iter().position(|set| set.context == Context::NONE);
        let number = free.unwrap_or(self.oldest);
        self.oldest = (number + 1) % CONTEXTS;
        let set = &mut self.sets[number];
        set.context = context;
        for kept in Kept::ALL {
            set.array(kept).fill(EMPTY);
        }
        number
    }

    /// A set by the number that [`Tlb::select`] gave.
    #[inline]
    pub(crate) fn set(&self, number: usize) -> &Set {
        &self.sets[number]
    }

    pub(crate) fn fill(&mut self, context: Context, kept: Kept, va: u64, frame: FrameIndex) {
        let what = if kept == Kept::Fetch { For::Fetches } else { For::Data };
        let number = self.select(context, what);
        let tag = va & !0xfff;
        if tag == self.watched {
            return;
        }
        self.sets[number].array(kept)[slot(va)] = Entry { tag, frame };
    }

    /// The frame behind `va` if stores may go there and something depends on it.
    pub(crate) fn guarded_store(&mut self, context: Context, va: u64) -> Option<FrameIndex> {
        let number = self.select(context, For::Data);
        let entry = self.sets[number].guarded_store[slot(va)];
        (entry.tag == va & !0xfff).then_some(entry.frame)
    }

    /// Never caches the page of `va` from now on, or caches every page again.
    pub(crate) fn watch(&mut self, va: Option<u64>) {
        self.watched = va.map_or(NO_TAG, |va| va & !0xfff);
        self.drop_page(self.watched);
    }

    /// Whether the page of `va` is watched.
    pub(crate) const fn is_watched(&self, va: u64) -> bool {
        va & !0xfff == self.watched
    }

    /// Forgets everything.
    pub(crate) fn drop_all(&mut self) {
        for set in &mut self.sets {
            set.context = Context::NONE;
        }
    }

    /// Forgets what is known about the page at `va`, in every context.
    pub(crate) fn drop_page(&mut self, va: u64) {
        for set in self.live_sets() {
            set.drop_page(va & !0xfff);
        }
    }

    /// Forgets which pages may be written: something now depends on the contents of a frame, or a
    /// keyframe has made every frame clean.
    pub(crate) fn drop_stores(&mut self) {
        for set in self.live_sets() {
            set.store.fill(EMPTY);
        }
    }

    /// Forgets where instructions are.
    pub(crate) fn drop_fetches(&mut self) {
        for set in self.live_sets() {
            set.fetch.fill(EMPTY);
        }
    }

    fn live_sets(&mut self) -> impl Iterator<Item = &mut Set> {
        self.sets.iter_mut().filter(|set| set.context != Context::NONE)
    }
}
