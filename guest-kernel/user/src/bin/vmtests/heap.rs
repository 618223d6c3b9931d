//! The heap, and system calls that read memory.

use faultline_user::{PAGE, address, getpid, load, sbrk, store, system_call, uptime, write_raw, yield_now};

use crate::{Case, pressure::push_out};

pub(crate) const CASES: &[Case] = &[
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

/// Grows the heap for `case` and shrinks it again; what the case says of it.
pub(crate) fn with_heap(bytes: isize, case: impl FnOnce(*mut u8) -> bool) -> bool {
    let Some(heap) = sbrk(bytes) else { return false };
    let passed = case(heap);
    passed && sbrk(-bytes) == Some(heap.wrapping_offset(bytes)) && sbrk(0) == Some(heap)
}

fn grows_and_shrinks() -> bool {
    with_heap(5 * PAGE, |heap| {
        (0..5).for_each(|page| store(heap.wrapping_offset(page * PAGE), 1));
        push_out();
        sbrk(-2 * PAGE) == Some(heap.wrapping_offset(5 * PAGE))
            && load(heap.wrapping_offset(2 * PAGE)) == 1
            && sbrk(2 * PAGE) == Some(heap.wrapping_offset(3 * PAGE))
    })
}

fn part_of_a_page() -> bool {
    with_heap(10, |heap| {
        store(heap.wrapping_offset(9), 3);
        push_out();
        with_heap(PAGE, |more| {
            store(more.wrapping_offset(PAGE - 1), 4);
            load(heap.wrapping_offset(9)) == 3
        }) && load(heap.wrapping_offset(9)) == 3
    })
}

fn came_back_zero() -> bool {
    with_heap(PAGE, |heap| {
        store(heap, 7);
        push_out();
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
            && write_raw(1, heap.wrapping_offset(PAGE - 1), usize::MAX) == Some(1)
    })
}

fn write_bad_file() -> bool {
    [3, u64::MAX].into_iter().all(|fd| write_raw(fd, address(0x1000), 1).is_none())
}

fn unknown_call() -> bool {
    [0, 9, 999, u64::MAX].into_iter().all(|number| system_call(number, [0; 6]) == u64::MAX)
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
