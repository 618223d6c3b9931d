//! The worker's engine on the real images: what the page is told, without a browser.
#![cfg(not(target_arch = "wasm32"))]

mod foreign;
mod guest;

use faultline_abi::board::DRAM_BASE;
use faultline_abi::satp::Scheme;
use faultline_abi::scenario::{Note, Start};
use faultline_abi::{PhysAddr, VirtAddr};
use faultline_machine::event::What;
use faultline_machine::hart::Privilege;
use faultline_machine::opening::Opening;
use faultline_machine::session::Direction;
use faultline_web::catalogue;
use faultline_web::engine::{Engine, Fetched, Lack, Next};
use faultline_web::model::{Action, Model};
use faultline_web::protocol::{
    self, Command, Course, Load, Pace, Progress, Question, Search, Stage, Target, Until, Update, Watch,
};
use faultline_web::replacement::Policy;
use faultline_web::tour::stops;

/// An engine and the page's state, kept in step.
struct Desk {
    engine: Engine,
    model: Model,
}

impl Desk {
    fn open(scenario: &str, options: &[(&str, &str)]) -> Option<Self> {
        let options = options.iter().map(|&(key, value)| (key.into(), value.into())).collect();
        let load = Load { scenario: scenario.into(), options, ..Load::default() };
        Some(Self::boot(load, guest::fetched(scenario)?))
    }

    fn boot(load: Load, fetched: Fetched) -> Self {
        let (engine, updates) = Engine::boot(load, fetched).expect("the scenario boots");
        let mut desk = Self { engine, model: Model::default().after(Action::Updates(updates)) };
        desk.settle();
        desk
    }

    fn take(&mut self, updates: Vec<Update>) {
        // What crosses to the page is bytes, so it does here too.
        let updates =
            protocol::read(&protocol::written(&updates)).expect("updates come back from their form");
        self.model = std::mem::take(&mut self.model).after(Action::Updates(updates));
    }

    fn settle(&mut self) {
        while self.engine.next() == Next::Soon {
            let updates = self.engine.slice();
            self.take(updates);
        }
    }

    fn ask(&mut self, command: Command) {
        let updates = self.engine.command(command);
        self.take(updates);
        self.settle();
    }

    fn card(&self) -> &faultline_web::card::Card {
        self.model.card.as_deref().expect("there is a page fault")
    }
}

#[test]
fn the_page_opens_where_the_scenario_begins_and_reproduces_it() {
    for scenario in catalogue::built_in().scenarios().map(|entry| entry.file.as_str()) {
        let Some(desk) = Desk::open(scenario, &[]) else { return };
        match &desk.model.loaded.as_deref().expect("it is loaded").scenario.start {
            Some(Start::Event(anchor)) => {
                let note = Note { at: anchor.clone(), ..Note::default() };
                let stop = stops(&[note], &desk.model.history.events)[0];
                assert_eq!(stop.event + 1, desk.model.events_so_far(), "{scenario}");
            }
            Some(other) => panic!("{scenario} begins at {other:?}, which nothing compares"),
            None => {
                let first = desk.model.card.as_deref().map(|card| (card.ordinal, card.event + 1));
                let expected = first.map(|_| (0, desk.model.events_so_far()));
                assert_eq!(first, expected, "{scenario}");
            }
        }
        assert!(desk.model.is_ready() && !desk.model.place().at_end, "{scenario}");
        let explored = desk.model.explored.as_deref().expect("the run was explored");
        let expected = &desk.model.loaded.as_deref().expect("it is loaded").scenario.digest.semantic;
        assert_eq!(expected.as_ref(), Some(&explored.semantic), "{scenario}");
    }
}

#[test]
fn previous_returns_to_the_identical_state() {
    let Some(mut desk) = Desk::open("lazy-sbrk.json", &[]) else { return };
    let first = (desk.model.card.clone(), desk.model.snapshot.clone(), desk.model.view.clone());
    desk.ask(Command::Step(Until::Fault));
    assert_eq!(desk.card().ordinal, 1);
    desk.ask(Command::Back(Until::Fault));
    assert_eq!((desk.model.card.clone(), desk.model.snapshot.clone(), desk.model.view.clone()), first);
    desk.ask(Command::Step(Until::Instruction));
    desk.ask(Command::Back(Until::Instruction));
    assert_eq!(desk.model.snapshot, first.1);
}

