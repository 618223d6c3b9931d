//! Scenario files of other versions: older ones are migrated, fields of later ones are kept.

mod common;

use std::fs;

use common::root;
use faultline_abi::scenario::{Ask, FORMAT, Json, Quantity, Scenario, Start};
use faultline_machine::scenario::{parse, write};

fn file(name: &str) -> String {
    fs::read_to_string(root().join("machine/tests/formats").join(name)).unwrap()
}

#[test]
fn version_0_becomes_the_present_version() {
    let migrated = parse(file("v0.json").as_bytes()).unwrap();
    assert_eq!(migrated.faultline, FORMAT);
    assert_eq!(write(&migrated), file("v0-as-v1.json"));
    assert_eq!(parse(write(&migrated).as_bytes()).unwrap(), migrated);
}

#[test]
fn a_mistake_in_version_0_is_named_by_its_field() {
    for (options, message) in [("init", "`init` is no key=value"), ("a=1 a=2", "`a` stands twice")] {
        let text = format!(r#"{{"faultline":0,"name":"t","options":"{options}"}}"#);
        let error = parse(text.as_bytes()).unwrap_err().to_string();
        assert_eq!(error, format!("field `options`: {message}"));
    }
}

#[test]
fn every_field_survives_reading_and_writing() {
    let text = file("full.json");
    let scenario = parse(text.as_bytes()).unwrap();
    assert_eq!(write(&scenario), text);
    assert!(matches!(scenario.start, Some(Start::Event(_))));
    assert!(matches!(&scenario.quiz[1].ask, Ask::Predict(prediction) if prediction.what == Quantity::Cause));
    assert_eq!(scenario.files[1].bytes().unwrap(), [0x7f, b'E', b'L', b'F']);
}

#[test]
fn fields_of_a_later_version_are_kept_at_every_level_and_in_their_order() {
    let text = file("later.json");
    let scenario = parse(text.as_bytes()).unwrap();
    assert_eq!(write(&scenario), text);
    assert_eq!(scenario.unknown.fields()[0].1, Json::List(vec![Json::Unsigned(u64::MAX), Json::Signed(-1)]));
}

#[test]
fn a_short_scenario_is_written_with_its_defaults_and_means_the_same() {
    let scenario = Scenario::named("t");
    assert_eq!(parse(write(&scenario).as_bytes()).unwrap(), scenario);
    assert_eq!(parse(br#"{"faultline":1,"title":"t"}"#).unwrap(), scenario);
}
