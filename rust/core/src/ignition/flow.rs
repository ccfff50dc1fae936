//! Exact totals of the order flow between two cells of the lattice: integers, updated once an event.

use serde::{Deserialize, Serialize};

use crate::events::{Event, LEVELS, Level, side};
use crate::math::{exp, exp_plain, has_plain_exp};

/// Multi-level order-flow imbalance is kept in units of 1/2520 contracts, so that the weights 1/k are whole.
pub const LEVEL_WEIGHTS: [f64; LEVELS] = [2520.0, 1260.0, 840.0, 630.0, 504.0, 420.0, 360.0, 315.0, 280.0, 252.0];

/// Order-flow imbalance of one level between two states of the book, contracts.
///
/// The non-strict form of Cont, Kukanov and Stoikov (2014), doi:10.1093/jjfinec/nbt003, equation (2): a change of
/// size at an unchanged price counts. A missing level is an infinitely bad price with size 0.
#[inline]
pub fn order_flow_imbalance(before: &Level, after: &Level) -> i64 {
    // Masks instead of branches: which way a level changes cannot be predicted.
    let arrived = |better: bool, size: i64| size & -i64::from(better);
    let bid = arrived(after.bid_price >= before.bid_price, after.bid_size)
        - arrived(after.bid_price <= before.bid_price, before.bid_size);
    let ask = arrived(after.ask_price <= before.ask_price, after.ask_size)
        - arrived(after.ask_price >= before.ask_price, before.ask_size);
    bid - ask
}

/// Depth that left the best prices between two states of the book, contracts, both sides.
#[inline]
pub fn depth_lost(before: &Level, after: &Level) -> i64 {
    let bid = if after.bid_price < before.bid_price {
        before.bid_size
    } else if after.bid_price == before.bid_price {
        (before.bid_size - after.bid_size).max(0)
    } else {
        0
    };
    let ask = if after.ask_price > before.ask_price {
        before.ask_size
    } else if after.ask_price == before.ask_price {
        (before.ask_size - after.ask_size).max(0)
    } else {
        0
    };
    bid + ask
}

/// Totals over one cell, or over the cells of a slower clock.
///
/// Sums of whole numbers of lots: exact below 2^53, and without an overflow above.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct Totals {
    /// Order-flow imbalance of the best level, contracts.
    pub imbalance: f64,
    /// Sum of its squares.
    pub imbalance_squared: f64,
    /// Multi-level order-flow imbalance, 1/2520 contracts.
    pub multi_level: f64,
    /// Volume of buyers that took liquidity.
    pub bought: f64,
    /// Volume of sellers that took liquidity.
    pub sold: f64,
    /// Volume without a named aggressor.
    pub unsigned: f64,
    /// Aggressor events: prints of one nanosecond and side are one.
    pub aggressors: u32,
    /// Messages.
    pub messages: u32,
    /// Depth lost at the best prices.
    pub lost: f64,
    /// Buyers' volume at a new high of the clock's extreme window.
    pub bought_high: f64,
    /// Sellers' volume at a new low of the clock's extreme window.
    pub sold_low: f64,
    /// Most levels that one aggressor event swept.
    pub swept: u32,
}

impl Totals {
    /// Adds the totals of a cell; what printed at new extremes is each clock's own and is left alone.
    pub fn add(&mut self, other: &Self) {
        self.imbalance += other.imbalance;
        self.imbalance_squared += other.imbalance_squared;
        self.multi_level += other.multi_level;
        self.bought += other.bought;
        self.sold += other.sold;
        self.unsigned += other.unsigned;
        self.aggressors = self.aggressors.saturating_add(other.aggressors);
        self.messages = self.messages.saturating_add(other.messages);
        self.lost += other.lost;
        self.swept = self.swept.max(other.swept);
    }

    /// Volume of all trades.
    pub fn volume(&self) -> f64 {
        self.bought + self.sold + self.unsigned
    }
}

/// The aggressor event in progress and what the last sweep drew after it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Sweep {
    ts: i64,
    side: u8,
    last_price: i64,
    levels: u32,
    volume: f64,
    sweep_ts: i64,
    sweep_side: u8,
    sweep_volume: f64,
    followed: f64,
}

