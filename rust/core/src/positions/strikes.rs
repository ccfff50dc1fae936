//! Strikes by delta, by width, by expected daily range and by target credit, on listed grids.

use crate::book::IronCondor;
use crate::calendar::listing::{self, ListedExpiry, Snap};
use crate::instrument::{Instrument, Right};
use crate::market::MarketState;
use crate::marks::{LegBatch, Marks, OptionProduct, Quote, StrikeSearch};

/// Steps of the walk towards spot for a target credit, in index points.
const CREDIT_STEP: f64 = 5.0;
/// The walk for a target credit starts this many expected ranges to expiry away from spot.
const CREDIT_START: f64 = 3.0;
/// Default wing width as a share of spot.
pub const DEFAULT_WING: f64 = 0.02;

/// Where strikes are looked up: one expiry of one product on one path of one step.
#[derive(Debug, Clone, Copy)]
pub struct Series<'a> {
    /// The market.
    pub state: &'a MarketState,
    /// Path of the block.
    pub path: usize,
    /// Option family.
    pub product: OptionProduct,
    /// Expiry.
    pub expiry: ListedExpiry,
}

impl Series<'_> {
    /// The contract at a strike.
    pub fn option(&self, right: Right, strike: f64) -> Instrument {
        match self.product {
            OptionProduct::Vix => Instrument::VixOption { right, strike, expiry: self.expiry.day },
            _ => Instrument::SpxOption { right, strike, expiry: self.expiry.day, settlement: self.expiry.settlement },
        }
    }

    fn underlying(&self) -> f64 {
        match self.product {
            OptionProduct::Vix => self.state.vix[self.path],
            _ => self.state.spot[self.path],
        }
    }

    /// The listed strike next to `target` in the direction of `snap`.
    pub fn snap<M: Marks>(&self, marks: &M, right: Right, target: f64, snap: Snap) -> f64 {
        match marks.listed_strikes(self.state, self.product, self.expiry.day, right) {
            Some(strikes) if !strikes.is_empty() => {
                let above = strikes.partition_point(|&strike| strike < target).min(strikes.len() - 1);
                let below = if strikes[above] > target { above.saturating_sub(1) } else { above };
                match snap {
                    Snap::Up => strikes[above],
                    Snap::Down => strikes[below],
                    Snap::Nearest if target - strikes[below] <= strikes[above] - target => strikes[below],
                    Snap::Nearest => strikes[above],
                }
            }
            _ => listing::snap_strike(self.product, self.state.day, self.expiry.day, self.underlying(), target, snap),
        }
    }

    /// The listed strike whose forward delta is nearest to `delta`; ties go to the lower strike.
    pub fn by_delta<M: Marks>(&self, marks: &mut M, right: Right, delta: f64) -> f64 {
        let search = StrikeSearch { product: self.product, expiry: self.expiry, right, delta };
        if let Some(strike) = marks.known_strike(self.path, &search) {
            return strike;
        }
        let strike = self.find_by_delta(marks, right, delta);
        marks.keep_strike(self.path, search, strike);
        strike
    }

    fn find_by_delta<M: Marks>(&self, marks: &mut M, right: Right, delta: f64) -> f64 {
        let forward = marks.forward(self.state, self.path, self.option(right, self.underlying()));
        // |delta| falls with the strike for calls and rises for puts: bisect on the continuous strike, then compare
        // the listed strikes around it.
        let (mut low, mut high) = (forward * 0.02, forward * 12.0);
        for _ in 0..48 {
            let middle = 0.5 * (low + high);
            let further = marks.delta(self.state, self.path, self.option(right, middle)) > delta;
            if further == (right == Right::Call) {
                low = middle;
            } else {
                high = middle;
            }
            if high - low < 1e-3 * forward {
                break;
            }
        }
        let target = 0.5 * (low + high);
        let below = self.snap(marks, right, target, Snap::Down);
        let above = self.snap(marks, right, target, Snap::Up);
        let miss_below = (marks.delta(self.state, self.path, self.option(right, below)) - delta).abs();
        let miss_above = (marks.delta(self.state, self.path, self.option(right, above)) - delta).abs();
        if miss_above < miss_below { above } else { below }
    }
}

/// The four strikes of a condor.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct CondorStrikes {
    /// Long put, lowest.
    pub long_put: f64,
    /// Short put.
    pub short_put: f64,
    /// Short call.
    pub short_call: f64,
    /// Long call, highest.
    pub long_call: f64,
}

impl CondorStrikes {
    /// Both wings have positive width and the short strikes do not cross.
    pub fn is_condor(&self) -> bool {
        self.long_put < self.short_put && self.short_put <= self.short_call && self.short_call < self.long_call
    }

