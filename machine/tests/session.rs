//! Time travel: every position is the same, however it was reached.

mod common;

use std::hash::{DefaultHasher, Hash, Hasher};

use common::{elf, guest, session, shipped};
use faultline_abi::PhysAddr;
use faultline_abi::board::DRAM_BASE;
use faultline_abi::scenario::{Input, MachineSettings, Scenario};
use faultline_machine::bus::ExitCode;
use faultline_machine::event::{Detector, EventKind, What};
use faultline_machine::recorder::EVENTS_MAX;
use faultline_machine::session::{Boot, Goal, Progress, Session};
use proptest::prelude::*;

/// Everything that a guest could notice, and what was printed, as one number.
fn state(session: &Session) -> u64 {
    let mut hasher = DefaultHasher::new();
    let machine = session.machine();
    let hart = machine.hart(0);
    (hart.registers(), hart.pc().get(), hart.mode() as u8, machine.mtime()).hash(&mut hasher);
    format!("{:?}{:?}", hart.csrs(), machine.devices()).hash(&mut hasher);
    let memory =
        machine.ram().slice(PhysAddr::new(DRAM_BASE), usize::try_from(machine.ram().size()).unwrap());
    memory.unwrap().hash(&mut hasher);
    session.console().hash(&mut hasher);
    let position = session.position();
    (position.events, position.instret, position.step).hash(&mut hasher);
    hasher.finish()
}

/// A shipped scenario in little memory, so that looking at all of it is quick.
fn small(name: &str) -> Option<Session> {
    let guest = guest()?;
    let mut scenario = shipped(name);
    scenario.machine.memory_mib = 4;
    Some(session(&guest, &scenario))
}

fn explore(session: &mut Session) {
    assert!(matches!(session.forward(Goal::End, u64::MAX), Progress::Ended(_)));
}

#[test]
fn nothing_runs_before_it_is_asked_to() {
    let Some(session) = small("lazy-sbrk") else { return };
    assert_eq!((session.position().step, session.position().events, session.log().len()), (0, 0, 0));
}

#[test]
fn forward_stops_just_after_each_page_fault_and_back_retraces_them() {
    let Some(mut session) = small("lazy-sbrk") else { return };
    let mut stops = Vec::new();
    while session.forward(Goal::PageFault, u64::MAX) == Progress::Reached {
        let last = session.log().get(session.position().events - 1).unwrap();
        assert!(last.what.page_fault().is_some());
        stops.push((session.position(), state(&session)));
    }
    assert_eq!(stops.len(), 4);
    assert_eq!(session.exit(), Some(ExitCode(0)));
    for &stop in stops.iter().rev() {
        assert_eq!(session.back(Goal::PageFault), Progress::Reached);
        assert_eq!((session.position(), state(&session)), stop);
        assert_eq!(session.exit(), None);
    }
    assert_eq!(session.back(Goal::PageFault), Progress::NotFound);
    assert_eq!(session.position(), stops[0].0);
}

#[test]
fn one_instruction_forward_and_one_back_is_where_one_was() {
    let Some(mut session) = small("guard-page") else { return };
    session.forward(Goal::PageFault, u64::MAX);
    for _ in 0..20 {
        let before = state(&session);
        assert_eq!(session.forward(Goal::Instructions(1), 1), Progress::Reached);
        assert_eq!(session.back(Goal::Instructions(1)), Progress::Reached);
        assert_eq!(state(&session), before);
        session.forward(Goal::Instructions(1), 1);
    }
}

#[test]
fn each_event_has_a_position_that_can_be_reached_from_both_sides() {
    let Some(mut session) = small("guard-page") else { return };
    explore(&mut session);
    let events = session.log().len();
    for n in [0, 1, events / 2, events - 1] {
        assert_eq!(session.seek_event(n), Progress::Reached);
        assert!(session.position().events > n);
        let (position, there) = (session.position(), state(&session));
        session.seek_step(0);
        assert_eq!(session.position().events, 0);
        session.forward(Goal::Event(n), u64::MAX);
        assert_eq!((session.position(), state(&session)), (position, there));
    }
    assert!(matches!(session.seek_event(events), Progress::Ended(_)));
}

#[test]
fn a_kind_of_event_is_found_in_both_directions() {
    let Some(mut session) = small("lazy-sbrk") else { return };
    let kind = Goal::Kind(EventKind::Resolved);
    assert_eq!(session.forward(kind, u64::MAX), Progress::Reached);
    let first = session.position();
    assert_eq!(session.forward(kind, u64::MAX), Progress::Reached);
    assert!(session.position().step > first.step);
    assert_eq!(session.back(kind), Progress::Reached);
    assert_eq!(session.position(), first);
}

#[test]
fn a_budget_is_kept_and_the_goal_is_reached_by_asking_again() {
    let Some(mut session) = small("lazy-sbrk") else { return };
    let mut slices = 0;
    while session.forward(Goal::PageFault, 10_000) == Progress::Budget {
        slices += 1;
    }
    assert!(slices > 10);
    let sliced = (session.position(), state(&session));
    let mut whole = small("lazy-sbrk").unwrap();
    whole.forward(Goal::PageFault, u64::MAX);
    assert_eq!((whole.position(), state(&whole)), sliced);
}

