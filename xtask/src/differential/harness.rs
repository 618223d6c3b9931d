//! The guest side: starts each case, reports every trap it takes, and at its end its registers and a
//! hash of the memory it could touch. What is reported is either written to the UART as it is, or
//! hashed, and one hash is written for each case: serial lines are slow. The output of two machines
//! is then compared byte by byte. At the very end comes the count of the instructions that the cases
//! executed, which only our machine knows.

use super::{
    assembler::{Assembler, Label},
    encode::*,
    layout::*,
};

const MSTATUS: u32 = 0x300;
const MEDELEG: u32 = 0x302;
const MIE: u32 = 0x304;
const MTVEC: u32 = 0x305;
const MCOUNTEREN: u32 = 0x306;
const MSCRATCH: u32 = 0x340;
const MEPC: u32 = 0x341;
const MCAUSE: u32 = 0x342;
const MTVAL: u32 = 0x343;
const PMPCFG0: u32 = 0x3a0;
const PMPADDR0: u32 = 0x3b0;
const STVEC: u32 = 0x105;
const SCOUNTEREN: u32 = 0x106;
const SEPC: u32 = 0x141;
const SCAUSE: u32 = 0x142;
const STVAL: u32 = 0x143;
const SATP: u32 = 0x180;
const FCSR: u32 = 0x003;
const SSCRATCH: u32 = 0x140;
const STIMECMP: u32 = 0x14d;
const MINSTRET: u32 = 0xb02;
/// mstatus.FS: the floating-point unit is on and dirty.
pub(super) const FS: u64 = 3 << 13;

/// Written to the UART before each trap of a case.
pub(super) const TAG_TRAP: u8 = b'T';
/// Written before each trap that went to S-mode.
pub(super) const TAG_S_TRAP: u8 = b'S';
/// Written before the final state of a case.
pub(super) const TAG_END: u8 = b'E';
/// Written before the hash of a case that is not written out.
pub(super) const TAG_HASH: u8 = b'H';
/// Written behind the last case, before the count of instructions.
pub(super) const TAG_COUNT: u8 = b'N';
/// Doublewords that follow [`TAG_TRAP`]: mcause, mepc, mtval, mstatus.
pub(super) const TRAP_WORDS: usize = 4;
/// Doublewords that follow [`TAG_S_TRAP`]: scause, sepc, stval, sstatus as seen in mstatus.
pub(super) const S_TRAP_WORDS: usize = 4;
/// CSRs written out at the end of a case, after x1…x31.
pub(super) const END_CSRS: [(&str, u32); 9] = [
    ("mstatus", MSTATUS),
    ("medeleg", MEDELEG),
    ("sepc", SEPC),
    ("scause", SCAUSE),
    ("stval", STVAL),
    ("satp", SATP),
    ("scounteren", SCOUNTEREN),
    ("sscratch", SSCRATCH),
    ("fcsr", FCSR),
];
/// Doublewords that follow [`TAG_END`]: x1…x31, CSRs, f0…f31, hash of data, hash of page tables.
pub(super) const END_WORDS: usize = 31 + END_CSRS.len() + 32 + 2;

/// Offsets in a case's header, doublewords.
pub(super) mod header {
    pub(in crate::differential) const CODE: i32 = 0;
    pub(in crate::differential) const END: i32 = 8;
    pub(in crate::differential) const MSTATUS: i32 = 16;
    pub(in crate::differential) const SATP: i32 = 24;
    pub(in crate::differential) const MEDELEG: i32 = 32;
    /// x1…x31.
    pub(in crate::differential) const REGISTERS: i32 = 40;
    /// `satp` of S-mode; that of U-mode names the page behind.
    pub(in crate::differential) const SUPERVISOR_SATP: i32 = 288;
    pub(in crate::differential) const MCOUNTEREN: i32 = 296;
    pub(in crate::differential) const SCOUNTEREN: i32 = 304;
    pub(in crate::differential) const PMPCFG0: i32 = 312;
    /// pmpaddr0…pmpaddr7.
    pub(in crate::differential) const PMPADDR0: i32 = 320;
}

struct Labels {
    put8: Label,
    put64: Label,
    emit8: Label,
    emit64: Label,
    hash: Label,
    start_case: Label,
    end_case: Label,
    resume: Label,
    length: Label,
}

