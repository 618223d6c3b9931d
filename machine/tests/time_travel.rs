//! Walking through a run in every direction, into other futures and back, and to where something happened.

mod common;

use std::collections::BTreeMap;

use common::{elf, guest, session, shipped};
use faultline_abi::board::DRAM_BASE;
use faultline_abi::scenario::{Input, MachineSettings, Scenario};
use faultline_abi::sv39::{Access, satp_root};
use faultline_abi::trace::FrameOp;
use faultline_abi::{PhysAddr, Ppn, VirtAddr};
use faultline_machine::detect::Discard;
use faultline_machine::digest::sha256;
use faultline_machine::event::{EventKind, Selector, What};
use faultline_machine::mmu::Walk;
use faultline_machine::observer::{Context, NoObserver, Observer};
use faultline_machine::recorder::Events;
use faultline_machine::session::{Boot, Condition, Direction, Goal, Progress, Session};
use proptest::prelude::*;

/// A shell that is typed to before it runs, before the guest has set up its serial port.
#[test]
fn what_is_typed_at_the_very_beginning_arrives_whole() {
    let Some(guest) = guest() else { return };
    let mut scenario = shipped("lazy-sbrk");
    scenario.kernel.insert("init".into(), "sh".into());
    let mut session = session(&guest, &scenario);
    session.type_text("echo typed-early\n");
    session.forward(Goal::End, u64::MAX);
    let console = String::from_utf8_lossy(session.console()).into_owned();
    assert_eq!(console.matches("typed-early").count(), 2, "the echo of what was typed, and echo: {console}");
}

/// Everything that a guest could notice, what was printed and what is known to have happened.
fn state(session: &Session) -> String {
    let machine = session.machine();
    let size = usize::try_from(machine.ram().size()).unwrap();
    let memory = machine.ram().slice(PhysAddr::new(DRAM_BASE), size).unwrap();
    let harts = format!("{:?}{:?}{}", machine.harts(), machine.devices(), machine.mtime());
    let events = session.log().events(0..session.position().events);
    let events: String = events.map(|event| event.to_json() + "\n").collect();
    let parts = [memory, harts.as_bytes(), session.console(), events.as_bytes()];
    parts.map(sha256).concat()
}

/// Prints every byte that arrives on the UART, one further, and counts in memory meanwhile.
const ECHO: [u32; 11] = [
    0x1000_02b7, // lui   t0, 0x10000
    0x0000_0397, // auipc t2, 0
    0x0803_be03, // ld    t3, 128(t2)
    0x001e_0e13, // addi  t3, t3, 1
    0x09c3_b023, // sd    t3, 128(t2)
    0x0052_c303, // lbu   t1, 5(t0)
    0x0013_7313, // andi  t1, t1, 1
    0xfe03_06e3, // beqz  t1, .-20
    0x0002_c303, // lbu   t1, 0(t0)
    0x0062_8023, // sb    t1, 0(t0)
    0xfe1f_f06f, // j     .-32
];

fn echo(inputs: Vec<Input>) -> Session {
    let machine = MachineSettings { memory_mib: 2, max_instructions: 30_000, ..MachineSettings::default() };
    let scenario = Scenario { machine, inputs, ..Scenario::named("t") };
    Session::load(Boot { scenario, kernel: elf(&ECHO), disk: None }).unwrap()
}

/// The way to it is long: it is replayed once only.
#[test]
fn a_place_far_from_what_was_kept_is_kept_when_somebody_has_been_there() {
    let Some(guest) = guest() else { return };
    let mut session = session(&guest, &shipped("lazy-sbrk"));
    session.forward(Goal::End, u64::MAX);
    let end = session.position().step;
    let mut go = |step: u64| {
        session.seek_step(0);
        let before = session.keyframes().1;
        session.seek_step(step);
        (session.keyframes().1 - before, state(&session))
    };
    let (first, there) = go(end - 300_000);
    let (second, again) = go(end - 300_000);
    assert!(first > 0, "it was not kept");
    assert_eq!(second, 0, "it was kept twice");
    assert!(there == again, "the place is another one");
    let (at_the_end, _) = go(end);
    assert_eq!(at_the_end, 0, "the end is kept when it is found");
    let (near, _) = go(50_000);
    assert_eq!(near, 0, "a short way needs no keyframe");
    session.seek_step(end - 150_000);
    let before = session.keyframes().1;
    session.seek_step(end - 140_000);
    assert_eq!(session.keyframes().1, before, "nor does a step from where one is");
}

