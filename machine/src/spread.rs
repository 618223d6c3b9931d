//! Hash tables that are the same on every host. The standard library's default draws its seed at random;
//! nothing here may depend on the order of a table all the same.

use std::{
    collections::{HashMap, HashSet},
    hash::{BuildHasherDefault, Hasher},
};

/// A table by small keys: addresses and numbers of frames.
pub(crate) type Map<K, V> = HashMap<K, V, BuildHasherDefault<Spread>>;
/// A set of the same.
pub(crate) type Set<K> = HashSet<K, BuildHasherDefault<Spread>>;

/// Spreads numbers by multiplication.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Spread(u64);

impl Hasher for Spread {
    #[inline]
    fn finish(&self) -> u64 {
        self.0.rotate_left(26)
    }

    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|&byte| self.write_u64(byte.into()));
    }

    #[inline]
    fn write_u32(&mut self, value: u32) {
        self.write_u64(value.into());
    }

    #[inline]
    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0.rotate_left(5) ^ value).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }
}

/// A list that is nearly always of one: that one takes no allocation.
#[derive(Clone, Debug)]
pub(crate) enum Few<T> {
    One(T),
    Many(Vec<T>),
}

impl<T: Copy> Few<T> {
    pub(crate) fn as_slice(&self) -> &[T] {
        match self {
            Self::One(item) => core::slice::from_ref(item),
            Self::Many(items) => items,
        }
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [T] {
        match self {
            Self::One(item) => core::slice::from_mut(item),
            Self::Many(items) => items,
        }
    }

    pub(crate) fn insert(&mut self, at: usize, item: T) {
        match self {
            Self::One(first) => {
                let mut items = vec![*first];
                items.insert(at, item);
                *self = Self::Many(items);
            }
            Self::Many(items) => items.insert(at, item),
        }
    }

    /// Keeps the items that are meant; whether any is left. Where none is, the list is to be thrown away.
    pub(crate) fn retain(&mut self, meant: impl Fn(&T) -> bool) -> bool {
        match self {
            Self::One(item) => meant(item),
            Self::Many(items) => {
                items.retain(meant);
                !items.is_empty()
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_few_are_kept_in_their_order() {
        let mut few = Few::One(2);
        assert_eq!(few.as_slice(), [2]);
        few.insert(0, 1);
        few.insert(2, 3);
        assert_eq!(few.as_slice(), [1, 2, 3]);
        assert!(few.retain(|&item| item != 2));
        assert_eq!(few.as_slice(), [1, 3]);
        assert!(!few.retain(|_| false));
        assert!(!Few::One(1).retain(|_| false) && Few::One(1).retain(|_| true));
    }
}
