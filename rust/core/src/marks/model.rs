//! Marks from the market model: of simulated states, or of the states that the volatility indices of history imply.

use std::sync::Arc;

use super::{LegBatch, Marks, OptionProduct, Quote, flag, option_of, quote_by_rule, settlement_seconds};
use crate::calendar::listing::ListedExpiry;
use crate::costs::spread::vix_multiplier;
use crate::instrument::{Day, Instrument, Right, Settlement, years_between};
use crate::market::MarketState;
use crate::market::clock::BusinessClock;
use crate::market::inversion::Inverter;
use crate::math;
use crate::pricing::black;
use crate::pricing::tables::ModelTables;
use crate::pricing::transform::State;
use crate::surface::note_index::NoteIndex;
use crate::surface::vix::Future;

/// Calendar days of the windows of VIX9D, VIX, VIX3M and VIX6M.
const WINDOWS: [f64; 4] = [9.0, 30.0, 93.0, 184.0];
/// Points to which an index is taken to be quoted where states are inverted; docs/model.md has what others give.
const QUOTE_ERROR: f64 = 0.1;

/// Marks of every path of a block under one model.
#[derive(Debug, Clone)]
pub struct ModelMarks {
    tables: Arc<ModelTables>,
    inverter: Inverter,
    clock: BusinessClock,
    overlay: bool,
    states: Vec<State>,
    /// Flags of the state of each path.
    flags: Vec<u32>,
    note: Vec<NoteIndex>,
    vix_multiplier: Vec<f64>,
    /// Expiries that were asked for on this step: all that no path changes.
    terms: Vec<Terms>,
    /// Expiries that have a future on this step and the time to them, ascending.
    curve: Vec<(Day, f64)>,
}

/// Times and discount of one expiry on one step.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Terms {
    expiry: Day,
    settlement: Settlement,
    /// Remaining life in model time, not positive where it is over.
    years: f64,
    /// Remaining life on the clock on which interest accrues.
    interest_years: f64,
}

/// One option of one path, ready for Black's formula.
struct Leg {
    right: Right,
    forward: f64,
    strike: f64,
    total_sd: f64,
    discount: f64,
    flags: u32,
}

impl ModelMarks {
    /// Marks before their first step.
    pub fn new(tables: Arc<ModelTables>) -> Self {
        let inverter = Inverter::new(tables.config(), &WINDOWS, QUOTE_ERROR);
        Self {
            tables,
            inverter,
            clock: BusinessClock::default(),
            overlay: false,
            states: Vec::new(),
            flags: Vec::new(),
            note: Vec::new(),
            vix_multiplier: Vec::new(),
            terms: Vec::new(),
            curve: Vec::new(),
        }
    }

    /// The same with the volatility of VIX options scaled to what the market asks at a level of VIX: see [`overlay`].
    pub fn with_overlay(self, overlay: bool) -> Self {
        Self { overlay, ..self }
    }

    /// The same on a clock of the caller's.
    pub fn with_clock(self, clock: BusinessClock) -> Self {
        Self { clock, ..self }
    }

    /// The state of a path on the latest step.
    pub fn state(&self, path: usize) -> State {
        self.states[path]
    }

    fn terms(&mut self, state: &MarketState, expiry: Day, settlement: Settlement) -> Terms {
        if let Some(known) = self.terms.iter().find(|held| held.expiry == expiry && held.settlement == settlement) {
            return *known;
        }
        let seconds = settlement_seconds(expiry, settlement);
        let is_over = (expiry, seconds) <= (state.day, state.seconds);
        let years = if is_over { 0.0 } else { self.clock.years(state.day, state.seconds, expiry, seconds) };
        // Simulated rates accrue in model time, those of history by the calendar.
        let interest_years = match (is_over, is_simulated(state)) {
            (true, _) => 0.0,
            (_, true) => years,
            _ => years_between(state.day, state.seconds, expiry, seconds),
        };
        let terms = Terms { expiry, settlement, years, interest_years };
        self.terms.push(terms);
        terms
    }

    /// The future of an expiry: what is quoted, else the model's, moved as the quotes around it are from the model's.
    fn future(&mut self, state: &MarketState, path: usize, expiry: Day) -> Future {
        let n = state.n_paths();
        if let Some(i) = state.vx_expiry.iter().position(|&listed| listed == expiry) {
            let price = state.vx_price[i * n + path];
            if price > 0.0 {
                return Future { price, flags: self.flags[path] };
            }
        }
        let years = self.terms(state, expiry, Settlement::Am).years;
        let price = self.tables.vix_future(self.states[path], years) * self.basis(state, path, years);
        Future { price, flags: self.flags[path] | if is_simulated(state) { 0 } else { flag::PROXY } }
    }

    /// Quoted over model futures at a time, linear between those that are quoted and VIX itself.
    fn basis(&self, state: &MarketState, path: usize, years: f64) -> f64 {
        if is_simulated(state) {
            return 1.0;
        }
        let n = state.n_paths();
        let ratio = |quoted: f64, model: f64| if quoted > 0.0 && model > 0.0 { quoted / model } else { f64::NAN };
        let spot = ratio(state.vix[path], self.tables.vix(self.states[path]));
        let mut before = (0.0, if spot.is_nan() { 1.0 } else { spot });
        for (i, &(_, at)) in self.curve.iter().enumerate() {
            let ratio = ratio(state.vx_price[i * n + path], self.tables.vix_future(self.states[path], at));
            if at <= before.0 || ratio.is_nan() {
                continue;
            }
            if at >= years {
                return before.1 + (ratio - before.1) * (years - before.0) / (at - before.0);
            }
            before = (at, ratio);
        }
        before.1
    }

