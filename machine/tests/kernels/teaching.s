# A kernel in the manner in which teaching kernels start: every hart comes here in M-mode, opens all
# memory with one PMP entry, delegates everything, lets S-mode have the timer (Sstc), and goes on in
# S-mode. Hart 0 sets up the board while the others wait for a flag. Then every hart turns on paging,
# counts three timer interrupts and says so under a spin lock. At last hart 0 reads and writes the
# disk, each transfer ended by an interrupt, and switches the board off.
#
# The driver accepts what the device offers in the low word of its features and nothing else, and
# never names VERSION_1, as the simplest drivers do. With LEGACY the disk is driven the old way.

.equ HARTS, 3
.equ UART, 0x10000000
.equ PLIC, 0x0c000000
.equ DISK, 0x10001000
.equ FINISHER, 0x100000
.equ TICK, 50000

.section .text
.globl _start
_start:
    csrr a0, mhartid
    la sp, stacks
    li t0, 4096
    addi t1, a0, 1
    mul t0, t0, t1
    add sp, sp, t0

    # What mret is to go back to: S-mode, at main.
    csrr t0, mstatus
    li t1, ~(3 << 11)
    and t0, t0, t1
    li t1, 1 << 11
    or t0, t0, t1
    csrw mstatus, t0
    la t0, main
    csrw mepc, t0
    csrw satp, zero

    li t0, 0xffff
    csrw medeleg, t0
    csrw mideleg, t0
    li t0, (1 << 9) | (1 << 5) | (1 << 1)
    csrs sie, t0

    li t0, 0x3fffffffffffff
    csrw pmpaddr0, t0
    csrwi pmpcfg0, 0xf

    li t0, 1 << 5
    csrs mie, t0
    csrr t0, menvcfg
    li t1, 1 << 63
    or t0, t0, t1
    csrw menvcfg, t0
    csrr t0, mcounteren
    ori t0, t0, 2
    csrw mcounteren, t0
    rdtime t0
    li t1, TICK
    add t0, t0, t1
    csrw 0x14d, t0              # stimecmp

    mv tp, a0
    mret

main:
    la t0, trap
    csrw stvec, t0
    bnez tp, 1f
    call uart_init
    la a0, hello
    call print
    call table_init
    call plic_init
    fence
    la t0, started
    li t1, 1
    sw t1, 0(t0)
    j 2f
1:  la t0, started
    lw t1, 0(t0)
    beqz t1, 1b
    fence
2:  sfence.vma
    la t0, root
    srli t0, t0, 12
    li t1, 8 << 60
    or t0, t0, t1
    csrw satp, t0
    sfence.vma
    call plic_hart_init

    # Three ticks of this hart's own timer.
    la s0, ticks
    slli t0, tp, 3
    add s0, s0, t0
    csrsi sstatus, 2
3:  wfi
    ld t0, 0(s0)
    li t1, 3
    bltu t0, t1, 3b

    la a0, lock
    call acquire
    la a0, word
    call print
    addi a0, tp, '0'
    call putc
    li a0, '\n'
    call putc
    la a0, lock
    call release
    la t0, done
    li t1, 1
    amoadd.w zero, t1, (t0)
    bnez tp, park

4:  la t0, done
    lw t0, 0(t0)
    li t1, HARTS
    bne t0, t1, 4b
    call disk_init
    # Reads sector 5, changes its first byte, writes it to sector 6 and reads that.
    li a0, 0
    li a1, 5
    call disk_transfer
    la s1, buffer
    lbu t0, 0(s1)
    li t1, 5
    bne t0, t1, fail
    li t0, 0x5a
    sb t0, 0(s1)
    li a0, 1
    li a1, 6
    call disk_transfer
    sb zero, 0(s1)
    li a0, 0
    li a1, 6
    call disk_transfer
    lbu t0, 0(s1)
    li t1, 0x5a
    bne t0, t1, fail
    la a0, good
    call print
    li t0, FINISHER
    li t1, 0x5555
    sw t1, 0(t0)
