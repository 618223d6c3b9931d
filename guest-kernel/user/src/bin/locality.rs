//! Locality: the same table, by rows and by columns. The same loads, and very different faults. Boot
//! with `frames=40`.
#![no_std]
#![no_main]

use faultline_user::{PAGE, abi::meminfo::FAULTS, lock_memory, memory_info, println, sbrk, store};

faultline_user::program!(main);

/// Rows; each is a page.
const ROWS: isize = 32;
/// Columns that are used.
const COLUMNS: isize = 8;

fn main() {
    // The program itself stays in memory: only the table comes and goes.
    lock_memory();
    let table = sbrk(ROWS * PAGE).expect("lazy sbrk has room");
    let element = |row: isize, column: isize| table.wrapping_offset(row * PAGE + column);
    let by_rows = faults_of(|| {
        (0..ROWS).for_each(|row| (0..COLUMNS).for_each(|column| store(element(row, column), 1)));
    });
    let by_columns = faults_of(|| {
        (0..COLUMNS).for_each(|column| (0..ROWS).for_each(|row| store(element(row, column), 2)));
    });
    println!("locality: {by_rows} faults by rows, {by_columns} by columns");
}

fn faults_of(work: impl FnOnce()) -> u64 {
    let before = memory_info()[FAULTS];
    work();
    memory_info()[FAULTS] - before
}
