//! The kernel for the board. Everything is in the library, which also runs its tests on the host;
//! there, this program does nothing.
#![cfg_attr(target_os = "none", no_std, no_main)]

#[cfg(target_os = "none")]
use faultline_kernel as _;

#[cfg(not(target_os = "none"))]
fn main() {}
