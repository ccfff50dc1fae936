//! Binance: lines of `local ns, message` with depth updates, best quotes, trades and snapshots of one instrument.
//!
//! The book is kept as the exchange says ("How to manage a local order book correctly"): an update follows the one before
//! it (spot: `U` is the last `u` + 1; futures: `pu` is the last `u`); updates are held back for a snapshot and those after
//! its `lastUpdateId` applied to it, as it is older than what came before it. Best quotes are newer than the last update
//! when their `u` is larger: they lie over the book until an update catches up with them, and hide every level beyond
//! them, so a level that is gone cannot make the book look crossed. Trades never change the book: the depth says so too.

use std::cmp::Ordering;
use std::collections::{BTreeMap, VecDeque};

use super::binance_json::{Levels, Message};
use super::text::{Lines, common_divisor, decimal, grid_of, shown};
use crate::error::{Error, Fault, Result};
use crate::events::arrays::{EARLIEST_NS, LARGEST, LATEST_NS, Policy, wrong_time};
use crate::events::{Event, EventColumns, Flaw, Grid, NO_PRICE, Quality, action, flag, side};
use crate::tape::Tape;

const PLACES: u32 = 8;
/// Updates that are kept for a snapshot that is on its way; at 10 ms that is 100 s.
const KEPT_UPDATES: usize = 10_000;

/// Which clock the tape runs on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Time {
    /// When the recorder received the line.
    Receive,
    /// When the exchange says it happened; lines without a time of their own take the last one.
    Exchange,
}

/// How the lines are to be read.
#[derive(Debug, Clone)]
pub struct Options {
    /// The instrument; `None` takes the only one there is.
    pub symbol: Option<String>,
    /// Which clock.
    pub time: Time,
    /// Without a snapshot the book is believed after so many ns of updates.
    pub warm_up: i64,
    /// One tick; `None` takes the largest that every price is a multiple of.
    pub tick_size: Option<f64>,
    /// One lot; `None` takes the largest that every size is a multiple of.
    pub lot_size: Option<f64>,
    /// Times before their predecessor's.
    pub backwards: Policy,
}

const SIDES: [u8; 2] = [side::BID, side::ASK];

/// Price and size in units of 1e-8.
type Row = (i64, i64);

/// An update of the depth.
#[derive(Debug, Clone)]
struct Update {
    first: i64,
    last: i64,
    /// The `u` of the update before it, which futures name.
    previous: Option<i64>,
    rows: [Vec<Row>; 2],
}

/// Best quotes that are newer than the depth.
#[derive(Debug, Clone, Copy)]
struct Best {
    id: i64,
    rows: [Row; 2],
}

/// Reads the lines, chunk by chunk.
#[derive(Debug)]
pub struct Reader {
    lines: Lines,
    feed: Feed,
}

#[derive(Debug)]
struct Feed {
    source: String,
    options: Options,
    symbol: Option<String>,
    /// The depth as updates and snapshots have it.
    depth: [BTreeMap<i64, i64>; 2],
    /// The book that the events describe: the depth with the best quotes over it.
    book: [BTreeMap<i64, i64>; 2],
    best: Option<Best>,
    /// Prices whose level `best` changes, by side.
    overlaid: [Vec<i64>; 2],
    last_id: Option<i64>,
    /// The next update is the first after a snapshot of this id.
    snapshot_id: Option<i64>,
    kept: VecDeque<Update>,
    is_sound: bool,
    warm_until: i64,
    last_ts: i64,
    trade_kind: Option<bool>,
    price_divisor: i64,
    size_divisor: i64,
    events: EventColumns,
    quality: Quality,
}

impl Reader {
    /// Nothing read yet.
    pub fn new(source: &str, options: Options) -> Self {
        let feed = Feed {
            source: source.to_owned(),
            symbol: options.symbol.clone(),
            options,
            depth: Default::default(),
            book: Default::default(),
            best: None,
            overlaid: Default::default(),
            last_id: None,
            snapshot_id: None,
            kept: VecDeque::new(),
            is_sound: false,
            warm_until: i64::MIN,
            last_ts: i64::MIN,
            trade_kind: None,
            price_divisor: 0,
            size_divisor: 0,
            events: EventColumns::default(),
            quality: Quality::default(),
        };
        Self { lines: Lines::new(source), feed }
    }

