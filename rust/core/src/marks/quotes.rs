//! Marks from the quotes of a chain of the user.

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use super::chain::{Chain, ChainQuote, DaySlice, Parity, product_code};
use super::{LegBatch, Marks, OptionProduct, Quote, flag};
use crate::calendar::listing::ListedExpiry;
use crate::instrument::{Day, Instrument, Right, Settlement};
use crate::market::MarketState;
use crate::pricing::black::forward_delta;

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

impl QuoteCounts {
    /// Every count with its name.
    pub fn entries(&self) -> [(&'static str, u64); 7] {
        [
            ("answered", self.answered),
            ("no_quote", self.no_quote),
            ("uncovered", self.uncovered),
            ("off_close", self.off_close),
            ("crossed", self.crossed),
            ("zero_bid", self.zero_bid),
            ("asynchronous", self.asynchronous),
        ]
    }
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
        let from_chain = (|| {
            let (product, expiry, right, strike) = option_of(instrument)?;
            let slice = self.slices[usize::from(product_code(product))]?;
            let parity = self.parity(state, path, product, expiry)?;
            // The other right at the same strike has the same volatility by parity: it stands in where the mid of an
            // in-the-money leg holds no time value.
            let rights = [right, if right == Right::Call { Right::Put } else { Right::Call }];
            let vols = rights.map(|right| self.chain.implied_vol(&slice, expiry, right, strike, &parity));
            let vol = vols.into_iter().find(|vol| vol.is_finite())?;
            Some(forward_delta(right, parity.forward, strike, vol * Chain::years(&slice, expiry).sqrt()))
        })();
        from_chain.unwrap_or_else(|| self.fallback.delta(state, path, instrument))
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

#[cfg(test)]
#[allow(clippy::float_cmp)] // the answers of the fallback are passed on bit for bit
mod tests {
    use super::*;
    use crate::marks::chain::{ChainBuilder, ChainColumns, Policy};
    use crate::pricing::black::black76;

    /// 2016-06-01, and its expiries: third Friday, weekly Friday, third Wednesday.
    const DAY: Day = 16_953;
    const MONTHLY: Day = DAY + 16;
    const WEEKLY: Day = DAY + 9;
    const VIX_EXPIRY: Day = DAY + 14;

    /// Answers with constants, and remembers nothing.
    struct Constant;

    impl Marks for Constant {
        fn prepare(&mut self, _state: &MarketState) {}
        fn quote(&mut self, _state: &MarketState, legs: &LegBatch, quotes: &mut Vec<Quote>) {
            quotes.clear();
            quotes.extend(legs.instrument.iter().map(|_| Quote { mid: 7.0, half_spread: 0.7, flags: flag::PROXY }));
        }
        fn delta(&mut self, _state: &MarketState, _path: usize, _instrument: Instrument) -> f64 {
            0.77
        }
        fn forward(&mut self, _state: &MarketState, _path: usize, _instrument: Instrument) -> f64 {
            77.0
        }
        fn listed_strikes(&self, _: &MarketState, _: OptionProduct, _: Day, _: Right) -> Option<&[f64]> {
            None
        }
        fn listed_expiries(&self, _: &MarketState, _: OptionProduct) -> Option<&[ListedExpiry]> {
            None
        }
    }

    type Line = (Day, u8, Day, f64, u8, f64, f64);

    fn chain(lines: &[Line], seconds: i32) -> Arc<Chain> {
        let products = [OptionProduct::Spx, OptionProduct::Spxw, OptionProduct::Vix];
        let mut builder = ChainBuilder::new(Policy::Flag, &products, Day::MIN, Day::MAX, seconds).unwrap();
        for &(day, root, expiry, strike, right, bid, ask) in lines {
            let columns = ChainColumns {
                quote_date: &[day],
                expiry: &[expiry],
                root: &[root],
                strike: &[strike],
                right: &[right],
                bid: &[bid],
                ask: &[ask],
                underlying: None,
                seconds: None,
            };
            builder.push("test", 1, &columns).unwrap();
        }
        Arc::new(builder.finish().unwrap())
    }

    fn state(day: Day, seconds: i32, is_close: bool, n_paths: usize) -> MarketState {
        MarketState {
            day,
            seconds,
            is_close,
            spot: vec![2_000.0; n_paths],
            rate: vec![0.01; n_paths],
            spread_multiplier: (1..=n_paths).map(|k| k as f64).collect(),
            ..MarketState::default()
        }
    }

    fn spx(right: Right, strike: f64) -> Instrument {
        Instrument::SpxOption { right, strike, expiry: MONTHLY, settlement: Settlement::Am }
    }

    fn batch(instruments: &[Instrument], path: u32) -> LegBatch {
        LegBatch { path: vec![path; instruments.len()], instrument: instruments.to_vec() }
    }

    fn ask<S: Marks>(marks: &mut QuoteMarks<S>, state: &MarketState, legs: &LegBatch) -> Vec<Quote> {
        let mut quotes = Vec::new();
        marks.prepare(state);
        marks.quote(state, legs, &mut quotes);
        quotes
    }

    /// A smile-free chain around a forward of 2,010 at 1 %, quoted `width` wide.
    fn flat(day: Day, width: f64) -> Vec<Line> {
        let years = crate::instrument::years_between(day, 57_600, MONTHLY, 34_200);
        let mut lines = Vec::new();
        for k in 0..41 {
            let strike = 1_800.0 + 10.0 * f64::from(k);
            for (code, right) in [(0, Right::Call), (1, Right::Put)] {
                let mid = black76(right, 2_010.0, strike, years, 0.15, 0.01);
                lines.push((day, 0, MONTHLY, strike, code, (mid - width).max(0.0), mid + width));
            }
        }
        lines
    }

    #[test]
    fn each_state_of_a_quote_has_its_mark() {
        let lines = [
            (DAY, 0, MONTHLY, 2_000.0, 0, 30.0, 31.0),
            (DAY, 0, MONTHLY, 2_100.0, 0, 0.0, 0.4),
            (DAY, 0, MONTHLY, 2_050.0, 0, 12.0, 11.0),
            (DAY, 0, MONTHLY, 2_060.0, 0, 9.0, 9.0),
            (DAY, 0, MONTHLY, 2_070.0, 0, f64::NAN, 9.0),
            (DAY, 0, MONTHLY, 2_080.0, 0, 0.0, 0.0),
        ];
        let mut marks = QuoteMarks::new(chain(&lines, 57_600), Constant);
        let strikes = [2_000.0, 2_100.0, 2_050.0, 2_060.0, 2_070.0, 2_080.0, 2_005.0];
        let mut legs = strikes.map(|strike| spx(Right::Call, strike)).to_vec();
        legs.extend([Instrument::VixFuture { expiry: VIX_EXPIRY }, Instrument::SpxIndex]);
        let quotes = ask(&mut marks, &state(DAY, 57_600, true, 3), &batch(&legs, 1));
        let expected = [
            (30.5, 1.0, 0),
            (0.2, 0.4, flag::ZERO_BID),
            (11.5, 1.0, flag::CROSSED),
            (9.0, 0.0, 0),
            (7.0, 0.7, flag::NO_QUOTE | flag::PROXY),
            (7.0, 0.7, flag::NO_QUOTE | flag::PROXY),
            (7.0, 0.7, flag::NO_QUOTE | flag::PROXY),
            (7.0, 0.7, flag::PROXY),
            (7.0, 0.7, flag::PROXY),
        ];
        let got: Vec<_> = quotes.iter().map(|quote| (quote.mid, quote.half_spread, quote.flags)).collect();
        assert_eq!(got, expected);
        let counts = *marks.counts();
        assert_eq!((counts.answered, counts.no_quote, counts.crossed, counts.zero_bid), (4, 3, 1, 1));
    }

    #[test]
    fn quotes_answer_only_at_the_close_of_sessions_they_cover() {
        let mut marks = QuoteMarks::new(chain(&flat(DAY, 0.5), 57_600), Constant);
        let legs = batch(&[spx(Right::Call, 2_000.0)], 0);
        for (state, answered) in [
            (state(DAY, 34_200, false, 1), false),
            (state(DAY, 57_600, true, 1), true),
            (state(DAY + 1, 57_600, true, 1), false),
            (state(DAY - 1, 57_600, true, 1), false),
        ] {
            let quote = ask(&mut marks, &state, &legs)[0];
            assert_eq!(quote.flags & flag::NO_QUOTE == 0, answered);
            assert_eq!(marks.forward(&state, 0, legs.instrument[0]) > 1_000.0, answered);
            assert_eq!(marks.delta(&state, 0, legs.instrument[0]) < 0.77, answered);
        }
        let counts = marks.counts();
        assert_eq!((counts.answered, counts.off_close, counts.uncovered), (1, 1, 2));
    }

    #[test]
    fn earlier_quotes_than_the_close_are_flagged() {
        let mut marks = QuoteMarks::new(chain(&flat(DAY, 0.5), 56_700), Constant);
        let quotes = ask(&mut marks, &state(DAY, 57_600, true, 1), &batch(&[spx(Right::Put, 1_900.0)], 0));
        assert_eq!(quotes[0].flags, flag::ASYNCHRONOUS);
        assert_eq!(marks.counts().asynchronous, 1);
    }

    #[test]
    fn forward_and_delta_come_from_the_chain() {
        let mut marks = QuoteMarks::new(chain(&flat(DAY, 0.05), 57_600), Constant);
        let state = state(DAY, 57_600, true, 1);
        marks.prepare(&state);
        let years = crate::instrument::years_between(DAY, 57_600, MONTHLY, 34_200);
        for strike in [1_900.0, 2_010.0, 2_100.0] {
            for right in [Right::Call, Right::Put] {
                assert!((marks.forward(&state, 0, spx(right, strike)) - 2_010.0).abs() < 1e-3);
                let expected = forward_delta(right, 2_010.0, strike, 0.15 * years.sqrt());
                let got = marks.delta(&state, 0, spx(right, strike));
                assert!((got - expected).abs() < 1e-3, "{right:?} {strike}: {got} {expected}");
            }
        }
        // The future itself is not part of the chain, nor is an option of another root.
        assert_eq!(marks.forward(&state, 0, Instrument::VixFuture { expiry: MONTHLY }), 77.0);
        let pm =
            Instrument::SpxOption { right: Right::Call, strike: 2_000.0, expiry: MONTHLY, settlement: Settlement::Pm };
        assert_eq!((marks.forward(&state, 0, pm), marks.delta(&state, 0, pm)), (77.0, 0.77));
    }

    #[test]
    fn forward_of_a_vix_expiry_is_parity_not_spot() {
        let lines = [
            (DAY, 2, VIX_EXPIRY, 15.0, 0, 1.5, 1.6),
            (DAY, 2, VIX_EXPIRY, 15.0, 1, 0.5, 0.6),
            (DAY, 2, VIX_EXPIRY, 16.0, 0, 1.0, 1.1),
            (DAY, 2, VIX_EXPIRY, 16.0, 1, 1.0, 1.1),
        ];
        let mut marks = QuoteMarks::new(chain(&lines, 58_500), Constant);
        let mut state = state(DAY, 58_500, true, 1);
        state.rate[0] = 0.0;
        marks.prepare(&state);
        let option = Instrument::VixOption { right: Right::Call, strike: 30.0, expiry: VIX_EXPIRY };
        assert!((marks.forward(&state, 0, option) - 16.0).abs() < 1e-12);
        assert_eq!(marks.delta(&state, 0, option), 0.77);
    }

    #[test]
    fn listings_are_those_of_the_chain_and_never_of_the_future() {
        let mut lines = flat(DAY, 0.5);
        lines.push((DAY, 1, WEEKLY, 1_990.0, 1, 1.0, 1.1));
        lines.push((DAY + 1, 1, WEEKLY, 1_995.0, 1, 1.0, 1.1));
        lines.push((DAY + 1, 1, WEEKLY, 1_999.0, 1, 0.0, 0.0));
        let mut marks = QuoteMarks::new(chain(&lines, 57_600), Constant);
        let product = OptionProduct::Spxw;
        let mut strikes = |day, is_close| {
            let state = state(day, 57_600, is_close, 1);
            marks.prepare(&state);
            let expiries = marks.listed_expiries(&state, product).map(|listed| listed.to_vec());
            let strikes = marks.listed_strikes(&state, product, WEEKLY, Right::Put).map(|listed| listed.to_vec());
            (expiries.map(|listed| listed.iter().map(|e| (e.day, e.weekly)).collect::<Vec<_>>()), strikes)
        };
        assert_eq!(strikes(DAY, false), (None, None));
        assert_eq!(strikes(DAY, true), (Some(vec![(WEEKLY, true)]), Some(vec![1_990.0])));
        assert_eq!(strikes(DAY + 1, false), (Some(vec![(WEEKLY, true)]), Some(vec![1_990.0])));
        // A strike nobody makes a market in is not offered.
        assert_eq!(strikes(DAY + 1, true), (Some(vec![(WEEKLY, true)]), Some(vec![1_995.0])));
        assert_eq!(strikes(DAY + 2, true), (None, None));
        assert_eq!(strikes(DAY + 2, false), (Some(vec![(WEEKLY, true)]), Some(vec![1_995.0])));
        assert_eq!(strikes(DAY + 30, false), (None, None));
    }
}
