//! Reads the harness's output and says in words where two outputs part.

use std::fmt::Write as _;

use super::harness;

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

/// How many traps an output tells of.
pub(super) fn count_traps(output: &[u8]) -> u64 {
    records(output).iter().filter(|record| record.tag != harness::TAG_END).count() as u64
}

/// The first record that differs, with the seed of its case and the records before it.
pub(super) fn first_difference(ours: &[u8], theirs: &[u8], seeds: &[u64]) -> Option<String> {
    if ours == theirs {
        return None;
    }
    let (ours, theirs) = (records(ours), records(theirs));
    let at = ours.iter().zip(&theirs).take_while(|(a, b)| a == b).count();
    let case = theirs[..at].iter().filter(|record| record.tag == harness::TAG_END).count();
    let mut text = match seeds.get(case) {
        Some(seed) => format!("seed {seed} (case {case} of its image):\n"),
        None => format!("after the last case ({case}):\n"),
    };
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

    #[test]
    fn equal_outputs_have_no_difference_and_their_traps_are_counted() {
        let output = [trap([1, 2, 3, 4]), trap([5, 6, 7, 8])].concat();
        assert_eq!(first_difference(&output, &output, &[7]), None);
        assert_eq!(count_traps(&output), 2);
    }

    #[test]
    fn a_difference_names_the_seed_and_both_sides() {
        let ours = [trap([1, 2, 3, 4]), trap([5, 6, 7, 8])].concat();
        let theirs = [trap([1, 2, 3, 4]), trap([5, 6, 0x77, 8])].concat();
        let text = first_difference(&ours, &theirs, &[42]).unwrap();
        for part in ["seed 42", "0x7 0x8", "0x77 0x8"] {
            assert!(text.contains(part), "{part} in {text}");
        }
    }

    #[test]
    fn an_output_that_stops_early_differs() {
        let theirs = [trap([1, 2, 3, 4]), trap([5, 6, 7, 8])].concat();
        let text = first_difference(&theirs[..33], &theirs, &[42]).unwrap();
        assert!(text.contains("ours  nothing"), "{text}");
    }
}
