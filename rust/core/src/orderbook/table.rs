//! Orders by id: a table of 16 bytes an order in buckets of one cache line.

use std::collections::BTreeMap;
use std::hash::{BuildHasher, RandomState};

/// An order of the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Order {
    /// 0 bid, 1 ask.
    pub side: usize,
    /// Ticks.
    pub price: i64,
    /// Lots.
    pub size: i64,
}

/// Orders of a bucket.
const WAYS: usize = 4;

/// Buckets of an empty table.
const SMALLEST: usize = 256;

/// Four orders: prices less the table's anchor, sizes with their sign turned for asks; size 0 is a free slot.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C, align(64))]
struct Bucket {
    ids: [u64; WAYS],
    prices: [i32; WAYS],
    sizes: [i32; WAYS],
}

/// Where an order is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Place {
    /// In this slot.
    Slot(usize),
    /// In the map of orders that do not fit a slot.
    Wide,
    /// Nowhere; this slot is free for it.
    Free(usize),
}

/// Orders by id. Which bucket an order goes to depends on a random seed, so that no file can be made to collide;
/// nothing that is read from the table depends on it.
#[derive(Debug, Clone)]
pub(super) struct Table {
    buckets: Box<[Bucket]>,
    /// By bucket, how many orders found it full and went on to another.
    passed: Box<[u32]>,
    len: usize,
    anchor: i64,
    seeds: [u64; 2],
    /// Orders whose price or size is beyond 32 bits.
    wide: BTreeMap<u64, Order>,
}

impl Default for Table {
    fn default() -> Self {
        let state = RandomState::new();
        Self {
            buckets: vec![Bucket::default(); SMALLEST].into_boxed_slice(),
            passed: vec![0; SMALLEST].into_boxed_slice(),
            len: 0,
            anchor: 0,
            seeds: [state.hash_one(0_u8), state.hash_one(1_u8) | 1],
            wide: BTreeMap::new(),
        }
    }
}

/// Price and size as a slot keeps them, unless they are too large for one.
#[inline(always)]
fn narrow(order: Order, anchor: i64) -> Option<(i32, i32)> {
    let price = i32::try_from(order.price - anchor).ok()?;
    let size = i32::try_from(order.size).ok()?;
    let sign = 1 - 2 * order.side as i32;
    Some((price, size * sign))
}

impl Table {
    /// Number of orders.
    pub fn len(&self) -> usize {
        self.len + self.wide.len()
    }

    /// Number of slots.
    #[cfg(test)]
    pub fn slots(&self) -> usize {
        self.buckets.len() * WAYS
    }

    #[inline(always)]
    fn home(&self, id: u64) -> usize {
        let product = u128::from(id ^ self.seeds[0]) * u128::from(self.seeds[1]);
        (product as u64 ^ (product >> 64) as u64) as usize & (self.buckets.len() - 1)
    }

    /// Where an order is, or where it can go.
    #[inline(always)]
    pub fn find(&self, id: u64) -> Place {
        let home = self.home(id);
        let bucket = &self.buckets[home];
        let (mut hit, mut free) = (0_u32, 0_u32);
        for way in 0..WAYS {
            let is_free = bucket.sizes[way] == 0;
            free |= u32::from(is_free) << way;
            hit |= u32::from((bucket.ids[way] == id) & !is_free) << way;
        }
        if hit != 0 {
            return Place::Slot(home * WAYS + hit.trailing_zeros() as usize);
        }
        if free != 0 && self.passed[home] == 0 && self.wide.is_empty() {
            return Place::Free(home * WAYS + free.trailing_zeros() as usize);
        }
        self.find_beyond(home, id)
    }

    /// The same, for an order that may have found its bucket full.
    #[inline(never)]
    fn find_beyond(&self, home: usize, id: u64) -> Place {
        let mut at = home;
        let mut free = None;
        loop {
            let bucket = &self.buckets[at];
            for way in 0..WAYS {
                if bucket.sizes[way] == 0 {
                    free = free.or(Some(at * WAYS + way));
                } else if bucket.ids[way] == id {
                    return Place::Slot(at * WAYS + way);
                }
            }
            if let Some(free) = free
                && self.passed[at] == 0
            {
                return if self.wide.contains_key(&id) { Place::Wide } else { Place::Free(free) };
            }
            at = (at + 1) & (self.buckets.len() - 1);
        }
    }

    /// The order of a slot.
    #[inline(always)]
    pub fn at(&self, slot: usize) -> Order {
        let bucket = &self.buckets[slot / WAYS];
        let size = bucket.sizes[slot % WAYS];
        let price = self.anchor + i64::from(bucket.prices[slot % WAYS]);
        Order { side: (size as u32 >> 31) as usize, price, size: i64::from(size.unsigned_abs()) }
    }

    /// The order of an id that is in the map of wide ones.
    #[cold]
    pub fn wide(&self, id: u64) -> Option<Order> {
        self.wide.get(&id).copied()
    }

