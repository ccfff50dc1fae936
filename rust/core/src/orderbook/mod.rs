//! Books rebuilt from events: of orders (level 3) and of price levels (level 2).

pub mod levels;
pub mod orders;

use std::collections::BTreeMap;

pub use levels::Levels;
pub use orders::Orders;

use crate::events::{Depth, Event, LEVELS, Level, Quality};

/// A book that is rebuilt from events.
pub trait OrderBook {
    /// Applies one event and says the first level of `depth` that changed (`LEVELS` when none did).
    fn apply(&mut self, event: &Event) -> usize;

    /// The best levels of both sides.
    fn depth(&self) -> &Depth;

    /// What was flagged so far.
    fn quality(&self) -> &Quality;
}

/// Writes the best levels and says the first that changed.
fn top(sides: &[BTreeMap<i64, i64>; 2], depth: &mut Depth) -> usize {
    let mut now = [Level::EMPTY; LEVELS];
    for (level, (&price, &size)) in now.iter_mut().zip(sides[0].iter().rev()) {
        (level.bid_price, level.bid_size) = (price, size);
    }
    for (level, (&price, &size)) in now.iter_mut().zip(&sides[1]) {
        (level.ask_price, level.ask_size) = (price, size);
    }
    let first = now.iter().zip(depth.iter()).position(|(new, old)| new != old).unwrap_or(LEVELS);
    *depth = now;
    first
}
