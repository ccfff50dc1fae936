//! Strikes by delta, by width, by expected daily range and by target credit, on listed grids.

use crate::book::IronCondor;
use crate::calendar::listing::{self, ListedExpiry, Snap};
use crate::instrument::{Instrument, Right};
use crate::market::MarketState;
use crate::marks::{LegBatch, Marks, OptionProduct, Quote, StrikeSearch};
use crate::math;

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
        // the listed strikes around it. Halves that the bracket decides take no evaluation.
        let mut bracket = self.bracket(marks, right, delta, forward);
        let (mut low, mut high) = (forward * LEAST_STRIKE, forward * MOST_STRIKE);
        for _ in 0..48 {
            let middle = 0.5 * (low + high);
            if bracket.is_above(middle, |strike| self.is_below(marks, right, delta, strike)) {
                low = middle;
            } else {
                high = middle;
            }
            if high - low < RESOLUTION * forward {
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

    /// Whether a strike lies below the one whose delta is wanted.
    fn is_below<M: Marks>(&self, marks: &mut M, right: Right, delta: f64, strike: f64) -> bool {
        (marks.delta(self.state, self.path, self.option(right, strike)) > delta) == (right == Right::Call)
    }

    /// A narrow bracket of the strike of a delta.
    ///
    /// Under one volatility d1 is linear in the log strike, and it nearly is under a smile: secants of it converge in two
    /// or three evaluations. What they do not find the bisection finds.
    fn bracket<M: Marks>(&self, marks: &mut M, right: Right, delta: f64, forward: f64) -> Bracket {
        let mut bracket = Bracket { low: 0.0, high: f64::INFINITY };
        // d1, which falls with the strike, of calls and puts alike.
        let d1 = |delta: f64| if right == Right::Call { normal_quantile(delta) } else { -normal_quantile(delta) };
        let wanted = d1(delta);
        let mut mark = |bracket: &mut Bracket, x: f64| {
            let strike = forward * math::exp(x);
            let found = marks.delta(self.state, self.path, self.option(right, strike));
            bracket.narrow(strike, (found > delta) == (right == Right::Call));
            d1(found)
        };
        // At the forward d1 is half the total deviation.
        let (mut x, mut found) = (0.0, mark(&mut bracket, 0.0));
        let mut slope = -2.0 * found;
        for _ in 0..4 {
            // A little further, so that the two last strikes lie on both sides.
            let to = (wanted - found) * slope;
            let next = (x + to + (OVERSHOOT + 0.02 * to.abs()).copysign(to)).clamp(LEAST_LOG, MOST_LOG);
            if !next.is_finite() || bracket.width() < 4.0 * OVERSHOOT * forward {
                break;
            }
            let value = mark(&mut bracket, next);
            slope = (next - x) / (value - found);
            (x, found) = (next, value);
        }
        bracket
    }
}

/// Strikes among which one is looked for, over the forward.
const LEAST_STRIKE: f64 = 0.02;
const MOST_STRIKE: f64 = 12.0;
/// The same as logarithms, a little within.
const LEAST_LOG: f64 = -3.9;
const MOST_LOG: f64 = 2.4;
/// Width over the forward at which a bisection ends.
const RESOLUTION: f64 = 1e-3;
/// How far secants aim beyond the strike they see, in its logarithm.
const OVERSHOOT: f64 = 0.1 * RESOLUTION;

/// Highest strike known to lie below, lowest known not to.
#[derive(Debug, Clone, Copy)]
struct Bracket {
    low: f64,
    high: f64,
}

impl Bracket {
    fn narrow(&mut self, strike: f64, is_below: bool) {
        if is_below {
            self.low = self.low.max(strike);
        } else {
            self.high = self.high.min(strike);
        }
    }

    fn width(&self) -> f64 {
        self.high - self.low
    }

    /// Whether what is looked for lies above a strike; `evaluate` says so where the bracket does not.
    fn is_above(&mut self, strike: f64, evaluate: impl FnOnce(f64) -> bool) -> bool {
        if strike <= self.low {
            return true;
        }
        if strike >= self.high {
            return false;
        }
        let is_below = evaluate(strike);
        self.narrow(strike, is_below);
        is_below
    }
}

/// The normal quantile to 5e-4, which is enough for guesses (Abramowitz & Stegun 26.2.23).
fn normal_quantile(p: f64) -> f64 {
    let tail = if p < 0.5 { p } else { 1.0 - p };
    let t = (-2.0 * math::ln(tail)).sqrt();
    let z =
        t - (2.515_517 + t * (0.802_853 + t * 0.010_328)) / (1.0 + t * (1.432_788 + t * (0.189_269 + t * 0.001_308)));
    if p < 0.5 { -z } else { z }
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
    use crate::instrument::{Day, Settlement};
    use crate::marks::surface::SurfaceMarks;

    #[test]
    fn golden_expected_daily_range() {
        // Published example: VIX9D = HV20 = 17.95, m = 1.026 gives 1.160 % and 82.8 points at 7,138.80.
        let range = 1.026 * expected_daily_range(17.95, 17.95);
        assert!((range - 1.160).abs() < 5e-4);
        assert!((range / 100.0 * 7_138.80 - 82.8).abs() < 0.05);
    }

    /// Smiles from random indices, and how many deltas they were asked for.
    struct Counted {
        marks: SurfaceMarks,
        deltas: usize,
    }

    impl Marks for Counted {
        fn prepare(&mut self, state: &MarketState) {
            self.marks.prepare(state);
        }

        fn quote(&mut self, state: &MarketState, legs: &LegBatch, quotes: &mut Vec<Quote>) {
            self.marks.quote(state, legs, quotes);
        }

        fn delta(&mut self, state: &MarketState, path: usize, instrument: Instrument) -> f64 {
            self.deltas += 1;
            self.marks.delta(state, path, instrument)
        }

        fn forward(&mut self, state: &MarketState, path: usize, instrument: Instrument) -> f64 {
            self.marks.forward(state, path, instrument)
        }

        fn listed_strikes(&self, _: &MarketState, _: OptionProduct, _: Day, _: Right) -> Option<&[f64]> {
            None
        }

        fn listed_expiries(&self, _: &MarketState, _: OptionProduct) -> Option<&[ListedExpiry]> {
            None
        }
    }

    /// The bisection with an evaluation on every half.
    fn plain_bisection(series: &Series<'_>, marks: &mut Counted, right: Right, delta: f64) -> f64 {
        let forward = marks.forward(series.state, 0, series.option(right, series.underlying()));
        let (mut low, mut high) = (forward * LEAST_STRIKE, forward * MOST_STRIKE);
        while high - low >= RESOLUTION * forward {
            let middle = 0.5 * (low + high);
            if series.is_below(marks, right, delta, middle) {
                low = middle;
            } else {
                high = middle;
            }
        }
        let [below, above] = [Snap::Down, Snap::Up].map(|snap| series.snap(marks, right, 0.5 * (low + high), snap));
        let mut miss = |strike| (marks.delta(series.state, 0, series.option(right, strike)) - delta).abs();
        if miss(above) < miss(below) { above } else { below }
    }

    #[test]
    fn a_bracketed_search_finds_the_strike_of_a_plain_bisection() {
        let mut marks = Counted { marks: SurfaceMarks::new(), deltas: 0 };
        let mut draw = {
            let mut n = 0_u32;
            move || {
                n += 1;
                f64::from(n.wrapping_mul(2_654_435_769)) / f64::from(u32::MAX)
            }
        };
        let (mut searches, mut deltas) = (0, 0);
        for _ in 0..300 {
            let vix = 9.0 * math::exp(2.2 * draw());
            let mut near = |share: f64| vec![vix * (1.0 + share * (draw() - 0.5))];
            let state = MarketState {
                day: 19_725,
                seconds: 57_600,
                vix9d: near(0.4),
                vix3m: near(0.3),
                vix6m: near(0.4),
                spot: vec![1_000.0 + 6_000.0 * draw()],
                vix: vec![vix],
                vvix: vec![f64::NAN],
                skew: vec![f64::NAN],
                rate: vec![0.03],
                dividend_yield: vec![0.015],
                spread_multiplier: vec![1.0],
                ..MarketState::default()
            };
            marks.prepare(&state);
            for product in [OptionProduct::Spx, OptionProduct::Vix] {
                let day = state.day + 2 + (250.0 * draw()) as Day;
                let expiry = ListedExpiry { day, settlement: Settlement::Am, weekly: false };
                let series = Series { state: &state, path: 0, product, expiry };
                for right in [Right::Put, Right::Call] {
                    let delta = 0.02 + 0.96 * draw();
                    let want = plain_bisection(&series, &mut marks, right, delta);
                    marks.deltas = 0;
                    let got = series.by_delta(&mut marks, right, delta);
                    assert!(got.to_bits() == want.to_bits(), "{product:?} {right:?} {delta} {vix}: {got} not {want}");
                    searches += 1;
                    deltas += marks.deltas;
                }
            }
        }
        assert!(deltas < 8 * searches, "{deltas} deltas of {searches} searches");
    }
}
