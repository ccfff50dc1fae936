//! Recorded history as a market of one path: daily bars or intraday bars to steps.
//!
//! Daily bars give up to three steps a session: the open (09:30), a mid-morning proxy (11:00) and the close. What a
//! bar does not hold is estimated from the same session and flagged as a proxy; nothing of a later session is used.
//! The constants of the estimates are measured by `tools/estimate_time_of_day.py`, which prints them with their errors.

use crate::calendar;
use crate::error::{Error, Fault, Result};
use crate::instrument::{DAY_SECONDS, Day, OPEN_SECONDS};
use crate::market::state::{MarketSource, MarketState, SettlementSource, SettlementValue, flag};
use crate::math;
use crate::signals::INPUTS;
use crate::signals::input::SESSIONS_TO_EVENT;
use crate::surface::vix::{moved_future, pass_through};

/// Time of the mid-morning proxy, seconds after midnight New York.
pub const MID_MORNING_SECONDS: i32 = 39_600;
/// An open within this relative distance of the prior close is a repeated close, not a price.
pub const STALE_TOLERANCE: f64 = 1e-6;
/// 2006-02-24, first day of VIX options; before it (and before VIX futures, 2004-03-26) every hedge is hypothetical.
pub const FIRST_VIX_OPTION: Day = 13_203;

/// Weights of the log distances of close, high and low from the open in the 11:00 price (SPY hours 1998-2017: R2 0.39).
const MID_GIVEN_OPEN: [f64; 3] = [0.24, 0.12, 0.12];
/// The same without high and low (R2 0.36).
const MID_GIVEN_OPEN_CLOSE: f64 = 0.35;
/// Weights of the log distances of close, high and low from the prior close in the 11:00 price without an open (R2 0.59).
const MID_GIVEN_PRIOR: [f64; 3] = [0.25, 0.20, 0.20];
/// The same without high and low (R2 0.53).
const MID_GIVEN_PRIOR_CLOSE: f64 = 0.48;
/// Weights of the log distances of close, high and low from the prior close in the 09:30 price (R2 0.37).
const OPEN_GIVEN_PRIOR: [f64; 3] = [0.02, 0.23, 0.23];
/// The same without high and low (R2 0.26).
const OPEN_GIVEN_PRIOR_CLOSE: f64 = 0.30;
/// Weights of the log distances of open, close, high and low from the prior close in the 09:30 price where the open
/// lags: published opens of many years hold a tenth of the overnight move, because most shares had not traded yet, so
/// that high and low start from the prior close too (SPY 1999-2016: R2 0.56).
const OPEN_GIVEN_LAGGING: [f64; 4] = [1.77, -0.25, 0.51, 0.44];
/// Weights of the log distances of close, high and low from the prior close in the 11:00 price where the open lags
/// (37 bp off SPY's 11:00 price; with [`MID_GIVEN_PRIOR`] 47 bp). An open from SPY adds nothing to them.
const MID_GIVEN_LAGGING: [f64; 3] = [-0.27, 0.77, 0.69];
/// Opens lag where the squared overnight moves of so many sessions before sum to less than this share of the squared
/// close-to-close moves: SPY's share is a third, that of S&P 500 opens 1999-2016 is 0 to 0.05.
const LAGGING_SESSIONS: usize = 252;
const LAGGING_SHARE: f64 = 0.05;
/// Log move of VIX per log move of the S&P 500 from the prior close to the open.
const VIX_OPEN_BETA: f64 = -3.7;
/// Weights of the log distances of close, high and low from the open in the VIX at 11:00 (VXX hours 2009-2017: R2 0.62).
const VIX_MID: [f64; 3] = [-0.25, 0.60, 0.60];
/// The same without high and low (R2 0.34).
const VIX_MID_CLOSE: f64 = 0.33;
/// Log moves of the other indices per log move of VIX (daily closes; VIX6M, for which no series is at hand, between
/// VIX3M and the ladder of the futures).
const LOG_BETA_VIX9D: f64 = 1.5;
const LOG_BETA_VIX3M: f64 = 0.58;
const LOG_BETA_VIX6M: f64 = 0.45;
const LOG_BETA_VVIX: f64 = 0.54;
/// Sessions for which a contract without a settlement is carried on from its last one.
const CARRIED_SESSIONS: u8 = 5;

/// Columns of recorded history, one value a session, NaN where there is none. An optional column that is empty is
/// absent. Points for prices and volatility indices, continuous decimals for rates.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct HistoryColumns {
    /// Sessions, strictly ascending.
    pub day: Vec<Day>,
    /// S&P 500 open; optional, as are high and low.
    pub spx_open: Vec<f64>,
    /// S&P 500 high.
    pub spx_high: Vec<f64>,
    /// S&P 500 low.
    pub spx_low: Vec<f64>,
    /// S&P 500 close; required.
    pub spx_close: Vec<f64>,
    /// VIX open; optional, as are high and low.
    pub vix_open: Vec<f64>,
    /// VIX high.
    pub vix_high: Vec<f64>,
    /// VIX low.
    pub vix_low: Vec<f64>,
    /// VIX close; required.
    pub vix_close: Vec<f64>,
    /// Nine-day VIX close.
    pub vix9d_close: Vec<f64>,
    /// Three-month VIX close.
    pub vix3m_close: Vec<f64>,
    /// Six-month VIX close.
    pub vix6m_close: Vec<f64>,
    /// VVIX close.
    pub vvix_close: Vec<f64>,
    /// SKEW close.
    pub skew_close: Vec<f64>,
    /// Continuous rate known at the close of the session.
    pub rate: Vec<f64>,
    /// Continuous dividend yield of the index.
    pub dividend_yield: Vec<f64>,
    /// SPY open, USD, not adjusted for dividends.
    pub spy_open: Vec<f64>,
    /// SPY close, USD, not adjusted for dividends.
    pub spy_close: Vec<f64>,
    /// Official AM settlement of the S&P 500 (SET).
    pub spx_settlement: Vec<f64>,
    /// Official VIX settlement (VRO).
    pub vix_settlement: Vec<f64>,
    /// Start of each session's VIX futures in the two columns below, and their end: one more than sessions, or empty.
    pub vx_offset: Vec<usize>,
    /// Expiries of the VIX futures, ascending within a session.
    pub vx_expiry: Vec<Day>,
    /// Settlements of the VIX futures.
    pub vx_settle: Vec<f64>,
    /// Sessions of intraday bars, ascending.
    pub bar_day: Vec<Day>,
    /// Times of the bars, seconds after midnight New York: the prices are the last at that time.
    pub bar_seconds: Vec<i32>,
    /// S&P 500 at the bar.
    pub bar_spot: Vec<f64>,
    /// VIX at the bar; empty or NaN: moved with the S&P 500 and flagged.
    pub bar_vix: Vec<f64>,
    /// First, second, ... VIX future at the bar; may be empty.
    pub bar_vx: Vec<Vec<f64>>,
    /// Inputs of signals, one value a session, in the order of `signals::INPUTS` and then of `user_columns`; empty, or
    /// one column for each, of which those of the order book are empty. All but the distance to the next event are known at the close.
    pub signals: Vec<Vec<f64>>,
    /// Names of the columns that users added.
    pub user_columns: Vec<String>,
    /// Sessions of the readings of an order book, ascending with the times below.
    pub alarm_day: Vec<Day>,
    /// Times of day from which they are usable, seconds after midnight New York; each holds to the next or to the end of its
    /// session.
    pub alarm_seconds: Vec<i32>,
    /// Readings in the order of `signals::INPUTS` up to the quick ratio; an empty column is absent.
    pub alarm: Vec<Vec<f64>>,
}

