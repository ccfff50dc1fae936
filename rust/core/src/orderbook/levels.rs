//! The level-2 book: sizes by price.

use super::ladder::Ladder;
use super::{OrderBook, is_price, side_index};
use crate::events::{Depth, Event, Flaw, LARGEST, LEVELS, Quality, action, flag};

/// Sizes by price.
#[derive(Debug, Clone, Default)]
pub struct Levels {
    pub(super) ladder: Ladder,
    pub(super) quality: Quality,
}

/// Applies an event whose size is the total of a level, and says the first of the best levels that changed.
///
/// A record of the top of the book makes its level the only one of the side; without a price it empties the side.
pub(super) fn apply_total(ladder: &mut Ladder, quality: &mut Quality, event: &Event) -> usize {
    if event.action == action::CLEAR {
        return ladder.clear();
    }
    if !matches!(event.action, action::ADD | action::MODIFY | action::CANCEL) {
        return LEVELS;
    }
    let Some(side) = side_index(event.side) else {
        quality.add(Flaw::BadOrder);
        return LEVELS;
    };
    let size = if event.action == action::CANCEL { 0 } else { event.size };
    let is_only = event.flags & flag::TOP_OF_BOOK != 0;
    if !is_price(event.price) && is_only {
        return ladder.clear_side(side);
    }
    if !is_price(event.price) || !(0..=LARGEST).contains(&size) {
        quality.add(Flaw::BadOrder);
        return LEVELS;
    }
    if size == 0 && ladder.size(side, event.price) == 0 {
        quality.add(Flaw::UnknownLevel);
        return LEVELS;
    }
    if is_only { ladder.set_only(side, event.price, size) } else { ladder.set(side, event.price, size) }
}

impl OrderBook for Levels {
    #[inline]
    fn apply(&mut self, event: &Event) -> usize {
        apply_total(&mut self.ladder, &mut self.quality, event)
    }

    #[inline]
    fn depth(&self) -> &Depth {
        self.ladder.depth()
    }

    fn quality(&self) -> &Quality {
        &self.quality
    }
}
