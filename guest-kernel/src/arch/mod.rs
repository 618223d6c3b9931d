//! The machine under the kernel: assembly, registers, devices, and the `unsafe` that they take.
//!
//! What the rest of the kernel calls is safe. On the host, where unit tests run, only what the plain
//! logic needs exists.

#[cfg(not(target_os = "none"))]
mod host;
#[cfg(target_os = "none")]
mod riscv;

#[cfg(not(target_os = "none"))]
pub use host::*;
#[cfg(target_os = "none")]
pub use riscv::*;