park:
    wfi
    j park

fail:
    li t0, FINISHER
    li t1, 0x13333
    sw t1, 0(t0)
    j park

# a0: a lock.
acquire:
    li t0, 1
1:  amoswap.w.aq t1, t0, (a0)
    bnez t1, 1b
    fence
    ret
release:
    fence
    amoswap.w.rl zero, zero, (a0)
    ret

uart_init:
    li t0, UART
    sb zero, 1(t0)
    li t1, 0x80
    sb t1, 3(t0)
    li t1, 3
    sb t1, 0(t0)
    sb zero, 1(t0)
    sb t1, 3(t0)
    li t1, 7
    sb t1, 2(t0)
    ret

putc:
    li t0, UART
1:  lbu t1, 5(t0)
    andi t1, t1, 0x20
    beqz t1, 1b
    sb a0, 0(t0)
    ret
# a0: a text that ends with a zero.
print:
    mv a1, a0
    mv a2, ra
1:  lbu a0, 0(a1)
    beqz a0, 2f
    call putc
    addi a1, a1, 1
    j 1b
2:  mv ra, a2
    ret

# Everything where it is, in leaves of 1 GiB: devices, and memory.
table_init:
    la t0, root
    li t1, 0xc7                 # D A W R V
    sd t1, 0(t0)
    li t1, (0x80000000 >> 12 << 10) | 0xcf
    sd t1, 16(t0)
    ret

plic_init:
    li t0, PLIC
    li t1, 1
    sw t1, 4(t0)                # the disk
    sw t1, 40(t0)               # the serial line
    ret
plic_hart_init:
    li t0, PLIC + 0x2080
    slli t1, tp, 8
    add t0, t0, t1
    li t1, (1 << 10) | (1 << 1)
    sw t1, 0(t0)
    li t0, PLIC + 0x201000
    slli t1, tp, 13
    add t0, t0, t1
    sw zero, 0(t0)
    ret

.align 4
trap:
    addi sp, sp, -64
    sd t0, 0(sp)
    sd t1, 8(sp)
    sd t2, 16(sp)
    sd t3, 24(sp)
    csrr t0, scause
    li t1, (1 << 63) | 5
    beq t0, t1, timer
    li t1, (1 << 63) | 9
    beq t0, t1, external
    j fail
timer:
    la t0, ticks
    slli t1, tp, 3
    add t0, t0, t1
    ld t1, 0(t0)
    addi t1, t1, 1
    sd t1, 0(t0)
    rdtime t0
    li t1, TICK
    add t0, t0, t1
    csrw 0x14d, t0
    j out
external:
    li t0, PLIC + 0x201004
    slli t1, tp, 13
    add t0, t0, t1
    lw t1, 0(t0)
    beqz t1, out                # another hart was faster
    li t2, 1
    bne t1, t2, fail
    li t2, DISK
    lw t3, 0x60(t2)
    andi t3, t3, 3
    sw t3, 0x64(t2)
    la t2, interrupts
    li t3, 1
    amoadd.w zero, t3, (t2)
    sw t1, 0(t0)
out:
    ld t0, 0(sp)
    ld t1, 8(sp)
    ld t2, 16(sp)
    ld t3, 24(sp)
    addi sp, sp, 64
    sret

disk_init:
    li t0, DISK
    lw t1, 0x00(t0)
    li t2, 0x74726976
    bne t1, t2, fail
    lw t1, 0x04(t0)
.ifdef LEGACY
    li t2, 1
.else
    li t2, 2
