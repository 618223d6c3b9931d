//! The machine's facts in a student's words, each with the place in the specification.

mod happened;
mod plan;

use faultline_abi::sv39::{Access, Check};

use crate::hart::Privilege;

pub use happened::{Told, area_name, fault_class, frame_kind, happened, mode, name, resolved};
pub use plan::{Asked, action, planned, reason};

/// A sentence, and where the specification says so.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Explained {
    /// A few words, for a label.
    pub short: &'static str,
    /// One sentence.
    pub sentence: &'static str,
    /// A place in the RISC-V privileged specification.
    pub source: &'static str,
}

const WALK: &str = "Privileged spec, Virtual Address Translation Process";

/// The check that a walk failed.
#[must_use]
pub const fn check(check: Check) -> Explained {
    let (short, sentence, source) = match check {
        Check::NonCanonical => (
            "address not canonical",
            "The bits above the translated ones must all equal the highest of those (bit 38 in Sv39, bit 47 in Sv48); they do not, so no table was read.",
            "Privileged spec, Sv39 and Sv48: Addressing and Memory Protection",
        ),
        Check::TableAccess => (
            "page table unreachable",
            "The table itself lies where no memory can be read, so this is an access fault.",
            WALK,
        ),
        Check::NotValid => (
            "V = 0",
            "The entry's valid bit is clear: nothing is mapped here, and the rest of the entry means nothing to the hardware.",
            WALK,
        ),
        Check::WriteWithoutRead => {
            ("W without R", "The entry allows writing but not reading, a combination that is reserved.", WALK)
        }
        Check::ReservedBits => {
            ("reserved bit set", "The entry sets a bit that must be zero on this machine.", WALK)
        }
        Check::PointerAtLastLevel => (
            "pointer at the last level",
            "The entry points to a further table, but level 0 is the last: there is no table below it.",
            WALK,
        ),
        Check::MisalignedSuperpage => (
            "misaligned superpage",
            "The entry maps a large page whose physical address is not aligned to its size.",
            WALK,
        ),
        Check::NotUser => (
            "U = 0",
            "The page is there, but its U bit is clear: user programs may not touch it.",
            "Privileged spec, Sv39, U bit",
        ),
        Check::UserPage => (
            "user page",
            "The page belongs to user mode (U = 1); the kernel may not fetch from it, and may load or store only with SUM set.",
            "Privileged spec, sstatus: SUM",
        ),
        Check::NotReadable => ("R = 0", "The page is there, but may not be read.", WALK),
        Check::NotWritable => ("W = 0", "The page is there, but may not be written.", WALK),
        Check::NotExecutable => ("X = 0", "The page is there, but may not be executed.", WALK),
        Check::AccessedClear => (
            "A = 0",
            "The accessed bit is clear, and this machine leaves setting it to the kernel.",
            "Privileged spec, Svade",
        ),
        Check::DirtyClear => (
            "D = 0",
            "The dirty bit is clear, and this machine leaves setting it to the kernel.",
            "Privileged spec, Svade",
        ),
        Check::PhysicalAccess => (
            "no memory there",
            "The translation succeeded, but no memory answers at the physical address: an access fault.",
            WALK,
        ),
    };
    Explained { short, sentence, source }
}

/// What the instruction wanted, as a verb: `fetch from`, `load from`, `store to`.
#[must_use]
pub const fn wanted(access: Access) -> &'static str {
    match access {
        Access::Fetch => "fetch an instruction from",
        Access::Load => "read from",
        Access::Store => "write to",
    }
}

/// A field of the fault card.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Field {
    /// `scause`.
    Scause,
    /// `stval`.
    Stval,
    /// `sepc`.
    Sepc,
    /// The privilege the instruction ran in.
    Mode,
    /// `satp`.
    Satp,
    /// `VPN[2]`, `VPN[1]`, `VPN[0]`; in Sv48 `VPN[3]` before them.
    Vpn,
    /// The page offset.
    Offset,
    /// The address of a page-table entry.
    PteAddress,
    /// The flag letters.
    Flags,
    /// The instruction that faulted.
    Instruction,
    /// The process.
    Process,
    /// The area that the address falls into.
    Area,
}

/// What a field of the fault card holds, where the trap was taken into this privilege: M-mode has registers
/// of its own for it.
#[must_use]
pub const fn field_in(which: Field, to: Privilege) -> Explained {
    let (short, sentence, source) = match (which, to) {
        (Field::Scause, Privilege::Machine) => (
            "mcause",
            "Machine cause: why the trap was taken. 12, 13 and 15 are page faults on fetch, load and store.",
            "Privileged spec, Machine Cause (mcause) Register",
        ),
        (Field::Stval, Privilege::Machine) => (
            "mtval",
            "Machine trap value: for a page fault, the virtual address the instruction wanted.",
            "Privileged spec, Machine Trap Value (mtval) Register",
        ),
        (Field::Sepc, Privilege::Machine) => (
            "mepc",
            "Machine exception program counter: the address of the instruction that faulted, where execution resumes.",
            "Privileged spec, Machine Exception Program Counter (mepc)",
        ),
        _ => return field(which),
    };
    Explained { short, sentence, source }
}

