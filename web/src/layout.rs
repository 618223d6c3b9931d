//! Geometry: facts into rows, cells and percentages. Pure; the components only draw what stands here.

mod address;
mod frames;
mod space;
mod timeline;
mod tree;

pub use address::{Split, SplitField, split};
pub use frames::{FrameCell, FrameRun, frame_runs};
pub use space::{Cell, CellState, Leaves, Row, rows};
pub use timeline::{Shape, Tick, percent, ticks};
pub use tree::{Marks, TreeRow, tree_rows};
