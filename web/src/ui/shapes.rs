//! The shapes of the timeline's marks: what each means, and how it is drawn.

use crate::layout::Shape;

/// What the marks mean; only those that occur are explained.
pub(super) const LEGEND: [(Shape, &str); 8] = [
    (Shape::Circle, "page given as promised"),
    (Shape::Diamond, "copy on write, copied"),
    (Shape::Hollow, "copy on write, nobody else has it: no copy"),
    (Shape::Square, "page of a file"),
    (Shape::Triangle, "back from swap"),
    (Shape::Cross, "refused, process killed"),
    (Shape::Ring, "missing, and the kernel itself noticed: no trap"),
    (Shape::Bar, "other page fault"),
];

/// The class of a shape in the style sheet.
pub(super) const fn class(shape: Shape) -> &'static str {
    match shape {
        Shape::Circle => "good",
        Shape::Diamond => "lazy",
        Shape::Square => "file",
        Shape::Triangle => "swap",
        Shape::Cross => "bad",
        Shape::Hollow => "lazy hollow",
        Shape::Ring => "ring",
        Shape::Bar => "other",
    }
}

/// Its outline, around the origin.
pub(super) const fn outline(shape: Shape) -> &'static str {
    match shape {
        Shape::Ring | Shape::Circle => "M-7 0A7 7 0 1 0 7 0A7 7 0 1 0 -7 0Z",
        Shape::Diamond | Shape::Hollow => "M0 -9L9 0L0 9L-9 0Z",
        Shape::Square => "M-6.5 -6.5H6.5V6.5H-6.5Z",
        Shape::Triangle => "M0 -8L8 7H-8Z",
        Shape::Cross => "M-8 -4L-4 -8L0 -4L4 -8L8 -4L4 0L8 4L4 8L0 4L-4 8L-8 4L-4 0Z",
        Shape::Bar => "M-2.5 -9H2.5V9H-2.5Z",
    }
}
