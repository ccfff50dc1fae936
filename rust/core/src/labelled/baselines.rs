//! Detectors to be compared with: one statistic and one threshold each, on the detector's lattice of 10 ms.

use std::collections::VecDeque;

use super::score::Alarm;
use crate::error::{Error, Result};
use crate::events::{Depth, Event, Feed, LEVELS, Level, action, side};
use crate::math::exp;
use crate::orderbook::{Levels, OrderBook, Orders};
use crate::tape::Tape;

/// The baselines by number.
pub const BASELINES: [&str; 5] = ["vpin", "drift_burst", "push_z", "return_z", "ultrafast"];

/// Length of a cell, ns.
const CELL: i64 = 10_000_000;
/// Time after an alarm without another one, ns: the detector's own cool-down.
const COOL_DOWN: i64 = 5_000_000_000;
/// Time at the start of a tape without alarms, ns: the longest time constant.
const WARM_UP: i64 = 300_000_000_000;
const VPIN_BUCKETS: usize = 50;
const RUN_WINDOW: i64 = 1_500_000_000;

/// Gives every event of a tape with the book after it; records of a file are decoded to columns first.
///
/// # Errors
/// As [`Tape::events`]; `Error::Interrupted` when `go_on` says no.
pub fn walk(tape: &Tape, go_on: &mut dyn FnMut() -> bool, visit: &mut dyn FnMut(&Event, &Depth)) -> Result<()> {
    let events = tape.events(go_on)?;
    let mut by_order = Orders::default();
    let mut by_level = Levels::default();
    let mut given = [Level::EMPTY; LEVELS];
    for i in 0..events.len() {
        if i % 65_536 == 0 && !go_on() {
            return Err(Error::Interrupted);
        }
        let event = events.event(i);
        let depth = match tape.feed {
            Feed::Orders => {
                by_order.apply(&event);
                by_order.depth()
            }
            Feed::Levels => {
                by_level.apply(&event);
                by_level.depth()
            }
            Feed::Depth(levels) => {
                given[..levels].copy_from_slice(events.levels(i));
                &given
            }
        };
        visit(&event, depth);
    }
    Ok(())
}

/// Twice the mid by the time of its change, of whole and sound books.
///
/// # Errors
/// As [`walk`].
pub fn mid_path(tape: &Tape, go_on: &mut dyn FnMut() -> bool) -> Result<Vec<(i64, i64)>> {
    let mut path: Vec<(i64, i64)> = Vec::new();
    walk(tape, go_on, &mut |event, depth| {
        let best = &depth[0];
        if event.is_last() && best.is_two_sided() && best.bid_price < best.ask_price {
            let mid = best.bid_price + best.ask_price;
            if path.last().is_none_or(|last| last.1 != mid) {
                path.push((event.ts, mid));
            }
        }
    })?;
    Ok(path)
}

/// Alarms of one threshold: one at every crossing from below.
#[derive(Debug, Clone)]
struct Trigger {
    threshold: f64,
    is_above: bool,
    quiet_until: i64,
    alarms: Vec<Alarm>,
}

/// The statistics at the end of a cell, by number of the baseline, signed where they have a direction.
pub type Statistics = [f64; BASELINES.len()];

/// The five statistics over the same events.
#[derive(Debug, Clone)]
pub struct Baselines {
    cell: i64,
    closed: i64,
    start: i64,
    best: Level,
    mid: f64,
    held: f64,
    imbalance: f64,
    squares: f64,
    push: f64,
    push_rate: f64,
    weight: f64,
    mean: f64,
    second: i64,
    second_mid: f64,
    variance: f64,
    variance_weight: f64,
    drift: f64,
    drift_squares: f64,
    volume: f64,
    bucket: f64,
    filled: f64,
    signed: f64,
    gaps: VecDeque<f64>,
    run: (f64, u32, i64, i64, i64),
}