    /// The next bytes.
    ///
    /// # Errors
    /// `Error::Decode`, `Error::Schema` and `Error::Data` with the line.
    pub fn push(&mut self, chunk: &[u8]) -> Result<()> {
        self.lines.push(chunk, |block, first| self.feed.lines(block, first, false))
    }

    /// The tape.
    ///
    /// # Errors
    /// As `push`; `Error::Truncated` for a last line that is cut off.
    pub fn finish(mut self) -> Result<Tape> {
        self.lines.finish(|block, first| self.feed.lines(block, first, true))?;
        self.feed.finish()
    }
}

impl Feed {
    fn lines(&mut self, block: &[u8], first: u64, is_cut: bool) -> Result<()> {
        for (i, line) in block.split(|&byte| byte == b'\n').enumerate() {
            let line = line.strip_suffix(b"\r").unwrap_or(line);
            if !line.is_empty() {
                self.line(line, first + i as u64, is_cut)?;
            }
        }
        Ok(())
    }

    fn line(&mut self, line: &[u8], number: u64, is_cut: bool) -> Result<()> {
        let place = Place { source: &self.source.clone(), number };
        let space = line.iter().position(|&byte| byte == b' ');
        let received = space.and_then(|space| decimal(&line[..space], 0)).and_then(|ns| i64::try_from(ns).ok());
        let (Some(space), Some(received)) = (space, received) else {
            let fault = place.fault("BIN001", "line", shown(line), "a time of receipt [ns], a space, a message");
            return Err(if is_cut { Error::truncated(fault) } else { Error::decode(fault) });
        };
        if !(EARLIEST_NS..LATEST_NS).contains(&received) {
            return Err(wrong_time(&self.source, number as usize, received, 1));
        }
        let message: Message<'_> = serde_json::from_slice(&line[space + 1..]).map_err(|error| {
            let text: String =
                error.to_string().chars().map(|c| if c.is_control() { '?' } else { c }).take(120).collect();
            let fault = place.fault("BIN002", "message", text, "a message of Binance's streams");
            if is_cut && error.is_eof() { Error::truncated(fault) } else { Error::decode(fault) }
        })?;
        let message = message.data.as_deref().unwrap_or(&message);
        if let Some(symbol) = message.symbol.or(message.snapshot_symbol) {
            match &self.symbol {
                None => self.symbol = Some(symbol.to_owned()),
                Some(own) if own == symbol => {}
                Some(own) if self.options.symbol.is_none() => {
                    let fault = place.fault(
                        "BIN003",
                        "s",
                        shown(symbol.as_bytes()),
                        format!("{} as before", shown(own.as_bytes())),
                    );
                    return Err(Error::schema(fault.hint("pass symbol= to take one of several instruments")));
                }
                Some(_) => {
                    self.quality.add(Flaw::OtherInstrument);
                    return Ok(());
                }
            }
        }
        let ts = self.clock(received, message, &place)?;
        self.warm(ts);
        match message.event {
            Some("depthUpdate") => self.update(ts, message, &place),
            Some("bookTicker") => self.quote(ts, message, &place),
            Some("trade" | "aggTrade") => self.trade(ts, message, &place),
            None if message.last_update_id.is_some() => self.snapshot(ts, message, &place),
            None if message.best_bid().is_some() => self.quote(ts, message, &place),
            _ => {
                self.quality.add(Flaw::OtherRecord);
                Ok(())
            }
        }
    }

    fn clock(&mut self, received: i64, message: &Message<'_>, place: &Place<'_>) -> Result<i64> {
        let ts = match self.options.time {
            Time::Receive => received,
            Time::Exchange => match message.transaction_time.or(message.event_time) {
                Some(ms) => {
                    let ts = ms.checked_mul(1_000_000).filter(|ts| (EARLIEST_NS..LATEST_NS).contains(ts));
                    ts.ok_or_else(|| {
                        Error::data(place.fault("BIN004", "E", ms.to_string(), "ms since 1970 of 1990..2100"))
                    })?
                }
                None if self.last_ts == i64::MIN => received,
                None => self.last_ts,
            },
        };
        if ts >= self.last_ts {
            self.last_ts = ts;
            return Ok(ts);
        }
        if self.options.backwards == Policy::Raise {
            let expected = format!("at least {}, the time before it", self.last_ts);
            let fault = place.fault("BIN005", "time", ts.to_string(), expected);
            return Err(Error::data(fault.hint("policy=\"flag\" lets the clock stand still")));
        }
        self.quality.add(Flaw::TimeBackwards);
        Ok(self.last_ts)
    }

    /// Without a snapshot, the book that updates have built since the start or a gap is believed after a while.
    fn warm(&mut self, ts: i64) {
        if !self.is_sound && self.warm_until != i64::MIN && ts >= self.warm_until {
            self.is_sound = true;
            self.show_snapshot(ts);
        }
    }

    fn update(&mut self, ts: i64, message: &Message<'_>, place: &Place<'_>) -> Result<()> {
        let (first, last) = (self.id("U", message.first_id, place)?, self.id("u", message.last_id, place)?);
        if first > last {
            return Err(Error::data(place.fault("BIN006", "U", first.to_string(), format!("at most u = {last}"))));
        }
        let rows = [self.rows(message.bids(), "b", place)?, self.rows(message.asks(), "a", place)?];
        let update = Update { first, last, previous: message.previous_id, rows };
        if self.kept.len() == KEPT_UPDATES {
            self.kept.pop_front();
        }
        self.kept.push_back(update.clone());
        if self.last_id.is_some_and(|known| last <= known) {
            self.quality.add(Flaw::OutdatedUpdate);
            return Ok(());
        }
        if !self.follows(&update) {
            self.gap(ts);
        }
        if !self.is_sound && self.warm_until == i64::MIN {
            self.warm_until = ts.saturating_add(self.options.warm_up);
        }
        self.take(&update);
        let [bids, asks] = &update.rows;
        self.show(ts, [bids, asks], flag::LEVEL);
        Ok(())
    }

    /// Whether nothing is missing between the book and the update.
    fn follows(&self, update: &Update) -> bool {
        match (self.snapshot_id, self.last_id) {
            (Some(id), _) => connects(id, update),
            (None, Some(known)) => match update.previous {
                Some(previous) => previous == known,
                None => update.first <= known + 1,
            },
            (None, None) => true,
        }
    }

    fn take(&mut self, update: &Update) {
        for (depth, rows) in self.depth.iter_mut().zip(&update.rows) {
            for &(price, size) in rows {
                if size == 0 {
                    depth.remove(&price)
                } else {
                    depth.insert(price, size)
                };
            }
        }
        self.last_id = Some(update.last);
        self.snapshot_id = None;
        if self.best.is_some_and(|best| best.id <= update.last) {
            self.best = None;
        }
    }

    /// Updates are missing: what they removed would stay for ever, so the book begins anew.
    fn gap(&mut self, ts: i64) {
        self.depth = Default::default();
        self.book = Default::default();
        self.overlaid = Default::default();
        self.is_sound = false;
        self.snapshot_id = None;
        self.warm_until = ts.saturating_add(self.options.warm_up);
        self.emit(ts, action::CLEAR, side::NONE, NO_PRICE, 0, flag::LAST);
    }

    fn snapshot(&mut self, ts: i64, message: &Message<'_>, place: &Place<'_>) -> Result<()> {
        let id = self.id("lastUpdateId", message.last_update_id, place)?;
        let rows = [
            self.rows(message.snapshot_bids.as_ref(), "bids", place)?,
            self.rows(message.snapshot_asks.as_ref(), "asks", place)?,
        ];
        // What was received of the updates after it, without a hole between the two or within.
        let start = self.kept.iter().position(|update| update.last > id).unwrap_or(self.kept.len());
        let later: Vec<Update> = self.kept.iter().skip(start).cloned().collect();
        let is_whole = later.first().is_none_or(|update| connects(id, update))
            && later.windows(2).all(|pair| match pair[1].previous {
                Some(previous) => previous == pair[0].last,
                None => pair[1].first <= pair[0].last + 1,
            });
        if !is_whole {
            self.quality.add(Flaw::OutdatedUpdate);
            return Ok(());
        }
        self.depth = Default::default();
        self.take(&Update { first: id, last: id, previous: None, rows });
        self.snapshot_id = Some(id);
        for update in &later {
            self.take(update);
        }
        self.is_sound = true;
        self.show_snapshot(ts);
        Ok(())
    }

    fn quote(&mut self, ts: i64, message: &Message<'_>, place: &Place<'_>) -> Result<()> {
        let text = |value: Option<&str>| value.map_or_else(|| "nothing".to_owned(), |text| shown(text.as_bytes()));
        let bid = self.pair(message.best_bid(), message.bid_size, "b", place)?;
        let ask = self.pair(message.best_ask(), message.ask_size, "a", place)?;
        let id = self.id("u", message.last_id, place)?;
        // A side without orders has no price.
        if bid.1 > 0 && ask.1 > 0 && bid.0 >= ask.0 {
            let expected = format!("below the best ask {}", text(message.best_ask()));
            return Err(Error::data(place.fault("BIN008", "b", text(message.best_bid()), expected)));
        }
        let newest = self.best.map(|best| best.id).max(self.last_id);
        if newest.is_some_and(|newest| id <= newest) {
            self.quality.add(Flaw::OutdatedUpdate);
            return Ok(());
        }
        self.best = Some(Best { id, rows: [bid, ask] });
        if !self.is_sound && self.warm_until == i64::MIN {
            self.warm_until = ts.saturating_add(self.options.warm_up);
        }
        self.show(ts, [&[], &[]], flag::LEVEL);
        Ok(())
    }

    fn trade(&mut self, ts: i64, message: &Message<'_>, place: &Place<'_>) -> Result<()> {
        let is_aggregate = message.event == Some("aggTrade");
        // Both streams tell of the same trades: the one that came first is taken.
        let is_other = *self.trade_kind.get_or_insert(is_aggregate) != is_aggregate;
        // Futures also print transfers to the insurance fund and the like.
        if is_other || message.kind.is_some_and(|kind| kind != "MARKET") {
            self.quality.add(Flaw::OtherRecord);
            return Ok(());
        }
        let (price, size) = self.pair(message.price, message.quantity, "p", place)?;
        if price == 0 || size == 0 {
            return Err(Error::data(place.fault("BIN007", "q", format!("{price} x {size} (1e-8)"), "above 0")));
        }
        let is_buyer_maker = message
            .is_buyer_maker
            .ok_or_else(|| Error::decode(place.fault("BIN007", "m", "nothing", "whether the buyer was the maker")))?;
        let aggressor = if is_buyer_maker { side::ASK } else { side::BID };
        self.emit(ts, action::TRADE, aggressor, price, size, flag::LAST);
        Ok(())
    }

    fn id(&self, field: &str, id: Option<i64>, place: &Place<'_>) -> Result<i64> {
        id.filter(|id| (0..i64::MAX).contains(id)).ok_or_else(|| {
            let value = id.map_or_else(|| "nothing".to_owned(), |id| id.to_string());
            Error::decode(place.fault("BIN006", field, value, "an update id"))
        })
    }

    fn rows(&mut self, levels: Option<&Levels<'_>>, field: &str, place: &Place<'_>) -> Result<Vec<Row>> {
        let Some(Levels::Rows(rows)) = levels else {
            return Err(Error::decode(place.fault("BIN007", field, "no list", "a list of [price, size]")));
        };
        let pairs = rows.iter().map(|[price, size]| self.pair(Some(price), Some(size), field, place));
        pairs.collect::<Vec<Result<Row>>>().into_iter().collect()
    }

    fn pair(&mut self, price: Option<&str>, size: Option<&str>, field: &str, place: &Place<'_>) -> Result<Row> {
        let number = |text: Option<&str>| {
            let units =
                text.and_then(|text| decimal(text.as_bytes(), PLACES)).and_then(|units| i64::try_from(units).ok());
            units.ok_or_else(|| {
                let value = text.map_or_else(|| "nothing".to_owned(), |text| shown(text.as_bytes()));
                Error::decode(place.fault("BIN007", field, value, "a decimal of at most 8 places and 92 billion"))
            })
        };
        let row = (number(price)?, number(size)?);
        if row.0 == 0 && row.1 != 0 {
            return Err(Error::data(place.fault(
                "BIN007",
                field,
                shown(price.unwrap_or("").as_bytes()),
                "a price above 0",
            )));
        }
        self.price_divisor = common_divisor(self.price_divisor, row.0);
        self.size_divisor = common_divisor(self.size_divisor, row.1);
        Ok(row)
    }

    /// Size of a level as it should be shown: best quotes hide what is beyond them.
    fn wanted(&self, of: usize, price: i64) -> i64 {
        let depth = self.depth[of].get(&price).copied().unwrap_or(0);
        let Some(best) = &self.best else { return depth };
        let (best_price, best_size) = best.rows[of];
        if best_size == 0 {
            return 0;
        }
        match (of == 0, price.cmp(&best_price)) {
            (_, Ordering::Equal) => best_size,
            (true, Ordering::Greater) | (false, Ordering::Less) => 0,
            _ => depth,
        }
    }

    /// Prices whose level the best quotes change.
    fn overlaid(&self, of: usize) -> Vec<i64> {
        let Some(best) = &self.best else { return Vec::new() };
        let (price, size) = best.rows[of];
        let beyond = match (size == 0, of == 0) {
            (true, _) => self.depth[of].range(..),
            (false, true) => self.depth[of].range(price..),
            (false, false) => self.depth[of].range(..=price),
        };
        let mut prices: Vec<i64> = beyond.map(|(&price, _)| price).collect();
        if size > 0 {
            prices.push(price);
        }
        prices
    }

    /// Emits what changed in the book: at the given rows, and where best quotes lie over it now or did before.
    fn show(&mut self, ts: i64, rows: [&[Row]; 2], flags: u8) {
        let start = self.events.len();
        for (of, rows) in rows.into_iter().enumerate() {
            let overlaid = self.overlaid(of);
            let before = std::mem::replace(&mut self.overlaid[of], overlaid);
            let mut prices: Vec<i64> = rows.iter().map(|row| row.0).chain(before).collect();
            prices.extend_from_slice(&self.overlaid[of]);
            prices.sort_unstable();
            prices.dedup();
            for price in prices {
                let size = self.wanted(of, price);
                let shown = if size == 0 { self.book[of].remove(&price) } else { self.book[of].insert(price, size) };
                let (what, size) = match shown {
                    None if size == 0 => continue,
                    None => (action::ADD, size),
                    Some(old) if size == 0 => (action::CANCEL, old),
                    Some(old) if old == size => continue,
                    Some(_) => (action::MODIFY, size),
                };
                self.emit(ts, what, SIDES[of], price, size, flags);
            }
        }
        match self.events.flags[start..].last_mut() {
            Some(last) => *last |= flag::LAST,
            // Nothing changed, but the feed is alive.
            None => self.emit(ts, action::NONE, side::NONE, NO_PRICE, 0, flag::LAST),
        }
    }

    /// Emits the whole book anew.
    fn show_snapshot(&mut self, ts: i64) {
        self.book = Default::default();
        self.emit(ts, action::CLEAR, side::NONE, NO_PRICE, 0, flag::SNAPSHOT);
        for (of, side) in SIDES.into_iter().enumerate() {
            self.overlaid[of] = self.overlaid(of);
            let mut prices: Vec<i64> =
                self.depth[of].keys().copied().chain(self.overlaid[of].iter().copied()).collect();
            prices.sort_unstable();
            prices.dedup();
            for price in prices {
                let size = self.wanted(of, price);
                if size > 0 {
                    self.book[of].insert(price, size);
                    self.emit(ts, action::ADD, side, price, size, flag::LEVEL | flag::SNAPSHOT);
                }
            }
        }
        if let Some(last) = self.events.flags.last_mut() {
            *last |= flag::LAST;
        }
    }

    fn emit(&mut self, ts: i64, action: u8, side: u8, price: i64, size: i64, flags: u8) {
        let flags = if self.is_sound { flags } else { flags | flag::MAYBE_BAD_BOOK };
        self.events.push(&Event { ts, price, size, order_id: 0, participant: 0, action, side, flags });
    }

    fn finish(mut self) -> Result<Tape> {
        if self.events.is_empty() {
            let fault = Fault::new("BIN009", &self.source, "lines", "none of them", "depth, best quotes or trades");
            return Err(Error::truncated(fault));
        }
        let lot = if self.size_divisor == 0 { 10_i64.pow(PLACES) } else { self.size_divisor };
        let ticks = grid_of(self.options.tick_size, self.price_divisor, PLACES, &self.source, "tick_size")?;
        let lots = grid_of(self.options.lot_size, lot, PLACES, &self.source, "lot_size")?;
        for i in 0..self.events.len() {
            if self.events.price[i] == NO_PRICE {
                continue;
            }
            for (field, values, grid) in
                [("price", &mut self.events.price, &ticks), ("size", &mut self.events.size, &lots)]
            {
                let steps = grid.ticks(values[i]).filter(|&steps| steps <= LARGEST);
                values[i] = steps.ok_or_else(|| {
                    let expected = format!("a multiple of {} x 1e-8, and at most 2^45 of them", grid.tick());
                    let fault = Fault::new("BIN010", &self.source, field, format!("{} x 1e-8", values[i]), expected);
                    Error::data(fault.at(format!("event {i}")).hint("pass tick_size= or lot_size="))
                })?;
            }
        }
        let steps = |grid: Grid| grid.tick() as f64 / 1e8;
        let symbol = self.symbol.unwrap_or_default();
        let mut tape = Tape::of_columns(&self.source, &symbol, steps(ticks), steps(lots), self.events);
        tape.quality = self.quality;
        Ok(tape)
    }
}

