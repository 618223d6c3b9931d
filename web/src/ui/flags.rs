//! The eight flag letters of a page-table entry.

use faultline_abi::sv39::{Check, FlagLetters, Pte, PteFlags};
use yew::prelude::*;

/// What to show.
#[derive(Clone, PartialEq, Properties)]
pub(super) struct Props {
    /// The entry.
    pub pte: Pte,
    /// The check that failed on it.
    #[prop_or_default]
    pub failed: Option<Check>,
}

/// The letters, highest bit first; a set bit is filled, a clear one shows a dash.
///
/// There are dozens of them on the page. So they are made from text, letters that look alike share an element, and the
/// width of spaces keeps them at equal distances. (Tabs do not in Firefox, which takes their stops from elsewhere where
/// an element has a margin.)
#[component]
pub(super) fn Flags(props: &Props) -> Html {
    let text = FlagLetters(props.pte).to_string();
    let guilty = props.failed.map_or(PteFlags::empty(), guilty);
    let is_guilty = |bit: u8| guilty.contains(PteFlags::from_bits_truncate(1 << bit));
    let letters: Vec<(char, bool)> = text.chars().zip((0..8).rev().map(is_guilty)).collect();
    let alike = |a: &(char, bool), b: &(char, bool)| look(*a) == look(*b);
    let runs: Vec<String> = letters.chunk_by(alike).map(run).collect();
    let html = format!(
        r#"<span class="flags" role="img" aria-label="{}" title="{text}">{}</span>"#,
        spoken(&text),
        runs.join(" ")
    );
    Html::from_html_unchecked(html.into())
}

/// How a letter looks that stands for a set bit or not, and whether the check looked at that.
const fn look((letter, is_guilty): (char, bool)) -> &'static str {
    match (letter, is_guilty) {
        ('-', false) => "",
        ('-', true) => "failed",
        (_, false) => "set",
        (_, true) => "set failed",
    }
}

fn run(letters: &[(char, bool)]) -> String {
    let text: Vec<String> = letters.iter().map(|(letter, _)| letter.to_string()).collect();
    match (look(letters[0]), text.join(" ")) {
        ("", text) => text,
        (class, text) => format!(r#"<span class="{class}">{text}</span>"#),
    }
}

/// The flags as they are read out: the set ones, or none.
fn spoken(letters: &str) -> String {
    let set: Vec<String> = letters.chars().filter(|&c| c != '-').map(String::from).collect();
    match set.as_slice() {
        [] => "no flag set".into(),
        set => format!("flags set: {}", set.join(" ")),
    }
}

/// The bit a check looked at.
const fn guilty(check: Check) -> PteFlags {
    match check {
        Check::NotValid => PteFlags::V,
        Check::WriteWithoutRead => PteFlags::W.union(PteFlags::R),
        Check::NotUser | Check::UserPage => PteFlags::U,
        Check::NotReadable => PteFlags::R,
        Check::NotWritable => PteFlags::W,
        Check::NotExecutable => PteFlags::X,
        Check::AccessedClear => PteFlags::A,
        Check::DirtyClear => PteFlags::D,
        Check::NonCanonical
        | Check::TableAccess
        | Check::ReservedBits
        | Check::PointerAtLastLevel
        | Check::MisalignedSuperpage
        | Check::PhysicalAccess => PteFlags::empty(),
    }
}
