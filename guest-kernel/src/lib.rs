//! A small Unix-like kernel.