/// What to build from the columns.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HistoryOptions {
    /// Whether sessions with a usable open have a step at 09:30.
    pub open_step: bool,
    /// Whether sessions have a mid-morning proxy.
    pub mid_morning: bool,
}

impl Default for HistoryOptions {
    fn default() -> Self {
        Self { open_step: true, mid_morning: true }
    }
}

/// One step before it is asked for: futures and the other indices follow from the session when it is filled.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Step {
    session: u32,
    seconds: i32,
    spot: f64,
    vix: f64,
    flags: u32,
    /// Index of the intraday bar plus one; 0 for none.
    bar: u32,
    is_open: bool,
    is_close: bool,
}

/// A VIX future at the close of a session: its settlement, or an earlier one moved with VIX.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Future {
    expiry: Day,
    price: f64,
    age: u8,
}

/// How often, in sessions, something had to stand in for data.
pub const COUNTER_NAMES: [&str; 14] = [
    "spot_proxy",
    "vix_proxy",
    "vx_proxy",
    "hypothetical_hedge",
    "asynchronous",
    "no_rate",
    "spx_open_stale",
    "spx_open_missing",
    "spx_open_from_spy",
    "vix_open_stale",
    "vix_open_missing",
    "vix_close_carried",
    "vx_carried",
    "intraday_bars",
];

/// Recorded history, ready for the engine.
#[derive(Debug, Clone)]
pub struct HistorySource {
    columns: HistoryColumns,
    steps: Vec<Step>,
    /// S&P 500 open that is a price: live or carried by SPY.
    spx_open: Vec<(f64, SettlementSource)>,
    /// Whether the S&P 500 open of the session repeats the prior close or lags behind the market.
    is_lagging: Vec<bool>,
    /// Sums over the sessions so far of the squared moves from the prior close to the open and to the close.
    squared_moves: Vec<[f64; 2]>,
    /// VIX open that is a price, else NaN.
    vix_open: Vec<f64>,
    /// VIX close with holes carried on.
    vix_close: Vec<f64>,
    futures_offset: Vec<usize>,
    futures: Vec<Future>,
    counters: [u64; COUNTER_NAMES.len()],
}

fn at(column: &[f64], session: usize) -> f64 {
    column.get(session).copied().unwrap_or(f64::NAN)
}

fn square(x: f64) -> f64 {
    x * x
}

fn is_positive(value: f64) -> bool {
    value.is_finite() && value > 0.0
}

fn is_vix(value: f64) -> bool {
    is_positive(value) && value <= 200.0
}

/// Whether `open` is a price of its own: not missing, not the prior close again, not a bar that only repeats its close.
fn is_live_open(open: f64, high: f64, low: f64, close: f64, prior_close: f64) -> bool {
    let is_flat = (open - close).abs() <= 0.0 && (high - low).abs() <= 0.0;
    let is_stale = (open / prior_close - 1.0).abs() <= STALE_TOLERANCE;
    is_positive(open) && !is_flat && !is_stale
}

/// Log estimate from a base price and the log distances of the bar of the session from it.
fn bridge(base: f64, close: f64, high: f64, low: f64, weights: [f64; 3], close_only: f64) -> f64 {
    let distance = |price: f64| math::ln(price / base);
    let log = if is_positive(high) && is_positive(low) {
        weights[0] * distance(close) + weights[1] * distance(high) + weights[2] * distance(low)
    } else {
        close_only * distance(close)
    };
    base * math::exp(log)
}

/// Quarterly third Friday (or the session before a holiday): SPY goes ex dividend at the open.
fn is_spy_ex_dividend(day: Day) -> bool {
    let (year, month, _) = calendar::civil(day);
    month % 3 == 0 && calendar::spx_am_expiry(year, month) == day
}

/// Largest value of any column; the index has stayed below 10,000.
const MAX_POINTS: f64 = 1e6;

impl HistoryColumns {
    /// Checks lengths, order and the required columns.
    fn validate(&self) -> Result<()> {
        let n = self.day.len();
        if n == 0 {
            return Err(Error::data(Fault::new("HIS101", "HistoryColumns", "day", "0 sessions", "at least 1")));
        }
        let length = |field: &str, got: usize, is_required: bool| {
            if got == n || (got == 0 && !is_required) {
                return Ok(());
            }
            let expected = format!("{n} values, one a session");
            Err(Error::schema(Fault::new("HIS102", "HistoryColumns", field, format!("{got} values"), expected)))
        };
        length("spx_close", self.spx_close.len(), true)?;
        length("vix_close", self.vix_close.len(), true)?;
        for (field, column) in self.optional() {
            length(field, column.len(), false)?;
        }
        if let Some(i) = self.day.windows(2).position(|pair| pair[1] <= pair[0]) {
            let value = format!("{} after {}", self.day[i + 1], self.day[i]);
            let fault = Fault::new("HIS103", "HistoryColumns", "day", value, "strictly ascending sessions");
            return Err(Error::data(fault.at(format!("session {}", i + 1))));
        }
        for (session, &close) in self.spx_close.iter().enumerate() {
            if !is_positive(close) {
                let fault =
                    Fault::new("HIS104", "HistoryColumns", "spx_close", close.to_string(), "a finite value > 0");
                return Err(Error::data(fault.at(format!("session {session}"))));
            }
            let vix = self.vix_close[session];
            let is_hole = vix.is_nan() && session > 0;
            if !is_hole && !is_vix(vix) {
                let fault = Fault::new("HIS105", "HistoryColumns", "vix_close", vix.to_string(), "0 < VIX <= 200");
                return Err(Error::data(fault.at(format!("session {session}"))));
            }
        }
        self.validate_size()?;
        self.validate_futures(n)?;
        self.validate_bars()?;
        self.validate_signals(n)
    }

