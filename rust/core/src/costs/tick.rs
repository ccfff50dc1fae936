//! Minimum price increments by instrument and date, and rounding to them against the trader.

use super::InstrumentKind;
use crate::instrument::Day;

/// 2022-11-29: VIX options move to 0.01 below 3 points and 0.05 above (Cboe notice of the pricing increments).
pub const VIX_OPTION_PENNY_DAY: Day = 19_325;

/// Net price increment of complex SPX orders, hundredths of a point (Cboe Rule 5.4(b)).
pub const PACKAGE_TICK: i64 = 5;

/// Prices at or above this many points take the larger option tick.
const SMALL_PREMIUM: f64 = 3.0;

/// Prices closer to a tick than this (in hundredths of a point) count as on it: binary fractions are not decimal.
const ON_TICK: f64 = 1e-6;

/// Buy or sell.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Side {
    /// Pays the price.
    Buy,
    /// Receives the price.
    Sell,
}

/// Minimum increment at a price, in hundredths of a point.
///
/// SPX options 0.05 below 3 points and 0.10 above; VIX options the same until [`VIX_OPTION_PENNY_DAY`], then
/// 0.01 and 0.05; VIX futures 0.05; notes and the index 0.01.
pub fn tick_hundredths(kind: InstrumentKind, day: Day, price: f64) -> i64 {
    let small = price < SMALL_PREMIUM;
    match kind {
        InstrumentKind::VixOption if day >= VIX_OPTION_PENNY_DAY => {
            if small {
                1
            } else {
                5
            }
        }
        InstrumentKind::SpxOption | InstrumentKind::VixOption => {
            if small {
                5
            } else {
                10
            }
        }
        InstrumentKind::VixFuture => 5,
        InstrumentKind::VixNote | InstrumentKind::SpxIndex => 1,
    }
}

/// The nearest multiple of `tick` (hundredths of a point) that is no better for the trader than `price` (points).
pub fn round_against(price: f64, tick: i64, side: Side) -> i64 {
    let ticks = price * 100.0 / tick as f64;
    let slack = ON_TICK / tick as f64;
    let rounded = match side {
        Side::Buy => (ticks - slack).ceil(),
        Side::Sell => (ticks + slack).floor(),
    };
    rounded as i64 * tick
}

/// The nearest multiple of `tick` that is strictly worse for the trader than `price`.
pub fn next_against(price: f64, tick: i64, side: Side) -> i64 {
    // The best multiple for the other side is at or inside the price; one tick on is outside.
    match side {
        Side::Buy => round_against(price, tick, Side::Sell) + tick,
        Side::Sell => round_against(price, tick, Side::Buy) - tick,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ticks_by_date_and_price() {
        let before = VIX_OPTION_PENNY_DAY - 1;
        assert_eq!(tick_hundredths(InstrumentKind::SpxOption, before, 2.99), 5);
        assert_eq!(tick_hundredths(InstrumentKind::SpxOption, before, 3.0), 10);
        assert_eq!(tick_hundredths(InstrumentKind::VixOption, before, 1.0), 5);
        assert_eq!(tick_hundredths(InstrumentKind::VixOption, before, 5.0), 10);
        assert_eq!(tick_hundredths(InstrumentKind::VixOption, VIX_OPTION_PENNY_DAY, 1.0), 1);
        assert_eq!(tick_hundredths(InstrumentKind::VixOption, VIX_OPTION_PENNY_DAY, 5.0), 5);
        assert_eq!(tick_hundredths(InstrumentKind::VixFuture, before, 15.0), 5);
    }

    #[test]
    fn every_representable_tick_stays_where_it_is() {
        for tick in [1_i64, 5, 10] {
            for k in 0..20_000_i64 {
                let price = (k * tick) as f64 / 100.0;
                assert_eq!(round_against(price, tick, Side::Buy), k * tick);
                assert_eq!(round_against(price, tick, Side::Sell), k * tick);
                assert_eq!(next_against(price, tick, Side::Buy), (k + 1) * tick);
                assert_eq!(next_against(price, tick, Side::Sell), (k - 1) * tick);
            }
        }
    }

    #[test]
    fn between_ticks_the_trader_loses() {
        assert_eq!(round_against(1.01, 5, Side::Buy), 105);
        assert_eq!(round_against(1.04, 5, Side::Sell), 100);
        assert_eq!(round_against(-1.04, 5, Side::Buy), -100);
        assert_eq!(next_against(1.01, 5, Side::Buy), 105);
        assert_eq!(next_against(1.01, 5, Side::Sell), 100);
    }
}
