//! The command line's contract: exit codes, streams, and one line for everything that is wrong.

mod common;

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use common::code::{ECALL, LOOP, T0, T1, WFI, ZERO, addi, here, lbu, lui, store};
use common::{elf, elf_with_symbol, guest, printing};
use faultline_abi::board::DRAM_BASE;
use faultline_abi::trace::hint;

/// A folder for the files of one test.
struct Folder(PathBuf);

impl Folder {
    fn new(test: &str) -> Self {
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(test);
        let _ = std::fs::remove_dir_all(&path);
        std::fs::create_dir_all(&path).unwrap();
        Self(path)
    }

    fn file(&self, name: &str, contents: impl AsRef<[u8]>) -> String {
        let path = self.0.join(name);
        std::fs::write(&path, contents).unwrap();
        path.to_str().unwrap().to_owned()
    }
}

fn faultline(arguments: &[&str]) -> Output {
    typing(arguments, b"")
}

/// Runs the command with these bytes on its standard input.
fn typing(arguments: &[&str], input: &[u8]) -> Output {
    let mut child = Command::new(env!("CARGO_BIN_EXE_faultline"))
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    // A command that refuses its arguments reads no input.
    let _ = child.stdin.take().unwrap().write_all(input);
    child.wait_with_output().unwrap()
}

fn text(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap()
}

#[track_caller]
fn assert_refused(arguments: &[&str], message: &str) {
    let output = faultline(arguments);
    let error = text(&output.stderr);
    assert_eq!(output.status.code(), Some(2), "{arguments:?}: {error}");
    assert_eq!(error.lines().count(), 1, "{error}");
    assert!(error.contains(message), "{message}: {error}");
    assert!(output.stdout.is_empty());
}

#[test]
fn the_exit_code_is_the_guests() {
    let folder = Folder::new("exit-code");
    for code in [0, 1, 7, 42, 255] {
        let kernel = folder.file("kernel.elf", elf(&printing("hi\n", code)));
        let output = faultline(&["boot", &kernel]);
        assert_eq!(output.status.code(), Some(code.into()));
        assert_eq!(text(&output.stdout), "hi\n");
    }
    let kernel = folder.file("kernel.elf", elf(&printing("", 0x100)));
    assert_eq!(faultline(&["boot", &kernel]).status.code(), Some(255), "never mistaken for success");
}

#[test]
fn statistics_are_printed_when_asked_for() {
    let folder = Folder::new("statistics");
    let kernel = folder.file("kernel.elf", elf(&printing("hi\n", 7)));
    let output = faultline(&["boot", &kernel, "--stats"]);
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(7), "hi\n"));
    let table = text(&output.stderr);
    for row in ["instructions", "instructions/s", "traps", "interrupts", "page faults", "events"] {
        assert!(table.lines().any(|line| line.contains(row)), "{row}: {table}");
    }
    assert!(text(&faultline(&["boot", &kernel]).stderr).is_empty());
}

#[test]
fn a_modelled_tlb_is_counted_and_its_shape_checked() {
    let folder = Folder::new("tlb");
    let kernel = folder.file("kernel.elf", elf(&printing("hi\n", 0)));
    let output = faultline(&["boot", &kernel, "--tlb", "64x4,fifo"]);
    assert!(text(&output.stderr).contains("TLB hit rate"), "{}", text(&output.stderr));
    assert!(faultline(&["boot", &kernel, "--tlb", "off"]).stderr.is_empty());
    assert_refused(&["boot", &kernel, "--tlb", "60x8"], "a power of two of sets");
}

#[test]
fn address_spaces_are_listed_for_a_kernel_that_says_nothing() {
    // satp = Sv39 with the page behind this one as root; then off.
    let code = [
        0x0000_1297, // auipc t0, 1
        0x00c2_d293, // srli  t0, t0, 12
        0x0080_0313, // li    t1, 8
        0x03c3_1313, // slli  t1, t1, 60
        0x0062_e2b3, // or    t0, t0, t1
        0x1802_9073, // csrw  satp, t0
        0x0010_02b7, // lui   t0, 0x100
        0x0000_5337, // lui   t1, 5
        0x5553_0313, // addi  t1, t1, 0x555
        0x0062_a023, // sw    t1, 0(t0)
    ];
    let folder = Folder::new("spaces");
    let kernel = folder.file("kernel.elf", elf(&code));
    let output = faultline(&["boot", &kernel, "--spaces"]);
    let table = text(&output.stderr);
    assert!(table.contains("1 address spaces") && table.contains("root 0x80001000"), "{table}");
    let output = faultline(&["boot", &kernel, "--spaces=-"]);
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let space = &report["spaces"][0];
    assert_eq!((&space["name"], &space["named_after"]), (&"root 0x80001000".into(), &"frame".into()));
    assert_eq!((&space["scheme"], &space["loads"]), (&"sv39".into(), &1.into()));
    assert_eq!(space["contents"]["tables"], 1);
}

