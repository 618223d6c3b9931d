//! The longest common subsequence of two sequences of landmarks.

use super::landmark::Landmark;

/// Cells of the table, at most; longer stretches are aligned by the nearest equal landmark.
const CELLS: usize = 4 << 20;
/// How far that is looked for.
const NEAR: usize = 256;

/// What stands in one row.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Pair {
    /// Indices of equal landmarks.
    Both(usize, usize),
    /// One that only the left sequence has.
    Left(usize),
    /// One that only the right sequence has.
    Right(usize),
}

/// Aligns two sequences. What the programs did of their own accord (system calls, marks) is aligned
/// first; it is nearly always the same, and cuts the rest into short stretches.
pub(super) fn align(left: &[Landmark], right: &[Landmark]) -> Vec<Pair> {
    let anchors = |landmarks: &[Landmark]| -> Vec<usize> {
        (0..landmarks.len()).filter(|&i| landmarks[i].is_anchor()).collect()
    };
    let (anchors_left, anchors_right) = (anchors(left), anchors(right));
    let equal = |l: usize, r: usize| left[anchors_left[l]].key == right[anchors_right[r]].key;
    let mut rows = Vec::new();
    let (mut from_left, mut from_right) = (0, 0);
    for (l, r) in common(anchors_left.len(), anchors_right.len(), &equal) {
        let (l, r) = (anchors_left[l], anchors_right[r]);
        stretch(left, right, (from_left, l), (from_right, r), &mut rows);
        rows.push(Pair::Both(l, r));
        (from_left, from_right) = (l + 1, r + 1);
    }
    stretch(left, right, (from_left, left.len()), (from_right, right.len()), &mut rows);
    rows
}

/// Aligns what lies between two anchors.
fn stretch(
    left: &[Landmark],
    right: &[Landmark],
    l: (usize, usize),
    r: (usize, usize),
    rows: &mut Vec<Pair>,
) {
    let equal = |i: usize, j: usize| left[l.0 + i].key == right[r.0 + j].key;
    let (mut i, mut j) = (0, 0);
    for (to_i, to_j) in common(l.1 - l.0, r.1 - r.0, &equal) {
        rows.extend((i..to_i).map(|i| Pair::Left(l.0 + i)));
        rows.extend((j..to_j).map(|j| Pair::Right(r.0 + j)));
        rows.push(Pair::Both(l.0 + to_i, r.0 + to_j));
        (i, j) = (to_i + 1, to_j + 1);
    }
    rows.extend((l.0 + i..l.1).map(Pair::Left));
    rows.extend((r.0 + j..r.1).map(Pair::Right));
}

/// Index pairs of a longest common subsequence of sequences with `n` and `m` members.
fn common(n: usize, m: usize, equal: &impl Fn(usize, usize) -> bool) -> Vec<(usize, usize)> {
    let head = (0..n.min(m)).take_while(|&i| equal(i, i)).count();
    let tail = (0..n.min(m) - head).take_while(|&i| equal(n - 1 - i, m - 1 - i)).count();
    let (rows, columns) = (n - head - tail, m - head - tail);
    let inner = |i: usize, j: usize| equal(head + i, head + j);
    let middle = match rows.saturating_mul(columns) {
        0 => Vec::new(),
        1..=CELLS => exact(rows, columns, &inner),
        _ => near(rows, columns, &inner),
    };
    let mut pairs: Vec<(usize, usize)> = (0..head).map(|i| (i, i)).collect();
    pairs.extend(middle.into_iter().map(|(i, j)| (head + i, head + j)));
    pairs.extend((0..tail).rev().map(|i| (n - 1 - i, m - 1 - i)));
    pairs
}

/// By the table of the lengths of all common subsequences of the tails.
fn exact(n: usize, m: usize, equal: &impl Fn(usize, usize) -> bool) -> Vec<(usize, usize)> {
    let width = m + 1;
    let mut length = vec![0_u32; (n + 1) * width];
    for i in (0..n).rev() {
        for j in (0..m).rev() {
            length[i * width + j] = if equal(i, j) {
                length[(i + 1) * width + j + 1] + 1
            } else {
                length[(i + 1) * width + j].max(length[i * width + j + 1])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut pairs = Vec::new();
    while i < n && j < m {
        if equal(i, j) {
            pairs.push((i, j));
            (i, j) = (i + 1, j + 1);
        } else if length[(i + 1) * width + j] >= length[i * width + j + 1] {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}

/// Each member with the next equal one nearby.
fn near(n: usize, m: usize, equal: &impl Fn(usize, usize) -> bool) -> Vec<(usize, usize)> {
    let mut pairs = Vec::new();
    let mut from = 0;
    for i in 0..n {
        if let Some(j) = (from..m.min(from + NEAR)).find(|&j| equal(i, j)) {
            pairs.push((i, j));
            from = j + 1;
        }
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    fn pairs(left: &str, right: &str) -> Vec<(usize, usize)> {
        let (left, right) = (left.as_bytes(), right.as_bytes());
        common(left.len(), right.len(), &|i, j| left[i] == right[j])
    }

    #[test]
    fn the_common_subsequence_is_a_longest_one() {
        // The textbook example, whose answer has four members.
        assert_eq!(pairs("ABCBDAB", "BDCABA").len(), 4);
        assert_eq!(pairs("abc", "abc"), [(0, 0), (1, 1), (2, 2)]);
        assert_eq!(pairs("abc", "ac"), [(0, 0), (2, 1)]);
        assert_eq!(pairs("abc", "xyz"), []);
        assert_eq!(pairs("", "x"), []);
    }

    #[test]
    fn long_sequences_are_aligned_by_what_is_near() {
        let left: Vec<u32> = (0..5000).collect();
        let right: Vec<u32> = (0..5000).map(|n| if n % 100 == 7 { 9999 } else { n }).collect();
        let found = common(5000, 5000, &|i, j| left[i] == right[j]);
        assert_eq!(found.len(), 4950);
        assert!(found.iter().all(|(i, j)| i == j));
    }
}
