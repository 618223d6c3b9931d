//! What leaves the page: panes as SVG, the trace as JSON and CSV; pure.

mod svg;
mod table;

pub use svg::{Font, Frame, Outline, Shape, document};
pub use table::{csv, json};
