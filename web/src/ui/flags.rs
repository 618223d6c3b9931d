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
#[component]
pub(super) fn Flags(props: &Props) -> Html {
    let text = FlagLetters(props.pte).to_string();
    let letters = "DAGUXWRV".chars().zip((0..8).rev());
    let guilty = props.failed.map_or(PteFlags::empty(), guilty);
    let boxes = letters.map(|(letter, bit)| {
        let mask = PteFlags::from_bits_truncate(1 << bit);
        let set = props.pte.flags().contains(mask);
        let class = classes!(set.then_some("set"), guilty.contains(mask).then_some("failed"));
        html! { <span {class}>{ if set { letter } else { '-' } }</span> }
    });
    html! {
        <span class="flags" role="img" aria-label={spoken(&text)} title={text}>{ for boxes }</span>
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