#[test]
fn a_raw_image_boots_if_it_is_named_or_looks_like_one() {
    let folder = Folder::new("raw");
    let image: Vec<u8> = printing("raw\n", 4).iter().flat_map(|word| word.to_le_bytes()).collect();
    for name in ["kernel.bin", "kernel.img", "kernel"] {
        let kernel = folder.file(name, &image);
        let output = faultline(&["boot", &kernel]);
        assert_eq!((output.status.code(), text(&output.stdout)), (Some(4), "raw\n"), "{name}");
    }
    let kernel = folder.file("kernel.elf", &image);
    assert_refused(&["boot", &kernel], "not an ELF file (no \\x7fELF at its start)");
    let noise = folder.file("noise", [0xff; 4096]);
    assert_refused(&["boot", &noise], "nor does it look like a raw image; name one .bin, .img or .raw");
}

#[test]
fn an_odd_value_in_tohost_ends_the_run_with_half_of_it() {
    let folder = Folder::new("tohost");
    let tohost = DRAM_BASE + 0x100;
    for (value, code) in [(1, 0), (3, 1), (85, 42)] {
        // An even value first: it is no end.
        let words = [
            here(T0),
            addi(T0, T0, 0x100),
            addi(T1, ZERO, 2),
            store(3, T1, T0),
            addi(T1, ZERO, value),
            store(3, T1, T0),
            LOOP,
        ];
        let kernel = folder.file("test.elf", elf_with_symbol(&words, Some(("tohost", tohost))));
        let output = faultline(&["boot", &kernel, "--max-instructions", "1000"]);
        assert_eq!(output.status.code(), Some(code), "{}", text(&output.stderr));
    }
}

