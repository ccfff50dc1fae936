//! The option chain of the user: millions of quotes in a sorted, packed, read-only store.
//!
//! A quote is a 64-bit key (product, date, expiry, right, strike: in this order, so that sorting keys sorts the
//! chain) and two 32-bit prices in ten-thousandths of a point, the finest step a vendor prints: 16 bytes a row.
//! A look-up is a binary search inside the slice of one product and session, never a join.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::OptionProduct;
use crate::calendar::listing::ListedExpiry;
use crate::calendar::{civil, close_seconds, session_on_or_before, spx_am_expiry, vix_expiry, weekday};
use crate::error::{Error, Fault, Result};
use crate::instrument::{CLOSE_SECONDS, Day, Right, Settlement, years_between};
use crate::math;
use crate::pricing::implied_vol::implied_vol;

/// Prices are stored in ten-thousandths of a point.
const PRICE_SCALE: f64 = 10_000.0;
/// Strikes are stored in thousandths of a point, as in the OCC symbol.
const STRIKE_SCALE: f64 = 1_000.0;
/// A price the vendor left empty.
const NO_PRICE: i32 = i32::MIN;
/// Largest price, points: beyond it the 32-bit integer would overflow, and no index is near it.
const MAX_PRICE: f64 = 200_000.0;
/// Rows of one chain; at 16 bytes a row this is 4 GB.
const MAX_ROWS: usize = 250_000_000;
/// 1990-01-01 and 2100-01-01 as days.
const DAY_RANGE: (Day, Day) = (7_305, 47_482);
const PRODUCTS: [OptionProduct; 3] = [OptionProduct::Spx, OptionProduct::Spxw, OptionProduct::Vix];

/// Number under which a product is stored.
pub fn product_code(product: OptionProduct) -> u8 {
    match product {
        OptionProduct::Spx => 0,
        OptionProduct::Spxw => 1,
        OptionProduct::Vix => 2,
    }
}

/// The product of a stored number.
pub fn product_of(code: u8) -> Option<OptionProduct> {
    PRODUCTS.get(usize::from(code)).copied()
}

/// Root symbol of a product.
pub fn product_name(product: OptionProduct) -> &'static str {
    match product {
        OptionProduct::Spx => "SPX",
        OptionProduct::Spxw => "SPXW",
        OptionProduct::Vix => "VIX",
    }
}

/// Root codes of a row beyond the three products.
pub mod root {
    /// On the S&P 500 but the vendor does not tell AM from PM: the monthly expiry is SPX, any other SPXW.
    pub const SPX_BY_EXPIRY: u8 = 3;
    /// Another underlying; the row is left out and counted.
    pub const OTHER: u8 = 4;
}

/// What happens to rows that are not in order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Policy {
    /// The first one is an error.
    Raise,
    /// Kept where it can be marked, always counted.
    Flag,
    /// Left out and counted.
    Drop,
}

impl Policy {
    /// From its name.
    pub fn parse(name: &str) -> Result<Self> {
        match name {
            "raise" => Ok(Self::Raise),
            "flag" => Ok(Self::Flag),
            "drop" => Ok(Self::Drop),
            _ => Err(Error::config(Fault::new(
                "CHN001",
                "Chain",
                "policy",
                format!("{name:?}"),
                "\"raise\", \"flag\" or \"drop\"",
            ))),
        }
    }
}

/// How many rows of each kind were met; every anomaly is counted whatever the policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct ChainQuality {
    /// Rows read.
    pub rows_read: u64,
    /// Rows in the store.
    pub rows_kept: u64,
    /// Rows of products that were not asked for.
    pub other_products: u64,
    /// Rows outside `start..=end`.
    pub outside_range: u64,
    /// Bid above a positive ask.
    pub crossed: u64,
    /// Bid equal to a positive ask.
    pub locked: u64,
    /// Bid of zero beside a positive ask.
    pub zero_bid: u64,
    /// Neither bid nor ask: both zero.
    pub no_market: u64,
    /// Bid without an ask: the ask is zero.
    pub zero_ask: u64,
    /// Bid or ask is empty.
    pub missing_price: u64,
    /// Bid or ask below zero.
    pub negative_price: u64,
    /// Expiry before the quote date.
    pub expired: u64,
    /// Same contract and session again, with the same quote.
    pub duplicate: u64,
    /// Same contract and session again, with another quote; the first is kept.
    pub conflicting: u64,
    /// Strikes with a call or a put but not both.
    pub missing_leg: u64,
    /// Prices finer than a ten-thousandth of a point, rounded to it.
    pub rounded_price: u64,
    /// Put bid above the strike or call bid above three times the underlying.
    pub above_bound: u64,
    /// Expiries dated on the Saturday (standard before 2015-02) that were moved to the last trading day.
    pub saturday_expiry: u64,
}

