//! Files and links that are wrong, each with what is said of it: `tests/bad/NAME` and `tests/bad/NAME.expected`.
//!
//! With `FAULTLINE_BLESS` set the messages are written anew; read them before they are committed.

mod common;
#[path = "../../fuzz/harness/cost.rs"]
mod cost;

use std::fs;
use std::path::PathBuf;

use common::root;
use faultline_machine::link::Link;
use faultline_machine::recorded::Recorded;
use faultline_machine::scenario::parse;

#[global_allocator]
static ALLOCATOR: cost::Counting = cost::Counting;

/// What is said of a file of the corpus; `None` where it is taken.
fn refusal(name: &str, bytes: &[u8]) -> Option<String> {
    match name.split('-').next() {
        Some("scenario") => parse(bytes).err().map(|error| error.to_string()),
        Some("recording") => Recorded::parse(bytes).err().map(|error| error.to_string()),
        Some("link") => Link::decode(&String::from_utf8_lossy(bytes)).err().map(|error| error.to_string()),
        _ => panic!("{name}: scenario-, recording- or link-"),
    }
}

fn corpus() -> Vec<PathBuf> {
    let folder = root().join("machine/tests/bad");
    let mut files: Vec<PathBuf> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|extension| extension != "expected"));
    files.sort();
    files
}

#[test]
fn each_bad_file_is_refused_with_a_message_that_helps() {
    let files = corpus();
    assert!(files.len() >= 60, "{}", files.len());
    for path in files {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let file = fs::read(&path).unwrap();
        let message = cost::bounded(&name, || refusal(&name, &file));
        let message = message.unwrap_or_else(|| panic!("{name} is taken"));
        let expected = path.with_file_name(format!("{name}.expected"));
        if std::env::var_os("FAULTLINE_BLESS").is_some() {
            fs::write(&expected, message.clone() + "\n").unwrap();
        }
        let expected = fs::read_to_string(&expected).unwrap_or_default();
        assert_eq!(message + "\n", expected, "{name}");
    }
}

#[test]
fn the_sample_recording_is_one() {
    let file = fs::read(root().join("machine/tests/formats/recording.json")).unwrap();
    let recorded = Recorded::parse(&file).unwrap();
    assert_eq!(Recorded::parse(recorded.write().as_bytes()).unwrap(), recorded);
}
