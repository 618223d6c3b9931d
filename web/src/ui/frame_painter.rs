//! Paints cells on a canvas.

use std::cell::Cell;
use std::rc::Rc;

use wasm_bindgen::JsCast;
use web_sys::{CanvasRenderingContext2d, HtmlCanvasElement};

use super::frame_palette::Palette;
use super::frames::KINDS;
use crate::layout::{Grid, Look, Mark};

/// Cells from this size on carry a letter, in CSS pixels.
const LETTERS_FROM: u32 = 12;

/// What was painted last, so that only what differs is painted again.
#[derive(Default)]
pub(super) struct Painter {
    looks: Vec<Look>,
    cursor: Option<usize>,
    frame: Option<Frame>,
}

/// What makes everything be painted again when it changes.
#[derive(Clone, PartialEq)]
struct Frame {
    grid: Grid,
    scale: f64,
    palette: Rc<Palette>,
}

impl Painter {
    /// Paints what has changed.
    pub(super) fn paint(
        &mut self,
        canvas: &HtmlCanvasElement,
        grid: Grid,
        looks: &[Look],
        cursor: Option<usize>,
    ) {
        let scale = web_sys::window().map_or(1.0, |window| window.device_pixel_ratio());
        let known = self.frame.as_ref().map(|frame| &frame.palette);
        let Some(palette) = Palette::current(canvas, known) else { return };
        let frame = Frame { grid, scale, palette };
        let Some(context) = context(canvas) else { return };
        let anew = self.frame.as_ref() != Some(&frame) || self.looks.len() != looks.len();
        if anew {
            resize(canvas, &frame);
        }
        let _ = context.set_transform(scale, 0.0, 0.0, scale, 0.0, 0.0);
        let brush = Brush { context: &context, frame: &frame, filled: Cell::new("") };
        if anew {
            self.looks.clear();
            if brush.free_cells(looks.len()) {
                self.looks.resize(looks.len(), Look::default());
            }
        }
        for (index, &look) in looks.iter().enumerate() {
            let touched = cursor == Some(index) || self.cursor == Some(index);
            if touched || self.looks.get(index) != Some(&look) {
                brush.cell(index, look, cursor == Some(index));
            }
        }
        self.looks.clear();
        self.looks.extend_from_slice(looks);
        self.cursor = cursor;
        self.frame = Some(frame);
    }
}

fn context(canvas: &HtmlCanvasElement) -> Option<CanvasRenderingContext2d> {
    canvas.get_context("2d").ok()??.dyn_into().ok()
}

fn resize(canvas: &HtmlCanvasElement, frame: &Frame) {
    #[expect(clippy::cast_possible_truncation, clippy::cast_sign_loss, reason = "a canvas is small")]
    let pixels = |length: u32| (f64::from(length) * frame.scale).ceil() as u32;
    let columns = u32::try_from(frame.grid.columns).unwrap_or(1);
    let (width, height) = (columns * frame.grid.pitch, frame.grid.height());
    canvas.set_width(pixels(width));
    canvas.set_height(pixels(height));
    // Setting properties of a style object is allowed where style attributes are not.
    let style = canvas.style();
    let _ = style.set_property("width", &format!("{width}px"));
    let _ = style.set_property("height", &format!("{height}px"));
}

struct Brush<'a> {
    context: &'a CanvasRenderingContext2d,
    frame: &'a Frame,
    /// The colour that was set last for filling.
    filled: Cell<&'a str>,
}

impl<'a> Brush<'a> {
    /// Paints so many free cells on an empty canvas, if they are of the kind that is only tinted; whether it has. One
    /// ground and the lines between the cells take a hundredth of what tens of thousands of cells do.
    fn free_cells(&self, count: usize) -> bool {
        let Grid { columns, rows, pitch } = self.frame.grid;
        if count == 0 || pitch >= LETTERS_FROM {
            return false;
        }
        let at = |cells: usize| u32::try_from(cells).map_or(0.0, f64::from) * f64::from(pitch);
        let (width, height) = (at(columns), at(rows));
        self.tint(0.0, 0.0, width, height);
        let gap = gap(pitch);
        (1..=columns).for_each(|column| self.context.clear_rect(at(column) - gap, 0.0, gap, height));
        (1..=rows).for_each(|row| self.context.clear_rect(0.0, at(row) - gap, width, gap));
        let last = at(count - (rows - 1) * columns);
        self.context.clear_rect(last, at(rows - 1), width - last, at(1));
        true
    }

    fn fill_with(&self, colour: &'a str) {
        if self.filled.replace(colour) != colour {
            self.context.set_fill_style_str(colour);
        }
    }

