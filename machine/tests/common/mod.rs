//! What several test files need: the guest's images, the shipped scenarios, and small programs.
#![allow(dead_code, reason = "each test file uses its own part")]

use std::path::{Path, PathBuf};

use faultline_abi::board::{DRAM_BASE, FINISHER};
use faultline_abi::catalogue::Catalogue;
use faultline_abi::scenario::Scenario;
use faultline_machine::scenario::parse;
use faultline_machine::session::{Boot, Session};

/// The root of the project.
pub(crate) fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..")
}

/// The folder with the guest's images. Without them a test is skipped, loudly; where everything must
/// run it fails.
pub(crate) fn guest() -> Option<PathBuf> {
    let folder =
        std::env::var_os("FAULTLINE_GUEST").map_or_else(|| root().join("target/guest"), PathBuf::from);
    if folder.join("kernel.elf").is_file() && folder.join("disk.img").is_file() {
        return Some(folder);
    }
    let required = ["CI", "FAULTLINE_REQUIRE_GUEST"].iter().any(|name| std::env::var_os(name).is_some());
    assert!(!required, "no guest images in {}; build them with `cargo xtask guest`", folder.display());
    eprintln!("SKIPPED: no guest images in {}; build them with `cargo xtask guest`", folder.display());
    None
}

/// The list of the scenarios that the project ships.
pub(crate) fn catalogue() -> Catalogue {
    let list = std::fs::read(root().join("static/scenarios/index.json")).unwrap();
    serde_json::from_slice(&list).unwrap()
}

/// The scenarios that the project ships: name, and contents.
pub(crate) fn scenarios() -> Vec<(String, Scenario)> {
    let folder = root().join("static/scenarios");
    catalogue()
        .scenarios()
        .map(|entry| folder.join(&entry.file))
        .map(|path| (name(&path), load(&path)))
        .collect()
}

/// The shipped scenario of this name.
pub(crate) fn shipped(name: &str) -> Scenario {
    load(&root().join("static/scenarios").join(format!("{name}.json")))
}

fn name(path: &Path) -> String {
    path.file_stem().unwrap().to_string_lossy().into_owned()
}