    fn validate_signals(&self, n: usize) -> Result<()> {
        let count = |field: &str, got: usize, expected: String| {
            Err(Error::schema(Fault::new("HIS114", "HistoryColumns", field, format!("{got} columns"), expected)))
        };
        let expected = INPUTS.len() + self.user_columns.len();
        if self.signals.len() != expected && !(self.signals.is_empty() && self.user_columns.is_empty()) {
            return count("signals", self.signals.len(), format!("{expected}, one an input"));
        }
        if self.alarm.len() != ALARM_INPUTS && !(self.alarm.is_empty() && self.alarm_day.is_empty()) {
            return count("alarm", self.alarm.len(), format!("{ALARM_INPUTS}, one a reading of the book"));
        }
        let rows = self.alarm_day.len();
        let lengths =
            self.signals.iter().map(|column| (column, n)).chain(self.alarm.iter().map(|column| (column, rows)));
        for (index, (column, length)) in lengths.enumerate() {
            let name = || match index.checked_sub(self.signals.len()) {
                Some(alarm) => INPUTS[alarm].to_owned(),
                None => {
                    let user = index.checked_sub(INPUTS.len()).and_then(|user| self.user_columns.get(user));
                    user.map_or_else(|| INPUTS[index].to_owned(), Clone::clone)
                }
            };
            let is_misplaced = index < ALARM_INPUTS && index < self.signals.len() && !column.is_empty();
            if is_misplaced || (column.len() != length && !column.is_empty()) {
                let (got, expected) = (format!("{} values", column.len()), format!("{length} values or none"));
                return Err(Error::schema(Fault::new("HIS115", "HistoryColumns", name(), got, expected)));
            }
            if let Some(row) = column.iter().position(|value| value.is_infinite()) {
                let fault = Fault::new("HIS116", "HistoryColumns", name(), column[row].to_string(), "finite or NaN");
                return Err(Error::data(fault.at(format!("row {row}"))));
            }
        }
        if self.alarm_seconds.len() != rows {
            return count("alarm_seconds", self.alarm_seconds.len(), format!("{rows} values"));
        }
        let key = |row: usize| (self.alarm_day[row], self.alarm_seconds[row]);
        if let Some(row) = (1..rows).find(|&row| key(row) <= key(row - 1)) {
            let value = format!("{:?} after {:?}", key(row), key(row - 1));
            let fault = Fault::new("HIS117", "HistoryColumns", "alarm_seconds", value, "ascending times");
            return Err(Error::data(fault.at(format!("row {row}"))));
        }
        Ok(())
    }

    /// Money is counted in integer cents: nothing may be so large that a position in it cannot be, and the index, from
    /// whose close other prices are estimated by ratios, not so small.
    fn validate_size(&self) -> Result<()> {
        if let Some(row) = self.spx_close.iter().position(|&close| close < 1.0) {
            let value = self.spx_close[row].to_string();
            let fault = Fault::new("HIS113", "HistoryColumns", "spx_close", value, "at least 1 point");
            return Err(Error::data(fault.at(format!("row {row}"))));
        }
        let bars = self.bar_vx.iter().map(|column| ("bar_vx", column));
        let closes = [("spx_close", &self.spx_close), ("vx_settle", &self.vx_settle), ("bar_spot", &self.bar_spot)];
        for (field, column) in self.optional().into_iter().chain(closes).chain(bars) {
            if let Some(row) = column.iter().position(|value| !value.is_nan() && value.abs() > MAX_POINTS) {
                let (value, expected) = (column[row].to_string(), "at most 1000000 points either way");
                return Err(Error::data(
                    Fault::new("HIS113", "HistoryColumns", field, value, expected).at(format!("row {row}")),
                ));
            }
        }
        Ok(())
    }

