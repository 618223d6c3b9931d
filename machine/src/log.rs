//! The events of a run, kept small.
//!
//! A run has events by the hundred thousand, and what they cost is above all the memory that the host has to clear
//! for them. So an event is kept as what differs from the last of its kind, some twenty bytes instead of a hundred,
//! in blocks that never move: nothing is copied as the log grows. Each block can be read alone. Going through the
//! events decodes them one after the other, and what is of another kind than is asked for is passed over.

mod packed;

use core::fmt;
use core::ops::Range;
use std::collections::VecDeque;

use crate::event::{Event, EventKind, What};
use crate::observer::Context;
use packed::{Block, Reader, Writer};

/// Events in order, the first of which may have any number.
#[derive(Clone, Default)]
pub struct Log {
    blocks: Vec<Block>,
    /// The number of the first event.
    start: usize,
    len: usize,
    /// What goes on with the last block; where there is none, the next event begins another.
    writer: Option<Box<Writer>>,
}

impl Log {
    /// How many events there are.
    #[must_use]
    pub const fn len(&self) -> usize {
        self.len
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Adds an event at the end.
    pub fn push(&mut self, cx: &Context, what: &What) {
        let written = match (&mut self.writer, self.blocks.last_mut()) {
            (Some(writer), Some(block)) => writer.write(block, cx, what),
            _ => false,
        };
        if !written {
            self.push_in_new_block(cx, what);
        }
        self.len += 1;
    }

    #[cold]
    fn push_in_new_block(&mut self, cx: &Context, what: &What) {
        let writer = self.writer.get_or_insert_default();
        writer.begin();
        let mut block = Block::new(self.start + self.len, cx.step, Writer::room_for(what));
        writer.write(&mut block, cx, what);
        self.blocks.push(block);
    }

    /// Event number `n`.
    #[must_use]
    pub fn get(&self, n: usize) -> Option<Event> {
        self.events(n..n.saturating_add(1)).next()
    }

    /// The last event.
    #[must_use]
    pub fn last(&self) -> Option<Event> {
        self.get((self.start + self.len).checked_sub(1)?)
    }

    /// All events, in order.
    #[must_use]
    pub fn iter(&self) -> Stretch<'_> {
        self.events(self.start..self.start + self.len)
    }

    /// The events with these numbers, in order, as far as there are any.
    #[must_use]
    pub fn events(&self, numbers: Range<usize>) -> Stretch<'_> {
        let end = numbers.end.min(self.start + self.len);
        Stretch {
            log: self,
            next: numbers.start.clamp(self.start, end.max(self.start)),
            end: end.max(self.start),
            kinds: Kinds::ALL,
            front: None,
            back: VecDeque::new(),
        }
    }

    /// All events, each in memory.
    #[must_use]
    pub fn to_vec(&self) -> Vec<Event> {
        self.iter().collect()
    }

    /// How many events happened before the machine stood at `step`.
    #[must_use]
    pub fn before_step(&self, step: u64) -> usize {
        let after = self.blocks.partition_point(|block| block.first_step() < step);
        let Some(block) = after.checked_sub(1).and_then(|at| self.blocks.get(at)) else { return self.start };
        let mut reader = Reader::default();
        let mut count = 0;
        while count < block.len() && reader.advance(block).is_some() && reader.step() < step {
            count += 1;
        }
        block.first() + count
    }

    /// Takes away event number `n` and those behind it.
    #[must_use]
    pub fn split_off(&mut self, n: usize) -> Self {
        let n = n.clamp(self.start, self.start + self.len);
        let end = self.start + self.len;
        let mut tail = Self { start: n, ..Self::default() };
        let whole = self.blocks.partition_point(|block| block.first() < n);
        let rest = self.blocks.split_off(whole);
        self.len = n - self.start;
        self.writer = None;
        if let Some(cut) = self.blocks.pop_if(|block| block.first() + block.len() > n) {
            self.len = cut.first() - self.start;
            for event in Stretch::of_block(&cut) {
                let side = if event.n < n as u64 { &mut *self } else { &mut tail };
                side.push_event(&event);
            }
        }
        let start = tail.start + tail.len;
        tail.append(Self { blocks: rest, start, len: end - start, writer: None });
        tail
    }

    /// Puts back what was taken away: its first event has the number after our last.
    pub fn append(&mut self, mut tail: Self) {
        debug_assert_eq!(tail.start, self.start + self.len, "the tail goes on where we end");
        self.blocks.append(&mut tail.blocks);
        self.len += tail.len;
        self.writer = None;
    }

    fn push_event(&mut self, event: &Event) {
        let &Event { instret, step, hart, mode, pc, ref what, .. } = event;
        self.push(&Context { instret, step, hart, mode, pc }, what);
    }

    /// Bytes that the events take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.blocks.iter().map(Block::bytes).sum()
    }

    /// The block that holds event number `n`, and where it stands in the list.
    fn block_of(&self, n: usize) -> Option<(usize, &Block)> {
        let at = self.blocks.partition_point(|block| block.first() <= n).checked_sub(1)?;
        Some((at, self.blocks.get(at)?))
    }
}

