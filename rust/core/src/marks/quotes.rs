//! Marks from the quotes of a chain of the user.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::chain::{Chain, ChainQuote, DaySlice, Parity, product_code};
use super::{LegBatch, Marks, OptionProduct, Quote, flag};
use crate::calendar::listing::ListedExpiry;
use crate::instrument::{Day, Instrument, Right, Settlement};
use crate::market::MarketState;

/// Days between two sessions at most; an older chain says nothing about what is listed today.
const LISTING_AGE: Day = 5;

/// How often the chain answered, and why it did not.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct QuoteCounts {
    /// Option legs marked from the chain.
    pub answered: u64,
    /// Option legs the chain has no usable quote for on a session it covers: the fallback answered.
    pub no_quote: u64,
    /// Option legs on sessions the chain does not cover: the fallback answered.
    pub uncovered: u64,
    /// Option legs at steps before the close, where end-of-day quotes are in the future: the fallback answered.
    pub off_close: u64,
    /// Answered from a crossed quote.
    pub crossed: u64,
    /// Answered from a quote with a zero bid.
    pub zero_bid: u64,
    /// Answered with quotes of another time of day than the step.
    pub asynchronous: u64,
}

/// What one product lists on a session.
#[derive(Debug, Clone, Default)]
struct Listing {
    expiries: Vec<ListedExpiry>,
    strikes: Vec<f64>,
    /// Part of `strikes` by expiry and right.
    ranges: BTreeMap<(Day, Right), Range<usize>>,
}

/// Marks legs from the chain at the close of the sessions it covers; `S` answers everything else.
///
/// - Quotes answer only at the last step of a session: before it they lie in the future.
/// - A leg without a usable quote (no row, an empty price, no ask) falls to `S`, flagged `NO_QUOTE` and counted.
/// - Zero bid: mid = half-spread = ask / 2, flagged `ZERO_BID`: it can be bought at the ask and not be sold.
/// - Crossed: the two sides are of different instants. The mid is their mean, and the width of the disagreement is
///   charged as the spread, |ask - bid| / 2: a data error never makes trading free. Flagged `CROSSED`.
/// - Locked: half-spread 0, as quoted.
/// - Quotes of another time of day than the step (15:45 beside the close) are flagged `ASYNCHRONOUS`.
/// - Before the close, what is listed is what the session before listed, as contracts are not delisted before expiry.
#[derive(Debug)]
pub struct QuoteMarks<S> {
    chain: Arc<Chain>,
    fallback: S,
    counts: QuoteCounts,
    at_close: bool,
    slices: [Option<DaySlice>; 3],
    listings: [Option<Listing>; 3],
    /// The session `listings` were read from and the one they are for.
    listed_at: [Option<(Day, Day)>; 3],
    /// By product, expiry and path (rates may differ by path).
    forwards: BTreeMap<(u8, Day, usize), Option<Parity>>,
    elsewhere: LegBatch,
    elsewhere_quotes: Vec<Quote>,
    elsewhere_at: Vec<(usize, u32)>,
}

impl<S: Marks> QuoteMarks<S> {
    /// Marks over `chain`, with `fallback` for what it does not quote.
    pub fn new(chain: Arc<Chain>, fallback: S) -> Self {
        Self {
            chain,
            fallback,
            counts: QuoteCounts::default(),
            at_close: false,
            slices: [None; 3],
            listings: Default::default(),
            listed_at: [None; 3],
            forwards: BTreeMap::new(),
            elsewhere: LegBatch::default(),
            elsewhere_quotes: Vec::new(),
            elsewhere_at: Vec::new(),
        }
    }

    /// How often the chain answered so far.
    pub fn counts(&self) -> &QuoteCounts {
        &self.counts
    }

    /// The marks that answer where the chain does not.
    pub fn fallback(&self) -> &S {
        &self.fallback
    }

    /// Puts what a leg is into its slice and quote, or says why the chain cannot answer.
    fn find(&self, instrument: Instrument) -> Option<(DaySlice, ChainQuote)> {
        let (product, expiry, right, strike) = option_of(instrument)?;
        let slice = self.slices[usize::from(product_code(product))]?;
        let quote = self.chain.find(&slice, expiry, right, strike)?;
        quote.has_market().then_some((slice, quote))
    }

    fn parity(&mut self, state: &MarketState, path: usize, product: OptionProduct, expiry: Day) -> Option<Parity> {
        let slice = self.slices[usize::from(product_code(product))]?;
        let rate = state.rate.get(path).copied().filter(|rate| rate.is_finite());
        let chain = &self.chain;
        *self
            .forwards
            .entry((product_code(product), expiry, path))
            .or_insert_with(|| chain.parity(&slice, expiry, rate))
    }

    fn read_listing(&self, slice: &DaySlice, day: Day) -> Listing {
        let mut listing = Listing::default();
        for expiry in self.chain.expiries(slice).into_iter().filter(|expiry| expiry.day >= day) {
            let before = listing.strikes.len();
            for right in [Right::Call, Right::Put] {
                let start = listing.strikes.len();
                let rows = self.chain.legs(slice, expiry.day, right).map(|i| self.chain.row(i));
                listing.strikes.extend(rows.filter(ChainQuote::has_market).map(|quote| quote.strike));
                listing.ranges.insert((expiry.day, right), start..listing.strikes.len());
            }
            if listing.strikes.len() > before {
                listing.expiries.push(expiry);
            }
        }
        listing
    }
}