    fn optional(&self) -> [(&'static str, &Vec<f64>); 17] {
        [
            ("spx_open", &self.spx_open),
            ("spx_high", &self.spx_high),
            ("spx_low", &self.spx_low),
            ("vix_open", &self.vix_open),
            ("vix_high", &self.vix_high),
            ("vix_low", &self.vix_low),
            ("vix9d_close", &self.vix9d_close),
            ("vix3m_close", &self.vix3m_close),
            ("vix6m_close", &self.vix6m_close),
            ("vvix_close", &self.vvix_close),
            ("skew_close", &self.skew_close),
            ("rate", &self.rate),
            ("dividend_yield", &self.dividend_yield),
            ("spy_open", &self.spy_open),
            ("spy_close", &self.spy_close),
            ("spx_settlement", &self.spx_settlement),
            ("vix_settlement", &self.vix_settlement),
        ]
    }

    fn validate_futures(&self, n: usize) -> Result<()> {
        let fault = |value: String, expected: &str| {
            Err(Error::schema(Fault::new("HIS106", "HistoryColumns", "vx_offset", value, expected)))
        };
        if self.vx_expiry.len() != self.vx_settle.len() {
            let value = format!("{} expiries, {} settlements", self.vx_expiry.len(), self.vx_settle.len());
            return fault(value, "as many of both");
        }
        let offset = &self.vx_offset;
        if offset.is_empty() {
            return if self.vx_expiry.is_empty() { Ok(()) } else { fault("nothing".into(), "one more than sessions") };
        }
        let is_sound = offset.len() == n + 1
            && offset[0] == 0
            && offset[n] == self.vx_expiry.len()
            && offset.windows(2).all(|pair| pair[0] <= pair[1]);
        if !is_sound {
            return fault(format!("{} values", offset.len()), "ascending from 0 to the rows, one more than sessions");
        }
        for session in 0..n {
            let rows = offset[session]..offset[session + 1];
            if !self.vx_expiry[rows.clone()].windows(2).all(|pair| pair[0] < pair[1]) {
                let fault = Fault::new("HIS107", "HistoryColumns", "vx_expiry", "unsorted", "ascending in a session");
                return Err(Error::data(fault.at(format!("session {session}"))));
            }
            if let Some(bad) = self.vx_settle[rows].iter().find(|&&price| !is_positive(price)) {
                let fault = Fault::new("HIS108", "HistoryColumns", "vx_settle", bad.to_string(), "a finite value > 0");
                return Err(Error::data(fault.at(format!("session {session}"))));
            }
        }
        Ok(())
    }

    fn validate_bars(&self) -> Result<()> {
        let n = self.bar_day.len();
        let is_sound = self.bar_seconds.len() == n
            && self.bar_spot.len() == n
            && (self.bar_vix.is_empty() || self.bar_vix.len() == n)
            && self.bar_vx.iter().all(|column| column.len() == n);
        if !is_sound {
            let fault = Fault::new("HIS109", "HistoryColumns", "bar_day", format!("{n} values"), "equal bar columns");
            return Err(Error::schema(fault));
        }
        for bar in 0..n {
            let key = (self.bar_day[bar], self.bar_seconds[bar]);
            let is_ascending = bar == 0 || (self.bar_day[bar - 1], self.bar_seconds[bar - 1]) < key;
            let vix = at(&self.bar_vix, bar);
            let fault = if !is_ascending || !(0..DAY_SECONDS).contains(&key.1) {
                Fault::new("HIS110", "HistoryColumns", "bar_seconds", key.1.to_string(), "ascending times of day")
            } else if !is_positive(self.bar_spot[bar]) {
                Fault::new("HIS111", "HistoryColumns", "bar_spot", self.bar_spot[bar].to_string(), "a finite value > 0")
            } else if !vix.is_nan() && !is_vix(vix) {
                Fault::new("HIS112", "HistoryColumns", "bar_vix", vix.to_string(), "0 < VIX <= 200")
            } else {
                continue;
            };
            return Err(Error::data(fault.at(format!("bar {bar}"))));
        }
        Ok(())
    }
}

impl HistorySource {
    /// Validates the columns and lays out the steps.
    ///
    /// # Errors
    /// `Schema` for columns of unequal length, `Data` for values that cannot be (see the codes HIS101..HIS117).
    pub fn new(columns: HistoryColumns, options: HistoryOptions) -> Result<Self> {
        columns.validate()?;
        let n = columns.day.len();
        let mut source = Self {
            columns,
            steps: Vec::with_capacity(3 * n),
            spx_open: Vec::with_capacity(n),
            is_lagging: Vec::with_capacity(n),
            squared_moves: Vec::with_capacity(n),
            vix_open: Vec::with_capacity(n),
            vix_close: Vec::with_capacity(n),
            futures_offset: vec![0],
            futures: Vec::new(),
            counters: [0; COUNTER_NAMES.len()],
        };
        let mut bar = 0;
        for session in 0..n {
            source.clean_session(session);
            source.carry_futures(session);
            bar = source.lay_steps(session, bar, options);
        }
        Ok(source)
    }

    fn count(&mut self, name: &str) {
        if let Some(i) = COUNTER_NAMES.iter().position(|&counter| counter == name) {
            self.counters[i] += 1;
        }
    }

    /// Decides which opens of the session are prices and fills a missing VIX close.
    fn clean_session(&mut self, session: usize) {
        let c = &self.columns;
        let prior = session.checked_sub(1);
        let prior_close = prior.map_or(f64::NAN, |p| c.spx_close[p]);
        let raw_open = at(&c.spx_open, session);
        let (high, low) = (at(&c.spx_high, session), at(&c.spx_low, session));
        let mut names: Vec<&str> = Vec::new();
        let is_lagging = self.opens_lag(session);
        let is_live = is_live_open(raw_open, high, low, c.spx_close[session], prior_close) && !is_lagging;
        // A bar that merely repeats its close has no range to start from the prior close.
        let has_range = is_positive(raw_open) && is_positive(high) && is_positive(low) && high > low;
        let open = if is_live {
            (raw_open, SettlementSource::Open)
        } else {
            names.push(if is_positive(raw_open) { "spx_open_stale" } else { "spx_open_missing" });
            let spy_prior = prior.map_or(f64::NAN, |p| at(&c.spy_close, p));
            // SPY's own overnight move holds the dividend it pays out that morning; the index does not.
            let dividend =
                if is_spy_ex_dividend(c.day[session]) { 0.25 * at(&c.dividend_yield, session).max(0.0) } else { 0.0 };
            let carried = prior_close * (at(&c.spy_open, session) / spy_prior + dividend);
            // A halved or doubled SPY is a split or a bad print, not a night.
            if carried > 0.5 * prior_close && carried < 2.0 * prior_close {
                names.push("spx_open_from_spy");
                (carried, SettlementSource::EtfOpen)
            } else {
                (f64::NAN, SettlementSource::CloseFallback)
            }
        };
        let prior_vix = prior.map_or(f64::NAN, |p| self.vix_close[p]);
        let mut vix_close = c.vix_close[session];
        if vix_close.is_nan() {
            names.push("vix_close_carried");
            vix_close = prior_vix;
        }
        let raw_vix = at(&c.vix_open, session);
        let vix_open = if is_live_open(raw_vix, at(&c.vix_high, session), at(&c.vix_low, session), vix_close, prior_vix)
        {
            raw_vix
        } else {
            names.push(if is_positive(raw_vix) { "vix_open_stale" } else { "vix_open_missing" });
            f64::NAN
        };
        self.is_lagging.push(!is_live && has_range);
        self.sum_moves(session);
        self.spx_open.push(open);
        self.vix_open.push(vix_open);
        self.vix_close.push(vix_close);
        for name in names {
            self.count(name);
        }
    }

    /// Whether published opens lagged behind the market over the sessions before `session`.
    fn opens_lag(&self, session: usize) -> bool {
        let Some(from) = session.checked_sub(LAGGING_SESSIONS + 1) else { return false };
        let (begin, end) = (self.squared_moves[from], self.squared_moves[session - 1]);
        end[0] - begin[0] < LAGGING_SHARE * (end[1] - begin[1])
    }

