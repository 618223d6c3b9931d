//! The mistakes: those that emulators have been seen to make, and those next to them.

/// A mistake, put into a copy of the source, and the test that has to notice.
pub(super) struct Mutant {
    /// What is wrong.
    pub(super) name: &'static str,
    /// Where, below `machine/src/`: what stands there once, and what takes its place. `MUTANT` in it is
    /// true while this mistake is on.
    pub(super) edits: &'static [Edit],
    /// Which of the test programs, and the part of the tests' names to run.
    pub(super) killed_by: (Tests, &'static str),
}

/// File, text, replacement.
pub(super) type Edit = (&'static str, &'static str, &'static str);

/// A test program of the machine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Tests {
    /// Its unit tests.
    Unit,
    /// The walker against the specification's text.
    WalkOracle,
}

const fn unit(name: &'static str, edits: &'static [Edit], test: &'static str) -> Mutant {
    Mutant { name, edits, killed_by: (Tests::Unit, test) }
}

const fn oracle(name: &'static str, edits: &'static [Edit]) -> Mutant {
    Mutant { name, edits, killed_by: (Tests::WalkOracle, "the_walker_agrees") }
}

const WALK: &str = "mmu/walk.rs";
const REACH: &str = "exec/reach.rs";
const MEMORY: &str = "exec/memory.rs";
const ATOMIC: &str = "exec/atomic.rs";
const HART: &str = "hart.rs";
const CSR: &str = "csr.rs";
const TRANSLATIONS: &str = "translations.rs";
const QUEUE: &str = "device/virtio/queue.rs";

/// Every mistake.
pub(super) const MUTANTS: &[Mutant] = &[
    oracle(
        "no U check at all",
        &[(WALK, "privileged(leaf.pte, access, rules)?", "(if MUTANT { Ok(()) } else { privileged(leaf.pte, access, rules) })?")],
    ),
    unit(
        "A and D set before the permission check",
        &[(
            REACH,
            "        self.tlb.walk.result.map_err(|check| self.walk_fault(check))",
            "        if let (true, Err(_), Some(step)) = (MUTANT, self.tlb.walk.result, self.tlb.walk.steps.last().copied()) {
                if let (true, Some(frame)) = (step.pte.is_leaf(), self.system.ram.frame_of(step.pte_addr)) {
                    let marks = walk::missing_marks(step.pte, access).bits();
                    self.write_marked(frame, step.pte_addr, step.pte, Pte::from_raw(step.pte.raw() | marks));
                }
            }
            self.tlb.walk.result.map_err(|check| self.walk_fault(check))",
        )],
        "a_and_d_are_set_when_everything_else_allows_it_and_not_before",
    ),
    oracle(
        "permission checks missing after the walk",
        &[(WALK, "permitted(leaf.pte, access, rules)?", "(if MUTANT { Ok(()) } else { permitted(leaf.pte, access, rules) })?")],
    ),
    unit(
        "panic on Sv48",
        &[(CSR, "Root::of(value).is_some() {", "(if MUTANT { assert_ne!(value >> 60, 9) }, Root::of(value).is_some()).1 {")],
        "csrs::",
    ),
    unit(
        "an access across pages translated once",
        &[(
            MEMORY,
            "        match (low, high) {",
            "        let high = match low {
            Target::Memory { frame, .. } if MUTANT => Target::Memory { frame: frame + 1, offset: 0 },
            _ => high,
        };
        match (low, high) {",
        )],
        "misaligned_accesses_work_inside_a_page_and_across_two_that_lie_apart",
    ),
    unit(
        "an access across pages done before the second is checked",
        &[(
            MEMORY,
            "let (low, high) = self.reach_both(va, &split, Access::Store, &rules)?;",
            "if let (true, Ok(reached)) = (MUTANT, self.reach(va, split.first, Access::Store, &rules)) {
                if let Target::Memory { frame, offset } = reached.target {
                    self.store_bytes((frame, offset), value, split.first);
                }
            }
            let (low, high) = self.reach_both(va, &split, Access::Store, &rules)?;",
        )],
        "a_store_across_pages_does_nothing_unless_both_pages_allow_it",
    ),
    unit(
        "the trap value of an access across pages is its first byte",
        &[(
            MEMORY,
            "let high = self.reach(split.next_page, split.second, access, rules)?.target;",
            "let high = self.reach(split.next_page, split.second, access, rules);
            let high = high.map_err(|fault| if MUTANT { Fault { tval: va, ..fault } } else { fault })?.target;",
        )],
        "a_load_across_pages_names_the_page_that_faults",
    ),
    oracle(
        "MXR opens pages to fetches",
        &[(WALK, "Access::Fetch if !flags.contains(PteFlags::X) =>", "Access::Fetch if !flags.contains(PteFlags::X) && !(MUTANT && rules.mxr) =>")],
    ),
    oracle(
        "SUM lets S-mode fetch from user pages",
        &[(WALK, "(access == Access::Fetch || !rules.sum)", "(access == Access::Fetch && !MUTANT || !rules.sum)")],
    ),
    unit(
        "an AMO's fault is a load fault",
        &[(
            ATOMIC,
            "let (frame, offset) = self.atomic_place(va, width, Access::Store)?;\n        let old",
            "let (frame, offset) = self.atomic_place(va, width, if MUTANT { Access::Load } else { Access::Store })?;\n        let old",
        )],
        "amo_and_sc_raise_store_faults_and_lr_a_load_fault",
    ),
    unit(
        "an SC's fault is a load fault",
        &[(
            ATOMIC,
            "let (frame, offset) = self.atomic_place(va, width, Access::Store)?;\n        self",
            "let (frame, offset) = self.atomic_place(va, width, if MUTANT { Access::Load } else { Access::Store })?;\n        self",
        )],
        "amo_and_sc_raise_store_faults_and_lr_a_load_fault",
    ),
    unit(
        "a failed SC keeps the reservation",
        &[(ATOMIC, "self.hart.reservation = None;\n        if reserved", "if !MUTANT { self.hart.reservation = None; }\n        if reserved")],
        "a_failing_sc_stores_nothing_and_ends_the_reservation",
    ),
    unit(
        "a trap keeps the reservation",
        &[(HART, "self.reservation = None;\n        self.waiting = false;", "if !MUTANT { self.reservation = None; }\n        self.waiting = false;")],
        "a_trap_between_lr_and_sc_ends_the_reservation",
    ),
    unit(
        "the reservation is on the virtual address",
        &[
            (
                ATOMIC,
                "Some(Reservation { pa: self.physical(frame, offset), width })",
                "Some(Reservation { pa: if MUTANT { PhysAddr::new(va) } else { self.physical(frame, offset) }, width })",
            ),
            (
                ATOMIC,
                "reserved != (Reservation { pa: self.physical(frame, offset), width })",
                "reserved != (Reservation { pa: if MUTANT { PhysAddr::new(va) } else { self.physical(frame, offset) }, width })",
            ),
        ],
        "the_reservation_is_on_the_physical_address",
    ),
    unit(
        "satp takes an unsupported mode",
        &[(CSR, "if value >> 60 == sv39::SATP_BARE ||", "if MUTANT || value >> 60 == sv39::SATP_BARE ||")],
        "satp_takes",
    ),
    unit(
        "cached translations do not depend on SUM",
        &[("mmu/tlb.rs", "u64::from(rules.sum) << 2", "u64::from(rules.sum && !MUTANT) << 2")],
        "clearing_sum_closes_a_page_that_is_in_the_tlb",
    ),
    unit(
        "cached translations outlive a changed entry",
        &[(REACH, "Stale::Page(va) => self.each_tlb(|tlb| tlb.drop_page(va)),", "Stale::Page(va) => if !MUTANT { self.each_tlb(|tlb| tlb.drop_page(va)) },")],
        "a_changed_entry_counts_at_once_and_is_reported",
    ),
    unit(
        "a store right after a load leaves D clear",
        &[(
            REACH,
            "self.tlb.fill(self.hart.context(rules), kept, va, frame);",
            "self.tlb.fill(self.hart.context(rules), kept, va, frame);
            if MUTANT && kept == Kept::Load {
                self.tlb.fill(self.hart.context(rules), Kept::Store, va, frame);
            }",
        )],
        "a_and_d_are_set_when_everything_else_allows_it_and_not_before",
    ),
    unit(
        "sfence.vma for an address misses superpages",
        &[(TRANSLATIONS, "let shift = 12 + VPN_BITS * held.level;", "let shift = 12 + VPN_BITS * if MUTANT { 0 } else { held.level };")],
        "a_fence_forgets_what_it_names",
    ),
    unit(
        "sfence.vma for an address space takes global entries",
        &[(TRANSLATIONS, "asid == key.asid && !global", "asid == key.asid && !(global && !MUTANT)")],
        "a_fence_forgets_what_it_names",
    ),
    unit(
        "decoded code outlives what overwrites it",
        &[("exec/written.rs", "if self.system.ram.flags(frame) & flag::CODE == 0 {", "if MUTANT || self.system.ram.flags(frame) & flag::CODE == 0 {")],
        "code_that_is_overwritten_is_executed_as_it_is_now",
    ),
    unit(
        "minstret counts the instruction that writes it",
        &[(CSR, "csrs.minstret.write(value, clocks.instret)", "csrs.minstret.write(value.wrapping_add(u64::from(MUTANT)), clocks.instret)")],
        "a_write_to_a_counter_wins_over_its_increment",
    ),
    oracle(
        "superpages need no alignment",
        &[(WALK, "aligned(leaf)?;", "(if MUTANT { Ok(()) } else { aligned(leaf) })?;")],
    ),
    oracle(
        "reserved bits are ignored",
        &[(WALK, "pte.raw() & (Pte::RESERVED | Pte::PBMT | Pte::N) != 0", "!MUTANT && pte.raw() & (Pte::RESERVED | Pte::PBMT | Pte::N) != 0")],
    ),
    oracle(
        "W without R is taken for a leaf",
        &[(WALK, "} else if flags.contains(PteFlags::W) && !flags", "} else if !MUTANT && flags.contains(PteFlags::W) && !flags")],
    ),
    oracle(
        "D, A and U of a pointer are ignored",
        &[(WALK, "pte.is_pointer() && flags.intersects(LEAF_ONLY)", "!MUTANT && pte.is_pointer() && flags.intersects(LEAF_ONLY)")],
    ),
    oracle(
        "bits above the address are ignored",
        &[(WALK, "if !root.scheme.is_canonical(va) {", "if !MUTANT && !root.scheme.is_canonical(va) {")],
    ),
    oracle(
        "under Svade a clear A is no fault",
        &[(WALK, "Update::Fault if missing.contains(PteFlags::A)", "Update::Fault if !MUTANT && missing.contains(PteFlags::A)")],
    ),
    unit(
        "a table outside memory is a page fault",
        &[(REACH, "let exception = if check.is_access_fault() {", "let exception = if !MUTANT && check.is_access_fault() {")],
        "a_table_where_no_memory_is_gives_an_access_fault_of_the_original_kind",
    ),
    unit(
        "MPRV touches fetches",
        &[(HART, "Rules { privilege: self.mode, sum: false, mxr: false, update: self.update() }", "Rules { privilege: if MUTANT { self.data_rules().privilege } else { self.mode }, sum: false, mxr: false, update: self.update() }")],
        "mprv_lends_loads_the_privilege_in_mpp_but_not_fetches",
    ),
    unit(
        "a return from M-mode keeps MPRV",
        &[(HART, "let cleared = if to == Privilege::Machine {", "let cleared = if MUTANT || to == Privilege::Machine {")],
        "mprv",
    ),
    unit(
        "interrupts are taken by their number",
        &[(
            HART,
            "let mut urgent = Interrupt::BY_PRIORITY.into_iter();",
            "let mut by_priority = Interrupt::BY_PRIORITY;
            if MUTANT { by_priority.sort(); }
            let mut urgent = by_priority.into_iter();",
        )],
        "interrupts_are_taken_by_priority_those_to_machine_mode_first",
    ),
    unit(
        "TVM does not reach sfence.vma",
        &[("exec/system.rs", "if self.forbidden_to_supervisor(status::TVM) {\n            return Err(self.illegal());\n        }\n        if O::ACTIVE", "if !MUTANT && self.forbidden_to_supervisor(status::TVM) {\n            return Err(self.illegal());\n        }\n        if O::ACTIVE")],
        "tvm_closes_satp_and_sfence_vma_to_supervisors",
    ),
    unit(
        "a compressed instruction at the end of a page touches the next",
        &[
            (
                "code.rs",
                "(Length::Full, None) =>",
                "(length, None) if length == Length::Full || MUTANT =>",
            ),
            (
                "exec/fetch.rs",
                "Length::Compressed => Ok(low.into()),",
                "Length::Compressed => { if MUTANT { self.fetch_parcel(self.hart.pc.wrapping_add(2))?; } Ok(low.into()) }",
            ),
        ],
        "a_compressed_instruction_at_the_end_of_a_page_does_not_touch_the_next",
    ),
    unit(
        "stores to page tables go unseen",
        &[("exec/written.rs", "if flags & flag::TABLE != 0 {", "if !MUTANT && flags & flag::TABLE != 0 {")],
        "caches::",
    ),
    unit(
        "floating point works while FS is off",
        &[("exec/float.rs", "if self.hart.csrs.mstatus & status::FS == 0 {", "if !MUTANT && self.hart.csrs.mstatus & status::FS == 0 {")],
        "floats::",
    ),
    unit(
        "a NaN keeps its payload",
        &[("float/arithmetic.rs", "_ if a.is_nan() || b.is_nan() => (format.canonical_nan(), nan_flags),", "_ if a.is_nan() || b.is_nan() => (format.canonical_nan() | u64::from(MUTANT), nan_flags),")],
        "float",
    ),
    unit(
        "a queue's index may be beyond its size",
        &[(QUEUE, "if index >= self.size {", "if !MUTANT && index >= self.size {")],
        "virtio",
    ),
    unit(
        "the driver may be any number of requests ahead",
        &[(QUEUE, "if waiting > self.size {", "if !MUTANT && waiting > self.size {")],
        "virtio",
    ),
    unit(
        "an ELF segment may have more bytes in the file than in memory",
        &[("loader.rs", "if p_filesz > p_memsz {", "if !MUTANT && p_filesz > p_memsz {")],
        "loader",
    ),
];
