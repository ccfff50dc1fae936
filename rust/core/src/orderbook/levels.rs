//! The level-2 book: sizes by price.

use std::collections::BTreeMap;

use super::{OrderBook, top};
use crate::events::{Depth, Event, LEVELS, Level, Quality, action, side};

/// Sizes by price.
#[derive(Debug, Clone)]
pub struct Levels {
    sides: [BTreeMap<i64, i64>; 2],
    depth: Depth,
    quality: Quality,
}

impl Default for Levels {
    fn default() -> Self {
        Self { sides: Default::default(), depth: [Level::EMPTY; LEVELS], quality: Quality::default() }
    }
}

impl OrderBook for Levels {
    fn apply(&mut self, event: &Event) -> usize {
        match event.action {
            action::CLEAR => self.sides.iter_mut().for_each(BTreeMap::clear),
            action::ADD | action::MODIFY | action::CANCEL if event.side != side::NONE => {
                let sizes = &mut self.sides[usize::from(event.side == side::ASK)];
                if event.action == action::CANCEL || event.size == 0 {
                    sizes.remove(&event.price);
                } else {
                    sizes.insert(event.price, event.size);
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
