//! Tracepoints: how a kernel says what it intends.
//!
//! A tracepoint is the instruction `slti x0, x0, N`, a HINT that the ISA designates for custom use:
//! a no-op on every RISC-V machine. `N` is an event number of this module, the arguments stand in
//! `a0`…`a5`. The machine stamps each with hart, privilege and instruction count. Executed in
//! U-mode it is the program's own mark and never a kernel event. `docs/trace-abi.md` is written
//! for kernel authors who want to adopt them.

/// Registers that carry arguments: `a0`…`a5`.
pub const ARGUMENTS: usize = 6;

/// The HINT instruction word of tracepoint `number` (`0..2048`): `slti x0, x0, number`.
#[must_use]
pub const fn hint(number: u16) -> u32 {
    (number as u32 & 0x7ff) << 20 | 0b010 << 12 | 0b001_0011
}

/// The tracepoint number of an instruction word, if it is a tracepoint.
#[must_use]
pub const fn hint_number(word: u32) -> Option<u16> {
    #[allow(clippy::cast_possible_truncation, reason = "the upper twelve bits of the word")]
    let number = (word >> 20) as u16;
    if word & 0x800f_ffff == 0x2013 { Some(number) } else { None }
}

/// A name of up to 16 bytes, carried in two registers, zero-padded, first byte lowest.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ShortName([u8; 16]);

impl ShortName {
    /// The first 16 bytes of `name`.
    #[must_use]
    pub fn new(name: &str) -> Self {
        let mut bytes = [0; 16];
        for (to, from) in bytes.iter_mut().zip(name.bytes()) {
            *to = from;
        }
        Self(bytes)
    }

    /// The two register values.
    #[must_use]
    pub fn to_registers(self) -> [u64; 2] {
        let (low, high) = self.0.split_at(8);
        [low, high].map(|half| half.iter().rev().fold(0, |word, &byte| word << 8 | u64::from(byte)))
    }

    /// The name in two register values.
    #[must_use]
    pub fn from_registers(registers: [u64; 2]) -> Self {
        let mut bytes = [0; 16];
        let (low, high) = bytes.split_at_mut(8);
        low.copy_from_slice(&registers[0].to_le_bytes());
        high.copy_from_slice(&registers[1].to_le_bytes());
        Self(bytes)
    }

    /// The characters before the first zero; anything that is no printable ASCII shows as `?`.
    pub fn chars(self) -> impl Iterator<Item = char> {
        self.0
            .into_iter()
            .take_while(|&byte| byte != 0)
            .map(|byte| if byte.is_ascii_graphic() { char::from(byte) } else { '?' })
    }
}

macro_rules! codes {
    ($(#[$doc:meta])* $name:ident { $($(#[$vdoc:meta])* $variant:ident = $code:literal $text:literal,)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[cfg_attr(feature = "serde", derive(serde::Serialize, serde::Deserialize))]
#[cfg_attr(feature = "wire", derive(borsh::BorshSerialize, borsh::BorshDeserialize))]
        #[cfg_attr(feature = "wire", borsh(use_discriminant = false))]
        #[repr(u64)]
        pub enum $name {
            $($(#[$vdoc])* #[cfg_attr(feature = "serde", serde(rename = $text))] $variant = $code,)*
        }

        impl $name {
            /// Every case, in order of code.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The register value.
            #[must_use]
            pub const fn code(self) -> u64 {
                self as u64
            }

            /// The case with this register value.
            #[must_use]
            pub const fn from_code(code: u64) -> Option<Self> {
                match code {
                    $($code => Some(Self::$variant),)*
                    _ => None,
                }
            }

            /// The word used in event streams and on the page.
            #[must_use]
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text,)*
                }
            }
        }
    };
}