/// The code at [`HARNESS`].
pub(super) fn harness() -> Vec<u8> {
    let mut asm = Assembler::new(HARNESS);
    let labels = Labels {
        put8: asm.label(),
        put64: asm.label(),
        emit8: asm.label(),
        emit64: asm.label(),
        hash: asm.label(),
        start_case: asm.label(),
        end_case: asm.label(),
        resume: asm.label(),
        length: asm.label(),
    };
    let handler = asm.label();
    start_up(&mut asm, handler);
    start_case(&mut asm, &labels);
    trap_handler(&mut asm, &labels, handler);
    end_case(&mut asm, &labels);
    subroutines(&mut asm, &labels);
    asm.finish()
}

/// The code at [`S_HANDLER`]: hand over to M-mode, which looks at the S-mode CSRs; then return.
pub(super) fn s_handler() -> Vec<u8> {
    let mut asm = Assembler::new(S_HANDLER);
    asm.words(&[ECALL, SRET]);
    asm.finish()
}

fn start_up(asm: &mut Assembler, handler: Label) {
    let park = asm.label();
    asm.word(csrr(T0, 0xf14));
    asm.branch(1, T0, ZERO, park);
    asm.word(csrw(MIE, ZERO));
    asm.la(T0, handler);
    asm.word(csrw(MTVEC, T0));
    // No timer: mtimecmp of hart 0 to the end of time.
    asm.li(T0, 0x200_4000);
    asm.words(&[addi(T1, ZERO, -1), sd(T1, T0, 0)]);
    asm.li(T0, S_HANDLER);
    asm.word(csrw(STVEC, T0));
    asm.li(SP, SAVE);
    asm.word(sd(ZERO, SP, EXECUTED));
    asm.li(T0, HEADERS);
    asm.word(sd(T0, SP, CASE));
    let go = asm.label();
    asm.jal(ZERO, go);
    asm.bind(park);
    asm.word(0x1050_0073); // wfi
    asm.jal(ZERO, park);
    asm.bind(go);
}

/// Entered with `sp` = [`SAVE`]: sets the case's CSRs and registers and enters it.
fn start_case(asm: &mut Assembler, labels: &Labels) {
    asm.bind(labels.start_case);
    asm.words(&[sd(ZERO, SP, TRAPS), sd(ZERO, SP, HASH), ld(T0, SP, CASE), ld(T1, T0, header::CODE)]);
    let more = asm.label();
    asm.branch(1, T1, ZERO, more);
    finish(asm, labels);
    asm.bind(more);
    asm.words(&[csrw(MEPC, T1), ld(T1, T0, header::MSTATUS), csrw(MSTATUS, T1)]);
    asm.words(&[ld(T1, T0, header::SATP), csrw(SATP, T1)]);
    // The addresses first: QEMU 7.2 takes notice of them when the configuration is written.
    asm.word(csrw(PMPCFG0, ZERO));
    for entry in 0..8 {
        let offset = header::PMPADDR0 + 8 * entry;
        asm.words(&[ld(T1, T0, offset), csrw(PMPADDR0 + entry.cast_unsigned(), T1)]);
    }
    asm.words(&[ld(T1, T0, header::PMPCFG0), csrw(PMPCFG0, T1), sfence_vma(ZERO, ZERO)]);
    asm.words(&[ld(T1, T0, header::MEDELEG), csrw(MEDELEG, T1)]);
    asm.words(&[ld(T1, T0, header::MCOUNTEREN), csrw(MCOUNTEREN, T1)]);
    asm.words(&[ld(T1, T0, header::SCOUNTEREN), csrw(SCOUNTEREN, T1)]);
    asm.words(&[csrw(SEPC, ZERO), csrw(SCAUSE, ZERO), csrw(STVAL, ZERO), csrw(MSCRATCH, SP)]);
    asm.words(&[csrw(FCSR, ZERO), csrw(SSCRATCH, ZERO), csrw(STIMECMP, ZERO), FENCE_I]);
    // One more load, thirty-one registers, MRET.
    enter(asm, 33);
    asm.word(ld(T0, SP, CASE));
    for reg in 1..32 {
        if reg != T0 {
            asm.word(ld(reg, T0, header::REGISTERS + 8 * (reg.cast_signed() - 1)));
        }
    }
    asm.words(&[ld(T0, T0, header::REGISTERS + 8 * (T0.cast_signed() - 1)), MRET]);
}

/// Notes the count of instructions at which the case goes on: `left` more follow these three until then.
fn enter(asm: &mut Assembler, left: i32) {
    asm.words(&[csrr(T0, MINSTRET), addi(T0, T0, 3 + left), sd(T0, SP, ENTERED)]);
}

