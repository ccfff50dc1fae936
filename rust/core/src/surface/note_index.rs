//! The rolled note as a stream: the first two futures of a curve, a little of the first sold every session.

use super::vix::Future;
use crate::calendar;
use crate::instrument::Day;
use crate::math;

/// Level at the first close.
const BASE: f64 = 100.0;
const YEAR_DAYS: f64 = 365.0;

/// What the index holds since its last close.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Held {
    expiries: [Day; 2],
    value: f64,
    weight: f64,
    day: Day,
}

/// Level of a long position in the first two VIX futures, rebalanced at every close.
///
/// The share of the first future is dr/dt: sessions left in the roll period over its length, the period running from
/// one VIX expiry to the session before the next (S&P Dow Jones Indices, "S&P VIX Futures Indices Methodology").
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct NoteIndex {
    closed: f64,
    level: f64,
    flags: u32,
    held: Option<Held>,
}

impl Default for NoteIndex {
    fn default() -> Self {
        Self { closed: BASE, level: BASE, flags: 0, held: None }
    }
}

impl NoteIndex {
    /// Level at the latest step.
    pub fn level(&self) -> f64 {
        self.level
    }

    /// Flags of the futures behind the latest level.
    pub fn flags(&self) -> u32 {
        self.flags
    }

    /// Moves to a step: `future` prices any expiry on it; the collateral earns `rate` (continuous, decimal).
    pub fn step(&mut self, day: Day, is_close: bool, rate: f64, mut future: impl FnMut(Day) -> Future) {
        if let Some(held) = self.held {
            let (first, second) = (future(held.expiries[0]), future(held.expiries[1]));
            let value = basket(held.weight, first.price, second.price);
            let collateral = math::exp_m1(rate * f64::from(day - held.day) / YEAR_DAYS);
            self.level = self.closed * (value / held.value + collateral);
            self.flags = first.flags | second.flags;
        }
        if is_close {
            let (expiries, weight) = roll(day);
            let [first, second] = expiries.map(|expiry| future(expiry).price);
            self.closed = self.level;
            self.held = Some(Held { expiries, value: basket(weight, first, second), weight, day });
        }
    }
}

/// Price of the two futures held, at the share of the first.
fn basket(weight: f64, first: f64, second: f64) -> f64 {
    weight * first + (1.0 - weight) * second
}

/// The two futures held over the next session and the share of the first.
fn roll(day: Day) -> ([Day; 2], f64) {
    let (year, month, _) = calendar::civil(day);
    let expiry = |months: i32| {
        let index = year * 12 + month as i32 - 1 + months;
        calendar::vix_expiry(index.div_euclid(12), index.rem_euclid(12) as u32 + 1)
    };
    let first = if expiry(0) > day { 0 } else { 1 };
    let (last, next, second) = (expiry(first - 1), expiry(first), expiry(first + 1));
    // The roll period: from the last expiry, inclusive, to the session before the next.
    let length = calendar::sessions_between(last - 1, next - 1).max(1);
    let remaining = calendar::sessions_between(day, next - 1);
    ([next, second], remaining as f64 / length as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_roll_runs_from_all_to_nothing_of_the_first_future() {
        // 2017-09-20 and 2017-10-18 are VIX expiries.
        let expiry = calendar::from_civil(2017, 9, 20);
        let next = calendar::from_civil(2017, 10, 18);
        let (held, weight) = roll(expiry - 1);
        assert_eq!(held, [expiry, next]);
        assert!(weight.abs() < 1e-15);
        let (held, weight) = roll(expiry);
        assert_eq!(held[0], next);
        assert!((weight - 19.0 / 20.0).abs() < 1e-15, "{weight}");
    }

    #[test]
    fn one_day_by_hand() {
        // 2017-09-29: 12 of 20 sessions of the roll period are left at the close, so 0.6 of the first future.
        let friday = calendar::from_civil(2017, 9, 29);
        let first = calendar::from_civil(2017, 10, 18);
        let mut index = NoteIndex::default();
        let curve = |near: f64, far: f64| {
            move |expiry: Day| Future { price: if expiry == first { near } else { far }, flags: 0 }
        };
        index.step(friday, true, 0.05, curve(10.0, 12.0));
        assert!((index.level() - BASE).abs() < 1e-12);
        // Three days of collateral: exp(0.05 * 3 / 365) - 1.
        index.step(friday + 3, true, 0.05, curve(12.0, 13.0));
        let expected = 100.0 * ((0.6 * 12.0 + 0.4 * 13.0) / (0.6 * 10.0 + 0.4 * 12.0) + 0.000_411_043_4);
        assert!((index.level() - expected).abs() < 1e-7, "{}", index.level());
    }

    #[test]
    fn constant_futures_earn_the_collateral_only() {
        let mut index = NoteIndex::default();
        let start = calendar::from_civil(2017, 9, 20);
        for day in start..start + 40 {
            if calendar::is_session(day) {
                index.step(day, true, 0.02, |_| Future { price: 15.0, flags: 0 });
            }
        }
        assert!((index.level() / 100.0 - (0.02_f64 * 37.0 / 365.0 + 1.0)).abs() < 1e-4, "{}", index.level());
    }
}
