//! What a file that is made to cost much may cost. One test alone, so that what is allocated is its own.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::time::{Duration, Instant};

use faultline_machine::recorded::{Recorded, is_recording};
use faultline_machine::scenario::parse;

/// Most bytes that reading a MiB may take.
const BYTES_MAX: usize = 64 << 20;

static CURRENT: AtomicUsize = AtomicUsize::new(0);
static PEAK: AtomicUsize = AtomicUsize::new(0);

/// The system's allocator, counting.
struct Counting;

// SAFETY: every call goes to the system's allocator as it came, and counting touches nothing else.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        let now = CURRENT.fetch_add(layout.size(), Relaxed) + layout.size();
        PEAK.fetch_max(now, Relaxed);
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        CURRENT.fetch_sub(layout.size(), Relaxed);
        // SAFETY: the caller keeps the contract of `dealloc`, and the pointer came from `System`.
        unsafe { System.dealloc(pointer, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

const RECORDING: &str = r#"{"recording":1,"scenario":{"faultline":1,"title":"t"},"images":{"kernel":""},"ending":"cut-off","instructions":"0x0","steps":"0x0","digest":{}"#;
const EVENT: &str = r#"{"n":0,"instret":"0x0","step":"0x0","hart":0,"mode":"S","pc":"0x0","kind":"sfence","va":null,"asid":null},"#;

fn read(file: &str) -> Result<(), String> {
    if is_recording(file.as_bytes()) {
        return Recorded::parse(file.as_bytes()).map(drop).map_err(|error| error.to_string());
    }
    parse(file.as_bytes()).map(drop).map_err(|error| error.to_string())
}

/// Files of a MiB that are made to cost much: what they cost is bounded.
#[test]
fn a_large_bad_file_costs_little_time_and_memory() {
    let fill = |open: &str, piece: &str, close: &str| {
        open.to_owned()
            + &piece.repeat(((1 << 20) - open.len() - close.len()) / piece.len() - 1)
            + piece.trim_end_matches(',')
            + close
    };
    let scenario = r#"{"faultline":1,"title":"t","#;
    for file in [
        fill(&format!("{scenario}\"x\":["), "0,", "]}"),
        fill(&format!("{scenario}\"x\":["), "[],", "]}"),
        fill(&format!("{scenario}\"x\":["), "{\"\":{}},", "]}"),
        fill(&format!("{scenario}\"inputs\":["), "{\"instret\":\"0x0\",\"text\":\"\"},", "]}"),
        fill(&format!("{scenario}\"narration\":["), "{\"at\":{\"kind\":\"trap\",\"ordinal\":0}},", "]}"),
        fill(&format!("{scenario}\"files\":["), "{},", "]}"),
        fill(&format!("{scenario}\"machine\":{{\"x\":["), "{},", "]}}"),
        fill(&format!("{RECORDING},\"events\":["), EVENT, "]}"),
        fill(&format!("{RECORDING},\"events\":[],\"console\":["), r#"{"step":"0x0","text":""},"#, "],}"),
        fill(
            &format!("{RECORDING},\"events\":[],\"tables\":["),
            r#"{"events":0,"root":"0x0","mappings":[]},"#,
            "],}",
        ),
    ] {
        let (start, before) = (Instant::now(), CURRENT.load(Relaxed));
        PEAK.store(before, Relaxed);
        let error = read(&file).unwrap_err();
        assert!(start.elapsed() < Duration::from_secs(1), "{error}");
        let used = PEAK.load(Relaxed) - before;
        assert!(used < BYTES_MAX, "{used} bytes for {}… {error}", &file[..60]);
    }
}