/// A move of a walk.
#[derive(Clone, Debug)]
enum Move {
    Forward(u64),
    Back(u64),
    Seek(u64),
    Type(char),
    /// Into the branch with this number, counted around.
    Switch(usize),
    /// Where this register was set last.
    Register(u8),
}

fn moves() -> impl Strategy<Value = Vec<Move>> {
    let one = prop_oneof![
        4 => (0..6000u64).prop_map(Move::Forward),
        3 => (1..6000u64).prop_map(Move::Back),
        2 => (0..30_000u64).prop_map(Move::Seek),
        2 => proptest::char::range('a', 'y').prop_map(Move::Type),
        2 => (0..9usize).prop_map(Move::Switch),
        1 => prop_oneof![Just(6u8), Just(28), Just(9)].prop_map(Move::Register),
    ];
    proptest::collection::vec(one, 1..14)
}

/// What was typed in each future, by step.
type Typed = Vec<(u64, char)>;

/// A session and what it must be: the keys typed in the future that is walked, and in each that was left.
struct Walked {
    session: Session,
    typed: Typed,
    left: BTreeMap<u32, Typed>,
}

impl Walked {
    fn make(&mut self, step: &Move) {
        let session = &mut self.session;
        let here = session.position().step;
        match *step {
            Move::Forward(steps) => drop(session.forward(Goal::Instructions(steps), u64::MAX)),
            Move::Back(steps) => drop(session.back(Goal::Instructions(steps))),
            Move::Seek(to) => drop(session.seek_step(to)),
            Move::Type(key) => {
                let (before, keys) = (session.branch(), self.typed.clone());
                session.type_text(&key.to_string());
                self.typed.retain(|&(at, _)| at < here || session.branch() == before);
                self.typed.push((here, key));
                if session.branch() != before {
                    self.left.insert(before, keys);
                }
            }
            Move::Switch(n) => {
                let branches = session.branches();
                if let Some(branch) = branches.get(n % branches.len().max(1)) {
                    let before = session.branch();
                    self.left.insert(before, std::mem::take(&mut self.typed));
                    assert_eq!(session.switch_branch(branch.id), Progress::Reached);
                    assert_eq!(session.position().step, branch.at);
                    assert_eq!((session.branch(), session.frontier()), (branch.id, branch.frontier));
                    self.typed = self.left[&branch.id].clone();
                }
            }
            Move::Register(number) => {
                let condition = Condition::Register { hart: 0, number };
                let came = session.search(&condition, Direction::Back, u64::MAX);
                assert!(came == Progress::Reached || session.position().step == here);
            }
        }
    }

    /// The session where this one stands, reached on the straightest way.
    fn straight(&self) -> Session {
        let mut session = echo(vec![Input { instret: 7000, text: "z".into(), ..Input::default() }]);
        let here = self.session.position().step;
        for &(at, key) in self.typed.iter().filter(|&&(at, _)| at < here) {
            session.forward(Goal::Step(at), u64::MAX);
            session.type_text(&key.to_string());
        }
        session.forward(Goal::Step(here), u64::MAX);
        session
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 48, ..ProptestConfig::default() })]

    #[test]
    fn any_walk_ends_where_the_straight_way_ends_whatever_was_typed_on_it(walk in moves()) {
        let session = echo(vec![Input { instret: 7000, text: "z".into(), ..Input::default() }]);
        let mut walked = Walked { session, typed: Typed::new(), left: BTreeMap::new() };
        for step in &walk {
            walked.make(step);
            prop_assert_eq!(state(&walked.session), state(&walked.straight()), "after {:?} of {:?}", step, walk);
        }
    }
}

