//! A run in words: events folded into what the kernel has told, grouped by page fault, and said in
//! sentences that a student understands. The page and the command line speak the same ones.
//!
//! Everything here is pure: events in, words out. [`state`] folds the kernel's events, [`episode`]
//! groups them by page fault, [`card`] is one page fault with its answer, and [`words`] names things.

pub mod card;
pub mod episode;
pub mod state;
#[cfg(any(test, feature = "testing"))]
#[doc(hidden)]
pub mod testing;
pub mod words;
