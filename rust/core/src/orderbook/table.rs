//! Orders by id: a table of 16 bytes an order with linear probing.

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

/// A slot: the price less the table's anchor, the size with its sign turned for asks; size 0 is an empty slot.
#[derive(Debug, Clone, Copy, Default)]
#[repr(C)]
struct Slot {
    id: u64,
    price: i32,
    size: i32,
}

/// Slots of an empty table.
const SMALLEST: usize = 1024;

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

/// Orders by id. The order of the slots depends on a random seed, so that no file can be made to collide; nothing
/// that is read from the table depends on it.
#[derive(Debug, Clone)]
pub(super) struct Table {
    slots: Box<[Slot]>,
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
            slots: empty(SMALLEST),
            len: 0,
            anchor: 0,
            seeds: [state.hash_one(0_u8), state.hash_one(1_u8) | 1],
            wide: BTreeMap::new(),
        }
    }
}

fn empty(slots: usize) -> Box<[Slot]> {
    vec![Slot::default(); slots].into_boxed_slice()
}

impl Slot {
    #[inline(always)]
    fn order(self, anchor: i64) -> Order {
        let size = i64::from(self.size);
        Order { side: usize::from(size < 0), price: anchor + i64::from(self.price), size: size.abs() }
    }

    /// The slot of an order, unless its price or size is too large for one.
    #[inline(always)]
    fn of(id: u64, order: Order, anchor: i64) -> Option<Self> {
        let price = i32::try_from(order.price - anchor).ok()?;
        let size = i32::try_from(order.size).ok()?;
        Some(Self { id, price, size: if order.side == 0 { size } else { -size } })
    }
}

impl Table {
    /// Number of orders.
    pub fn len(&self) -> usize {
        self.len + self.wide.len()
    }

    /// Number of slots.
    #[cfg(test)]
    pub fn slots(&self) -> usize {
        self.slots.len()
    }

    #[inline(always)]
    fn home(&self, id: u64) -> usize {
        let product = u128::from(id ^ self.seeds[0]) * u128::from(self.seeds[1]);
        (product as u64 ^ (product >> 64) as u64) as usize & (self.slots.len() - 1)
    }

    /// Where an order is, or where it can go.
    #[inline(always)]
    pub fn find(&self, id: u64) -> Place {
        let mut at = self.home(id);
        loop {
            let slot = &self.slots[at];
            if slot.size == 0 {
                return if !self.wide.is_empty() && self.wide.contains_key(&id) {
                    Place::Wide
                } else {
                    Place::Free(at)
                };
            }
            if slot.id == id {
                return Place::Slot(at);
            }
            at = (at + 1) & (self.slots.len() - 1);
        }
    }

    /// The order of a slot.
    #[inline(always)]
    pub fn at(&self, slot: usize) -> Order {
        self.slots[slot].order(self.anchor)
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
        match Slot::of(id, order, self.anchor) {
            Some(slot) => {
                self.slots[free] = slot;
                self.len += 1;
                if self.len * 10 > self.slots.len() * 7 {
                    self.resize(self.slots.len() * 2);
                }
            }
            None => self.insert_wide(id, order),
        }
    }

    #[cold]
    fn insert_wide(&mut self, id: u64, order: Order) {
        self.wide.insert(id, order);
    }

    /// Changes an order that is there.
    #[inline(always)]
    pub fn update(&mut self, place: Place, id: u64, order: Order) {
        match (place, Slot::of(id, order, self.anchor)) {
            (Place::Slot(at), Some(slot)) => self.slots[at] = slot,
            _ => {
                self.remove(place, id);
                if let Place::Free(free) = self.find(id) {
                    self.insert(free, id, order);
                }
            }
        }
    }

    /// Removes an order that is there.
    #[inline(always)]
    pub fn remove(&mut self, place: Place, id: u64) {
        let Place::Slot(mut hole) = place else {
            self.wide.remove(&id);
            return;
        };
        // Whoever was pushed on by the one that goes moves back, so that no marks of removed orders pile up.
        let mask = self.slots.len() - 1;
        let mut at = hole;
        loop {
            at = (at + 1) & mask;
            let slot = self.slots[at];
            if slot.size == 0 {
                break;
            }
            let pushed = at.wrapping_sub(self.home(slot.id)) & mask;
            if pushed >= (at.wrapping_sub(hole) & mask) {
                self.slots[hole] = slot;
                hole = at;
            }
        }
        self.slots[hole].size = 0;
        self.len -= 1;
        if self.len * 8 < self.slots.len() && self.slots.len() > SMALLEST {
            self.resize(self.slots.len() / 2);
        }
    }

    #[cold]
    fn resize(&mut self, slots: usize) {
        let old = std::mem::replace(&mut self.slots, empty(slots));
        for slot in old.iter().filter(|slot| slot.size != 0) {
            let mut at = self.home(slot.id);
            while self.slots[at].size != 0 {
                at = (at + 1) & (slots - 1);
            }
            self.slots[at] = *slot;
        }
    }

    /// Removes every order.
    pub fn clear(&mut self) {
        if self.slots.len() > SMALLEST {
            self.slots = empty(SMALLEST);
        } else if self.len > 0 {
            self.slots.fill(Slot::default());
        }
        self.len = 0;
        self.wide.clear();
    }

    /// Every order by its id, ascending.
    pub fn orders(&self) -> Vec<(u64, Order)> {
        let near = self.slots.iter().filter(|slot| slot.size != 0).map(|slot| (slot.id, slot.order(self.anchor)));
        let mut orders: Vec<_> = near.chain(self.wide.iter().map(|(&id, &order)| (id, order))).collect();
        orders.sort_unstable_by_key(|(id, _)| *id);
        orders
    }
}