/// Volume of the same side within this time after a sweep follows it, ns.
const FOLLOW_WINDOW: i64 = 250_000_000;

impl Default for Sweep {
    fn default() -> Self {
        Self {
            ts: i64::MIN,
            side: side::NONE,
            last_price: 0,
            levels: 0,
            volume: 0.0,
            sweep_ts: i64::MIN / 2,
            sweep_side: side::NONE,
            sweep_volume: 0.0,
            followed: 0.0,
        }
    }
}

impl Sweep {
    /// Takes one print; says whether it begins a new aggressor event, and the levels swept by the event so far.
    pub fn print(&mut self, event: &Event) -> (bool, u32) {
        let same_side = event.side == self.sweep_side;
        if same_side && event.ts > self.sweep_ts && event.ts - self.sweep_ts <= FOLLOW_WINDOW {
            self.followed += event.size as f64;
        }
        let is_new = event.ts != self.ts || event.side != self.side;
        if is_new {
            (self.ts, self.side, self.last_price) = (event.ts, event.side, event.price);
            (self.levels, self.volume) = (1, event.size as f64);
        } else {
            self.levels = self.levels.saturating_add(u32::from(event.price != self.last_price));
            self.last_price = event.price;
            self.volume += event.size as f64;
        }
        if self.levels >= 2 {
            if self.sweep_ts != self.ts || !same_side {
                self.followed = 0.0;
            }
            (self.sweep_ts, self.sweep_side, self.sweep_volume) = (self.ts, self.side, self.volume);
        }
        (is_new, self.levels)
    }

    /// Volume that followed the last sweep within 250 ms over the sweep's own.
    pub fn follow_on(&self) -> f64 {
        if self.sweep_volume > 0.0 { self.followed / self.sweep_volume } else { 0.0 }
    }
}

/// Same-direction price changes of trades within 1.5 s (Johnson et al. 2013, doi:10.1038/srep02627).
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct UltrafastRun {
    direction: i8,
    count: u32,
    start_ts: i64,
    start_price: i64,
    last_price: i64,
}

/// Longest time of an ultrafast run, ns.
const RUN_WINDOW: i64 = 1_500_000_000;

impl UltrafastRun {
    /// Takes one trade price; ticks.
    pub fn print(&mut self, ts: i64, price: i64) {
        if self.start_price == 0 && self.last_price == 0 {
            (self.start_price, self.last_price) = (price, price);
        }
        let change = price.saturating_sub(self.last_price);
        if change == 0 {
            return;
        }
        let direction = if change > 0 { 1 } else { -1 };
        if direction != self.direction || ts - self.start_ts > RUN_WINDOW {
            (self.direction, self.count) = (direction, 0);
            (self.start_ts, self.start_price) = (ts, self.last_price);
        }
        self.count = self.count.saturating_add(1);
        self.last_price = price;
    }

    /// Price changes in the run.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Whether the run has at least 10 changes and moved the price by at least .8 %.
    pub fn is_ultrafast(&self) -> bool {
        let (start, last) = (self.start_price as f64, self.last_price as f64);
        self.count >= 10 && (last - start).abs() >= 0.008 * start.abs()
    }
}

/// Highest and lowest trade price of the last 60 units but the current one.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Extremes {
    highs: Vec<i64>,
    lows: Vec<i64>,
    unit: i64,
    high: i64,
    low: i64,
    high_now: i64,
    low_now: i64,
}

/// Units of the clock that an extreme is taken over, the current one among them.
const EXTREME_UNITS: usize = 60;

impl Default for Extremes {
    fn default() -> Self {
        Self {
            highs: vec![i64::MIN; EXTREME_UNITS],
            lows: vec![i64::MAX; EXTREME_UNITS],
            unit: 0,
            high: i64::MIN,
            low: i64::MAX,
            high_now: i64::MIN,
            low_now: i64::MAX,
        }
    }
}

