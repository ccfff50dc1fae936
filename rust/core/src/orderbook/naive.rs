//! Plain books on ordered maps, rule by rule: what the fast ones are compared with.

use std::collections::BTreeMap;

use super::{OrderBook, is_price, side_index};
use crate::events::{Depth, Event, Flaw, LARGEST, LEVELS, Level, Quality, action, flag};

type Order = (usize, i64, i64);

/// Either book: of orders if `has_orders`, else of levels.
#[derive(Debug, Clone)]
pub struct Naive {
    has_orders: bool,
    orders: BTreeMap<u64, Order>,
    sides: [BTreeMap<i64, i64>; 2],
    depth: Depth,
    quality: Quality,
}

impl Naive {
    /// An empty book.
    pub fn new(has_orders: bool) -> Self {
        Self {
            has_orders,
            orders: BTreeMap::new(),
            sides: Default::default(),
            depth: [Level::EMPTY; LEVELS],
            quality: Quality::default(),
        }
    }

    /// Number of orders.
    pub fn orders(&self) -> usize {
        self.orders.len()
    }

    fn set(&mut self, side: usize, price: i64, size: i64) {
        if size > 0 {
            self.sides[side].insert(price, size);
        } else {
            self.sides[side].remove(&price);
        }
    }

    fn size(&self, side: usize, price: i64) -> i64 {
        self.sides[side].get(&price).copied().unwrap_or(0)
    }

    fn leave(&mut self, (side, price, size): Order) {
        let there = self.size(side, price);
        if there < size {
            self.quality.add(Flaw::OverCancel);
        }
        self.set(side, price, (there - size).max(0));
    }

    fn come(&mut self, id: u64, (side, price, size): Order) {
        let total = self.size(side, price) + size;
        if total > LARGEST {
            self.quality.add(Flaw::BadOrder);
        } else {
            self.orders.insert(id, (side, price, size));
            self.set(side, price, total);
        }
    }

    fn order_event(&mut self, event: &Event) {
        let known = self.orders.get(&event.order_id).copied();
        let side = side_index(event.side);
        let good = side.filter(|_| is_price(event.price) && event.size > 0 && event.size <= LARGEST);
        let new = good.map(|side| (side, event.price, event.size));
        match (event.action, known, new) {
            (action::ADD, _, None) => self.quality.add(Flaw::BadOrder),
            (action::ADD, None, Some(new)) => self.come(event.order_id, new),
            (action::MODIFY, None, Some(new)) => {
                self.quality.add(Flaw::UnknownOrder);
                self.come(event.order_id, new);
            }
            (action::ADD | action::MODIFY, Some(old), Some(new)) => {
                if event.action == action::ADD {
                    self.quality.add(Flaw::DuplicateOrder);
                }
                if old.0 != new.0 {
                    self.quality.add(Flaw::UnknownOrder);
                }
                let is_in_place = (old.0, old.1) == (new.0, new.1);
                if is_in_place && new.2 < old.2 {
                    self.orders.insert(event.order_id, new);
                    self.leave((old.0, old.1, old.2 - new.2));
                } else if is_in_place && self.size(old.0, old.1) + new.2 - old.2 <= LARGEST {
                    self.orders.insert(event.order_id, new);
                    self.set(old.0, old.1, self.size(old.0, old.1) + new.2 - old.2);
                } else if is_in_place {
                    self.quality.add(Flaw::BadOrder);
                    self.orders.remove(&event.order_id);
                    self.leave(old);
                } else {
                    self.orders.remove(&event.order_id);
                    self.leave(old);
                    self.come(event.order_id, new);
                }
            }
            (action::MODIFY | action::CANCEL, None, _) => self.quality.add(Flaw::UnknownOrder),
            (action::MODIFY, Some(_), None) if event.size != 0 => self.quality.add(Flaw::BadOrder),
            (action::CANCEL, Some(_), _) if event.size < 0 => self.quality.add(Flaw::BadOrder),
            (action::MODIFY, Some(old), None) => {
                self.orders.remove(&event.order_id);
                self.leave(old);
            }
            (action::CANCEL, Some(old), _) => {
                if event.size > old.2 {
                    self.quality.add(Flaw::OverCancel);
                }
                let gone = event.size.min(old.2);
                if gone == old.2 {
                    self.orders.remove(&event.order_id);
                } else {
                    self.orders.insert(event.order_id, (old.0, old.1, old.2 - gone));
                }
                self.leave((old.0, old.1, gone));
            }
            _ => {}
        }
    }

    fn total_event(&mut self, event: &Event) {
        if !matches!(event.action, action::ADD | action::MODIFY | action::CANCEL) {
            return;
        }
        let is_only = event.flags & flag::TOP_OF_BOOK != 0;
        let size = if event.action == action::CANCEL { 0 } else { event.size };
        match side_index(event.side) {
            Some(side) if is_only && !is_price(event.price) => self.sides[side].clear(),
            Some(side) if is_price(event.price) && (0..=LARGEST).contains(&size) => {
                if size == 0 && self.size(side, event.price) == 0 {
                    self.quality.add(Flaw::UnknownLevel);
                } else {
                    if is_only {
                        self.sides[side].clear();
                    }
                    self.set(side, event.price, size);
                }
            }
            _ => self.quality.add(Flaw::BadOrder),
        }
    }

    /// Writes the best levels and says the first that changed.
    fn top(&mut self) -> usize {
        let mut now = [Level::EMPTY; LEVELS];
        for (level, (&price, &size)) in now.iter_mut().zip(self.sides[0].iter().rev()) {
            (level.bid_price, level.bid_size) = (price, size);
        }
        for (level, (&price, &size)) in now.iter_mut().zip(&self.sides[1]) {
            (level.ask_price, level.ask_size) = (price, size);
        }
        let first = now.iter().zip(&self.depth).position(|(new, old)| new != old).unwrap_or(LEVELS);
        self.depth = now;
        first
    }
}

impl OrderBook for Naive {
    fn apply(&mut self, event: &Event) -> usize {
        if event.action == action::CLEAR {
            self.orders.clear();
            self.sides.iter_mut().for_each(BTreeMap::clear);
        } else if self.has_orders && event.flags & (flag::TOP_OF_BOOK | flag::LEVEL) == 0 {
            self.order_event(event);
        } else {
            self.total_event(event);
        }
        self.top()
    }

    fn depth(&self) -> &Depth {
        &self.depth
    }

    fn quality(&self) -> &Quality {
        &self.quality
    }
}
