//! Reads the harness's output and says in words where two outputs part.

use std::fmt::Write as _;

use super::{harness, run::Outputs};

/// One record of the output.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Record {
    tag: u8,
    words: Vec<u64>,
}

fn records(output: &[u8]) -> Vec<Record> {
    let mut records = Vec::new();
    let mut rest = output;
    while let Some((&tag, tail)) = rest.split_first() {
        let length = match tag {
            harness::TAG_TRAP => harness::TRAP_WORDS,
            harness::TAG_S_TRAP => harness::S_TRAP_WORDS,
            harness::TAG_END => harness::END_WORDS,
            harness::TAG_HASH | harness::TAG_COUNT => 1,
            // Output that no harness wrote: keep it, so that it differs.
            _ => 0,
        };
        let (body, after) = tail.split_at(tail.len().min(length * 8));
        let words = body.chunks(8).map(|chunk| chunk.iter().rev().fold(0, |w, &b| w << 8 | u64::from(b)));
        records.push(Record { tag, words: words.collect() });
        rest = after;
    }
    records
}

/// Instructions that the cases executed, as the last record says; only our machine counts them.
pub(super) fn instructions(ours: &[u8]) -> u64 {
    let count = records(ours).pop().filter(|record| record.tag == harness::TAG_COUNT);
    count.and_then(|record| record.words.first().copied()).unwrap_or(0)
}

/// The number of the first of `cases` whose hash differs or is missing.
pub(super) fn first_case(outputs: &Outputs, cases: usize) -> Option<usize> {
    let (ours, theirs) = (compared(&outputs.ours), compared(&outputs.theirs));
    let same = ours.iter().zip(&theirs).take_while(|(a, b)| a == b).count();
    let whole = ours.len() == cases && theirs.len() == cases;
    (same < cases || !whole).then(|| same.min(cases - 1))
}

/// The records of an output that must be the same on both machines.
fn compared(output: &[u8]) -> Vec<Record> {
    let mut records = records(output);
    records.retain(|record| record.tag != harness::TAG_COUNT);
    records
}

/// The first record that differs, with the records before it, of outputs that tell everything.
pub(super) fn first_difference(outputs: &Outputs) -> Option<String> {
    let (ours, theirs) = (compared(&outputs.ours), compared(&outputs.theirs));
    if ours == theirs {
        return None;
    }
    let at = ours.iter().zip(&theirs).take_while(|(a, b)| a == b).count();
    let mut text = String::new();
    for record in &theirs[at.saturating_sub(3)..at] {
        let _ = writeln!(text, "  both  {}", in_words(record));
    }
    let _ = writeln!(text, "  ours  {}", ours.get(at).map_or("nothing".into(), in_words));
    let _ = writeln!(text, "  qemu  {}", theirs.get(at).map_or("nothing".into(), in_words));
    if let (Some(a), Some(b)) = (ours.get(at), theirs.get(at)) {
        text.push_str(&fields_that_differ(a, b));
    }
    Some(text)
}

fn in_words(record: &Record) -> String {
    let words: Vec<String> = record.words.iter().take(4).map(|word| format!("{word:#x}")).collect();
    let kind = match record.tag {
        harness::TAG_TRAP => "trap    mcause, mepc, mtval, mstatus",
        harness::TAG_S_TRAP => "S trap  scause, sepc, stval, mstatus",
        harness::TAG_END => "end     x1…",
        harness::TAG_HASH => "hash",
        _ => "a byte that no harness wrote",
    };
    format!("{kind} = {}", words.join(" "))
}

fn fields_that_differ(ours: &Record, theirs: &Record) -> String {
    if ours.tag != harness::TAG_END || theirs.tag != harness::TAG_END {
        return String::new();
    }
    let name = |index: usize| match index {
        0..31 => format!("x{}", index + 1),
        _ => match harness::END_CSRS.get(index - 31) {
            Some((name, _)) => (*name).to_owned(),
            None if index < harness::END_WORDS - 2 => format!("f{}", index - 31 - harness::END_CSRS.len()),
            None if index == harness::END_WORDS - 1 => "hash of the page tables".to_owned(),
            None => "hash of the data".to_owned(),
        },
    };
    let pairs = ours.words.iter().zip(&theirs.words).enumerate().filter(|(_, (a, b))| a != b);
    pairs.map(|(index, (a, b))| format!("  {}: ours {a:#x}, qemu {b:#x}\n", name(index))).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn trap(words: [u64; 4]) -> Vec<u8> {
        let mut bytes = vec![harness::TAG_TRAP];
        words.iter().for_each(|word| bytes.extend(word.to_le_bytes()));
        bytes
    }

    fn outputs(ours: &[Vec<u8>], theirs: &[Vec<u8>]) -> Outputs {
        Outputs { ours: ours.concat(), theirs: theirs.concat() }
    }

    fn record(tag: u8, word: u64) -> Vec<u8> {
        [&[tag][..], &word.to_le_bytes()].concat()
    }

    #[test]
    fn equal_outputs_have_no_difference_whatever_their_counts() {
        let count = |n| record(harness::TAG_COUNT, n);
        let traps = [trap([1, 2, 3, 4]), trap([5, 6, 7, 8])].concat();
        let both = outputs(&[traps.clone(), count(77)], &[traps, count(5)]);
        assert_eq!(first_difference(&both), None);
        assert_eq!(instructions(&both.ours), 77);
    }

    #[test]
    fn a_difference_names_both_sides() {
        let both =
            outputs(&[trap([1, 2, 3, 4]), trap([5, 6, 7, 8])], &[trap([1, 2, 3, 4]), trap([5, 6, 0x77, 8])]);
        let text = first_difference(&both).unwrap();
        for part in ["0x7 0x8", "0x77 0x8"] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn an_output_that_stops_early_differs() {
        let both = outputs(&[trap([1, 2, 3, 4])], &[trap([1, 2, 3, 4]), trap([5, 6, 7, 8])]);
        let text = first_difference(&both).unwrap();
        assert!(text.contains("ours  nothing"), "{text}");
    }

    #[test]
    fn the_case_that_differs_is_the_first_whose_hash_does() {
        let hash = |n| record(harness::TAG_HASH, n);
        let three = [hash(1), hash(2), hash(3)];
        assert_eq!(first_case(&outputs(&three, &three), 3), None);
        assert_eq!(first_case(&outputs(&three, &[hash(1), hash(9), hash(3)]), 3), Some(1));
        assert_eq!(first_case(&outputs(&three, &three[..2]), 3), Some(2));
        assert_eq!(first_case(&outputs(&three[..2], &three[..2]), 3), Some(2), "neither came to the end");
    }
}