/// A scenario for a program of a few words, which reads from the UART.
fn reading(inputs: Vec<Input>, words: &[u32], max_instructions: u64) -> Session {
    let machine = MachineSettings { memory_mib: 2, max_instructions, ..MachineSettings::default() };
    let scenario = Scenario { machine, inputs, ..Scenario::named("t") };
    Session::load(Boot { scenario, kernel: elf(words), disk: None }).unwrap()
}

/// Prints every byte that arrives on the UART, for ever.
const ECHO: [u32; 7] = [
    0x1000_02b7, // lui   t0, 0x10000
    0x0052_c303, // lbu   t1, 5(t0)
    0x0013_7313, // andi  t1, t1, 1
    0xfe03_0ce3, // beqz  t1, .-8
    0x0002_c303, // lbu   t1, 0(t0)
    0x0062_8023, // sb    t1, 0(t0)
    0xfedf_f06f, // j     .-20
];

fn input(instret: u64, text: &str) -> Input {
    Input { instret, text: text.into(), ..Input::default() }
}

#[test]
fn scripted_input_arrives_at_its_instruction_whatever_was_done_before() {
    let mut session = reading(vec![input(500, "ab"), input(5000, "c")], &ECHO, 100_000);
    session.seek_step(499);
    assert_eq!(session.console(), b"");
    assert_eq!(session.forward(Goal::End, u64::MAX), Progress::OutOfInstructions);
    assert_eq!(session.console(), b"abc");
    let end = (session.position(), state(&session));
    session.seek_step(4000);
    assert_eq!(session.console(), b"ab");
    session.seek_step(100);
    assert_eq!(session.console(), b"");
    session.forward(Goal::End, u64::MAX);
    assert_eq!((session.position(), state(&session)), end);
}

#[test]
fn typing_in_the_past_begins_another_future() {
    let mut session = reading(vec![input(50_000, "z")], &ECHO, 100_000);
    session.seek_step(1000);
    session.type_text("a");
    session.forward(Goal::End, u64::MAX);
    assert_eq!(session.console(), b"az");
    session.seek_step(500);
    session.type_text("b");
    assert_eq!(session.frontier(), 500);
    session.forward(Goal::End, u64::MAX);
    assert_eq!(session.console(), b"bz", "what was typed later is forgotten, the script is not");
    session.seek_step(0);
    session.seek_step(60_000);
    assert_eq!(session.console(), b"bz");
}

#[test]
fn a_guest_that_waits_for_ever_says_so_and_wakes_when_somebody_types() {
    // `wfi` with the UART's interrupt enabled all the way: PLIC source 10 for M-mode.
    let words = [
        0x0c00_02b7, // lui   t0, 0xc000
        0x0010_0313, // li    t1, 1
        0x0262_a423, // sw    t1, 40(t0)
        0x0c00_22b7, // lui   t0, 0xc002
        0x4000_0313, // li    t1, 1024
        0x0062_a023, // sw    t1, 0(t0)
        0x1000_02b7, // lui   t0, 0x10000
        0x0010_0313, // li    t1, 1
        0x0062_80a3, // sb    t1, 1(t0)
        0x0000_1337, // lui   t1, 0x1
        0x8003_0313, // addi  t1, t1, -2048
        0x3043_1073, // csrw  mie, t1
        0x1050_0073, // wfi
        0x0002_c303, // lbu   t1, 0(t0)
        0x0062_8023, // sb    t1, 0(t0)
        0x0000_006f, // j     .
    ];
    let mut session = reading(Vec::new(), &words, 100_000);
    assert_eq!(session.forward(Goal::End, u64::MAX), Progress::WaitingForInput);
    assert_eq!(session.forward(Goal::End, u64::MAX), Progress::WaitingForInput);
    session.type_text("k");
    assert_eq!(session.forward(Goal::End, u64::MAX), Progress::OutOfInstructions);
    assert_eq!(session.console(), b"k");
    let end = state(&session);
    session.seek_step(0);
    session.seek_step(100_000);
    assert_eq!(state(&session), end);
    // A script's next input comes early: its instruction would never be reached.
    let mut session = reading(vec![input(1_000_000_000, "s")], &words, 100_000);
    assert_eq!(session.forward(Goal::End, u64::MAX), Progress::OutOfInstructions);
    assert_eq!(session.console(), b"s");
}

/// A step of a walk through time.
#[derive(Clone, Debug)]
enum Move {
    Forward(Goal),
    Back(Goal),
    Seek(u64),
    Event(usize),
}