impl Default for Baselines {
    fn default() -> Self {
        Self {
            cell: i64::MIN,
            closed: i64::MIN,
            start: i64::MIN,
            best: Level::EMPTY,
            mid: f64::NAN,
            held: f64::NAN,
            imbalance: 0.0,
            squares: 0.0,
            push: 0.0,
            push_rate: 0.0,
            weight: 0.0,
            mean: f64::NAN,
            second: i64::MIN,
            second_mid: f64::NAN,
            variance: 0.0,
            variance_weight: 0.0,
            drift: 0.0,
            drift_squares: 0.0,
            volume: 0.0,
            bucket: 0.0,
            filled: 0.0,
            signed: 0.0,
            gaps: VecDeque::new(),
            run: (0.0, 0, 0, 0, 0),
        }
    }
}

impl Baselines {
    /// Takes an event; gives the statistics of the cell that it ends, if it ends one.
    pub fn step(&mut self, event: &Event, depth: &Depth) -> Option<Statistics> {
        let cell = event.ts.div_euclid(CELL);
        let mut ended = None;
        if self.cell != cell {
            if self.cell != i64::MIN && !self.mid.is_nan() {
                ended = Some(self.close());
            }
            self.cell = cell;
        }
        if event.action == action::TRADE {
            self.print(event);
        }
        let best = depth[0];
        if event.is_last() && best != self.best {
            self.quote(&best);
        }
        ended
    }

    fn quote(&mut self, best: &Level) {
        if best.is_two_sided() && best.bid_price < best.ask_price {
            self.mid = 0.5 * (best.bid_price + best.ask_price) as f64;
        }
        if self.best.is_two_sided() {
            let old = &self.best;
            // Cont, Kukanov, Stoikov 2014, with inequalities that are not strict.
            let mut e = 0.0;
            if best.bid_price >= old.bid_price {
                e += best.bid_size as f64;
            }
            if best.bid_price <= old.bid_price {
                e -= old.bid_size as f64;
            }
            if best.ask_price <= old.ask_price {
                e -= best.ask_size as f64;
            }
            if best.ask_price >= old.ask_price {
                e += old.ask_size as f64;
            }
            self.imbalance += e;
            self.squares += e * e;
        }
        self.best = *best;
    }

    fn print(&mut self, event: &Event) {
        if self.start == i64::MIN {
            self.start = event.ts;
        }
        let sign = match event.side {
            side::BID => 1.0,
            side::ASK => -1.0,
            _ => 0.0,
        };
        let size = event.size as f64;
        self.volume += size;
        if self.bucket <= 0.0 && event.ts - self.start >= WARM_UP {
            // A fiftieth of what the warm-up traded: the published fiftieth of a day would need a day to fill, and
            // the tape's own volume would look ahead.
            self.bucket = (self.volume / VPIN_BUCKETS as f64).max(1.0);
        }
        if self.bucket > 0.0 {
            let mut left = size.min(self.bucket * (VPIN_BUCKETS as f64 + 1.0));
            while left > 0.0 {
                let part = left.min(self.bucket - self.filled);
                self.filled += part;
                self.signed += sign * part;
                left -= part;
                if self.filled >= self.bucket {
                    if self.gaps.len() == VPIN_BUCKETS {
                        self.gaps.pop_front();
                    }
                    self.gaps.push_back(self.signed.abs());
                    (self.filled, self.signed) = (0.0, 0.0);
                }
            }
        }
        let (direction, count, start_ts, start_price, last) = self.run;
        if last == 0 {
            self.run = (0.0, 0, event.ts, event.price, event.price);
        } else if event.price != last {
            let now = if event.price > last { 1.0 } else { -1.0 };
            let goes_on = now * direction > 0.0 && event.ts - start_ts <= RUN_WINDOW;
            self.run = if goes_on {
                (now, count + 1, start_ts, start_price, event.price)
            } else {
                (now, 1, event.ts, last, event.price)
            };
        }
    }

