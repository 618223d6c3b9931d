//! The colours of the grid of frames.

use web_sys::{Element, HtmlCanvasElement};

use super::frames::KINDS;

/// Colours, as the style sheet has them for the theme in force.
#[derive(Clone, PartialEq)]
pub(super) struct Palette {
    /// For each of [`KINDS`]: ground and letter.
    pub kinds: Vec<(String, String)>,
    /// Outline of a free frame.
    pub free: String,
    /// Outline of what belongs to the selection.
    pub selected: String,
    /// Outline of what the last events were about.
    pub fresh: String,
    /// Behind the cells.
    pub ground: String,
    /// Marks on the cells.
    pub ink: String,
}

impl Palette {
    /// Reads the computed colours of the hidden samples beside the canvas.
    pub(super) fn read(canvas: &HtmlCanvasElement) -> Option<Self> {
        let window = web_sys::window()?;
        let samples = canvas.parent_element()?.query_selector(".palette").ok()??.children();
        let style = |element: &Element, property: &str| {
            let computed = window.get_computed_style(element).ok()??;
            computed.get_property_value(property).ok()
        };
        let sample = |n: usize, property: &str| style(&samples.item(u32::try_from(n).ok()?)?, property);
        let kinds = (0..KINDS.len()).map(|n| Some((sample(n, "background-color")?, sample(n, "color")?)));
        Some(Self {
            kinds: kinds.collect::<Option<_>>()?,
            free: sample(KINDS.len(), "border-top-color")?,
            selected: sample(KINDS.len() + 1, "border-top-color")?,
            fresh: sample(KINDS.len() + 2, "border-top-color")?,
            ground: style(canvas, "background-color")?,
            ink: style(canvas, "color")?,
        })
    }
}