    /// The larger of the two widths, points.
    pub fn width(&self) -> f64 {
        (self.short_put - self.long_put).max(self.long_call - self.short_call)
    }

    /// The legs in bucket order (short put, long put, short call, long call) with their signs.
    pub fn legs(&self, series: &Series<'_>) -> [(Instrument, i64); 4] {
        [
            (series.option(Right::Put, self.short_put), -1),
            (series.option(Right::Put, self.long_put), 1),
            (series.option(Right::Call, self.short_call), -1),
            (series.option(Right::Call, self.long_call), 1),
        ]
    }
}

/// Expected daily range in per cent: (0.6 VIX9D + 0.4 HV20)/sqrt(252), volatilities in points.
pub fn expected_daily_range(vix9d: f64, realised_vol_points: f64) -> f64 {
    (0.6 * vix9d + 0.4 * realised_vol_points) / 252_f64.sqrt()
}

/// Strikes of a new condor on one series; `None` where the grid has no condor of that description.
///
/// `daily_range` is the expected daily range in per cent of spot (NaN: unknown).
pub fn condor<M: Marks>(
    marks: &mut M,
    series: &Series<'_>,
    rule: &IronCondor,
    daily_range: f64,
) -> Option<CondorStrikes> {
    let spot = series.state.spot[series.path];
    if let Some(delta) = rule.short_delta {
        let short_put = series.by_delta(marks, Right::Put, delta);
        let short_call = series.by_delta(marks, Right::Call, delta);
        return wings(marks, series, rule, short_put, short_call);
    }
    if !daily_range.is_finite() {
        return None;
    }
    if let Some(multiple) = rule.daily_range_multiple {
        let distance = multiple * daily_range / 100.0 * spot;
        let short_put = series.snap(marks, Right::Put, spot - distance, Snap::Nearest);
        let short_call = series.snap(marks, Right::Call, spot + distance, Snap::Nearest);
        return wings(marks, series, rule, short_put, short_call);
    }
    let target = rule.target_credit?;
    let sessions = f64::from((series.expiry.day - series.state.day).max(1)) * 252.0 / 365.0;
    let start = CREDIT_START * daily_range / 100.0 * sessions.max(1.0).sqrt() * spot;
    let mut quotes: Vec<Quote> = Vec::new();
    let mut step = 0.0;
    while start - step > 0.0 {
        let short_put = series.snap(marks, Right::Put, spot - start + step, Snap::Nearest);
        let short_call = series.snap(marks, Right::Call, spot + start - step, Snap::Nearest);
        if let Some(strikes) = wings(marks, series, rule, short_put, short_call) {
            let legs = strikes.legs(series);
            let batch =
                LegBatch { path: vec![series.path as u32; 4], instrument: legs.iter().map(|leg| leg.0).collect() };
            marks.quote(series.state, &batch, &mut quotes);
            let credit: f64 = -legs.iter().zip(&quotes).map(|(leg, quote)| leg.1 as f64 * quote.mid).sum::<f64>();
            if credit >= target {
                return Some(strikes);
            }
        }
        step += CREDIT_STEP;
    }
    None
}

fn wings<M: Marks>(
    marks: &mut M,
    series: &Series<'_>,
    rule: &IronCondor,
    short_put: f64,
    short_call: f64,
) -> Option<CondorStrikes> {
    let (long_put, long_call) = match rule.long_delta {
        Some(delta) => (series.by_delta(marks, Right::Put, delta), series.by_delta(marks, Right::Call, delta)),
        None => {
            let width = rule.wing_width.unwrap_or(DEFAULT_WING * series.state.spot[series.path]);
            // The next listed strike at least is bought: a width below the grid's step is one step.
            let put = series.snap(marks, Right::Put, short_put - width, Snap::Nearest);
            let call = series.snap(marks, Right::Call, short_call + width, Snap::Nearest);
            let put = if put < short_put { put } else { series.snap(marks, Right::Put, short_put - 1e-6, Snap::Down) };
            let call =
                if call > short_call { call } else { series.snap(marks, Right::Call, short_call + 1e-6, Snap::Up) };
            (put, call)
        }
    };
    let strikes = CondorStrikes { long_put, short_put, short_call, long_call };
    strikes.is_condor().then_some(strikes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn golden_expected_daily_range() {
        // Published example: VIX9D = HV20 = 17.95, m = 1.026 gives 1.160 % and 82.8 points at 7,138.80.
        let range = 1.026 * expected_daily_range(17.95, 17.95);
        assert!((range - 1.160).abs() < 5e-4);
        assert!((range / 100.0 * 7_138.80 - 82.8).abs() < 0.05);
    }
}
