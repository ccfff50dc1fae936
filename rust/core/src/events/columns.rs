//! Events as columns: what arrays, frames and the text feeds become.

use super::{Event, Feed, Flaw, LEVELS, Level, Quality, action, flag, side};

/// Events of one instrument in columns of equal length. Times do not go back.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct EventColumns {
    /// Time on the tape's clock, ns since the epoch.
    pub ts: Vec<i64>,
    /// `events::action`.
    pub action: Vec<u8>,
    /// `events::side`.
    pub side: Vec<u8>,
    /// `events::flag`.
    pub flags: Vec<u8>,
    /// Ticks.
    pub price: Vec<i64>,
    /// Lots.
    pub size: Vec<i64>,
    /// Order ids; empty when the feed has none.
    pub order_id: Vec<u64>,
    /// Participant ids; empty when unknown.
    pub participant: Vec<u64>,
    /// The best levels after each event, row by row; empty unless the feed carries them.
    pub depth: Vec<Level>,
    /// Levels a side in `depth`; at most `LEVELS`.
    pub depth_levels: usize,
}

impl EventColumns {
    /// Number of events.
    pub fn len(&self) -> usize {
        self.ts.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.ts.is_empty()
    }

    /// Event `i`.
    #[inline]
    pub fn event(&self, i: usize) -> Event {
        Event {
            ts: self.ts[i],
            price: self.price[i],
            size: self.size[i],
            order_id: self.order_id.get(i).copied().unwrap_or(0),
            participant: self.participant.get(i).copied().unwrap_or(0),
            action: self.action[i],
            side: self.side[i],
            flags: self.flags[i],
        }
    }

    /// The levels after event `i`; empty unless the feed carries them.
    #[inline]
    pub fn levels(&self, i: usize) -> &[Level] {
        let k = self.depth_levels;
        &self.depth[i * k..(i + 1) * k]
    }

    /// How the events describe the book.
    pub fn feed(&self) -> Feed {
        if self.depth_levels > 0 {
            Feed::Depth(self.depth_levels)
        } else if self.order_id.is_empty() {
            Feed::Levels
        } else {
            Feed::Orders
        }
    }

    /// Makes room for `n` more events.
    pub fn reserve(&mut self, n: usize) {
        self.ts.reserve(n);
        self.action.reserve(n);
        self.side.reserve(n);
        self.flags.reserve(n);
        self.price.reserve(n);
        self.size.reserve(n);
        self.depth.reserve(n.saturating_mul(self.depth_levels));
    }

    /// Cuts every column to the first `n` events.
    pub fn truncate(&mut self, n: usize) {
        self.ts.truncate(n);
        self.action.truncate(n);
        self.side.truncate(n);
        self.flags.truncate(n);
        self.price.truncate(n);
        self.size.truncate(n);
        self.order_id.truncate(n);
        self.participant.truncate(n);
        self.depth.truncate(n.saturating_mul(self.depth_levels));
    }

    /// Keeps the events that are marked.
    pub fn retain(&mut self, kept: &[bool]) {
        if kept.iter().all(|&keep| keep) {
            return;
        }
        fn cut<T: Copy>(values: &mut Vec<T>, kept: &[bool]) {
            let mut marks = kept.iter();
            values.retain(|_| marks.next().copied().unwrap_or(true));
        }
        cut(&mut self.ts, kept);
        cut(&mut self.action, kept);
        cut(&mut self.side, kept);
        cut(&mut self.flags, kept);
        cut(&mut self.price, kept);
        cut(&mut self.size, kept);
        cut(&mut self.order_id, kept);
        cut(&mut self.participant, kept);
        let k = self.depth_levels.max(1);
        let mut i = 0;
        self.depth.retain(|_| {
            i += 1;
            kept.get((i - 1) / k).copied().unwrap_or(true)
        });
    }

    /// A copy of the events from `start` to before `stop`.
    #[must_use]
    pub fn slice(&self, start: usize, stop: usize) -> Self {
        fn cut<T: Clone>(values: &[T], start: usize, stop: usize) -> Vec<T> {
            values.get(start..stop).map_or_else(Vec::new, <[T]>::to_vec)
        }
        let k = self.depth_levels;
        Self {
            ts: cut(&self.ts, start, stop),
            action: cut(&self.action, start, stop),
            side: cut(&self.side, start, stop),
            flags: cut(&self.flags, start, stop),
            price: cut(&self.price, start, stop),
            size: cut(&self.size, start, stop),
            order_id: cut(&self.order_id, start, stop),
            participant: cut(&self.participant, start, stop),
            depth: cut(&self.depth, start * k, stop * k),
            depth_levels: k,
        }
    }

    /// What the events show by themselves; a book or a detector counts the same.
    pub fn shown(&self) -> Quality {
        let mut quality = Quality::default();
        let mut has_gap = false;
        for i in 0..self.len() {
            let flags = self.flags[i];
            match self.action[i] {
                action::HALT => quality.add(Flaw::Halt),
                action::CROSS => quality.add(Flaw::Cross),
                action::CLEAR => {
                    quality.add(Flaw::Clear);
                    has_gap = false;
                }
                action::TRADE if self.side[i] == side::NONE => quality.add(Flaw::UnsignedTrade),
                _ => {}
            }
            if flags & flag::SNAPSHOT != 0 {
                if flags & flag::LAST != 0 {
                    quality.add(Flaw::Snapshot);
                    has_gap = false;
                }
            } else if flags & flag::MAYBE_BAD_BOOK != 0 && !has_gap {
                quality.add(Flaw::Gap);
                has_gap = true;
            }
            if flags & flag::BAD_RECEIVE_TIME != 0 {
                quality.add(Flaw::BadReceiveTime);
            }
        }
        quality
    }

    /// Appends an event, with its order and participant id where the columns hold them.
    pub fn push(&mut self, event: &Event) {
        self.ts.push(event.ts);
        self.action.push(event.action);
        self.side.push(event.side);
        self.flags.push(event.flags);
        self.price.push(event.price);
        self.size.push(event.size);
    }

    /// Appends an event of an order feed.
    pub fn push_order(&mut self, event: &Event) {
        self.push(event);
        self.order_id.push(event.order_id);
    }

    /// Appends an event with the levels after it (at most `LEVELS`; `depth_levels` of them are kept).
    pub fn push_with_depth(&mut self, event: &Event, levels: &[Level]) {
        self.push(event);
        debug_assert!(self.depth_levels <= LEVELS);
        for k in 0..self.depth_levels {
            self.depth.push(levels.get(k).copied().unwrap_or(Level::EMPTY));
        }
    }
}
