//! What a leg is worth and what trading it costs: one boundary, several implementations.
//!
//! Quotes (the user's chain), a surface (from index levels) and the market model implement [`Marks`];
//! the engine cannot tell them apart.

pub mod chain;
pub mod lookup;
pub mod model;
pub mod quotes;
pub mod surface;

use crate::calendar::{self, listing::ListedExpiry};
use crate::costs::spread::{SpreadLeg, half_spread_at};
use crate::instrument::{Day, Instrument, Right, Settlement};
use crate::market::MarketState;

/// Facts about a mark that must reach the result.
pub mod flag {
    /// No quote was found for the leg; a surface mark stands in.
    pub const NO_QUOTE: u32 = 1 << 0;
    /// Bid above ask.
    pub const CROSSED: u32 = 1 << 1;
    /// Bid is zero: the leg can be bought, not sold.
    pub const ZERO_BID: u32 = 1 << 2;
    /// The instrument did not exist yet on that day: hypothetical.
    pub const HYPOTHETICAL: u32 = 1 << 3;
    /// The state lies outside the region the model was built for; clamped.
    pub const CLAMPED: u32 = 1 << 4;
    /// No rate, no future or no index of the wanted tenor: an average relation stands in.
    pub const PROXY: u32 = 1 << 5;
    /// The quote is of another time of day than the step (15:45 beside the close).
    pub const ASYNCHRONOUS: u32 = 1 << 6;
}

/// A mark: the middle of the market and half its width.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Quote {
    /// Middle of bid and ask, points. Never rounded to the tick.
    pub mid: f64,
    /// Half of ask - bid, points, spread multiplier included.
    pub half_spread: f64,
    /// Bits of [`flag`].
    pub flags: u32,
}

/// Legs to be marked, as columns. A leg shared by several books appears once.
#[derive(Debug, Clone, Default)]
pub struct LegBatch {
    /// Which path of the block the leg belongs to.
    pub path: Vec<u32>,
    /// The contract.
    pub instrument: Vec<Instrument>,
}

/// Prices batches of legs on one step of a block.
pub trait Marks {
    /// Called once per step before any other call for that step.
    fn prepare(&mut self, state: &MarketState);
    /// Marks every leg of the batch; `quotes` is cleared and filled in the order of the batch.
    fn quote(&mut self, state: &MarketState, legs: &LegBatch, quotes: &mut Vec<Quote>);
    /// Forward delta of an option (absolute, in (0, 1)) with its own implied volatility: |N(+-d1)| of Black-76.
    fn delta(&mut self, state: &MarketState, path: usize, instrument: Instrument) -> f64;
    /// Forward of the underlying for an expiry: SPX forward or the VIX future of that expiry.
    fn forward(&mut self, state: &MarketState, path: usize, instrument: Instrument) -> f64;
    /// Strikes that can be traded for an expiry, ascending; `None`: the dated grid of the calendar applies.
    fn listed_strikes(&self, state: &MarketState, product: OptionProduct, expiry: Day, right: Right) -> Option<&[f64]>;
    /// Expiries that can be traded, ascending; `None`: the dated listing table of the calendar applies.
    fn listed_expiries(&self, state: &MarketState, product: OptionProduct) -> Option<&[ListedExpiry]>;
    /// The strike that a search on this step has found before, where that is remembered.
    fn known_strike(&self, path: usize, search: &StrikeSearch) -> Option<f64> {
        let _ = (path, search);
        None
    }
    /// Remembers what a search on this step has found.
    fn keep_strike(&mut self, path: usize, search: StrikeSearch, strike: f64) {
        let _ = (path, search, strike);
    }
}

/// A search for the strike of a delta.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct StrikeSearch {
    /// Option family.
    pub product: OptionProduct,
    /// Expiry.
    pub expiry: ListedExpiry,
    /// Call or put.
    pub right: Right,
    /// Forward delta.
    pub delta: f64,
}

/// Option family.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OptionProduct {
    /// SPX, AM-settled third Friday.
    Spx,
    /// SPXW, PM-settled.
    Spxw,
    /// VIX.
    Vix,
}

impl OptionProduct {
    /// How the family settles.
    pub fn settlement(self) -> Settlement {
        match self {
            Self::Spx | Self::Vix => Settlement::Am,
            Self::Spxw => Settlement::Pm,
        }
    }
}

/// A mark with the spread of the rule for markets without quotes; `vix_multiplier` is that of the path's VIX.
#[inline]
fn quote_by_rule(
    state: &MarketState,
    path: usize,
    instrument: Instrument,
    vix_multiplier: f64,
    (mid, flags): (f64, u32),
) -> Quote {
    let settlement = match instrument {
        Instrument::SpxOption { settlement, .. } => settlement,
        _ => Settlement::Am,
    };
    let leg = SpreadLeg {
        kind: instrument.into(),
        mid,
        settlement,
        spot: state.spot[path],
        day: state.day,
        vix: state.vix[path],
    };
    Quote { mid, half_spread: half_spread_at(&leg, vix_multiplier) * state.spread_multiplier[path], flags }
}

/// Right, strike, expiry and, of SPX options, the settlement; `None` for anything but an option.
fn option_of(instrument: Instrument) -> Option<(Right, f64, Day, Option<Settlement>)> {
    match instrument {
        Instrument::SpxOption { right, strike, expiry, settlement } => Some((right, strike, expiry, Some(settlement))),
        Instrument::VixOption { right, strike, expiry } => Some((right, strike, expiry, None)),
        _ => None,
    }
}

/// Time of day at which an expiry settles; early closes settle early.
fn settlement_seconds(expiry: Day, settlement: Settlement) -> i32 {
    match settlement {
        Settlement::Am => settlement.seconds(),
        Settlement::Pm => calendar::close_seconds(expiry),
    }
}