#[test]
fn the_page_table_shows_the_page_once_the_kernel_has_answered() {
    let Some(mut desk) = Desk::open("lazy-sbrk.json", &[]) else { return };
    let page = faultline_abi::VirtAddr::new(desk.card().trap.stval).page_down();
    assert!(!desk.model.leaves.contains_key(&page));
    let end = desk.card().end.expect("the fault is answered");
    desk.ask(Command::Seek(Target::Event(end)));
    assert!(desk.card().is_over);
    assert!(desk.model.leaves.contains_key(&page));
    assert_eq!(desk.model.changed_pages(), [page]);
}

#[test]
fn kernel_and_page_tables_agree_wherever_a_program_runs() {
    for scenario in catalogue::built_in().scenarios().map(|entry| entry.file.as_str()) {
        let Some(mut desk) = Desk::open(scenario, &[]) else { return };
        let mut compared = 0;
        desk.ask(Command::Seek(Target::Start));
        while !desk.model.place().at_end {
            // A long run repeats itself: there the page faults are enough.
            let far = desk.model.events_so_far() > 1500;
            desk.ask(Command::Step(if far { Until::Fault } else { Until::Event }));
            let snapshot = desk.model.snapshot.as_deref().expect("it has arrived");
            compared += usize::from(snapshot.registers.mode == Privilege::User);
            assert_eq!(*desk.model.disagreements, [], "{scenario}, event {}", snapshot.events);
        }
        assert!(compared > 0, "{scenario}: never compared");
    }
}

#[test]
fn eager_allocation_has_no_page_fault_and_stops_where_sbrk_returns() {
    let Some(desk) = Desk::open("lazy-sbrk.json", &[("sbrk", "eager")]) else { return };
    assert_eq!(desk.model.history.episodes, []);
    assert_eq!(desk.model.option("sbrk"), Some("eager"));
    assert!(desk.model.sentence().contains("sbrk()"), "{}", desk.model.sentence());
}

#[test]
fn an_empty_option_is_left_to_the_kernel() {
    let Some(desk) = Desk::open("lazy-sbrk.json", &[("sbrk", ""), ("frames", "")]) else { return };
    let loaded = desk.model.loaded.as_deref().expect("it is loaded");
    assert_eq!(loaded.scenario.command_line(), "init=lazy");
}

#[test]
fn an_option_beyond_the_limits_is_refused_by_name() {
    let Some(fetched) = guest::fetched("lazy-sbrk.json") else { return };
    let options = [("sbrk".to_owned(), "two words".to_owned())].into();
    let load = Load { scenario: "lazy-sbrk.json".into(), options, ..Load::default() };
    let refusal = Engine::boot(load, fetched).map(|_| ()).expect_err("a value has no spaces");
    assert!(refusal.contains("`kernel.sbrk`"), "{refusal}");
}

#[test]
fn a_broken_image_is_one_clear_sentence() {
    let Some(mut fetched) = guest::fetched("lazy-sbrk.json") else { return };
    fetched.kernel.truncate(100);
    let refusal = Engine::boot(Load::default(), fetched).map(|_| ()).expect_err("it is cut off");
    assert!(!refusal.is_empty() && !refusal.contains('\n'), "{refusal}");
}

#[test]
fn what_is_typed_is_part_of_the_run() {
    let Some(mut desk) = Desk::open("lazy-sbrk.json", &[("init", "sh")]) else { return };
    desk.ask(Command::Seek(Target::End));
    let prompt = desk.model.snapshot.clone().expect("it has arrived");
    assert!(prompt.waits && desk.model.place().at_end, "the shell waits");
    type_line(&mut desk, "echo typed here");
    let answered = desk.model.snapshot.clone().expect("it has arrived");
    assert!(answered.console.contains("typed here\n") && answered.waits, "{}", answered.console);
    assert!(answered.events > prompt.events);
    // Back, and forth again: the line arrives at the same moment.
    desk.ask(Command::Back(Until::Event));
    desk.ask(Command::Seek(Target::End));
    assert_eq!(desk.model.snapshot.as_deref(), Some(&*answered));
    // Another line at the prompt makes another future.
    desk.ask(Command::Seek(Target::Event(prompt.events - 1)));
    type_line(&mut desk, "echo another");
    let other = desk.model.snapshot.clone().expect("it has arrived");
    assert!(
        other.console.contains("another\n") && !other.console.contains("typed here"),
        "{}",
        other.console
    );
    assert_eq!(desk.model.typed.len(), 1);
    // The scenario as it stands runs to the same end.
    let scenario = desk.model.scenario().expect("one is loaded");
    assert_eq!(scenario.inputs, desk.model.typed);
}