    fn cell(&self, index: usize, look: Look, under_cursor: bool) {
        let (x, y) = self.frame.grid.corner(index);
        let (x, y, pitch) = (f64::from(x), f64::from(y), f64::from(self.frame.grid.pitch));
        self.context.clear_rect(x, y, pitch, pitch);
        let side = pitch - gap(self.frame.grid.pitch);
        self.ground(look, x, y, side);
        if self.frame.grid.pitch >= LETTERS_FROM {
            self.letter(look, x, y, side);
        }
        self.marks(look, x, y, side);
        if under_cursor {
            self.outline(&self.frame.palette.ink, x, y, side, 1.5);
        }
    }

    fn kind(&self, look: Look) -> Option<usize> {
        let kind = look.kind()?;
        KINDS.iter().position(|&(known, ..)| known == kind)
    }

    fn ground(&self, look: Look, x: f64, y: f64, side: f64) {
        let palette = &self.frame.palette;
        match self.kind(look) {
            Some(kind) => {
                self.fill_with(&palette.kinds[kind].0);
                self.context.fill_rect(x, y, side, side);
            }
            None if look.shows(Mark::Gap) => {
                self.fill_with(&palette.free);
                for dot in [0.2, 0.45, 0.7] {
                    self.context.fill_rect(x + side * dot, y + side * 0.5, 2.0, 2.0);
                }
            }
            None => self.free(x, y, side),
        }
    }

    /// Small free cells are only tinted: thousands of outlines would drown the rest.
    fn free(&self, x: f64, y: f64, side: f64) {
        let palette = &self.frame.palette;
        if self.frame.grid.pitch >= LETTERS_FROM {
            return self.outline(&palette.free, x, y, side, 0.5);
        }
        self.tint(x, y, side, side);
    }

    fn tint(&self, x: f64, y: f64, width: f64, height: f64) {
        self.fill_with(&self.frame.palette.free);
        self.context.set_global_alpha(0.18);
        self.context.fill_rect(x, y, width, height);
        self.context.set_global_alpha(1.0);
    }

    /// The letter of its kind, or how many share it.
    fn letter(&self, look: Look, x: f64, y: f64, side: f64) {
        let Some(kind) = self.kind(look) else { return };
        let text = if look.refs() > 1 { look.refs().to_string() } else { KINDS[kind].2.to_owned() };
        self.fill_with(&self.frame.palette.kinds[kind].1);
        self.context.set_font(&format!("700 {}px sans-serif", (side * 0.5).round()));
        self.context.set_text_align("center");
        self.context.set_text_baseline("middle");
        let _ = self.context.fill_text(&text, x + side / 2.0, y + side / 2.0 + 0.5);
    }

    fn marks(&self, look: Look, x: f64, y: f64, side: f64) {
        let palette = &self.frame.palette;
        let spot = (side / 4.0).max(1.0);
        if look.shows(Mark::Dirty) {
            // As its letter: what can be read on the ground can be seen on it.
            let letter = self.kind(look).map_or(&palette.ink, |kind| &palette.kinds[kind].1);
            self.fill_with(letter);
            self.context.fill_rect(x + side - spot, y + side - spot, spot, spot);
        }
        if look.shows(Mark::Accessed) && side >= f64::from(LETTERS_FROM) {
            self.fill_with(&palette.ground);
            self.context.fill_rect(x + 1.5, y + 1.5, spot, 2.0);
        }
        if look.shows(Mark::Fresh) {
            self.outline(&palette.fresh, x, y, side, 2.0);
        }
        if look.shows(Mark::Selected) {
            self.outline(&palette.selected, x, y, side, 2.5);
        }
        if look.shows(Mark::Hand) {
            self.hand(x, y, side);
        }
    }

    /// A triangle that points down at the cell.
    fn hand(&self, x: f64, y: f64, side: f64) {
        self.fill_with(&self.frame.palette.ink);
        self.context.begin_path();
        self.context.move_to(x, y);
        self.context.line_to(x + side, y);
        self.context.line_to(x + side / 2.0, y + side / 2.0);
        self.context.fill();
    }

    fn outline(&self, colour: &str, x: f64, y: f64, side: f64, width: f64) {
        let width = width.min(side / 3.0);
        self.context.set_stroke_style_str(colour);
        self.context.set_line_width(width);
        self.context.stroke_rect(x + width / 2.0, y + width / 2.0, side - width, side - width);
    }
}

/// What is left free between cells.
const fn gap(pitch: u32) -> f64 {
    if pitch < LETTERS_FROM { 1.0 } else { 2.0 }
}
