//! Portfolio margin beside the account identity: the held legs of a step, repriced on the dated grid of scenarios.
//!
//! An approximation by name (see `margin::portfolio`). Whatever the marks of the run are, scenarios are priced on the
//! surface: nobody quotes a market that has not happened.

use crate::instrument::{Instrument, OPEN_SECONDS, years_between};
use crate::margin::portfolio::{requirement_cents, scenario_grid, scenario_scan, vix_shock_at};
use crate::market::MarketState;
use crate::market::state::{EpisodeColumns, ModelColumns};
use crate::marks::surface::SurfaceMarks;
use crate::marks::{LegBatch, Marks, Quote};

/// Tenors of the other indices in years, for the damping of a VIX shock.
const DAYS_9: f64 = 9.0 / 365.0;
const DAYS_93: f64 = 93.0 / 365.0;
const DAYS_184: f64 = 184.0 / 365.0;
/// The note holds the first two futures: about a month.
const NOTE_YEARS: f64 = 30.0 / 365.0;

/// Requirement in cents of each account on one path: `held[book]` lists its legs and signed contracts, `note_level` is
/// the mark of the note. `None` where a leg has no price.
pub fn portfolio_requirements(
    state: &MarketState,
    path: usize,
    held: &[Vec<(Instrument, i64)>],
    note_level: f64,
) -> Vec<Option<i64>> {
    let own = alone(state, path);
    let grid = scenario_grid(state.day);
    let base = values(&own, held);
    let shocked: Vec<Vec<f64>> = grid
        .points
        .iter()
        .map(|&(spot, vix)| {
            values(&shock(&own, spot, vix), held).iter().zip(&base).map(|(new, old)| new - old).collect()
        })
        .collect();
    let notes_of = |legs: &[(Instrument, i64)]| -> f64 {
        legs.iter().filter(|leg| leg.0 == Instrument::VixNote).map(|leg| leg.1 as f64).sum::<f64>()
    };
    held.iter()
        .enumerate()
        .map(|(book, legs)| {
            let mut point = 0;
            // The level of the note is a matter of its past, which no scenario has: it moves with the front future.
            let notes = notes_of(legs) * note_level;
            let scan = scenario_scan(&grid, |_, vix| {
                let profit = shocked[point][book] + notes * vix_shock_at(vix, NOTE_YEARS);
                point += 1;
                profit
            });
            let is_option =
                |leg: &&(Instrument, i64)| matches!(leg.0, Instrument::SpxOption { .. } | Instrument::VixOption { .. });
            let contracts = legs.iter().filter(is_option).map(|leg| leg.1.abs()).sum();
            requirement_cents(&scan, contracts)
        })
        .collect()
}

/// One path of a block as a state of its own.
fn alone(state: &MarketState, path: usize) -> MarketState {
    let n = state.n_paths();
    let one = |column: &[f64]| vec![column[path]];
    MarketState {
        day: state.day,
        seconds: state.seconds,
        length_seconds: state.length_seconds,
        is_close: state.is_close,
        is_open: state.is_open,
        spot: one(&state.spot),
        high: one(&state.high),
        low: one(&state.low),
        vix_quoted: one(&state.vix_quoted),
        vix: one(&state.vix),
        vix9d: one(&state.vix9d),
        vix3m: one(&state.vix3m),
        vix6m: one(&state.vix6m),
        vvix: one(&state.vvix),
        skew: one(&state.skew),
        rate: one(&state.rate),
        dividend_yield: one(&state.dividend_yield),
        spread_multiplier: one(&state.spread_multiplier),
        vx_expiry: state.vx_expiry.clone(),
        vx_price: (0..state.vx_expiry.len()).map(|i| state.vx_price[i * n + path]).collect(),
        // The surface reads neither the model's state nor signals.
        model: ModelColumns::default(),
        episode: EpisodeColumns::default(),
        innovations: Default::default(),
        signals: Vec::new(),
        flags: state.flags,
    }
}

fn shock(own: &MarketState, spot: f64, vix: f64) -> MarketState {
    let mut state = own.clone();
    let scale = |column: &mut Vec<f64>, by: f64| column[0] *= 1.0 + by;
    scale(&mut state.spot, spot);
    scale(&mut state.vix, vix);
    scale(&mut state.vix_quoted, vix);
    scale(&mut state.vix9d, vix_shock_at(vix, DAYS_9));
    scale(&mut state.vix3m, vix_shock_at(vix, DAYS_93));
    scale(&mut state.vix6m, vix_shock_at(vix, DAYS_184));
    for (price, &expiry) in state.vx_price.iter_mut().zip(&state.vx_expiry) {
        let years = years_between(state.day, state.seconds, expiry, OPEN_SECONDS);
        *price *= 1.0 + vix_shock_at(vix, years);
    }
    state
}

/// USD value of each account's legs.
fn values(state: &MarketState, held: &[Vec<(Instrument, i64)>]) -> Vec<f64> {
    let mut marks = SurfaceMarks::new();
    marks.prepare(state);
    let mut quotes: Vec<Quote> = Vec::new();
    held.iter()
        .map(|legs| {
            let instrument: Vec<Instrument> = legs.iter().map(|leg| leg.0).collect();
            marks.quote(state, &LegBatch { path: vec![0; legs.len()], instrument }, &mut quotes);
            legs.iter().zip(&quotes).map(|(leg, quote)| leg.1 as f64 * leg.0.multiplier() * quote.mid).sum()
        })
        .collect()
}
