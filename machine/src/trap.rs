//! Why a hart traps.

use core::fmt;

use borsh::{BorshDeserialize, BorshSerialize};
use faultline_abi::sv39::Access;
use serde::{Deserialize, Deserializer, Serialize, Serializer, de::Error as _};

/// A synchronous exception (privileged specification, "Machine Cause (mcause) Register").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = false)]
#[repr(u8)]
pub enum Exception {
    /// A jump to an address that is not a multiple of two.
    FetchMisaligned = 0,
    /// A fetch from where there is no memory.
    FetchAccess = 1,
    /// An instruction that does not exist or is not allowed here.
    Illegal = 2,
    /// `ebreak`.
    Breakpoint = 3,
    /// A misaligned LR.
    LoadMisaligned = 4,
    /// A load from where nothing answers.
    LoadAccess = 5,
    /// A misaligned SC or AMO.
    StoreMisaligned = 6,
    /// A store to where nothing answers.
    StoreAccess = 7,
    /// `ecall` from U-mode.
    EcallFromU = 8,
    /// `ecall` from S-mode.
    EcallFromS = 9,
    /// `ecall` from M-mode.
    EcallFromM = 11,
    /// Page fault of a fetch.
    FetchPage = 12,
    /// Page fault of a load.
    LoadPage = 13,
    /// Page fault of a store, SC or AMO.
    StorePage = 15,
}

impl Exception {
    /// Every exception.
    pub const ALL: [Self; 14] = [
        Self::FetchMisaligned,
        Self::FetchAccess,
        Self::Illegal,
        Self::Breakpoint,
        Self::LoadMisaligned,
        Self::LoadAccess,
        Self::StoreMisaligned,
        Self::StoreAccess,
        Self::EcallFromU,
        Self::EcallFromS,
        Self::EcallFromM,
        Self::FetchPage,
        Self::LoadPage,
        Self::StorePage,
    ];

    /// The code in `mcause` and `scause`.
    #[must_use]
    pub const fn code(self) -> u64 {
        self as u64
    }

    /// The page fault of this kind of access.
    #[must_use]
    pub const fn page_fault(access: Access) -> Self {
        match access {
            Access::Fetch => Self::FetchPage,
            Access::Load => Self::LoadPage,
            Access::Store => Self::StorePage,
        }
    }

    /// The access fault of this kind of access.
    #[must_use]
    pub const fn access_fault(access: Access) -> Self {
        match access {
            Access::Fetch => Self::FetchAccess,
            Access::Load => Self::LoadAccess,
            Access::Store => Self::StoreAccess,
        }
    }

    /// Whether this is one of the three page faults.
    #[must_use]
    pub const fn is_page_fault(self) -> bool {
        matches!(self, Self::FetchPage | Self::LoadPage | Self::StorePage)
    }

    /// The name used in events.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::FetchMisaligned => "instruction address misaligned",
            Self::FetchAccess => "instruction access fault",
            Self::Illegal => "illegal instruction",
            Self::Breakpoint => "breakpoint",
            Self::LoadMisaligned => "load address misaligned",
            Self::LoadAccess => "load access fault",
            Self::StoreMisaligned => "store address misaligned",
            Self::StoreAccess => "store access fault",
            Self::EcallFromU => "system call from U-mode",
            Self::EcallFromS => "system call from S-mode",
            Self::EcallFromM => "system call from M-mode",
            Self::FetchPage => "instruction page fault",
            Self::LoadPage => "load page fault",
            Self::StorePage => "store page fault",
        }
    }
}

/// An interrupt; the number is its bit in `mip`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, BorshSerialize, BorshDeserialize)]
#[borsh(use_discriminant = false)]
#[repr(u8)]
pub enum Interrupt {
    /// Supervisor software interrupt.
    SupervisorSoftware = 1,
    /// Machine software interrupt.
    MachineSoftware = 3,
    /// Supervisor timer interrupt.
    SupervisorTimer = 5,
    /// Machine timer interrupt.
    MachineTimer = 7,
    /// Supervisor external interrupt.
    SupervisorExternal = 9,
    /// Machine external interrupt.
    MachineExternal = 11,
}

impl Interrupt {
    /// Every interrupt, the one that is taken first first ("Machine Interrupt (mip and mie)
    /// Registers": MEI, MSI, MTI, SEI, SSI, STI).
    pub const BY_PRIORITY: [Self; 6] = [
        Self::MachineExternal,
        Self::MachineSoftware,
        Self::MachineTimer,
        Self::SupervisorExternal,
        Self::SupervisorSoftware,
        Self::SupervisorTimer,
    ];

    /// The code in `mcause`, without the interrupt bit.
    #[must_use]
    pub const fn code(self) -> u64 {
        self as u64
    }

    /// Its bit in `mip` and `mie`.
    #[must_use]
    pub const fn bit(self) -> u64 {
        1 << self as u64
    }

    /// The name used in events.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::SupervisorSoftware => "supervisor software interrupt",
            Self::MachineSoftware => "machine software interrupt",
            Self::SupervisorTimer => "supervisor timer interrupt",
            Self::MachineTimer => "machine timer interrupt",
            Self::SupervisorExternal => "supervisor external interrupt",
            Self::MachineExternal => "machine external interrupt",
        }
    }
}

/// Why a trap was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, BorshSerialize, BorshDeserialize)]
pub enum Cause {
    /// Because of the instruction.
    Exception(Exception),
    /// Because of something outside it.
    Interrupt(Interrupt),
}

impl Cause {
    /// The bit of `mcause` that says interrupt.
    pub const INTERRUPT: u64 = 1 << 63;

    /// The value of `mcause` or `scause`.
    #[must_use]
    pub const fn code(self) -> u64 {
        match self {
            Self::Exception(exception) => exception.code(),
            Self::Interrupt(interrupt) => Self::INTERRUPT | interrupt.code(),
        }
    }

    /// The name used in events.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Exception(exception) => exception.name(),
            Self::Interrupt(interrupt) => interrupt.name(),
        }
    }
}

/// In events a cause has its name.
impl Serialize for Cause {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Cause {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let name = <String as Deserialize>::deserialize(deserializer)?;
        let exceptions = Exception::ALL.into_iter().map(Self::Exception);
        let mut causes = exceptions.chain(Interrupt::BY_PRIORITY.into_iter().map(Self::Interrupt));
        let found = causes.find(|cause| cause.name() == name);
        found.ok_or_else(|| D::Error::custom(format_args!("`{name}` is no cause of a trap")))
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}
