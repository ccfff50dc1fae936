//! Order-book events: one vocabulary for every feed.
//!
//! The vocabulary is Databento's MBO: actions, sides and flags are the ASCII letters and bits of that schema; other
//! feeds are translated to it by `crate::decode`. Prices are integer ticks, sizes integer lots, times integer
//! nanoseconds since the epoch (UTC).

pub mod arrays;
pub mod columns;
pub mod grid;
pub mod quality;

use serde::{Deserialize, Serialize};

pub use columns::EventColumns;
pub use grid::Grid;
pub use quality::{Flaw, Quality};

/// Levels of a book that are kept on each side.
pub const LEVELS: usize = 10;

/// Price of an event that has none (clear, status).
pub const NO_PRICE: i64 = i64::MAX;

/// Largest size, and largest price either way, that is taken: beyond it sums are no longer exact.
pub const LARGEST: i64 = 1 << 53;

/// First and last time that is taken, ns since the epoch: 1990 to 2100. Others are in another unit.
pub const TIMES: std::ops::Range<i64> = 631_152_000_000_000_000..4_102_444_800_000_000_000;

/// What an event does.
pub mod action {
    /// A new order, or size added to a level.
    pub const ADD: u8 = b'A';
    /// An order, or a part of it, is taken away; size removed from a level.
    pub const CANCEL: u8 = b'C';
    /// An order's price or size, or a level's size, changes to the given one.
    pub const MODIFY: u8 = b'M';
    /// An aggressor traded; the book is changed by the events that follow, if any.
    pub const TRADE: u8 = b'T';
    /// A resting order was filled; the book is changed by the events that follow.
    pub const FILL: u8 = b'F';
    /// Every order goes.
    pub const CLEAR: u8 = b'R';
    /// Nothing but flags or the levels that come with the event.
    pub const NONE: u8 = b'N';
    /// Trading stops: the book is not scored until `RESUME`.
    pub const HALT: u8 = b'H';
    /// Trading is on again: the mask after an open or reopen begins.
    pub const RESUME: u8 = b'O';
    /// An auction or cross printed: a trade that no aggressor made.
    pub const CROSS: u8 = b'X';
}

/// Side of an order; of the aggressor in a trade.
pub mod side {
    /// Bid, or a buyer.
    pub const BID: u8 = b'B';
    /// Ask, or a seller.
    pub const ASK: u8 = b'A';
    /// Unknown or both.
    pub const NONE: u8 = b'N';
}

/// Bits of an event, as Databento's `flags`.
pub mod flag {
    /// Last record of one event of the venue: the book is whole after it.
    pub const LAST: u8 = 1 << 7;
    /// A message of the top of the book, not of an order.
    pub const TOP_OF_BOOK: u8 = 1 << 6;
    /// Part of a snapshot: its time is older than the feed's.
    pub const SNAPSHOT: u8 = 1 << 5;
    /// The size is the total of a price level, not of an order.
    pub const LEVEL: u8 = 1 << 4;
    /// The receive time is not reliable.
    pub const BAD_RECEIVE_TIME: u8 = 1 << 3;
    /// The venue's feed had a gap that was not recovered: the book may be wrong until a clear or a snapshot.
    pub const MAYBE_BAD_BOOK: u8 = 1 << 2;
}

/// Whether a byte is one of some capital letters: a bit a letter, no branch a letter.
#[inline]
const fn is_among(byte: u8, letters: &[u8]) -> bool {
    let (mut bits, mut i) = (0_u32, 0);
    while i < letters.len() {
        bits |= 1 << (letters[i] - b'A');
        i += 1;
    }
    let place = byte.wrapping_sub(b'A');
    place < 26 && bits >> place & 1 == 1
}

/// One event.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Event {
    /// Time on the tape's clock, ns since the epoch.
    pub ts: i64,
    /// Ticks; `NO_PRICE` when there is none.
    pub price: i64,
    /// Lots.
    pub size: i64,
    /// Order id; 0 when the feed has none.
    pub order_id: u64,
    /// Participant id; 0 when unknown.
    pub participant: u64,
    /// One of `action`.
    pub action: u8,
    /// One of `side`.
    pub side: u8,
    /// Bits of `flag`.
    pub flags: u8,
}

impl Event {
    /// Whether time, size and price are within what is taken, and action and side are letters of the vocabulary.
    #[inline]
    pub fn is_plausible(&self) -> bool {
        let is_price = self.price.unsigned_abs() <= LARGEST as u64 || self.price == NO_PRICE;
        TIMES.contains(&self.ts) && (0..=LARGEST).contains(&self.size) && is_price && self.is_spelled()
    }

    /// Whether action and side are letters of the vocabulary.
    #[inline]
    pub fn is_spelled(&self) -> bool {
        is_among(self.action, b"ACMTFRNHOX") && is_among(self.side, b"BAN")
    }

    /// Whether the book is whole after this event.
    #[inline]
    pub fn is_last(&self) -> bool {
        self.flags & flag::LAST != 0
    }
}

/// One level of both sides of a book. A missing level is an infinitely bad price with size 0.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[repr(C)]
pub struct Level {
    /// Ticks.
    pub bid_price: i64,
    /// Ticks.
    pub ask_price: i64,
    /// Lots.
    pub bid_size: i64,
    /// Lots.
    pub ask_size: i64,
}

impl Level {
    /// No orders on either side.
    pub const EMPTY: Self = Self { bid_price: i64::MIN, ask_price: i64::MAX, bid_size: 0, ask_size: 0 };

    /// Whether sizes and prices are within what is taken.
    #[inline]
    pub fn is_plausible(&self) -> bool {
        let within = |price: i64, none: i64| price.unsigned_abs() <= LARGEST as u64 || price == none;
        within(self.bid_price, i64::MIN)
            && within(self.ask_price, i64::MAX)
            && (0..=LARGEST).contains(&self.bid_size)
            && (0..=LARGEST).contains(&self.ask_size)
    }

    /// Whether both sides have orders.
    #[inline]
    pub fn is_two_sided(&self) -> bool {
        self.bid_price != i64::MIN && self.ask_price != i64::MAX
    }
}

/// The best levels of both sides, best first.
pub type Depth = [Level; LEVELS];

/// How the events of a tape describe the book.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Feed {
    /// Every order with its id (level 3).
    Orders,
    /// Sizes of price levels (level 2): `ADD` and `MODIFY` give the new total at a price, `CANCEL` and size 0 remove it.
    Levels,
    /// Every event comes with the best levels after it; the number of levels a side.
    Depth(usize),
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_level_is_one_comparable_block() {
        assert_eq!(size_of::<Level>(), 32);
        assert!(!Level::EMPTY.is_two_sided() && Level::EMPTY.is_plausible());
        assert!(!Level { bid_size: -1, ..Level::EMPTY }.is_plausible());
        assert!(!Level { ask_price: LARGEST + 1, ..Level::EMPTY }.is_plausible());
    }
}
