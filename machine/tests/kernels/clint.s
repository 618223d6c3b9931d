# The older way to tick: M-mode keeps the timer. Each hart has a vector that moves its `mtimecmp` on and
# raises a software interrupt for S-mode through `sip`; `msip` of another hart does the same at once.
# Hart 0 counts five ticks, then wakes hart 1 by its `msip`, which answers the same way.

.equ CLINT, 0x2000000
.equ UART, 0x10000000
.equ FINISHER, 0x100000
.equ TICK, 100000

.section .text
.globl _start
_start:
    csrr tp, mhartid
    li t0, 2
    bgeu tp, t0, parked
    li t0, 1 << 11
    csrs mstatus, t0
    la t0, main
    csrw mepc, t0
    li t0, 0xffff
    csrw medeleg, t0
    csrw mideleg, t0
    li t0, -1
    csrw pmpaddr0, t0
    li t0, 0x1f
    csrw pmpcfg0, t0
    # mscratch: three words to save registers in, and where mtimecmp of this hart is.
    la t0, scratch
    slli t1, tp, 6
    add t0, t0, t1
    csrw mscratch, t0
    li t1, CLINT + 0x4000
    slli t2, tp, 3
    add t1, t1, t2
    sd t1, 24(t0)
    la t0, vector
    csrw mtvec, t0
    li t0, 1 << 3               # software, from other harts
    csrs mie, t0
    bnez tp, 1f
    # Hart 0 alone has a timer.
    li t2, CLINT + 0xbff8
    ld t2, 0(t2)
    li t3, TICK
    add t2, t2, t3
    sd t2, 0(t1)
    li t0, 1 << 7
    csrs mie, t0
1:  csrsi mstatus, 8
    mret

parked:
    wfi
    j parked

.align 4
vector:
    csrrw a0, mscratch, a0
    sd a1, 0(a0)
    sd a2, 8(a0)
    sd a3, 16(a0)
    csrr a1, mcause
    slli a1, a1, 1
    srli a1, a1, 1
    li a2, 7
    beq a1, a2, 1f
    # Another hart asks: its request is taken back.
    li a1, CLINT
    csrr a2, mhartid
    slli a2, a2, 2
    add a1, a1, a2
    sw zero, 0(a1)
    j 2f
1:  ld a1, 24(a0)
    ld a2, 0(a1)
    li a3, TICK
    add a2, a2, a3
    sd a2, 0(a1)
2:  li a1, 2
    csrw sip, a1
    ld a1, 0(a0)
    ld a2, 8(a0)
    ld a3, 16(a0)
    csrrw a0, mscratch, a0
    mret

main:
    la t0, trap
    csrw stvec, t0
    la s0, count
    slli t0, tp, 3
    add s0, s0, t0
    csrsi sie, 2
    csrsi sstatus, 2
    bnez tp, other
1:  wfi
    ld t0, 0(s0)
    li t1, 5
    bltu t0, t1, 1b
    li t0, CLINT
    li t1, 1
    sw t1, 4(t0)
    # Hart 1 answers by a store, long before the next tick.
2:  la t0, answer
    lw t0, 0(t0)
    beqz t0, 2b
    li t0, UART
    li t1, 'k'
    sb t1, 0(t0)
    li t0, FINISHER
    li t1, 0x5555
    sw t1, 0(t0)
3:  j 3b

    # Looks with interrupts closed, so that none is missed between the look and the wait.
other:
    csrci sstatus, 2
    ld t0, 0(s0)
    bnez t0, 5f
    wfi
    csrsi sstatus, 2
    j other
5:  la t0, answer
    li t1, 1
    sw t1, 0(t0)
4:  wfi
    j 4b

.align 4
trap:
    csrw sscratch, t0
    csrci sip, 2
    ld t0, 0(s0)
    addi t0, t0, 1
    sd t0, 0(s0)
    csrr t0, sscratch
    sret

.section .bss
.align 6
scratch: .skip 128
count: .skip 16
answer: .skip 8