fn moves() -> impl Strategy<Value = Move> {
    let goal = prop_oneof![
        (1..5000u64).prop_map(Goal::Instructions),
        Just(Goal::NextEvent),
        Just(Goal::PageFault),
        Just(Goal::Kind(EventKind::Pte)),
        Just(Goal::Kind(EventKind::Frame)),
    ];
    prop_oneof![
        3 => goal.clone().prop_map(Move::Forward),
        3 => goal.prop_map(Move::Back),
        1 => (0..700_000u64).prop_map(Move::Seek),
        1 => (0..300usize).prop_map(Move::Event),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 12, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_random_walk_ends_where_a_straight_run_does(walk in proptest::collection::vec(moves(), 1..12)) {
        let Some(mut session) = small("lazy-sbrk") else { return Ok(()) };
        for step in walk {
            match step {
                Move::Forward(goal) => session.forward(goal, 400_000),
                Move::Back(goal) => session.back(goal),
                Move::Seek(step) => session.seek_step(step),
                Move::Event(n) => session.seek_event(n),
            };
        }
        let mut straight = small("lazy-sbrk").unwrap();
        straight.seek_step(session.position().step);
        prop_assert_eq!(session.position(), straight.position());
        prop_assert_eq!(state(&session), state(&straight));
    }
}

#[test]
fn a_long_run_is_walked_like_a_short_one() {
    // Long enough that keyframes are thinned out, more than once.
    const END: u64 = 40_000_000;
    let start = || reading(vec![input(9_000_000, "x"), input(30_000_000, "y")], &ECHO, END);
    let mut session = start();
    assert_eq!(session.forward(Goal::End, u64::MAX), Progress::OutOfInstructions);
    for step in [39_999_999, 31_234_567, 1, 9_500_001, 20_000_000] {
        session.seek_step(step);
        let mut straight = start();
        straight.seek_step(step);
        assert_eq!((session.position(), state(&session)), (straight.position(), state(&straight)), "{step}");
    }
}

#[test]
fn a_guest_that_reports_without_end_is_cut_off() {
    // `slti x0, x0, 2000` for ever: an event every other instruction.
    let mut session = reading(Vec::new(), &[0x7d00_2013, 0xffdf_f06f], u64::MAX);
    assert_eq!(session.forward(Goal::End, u64::MAX), Progress::OutOfEvents);
    assert_eq!(session.log().len(), EVENTS_MAX);
    assert_eq!(session.forward(Goal::NextEvent, u64::MAX), Progress::OutOfEvents);
    assert_eq!(session.back(Goal::NextEvent), Progress::Reached);
    assert_eq!(session.position().events, EVENTS_MAX - 1);
}

/// A kernel of ten instructions that gives a program one page to write and execute, and answers its
/// page faults by trying again. Behind it lie the root table, two more tables, and the program.
fn careless() -> Vec<u32> {
    use common::code::{T0, T1, ZERO, addi, here, lui, store};
    let write = |csr: u32, register: u32| csr << 20 | register << 15 | 0b001 << 12 | 0x73;
    let shift_left = |register: u32, by: u32| by << 20 | register << 15 | 0b001 << 12 | register << 7 | 0x13;
    let add = |register: u32, other: u32| other << 20 | register << 15 | register << 7 | 0x33;
    const MRET: u32 = 0x3020_0073;
    let mut words = vec![addi(T0, ZERO, 0xfff), write(0x3b0, T0), addi(T0, ZERO, 0x1f), write(0x3a0, T0)];
    // satp: Sv39, and the page behind this one.
    words.extend([addi(T0, ZERO, 8), shift_left(T0, 60), lui(T1, 0x8_0000), addi(T1, T1, 1), add(T0, T1)]);
    words.extend([write(0x180, T0), lui(T0, 0x1000), write(0x341, T0), write(0x300, ZERO)]);
    words.extend([here(T0), addi(T0, T0, 12), write(0x305, T0), MRET]);
    words.resize(5 * 1024, 0);
    let pte = |page: u32, flags: u32| (0x8_0000 + page) << 10 | flags;
    for (table, index, entry) in [(1, 0, pte(2, 0x01)), (2, 0, pte(3, 0x01)), (3, 1, pte(4, 0xdf))] {
        words[table * 1024 + index * 2] = entry;
    }
    words[4 * 1024] = store(0, ZERO, ZERO);
    words
}

#[test]
fn each_mistake_is_found_once_and_again_when_the_past_is_changed() {
    let mut session = reading(Vec::new(), &careless(), 500);
    assert_eq!(session.forward(Goal::End, u64::MAX), Progress::OutOfInstructions);
    let warnings = |session: &Session| -> Vec<(u64, Detector)> {
        let found = session.log().iter().filter_map(|event| match &event.what {
            What::Warning(warning) => Some((event.step, warning.detector)),
            _ => None,
        });
        found.collect()
    };
    let found = warnings(&session);
    let detectors: Vec<_> = found.iter().map(|&(_, detector)| detector).collect();
    assert_eq!(detectors, [Detector::WritableExecutable, Detector::RepeatedFault]);
    let whole = session.log().to_vec();
    for step in [0, found[0].0 + 1, found[1].0, found[1].0 + 1, 100] {
        session.seek_step(step);
        session.type_text("x");
        session.forward(Goal::End, u64::MAX);
        assert_eq!(session.log().to_vec(), whole, "typed at step {step}");
    }
}