    /// Ends the cell in progress.
    fn close(&mut self) -> Statistics {
        let first = self.closed == i64::MIN;
        let dt = if first { 0.0 } else { (self.cell - self.closed) as f64 * CELL as f64 * 1e-9 };
        let g = |tau: f64| exp(-dt / tau);
        let (fast, slow) = (g(0.25), g(60.0));
        self.push = self.push * fast + self.imbalance;
        self.push_rate = self.push_rate * slow + self.squares;
        self.weight = self.weight * slow + (1.0 - slow);
        (self.imbalance, self.squares) = (0.0, 0.0);
        let moved = if first { 0.0 } else { self.mid - self.held };
        if first {
            self.mean = self.mid;
        } else {
            let keep = g(1.0);
            self.mean = self.mean * keep + self.held * (1.0 - keep);
        }
        self.drift = self.drift * g(1.0) + moved;
        self.drift_squares = self.drift_squares * g(5.0) + moved * moved;
        let second = self.cell.div_euclid(100);
        if second != self.second {
            if self.second != i64::MIN {
                let keep = exp(-((second - self.second) as f64) / 300.0);
                let change = self.mid - self.second_mid;
                self.variance = self.variance * keep + change * change * (1.0 - exp(-1.0 / 300.0));
                self.variance_weight = self.variance_weight * keep + (1.0 - keep);
            }
            (self.second, self.second_mid) = (second, self.mid);
        }
        (self.held, self.closed) = (self.mid, self.cell);
        let sigma = if self.variance_weight > 0.0 { (self.variance / self.variance_weight).sqrt() } else { 0.0 };
        let ratio = |x: f64, square: f64| if square > 0.0 { x / square.sqrt() } else { 0.0 };
        let square_rate = if self.weight > 0.0 { self.push_rate / (60.0 * self.weight) } else { 0.0 };
        let vpin = if self.gaps.len() == VPIN_BUCKETS {
            self.gaps.iter().sum::<f64>() / (VPIN_BUCKETS as f64 * self.bucket)
        } else {
            0.0
        };
        let (direction, count, _, from, to) = self.run;
        let is_fresh = self.cell * CELL - self.run.2 <= RUN_WINDOW;
        let run =
            if count >= 10 && is_fresh { direction * (to - from).abs() as f64 / (0.008 * from as f64) } else { 0.0 };
        [
            vpin,
            ratio(2.0_f64.sqrt() * self.drift, self.drift_squares / 5.0),
            ratio(self.push, square_rate * 0.25 * 0.5),
            (self.mid - self.mean) / (sigma.max(0.5) * 0.5_f64.sqrt()),
            run,
        ]
    }
}

/// Alarms of every baseline at every one of its thresholds.
///
/// # Errors
/// As [`walk`].
pub fn baseline_alarms(
    tape: &Tape,
    thresholds: &[Vec<f64>; BASELINES.len()],
    go_on: &mut dyn FnMut() -> bool,
) -> Result<[Vec<Vec<Alarm>>; BASELINES.len()]> {
    let mut triggers: Vec<Vec<Trigger>> = thresholds
        .iter()
        .map(|list| {
            let trigger =
                |&threshold: &f64| Trigger { threshold, is_above: false, quiet_until: i64::MIN, alarms: Vec::new() };
            list.iter().map(trigger).collect()
        })
        .collect();
    let mut baselines = Baselines::default();
    let mut start = i64::MIN;
    walk(tape, go_on, &mut |event, depth| {
        if start == i64::MIN {
            start = event.ts;
        }
        let Some(statistics) = baselines.step(event, depth) else { return };
        if event.ts - start < WARM_UP {
            return;
        }
        for (i, (value, list)) in statistics.iter().zip(&mut triggers).enumerate() {
            for trigger in list {
                let is_above = value.abs() >= trigger.threshold;
                if is_above && !trigger.is_above && event.ts >= trigger.quiet_until {
                    // VPIN has no direction.
                    let side = if i == 0 {
                        0
                    } else if *value > 0.0 {
                        1
                    } else {
                        -1
                    };
                    trigger.alarms.push(Alarm { ts: event.ts, known: event.ts, side });
                    trigger.quiet_until = event.ts + COOL_DOWN;
                }
                trigger.is_above = is_above;
            }
        }
    })?;
    let mut lists = triggers.into_iter().map(|list| list.into_iter().map(|trigger| trigger.alarms).collect());
    Ok(std::array::from_fn(|_| lists.next().unwrap_or_default()))
}
