//! `faultline record`, `verify`, `diff` and `show`, as people use them.

mod common;

use std::fs;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use common::code::LOOP;
use common::{elf, guest, root, shipped};
use faultline_machine::recorded::Recorded;
use faultline_machine::scenario::write;

fn faultline(guest: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_faultline"));
    command.args(arguments).env("FAULTLINE_GUEST", guest).output().unwrap()
}

fn stdout(output: &Output) -> String {
    assert!(output.status.code().is_some_and(|code| code < 2), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout.clone()).unwrap()
}

fn scenario(name: &str) -> String {
    root().join("static/scenarios").join(format!("{name}.json")).to_str().unwrap().into()
}

/// A folder of this test's own.
fn folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("recordings").join(name);
    let _ = fs::remove_dir_all(&folder);
    fs::create_dir_all(&folder).unwrap();
    folder
}

#[test]
fn a_recording_holds_the_run_and_is_verified_event_by_event() {
    let Some(guest) = guest() else { return };
    let folder = folder("verify");
    let file = folder.join("rec.json");
    let path = file.to_str().unwrap();
    stdout(&faultline(&guest, &["record", &scenario("guard-page"), "-o", path]));
    let recorded = Recorded::parse(&fs::read(&file).unwrap()).unwrap();
    assert_eq!(recorded.digest, recorded.digests());
    assert_eq!(recorded.write(), fs::read_to_string(&file).unwrap());
    assert!(recorded.console.iter().any(|printed| !printed.text.is_empty()));

    let output = faultline(&guest, &["verify", path]);
    assert_eq!(output.status.code(), Some(0));
    assert_eq!(stdout(&output), format!("{path}: semantic digest reproduced; exact digest reproduced\n"));

    // One bit of one event, and the digest with it.
    let mut forged = recorded.clone();
    let middle = forged.events.len() / 2;
    forged.events[middle].instret ^= 1;
    forged.digest = forged.digests();
    fs::write(&file, forged.write()).unwrap();
    let output = faultline(&guest, &["verify", path]);
    assert_eq!(output.status.code(), Some(1));
    let text = stdout(&output);
    assert!(text.contains("semantic digest reproduced; exact digest DIFFERS"), "{text}");
    assert!(text.contains(&format!("the first event that differs is event {middle}:")), "{text}");
    assert!(text.contains("recorded: event") && text.contains("today: event"), "{text}");
    assert!(text.lines().count() < 24, "one screen: {text}");
}

#[test]
fn the_digests_of_a_scenario_apply_by_the_images_they_were_taken_with() {
    let Some(guest) = guest() else { return };
    let folder = folder("scenario");
    let verify = |name: &str, scenario: &faultline_abi::scenario::Scenario| {
        let file = folder.join(name);
        fs::write(&file, write(scenario)).unwrap();
        let output = faultline(&guest, &["verify", file.to_str().unwrap()]);
        (output.status.code().unwrap(), stdout(&output))
    };
    let mut scenario = shipped("guard-page");
    scenario.digest.exact = Some("0".repeat(64));
    let (code, text) = verify("unpinned.json", &scenario);
    assert!(code == 0 && text.contains("exact digest does not apply, the images are others"), "{text}");

    let sha256 = |name: &str| Some(faultline_machine::digest::sha256(&fs::read(guest.join(name)).unwrap()));
    scenario.images.kernel.sha256 = sha256("kernel.elf");
    scenario.images.disk.as_mut().unwrap().sha256 = sha256("disk.img");
    let (code, text) = verify("pinned.json", &scenario);
    assert!(code == 1 && text.contains("exact digest DIFFERS"), "{text}");

    scenario.digest.semantic = Some("0".repeat(64));
    let (code, text) = verify("meaning.json", &scenario);
    assert!(code == 1 && text.contains("semantic digest DIFFERS"), "{text}");

    scenario.digest = Default::default();
    let (code, text) = verify("nothing.json", &scenario);
    assert!(code == 1 && text.contains("the file promises no digest"), "{text}");
}

