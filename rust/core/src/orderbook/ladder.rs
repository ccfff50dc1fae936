//! Sizes by price of both sides, with the best levels kept up to date.
//!
//! A side keeps the prices around its touch in a ring of cells with a bitmap over it, and the others in an ordered
//! map, so that a price far away costs an entry of the map and not memory up to it. Where the ring stands is a matter
//! of speed alone: it follows the touch, but never so often that following costs more than the events themselves.

use std::collections::BTreeMap;

use crate::events::{Depth, LARGEST, LEVELS, Level};

/// Cells of a ring: as many as a word of bits for each bit of a word.
const RING: usize = 4096;
const WORDS: usize = RING / 64;

/// Cells between the ring's beginning and the touch after it was moved.
const BEFORE_TOUCH: i64 = RING as i64 / 4;

/// Changes that have to pass before a ring with many levels is moved again.
const PATIENCE: u32 = 1024;

/// A ring with at most so many levels is moved at once.
const FEW: usize = 64;

/// Key of no level: worse than any, and its distance to any still is a number.
const NOWHERE: i64 = 1 << 62;

/// One side. Keys are prices, turned around for bids, so that smaller is better on both sides.
#[derive(Debug, Clone)]
struct Side {
    keys: [i64; LEVELS],
    sizes: [i64; LEVELS],
    base: i64,
    levels: usize,
    patience: u32,
    far_first: i64,
    summary: u64,
    words: [u64; WORDS],
    ring: Box<[i64; RING]>,
    far: BTreeMap<i64, i64>,
}

impl Default for Side {
    fn default() -> Self {
        Self {
            keys: [NOWHERE; LEVELS],
            sizes: [0; LEVELS],
            base: 0,
            levels: 0,
            patience: 0,
            far_first: NOWHERE,
            summary: 0,
            words: [0; WORDS],
            ring: Box::new([0; RING]),
            far: BTreeMap::new(),
        }
    }
}

#[inline(always)]
fn cell(key: i64) -> usize {
    key as usize & (RING - 1)
}

impl Side {
    #[inline(always)]
    fn is_near(&self, key: i64) -> bool {
        (key.wrapping_sub(self.base) as u64) < RING as u64
    }

    #[inline(always)]
    fn get(&self, key: i64) -> i64 {
        if self.is_near(key) { self.ring[cell(key)] } else { self.far.get(&key).copied().unwrap_or(0) }
    }

    /// Replaces the size at a key and says the first of the best levels that changed; sizes are not equal.
    #[inline(always)]
    fn put(&mut self, key: i64, old: i64, new: i64) -> usize {
        if self.is_near(key) {
            self.put_near(key, old, new);
        } else {
            self.put_far(key, new);
        }
        self.patience = self.patience.saturating_sub(1);
        let first = self.rank(key);
        if first == LEVELS {
            return LEVELS;
        }
        if old == 0 {
            self.open(first, key, new);
        } else if new == 0 {
            self.close(first);
        } else {
            self.sizes[first] = new;
            return first;
        }
        if first == 0 {
            self.follow();
        }
        first
    }

    /// How many of the best levels are better than a key: the sign bits of the differences, counted.
    #[inline(always)]
    fn rank(&self, key: i64) -> usize {
        let mut better = 0;
        for &best in &self.keys {
            better += (best.wrapping_sub(key) as u64) >> 63;
        }
        better as usize
    }

    /// Lets a new level in among the best.
    #[inline(never)]
    fn open(&mut self, first: usize, key: i64, size: i64) {
        for k in (first + 1..LEVELS).rev() {
            (self.keys[k], self.sizes[k]) = (self.keys[k - 1], self.sizes[k - 1]);
        }
        (self.keys[first], self.sizes[first]) = (key, size);
    }

    /// Lets one of the best levels go and the next one in.
    #[inline(never)]
    fn close(&mut self, first: usize) {
        let last = self.keys[LEVELS - 1];
        for k in first..LEVELS - 1 {
            (self.keys[k], self.sizes[k]) = (self.keys[k + 1], self.sizes[k + 1]);
        }
        let next = if last == NOWHERE { NOWHERE } else { self.next_after(last) };
        self.keys[LEVELS - 1] = next;
        self.sizes[LEVELS - 1] = if next == NOWHERE { 0 } else { self.get(next) };
    }

