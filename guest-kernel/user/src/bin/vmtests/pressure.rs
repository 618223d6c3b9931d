//! More pages than frames. With ample memory these cases are about ordinary pages.

use faultline_user::{
    PAGE,
    abi::{
        meminfo::{FREE_FRAMES, FREE_SLOTS, SLOTS},
        mmap::{PRIVATE, SHARED},
        open::READ,
    },
    close, fstat, load, memory_info, mmap, munmap, open, page, pipe, read_raw, sbrk, store, write_raw,
};

use faultline_user::testing::pages_in_swap;

use crate::{Case, code_of, heap::with_heap};

pub(crate) const CASES: &[Case] = &[
    ("pages go to swap when others need the frames", go_to_swap),
    ("pages keep their bytes when memory is scarce", keep_bytes),
    ("parent and child keep theirs", keep_bytes_after_fork),
    ("shared memory keeps its bytes", keep_shared),
    ("a mapped file keeps its bytes", keep_file),
    ("the kernel reads and writes pages in swap", kernel_touches),
    ("heap in swap goes away with sbrk", sbrk_in_swap),
    ("running out of memory ends the process and nobody else", out_of_memory),
];

/// Exit codes of a program that was killed for a page fault: fetch, load, store.
const OUT_OF_CODE: u64 = 128 + 12;
const OUT_OF_LOADS: u64 = 128 + 13;
const OUT_OF_STORES: u64 = 128 + 15;

/// Frames below which memory counts as scarce.
const SCARCE: u64 = 1000;
/// Pages that must be pushed out until hardly any of another process's is left.
const PUSHED: u64 = 48;

/// Where frames are scarce, pushes the pages of this process into swap: a child takes their place and
/// ends. So the cases run with resident pages where memory is ample, and with swapped ones where it is not.
pub(crate) fn push_out() {
    let info = memory_info();
    if info[FREE_FRAMES] > SCARCE {
        return;
    }
    let pages = info[FREE_FRAMES] + PUSHED.min(info[FREE_SLOTS].saturating_sub(8));
    code_of(|| {
        (0..pages).map_while(|_| sbrk(PAGE)).for_each(|page| store(page, 1));
        0
    });
}

fn go_to_swap() -> bool {
    let info = memory_info();
    let scarce = info[FREE_FRAMES] <= SCARCE && info[FREE_SLOTS] > PUSHED;
    with_heap(4 * PAGE, |heap| {
        fill(heap, 4);
        // A policy that draws lots may spare all of them now and then.
        let pushed = (0..8).any(|_| {
            push_out();
            pages_in_swap() > 0
        });
        (!scarce || pushed) && is_filled(heap, 4)
    })
}

/// As many pages as do not fit into memory, but into memory and swap; a hundred where there is plenty.
fn many() -> isize {
    let info = memory_info();
    let more = (info[FREE_SLOTS] / 2).min(24);
    isize::try_from((info[FREE_FRAMES] + more).min(100)).unwrap_or(0) - if more == 0 { 8 } else { 0 }
}

/// Grows the heap by `pages` for `case`. Eager `sbrk` refuses what memory cannot hold at once; then by
/// as many as it grants.
fn with_pages(pages: isize, case: impl FnOnce(*mut u8, isize) -> bool) -> bool {
    let mut granted = pages;
    while granted > 0 && sbrk(granted * PAGE).is_none() {
        granted -= 1;
    }
    sbrk(-granted * PAGE);
    with_heap(granted * PAGE, |heap| case(heap, granted))
}

fn value(n: isize) -> u8 {
    n.to_le_bytes()[0] ^ 0x5a
}

fn fill(start: *mut u8, pages: isize) {
    (0..pages).for_each(|n| store(page(start, n).wrapping_add(9), value(n)));
}

fn is_filled(start: *mut u8, pages: isize) -> bool {
    (0..pages).all(|n| load(page(start, n).wrapping_add(9)) == value(n) && load(page(start, n)) == 0)
}

