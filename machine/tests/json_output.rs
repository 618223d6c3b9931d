//! What `verify`, `diff` and `show` print with `--json`: JSON alone, with the fields that scripts rely on, and the exit
//! code that they have without it.

mod common;

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use common::{guest, root, shipped};
use faultline_machine::scenario::write;
use serde_json::Value;

/// A folder of this test's own.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("json").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn scenario(name: &str) -> String {
    root().join("static/scenarios").join(format!("{name}.json")).to_str().unwrap().into()
}

/// What a command prints, and its exit code. Nothing else is said: there is no terminal, so no bar either.
#[track_caller]
fn json(guest: &Path, arguments: &[&str]) -> (i32, Value) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_faultline"));
    let output = command.args(arguments).arg("--json").env("FAULTLINE_GUEST", guest).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "", "{arguments:?}");
    let value = serde_json::from_slice(&output.stdout).unwrap();
    (output.status.code().unwrap(), value)
}

/// The names of an object's fields, in order.
#[track_caller]
fn fields(value: &Value) -> Vec<&str> {
    let mut names: Vec<&str> = value.as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    names
}

#[test]
fn verify_prints_a_verdict_for_each_file() {
    let Some(guest) = guest() else { return };
    let folder = folder("verify");
    let file = folder.join("wrong.json");
    let mut wrong = shipped("guard-page");
    wrong.digest.semantic = Some("0".repeat(64));
    fs::write(&file, write(&wrong)).unwrap();
    let (good, bad) = (scenario("guard-page"), file.to_str().unwrap());

    let (code, list) = json(&guest, &["verify", &good]);
    assert_eq!(code, 0);
    assert_eq!(fields(&list[0]), ["difference", "exact", "file", "semantic", "verified"]);
    assert_eq!((&list[0]["verified"], &list[0]["semantic"]), (&true.into(), &"reproduced".into()));
    assert_eq!((&list[0]["exact"], &list[0]["file"]), (&"absent".into(), &good.as_str().into()));

    let (code, list) = json(&guest, &["verify", &good, bad]);
    let verdicts: Vec<_> = list.as_array().unwrap().iter().map(|verdict| &verdict["verified"]).collect();
    assert_eq!((code, verdicts), (1, vec![&Value::from(true), &Value::from(false)]));
    assert_eq!(list[1]["semantic"], "differs");
    assert!(
        list[1]["difference"].as_array().is_some_and(|lines| lines.iter().all(Value::is_string)),
        "{list}"
    );
}

#[test]
fn diff_prints_both_sides_and_what_differs() {
    let Some(guest) = guest() else { return };
    let lazy = scenario("lazy-sbrk");
    let (code, same) = json(&guest, &["diff", &lazy, &lazy]);
    assert_eq!((code, &same["same"], &same["differences"]), (0, &true.into(), &Value::Array(Vec::new())));
    assert_eq!(same["a"], same["b"]);

    let (code, other) = json(&guest, &["diff", &lazy, &lazy, "--set-b", "sbrk=eager"]);
    assert_eq!((code, &other["same"]), (1, &false.into()));
    assert!(other["a"]["page_faults"].as_u64() > other["b"]["page_faults"].as_u64(), "{other}");
    assert!(other["differences"].as_array().is_some_and(|list| !list.is_empty()), "{other}");
}

#[test]
fn show_prints_a_moment() {
    let Some(guest) = guest() else { return };
    let (code, moment) = json(&guest, &["show", &scenario("lazy-sbrk"), "--at", "100", "--pid", "1"]);
    assert_eq!(code, 0);
    let names = [
        "areas",
        "console",
        "ending",
        "events",
        "fault",
        "frames",
        "last",
        "notes",
        "of",
        "page_table",
        "pid",
        "processes",
        "title",
    ];
    assert_eq!(fields(&moment), names);
    assert_eq!((&moment["events"], &moment["pid"]), (&101.into(), &1.into()));
    assert!(moment["of"].as_u64() > Some(101), "{moment}");
    for list in ["areas", "frames"] {
        let rows = moment[list].as_array().unwrap();
        assert!(rows.iter().all(|row| fields(row) == ["at", "what"]) && !rows.is_empty(), "{list}: {moment}");
    }
    let leaves = moment["page_table"].as_array().unwrap();
    assert!(leaves.iter().all(|leaf| fields(leaf) == ["flags", "frame", "level", "va"]), "{moment}");
}

#[test]
fn show_goes_back_to_a_condition_and_says_what_was_found() {
    let Some(guest) = guest() else { return };
    let lazy = scenario("lazy-sbrk");
    let at = |arguments: &[&str]| {
        let (code, moment) = json(&guest, &[&["show", &lazy, "--last"], arguments].concat());
        assert_eq!(code, 0);
        (moment["events"].as_u64().unwrap(), moment["found"].as_str().unwrap().to_owned())
    };
    let (last, said) = at(&["page-fault"]);
    assert!(said.starts_with(&format!("event {}: Trap into the kernel: ", last - 1)), "{said}");
    let (before, _) = at(&["page-fault", "--at", &(last - 1).to_string()]);
    assert!(before < last, "{before} {last}");
    assert!(at(&["frame"]).1.contains("Frame 0x"));
    let (_, said) = at(&["a0"]);
    assert!(said.contains(" comes next and sets a0 from 0x"), "{said}");
    for (condition, code) in [("nothing=1", 2), ("pte=0x0", 2)] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_faultline"));
        let output =
            command.args(["show", &lazy, "--last", condition]).env("FAULTLINE_GUEST", &guest).output();
        assert_eq!(output.unwrap().status.code(), Some(code), "{condition}");
    }
}

#[test]
fn what_is_wrong_is_said_in_words_and_not_as_json() {
    for arguments in
        [&["verify", "/nonexistent.json"][..], &["diff", "/a", "/b"], &["show", "/nonexistent.json"]]
    {
        let mut command = Command::new(env!("CARGO_BIN_EXE_faultline"));
        let output = command.args(arguments).arg("--json").output().unwrap();
        assert_eq!((output.status.code(), output.stdout.len()), (Some(2), 0), "{arguments:?}");
        assert_eq!(String::from_utf8_lossy(&output.stderr).lines().count(), 1, "{arguments:?}");
    }
}
