//! The board's devices, used by programs that run on it.

mod common;

use common::code::{T0, T1, WFI, addi, lui, store};
use faultline_machine::boot::MachineConfig;
use faultline_machine::bus::ExitCode;
use faultline_machine::device::rtc::EPOCH_NANOSECONDS;
use faultline_machine::loader::LoadedProgram;
use faultline_machine::machine::{Machine, RunEnd};
use faultline_machine::observer::NoObserver;

/// Puts a number into a register; what is above 32 bits is a copy of bit 31.
fn set(register: u32, value: u32) -> [u32; 2] {
    [lui(register, value.wrapping_add(0x800)), addi(register, register, value & 0xfff)]
}

/// Stores words at addresses, one after the other.
fn poke(pokes: &[(u32, u32)]) -> Vec<u32> {
    let one = |&(address, value)| {
        let [a, b] = set(T0, address);
        let [c, d] = set(T1, value);
        [a, b, c, d, store(2, T1, T0)]
    };
    pokes.iter().flat_map(one).collect()
}

fn machine(words: &[u32]) -> Machine {
    let program =
        LoadedProgram::from_raw(words.iter().flat_map(|word| word.to_le_bytes()).collect()).unwrap();
    Machine::new(MachineConfig { memory_mib: 4, ..MachineConfig::default() }, &program).unwrap()
}

/// A program that waits for the real-time clock's alarm, a millisecond after the start.
fn sleeper() -> Vec<u32> {
    // `csrs mie, t1`
    const ENABLE: u32 = 0x304 << 20 | T1 << 15 | 0b010 << 12 | 0x73;
    let at = EPOCH_NANOSECONDS + 1_000_000;
    let (high, low) = (u32::try_from(at >> 32).unwrap(), u32::try_from(at & 0xffff_ffff).unwrap());
    let mut words = poke(&[
        (0x0c00_002c, 1),
        (0x0c00_2000, 1 << 11),
        (0x10_1010, 1),
        (0x10_100c, high),
        (0x10_1008, low),
    ]);
    words.extend(set(T1, 1 << 11));
    words.extend([ENABLE, WFI]);
    words.extend(poke(&[(0x10_0000, 0x5555)]));
    words
}

#[test]
fn the_alarm_of_the_clock_wakes_a_hart_that_waits() {
    let mut machine = machine(&sleeper());
    assert_eq!(machine.run(1000, &mut NoObserver), RunEnd::Exited(ExitCode(0)));
    assert_eq!(machine.mtime(), 10_000, "a millisecond, and not a tick more");
}

#[test]
fn an_alarm_comes_at_the_same_step_however_a_run_is_divided() {
    let mut whole = machine(&sleeper());
    whole.run(1000, &mut NoObserver);
    let mut pieces = machine(&sleeper());
    while pieces.run(1, &mut NoObserver) == RunEnd::Budget {
        let keyframe = pieces.keyframe();
        pieces.restore(&keyframe);
    }
    assert_eq!((pieces.step_count(), pieces.mtime()), (whole.step_count(), whole.mtime()));
}