codes! {
    /// What kind of fault the kernel took it for.
    FaultClass {
        /// First touch of heap that `sbrk` promised.
        Lazy = 0 "lazy",
        /// First touch of memory that starts as zeros (bss, anonymous).
        ZeroFill = 1 "zero-fill",
        /// Write to a page shared by copy-on-write.
        Cow = 2 "cow",
        /// First touch of program text or data that is still on disk.
        Demand = 3 "demand",
        /// First touch of a mapped file.
        Mmap = 4 "mmap",
        /// Touch of a page that was evicted to swap.
        SwapIn = 5 "swap-in",
        /// First touch of the stack below its lowest page.
        Stack = 6 "stack",
        /// An access the program has no right to.
        Invalid = 7 "invalid",
        /// The entry already allows the access: only A or D was missing (Svade), or a stale translation was used.
        Spurious = 8 "spurious",
    }
}

codes! {
    /// Where the bytes of the page are that faulted.
    Source {
        /// In the frame that its entry maps.
        Frame = 0 "frame",
        /// In swap; its entry says where.
        Swap = 1 "swap",
        /// Nowhere yet: they are zero.
        Zeros = 2 "zeros",
        /// In a file.
        File = 3 "file",
        /// They would be in a file, had it not ended before them.
        PastEnd = 4 "past-end",
        /// In memory that several processes share.
        Memory = 5 "memory",
        /// In such memory too, whose page is in swap.
        MemoryInSwap = 6 "memory-in-swap",
        /// There are none: the address lies in no area.
        Nowhere = 7 "nowhere",
    }
}

codes! {
    /// What the kernel plans to do about a fault.
    ActionKind {
        /// Map a frame of zeros.
        Zero = 0 "zero",
        /// Map the shared frame of zeros, read-only.
        ShareZero = 1 "share-zero",
        /// Map a frame of the process's own, filled from the file.
        ReadPrivate = 2 "read-private",
        /// Map the frame that holds the page of the file for everybody.
        ReadShared = 3 "read-shared",
        /// Map a page of memory that several processes share.
        ShareMemory = 4 "share-memory",
        /// Map a copy of the page instead of the page that others hold too.
        Copy = 5 "copy",
        /// Allow writing to the page that nobody else holds any more.
        Reuse = 6 "reuse",
        /// Map a frame filled from swap.
        SwapIn = 7 "swap-in",
        /// The entry allows the access: set A, and D for a store, and try again.
        Retry = 8 "retry",
        /// Do not allow it.
        Refuse = 9 "refuse",
    }
}

codes! {
    /// Why the kernel refuses an access. Codes begin at 1: 0 in a register is no reason.
    ReasonKind {
        /// The address lies in page 0.
        NullPointer = 1 "null-pointer",
        /// The address lies above the heap.
        BeyondHeap = 2 "beyond-heap",
        /// The address is the kernel's, or none that a program can have.
        KernelAddress = 3 "kernel-address",
        /// The address lies between two areas.
        Unmapped = 4 "unmapped",
        /// The stack has reached its guard page.
        StackOverflow = 5 "stack-overflow",
        /// The page is mapped for the kernel's own use.
        KernelPage = 6 "kernel-page",
        /// The area does not allow this access.
        Forbidden = 7 "forbidden",
        /// The area allows it and the page table does not: the kernel has lost the page.
        PageLost = 8 "page-lost",
        /// The area maps a file that ends before this page.
        BeyondFile = 9 "beyond-file",
        /// There is no frame left for a fault that is in order.
        OutOfMemory = 10 "out-of-memory",
        /// The disk failed.
        DiskError = 11 "disk-error",
    }
}

codes! {
    /// How the kernel resolved a fault.
    Resolution {
        /// A frame was taken, filled with zeros and mapped.
        Zeroed = 0 "zeroed",
        /// The shared zero frame was mapped read-only.
        SharedZero = 1 "shared-zero",
        /// A frame was taken and the old contents copied.
        Copied = 2 "copied",
        /// The last sharer got write permission back, without a copy.
        Reused = 3 "reused",
        /// A frame was filled from a file.
        ReadFile = 4 "read-file",
        /// A frame was filled from swap.
        ReadSwap = 5 "read-swap",
        /// A frame that was already in memory was mapped.
        Shared = 6 "shared",
        /// The page was already mapped as needed.
        Spurious = 7 "spurious",
        /// The process was killed.
        Killed = 8 "killed",
        /// A system call was given the address: the call failed, the process lives.
        Refused = 9 "refused",
    }
}

