//! Two runs side by side, in words: what the one does that the other never does, or does later.
//!
//! What is compared is the semantic form, process by process, so that another compiler, another layout or
//! another speed are no difference. The longest common subsequence of the lines of a process is what both do.

use core::fmt;

use serde::Serialize;

use crate::digest::{Line, Semantic};

/// Which of two runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Side {
    /// The first.
    A,
    /// The second.
    B,
}

impl Side {
    const fn other(self) -> Self {
        match self {
            Self::A => Self::B,
            Self::B => Self::A,
        }
    }
}

impl fmt::Display for Side {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(if *self == Self::A { "A" } else { "B" })
    }
}

/// What one run does and the other does not, at this place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Difference {
    /// The process or address space: `process 2`.
    pub section: String,
    /// The run that does it.
    pub side: Side,
    /// The number of its event there.
    pub event: u64,
    /// What it does, in the words of the semantic form.
    pub text: String,
    /// The event by which the other run does the same elsewhere, if it does.
    pub elsewhere: Option<u64>,
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { section, side, event, text, elsewhere } = self;
        let other = side.other();
        write!(f, "{section}: {side} at event {event}: {text}; ")?;
        match elsewhere {
            Some(event) => write!(f, "{other} does so elsewhere, at event {event}"),
            None => write!(f, "{other} never does"),
        }
    }
}

/// What two runs come to side by side.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct Comparison {
    /// Lines that both have, in the same order.
    pub common: usize,
    /// The rest, in order.
    pub differences: Vec<Difference>,
    /// Differences that were left out, because there are too many.
    pub left_out: usize,
}

/// Most differences that are told.
const DIFFERENCES_MAX: usize = 100_000;
/// Most cells of the table for the longest common subsequence; longer middles are compared line by line.
const CELLS_MAX: usize = 16 << 20;

/// A process or address space by its title, and what it did.
type Sections = Vec<(String, Vec<Line>)>;

/// Compares two runs by their semantic forms.
#[must_use]
pub fn compare(a: &Semantic, b: &Semantic) -> Comparison {
    compare_sections(&a.sections(), &b.sections())
}

/// Compares a semantic form that was written down with a run. Of what stands in the text alone, `event` is the
/// number of its line, from 0.
#[must_use]
pub fn compare_with_text(a: &str, b: &Semantic) -> Comparison {
    let mut sections: Sections = Vec::new();
    for (line, event) in a.lines().zip(0..) {
        match (line.strip_prefix("  "), sections.last_mut()) {
            (Some(text), Some((_, lines))) => lines.push(Line { event, text: text.to_owned() }),
            _ => sections.push((line.to_owned(), Vec::new())),
        }
    }
    compare_sections(&sections, &b.sections())
}

fn compare_sections(a: &Sections, b: &Sections) -> Comparison {
    let mut comparison = Comparison::default();
    for at in 0..a.len().max(b.len()) {
        let lines = |sections: &[(String, Vec<Line>)]| sections.get(at).map(|section| section.1.clone());
        let (ours, theirs) = (lines(a).unwrap_or_default(), lines(b).unwrap_or_default());
        let title = a.get(at).or(b.get(at)).map_or(String::new(), |section| section.0.clone());
        comparison.section(&title, &ours, &theirs);
    }
    comparison
}

impl Comparison {
    /// Whether both runs mean the same.
    #[must_use]
    pub fn is_same(&self) -> bool {
        self.differences.is_empty() && self.left_out == 0
    }

    fn section(&mut self, title: &str, a: &[Line], b: &[Line]) {
        let same = |(x, y): &(&Line, &Line)| x.text == y.text;
        let before = a.iter().zip(b).take_while(same).count();
        let (a_rest, b_rest) = (&a[before..], &b[before..]);
        let behind = a_rest.iter().rev().zip(b_rest.iter().rev()).take_while(same).count();
        self.common += before + behind;
        let middle = (&a_rest[..a_rest.len() - behind], &b_rest[..b_rest.len() - behind]);
        for step in aligned(middle.0, middle.1) {
            match step {
                Step::Both => self.common += 1,
                Step::Only(side, line) => self.tell(title, side, line, if side == Side::A { b } else { a }),
            }
        }
    }

    fn tell(&mut self, section: &str, side: Side, line: &Line, other: &[Line]) {
        if self.differences.len() >= DIFFERENCES_MAX {
            self.left_out += 1;
            return;
        }
        let elsewhere = other.iter().find(|there| there.text == line.text).map(|there| there.event);
        let (section, event, text) = (section.to_owned(), line.event, line.text.clone());
        self.differences.push(Difference { section, side, event, text, elsewhere });
    }
}

