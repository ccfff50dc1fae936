//! The level-3 book: every order by its id.
//!
//! The rules are those of Databento's own book for MBO records: an add puts an order on the book, a cancel takes its
//! size from it, a modify gives it a new price and size (an add if the id is unknown), trades and fills change nothing
//! because cancels follow them, a clear removes everything. A record of the top of the book is its side's only level.

use super::ladder::{Ladder, Misfit};
use super::levels::apply_total;
use super::table::{Order, Place, Table};
use super::{OrderBook, is_price, side_index};
use crate::events::{Depth, Event, Flaw, LARGEST, LEVELS, Quality, action, flag};

/// Orders by id, sizes by price.
#[derive(Debug, Clone, Default)]
pub struct Orders {
    pub(super) table: Table,
    pub(super) ladder: Ladder,
    pub(super) quality: Quality,
}

impl Orders {
    /// Number of orders on the book.
    pub fn len(&self) -> usize {
        self.table.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[cfg(test)]
    pub(super) fn slots(&self) -> usize {
        self.table.slots()
    }

    #[inline(always)]
    fn order_of(event: &Event) -> Option<Order> {
        let side = side_index(event.side)?;
        let is_order = is_price(event.price) & ((event.size.wrapping_sub(1) as u64) < LARGEST as u64);
        is_order.then_some(Order { side, price: event.price, size: event.size })
    }

    /// Changes the level of an order.
    #[inline(always)]
    fn shift(&mut self, side: usize, price: i64, change: i64) -> Option<usize> {
        match self.ladder.shift(side, price, change) {
            Ok(first) => Some(first),
            Err(misfit) => self.misfit(misfit),
        }
    }

    #[cold]
    fn misfit(&mut self, misfit: Misfit) -> Option<usize> {
        match misfit {
            Misfit::TooMuch => {
                self.quality.add(Flaw::BadOrder);
                None
            }
            Misfit::TooLittle(first) => {
                self.quality.add(Flaw::OverCancel);
                Some(first)
            }
        }
    }

    /// Puts a new order on the book.
    #[inline(always)]
    fn place(&mut self, free: usize, id: u64, order: Order) -> usize {
        match self.shift(order.side, order.price, order.size) {
            Some(first) => {
                self.table.insert(free, id, order);
                first
            }
            None => LEVELS,
        }
    }

    #[inline(always)]
    fn known(&self, place: Place, id: u64) -> Option<Order> {
        match place {
            Place::Slot(slot) => Some(self.table.at(slot)),
            Place::Wide => self.table.wide(id),
            Place::Free(_) => None,
        }
    }

    #[inline(always)]
    fn add(&mut self, place: Place, event: &Event) -> usize {
        match (place, Self::order_of(event)) {
            (Place::Free(free), Some(order)) => self.place(free, event.order_id, order),
            (_, None) => self.flawed(Flaw::BadOrder),
            (_, Some(order)) => {
                self.quality.add(Flaw::DuplicateOrder);
                self.exchange(place, event.order_id, order)
            }
        }
    }

    #[inline(always)]
    fn cancel(&mut self, place: Place, event: &Event) -> usize {
        if let Place::Slot(slot) = place {
            let order = self.table.at(slot);
            if (event.size as u64) <= order.size as u64 {
                self.table.shrink(slot, event.order_id, event.size);
                return self.shift(order.side, order.price, -event.size).unwrap_or(LEVELS);
            }
        }
        self.cancel_oddly(place, event)
    }

    /// A cancel of an unknown order, of too much, or of an order that does not fit a slot.
    #[cold]
    fn cancel_oddly(&mut self, place: Place, event: &Event) -> usize {
        let Some(old) = self.known(place, event.order_id) else { return self.flawed(Flaw::UnknownOrder) };
        if event.size < 0 {
            return self.flawed(Flaw::BadOrder);
        }
        if event.size > old.size {
            self.quality.add(Flaw::OverCancel);
        }
        let left = (old.size - event.size).max(0);
        if left == 0 {
            self.table.remove(place, event.order_id);
        } else {
            self.table.update(place, event.order_id, Order { size: left, ..old });
        }
        self.leave(Order { size: old.size - left, ..old })
    }

    /// Takes an order's size from its level.
    fn leave(&mut self, order: Order) -> usize {
        self.shift(order.side, order.price, -order.size).unwrap_or(LEVELS)
    }

    #[inline(always)]
    fn modify(&mut self, place: Place, event: &Event) -> usize {
        match (place, Self::order_of(event)) {
            (Place::Free(free), Some(new)) => {
                self.quality.add(Flaw::UnknownOrder);
                self.place(free, event.order_id, new)
            }
            (_, Some(new)) => self.exchange(place, event.order_id, new),
            (_, None) => self.modify_oddly(place, event),
        }
    }

    /// A modify to nothing takes the order away; one without a side or price cannot be followed.
    #[cold]
    fn modify_oddly(&mut self, place: Place, event: &Event) -> usize {
        let Some(old) = self.known(place, event.order_id) else { return self.flawed(Flaw::UnknownOrder) };
        if event.size != 0 {
            return self.flawed(Flaw::BadOrder);
        }
        self.table.remove(place, event.order_id);
        self.leave(old)
    }

    /// Puts an order in the place of another of the same id. One that its level cannot take is left out, and the
    /// other is gone.
    fn exchange(&mut self, place: Place, id: u64, new: Order) -> usize {
        let Some(old) = self.known(place, id) else { return LEVELS };
        if (old.side, old.price) == (new.side, new.price) {
            return match self.shift(old.side, old.price, new.size - old.size) {
                Some(first) => {
                    self.table.update(place, id, new);
                    first
                }
                None => {
                    self.table.remove(place, id);
                    self.leave(old)
                }
            };
        }
        if old.side != new.side {
            self.quality.add(Flaw::UnknownOrder);
        }
        let left = self.leave(old);
        match self.shift(new.side, new.price, new.size) {
            Some(came) => {
                self.table.update(place, id, new);
                left.min(came)
            }
            None => {
                self.table.remove(place, id);
                left
            }
        }
    }

    /// Counts an event that changes nothing.
    #[cold]
    fn flawed(&mut self, flaw: Flaw) -> usize {
        self.quality.add(flaw);
        LEVELS
    }

    /// Everything but orders that come, change and go.
    #[cold]
    fn apply_other(&mut self, event: &Event) -> usize {
        if event.action == action::CLEAR {
            self.table.clear();
            return self.ladder.clear();
        }
        apply_total(&mut self.ladder, &mut self.quality, event)
    }
}

impl OrderBook for Orders {
    #[inline]
    fn apply(&mut self, event: &Event) -> usize {
        let is_order = matches!(event.action, action::ADD | action::CANCEL | action::MODIFY);
        if !is_order || event.flags & (flag::TOP_OF_BOOK | flag::LEVEL) != 0 {
            let is_nothing = matches!(event.action, action::TRADE | action::FILL | action::NONE);
            return if is_nothing { LEVELS } else { self.apply_other(event) };
        }
        // Whatever happens to it: the way to the order begins before the action is known.
        let place = self.table.find(event.order_id);
        match event.action {
            action::ADD => self.add(place, event),
            action::CANCEL => self.cancel(place, event),
            _ => self.modify(place, event),
        }
    }

    #[inline]
    fn depth(&self) -> &Depth {
        self.ladder.depth()
    }

    fn quality(&self) -> &Quality {
        &self.quality
    }
}
