# A supervisor behind OpenSBI: one hart comes here, starts the others by HSM, has them wait, wakes them by
# an IPI, has their translations fenced remotely, sets its timer, and shuts the board down.

.equ HARTS, 4

.macro sbi extension, function
    li a7, \extension
    li a6, \function
    ecall
.endm

.section .text
.globl _start
_start:
    mv s0, a0                   # the boot hart's number
    la sp, stacks + 4096
    la a0, hello
    call print
    li s1, 0
1:  beq s1, s0, 2f
    mv a0, s1
    la a1, secondary
    addi a2, s1, 100
    sbi 0x48534d, 0             # hart_start
    bnez a0, fail
2:  addi s1, s1, 1
    li t0, HARTS
    bne s1, t0, 1b
    # Until all of them wait.
3:  la t0, waiting
    lw t0, 0(t0)
    li t1, HARTS - 1
    bne t0, t1, 3b
    li a0, -1
    li a1, -1
    li a2, 0
    li a3, -1
    sbi 0x52464e43, 1           # remote_sfence_vma
    bnez a0, fail
    li a0, (1 << HARTS) - 1
    li t0, 1
    sll t0, t0, s0
    xor a0, a0, t0
    li a1, 0
    sbi 0x735049, 0             # send_ipi
    bnez a0, fail
4:  la t0, awake
    lw t0, 0(t0)
    li t1, HARTS - 1
    bne t0, t1, 4b
    # A tick of its own.
    li t0, 1 << 5
    csrs sie, t0
    rdtime a0
    li t0, 1000
    add a0, a0, t0
    sbi 0x54494d45, 0           # set_timer
    wfi
    csrr t0, sip
    andi t0, t0, 1 << 5
    beqz t0, fail
    la a0, good
    call print
    li a0, 0
    li a1, 0
    sbi 0x53525354, 0           # system_reset: shutdown
fail:
    la a0, bad
    call print
5:  j 5b

# a0: its number, a1: what hart_start was given.
secondary:
    mv s0, a0
    addi t0, a0, 100
    bne t0, a1, fail
    addi t0, a0, 1
    slli t0, t0, 12
    la sp, stacks
    add sp, sp, t0
    li t0, 2
    csrs sie, t0
    la t0, waiting
    li t1, 1
    amoadd.w zero, t1, (t0)
6:  wfi
    csrr t0, sip
    andi t0, t0, 2
    beqz t0, 6b
    csrci sip, 2
    la a0, lock
    li t0, 1
7:  amoswap.w.aq t1, t0, (a0)
    bnez t1, 7b
    la a0, word
    call print
    addi a0, s0, '0'
    sbi 1, 0
    li a0, '\n'
    sbi 1, 0
    la a0, lock
    amoswap.w.rl zero, zero, (a0)
    la t0, awake
    li t1, 1
    amoadd.w zero, t1, (t0)
    sbi 0x48534d, 1             # hart_stop
    j fail

# a0: a text that ends with a zero.
print:
    mv a1, a0
8:  lbu a0, 0(a1)
    beqz a0, 9f
    sbi 1, 0
    addi a1, a1, 1
    j 8b
9:  ret

.section .rodata
hello: .asciz "supervisor\n"
word: .asciz "awake "
good: .asciz "all harts answered\n"
bad: .asciz "failed\n"

.section .bss
.align 12
stacks: .skip 4096 * HARTS
lock: .skip 4
waiting: .skip 4
awake: .skip 4
