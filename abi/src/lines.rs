//! Line tables: from which line of whose source an instruction comes. `docs/lines.md` has the format in
//! words.
//!
//! The build makes one table for the kernel and one for each program from the debug information, and
//! the page and the command line read them. A compiler inlines: one instruction belongs to a chain of
//! calls, such as `store`, called on line 20 of the program. [`Lines::line`] gives the line that a
//! reader of the program wants to see, [`Lines::chain`] gives all.

use alloc::{format, string::String, vec::Vec};

use serde::{Deserialize, Serialize};

use crate::scenario::Refused;

/// The format version that this build writes and reads.
pub const FORMAT: u32 = 1;

/// The table of one program, as it stands in its file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineTable {
    /// Format version: [`FORMAT`].
    pub faultline_lines: u32,
    /// Name of the program, or `kernel`.
    pub program: String,
    /// The source files that the places name.
    pub files: Vec<SourceFile>,
    /// Names of functions and symbols.
    pub names: Vec<String>,
    /// The places in the source.
    pub places: Vec<Place>,
    /// Address of the first row.
    #[serde(with = "crate::hex")]
    pub base: u64,
    /// Bytes of code, and their place; each row begins where the one before it ends.
    pub rows: Vec<(u32, Option<u32>)>,
    /// Symbols: how far after the one before (the first: after `base`), bytes, and the name.
    pub symbols: Vec<(u32, u32, u32)>,
}

/// A source file.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct SourceFile {
    /// Its path in the project, or in the library that it belongs to. The text of files whose source
    /// is not [`Source::Absent`] lies beside the table under `source/` and this path.
    pub path: String,
    /// Whose it is.
    #[serde(default, skip_serializing_if = "Source::is_absent")]
    pub source: Source,
}

/// Whose a source file is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Source {
    /// The program's own: what a reader of the program wants to see.
    Own,
    /// A library of the project.
    Library,
    /// The text is not here.
    #[default]
    Absent,
}

impl Source {
    #[expect(clippy::trivially_copy_pass_by_ref, reason = "serde hands over a reference")]
    fn is_absent(&self) -> bool {
        *self == Self::Absent
    }
}

/// A place in the source: function, file, line, and the place that calls it if it is inlined there.
/// Function and file are positions in `names` and `files`; the caller is one in `places`, and stands
/// before this place.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct Place(pub u32, pub Option<u32>, pub u32, pub Option<u32>);

/// A line of a program's source.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// The function.
    pub function: &'a str,
    /// The file; none where the debug information names none.
    pub file: Option<&'a SourceFile>,
    /// The line, from 1; 0 where the instruction belongs to none.
    pub number: u32,
}

impl Line<'_> {
    fn source(&self) -> Source {
        self.file.map_or(Source::Absent, |file| file.source)
    }
}

/// A table that was checked, ready to be asked.
#[derive(Clone, Debug)]
pub struct Lines {
    table: LineTable,
    /// Address of each row, and of the end.
    rows: Vec<u64>,
    /// Address of each symbol.
    symbols: Vec<u64>,
}

impl Lines {
    /// Checks a table.
    ///
    /// # Errors
    /// The field that names something that is not there.
    pub fn new(table: LineTable) -> Result<Self, Refused> {
        table.check()?;
        let rows = sums(table.base, table.rows.iter().map(|row| row.0));
        let mut symbols = sums(table.base, table.symbols.iter().map(|symbol| symbol.0));
        symbols.remove(0);
        Ok(Self { table, rows, symbols })
    }

    /// Name of the program, or `kernel`.
    #[must_use]
    pub fn program(&self) -> &str {
        &self.table.program
    }

    /// The source files that the table names; the program's own come first.
    #[must_use]
    pub fn files(&self) -> &[SourceFile] {
        &self.table.files
    }

