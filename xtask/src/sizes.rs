//! What the page weighs: each file raw and as brotli, and the budget of a first visit.

use std::{fs, path::Path};

use anyhow::{Context, Result, ensure};

use crate::site;

/// Bytes, as brotli, that a first visit may transfer until the first page fault is on the screen.
/// It guards what has been reached; see `docs/decisions/page-delivery.md`.
pub(crate) const BUDGET: usize = 290_000;

/// The weight of a file.
pub(crate) struct Weight {
    /// Its path in the site.
    name: String,
    raw: usize,
    brotli: usize,
}

/// What is weighed.
pub(crate) struct Sizes {
    /// What a first visit loads.
    first: Vec<Weight>,
    /// Files that are loaded where they are looked at, and their bytes.
    later: (usize, usize),
}

/// Weighs a site.
pub(crate) fn of(folder: &Path) -> Result<Sizes> {
    let (first, later) = site::first_and_later(site::files(folder)?);
    let content = |name: &String| {
        let file = folder.join(name);
        fs::read(&file).with_context(|| format!("reading {}", file.display()))
    };
    let mut sizes = Sizes { first: Vec::new(), later: (later.len(), 0) };
    for name in later {
        sizes.later.1 += content(&name)?.len();
    }
    for name in first {
        let content = content(&name)?;
        // No server sends a file larger than it is.
        let brotli = brotli(&content, 11).len().min(content.len());
        sizes.first.push(Weight { name, raw: content.len(), brotli });
    }
    sizes.first.sort_by_key(|weight| std::cmp::Reverse(weight.brotli));
    Ok(sizes)
}

/// The content as brotli of this quality (0 to 11).
pub(crate) fn brotli(content: &[u8], quality: u32) -> Vec<u8> {
    let parameters = brotli::enc::BrotliEncoderParams {
        quality: i32::try_from(quality).unwrap_or(11),
        size_hint: content.len(),
        ..Default::default()
    };
    let mut compressed = Vec::new();
    brotli::BrotliCompress(&mut &*content, &mut compressed, &parameters)
        .unwrap_or_else(|error| unreachable!("memory to memory: {error}"));
    compressed
}

impl Sizes {
    fn total(&self) -> (usize, usize) {
        self.first.iter().fold((0, 0), |(raw, br), weight| (raw + weight.raw, br + weight.brotli))
    }

    /// The table, heaviest file first.
    pub(crate) fn table(&self) -> String {
        let line = |name: &str, raw: usize, brotli: usize| format!("{raw:>10} {brotli:>10}  {name}\n");
        let mut table = format!("{:>10} {:>10}  first visit\n", "raw", "brotli");
        for weight in &self.first {
            table += &line(&weight.name, weight.raw, weight.brotli);
        }
        let (raw, brotli) = self.total();
        table += &line(&format!("together, of at most {BUDGET}"), raw, brotli);
        table + &format!("and {} files, {} bytes raw, when they are looked at\n", self.later.0, self.later.1)
    }

    /// Fails where a first visit transfers more than the budget.
    pub(crate) fn check(&self) -> Result<()> {
        let (_, brotli) = self.total();
        ensure!(
            brotli <= BUDGET,
            "a first visit transfers {brotli} bytes as brotli, and the budget is {BUDGET}; `cargo xtask dist` shows which files they are"
        );
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_page_over_the_budget_is_refused() {
        let weight = |brotli| Weight { name: "a".into(), raw: brotli, brotli };
        let sizes = |brotli| Sizes { first: vec![weight(brotli), weight(1)], later: (0, 0) };
        assert!(sizes(BUDGET - 1).check().is_ok());
        let error = sizes(BUDGET).check().unwrap_err().to_string();
        assert!(error.contains(&(BUDGET + 1).to_string()), "{error}");
    }

    #[test]
    fn brotli_shrinks_what_repeats_itself() {
        assert!(brotli(&[7; 5000], 5).len() < 100);
    }
}