codes! {
    /// What happened to a frame.
    FrameOp {
        /// Taken from the free list.
        Allocated = 0 "allocated",
        /// One more mapping or holder.
        Shared = 1 "shared",
        /// One mapping or holder fewer; still in use.
        Unshared = 2 "unshared",
        /// Given back to the free list.
        Freed = 3 "freed",
    }
}

codes! {
    /// What a frame is used for.
    FrameKind {
        /// A page of a user process.
        User = 0 "user",
        /// A page table.
        PageTable = 1 "page-table",
        /// A process's trapframe.
        Trapframe = 2 "trapframe",
        /// A kernel stack.
        KernelStack = 3 "kernel-stack",
        /// Other memory of the kernel.
        Kernel = 4 "kernel",
        /// The shared zero frame.
        Zero = 5 "zero",
        /// Contents of a file.
        Cache = 6 "cache",
    }
}

codes! {
    /// What the clock hand decided about the frame under it.
    Verdict {
        /// It was accessed: the bit is cleared and the hand moves on.
        SecondChance = 0 "second-chance",
        /// It is evicted.
        Victim = 1 "victim",
        /// It is pinned or no candidate.
        Skipped = 2 "skipped",
    }
}

codes! {
    /// Direction of a disk transfer.
    DiskOp {
        /// From disk to memory.
        Read = 0 "read",
        /// From memory to disk.
        Write = 1 "write",
    }
}

codes! {
    /// What happened to an area of an address space.
    AreaOp {
        /// It came to be.
        Mapped = 0 "mapped",
        /// It went away.
        Unmapped = 1 "unmapped",
        /// Its end moved; the event gives the new bounds.
        Resized = 2 "resized",
    }
}

codes! {
    /// What an area of an address space holds.
    AreaKind {
        /// Program text.
        Text = 0 "text",
        /// Initialised data and bss.
        Data = 1 "data",
        /// The guard page below the stack.
        Guard = 2 "guard",
        /// The user stack.
        Stack = 3 "stack",
        /// The heap, moved by `sbrk`.
        Heap = 4 "heap",
        /// A mapped file or anonymous mapping.
        Mmap = 5 "mmap",
        /// The trapframe page.
        Trapframe = 6 "trapframe",
        /// The trampoline page.
        Trampoline = 7 "trampoline",
    }
}

codes! {
    /// What happened to a process.
    ProcessOp {
        /// It was created; `other` is the parent's pid, 0 for the first process.
        Created = 0 "created",
        /// It started a program.
        Execed = 1 "execed",
        /// It was given the hart; `other` is the pid that ran before, 0 for none.
        Switched = 2 "switched",
        /// It ended by itself; `other` is its status.
        Exited = 3 "exited",
        /// The kernel ended it; `other` is the fault's `scause`, `u64::MAX` where a process asked for it.
        Killed = 4 "killed",
    }
}

codes! {
    /// Which end of a system call.
    SyscallOp {
        /// The kernel is about to do it.
        Enter = 0 "enter",
        /// It is done.
        Return = 1 "return",
    }
}

