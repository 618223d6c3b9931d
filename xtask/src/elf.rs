//! Dropping what nobody who runs an ELF file reads.

use anyhow::{Context, Result};
use object::build::elf::Builder;

/// The file without debug information. Segments, and the symbols that label addresses, stay.
pub(crate) fn without_debug_info(elf: &[u8]) -> Result<Vec<u8>> {
    rewritten(elf, |name| name.starts_with(b".debug_") || name.starts_with(b".rela.debug_"))
}

/// The file with its segments only, as it goes onto the disk.
pub(crate) fn bare(elf: &[u8]) -> Result<Vec<u8>> {
    rewritten(elf, |name| {
        name.starts_with(b".debug_") || matches!(name, b".symtab" | b".strtab" | b".comment")
    })
}

fn rewritten(elf: &[u8], unwanted: impl Fn(&[u8]) -> bool) -> Result<Vec<u8>> {
    let mut builder = Builder::read(elf).context("reading the ELF file")?;
    for section in &mut builder.sections {
        section.delete |= unwanted(&section.name);
    }
    let mut output = Vec::new();
    builder.delete_orphans();
    builder.set_section_sizes();
    builder.write(&mut output).context("rewriting the ELF file")?;
    Ok(output)
}