impl Extremes {
    /// Moves on to a unit of the clock, counted from the epoch.
    pub fn advance(&mut self, unit: i64) {
        let passed = unit - self.unit;
        if passed <= 0 {
            return;
        }
        let slot = |unit: i64| unit.rem_euclid(EXTREME_UNITS as i64) as usize;
        (self.highs[slot(self.unit)], self.lows[slot(self.unit)]) = (self.high_now, self.low_now);
        for empty in 1..passed.min(EXTREME_UNITS as i64 + 1) {
            (self.highs[slot(self.unit + empty)], self.lows[slot(self.unit + empty)]) = (i64::MIN, i64::MAX);
        }
        self.unit = unit;
        // The slot of the current unit still holds that of 60 units before, which has left the window.
        (self.highs[slot(unit)], self.lows[slot(unit)]) = (i64::MIN, i64::MAX);
        self.high = self.highs.iter().copied().max().unwrap_or(i64::MIN);
        self.low = self.lows.iter().copied().min().unwrap_or(i64::MAX);
        (self.high_now, self.low_now) = (i64::MIN, i64::MAX);
    }

    /// Takes one trade price; says whether it is above, or below, every price of the units before.
    #[inline]
    pub fn print(&mut self, price: i64) -> (bool, bool) {
        self.high_now = self.high_now.max(price);
        self.low_now = self.low_now.min(price);
        (self.high != i64::MIN && price > self.high, self.low != i64::MAX && price < self.low)
    }
}

/// Volume-synchronised probability of informed trading over 50 buckets of equal volume, with true signs
/// (Easley, Lopez de Prado, O'Hara 2012, doi:10.1093/rfs/hhs053; its limits: Andersen, Bondarenko 2014,
/// doi:10.1016/j.finmar.2013.05.005).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Vpin {
    bucket: i64,
    filled: i64,
    signed: i64,
    gaps: Vec<i64>,
    next: usize,
    total: i64,
    full: usize,
}

/// Buckets of the mean.
const VPIN_BUCKETS: usize = 50;

impl Vpin {
    /// Buckets of `bucket` lots; 0 switches it off.
    pub fn new(bucket: i64) -> Self {
        Self { bucket, gaps: if bucket > 0 { vec![0; VPIN_BUCKETS] } else { Vec::new() }, ..Self::default() }
    }

    /// Takes the volume of one print; `sign` is +1 for a buyer, -1 for a seller, 0 when unknown.
    pub fn print(&mut self, size: i64, sign: i64) {
        if self.bucket <= 0 {
            return;
        }
        let mut left = size;
        // A print of more than all buckets leaves the mean as a print of exactly all of them does.
        let most = self.bucket.saturating_mul(VPIN_BUCKETS as i64 + 1);
        if left > most {
            left = most + left % self.bucket;
        }
        while left > 0 {
            let part = left.min(self.bucket - self.filled);
            self.filled += part;
            self.signed += sign * part;
            left -= part;
            if self.filled == self.bucket {
                let gap = self.signed.abs();
                self.total += gap - self.gaps[self.next];
                self.gaps[self.next] = gap;
                self.next = (self.next + 1) % VPIN_BUCKETS;
                self.full = (self.full + 1).min(VPIN_BUCKETS);
                (self.filled, self.signed) = (0, 0);
            }
        }
    }

    /// The mean imbalance of the last 50 buckets, in `[0, 1]`; NaN before they are full.
    pub fn value(&self) -> f64 {
        if self.full < VPIN_BUCKETS {
            return f64::NAN;
        }
        self.total as f64 / (self.bucket as f64 * VPIN_BUCKETS as f64)
    }
}

/// Time constants of the Hawkes kernels, ns.
const HAWKES_TAUS: [f64; 3] = [1e7, 1e8, 1e9];

/// Exponentially weighted rates of aggressor events with kernels of 10 ms, 100 ms and 1 s
/// (Hawkes 1971, doi:10.1093/biomet/58.1.83).
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct HawkesIntensity {
    ts: i64,
    sums: [f64; 3],
}

impl HawkesIntensity {
    /// Takes one aggressor event.
    pub fn print(&mut self, ts: i64) {
        self.sums = self.decayed(ts);
        for sum in &mut self.sums {
            *sum += 1.0;
        }
        self.ts = ts;
    }