/// A kernel event, as the registers of a tracepoint carry it.
///
/// Fields stand in the order of the registers. Addresses are raw because a kernel may report
/// anything; pid 0 is the kernel itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[allow(missing_docs, reason = "each field is named and described in docs/trace-abi.md")]
pub enum TraceEvent {
    /// 1: a page fault was classified.
    Fault { pid: u64, va: u64, access: crate::sv39::Access, class: FaultClass, area: Option<AreaKind> },
    /// 2: a page fault was dealt with. `frame` is a physical address, 0 for none; `pte` the new entry;
    /// `reason` why the access was refused, where it was.
    Resolved { pid: u64, va: u64, how: Resolution, frame: u64, pte: u64, reason: Option<ReasonKind> },
    /// 3: a frame changed hands; `refs` is the count after it.
    Frame { op: FrameOp, frame: u64, owner: u64, refs: u64, kind: FrameKind },
    /// 4: the clock hand looked at a frame.
    Hand { frame: u64, accessed: bool, verdict: Verdict },
    /// 5: a page was evicted; `slot` is `u64::MAX` where it was dropped.
    Evicted { pid: u64, va: u64, frame: u64, dirty: bool, slot: u64 },
    /// 6: a disk transfer of `sectors` sectors of 512 bytes.
    Disk { op: DiskOp, sector: u64, sectors: u64 },
    /// 7: an area changed; `end` is exclusive; `prot` is R = 1, W = 2, X = 4.
    Area { op: AreaOp, pid: u64, start: u64, end: u64, kind: AreaKind, prot: u64 },
    /// 8: a process changed; `root` is the physical address of its root page table.
    Process { op: ProcessOp, pid: u64, other: u64, root: u64, name: ShortName },
    /// 9: a system call; on return `arg0` is the result.
    Syscall { op: SyscallOp, pid: u64, number: u64, args: [u64; 3] },
    /// 10: what is planned about a page fault, and what was seen: the `entry`, the references `refs` to its
    /// frame, where the page's bytes come `from`.
    Plan { pid: u64, va: u64, plan: Planned, entry: u64, refs: u32, from: Source },
}

/// What is planned about a page fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Planned {
    /// To make an entry with these flags, the low eight bits of one.
    Make(ActionKind, u64),
    /// To refuse the access.
    Refuse(ReasonKind),
}

impl Planned {
    /// The kind of action.
    #[must_use]
    pub const fn action(self) -> ActionKind {
        match self {
            Self::Make(action, _) => action,
            Self::Refuse(_) => ActionKind::Refuse,
        }
    }

    /// The flags of the new entry, if there is to be one.
    #[must_use]
    pub const fn flags(self) -> Option<u64> {
        match self {
            Self::Make(_, flags) => Some(flags),
            Self::Refuse(_) => None,
        }
    }

    /// Why the access is refused, if it is.
    #[must_use]
    pub const fn reason(self) -> Option<ReasonKind> {
        match self {
            Self::Make(..) => None,
            Self::Refuse(reason) => Some(reason),
        }
    }

    /// The register beside the action: the flags of the new entry, or the reason.
    #[must_use]
    pub const fn code(self) -> u64 {
        match self {
            Self::Make(_, flags) => flags,
            Self::Refuse(reason) => reason.code(),
        }
    }

    /// What the two registers say.
    #[must_use]
    pub const fn decode(action: u64, code: u64) -> Option<Self> {
        match ActionKind::from_code(action) {
            Some(ActionKind::Refuse) => match ReasonKind::from_code(code) {
                Some(reason) => Some(Self::Refuse(reason)),
                None => None,
            },
            Some(action) => Some(Self::Make(action, code & 0xff)),
            None => None,
        }
    }
}

/// A code no case stands for, and `None` in a register.
const NONE: u64 = u64::MAX;

impl TraceEvent {
    /// The event number: `N` of `slti x0, x0, N`.
    #[must_use]
    pub const fn number(&self) -> u16 {
        match self {
            Self::Fault { .. } => 1,
            Self::Resolved { .. } => 2,
            Self::Frame { .. } => 3,
            Self::Hand { .. } => 4,
            Self::Evicted { .. } => 5,
            Self::Disk { .. } => 6,
            Self::Area { .. } => 7,
            Self::Process { .. } => 8,
            Self::Syscall { .. } => 9,
            Self::Plan { .. } => 10,
        }
    }

