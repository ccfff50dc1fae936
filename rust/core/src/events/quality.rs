//! What was flagged or dropped, counted.

use serde::{Deserialize, Serialize};

macro_rules! flaws {
    ($($(#[$doc:meta])* $variant:ident => $name:literal),+ $(,)?) => {
        /// One kind of anomaly.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        #[repr(usize)]
        pub enum Flaw {
            $($(#[$doc])* $variant),+
        }

        impl Flaw {
            /// Names of all kinds, in the order of the counters.
            pub const NAMES: &'static [&'static str] = &[$($name),+];

            /// The kind of that name.
            pub fn named(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)+
                    _ => None,
                }
            }
        }
    };
}

flaws! {
    /// A cancel or modify of an order that the book does not hold on that side.
    UnknownOrder => "unknown_order",
    /// An add of an id that the book already holds; the older order goes.
    DuplicateOrder => "duplicate_order",
    /// An order without a side, a price or a size within what is taken; it is left out.
    BadOrder => "bad_order",
    /// A cancel of more than the order or the level holds; it is cut to what is there.
    OverCancel => "over_cancel",
    /// A removal of a level that is not there.
    UnknownLevel => "unknown_level",
    /// Missing sequence numbers, or the venue's own sign of a gap.
    Gap => "gap",
    /// Events that were left out because they were before the first snapshot.
    BeforeSnapshot => "before_snapshot",
    /// Updates that the book had already seen.
    OutdatedUpdate => "outdated_update",
    /// Snapshots that were applied.
    Snapshot => "snapshot",
    /// Clears of the whole book.
    Clear => "clear",
    /// Whole books with bid above ask.
    Crossed => "crossed",
    /// Whole books with bid equal to ask.
    Locked => "locked",
    /// Whole books without a bid or without an ask.
    OneSided => "one_sided",
    /// Pauses of the feed beyond `stale_after`.
    Stale => "stale",
    /// Halts.
    Halt => "halt",
    /// Crosses and auctions, which count neither as trades nor as aggression.
    Cross => "cross",
    /// Trades against hidden orders.
    HiddenTrade => "hidden_trade",
    /// Trades between two ticks, taken to the less extreme one.
    OffGridTrade => "off_grid_trade",
    /// Trades whose aggressor the feed does not name.
    UnsignedTrade => "unsigned_trade",
    /// Records of another kind than the tape's, left out.
    OtherRecord => "other_record",
    /// Records of another instrument, left out.
    OtherInstrument => "other_instrument",
    /// Records whose receive time the feed marks as unreliable.
    BadReceiveTime => "bad_receive_time",
    /// Quotes or trades that the feed marks as suspicious.
    Suspicious => "suspicious",
    /// Rows before or after the session that was asked for, left out.
    OutsideSession => "outside_session",
    /// Rows that were dropped by the policy of the reader.
    Dropped => "dropped",
    /// Times before their predecessor's that the policy let through; the tape's clock stands still for them.
    TimeBackwards => "time_backwards",
}

/// Counters of every kind of flaw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Quality {
    counts: [u64; Flaw::NAMES.len()],
}

impl Default for Quality {
    fn default() -> Self {
        Self { counts: [0; Flaw::NAMES.len()] }
    }
}

impl Quality {
    /// Counts one.
    #[inline]
    pub fn add(&mut self, flaw: Flaw) {
        self.add_many(flaw, 1);
    }

    /// Counts several. A full counter stays full: saved counters may hold anything.
    #[inline]
    pub fn add_many(&mut self, flaw: Flaw, count: u64) {
        let counter = &mut self.counts[flaw as usize];
        *counter = counter.saturating_add(count);
    }

    /// How many were counted.
    pub fn count(&self, flaw: Flaw) -> u64 {
        self.counts[flaw as usize]
    }

    /// Adds the counters of another source.
    pub fn merge(&mut self, other: &Self) {
        for (mine, theirs) in self.counts.iter_mut().zip(other.counts) {
            *mine = mine.saturating_add(theirs);
        }
    }

    /// Name and count of every kind, zeros included.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, u64)> + '_ {
        Flaw::NAMES.iter().copied().zip(self.counts)
    }

    /// The bare counters, in the order of `Flaw::NAMES`.
    pub fn counts(&self) -> &[u64] {
        &self.counts
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_follow_the_counters() {
        let mut quality = Quality::default();
        quality.add(Flaw::UnknownOrder);
        quality.add_many(Flaw::TimeBackwards, 3);
        let mut twice = quality;
        twice.merge(&quality);
        let seen: Vec<_> = twice.iter().filter(|(_, count)| *count > 0).collect();
        assert_eq!(seen, [("unknown_order", 2), ("time_backwards", 6)]);
        assert_eq!(Flaw::NAMES.len(), Flaw::TimeBackwards as usize + 1);
    }

    #[test]
    fn a_full_counter_stays_full() {
        let mut quality = Quality { counts: [u64::MAX; Flaw::NAMES.len()] };
        let full = quality;
        quality.add(Flaw::BadOrder);
        quality.add_many(Flaw::Gap, 2);
        quality.merge(&full);
        assert_eq!(quality, full);
    }
}
