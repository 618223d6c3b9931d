//! Address translation.

pub mod walk;

pub use walk::Walk;
