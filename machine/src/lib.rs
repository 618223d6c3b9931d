//! A deterministic RV64 board.
