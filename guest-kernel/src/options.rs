//! Kernel options, from the command line in the device tree.

use alloc::{string::String, vec::Vec};

use crate::sbrk::SbrkPolicy;

/// Ticks of `mtime` in a time slice unless the user says otherwise: 10 ms.
pub const QUANTUM_DEFAULT: u64 = 100_000;
/// Shortest time slice. Much shorter, and the interrupt would take all of it.
pub const QUANTUM_MIN: u64 = 1_000;
/// Longest time slice: ten minutes.
pub const QUANTUM_MAX: u64 = 6_000_000_000;
/// The program that runs when none is named.
const INIT_DEFAULT: &str = "hello";
/// Programs that `init` may name.
pub const PROGRAMS_MAX: usize = 64;

/// What the kernel was told at boot.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The programs to run, all at once.
    pub init: Vec<String>,
    /// When a grown heap gets its frames.
    pub sbrk: SbrkPolicy,
    /// Ticks of `mtime` in a time slice.
    pub quantum: u64,
}

impl Default for Options {
    fn default() -> Self {
        Self { init: Vec::from([INIT_DEFAULT.into()]), sbrk: SbrkPolicy::Lazy, quantum: QUANTUM_DEFAULT }
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
        match word.split_once('=')? {
            ("init", value) => self.init = programs(value)?,
            ("sbrk", "lazy") => self.sbrk = SbrkPolicy::Lazy,
            ("sbrk", "eager") => self.sbrk = SbrkPolicy::Eager,
            ("quantum", value) => self.quantum = quantum(value)?,
            _ => return None,
        }
        Some(())
    }
}

/// `a,b,c`, none of them empty.
fn programs(value: &str) -> Option<Vec<String>> {
    let names: Vec<String> = value.split(',').map(String::from).collect();
    (names.len() <= PROGRAMS_MAX && names.iter().all(|name| !name.is_empty())).then_some(names)
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
        let (options, warnings) = parse("  init=spin,lazy sbrk=eager\tquantum=5000 ");
        assert_eq!(options.init, ["spin", "lazy"]);
        assert_eq!((options.sbrk, options.quantum), (SbrkPolicy::Eager, 5000));
        assert!(warnings.is_empty());
    }

    #[test]
    fn nothing_means_the_defaults() {
        assert_eq!(parse(""), (Options::default(), Vec::new()));
    }

    #[test]
    fn the_last_of_two_wins() {
        assert_eq!(parse("sbrk=eager sbrk=lazy").0.sbrk, SbrkPolicy::Lazy);
    }

    #[test]
    fn what_is_not_understood_is_named_and_ignored() {
        let bad = [
            "sbrk=never",
            "sbrk",
            "=",
            "init=",
            "init=a,,b",
            "quantum=0",
            "quantum=999",
            "quantum=x",
            "quantum=-1",
            "quantum=99999999999999999999",
            "colour=red",
            "fork=cow",
        ];
        let (options, warnings) = parse(&bad.join(" "));
        assert_eq!(options, Options::default());
        assert_eq!(warnings, bad);
    }
}
