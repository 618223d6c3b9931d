//! A pane as the browser has laid it out, taken apart into shapes.

use wasm_bindgen::JsCast;
use web_sys::{
    CssStyleDeclaration, DomRect, Element, HtmlCanvasElement, HtmlInputElement, Node, SvgGraphicsElement,
    Window,
};

use crate::export::{Font, Frame, Outline, Shape, document};

/// SVG elements whose geometry is their attributes.
const DRAWINGS: [&str; 7] = ["path", "rect", "circle", "line", "polyline", "polygon", "ellipse"];
/// What does not belong to a picture of a pane: its own tools.
const LEFT_OUT: [&str; 2] = ["tools", "visually-hidden"];

/// A picture, and its size in pixels.
pub(super) struct Picture {
    pub svg: String,
    pub width: f64,
    pub height: f64,
}

/// The element with this id as an SVG document; `None` where it is not on the page.
pub(super) fn picture(id: &str, title: &str) -> Option<Picture> {
    let window = web_sys::window()?;
    let element = window.document()?.get_element_by_id(id)?;
    let corner = element.get_bounding_client_rect();
    let mut taker = Taker { window, corner, shapes: Vec::new() };
    taker.element(&element);
    let body = taker.window.document()?.body()?;
    let background = taker.style(&body).map(|style| value(&style, "background-color")).unwrap_or_default();
    let (width, height) = (taker.corner.width(), taker.corner.height());
    let svg = document(title, width, height, &background, &taker.shapes);
    Some(Picture { svg, width, height })
}

struct Taker {
    window: Window,
    corner: DomRect,
    shapes: Vec<Shape>,
}

impl Taker {
    fn element(&mut self, element: &Element) {
        let Some(style) = self.style(element) else { return };
        let is_hidden = value(&style, "display") == "none" || value(&style, "visibility") == "hidden";
        if is_hidden || LEFT_OUT.iter().any(|class| element.class_list().contains(class)) {
            return;
        }
        let name = element.tag_name().to_ascii_lowercase();
        match name.as_str() {
            "canvas" => self.canvas(element),
            "title" | "desc" | "defs" | "option" => return,
            _ if self.drawing(element, &name, &style) => return,
            _ if element.namespace_uri().as_deref() == Some("http://www.w3.org/2000/svg") => {}
            _ => self.ground(element, &style),
        }
        if name == "input" || name == "select" {
            return self.field(element, &style);
        }
        let children = element.child_nodes();
        for child in (0..children.length()).filter_map(|i| children.item(i)) {
            match child.dyn_ref::<Element>() {
                Some(child) => self.element(child),
                None if child.node_type() == Node::TEXT_NODE => self.text(&child, &style),
                None => {}
            }
        }
    }

    fn style(&self, element: &Element) -> Option<CssStyleDeclaration> {
        self.window.get_computed_style(element).ok().flatten()
    }

    fn frame(&self, rect: &DomRect) -> Frame {
        let (x, y) = (rect.x() - self.corner.x(), rect.y() - self.corner.y());
        Frame { x, y, width: rect.width(), height: rect.height() }
    }

    /// The box behind an element: background and border.
    fn ground(&mut self, element: &Element, style: &CssStyleDeclaration) {
        let frame = self.frame(&element.get_bounding_client_rect());
        let fill = value(style, "background-color");
        let sides = ["top", "right", "bottom", "left"];
        let widths = sides.map(|side| pixels(style, &format!("border-{side}-width")));
        let colour = |side: &str| value(style, &format!("border-{side}-color"));
        let is_even = widths.iter().all(|width| (width - widths[0]).abs() < 0.01);
        let width = if is_even { widths[0] } else { 0.0 };
        let is_dashed = matches!(&*value(style, "border-top-style"), "dashed" | "dotted");
        if !is_clear(&fill) || width > 0.0 {
            let inset = inset(frame, width / 2.0);
            let outline = Outline { fill, stroke: colour("top"), width, is_dashed };
            self.shapes.push(Shape::Box(inset, pixels(style, "border-top-left-radius"), outline));
        }
        if !is_even {
            self.sides(frame, widths, sides.map(colour));
        }
    }

    /// Borders that are not the same all around, as boxes of their own.
    fn sides(&mut self, frame: Frame, widths: [f64; 4], colours: [String; 4]) {
        let Frame { x, y, width, height } = frame;
        let [top, right, bottom, left] = widths;
        let boxes = [
            Frame { height: top, ..frame },
            Frame { x: x + width - right, width: right, ..frame },
            Frame { y: y + height - bottom, height: bottom, ..frame },
            Frame { width: left, ..frame },
        ];
        for ((side, fill), width) in boxes.into_iter().zip(colours).zip(widths) {
            if width > 0.0 && !is_clear(&fill) {
                self.shapes.push(Shape::Box(side, 0.0, Outline { fill, ..Outline::default() }));
            }
        }
    }

