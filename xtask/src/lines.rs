//! Line tables from debug information; `faultline_abi::lines` says what stands in them.

use std::{
    borrow::Cow,
    collections::{BTreeMap, HashMap},
};

use addr2line::{
    Context as DebugInfo,
    gimli::{Dwarf, EndianSlice, Error, LittleEndian, SectionId},
};
use anyhow::{Context, Result};
use faultline_abi::lines::{FORMAT, LineTable, Place, Source, SourceFile};
use object::{
    LittleEndian as Little, Object, ObjectSection, ObjectSymbol, SectionKind, SymbolKind,
    read::elf::ElfFile64,
};

/// What the checkout is called in the debug information.
pub(crate) const WORKSPACE: &str = "/faultline/";

type Slice<'a> = EndianSlice<'a, LittleEndian>;

/// A program whose instructions are to be traced to its source.
pub(crate) struct Program<'a> {
    pub(crate) name: &'a str,
    /// Where its own source lies in the workspace: paths that begin so.
    pub(crate) own: &'a str,
    /// The ELF file with debug information.
    pub(crate) elf: &'a [u8],
}

/// The line table of a program.
pub(crate) fn table(program: &Program<'_>) -> Result<LineTable> {
    let what = || format!("reading the debug information of {}", program.name);
    let file = ElfFile64::<Little>::parse(program.elf).with_context(what)?;
    let debug = debug_info(&file).with_context(what)?;
    let code = code(&file);
    let mut table = Builder::new(program, code.first().map_or(0, |section| section.0));
    for (start, end) in code {
        table.skip_to(start)?;
        let mut run = (start, frames(&debug, start).with_context(what)?);
        // Instructions begin at even addresses.
        for pc in (start..end).step_by(2).skip(1) {
            let chain = frames(&debug, pc).with_context(what)?;
            if chain != run.1 {
                table.add(pc - run.0, &run.1)?;
                run = (pc, chain);
            }
        }
        table.add(end - run.0, &run.1)?;
    }
    symbols(&file).into_iter().try_for_each(|(address, symbol)| table.add_symbol(address, symbol))?;
    Ok(table.finish())
}

fn debug_info<'a>(file: &ElfFile64<'a, Little>) -> Result<DebugInfo<Slice<'a>>> {
    let section = |id: SectionId| -> Result<Slice<'a>, Error> {
        let data = file.section_by_name(id.name()).and_then(|section| section.data().ok());
        Ok(EndianSlice::new(data.unwrap_or_default(), LittleEndian))
    };
    Ok(DebugInfo::from_dwarf(Dwarf::load(section)?)?)
}

/// The sections of code, first and last address, in order.
fn code(file: &ElfFile64<'_, Little>) -> Vec<(u64, u64)> {
    let mut sections: Vec<_> = file
        .sections()
        .filter(|section| section.kind() == SectionKind::Text && section.size() > 0)
        .map(|section| (section.address(), section.address() + section.size()))
        .collect();
    sections.sort_unstable();
    sections
}

/// A call in a chain of inlined ones, as the debug information has it.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Call<'a> {
    function: Cow<'a, str>,
    file: Option<&'a str>,
    line: u32,
}

/// The chain of calls at an instruction, the innermost first.
fn frames<'a>(debug: &'a DebugInfo<Slice<'a>>, pc: u64) -> Result<Vec<Call<'a>>> {
    let mut frames = debug.find_frames(pc).skip_all_loads()?;
    let mut chain = Vec::new();
    while let Some(frame) = frames.next()? {
        let place = frame.location.as_ref();
        let function = frame.function.map(|function| function.name.to_string_lossy());
        let line = place.and_then(|place| place.line).unwrap_or(0);
        chain.push(Call {
            function: function.unwrap_or_default(),
            file: place.and_then(|place| place.file),
            line,
        });
    }
    Ok(chain)
}

/// A name without what the compiler added to it, and without what generic parameters stand for.
fn readable(name: &str) -> String {
    let name = format!("{:#}", rustc_demangle::demangle(name));
    let mut short = String::new();
    let mut rest = name.as_str();
    while let Some((before, parameters)) = rest.split_once("::<") {
        short.push_str(before);
        rest = after_bracket(parameters);
    }
    short + rest
}

/// What follows the bracket that is open at the start of the text.
fn after_bracket(text: &str) -> &str {
    let mut open = 1;
    let mut last = ' ';
    for (at, c) in text.char_indices() {
        match c {
            '<' => open += 1,
            // The arrow of a function's type is no bracket.
            '>' if last != '-' => open -= 1,
            _ => {}
        }
        if open == 0 {
            return &text[at + 1..];
        }
        last = c;
    }
    ""
}