    /// The values of `a0`…`a5`.
    #[must_use]
    pub fn arguments(&self) -> [u64; ARGUMENTS] {
        match *self {
            Self::Fault { pid, va, access, class, area } => {
                [pid, va, access.number(), class.code(), area.map_or(NONE, AreaKind::code), 0]
            }
            Self::Resolved { pid, va, how, frame, pte, reason } => {
                [pid, va, how.code(), frame, pte, reason.map_or(0, ReasonKind::code)]
            }
            Self::Frame { op, frame, owner, refs, kind } => [op.code(), frame, owner, refs, kind.code(), 0],
            Self::Hand { frame, accessed, verdict } => [frame, accessed.into(), verdict.code(), 0, 0, 0],
            Self::Evicted { pid, va, frame, dirty, slot } => [pid, va, frame, dirty.into(), slot, 0],
            Self::Disk { op, sector, sectors } => [op.code(), sector, sectors, 0, 0, 0],
            Self::Area { op, pid, start, end, kind, prot } => [op.code(), pid, start, end, kind.code(), prot],
            Self::Process { op, pid, other, root, name } => {
                let [low, high] = name.to_registers();
                [op.code(), pid, other, root, low, high]
            }
            Self::Syscall { op, pid, number, args: [a, b, c] } => [op.code(), pid, number, a, b, c],
            Self::Plan { pid, va, plan, entry, refs, from } => {
                [pid, va, plan.action().code(), plan.code(), entry, from.code() << 32 | u64::from(refs)]
            }
        }
    }

    /// The event in the registers of tracepoint `number`; `None` where the number is not assigned
    /// or a code has no meaning.
    #[must_use]
    pub fn decode(number: u16, arguments: [u64; ARGUMENTS]) -> Option<Self> {
        let [a0, a1, a2, a3, a4, a5] = arguments;
        Some(match number {
            1 => Self::Fault {
                pid: a0,
                va: a1,
                access: crate::sv39::Access::from_number(a2)?,
                class: FaultClass::from_code(a3)?,
                area: AreaKind::from_code(a4),
            },
            2 => {
                let how = Resolution::from_code(a2)?;
                let reason = if how.is_refusal() { ReasonKind::from_code(a5) } else { None };
                Self::Resolved { pid: a0, va: a1, how, frame: a3, pte: a4, reason }
            }
            3 => Self::Frame {
                op: FrameOp::from_code(a0)?,
                frame: a1,
                owner: a2,
                refs: a3,
                kind: FrameKind::from_code(a4)?,
            },
            4 => Self::Hand { frame: a0, accessed: a1 != 0, verdict: Verdict::from_code(a2)? },
            5 => Self::Evicted { pid: a0, va: a1, frame: a2, dirty: a3 != 0, slot: a4 },
            6 => Self::Disk { op: DiskOp::from_code(a0)?, sector: a1, sectors: a2 },
            7 => Self::Area {
                op: AreaOp::from_code(a0)?,
                pid: a1,
                start: a2,
                end: a3,
                kind: AreaKind::from_code(a4)?,
                prot: a5,
            },
            8 => Self::Process {
                op: ProcessOp::from_code(a0)?,
                pid: a1,
                other: a2,
                root: a3,
                name: ShortName::from_registers([a4, a5]),
            },
            9 => Self::Syscall { op: SyscallOp::from_code(a0)?, pid: a1, number: a2, args: [a3, a4, a5] },
            10 => Self::Plan {
                pid: a0,
                va: a1,
                plan: Planned::decode(a2, a3)?,
                entry: a4,
                refs: low_half(a5),
                from: Source::from_code(a5 >> 32)?,
            },
            _ => return None,
        })
    }
}

impl Resolution {
    /// Whether the access was not allowed.
    #[must_use]
    pub const fn is_refusal(self) -> bool {
        matches!(self, Self::Killed | Self::Refused)
    }
}