/// Behind the last case: writes the count of instructions and switches the board off.
fn finish(asm: &mut Assembler, labels: &Labels) {
    asm.word(addi(A0, ZERO, i32::from(TAG_COUNT)));
    asm.jal(RA, labels.put8);
    asm.word(ld(A0, SP, EXECUTED));
    asm.jal(RA, labels.put64);
    asm.li(T0, 0x10_0000);
    asm.li(T1, 0x5555);
    asm.word(s(2, T0, T1, 0));
}

fn save_registers(asm: &mut Assembler) {
    asm.word(csr(1, SP, MSCRATCH, SP));
    for reg in (1..32).filter(|&reg| reg != SP) {
        asm.word(sd(reg, SP, 8 * reg.cast_signed()));
    }
    asm.words(&[csrr(T0, MSCRATCH), sd(T0, SP, 8 * SP.cast_signed()), csrw(MSCRATCH, SP)]);
}

/// Adds what the case has executed since it was entered; `spent` instructions of the handler, up to
/// here, are not its own.
fn leave(asm: &mut Assembler, spent: i32) {
    asm.words(&[csrr(T0, MINSTRET), addi(T0, T0, -spent), ld(T1, SP, ENTERED)]);
    asm.words(&[r(0x33, 0, 0x20, T0, T0, T1), ld(T1, SP, EXECUTED), r(0x33, 0, 0, T1, T1, T0)]);
    asm.word(sd(T1, SP, EXECUTED));
}

fn trap_handler(asm: &mut Assembler, labels: &Labels, handler: Label) {
    // mtvec ignores the lowest bits.
    while !asm.here().is_multiple_of(4) {
        asm.half(1);
    }
    asm.bind(handler);
    let start = asm.here();
    save_registers(asm);
    leave(asm, ((asm.here() - start) / 4) as i32);
    reconcile(asm, MEPC, MCAUSE, MTVAL);
    emit(asm, labels, TAG_TRAP, &[MCAUSE, MEPC, MTVAL, MSTATUS]);
    asm.words(&[ld(T0, SP, TRAPS), addi(T0, T0, 1), sd(T0, SP, TRAPS)]);
    asm.li(T1, TRAP_LIMIT);
    asm.branch(5, T0, T1, labels.end_case);
    let not_s = asm.label();
    asm.word(csrr(S0, MEPC));
    asm.li(T1, S_HANDLER);
    asm.branch(1, S0, T1, not_s);
    s_trap(asm, labels);
    asm.bind(not_s);
    outside_case(asm, labels);
    let plain = asm.label();
    asm.words(&[csrr(T0, MCAUSE), addi(T0, T0, -8), addi(T1, ZERO, 4)]);
    // ecall from U, S or M is 8, 9 or 11.
    asm.branch(7, T0, T1, plain);
    asm.words(&[ld(T0, SP, CASE), ld(T0, T0, header::END)]);
    asm.branch(0, S0, T0, labels.end_case);
    mode_request(asm, plain);
    asm.bind(plain);
    asm.jal(RA, labels.length);
    asm.word(csrw(MEPC, S0));
    asm.bind(labels.resume);
    // Thirty-one registers, MRET.
    enter(asm, 32);
    for reg in (1..32).filter(|&reg| reg != SP) {
        asm.word(ld(reg, SP, 8 * reg.cast_signed()));
    }
    asm.words(&[ld(SP, SP, 8 * SP.cast_signed()), MRET]);
}

