//! The colours of the grid of frames.

use std::rc::Rc;

use web_sys::{Element, HtmlCanvasElement};

use super::frames::KINDS;

/// What of the page the style sheet's colours depend on.
const ATTRIBUTES: [&str; 2] = ["data-theme", "data-modes"];
/// What of the system they depend on.
const MEDIA: [&str; 3] =
    ["(prefers-color-scheme: dark)", "(prefers-contrast: more)", "(forced-colors: active)"];

/// The theme in force.
#[derive(PartialEq)]
struct Theme {
    attributes: [Option<String>; ATTRIBUTES.len()],
    media: [bool; MEDIA.len()],
}

impl Theme {
    fn current() -> Option<Self> {
        let window = web_sys::window()?;
        let root = window.document()?.document_element()?;
        let matches = |query| window.match_media(query).ok().flatten().is_some_and(|query| query.matches());
        Some(Self { attributes: ATTRIBUTES.map(|name| root.get_attribute(name)), media: MEDIA.map(matches) })
    }
}

/// Colours, as the style sheet has them for the theme in force.
#[derive(PartialEq)]
pub(super) struct Palette {
    theme: Theme,
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
    /// The palette of the theme in force: the known one, where it is still that. To read colours makes the browser
    /// work out the styles of all that has changed, in the middle of the change.
    pub(super) fn current(canvas: &HtmlCanvasElement, known: Option<&Rc<Self>>) -> Option<Rc<Self>> {
        let theme = Theme::current()?;
        match known {
            Some(known) if known.theme == theme => Some(known.clone()),
            _ => Self::read(canvas, theme).map(Rc::new),
        }
    }

    /// Reads the computed colours of the hidden samples beside the canvas.
    fn read(canvas: &HtmlCanvasElement, theme: Theme) -> Option<Self> {
        let window = web_sys::window()?;
        let samples = canvas.parent_element()?.query_selector(".palette").ok()??.children();
        let style = |element: &Element, property: &str| {
            let computed = window.get_computed_style(element).ok()??;
            computed.get_property_value(property).ok()
        };
        let sample = |n: usize, property: &str| style(&samples.item(u32::try_from(n).ok()?)?, property);
        let kinds = (0..KINDS.len()).map(|n| Some((sample(n, "background-color")?, sample(n, "color")?)));
        Some(Self {
            theme,
            kinds: kinds.collect::<Option<_>>()?,
            free: sample(KINDS.len(), "border-top-color")?,
            selected: sample(KINDS.len() + 1, "border-top-color")?,
            fresh: sample(KINDS.len() + 2, "border-top-color")?,
            ground: style(canvas, "background-color")?,
            ink: style(canvas, "color")?,
        })
    }
}
