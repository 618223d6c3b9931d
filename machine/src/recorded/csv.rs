//! Events as rows, for spreadsheets and data frames.

use crate::event::Event;

/// The columns. What an event does not have is empty; `event` is its whole JSON.
pub const CSV_HEADER: &str = "n,instret,step,hart,mode,pc,source,kind,op,pid,va,frame,access,class,how,check,scause,\
                              stval,sepc,satp,level,pte_addr,old,new,refs,owner,action,flags,reason,entry,from,event";

/// An event as a row, without the line's end. 64-bit values are hexadecimal, as in JSON.
#[must_use]
pub fn csv_line(event: &Event) -> String {
    let json = event.to_json();
    // The event is our own, so that a tree of it is small.
    let fields: serde_json::Value = serde_json::from_str(&json).unwrap_or_default();
    let cell = |name: &str| match &fields[name] {
        serde_json::Value::Null => String::new(),
        serde_json::Value::String(text) => quoted(text),
        serde_json::Value::Array(_) | serde_json::Value::Object(_) => String::new(),
        other => other.to_string(),
    };
    let mut cells: Vec<String> = CSV_HEADER.split(',').map(cell).collect();
    if let Some(last) = cells.last_mut() {
        *last = quoted(&json);
    }
    cells.join(",")
}

/// A cell as RFC 4180 has it.
fn quoted(text: &str) -> String {
    if text.contains([',', '"', '\n', '\r']) {
        format!("\"{}\"", text.replace('"', "\"\""))
    } else {
        text.into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::event::What;
    use crate::narrate::testing::{make, numbered, page_fault, pte};
    use faultline_abi::trace::{ActionKind, Source};

    #[test]
    fn a_row_has_a_cell_for_each_column_and_the_whole_event_at_its_end() {
        let events = numbered([page_fault(15, 0x9008, 0x101c), What::Pte(pte(0x9000, 0xd7))]);
        let first = csv_line(&events[0]);
        assert!(
            first.starts_with("0,0x0,0x0,0,S,0x80000000,machine,trap,,,,,,,,not-valid,0xf,0x9008,0x101c,")
        );
        assert!(first.contains(r#","{""n"":0,""instret"":""0x0"","#), "{first}");
        let second = csv_line(&events[1]);
        assert!(second.contains(",pte,,,0x9000,,,,,,,,,,0,"), "{second}");
        assert_eq!(CSV_HEADER.split(',').count(), 32);
        let plan = make(ActionKind::Copy, 0xd7, 0x13, 2, Source::Frame);
        let third = csv_line(&numbered([What::Plan(plan)])[0]);
        assert!(third.contains(",plan,,1,0x9008,,"), "{third}");
        assert!(third.contains(",2,,copy,DA-U-WRV,,0x13,frame,"), "{third}");
    }
}