    fn sum_moves(&mut self, session: usize) {
        let c = &self.columns;
        let before = self.squared_moves.last().copied().unwrap_or_default();
        let squared = |price: f64| match session.checked_sub(1) {
            Some(prior) if is_positive(price) => square(price / c.spx_close[prior] - 1.0),
            _ => 0.0,
        };
        let open = at(&c.spx_open, session);
        // A session without an open says nothing about opens.
        let moves = if is_positive(open) { [squared(open), squared(c.spx_close[session])] } else { [0.0; 2] };
        self.squared_moves.push([before[0] + moves[0], before[1] + moves[1]]);
    }

    /// The 09:30 price of a session without a live open, from its own bar.
    fn bridged_open(&self, session: usize) -> Option<f64> {
        let c = &self.columns;
        let prior = c.spx_close[session.checked_sub(1)?];
        let (close, high, low) = (c.spx_close[session], at(&c.spx_high, session), at(&c.spx_low, session));
        if !self.is_lagging[session] {
            return Some(bridge(prior, close, high, low, OPEN_GIVEN_PRIOR, OPEN_GIVEN_PRIOR_CLOSE));
        }
        let [by_open, by_close, by_high, by_low] = OPEN_GIVEN_LAGGING;
        let distance = |price: f64| math::ln(price / prior);
        let log = by_open * distance(at(&c.spx_open, session))
            + by_close * distance(close)
            + by_high * distance(high)
            + by_low * distance(low);
        Some(prior * math::exp(log))
    }

    /// The 11:00 price of a session from its own bar.
    fn mid_morning(&self, session: usize) -> Option<f64> {
        let c = &self.columns;
        let (open, _) = self.spx_open[session];
        let (close, high, low) = (c.spx_close[session], at(&c.spx_high, session), at(&c.spx_low, session));
        let prior = session.checked_sub(1).map(|p| c.spx_close[p]);
        match prior {
            Some(prior) if self.is_lagging[session] => {
                Some(bridge(prior, close, high, low, MID_GIVEN_LAGGING, MID_GIVEN_PRIOR_CLOSE))
            }
            _ if is_positive(open) => Some(bridge(open, close, high, low, MID_GIVEN_OPEN, MID_GIVEN_OPEN_CLOSE)),
            _ => prior.map(|p| bridge(p, close, high, low, MID_GIVEN_PRIOR, MID_GIVEN_PRIOR_CLOSE)),
        }
    }

    /// The futures curve at the close of the session: settlements, and recent ones without a settlement moved with VIX.
    fn carry_futures(&mut self, session: usize) {
        let day = self.columns.day[session];
        let rows = self.settled_rows(session);
        let mut curve: Vec<Future> = rows
            .map(|row| Future { expiry: self.columns.vx_expiry[row], price: self.columns.vx_settle[row], age: 0 })
            .filter(|future| future.expiry > day)
            .collect();
        let n_settled = curve.len();
        if session > 0 {
            let earlier = self.futures_offset[session - 1]..self.futures_offset[session];
            for &old in &self.futures[earlier] {
                let is_settled = curve[..n_settled].iter().any(|future| future.expiry == old.expiry);
                if !is_settled && old.expiry > day && old.age < CARRIED_SESSIONS {
                    let price = self.moved(old, session, calendar::close_seconds(day), self.vix_close[session]);
                    curve.push(Future { price, age: old.age + 1, ..old });
                }
            }
        }
        if curve.len() > n_settled {
            self.count("vx_carried");
        }
        curve.sort_by_key(|future| future.expiry);
        self.futures.extend(curve);
        self.futures_offset.push(self.futures.len());
    }

    fn settled_rows(&self, session: usize) -> std::ops::Range<usize> {
        match self.columns.vx_offset.get(session..session + 2) {
            Some(bounds) => bounds[0]..bounds[1],
            None => 0..0,
        }
    }

    /// A future of the session before `session`, moved with VIX to a time of `session`.
    fn moved(&self, future: Future, session: usize, seconds: i32, vix: f64) -> f64 {
        let years =
            crate::instrument::years_between(self.columns.day[session], seconds, future.expiry, OPEN_SECONDS).max(0.0);
        moved_future(future.price, pass_through(years), vix - self.vix_close[session - 1])
    }

