//! Books rebuilt from events: of orders (level 3) and of price levels (level 2).

pub mod levels;
pub mod orders;

use crate::events::{Depth, Event, Quality};

/// A book that is rebuilt from events.
pub trait OrderBook {
    /// Applies one event and says the first level of `depth` that changed (`LEVELS` when none did).
    fn apply(&mut self, event: &Event) -> usize;

    /// The best levels of both sides.
    fn depth(&self) -> &Depth;

    /// What was flagged so far.
    fn quality(&self) -> &Quality;
}