impl ChainQuality {
    /// Names and counts, in a fixed order.
    pub fn entries(&self) -> [(&'static str, u64); 18] {
        let mut copy = *self;
        copy.counts().map(|(name, count)| (name, *count))
    }

    /// The one list of the fields, in the order of the file.
    fn counts(&mut self) -> [(&'static str, &mut u64); 18] {
        [
            ("rows_read", &mut self.rows_read),
            ("rows_kept", &mut self.rows_kept),
            ("other_products", &mut self.other_products),
            ("outside_range", &mut self.outside_range),
            ("crossed", &mut self.crossed),
            ("locked", &mut self.locked),
            ("zero_bid", &mut self.zero_bid),
            ("no_market", &mut self.no_market),
            ("zero_ask", &mut self.zero_ask),
            ("missing_price", &mut self.missing_price),
            ("negative_price", &mut self.negative_price),
            ("expired", &mut self.expired),
            ("duplicate", &mut self.duplicate),
            ("conflicting", &mut self.conflicting),
            ("missing_leg", &mut self.missing_leg),
            ("rounded_price", &mut self.rounded_price),
            ("above_bound", &mut self.above_bound),
            ("saturday_expiry", &mut self.saturday_expiry),
        ]
    }
}

/// One block of rows, as columns of equal length.
#[derive(Debug, Clone, Copy)]
pub struct ChainColumns<'a> {
    /// Session of the quote.
    pub quote_date: &'a [Day],
    /// Expiry day.
    pub expiry: &'a [Day],
    /// Product code, or a code of [`root`].
    pub root: &'a [u8],
    /// Strike, points.
    pub strike: &'a [f64],
    /// 0 call, 1 put, anything else is an error.
    pub right: &'a [u8],
    /// Bid, points.
    pub bid: &'a [f64],
    /// Ask, points.
    pub ask: &'a [f64],
    /// Underlying index, points.
    pub underlying: Option<&'a [f64]>,
    /// Time of the quote, seconds after midnight New York.
    pub seconds: Option<&'a [i32]>,
}

/// What belongs to a product and session as a whole.
#[derive(Debug, Clone, Copy, PartialEq)]
struct Session {
    product: u8,
    day: Day,
    seconds: i32,
    underlying: f64,
    start: usize,
    end: usize,
}

#[derive(Debug, Clone, Copy)]
struct Row {
    key: u64,
    bid: i32,
    ask: i32,
}

/// Collects rows in any order.
#[derive(Debug)]
pub struct ChainBuilder {
    policy: Policy,
    wanted: [bool; 3],
    range: (Day, Day),
    seconds: i32,
    rows: Vec<Row>,
    quality: ChainQuality,
    sessions: BTreeMap<(u8, Day), (i32, f64)>,
    source: String,
}

/// Two bits of product, sixteen each of date and expiry, one of right, twenty-nine of strike.
fn pack(product: u8, day: Day, expiry: Day, right: Right, strike: u32) -> u64 {
    let right = u64::from(right == Right::Put);
    (u64::from(product) << 62)
        | (u64::from(day as u16) << 46)
        | (u64::from(expiry as u16) << 30)
        | (right << 29)
        | u64::from(strike)
}

fn key_expiry(key: u64) -> Day {
    Day::from((key >> 30) as u16)
}

fn key_right(key: u64) -> Right {
    if (key >> 29) & 1 == 1 { Right::Put } else { Right::Call }
}

fn key_strike(key: u64) -> f64 {
    (key & 0x1fff_ffff) as f64 / STRIKE_SCALE
}

fn strike_units(strike: f64) -> Option<u32> {
    let units = (strike * STRIKE_SCALE).round();
    let exact = (strike * STRIKE_SCALE - units).abs() <= 1e-6 * units.max(1.0);
    (exact && units > 0.0 && units < 536_870_911.0).then_some(units as u32)
}

/// `YYYY-MM-DD`.
pub fn iso(day: Day) -> String {
    let (year, month, of_month) = civil(day);
    format!("{year:04}-{month:02}-{of_month:02}")
}

/// Whether SPX AM-settled options expire on the day.
fn is_spx_monthly(day: Day) -> bool {
    let (year, month, _) = civil(day);
    spx_am_expiry(year, month) == day
}

/// Whether monthly VIX options expire on the day.
fn is_vix_monthly(day: Day) -> bool {
    let (year, month, _) = civil(day);
    vix_expiry(year, month) == day
}

fn points(price: i32) -> f64 {
    if price == NO_PRICE { f64::NAN } else { f64::from(price) / PRICE_SCALE }
}

impl ChainBuilder {
    /// An empty builder. `seconds` is the time of quotes without a time of their own.
    pub fn new(policy: Policy, products: &[OptionProduct], start: Day, end: Day, seconds: i32) -> Result<Self> {
        if !(0..86_400).contains(&seconds) {
            let fault = Fault::new("CHN002", "Chain", "quote_time", seconds.to_string(), "0 <= seconds < 86400");
            return Err(Error::config(fault));
        }
        if products.is_empty() {
            return Err(Error::config(Fault::new("CHN003", "Chain", "products", "none", "SPX, SPXW or VIX")));
        }
        let mut wanted = [false; 3];
        for product in products {
            wanted[usize::from(product_code(*product))] = true;
        }
        Ok(Self {
            policy,
            wanted,
            range: (start, end),
            seconds,
            rows: Vec::new(),
            quality: ChainQuality::default(),
            sessions: BTreeMap::new(),
            source: String::new(),
        })
    }

