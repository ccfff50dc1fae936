//! Exponentially weighted state of one clock, moved on once a cell, and the features that it gives.
//!
//! Time stands on a lattice of cells of 1/100 unit, counted from the epoch. An exact total of a cell enters the sums
//! at the cell's end; a mean of a piecewise-constant signal takes its value at the end of the cell. Decay over n
//! cells is one number g(n) = exp(-n/(100 tau)), from a table, so that no record pays for an exponential.

use serde::{Deserialize, Serialize};

use super::config::{CELLS_PER_UNIT, IgnitionConfig};
use super::flow::Totals;
use crate::events::{Depth, LEVELS, side};
use crate::math::exp;

/// Rows of the table of decays.
const ROWS: usize = 256;

/// Decay factors over a number of cells.
#[derive(Debug, Clone, Copy)]
pub struct Decay {
    fast: f64,
    mid: f64,
    slow: f64,
    five: f64,
    twenty_five: f64,
}

/// Decay factors by the number of cells, the same on every clock.
#[derive(Debug, Clone)]
pub struct Decays {
    rates: [f64; 5],
    sigma_rate: f64,
    baseline_rate: f64,
    rows: Vec<Decay>,
}

impl Decays {
    /// The table of a configuration.
    pub fn new(config: &IgnitionConfig) -> Self {
        let rate = |tau: f64| 1.0 / (tau * CELLS_PER_UNIT as f64);
        let rates = [rate(config.tau_fast), rate(config.tau_mid), rate(config.tau_slow), rate(5.0), rate(25.0)];
        // Change of the branching ratio against 30 minutes: 1,800 units in windows of two.
        let mut decays =
            Self { rates, sigma_rate: 1.0 / config.tau_sigma, baseline_rate: 2.0 / 1_800.0, rows: Vec::new() };
        decays.rows = (0..ROWS).map(|n| decays.exact(n as i64)).collect();
        decays
    }

    fn exact(&self, cells: i64) -> Decay {
        let g = |rate: f64| exp(-(cells as f64) * rate);
        let [fast, mid, slow, five, twenty_five] = self.rates.map(g);
        Decay { fast, mid, slow, five, twenty_five }
    }

    #[inline]
    fn over(&self, cells: i64) -> Decay {
        match self.rows.get(cells as usize) {
            Some(row) => *row,
            None => self.exact(cells),
        }
    }
}

/// The book at the end of a cell, in ticks and lots.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
pub struct BookView {
    /// Middle of the best bid and ask.
    pub mid: f64,
    /// Best ask less best bid.
    pub spread: f64,
    /// Size of the best bid and ask.
    pub best: [f64; 2],
    /// Depth of three levels, bid and ask.
    pub depth3: [f64; 2],
    /// Depth of five levels.
    pub depth5: [f64; 2],
    /// Depth of all levels that are kept.
    pub depth_all: [f64; 2],
}

impl BookView {
    /// The view of a two-sided book.
    pub fn of(depth: &Depth) -> Self {
        let best = &depth[0];
        let mut sums = [[0_i64; 2]; LEVELS];
        let mut running = [0_i64; 2];
        for (sum, level) in sums.iter_mut().zip(depth) {
            running[0] = running[0].saturating_add(level.bid_size);
            running[1] = running[1].saturating_add(level.ask_size);
            *sum = running;
        }
        let pair = |sum: [i64; 2]| [sum[0] as f64, sum[1] as f64];
        Self {
            mid: 0.5 * (best.bid_price as f64 + best.ask_price as f64),
            spread: best.ask_price as f64 - best.bid_price as f64,
            best: [best.bid_size as f64, best.ask_size as f64],
            depth3: pair(sums[2]),
            depth5: pair(sums[4]),
            depth_all: pair(sums[LEVELS - 1]),
        }
    }
}

/// Counts of aggressor events in windows of two units, for the branching ratio.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct Branching {
    window: i64,
    now: u64,
    counts: Vec<u64>,
    filled: usize,
    next: usize,
    sum: u64,
    squares: u64,
    baseline: f64,
}

