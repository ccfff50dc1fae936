//! Portfolio margin as a scan of scenarios: an APPROXIMATION of the customer portfolio margin of US index options.
//!
//! The index moves are the rule's (high-capitalisation broad-based index: -8 % to +6 %, Cboe Rule 12.4, later 10.4).
//! The rule reprices with unchanged implied volatility and margins VIX products apart; here VIX moves with its own
//! three shocks in every index scenario, so that one scan covers condors and their hedge.

use crate::instrument::Day;
use crate::math::pow;

/// 2005-07-14: index pilot approved (SEC Release 34-52032); no customer portfolio margin before.
pub const PILOT_DAY: Day = 12_978;
/// Index moves of the rule, five equal steps down and up and the unchanged index.
const SPOT_SHOCKS: [f64; 11] = [-0.08, -0.064, -0.048, -0.032, -0.016, 0.0, 0.012, 0.024, 0.036, 0.048, 0.06];
/// Relative moves of 30-day VIX (own choice: 40 % up is a bad day, 20 % down a good one).
const VIX_SHOCKS: [f64; 3] = [-0.2, 0.0, 0.4];
/// Tenor at which [`VIX_SHOCKS`] apply in full, years.
const FRONT_YEARS: f64 = 30.0 / 365.0;
/// Least requirement per option contract: 0.375 points times 100 (Cboe Rule 12.4).
const MINIMUM_CENTS: i64 = 3_750;

/// Scenarios and whether the method was available to customers on the day.
#[derive(Debug, Clone, PartialEq)]
pub struct Grid {
    /// (relative move of the index, relative move of 30-day VIX).
    pub points: Vec<(f64, f64)>,
    /// The day lies before [`PILOT_DAY`]: the scan is hypothetical.
    pub hypothetical: bool,
}

/// The grid of a day.
pub fn scenario_grid(day: Day) -> Grid {
    let points = SPOT_SHOCKS.iter().flat_map(|&spot| VIX_SHOCKS.iter().map(move |&vix| (spot, vix))).collect();
    Grid { points, hypothetical: day < PILOT_DAY }
}

/// The move of a VIX future `years` from expiry when 30-day VIX moves by `vix_shock`: in full up to 30 days, then
/// falling with the square root of the tenor, the usual damping of a mean-reverting variance.
pub fn vix_shock_at(vix_shock: f64, years: f64) -> f64 {
    vix_shock * pow(FRONT_YEARS / years.max(FRONT_YEARS), 0.5)
}

/// The worst scenario of a scan.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scan {
    /// Smallest profit, USD (negative for a loss); NaN when any scenario has no value.
    pub worst: f64,
    /// Its scenario: (index move, VIX move). The first among equals.
    pub at: (f64, f64),
}

/// Reprices the book in every scenario. `reprice(spot_shock, vix_shock)` returns the profit in USD.
pub fn scenario_scan(grid: &Grid, mut reprice: impl FnMut(f64, f64) -> f64) -> Scan {
    let mut scan = Scan { worst: f64::INFINITY, at: (0.0, 0.0) };
    for &(spot, vix) in &grid.points {
        let profit = reprice(spot, vix);
        if profit.is_nan() {
            return Scan { worst: f64::NAN, at: (spot, vix) };
        }
        if profit < scan.worst {
            scan = Scan { worst: profit, at: (spot, vix) };
        }
    }
    scan
}

/// Requirement in cents: the worst loss, at least the minimum per option contract. `None` when the scan has no value.
pub fn requirement_cents(scan: &Scan, option_contracts: i64) -> Option<i64> {
    if scan.worst.is_nan() {
        return None;
    }
    let loss = (-scan.worst).max(0.0) * 100.0;
    Some(((loss - 1e-6).ceil() as i64).max(MINIMUM_CENTS * option_contracts.abs()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_the_worst_corner() {
        let grid = scenario_grid(17_000);
        assert!(!grid.hypothetical && scenario_grid(PILOT_DAY - 1).hypothetical);
        assert_eq!(grid.points.len(), 33);
        let mut spot: Vec<i64> = grid.points.iter().map(|point| (1e4 * point.0).round() as i64).collect();
        spot.sort_unstable();
        spot.dedup();
        assert_eq!(spot, [-800, -640, -480, -320, -160, 0, 120, 240, 360, 480, 600]);
        let long_index = scenario_scan(&grid, |spot, vix| 100_000.0 * spot + 100.0 * vix);
        assert_eq!(long_index.at, (-0.08, -0.2));
        assert_eq!(requirement_cents(&long_index, 0), Some(802_000));
        let short_vix = scenario_scan(&grid, |_, vix| -100.0 * vix);
        assert_eq!(short_vix.at, (-0.08, 0.4));
    }

    #[test]
    fn the_minimum_and_unknown_values() {
        let grid = scenario_grid(17_000);
        let flat = scenario_scan(&grid, |_, _| 0.0);
        assert_eq!(requirement_cents(&flat, -4), Some(15_000));
        assert_eq!(requirement_cents(&scenario_scan(&grid, |_, _| f64::NAN), 4), None);
    }

    #[test]
    fn longer_tenors_move_less() {
        assert!((vix_shock_at(0.4, 0.01) - 0.4).abs() < 1e-15);
        assert!((vix_shock_at(0.4, 120.0 / 365.0) - 0.2).abs() < 1e-15);
    }
}
