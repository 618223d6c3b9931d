//! "Run until…": forwards and backwards to what the user chooses.

use faultline_abi::trace::FaultClass;
use faultline_abi::{PhysAddr, VirtAddr};
use faultline_machine::session::Direction;
use yew::prelude::*;

use super::desk::{Desk, PaneProps};
use crate::linked::Selection;
use crate::protocol::{Command, Search, Target};
use crate::search::{Condition, next, previous};

/// What can be chosen besides classes of faults: its name, and what its value is called.
const OTHERS: [(&str, &str); 13] = [
    ("an eviction", ""),
    ("a warning", ""),
    ("a write of this entry", "physical address of the entry"),
    ("this page", "virtual address"),
    ("this frame", "physical address"),
    ("this process", "pid"),
    ("an access to this page", "virtual address"),
    ("a store to this page", "virtual address"),
    ("this frame allocated", "physical address"),
    ("this frame shared", "physical address"),
    ("this frame freed", "physical address"),
    ("this register set", "register"),
    ("this instruction", "virtual address"),
];

/// The choice, its value, and two buttons.
#[component]
pub(super) fn RunUntil(PaneProps { desk }: &PaneProps) -> Html {
    let chosen = use_state_eq(|| FaultClass::ALL.len());
    let value = use_state_eq(String::new);
    let said = use_state_eq(|| None::<String>);
    let choose = {
        let (chosen, value, selection) = (chosen.clone(), value.clone(), desk.model.selection);
        Callback::from(move |event: Event| {
            let index = event.target_unchecked_into::<web_sys::HtmlSelectElement>().selected_index();
            let index = usize::try_from(index).unwrap_or(0);
            chosen.set(index);
            value.set(suggestion(index, selection));
        })
    };
    let write = {
        let value = value.clone();
        Callback::from(move |event: InputEvent| {
            value.set(event.target_unchecked_into::<web_sys::HtmlInputElement>().value());
        })
    };
    let what = OTHERS.get((*chosen).wrapping_sub(FaultClass::ALL.len())).map_or("", |other| other.1);
    html! {
        <details class="menu" id="run-until">
            <summary class="button">{ "Run until…" }</summary>
            <div class="menu-body">
                <label class="field">{ "until" }
                    <select id="until-what" onchange={choose}>{ for (0..FaultClass::ALL.len() + OTHERS.len()).map(|i| option(i, *chosen)) }</select>
                </label>
                if !what.is_empty() {
                    <label class="field">{ what }<input type="text" id="until-value" value={(*value).clone()} oninput={write} /></label>
                }
                <div class="tour-steps">
                    { go(desk, "until-previous", "Back to the previous", *chosen, &value, &said, (previous, Direction::Back)) }
                    { go(desk, "until-next", "On to the next", *chosen, &value, &said, (next, Direction::Forward)) }
                </div>
                if let Some(said) = &*said { <p class="hint" role="status" id="until-said">{ said.clone() }</p> }
            </div>
        </details>
    }
}

fn option(index: usize, chosen: usize) -> Html {
    let words = match FaultClass::ALL.get(index) {
        Some(&class) => format!("a fault: {}", class.name()),
        None => OTHERS[index - FaultClass::ALL.len()].0.to_owned(),
    };
    html! { <option selected={index == chosen}>{ words }</option> }
}

/// What is selected on the page, where it fits the choice.
fn suggestion(index: usize, selection: Option<Selection>) -> String {
    match (index.wrapping_sub(FaultClass::ALL.len()), selection) {
        (2, Some(Selection::Entry(at))) | (4 | 8..=10, Some(Selection::Frame(at))) => at.to_string(),
        (3 | 6 | 7, Some(Selection::Page(va))) => va.to_string(),
        _ => String::new(),
    }
}

fn condition(index: usize, value: &str) -> Result<Condition, String> {
    let number = || number(value).ok_or_else(|| format!("“{value}” is no number; write 0x9000 or 36864."));
    Ok(match (FaultClass::ALL.get(index), index.wrapping_sub(FaultClass::ALL.len())) {
        (Some(&class), _) => Condition::Class(class),
        (None, 0) => Condition::Eviction,
        (None, 1) => Condition::Warning,
        (None, 2) => Condition::Entry(PhysAddr::new(number()?)),
        (None, 3) => Condition::Address(VirtAddr::new(number()?)),
        (None, 4) => Condition::Frame(PhysAddr::new(number()?)),
        (None, _) => {
            Condition::Process(u32::try_from(number()?).map_err(|_| "A pid is a small number.".to_owned())?)
        }
    })
}

fn number(text: &str) -> Option<u64> {
    let text = text.trim();
    match text.strip_prefix("0x") {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}

/// The condition for the machine, where known events do not tell.
fn of_the_machine(index: usize, value: &str) -> Option<String> {
    let value = value.trim();
    Some(match index.checked_sub(FaultClass::ALL.len())? {
        6 => format!("page={value}"),
        7 => format!("page={value}:store"),
        8 => format!("frame={value}:allocated"),
        9 => format!("frame={value}:shared"),
        10 => format!("frame={value}:freed"),
        11 => value.into(),
        12 => format!("pc={value}"),
        _ => return None,
    })
}

type Find = fn(&[faultline_machine::event::Event], usize, Condition) -> Option<usize>;

fn go(
    desk: &Desk,
    id: &'static str,
    label: &'static str,
    chosen: usize,
    value: &UseStateHandle<String>,
    said: &UseStateHandle<Option<String>>,
    (search, direction): (Find, Direction),
) -> Html {
    let onclick = {
        let (desk, value, said) = (desk.clone(), value.clone(), said.clone());
        Callback::from(move |_: MouseEvent| {
            if let Some(until) = of_the_machine(chosen, &value) {
                desk.send.emit(Command::Search(Search { until, direction }));
                return said.set(None);
            }
            let (events, so_far) = (&desk.model.history.events, desk.model.events_so_far());
            let found = condition(chosen, &value).map(|condition| search(events, so_far, condition));
            said.set(match found {
                Ok(Some(event)) => {
                    desk.send.emit(Command::Seek(Target::Event(event)));
                    Some(format!("Found: event {event}."))
                }
                Ok(None) => Some("Nothing like that in this direction.".into()),
                Err(why) => Some(why),
            });
        })
    };
    html! { <button type="button" class="button" {id} disabled={!desk.model.is_ready()} {onclick}>{ label }</button> }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_choice_and_its_value_make_a_condition() {
        let others = FaultClass::ALL.len();
        assert_eq!(condition(0, ""), Ok(Condition::Class(FaultClass::ALL[0])));
        assert_eq!(condition(others, ""), Ok(Condition::Eviction));
        assert_eq!(condition(others + 3, " 0x9000 "), Ok(Condition::Address(VirtAddr::new(0x9000))));
        assert_eq!(condition(others + 5, "2"), Ok(Condition::Process(2)));
        assert_eq!(of_the_machine(others + 7, " 0x9000").as_deref(), Some("page=0x9000:store"));
        assert_eq!(of_the_machine(others + 5, "2"), None);
        for (index, value) in
            (6..OTHERS.len()).map(|index| (index, if index == 11 { "a0" } else { "0x80100000" }))
        {
            let until = of_the_machine(others + index, value).unwrap();
            assert!(until.parse::<faultline_machine::session::Condition>().is_ok(), "{until}");
        }
        assert!(condition(others + 2, "here").is_err_and(|why| why.contains("0x9000")));
        assert!(condition(others + 5, "0x100000000").is_err());
    }
}