    /// Writes the steps of one session; `bar` is the first intraday bar not yet used, and so is what it returns.
    fn lay_steps(&mut self, session: usize, mut bar: usize, options: HistoryOptions) -> usize {
        let c = &self.columns;
        let day = c.day[session];
        let close_seconds = calendar::close_seconds(day);
        let spx_close = c.spx_close[session];
        let vix_close = self.vix_close[session];
        let mut steps: Vec<Step> = Vec::with_capacity(3);
        let mut step = |seconds, spot, vix, flags, bar, is_close| {
            steps.push(Step { session: session as u32, seconds, spot, vix, flags, bar, is_open: false, is_close });
        };
        while c.bar_day.get(bar).is_some_and(|&bar_day| bar_day < day) {
            bar += 1;
        }
        let first_bar = bar;
        let mut last = session.checked_sub(1).map(|p| (c.spx_close[p], self.vix_close[p]));
        while c.bar_day.get(bar) == Some(&day) {
            let (seconds, spot) = (c.bar_seconds[bar], c.bar_spot[bar]);
            if seconds < close_seconds {
                let (vix, flags) = match (at(&c.bar_vix, bar), last) {
                    (vix, _) if vix.is_finite() => (vix, 0),
                    (_, Some((spot_before, vix_before))) => {
                        (moved_vix(vix_before, math::ln(spot / spot_before)), flag::VIX_PROXY)
                    }
                    // The first bar of all without a VIX: the day's close is the only level there is.
                    (_, None) => (vix_close, flag::VIX_PROXY),
                };
                step(seconds, spot, vix, flags, bar as u32 + 1, false);
                last = Some((spot, vix));
            }
            bar += 1;
        }
        let has_bars = bar > first_bar;
        if !has_bars {
            let (open, open_source) = self.spx_open[session];
            let prior = session.checked_sub(1).map(|p| (c.spx_close[p], self.vix_close[p]));
            let vix_open = self.vix_open[session];
            let has_open = is_positive(open);
            let open_flags = if open_source == SettlementSource::EtfOpen { flag::SPOT_PROXY } else { 0 };
            let (vix_at_open, vix_flags) = match prior {
                _ if vix_open.is_finite() => (vix_open, 0),
                Some((close, vix)) if has_open => (moved_vix(vix, math::ln(open / close)), flag::VIX_PROXY),
                Some((_, vix)) => (vix, flag::VIX_PROXY),
                None => (f64::NAN, flag::VIX_PROXY),
            };
            if options.open_step && has_open && vix_at_open.is_finite() {
                step(OPEN_SECONDS, open, vix_at_open, open_flags | vix_flags, 0, false);
            }
            let has_mid_morning = options.mid_morning && vix_at_open.is_finite();
            if let (true, Some(spot)) = (has_mid_morning, self.mid_morning(session)) {
                let (high, low) = (at(&c.vix_high, session), at(&c.vix_low, session));
                let vix = bridge(vix_at_open, vix_close, high, low, VIX_MID, VIX_MID_CLOSE).min(200.0);
                step(MID_MORNING_SECONDS, spot, vix, flag::SPOT_PROXY | flag::VIX_PROXY, 0, false);
            }
        }
        let carried = if c.vix_close[session].is_nan() { flag::VIX_PROXY } else { 0 };
        step(close_seconds, spx_close, vix_close, carried | flag::ASYNCHRONOUS, 0, true);

        let no_rate = if at(&c.rate, session).is_nan() { flag::NO_RATE } else { 0 };
        let hypothetical = if day < FIRST_VIX_OPTION { flag::HYPOTHETICAL_HEDGE } else { 0 };
        let curve = &self.futures[self.futures_offset[session]..self.futures_offset[session + 1]];
        let has_settlements = !curve.is_empty() && curve.iter().all(|future| future.age == 0);
        let n_bar_vx = c.bar_vx.len();
        for laid in &mut steps {
            let is_vx_quoted = if laid.is_close { has_settlements } else { laid.bar > 0 && n_bar_vx > 0 };
            laid.flags |= no_rate | hypothetical | if is_vx_quoted { 0 } else { flag::VX_PROXY };
        }
        steps[0].is_open = true;
        let flags = steps.iter().fold(0, |all, laid| all | laid.flags);
        // The first counters are the bits of a state's flags, in their order.
        for (bit, counter) in self.counters.iter_mut().enumerate().take(6) {
            *counter += u64::from((flags >> bit) & 1);
        }
        if has_bars {
            self.count("intraday_bars");
        }
        self.steps.extend(steps);
        bar
    }

    /// Number of sessions for each of [`COUNTER_NAMES`] in which it happened.
    pub fn flag_counts(&self) -> [(&'static str, u64); COUNTER_NAMES.len()] {
        std::array::from_fn(|i| (COUNTER_NAMES[i], self.counters[i]))
    }

    /// Session, seconds, spot, VIX and flags of a step.
    pub fn step(&self, step: usize) -> (Day, i32, f64, f64, u32) {
        let s = &self.steps[step];
        (self.columns.day[s.session as usize], s.seconds, s.spot, s.vix, s.flags)
    }

    /// The columns it was built from.
    pub fn columns(&self) -> &HistoryColumns {
        &self.columns
    }

    /// Another index at a step before the close: its previous close moved with VIX, never its close of the day.
    fn other(&self, column: &[f64], step: &Step, log_beta: f64) -> f64 {
        let session = step.session as usize;
        if step.is_close {
            return at(column, session);
        }
        match session.checked_sub(1).map(|prior| (at(column, prior), self.vix_close[prior])) {
            Some((before, vix_before)) if before.is_finite() => {
                before * math::exp(log_beta * math::ln(step.vix / vix_before))
            }
            _ => f64::NAN,
        }
    }

    fn fill_futures(&self, step: &Step, state: &mut MarketState) {
        state.vx_expiry.clear();
        state.vx_price.clear();
        let session = step.session as usize;
        let day = self.columns.day[session];
        if step.is_close {
            for future in &self.futures[self.futures_offset[session]..self.futures_offset[session + 1]] {
                state.vx_expiry.push(future.expiry);
                state.vx_price.push(future.price);
            }
        } else if session > 0 {
            let earlier = self.futures_offset[session - 1]..self.futures_offset[session];
            for &future in self.futures[earlier].iter().filter(|future| future.expiry > day) {
                let quoted = match step.bar.checked_sub(1) {
                    Some(bar) => self
                        .columns
                        .bar_vx
                        .get(state.vx_expiry.len())
                        .map_or(f64::NAN, |column| at(column, bar as usize)),
                    None => f64::NAN,
                };
                state.vx_expiry.push(future.expiry);
                let price =
                    if is_positive(quoted) { quoted } else { self.moved(future, session, step.seconds, step.vix) };
                state.vx_price.push(price);
            }
        }
    }
}

/// VIX after a log move of the S&P 500, kept inside what a VIX can be.
fn moved_vix(vix: f64, spot_log_move: f64) -> f64 {
    (vix * math::exp(VIX_OPEN_BETA * spot_log_move)).min(200.0)
}

/// Inputs that come from an order book.
const ALARM_INPUTS: usize = SESSIONS_TO_EVENT;

fn set(column: &mut Vec<f64>, value: f64) {
    column.clear();
    column.push(value);
}

impl HistorySource {
    fn fill_signals(&self, step: &Step, state: &mut MarketState) {
        let c = &self.columns;
        let n = INPUTS.len() + c.user_columns.len();
        if c.signals.is_empty() && c.alarm_day.is_empty() {
            state.signals.clear();
            return;
        }
        state.signals.resize_with(n, Vec::new);
        let session = step.session as usize;
        for (index, (column, known)) in c.signals.iter().zip(&mut state.signals).enumerate() {
            if !column.is_empty() {
                // The distance to an event is on the calendar; all else is known when the session is over.
                let is_known = step.is_close || index == SESSIONS_TO_EVENT;
                set(known, if is_known { column[session] } else { f64::NAN });
            }
        }
        let day = c.day[session];
        let rows =
            c.alarm_day.partition_point(|&alarm| alarm < day)..c.alarm_day.partition_point(|&alarm| alarm <= day);
        let known = c.alarm_seconds[rows.clone()].partition_point(|&seconds| seconds <= step.seconds);
        let row = known.checked_sub(1).map(|last| rows.start + last);
        for (column, known) in c.alarm.iter().zip(&mut state.signals) {
            if !column.is_empty() {
                set(known, row.map_or(f64::NAN, |row| column[row]));
            }
        }
    }
}

impl MarketSource for &HistorySource {
    fn n_paths(&self) -> usize {
        1
    }