    fn forward_of(&mut self, state: &MarketState, path: usize, terms: &Terms) -> f64 {
        let carry = finite_or_zero(state.rate[path]) - finite_or_zero(state.dividend_yield[path]);
        state.spot[path] * math::exp(carry * terms.interest_years)
    }

    fn leg(&mut self, state: &MarketState, path: usize, instrument: Instrument) -> Option<Leg> {
        let (right, strike, expiry, settlement) = option_of(instrument)?;
        let terms = self.terms(state, expiry, settlement.unwrap_or(Settlement::Am));
        let mut flags = self.flags[path];
        let forward = match settlement {
            Some(_) => self.forward_of(state, path, &terms),
            None if terms.years > 0.0 => {
                let future = self.future(state, path, expiry);
                flags |= future.flags;
                future.price
            }
            None => state.vix[path],
        };
        let moneyness = strike / forward;
        let (hidden, years) = (self.states[path], terms.years);
        let total_sd = match settlement {
            _ if years <= 0.0 => 0.0,
            Some(_) => self.tables.spx_total_sd(hidden, years, moneyness),
            None if self.overlay => {
                self.tables.vix_total_sd(hidden, years, moneyness) * overlay(state.vix[path], moneyness)
            }
            None => self.tables.vix_total_sd(hidden, years, moneyness),
        };
        let discount = math::exp(-finite_or_zero(state.rate[path]) * terms.interest_years);
        Some(Leg { right, forward, strike, total_sd, discount, flags })
    }

    fn mid(&mut self, state: &MarketState, path: usize, instrument: Instrument) -> (f64, u32) {
        match instrument {
            Instrument::SpxOption { .. } | Instrument::VixOption { .. } => {
                self.leg(state, path, instrument).map_or((f64::NAN, 0), |leg| {
                    (leg.discount * black::black(leg.right, leg.forward, leg.strike, leg.total_sd), leg.flags)
                })
            }
            Instrument::VixFuture { expiry } => {
                let future = self.future(state, path, expiry);
                (future.price, future.flags)
            }
            Instrument::VixNote => (self.note[path].level(), self.note[path].flags()),
            Instrument::SpxIndex => (state.spot[path], 0),
        }
    }
}

/// Whether the state comes with the market, as it does in a simulation.
fn is_simulated(state: &MarketState) -> bool {
    !state.model.v1.is_empty()
}

fn finite_or_zero(rate: f64) -> f64 {
    if rate.is_finite() { rate } else { 0.0 }
}

/// Market over model volatility of VIX options by level of VIX, at the middle of the levels that were compared.
const MARKET_OVER_MODEL: [(f64, f64); 6] =
    [(10.5, 1.05), (13.5, 0.99), (16.5, 1.10), (20.0, 1.18), (26.0, 1.37), (37.5, 1.60)];
/// Slope of the same in ln(strike/future) above the future.
const WING: f64 = 0.25 / 0.7;

/// Factor on the model's implied volatility of VIX options: what the market asked over what the model says at the states
/// that indices imply, by level of VIX; constant beyond the ends. docs/model.md says what it rests on.
pub fn overlay(vix: f64, moneyness: f64) -> f64 {
    let last = MARKET_OVER_MODEL.len() - 1;
    let above = MARKET_OVER_MODEL.partition_point(|&(level, _)| level < vix).clamp(1, last);
    let ((low, from), (high, to)) = (MARKET_OVER_MODEL[above - 1], MARKET_OVER_MODEL[above]);
    let level = from + (to - from) * ((vix - low) / (high - low)).clamp(0.0, 1.0);
    let wing = if moneyness > 1.0 { WING * math::ln(moneyness) } else { 0.0 };
    level * (1.0 + wing)
}

impl Marks for ModelMarks {
    fn prepare(&mut self, state: &MarketState) {
        let n = state.n_paths();
        self.terms.clear();
        self.curve.clear();
        for &expiry in &state.vx_expiry {
            let seconds = settlement_seconds(expiry, Settlement::Am);
            self.curve.push((expiry, self.clock.years(state.day, state.seconds, expiry, seconds)));
        }
        self.states.clear();
        self.flags.clear();
        self.vix_multiplier.clear();
        for path in 0..n {
            let hidden = if is_simulated(state) {
                let model = &state.model;
                State { v1: model.v1[path], v2: model.v2[path], intensity: model.intensity[path] }
            } else {
                let quotes = [state.vix9d[path], state.vix[path], state.vix3m[path], state.vix6m[path]];
                self.inverter.state(&quotes)
            };
            self.states.push(hidden);
            self.flags.push(0);
            self.vix_multiplier.push(vix_multiplier(state.vix[path]));
        }
        self.note.resize_with(n, NoteIndex::default);
        for path in 0..n {
            let mut note = self.note[path];
            let rate = finite_or_zero(state.rate[path]);
            note.step(state.day, state.is_close, rate, |expiry| self.future(state, path, expiry));
            self.note[path] = note;
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
        self.leg(state, path, instrument)
            .map_or(f64::NAN, |leg| black::forward_delta(leg.right, leg.forward, leg.strike, leg.total_sd))
    }

    fn forward(&mut self, state: &MarketState, path: usize, instrument: Instrument) -> f64 {
        match instrument {
            Instrument::SpxOption { expiry, settlement, .. } => {
                let terms = self.terms(state, expiry, settlement);
                self.forward_of(state, path, &terms)
            }
            Instrument::VixOption { expiry, .. } | Instrument::VixFuture { expiry } => {
                self.future(state, path, expiry).price
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
