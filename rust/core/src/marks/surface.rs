//! Marks from smiles built out of index levels, where there are no quotes.

use super::{LegBatch, Marks, OptionProduct, Quote};
use crate::calendar::{self, listing::ListedExpiry};
use crate::costs::spread::{SpreadLeg, half_spread};
use crate::instrument::{Day, Instrument, Right, Settlement, years_between};
use crate::market::MarketState;
use crate::math;
use crate::pricing::black;
use crate::surface::note_index::NoteIndex;
use crate::surface::spx::{SpxInputs, SpxSurface};
use crate::surface::vix::{VixInputs, VixSurface};

/// Shortest option time: a leg that is marked on its last step keeps its intrinsic value.
const MIN_YEARS: f64 = 1e-6;

/// Smiles of every path of a block, fitted step by step.
#[derive(Debug, Default)]
pub struct SurfaceMarks {
    spx: Vec<SpxSurface>,
    vix: Vec<VixSurface>,
    note: Vec<NoteIndex>,
    vx_scratch: Vec<f64>,
}

/// What Black's formula needs of one option.
struct Terms {
    right: Right,
    forward: f64,
    strike: f64,
    total_sd: f64,
    discount: f64,
    flags: u32,
}

impl SurfaceMarks {
    /// Marks before their first step.
    pub fn new() -> Self {
        Self::default()
    }

    fn terms(&self, state: &MarketState, path: usize, instrument: Instrument) -> Option<Terms> {
        let rate = if state.rate[path].is_finite() { state.rate[path] } else { 0.0 };
        match instrument {
            Instrument::SpxOption { right, strike, expiry, settlement } => {
                let years = years_to(state, expiry, settlement);
                let surface = &self.spx[path];
                let forward = surface.forward(years);
                let variance = surface.total_variance(math::ln(strike / forward), years);
                let (total_sd, discount) = (variance.max(0.0).sqrt(), math::exp(-rate * years));
                Some(Terms { right, forward, strike, total_sd, discount, flags: surface.flags() })
            }
            Instrument::VixOption { right, strike, expiry } => {
                let years = years_to(state, expiry, Settlement::Am);
                let surface = &self.vix[path];
                let future = surface.future(expiry);
                let total_sd = surface.implied_vol(strike, expiry) * years.sqrt();
                let flags = future.flags | surface.option_flags(expiry);
                Some(Terms { right, forward: future.price, strike, total_sd, discount: math::exp(-rate * years), flags })
            }
            _ => None,
        }
    }

    fn mid(&self, state: &MarketState, path: usize, instrument: Instrument) -> (f64, u32) {
        match instrument {
            Instrument::SpxOption { .. } | Instrument::VixOption { .. } => {
                let Some(terms) = self.terms(state, path, instrument) else { return (f64::NAN, 0) };
                let price = black::black(terms.right, terms.forward, terms.strike, terms.total_sd);
                (terms.discount * price, terms.flags)
            }
            Instrument::VixFuture { expiry } => {
                let future = self.vix[path].future(expiry);
                (future.price, future.flags)
            }
            Instrument::VixNote => (self.note[path].level(), self.note[path].flags()),
            Instrument::SpxIndex => (state.spot[path], 0),
        }
    }
}

fn years_to(state: &MarketState, expiry: Day, settlement: Settlement) -> f64 {
    let seconds = match settlement {
        Settlement::Am => settlement.seconds(),
        Settlement::Pm => calendar::close_seconds(expiry),
    };
    years_between(state.day, state.seconds, expiry, seconds).max(MIN_YEARS)
}

impl Marks for SurfaceMarks {
    fn prepare(&mut self, state: &MarketState) {
        let n = state.n_paths();
        self.spx.clear();
        self.vix.clear();
        self.note.resize_with(n, NoteIndex::default);
        for path in 0..n {
            let rate = if state.rate[path].is_finite() { state.rate[path] } else { 0.0 };
            self.spx.push(SpxSurface::fit(&SpxInputs {
                spot: state.spot[path],
                rate,
                dividend_yield: state.dividend_yield[path],
                vix: state.vix[path],
                vix9d: state.vix9d[path],
                vix3m: state.vix3m[path],
                vix6m: state.vix6m[path],
                skew: state.skew[path],
            }));
            self.vx_scratch.clear();
            self.vx_scratch.extend((0..state.vx_expiry.len()).map(|i| state.vx_price[i * n + path]));
            let surface = VixSurface::fit(&VixInputs {
                day: state.day,
                seconds: state.seconds,
                vix: state.vix[path],
                vix9d: state.vix9d[path],
                vix3m: state.vix3m[path],
                vix6m: state.vix6m[path],
                vvix: state.vvix[path],
                vx_expiry: &state.vx_expiry,
                vx_price: &self.vx_scratch,
            });
            self.note[path].step(state.day, state.is_close, rate, |expiry| surface.future(expiry));
            self.vix.push(surface);
        }
    }

    fn quote(&mut self, state: &MarketState, legs: &LegBatch, quotes: &mut Vec<Quote>) {
        quotes.clear();
        for (&path, &instrument) in legs.path.iter().zip(&legs.instrument) {
            let path = path as usize;
            let (mid, flags) = self.mid(state, path, instrument);
            let leg =
                SpreadLeg { kind: instrument.into(), mid, spot: state.spot[path], day: state.day, vix: state.vix[path] };
            quotes.push(Quote { mid, half_spread: half_spread(&leg) * state.spread_multiplier[path], flags });
        }
    }

    fn delta(&mut self, state: &MarketState, path: usize, instrument: Instrument) -> f64 {
        self.terms(state, path, instrument).map_or(f64::NAN, |terms| {
            black::forward_delta(terms.right, terms.forward, terms.strike, terms.total_sd)
        })
    }

    fn forward(&mut self, state: &MarketState, path: usize, instrument: Instrument) -> f64 {
        match instrument {
            Instrument::SpxOption { expiry, settlement, .. } => self.spx[path].forward(years_to(state, expiry, settlement)),
            Instrument::VixOption { expiry, .. } | Instrument::VixFuture { expiry } => self.vix[path].future(expiry).price,
            Instrument::VixNote => self.note[path].level(),
            Instrument::SpxIndex => state.spot[path],
        }
    }

    fn listed_strikes(&self, _: &MarketState, _: OptionProduct, _: Day, _: Right) -> Option<&[f64]> {
        None
    }

    fn listed_expiries(&self, _: &MarketState, _: OptionProduct) -> Option<&[ListedExpiry]> {
        None
    }
}

/// Implied volatility of an option as its smile has it, annualised; NaN for anything but an option.
pub fn implied_vol(marks: &SurfaceMarks, state: &MarketState, path: usize, instrument: Instrument) -> f64 {
    let years = match instrument {
        Instrument::SpxOption { expiry, settlement, .. } => years_to(state, expiry, settlement),
        Instrument::VixOption { expiry, .. } => years_to(state, expiry, Settlement::Am),
        _ => return f64::NAN,
    };
    marks.terms(state, path, instrument).map_or(f64::NAN, |terms| terms.total_sd / years.sqrt())
}

