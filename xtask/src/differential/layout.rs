//! Where everything stands in a generated image. The cases run with these addresses mapped to
//! themselves, so that the harness can look at the instruction that trapped.

/// The harness: start-up, the M-mode trap handler, the output routines.
pub(super) const HARNESS: u64 = 0x8000_0000;
/// The S-mode trap handler: an `ecall` and an `sret`, in a page of its own.
pub(super) const S_HANDLER: u64 = 0x8000_3000;
/// Registers of the case while the handler runs: 32 doublewords, then the words below.
pub(super) const SAVE: u64 = 0x8000_4000;
/// Offset in [`SAVE`]: traps taken by this case.
pub(super) const TRAPS: i32 = 0x100;
/// Offset in [`SAVE`]: address of the current case's header.
pub(super) const CASE: i32 = 0x108;
/// Offset in [`SAVE`]: hash of everything that the current case has reported.
pub(super) const HASH: i32 = 0x110;
/// Offset in [`SAVE`]: what `minstret` was when the case was last entered.
pub(super) const ENTERED: i32 = 0x118;
/// Offset in [`SAVE`]: instructions of all cases.
pub(super) const EXECUTED: i32 = 0x120;
/// Offset in [`SAVE`]: not zero where everything is written out, instead of its hash.
pub(super) const VERBOSE: i32 = 0x128;
/// Page tables: Sv39 root for S, root for U, the tables they share, and Sv48 roots for S and U.
pub(super) const TABLES: u64 = 0x8001_0000;
/// How many pages of tables there are.
pub(super) const TABLE_PAGES: u64 = 10;
/// Page of [`TABLES`] where the Sv48 roots begin.
pub(super) const SV48_ROOTS: u64 = 8;
/// Case headers, [`HEADER_SIZE`] bytes each, ended by one whose code address is zero: see `harness::header`.
pub(super) const HEADERS: u64 = 0x8002_0000;
/// Bytes of a header.
pub(super) const HEADER_SIZE: u64 = 512;
/// Code of the cases.
pub(super) const CODE: u64 = 0x8010_0000;
/// Bytes set aside for each case's code.
pub(super) const CODE_SIZE: u64 = 0x4000;
/// Memory that the cases read and write; aligned so that superpages can map it.
pub(super) const DATA: u64 = 0x8040_0000;
/// Pages of it.
pub(super) const DATA_PAGES: u64 = 8;
/// Virtual addresses of the mapped test area; without translation there is memory here too.
pub(super) const VA: u64 = 0x8060_0000;
/// A superpage of 2 MiB, and behind it one that is misaligned or otherwise odd.
pub(super) const VA_MEGA: u64 = 0x8080_0000;
/// The same tables again at the top of the address space; a hole without translation.
pub(super) const VA_HIGH: u64 = 0xffff_ffff_c000_0000;
/// A gigabyte that is one leaf; a hole without translation.
pub(super) const VA_GIGA: u64 = 0x21_0000_0000;
/// Traps after which a case is cut off.
pub(super) const TRAP_LIMIT: u64 = 1000;

/// `a7` of an `ecall` that asks the harness for another privilege: this plus 0 (U), 1 (S) or 3 (M).
pub(super) const MODE_REQUEST: u64 = 0x5a50;