    /// Adds a block of rows of `source`; `first_row` is the number of its first row there.
    pub fn push(&mut self, source: &str, first_row: u64, columns: &ChainColumns<'_>) -> Result<()> {
        let n = columns.quote_date.len();
        let lengths = [
            columns.expiry.len(),
            columns.root.len(),
            columns.strike.len(),
            columns.right.len(),
            columns.bid.len(),
            columns.ask.len(),
            columns.underlying.map_or(n, <[f64]>::len),
            columns.seconds.map_or(n, <[i32]>::len),
        ];
        if lengths.iter().any(|&length| length != n) {
            let fault = Fault::new("CHN004", source, "columns", format!("lengths {n}, {lengths:?}"), "equal lengths");
            return Err(Error::schema(fault));
        }
        if self.rows.len() + n > MAX_ROWS {
            let fault = Fault::new("CHN005", source, "rows", (self.rows.len() + n).to_string(), "at most 250000000");
            return Err(Error::limit(fault.hint("read fewer years or products at a time")));
        }
        if self.source.is_empty() {
            self.source = source.to_owned();
        }
        let mut known: Option<(u8, Day, i32)> = None;
        let mut dated = (Day::MIN, (Day::MIN, false));
        for i in 0..n {
            let at = |code, field: &str, value: String, expected: &str| {
                Fault::new(code, source, field, value, expected).at(format!("row {}", first_row + i as u64))
            };
            self.quality.rows_read += 1;
            let day = columns.quote_date[i];
            if day < DAY_RANGE.0 || day >= DAY_RANGE.1 {
                return Err(Error::data(at("CHN010", "quote_date", show_day(day), "a date in 1990..2099")));
            }
            if day < self.range.0 || day > self.range.1 {
                self.quality.outside_range += 1;
                continue;
            }
            if columns.root[i] >= root::OTHER {
                self.quality.other_products += 1;
                continue;
            }
            let listed = columns.expiry[i];
            if listed < DAY_RANGE.0 || listed >= DAY_RANGE.1 {
                return Err(Error::data(at("CHN011", "expiry", show_day(listed), "a date in 1990..2099")));
            }
            if listed != dated.0 {
                dated = (listed, trading_expiry(listed));
            }
            let (expiry, moved) = dated.1;
            let product = match columns.root[i] {
                root::SPX_BY_EXPIRY => u8::from(!is_spx_monthly(expiry)),
                code => code,
            };
            if !self.wanted[usize::from(product)] {
                self.quality.other_products += 1;
                continue;
            }
            self.quality.saturday_expiry += u64::from(moved);
            let right = match columns.right[i] {
                0 => Right::Call,
                1 => Right::Put,
                _ => return Err(Error::data(at("CHN012", "right", "neither call nor put".into(), "C or P"))),
            };
            let strike = columns.strike[i];
            let (limit, rule) =
                if product == 2 { (1_000.0, "0 < strike <= 1000") } else { (50_000.0, "0 < strike <= 50000") };
            if !(strike > 0.0 && strike <= limit) {
                let fault = at("CHN013", "strike", format!("{strike}"), rule);
                let scaled = strike / STRIKE_SCALE;
                return Err(Error::data(if strike.is_finite() && scaled <= limit && strike > limit {
                    fault.hint("looks like thousandths of a point (OCC symbol), pass strike_scale=0.001")
                } else {
                    fault
                }));
            }
            let Some(units) = strike_units(strike) else {
                return Err(Error::data(at("CHN014", "strike", format!("{strike}"), "a multiple of 0.001")));
            };
            if expiry < day {
                self.quality.expired += 1;
                if self.policy == Policy::Raise {
                    let fault = at("CHN015", "expiry", iso(expiry), "an expiry not before the quote date");
                    return Err(Error::data(fault.hint(format!("quoted on {}", iso(day)))));
                }
                continue;
            }
            let (bid, ask) = (columns.bid[i], columns.ask[i]);
            for (field, price) in [("bid", bid), ("ask", ask)] {
                if price > MAX_PRICE || price.is_infinite() {
                    let fault = at("CHN016", field, format!("{price}"), "a price of at most 200000 points");
                    return Err(Error::data(fault.hint("prices in cents? pass price_scale=0.01")));
                }
            }
            if bid < 0.0 || ask < 0.0 {
                self.quality.negative_price += 1;
                if self.policy != Policy::Drop {
                    let (field, value) = if bid < 0.0 { ("bid", bid) } else { ("ask", ask) };
                    let fault = at("CHN017", field, format!("{value}"), "a price of at least 0");
                    return Err(Error::data(fault.hint("policy=\"drop\" leaves such rows out")));
                }
                continue;
            }
            if bid.is_nan() || ask.is_nan() {
                self.quality.missing_price += 1;
                match self.policy {
                    Policy::Raise => {
                        let field = if bid.is_nan() { "bid" } else { "ask" };
                        return Err(Error::data(at("CHN018", field, "nothing".into(), "a price")));
                    }
                    Policy::Drop => continue,
                    Policy::Flag => {}
                }
            }
            let (bid_units, ask_units) = (self.price_units(bid), self.price_units(ask));
            if bid_units != NO_PRICE && ask_units != NO_PRICE {
                match (bid_units, ask_units) {
                    (0, 0) => self.quality.no_market += 1,
                    (0, _) => self.quality.zero_bid += 1,
                    (_, 0) => self.quality.zero_ask += 1,
                    (bid, ask) if bid == ask => self.quality.locked += 1,
                    _ => {}
                }
                if bid_units > ask_units && ask_units > 0 {
                    self.quality.crossed += 1;
                    match self.policy {
                        Policy::Raise => {
                            let fault = at("CHN019", "bid", format!("{bid}"), "a bid not above the ask");
                            return Err(Error::data(fault.hint(format!("ask is {ask}"))));
                        }
                        Policy::Drop => continue,
                        Policy::Flag => {}
                    }
                }
            }
            let underlying = columns.underlying.map_or(f64::NAN, |column| column[i]);
            let bound = match right {
                Right::Call => 3.0 * underlying,
                Right::Put => 1.05 * strike,
            };
            self.quality.above_bound += u64::from(bid > bound && bound > 0.0);
            let asked = columns.seconds.map_or(self.seconds, |column| column[i]);
            if known != Some((product, day, asked)) {
                if !(0..86_400).contains(&asked) {
                    return Err(Error::data(at("CHN020", "quote_time", asked.to_string(), "0 <= seconds < 86400")));
                }
                // A snapshot is taken so long before or after the close; an early close moves it.
                let seconds =
                    if columns.seconds.is_some() { asked } else { asked - (CLOSE_SECONDS - close_seconds(day)) };
                let underlying = if underlying > 0.0 { underlying } else { f64::NAN };
                let session = self.sessions.entry((product, day)).or_insert((seconds, underlying));
                if session.0 != seconds {
                    let value = format!("{seconds} s after {} s on {}", session.0, iso(day));
                    let fault = at("CHN021", "quote_time", value, "one quote time a session");
                    return Err(Error::data(fault.hint("keep the rows of one snapshot")));
                }
                if session.1.is_nan() {
                    session.1 = underlying;
                }
                known = session.1.is_finite().then_some((product, day, asked));
            }
            self.rows.push(Row { key: pack(product, day, expiry, right, units), bid: bid_units, ask: ask_units });
        }
        Ok(())
    }