    /// A shape of an inline SVG; whether the element was one.
    fn drawing(&mut self, element: &Element, name: &str, style: &CssStyleDeclaration) -> bool {
        let Some(&name) = DRAWINGS.iter().find(|known| **known == name) else { return false };
        let matrix = element.dyn_ref::<SvgGraphicsElement>().and_then(SvgGraphicsElement::get_screen_ctm);
        let Some(matrix) = matrix else { return true };
        let [a, b, c, d] = [matrix.a(), matrix.b(), matrix.c(), matrix.d()].map(f64::from);
        let place = [f64::from(matrix.e()) - self.corner.x(), f64::from(matrix.f()) - self.corner.y()];
        let outline = Outline {
            fill: value(style, "fill"),
            stroke: value(style, "stroke"),
            width: if value(style, "stroke") == "none" { 0.0 } else { pixels(style, "stroke-width") },
            is_dashed: value(style, "stroke-dasharray") != "none",
        };
        self.shapes.push(Shape::Drawing(name, geometry(element), [a, b, c, d, place[0], place[1]], outline));
        true
    }

    fn canvas(&mut self, element: &Element) {
        let data = element.dyn_ref::<HtmlCanvasElement>().and_then(|canvas| canvas.to_data_url().ok());
        if let Some(data) = data {
            self.shapes.push(Shape::Picture(self.frame(&element.get_bounding_client_rect()), data));
        }
    }

    /// What a field holds, at its left. How wide that is the browser does not tell.
    fn field(&mut self, element: &Element, style: &CssStyleDeclaration) {
        let text = match element.dyn_ref::<HtmlInputElement>() {
            Some(input) if matches!(&*input.type_(), "text" | "number" | "search") => input.value(),
            Some(_) => return,
            None => element
                .query_selector("option:checked")
                .ok()
                .flatten()
                .and_then(|option| option.text_content())
                .unwrap_or_default(),
        };
        let frame = inset(self.frame(&element.get_bounding_client_rect()), 6.0);
        if !text.is_empty() {
            self.shapes.push(Shape::Word(Frame { width: 0.0, ..frame }, font(style), text));
        }
    }

    /// The words of a text, each where it stands.
    fn text(&mut self, node: &Node, style: &CssStyleDeclaration) {
        let text: Vec<u16> = node.text_content().unwrap_or_default().encode_utf16().collect();
        let is_space = |unit: u16| matches!(unit, 0x20 | 0x09 | 0x0a | 0x0d);
        let Ok(range) =
            self.window.document().map_or(Err(()), |document| document.create_range().map_err(drop))
        else {
            return;
        };
        let mut start = 0;
        for word in text.split(|&unit| is_space(unit)) {
            let end = start + word.len();
            let ends = [start, end].map(|at| u32::try_from(at).unwrap_or(u32::MAX));
            if !word.is_empty()
                && range.set_start(node, ends[0]).is_ok()
                && range.set_end(node, ends[1]).is_ok()
            {
                let frame = self.frame(&range.get_bounding_client_rect());
                if frame.width > 0.0 {
                    self.shapes.push(Shape::Word(frame, font(style), String::from_utf16_lossy(word)));
                }
            }
            start = end + 1;
        }
    }
}

fn value(style: &CssStyleDeclaration, name: &str) -> String {
    style.get_property_value(name).unwrap_or_default()
}

fn pixels(style: &CssStyleDeclaration, name: &str) -> f64 {
    value(style, name).trim_end_matches("px").parse().unwrap_or(0.0)
}

fn is_clear(colour: &str) -> bool {
    colour == "transparent" || colour == "rgba(0, 0, 0, 0)"
}

fn font(style: &CssStyleDeclaration) -> Font {
    Font {
        family: value(style, "font-family"),
        size: pixels(style, "font-size"),
        weight: value(style, "font-weight"),
        fill: value(style, "color"),
    }
}

const fn inset(frame: Frame, by: f64) -> Frame {
    let Frame { x, y, width, height } = frame;
    Frame { x: x + by, y: y + by, width: width - 2.0 * by, height: height - 2.0 * by }
}

/// The attributes of a shape that are its geometry; its looks come from the style.
fn geometry(element: &Element) -> Vec<(String, String)> {
    const NAMES: [&str; 15] =
        ["d", "x", "y", "width", "height", "rx", "ry", "cx", "cy", "r", "x1", "y1", "x2", "y2", "points"];
    NAMES.into_iter().filter_map(|name| Some((name.to_owned(), element.get_attribute(name)?))).collect()
}
