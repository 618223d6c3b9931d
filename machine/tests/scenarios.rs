//! The shipped scenarios against their recorded streams, and against themselves.

mod common;

use std::path::Path;

use common::{catalogue, guest, root, scenarios, session, shipped};
use faultline_abi::scenario::{Anchor, Ask, Scenario, Start};
use faultline_machine::bus::ExitCode;
use faultline_machine::digest::{Semantic, sha256};
use faultline_machine::event::{Event, EventKind};
use faultline_machine::quiz::{answer, asked_at};
use faultline_machine::scenario::find;
use faultline_machine::session::{Goal, Progress, Session};

/// Runs a session to its end, which it must have.
fn explore(session: &mut Session) {
    loop {
        match session.forward(Goal::End, 1_000_000) {
            Progress::Budget => {}
            Progress::Ended(_) => return,
            other => panic!("the run does not end: {other:?}"),
        }
    }
}

fn semantic(events: &[Event]) -> Semantic {
    let mut semantic = Semantic::default();
    events.iter().for_each(|event| semantic.add(&event.what, event.mode));
    semantic
}

fn golden(name: &str) -> String {
    let path = root().join("static/golden").join(format!("{name}.semantic.txt"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[test]
fn every_run_has_the_meaning_that_was_recorded() {
    let Some(guest) = guest() else { return };
    for (name, scenario) in scenarios() {
        let mut session = session(&guest, &scenario);
        explore(&mut session);
        let text = semantic(&session.log().to_vec()).text();
        assert_eq!(
            text,
            golden(&name),
            "{name}: if this is meant, run `cargo xtask bless` and read its diff"
        );
    }
}

#[test]
fn the_list_names_every_scenario_once_and_by_its_title() {
    let mut listed: Vec<String> = catalogue().scenarios().map(|entry| entry.file.clone()).collect();
    listed.push("index.json".into());
    listed.sort();
    let folder = std::fs::read_dir(root().join("static/scenarios")).unwrap();
    let mut files: Vec<String> =
        folder.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
    files.sort();
    assert_eq!(listed, files);
    for (entry, (name, scenario)) in catalogue().scenarios().zip(scenarios()) {
        assert_eq!(entry.title, scenario.title, "{name}: `cargo xtask bless` copies titles into the list");
    }
}

#[test]
fn the_recorded_streams_have_the_digests_that_the_scenarios_promise() {
    for (name, scenario) in scenarios() {
        assert_eq!(scenario.digest.semantic, Some(sha256(golden(&name).as_bytes())), "{name}");
    }
}

#[test]
fn two_runs_are_the_same_to_the_last_byte() {
    let Some(guest) = guest() else { return };
    for (name, scenario) in scenarios() {
        let [first, second] = [(), ()].map(|()| {
            let mut session = session(&guest, &scenario);
            explore(&mut session);
            session.digests()
        });
        assert_eq!(first, second, "{name}");
    }
}

#[test]
fn how_a_run_is_sliced_changes_nothing() {
    let Some(guest) = guest() else { return };
    let scenario = shipped("guard-page");
    let mut whole = session(&guest, &scenario);
    explore(&mut whole);
    let mut sliced = session(&guest, &scenario);
    let mut slice = 1;
    while let Progress::Budget = sliced.forward(Goal::End, slice) {
        slice = slice * 7 % 10_007 + 1;
    }
    assert_eq!(sliced.digests(), whole.digests());
    assert_eq!(sliced.position(), whole.position());
}

#[test]
fn every_note_is_bound_to_an_event_that_happens_and_comes_after_the_one_before() {
    let Some(guest) = guest() else { return };
    for (name, scenario) in scenarios() {
        let mut session = session(&guest, &scenario);
        explore(&mut session);
        let log = session.log().to_vec();
        let event = |at: &Anchor| {
            find(&log, at).unwrap_or_else(|| panic!("{name}: there is no {} {}", at.kind, at.ordinal))
        };
        let events: Vec<usize> = scenario.narration.iter().map(|note| event(&note.at)).collect();
        assert!(events.is_sorted_by(|a, b| a < b), "{name}: notes at events {events:?}");
        if let Some(Start::Event(at)) = &scenario.start {
            event(at);
        }
    }
}

#[test]
fn the_run_itself_answers_every_prediction() {
    let Some(guest) = guest() else { return };
    for (name, scenario) in scenarios() {
        let mut session = session(&guest, &scenario);
        explore(&mut session);
        let log = session.log().to_vec();
        for question in &scenario.quiz {
            let at = asked_at(question, &log);
            let at = at.unwrap_or_else(|| panic!("{name}: `{}` is never asked", question.question));
            if let Ask::Predict(prediction) = &question.ask {
                assert!(answer(prediction, at, &log).is_some(), "{name}: {}", question.question);
            }
        }
    }
}

/// Options under which the guest's own tests take its kernel through everything: as little sharing as
/// possible, and as much as possible with few frames.
const OPTIONS: [&[(&str, &str)]; 3] = [
    &[],
    &[("fork", "cow"), ("exec", "demand"), ("zero", "shared")],
    &[("fork", "cow"), ("exec", "demand"), ("zero", "shared"), ("frames", "60"), ("policy", "aging")],
];

#[test]
fn the_detectors_find_nothing_in_the_guests_kernel() {
    let Some(guest) = guest() else { return };
    for (name, scenario) in scenarios() {
        // A program that shows what goes wrong is ended for it, and that is the run's exit code.
        assert_no_warning(&guest, &scenario, &name);
    }
    for options in OPTIONS {
        let mut scenario = shipped("guard-page");
        scenario.machine.max_instructions = 1_000_000_000;
        scenario.kernel.insert("init".into(), "vmtests".into());
        for (key, value) in options {
            scenario.kernel.insert((*key).into(), (*value).into());
        }
        let exit = assert_no_warning(&guest, &scenario, &format!("vmtests {options:?}"));
        assert_eq!(exit, Some(ExitCode(0)), "vmtests {options:?}");
    }
}

fn assert_no_warning(guest: &Path, scenario: &Scenario, what: &str) -> Option<ExitCode> {
    let mut session = session(guest, scenario);
    explore(&mut session);
    let warning = session.log().iter().find(|event| event.what.kind() == EventKind::Warning);
    assert_eq!(warning, None, "{what}");
    session.exit()
}

#[test]
fn an_eager_sbrk_has_no_faults() {
    let Some(guest) = guest() else { return };
    let mut scenario = shipped("lazy-sbrk");
    let faults = |scenario: &Scenario| {
        let mut session = session(&guest, scenario);
        explore(&mut session);
        session.log().iter().filter(|event| event.what.page_fault().is_some()).count()
    };
    assert_eq!(faults(&scenario), 4);
    scenario.kernel.insert("sbrk".into(), "eager".into());
    assert_eq!(faults(&scenario), 0);
}

#[test]
fn the_guests_own_tests_pass_under_lazy_and_eager_allocation() {
    let Some(guest) = guest() else { return };
    let mut scenario = shipped("guard-page");
    scenario.machine.max_instructions = 1_000_000_000;
    scenario.kernel.insert("init".into(), "vmtests".into());
    for sbrk in ["lazy", "eager"] {
        scenario.kernel.insert("sbrk".into(), sbrk.into());
        let mut session = session(&guest, &scenario);
        explore(&mut session);
        let printed = String::from_utf8_lossy(session.console()).into_owned();
        assert!(printed.contains("ALL TESTS PASSED"), "sbrk={sbrk}:\n{printed}");
        assert_eq!(session.exit(), Some(ExitCode(0)));
    }
}