.endif
    bne t1, t2, fail
    lw t1, 0x08(t0)
    li t2, 2
    bne t1, t2, fail
    sw zero, 0x70(t0)
    li t1, 1
    sw t1, 0x70(t0)
    li t1, 3
    sw t1, 0x70(t0)
    lw t1, 0x10(t0)
    li t2, ~((1 << 5) | (1 << 7) | (1 << 11) | (1 << 12) | (1 << 27) | (1 << 28) | (1 << 29))
    and t1, t1, t2
    sw t1, 0x20(t0)
    li t1, 11
    sw t1, 0x70(t0)
    lw t2, 0x70(t0)
    andi t2, t2, 8
    beqz t2, fail
.ifdef LEGACY
    # The old order: ready first, the queue behind it, and no word about its alignment.
    li t1, 15
    sw t1, 0x70(t0)
    li t1, 4096
    sw t1, 0x28(t0)
    sw zero, 0x30(t0)
    li t1, 8
    sw t1, 0x38(t0)
    la t1, rings
    srli t1, t1, 12
    sw t1, 0x40(t0)
.else
    sw zero, 0x30(t0)
    lw t1, 0x44(t0)
    bnez t1, fail
    lw t1, 0x34(t0)
    li t2, 8
    bltu t1, t2, fail
    sw t2, 0x38(t0)
    la t1, rings
    sw t1, 0x80(t0)
    sw zero, 0x84(t0)
    addi t2, t1, 8 * 16
    sw t2, 0x90(t0)
    sw zero, 0x94(t0)
    li t2, 4096
    add t2, t1, t2
    sw t2, 0xa0(t0)
    sw zero, 0xa4(t0)
    li t1, 1
    sw t1, 0x44(t0)
    li t1, 15
    sw t1, 0x70(t0)
.endif
    ret

# a0: 1 to write; a1: the sector. One sector between disk and buffer, and the interrupt of it.
disk_transfer:
    la t0, request
    sw a0, 0(t0)
    sw zero, 4(t0)
    sd a1, 8(t0)
    la t1, rings
    sd t0, 0(t1)
    li t2, 16
    sw t2, 8(t1)
    li t2, 1 | (1 << 16)        # next: 1
    sw t2, 12(t1)
    la t0, buffer
    sd t0, 16(t1)
    li t2, 512
    sw t2, 24(t1)
    li t2, 3 | (2 << 16)        # device writes, next: 2
    beqz a0, 1f
    li t2, 1 | (2 << 16)
1:  sw t2, 28(t1)
    la t0, status
    li t2, 0xff
    sb t2, 0(t0)
    sd t0, 32(t1)
    li t2, 1
    sw t2, 40(t1)
    li t2, 2
    sw t2, 44(t1)
    # The available ring stands behind the eight descriptors.
    lhu t2, 130(t1)
    andi t0, t2, 7
    slli t0, t0, 1
    add t0, t0, t1
    sh zero, 132(t0)
    fence
    addi t2, t2, 1
    sh t2, 130(t1)
    fence
    csrci sstatus, 2
    li t0, DISK
    sw zero, 0x50(t0)
    # It sleeps with interrupts closed, as a kernel does that must not miss the one it waits for.
2:  la t0, interrupts
    lw t0, 0(t0)
    la t2, seen
    lw t3, 0(t2)
    bne t0, t3, 3f
    wfi
    csrsi sstatus, 2
    csrci sstatus, 2
    j 2b
3:  sw t0, 0(t2)
    csrsi sstatus, 2
    la t0, status
    lbu t0, 0(t0)
    bnez t0, fail
    # The used ring stands on the next page.
    li t0, 4096
    add t0, t0, t1
    lhu t0, 2(t0)
    lhu t2, 130(t1)
    bne t0, t2, fail
    ret

.section .rodata
hello: .asciz "booting\n"
word: .asciz "hart "
good: .asciz "disk ok\n"

.section .bss
.align 12
root: .skip 4096
rings: .skip 8192
stacks: .skip 4096 * 8
ticks: .skip 64
request: .skip 16
buffer: .skip 512
status: .skip 8
lock: .skip 4
started: .skip 4
done: .skip 4
interrupts: .skip 4
seen: .skip 4