fn type_line(desk: &mut Desk, line: &str) {
    let text = format!("{line}\n");
    desk.model = std::mem::take(&mut desk.model).after(Action::Typed(text.clone()));
    desk.ask(Command::Course(Course::Type(text)));
}

#[test]
fn the_modelled_tlb_is_the_same_however_the_place_was_reached() {
    let Some(mut desk) = Desk::open("lazy-sbrk.json", &[]) else { return };
    desk.ask(Command::Watch(Watch::Tlb(Some("16".into()))));
    let tlb = |desk: &Desk| desk.model.snapshot.as_ref().and_then(|snapshot| snapshot.tlb.clone());
    let first = tlb(&desk).expect("it has caught up");
    assert!(first.hits > first.fills && first.entries.len() <= 16, "{first:?}");
    desk.ask(Command::Step(Until::Fault));
    let second = tlb(&desk).expect("it has caught up");
    assert!(second.hits > first.hits);
    desk.ask(Command::Back(Until::Fault));
    assert_eq!(tlb(&desk), Some(first));
    desk.ask(Command::Watch(Watch::Tlb(Some("5x3".into()))));
    assert!(desk.model.failure.as_ref().is_some_and(|why| why.contains("5x3")), "{:?}", desk.model.failure);
    desk.ask(Command::Watch(Watch::Tlb(None)));
    assert_eq!(tlb(&desk), None);
}

#[test]
fn what_the_programs_touch_is_counted_for_each_policy() {
    let Some(mut desk) = Desk::open("lazy-sbrk.json", &[]) else { return };
    let before = desk.model.snapshot.clone();
    desk.ask(Command::Ask(Question::Policies));
    let found = desk.model.policies.clone().expect("it was counted");
    assert!(found.done && !found.cut && found.pages > 6, "{found:?}");
    for policy in Policy::ALL {
        let with_room_for_all = found.faults[&policy].last().expect("some numbers of frames were tried");
        assert_eq!(with_room_for_all.1, found.pages as u64, "{policy:?}");
    }
    desk.ask(Command::Watch(Watch::Root(None)));
    assert_eq!(desk.model.snapshot, before, "counting moves nothing");
}

#[test]
fn while_it_runs_the_page_is_told_no_more_than_it_can_show() {
    let Some(mut desk) = Desk::open("lazy-sbrk.json", &[]) else { return };
    desk.ask(Command::Seek(Target::Start));
    let stops = |updates: &[Update]| updates.iter().filter(|update| matches!(update, Update::At(_))).count();
    let told = desk.engine.command(Command::Run(Pace::EventsPerSecond(20)));
    assert_eq!(stops(&told), 1);
    assert_eq!((0..5).map(|_| stops(&desk.engine.slice())).sum::<usize>(), 0, "nothing was shown yet");
    assert!(desk.engine.command(Command::Watch(Watch::Shown)).is_empty());
    assert_eq!(stops(&desk.engine.slice()), 1);
    assert_eq!(stops(&desk.engine.command(Command::Pause)), 1, "where it stops is always told");
}

fn foreign_kernel() -> Fetched {
    let scenario = Fetched::scenario("foreign.json", foreign::SCENARIO.as_bytes());
    Fetched::new(scenario.expect("the scenario is valid"), foreign::kernel(), None)
}

