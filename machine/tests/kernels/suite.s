# A test program as the suites for RISC-V processors have them: it starts on every hart and parks all but
# the first, skips what a processor may not have by a trap, opens all memory, and ends through `tohost`
# with twice the number of the test that failed, plus one. What it found out is left as a signature;
# what it says goes through the host.

.equ number, 3                  # gp counts the tests

.macro test id, register, expected
    li gp, \id
    li t6, \expected
    bne \register, t6, failed
.endm

# Executes what follows; where it traps, it goes on behind label 9.
.macro perhaps
    la t0, 9f
    csrw mtvec, t0
.endm

.section .text
.globl _start
_start:
    j reset
.align 2
trap:
    csrr t5, mcause
    li t6, 8
    beq t5, t6, host
    li t6, 11
    beq t5, t6, host
    # A misaligned access that is not handled: its cause and address are checked, its value is made.
    csrr t4, mtval
    bne t4, s2, failed
    bne t5, s3, failed
    addi s4, s4, 1
    csrr t5, mepc
    addi t5, t5, 4
    csrw mepc, t5
    mret
host:
    la t5, tohost
    sw gp, 0(t5)
    sw zero, 4(t5)
    j host

reset:
    csrr a0, mhartid
1:  bnez a0, 1b
    perhaps
    csrwi 0x744, 8              # mnstatus
.align 2
9:  perhaps
    csrwi satp, 0
.align 2
9:  perhaps
    li t0, -1
    srli t0, t0, 10
    csrw pmpaddr0, t0
    li t0, 0x1f
    csrw pmpcfg0, t0
.align 2
9:  csrwi mie, 0
    perhaps
    csrwi medeleg, 0
    csrwi mideleg, 0
.align 2
9:  li gp, 0
    la t0, trap
    csrw mtvec, t0
    li s4, 0

    # There is no trigger, or it is of a type.
    csrw tselect, zero
    csrr a1, tselect
    test 2, a1, 0
    csrr a1, tdata1
    srli a1, a1, 60
    test 3, a1, 0

    # A counter of instructions wraps around to what was written, and its own write wins.
    li t0, -1
    csrw minstret, t0
    csrr a1, minstret
    csrr a2, minstret
    test 4, a1, -1
    test 5, a2, 0
    csrwi mcountinhibit, 5
    csrr a1, minstret
    csrr a2, minstret
    sub a1, a1, a2
    test 6, a1, 0
    csrr a1, mcycle
    csrr a2, mcycle
    sub a1, a1, a2
    test 7, a1, 0
    csrwi mcountinhibit, 0
    rdcycle a1
    rdcycle a2
    bltu a2, a1, failed
    rdtime a1

    # Misaligned loads and stores are made or trap, each with its own cause.
    la s1, data
    li s3, 4
    addi s2, s1, 1
    .option push
    .option norvc
    li a1, 0x0302
    lhu a1, 0(s2)
    test 8, a1, 0x0302
    addi s2, s1, 3
    li a1, 0x07060504
    lw a1, 0(s2)
    test 9, a1, 0x07060504
    addi s2, s1, 7
    li a1, 0x0f0e0d0c0b0a0908
    ld a1, 0(s2)
    test 10, a1, 0x0f0e0d0c0b0a0908
    li s3, 6
    addi s2, s1, 5
    li a1, 0x1234
    sw a1, 0(s2)
    .option pop
    la t0, begin_signature
    sw s4, 0(t0)
    li t1, 0x600dcafe
    sw t1, 4(t0)

    # A word for the host to print, by a call of its own.
    la t0, call
    li t1, 64
    sd t1, 0(t0)
    li t1, 1
    sd t1, 8(t0)
    la t1, text
    sd t1, 16(t0)
    li t1, 6
    sd t1, 24(t0)
    fence
    la t1, tohost
    sd t0, 0(t1)
2:  la t1, fromhost
    ld t2, 0(t1)
    beqz t2, 2b
    sd zero, 0(t1)
    ld a1, 0(t0)
    test 11, a1, 6

    li gp, 1
    ecall
failed:
    slli gp, gp, 1
    ori gp, gp, 1
    ecall

.section .data
.align 6
.globl tohost, fromhost, begin_signature, end_signature
tohost: .dword 0
.align 6
fromhost: .dword 0
.align 6
call: .skip 64
data: .byte 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16
text: .ascii "suite\n"
.align 4
begin_signature: .skip 8
end_signature:
