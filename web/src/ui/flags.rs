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
/// There are dozens of them on the page, nine elements each: the browser makes them faster from text than one by one.
#[component]
pub(super) fn Flags(props: &Props) -> Html {
    let text = FlagLetters(props.pte).to_string();
    let guilty = props.failed.map_or(PteFlags::empty(), guilty);
    let mut html =
        format!(r#"<span class="flags" role="img" aria-label="{}" title="{text}">"#, spoken(&text));
    for (letter, bit) in text.chars().zip((0..8).rev()) {
        let is_guilty = guilty.contains(PteFlags::from_bits_truncate(1 << bit));
        let class = match (letter, is_guilty) {
            ('-', false) => "<span>",
            ('-', true) => r#"<span class="failed">"#,
            (_, false) => r#"<span class="set">"#,
            (_, true) => r#"<span class="set failed">"#,
        };
        html.push_str(class);
        html.push(letter);
        html.push_str("</span>");
    }
    html.push_str("</span>");
    Html::from_html_unchecked(html.into())
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
