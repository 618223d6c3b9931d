//! Dropping what nobody who runs an ELF file reads.

use anyhow::{Context, Result};
use object::build::elf::Builder;

/// The file without debug information. Segments, and the symbols that label addresses, stay; the
/// assembler's own labels, which are many times more, go.
pub(crate) fn without_debug_info(elf: &[u8]) -> Result<Vec<u8>> {
    let mut builder = read(elf)?;
    for symbol in &mut builder.symbols {
        symbol.delete |= symbol.name.starts_with(b".L") || symbol.name.starts_with(b"$");
    }
    delete_sections(&mut builder, |name| name.starts_with(b".debug_"));
    write(builder)
}

/// The file with its segments only, as it goes onto the disk.
pub(crate) fn bare(elf: &[u8]) -> Result<Vec<u8>> {
    let mut builder = read(elf)?;
    for symbol in &mut builder.symbols {
        symbol.delete = true;
    }
    delete_sections(&mut builder, |name| {
        name.starts_with(b".debug_") || matches!(name, b".symtab" | b".strtab" | b".comment")
    });
    write(builder)
}

fn read(elf: &[u8]) -> Result<Builder<'_>> {
    Builder::read(elf).context("reading the ELF file")
}

fn delete_sections(builder: &mut Builder<'_>, unwanted: impl Fn(&[u8]) -> bool) {
    for section in &mut builder.sections {
        section.delete |= unwanted(&section.name);
    }
}

fn write(mut builder: Builder<'_>) -> Result<Vec<u8>> {
    let mut output = Vec::new();
    builder.delete_orphans();
    builder.write(&mut output).context("rewriting the ELF file")?;
    Ok(output)
}
