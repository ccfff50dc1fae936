//! Single options looked up on the smiles of a source: implied volatility, price and forward of rows of any session.

use super::chain::iso;
use super::{LegBatch, Marks, OptionProduct, settlement_seconds};
use crate::calendar;
use crate::error::{Error, Fault, Result};
use crate::instrument::{Day, Instrument, Right};
use crate::market::{MarketSource, MarketState};

/// Marks that have a smile for every expiry.
pub trait SmileMarks: Marks {
    /// Implied volatility of an option as its smile has it, annualised by the calendar; NaN for anything but an option.
    fn implied_vol(&mut self, state: &MarketState, path: usize, instrument: Instrument) -> f64;
}

/// A mark of a session that rows can be asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MarkTime {
    /// First step of the session.
    Open,
    /// A step that is neither the first nor the last.
    MidMorning,
    /// Last step of the session.
    Close,
}

/// Options to be looked up, as columns of equal length.
#[derive(Debug, Clone, Copy)]
pub struct SmileQuery<'a> {
    /// Session.
    pub day: &'a [Day],
    /// Expiry day.
    pub expiry: &'a [Day],
    /// Strike in points.
    pub strike: &'a [f64],
    /// Right of all rows.
    pub right: Right,
    /// Option family of all rows; `None`: SPX on the AM expiry day of a month, SPXW on any other.
    pub product: Option<OptionProduct>,
    /// Mark of the session.
    pub time: MarkTime,
}

/// What the smiles say of each row; NaN where the session has no such mark.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SmileRows {
    /// Annualised implied volatility.
    pub implied_vol: Vec<f64>,
    /// Mid price, points.
    pub price: Vec<f64>,
    /// Forward, points.
    pub forward: Vec<f64>,
}

/// Looks up options on the smiles of a source's first path.
///
/// # Errors
/// `Data` when a row's day is no session of the source.
pub fn look_up<S: MarketSource, M: SmileMarks>(
    mut source: S,
    marks: &mut M,
    query: &SmileQuery<'_>,
) -> Result<SmileRows> {
    let n = query.day.len();
    let mut order: Vec<usize> = (0..n).collect();
    order.sort_by_key(|&row| query.day[row]);
    let nan = vec![f64::NAN; n];
    let mut rows = SmileRows { implied_vol: nan.clone(), price: nan.clone(), forward: nan };
    let mut state = MarketState::default();
    let mut next = 0;
    let mut step = 0;
    while next < n {
        let day = query.day[order[next]];
        let until = next + order[next..].partition_point(|&row| query.day[row] == day);
        let mut found = false;
        while step < source.n_steps() {
            source.fill(step, &mut state);
            if state.day > day {
                break;
            }
            step += 1;
            if state.day < day {
                continue;
            }
            found = true;
            let time = match (state.is_close, state.is_open) {
                (true, _) => MarkTime::Close,
                (_, true) => MarkTime::Open,
                _ => MarkTime::MidMorning,
            };
            if time == query.time {
                marks.prepare(&state);
                for &row in &order[next..until] {
                    fill_row(marks, &state, query, row, &mut rows);
                }
            }
        }
        if !found {
            let fault = Fault::new("HIS050", "surface", "date", iso(day), "a session of the history");
            return Err(Error::data(fault.at(order[next].to_string())));
        }
        next = until;
    }
    Ok(rows)
}

/// Level of the rolled note at every close of a source's first path; between closes the note holds what it held.
pub fn note_levels<S: MarketSource, M: Marks>(mut source: S, marks: &mut M) -> Vec<f64> {
    let mut state = MarketState::default();
    let mut levels = Vec::new();
    for step in 0..source.n_steps() {
        source.fill(step, &mut state);
        if state.is_close {
            marks.prepare(&state);
            levels.push(mid(marks, &state, Instrument::VixNote));
        }
    }
    levels
}

/// Mid price of an instrument on the first path.
fn mid<M: Marks>(marks: &mut M, state: &MarketState, instrument: Instrument) -> f64 {
    let mut quotes = Vec::with_capacity(1);
    marks.quote(state, &LegBatch { path: vec![0], instrument: vec![instrument] }, &mut quotes);
    quotes.first().map_or(f64::NAN, |quote| quote.mid)
}

fn fill_row<M: SmileMarks>(
    marks: &mut M,
    state: &MarketState,
    query: &SmileQuery<'_>,
    row: usize,
    rows: &mut SmileRows,
) {
    let (right, strike, expiry) = (query.right, query.strike[row], query.expiry[row]);
    let by_expiry = || {
        let (year, month, _) = calendar::civil(expiry);
        if calendar::spx_am_expiry(year, month) == expiry { OptionProduct::Spx } else { OptionProduct::Spxw }
    };
    let product = query.product.unwrap_or_else(by_expiry);
    let instrument = match product {
        OptionProduct::Vix => Instrument::VixOption { right, strike, expiry },
        _ => Instrument::SpxOption { right, strike, expiry, settlement: product.settlement() },
    };
    // What has settled has no price any more.
    let is_alive = (state.day, state.seconds) < (expiry, settlement_seconds(expiry, product.settlement()));
    if is_alive && strike > 0.0 {
        rows.implied_vol[row] = marks.implied_vol(state, 0, instrument);
        rows.price[row] = mid(marks, state, instrument);
        rows.forward[row] = marks.forward(state, 0, instrument);
    }
}