/// A step through two aligned lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step<'a> {
    Both,
    Only(Side, &'a Line),
}

/// Aligns two lists by their longest common subsequence.
fn aligned<'a>(a: &'a [Line], b: &'a [Line]) -> Vec<Step<'a>> {
    if (a.len() + 1).saturating_mul(b.len() + 1) > CELLS_MAX {
        return line_by_line(a, b);
    }
    let lengths = common_lengths(a, b);
    let length = |i: usize, j: usize| lengths[i * (b.len() + 1) + j];
    let (mut i, mut j) = (0, 0);
    let mut steps = Vec::with_capacity(a.len() + b.len());
    while i < a.len() || j < b.len() {
        if i < a.len() && j < b.len() && a[i].text == b[j].text {
            steps.push(Step::Both);
            (i, j) = (i + 1, j + 1);
        } else if j >= b.len() || (i < a.len() && length(i + 1, j) >= length(i, j + 1)) {
            steps.push(Step::Only(Side::A, &a[i]));
            i += 1;
        } else {
            steps.push(Step::Only(Side::B, &b[j]));
            j += 1;
        }
    }
    steps
}

/// Of each pair of ends the length of their longest common subsequence.
fn common_lengths(a: &[Line], b: &[Line]) -> Vec<u32> {
    let width = b.len() + 1;
    let mut lengths = vec![0u32; (a.len() + 1) * width];
    for i in (0..a.len()).rev() {
        for j in (0..b.len()).rev() {
            lengths[i * width + j] = if a[i].text == b[j].text {
                lengths[(i + 1) * width + j + 1] + 1
            } else {
                lengths[(i + 1) * width + j].max(lengths[i * width + j + 1])
            };
        }
    }
    lengths
}

fn line_by_line<'a>(a: &'a [Line], b: &'a [Line]) -> Vec<Step<'a>> {
    let mut steps = Vec::new();
    for at in 0..a.len().max(b.len()) {
        match (a.get(at), b.get(at)) {
            (Some(x), Some(y)) if x.text == y.text => steps.push(Step::Both),
            (x, y) => {
                steps.extend(x.map(|line| Step::Only(Side::A, line)));
                steps.extend(y.map(|line| Step::Only(Side::B, line)));
            }
        }
    }
    steps
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(text: &str) -> Vec<Line> {
        text.chars().zip(0..).map(|(c, event)| Line { event, text: c.to_string() }).collect()
    }

    fn told(a: &str, b: &str) -> (usize, Vec<String>) {
        let mut comparison = Comparison::default();
        comparison.section("process 1", &lines(a), &lines(b));
        (comparison.common, comparison.differences.iter().map(Difference::to_string).collect())
    }

    #[test]
    fn what_only_one_does_is_told_with_its_event() {
        assert_eq!(told("abc", "abc"), (3, vec![]));
        let only = vec!["process 1: A at event 1: b; B never does".to_owned()];
        assert_eq!(told("abc", "ac"), (2, only));
        let moved = vec![
            "process 1: B at event 0: c; A does so elsewhere, at event 2".to_owned(),
            "process 1: A at event 2: c; B does so elsewhere, at event 0".to_owned(),
        ];
        assert_eq!(told("abc", "cab"), (2, moved));
        assert_eq!(told("", "x").1, ["process 1: B at event 0: x; A never does"]);
    }

    #[test]
    fn a_form_that_was_written_down_is_compared_by_its_sections() {
        let mut run = Semantic::default();
        let change = |va| crate::event::What::Pte(crate::narrate::testing::pte(va, 0xd7));
        let fault = |va| crate::narrate::testing::page_fault(15, va, 0);
        let user = crate::hart::Privilege::User;
        [fault(0x1000), change(0x1000)].iter().for_each(|what| run.add(what, user));
        assert!(compare_with_text(&run.text(), &run).is_same());
        let other =
            compare_with_text("address space 1\n  store at page +0: trapped on not-valid\n  more\n", &run);
        let sides: Vec<(Side, u64)> = other.differences.iter().map(|it| (it.side, it.event)).collect();
        assert_eq!((other.common, sides), (1, vec![(Side::A, 2), (Side::B, 1)]));
    }

    #[test]
    fn what_both_do_is_the_longest_common_subsequence() {
        for (a, b, common) in [("abcbdab", "bdcaba", 4), ("", "", 0), ("aaaa", "aa", 2), ("xay", "zbq", 0)] {
            assert_eq!(told(a, b).0, common, "{a} {b}");
        }
        let long = "ab".repeat(5000);
        assert_eq!(told(&(long.clone() + "x"), &("y".to_owned() + &long)).0, 0, "too long to be aligned");
    }
}