fn load(path: &Path) -> Scenario {
    parse(&std::fs::read(path).unwrap()).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// A session of a shipped scenario, as it is.
pub(crate) fn session(guest: &Path, scenario: &Scenario) -> Session {
    let read = |name: &str| std::fs::read(guest.join(name)).unwrap();
    let disk = scenario.images.disk.as_ref().map(|image| read(&image.name));
    let kernel = read(&scenario.images.kernel.name);
    Session::load(Boot { scenario: scenario.clone(), kernel, disk }).unwrap()
}

/// An ELF file whose one segment is `code` at the start of DRAM, followed by a page of zeros.
pub(crate) fn elf(code: &[u32]) -> Vec<u8> {
    elf_with_symbol(code, None)
}

/// The same with a symbol at an address.
pub(crate) fn elf_with_symbol(code: &[u32], symbol: Option<(&str, u64)>) -> Vec<u8> {
    const HEADERS: u64 = 64 + 56;
    let code: Vec<u8> = code.iter().flat_map(|word| word.to_le_bytes()).collect();
    let size = code.len() as u64;
    let mut file = Vec::new();
    file.extend(b"\x7fELF\x02\x01\x01\0\0\0\0\0\0\0\0\0");
    file.extend([2, 0, 243, 0, 1, 0, 0, 0]);
    let sections = if symbol.is_some() { HEADERS + size } else { 0 };
    [DRAM_BASE, 64, sections].iter().for_each(|field| file.extend(field.to_le_bytes()));
    file.extend(0u32.to_le_bytes());
    let section_count = if symbol.is_some() { 3u16 } else { 0 };
    [64, 56, 1, 64, section_count, 0].iter().for_each(|half| file.extend(half.to_le_bytes()));
    file.extend([1, 0, 0, 0, 7, 0, 0, 0]);
    let fields = [HEADERS, DRAM_BASE, DRAM_BASE, size, size + 4096, 4096];
    fields.iter().for_each(|field| file.extend(field.to_le_bytes()));
    file.extend(&code);
    if let Some((name, address)) = symbol {
        symbol_sections(&mut file, name, address);
    }
    file
}

/// An empty section, a symbol table with one symbol, and its names.
fn symbol_sections(file: &mut Vec<u8>, name: &str, address: u64) {
    let tables = file.len() as u64 + 3 * 64;
    let section = |kind: u32, offset: u64, size: u64, link: u32, entry: u64| {
        let mut bytes = Vec::new();
        [0, kind].iter().for_each(|word| bytes.extend(word.to_le_bytes()));
        [0, 0, offset, size].iter().for_each(|field: &u64| bytes.extend(field.to_le_bytes()));
        [link, 0].iter().for_each(|word| bytes.extend(word.to_le_bytes()));
        [8, entry].iter().for_each(|field: &u64| bytes.extend(field.to_le_bytes()));
        bytes
    };
    file.extend(section(0, 0, 0, 0, 0));
    file.extend(section(2, tables, 48, 2, 24));
    file.extend(section(3, tables + 48, name.len() as u64 + 2, 0, 0));
    file.extend([0; 24]);
    file.extend([1, 0, 0, 0, 0x10, 0, 1, 0]);
    file.extend(address.to_le_bytes());
    file.extend(8u64.to_le_bytes());
    file.push(0);
    file.extend(name.as_bytes());
    file.push(0);
}

/// A few instructions by hand (unprivileged specification, "RV32/64G Instruction Set Listings").
pub(crate) mod code {
    pub(crate) const T0: u32 = 5;
    pub(crate) const T1: u32 = 6;
    pub(crate) const ZERO: u32 = 0;
    /// `wfi`.
    pub(crate) const WFI: u32 = 0x1050_0073;
    /// `ecall`.
    pub(crate) const ECALL: u32 = 0x73;
    /// `j .`: for ever.
    pub(crate) const LOOP: u32 = 0x6f;

    /// `lui rd, upper`, the upper 20 bits in place.
    pub(crate) const fn lui(rd: u32, upper: u32) -> u32 {
        upper & 0xffff_f000 | rd << 7 | 0x37
    }

    /// `addi rd, rs, immediate`.
    pub(crate) const fn addi(rd: u32, rs: u32, immediate: u32) -> u32 {
        immediate << 20 | rs << 15 | rd << 7 | 0x13
    }

    /// `auipc rd, 0`.
    pub(crate) const fn here(rd: u32) -> u32 {
        rd << 7 | 0x17
    }

    /// `sb`, `sh`, `sw`, `sd` for `log2` 0 to 3, without an offset.
    pub(crate) const fn store(log2: u32, value: u32, base: u32) -> u32 {
        value << 20 | base << 15 | log2 << 12 | 0x23
    }

    /// `lbu rd, offset(base)`.
    pub(crate) const fn lbu(rd: u32, base: u32, offset: u32) -> u32 {
        offset << 20 | base << 15 | 0b100 << 12 | rd << 7 | 0x03
    }
}

/// A program that prints `text` on the UART and powers off through the finisher with this code.
pub(crate) fn printing(text: &str, exit: u16) -> Vec<u32> {
    use code::{LOOP, T0, T1, ZERO, addi, lui, store};
    let mut words = vec![lui(T0, 0x1000_0000)];
    for byte in text.bytes() {
        words.extend([addi(T1, ZERO, byte.into()), store(0, T1, T0)]);
    }
    let base = u32::try_from(FINISHER.base).unwrap();
    let command = if exit == 0 { 0x5555 } else { u32::from(exit) << 16 | 0x3333 };
    // `addi` adds a signed number; the commands' low halves are below 2^11 after the upper part.
    let (upper, lower) = (command.wrapping_add(0x800) & 0xffff_f000, command & 0xfff);
    words.extend([lui(T0, base), lui(T1, upper), addi(T1, T1, lower), store(2, T1, T0), LOOP]);
    words
}
