//! Which data a program's code refers to, as the linker's relocations say (`--emit-relocs`;
//! [Linking](https://github.com/WebAssembly/tool-conventions/blob/main/Linking.md)).
//!
//! Data lies where it lay when the program was linked, whatever is done to its code afterwards. So a number in the
//! code refers to data where some relocation made the same number of a symbol; that another number is the same by
//! chance only keeps a symbol that nobody needs.

use std::{
    collections::{BTreeMap, BTreeSet},
    ops::Range,
};

use anyhow::{Context, Result, ensure};
use wasmparser::{
    BinaryReader, DataKind, KnownCustom, Linking, Operator, Parser, Payload, RelocationEntry, RelocationType,
    SymbolInfo,
};

/// A symbol, by its number in the linker's table.
type Symbol = u32;

/// Who refers to which data.
#[derive(Debug, Default)]
pub(crate) struct References {
    /// The addresses of each symbol's bytes.
    extents: BTreeMap<Symbol, Range<u32>>,
    /// What a number in the code may refer to.
    meanings: BTreeMap<u32, BTreeSet<Symbol>>,
    /// The symbols to which a symbol's bytes refer.
    inside: BTreeMap<Symbol, BTreeSet<Symbol>>,
    /// The slots of the table of functions that the code may name.
    slots: BTreeSet<u32>,
    /// Those that a symbol's bytes name.
    slots_inside: BTreeMap<Symbol, BTreeSet<u32>>,
}

/// What code can get at.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Reach {
    /// Addresses of data that it cannot, in order and apart from each other.
    pub(crate) out_of_reach: Vec<Range<u32>>,
    /// Slots of the table of functions that it can.
    pub(crate) slots: BTreeSet<u32>,
}

impl References {
    /// Reads a program as it comes from the linker; nothing where it was linked without relocations.
    pub(crate) fn of(wasm: &[u8]) -> Result<Option<Self>> {
        let linked = Linked::of(wasm)?;
        if linked.relocations.is_empty() {
            return Ok(None);
        }
        let mut references = Self { extents: linked.extents()?, ..Self::default() };
        for (section, entry) in &linked.relocations {
            references.add(&linked, *section, entry)?;
        }
        Ok(Some(references))
    }

    fn add(&mut self, linked: &Linked<'_>, section: usize, entry: &RelocationEntry) -> Result<()> {
        let Some(number) = value(entry.ty, linked.bytes(section, entry)?)? else { return Ok(()) };
        let is_slot = matches!(entry.ty, RelocationType::TableIndexSleb | RelocationType::TableIndexI32);
        if !is_slot {
            // Symbols that only the linker knows have no bytes.
            let Some(start) = self.extents.get(&entry.index).map(|extent| extent.start) else {
                return Ok(());
            };
            let meant = i64::from(start) + entry.addend;
            ensure!(i64::from(number) == meant, "a relocation does not say what the program does");
        }
        if section == linked.code {
            if is_slot {
                self.slots.insert(number);
            } else {
                self.meanings.entry(number).or_default().insert(entry.index);
            }
            return Ok(());
        }
        for symbol in self.around(linked.address(section, entry)?)? {
            if is_slot {
                self.slots_inside.entry(symbol).or_default().insert(number);
            } else {
                self.inside.entry(symbol).or_default().insert(entry.index);
            }
        }
        Ok(())
    }

    /// The symbols that have a byte at this address.
    fn around(&self, address: u32) -> Result<Vec<Symbol>> {
        let around = self.extents.iter().filter(|(_, extent)| extent.contains(&address));
        let around: Vec<Symbol> = around.map(|(&symbol, _)| symbol).collect();
        ensure!(!around.is_empty(), "data at {address:#x} belongs to no symbol");
        Ok(around)
    }

    /// What code with these numbers can get at.
    pub(crate) fn reach(&self, numbers: &BTreeSet<u32>) -> Reach {
        let mut reachable = BTreeSet::new();
        let mut new: Vec<Symbol> =
            numbers.iter().filter_map(|number| self.meanings.get(number)).flatten().copied().collect();
        while let Some(symbol) = new.pop() {
            if reachable.insert(symbol) {
                new.extend(self.inside.get(&symbol).into_iter().flatten());
            }
        }
        let (kept, left): (Vec<_>, Vec<_>) =
            self.extents.iter().partition(|(symbol, _)| reachable.contains(symbol));
        let bytes = |symbols: Vec<(&Symbol, &Range<u32>)>| -> BTreeSet<u32> {
            symbols.into_iter().flat_map(|(_, extent)| extent.clone()).collect()
        };
        let mut slots: BTreeSet<u32> = self.slots.intersection(numbers).copied().collect();
        slots.extend(reachable.iter().filter_map(|symbol| self.slots_inside.get(symbol)).flatten());
        // Symbols may share bytes.
        let out_of_reach = ranges(bytes(left).difference(&bytes(kept)).copied());
        Reach { out_of_reach, slots }
    }
}

