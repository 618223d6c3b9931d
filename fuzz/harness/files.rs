//! Scenarios, recordings and links that nobody vouches for: each is refused in words, or is read, written and read
//! again without a difference.

use faultline_machine::link::Link;
use faultline_machine::recorded::{Recorded, is_recording};
use faultline_machine::scenario::{parse, write};

use super::cost::bounded;

/// A scenario of the present version with every field, one of version 0, and a short recording.
const SCENARIO: &[u8] = include_bytes!("../../machine/tests/formats/full.json");
const OLD_SCENARIO: &[u8] = include_bytes!("../../machine/tests/formats/v0.json");
const RECORDING: &[u8] = include_bytes!("../../machine/tests/formats/recording.json");

pub(crate) fn scenario(data: &[u8]) {
    read_scenario(data);
    read_scenario(&damaged(SCENARIO, data));
}

pub(crate) fn migration(data: &[u8]) {
    read_scenario(data);
    read_scenario(&damaged(OLD_SCENARIO, data));
}

pub(crate) fn recording(data: &[u8]) {
    read_recording(data);
    read_recording(&damaged(RECORDING, data));
}

pub(crate) fn link(data: &[u8]) {
    let text = String::from_utf8_lossy(data);
    read_link(&text);
    read_link(&format!("s1.{text}"));
    let Ok(scenario) = parse(SCENARIO) else { return };
    let position = scenario.start.clone();
    let link = Link { scenario, position, layout: String::new() };
    if let Ok(good) = link.encode() {
        read_link(&String::from_utf8_lossy(&damaged(good.as_bytes(), data)));
    }
}

fn read_scenario(file: &[u8]) {
    match bounded("reading a scenario", || parse(file)) {
        Ok(scenario) => {
            let text = bounded("writing a scenario", || write(&scenario));
            let again = parse(text.as_bytes());
            assert_eq!(again.ok().as_ref(), Some(&scenario), "what is written is read");
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fn read_recording(file: &[u8]) {
    bounded("looking whether it is a recording", || is_recording(file));
    match bounded("reading a recording", || Recorded::parse(file)) {
        Ok(recorded) => {
            let text = bounded("writing a recording", || recorded.write());
            let again = Recorded::parse(text.as_bytes());
            assert_eq!(again.ok().as_ref(), Some(&recorded), "what is written is read");
            bounded("digesting a recording", || recorded.digests());
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

fn read_link(text: &str) {
    match bounded("reading a link", || Link::decode(text)) {
        Ok(link) => {
            if let Ok(text) = bounded("making a link", || link.encode()) {
                assert_eq!(Link::decode(&text).ok().as_ref(), Some(&link), "what is written is read");
            }
        }
        Err(error) => assert!(!error.to_string().is_empty()),
    }
}

/// A good file after some strokes: each four bytes of noise overwrite, insert, remove or repeat a little.
fn damaged(good: &[u8], noise: &[u8]) -> Vec<u8> {
    let mut file = good.to_vec();
    for stroke in noise.chunks_exact(4).take(64) {
        let at = (usize::from(stroke[0]) << 8 | usize::from(stroke[1])) % file.len().max(1);
        match stroke[2] % 5 {
            0 => file[at] = stroke[3],
            1 => file.insert(at, stroke[3]),
            2 => drop(file.drain(at..(at + usize::from(stroke[3] % 32)).min(file.len()))),
            3 => {
                let piece = file[at..(at + usize::from(stroke[3])).min(file.len())].to_vec();
                let to = at + piece.len();
                file.splice(to..to, piece);
            }
            _ => file.truncate(file.len() - at % 64),
        }
        if file.is_empty() {
            break;
        }
    }
    file
}
