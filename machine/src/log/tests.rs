use super::*;
use crate::event::{Detector, Warning, tests::one_of_each};
use crate::hart::Privilege;
use faultline_abi::VirtAddr;

/// A run of `count` events of every kind, with a warning now and then whose text fits into no block.
fn run(count: u64) -> Vec<Event> {
    let kinds = one_of_each();
    let (mut random, mut step) = (1u64, 0);
    let event = |n: u64| {
        random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        step += random >> 56;
        let mode = [Privilege::User, Privilege::Supervisor, Privilege::Machine][(random >> 50) as usize % 3];
        let pc = VirtAddr::new(if random >> 40 & 7 == 0 { random } else { random >> 48 });
        let cx = Context { instret: step - n.min(step), step, hart: (random >> 45) as u32 % 8, mode, pc };
        let what = kinds[(random >> 33) as usize % kinds.len()].clone();
        let long = Warning {
            detector: Detector::LeakedFrame,
            root: None,
            va: None,
            frame: None,
            text: "x".repeat(5000).into(),
        };
        Event::new(n, &cx, if n % 701 == 700 { What::Warning(Box::new(long)) } else { what })
    };
    (0..count).map(event).collect()
}

fn log(events: &[Event]) -> Log {
    let mut log = Log::default();
    events.iter().for_each(|event| log.push_event(event));
    log
}

#[test]
fn every_event_comes_out_as_it_went_in() {
    let events = run(10_000);
    let log = log(&events);
    assert_eq!(log.len(), events.len());
    assert_eq!(log.to_vec(), events);
    assert_eq!(log.last(), events.last().cloned());
    assert!(log.blocks.len() > 10, "blocks end and begin");
    for n in (0..events.len()).step_by(97) {
        assert_eq!(log.get(n).as_ref(), events.get(n));
    }
    assert_eq!(log.get(events.len()), None);
    assert_eq!(Log::default().last(), None);
}

#[test]
fn one_can_go_from_either_end_and_meet_in_the_middle() {
    let events = run(5000);
    let log = log(&events);
    let backwards: Vec<Event> = log.iter().rev().collect();
    assert!(backwards.iter().eq(events.iter().rev()));
    for (start, end) in [(0, 5000), (10, 4990), (1234, 1234), (1234, 1240), (4000, 9000), (3000, 10)] {
        let mut ours = log.events(start..end);
        let mut theirs = events.get(start..end.min(5000)).unwrap_or_default().iter();
        for turn in 0.. {
            let pair = match turn % 3 {
                0 => (ours.next_back(), theirs.next_back()),
                _ => (ours.next(), theirs.next()),
            };
            assert_eq!(pair.0.as_ref(), pair.1, "{start}..{end}");
            if pair.1.is_none() {
                break;
            }
        }
    }
}

#[test]
fn kinds_that_are_not_wanted_are_passed_over() {
    let events = run(5000);
    let log = log(&events);
    for kinds in [&[EventKind::Trap][..], &[EventKind::Satp, EventKind::Process], &[EventKind::Warning], &[]]
    {
        let meant = |event: &&Event| kinds.contains(&event.what.kind());
        assert!(log.iter().of_kinds(kinds).collect::<Vec<_>>().iter().eq(events.iter().filter(meant)));
        let mut backwards = log.events(17..4321).of_kinds(kinds).rev();
        assert!(
            events[17..4321].iter().rev().filter(meant).all(|event| backwards.next().as_ref() == Some(event))
        );
        assert_eq!(backwards.next(), None);
    }
}

#[test]
fn events_are_counted_by_their_step() {
    let events = run(5000);
    let log = log(&events);
    let last = events.last().map_or(0, |event| event.step);
    for step in (0..last + 2).step_by(61) {
        assert_eq!(log.before_step(step), events.partition_point(|event| event.step < step), "{step}");
    }
    assert_eq!(Log::default().before_step(5), 0);
}

#[test]
fn what_is_taken_away_can_be_put_back_or_another_future_follow() {
    let events = run(3000);
    for cut in [0, 1, 700, 701, 702, 1500, 2999, 3000, 4000] {
        let mut log = log(&events);
        let tail = log.split_off(cut);
        let cut = cut.min(events.len());
        assert_eq!(log.to_vec(), events[..cut]);
        assert_eq!(tail.to_vec(), events[cut..]);
        assert_eq!((log.len(), tail.len()), (cut, events.len() - cut));
        let mut other = log.clone();
        events[cut..].iter().step_by(2).for_each(|event| other.push_event(event));
        assert_eq!(other.len(), cut + (events.len() - cut).div_ceil(2));
        log.append(tail);
        assert_eq!(log.to_vec(), events);
        log.push_event(&events[0]);
        assert_eq!(log.len(), events.len() + 1);
        assert_eq!(log.last().map(|event| event.what), Some(events[0].what.clone()));
    }
}

#[test]
fn an_event_takes_a_fifth_of_what_it_takes_in_memory() {
    let mut log = Log::default();
    let kinds = one_of_each();
    for (n, kind) in (0..100_000).zip(kinds.iter().cycle()) {
        let cx =
            Context { instret: n * 900, step: n * 901, hart: 0, mode: Privilege::User, pc: VirtAddr::new(n) };
        log.push(&cx, kind);
    }
    let bytes = log.bytes();
    assert!(bytes / log.len() < size_of::<Event>() / 5 + 1, "{} bytes an event", bytes / log.len());
}