    /// Puts a new order into the free slot that was found for it.
    #[inline(always)]
    pub fn insert(&mut self, free: usize, id: u64, order: Order) {
        if self.len == 0 {
            self.anchor = order.price;
        }
        match narrow(order, self.anchor) {
            Some((price, size)) => {
                self.write(free, id, price, size);
                self.len += 1;
                if self.len * 8 > self.buckets.len() * WAYS * 3 {
                    self.resize(self.buckets.len() * 2);
                }
            }
            None => self.insert_wide(id, order),
        }
    }

    #[inline(always)]
    fn write(&mut self, free: usize, id: u64, price: i32, size: i32) {
        let (at, way) = (free / WAYS, free % WAYS);
        let bucket = &mut self.buckets[at];
        (bucket.ids[way], bucket.prices[way], bucket.sizes[way]) = (id, price, size);
        let home = self.home(id);
        if home != at {
            self.pass(home, at, 1);
        }
    }

    /// Counts an order that went on from bucket to bucket, or one less.
    #[cold]
    fn pass(&mut self, home: usize, at: usize, change: i32) {
        let mut bucket = home;
        while bucket != at {
            self.passed[bucket] = self.passed[bucket].wrapping_add_signed(change);
            bucket = (bucket + 1) & (self.buckets.len() - 1);
        }
    }

    #[cold]
    fn insert_wide(&mut self, id: u64, order: Order) {
        self.wide.insert(id, order);
    }

    /// Takes a part of an order's size.
    #[inline(always)]
    pub fn shrink(&mut self, slot: usize, id: u64, size: i64) {
        let way = slot % WAYS;
        let left = &mut self.buckets[slot / WAYS].sizes[way];
        // What a slot holds fits 32 bits, and so does a part of it.
        *left -= (size as i32) * left.signum();
        if *left == 0 {
            self.forget(slot, id);
        }
    }

    /// Changes an order that is there.
    #[inline(always)]
    pub fn update(&mut self, place: Place, id: u64, order: Order) {
        match (place, narrow(order, self.anchor)) {
            (Place::Slot(slot), Some((price, size))) => {
                let bucket = &mut self.buckets[slot / WAYS];
                (bucket.prices[slot % WAYS], bucket.sizes[slot % WAYS]) = (price, size);
            }
            _ => self.update_wide(place, id, order),
        }
    }

    #[cold]
    fn update_wide(&mut self, place: Place, id: u64, order: Order) {
        self.remove(place, id);
        if let Place::Free(free) = self.find(id) {
            self.insert(free, id, order);
        }
    }

    /// Removes an order that is there.
    pub fn remove(&mut self, place: Place, id: u64) {
        if let Place::Slot(slot) = place {
            self.buckets[slot / WAYS].sizes[slot % WAYS] = 0;
            self.forget(slot, id);
        } else {
            self.wide.remove(&id);
        }
    }

    /// Accounts for an order whose slot was just freed.
    #[inline(always)]
    fn forget(&mut self, slot: usize, id: u64) {
        let home = self.home(id);
        if home != slot / WAYS {
            self.pass(home, slot / WAYS, -1);
        }
        self.len -= 1;
        if self.len * 4 < self.buckets.len() && self.buckets.len() > SMALLEST {
            self.resize(self.buckets.len() / 2);
        }
    }

    #[cold]
    fn resize(&mut self, buckets: usize) {
        let old = std::mem::replace(&mut self.buckets, vec![Bucket::default(); buckets].into_boxed_slice());
        self.passed = vec![0; buckets].into_boxed_slice();
        for bucket in &old {
            for way in (0..WAYS).filter(|&way| bucket.sizes[way] != 0) {
                let id = bucket.ids[way];
                if let Place::Free(free) = self.find_beyond(self.home(id), id) {
                    self.write(free, id, bucket.prices[way], bucket.sizes[way]);
                }
            }
        }
    }

    /// Removes every order.
    pub fn clear(&mut self) {
        if self.buckets.len() > SMALLEST {
            self.resize_empty();
        } else if self.len > 0 {
            self.buckets.fill(Bucket::default());
            self.passed.fill(0);
        }
        self.len = 0;
        self.wide.clear();
    }

    #[cold]
    fn resize_empty(&mut self) {
        self.buckets = vec![Bucket::default(); SMALLEST].into_boxed_slice();
        self.passed = vec![0; SMALLEST].into_boxed_slice();
    }

    /// Every order by its id, ascending.
    pub fn orders(&self) -> Vec<(u64, Order)> {
        let used = (0..self.buckets.len() * WAYS).filter(|slot| self.buckets[slot / WAYS].sizes[slot % WAYS] != 0);
        let near = used.map(|slot| (self.buckets[slot / WAYS].ids[slot % WAYS], self.at(slot)));
        let mut orders: Vec<_> = near.chain(self.wide.iter().map(|(&id, &order)| (id, order))).collect();
        orders.sort_unstable_by_key(|(id, _)| *id);
        orders
    }
}