/// Windows of the variance-to-mean ratio.
const BRANCHING_WINDOWS: usize = 100;

impl Default for Branching {
    fn default() -> Self {
        let counts = vec![0; BRANCHING_WINDOWS];
        Self { window: 0, now: 0, counts, filled: 0, next: 0, sum: 0, squares: 0, baseline: f64::MIN }
    }
}

impl Branching {
    fn advance(&mut self, window: i64, baseline_rate: f64) {
        if self.window == 0 {
            // Windows before the first event were not silent, they were not seen.
            self.window = window;
        }
        let passed = (window - self.window).clamp(0, BRANCHING_WINDOWS as i64);
        for _ in 0..passed {
            let old = std::mem::replace(&mut self.counts[self.next], self.now);
            self.sum = self.sum + self.now - old;
            self.squares = self.squares + self.now * self.now - old * old;
            self.now = 0;
            self.next = (self.next + 1) % BRANCHING_WINDOWS;
            self.filled = (self.filled + 1).min(BRANCHING_WINDOWS);
        }
        if passed > 0 {
            let ratio = self.ratio();
            if !ratio.is_nan() {
                let first = self.baseline <= f64::MIN;
                let step = 1.0 - exp(-(passed as f64) * baseline_rate);
                self.baseline = if first { ratio } else { self.baseline + (ratio - self.baseline) * step };
            }
        }
        self.window = window;
    }

    /// n = 1 - 1/sqrt(F), F the variance-to-mean ratio of the counts (Hardiman, Bouchaud 2014,
    /// doi:10.1103/PhysRevE.90.062807); NaN before the windows are full or without events.
    fn ratio(&self) -> f64 {
        if self.filled < BRANCHING_WINDOWS || self.sum == 0 {
            return f64::NAN;
        }
        let n = BRANCHING_WINDOWS as f64;
        let mean = self.sum as f64 / n;
        let variance = (self.squares as f64 / n - mean * mean).max(0.0);
        let factor = (variance / mean).max(1.0);
        1.0 - 1.0 / factor.sqrt()
    }
}