    fn user_columns(&self) -> &[String] {
        &self.columns.user_columns
    }

    fn n_steps(&self) -> usize {
        self.steps.len()
    }

    fn fill(&mut self, step: usize, state: &mut MarketState) {
        let s = &self.steps[step];
        let c = &self.columns;
        let session = s.session as usize;
        let instant = |s: &Step| i64::from(c.day[s.session as usize]) * i64::from(DAY_SECONDS) + i64::from(s.seconds);
        state.day = c.day[session];
        state.seconds = s.seconds;
        state.length_seconds = if step == 0 { 0 } else { instant(s) - instant(&self.steps[step - 1]) };
        state.is_close = s.is_close;
        state.is_open = s.is_open;
        state.flags = s.flags;
        set(&mut state.spot, s.spot);
        // The day's range is known at its close.
        set(&mut state.high, if s.is_close { at(&c.spx_high, session) } else { f64::NAN });
        set(&mut state.low, if s.is_close { at(&c.spx_low, session) } else { f64::NAN });
        set(&mut state.vix, s.vix);
        set(&mut state.vix_quoted, s.vix);
        set(&mut state.vix9d, self.other(&c.vix9d_close, s, LOG_BETA_VIX9D));
        set(&mut state.vix3m, self.other(&c.vix3m_close, s, LOG_BETA_VIX3M));
        set(&mut state.vix6m, self.other(&c.vix6m_close, s, LOG_BETA_VIX6M));
        set(&mut state.vvix, self.other(&c.vvix_close, s, LOG_BETA_VVIX));
        set(&mut state.skew, self.other(&c.skew_close, s, 0.0));
        // Before the close only the rate of the session before is known.
        let rate = at(&c.rate, if s.is_close { session } else { session.saturating_sub(1) });
        set(&mut state.rate, if rate.is_nan() { 0.0 } else { rate });
        let dividend_yield = at(&c.dividend_yield, session);
        set(&mut state.dividend_yield, if dividend_yield.is_nan() { 0.0 } else { dividend_yield });
        set(&mut state.spread_multiplier, 1.0);
        self.fill_futures(s, state);
        self.fill_signals(s, state);
    }

    fn spx_settlement(&self, step: usize, _path: usize) -> SettlementValue {
        let session = self.steps[step].session as usize;
        let c = &self.columns;
        let official = at(&c.spx_settlement, session);
        if is_positive(official) {
            return SettlementValue { value: official, source: SettlementSource::Series };
        }
        let (open, source) = self.spx_open[session];
        if is_positive(open) {
            return SettlementValue { value: open, source };
        }
        // Against SPY's opens the bridge errs by 49 bp (root mean square), the published open by 67, the close by 104.
        let value = self.bridged_open(session).unwrap_or(self.columns.spx_close[session]);
        SettlementValue { value, source: SettlementSource::CloseFallback }
    }

