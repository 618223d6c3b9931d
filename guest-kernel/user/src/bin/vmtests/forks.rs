//! Fork: who sees what, whether pages are copied at once or on write.

use faultline_user::{
    PAGE, address, close, exit, fork, free_frames, load, page, pipe, read, read_raw, sbrk, store, wait,
    write_all, write_raw,
};

use crate::{Case, code_of, heap::with_heap, pressure::push_out};

pub(crate) const CASES: &[Case] = &[
    ("a child sees the parent's memory and keeps its own changes", child_keeps_changes),
    ("a parent keeps its own changes", parent_keeps_changes),
    ("three writers have three values", three_writers),
    ("grandchildren have values of their own", grandchildren),
    ("a hundred rounds of fork", hundred_rounds),
    ("fork of fork of fork", fork_of_fork),
    ("fork with two thirds of memory in use", two_thirds),
    ("the kernel copies a shared page before it writes to it", kernel_writes),
    ("the kernel writes to no page that is read-only", kernel_respects_text),
    ("sbrk in a child is the child's", child_sbrk),
];

fn child_keeps_changes() -> bool {
    with_heap(2 * PAGE, |heap| {
        store(heap, 1);
        push_out();
        let child = code_of(|| {
            let saw = load(heap);
            store(heap, 2);
            store(page(heap, 1), 3);
            push_out();
            u64::from(saw + load(heap) + load(page(heap, 1)))
        });
        child == Some(6) && load(heap) == 1 && load(page(heap, 1)) == 0
    })
}

fn parent_keeps_changes() -> bool {
    with_heap(PAGE, |heap| {
        store(heap, 1);
        push_out();
        let Some((reading, writing)) = pipe() else { return false };
        let Some(child) = fork() else { return false };
        if child == 0 {
            // Looks only after the parent has written.
            read(reading, &mut [0]);
            exit(u64::from(load(heap)));
        }
        store(heap, 2);
        write_all(writing, b"x");
        let code = wait();
        close(reading);
        close(writing);
        code == Some((child, 1)) && load(heap) == 2
    })
}

fn three_writers() -> bool {
    with_heap(3 * PAGE, |heap| {
        (0..3).for_each(|n| store(page(heap, n), 1));
        push_out();
        let child = |value| {
            code_of(|| {
                (0..3).for_each(|n| store(page(heap, n), value));
                (0..3).map(|n| u64::from(load(page(heap, n)))).sum()
            })
        };
        let children = (child(10), child(20));
        (0..3).for_each(|n| store(page(heap, n), 30));
        children == (Some(30), Some(60)) && (0..3).all(|n| load(page(heap, n)) == 30)
    })
}

fn grandchildren() -> bool {
    with_heap(PAGE, |heap| {
        store(heap, 1);
        let child = code_of(|| {
            push_out();
            let grandchild = code_of(|| {
                let saw = load(heap);
                store(heap, 3);
                u64::from(saw + load(heap))
            });
            let saw = load(heap);
            store(heap, 2);
            grandchild.unwrap_or(99) * 10 + u64::from(saw)
        });
        child == Some(41) && load(heap) == 1
    })
}

fn hundred_rounds() -> bool {
    with_heap(PAGE, |heap| {
        (0..100).all(|round: u8| {
            store(heap, round);
            code_of(|| {
                store(heap, 255);
                0
            }) == Some(0)
                && load(heap) == round
        })
    })
}

fn fork_of_fork() -> bool {
    /// The value that the deepest process has: one more for each that came before it.
    fn deeper(depth: u64, heap: *mut u8) -> u64 {
        store(heap, load(heap) + 1);
        match depth {
            0 => u64::from(load(heap)),
            // Where memory is too scarce for another process, or for all of them, this is as deep as it goes.
            _ => code_of(|| deeper(depth - 1, heap)).filter(|&code| code < 128).unwrap_or(4),
        }
    }
    with_heap(PAGE, |heap| deeper(3, heap) == 4 && load(heap) == 1)
}

fn two_thirds() -> bool {
    let pages = isize::try_from(free_frames() / 3 * 2).unwrap_or(0).min(2000);
    with_heap(pages * PAGE, |heap| {
        (0..pages).for_each(|n| store(page(heap, n), n.to_le_bytes()[0]));
        // There may be too little memory for a copy; then there is no child, and nothing is lost.
        let child = code_of(|| {
            let all = (0..pages).all(|n| load(page(heap, n)) == n.to_le_bytes()[0]);
            u64::from(!all)
        });
        let kept = (0..pages).all(|n| load(page(heap, n)) == n.to_le_bytes()[0]);
        matches!(child, Some(0) | None) && kept
    })
}

fn kernel_writes() -> bool {
    with_heap(2 * PAGE, |heap| {
        let across = heap.wrapping_offset(PAGE - 2);
        (0..4).for_each(|n| store(across.wrapping_add(n), 1));
        let Some((reading, writing)) = pipe() else { return false };
        let child = code_of(|| {
            write_all(writing, b"abcd");
            // SAFETY: four bytes of the heap.
            let got = unsafe { read_raw(reading, across, 4) };
            u64::from(got != Some(4) || load(across) != b'a' || load(across.wrapping_add(3)) != b'd')
        });
        close(reading);
        close(writing);
        child == Some(0) && (0..4).all(|n| load(across.wrapping_add(n)) == 1)
    })
}

fn kernel_respects_text() -> bool {
    let text = address(kernel_respects_text as fn() -> bool as usize);
    let Some((reading, writing)) = pipe() else { return false };
    let before = load(text);
    let wrote = write_raw(writing, text, 4) == Some(4);
    // SAFETY: the kernel refuses to write there.
    let refused = unsafe { read_raw(reading, text, 4) }.is_none();
    // What could not be delivered is still there.
    let kept = read(reading, &mut [0; 8]) == Some(4);
    close(reading);
    close(writing);
    wrote && refused && kept && load(text) == before
}

fn child_sbrk() -> bool {
    with_heap(PAGE, |heap| {
        store(heap, 5);
        push_out();
        let child =
            code_of(|| u64::from(sbrk(-PAGE).is_none() || sbrk(3 * PAGE).is_none() || load(heap) != 0));
        child == Some(0) && load(heap) == 5
    })
}