#[test]
fn a_foreign_kernel_with_four_levels_and_two_harts_has_its_cards() {
    let mut desk = Desk::boot(Load::default(), foreign_kernel());
    let root = PhysAddr::new(DRAM_BASE + foreign::ROOT * 4096);
    let first = desk.card().hart;
    for ordinal in 0..2 {
        let (card, snapshot) = (desk.card().clone(), desk.model.snapshot.clone().expect("it stands"));
        assert_eq!((card.ordinal, card.of), (ordinal, 2));
        assert_eq!(card.hart, if ordinal == 0 { first } else { 1 - first });
        assert_eq!(card.trap.stval, foreign::STORED + u64::from(card.hart) * 4096);
        let levels: Vec<u32> = card.walk().iter().map(|step| step.level).collect();
        assert_eq!((card.scheme(), levels), (Scheme::Sv48, vec![3, 2, 1, 0]));
        // The registers are those of the hart that faulted, and the instruction is the one that did.
        assert_eq!((snapshot.harts, snapshot.hart), (2, card.hart));
        assert_eq!(snapshot.registers.x[10].0, card.trap.stval);
        // It stands at the handler, in M-mode, where addresses are physical.
        assert_eq!(snapshot.next.as_ref().map(|next| next.text.starts_with("j ")), Some(true));
        assert_eq!(snapshot.faulting.as_ref().map(|found| &*found.text), Some("sd zero,0(a0)"));
        // The page tables are shown with all their levels, under the kernel's own name for them.
        let table = desk.model.table().expect("satp names it");
        assert_eq!((table.addr, table.level, desk.model.scheme()), (root, 3, Scheme::Sv48));
        assert_eq!(desk.model.root_name(root), "user_pagetable");
        desk.ask(Command::Step(Until::Fault));
    }
    // The other hart, whichever moves.
    for hart in [0, 1] {
        desk.ask(Command::Watch(Watch::Hart(Some(hart))));
        let snapshot = desk.model.snapshot.clone().expect("it stands");
        assert_eq!((snapshot.hart, snapshot.watched_hart), (hart, Some(hart)));
        assert_eq!(snapshot.registers.x[10].0, foreign::STORED + u64::from(hart) * 4096);
    }
    desk.ask(Command::Watch(Watch::Hart(Some(9))));
    assert_eq!(desk.model.snapshot.as_ref().and_then(|snapshot| snapshot.watched_hart), None);
}

/// Searches, and what is said about it.
fn search(desk: &mut Desk, until: &str, direction: Direction) -> String {
    desk.ask(Command::Search(Search { until: until.into(), direction }));
    desk.model.searched.clone().expect("something is said")
}

#[test]
fn the_run_is_searched_back_and_on() {
    let Some(mut desk) = Desk::open("lazy-sbrk.json", &[]) else { return };
    let card = desk.card();
    let (page, root) = (VirtAddr::new(card.trap.stval).page_down(), card.root());
    let entry = card.walk().last().expect("the walk read an entry").pte_addr;
    desk.ask(Command::Seek(Target::End));
    let end = desk.model.snapshot.clone();
    let last = |desk: &Desk| desk.model.history.events[desk.model.events_so_far() - 1].what.clone();
    let said = search(&mut desk, &format!("pte={entry}"), Direction::Back);
    assert!(
        said.starts_with("Found: event ") && said.contains(&format!("the entry at {entry} was 0x")),
        "{said}"
    );
    assert!(matches!(last(&desk), What::Pte(change) | What::Ad(change) if change.pte_addr == entry));
    let resolved = desk.model.history.events.iter().find_map(|event| match event.what {
        What::Resolved { va, frame, .. } if va.page_down() == page => Some(frame),
        _ => None,
    });
    let frame = resolved.expect("the fault is resolved");
    for op in ["allocated", "freed"] {
        desk.ask(Command::Seek(Target::End));
        search(&mut desk, &format!("frame={frame}:{op}"), Direction::Back);
        assert!(
            matches!(last(&desk), What::Frame { op: now, frame: at, .. } if (now.name(), at) == (op, frame))
        );
    }
    // Just before the instruction: the next one is the store, and makes it.
    let stored = format!("page={page}:store@{root}");
    let said = search(&mut desk, &stored, Direction::Back);
    assert!(said.starts_with("Found: s") && said.contains("comes next and stores to 0x"), "{said}");
    let next =
        |desk: &Desk| desk.model.snapshot.as_ref().and_then(|at| at.next.clone()).expect("it is read").text;
    assert!(next(&desk).starts_with('s'), "{}", next(&desk));
    search(&mut desk, "a0", Direction::Back);
    assert!(next(&desk).contains("a0"), "{}", next(&desk));
    desk.ask(Command::Seek(Target::End));
    let nothing = search(&mut desk, "page=0xdead000", Direction::Back);
    assert!(nothing.contains("nothing like that before"), "{nothing}");
    assert_eq!(desk.model.snapshot, end, "nothing has moved");
    let wrong = search(&mut desk, "page=here", Direction::Back);
    assert!(wrong.contains("`page=here` is no condition"), "{wrong}");
    // Given up on the way.
    let far = Search { until: "page=0xdead000".into(), direction: Direction::Back };
    let updates = desk.engine.command(Command::Search(far));
    assert!(
        matches!(updates[..], [Update::Progress(Progress { stage: Stage::Searching, .. })]),
        "{updates:?}"
    );
    desk.take(updates);
    assert!(!desk.model.is_ready());
    desk.ask(Command::Pause);
    assert_eq!(desk.model.searched.as_deref(), Some("Given up; nothing has moved."));
    assert_eq!(desk.model.snapshot, end);
}