#[test]
fn a_future_that_was_left_is_kept_until_it_is_dropped() {
    let mut session = echo(Vec::new());
    session.forward(Goal::Step(2000), u64::MAX);
    session.type_text("a");
    session.forward(Goal::Step(9000), u64::MAX);
    assert_eq!((session.console(), session.branches().len()), (&b"a"[..], 0));
    let first = state(&session);

    session.seek_step(1000);
    session.type_text("b");
    session.forward(Goal::Step(9000), u64::MAX);
    assert_eq!(session.console(), b"b");
    let branches = session.branches();
    assert_eq!(branches.len(), 1);
    let left = &branches[0];
    assert_eq!((left.at, left.frontier, left.typed.as_str(), left.parent), (1000, 9000, "a", None));

    let second = session.branch();
    assert_eq!(session.switch_branch(left.id), Progress::Reached);
    session.seek_step(9000);
    assert_eq!(state(&session), first);
    assert_eq!(session.branches()[0].typed, "b");
    assert!(session.drop_branch(second) && !session.drop_branch(second));
    assert_eq!(session.branches(), []);
    assert_eq!(session.switch_branch(second), Progress::NotFound);
}

#[test]
fn the_same_moment_can_be_typed_at_again() {
    let mut session = echo(Vec::new());
    session.forward(Goal::Step(2000), u64::MAX);
    session.type_text("a");
    session.type_text("b");
    session.forward(Goal::Step(5000), u64::MAX);
    assert_eq!(session.console(), b"ab");
    session.seek_step(2000);
    session.type_text("c");
    session.forward(Goal::Step(5000), u64::MAX);
    assert_eq!(session.console(), b"c");
    assert_eq!(session.branches()[0].typed, "ab");
}

#[test]
fn so_many_futures_are_kept_and_no_more() {
    let mut session = echo(Vec::new());
    for n in 0..40 {
        session.forward(Goal::Step(5000), u64::MAX);
        session.seek_step(3000 - n);
        session.type_text("x");
    }
    assert!((8..=16).contains(&session.branches().len()), "{}", session.branches().len());
}

/// A shipped scenario, explored to its end.
fn explored(name: &str) -> Option<Session> {
    let guest = guest()?;
    let mut session = session(&guest, &shipped(name));
    assert!(matches!(session.forward(Goal::End, u64::MAX), Progress::Ended(_)));
    Some(session)
}

/// Every translated access of a run: its step, the root table, the page, and what it was.
#[derive(Default)]
struct Accesses(Vec<(u64, Ppn, VirtAddr, Access)>);

impl Observer for Accesses {
    const ACTIVE: bool = true;
    const EACH_ACCESS: bool = true;

    fn translated(&mut self, cx: &Context, satp: u64, walk: &Walk) {
        self.0.push((cx.step, satp_root(satp), walk.va.page_down(), walk.access));
    }
}

#[test]
fn the_last_access_of_a_page_is_found_as_if_every_access_had_been_watched() {
    let Some(mut session) = explored("lazy-sbrk") else { return };
    let end = session.frontier();
    let (_, mut driver) = straight(end.saturating_sub(60_000));
    let mut all = Accesses::default();
    driver.run_to(end - 1000, &mut all);
    // Pages that are touched seldom and often, by the program and by the kernel.
    let mut pages: BTreeMap<(Ppn, VirtAddr), usize> = BTreeMap::new();
    all.0.iter().for_each(|&(_, root, page, _)| *pages.entry((root, page)).or_default() += 1);
    for (&(root, page), _) in pages.iter().step_by(pages.len() / 12 + 1) {
        for access in [None, Some(Access::Fetch), Some(Access::Load), Some(Access::Store)] {
            let meant = |&&(_, r, p, a): &&(u64, Ppn, VirtAddr, Access)| {
                (r, p) == (root, page) && access.is_none_or(|access| access == a)
            };
            let Some(last) = all.0.iter().rev().find(meant).map(|&(step, ..)| step) else { continue };
            let before = all.0.iter().rev().filter(meant).find(|&&(step, ..)| step < last);
            session.seek_step(end - 1000);
            let condition = Condition::PageAccessed { page, root: Some(root), access };
            assert_eq!(session.search(&condition, Direction::Back, u64::MAX), Progress::Reached);
            assert_eq!(session.position().step, last, "{condition:?}");
            if let Some(&(before, ..)) = before {
                assert_eq!(session.search(&condition, Direction::Back, 10_000_000), Progress::Reached);
                assert_eq!(session.position().step, before, "{condition:?}");
                assert_eq!(session.search(&condition, Direction::Forward, u64::MAX), Progress::Reached);
                assert_eq!(session.position().step, last, "{condition:?}");
            }
        }
    }
}