    fn price_units(&mut self, price: f64) -> i32 {
        if price.is_nan() {
            return NO_PRICE;
        }
        let units = (price * PRICE_SCALE).round();
        self.quality.rounded_price += u64::from((price * PRICE_SCALE - units).abs() > 1e-3);
        units as i32
    }

    /// The chain of all rows.
    pub fn finish(mut self) -> Result<Chain> {
        let source = std::mem::take(&mut self.source);
        if self.rows.is_empty() {
            let read = self.quality.rows_read;
            let fault =
                Fault::new("CHN022", or_chain(&source), "rows", format!("0 of {read} rows"), "at least one row");
            return Err(Error::data(fault.hint("check products, start and end")));
        }
        if self.quality.above_bound >= 5 && self.quality.above_bound * 50 > self.rows.len() as u64 {
            let value = format!("{} of {} rows above a no-arbitrage bound", self.quality.above_bound, self.rows.len());
            let fault = Fault::new("CHN023", or_chain(&source), "bid", value, "prices in index points");
            return Err(Error::data(fault.hint("prices in cents? pass price_scale=0.01")));
        }
        // Stable, so that of equal contracts the first row of the input is the one that is kept.
        self.rows.sort_by_key(|row| row.key);
        let mut conflict = None;
        let quality = &mut self.quality;
        self.rows.dedup_by(|next, kept| {
            if next.key != kept.key {
                return false;
            }
            if (next.bid, next.ask) == (kept.bid, kept.ask) {
                quality.duplicate += 1;
            } else {
                quality.conflicting += 1;
            }
            conflict.get_or_insert(kept.key);
            true
        });
        if let (Policy::Raise, Some(key)) = (self.policy, conflict) {
            let day = Day::from((key >> 46) as u16);
            let product = product_of((key >> 62) as u8).map_or("", product_name);
            let right = if key_right(key) == Right::Put { "P" } else { "C" };
            let contract = format!("{product} {} {right} {}", iso(key_expiry(key)), key_strike(key));
            let fault =
                Fault::new("CHN024", or_chain(&source), "rows", format!("{contract} twice"), "one row a contract");
            return Err(Error::data(fault.at(iso(day)).hint("policy=\"flag\" keeps the first and counts the others")));
        }
        self.quality.rows_kept = self.rows.len() as u64;
        let keys: Vec<u64> = self.rows.iter().map(|row| row.key).collect();
        let bid: Vec<i32> = self.rows.iter().map(|row| row.bid).collect();
        let ask: Vec<i32> = self.rows.iter().map(|row| row.ask).collect();
        drop(self.rows);
        let mut sessions = Vec::with_capacity(self.sessions.len());
        let mut start = 0;
        for ((product, day), (seconds, underlying)) in self.sessions {
            let next = pack(product, day, Day::from(u16::MAX), Right::Put, 0x1fff_ffff);
            let end = start + keys[start..].partition_point(|&key| key <= next);
            sessions.push(Session { product, day, seconds, underlying, start, end });
            start = end;
        }
        let mut chain = Chain { keys, bid, ask, sessions, quality: self.quality, source, hash: String::new() };
        chain.quality.missing_leg = chain.count_missing_legs();
        chain.hash = chain.compute_hash();
        Ok(chain)
    }
}

fn or_chain(source: &str) -> &str {
    if source.is_empty() { "Chain" } else { source }
}

fn show_day(day: Day) -> String {
    if day == Day::MIN { "nothing".into() } else { iso(day.clamp(-700_000, 2_900_000)) }
}

/// The settlement day of an expiry the vendor dates on a Saturday.
fn trading_expiry(expiry: Day) -> (Day, bool) {
    const SATURDAY: u32 = 5;
    if weekday(expiry) != SATURDAY {
        return (expiry, false);
    }
    (session_on_or_before(expiry - 1).unwrap_or(expiry - 1), true)
}

/// Forward and discount of one expiry by put-call parity, C - P = D (F - K).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Parity {
    /// Forward, points.
    pub forward: f64,
    /// Standard error of the forward, points; NaN with a single pair.
    pub std_error: f64,
    /// Continuous rate of the discount that was used: given, or implied by the slope, else 0.
    pub rate: f64,
    /// Standard error of the implied rate; NaN when the rate was given or could not be implied.
    pub rate_std_error: f64,
    /// Call-put pairs the forward rests on.
    pub n_pairs: usize,
}