#[test]
fn the_budget_ends_every_run_with_3() {
    let folder = Folder::new("budget");
    // A trap handler at address 0 faults for ever and retires nothing; it ends as well.
    for (name, words) in [("loop", vec![LOOP]), ("traps", vec![ECALL])] {
        let kernel = folder.file(name, elf(&words));
        let output = faultline(&["boot", &kernel, "--max-instructions", "100000"]);
        assert_eq!(output.status.code(), Some(3), "{name}");
        assert_eq!(text(&output.stderr).lines().count(), 1);
    }
    let kernel = folder.file("waits", elf(&[WFI, LOOP]));
    let output = faultline(&["boot", &kernel, "--max-instructions", "0x10000"]);
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn standard_input_reaches_the_guests_uart() {
    // Waits for a byte (LSR bit 0), prints the one after it, and powers off.
    let folder = Folder::new("stdin");
    let and_one = T1 << 15 | T1 << 7 | 1 << 20 | 0b111 << 12 | 0x13;
    let until_ready = 0xfe03_0ce3; // beqz t1, .-8
    let mut words = vec![lui(T0, 0x1000_0000), lbu(T1, T0, 5), and_one, until_ready];
    words.extend([lbu(T1, T0, 0), addi(T1, T1, 1), store(0, T1, T0)]);
    words.extend(printing("", 0));
    let kernel = folder.file("kernel.elf", elf(&words));
    let output = typing(&["boot", &kernel, "--max-instructions", "1000000000"], b"a");
    assert_eq!((output.status.code(), text(&output.stdout)), (Some(0), "b"), "{}", text(&output.stderr));
}

#[test]
fn events_go_to_a_file_or_to_stdout_and_the_console_makes_room() {
    let folder = Folder::new("events");
    let mut words = vec![hint(2000)];
    words.extend(printing("hello\n", 0));
    let kernel = folder.file("kernel.elf", elf(&words));
    let output = faultline(&["boot", &kernel, "--events", "-"]);
    let line = text(&output.stdout);
    assert_eq!(line.lines().count(), 1, "{line}");
    let event: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(event["n"], 0);
    assert_eq!(event["kind"], "tracepoint");
    assert_eq!(event["mode"], "M");
    assert_eq!(event["pc"], "0x80000000");
    assert_eq!(text(&output.stderr), "hello\n");

    let file = folder.0.join("events.jsonl");
    let output = faultline(&["boot", &kernel, "--events", file.to_str().unwrap()]);
    assert_eq!(text(&output.stdout), "hello\n");
    assert_eq!(std::fs::read_to_string(file).unwrap(), line);
    assert_refused(&["boot", &kernel, "--events", "/nonexistent/events"], "/nonexistent/events");
}

#[test]
fn bad_input_is_refused_with_one_line_that_says_where() {
    let folder = Folder::new("bad-input");
    let good = elf(&printing("", 0));
    let text_file = folder.file("kernel.txt", "hello");
    let cut = folder.file("cut.elf", &good[..good.len() - 1]);
    let headers = folder.file("headers.elf", &good[..100]);
    let kernel = folder.file("kernel.elf", &good);
    assert_refused(&["boot", "/nonexistent"], "/nonexistent: No such file");
    assert_refused(&["boot", &text_file], "kernel.txt: not an ELF file");
    assert_refused(&["boot", &cut], "cut.elf: ELF segment 0 ends at byte");
    assert_refused(&["boot", &headers], "headers.elf: malformed ELF file");
    assert_refused(&["boot", &kernel, "--disk", "/nonexistent.img"], "/nonexistent.img: No such file");
    assert_refused(&["boot", &kernel, "--harts", "0"], "0 harts; give 1 to 8");
    assert_refused(&["boot", &kernel, "--harts", "9"], "9 harts; give 1 to 8");
    assert_refused(&["boot", &kernel, "--adue", "maybe"], "invalid value 'maybe'");
    assert_refused(&["boot", &kernel, "--misaligned", "soft"], "invalid value 'soft'");
    assert_refused(&["boot", &kernel, "--memory", "0"], "0 MiB of memory; give 2 to 1024");
    assert_refused(&["boot", &kernel, "--memory", "4096"], "4096 MiB of memory; give 2 to 1024");

    let json = |contents: &str| folder.file("s.json", contents);
    assert_refused(&["run", "/nonexistent.json"], "/nonexistent.json: No such file");
    assert_refused(&["run", &json(r#"{"faultline":1,"ti"#)], "the JSON is cut off: EOF");
    assert_refused(
        &["run", &json(r#"{"faultline":7}"#)],
        "format version 7 is unknown; this build reads versions 0 to 1",
    );
    let scenario = json(r#"{"faultline":1,"title":"t"}"#);
    let empty = Folder::new("bad-input-empty");
    let nowhere = empty.0.to_str().unwrap();
    assert_refused(&["run", &scenario, "--guest", nowhere], "kernel.elf: not found (build it with");
    empty.file("kernel.elf", &good);
    assert_refused(&["run", &scenario, "--guest", nowhere], "disk.img: not found (build it with");
    empty.file("kernel.elf", "hello");
    empty.file("disk.img", "");
    assert_refused(&["run", &scenario, "--guest", nowhere], "kernel.elf: not an ELF file");
    assert_refused(&["run", &scenario, "--set", "memory=1"], "field `machine.memory_mib`: 1 MiB");
}

#[test]
fn bad_usage_is_one_line_too() {
    for (arguments, message) in [
        (&[][..], "no command given"),
        (&["run"], "required arguments were not provided: <SCENARIO>"),
        (&["walk"], "unrecognized subcommand 'walk'"),
        (&["boot", "k", "--speed", "9"], "unexpected argument '--speed'"),
        (&["run", "s", "--until", "doom"], "`doom` is no kind of event"),
        (&["boot", "k", "--max-instructions", "many"], "give a number"),
    ] {
        assert_refused(arguments, message);
    }
}

#[test]
fn the_disk_comes_out_as_the_run_left_it() {
    let folder = Folder::new("disk-out");
    let kernel = folder.file("kernel.elf", elf(&printing("", 0)));
    let disk = folder.file("disk.img", [7; 1000]);
    let out = folder.0.join("out.img");
    let output = faultline(&["boot", &kernel, "--disk", &disk, "--disk-out", out.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    assert_eq!(std::fs::read(out).unwrap(), [7; 1000]);
    let nowhere = ["boot", &kernel, "--disk", &disk, "--disk-out", "/nonexistent/out.img"];
    assert_refused(&nowhere, "/nonexistent/out.img: No such file");
    assert_refused(&["boot", &kernel, "--disk-out", "x"], "not provided: --disk");
    for (number, why) in [("0", "counted from 1"), ("erase:3", "erase is no request"), ("x", "give a number")]
    {
        assert_refused(&["boot", &kernel, "--disk", &disk, "--disk-fail-at", number], why);
    }
}

#[test]
fn our_kernel_makes_no_mistake_and_its_files_reach_the_disk_unless_the_power_goes() {
    let Some(guest) = guest() else { return };
    let folder = Folder::new("power");
    let (kernel, disk) = (guest.join("kernel.elf"), guest.join("disk.img"));
    let out = folder.0.join("out.img");
    let boot = |more: &[&str]| {
        let paths = [&kernel, &disk, &out].map(|path| path.to_str().unwrap());
        let mut arguments = vec!["boot", paths[0], "--disk", paths[1], "--disk-out", paths[2]];
        arguments.extend(["--detect", "--append", "init=mmapshr"].iter().chain(more));
        let output = faultline(&arguments);
        (output.status.code(), std::fs::read(&out).unwrap())
    };
    let before = std::fs::read(&disk).unwrap();
    let (code, after) = boot(&[]);
    assert_eq!(code, Some(0));
    assert!(before != after && before.len() == after.len());
    assert!(boot(&["--disk-cut-at", "0"]) == (Some(3), before));
    let (code, cut) = boot(&["--disk-cut-at", "1"]);
    let changed = cut.chunks(512).zip(after.chunks(512)).filter(|(cut, after)| cut != after).count();
    assert!(code == Some(3) && changed > 0, "the run came no further");
}

/// Runs a shipped scenario with the guest's images, where there are any.
fn run_shipped(scenario: &str, more: &[&str]) -> Option<Output> {
    let guest = guest()?;
    let path = common::root().join("static/scenarios").join(scenario);
    let mut arguments = vec!["run", path.to_str().unwrap(), "--guest", guest.to_str().unwrap()];
    arguments.extend(more);
    Some(faultline(&arguments))
}

#[test]
fn a_scenario_runs_and_its_digest_matches() {
    let Some(output) = run_shipped("lazy-sbrk.json", &[]) else { return };
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stdout).contains("lazy: stored to page 2, frames used: 3"));
    let summary = text(&output.stderr);
    assert_eq!(summary.lines().count(), 1, "{summary}");
    assert!(summary.contains("4 page faults") && summary.contains("matches the scenario"), "{summary}");
}

#[test]
fn until_ends_after_the_first_event_of_a_kind() {
    let Some(output) = run_shipped("lazy-sbrk.json", &["--until", "page-fault", "--events", "-"]) else {
        return;
    };
    assert_eq!(output.status.code(), Some(0));
    let lines: Vec<serde_json::Value> =
        text(&output.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    for (n, event) in lines.iter().enumerate() {
        assert_eq!(event["n"], n);
    }
    let last = lines.last().unwrap();
    assert_eq!(last["scause"], "0xf");
    assert_eq!(last["mode"], "U");
    assert_eq!(last["check"], "not-valid");
    assert!(last["walk"].as_array().is_some_and(|walk| !walk.is_empty()));
}

#[test]
fn a_setting_changes_what_the_kernel_does() {
    let Some(output) = run_shipped("lazy-sbrk.json", &["--set", "sbrk=eager"]) else { return };
    assert_eq!(output.status.code(), Some(0));
    assert!(text(&output.stderr).contains(" 0 page faults"), "{}", text(&output.stderr));
    let output = run_shipped("lazy-sbrk.json", &["--max-instructions", "1000"]).unwrap();
    assert_eq!(output.status.code(), Some(3));
}

#[test]
fn an_instruction_leads_to_its_line_of_source() {
    let folder = Folder::new("source");
    for name in ["lines", "source"] {
        std::fs::create_dir_all(folder.0.join(name)).unwrap();
    }
    folder.file("source/p.rs", "one\ntwo\nthree\n");
    let table = r#"{"faultline_lines":1,"program":"p","files":[{"path":"p.rs","source":"own"}],
        "names":["p::main"],"places":[[0,0,2,null]],"base":"0x1000","rows":[[4,0]],"symbols":[]}"#;
    folder.file("lines/p.json", table);
    folder.file("lines/bad.json", table.replace("[4,0]", "[4,1]"));
    let source = |program: &'static str, at: &'static str| {
        ["source", program, "--guest", folder.0.to_str().unwrap(), at].map(str::to_owned)
    };
    let output = faultline(&source("p", "--at=0x1002").each_ref().map(String::as_str));
    assert_eq!(text(&output.stdout), "p.rs:2, in p::main\n     1  one\n>    2  two\n     3  three\n");
    let refused = |program, at, message| {
        assert_refused(&source(program, at).each_ref().map(String::as_str), message);
    };
    refused("p", "--at=0x1004", "0x1004 is no instruction of p");
    refused("p", "--at=1004", "give an address");
    refused("q", "--at=0x1000", "no program `q`");
    refused("bad", "--at=0x1000", "rows[0]");
}
