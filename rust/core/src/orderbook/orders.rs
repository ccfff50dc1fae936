//! The level-3 book: every order by its id.

use std::collections::BTreeMap;

use super::{OrderBook, top};
use crate::events::{Depth, Event, Flaw, LEVELS, Level, Quality, action, side};

/// Orders by id, sizes by price.
#[derive(Debug, Clone)]
pub struct Orders {
    orders: BTreeMap<u64, (u8, i64, i64)>,
    sides: [BTreeMap<i64, i64>; 2],
    depth: Depth,
    quality: Quality,
}

impl Default for Orders {
    fn default() -> Self {
        Self {
            orders: BTreeMap::new(),
            sides: Default::default(),
            depth: [Level::EMPTY; LEVELS],
            quality: Quality::default(),
        }
    }
}

impl Orders {
    fn add_size(&mut self, of: u8, price: i64, size: i64) {
        let sizes = &mut self.sides[usize::from(of == side::ASK)];
        let total = sizes.entry(price).or_insert(0);
        *total += size;
        if *total == 0 {
            sizes.remove(&price);
        }
    }
}

impl OrderBook for Orders {
    fn apply(&mut self, event: &Event) -> usize {
        match event.action {
            action::CLEAR => {
                self.orders.clear();
                self.sides.iter_mut().for_each(BTreeMap::clear);
            }
            action::ADD => {
                self.orders.insert(event.order_id, (event.side, event.price, event.size));
                self.add_size(event.side, event.price, event.size);
            }
            action::CANCEL | action::MODIFY => {
                let Some((of, price, size)) = self.orders.remove(&event.order_id) else {
                    self.quality.add(Flaw::UnknownOrder);
                    return LEVELS;
                };
                self.add_size(of, price, -size);
                let left =
                    if event.action == action::CANCEL { (price, size - event.size) } else { (event.price, event.size) };
                if left.1 > 0 {
                    self.orders.insert(event.order_id, (of, left.0, left.1));
                    self.add_size(of, left.0, left.1);
                }
            }
            _ => return LEVELS,
        }
        top(&self.sides, &mut self.depth)
    }

    fn depth(&self) -> &Depth {
        &self.depth
    }

    fn quality(&self) -> &Quality {
        &self.quality
    }
}