/// Pairs nearest the money that enter the forward.
const NEAR_PAIRS: usize = 12;
/// An implied rate less certain than this (1 % a year) is not used.
const MAX_RATE_ERROR: f64 = 0.01;

/// A sorted chain; see the module.
#[derive(Debug, Clone)]
pub struct Chain {
    keys: Vec<u64>,
    bid: Vec<i32>,
    ask: Vec<i32>,
    sessions: Vec<Session>,
    quality: ChainQuality,
    source: String,
    hash: String,
}

/// Rows `start..end` of one product and session, with what belongs to them as a whole.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct DaySlice {
    /// Option family.
    pub product: OptionProduct,
    /// Session.
    pub day: Day,
    /// Time of the quotes, seconds after midnight New York.
    pub seconds: i32,
    /// Underlying index beside the quotes; NaN when the vendor gives none.
    pub underlying: f64,
    /// First row.
    pub start: usize,
    /// One past the last row.
    pub end: usize,
}

/// One row of the chain.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ChainQuote {
    /// Expiry day.
    pub expiry: Day,
    /// Call or put.
    pub right: Right,
    /// Strike, points.
    pub strike: f64,
    /// Bid, points; NaN when empty.
    pub bid: f64,
    /// Ask, points; NaN when empty.
    pub ask: f64,
}

impl ChainQuote {
    /// Whether the row can mark a leg: there is someone to buy from.
    pub fn has_market(&self) -> bool {
        self.bid >= 0.0 && self.ask > 0.0
    }

    /// Whether both sides are there and in order: what parity and implied volatility may rest on.
    pub fn is_two_sided(&self) -> bool {
        self.bid > 0.0 && self.ask >= self.bid
    }

    /// Middle of the market.
    pub fn mid(&self) -> f64 {
        0.5 * (self.bid + self.ask)
    }
}

impl Chain {
    /// Number of rows.
    pub fn len(&self) -> usize {
        self.keys.len()
    }

    /// Whether there are no rows; a built chain always has some.
    pub fn is_empty(&self) -> bool {
        self.keys.is_empty()
    }

    /// Counts of what was met on reading.
    pub fn quality(&self) -> &ChainQuality {
        &self.quality
    }

    /// First file or frame that was read.
    pub fn source(&self) -> &str {
        &self.source
    }