fn option_of(instrument: Instrument) -> Option<(OptionProduct, Day, Right, f64)> {
    match instrument {
        Instrument::SpxOption { right, strike, expiry, settlement: Settlement::Am } => {
            Some((OptionProduct::Spx, expiry, right, strike))
        }
        Instrument::SpxOption { right, strike, expiry, settlement: Settlement::Pm } => {
            Some((OptionProduct::Spxw, expiry, right, strike))
        }
        Instrument::VixOption { right, strike, expiry } => Some((OptionProduct::Vix, expiry, right, strike)),
        Instrument::VixFuture { .. } | Instrument::VixNote | Instrument::SpxIndex => None,
    }
}

/// The mark of a quote with a positive ask, before the spread multiplier.
fn mark(quote: &ChainQuote) -> Quote {
    let flags = if quote.bid > quote.ask {
        flag::CROSSED
    } else if quote.bid > 0.0 {
        0
    } else {
        flag::ZERO_BID
    };
    Quote { mid: quote.mid(), half_spread: 0.5 * (quote.ask - quote.bid).abs(), flags }
}

impl<S: Marks> Marks for QuoteMarks<S> {
    fn prepare(&mut self, state: &MarketState) {
        self.fallback.prepare(state);
        self.forwards.clear();
        self.at_close = state.is_close;
        for product in [OptionProduct::Spx, OptionProduct::Spxw, OptionProduct::Vix] {
            let at = usize::from(product_code(product));
            self.slices[at] = if state.is_close { self.chain.day(product, state.day) } else { None };
            let listing = if state.is_close {
                self.slices[at]
            } else {
                self.chain.day_before(product, state.day).filter(|slice| slice.day >= state.day - LISTING_AGE)
            };
            let source = listing.map(|slice| (slice.day, state.day));
            if source.is_none() || source != self.listed_at[at] {
                self.listings[at] = listing.map(|slice| self.read_listing(&slice, state.day));
                self.listed_at[at] = source;
            }
        }
    }

    fn quote(&mut self, state: &MarketState, legs: &LegBatch, quotes: &mut Vec<Quote>) {
        quotes.clear();
        self.elsewhere.path.clear();
        self.elsewhere.instrument.clear();
        self.elsewhere_at.clear();
        for (i, (&path, &instrument)) in legs.path.iter().zip(&legs.instrument).enumerate() {
            if let Some((slice, found)) = self.find(instrument) {
                let mut answer = mark(&found);
                self.counts.answered += 1;
                self.counts.crossed += u64::from(answer.flags & flag::CROSSED != 0);
                self.counts.zero_bid += u64::from(answer.flags & flag::ZERO_BID != 0);
                if slice.seconds != state.seconds {
                    answer.flags |= flag::ASYNCHRONOUS;
                    self.counts.asynchronous += 1;
                }
                answer.half_spread *= state.spread_multiplier.get(path as usize).copied().unwrap_or(1.0);
                quotes.push(answer);
                continue;
            }
            let flags = match option_of(instrument) {
                None => 0,
                Some((product, ..)) => {
                    if !self.at_close {
                        self.counts.off_close += 1;
                    } else if self.slices[usize::from(product_code(product))].is_none() {
                        self.counts.uncovered += 1;
                    } else {
                        self.counts.no_quote += 1;
                    }
                    flag::NO_QUOTE
                }
            };
            self.elsewhere.path.push(path);
            self.elsewhere.instrument.push(instrument);
            self.elsewhere_at.push((i, flags));
            quotes.push(Quote { mid: f64::NAN, half_spread: f64::NAN, flags });
        }
        if !self.elsewhere_at.is_empty() {
            self.fallback.quote(state, &self.elsewhere, &mut self.elsewhere_quotes);
            for (&(i, flags), &answer) in self.elsewhere_at.iter().zip(&self.elsewhere_quotes) {
                quotes[i] = Quote { flags: answer.flags | flags, ..answer };
            }
        }
    }

    fn delta(&mut self, state: &MarketState, path: usize, instrument: Instrument) -> f64 {
        self.fallback.delta(state, path, instrument)
    }

    fn forward(&mut self, state: &MarketState, path: usize, instrument: Instrument) -> f64 {
        let from_chain = option_of(instrument)
            .and_then(|(product, expiry, ..)| self.parity(state, path, product, expiry))
            .map(|parity| parity.forward);
        from_chain.unwrap_or_else(|| self.fallback.forward(state, path, instrument))
    }

    fn listed_strikes(&self, state: &MarketState, product: OptionProduct, expiry: Day, right: Right) -> Option<&[f64]> {
        let Some(listing) = &self.listings[usize::from(product_code(product))] else {
            return self.fallback.listed_strikes(state, product, expiry, right);
        };
        let range = listing.ranges.get(&(expiry, right)).cloned().unwrap_or(0..0);
        Some(&listing.strikes[range])
    }

    fn listed_expiries(&self, state: &MarketState, product: OptionProduct) -> Option<&[ListedExpiry]> {
        match &self.listings[usize::from(product_code(product))] {
            Some(listing) => Some(&listing.expiries),
            None => self.fallback.listed_expiries(state, product),
        }
    }
}