impl<'a> IntoIterator for &'a Log {
    type Item = Event;
    type IntoIter = Stretch<'a>;

    fn into_iter(self) -> Stretch<'a> {
        self.iter()
    }
}

impl PartialEq for Log {
    fn eq(&self, other: &Self) -> bool {
        self.len == other.len && self.iter().eq(other.iter())
    }
}

impl fmt::Debug for Log {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Log").field("start", &self.start).field("len", &self.len).finish_non_exhaustive()
    }
}

/// A set of kinds of events.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Kinds(u32);

impl Kinds {
    const ALL: Self = Self(u32::MAX);

    fn of(kinds: &[EventKind]) -> Self {
        Self(kinds.iter().fold(0, |bits, &kind| bits | 1 << kind as u32))
    }

    const fn contains(self, kind: u8) -> bool {
        self.0 >> (kind % 32) & 1 != 0
    }
}

/// Some events of a log, decoded as one goes through them, from either end.
#[derive(Clone, Debug)]
pub struct Stretch<'a> {
    log: &'a Log,
    /// The next event from the front, and the end of what was not read from the back.
    next: usize,
    end: usize,
    kinds: Kinds,
    /// The block from which the front reads: where it stands in the list.
    front: Option<(usize, Reader)>,
    /// What was read from the back and not given yet.
    back: VecDeque<Event>,
}

impl Stretch<'_> {
    /// Those of these kinds; the others are passed over without being decoded.
    #[must_use]
    pub fn of_kinds(mut self, kinds: &[EventKind]) -> Self {
        self.kinds = Kinds::of(kinds);
        self
    }

    /// How many events there are left, of whatever kind.
    #[must_use]
    pub fn numbers(&self) -> Range<usize> {
        self.next..self.end
    }

    /// All events of one block.
    fn of_block(block: &Block) -> impl Iterator<Item = Event> {
        let mut reader = Reader::default();
        (block.first()..block.first() + block.len()).map_while(move |n| {
            reader.advance(block)?;
            reader.event(block, n)
        })
    }

    /// Makes the front stand before the next event.
    fn open_front(&mut self) -> Option<()> {
        let (at, block) = self.log.block_of(self.next)?;
        let mut reader = Reader::default();
        for _ in block.first()..self.next {
            reader.advance(block)?;
        }
        self.front = Some((at, reader));
        Some(())
    }

    /// The next event from the front that is wanted, before what the back has read.
    fn next_unread(&mut self) -> Option<Event> {
        while self.next < self.end {
            let Some((at, reader)) = &mut self.front else {
                self.open_front()?;
                continue;
            };
            let block = self.log.blocks.get(*at)?;
            if self.next == block.first() + block.len() {
                (*at, *reader) = (*at + 1, Reader::default());
                continue;
            }
            let n = self.next;
            self.next += 1;
            let kind = reader.advance(block)?;
            if self.kinds.contains(kind) {
                return reader.event(block, n);
            }
        }
        None
    }

    /// Reads the last block of what is left.
    fn read_back(&mut self) -> Option<()> {
        let last = self.end.checked_sub(1)?;
        let (_, block) = self.log.block_of(last)?;
        let start = block.first().max(self.next);
        let mut reader = Reader::default();
        for n in block.first()..self.end {
            let kind = reader.advance(block)?;
            if n >= start && self.kinds.contains(kind) {
                self.back.extend(reader.event(block, n));
            }
        }
        self.end = start;
        Some(())
    }
}

impl Iterator for Stretch<'_> {
    type Item = Event;

    fn next(&mut self) -> Option<Event> {
        self.next_unread().or_else(|| self.back.pop_front())
    }
}

impl DoubleEndedIterator for Stretch<'_> {
    fn next_back(&mut self) -> Option<Event> {
        while self.back.is_empty() && self.next < self.end {
            self.read_back()?;
        }
        self.back.pop_back()
    }
}

#[cfg(test)]
mod tests;