/// The lazy-sbrk scenario at a step, alone with its driver.
fn straight(step: u64) -> (Vec<u8>, faultline_machine::drive::Driver) {
    use faultline_machine::loader::LoadedProgram;
    use faultline_machine::machine::Machine;
    use faultline_machine::scenario::machine_config;
    let scenario = shipped("lazy-sbrk");
    let folder = guest().unwrap();
    let kernel = std::fs::read(folder.join("kernel.elf")).unwrap();
    let disk = std::fs::read(folder.join("disk.img")).unwrap();
    let program = LoadedProgram::from_elf(&kernel).unwrap();
    let machine = Machine::new(machine_config(&scenario, Some(disk)), &program).unwrap();
    let mut driver = faultline_machine::drive::Driver::new(machine, &scenario.inputs);
    driver.run_to(step, &mut NoObserver);
    (kernel, driver)
}

#[test]
fn the_instruction_that_set_a_register_is_found_though_it_set_the_same_value() {
    let Some(mut session) = explored("lazy-sbrk") else { return };
    let end = session.frontier() - 500;
    for number in [1u8, 2, 8, 10, 15, 28] {
        session.seek_step(end);
        let value = session.machine().hart(0).registers()[usize::from(number)];
        let condition = Condition::Register { hart: 0, number };
        assert_eq!(session.search(&condition, Direction::Back, u64::MAX), Progress::Reached);
        let found = session.position().step;
        session.forward(Goal::Instructions(1), u64::MAX);
        assert_eq!(session.machine().hart(0).registers()[usize::from(number)], value, "x{number}");
        let (_, mut driver) = straight(found + 1);
        while driver.machine().step_count() < end {
            driver.run_to(driver.machine().step_count() + 1, &mut Events(&mut Discard));
            let now = driver.machine().hart(0).registers()[usize::from(number)];
            assert_eq!(now, value, "x{number} changes at {}", driver.machine().step_count());
        }
    }
}

/// What is told holds of the machine: the value before where the session stands, the one after it a step on.
#[test]
fn what_was_found_is_told_in_words() {
    let Some(mut session) = explored("lazy-sbrk") else { return };
    let end = session.frontier();
    let fault = session.log().iter().find_map(|event| {
        event.what.page_fault().map(|(trap, _)| (VirtAddr::new(trap.stval), trap.walk.clone()))
    });
    let (page, walk) = fault.unwrap();
    let entry = walk.unwrap().last().unwrap().pte_addr;
    let mut told = |text: &str| {
        session.seek_step(end);
        let condition: Condition = text.parse().unwrap();
        assert_eq!(session.search(&condition, Direction::Back, u64::MAX), Progress::Reached, "{text}");
        let here = (session.position(), state(&session));
        let said = session.told(&condition);
        assert_eq!((session.position(), state(&session)), here, "telling moves nothing");
        said
    };
    let said = told(&format!("pte={entry}"));
    assert!(said.starts_with("event ") && said.contains(&format!("the entry at {entry} was 0x")), "{said}");
    assert!(said.contains(", by the kernel at 0x") && said.contains(" + "), "the function is named: {said}");
    let said = told(&format!("page={}:store", page.page_down()));
    assert!(said.contains("lazy (pid 1), comes next and stores to 0x"), "{said}");
    assert!(said.contains(" was 0x") && said.contains(", and is 0x"), "{said}");
    let said = told(&format!("frame={}:freed", entry.page().base()));
    assert!(said.contains("given back by"), "{said}");
    let said = told("a0");
    assert!(said.contains(" and sets a0 from 0x"), "{said}");
    let said = told("page-fault");
    assert!(
        said.contains(" page fault, at address 0x") && said.ends_with("while lazy (pid 1) runs."),
        "{said}"
    );
}