/// Whether nothing is missing between a snapshot and an update after it.
fn connects(id: i64, update: &Update) -> bool {
    match update.previous {
        Some(previous) => previous <= id && update.last >= id,
        None => update.first <= id.saturating_add(1) && update.last > id,
    }
}

/// A line, for errors.
struct Place<'a> {
    source: &'a str,
    number: u64,
}

impl Place<'_> {
    fn fault(&self, code: &'static str, field: &str, value: impl Into<String>, expected: impl Into<String>) -> Fault {
        Fault::new(code, self.source, field, value, expected).at(format!("line {}", self.number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::events::{LEVELS, Level};
    use crate::orderbook::{Levels as LevelBook, OrderBook};

    const T: i64 = 1_723_161_256_000_000_000;

    fn options() -> Options {
        Options {
            symbol: None,
            time: Time::Receive,
            warm_up: 60_000_000_000,
            tick_size: None,
            lot_size: None,
            backwards: Policy::Raise,
        }
    }

    fn read(lines: &[String], options: Options) -> Result<Tape> {
        let mut reader = Reader::new("f", options);
        for line in lines {
            reader.push(line.as_bytes())?;
        }
        reader.finish()
    }

    fn spot(at: i64, first: i64, last: i64, bids: &str, asks: &str) -> String {
        let ts = T + at;
        format!(
            "{ts} {{\"data\":{{\"e\":\"depthUpdate\",\"s\":\"X\",\"U\":{first},\"u\":{last},\"b\":[{bids}],\"a\":[{asks}]}}}}\n"
        )
    }

    fn futures(at: i64, first: i64, last: i64, previous: i64, bids: &str, asks: &str) -> String {
        spot(at, first, last, bids, asks).replace("\"b\":", &format!("\"pu\":{previous},\"b\":"))
    }

    fn ticker(at: i64, id: i64, bid: (&str, &str), ask: (&str, &str)) -> String {
        let (ts, (b, bs), (a, as_)) = (T + at, bid, ask);
        format!(
            "{ts} {{\"data\":{{\"u\":{id},\"s\":\"X\",\"b\":\"{b}\",\"B\":\"{bs}\",\"a\":\"{a}\",\"A\":\"{as_}\"}}}}\n"
        )
    }

    fn snapshot(at: i64, id: i64, bids: &str, asks: &str) -> String {
        format!("{} {{\"lastUpdateId\":{id},\"bids\":[{bids}],\"asks\":[{asks}]}}\n", T + at)
    }

    type Quotes = Vec<(f64, f64)>;

    /// The book after the whole tape: bids and asks, best first, in units of price and size.
    fn book_of(tape: &Tape) -> (Quotes, Quotes) {
        let events = tape.columns().expect("columns");
        let mut book = LevelBook::default();
        for i in 0..events.len() {
            book.apply(&events.event(i));
        }
        let depth = book.depth();
        let units = |price: i64, size: i64| (price as f64 * tape.tick_size, size as f64 * tape.lot_size);
        let bids = depth.iter().filter(|l| l.bid_size > 0).map(|l| units(l.bid_price, l.bid_size)).collect();
        let asks = depth.iter().filter(|l| l.ask_size > 0).map(|l| units(l.ask_price, l.ask_size)).collect();
        assert!(depth.len() == LEVELS && (!depth[0].is_two_sided() || depth[0].bid_price < depth[0].ask_price));
        assert!(depth[0] != Level::EMPTY || events.is_empty());
        (bids, asks)
    }

    #[test]
    fn updates_before_a_snapshot_are_applied_to_it() {
        let lines = [
            spot(0, 1, 5, r#"["10","1"],["9","1"]"#, r#"["11","1"]"#),
            spot(1, 6, 8, r#"["10","0"]"#, r#"["12","3"]"#),
            snapshot(2, 5, r#"["10","1"],["9","1"],["8","7"]"#, r#"["11","1"],["13","2"]"#),
            spot(3, 9, 9, "", r#"["13","0"]"#),
        ];
        let tape = read(&lines, options()).expect("a tape");
        assert_eq!(book_of(&tape), (vec![(9.0, 1.0), (8.0, 7.0)], vec![(11.0, 1.0), (12.0, 3.0)]));
        let events = tape.columns().expect("columns");
        let bad: Vec<bool> = events.flags.iter().map(|flags| flags & flag::MAYBE_BAD_BOOK != 0).collect();
        assert_eq!(events.action, b"AAACARAAAAAC");
        assert_eq!(bad[..5], [true; 5]);
        assert_eq!(bad[5..], [false; 7]);
        assert_eq!(events.flags[10], flag::SNAPSHOT | flag::LEVEL | flag::LAST);
    }

    #[test]
    fn a_snapshot_that_updates_do_not_reach_is_not_used() {
        let lines = [
            spot(0, 10, 12, r#"["10","1"]"#, r#"["11","1"]"#),
            snapshot(1, 5, r#"["8","7"]"#, r#"["13","2"]"#),
            spot(2, 13, 13, r#"["9","1"]"#, ""),
        ];
        let tape = read(&lines, options()).expect("a tape");
        assert_eq!(book_of(&tape).0, [(10.0, 1.0), (9.0, 1.0)]);
        assert_eq!(tape.quality.count(Flaw::OutdatedUpdate), 1);
    }

    #[test]
    fn a_gap_begins_the_book_anew() {
        for (last, is_gap) in [(12, false), (13, true)] {
            let spot = [
                spot(0, 9, 9, r#"["8","1"]"#, ""),
                snapshot(0, 9, r#"["10","1"]"#, r#"["11","1"]"#),
                spot(1, 10, 11, r#"["9","1"]"#, ""),
                spot(2, last, 14, r#"["7","1"]"#, r#"["12","1"]"#),
            ];
            let tape = read(&spot, options()).expect("a tape");
            assert_eq!(tape.columns().expect("columns").shown().count(Flaw::Gap), 1 + u64::from(is_gap));
            assert_eq!(book_of(&tape).0.len(), if is_gap { 1 } else { 3 });
            let futures = [
                snapshot(0, 9, r#"["10","1"]"#, r#"["11","1"]"#),
                futures(1, 8, 11, 7, r#"["9","1"]"#, ""),
                futures(2, 13, 14, if is_gap { 12 } else { 11 }, r#"["7","1"]"#, r#"["12","1"]"#),
            ];
            let tape = read(&futures, options()).expect("a tape");
            assert_eq!(tape.columns().expect("columns").shown().count(Flaw::Gap), u64::from(is_gap));
        }
    }

    #[test]
    fn best_quotes_hide_what_is_beyond_them_until_the_depth_catches_up() {
        let start = snapshot(0, 9, r#"["10","1"],["9","2"],["8","3"]"#, r#"["11","1"],["12","2"]"#);
        let down = ticker(1, 12, ("8.5", "4"), ("9", "5"));
        let tape = read(&[start.clone(), down.clone()], options()).expect("a tape");
        assert_eq!(book_of(&tape), (vec![(8.5, 4.0), (8.0, 3.0)], vec![(9.0, 5.0), (11.0, 1.0), (12.0, 2.0)]));
        // An update that is older than the best quotes leaves them; one that is newer is the truth.
        let older = spot(2, 10, 11, r#"["10","0"],["8","6"]"#, "");
        let tape = read(&[start.clone(), down.clone(), older.clone()], options()).expect("a tape");
        assert_eq!(book_of(&tape).0, [(8.5, 4.0), (8.0, 6.0)]);
        let newer = spot(3, 12, 13, r#"["9","0"]"#, r#"["9","1"]"#);
        let tape = read(&[start.clone(), down.clone(), older, newer], options()).expect("a tape");
        assert_eq!(book_of(&tape), (vec![(8.0, 6.0)], vec![(9.0, 1.0), (11.0, 1.0), (12.0, 2.0)]));
        // Best quotes older than the depth change nothing.
        let tape = read(&[start, ticker(1, 9, ("1", "4"), ("2", "5"))], options()).expect("a tape");
        assert_eq!(book_of(&tape).0[0], (10.0, 1.0));
        assert_eq!(tape.quality.count(Flaw::OutdatedUpdate), 1);
    }

    #[test]
    fn without_a_snapshot_the_book_is_believed_after_a_while() {
        let lines = [
            spot(0, 1, 5, r#"["10","1"]"#, r#"["11","1"]"#),
            ticker(1_000, 6, ("10", "2"), ("11", "1")),
            spot(60_000_000_000, 6, 7, r#"["9","1"]"#, ""),
        ];
        let tape = read(&lines, options()).expect("a tape");
        let events = tape.columns().expect("columns");
        assert_eq!(events.action, b"AAMRAAAM");
        assert_eq!(events.flags[5], flag::SNAPSHOT | flag::LEVEL | flag::LAST);
        assert_eq!(events.flags.iter().filter(|&&flags| flags & flag::MAYBE_BAD_BOOK != 0).count(), 3);
    }

    #[test]
    fn trades_are_signed_and_change_no_book() {
        let trade = |kind: &str, m: bool, more: &str| {
            format!("{T} {{\"e\":\"{kind}\",\"s\":\"X\",\"p\":\"10.5\",\"q\":\"2\",\"m\":{m}{more}}}\n")
        };
        let lines = [
            trade("trade", true, ""),
            trade("trade", false, ",\"X\":\"MARKET\""),
            trade("trade", false, ",\"X\":\"INSURANCE_FUND\""),
            trade("aggTrade", false, ""),
            format!("{T} {{\"e\":\"kline\"}}\n"),
        ];
        let tape = read(&lines, options()).expect("a tape");
        let events = tape.columns().expect("columns");
        assert_eq!((events.action.as_slice(), events.side.as_slice()), (&b"TT"[..], &b"AB"[..]));
        assert_eq!(tape.quality.count(Flaw::OtherRecord), 3);
    }

    #[test]
    fn clocks() {
        let mut lines = [spot(5, 1, 1, r#"["10","1"]"#, ""), spot(4, 2, 2, r#"["9","1"]"#, "")];
        let error = read(&lines, options()).expect_err("backwards").to_string();
        assert!(error.starts_with("BIN005 f:line 2 time: got 1723161256000000004"), "{error}");
        let tape = read(&lines, Options { backwards: Policy::Flag, ..options() }).expect("a tape");
        assert_eq!(tape.columns().expect("columns").ts, [T + 5, T + 5]);
        assert_eq!(tape.quality.count(Flaw::TimeBackwards), 1);
        for line in &mut lines {
            *line = line.replace("\"s\"", "\"E\":1723161257440,\"s\"");
        }
        let tape = read(&lines, Options { time: Time::Exchange, ..options() }).expect("a tape");
        assert_eq!(tape.columns().expect("columns").ts, [1_723_161_257_440_000_000; 2]);
    }

    #[test]
    fn lines_that_are_wrong_are_named() {
        let text =
            |line: &str| read(&[spot(0, 1, 1, "", ""), line.to_owned()], options()).expect_err("wrong").to_string();
        assert!(text("x\n").starts_with("BIN001 f:line 2 line: got 'x'"));
        assert!(
            text("1723161256 {}\n")
                .starts_with("TIM013 f:2 ts: got 1723161256, expected 1990..2100; looks like seconds")
        );
        let line = spot(9, 2, 2, "", "");
        let cut = text(&line[..line.len() - 3]);
        assert!(cut.starts_with("BIN002 f:line 2 message: got EOF"), "{cut}");
        assert!(text(&line.replace("\"X\"", "\"Y\"")).starts_with("BIN003 f:line 2 s: got 'Y', expected 'X'"));
        assert!(text(&line.replace("\"u\":2", "\"u\":1")).starts_with("BIN006 f:line 2 U: got 2, expected at most"));
        assert!(text(&spot(9, 2, 2, r#"["x","1"]"#, "")).starts_with("BIN007 f:line 2 b: got 'x'"));
        assert!(text(&spot(9, 2, 2, r#"["1.123456789","1"]"#, "")).starts_with("BIN007 f:line 2 b: got '1.123456789'"));
        assert!(text(&spot(9, 2, 2, r#"["1","-1"]"#, "")).starts_with("BIN007 f:line 2 b: got '-1'"));
        assert!(text(&ticker(9, 3, ("11", "1"), ("11", "1"))).starts_with("BIN008 f:line 2 b: got '11'"));
        assert!(read(&[], options()).expect_err("nothing").to_string().starts_with("BIN009 f lines"));
        let other = Options { symbol: Some("Y".to_owned()), ..options() };
        let tape = read(&[spot(0, 1, 1, r#"["1","1"]"#, "").replace("\"X\"", "\"Y\""), line], other).expect("a tape");
        assert_eq!(tape.quality.count(Flaw::OtherInstrument), 1);
    }
}