/// Numbers in order as ranges.
fn ranges(numbers: impl Iterator<Item = u32>) -> Vec<Range<u32>> {
    let mut ranges: Vec<Range<u32>> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some(last) if last.end == number => last.end += 1,
            _ => ranges.push(number..number + 1),
        }
    }
    ranges
}

/// The program without what only linkers read.
pub(crate) fn without_relocations(wasm: &[u8]) -> Result<Vec<u8>> {
    let (mut kept, mut end) = (Vec::new(), 0);
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.context("reading a WebAssembly module")?;
        let Some((_, range)) = payload.as_section() else { continue };
        let is_for_linkers = matches!(&payload, Payload::CustomSection(section)
            if section.name() == "linking" || section.name().starts_with("reloc."));
        if !is_for_linkers {
            kept.extend_from_slice(&wasm[end..range.end]);
        }
        end = range.end;
    }
    Ok(kept)
}

/// The parts of a linked program that matter here.
#[derive(Default)]
struct Linked<'a> {
    /// Contents of the sections, in order.
    sections: Vec<&'a [u8]>,
    /// Which of them is the code.
    code: usize,
    /// Of each segment of data: its address, and where its bytes are.
    segments: Vec<(u32, &'a [u8])>,
    symbols: Vec<SymbolInfo<'a>>,
    /// The section in which something is replaced, and what.
    relocations: Vec<(usize, RelocationEntry)>,
}

impl<'a> Linked<'a> {
    fn of(wasm: &'a [u8]) -> Result<Self> {
        let mut linked = Self::default();
        for payload in Parser::new(0).parse_all(wasm) {
            let payload = payload.context("reading a WebAssembly module")?;
            if let Some((_, range)) = payload.as_section() {
                linked.sections.push(&wasm[range]);
            }
            linked.add(payload)?;
        }
        // Relocations follow what they change, and those of sections without data or code are about nothing here.
        Ok(linked)
    }

    fn add(&mut self, payload: Payload<'a>) -> Result<()> {
        match payload {
            Payload::CodeSectionStart { .. } => self.code = self.sections.len() - 1,
            Payload::DataSection(segments) => {
                for segment in segments {
                    let segment = segment?;
                    self.segments.push((start(&segment.kind)?, segment.data));
                }
            }
            Payload::CustomSection(section) => match section.as_known() {
                KnownCustom::Linking(linking) => {
                    for part in linking.subsections() {
                        if let Linking::SymbolTable(symbols) = part? {
                            self.symbols = symbols.into_iter().collect::<Result<_, _>>()?;
                        }
                    }
                }
                KnownCustom::Reloc(relocations) => {
                    let section = relocations.section_index() as usize;
                    for entry in relocations.entries() {
                        self.relocations.push((section, entry?));
                    }
                }
                _ => {}
            },
            _ => {}
        }
        Ok(())
    }

    /// The addresses of the symbols of data.
    fn extents(&self) -> Result<BTreeMap<Symbol, Range<u32>>> {
        let mut extents = BTreeMap::new();
        for (number, symbol) in (0..).zip(&self.symbols) {
            let SymbolInfo::Data { symbol: Some(symbol), .. } = symbol else { continue };
            // Symbols that only the linker knows lie in no segment.
            let Some((segment, bytes)) = self.segments.get(symbol.index as usize) else { continue };
            ensure!((symbol.offset + symbol.size) as usize <= bytes.len(), "a symbol leaves its segment");
            let start = segment + symbol.offset;
            extents.insert(number, start..start + symbol.size);
        }
        Ok(extents)
    }

    /// What stands where something was replaced.
    fn bytes(&self, section: usize, entry: &RelocationEntry) -> Result<&'a [u8]> {
        let section = self.sections.get(section).context("a relocation is about no section")?;
        section.get(entry.relocation_range()).context("a relocation leaves its section")
    }

    /// The address where something was replaced in data.
    fn address(&self, section: usize, entry: &RelocationEntry) -> Result<u32> {
        let replaced = self.bytes(section, entry)?.as_ptr_range();
        for (address, bytes) in &self.segments {
            let bytes = bytes.as_ptr_range();
            if bytes.contains(&replaced.start) {
                let offset = replaced.start as usize - bytes.start as usize;
                return Ok(address + u32::try_from(offset)?);
            }
        }
        anyhow::bail!("a relocation of data lies in no segment")
    }
}

