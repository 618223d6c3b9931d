//! The page in a real browser. Each test has a browser of its own.
//!
//! `cargo xtask test web` builds and serves the page, and says in the environment where everything
//! is; without that the tests are skipped, loudly, except on a CI machine. They are one program, so that no processor
//! waits for the last test of a file.
#![cfg(not(target_arch = "wasm32"))]

mod delivery;
mod faults;
#[path = "../foreign/mod.rs"]
mod foreign;
mod keys;
mod machines;
mod modes;
mod panes;
mod screens;
mod speed;
mod support;
mod time;
mod told;
mod tours;
mod trouble;
