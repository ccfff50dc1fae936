//! Marks from the market model: of simulated states, or of the states that the volatility indices of history imply.

use std::sync::Arc;

use super::lookup::SmileMarks;
use super::{LegBatch, Marks, OptionProduct, Quote, flag, option_of, quote_by_rule, settlement_seconds};
use crate::calendar::listing::ListedExpiry;
use crate::costs::spread::vix_multiplier;
use crate::instrument::{Day, Instrument, Right, Settlement, years_between};
use crate::market::MarketState;
use crate::market::clock::BusinessClock;
use crate::market::inversion::Inverter;
use crate::market::state::ModelColumns;
use crate::math;
use crate::pricing::black;
use crate::pricing::tables::{FutureTerms, ModelTables, Placed, SpxSmile, SpxTime, VixSmile, VixTime};
use crate::pricing::transform::State;
use crate::surface::note_index::NoteIndex;
use crate::surface::vix::{FIRST_FUTURE_DAY, FIRST_OPTION_DAY, Future};

/// Calendar days of the windows of VIX9D, VIX, VIX3M and VIX6M.
const WINDOWS: [f64; 4] = [9.0, 30.0, 93.0, 184.0];
/// Points to which an index is taken to be quoted where states are inverted; docs/model.md has what others give.
const QUOTE_ERROR: f64 = 0.1;
/// Paths of a block from which its futures are worked out together.
const LEAST_PATHS: usize = 8;
/// What a future of a whole block costs beside one alone, at most.
const BATCH_GAIN: usize = 4;

/// Marks of every path of a block under one model.
#[derive(Debug, Clone)]
pub struct ModelMarks {
    tables: Arc<ModelTables>,
    inverter: Inverter,
    clock: BusinessClock,
    overlay: bool,
    placed: Vec<Placed>,
    /// The states of `placed` as columns.
    inside: ModelColumns,
    /// The same with what an episode adds to the fast variance: it marks options on the index.
    placed_spx: Vec<Placed>,
    /// Flags of the state of each path.
    flags: Vec<u32>,
    note: Vec<NoteIndex>,
    /// Somebody may ask for the note.
    follows_note: bool,
    vix_multiplier: Vec<f64>,
    /// Expiries that were asked for on this step, as far as `live`: all that no path changes.
    expiries: Vec<Expiry>,
    live: usize,
    /// Places in `expiries` of those that have a quoted future on this step.
    curve: Vec<usize>,
    /// The series that was asked for last: the legs of a condor come one after another.
    last: Option<(usize, usize, Series)>,
    clamped: u64,
}

/// What the options and the future of one expiry share on one step.
#[derive(Debug, Clone, Default)]
struct Expiry {
    day: Day,
    /// `None`: VIX.
    settlement: Option<Settlement>,
    /// Remaining life in model time, 0 where it is over.
    years: f64,
    /// Remaining life on the clock on which interest accrues.
    interest_years: f64,
    spx: Option<SpxTime>,
    vix: Option<VixTime>,
    /// Place of its price among the quoted futures.
    quoted: Option<usize>,
    future: FutureTerms,
    has_future: bool,
    /// Futures of all paths of the block; empty where few legs ask for them.
    futures: Vec<f64>,
    /// Legs of a batch that ask for the future.
    asking: usize,
}

/// The options of one expiry of one path on one step: all that does not depend on the strike.
#[derive(Debug, Clone, Copy)]
struct Series {
    forward: f64,
    discount: f64,
    smile: Smile,
    flags: u32,
}

