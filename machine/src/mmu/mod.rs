//! Address translation: the walk, the cached translations, the known page tables, and physical
//! memory protection.

pub mod pmp;
pub(crate) mod tables;
pub(crate) mod tlb;
pub mod walk;

pub use walk::Walk;
