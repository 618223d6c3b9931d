//! Files of a MiB that are made to cost much: lists of what is small in the file and large in memory.

/// Bytes of each.
const BYTES: usize = 1 << 20;

const SCENARIO: &str = r#"{"faultline":1,"title":"t","#;
const OLD_SCENARIO: &str = r#"{"faultline":0,"name":"t","#;
const RECORDING: &str = r#"{"recording":1,"scenario":{"faultline":1,"title":"t"},"images":{"kernel":""},"ending":"cut-off","instructions":"0x0","steps":"0x0","digest":{},"#;
const EVENT: &str = r#"{"n":0,"instret":"0x0","step":"0x0","hart":0,"mode":"S","pc":"0x0","kind":"sfence","va":null,"asid":null},"#;

/// By fuzz target: the file's beginning, what its list begins with, what is repeated in it, and the file's end.
const FORMS: [(&str, &str, &str, &str, &str); 13] = [
    ("scenario", SCENARIO, r#""x":["#, "0,", "]}"),
    ("scenario", SCENARIO, r#""x":["#, "[],", "]}"),
    ("scenario", SCENARIO, r#""x":["#, r#"{"":{}},"#, "]}"),
    ("scenario", SCENARIO, r#""inputs":["#, r#"{"instret":"0x0","text":""},"#, "]}"),
    ("scenario", SCENARIO, r#""narration":["#, r#"{"at":{"kind":"trap","ordinal":0}},"#, "]}"),
    ("scenario", SCENARIO, r#""files":["#, "{},", "]}"),
    ("scenario", SCENARIO, r#""machine":{"x":["#, "{},", "]}}"),
    ("migration", OLD_SCENARIO, r#""typed":["#, r#"[0,""],"#, "]}"),
    ("migration", OLD_SCENARIO, r#""notes":["#, r#"{"fault":0,"text":""},"#, "]}"),
    ("migration", OLD_SCENARIO, r#""x":["#, r#"{"":[]},"#, "]}"),
    ("recording", RECORDING, r#""events":["#, EVENT, "]}"),
    ("recording", RECORDING, r#""events":[],"console":["#, r#"{"step":"0x0","text":""},"#, "],}"),
    (
        "recording",
        RECORDING,
        r#""events":[],"tables":["#,
        r#"{"events":0,"root":"0x0","mappings":[]},"#,
        "],}",
    ),
];

/// Each file, by the fuzz target that it is for.
pub(crate) fn files() -> impl Iterator<Item = (&'static str, String)> {
    FORMS.into_iter().map(|(target, head, list, piece, tail)| {
        let room = BYTES - head.len() - list.len() - tail.len();
        let pieces = piece.repeat(room / piece.len());
        (target, [head, list, pieces.trim_end_matches(','), tail].concat())
    })
}