#[allow(clippy::cast_possible_truncation, reason = "the lower half is what is asked for")]
const fn low_half(register: u64) -> u32 {
    register as u32
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sv39::Access;

    #[test]
    fn the_hint_is_slti_x0_x0_n() {
        // GNU as assembles `slti x0, x0, 5` to this word.
        assert_eq!(hint(5), 0x0050_2013);
        assert_eq!(hint_number(0x0050_2013), Some(5));
        // A negative immediate, another register, another instruction: no tracepoint.
        for word in [0xfff0_2013, 0x0050_2093, 0x0050_a013, 0x0050_0013] {
            assert_eq!(hint_number(word), None, "{word:#x}");
        }
    }

    #[test]
    fn every_event_survives_its_registers() {
        let name = ShortName::new("a-name-of-16-char-and-more");
        let events = [
            TraceEvent::Fault { pid: 1, va: 2, access: Access::Store, class: FaultClass::Cow, area: None },
            TraceEvent::Fault {
                pid: 1,
                va: 2,
                access: Access::Fetch,
                class: FaultClass::Invalid,
                area: Some(AreaKind::Guard),
            },
            TraceEvent::Resolved { pid: 1, va: 2, how: Resolution::Copied, frame: 3, pte: 4, reason: None },
            TraceEvent::Resolved {
                pid: 1,
                va: 2,
                how: Resolution::Killed,
                frame: 0,
                pte: 0,
                reason: Some(ReasonKind::OutOfMemory),
            },
            TraceEvent::Plan {
                pid: 1,
                va: 2,
                plan: Planned::Make(ActionKind::Copy, 0xd7),
                entry: 0x2004_e853,
                refs: 2,
                from: Source::Frame,
            },
            TraceEvent::Plan {
                pid: 1,
                va: 2,
                plan: Planned::Refuse(ReasonKind::StackOverflow),
                entry: 0,
                refs: 0,
                from: Source::Nowhere,
            },
            TraceEvent::Frame { op: FrameOp::Freed, frame: 1, owner: 2, refs: 0, kind: FrameKind::User },
            TraceEvent::Hand { frame: 1, accessed: true, verdict: Verdict::SecondChance },
            TraceEvent::Evicted { pid: 1, va: 2, frame: 3, dirty: true, slot: u64::MAX },
            TraceEvent::Disk { op: DiskOp::Write, sector: 9, sectors: 8 },
            TraceEvent::Area { op: AreaOp::Resized, pid: 1, start: 2, end: 3, kind: AreaKind::Heap, prot: 7 },
            TraceEvent::Process { op: ProcessOp::Execed, pid: 1, other: 2, root: 3, name },
            TraceEvent::Syscall { op: SyscallOp::Enter, pid: 1, number: 12, args: [1, 2, 3] },
        ];
        for event in events {
            assert_eq!(TraceEvent::decode(event.number(), event.arguments()), Some(event));
        }
    }

    #[test]
    fn a_name_is_cut_to_16_bytes_and_shows_only_printable_characters() {
        let name = ShortName::new("abcdefghijklmnopqrs");
        assert_eq!(name.chars().collect::<std::string::String>(), "abcdefghijklmnop");
        let odd = ShortName::from_registers([0x0a61, 0]);
        assert_eq!(odd.chars().collect::<std::string::String>(), "a?");
    }

    #[test]
    fn a_code_without_meaning_is_no_event() {
        assert_eq!(TraceEvent::decode(1, [1, 2, 9, 0, 0, 0]), None);
        assert_eq!(TraceEvent::decode(0, [0; 6]), None);
        assert_eq!(TraceEvent::decode(2047, [0; 6]), None);
        // Refuse without a reason; bytes from nowhere that is known.
        assert_eq!(TraceEvent::decode(10, [1, 2, ActionKind::Refuse.code(), 0, 0, 0]), None);
        assert_eq!(TraceEvent::decode(10, [1, 2, 0, 0, 0, 8 << 32]), None);
    }

    #[test]
    fn a_kernel_that_leaves_the_last_register_alone_gives_no_reason() {
        let reason = |how: Resolution, last| match TraceEvent::decode(2, [1, 2, how.code(), 0, 0, last]) {
            Some(TraceEvent::Resolved { reason, .. }) => reason,
            other => panic!("{other:?}"),
        };
        assert_eq!(reason(Resolution::Killed, 0), None);
        assert_eq!(reason(Resolution::Killed, 0x8020_0000), None);
        assert_eq!(reason(Resolution::Killed, 7), Some(ReasonKind::Forbidden));
        assert_eq!(reason(Resolution::Zeroed, 7), None);
    }
}