/// Where a segment of data begins.
fn start(kind: &DataKind<'_>) -> Result<u32> {
    let DataKind::Active { offset_expr, .. } = kind else { anyhow::bail!("data has no address") };
    match offset_expr.get_operators_reader().read()? {
        Operator::I32Const { value } => Ok(value.cast_unsigned()),
        _ => anyhow::bail!("the address of data is no number"),
    }
}

/// The number that a relocation has put there; nothing where it is about neither data nor the table of functions.
fn value(ty: RelocationType, bytes: &[u8]) -> Result<Option<u32>> {
    use RelocationType::{
        FunctionIndexLeb, GlobalIndexLeb, MemoryAddrI32, MemoryAddrLeb, MemoryAddrSleb, TableIndexI32,
        TableIndexSleb, TableNumberLeb, TypeIndexLeb,
    };
    let mut reader = BinaryReader::new(bytes, 0);
    Ok(match ty {
        MemoryAddrLeb => Some(reader.read_var_u32()?),
        MemoryAddrSleb | TableIndexSleb => Some(reader.read_var_i32()?.cast_unsigned()),
        MemoryAddrI32 | TableIndexI32 => Some(reader.read_u32()?),
        FunctionIndexLeb | GlobalIndexLeb | TableNumberLeb | TypeIndexLeb => None,
        other => anyhow::bail!("a relocation of kind {other:?} is not known here"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Where the data of [`program`] lies.
    const DATA: u32 = 1024;

    fn section(id: u8, content: &[u8]) -> Vec<u8> {
        let mut section = vec![id, u8::try_from(content.len()).unwrap()];
        section.extend_from_slice(content);
        section
    }

    fn custom(name: &str, content: &[u8]) -> Vec<u8> {
        let name = [&[u8::try_from(name.len()).unwrap()], name.as_bytes()].concat();
        section(0, &[&name, content].concat())
    }

    /// A symbol of four bytes of data.
    fn symbol(name: &str, offset: u8) -> Vec<u8> {
        [&[1, 0, 1], name.as_bytes(), &[0, offset, 4]].concat()
    }

    /// A function that names `a`; `a` holds the address of `b`, and nobody that of `c`.
    fn program() -> Vec<u8> {
        let functions = [section(1, &[1, 0x60, 0, 0]), section(3, &[1, 0])].concat();
        // i32.const, as long as the linker leaves room for; drop; end.
        let code = section(10, &[1, 9, 0, 0x41, 0x80, 0x88, 0x80, 0x80, 0x00, 0x1a, 0x0b]);
        let mut data = vec![1, 0, 0x41, 0x80, 0x08, 0x0b, 12];
        data.extend((DATA + 4).to_le_bytes());
        data.extend([0; 8]);
        let symbols = [vec![3], symbol("a", 0), symbol("b", 4), symbol("c", 8)].concat();
        let linking = custom("linking", &[vec![2], section(8, &symbols)].concat());
        let in_code = custom("reloc.CODE", &[2, 1, 4, 4, 0, 0]);
        let in_data = custom("reloc.DATA", &[3, 1, 5, 7, 1, 0]);
        [b"\0asm\x01\0\0\0".to_vec(), functions, code, section(11, &data), linking, in_code, in_data].concat()
    }

    #[test]
    fn what_is_named_is_kept_with_what_it_refers_to() {
        let references = References::of(&program()).unwrap().expect("it has relocations");
        let reach = |numbers: &[u32]| references.reach(&numbers.iter().copied().collect());
        let all = DATA..DATA + 12;
        assert_eq!(reach(&[DATA, 7]).out_of_reach.as_slice(), std::slice::from_ref(&(DATA + 8..all.end)));
        // The same number made of nothing is no address.
        assert_eq!(reach(&[DATA + 8]).out_of_reach.as_slice(), std::slice::from_ref(&all));
        assert!(reach(&[DATA]).slots.is_empty());
    }

    #[test]
    fn a_program_that_says_something_else_than_its_relocations_is_refused() {
        let mut program = program();
        // Another address in the code.
        let constant = program.windows(2).position(|bytes| bytes == [0x41, 0x80]).unwrap();
        program[constant + 2] += 1;
        let error = References::of(&program).unwrap_err().to_string();
        assert!(error.contains("does not say what the program does"), "{error}");
    }

    #[test]
    fn what_only_linkers_read_can_be_left_out() {
        let stripped = without_relocations(&program()).unwrap();
        assert!(stripped.starts_with(b"\0asm") && stripped.len() < program().len());
        assert!(References::of(&stripped).unwrap().is_none());
        assert_eq!(without_relocations(&stripped).unwrap(), stripped);
    }

    #[test]
    fn numbers_that_follow_each_other_are_one_range() {
        assert_eq!(ranges([1, 2, 3, 7, 9, 10].into_iter()), [1..4, 7..8, 9..11]);
        assert!(ranges([].into_iter()).is_empty());
    }
}
