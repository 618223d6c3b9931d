//! The page-table walk: pure, and it returns its steps (privileged specification, "Virtual Address
//! Translation Process").

use core::ops::Deref;

use faultline_abi::{
    PhysAddr, VirtAddr,
    addr::VPN_BITS,
    satp::Root,
    sv39::{self, Access, Check, Pte, PteFlags, WalkStep},
};
use serde::{Serialize, Serializer};

use crate::hart::Privilege;

/// Most levels of any translation scheme that this machine may have: four, for Sv48.
const LEVELS_MAX: usize = 4;

/// A finished walk: what was asked, the entries read, and what came of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Walk {
    /// The address that was to be translated.
    pub va: VirtAddr,
    /// What the instruction wanted to do with it.
    pub access: Access,
    /// The entries read, root first; a slice of [`WalkStep`].
    pub steps: Steps,
    /// The translated address, or the check that failed.
    pub result: Result<PhysAddr, Check>,
}

impl Walk {
    /// A walk that was never made.
    pub(crate) const fn none() -> Self {
        let (va, access) = (VirtAddr::new(0), Access::Load);
        Self { va, access, steps: Steps::new(), result: Err(Check::NotValid) }
    }

    /// The leaf that a successful walk ended at.
    #[must_use]
    pub fn leaf(&self) -> Option<WalkStep> {
        self.result.ok().and(self.steps.last().copied())
    }
}

/// Reads page tables.
pub trait TableMemory {
    /// The entry at `pte_addr`; `None` where the memory there cannot be read.
    fn read_pte(&self, pte_addr: PhysAddr) -> Option<Pte>;
}

/// What stands in the CSRs that a translation depends on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rules {
    /// The privilege of the access: the hart's, or that of `mstatus.MPP` under MPRV.
    pub privilege: Privilege,
    /// `mstatus.SUM`: S-mode may load and store on user pages.
    pub sum: bool,
    /// `mstatus.MXR`: loads may read executable pages.
    pub mxr: bool,
    /// Who sets A and D.
    pub update: Update,
}

/// Who sets the bits A and D.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Update {
    /// The hardware (Svadu).
    #[default]
    Hardware,
    /// Software: an access that would set them faults instead (Svade).
    Fault,
}

/// Translates `va` for `access` through the tables below `root`.
#[must_use]
pub fn walk(memory: &impl TableMemory, root: Root, va: VirtAddr, access: Access, rules: &Rules) -> Walk {
    let mut walk = Walk::none();
    walk_into(&mut walk, memory, root, va, access, rules);
    walk
}

/// The same, into a place that is used again and again.
pub(crate) fn walk_into(
    walk: &mut Walk,
    memory: &impl TableMemory,
    root: Root,
    va: VirtAddr,
    access: Access,
    rules: &Rules,
) {
    (walk.va, walk.access) = (va, access);
    walk.steps.len = 0;
    walk.result = translate(memory, root, va, access, rules, &mut walk.steps);
}

fn translate(
    memory: &impl TableMemory,
    root: Root,
    va: VirtAddr,
    access: Access,
    rules: &Rules,
    steps: &mut Steps,
) -> Result<PhysAddr, Check> {
    if !root.scheme.is_canonical(va) {
        return Err(Check::NonCanonical);
    }
    let leaf = find_leaf(memory, root, va, steps)?;
    aligned(leaf)?;
    privileged(leaf.pte, access, rules)?;
    permitted(leaf.pte, access, rules)?;
    marked(leaf.pte, access, rules)?;
    Ok(physical(leaf, va))
}

/// Steps 1 to 4: down the tables until an entry maps memory.
fn find_leaf(
    memory: &impl TableMemory,
    root: Root,
    va: VirtAddr,
    steps: &mut Steps,
) -> Result<WalkStep, Check> {
    // Step 1: begin at the root, on the highest level.
    let mut table = root.frame;
    for level in (0..root.scheme.levels()).rev() {
        // Step 2: read the entry.
        let pte_addr = PhysAddr::new(table.base().get() + va.vpn(level) as u64 * sv39::PTE_SIZE);
        let pte = memory.read_pte(pte_addr).ok_or(Check::TableAccess)?;
        let step = WalkStep { level, pte_addr, pte };
        steps.push(step);
        // Step 3: is it an entry at all?
        well_formed(pte)?;
        // Step 4: a leaf ends the search, a pointer goes on.
        if pte.is_leaf() {
            return Ok(step);
        }
        table = pte.ppn();
    }
    Err(Check::PointerAtLastLevel)
}

