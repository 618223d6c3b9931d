//! Tests of the kernel from inside: each case prints a line, the last line is the verdict, and the
//! exit status is 0 only if every case passed. Frames are counted before and after each, so nothing
//! else may run.
#![no_std]
#![no_main]

use core::ptr::without_provenance_mut;

use faultline_user::{
    PAGE, exit, free_frames, getpid, println, sbrk, system_call, uptime, write_raw, yield_now,
};

faultline_user::program!(main);

type Case = (&'static str, fn() -> bool);

const CASES: &[Case] = &[
    ("sbrk grows and shrinks", grows_and_shrinks),
    ("sbrk by part of a page", part_of_a_page),
    ("memory that came back is zero", came_back_zero),
    ("sbrk below the start fails", below_start),
    ("sbrk above the top fails", above_top),
    ("the heap begins where the stack ends", heap_after_stack),
    ("write reads an untouched page", write_untouched),
    ("write refuses bad addresses", write_bad_address),
    ("write stops at the end of the heap", write_over_the_end),
    ("write refuses bad files", write_bad_file),
    ("an unknown system call fails", unknown_call),
    ("registers survive system calls and preemption", registers_survive),
];

fn main() {
    let mut failed = 0;
    for (name, case) in CASES {
        let free = free_frames();
        let passed = case();
        let free_after = free_frames();
        if passed && free == free_after {
            println!("test {name}: OK");
        } else {
            println!("test {name}: FAILED, passed: {passed}, frames free: {free}, then {free_after}");
            failed += 1;
        }
    }
    if failed > 0 {
        println!("{failed} TESTS FAILED");
        exit(1);
    }
    println!("ALL TESTS PASSED");
}

/// Grows the heap for `case` and shrinks it again; what the case says of it.
fn with_heap(bytes: isize, case: impl FnOnce(*mut u8) -> bool) -> bool {
    let Some(heap) = sbrk(bytes) else { return false };
    let passed = case(heap);
    passed && sbrk(-bytes) == Some(heap.wrapping_offset(bytes)) && sbrk(0) == Some(heap)
}

fn store(at: *mut u8, value: u8) {
    // SAFETY: the cases store to heap that they have.
    unsafe { at.write_volatile(value) };
}

fn load(at: *mut u8) -> u8 {
    // SAFETY: the cases load from heap that they have.
    unsafe { at.read_volatile() }
}

/// The address `bits`, which need not be anybody's.
fn address(bits: usize) -> *mut u8 {
    without_provenance_mut(bits)
}

fn grows_and_shrinks() -> bool {
    with_heap(5 * PAGE, |heap| {
        (0..5).for_each(|page| store(heap.wrapping_offset(page * PAGE), 1));
        sbrk(-2 * PAGE) == Some(heap.wrapping_offset(5 * PAGE))
            && load(heap.wrapping_offset(2 * PAGE)) == 1
            && sbrk(2 * PAGE) == Some(heap.wrapping_offset(3 * PAGE))
    })
}

fn part_of_a_page() -> bool {
    with_heap(10, |heap| {
        store(heap.wrapping_offset(9), 3);
        with_heap(PAGE, |more| {
            store(more.wrapping_offset(PAGE - 1), 4);
            load(heap.wrapping_offset(9)) == 3
        }) && load(heap.wrapping_offset(9)) == 3
    })
}

fn came_back_zero() -> bool {
    with_heap(PAGE, |heap| {
        store(heap, 7);
        sbrk(-PAGE).is_some() && sbrk(PAGE) == Some(heap) && load(heap) == 0
    })
}

fn below_start() -> bool {
    let Some(end) = sbrk(0) else { return false };
    sbrk(-1).is_none() && sbrk(isize::MIN).is_none() && sbrk(0) == Some(end)
}

fn above_top() -> bool {
    let Some(end) = sbrk(0) else { return false };
    sbrk(1 << 38).is_none() && sbrk(isize::MAX).is_none() && sbrk(0) == Some(end)
}

fn heap_after_stack() -> bool {
    let on_stack = 0u8;
    let stack = (&raw const on_stack).addr();
    sbrk(0).is_some_and(|heap| heap.addr() > stack && heap.addr() - stack < 4 * PAGE.unsigned_abs())
}

fn write_untouched() -> bool {
    with_heap(2 * PAGE, |heap| {
        let across = heap.wrapping_offset(PAGE - 1);
        write_raw(1, across, 2) == Some(2) && load(across) == 0
    })
}

fn write_bad_address() -> bool {
    let Some(end) = sbrk(0) else { return false };
    let bad = [0, 8, end.addr(), 0x8000_0000, (1 << 38) - 1, (1 << 38) - 8192, 1 << 38, usize::MAX];
    bad.into_iter().all(|bits| write_raw(1, address(bits), 16).is_none())
}

fn write_over_the_end() -> bool {
    with_heap(PAGE, |heap| {
        // 128 bytes at a time: the first chunk is the heap's, the next is nobody's.
        write_raw(1, heap.wrapping_offset(PAGE - 128), 4096) == Some(128)
            && write_raw(1, heap.wrapping_offset(PAGE - 1), usize::MAX).is_none()
    })
}

fn write_bad_file() -> bool {
    [0, 3, u64::MAX].into_iter().all(|fd| write_raw(fd, address(0x1000), 1).is_none())
}

fn unknown_call() -> bool {
    [0, 1, 999, u64::MAX].into_iter().all(|number| system_call(number, [0; 3]) == u64::MAX)
}

/// Computes the same sum again and again, over a few ticks at least.
fn registers_survive() -> bool {
    let pid = getpid();
    let until = uptime() + 3;
    let mut passed = true;
    while uptime() < until {
        let sum = (1..=1000u64).fold(0, |sum, n| core::hint::black_box(sum + n));
        passed &= sum == 500_500 && getpid() == pid;
        yield_now();
    }
    passed
}