/// The symbols that label code and data, by address: how many bytes, and the name.
fn symbols(file: &ElfFile64<'_, Little>) -> BTreeMap<u64, Symbol> {
    let labels = |kind| matches!(kind, SymbolKind::Text | SymbolKind::Data);
    file.symbols()
        .filter(|symbol| labels(symbol.kind()) && symbol.size() > 0)
        .filter_map(|symbol| {
            let name = symbol.name().ok()?.into();
            Some((symbol.address(), Symbol { name, bytes: symbol.size() }))
        })
        .collect()
}

struct Symbol {
    name: String,
    bytes: u64,
}

/// A list in which nothing stands twice, and where each entry stands.
struct Pool<T> {
    entries: Vec<T>,
    positions: HashMap<T, u32>,
}

impl<T> Default for Pool<T> {
    fn default() -> Self {
        Self { entries: Vec::new(), positions: HashMap::new() }
    }
}

impl<T: Clone + Eq + std::hash::Hash> Pool<T> {
    fn position(&mut self, entry: T) -> u32 {
        let next = u32::try_from(self.entries.len()).unwrap_or_else(|_| unreachable!("memory ends before"));
        *self.positions.entry(entry).or_insert_with_key(|entry| {
            self.entries.push(entry.clone());
            next
        })
    }
}

/// A table in the making.
struct Builder<'a> {
    program: &'a Program<'a>,
    files: Pool<SourceFile>,
    names: Pool<String>,
    /// The positions of names as the debug information has them.
    readable: HashMap<String, u32>,
    places: Pool<Place>,
    /// Address of the first row.
    base: u64,
    rows: Vec<(u32, Option<u32>)>,
    /// Where the next row begins.
    end: u64,
    symbols: Vec<(u32, u32, u32)>,
    /// Where the last symbol begins.
    symbol: u64,
}

impl<'a> Builder<'a> {
    fn new(program: &'a Program<'a>, base: u64) -> Self {
        Self {
            program,
            files: Pool::default(),
            names: Pool::default(),
            readable: HashMap::new(),
            places: Pool::default(),
            base,
            rows: Vec::new(),
            end: base,
            symbols: Vec::new(),
            symbol: base,
        }
    }

    /// Goes on at `start`; what lies before it has no place.
    fn skip_to(&mut self, start: u64) -> Result<()> {
        let gap = start.checked_sub(self.end).context("sections of code overlap")?;
        self.add_row(gap, None)
    }

    /// The next `bytes` belong to this chain of calls.
    fn add(&mut self, bytes: u64, chain: &[Call<'_>]) -> Result<()> {
        let place = self.place(chain);
        self.add_row(bytes, place)
    }

    fn add_row(&mut self, bytes: u64, place: Option<u32>) -> Result<()> {
        self.end += bytes;
        let bytes = u32::try_from(bytes)?;
        match self.rows.last_mut() {
            Some(last) if last.1 == place => last.0 += bytes,
            _ if bytes == 0 => {}
            _ => self.rows.push((bytes, place)),
        }
        Ok(())
    }

    /// The innermost place of a chain. Calls inside files without text are left out; where all are such,
    /// the function that they stand in is enough.
    fn place(&mut self, chain: &[Call<'_>]) -> Option<u32> {
        let has_text = |call: &&Call<'_>| self.program.source(call.file).1 != Source::Absent;
        let with_text: Vec<&Call<'_>> = chain.iter().filter(has_text).collect();
        if with_text.is_empty() {
            let Call { function, file, .. } = chain.last()?;
            return Some(self.place_of(&Call { function: function.clone(), file: *file, line: 0 }, None));
        }
        with_text.into_iter().rev().fold(None, |caller, call| Some(self.place_of(call, caller)))
    }

    fn place_of(&mut self, call: &Call<'_>, caller: Option<u32>) -> u32 {
        let (path, source) = self.program.source(call.file);
        let file = (!path.is_empty()).then(|| self.files.position(SourceFile { path, source }));
        let function = self.name(&call.function);
        self.places.position(Place(function, file, call.line, caller))
    }

    /// The position of a name. To make one readable takes long, and most come again and again.
    fn name(&mut self, raw: &str) -> u32 {
        if let Some(&known) = self.readable.get(raw) {
            return known;
        }
        let position = self.names.position(readable(raw));
        self.readable.insert(raw.into(), position);
        position
    }

    fn add_symbol(&mut self, address: u64, symbol: Symbol) -> Result<()> {
        let Some(advance) = address.checked_sub(self.symbol) else { return Ok(()) };
        self.symbol = address;
        let name = self.name(&symbol.name);
        self.symbols.push((u32::try_from(advance)?, u32::try_from(symbol.bytes)?, name));
        Ok(())
    }

    fn finish(self) -> LineTable {
        LineTable {
            faultline_lines: FORMAT,
            program: self.program.name.into(),
            files: self.files.entries,
            names: self.names.entries,
            places: self.places.entries,
            base: self.base,
            rows: self.rows,
            symbols: self.symbols,
        }
    }
}

impl Program<'_> {
    /// What to call a file of the debug information, and whose it is.
    fn source(&self, path: Option<&str>) -> (String, Source) {
        let Some(path) = path else { return (String::new(), Source::Absent) };
        if let Some(path) = path.strip_prefix(WORKSPACE) {
            let own = path.starts_with(self.own);
            return (path.into(), if own { Source::Own } else { Source::Library });
        }
        (without_folder(path).into(), Source::Absent)
    }
}

/// The path inside the library that it belongs to: where this machine keeps it is nobody's concern.
fn without_folder(path: &str) -> &str {
    let after = |folder: &str| path.rsplit_once(folder).map(|(_, rest)| rest);
    let registry = || after("/registry/src/").and_then(|rest| rest.split_once('/')).map(|(_, rest)| rest);
    let name = || path.rsplit('/').next().unwrap_or(path);
    after("/library/").or_else(registry).unwrap_or_else(name)
}

#[cfg(test)]
mod tests {
    use faultline_abi::lines::Lines;

