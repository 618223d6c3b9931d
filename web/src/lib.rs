//! The page: a worker runs the machine, a Yew application shows it.
//!
//! Everything that decides is pure and tested on the host: [`state`] folds the kernel's events into
//! what is shown, [`episode`] groups them by page fault, [`layout`] turns both into geometry,
//! [`model`] reduces what the worker reports, and [`engine`] is the worker's side without a browser.
//! [`ui`] only draws. The page knows nothing about the machine but [`protocol`].

pub mod arrangement;
pub mod catalogue;
pub mod comparison;
pub mod engine;
pub mod export;
pub mod heap;
pub mod layout;
pub mod linked;
pub mod model;
pub mod modes;
pub mod predict;
pub mod protocol;
pub mod replacement;
pub mod search;
pub mod snapshot;
pub mod story;
pub mod sweep;
pub mod tour;
pub mod ui;

#[cfg(test)]
use faultline_machine::narrate::testing;
pub use faultline_machine::narrate::{card, episode, state, words};