    fn decayed(&self, ts: i64) -> [f64; 3] {
        let passed = (ts - self.ts) as f64;
        // One vector where the fastest kernel's decay is a normal number, and with it the others'.
        if has_plain_exp(passed / HAWKES_TAUS[0]) {
            std::array::from_fn(|i| self.sums[i] * exp_plain(-passed / HAWKES_TAUS[i]))
        } else {
            std::array::from_fn(|i| self.sums[i] * exp(-passed / HAWKES_TAUS[i]))
        }
    }

    /// Events a second as seen by each kernel.
    pub fn rates(&self, ts: i64) -> [f64; 3] {
        let sums = self.decayed(ts);
        std::array::from_fn(|i| sums[i] / (HAWKES_TAUS[i] * 1e-9))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{action, flag};

    fn level(bid_price: i64, bid_size: i64, ask_price: i64, ask_size: i64) -> Level {
        Level { bid_price, ask_price, bid_size, ask_size }
    }

    fn print(ts: i64, side: u8, price: i64, size: i64) -> Event {
        Event { ts, price, size, order_id: 0, participant: 0, action: action::TRADE, side, flags: flag::LAST }
    }

    #[test]
    fn imbalance_counts_changes_in_place_and_moves() {
        let base = level(100, 5, 101, 7);
        assert_eq!(order_flow_imbalance(&base, &base), 0);
        assert_eq!(order_flow_imbalance(&base, &level(100, 8, 101, 7)), 3);
        assert_eq!(order_flow_imbalance(&base, &level(100, 5, 101, 2)), 5);
        assert_eq!(order_flow_imbalance(&base, &level(99, 4, 101, 7)), -5);
        assert_eq!(order_flow_imbalance(&base, &level(100, 5, 102, 9)), 7);
        assert_eq!(order_flow_imbalance(&base, &Level::EMPTY), 2);
        assert_eq!(depth_lost(&base, &level(99, 50, 101, 3)), 9);
        assert_eq!(depth_lost(&base, &level(101, 1, 102, 3)), 7);
    }

    #[test]
    fn a_sweep_is_one_aggressor_event() {
        let mut sweep = Sweep::default();
        assert_eq!(sweep.print(&print(10, side::BID, 100, 2)), (true, 1));
        assert_eq!(sweep.print(&print(10, side::BID, 100, 2)), (false, 1));
        assert_eq!(sweep.print(&print(10, side::BID, 101, 4)), (false, 2));
        assert_eq!(sweep.print(&print(20, side::BID, 101, 4)), (true, 1));
        assert_eq!(sweep.print(&print(20, side::ASK, 101, 4)), (true, 1));
        assert!((sweep.follow_on() - 0.5).abs() < 1e-15);
    }

    #[test]
    fn extremes_forget_after_sixty_units() {
        let mut extremes = Extremes::default();
        extremes.advance(100);
        assert_eq!(extremes.print(50), (false, false));
        extremes.advance(101);
        assert_eq!(extremes.print(51), (true, false));
        assert_eq!(extremes.print(49), (false, true));
        extremes.advance(160);
        assert_eq!(extremes.print(51), (false, false), "unit 101 is still in the window");
        extremes.advance(161);
        assert_eq!(extremes.print(50), (false, true), "unit 101 has left it");
    }

    #[test]
    fn vpin_is_the_mean_gap_of_the_buckets() {
        let mut vpin = Vpin::new(10);
        for i in 0..50 {
            assert!(vpin.value().is_nan());
            vpin.print(7, 1);
            vpin.print(3, if i % 2 == 0 { -1 } else { 1 });
        }
        assert!((vpin.value() - 0.7).abs() < 1e-15);
        vpin.print(i64::MAX, 1);
        assert!((vpin.value() - 1.0).abs() < 0.02);
    }

    #[test]
    fn runs_restart_on_a_turn_and_after_their_window() {
        let mut run = UltrafastRun::default();
        run.print(0, 1_000);
        for i in 1..=12 {
            run.print(i * 100_000_000, 1_000 - i);
        }
        assert_eq!((run.count(), run.is_ultrafast()), (12, true));
        run.print(1_300_000_000, 990);
        assert_eq!(run.count(), 1);
    }
}