/// Declares the features once: their fields, their names and their values in one order.
macro_rules! features {
    ($($(#[$doc:meta])* $name:ident),+ $(,)?) => {
        /// Features of one clock at the end of a cell. Units are in the table of docs/detector.md.
        #[derive(Debug, Clone, Copy, PartialEq)]
        pub struct Features {
            $($(#[$doc])* pub $name: f64),+
        }

        impl Features {
            /// Names of the features, in the order of `values`.
            pub const NAMES: &'static [&'static str] = &[$(stringify!($name)),+];

            /// Every feature.
            pub fn values(&self) -> [f64; Self::NAMES.len()] {
                [$(self.$name),+]
            }
        }
    };
}

features! {
    /// Middle of the book, ticks.
    mid,
    /// Best ask less best bid, ticks.
    spread,
    /// EW sum of the best level's order-flow imbalance over `tau_fast`, contracts.
    order_flow_imbalance,
    /// EW sum of the multi-level order-flow imbalance over `tau_fast`, contracts.
    multi_level_imbalance,
    /// Order-flow imbalance in standard deviations of shot noise.
    push_z,
    /// (bid - ask)/(bid + ask) of the best sizes.
    queue_imbalance,
    /// The same of the depth of all levels.
    depth_imbalance,
    /// Microprice less mid, ticks.
    microprice,
    /// Depth of three levels over its slow mean, bid.
    thinning_bid,
    /// Depth of three levels over its slow mean, ask.
    thinning_ask,
    /// Depth of five levels over what ten units of sellers take, bid.
    quick_ratio_bid,
    /// Depth of five levels over what ten units of buyers take, ask.
    quick_ratio_ask,
    /// Share of the lost depth at the best prices that was cancelled, one unit.
    fade_share,
    /// Messages a trade.
    order_to_trade,
    /// Standard deviation of the mid's change over one unit, ticks.
    sigma,
    /// Distance of the mid from its mean, standard deviations.
    velocity_z,
    /// Fast less slow velocity, ticks a unit.
    acceleration,
    /// Fast over slow rate of volume.
    volume_burst,
    /// Fast rate of aggressor events against the slow one, standard deviations.
    trade_burst_z,
    /// Share of the last unit's volume printed at a new extreme in its own direction.
    cascade_share,
    /// Most levels swept by one aggressor event in the last cell with trades.
    levels_swept,
    /// Drift burst over one unit.
    drift_burst,
    /// Drift burst over five units.
    drift_burst_slow,
    /// Branching ratio of aggressor events; NaN before 200 units.
    branching_ratio,
    /// Its change against 30 minutes (1,800 units).
    branching_change,
}

/// The weighted sums and means of one clock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Clock {
    /// Index of the cell in progress, counted from the epoch.
    pub cell: i64,
    /// Totals of the cell in progress.
    pub pending: Totals,
    /// Sums over `tau_fast`: imbalance, volume, aggressor events, multi-level imbalance, signed volume.
    fast: [f64; 5],
    /// Sums over `tau_mid`: volume, lost depth, volume at highs, volume at lows, price change.
    mid: [f64; 5],
    /// Sums over `tau_slow`: squared imbalance, volume, aggressor events, messages, bought, sold.
    slow: [f64; 6],
    /// Drift burst: squared changes over 5 units, changes over 5, squared changes over 25.
    drift: [f64; 3],
    mean_fast: f64,
    mean_mid: f64,
    mean_depth: [f64; 2],
    weight_fast: f64,
    weight_slow: f64,
    variance: f64,
    variance_weight: f64,
    unit: i64,
    unit_mid: f64,
    last_mid: f64,
    has_mid: bool,
    swept: f64,
    branching: Branching,
    /// The book at the last cell.
    pub book: BookView,
}

impl Default for Clock {
    fn default() -> Self {
        Self {
            cell: 0,
            pending: Totals::default(),
            fast: [0.0; 5],
            mid: [0.0; 5],
            slow: [0.0; 6],
            drift: [0.0; 3],
            mean_fast: 0.0,
            mean_mid: 0.0,
            mean_depth: [0.0; 2],
            weight_fast: 0.0,
            weight_slow: 0.0,
            variance: 0.0,
            variance_weight: 0.0,
            unit: 0,
            unit_mid: 0.0,
            last_mid: 0.0,
            has_mid: false,
            swept: 0.0,
            branching: Branching::default(),
            book: BookView::default(),
        }
    }
}

impl Clock {
    /// Ends the cell in progress and every silent one before `cell`, with the book as it stands.
    pub fn close(&mut self, cell: i64, book: &BookView, decays: &Decays) {
        let cells = cell - self.cell;
        let total = std::mem::take(&mut self.pending);
        let g = decays.over(cells);
        // What happened in the first of the cells entered at its end and has decayed over the others.
        let late = decays.over(cells - 1);
        let volume = total.volume();
        let aggressors = f64::from(total.aggressors);
        let signed = total.bought - total.sold;
        let change = if self.has_mid { book.mid - self.last_mid } else { 0.0 };
        let fast = [total.imbalance, volume, aggressors, total.multi_level, signed];
        let mid = [volume, total.lost, total.bought_high, total.sold_low, change];
        let slow = [total.imbalance_squared, volume, aggressors, f64::from(total.messages), total.bought, total.sold];
        for (sum, x) in self.fast.iter_mut().zip(fast) {
            *sum = *sum * g.fast + x * late.fast;
        }
        for (sum, x) in self.mid.iter_mut().zip(mid) {
            *sum = *sum * g.mid + x * late.mid;
        }
        for (sum, x) in self.slow.iter_mut().zip(slow) {
            *sum = *sum * g.slow + x * late.slow;
        }
        let squared = change * change;
        self.drift[0] = self.drift[0] * g.five + squared * late.five;
        self.drift[1] = self.drift[1] * g.five + change * late.five;
        self.drift[2] = self.drift[2] * g.twenty_five + squared * late.twenty_five;
        if self.has_mid {
            self.mean_fast = self.mean_fast * g.fast + book.mid * (1.0 - g.fast);
            self.mean_mid = self.mean_mid * g.mid + book.mid * (1.0 - g.mid);
        } else {
            (self.mean_fast, self.mean_mid, self.unit_mid) = (book.mid, book.mid, book.mid);
            self.has_mid = true;
        }
        for (mean, depth) in self.mean_depth.iter_mut().zip(book.depth3) {
            *mean = *mean * g.slow + depth * (1.0 - g.slow);
        }
        self.weight_fast = self.weight_fast * g.fast + (1.0 - g.fast);
        self.weight_slow = self.weight_slow * g.slow + (1.0 - g.slow);
        if total.aggressors > 0 {
            self.swept = f64::from(total.swept);
        }
        self.branching.now += u64::from(total.aggressors);
        let unit = cell.div_euclid(CELLS_PER_UNIT);
        if unit != self.unit {
            self.end_unit(unit, book.mid, decays);
        }
        self.last_mid = book.mid;
        self.book = *book;
        self.cell = cell;
    }

    fn end_unit(&mut self, unit: i64, mid: f64, decays: &Decays) {
        let units = (unit - self.unit) as f64;
        let g = exp(-units * decays.sigma_rate);
        if self.unit != 0 {
            let moved = mid - self.unit_mid;
            // One change over several silent units is their sum; its square enters once.
            let share = 1.0 - exp(-decays.sigma_rate);
            self.variance = self.variance * g + moved * moved * share;
            self.variance_weight = self.variance_weight * g + (1.0 - g);
        }
        self.branching.advance(unit.div_euclid(2), decays.baseline_rate);
        self.unit = unit;
        self.unit_mid = mid;
    }

    /// Forgets where the mid was: after a gap or a halt the next one is a new beginning.
    pub fn forget_mid(&mut self) {
        self.has_mid = false;
    }

    /// Standard deviation of the mid's change over one unit, ticks; at least half a tick.
    #[inline]
    pub fn sigma(&self) -> f64 {
        if self.variance_weight > 0.0 { (self.variance / self.variance_weight).sqrt().max(0.5) } else { 0.5 }
    }

    /// Distance of the mid from its mean, ticks.
    #[inline]
    pub fn distance(&self) -> f64 {
        self.last_mid - self.mean_mid
    }

    /// Mean of the mid that moves are measured from, ticks.
    #[inline]
    pub fn reference(&self) -> f64 {
        self.mean_mid
    }

    /// Fast over slow rate of volume; 0 before there is any.
    #[inline]
    pub fn volume_burst(&self, config: &IgnitionConfig) -> f64 {
        let fast = self.fast[1] * (config.tau_slow * self.weight_slow);
        let slow = self.slow[1] * (config.tau_fast * self.weight_fast);
        if slow > 0.0 { fast / slow } else { 0.0 }
    }

    /// Signed volume over `tau_fast`, lots.
    #[inline]
    pub fn signed_volume(&self) -> f64 {
        self.fast[4]
    }

    /// Order-flow imbalance over `tau_fast` in standard deviations of shot noise (Campbell's theorem): the variance
    /// of the sum of shots with rate-weighted square A is A tau/2.
    #[inline]
    pub fn push_z(&self, config: &IgnitionConfig) -> f64 {
        let square_rate = self.slow[0] / (config.tau_slow * self.weight_slow);
        if square_rate > 0.0 { self.fast[0] / (square_rate * config.tau_fast * 0.5).sqrt() } else { 0.0 }
    }

    /// Distance of the mid from its mean in standard deviations of a random walk.
    #[inline]
    pub fn velocity_z(&self, config: &IgnitionConfig) -> f64 {
        self.distance() / (self.sigma() * (config.tau_mid * 0.5).sqrt())
    }

    /// Fast less slow velocity, ticks a unit.
    #[inline]
    pub fn acceleration(&self, config: &IgnitionConfig) -> f64 {
        (self.last_mid - self.mean_fast) / config.tau_fast - self.distance() / config.tau_mid
    }

    /// Depth of three levels of a side over its slow mean.
    #[inline]
    pub fn thinning(&self, of: u8) -> f64 {
        let i = usize::from(of == side::ASK);
        let mean = self.mean_depth[i];
        if mean > 0.0 { self.book.depth3[i] * self.weight_slow / mean } else { 1.0 }
    }

    /// Share of the last unit's volume that printed at a new extreme in its own direction.
    #[inline]
    pub fn cascade_share(&self) -> f64 {
        let extreme = self.mid[2].max(self.mid[3]);
        if self.mid[0] > 0.0 { extreme / self.mid[0] } else { 0.0 }
    }

    /// Volume a unit over the last unit.
    #[inline]
    pub fn volume_rate(&self, config: &IgnitionConfig) -> f64 {
        self.mid[0] / config.tau_mid
    }

    /// Most levels swept by one aggressor event in the last cell with trades.
    pub fn levels_swept(&self) -> f64 {
        self.swept
    }

    /// Depth of five levels over what ten units take of it at the slow rate, for bids and asks; infinite when
    /// nobody takes.
    pub fn quick_ratios(&self, config: &IgnitionConfig) -> [f64; 2] {
        let taken = |volume: f64| 10.0 * volume / (config.tau_slow * self.weight_slow);
        let ratio = |depth: f64, taken: f64| if taken > 0.0 { depth / taken } else { f64::INFINITY };
        [ratio(self.book.depth5[0], taken(self.slow[5])), ratio(self.book.depth5[1], taken(self.slow[4]))]
    }

    /// Share of the depth lost at the best prices over the last unit that was cancelled; `None` when none was lost.
    #[inline]
    pub fn fade_share(&self) -> Option<f64> {
        let lost = self.mid[1];
        (lost > 0.0).then(|| (lost - self.mid[0].min(lost)) / lost)
    }

    /// Fast rate of aggressor events against the slow one, standard deviations of shot noise.
    #[inline]
    pub fn trade_burst_z(&self, config: &IgnitionConfig) -> f64 {
        let mean = self.slow[2] / (config.tau_slow * self.weight_slow);
        let deviation = (mean * config.tau_fast * 0.5).sqrt();
        if deviation > 0.0 { (self.fast[2] - mean * config.tau_fast * self.weight_fast) / deviation } else { 0.0 }
    }

    /// Every feature.
    pub fn features(&self, config: &IgnitionConfig) -> Features {
        let book = &self.book;
        let imbalance = |pair: [f64; 2]| {
            let sum = pair[0] + pair[1];
            if sum > 0.0 { (pair[0] - pair[1]) / sum } else { f64::NAN }
        };
        let quick = self.quick_ratios(config);
        let drift = |sum: f64, squares: f64, h: f64| {
            let variance = squares / (5.0 * h);
            if variance > 0.0 { (2.0 * h).sqrt() * (sum / h) / variance.sqrt() } else { 0.0 }
        };
        let branching = self.branching.ratio();
        Features {
            mid: book.mid,
            spread: book.spread,
            order_flow_imbalance: self.fast[0],
            multi_level_imbalance: self.fast[3] / 2520.0,
            push_z: self.push_z(config),
            queue_imbalance: imbalance(book.best),
            depth_imbalance: imbalance(book.depth_all),
            microprice: 0.5 * book.spread * imbalance(book.best),
            thinning_bid: self.thinning(side::BID),
            thinning_ask: self.thinning(side::ASK),
            quick_ratio_bid: quick[0],
            quick_ratio_ask: quick[1],
            fade_share: self.fade_share().unwrap_or(f64::NAN),
            order_to_trade: if self.slow[2] > 0.0 { self.slow[3] / self.slow[2] } else { f64::NAN },
            sigma: self.sigma(),
            velocity_z: self.velocity_z(config),
            acceleration: self.acceleration(config),
            volume_burst: self.volume_burst(config),
            trade_burst_z: self.trade_burst_z(config),
            cascade_share: self.cascade_share(),
            levels_swept: self.swept,
            drift_burst: drift(self.mid[4], self.drift[0], 1.0),
            drift_burst_slow: drift(self.drift[1], self.drift[2], 5.0),
            branching_ratio: branching,
            branching_change: branching - self.branching.baseline,
        }
    }
}
