//! User programs.