fn keep_bytes() -> bool {
    let pages = many();
    with_pages(pages, |heap, pages| {
        fill(heap, pages);
        is_filled(heap, pages) && is_filled(heap, pages)
    })
}

fn keep_bytes_after_fork() -> bool {
    let pages = many() / 3;
    with_pages(pages, |heap, pages| {
        fill(heap, pages);
        let child = code_of(|| {
            let same = is_filled(heap, pages);
            (0..pages).step_by(2).for_each(|n| store(page(heap, n).wrapping_add(9), 1));
            let own = (0..pages).step_by(2).all(|n| load(page(heap, n).wrapping_add(9)) == 1);
            u64::from(!(same && own))
        });
        // Without room for a copy there is no child.
        matches!(child, Some(0) | None) && is_filled(heap, pages)
    })
}

fn keep_shared() -> bool {
    let pages = many() / 2;
    let length = (pages * PAGE).unsigned_abs();
    let Some(map) = mmap(0, length, 3, SHARED, None) else { return false };
    let child = code_of(|| {
        fill(map, pages);
        0
    });
    let kept = with_pages(pages, |heap, pages| {
        fill(heap, pages);
        is_filled(map, pages) && is_filled(heap, pages)
    });
    child == Some(0) && kept && munmap(map, length).is_some()
}

fn keep_file() -> bool {
    let Some(file) = open("vmtests", READ) else { return false };
    let length = fstat(file).map_or(0, |[_, _, size]| usize::try_from(size).unwrap_or(0));
    let Some(map) = mmap(0, length, 1, PRIVATE, Some((file, 0))) else { return false };
    close(file);
    let sum = || {
        (0..length)
            .step_by(64)
            .fold(0u64, |sum, n| sum * 31 % 1_000_003 + u64::from(load(map.wrapping_add(n))))
    };
    let before = sum();
    let pages = many();
    let kept = with_pages(pages, |heap, pages| {
        fill(heap, pages);
        is_filled(heap, pages)
    });
    kept && sum() == before && munmap(map, length).is_some()
}

fn kernel_touches() -> bool {
    let pages = many();
    with_pages(pages, |heap, pages| {
        fill(heap, pages);
        let Some((reading, writing)) = pipe() else { return false };
        let copied = (0..pages - 1).all(|n| {
            // SAFETY: bytes of the heap.
            write_raw(writing, page(heap, n).wrapping_add(9), 1) == Some(1)
                && unsafe { read_raw(reading, page(heap, n + 1).wrapping_add(10), 1) } == Some(1)
        });
        close(reading);
        close(writing);
        copied
            && is_filled(heap, pages)
            && (0..pages - 1).all(|n| load(page(heap, n + 1).wrapping_add(10)) == value(n))
    })
}

fn sbrk_in_swap() -> bool {
    let mut pages = many();
    let mut heap = sbrk(pages * PAGE);
    while heap.is_none() && pages > 0 {
        pages -= 1;
        heap = sbrk(pages * PAGE);
    }
    let Some(heap) = heap else { return false };
    fill(heap, pages);
    let back = sbrk(-pages * PAGE).is_some();
    back && with_heap(PAGE, |again| again == heap && load(heap.wrapping_add(9)) == 0)
}

fn out_of_memory() -> bool {
    let info = memory_info();
    let pages = isize::try_from(info[FREE_FRAMES] + info[SLOTS] + 100).unwrap_or(0);
    if info[FREE_FRAMES] > 5000 {
        // It would take too long; eager sbrk refuses at once.
        return true;
    }
    let child = code_of(|| match sbrk(pages * PAGE) {
        Some(heap) => {
            fill(heap, pages);
            0
        }
        None => OUT_OF_STORES,
    });
    // Whichever page it could not have: code, or something to load or to store to.
    matches!(child, Some(OUT_OF_CODE | OUT_OF_LOADS | OUT_OF_STORES))
}