    /// SHA-256 of the stored quotes: the same for any order of the same rows.
    pub fn data_hash(&self) -> &str {
        &self.hash
    }

    /// Sessions with at least one quote, ascending.
    pub fn days(&self) -> Vec<Day> {
        let mut days: Vec<Day> = self.sessions.iter().map(|session| session.day).collect();
        days.sort_unstable();
        days.dedup();
        days
    }

    /// Rows of a product on a session.
    pub fn day(&self, product: OptionProduct, day: Day) -> Option<DaySlice> {
        let code = product_code(product);
        let at = self.sessions.binary_search_by_key(&(code, day), |session| (session.product, session.day)).ok()?;
        Some(self.slice(at, product))
    }

    /// Rows of a product on its latest session before `day`.
    pub fn day_before(&self, product: OptionProduct, day: Day) -> Option<DaySlice> {
        let code = product_code(product);
        let at = self.sessions.partition_point(|session| (session.product, session.day) < (code, day));
        let before = at.checked_sub(1)?;
        (self.sessions[before].product == code).then(|| self.slice(before, product))
    }

    fn slice(&self, at: usize, product: OptionProduct) -> DaySlice {
        let Session { day, seconds, underlying, start, end, .. } = self.sessions[at];
        DaySlice { product, day, seconds, underlying, start, end }
    }

    /// Row `i`.
    #[inline]
    pub fn row(&self, i: usize) -> ChainQuote {
        let key = self.keys[i];
        ChainQuote {
            expiry: key_expiry(key),
            right: key_right(key),
            strike: key_strike(key),
            bid: points(self.bid[i]),
            ask: points(self.ask[i]),
        }
    }

    /// The quote of one contract within a day's slice, by binary search.
    #[inline]
    pub fn find(&self, slice: &DaySlice, expiry: Day, right: Right, strike: f64) -> Option<ChainQuote> {
        if !(DAY_RANGE.0..DAY_RANGE.1).contains(&expiry) {
            return None;
        }
        let key = pack(product_code(slice.product), slice.day, expiry, right, strike_units(strike)?);
        let at = self.keys[slice.start..slice.end].binary_search(&key).ok()?;
        Some(self.row(slice.start + at))
    }

    /// Rows of one expiry and right within a day's slice.
    pub fn legs(&self, slice: &DaySlice, expiry: Day, right: Right) -> std::ops::Range<usize> {
        if !(DAY_RANGE.0..DAY_RANGE.1).contains(&expiry) {
            return slice.start..slice.start;
        }
        let first = pack(product_code(slice.product), slice.day, expiry, right, 0);
        let keys = &self.keys[slice.start..slice.end];
        let start = keys.partition_point(|&key| key < first);
        let end = start + keys[start..].partition_point(|&key| key <= first | 0x1fff_ffff);
        slice.start + start..slice.start + end
    }

    /// Expiries of a day's slice, ascending.
    pub fn expiries(&self, slice: &DaySlice) -> Vec<ListedExpiry> {
        let mut listed: Vec<ListedExpiry> = Vec::new();
        for &key in &self.keys[slice.start..slice.end] {
            let day = key_expiry(key);
            if listed.last().is_none_or(|last| last.day != day) {
                let weekly = match slice.product {
                    OptionProduct::Spx => false,
                    OptionProduct::Spxw => true,
                    OptionProduct::Vix => !is_vix_monthly(day),
                };
                listed.push(ListedExpiry { day, settlement: slice.product.settlement(), weekly });
            }
        }
        listed
    }

    /// Years from the quotes of a slice to an expiry, ACT/365F.
    pub fn years(slice: &DaySlice, expiry: Day) -> f64 {
        let seconds = match slice.product.settlement() {
            Settlement::Am => Settlement::Am.seconds(),
            Settlement::Pm => close_seconds(expiry),
        };
        years_between(slice.day, slice.seconds, expiry, seconds)
    }

