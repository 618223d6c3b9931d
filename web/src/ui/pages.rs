//! A long table, some rows at a time: the page never holds thousands of them.

use yew::prelude::*;

/// Rows that are shown at once.
const ROWS: usize = 40;

/// A table.
#[derive(Clone, PartialEq, Properties)]
pub(super) struct Props {
    /// The id of the table.
    pub id: &'static str,
    /// What the table shows, for those who hear it.
    pub caption: AttrValue,
    /// The titles of its columns.
    pub columns: &'static [&'static str],
    /// Rows altogether.
    pub count: usize,
    /// Draws one row, a `<tr>`.
    pub row: Callback<usize, Html>,
}

/// Some rows, and buttons for the others.
#[component]
pub(super) fn PagedTable(props: &Props) -> Html {
    let page = use_state_eq(|| 0_usize);
    let last = props.count.saturating_sub(1) / ROWS;
    let at = (*page).min(last);
    let rows = at * ROWS..((at + 1) * ROWS).min(props.count);
    let turn = |to: usize| {
        let page = page.clone();
        Callback::from(move |_: MouseEvent| page.set(to))
    };
    html! {
        <div class="scroll" tabindex="0" role="group" aria-label={props.caption.clone()}>
            <table id={props.id}>
                <caption class="visually-hidden">{ props.caption.clone() }</caption>
                <thead><tr>{ for props.columns.iter().map(|&title| html! { <th scope="col">{ title }</th> }) }</tr></thead>
                <tbody>{ for rows.clone().map(|row| props.row.emit(row)) }</tbody>
            </table>
            if last > 0 {
                <p class="pages">
                    <button type="button" class="button" disabled={at == 0} onclick={turn(at.saturating_sub(1))}>{ "Previous rows" }</button>
                    <span>{ format!("{} to {} of {}", rows.start + 1, rows.end, props.count) }</span>
                    <button type="button" class="button" disabled={at == last} onclick={turn(at + 1)}>{ "Next rows" }</button>
                </p>
            }
        </div>
    }
}