    fn vix_settlement(&self, step: usize, _path: usize) -> SettlementValue {
        let session = self.steps[step].session as usize;
        let official = at(&self.columns.vix_settlement, session);
        if is_positive(official) {
            return SettlementValue { value: official, source: SettlementSource::Series };
        }
        let day = self.columns.day[session];
        if let Some(row) = self.settled_rows(session).find(|&row| self.columns.vx_expiry[row] == day) {
            return SettlementValue { value: self.columns.vx_settle[row], source: SettlementSource::Future };
        }
        let open = self.vix_open[session];
        if is_positive(open) {
            return SettlementValue { value: open, source: SettlementSource::Open };
        }
        SettlementValue { value: self.vix_close[session], source: SettlementSource::CloseFallback }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Sixty sessions from 2010-01-04 with every column, some of them with holes.
    fn columns(n: usize) -> HistoryColumns {
        let day: Vec<Day> = calendar::sessions().iter().copied().filter(|&day| day >= 14_613).take(n).collect();
        let wave = |scale: f64, step: f64| -> Vec<f64> {
            (0..n).map(|i| scale * (1.0 + 0.02 * math::tanh(((i * i) as f64 * step) % 3.0 - 1.5))).collect()
        };
        let close = wave(1_100.0, 0.7);
        let open: Vec<f64> = (0..n).map(|i| if i % 3 == 1 { close[i - 1] } else { close[i] * 1.003 }).collect();
        let spread = |values: &[f64], factor: f64| values.iter().map(|value| value * factor).collect::<Vec<f64>>();
        let vix = wave(20.0, 1.1);
        let holed = |mut values: Vec<f64>, every: usize| {
            values.iter_mut().skip(1).step_by(every).for_each(|value| *value = f64::NAN);
            values
        };
        let mut futures = (vec![0], Vec::new(), Vec::new());
        for (i, &today) in day.iter().enumerate() {
            for month in 1..=6 {
                let expiry = calendar::vix_expiry(2010, month);
                if expiry >= today && !(i + month as usize).is_multiple_of(5) {
                    futures.1.push(expiry);
                    futures.2.push(vix[i] + f64::from(month));
                }
            }
            futures.0.push(futures.1.len());
        }
        HistoryColumns {
            spx_high: spread(&close, 1.01),
            spx_low: spread(&close, 0.99),
            spx_open: open,
            vix_open: holed(spread(&vix, 1.02), 4),
            vix_high: spread(&vix, 1.05),
            vix_low: spread(&vix, 0.95),
            vix_close: holed(vix.clone(), 11),
            vix9d_close: spread(&vix, 0.9),
            vix3m_close: spread(&vix, 1.1),
            vvix_close: wave(90.0, 0.3),
            rate: holed(vec![0.01; n], 7),
            dividend_yield: vec![0.02; n],
            spy_open: holed(spread(&close, 0.1002), 5),
            spy_close: spread(&close, 0.1),
            vx_offset: futures.0,
            vx_expiry: futures.1,
            vx_settle: futures.2,
            bar_day: vec![day[n / 2], day[n / 2]],
            bar_seconds: vec![36_000, 50_000],
            bar_spot: vec![1_101.0, 1_102.0],
            bar_vix: vec![21.0, f64::NAN],
            bar_vx: vec![vec![22.0, f64::NAN]],
            day,
            spx_close: close,
            ..HistoryColumns::default()
        }
    }

    fn cut(mut c: HistoryColumns, k: usize) -> HistoryColumns {
        c.day.truncate(k);
        let rows = c.vx_offset[k];
        c.vx_offset.truncate(k + 1);
        c.vx_expiry.truncate(rows);
        c.vx_settle.truncate(rows);
        let bars = c.bar_day.iter().filter(|&&day| day <= c.day[k - 1]).count();
        c.bar_day.truncate(bars);
        for column in [
            &mut c.spx_open,
            &mut c.spx_high,
            &mut c.spx_low,
            &mut c.spx_close,
            &mut c.vix_open,
            &mut c.vix_high,
            &mut c.vix_low,
            &mut c.vix_close,
            &mut c.vix9d_close,
            &mut c.vix3m_close,
            &mut c.vvix_close,
            &mut c.rate,
            &mut c.dividend_yield,
            &mut c.spy_open,
            &mut c.spy_close,
        ] {
            column.truncate(k);
        }
        c.bar_seconds.truncate(bars);
        c.bar_spot.truncate(bars);
        c.bar_vix.truncate(bars);
        c.bar_vx.iter_mut().for_each(|column| column.truncate(bars));
        c
    }

    fn load(columns: HistoryColumns) -> HistorySource {
        HistorySource::new(columns, HistoryOptions::default()).expect("valid columns")
    }

    /// Everything a step says, as text: NaN equals NaN, and different bits print differently.
    fn transcript(mut source: &HistorySource, step: usize) -> String {
        let mut state = MarketState::default();
        source.fill(step, &mut state);
        format!("{state:?} {:?} {:?}", source.spx_settlement(step, 0), source.vix_settlement(step, 0))
    }

    #[test]
    fn steps_of_a_cut_are_the_first_steps_of_the_whole() {
        let whole = load(columns(60));
        for k in 1..60 {
            let part = load(cut(columns(60), k));
            for step in 0..(&part).n_steps() {
                assert_eq!(transcript(&part, step), transcript(&whole, step), "cut {k}, step {step}");
            }
        }
    }

    #[test]
    fn before_the_close_other_indices_and_futures_do_not_know_the_day() {
        let whole = load(columns(60));
        let mut poisoned = columns(60);
        let last = |values: &mut Vec<f64>| values[59] *= 3.0;
        for column in
            [&mut poisoned.vix9d_close, &mut poisoned.vix3m_close, &mut poisoned.vvix_close, &mut poisoned.rate]
        {
            last(column);
        }
        poisoned.vx_settle[columns(60).vx_offset[59]..].iter_mut().for_each(|price| *price *= 2.0);
        let poisoned = load(poisoned);
        let n = (&whole).n_steps();
        assert!(whole.steps[n - 2].session == 59 && !whole.steps[n - 2].is_close);
        assert_eq!(transcript(&whole, n - 2), transcript(&poisoned, n - 2));
        assert_ne!(transcript(&whole, n - 1), transcript(&poisoned, n - 1));
    }

    #[test]
    fn futures_move_by_their_pass_through_and_settle_at_the_close() {
        let mut c = columns(3);
        let (near, far) = (calendar::vix_expiry(2010, 1), calendar::vix_expiry(2010, 4));
        c.bar_day.clear();
        c.bar_seconds.clear();
        c.bar_spot.clear();
        c.bar_vix.clear();
        c.bar_vx.clear();
        c.vx_offset = vec![0, 2, 3, 5];
        c.vx_expiry = vec![near, far, far, near, far];
        c.vx_settle = vec![21.0, 23.0, 23.5, 22.0, 24.0];
        c.vix_close = vec![20.0, 22.0, 21.0];
        let source = load(c);
        let mut source = &source;
        let mut state = MarketState::default();
        let close_of = |session: u32| {
            source.steps.iter().position(|step| step.session == session && step.is_close).expect("a close")
        };
        source.fill(close_of(1), &mut state);
        let years = crate::instrument::years_between(state.day, 57_600, near, OPEN_SECONDS);
        assert_eq!(state.vx_expiry, [near, far]);
        assert!((state.vx_price[0] - (21.0 + pass_through(years) * 2.0)).abs() < 1e-12);
        assert_eq!(state.vx_price[1].to_bits(), 23.5_f64.to_bits());
        assert_ne!(state.flags & flag::VX_PROXY, 0);
        source.fill(close_of(2), &mut state);
        assert_eq!(state.vx_price, [22.0, 24.0]);
        assert_eq!(state.flags & flag::VX_PROXY, 0);
    }

    #[test]
    fn columns_that_cannot_be_are_refused() {
        type Change = fn(&mut HistoryColumns);
        let changes: [(&str, Change); 16] = [
            ("HIS101", |c| c.day.clear()),
            ("HIS102", |c| c.spx_close.truncate(3)),
            ("HIS102", |c| c.vvix_close.truncate(3)),
            ("HIS103", |c| c.day[4] = c.day[3]),
            ("HIS104", |c| c.spx_close[5] = f64::NAN),
            ("HIS105", |c| c.vix_close[0] = f64::NAN),
            ("HIS105", |c| c.vix_close[5] = 200.5),
            ("HIS106", |c| c.vx_offset[3] = usize::MAX),
            ("HIS107", |c| c.vx_expiry.swap(0, 1)),
            ("HIS108", |c| c.vx_settle[0] = 0.0),
            ("HIS109", |c| c.bar_spot.clear()),
            ("HIS110", |c| c.bar_seconds[1] = 0),
            ("HIS112", |c| c.bar_vix[0] = 0.0),
            ("HIS113", |c| c.spx_close[7] = 1e18),
            ("HIS113", |c| c.spx_close[7] = 1e-300),
            ("HIS113", |c| c.vvix_close[7] = f64::INFINITY),
        ];
        for (code, change) in changes {
            let mut c = columns(20);
            change(&mut c);
            let error = HistorySource::new(c, HistoryOptions::default()).expect_err(code).to_string();
            assert!(error.starts_with(code), "{error}");
        }
    }
}
