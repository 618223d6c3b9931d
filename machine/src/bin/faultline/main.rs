//! The command `faultline`.
fn main() {}
