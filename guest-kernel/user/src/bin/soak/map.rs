//! Memory of a worker, and what it must hold: one byte of each page is watched.

use faultline_user::{load, page, store};

/// Pages of one stretch, at most.
pub(crate) const PAGES_MAX: usize = 24;
/// Where in a page the watched byte is.
pub(crate) const WATCHED: usize = 9;

/// Who else sees the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    Heap,
    Private,
    Shared,
    FilePrivate,
    FileShared,
}

impl Kind {
    /// Whether a child's stores are seen by its parent.
    pub(crate) const fn is_shared(self) -> bool {
        matches!(self, Self::Shared | Self::FileShared)
    }
}

/// A stretch of pages.
#[derive(Clone, Copy)]
pub(crate) struct Map {
    pub(crate) kind: Kind,
    pub(crate) start: *mut u8,
    pub(crate) pages: usize,
    values: [u8; PAGES_MAX],
}

impl Map {
    pub(crate) fn new(kind: Kind, start: *mut u8, pages: usize, value: impl Fn(usize) -> u8) -> Self {
        Self { kind, start, pages, values: core::array::from_fn(value) }
    }

    fn at(&self, number: usize) -> *mut u8 {
        page(self.start, isize::try_from(number).unwrap_or(0)).wrapping_add(WATCHED)
    }

    pub(crate) fn store(&mut self, number: usize, value: u8) {
        store(self.at(number), value);
        self.values[number] = value;
    }

    /// What page `number` must hold.
    pub(crate) const fn value(&self, number: usize) -> u8 {
        self.values[number]
    }

    /// Page `number` may hold `value` instead: somebody else may have stored it. Whether it is either.
    pub(crate) fn adopt(&mut self, number: usize, value: u8) -> bool {
        let found = load(self.at(number));
        let expected = found == value || found == self.values[number];
        self.values[number] = found;
        expected
    }

    pub(crate) fn holds(&self, number: usize) -> bool {
        load(self.at(number)) == self.values[number]
    }

    pub(crate) fn holds_all(&self) -> bool {
        (0..self.pages).all(|number| self.holds(number))
    }

    /// The stretch has `pages` pages now; new ones are zero.
    pub(crate) fn resize(&mut self, pages: usize) {
        self.values[self.pages.min(pages)..].fill(0);
        self.pages = pages;
    }

    /// The first page is gone.
    pub(crate) fn drop_first(&mut self) {
        self.values.rotate_left(1);
        self.start = page(self.start, 1);
        self.pages -= 1;
    }
}