#[test]
fn what_is_left_by_typing_in_the_past_can_be_returned_to_and_dropped() {
    let Some(mut desk) = Desk::open("lazy-sbrk.json", &[("init", "sh")]) else { return };
    desk.ask(Command::Seek(Target::End));
    let waits = desk.model.events_so_far();
    type_line(&mut desk, "echo one");
    assert!(desk.model.futures.is_empty(), "nothing was known behind that");
    let one = desk.model.history.events.clone();
    let typed = desk.model.typed.clone();
    desk.ask(Command::Seek(Target::Event(waits - 1)));
    type_line(&mut desk, "echo two");
    let console = |desk: &Desk| desk.model.snapshot.as_ref().map(|at| at.console.clone()).unwrap_or_default();
    assert!(console(&desk).contains("two") && !console(&desk).contains("one"));
    let [left] = &desk.model.futures[..] else { panic!("{:?}", desk.model.futures) };
    assert_eq!(left.typed, "echo one\n");
    let two = desk.model.history.events.clone();
    desk.ask(Command::Course(Course::Return(left.id)));
    assert_eq!(desk.model.history.events, one);
    assert_eq!(desk.model.typed, typed);
    let [left] = &desk.model.futures[..] else { panic!("{:?}", desk.model.futures) };
    assert_eq!(left.typed, "echo two\n");
    let id = left.id;
    desk.ask(Command::Seek(Target::End));
    assert!(console(&desk).contains("one") && !console(&desk).contains("two"));
    desk.ask(Command::Course(Course::Return(id)));
    assert_eq!(desk.model.history.events, two);
    let [left] = &desk.model.futures[..] else { panic!("{:?}", desk.model.futures) };
    desk.ask(Command::Course(Course::Drop(left.id)));
    assert!(desk.model.futures.is_empty());
    desk.ask(Command::Course(Course::Return(id)));
    assert_eq!(desk.model.history.events, two, "there is no such future");
}

/// The first scenario, as if its images served no other run than the one with this digest.
fn provisional(exact: &str) -> Option<(Desk, Fetched)> {
    let fetched = guest::fetched(catalogue::FIRST)?;
    let Fetched { scenario, kernel, disk, images, .. } = fetched.clone();
    let opening = Opening {
        scenario,
        kernel_sha256: images.kernel_sha256,
        disk_sha256: images.disk_sha256.unwrap_or_default(),
        exact: exact.into(),
    };
    let load = Load { scenario: catalogue::FIRST.into(), ..Load::default() };
    assert!(load.is_opening());
    Some((Desk::boot(load, Fetched::opening(opening, kernel, disk)), fetched))
}

#[test]
fn a_run_that_began_without_its_whole_images_goes_on_with_them_at_the_same_place() {
    let Some(whole) = Desk::open(catalogue::FIRST, &[]) else { return };
    let exact = &whole.model.explored.as_ref().expect("the run is known").exact;
    let Some((mut desk, fetched)) = provisional(exact) else { return };
    assert!(matches!(desk.engine.lack(), Lack::WholeImages(_)));
    desk.ask(Command::Step(Until::Fault));
    let before = desk.model.snapshot.clone();
    let updates = desk.engine.complete(fetched).expect("they boot");
    desk.take(updates);
    assert_eq!(desk.engine.lack(), Lack::Nothing);
    assert_eq!(desk.model.snapshot, before);
    desk.ask(Command::Step(Until::Fault));
    assert_ne!(desk.model.snapshot, before);
}

#[test]
fn a_run_that_is_not_the_one_that_the_images_serve_is_not_told_and_begins_again() {
    let Some((desk, _)) = provisional("another digest") else { return };
    assert!(matches!(desk.engine.lack(), Lack::AnotherStart(_)));
    assert!(desk.model.explored.is_none() && desk.model.snapshot.is_none());
}