    #[inline(always)]
    fn put_near(&mut self, key: i64, old: i64, new: i64) {
        let at = cell(key);
        self.ring[at] = new;
        // Without branches: far from the touch every second change makes or ends a level, in no order.
        let (word, bit) = (at / 64, at % 64);
        let now = self.words[word] & !(1 << bit) | u64::from(new != 0) << bit;
        self.words[word] = now;
        self.summary = self.summary & !(1 << word) | u64::from(now != 0) << word;
        self.levels = self.levels + usize::from(new != 0) - usize::from(old != 0);
    }

    #[cold]
    fn put_far(&mut self, key: i64, new: i64) {
        if new == 0 {
            self.far.remove(&key);
        } else {
            self.far.insert(key, new);
        }
        self.far_first = self.far.first_key_value().map_or(NOWHERE, |(&first, _)| first);
    }

    /// The next worse level.
    #[inline]
    fn next_after(&self, key: i64) -> i64 {
        let near = self.near_from(key + 1);
        if self.far_first > near { near } else { near.min(self.far_from(key + 1)) }
    }

    #[cold]
    fn far_from(&self, key: i64) -> i64 {
        self.far.range(key..).next().map_or(NOWHERE, |(&next, _)| next)
    }

    /// The first level of the ring at or after a key.
    #[inline]
    fn near_from(&self, key: i64) -> i64 {
        let from = key.max(self.base);
        if !self.is_near(from) || self.levels == 0 {
            return NOWHERE;
        }
        let at = cell(from);
        let word = at / 64;
        let rest = self.words[word] >> (at % 64);
        let next = if rest != 0 {
            from + i64::from(rest.trailing_zeros())
        } else {
            // The words after this one, around the ring; what lies before `from` in it comes last.
            let turned = self.summary.rotate_right(word as u32).rotate_right(1);
            let ahead = turned.trailing_zeros() as usize + 1;
            let there = (word + ahead) % WORDS;
            let bit = self.words[there].trailing_zeros() as i64;
            from - (at % 64) as i64 + ahead as i64 * 64 + bit
        };
        if self.is_near(next) { next } else { NOWHERE }
    }

    /// Lets the ring follow the touch.
    #[inline]
    fn follow(&mut self) {
        let best = self.keys[0];
        let is_placed = (best.wrapping_sub(self.base + BEFORE_TOUCH / 2) as u64) < RING as u64 / 2;
        if !is_placed && best != NOWHERE && (self.patience == 0 || self.levels + self.far.len() <= FEW) {
            self.place(best - BEFORE_TOUCH);
        }
    }

    /// Moves the ring.
    #[cold]
    fn place(&mut self, base: i64) {
        let end = base + RING as i64;
        let mut next = self.near_from(self.base);
        while next != NOWHERE {
            if next < base || next >= end {
                let size = std::mem::take(&mut self.ring[cell(next)]);
                self.put_near(next, size, 0);
                self.far.insert(next, size);
            }
            next = self.near_from(next + 1);
        }
        self.base = base;
        let mut beyond = self.far.split_off(&base);
        let mut after = beyond.split_off(&end);
        for (key, size) in beyond {
            self.put_near(key, 0, size);
        }
        self.far.append(&mut after);
        self.far_first = self.far.first_key_value().map_or(NOWHERE, |(&first, _)| first);
        self.patience = PATIENCE;
    }

    fn clear(&mut self) {
        let mut next = self.near_from(self.base);
        while next != NOWHERE {
            self.ring[cell(next)] = 0;
            next = self.near_from(next + 1);
        }
        (self.words, self.summary, self.levels) = ([0; WORDS], 0, 0);
        self.far.clear();
        self.far_first = NOWHERE;
        (self.keys, self.sizes) = ([NOWHERE; LEVELS], [0; LEVELS]);
    }

    /// Every level, in no order that means anything.
    fn each(&self, mut take: impl FnMut(i64, i64)) {
        let mut next = self.near_from(self.base);
        while next != NOWHERE {
            take(next, self.ring[cell(next)]);
            next = self.near_from(next + 1);
        }
        self.far.iter().for_each(|(&key, &size)| take(key, size));
    }
}

