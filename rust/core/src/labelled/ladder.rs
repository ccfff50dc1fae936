//! The simulator's book: a queue of orders at every price, written out as events of the chosen feed.

use std::collections::VecDeque;

use crate::events::{Event, EventColumns, Feed, LEVELS, Level, action, flag, side};

/// A resting order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    /// Unique over the tape.
    pub id: u64,
    /// Lots.
    pub size: i64,
    /// Participant.
    pub owner: u64,
}

/// A price with its queue.
#[derive(Debug, Clone)]
pub struct Rung {
    /// Price as its side sees it: bids as they are, asks negated, so that larger is better on both.
    pub rank: i64,
    /// Lots in the queue.
    pub size: i64,
    orders: VecDeque<Order>,
}

/// Both sides of the book and the tape that its changes are written to.
#[derive(Debug)]
pub struct Ladder {
    /// Rungs of bids and asks, best last.
    sides: [Vec<Rung>; 2],
    spare: Vec<VecDeque<Order>>,
    /// The events so far.
    pub columns: EventColumns,
    feed: Feed,
    with_participants: bool,
    next_id: u64,
    /// While it is set, no event says that the book is whole.
    pub is_unfinished: bool,
    /// Twice the mid by the time of its change.
    pub path: Vec<(i64, i64)>,
}

/// Index of a side: 0 bids, 1 asks.
pub type SideIndex = usize;

const NAMES: [u8; 2] = [side::BID, side::ASK];

/// +1 for bids, -1 for asks: rank times this is the price.
#[inline]
pub fn orientation(of: SideIndex) -> i64 {
    if of == 0 { 1 } else { -1 }
}

impl Ladder {
    /// An empty book that writes a feed.
    pub fn new(feed: Feed, with_participants: bool) -> Self {
        let depth_levels = if let Feed::Depth(levels) = feed { levels.min(LEVELS) } else { 0 };
        let columns = EventColumns { depth_levels, ..EventColumns::default() };
        Self {
            sides: Default::default(),
            spare: Vec::new(),
            columns,
            feed,
            with_participants,
            next_id: 1,
            is_unfinished: false,
            path: Vec::new(),
        }
    }

    /// Number of prices with orders.
    pub fn rungs(&self, of: SideIndex) -> usize {
        self.sides[of].len()
    }

    /// The price at `level` from the best.
    #[inline]
    pub fn rung(&self, of: SideIndex, level: usize) -> Option<&Rung> {
        let rungs = &self.sides[of];
        rungs.len().checked_sub(level + 1).map(|i| &rungs[i])
    }

    /// Rank of the best price; the smallest number when there is none.
    #[inline]
    pub fn best(&self, of: SideIndex) -> i64 {
        self.sides[of].last().map_or(i64::MIN / 4, |rung| rung.rank)
    }

    /// Lots at the best price.
    #[inline]
    pub fn touch(&self, of: SideIndex) -> i64 {
        self.sides[of].last().map_or(0, |rung| rung.size)
    }

    /// Twice the mid, ticks.
    #[inline]
    pub fn double_mid(&self) -> i64 {
        self.best(0) - self.best(1)
    }

    /// Lots at a rank.
    pub fn size_at(&self, of: SideIndex, rank: i64) -> i64 {
        self.sides[of].binary_search_by_key(&rank, |rung| rung.rank).map_or(0, |i| self.sides[of][i].size)
    }

    fn write(&mut self, ts: i64, what: u8, of: u8, price: i64, size: i64, order: (u64, u64), is_last: bool) {
        let is_last = is_last && !self.is_unfinished;
        let level_flag = if self.feed == Feed::Levels && what != action::TRADE { flag::LEVEL } else { 0 };
        let flags = if is_last { flag::LAST } else { 0 } | level_flag;
        let event = Event { ts, price, size, order_id: order.0, participant: order.1, action: what, side: of, flags };
        match self.feed {
            Feed::Orders => self.columns.push_order(&event),
            Feed::Levels => self.columns.push(&event),
            Feed::Depth(_) => {
                let mut levels = [Level::EMPTY; LEVELS];
                for (level, rung) in levels.iter_mut().zip(self.sides[0].iter().rev()) {
                    (level.bid_price, level.bid_size) = (rung.rank, rung.size);
                }
                for (level, rung) in levels.iter_mut().zip(self.sides[1].iter().rev()) {
                    (level.ask_price, level.ask_size) = (-rung.rank, rung.size);
                }
                self.columns.push_with_depth(&event, &levels);
            }
        }
        if self.with_participants {
            self.columns.participant.push(order.1);
        }
        if is_last {
            let mid = self.double_mid();
            if self.path.last().is_none_or(|last| last.1 != mid) {
                self.path.push((ts, mid));
            }
        }
    }