    /// The line to show for the instruction at `pc`: the innermost one of the program's own source,
    /// or else of the project's, or else the function without a line.
    #[must_use]
    pub fn line(&self, pc: u64) -> Option<Line<'_>> {
        let of = |source| self.chain(pc).find(|line| line.source() == source);
        of(Source::Own).or_else(|| of(Source::Library)).or_else(|| self.chain(pc).next())
    }

    /// The lines that the instruction at `pc` belongs to: the innermost first, then the call that it is
    /// inlined into, and so on. Calls inside files without text are left out, unless there is nothing else.
    pub fn chain(&self, pc: u64) -> impl Iterator<Item = Line<'_>> {
        let place = |number: u32| self.table.places[number as usize];
        let first = self.row(pc).and_then(|row| self.table.rows[row].1).map(place);
        core::iter::successors(first, move |place_now| place_now.3.map(place)).map(|place| self.at(place))
    }

    /// The runs of code, as address and bytes, of which `line` of the file at `path` is the line to show.
    pub fn code_of<'a>(&'a self, path: &'a str, line: u32) -> impl Iterator<Item = (u64, u32)> + 'a {
        let here = move |start: u64| {
            self.line(start).is_some_and(|l| l.number == line && l.file.is_some_and(|file| file.path == path))
        };
        let rows = self.rows.iter().zip(&self.table.rows);
        rows.filter(move |(start, _)| here(**start)).map(|(start, row)| (*start, row.0))
    }

    /// The symbol that holds `address`, and how far inside it the address is.
    #[must_use]
    pub fn symbol(&self, address: u64) -> Option<(&str, u64)> {
        let number = self.symbols.partition_point(|&start| start <= address).checked_sub(1)?;
        let (_, size, name) = self.table.symbols[number];
        let offset = address - self.symbols[number];
        (offset < u64::from(size)).then(|| (&*self.table.names[name as usize], offset))
    }

    /// The row that holds `pc`.
    fn row(&self, pc: u64) -> Option<usize> {
        let row = self.rows.partition_point(|&start| start <= pc).checked_sub(1)?;
        (row < self.table.rows.len()).then_some(row)
    }

    fn at(&self, Place(function, file, number, _): Place) -> Line<'_> {
        let file = file.map(|file| &self.table.files[file as usize]);
        Line { function: &self.table.names[function as usize], file, number }
    }
}

/// `start` and every sum of it and the first numbers.
fn sums(start: u64, numbers: impl Iterator<Item = u32>) -> Vec<u64> {
    let mut sum = start;
    core::iter::once(start)
        .chain(numbers.map(|number| {
            sum = sum.saturating_add(number.into());
            sum
        }))
        .collect()
}

impl LineTable {
    fn check(&self) -> Result<(), Refused> {
        if self.faultline_lines != FORMAT {
            let version = self.faultline_lines;
            let reason = format!("format version {version} is unknown; this build reads version {FORMAT}");
            return Err(Refused { field: "faultline_lines".into(), reason });
        }
        for (n, place) in self.places.iter().enumerate() {
            self.check_place(n, *place)?;
        }
        for (n, (_, place)) in self.rows.iter().enumerate() {
            place.map_or(Ok(()), |place| within(&format!("rows[{n}]"), place, self.places.len()))?;
        }
        for (n, symbol) in self.symbols.iter().enumerate() {
            within(&format!("symbols[{n}]"), symbol.2, self.names.len())?;
        }
        Ok(())
    }

    fn check_place(&self, n: usize, Place(function, file, _, caller): Place) -> Result<(), Refused> {
        within(&format!("places[{n}]"), function, self.names.len())?;
        file.map_or(Ok(()), |file| within(&format!("places[{n}]"), file, self.files.len()))?;
        caller.map_or(Ok(()), |caller| within(&format!("places[{n}]"), caller, n))
    }
}

/// Checks a position in a list of `length` entries.
fn within(field: &str, position: u32, length: usize) -> Result<(), Refused> {
    if (position as usize) < length {
        return Ok(());
    }
    Err(Refused { field: field.into(), reason: format!("names entry {position} of a list of {length}") })
}

#[cfg(test)]
mod tests {
    use alloc::vec;

    use super::*;

