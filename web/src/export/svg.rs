//! A picture of a pane: boxes, words and outlines where the browser has laid them out.
//!
//! Words are placed one by one and told their length, so that the picture keeps its layout with
//! another font.

use std::fmt::{self, Write};

/// A rectangle in CSS pixels, from the picture's corner.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Frame {
    /// From the left.
    pub x: f64,
    /// From the top.
    pub y: f64,
    /// Width.
    pub width: f64,
    /// Height.
    pub height: f64,
}

/// How the letters of a word look; values of CSS.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Font {
    /// Families.
    pub family: String,
    /// Size in pixels.
    pub size: f64,
    /// Weight.
    pub weight: String,
    /// Colour.
    pub fill: String,
}

/// How a line is drawn around something; values of CSS.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Outline {
    /// Colour inside.
    pub fill: String,
    /// Colour of the line.
    pub stroke: String,
    /// Its width in pixels; 0 for none.
    pub width: f64,
    /// Whether it is broken.
    pub is_dashed: bool,
}

/// Something in the picture.
#[derive(Clone, Debug, PartialEq)]
pub enum Shape {
    /// A box with a corner radius.
    Box(Frame, f64, Outline),
    /// A word; it fills the width of its frame, where that has one.
    Word(Frame, Font, String),
    /// A drawing: the name of an SVG element, its geometry as attributes, and the matrix that places it.
    Drawing(&'static str, Vec<(String, String)>, [f64; 6], Outline),
    /// A picture, as the address of its data.
    Picture(Frame, String),
}

/// The SVG document.
#[must_use]
pub fn document(title: &str, width: f64, height: f64, background: &str, shapes: &[Shape]) -> String {
    let mut text = String::new();
    // Writing to a string cannot fail.
    let _ = write_document(&mut text, title, (width, height), background, shapes);
    text
}

fn write_document(
    out: &mut String,
    title: &str,
    (width, height): (f64, f64),
    background: &str,
    shapes: &[Shape],
) -> fmt::Result {
    writeln!(
        out,
        r#"<svg xmlns="http://www.w3.org/2000/svg" width="{width:.0}" height="{height:.0}" viewBox="0 0 {width:.0} {height:.0}" role="img">"#
    )?;
    writeln!(out, "<title>{}</title>", Escaped(title))?;
    writeln!(out, r#"<rect width="100%" height="100%" fill="{}"/>"#, Escaped(background))?;
    shapes.iter().try_for_each(|shape| write_shape(out, shape))?;
    out.write_str("</svg>\n")
}

fn write_shape(out: &mut String, shape: &Shape) -> fmt::Result {
    match shape {
        Shape::Box(frame, radius, outline) => {
            write!(out, "<rect {} rx=\"{radius:.1}\" ", Placed(frame))?;
            write_outline(out, outline)?;
            out.write_str("/>\n")
        }
        Shape::Word(frame, font, word) => write_word(out, frame, font, word),
        Shape::Drawing(name, attributes, [a, b, c, d, e, f], outline) => {
            write!(out, r#"<{name} transform="matrix({a:.4} {b:.4} {c:.4} {d:.4} {e:.2} {f:.2})" "#)?;
            for (attribute, value) in attributes {
                write!(out, "{attribute}=\"{}\" ", Escaped(value))?;
            }
            write_outline(out, outline)?;
            out.write_str("/>\n")
        }
        Shape::Picture(frame, data) => writeln!(out, "<image {} href=\"{}\"/>", Placed(frame), Escaped(data)),
    }
}

/// The letters stand on a line at four fifths of their height, and fill the frame's width where that is known.
fn write_word(out: &mut String, frame: &Frame, font: &Font, word: &str) -> fmt::Result {
    let Font { family, size, weight, fill } = font;
    let length = match frame.width {
        width if width > 0.0 => format!(r#" textLength="{width:.2}" lengthAdjust="spacingAndGlyphs""#),
        _ => String::new(),
    };
    writeln!(
        out,
        r#"<text x="{:.2}" y="{:.2}"{length} font-family="{}" font-size="{size:.2}" font-weight="{}" fill="{}">{}</text>"#,
        frame.x,
        frame.y + (frame.height - size) / 2.0 + size * 0.8,
        Escaped(family),
        Escaped(weight),
        Escaped(fill),
        Escaped(word)
    )
}

fn write_outline(out: &mut String, outline: &Outline) -> fmt::Result {
    let Outline { fill, stroke, width, is_dashed } = outline;
    write!(out, r#"fill="{}""#, Escaped(fill))?;
    if *width > 0.0 {
        write!(out, r#" stroke="{}" stroke-width="{width:.2}""#, Escaped(stroke))?;
        if *is_dashed {
            write!(out, r#" stroke-dasharray="{:.1}""#, 2.0 * width)?;
        }
    }
    Ok(())
}

struct Placed<'a>(&'a Frame);

impl fmt::Display for Placed<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Frame { x, y, width, height } = self.0;
        write!(f, r#"x="{x:.2}" y="{y:.2}" width="{width:.2}" height="{height:.2}""#)
    }
}

/// Text inside a document: whatever a guest prints stays text, and what XML cannot hold is replaced.
struct Escaped<'a>(&'a str);

impl fmt::Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.chars().try_for_each(|letter| match letter {
            '&' => f.write_str("&amp;"),
            '<' => f.write_str("&lt;"),
            '>' => f.write_str("&gt;"),
            '"' => f.write_str("&quot;"),
            '\t' | '\n' => f.write_char(letter),
            '\u{fffe}' | '\u{ffff}' => f.write_char('\u{fffd}'),
            letter if letter.is_control() => f.write_char('\u{fffd}'),
            letter => f.write_char(letter),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn outline(width: f64) -> Outline {
        Outline { fill: "none".into(), stroke: "red".into(), width, is_dashed: true }
    }

    #[test]
    fn every_shape_becomes_an_element() {
        let frame = Frame { x: 1.0, y: 2.0, width: 30.0, height: 16.0 };
        let font =
            Font { family: "\"Noto\", serif".into(), size: 10.0, weight: "700".into(), fill: "#000".into() };
        let path = vec![("d".to_owned(), "M0 0L1 1".to_owned())];
        let shapes = [
            Shape::Box(frame, 4.0, outline(2.0)),
            Shape::Word(frame, font.clone(), "fault".into()),
            Shape::Word(Frame { width: 0.0, ..frame }, font, "chosen".into()),
            Shape::Drawing("path", path, [1.0, 0.0, 0.0, 1.0, 5.0, 6.0], outline(0.0)),
            Shape::Picture(frame, "data:image/png;base64,AA==".into()),
        ];
        let svg = document("Frames", 100.0, 50.0, "#fff", &shapes);
        for part in [
            r#"viewBox="0 0 100 50""#,
            r#"<rect x="1.00" y="2.00" width="30.00" height="16.00" rx="4.0" fill="none" stroke="red" stroke-width="2.00" stroke-dasharray="4.0"/>"#,
            r#"<text x="1.00" y="13.00" textLength="30.00" lengthAdjust="spacingAndGlyphs" font-family"#,
            r#"<text x="1.00" y="13.00" font-family"#,
            r#"font-family="&quot;Noto&quot;, serif""#,
            r#"<path transform="matrix(1.0000 0.0000 0.0000 1.0000 5.00 6.00)" d="M0 0L1 1" fill="none"/>"#,
            r#"href="data:image/png;base64,AA==""#,
        ] {
            assert!(svg.contains(part), "{part} in {svg}");
        }
    }

    #[test]
    fn what_a_guest_prints_stays_text() {
        let word = Shape::Word(Frame::default(), Font::default(), "</text><script>\u{1b}\"&".into());
        let svg = document("a<b", 1.0, 1.0, "", &[word]);
        assert!(svg.contains("&lt;/text&gt;&lt;script&gt;\u{fffd}&quot;&amp;</text>"), "{svg}");
        assert!(svg.contains("<title>a&lt;b</title>") && !svg.contains("<script>"));
    }
}