#[derive(Debug, Clone, Copy)]
enum Smile {
    /// Life is over, or nothing is known.
    None,
    Spx(SpxSmile),
    /// With the model's future over the quoted one.
    Vix(VixSmile, f64),
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
            placed: Vec::new(),
            inside: ModelColumns::default(),
            placed_spx: Vec::new(),
            flags: Vec::new(),
            note: Vec::new(),
            follows_note: true,
            vix_multiplier: Vec::new(),
            expiries: Vec::new(),
            live: 0,
            curve: Vec::new(),
            last: None,
            clamped: 0,
        }
    }

    /// The same with the volatility of VIX options scaled to what the market asks at a level of VIX: see [`overlay`].
    pub fn with_overlay(self, overlay: bool) -> Self {
        Self { overlay, ..self }
    }

    /// The same where the note is followed only if somebody holds it: its level takes two futures on every step.
    pub fn with_note(self, follows_note: bool) -> Self {
        Self { follows_note, ..self }
    }

    /// The same on a clock of the caller's.
    pub fn with_clock(self, clock: BusinessClock) -> Self {
        Self { clock, ..self }
    }

    /// The state of a path on the latest step, inside the tables.
    pub fn state(&self, path: usize) -> State {
        self.placed[path].state
    }

    /// Steps of paths whose state lay outside the tables so far.
    pub fn clamped(&self) -> u64 {
        self.clamped
    }

    /// Place of an expiry among those of the step.
    fn expiry(&mut self, state: &MarketState, day: Day, settlement: Option<Settlement>) -> usize {
        let known = self.expiries[..self.live].iter().position(|e| e.day == day && e.settlement == settlement);
        if let Some(index) = known {
            return index;
        }
        let index = self.live;
        self.live += 1;
        if index == self.expiries.len() {
            self.expiries.push(Expiry::default());
        }
        let at = settlement.unwrap_or(Settlement::Am);
        let seconds = settlement_seconds(day, at);
        let is_over = (day, seconds) <= (state.day, state.seconds);
        let years = if is_over { 0.0 } else { self.clock.years(state.day, state.seconds, day, seconds) };
        // Simulated rates accrue in model time, those of history by the calendar.
        let interest_years = match (is_over, is_simulated(state)) {
            (true, _) => 0.0,
            (_, true) => years,
            _ => years_between(state.day, state.seconds, day, seconds),
        };
        let entry = &mut self.expiries[index];
        entry.day = day;
        entry.settlement = settlement;
        entry.years = years;
        entry.interest_years = interest_years;
        (entry.spx, entry.vix) = match settlement {
            _ if years <= 0.0 => (None, None),
            Some(_) => (Some(self.tables.spx_time(years)), None),
            None => (None, self.tables.vix_time(years)),
        };
        entry.quoted = match settlement {
            Some(_) => None,
            None => state.vx_expiry.iter().position(|&listed| listed == day),
        };
        entry.has_future = false;
        entry.futures.clear();
        index
    }

    /// The model's future of an expiry.
    fn model_future(&mut self, path: usize, index: usize) -> f64 {
        if let Some(&known) = self.expiries[index].futures.get(path) {
            return known;
        }
        let entry = &mut self.expiries[index];
        if !entry.has_future {
            self.tables.future_terms(entry.years, &mut entry.future);
            entry.has_future = true;
        }
        self.tables.future_at(&entry.future, self.placed[path].state)
    }

    /// Works out the futures of whole blocks of paths for the expiries that most paths ask for: lanes of states cost a
    /// sixth of states one by one, and have their bits.
    fn batch_futures(&mut self, state: &MarketState, legs: &LegBatch) {
        if state.n_paths() < LEAST_PATHS {
            return;
        }
        self.expiries.iter_mut().for_each(|expiry| expiry.asking = 0);
        for &instrument in &legs.instrument {
            if let Instrument::VixOption { expiry, .. } | Instrument::VixFuture { expiry } = instrument {
                let index = self.expiry(state, expiry, None);
                self.expiries[index].asking += 1;
            }
        }
        for index in 0..self.live {
            let entry = &mut self.expiries[index];
            let is_quoted = entry.quoted.is_some() && is_simulated(state);
            if entry.asking * BATCH_GAIN < state.n_paths() || is_quoted || !entry.futures.is_empty() {
                continue;
            }
            entry.futures.resize(state.n_paths(), 0.0);
            self.tables.vix_futures(entry.years, &self.inside, &mut entry.future, &mut entry.futures);
            entry.has_future = true;
        }
    }

    fn quoted_future(&self, state: &MarketState, path: usize, index: usize) -> Option<f64> {
        let price = self.expiries[index].quoted.map(|i| state.vx_price[i * state.n_paths() + path])?;
        (price > 0.0).then_some(price)
    }

    /// The future of an expiry: what is quoted, else the model's, moved as the quotes around it are from the model's.
    fn future(&mut self, state: &MarketState, path: usize, day: Day) -> Future {
        let index = self.expiry(state, day, None);
        let known = self.flags[path] | self.hypothetical(state, FIRST_FUTURE_DAY);
        if let Some(price) = self.quoted_future(state, path, index) {
            return Future { price, flags: known };
        }
        let price = self.model_future(path, index) * self.basis(state, path, self.expiries[index].years);
        let price = price * state.future_factor(path, day);
        let proxy = if is_simulated(state) { 0 } else { flag::PROXY };
        Future { price, flags: known | proxy }
    }

    fn hypothetical(&self, state: &MarketState, first: Day) -> u32 {
        if state.day < first { flag::HYPOTHETICAL } else { 0 }
    }

    /// Quoted over model futures at a time, linear between those that are quoted and VIX itself.
    fn basis(&mut self, state: &MarketState, path: usize, years: f64) -> f64 {
        if is_simulated(state) {
            return 1.0;
        }
        let ratio = |quoted: f64, model: f64| if quoted > 0.0 && model > 0.0 { quoted / model } else { f64::NAN };
        let spot = ratio(state.vix[path], self.tables.vix(self.placed[path].state));
        let mut before = (0.0, if spot.is_nan() { 1.0 } else { spot });
        for i in 0..self.curve.len() {
            let index = self.curve[i];
            let at = self.expiries[index].years;
            let Some(quoted) = self.quoted_future(state, path, index) else { continue };
            let ratio = ratio(quoted, self.model_future(path, index));
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

    fn index_forward(&self, state: &MarketState, path: usize, index: usize) -> f64 {
        let carry = finite_or_zero(state.rate[path]) - finite_or_zero(state.dividend_yield[path]);
        state.spot[path] * math::exp(carry * self.expiries[index].interest_years)
    }

    fn series(&mut self, state: &MarketState, path: usize, day: Day, settlement: Option<Settlement>) -> Series {
        let index = self.expiry(state, day, settlement);
        if let Some((known_path, known_index, series)) = self.last
            && (known_path, known_index) == (path, index)
        {
            return series;
        }
        let placed = self.placed[path];
        let mut flags = self.flags[path];
        let mut clamp = |is_clamped: bool| flags |= if is_clamped { flag::CLAMPED } else { 0 };
        let (forward, smile) = match settlement {
            Some(_) => {
                let smile = self.expiries[index].spx.map_or(Smile::None, |time| {
                    clamp(time.is_clamped);
                    Smile::Spx(self.tables.spx_smile(&time, &self.placed_spx[path]))
                });
                (self.index_forward(state, path, index), smile)
            }
            None => {
                let smile = self.expiries[index].vix.map(|time| {
                    clamp(time.is_clamped);
                    self.tables.vix_smile(&time, &placed)
                });
                if self.expiries[index].years <= 0.0 {
                    (state.vix[path], Smile::None)
                } else {
                    let future = self.future(state, path, day);
                    flags |= future.flags | self.hypothetical(state, FIRST_OPTION_DAY);
                    let model = if is_simulated(state) { future.price } else { self.model_future(path, index) };
                    (future.price, smile.map_or(Smile::None, |smile| Smile::Vix(smile, model / future.price)))
                }
            }
        };
        let discount = math::exp(-finite_or_zero(state.rate[path]) * self.expiries[index].interest_years);
        let series = Series { forward, discount, smile, flags };
        self.last = Some((path, index, series));
        series
    }

    /// Total standard deviation of one option of a series.
    fn total_sd(&self, state: &MarketState, path: usize, series: &Series, strike: f64, log_moneyness: f64) -> f64 {
        match &series.smile {
            Smile::None => 0.0,
            Smile::Spx(smile) => self.tables.spx_total_sd(smile, -log_moneyness),
            Smile::Vix(smile, ratio) => {
                let sd = self.tables.vix_total_sd(smile, strike * ratio);
                if self.overlay { sd * overlay(state.vix[path], -log_moneyness) } else { sd }
            }
        }
    }

    fn option(&mut self, state: &MarketState, path: usize, instrument: Instrument) -> (f64, u32) {
        let Some((right, strike, day, settlement)) = option_of(instrument) else { return (f64::NAN, 0) };
        let series = self.series(state, path, day, settlement);
        if !(series.forward > 0.0 && strike > 0.0) {
            return (f64::NAN, series.flags);
        }
        let log_moneyness = math::log_ratio(series.forward, strike);
        let total_sd = self.total_sd(state, path, &series, strike, log_moneyness);
        if total_sd.is_nan() {
            return (f64::NAN, series.flags);
        }
        let price = black::black_at(right, series.forward, strike, log_moneyness, total_sd);
        (series.discount * price, series.flags)
    }

    fn mid(&mut self, state: &MarketState, path: usize, instrument: Instrument) -> (f64, u32) {
        match instrument {
            Instrument::SpxOption { .. } | Instrument::VixOption { .. } => self.option(state, path, instrument),
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
pub(crate) fn is_simulated(state: &MarketState) -> bool {
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
/// that indices imply, by level of VIX, constant beyond the ends; larger above the future by [`WING`]. docs/model.md says what it rests on.
pub fn overlay(vix: f64, log_moneyness: f64) -> f64 {
    let last = MARKET_OVER_MODEL.len() - 1;
    let above = MARKET_OVER_MODEL.partition_point(|&(level, _)| level < vix).clamp(1, last);
    let ((low, from), (high, to)) = (MARKET_OVER_MODEL[above - 1], MARKET_OVER_MODEL[above]);
    let level = from + (to - from) * ((vix - low) / (high - low)).clamp(0.0, 1.0);
    level * (1.0 + WING * log_moneyness.max(0.0))
}

impl Marks for ModelMarks {
    fn prepare(&mut self, state: &MarketState) {
        let n = state.n_paths();
        self.live = 0;
        self.last = None;
        self.placed.clear();
        for column in [&mut self.inside.v1, &mut self.inside.v2, &mut self.inside.intensity] {
            column.clear();
        }
        self.placed_spx.clear();
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
            let placed = self.tables.place(hidden);
            self.clamped += u64::from(placed.is_clamped);
            self.flags.push(if placed.is_clamped { flag::CLAMPED } else { 0 });
            self.placed.push(placed);
            self.inside.v1.push(placed.state.v1);
            self.inside.v2.push(placed.state.v2);
            self.inside.intensity.push(placed.state.intensity);
            let transient = state.transient_variance(path);
            self.placed_spx.push(if transient == 0.0 {
                placed
            } else {
                let spx = self.tables.place(State { v1: hidden.v1 + transient, ..hidden });
                self.clamped += u64::from(spx.is_clamped && !placed.is_clamped);
                self.flags[path] |= if spx.is_clamped { flag::CLAMPED } else { 0 };
                spx
            });
            self.vix_multiplier.push(vix_multiplier(state.vix[path]));
        }
        self.curve.clear();
        for &day in &state.vx_expiry {
            let index = self.expiry(state, day, None);
            self.curve.push(index);
        }
        self.note.resize_with(n, NoteIndex::default);
        if !self.follows_note {
            return;
        }
        for path in 0..n {
            let mut note = self.note[path];
            let rate = finite_or_zero(state.rate[path]);
            note.step(state.day, state.is_close, rate, |expiry| self.future(state, path, expiry));
            self.note[path] = note;
        }
    }

    fn quote(&mut self, state: &MarketState, legs: &LegBatch, quotes: &mut Vec<Quote>) {
        quotes.clear();
        if legs.path.len() >= LEAST_PATHS {
            self.batch_futures(state, legs);
        }
        for (&path, &instrument) in legs.path.iter().zip(&legs.instrument) {
            let path = path as usize;
            let mark = self.mid(state, path, instrument);
            quotes.push(quote_by_rule(state, path, instrument, self.vix_multiplier[path], mark));
        }
    }

    fn delta(&mut self, state: &MarketState, path: usize, instrument: Instrument) -> f64 {
        let Some((right, strike, day, settlement)) = option_of(instrument) else { return f64::NAN };
        let series = self.series(state, path, day, settlement);
        if !(series.forward > 0.0 && strike > 0.0) {
            return f64::NAN;
        }
        let log_moneyness = math::log_ratio(series.forward, strike);
        let total_sd = self.total_sd(state, path, &series, strike, log_moneyness);
        if total_sd.is_nan() { f64::NAN } else { black::forward_delta_at(right, log_moneyness, total_sd) }
    }

    fn forward(&mut self, state: &MarketState, path: usize, instrument: Instrument) -> f64 {
        match instrument {
            Instrument::SpxOption { expiry, settlement, .. } => {
                let index = self.expiry(state, expiry, Some(settlement));
                self.index_forward(state, path, index)
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

impl SmileMarks for ModelMarks {
    fn implied_vol(&mut self, state: &MarketState, path: usize, instrument: Instrument) -> f64 {
        let Some((_, strike, day, settlement)) = option_of(instrument) else { return f64::NAN };
        let series = self.series(state, path, day, settlement);
        let seconds = settlement_seconds(day, settlement.unwrap_or(Settlement::Am));
        let years = years_between(state.day, state.seconds, day, seconds);
        if years <= 0.0 {
            return f64::NAN;
        }
        let log_moneyness = math::log_ratio(series.forward, strike);
        self.total_sd(state, path, &series, strike, log_moneyness) / years.sqrt()
    }
}