    /// Forward by put-call parity over two-sided pairs near the money, weighted by the inverse square of their width.
    ///
    /// Without `rate` the discount is the slope of C - P on K by weighted least squares over the pairs within 30 %
    /// of the money (Stoll 1969, doi:10.1111/j.1540-6261.1969.tb01694.x, for parity itself); when its standard error
    /// is above 1 % a year no discount is applied. `None`: no pair, or expired.
    pub fn parity(&self, slice: &DaySlice, expiry: Day, rate: Option<f64>) -> Option<Parity> {
        let years = Self::years(slice, expiry);
        if years <= 0.0 {
            return None;
        }
        let mut pairs: Vec<(f64, f64, f64)> = Vec::new();
        let puts = self.legs(slice, expiry, Right::Put);
        let mut put = puts.start;
        for call in self.legs(slice, expiry, Right::Call) {
            let call = self.row(call);
            while put < puts.end && self.row(put).strike < call.strike {
                put += 1;
            }
            if put == puts.end {
                break;
            }
            let other = self.row(put);
            if other.strike > call.strike || !call.is_two_sided() || !other.is_two_sided() {
                continue;
            }
            let (a, b) = (call.ask - call.bid, other.ask - other.bid);
            // A locked pair is not infinitely certain: one cent is the least width.
            pairs.push((call.strike, call.mid() - other.mid(), 1.0 / (a * a + b * b).max(1e-4)));
        }
        let money = pairs.iter().min_by(|a, b| a.1.abs().total_cmp(&b.1.abs()))?.0;
        let (rate, rate_std_error) = match rate {
            Some(rate) => (rate, f64::NAN),
            None => implied_rate(&pairs, money, years).filter(|r| r.1 <= MAX_RATE_ERROR).unwrap_or((0.0, f64::NAN)),
        };
        let discount = math::exp(-rate * years);
        pairs.sort_by(|a, b| (a.0 - money).abs().total_cmp(&(b.0 - money).abs()).then(a.0.total_cmp(&b.0)));
        pairs.truncate(NEAR_PAIRS);
        let weight: f64 = pairs.iter().map(|pair| pair.2).sum();
        let forward = pairs.iter().map(|pair| pair.2 * (pair.0 + pair.1 / discount)).sum::<f64>() / weight;
        let n = pairs.len() as f64;
        let scatter: f64 = pairs
            .iter()
            .map(|pair| {
                let miss = pair.0 + pair.1 / discount - forward;
                pair.2 * miss * miss
            })
            .sum();
        let std_error = if pairs.len() > 1 { (scatter / weight / (n - 1.0)).sqrt() } else { f64::NAN };
        (forward > 0.0).then_some(Parity { forward, std_error, rate, rate_std_error, n_pairs: pairs.len() })
    }

    /// Implied volatility of the mid of one contract at the forward and discount of parity.
    ///
    /// NaN without a usable quote, or when the mid holds no time value.
    pub fn implied_vol(&self, slice: &DaySlice, expiry: Day, right: Right, strike: f64, parity: &Parity) -> f64 {
        let Some(quote) = self.find(slice, expiry, right, strike).filter(ChainQuote::has_market) else {
            return f64::NAN;
        };
        let years = Self::years(slice, expiry);
        implied_vol(right, quote.mid(), parity.forward, strike, years, parity.rate).0
    }

    fn count_missing_legs(&self) -> u64 {
        // Within one expiry calls come first, then puts: symmetric difference of two sorted runs.
        let mut missing = 0;
        let mut i = 0;
        while i < self.keys.len() {
            let block = self.keys[i] >> 30;
            let end = i + self.keys[i..].partition_point(|&key| key >> 30 == block);
            let calls = i + self.keys[i..end].partition_point(|&key| key_right(key) == Right::Call);
            let (mut call, mut put) = (i, calls);
            let mut pairs = 0;
            while call < calls && put < end {
                let (a, b) = (self.keys[call] & 0x1fff_ffff, self.keys[put] & 0x1fff_ffff);
                pairs += u64::from(a == b);
                call += usize::from(a <= b);
                put += usize::from(b <= a);
            }
            missing += (end - i) as u64 - 2 * pairs;
            i = end;
        }
        missing
    }

    fn compute_hash(&self) -> String {
        let mut hasher = Sha256::new();
        for i in 0..self.keys.len() {
            hasher.update(self.keys[i].to_le_bytes());
            hasher.update(self.bid[i].to_le_bytes());
            hasher.update(self.ask[i].to_le_bytes());
        }
        for session in &self.sessions {
            hasher.update(session.seconds.to_le_bytes());
            hasher.update(session.underlying.to_le_bytes());
        }
        hasher.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// The chain as bytes, for pickling.
    pub fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(64 + 16 * self.keys.len());
        bytes.extend_from_slice(MAGIC);
        let quality = self.quality.to_words();
        for word in
            [self.source.len() as u64, self.sessions.len() as u64, self.keys.len() as u64].iter().chain(&quality)
        {
            bytes.extend_from_slice(&word.to_le_bytes());
        }
        bytes.extend_from_slice(self.source.as_bytes());
        for session in &self.sessions {
            bytes.push(session.product);
            bytes.extend_from_slice(&session.day.to_le_bytes());
            bytes.extend_from_slice(&session.seconds.to_le_bytes());
            bytes.extend_from_slice(&session.underlying.to_le_bytes());
            bytes.extend_from_slice(&((session.end - session.start) as u64).to_le_bytes());
        }
        for i in 0..self.keys.len() {
            bytes.extend_from_slice(&self.keys[i].to_le_bytes());
            bytes.extend_from_slice(&self.bid[i].to_le_bytes());
            bytes.extend_from_slice(&self.ask[i].to_le_bytes());
        }
        bytes.extend_from_slice(self.hash.as_bytes());
        bytes
    }

