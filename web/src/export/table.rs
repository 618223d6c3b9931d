//! The trace for other programs.

use faultline_abi::scenario::Scenario;
use faultline_machine::event::Event;
use serde::Serialize;
use serde_json::{Map, Value};

/// The trace with the scenario that it belongs to.
#[derive(Serialize)]
struct Trace<'a> {
    scenario: &'a Scenario,
    events: &'a [Event],
}

/// The scenario and its events as one JSON object, an event a line.
#[must_use]
pub fn json(scenario: &Scenario, events: &[Event]) -> String {
    let head = serde_json::to_string(&Trace { scenario, events: &[] }).unwrap_or_default();
    let lines: Vec<String> = events.iter().map(Event::to_json).collect();
    format!("{}[\n{}\n]}}\n", head.trim_end_matches("[]}"), lines.join(",\n"))
}

/// The columns that every event has; they come first.
const COMMON: [&str; 8] = ["n", "instret", "step", "hart", "mode", "pc", "source", "kind"];

/// The events as CSV (RFC 4180): a column for each field that any event has.
#[must_use]
pub fn csv(events: &[Event]) -> String {
    let rows: Vec<Map<String, Value>> = events.iter().filter_map(fields).collect();
    let mut columns: Vec<&str> = COMMON.to_vec();
    for name in rows.iter().flat_map(Map::keys) {
        if !columns.contains(&name.as_str()) {
            columns.push(name);
        }
    }
    let mut text = columns.join(",") + "\r\n";
    for row in &rows {
        let cells: Vec<String> =
            columns.iter().map(|column| row.get(*column).map_or_else(String::new, cell)).collect();
        text += &cells.join(",");
        text += "\r\n";
    }
    text
}

fn fields(event: &Event) -> Option<Map<String, Value>> {
    match serde_json::to_value(event) {
        Ok(Value::Object(fields)) => Some(fields),
        _ => None,
    }
}

/// A value, quoted where its letters mean something in CSV. A spreadsheet takes what begins with one of
/// four signs for a formula, and a guest chooses its names: such text is led by an apostrophe.
fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => String::new(),
        Value::String(text) if text.starts_with(['=', '+', '-', '@']) => format!("'{text}"),
        Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    if text.contains([',', '"', '\r', '\n']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{fault, numbered, page_fault, process};
    use faultline_abi::trace::{FaultClass, ProcessOp};

    fn events() -> Vec<Event> {
        numbered([
            page_fault(15, 0x9008, 0x101c),
            fault(0x9008, FaultClass::Lazy),
            process(ProcessOp::Created, 1, 0, "=SUM(\"a\",1)"),
        ])
    }

    #[test]
    fn the_json_holds_the_scenario_and_every_event_as_it_was() {
        let scenario = Scenario::named("t");
        for events in [events(), Vec::new()] {
            let text = json(&scenario, &events);
            let value: Value = serde_json::from_str(&text).expect("it is JSON");
            assert_eq!(value["scenario"]["title"], "t");
            let back: Vec<Event> = serde_json::from_value(value["events"].clone()).expect("they are events");
            assert_eq!(back, events);
        }
    }

    #[test]
    fn every_row_of_the_csv_has_every_column_and_no_guest_writes_a_formula() {
        let text = csv(&events());
        let lines: Vec<&str> = text.lines().collect();
        assert_eq!(lines.len(), 4);
        assert!(lines[0].starts_with("n,instret,step,hart,mode,pc,source,kind,cause"), "{}", lines[0]);
        let columns = lines[0].split(',').count();
        // This row has no quoted comma.
        assert_eq!(lines[2].split(',').count(), columns);
        assert!(lines[3].contains(r#","'=SUM(""a"",1)""#), "{}", lines[3]);
        assert!(lines[1].contains("\"[{\"\"flags\"\""), "{}", lines[1]);
    }
}
