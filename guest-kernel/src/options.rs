//! Kernel options, from the command line in the device tree.

use alloc::{string::String, vec::Vec};

use crate::{
    frame::Failing,
    memory::{ExecPolicy, ForkPolicy, MemoryOptions},
    plan::ZeroPolicy,
    sbrk::SbrkPolicy,
    victim::Policy,
};

/// Ticks of `mtime` in a time slice unless the user says otherwise: 10 ms.
pub const QUANTUM_DEFAULT: u64 = 100_000;
/// Shortest time slice. Much shorter, and the interrupt would take all of it.
pub const QUANTUM_MIN: u64 = 1_000;
/// Longest time slice: ten minutes.
pub const QUANTUM_MAX: u64 = 6_000_000_000;
/// Fewest frames that programs may be limited to. One program needs five tables, a trapframe, a guard page and
/// the pages of one instruction, of which there are at most four; and all share a frame of zeros.
pub const FRAMES_MIN: usize = 12;
/// The program that runs when none is named.
const INIT_DEFAULT: &str = "hello";
/// Programs that `init` may name.
pub const PROGRAMS_MAX: usize = 64;

/// What the kernel was told at boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The programs to run, all at once, each with its arguments after colons.
    pub init: Vec<String>,
    /// How memory is managed.
    pub memory: MemoryOptions,
    /// Frames for programs, their page tables included; `None` for all there are.
    pub frames: Option<usize>,
    /// Pages of swap; `None` for as many as the disk has room for.
    pub swap: Option<u32>,
    /// Ticks of `mtime` in a time slice.
    pub quantum: u64,
    /// Which allocations of frames fail although there are some.
    pub failing: Failing,
}

impl Default for Options {
    fn default() -> Self {
        let (init, memory) = (Vec::from([INIT_DEFAULT.into()]), MemoryOptions::default());
        let failing = Failing::Never;
        Self { init, memory, frames: None, swap: None, quantum: QUANTUM_DEFAULT, failing }
    }
}

impl Options {
    /// Reads `key=value` words. A word that is not understood goes to `warn` and changes nothing.
    pub fn parse(command_line: &str, mut warn: impl FnMut(&str)) -> Self {
        let mut options = Self::default();
        for word in command_line.split_ascii_whitespace() {
            if options.set(word).is_none() {
                warn(word);
            }
        }
        options
    }

    fn set(&mut self, word: &str) -> Option<()> {
        let memory = &mut self.memory;
        match word.split_once('=')? {
            ("init", value) => self.init = programs(value)?,
            ("sbrk", "lazy") => memory.sbrk = SbrkPolicy::Lazy,
            ("sbrk", "eager") => memory.sbrk = SbrkPolicy::Eager,
            ("fork", "cow") => memory.fork = ForkPolicy::Cow,
            ("fork", "copy") => memory.fork = ForkPolicy::Copy,
            ("exec", "demand") => memory.exec = ExecPolicy::Demand,
            ("exec", "eager") => memory.exec = ExecPolicy::Eager,
            ("zero", "shared") => memory.zero = ZeroPolicy::Shared,
            ("zero", "private") => memory.zero = ZeroPolicy::Private,
            ("policy", name) => memory.policy = policy(name)?,
            ("seed", value) => memory.seed = value.parse().ok()?,
            ("frames", value) => self.frames = Some(frames(value)?),
            ("swap", value) => self.swap = Some(value.parse().ok()?),
            ("quantum", value) => self.quantum = quantum(value)?,
            ("alloc-fail-at", value) => self.failing = Failing::At(ordinal(value)?),
            ("alloc-fail-every", value) => self.failing = Failing::Every(ordinal(value)?),
            _ => return None,
        }
        Some(())
    }
}

/// `a,b:first:second,c`: no name is empty.
fn programs(value: &str) -> Option<Vec<String>> {
    let programs: Vec<String> = value.split(',').map(String::from).collect();
    let named = |program: &String| program.split(':').next().is_some_and(|name| !name.is_empty());
    (programs.len() <= PROGRAMS_MAX && programs.iter().all(named)).then_some(programs)
}

fn policy(name: &str) -> Option<Policy> {
    Policy::ALL.into_iter().find(|policy| policy.name() == name)
}

fn frames(value: &str) -> Option<usize> {
    value.parse().ok().filter(|&frames| frames >= FRAMES_MIN)
}

/// Counted from 1.
fn ordinal(value: &str) -> Option<u64> {
    value.parse().ok().filter(|&number| number > 0)
}

fn quantum(value: &str) -> Option<u64> {
    value.parse().ok().filter(|ticks| (QUANTUM_MIN..=QUANTUM_MAX).contains(ticks))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(command_line: &str) -> (Options, Vec<String>) {
        let mut warnings = Vec::new();
        let options = Options::parse(command_line, |word| warnings.push(word.into()));
        (options, warnings)
    }

    #[test]
    fn every_option_is_understood() {
        let (options, warnings) = parse("  init=spin,lazy sbrk=eager\tquantum=5000 frames=20 swap=0 ");
        assert_eq!(options.init, ["spin", "lazy"]);
        assert_eq!((options.memory.sbrk, options.quantum), (SbrkPolicy::Eager, 5000));
        assert_eq!((options.frames, options.swap), (Some(20), Some(0)));
        let (other, more) = parse("fork=cow exec=demand zero=shared policy=aging seed=7");
        let memory = MemoryOptions {
            sbrk: SbrkPolicy::Lazy,
            fork: ForkPolicy::Cow,
            exec: ExecPolicy::Demand,
            zero: ZeroPolicy::Shared,
            policy: Policy::Aging,
            seed: 7,
        };
        assert_eq!(other.memory, memory);
        assert_eq!((warnings, more), (Vec::new(), Vec::new()));
        assert_eq!(parse("init=sh,soak:7:100").0.init, ["sh", "soak:7:100"]);
        assert_eq!(parse("alloc-fail-at=3").0.failing, Failing::At(3));
        assert_eq!(parse("alloc-fail-every=9").0.failing, Failing::Every(9));
    }

    #[test]
    fn nothing_means_the_defaults() {
        assert_eq!(parse(""), (Options::default(), Vec::new()));
    }

    #[test]
    fn the_last_of_two_wins() {
        assert_eq!(parse("sbrk=eager sbrk=lazy").0.memory.sbrk, SbrkPolicy::Lazy);
    }

    #[test]
    fn what_is_not_understood_is_named_and_ignored() {
        let bad = [
            "sbrk=never",
            "sbrk",
            "=",
            "init=",
            "init=a,,b",
            "init=:a",
            "alloc-fail-at=0",
            "quantum=0",
            "quantum=999",
            "quantum=x",
            "quantum=-1",
            "quantum=99999999999999999999",
            "colour=red",
            "fork=twice",
            "policy=lifo",
            "frames=11",
            "frames=-1",
            "swap=some",
            "seed=",
        ];
        let (options, warnings) = parse(&bad.join(" "));
        assert_eq!(options, Options::default());
        assert_eq!(warnings, bad);
    }
}