    /// Queues a new order behind the others at its price. The caller keeps the book from crossing.
    pub fn add(&mut self, ts: i64, of: SideIndex, rank: i64, size: i64, owner: u64) {
        let order = Order { id: self.next_id, size, owner };
        self.next_id += 1;
        let rungs = &mut self.sides[of];
        // Most orders come near the best price, at the end of the list.
        let mut at = rungs.len();
        while at > 0 && rungs[at - 1].rank > rank {
            at -= 1;
        }
        if at == 0 || rungs[at - 1].rank < rank {
            let orders = self.spare.pop().unwrap_or_default();
            rungs.insert(at, Rung { rank, size: 0, orders });
            at += 1;
        }
        let rung = &mut rungs[at - 1];
        rung.size += size;
        rung.orders.push_back(order);
        let total = rung.size;
        let written = if self.feed == Feed::Levels { total } else { size };
        self.write(ts, action::ADD, NAMES[of], rank * orientation(of), written, (order.id, owner), true);
    }

    /// Takes away the order number `choice` modulo the queue's length at `level` from the best.
    pub fn cancel(&mut self, ts: i64, of: SideIndex, level: usize, choice: usize) {
        let rungs = &mut self.sides[of];
        let Some(at) = rungs.len().checked_sub(level + 1) else { return };
        let rung = &mut rungs[at];
        let choice = choice % rung.orders.len();
        let Some(order) = rung.orders.remove(choice) else { return };
        rung.size -= order.size;
        let (rank, total) = (rung.rank, rung.size);
        self.drop_if_empty(of, at);
        self.write_removal(ts, of, rank, total, order, order.size, true);
    }

    fn drop_if_empty(&mut self, of: SideIndex, at: usize) {
        if self.sides[of][at].orders.is_empty() {
            self.spare.push(self.sides[of].remove(at).orders);
        }
    }

    fn write_removal(&mut self, ts: i64, of: SideIndex, rank: i64, total: i64, order: Order, size: i64, is_last: bool) {
        let is_resized = self.feed == Feed::Levels && total > 0;
        let what = if is_resized { action::MODIFY } else { action::CANCEL };
        let written = if self.feed == Feed::Levels { total } else { size };
        let price = rank * orientation(of);
        self.write(ts, what, NAMES[of], price, written, (order.id, order.owner), is_last);
    }

    /// A marketable order of `aggressor` against the side `of`, up to `size` lots and down to `limit` (a rank).
    /// Says what it took.
    pub fn take(&mut self, ts: i64, of: SideIndex, size: i64, limit: i64, aggressor: u64) -> i64 {
        let mut left = size;
        while left > 0 {
            // The last price is never taken: the book stays two-sided.
            if self.sides[of].len() < 2 || self.best(of) < limit {
                break;
            }
            let at = self.sides[of].len() - 1;
            let rank = self.sides[of][at].rank;
            let part = left.min(self.sides[of][at].size);
            left -= part;
            let is_final =
                left == 0 || self.sides[of][at - 1].rank < limit || (at == 1 && self.sides[of][at].size == part);
            self.write(ts, action::TRADE, NAMES[1 - of], rank * orientation(of), part, (0, aggressor), false);
            self.fill(ts, of, part, is_final);
        }
        size - left
    }

    /// Fills `size` lots of the best price in the order of the queue.
    fn fill(&mut self, ts: i64, of: SideIndex, size: i64, is_final: bool) {
        let at = self.sides[of].len() - 1;
        let rank = self.sides[of][at].rank;
        let mut left = size;
        while left > 0 {
            let rung = &mut self.sides[of][at];
            let Some(front) = rung.orders.front_mut() else { return };
            let order = *front;
            let part = left.min(order.size);
            left -= part;
            front.size -= part;
            if front.size == 0 {
                rung.orders.pop_front();
            }
            rung.size -= part;
            if self.feed == Feed::Orders {
                let price = rank * orientation(of);
                self.write(ts, action::FILL, NAMES[of], price, part, (order.id, order.owner), false);
                if left == 0 {
                    self.finish_fill(ts, of, at, order, part, is_final);
                } else {
                    let total = self.sides[of][at].size;
                    self.write_removal(ts, of, rank, total, order, part, false);
                }
            } else if left == 0 {
                self.finish_fill(ts, of, at, order, size, is_final);
            }
        }
    }

    fn finish_fill(&mut self, ts: i64, of: SideIndex, at: usize, order: Order, size: i64, is_final: bool) {
        let (rank, total) = (self.sides[of][at].rank, self.sides[of][at].size);
        self.drop_if_empty(of, at);
        self.write_removal(ts, of, rank, total, order, size, is_final);
    }

    /// Takes away the worst price, order by order.
    pub fn drop_worst(&mut self, ts: i64, of: SideIndex) {
        while let Some(level) = self.sides[of].len().checked_sub(1) {
            let before = self.sides[of].len();
            self.cancel(ts, of, level, 0);
            if self.sides[of].len() < before {
                return;
            }
        }
    }
}