/// Where QEMU 7.2 is known to report otherwise, and the specification leaves no doubt or leaves the
/// choice open, both machines get the same value before anything is written out:
///
/// - the trap value of an access fault loses its low three bits: QEMU reports a misaligned access to
///   a hole in the memory map by the doubleword it lies in;
/// - an AMO's load fault becomes the store fault that the specification asks for ("AMOs always raise
///   store/AMO exceptions");
/// - the trap value of `ebreak`, which may be zero or the address, becomes zero;
/// - so does that of an illegal SINVAL.VMA, whose bits QEMU forgets.
fn reconcile(asm: &mut Assembler, epc: u32, cause: u32, value: u32) {
    let [not_amo, not_illegal, not_access, done] = [(); 4].map(|()| asm.label());
    asm.words(&[csrr(T0, cause), addi(T1, ZERO, 2)]);
    asm.branch(1, T0, T1, not_illegal);
    asm.words(&[csrr(T1, epc), i(0x03, 6, T1, T1, 0)]);
    asm.li(T2, 0xfe00_7fff);
    asm.word(r(0x33, 7, 0, T1, T1, T2));
    asm.li(T2, sinval_vma(ZERO, ZERO).into());
    asm.branch(1, T1, T2, not_illegal);
    asm.word(csrw(value, ZERO));
    asm.bind(not_illegal);
    // Load misaligned, access and page faults: 4, 5 and 13.
    asm.words(&[csrr(T0, cause), addi(T1, T0, -4), i(0x13, 3, T1, T1, 2)]);
    let amo = asm.label();
    asm.branch(1, T1, ZERO, amo);
    asm.word(addi(T1, ZERO, 13));
    asm.branch(1, T0, T1, not_amo);
    asm.bind(amo);
    asm.words(&[csrr(T1, epc), i(0x03, 6, T1, T1, 0), i(0x13, 7, T2, T1, 0x7f), addi(T2, T2, -0x2f)]);
    asm.branch(1, T2, ZERO, not_amo);
    // funct5 = 2 is LR, which loads.
    asm.words(&[i(0x13, 5, T1, T1, 27), addi(T1, T1, -2)]);
    asm.branch(0, T1, ZERO, not_amo);
    asm.words(&[addi(T0, T0, 2), csrw(cause, T0)]);
    asm.bind(not_amo);
    asm.word(addi(T1, ZERO, 3));
    asm.branch(1, T0, T1, not_access);
    asm.word(csrw(value, ZERO));
    asm.bind(not_access);
    // Load and store access faults are 5 and 7.
    asm.words(&[i(0x13, 7, T0, T0, -3), addi(T1, ZERO, 5)]);
    asm.branch(1, T0, T1, done);
    asm.words(&[csrr(T0, value), i(0x13, 7, T0, T0, -8), csrw(value, T0)]);
    asm.bind(done);
}

/// A trap that was delegated: `sepc` moves past its instruction, then S-mode runs its `sret`.
fn s_trap(asm: &mut Assembler, labels: &Labels) {
    reconcile(asm, SEPC, SCAUSE, STVAL);
    emit(asm, labels, TAG_S_TRAP, &[SCAUSE, SEPC, STVAL, MSTATUS]);
    asm.word(csrr(S0, SEPC));
    outside_case(asm, labels);
    asm.jal(RA, labels.length);
    asm.word(csrw(SEPC, S0));
    // Its `sret` is none of the case's instructions.
    asm.words(&[ld(T0, SP, EXECUTED), addi(T0, T0, -1), sd(T0, SP, EXECUTED)]);
    asm.li(T0, S_HANDLER + 4);
    asm.word(csrw(MEPC, T0));
    asm.jal(ZERO, labels.resume);
}

/// Ends the case where the address in `s0` lies outside its code.
fn outside_case(asm: &mut Assembler, labels: &Labels) {
    asm.words(&[ld(T0, SP, CASE), ld(T1, T0, header::CODE), ld(T2, T0, header::END)]);
    asm.branch(6, S0, T1, labels.end_case);
    asm.branch(6, T2, S0, labels.end_case);
}

/// An `ecall` with a request in `a7` changes the privilege and the root page table that goes with it.
fn mode_request(asm: &mut Assembler, plain: Label) {
    asm.word(ld(T0, SP, 8 * A7.cast_signed()));
    asm.li(T1, MODE_REQUEST);
    asm.words(&[r(0x33, 0, 0x20, T0, T0, T1), addi(T1, ZERO, 4)]);
    asm.branch(7, T0, T1, plain);
    let set = asm.label();
    // Machine mode keeps satp; S takes the root that the header names, U the page behind it.
    asm.words(&[addi(T1, ZERO, 3)]);
    asm.branch(0, T0, T1, set);
    asm.words(&[ld(T1, SP, CASE), ld(T1, T1, header::SUPERVISOR_SATP)]);
    asm.words(&[addi(T2, ZERO, 1), r(0x33, 0, 0x20, T2, T2, T0)]); // 1 - mode
    asm.words(&[r(0x33, 0, 0, T1, T1, T2), csrw(SATP, T1), sfence_vma(ZERO, ZERO)]);
    asm.bind(set);
    asm.words(&[i(0x13, 7, T0, T0, 3), slli(T0, T0, 11)]);
    asm.li(T1, 3 << 11);
    asm.words(&[csr(3, ZERO, MSTATUS, T1), csr(2, ZERO, MSTATUS, T0)]);
}