#[test]
fn images_of_an_earlier_release_are_found_under_their_hash() {
    let Some(guest) = guest() else { return };
    let folder = folder("older");
    let kernel = fs::read(guest.join("kernel.elf")).unwrap();
    let hash = faultline_machine::digest::sha256(&kernel);
    fs::create_dir_all(folder.join("images")).unwrap();
    fs::write(folder.join("images").join(&hash), &kernel).unwrap();
    fs::copy(guest.join("disk.img"), folder.join("disk.img")).unwrap();
    // Today's kernel is another one, and no kernel at all.
    fs::write(folder.join("kernel.elf"), b"something else").unwrap();
    let mut scenario = shipped("guard-page");
    scenario.images.kernel.sha256 = Some(hash);
    let file = folder.join("s.json");
    fs::write(&file, write(&scenario)).unwrap();
    let output = faultline(&folder, &["verify", file.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn what_two_runs_do_differently_is_said_in_words() {
    let Some(guest) = guest() else { return };
    let lazy = scenario("lazy-sbrk");
    let same = faultline(&guest, &["diff", &lazy, &lazy]);
    assert_eq!(same.status.code(), Some(0));
    assert!(stdout(&same).contains("both do the same"), "{}", stdout(&same));

    let other = faultline(&guest, &["diff", &lazy, &lazy, "--set-b", "sbrk=eager"]);
    assert_eq!(other.status.code(), Some(1));
    let text = stdout(&other);
    assert!(text.contains("B never does") && text.contains("store of heap page 0"), "{text}");

    let json = faultline(&guest, &["diff", &lazy, &lazy, "--set-b", "sbrk=eager", "--json"]);
    let report: serde_json::Value = serde_json::from_str(&stdout(&json)).unwrap();
    assert_eq!((report["same"].as_bool(), report["b"]["page_faults"].as_u64()), (Some(false), Some(0)));
    assert!(report["differences"].as_array().is_some_and(|list| list.len() > 3));
}

#[test]
fn a_moment_is_shown_in_the_words_of_the_page() {
    let Some(guest) = guest() else { return };
    let folder = folder("show");
    let file = folder.join("rec.json");
    let path = file.to_str().unwrap();
    stdout(&faultline(&guest, &["record", &scenario("lazy-sbrk"), "-o", path]));
    let recorded = Recorded::parse(&fs::read(&file).unwrap()).unwrap();
    let fault = recorded.events.iter().find(|event| event.what.page_fault().is_some()).unwrap();
    let text = stdout(&faultline(&guest, &["show", path, "--at", &fault.n.to_string(), "--pid", "1"]));
    for part in [
        "Page fault",
        "stval",
        "V = 0",
        "Processes",
        "Address space of pid 1",
        "heap",
        "Page table of pid 1",
        "Frames in use",
    ] {
        assert!(text.contains(part), "{part}: {text}");
    }
    let json = stdout(&faultline(&guest, &["show", path, "--at", &fault.n.to_string(), "--json"]));
    let moment: serde_json::Value = serde_json::from_str(&json).unwrap();
    assert!(moment["page_table"].as_array().is_some_and(|table| table.len() > 3), "{json}");
    for (arguments, message) in [
        (&["show", path, "--at", "99999999"][..], "counted from 0"),
        (&["show", path, "--pid", "77"], "there is none; known are 1"),
    ] {
        let output = faultline(&guest, arguments);
        assert_eq!(output.status.code(), Some(2));
        assert!(String::from_utf8_lossy(&output.stderr).contains(message));
    }
}

/// The page tables that follow from a recording are those of the machine, at every return to a program.
#[test]
fn the_page_tables_follow_from_the_recording() {
    let Some(guest) = guest() else { return };
    let folder = folder("tables");
    let file = folder.join("rec.json");
    stdout(&faultline(&guest, &["record", &scenario("lazy-sbrk"), "-o", file.to_str().unwrap()]));
    let recorded = Recorded::parse(&fs::read(&file).unwrap()).unwrap();
    let mut session = common::session(&guest, &recorded.scenario);
    while let faultline_machine::session::Progress::Budget =
        session.forward(faultline_machine::session::Goal::End, 10_000_000)
    {}
    let mut compared = 0;
    let returns = recorded.events.iter().filter(|event| {
        matches!(event.what, faultline_machine::event::What::Return { to, .. } if to == faultline_machine::hart::Privilege::User)
    });
    for event in returns {
        session.seek_event(usize::try_from(event.n).unwrap());
        let hart = session.machine().hart(0);
        let Some(root) = faultline_abi::satp::Root::of(hart.satp()) else { continue };
        let count = session.position().events;
        let told = faultline_machine::recorded::PageTables::after(&recorded.events, &recorded.tables, count);
        let tables = faultline_machine::inspect::page_table(session.machine().ram(), root).mappings();
        assert_eq!(told.mappings(root.frame), tables, "after event {}", event.n);
        compared += 1;
    }
    assert!(compared > 4, "{compared}");
}

#[test]
fn events_come_as_lines_and_as_rows() {
    let Some(guest) = guest() else { return };
    let guard = scenario("guard-page");
    let lines = stdout(&faultline(&guest, &["record", &guard, "-o", "-", "--format", "jsonl"]));
    let first: faultline_machine::event::Event = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    assert_eq!(first.n, 0);
    let rows = stdout(&faultline(&guest, &["record", &guard, "-o", "-", "--format", "csv"]));
    assert!(rows.starts_with("n,instret,step,"));
    assert_eq!(rows.lines().count(), lines.lines().count() + 1);
}

#[test]
fn extra_files_are_on_the_disk_that_the_guest_reads() {
    let Some(guest) = guest() else { return };
    let folder = folder("files");
    let file = folder.join("s.json");
    let program = "print('never run')";
    let mut scenario = shipped("guard-page");
    scenario.files = vec![faultline_abi::scenario::ExtraFile {
        name: "extra.txt".into(),
        text: Some(program.into()),
        ..Default::default()
    }];
    scenario.digest = Default::default();
    fs::write(&file, write(&scenario)).unwrap();
    // The run is another, if only because the folder has one entry more; that it still runs is what matters here.
    let output =
        faultline(&guest, &["record", file.to_str().unwrap(), "-o", folder.join("r.json").to_str().unwrap()]);
    stdout(&output);
    scenario.images.disk = None;
    fs::write(&file, write(&scenario)).unwrap();
    let output = faultline(&guest, &["run", file.to_str().unwrap(), "--max-instructions", "1000"]);
    assert_eq!(output.status.code(), Some(2));
    assert!(String::from_utf8_lossy(&output.stderr).contains("field `files`"), "{output:?}");
}

#[test]
fn digests_are_written_into_a_scenario_and_pinned_to_its_images() {
    let Some(guest) = guest() else { return };
    let file = folder("write").join("s.json");
    let path = file.to_str().unwrap();
    let mut scenario = shipped("guard-page");
    scenario.digest = Default::default();
    fs::write(&file, write(&scenario)).unwrap();
    let verified = |expected: &str| {
        let text = stdout(&faultline(&guest, &["verify", path]));
        assert!(text.contains(expected), "{text}");
    };
    verified("the file promises no digest");
    stdout(&faultline(&guest, &["digest", path, "--write"]));
    verified("semantic digest reproduced; exact digest not in the file");
    stdout(&faultline(&guest, &["digest", path, "--write", "--pin"]));
    verified("semantic digest reproduced; exact digest reproduced");
    let mut pinned = faultline_machine::scenario::parse(&fs::read(&file).unwrap()).unwrap();
    let images = &mut pinned.images;
    assert!(images.kernel.sha256.is_some() && images.disk.as_ref().unwrap().sha256.is_some());
    let program = images.program.as_mut().expect("it is about a program");
    assert!(program.sha256.is_some());
    // A program that was another one is named, and the run goes on.
    program.sha256 = Some("ab".repeat(32));
    fs::write(&file, write(&pinned)).unwrap();
    let output = faultline(&guest, &["verify", path]);
    let told = String::from_utf8_lossy(&output.stderr).into_owned();
    let expected = "field `images.program`: `guard` on the disk has the SHA-256";
    assert!(told.contains(expected) && told.contains(&"ab".repeat(32)), "{told}");
    assert_eq!(output.status.code(), Some(0));
    for wrong in [&["digest", path, "--pin"][..], &["digest", path, "--write", "--set", "sbrk=eager"]] {
        assert_eq!(faultline(&guest, wrong).status.code(), Some(2), "{wrong:?}");
    }
}

#[test]
fn what_changed_since_a_golden_file_is_said_in_words() {
    let Some(guest) = guest() else { return };
    let file = folder("against").join("golden.txt");
    let (guard, path) = (scenario("guard-page"), file.to_str().unwrap());
    let golden = stdout(&faultline(&guest, &["digest", &guard, "--semantic"]));
    fs::write(&file, &golden).unwrap();
    let same = faultline(&guest, &["digest", &guard, "--against", path]);
    assert_eq!((same.status.code(), stdout(&same).as_str()), (Some(0), ""));
    let line = golden.lines().rfind(|line| line.starts_with("  ")).expect("something happens").trim();
    fs::write(&file, golden.replacen(line, "resolved: by magic", 1)).unwrap();
    let other = faultline(&guest, &["digest", &guard, "--against", path]);
    let told = stdout(&other);
    assert_eq!(other.status.code(), Some(1));
    assert!(told.contains("no longer: resolved: by magic") && told.contains(&format!(": {line}")), "{told}");
}

/// A kernel that never ends, and the scenario that records it.
fn endless(name: &str) -> Command {
    let folder = folder(name);
    fs::write(folder.join("kernel.elf"), elf(&[LOOP])).unwrap();
    let mut scenario = shipped("guard-page");
    (scenario.images.disk, scenario.machine.max_instructions) = (None, 100_000_000_000);
    fs::write(folder.join("s.json"), write(&scenario)).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_faultline"));
    command.arg("record").arg(folder.join("s.json")).arg("-o").arg(folder.join("r.json"));
    command.env("FAULTLINE_GUEST", &folder);
    command
}

#[cfg(unix)]
#[test]
fn long_work_shows_a_bar_on_a_terminal() {
    use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
    let terminal = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&terminal).and_then(|()| unlockpt(&terminal)).unwrap();
    let name = ptsname(&terminal, Vec::new()).unwrap().into_string().unwrap();
    let other_end = fs::File::options().read(true).write(true).open(name).unwrap();
    let mut child = endless("terminal").env("TERM", "xterm").stderr(other_end).spawn().unwrap();
    let (mut terminal, mut shown, mut bytes) = (fs::File::from(terminal), String::new(), [0; 512]);
    while !shown.contains("instructions") {
        let read = terminal.read(&mut bytes).unwrap();
        shown += &String::from_utf8_lossy(&bytes[..read]);
    }
    child.kill().unwrap();
    child.wait().unwrap();
    assert!(shown.contains("of at most 100,000,000,000 instructions"), "{shown}");
}

#[test]
fn long_work_is_quiet_elsewhere() {
    let mut child = endless("pipe").stderr(Stdio::piped()).spawn().unwrap();
    std::thread::sleep(std::time::Duration::from_millis(1500));
    child.kill().unwrap();
    let output = child.wait_with_output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}
