//! Pictures of the page, made small and compared.

use std::io::Cursor;

/// Pixels of a square whose mean colour is compared, in an eighth of the page's size.
const SQUARE: usize = 2;
/// Squares that something may lie higher or lower.
const SLACK: usize = 2;
/// How far a colour may be away, of 255.
const NEAR: u8 = 12;

/// A picture: red, green and blue, line by line.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Picture {
    width: usize,
    pixels: Vec<[u8; 3]>,
}

impl Picture {
    /// Reads a PNG with 8 bits for each of red, green and blue, and perhaps alpha.
    pub(crate) fn of_png(png: &[u8]) -> Self {
        let mut reader = png::Decoder::new(Cursor::new(png)).read_info().expect("it is a PNG");
        let mut bytes = vec![0; reader.output_buffer_size().expect("it fits into memory")];
        let info = reader.next_frame(&mut bytes).expect("it is whole");
        let samples = info.color_type.samples();
        assert!(samples >= 3 && info.bit_depth == png::BitDepth::Eight, "{info:?}");
        let pixels = bytes[..info.buffer_size()].chunks_exact(samples).map(|all| [all[0], all[1], all[2]]);
        Self { width: info.width as usize, pixels: pixels.collect() }
    }

    /// The picture as a PNG.
    pub(crate) fn to_png(&self) -> Vec<u8> {
        let mut png = Vec::new();
        let [width, height] =
            [self.width, self.height()].map(|side| u32::try_from(side).expect("a picture is small"));
        let mut encoder = png::Encoder::new(&mut png, width, height);
        encoder.set_color(png::ColorType::Rgb);
        encoder.set_compression(png::Compression::High);
        let mut writer = encoder.write_header().expect("memory takes it");
        writer.write_image_data(self.pixels.as_flattened()).expect("memory takes it");
        writer.finish().expect("memory takes it");
        png
    }

    fn height(&self) -> usize {
        self.pixels.len() / self.width
    }

    /// An eighth as wide and as high.
    pub(crate) fn eighth(&self) -> Self {
        self.shrunk(8)
    }

    /// So many times smaller, each pixel being the mean of those it stands for.
    fn shrunk(&self, by: usize) -> Self {
        let (width, height) = (self.width / by, self.height() / by);
        let mean = |x: usize, y: usize, channel: usize| -> u8 {
            let line = |y: usize| &self.pixels[y * self.width + x * by..][..by];
            let sum: usize =
                (y * by..(y + 1) * by).flat_map(line).map(|pixel| usize::from(pixel[channel])).sum();
            u8::try_from(sum / (by * by)).unwrap_or(u8::MAX)
        };
        let pixels =
            (0..height).flat_map(|y| (0..width).map(move |x| [0, 1, 2].map(|channel| mean(x, y, channel))));
        Self { width, pixels: pixels.collect() }
    }

    /// Of the squares, how many have no counterpart near their place in the other picture: 0 to 1.
    pub(crate) fn differing(&self, other: &Self) -> f64 {
        if (self.width, self.pixels.len()) != (other.width, other.pixels.len()) {
            return 1.0;
        }
        let (now, then) = (self.shrunk(SQUARE), other.shrunk(SQUARE));
        let has_counterpart = |x: usize, y: usize| {
            let here = now.pixels[y * now.width + x];
            let lines = y.saturating_sub(SLACK)..(y + SLACK + 1).min(then.height());
            lines.map(|y| then.pixels[y * then.width + x]).any(|there| is_near(here, there))
        };
        let squares = (0..now.height()).flat_map(|y| (0..now.width).map(move |x| (x, y)));
        let differing = squares.filter(|&(x, y)| !has_counterpart(x, y)).count();
        differing as f64 / now.pixels.len() as f64
    }
}

fn is_near(a: [u8; 3], b: [u8; 3]) -> bool {
    a.iter().zip(b).all(|(a, b)| a.abs_diff(b) <= NEAR)
}
