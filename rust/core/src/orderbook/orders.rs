//! The level-3 book: every order by its id.
//!
//! The rules are those of Databento's own book for MBO records: an add puts an order on the book, a cancel takes its
//! size from it, a modify gives it a new price and size (an add if the id is unknown), trades and fills change nothing
//! because cancels follow them, a clear removes everything. A record of the top of the book is its side's only level.

use super::ladder::Ladder;
use super::levels::apply_total;
use super::table::{Order, Place, Table};
use super::{OrderBook, is_price, side_index};
use crate::events::{Depth, Event, Flaw, LARGEST, LEVELS, Quality, action, flag};

/// Orders by id, sizes by price.
#[derive(Debug, Clone, Default)]
pub struct Orders {
    table: Table,
    ladder: Ladder,
    quality: Quality,
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
        let is_order = is_price(event.price) && (1..=LARGEST).contains(&event.size);
        is_order.then_some(Order { side, price: event.price, size: event.size })
    }

    #[inline(always)]
    fn add(&mut self, event: &Event) -> usize {
        let Some(order) = Self::order_of(event) else { return self.flawed(Flaw::BadOrder) };
        match self.table.find(event.order_id) {
            Place::Free(free) => self.place(free, event.order_id, order),
            place => {
                self.quality.add(Flaw::DuplicateOrder);
                self.exchange(place, event.order_id, order)
            }
        }
    }

    /// Puts an order on the book.
    #[inline(always)]
    fn place(&mut self, free: usize, id: u64, order: Order) -> usize {
        match self.ladder.give(order.side, order.price, order.size) {
            Some(first) => {
                self.table.insert(free, id, order);
                first
            }
            None => self.flawed(Flaw::BadOrder),
        }
    }

    #[inline(always)]
    fn known(&self, place: Place, id: u64) -> Option<Order> {
        match place {
            Place::Slot(at) => Some(self.table.at(at)),
            Place::Wide => self.table.wide(id),
            Place::Free(_) => None,
        }
    }

    #[inline(always)]
    fn cancel(&mut self, event: &Event) -> usize {
        let place = self.table.find(event.order_id);
        let Some(old) = self.known(place, event.order_id) else { return self.flawed(Flaw::UnknownOrder) };
        if event.size < 0 {
            return self.flawed(Flaw::BadOrder);
        }
        if event.size >= old.size {
            if event.size > old.size {
                self.quality.add(Flaw::OverCancel);
            }
            self.table.remove(place, event.order_id);
            return self.take(old, old.size);
        }
        self.table.update(place, event.order_id, Order { size: old.size - event.size, ..old });
        self.take(old, event.size)
    }

    /// Takes a size from the level of an order.
    #[inline(always)]
    fn take(&mut self, order: Order, size: i64) -> usize {
        let (first, was_there) = self.ladder.take(order.side, order.price, size);
        if !was_there {
            self.quality.add(Flaw::OverCancel);
        }
        first
    }

    #[inline(always)]
    fn modify(&mut self, event: &Event) -> usize {
        let place = self.table.find(event.order_id);
        let Some(new) = Self::order_of(event) else { return self.remove_or_flaw(place, event) };
        match place {
            Place::Free(free) => {
                self.quality.add(Flaw::UnknownOrder);
                self.place(free, event.order_id, new)
            }
            place => self.exchange(place, event.order_id, new),
        }
    }

    /// A modify to nothing takes the order away; one without a side or price cannot be followed.
    #[cold]
    fn remove_or_flaw(&mut self, place: Place, event: &Event) -> usize {
        let Some(old) = self.known(place, event.order_id) else { return self.flawed(Flaw::UnknownOrder) };
        if event.size != 0 {
            return self.flawed(Flaw::BadOrder);
        }
        self.table.remove(place, event.order_id);
        self.take(old, old.size)
    }

    /// Puts an order in the place of another of the same id.
    #[inline(always)]
    fn exchange(&mut self, place: Place, id: u64, new: Order) -> usize {
        let Some(old) = self.known(place, id) else { return LEVELS };
        if (old.side, old.price) == (new.side, new.price) {
            self.table.update(place, id, new);
            let is_more = new.size >= old.size;
            return if is_more { self.grow(id, old, new) } else { self.take(old, old.size - new.size) };
        }
        if old.side != new.side {
            self.quality.add(Flaw::UnknownOrder);
        }
        let left = self.take(old, old.size);
        match self.ladder.give(new.side, new.price, new.size) {
            Some(came) => {
                self.table.update(place, id, new);
                left.min(came)
            }
            None => {
                self.table.remove(place, id);
                self.flawed(Flaw::BadOrder);
                left
            }
        }
    }

    #[inline(always)]
    fn grow(&mut self, id: u64, old: Order, new: Order) -> usize {
        match self.ladder.give(new.side, new.price, new.size - old.size) {
            Some(first) => first,
            None => {
                self.table.remove(self.table.find(id), id);
                self.quality.add(Flaw::BadOrder);
                self.take(old, old.size)
            }
        }
    }

    /// Counts an event that changes nothing.
    #[cold]
    fn flawed(&mut self, flaw: Flaw) -> usize {
        self.quality.add(flaw);
        LEVELS
    }
}

impl OrderBook for Orders {
    #[inline]
    fn apply(&mut self, event: &Event) -> usize {
        if event.flags & (flag::TOP_OF_BOOK | flag::LEVEL) != 0 && event.action != action::CLEAR {
            return apply_total(&mut self.ladder, &mut self.quality, event);
        }
        match event.action {
            action::ADD => self.add(event),
            action::CANCEL => self.cancel(event),
            action::MODIFY => self.modify(event),
            action::CLEAR => {
                self.table.clear();
                self.ladder.clear()
            }
            _ => LEVELS,
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