    use super::*;

    fn call<'a>(function: &'a str, file: &'a str, line: u32) -> Call<'a> {
        Call { function: function.into(), file: Some(file), line }
    }

    const LAZY: Program<'_> = Program { name: "lazy", own: "guest-kernel/user/src/bin/lazy.rs", elf: &[] };

    #[test]
    fn calls_without_text_are_left_out_of_a_chain() {
        let mut builder = Builder::new(&LAZY, 0x1000);
        let store = [
            call("core::ptr::write_volatile", "/usr/lib/rust/library/core/src/ptr/mod.rs", 1900),
            call("store", "/faultline/guest-kernel/user/src/memory.rs", 14),
            call("lazy::main", "/faultline/guest-kernel/user/src/bin/lazy.rs", 20),
        ];
        builder.skip_to(0x1000).unwrap();
        builder.add(2, &store).unwrap();
        builder.add(2, &store).unwrap();
        builder.add(2, &[call("inner", "/usr/lib/rust/library/core/src/a.rs", 1), store[0].clone()]).unwrap();
        builder.skip_to(0x1010).unwrap();
        builder.add(2, &store[2..]).unwrap();
        let table = builder.finish();
        assert_eq!(table.rows, [(4, Some(1)), (2, Some(2)), (10, None), (2, Some(0))]);
        let lines = Lines::new(table).unwrap();
        let chain: Vec<_> = lines.chain(0x1002).map(|line| (line.function, line.number)).collect();
        assert_eq!(chain, [("store", 14), ("lazy::main", 20)]);
        let library = lines.line(0x1004).unwrap();
        assert_eq!((library.function, library.number), ("core::ptr::write_volatile", 0));
        assert_eq!(library.file.unwrap().path, "core/src/ptr/mod.rs");
    }

    #[test]
    fn names_are_short() {
        for (name, expected) in [
            ("main", "main"),
            ("_RNvCs1_4lazy4main", "lazy::main"),
            ("a::b::<fn(&u8) -> u8, C<D>>::c::<E>", "a::b::c"),
            ("<a::B<_> as c::D>::e::<F>::{closure#0}", "<a::B<_> as c::D>::e::{closure#0}"),
        ] {
            assert_eq!(readable(name), expected);
        }
    }

    #[test]
    fn a_path_says_nothing_of_this_machine() {
        for (path, expected) in [
            ("/usr/src/rustc-1.96.0/library/core/src/fmt/mod.rs", "core/src/fmt/mod.rs"),
            ("/rustc/0123/library/alloc/src/vec.rs", "alloc/src/vec.rs"),
            ("/cargo/registry/src/index.crates.io-1/fdt-0.1.5/src/lib.rs", "fdt-0.1.5/src/lib.rs"),
            ("/home/me/generated.rs", "generated.rs"),
        ] {
            assert_eq!(without_folder(path), expected);
        }
        let own = |path| LAZY.source(Some(path)).1;
        assert_eq!(own("/faultline/guest-kernel/user/src/bin/lazy.rs"), Source::Own);
        assert_eq!(own("/faultline/guest-kernel/user/src/print.rs"), Source::Library);
    }

    #[test]
    fn symbols_follow_one_another() {
        let mut builder = Builder::new(&LAZY, 0x1000);
        for (address, name) in [(0x10, "before"), (0x1000, "main"), (0x2000, "DEPTH")] {
            builder.add_symbol(address, Symbol { name: name.into(), bytes: 8 }).unwrap();
        }
        let lines = Lines::new(builder.finish()).unwrap();
        assert_eq!(lines.symbol(0x1004), Some(("main", 4)));
        assert_eq!(lines.symbol(0x2000), Some(("DEPTH", 0)));
        assert_eq!(lines.symbol(0x10), None);
    }
}
