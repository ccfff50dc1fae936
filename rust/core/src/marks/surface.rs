//! Marks from smiles built out of index levels, where there are no quotes.

use super::lookup::SmileMarks;
use super::{LegBatch, Marks, OptionProduct, Quote, flag, option_of, quote_by_rule, settlement_seconds};
use crate::calendar::{self, listing::ListedExpiry};
use crate::costs::spread::vix_multiplier;
use crate::instrument::{CLOSE_SECONDS, Day, Instrument, OPEN_SECONDS, Right, Settlement, years_between};
use crate::market::MarketState;
use crate::math;
use crate::pricing::black;
use crate::surface::note_index::NoteIndex;
use crate::surface::spx::{self, SpxInputs, SpxSlice, SpxSurface};
use crate::surface::vix::{VixInputs, VixSlice, VixSurface};

/// Shortest option time: a leg that is marked on its last step keeps its intrinsic value.
const MIN_YEARS: f64 = 1e-6;
/// Calendar days to expiry up to which variance runs on the clock of sessions, nights and weekends.
const CLOCK_FULL: Day = 9;
/// Calendar days to expiry from which variance runs on calendar time.
const CLOCK_NONE: Day = 14;

/// Smiles of every path of a block, fitted step by step.
#[derive(Debug, Default)]
pub struct SurfaceMarks {
    spx: Vec<SpxSurface>,
    vix: Vec<VixSurface>,
    note: Vec<NoteIndex>,
    /// Expiries that were asked for on this step, by path: legs share them.
    series: Vec<Vec<Series>>,
    /// Spread multiplier of each path's VIX.
    vix_multiplier: Vec<f64>,
    vx_scratch: Vec<f64>,
}

/// The options of one expiry on one step: all that does not depend on the strike.
#[derive(Debug, Clone, Copy)]
struct Series {
    expiry: Day,
    /// `None`: VIX options.
    settlement: Option<Settlement>,
    smile: Smile,
    forward: f64,
    root_years: f64,
    discount: f64,
    flags: u32,
}

#[derive(Debug, Clone, Copy)]
enum Smile {
    Spx(SpxSlice),
    Vix(VixSlice),
}

/// What Black's formula needs of one option; the discount applies to its price.
struct Terms {
    right: Right,
    forward: f64,
    strike: f64,
    log_moneyness: f64,
    total_sd: f64,
    discount: f64,
    flags: u32,
}

impl Terms {
    fn price(&self) -> f64 {
        if !(self.forward > 0.0 && self.strike > 0.0 && self.total_sd >= 0.0) {
            return f64::NAN;
        }
        let price = black::black_at(self.right, self.forward, self.strike, self.log_moneyness, self.total_sd);
        self.discount * price
    }

    fn delta(&self) -> f64 {
        if !(self.forward > 0.0 && self.strike > 0.0 && self.total_sd >= 0.0) {
            return f64::NAN;
        }
        black::forward_delta_at(self.right, self.log_moneyness, self.total_sd)
    }
}

impl Series {
    fn terms(&self, right: Right, strike: f64) -> Terms {
        // ln(F/K); the smiles take ln(K/F).
        let log_moneyness = math::log_ratio(self.forward, strike);
        let total_sd = match &self.smile {
            Smile::Spx(slice) => slice.total_variance(-log_moneyness).max(0.0).sqrt(),
            Smile::Vix(slice) => slice.implied_vol(-log_moneyness) * self.root_years,
        };
        let Self { forward, discount, flags, .. } = *self;
        Terms { right, forward, strike, log_moneyness, total_sd, discount, flags }
    }
}

impl SurfaceMarks {
    /// Marks before their first step.
    pub fn new() -> Self {
        Self::default()
    }

    /// Smile, forward and discount of an expiry; `settlement` of SPX options, none of VIX options.
    fn build(&self, state: &MarketState, path: usize, expiry: Day, settlement: Option<Settlement>) -> Series {
        let rate = if state.rate[path].is_finite() { state.rate[path] } else { 0.0 };
        let years = years_to(state, expiry, settlement.unwrap_or(Settlement::Am));
        let (smile, forward, flags) = match settlement {
            Some(_) => {
                let surface = &self.spx[path];
                let clock = variance_clock(state, expiry, settlement.unwrap_or(Settlement::Am), years);
                (Smile::Spx(surface.slice(clock)), surface.forward(years), spx_flags(surface.flags()))
            }
            None => {
                let slice = self.vix[path].slice(expiry);
                (Smile::Vix(slice), slice.forward, slice.flags)
            }
        };
        let (root_years, discount) = (years.sqrt(), math::exp(-rate * years));
        Series { expiry, settlement, smile, forward, root_years, discount, flags }
    }