/// What a field of the fault card holds.
#[must_use]
pub const fn field(field: Field) -> Explained {
    let (short, sentence, source) = match field {
        Field::Scause => (
            "scause",
            "Supervisor cause: why the trap was taken. 12, 13 and 15 are page faults on fetch, load and store.",
            "Privileged spec, Supervisor Cause (scause) Register",
        ),
        Field::Stval => (
            "stval",
            "Supervisor trap value: for a page fault, the virtual address the instruction wanted.",
            "Privileged spec, Supervisor Trap Value (stval) Register",
        ),
        Field::Sepc => (
            "sepc",
            "Supervisor exception program counter: the address of the instruction that faulted, where execution resumes.",
            "Privileged spec, Supervisor Exception Program Counter (sepc)",
        ),
        Field::Mode => (
            "mode",
            "The privilege the instruction ran in: U is a user program, S the kernel, M the machine's firmware.",
            "Privileged spec, Privilege Levels",
        ),
        Field::Satp => (
            "satp",
            "Supervisor address translation and protection: the mode, and the physical page number of the root page table.",
            "Privileged spec, Supervisor Address Translation and Protection (satp) Register",
        ),
        Field::Vpn => (
            "VPN",
            "Nine bits of the virtual page number: the index of an entry in the table of that level, 0 to 511.",
            "Privileged spec, Sv39 and Sv48: Addressing and Memory Protection",
        ),
        Field::Offset => (
            "offset",
            "The low twelve bits: the byte inside the 4096-byte page. Translation leaves them alone.",
            "Privileged spec, Sv39: Addressing and Memory Protection",
        ),
        Field::PteAddress => (
            "PTE address",
            "Where the entry lies in physical memory: the table's address plus eight times the index.",
            WALK,
        ),
        Field::Flags => (
            "flags",
            "D dirty, A accessed, G global, U user, X execute, W write, R read, V valid; a dash is a clear bit.",
            "Privileged spec, Sv39 page table entry",
        ),
        Field::Instruction => (
            "instruction",
            "The instruction at sepc: it has changed nothing, and is executed again if the kernel repairs the fault.",
            "Privileged spec, Supervisor Exception Program Counter (sepc)",
        ),
        Field::Process => (
            "process",
            "Whose page tables were in force. The hardware knows no processes, only the root table that satp names.",
            "Privileged spec, Supervisor Address Translation and Protection (satp) Register",
        ),
        Field::Area => (
            "falls into",
            "The part of the address space that the kernel has set aside there; it decides what the fault means.",
            "The kernel's own book-keeping: the specification knows only page-table entries",
        ),
    };
    Explained { short, sentence, source }
}

/// A size in the largest unit that fits.
#[must_use]
pub fn bytes(count: u64) -> String {
    let units = [(30, "GiB"), (20, "MiB"), (10, "KiB")];
    let unit = units.into_iter().find(|&(shift, _)| count >> shift > 0);
    match unit {
        Some((shift, name)) if count.trailing_zeros() >= shift => format!("{} {name}", count >> shift),
        Some((shift, name)) => {
            let tenths = (u128::from(count) * 10) >> shift;
            format!("{}.{} {name}", tenths / 10, tenths % 10)
        }
        None => format!("{count} bytes"),
    }
}

#[cfg(test)]
mod tests {
    use super::{Field, bytes, field, field_in};
    use crate::hart::Privilege;

    #[test]
    fn a_trap_into_m_mode_fills_the_registers_of_m_mode() {
        let short = |which| [Privilege::Supervisor, Privilege::Machine].map(|to| field_in(which, to).short);
        assert_eq!(short(Field::Scause), ["scause", "mcause"]);
        assert_eq!(short(Field::Stval), ["stval", "mtval"]);
        assert_eq!(short(Field::Sepc), ["sepc", "mepc"]);
        assert_eq!(field_in(Field::Satp, Privilege::Machine), field(Field::Satp));
    }

    #[test]
    fn a_size_is_exact_where_it_can_be() {
        for (count, words) in [
            (832, "832 bytes"),
            (4096, "4 KiB"),
            (4096 + 512, "4.5 KiB"),
            (3 << 20, "3 MiB"),
            ((1 << 38) - 8192, "255.9 GiB"),
        ] {
            assert_eq!(bytes(count), words);
        }
    }
}