    /// The chain of [`Chain::to_bytes`]; bytes that were changed are refused by their hash.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self> {
        let refuse = |value: &str| {
            Error::data(Fault::new("CHN025", "Chain", "bytes", value, "the bytes of a pickled chain, unchanged"))
        };
        Self::decode(bytes)
            .ok_or_else(|| refuse("something else"))
            .and_then(|chain| if chain.compute_hash() == chain.hash { Ok(chain) } else { Err(refuse("a wrong hash")) })
    }

    fn decode(bytes: &[u8]) -> Option<Self> {
        let mut rest = bytes.strip_prefix(MAGIC)?;
        let source_len = usize::try_from(word(&mut rest)?).ok()?;
        let n_sessions = usize::try_from(word(&mut rest)?).ok()?;
        let n = usize::try_from(word(&mut rest)?).ok()?;
        let mut quality = [0; 18];
        for value in &mut quality {
            *value = word(&mut rest)?;
        }
        let source = String::from_utf8(take(&mut rest, source_len)?.to_vec()).ok()?;
        // The length is checked before anything is allocated.
        let expected = n_sessions.checked_mul(25)?.checked_add(n.checked_mul(16)?)?.checked_add(64)?;
        if rest.len() != expected {
            return None;
        }
        let mut sessions = Vec::with_capacity(n_sessions);
        let mut start: usize = 0;
        for _ in 0..n_sessions {
            let product = take(&mut rest, 1)?[0];
            let day = half(&mut rest)?;
            let seconds = half(&mut rest)?;
            let underlying = f64::from_bits(word(&mut rest)?);
            let end = start.checked_add(usize::try_from(word(&mut rest)?).ok()?)?;
            if end > n || product_of(product).is_none() {
                return None;
            }
            sessions.push(Session { product, day, seconds, underlying, start, end });
            start = end;
        }
        let (mut keys, mut bid, mut ask) = (Vec::with_capacity(n), Vec::with_capacity(n), Vec::with_capacity(n));
        for _ in 0..n {
            keys.push(word(&mut rest)?);
            bid.push(half(&mut rest)?);
            ask.push(half(&mut rest)?);
        }
        let hash = String::from_utf8(rest.to_vec()).ok()?;
        let sorted = keys.windows(2).all(|pair| pair[0] < pair[1]);
        let sliced = sessions.iter().all(|session| {
            let own = (u64::from(session.product) << 16) | u64::from(session.day as u16);
            session.start < session.end && keys[session.start] >> 46 == own && keys[session.end - 1] >> 46 == own
        });
        if !sorted || !sliced || start != n {
            return None;
        }
        Some(Self { keys, bid, ask, sessions, quality: ChainQuality::from_words(quality), source, hash })
    }
}

const MAGIC: &[u8] = b"alvh-chain-1\n";

fn take<'a>(rest: &mut &'a [u8], n: usize) -> Option<&'a [u8]> {
    let (head, tail) = rest.split_at_checked(n)?;
    *rest = tail;
    Some(head)
}

fn word(rest: &mut &[u8]) -> Option<u64> {
    take(rest, 8)?.try_into().ok().map(u64::from_le_bytes)
}

fn half(rest: &mut &[u8]) -> Option<i32> {
    take(rest, 4)?.try_into().ok().map(i32::from_le_bytes)
}

/// Rate and its standard error from the slope of C - P on K.
fn implied_rate(pairs: &[(f64, f64, f64)], money: f64, years: f64) -> Option<(f64, f64)> {
    let wide: Vec<_> = pairs.iter().filter(|pair| (pair.0 / money - 1.0).abs() <= 0.3).collect();
    if wide.len() < 5 {
        return None;
    }
    let weight: f64 = wide.iter().map(|pair| pair.2).sum();
    let strike = wide.iter().map(|pair| pair.2 * pair.0).sum::<f64>() / weight;
    let value = wide.iter().map(|pair| pair.2 * pair.1).sum::<f64>() / weight;
    let spread: f64 = wide.iter().map(|pair| pair.2 * (pair.0 - strike) * (pair.0 - strike)).sum();
    let slope = wide.iter().map(|pair| pair.2 * (pair.0 - strike) * (pair.1 - value)).sum::<f64>() / spread;
    let residual: f64 = wide
        .iter()
        .map(|pair| {
            let miss = pair.1 - value - slope * (pair.0 - strike);
            pair.2 * miss * miss
        })
        .sum();
    let slope_error = (residual / (wide.len() - 2) as f64 / spread).sqrt();
    let discount = -slope;
    (discount > 0.0).then(|| (-math::ln(discount) / years, slope_error / discount / years))
}

impl ChainQuality {
    fn to_words(self) -> [u64; 18] {
        self.entries().map(|entry| entry.1)
    }

    fn from_words(words: [u64; 18]) -> Self {
        let mut quality = Self::default();
        for ((_, count), word) in quality.counts().into_iter().zip(words) {
            *count = word;
        }
        quality
    }
}