    /// The same, looked up when it was asked for before on this step.
    fn series(&mut self, state: &MarketState, path: usize, expiry: Day, settlement: Option<Settlement>) -> Series {
        let known = self.series[path].iter().find(|held| held.expiry == expiry && held.settlement == settlement);
        if let Some(series) = known {
            return *series;
        }
        let series = self.build(state, path, expiry, settlement);
        self.series[path].push(series);
        series
    }

    fn terms(&mut self, state: &MarketState, path: usize, instrument: Instrument) -> Option<Terms> {
        let (right, strike, expiry, settlement) = option_of(instrument)?;
        Some(self.series(state, path, expiry, settlement).terms(right, strike))
    }

    fn mid(&mut self, state: &MarketState, path: usize, instrument: Instrument) -> (f64, u32) {
        match instrument {
            Instrument::SpxOption { .. } | Instrument::VixOption { .. } => {
                self.terms(state, path, instrument).map_or((f64::NAN, 0), |terms| (terms.price(), terms.flags))
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

/// Years of variance until an expiry: sessions, nights and weekends at their own pace up to [`CLOCK_FULL`] days,
/// calendar time from [`CLOCK_NONE`] days, as the indices that set the level have it.
fn variance_clock(state: &MarketState, expiry: Day, settlement: Settlement, years: f64) -> f64 {
    let days = expiry - state.day;
    if days >= CLOCK_NONE {
        return years;
    }
    let openings = calendar::sessions_between(state.day, expiry) as f64;
    let today = (calendar::close_seconds(state.day) - state.seconds.max(OPEN_SECONDS)).max(0);
    let whole = match settlement {
        Settlement::Am => openings - 1.0,
        Settlement::Pm => openings,
    };
    let session_seconds = f64::from(today) + whole.max(0.0) * f64::from(CLOSE_SECONDS - OPEN_SECONDS);
    let clock = spx::variance_years(years, session_seconds, openings);
    let weight = f64::from(CLOCK_NONE - days) / f64::from(CLOCK_NONE - CLOCK_FULL);
    years + weight.min(1.0) * (clock - years)
}

/// What a smile says of itself, in the terms of a mark.
fn spx_flags(surface: u32) -> u32 {
    let clamped = spx::flag::LEVEL_CLAMPED | spx::flag::CALENDAR_CLAMPED;
    let proxy = spx::flag::NO_CARRY | spx::flag::NO_VIX9D | spx::flag::NO_VIX3M;
    let bit = |bits: u32, flag: u32| if surface & bits != 0 { flag } else { 0 };
    bit(clamped, flag::CLAMPED) | bit(proxy, flag::PROXY)
}

fn years_to(state: &MarketState, expiry: Day, settlement: Settlement) -> f64 {
    years_between(state.day, state.seconds, expiry, settlement_seconds(expiry, settlement)).max(MIN_YEARS)
}

impl Marks for SurfaceMarks {
    fn prepare(&mut self, state: &MarketState) {
        let n = state.n_paths();
        self.spx.clear();
        self.vix.clear();
        self.note.resize_with(n, NoteIndex::default);
        self.series.resize_with(n, Vec::new);
        self.vix_multiplier.clear();
        for path in 0..n {
            self.series[path].clear();
            self.vix_multiplier.push(vix_multiplier(state.vix[path]));
            let rate = if state.rate[path].is_finite() { state.rate[path] } else { 0.0 };
            self.spx.push(SpxSurface::fit(&SpxInputs {
                spot: state.spot[path],
                rate,
                dividend_yield: state.dividend_yield[path],
                vix: state.vix[path],
                vix9d: state.vix9d[path],
                vix3m: state.vix3m[path],
                vix6m: state.vix6m[path],
                // Leave-one-chain-out, SKEW helps only beside a term structure (docs/surface.md).
                skew: if state.vix3m[path].is_finite() { state.skew[path] } else { f64::NAN },
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
            let mark = self.mid(state, path, instrument);
            quotes.push(quote_by_rule(state, path, instrument, self.vix_multiplier[path], mark));
        }
    }

    fn delta(&mut self, state: &MarketState, path: usize, instrument: Instrument) -> f64 {
        self.terms(state, path, instrument).map_or(f64::NAN, |terms| terms.delta())
    }

    fn forward(&mut self, state: &MarketState, path: usize, instrument: Instrument) -> f64 {
        match instrument {
            Instrument::SpxOption { expiry, settlement, .. } => {
                self.spx[path].forward(years_to(state, expiry, settlement))
            }
            Instrument::VixOption { expiry, .. } | Instrument::VixFuture { expiry } => {
                self.vix[path].future(expiry).price
            }
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

impl SmileMarks for SurfaceMarks {
    fn implied_vol(&mut self, state: &MarketState, path: usize, instrument: Instrument) -> f64 {
        let Some((right, strike, expiry, settlement)) = option_of(instrument) else { return f64::NAN };
        let series = self.series(state, path, expiry, settlement);
        series.terms(right, strike).total_sd / series.root_years
    }
}