#[test]
fn an_address_is_reached_in_both_directions() {
    let Some(mut session) = explored("guard-page") else { return };
    let pcs: Vec<(u64, VirtAddr)> = session.log().iter().map(|event| (event.step, event.pc)).collect();
    let (step, pc) = pcs[pcs.len() / 2];
    session.seek_step(step + 1);
    let condition = Condition::Pc(pc);
    assert_eq!(session.search(&condition, Direction::Back, u64::MAX), Progress::Reached);
    assert_eq!((session.position().step, session.machine().hart(0).pc()), (step, pc));
    session.seek_step(0);
    // In slices, and from the start, where nothing is known of it.
    let mut slices = 0;
    while session.search(&condition, Direction::Forward, 20_000) == Progress::Budget {
        slices += 1;
    }
    assert!(slices > 3);
    assert_eq!(session.machine().hart(0).pc(), pc);
    assert!(session.position().step <= step);
}

#[test]
fn what_events_tell_is_found_in_the_log() {
    let Some(mut session) = explored("lazy-sbrk") else { return };
    let end = session.frontier();
    let (n, frame, pte) = session
        .log()
        .iter()
        .find_map(|event| match &event.what {
            What::Resolved { frame, .. } => Some((event.n, *frame, event.n)),
            _ => None,
        })
        .unwrap();
    let entry = session
        .log()
        .events(0..usize::try_from(pte).unwrap())
        .rev()
        .find_map(|event| match &event.what {
            What::Pte(change) => Some(change.pte_addr),
            _ => None,
        })
        .unwrap();
    for (condition, kind) in [
        (Condition::Frame { frame, op: Some(FrameOp::Freed) }, EventKind::Frame),
        (Condition::Frame { frame, op: Some(FrameOp::Allocated) }, EventKind::Frame),
        (Condition::PteWritten(entry), EventKind::Pte),
        (Condition::Event(Selector::PageFault), EventKind::Trap),
        (Condition::Process(1), EventKind::Process),
    ] {
        session.seek_step(end);
        assert_eq!(session.search(&condition, Direction::Back, u64::MAX), Progress::Reached, "{condition}");
        let last = session.log().get(session.position().events - 1).unwrap();
        assert!(last.what.kind() == kind || last.what.kind() == EventKind::Ad, "{condition}: {last:?}");
    }
    assert!(n > 0);
}

#[test]
fn a_search_that_finds_nothing_or_is_given_up_leaves_everything_where_it_was() {
    let Some(mut session) = explored("guard-page") else { return };
    session.seek_step(session.frontier() / 2);
    let before = (session.position(), state(&session));
    let nowhere = Condition::PageAccessed { page: VirtAddr::new(0x7777_7000), root: None, access: None };
    assert_eq!(session.search(&nowhere, Direction::Back, u64::MAX), Progress::NotFound);
    assert_eq!((session.position(), state(&session)), before);
    assert_eq!(session.search(&nowhere, Direction::Back, 5000), Progress::Budget);
    session.give_up_search();
    assert_eq!((session.position(), state(&session)), before);
    assert_eq!(session.search(&nowhere, Direction::Back, 5000), Progress::Budget);
    session.back(Goal::Instructions(0));
    assert_eq!((session.position(), state(&session)), before);
}

#[test]
fn an_unknown_future_is_explored_by_a_search() {
    let Some(guest) = guest() else { return };
    let mut session = session(&guest, &shipped("lazy-sbrk"));
    let condition = Condition::Event(Selector::PageFault);
    assert_eq!(session.search(&condition, Direction::Forward, u64::MAX), Progress::Reached);
    assert!(session.log().get(session.position().events - 1).unwrap().what.page_fault().is_some());
    let first = session.position();
    session.seek_step(0);
    assert_eq!(session.search(&condition, Direction::Forward, u64::MAX), Progress::Reached);
    assert_eq!(session.position(), first);
    let mut register = session.search(&Condition::Register { hart: 0, number: 10 }, Direction::Forward, 1000);
    while register == Progress::Budget {
        register = session.search(&Condition::Register { hart: 0, number: 10 }, Direction::Forward, 1000);
    }
    assert_eq!(register, Progress::Reached);
}
