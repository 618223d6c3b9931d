//! One file for each command.

pub(crate) mod bench;
mod bench_page;
mod bench_time;
pub(crate) mod bless;
pub(crate) mod differential;
pub(crate) mod dist;
pub(crate) mod doctor;
pub(crate) mod fuzz;
pub(crate) mod guest;
pub(crate) mod mutants;
pub(crate) mod qemu;
pub(crate) mod replay;
pub(crate) mod serve;
pub(crate) mod soak;
pub(crate) mod sweep;
pub(crate) mod test;
pub(crate) mod trunk;
pub(crate) mod vmtests;
