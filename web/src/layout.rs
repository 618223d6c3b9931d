//! Geometry: facts into rows, cells and percentages. Pure; the components only draw what stands here.

mod address;
mod grid;
mod plots;
mod runs;
mod space;
mod timeline;
mod tree;

pub use address::{Split, SplitField, split};
pub use grid::{Grid, Look, Looks, Mark, Place, Room, every_frame, used_frames};
pub use plots::{Curve, Curves, curves};
pub use runs::{Run, runs};
pub use space::{Cell, CellState, Leaves, Row, rows};
pub use timeline::{Shape, Tick, part, percent, shape, ticks};
pub use tree::{Marks, TreeRow, tree_rows};
