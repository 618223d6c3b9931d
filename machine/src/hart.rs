//! The architectural state of one hart.

use faultline_abi::VirtAddr;
use serde::{Deserialize, Serialize};

/// A privilege mode; ordered U < S < M.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[repr(u8)]
pub enum Privilege {
    /// User.
    #[serde(rename = "U")]
    User = 0,
    /// Supervisor.
    #[serde(rename = "S")]
    Supervisor = 1,
    /// Machine.
    #[serde(rename = "M")]
    Machine = 3,
}

impl Privilege {
    /// `U`, `S` or `M`.
    #[must_use]
    pub const fn letter(self) -> char {
        match self {
            Self::User => 'U',
            Self::Supervisor => 'S',
            Self::Machine => 'M',
        }
    }
}

/// One hart: registers, program counter, privilege, CSRs.
#[derive(Clone, Debug)]
pub struct Hart {
    pub(crate) x: [u64; 32],
    pub(crate) pc: u64,
    pub(crate) mode: Privilege,
    pub(crate) satp: u64,
}

impl Hart {
    pub(crate) fn new(pc: u64) -> Self {
        Self { x: [0; 32], pc, mode: Privilege::Machine, satp: 0 }
    }

    /// `x0`…`x31`.
    #[must_use]
    pub fn registers(&self) -> [u64; 32] {
        self.x
    }

    /// Address of the next instruction.
    #[must_use]
    pub fn pc(&self) -> VirtAddr {
        VirtAddr::new(self.pc)
    }

    /// The current privilege.
    #[must_use]
    pub fn mode(&self) -> Privilege {
        self.mode
    }

    /// `satp`.
    #[must_use]
    pub fn satp(&self) -> u64 {
        self.satp
    }
}