    /// Two instructions of `main`, the second of which is inlined from `store`, then one of a library
    /// whose text is not here, then a gap, then one of `store` itself.
    fn table() -> LineTable {
        let file = |path: &str, source| SourceFile { path: path.into(), source };
        LineTable {
            faultline_lines: FORMAT,
            program: "lazy".into(),
            files: vec![
                file("lazy.rs", Source::Own),
                file("memory.rs", Source::Library),
                file("core/src/fmt/mod.rs", Source::Absent),
            ],
            names: ["lazy::main", "store", "core::fmt::write", "lazy::BEFORE"].map(Into::into).into(),
            places: vec![
                Place(0, Some(0), 20, None),
                Place(1, Some(1), 7, Some(0)),
                Place(2, Some(2), 900, None),
                Place(1, Some(1), 7, None),
            ],
            base: 0x1000,
            rows: vec![(4, Some(0)), (4, Some(1)), (2, Some(2)), (6, None), (4, Some(3))],
            symbols: vec![(0, 8, 0), (0x10, 4, 1), (0x1000, 8, 3)],
        }
    }

    fn lines() -> Lines {
        Lines::new(table()).unwrap()
    }

    #[test]
    fn an_inlined_instruction_shows_the_line_of_the_program_itself() {
        let lines = lines();
        let line = lines.line(0x1006).unwrap();
        assert_eq!((line.function, line.number), ("lazy::main", 20));
        let chain: Vec<_> = lines.chain(0x1006).map(|line| (line.function, line.number)).collect();
        assert_eq!(chain, [("store", 7), ("lazy::main", 20)]);
    }

    #[test]
    fn an_instruction_of_no_line_of_the_program_shows_its_library() {
        let lines = lines();
        let shown = |pc| lines.line(pc).map(|line| (line.function, line.file.unwrap().path.as_str()));
        assert_eq!(shown(0x1008), Some(("core::fmt::write", "core/src/fmt/mod.rs")));
        assert_eq!(shown(0x1010), Some(("store", "memory.rs")));
    }

    #[test]
    fn outside_the_rows_there_is_no_line() {
        let lines = lines();
        for pc in [0, 0xfff, 0x100a, 0x1014, u64::MAX] {
            assert_eq!(lines.line(pc), None, "{pc:#x}");
        }
    }

    #[test]
    fn a_line_knows_its_code() {
        let lines = lines();
        let code: Vec<_> = lines.code_of("lazy.rs", 20).collect();
        assert_eq!(code, [(0x1000, 4), (0x1004, 4)]);
        assert_eq!(lines.code_of("lazy.rs", 21).count(), 0);
    }

    #[test]
    fn symbols_label_code_and_data() {
        let lines = lines();
        assert_eq!(lines.symbol(0x1007), Some(("lazy::main", 7)));
        assert_eq!(lines.symbol(0x1008), None);
        assert_eq!(lines.symbol(0x2014), Some(("lazy::BEFORE", 4)));
    }

    #[test]
    fn json_gives_back_what_it_was_made_of() {
        let json = serde_json::to_string(&table()).unwrap();
        assert!(json.contains(r#""base":"0x1000","rows":[[4,0],[4,1],[2,2],[6,null],[4,3]]"#), "{json}");
        assert!(json.contains(r#"{"path":"lazy.rs","source":"own"}"#), "{json}");
        assert!(json.contains(r#"{"path":"core/src/fmt/mod.rs"}"#), "{json}");
        assert_eq!(serde_json::from_str::<LineTable>(&json).unwrap(), table());
    }

    #[test]
    fn what_names_nothing_is_refused_by_its_field() {
        type Break = fn(&mut LineTable);
        let cases: [(&str, Break); 6] = [
            ("faultline_lines", |t| t.faultline_lines = 2),
            ("places[0]", |t| t.places[0].0 = 4),
            ("places[1]", |t| t.places[1].1 = Some(3)),
            // A place that calls itself would have an endless chain.
            ("places[1]", |t| t.places[1].3 = Some(1)),
            ("rows[4]", |t| t.rows[4].1 = Some(4)),
            ("symbols[2]", |t| t.symbols[2].2 = 9),
        ];
        for (field, break_it) in cases {
            let mut table = table();
            break_it(&mut table);
            assert_eq!(Lines::new(table).unwrap_err().field, field);
        }
    }
}