/// Step 3: valid, and no combination that is reserved.
pub(crate) fn well_formed(pte: Pte) -> Result<(), Check> {
    const LEAF_ONLY: PteFlags = PteFlags::D.union(PteFlags::A).union(PteFlags::U);
    let flags = pte.flags();
    if !pte.is_valid() {
        Err(Check::NotValid)
    } else if flags.contains(PteFlags::W) && !flags.contains(PteFlags::R) {
        Err(Check::WriteWithoutRead)
    } else if pte.raw() & (Pte::RESERVED | Pte::PBMT | Pte::N) != 0
        || pte.is_pointer() && flags.intersects(LEAF_ONLY)
    {
        Err(Check::ReservedBits)
    } else {
        Ok(())
    }
}

/// A leaf above level 0 must begin where its own size is aligned.
fn aligned(leaf: WalkStep) -> Result<(), Check> {
    let low = (1 << (VPN_BITS * leaf.level)) - 1;
    if leaf.pte.ppn().get() & low != 0 { Err(Check::MisalignedSuperpage) } else { Ok(()) }
}

/// The U bit against the privilege. SUM never lets S-mode fetch from a user page.
fn privileged(pte: Pte, access: Access, rules: &Rules) -> Result<(), Check> {
    let user_page = pte.flags().contains(PteFlags::U);
    match rules.privilege {
        Privilege::User if !user_page => Err(Check::NotUser),
        Privilege::Supervisor if user_page && (access == Access::Fetch || !rules.sum) => Err(Check::UserPage),
        _ => Ok(()),
    }
}

/// R, W and X against the kind of access. MXR concerns loads only.
fn permitted(pte: Pte, access: Access, rules: &Rules) -> Result<(), Check> {
    let flags = pte.flags();
    let readable = flags.contains(PteFlags::R) || rules.mxr && flags.contains(PteFlags::X);
    match access {
        Access::Load if !readable => Err(Check::NotReadable),
        Access::Store if !flags.contains(PteFlags::W) => Err(Check::NotWritable),
        Access::Fetch if !flags.contains(PteFlags::X) => Err(Check::NotExecutable),
        _ => Ok(()),
    }
}

/// A and D come last: they count only where the access is allowed.
fn marked(pte: Pte, access: Access, rules: &Rules) -> Result<(), Check> {
    let missing = missing_marks(pte, access);
    match rules.update {
        Update::Fault if missing.contains(PteFlags::A) => Err(Check::AccessedClear),
        Update::Fault if missing.contains(PteFlags::D) => Err(Check::DirtyClear),
        _ => Ok(()),
    }
}

/// Which of A and D this access has to set.
pub(crate) fn missing_marks(pte: Pte, access: Access) -> PteFlags {
    let wanted = match access {
        Access::Store => PteFlags::A.union(PteFlags::D),
        Access::Fetch | Access::Load => PteFlags::A,
    };
    wanted.difference(pte.flags())
}

/// The frame of the leaf, and from `va` every bit below the size of the leaf.
fn physical(leaf: WalkStep, va: VirtAddr) -> PhysAddr {
    let offset = va.get() & (sv39::leaf_size(leaf.level) - 1);
    PhysAddr::new(leaf.pte.ppn().base().get() | offset)
}

/// The steps of a walk, without allocation; use it as a slice.
#[derive(Clone, Copy)]
pub struct Steps {
    len: usize,
    steps: [WalkStep; LEVELS_MAX],
}

impl Steps {
    const NONE: WalkStep = WalkStep { level: 0, pte_addr: PhysAddr::new(0), pte: Pte::INVALID };

    /// No step yet.
    #[must_use]
    pub const fn new() -> Self {
        Self { len: 0, steps: [Self::NONE; LEVELS_MAX] }
    }

    /// Appends a step; one beyond the deepest table is dropped.
    pub fn push(&mut self, step: WalkStep) {
        if let Some(slot) = self.steps.get_mut(self.len) {
            *slot = step;
            self.len += 1;
        }
    }
}

impl Default for Steps {
    fn default() -> Self {
        Self::new()
    }
}

impl Deref for Steps {
    type Target = [WalkStep];

    fn deref(&self) -> &[WalkStep] {
        self.steps.get(..self.len).unwrap_or(&[])
    }
}

impl PartialEq for Steps {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Steps {}

impl core::fmt::Debug for Steps {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

impl Serialize for Steps {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}