fn end_case(asm: &mut Assembler, labels: &Labels) {
    asm.bind(labels.end_case);
    asm.word(addi(A0, ZERO, i32::from(TAG_END)));
    asm.jal(RA, labels.emit8);
    for reg in 1..32 {
        asm.word(ld(A0, SP, 8 * reg));
        asm.jal(RA, labels.emit64);
    }
    for (_, number) in END_CSRS {
        asm.word(csrr(A0, number));
        asm.jal(RA, labels.emit64);
        // `mstatus` has been written out: from here on the floating-point unit is on.
        asm.li(T0, FS);
        asm.word(csr(2, ZERO, MSTATUS, T0));
    }
    for register in 0..32 {
        asm.word(fmv_x_d(A0, register));
        asm.jal(RA, labels.emit64);
    }
    for (base, pages) in [(DATA, DATA_PAGES), (TABLES, TABLE_PAGES)] {
        asm.li(T0, base);
        asm.li(T1, base + pages * 4096);
        asm.jal(RA, labels.hash);
        asm.jal(RA, labels.emit64);
    }
    asm.words(&[ld(T0, SP, CASE), addi(T0, T0, HEADER_SIZE as i32), sd(T0, SP, CASE)]);
    asm.word(ld(T0, SP, VERBOSE));
    asm.branch(1, T0, ZERO, labels.start_case);
    asm.word(addi(A0, ZERO, i32::from(TAG_HASH)));
    asm.jal(RA, labels.put8);
    asm.word(ld(A0, SP, HASH));
    asm.jal(RA, labels.put64);
    asm.jal(ZERO, labels.start_case);
}

/// Reports a tag and CSRs.
fn emit(asm: &mut Assembler, labels: &Labels, tag: u8, csrs: &[u32]) {
    asm.word(addi(A0, ZERO, i32::from(tag)));
    asm.jal(RA, labels.emit8);
    for &number in csrs {
        asm.word(csrr(A0, number));
        asm.jal(RA, labels.emit64);
    }
}

fn subroutines(asm: &mut Assembler, labels: &Labels) {
    // put8: writes the byte in a0. Clobbers t0, t1.
    asm.bind(labels.put8);
    asm.li(T0, 0x1000_0000);
    let poll = asm.label();
    asm.bind(poll);
    asm.words(&[i(0x03, 4, T1, T0, 5), i(0x13, 7, T1, T1, 0x20)]);
    asm.branch(0, T1, ZERO, poll);
    asm.words(&[s(0, T0, A0, 0), i(0x67, 0, ZERO, RA, 0)]);
    // put64: writes eight bytes, lowest first. Clobbers t0, t1, t2, s1, a0.
    asm.bind(labels.put64);
    asm.words(&[addi(9, RA, 0), addi(T2, ZERO, 8)]);
    let next = asm.label();
    asm.bind(next);
    asm.jal(RA, labels.put8);
    asm.words(&[i(0x13, 5, A0, A0, 8), addi(T2, T2, -1)]);
    asm.branch(1, T2, ZERO, next);
    asm.words(&[i(0x67, 0, ZERO, 9, 0)]);
    // emit8, emit64: write a0, or add it to the hash. Clobber the same.
    for (emit, put) in [(labels.emit8, labels.put8), (labels.emit64, labels.put64)] {
        asm.bind(emit);
        asm.word(ld(T0, SP, VERBOSE));
        asm.branch(1, T0, ZERO, put);
        asm.word(ld(T0, SP, HASH));
        asm.li(T1, 0x0000_0100_0000_01b3);
        asm.words(&[r(0x33, 4, 0, T0, T0, A0), r(0x33, 0, 1, T0, T0, T1), sd(T0, SP, HASH)]);
        asm.word(i(0x67, 0, ZERO, RA, 0));
    }
    // hash: a0 = hash of the doublewords in t0..t1. Clobbers t0, t2, s0.
    asm.bind(labels.hash);
    asm.li(A0, 0xcbf2_9ce4_8422_2325);
    asm.li(S0, 0x0000_0100_0000_01b3);
    let step = asm.label();
    asm.bind(step);
    asm.words(&[ld(T2, T0, 0), r(0x33, 4, 0, A0, A0, T2), r(0x33, 0, 1, A0, A0, S0), addi(T0, T0, 8)]);
    asm.branch(1, T0, T1, step);
    asm.word(i(0x67, 0, ZERO, RA, 0));
    // length: s0 moves past the instruction it points at; the code is mapped to itself.
    asm.bind(labels.length);
    asm.words(&[i(0x03, 5, T0, S0, 0), i(0x13, 7, T0, T0, 3), addi(T1, ZERO, 3), addi(S0, S0, 2)]);
    let short = asm.label();
    asm.branch(1, T0, T1, short);
    asm.word(addi(S0, S0, 2));
    asm.bind(short);
    asm.word(i(0x67, 0, ZERO, RA, 0));
}