/// A change that a level cannot take.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Misfit {
    /// It would be beyond what is taken.
    TooMuch,
    /// There was less; the first of the best levels that changed.
    TooLittle(usize),
}

/// Sizes by price of both sides. Sides are numbered 0 (bid) and 1 (ask).
#[derive(Debug, Clone)]
pub(super) struct Ladder {
    sides: [Side; 2],
    depth: Depth,
}

impl Default for Ladder {
    fn default() -> Self {
        Self { sides: Default::default(), depth: [Level::EMPTY; LEVELS] }
    }
}

/// Price to key and key to price.
#[inline(always)]
fn turned(side: usize, price: i64) -> i64 {
    price ^ (side as i64 - 1)
}

impl Ladder {
    /// The best levels of both sides.
    #[inline]
    pub fn depth(&self) -> &Depth {
        &self.depth
    }

    /// Size at a price.
    #[inline]
    pub fn size(&self, side: usize, price: i64) -> i64 {
        self.sides[side].get(turned(side, price))
    }

    /// Sets the size at a price and says the first of the best levels that changed.
    pub fn set(&mut self, side: usize, price: i64, new: i64) -> usize {
        let key = turned(side, price);
        let old = self.sides[side].get(key);
        self.replace(side, key, old, new)
    }

    /// Adds to the size at a price, or takes from it, and says the first of the best levels that changed.
    ///
    /// # Errors
    /// More than a level can hold changes nothing; a level that has less than what is taken goes (with the first of
    /// the best levels that changed).
    #[inline(always)]
    pub fn shift(&mut self, side: usize, price: i64, change: i64) -> Result<usize, Misfit> {
        let key = turned(side, price);
        let old = self.sides[side].get(key);
        let new = old.saturating_add(change);
        if (new as u64) > LARGEST as u64 {
            return Err(if new > 0 { Misfit::TooMuch } else { Misfit::TooLittle(self.set(side, price, 0)) });
        }
        Ok(self.replace(side, key, old, new))
    }

    #[inline(always)]
    fn replace(&mut self, side: usize, key: i64, old: i64, new: i64) -> usize {
        if old == new {
            return LEVELS;
        }
        let first = self.sides[side].put(key, old, new);
        if first < LEVELS {
            if old != 0 && new != 0 {
                let level = &mut self.depth[first];
                *(if side == 0 { &mut level.bid_size } else { &mut level.ask_size }) = new;
            } else {
                self.show(side, first);
            }
        }
        first
    }

    #[inline(never)]
    fn show(&mut self, side: usize, first: usize) {
        let of = &self.sides[side];
        for k in first..LEVELS {
            let (key, size) = (of.keys[k], of.sizes[k]);
            let is_level = key != NOWHERE;
            let level = &mut self.depth[k];
            if side == 0 {
                (level.bid_price, level.bid_size) = (if is_level { turned(0, key) } else { i64::MIN }, size);
            } else {
                (level.ask_price, level.ask_size) = (if is_level { key } else { i64::MAX }, size);
            }
        }
    }

    /// Removes every level of a side and says whether there was one.
    pub fn clear_side(&mut self, side: usize) -> usize {
        let had_levels = self.sides[side].keys[0] != NOWHERE;
        self.sides[side].clear();
        self.show(side, 0);
        if had_levels { 0 } else { LEVELS }
    }

    /// Makes a level the only one of its side; size 0 for none. Says the first of the best levels that changed.
    pub fn set_only(&mut self, side: usize, price: i64, size: i64) -> usize {
        let before = self.depth;
        self.clear_side(side);
        if size > 0 {
            self.set(side, price, size);
        }
        before.iter().zip(&self.depth).position(|(old, new)| old != new).unwrap_or(LEVELS)
    }

    /// Removes every level and says the first of the best levels that changed.
    pub fn clear(&mut self) -> usize {
        self.clear_side(0).min(self.clear_side(1))
    }

    /// Price and size of every level of a side, best first.
    pub fn levels(&self, side: usize) -> Vec<(i64, i64)> {
        let mut levels = Vec::new();
        self.sides[side].each(|key, size| levels.push((key, size)));
        levels.sort_unstable();
        levels.iter_mut().for_each(|level| level.0 = turned(side, level.0));
        levels
    }
}
