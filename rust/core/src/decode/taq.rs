//! Consolidated quotes and trades of a US stock, day files as QuantConnect's LEAN writes them.
//!
//! Quote rows are `ms since midnight in New York, bid price, bid size, ask price, ask size, exchange, condition,
//! suspicious`, trade rows `ms, price, size, exchange, condition, suspicious`; prices are USD x 10,000, conditions bits
//! in hexadecimal. Rows of quotes are of one of two kinds, which the file does not say: national best quotes (a row
//! carries the side that changed, the other is 0), or the quotes of every exchange.

use std::collections::BTreeMap;

use super::text::{Lines, Place, common_divisor, decimal, grid_of, integer, rows, shown, trade_ticks};
use crate::error::{Error, Fault, Result};
use crate::events::arrays::{LARGEST, Policy};
use crate::events::{Event, EventColumns, Flaw, LEVELS, Level, NO_PRICE, Quality, action, flag, side};
use crate::tape::Tape;

const PLACES: u32 = 4;
const MS: i64 = 1_000_000;
const DAY_NS: i128 = 86_400_000_000_000;

// Sale conditions, as bits.
const AUCTION: u64 = 0x40 | 0x80 | 0x100 | 0x20_0000;
/// Prints that are no executions at the market of their time: cash, next day and seller's settlement, derived price, late,
/// out of sequence, stock-option, average price, official close, prior reference price, official open.
const ELSEWHERE: u64 =
    0x2 | 0x4 | 0x8 | 0x200 | 0x800 | 0x4000 | 0x4_0000 | 0x10_0000 | 0x100_0000 | 0x200_0000 | 0x400_0000;

/// What the rows of quotes are.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Quotes {
    /// The best bid and offer of all exchanges: a side that is 0 has not changed.
    National,
    /// The quotes of each exchange: a side that is 0 is empty there.
    Venues,
}

/// How the rows are to be read.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Midnight in New York, ns since the epoch.
    pub midnight: i64,
    /// What the rows of quotes are.
    pub quotes: Quotes,
    /// Open and close, ns since midnight.
    pub session: (i64, i64),
    /// Whether events before the open and after the close are kept.
    pub extended: bool,
    /// One tick in USD; `None` takes the largest that every quoted price is a multiple of.
    pub tick_size: Option<f64>,
    /// Times before their predecessor's.
    pub backwards: Policy,
    /// Rows that are marked as suspicious.
    pub suspicious: Policy,
    /// Trades between two ticks.
    pub off_grid: Policy,
}

/// A trade that waits for the quotes of its millisecond.
#[derive(Debug, Clone, Copy)]
struct Trade {
    ts: i64,
    price: i64,
    size: i64,
    is_auction: bool,
}

/// Reads the trades, then the quotes, chunk by chunk.
#[derive(Debug)]
pub struct Reader {
    trade_lines: Lines,
    quote_lines: Lines,
    table: Table,
}

#[derive(Debug)]
struct Table {
    options: Options,
    trade_file: String,
    quote_file: String,
    trades: Vec<Trade>,
    trade_rows: u64,
    next_trade: usize,
    last_trade: i64,
    quote_rows: u64,
    last_quote: i64,
    /// A national bid that waits for the ask of the same change.
    waiting: Option<(i64, i64, i64)>,
    book: Book,
    /// Best quote before the present millisecond, which no trade of it can have caused.
    reference: Level,
    reference_ts: i64,
    tick_rule: TickRule,
    phase: Phase,
    events: EventColumns,
    crossed: u64,
    divisor: i64,
    quality: Quality,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Phase {
    Before,
    Open,
    Closed,
}

/// Last price that differed, and the direction of the last change.
#[derive(Debug, Default)]
struct TickRule {
    last: i64,
    direction: i8,
}

impl TickRule {
    fn update(&mut self, price: i64) -> u8 {
        if self.last != 0 && price != self.last {
            self.direction = if price > self.last { 1 } else { -1 };
        }
        self.last = price;
        match self.direction {
            1 => side::BID,
            -1 => side::ASK,
            _ => side::NONE,
        }
    }
}

/// Quotes of the exchanges, or the national best alone.
#[derive(Debug, Default)]
struct Book {
    /// Price and size by exchange; one exchange of no name for national quotes.
    quotes: [BTreeMap<Vec<u8>, (i64, i64)>; 2],
    /// Sizes by price.
    totals: [BTreeMap<i64, i64>; 2],
}

impl Book {
    fn set(&mut self, of: usize, venue: &[u8], price: i64, size: i64) {
        let is_quote = price > 0 && size > 0;
        let old = match (self.quotes[of].get_mut(venue), is_quote) {
            (Some(quote), true) => Some(std::mem::replace(quote, (price, size))),
            (None, true) => self.quotes[of].insert(venue.to_vec(), (price, size)),
            (_, false) => self.quotes[of].remove(venue),
        };
        if let Some((price, size)) = old
            && let Some(total) = self.totals[of].get_mut(&price)
        {
            *total -= size;
            if *total == 0 {
                self.totals[of].remove(&price);
            }
        }
        if is_quote {
            *self.totals[of].entry(price).or_insert(0) += size;
        }
    }

    fn best(&self) -> Level {
        let mut level = Level::EMPTY;
        if let Some((&price, &size)) = self.totals[0].last_key_value() {
            (level.bid_price, level.bid_size) = (price, size);
        }
        if let Some((&price, &size)) = self.totals[1].first_key_value() {
            (level.ask_price, level.ask_size) = (price, size);
        }
        level
    }

    fn push_levels(&self, k: usize, depth: &mut Vec<Level>) {
        let start = depth.len();
        depth.resize(start + k, Level::EMPTY);
        for (level, (&price, &size)) in depth[start..].iter_mut().zip(self.totals[0].iter().rev()) {
            (level.bid_price, level.bid_size) = (price, size);
        }
        for (level, (&price, &size)) in depth[start..].iter_mut().zip(&self.totals[1]) {
            (level.ask_price, level.ask_size) = (price, size);
        }
    }
}

impl Reader {
    /// Nothing read yet.
    pub fn new(quotes: &str, trades: &str, options: Options) -> Self {
        let levels = if options.quotes == Quotes::National { 1 } else { LEVELS };
        let table = Table {
            options,
            trade_file: trades.to_owned(),
            quote_file: quotes.to_owned(),
            trades: Vec::new(),
            trade_rows: 0,
            next_trade: 0,
            last_trade: i64::MIN,
            quote_rows: 0,
            last_quote: i64::MIN,
            waiting: None,
            book: Book::default(),
            reference: Level::EMPTY,
            reference_ts: i64::MIN,
            tick_rule: TickRule::default(),
            phase: Phase::Before,
            events: EventColumns { depth_levels: levels, ..EventColumns::default() },
            crossed: 0,
            divisor: 0,
            quality: Quality::default(),
        };
        Self { trade_lines: Lines::new(trades), quote_lines: Lines::new(quotes), table }
    }

    /// The next bytes of the trades.
    ///
    /// # Errors
    /// `Error::Schema`, `Error::Decode` and `Error::Data` with the line.
    pub fn push_trades(&mut self, chunk: &[u8]) -> Result<()> {
        self.trade_lines.push(chunk, |block, first| rows(block, first, |row, place| self.table.trade(row, place)))
    }

    /// The next bytes of the quotes, after all trades.
    ///
    /// # Errors
    /// As `push_trades`.
    pub fn push_quotes(&mut self, chunk: &[u8]) -> Result<()> {
        self.trade_lines.finish(|block, first| rows(block, first, |row, place| self.table.trade(row, place)))?;
        self.quote_lines.push(chunk, |block, first| rows(block, first, |row, place| self.table.quote(row, place)))
    }

    /// The tape.
    ///
    /// # Errors
    /// As `push_trades`; `TAQ008` when most quotes are crossed: the rows are of the other kind.
    pub fn finish(mut self, symbol: &str) -> Result<Tape> {
        self.push_quotes(&[])?;
        self.quote_lines.finish(|block, first| rows(block, first, |row, place| self.table.quote(row, place)))?;
        self.table.finish(symbol)
    }
}

/// Fields of a row that both tables have.
struct Common {
    ts: i64,
    condition: u64,
}

impl Table {
    /// Time, condition and flag of a row; `None` for one that a policy leaves out.
    fn common(&mut self, row: &csv::ByteRecord, place: &Place<'_>, source: &str, last: i64) -> Result<Option<Common>> {
        let wrong = |field: &str, i: usize, expected: &str| {
            Error::decode(Fault::new("TAQ002", source, field, shown(&row[i]), expected).at(place.text()))
        };
        let (condition_at, suspicious_at) = (row.len() - 2, row.len() - 1);
        let since = decimal(&row[0], 6).filter(|&since| since < DAY_NS);
        let since = since.ok_or_else(|| wrong("time", 0, "ms since midnight with at most 6 decimals"))? as i64;
        let condition = std::str::from_utf8(&row[condition_at]).ok();
        let condition = condition.filter(|text| text.len() <= 16 && !text.starts_with('+'));
        let condition =
            condition.and_then(|text| if text.is_empty() { Some(0) } else { u64::from_str_radix(text, 16).ok() });
        let condition = condition.ok_or_else(|| wrong("condition", condition_at, "bits in hexadecimal"))?;
        let is_suspicious = match &row[suspicious_at] {
            b"0" => false,
            b"1" => true,
            _ => return Err(wrong("suspicious", suspicious_at, "0 or 1")),
        };
        let mut ts = self.options.midnight + since;
        if is_suspicious {
            self.quality.add(Flaw::Suspicious);
            match self.options.suspicious {
                Policy::Raise => {
                    let fault = Fault::new("TAQ005", source, "suspicious", "1", "0").at(place.text());
                    return Err(Error::data(fault.hint("policy={\"suspicious\": \"drop\"} leaves such rows out")));
                }
                Policy::Flag => {}
                Policy::Drop => {
                    self.quality.add(Flaw::Dropped);
                    return Ok(None);
                }
            }
        }
        if ts < last {
            self.quality.add(Flaw::TimeBackwards);
            match self.options.backwards {
                Policy::Raise => {
                    let expected = format!("at least {} ms, the time before it", (last - self.options.midnight) / MS);
                    let fault = Fault::new("TAQ004", source, "time", shown(&row[0]), expected);
                    return Err(Error::data(fault.at(place.text())));
                }
                Policy::Flag => ts = last,
                Policy::Drop => {
                    self.quality.add(Flaw::Dropped);
                    return Ok(None);
                }
            }
        }
        Ok(Some(Common { ts, condition }))
    }

    fn trade(&mut self, row: &csv::ByteRecord, place: &Place<'_>) -> Result<()> {
        let source = self.trade_file.clone();
        self.check_fields(row, place, &source, 6)?;
        self.trade_rows += 1;
        let price = self.number(row, place, &source, "price", 1, 1)?;
        let size = self.number(row, place, &source, "size", 2, 0)?;
        let Some(common) = self.common(row, place, &source, self.last_trade)? else { return Ok(()) };
        self.last_trade = common.ts;
        if common.condition & ELSEWHERE != 0 || size == 0 {
            self.quality.add(Flaw::OtherRecord);
            return Ok(());
        }
        let is_auction = common.condition & AUCTION != 0;
        self.trades.push(Trade { ts: common.ts, price, size, is_auction });
        Ok(())
    }

    fn quote(&mut self, row: &csv::ByteRecord, place: &Place<'_>) -> Result<()> {
        let source = self.quote_file.clone();
        self.check_fields(row, place, &source, 8)?;
        self.quote_rows += 1;
        let bid =
            (self.number(row, place, &source, "bid_price", 1, 0)?, self.number(row, place, &source, "bid_size", 2, 0)?);
        let ask =
            (self.number(row, place, &source, "ask_price", 3, 0)?, self.number(row, place, &source, "ask_size", 4, 0)?);
        let Some(common) = self.common(row, place, &source, self.last_quote)? else { return Ok(()) };
        let ts = common.ts;
        self.last_quote = ts;
        for (price, size) in [bid, ask] {
            if size > 0 {
                self.divisor = common_divisor(self.divisor, price);
            }
        }
        if self.options.quotes == Quotes::Venues {
            self.until(ts)?;
            self.book.set(0, &row[5], bid.0, bid.1);
            self.book.set(1, &row[5], ask.0, ask.1);
            return self.changed(ts);
        }
        match (bid.0 > 0, ask.0 > 0) {
            // A change of the national quotes is a row for the bid and then one for the ask: one event.
            (true, false) => {
                self.release()?;
                self.waiting = Some((ts, bid.0, bid.1));
                Ok(())
            }
            (is_bid, is_ask) => {
                if self.waiting.is_some_and(|(waiting, ..)| waiting != ts) || is_bid {
                    self.release()?;
                }
                self.until(ts)?;
                if let Some((_, price, size)) = self.waiting.take() {
                    self.book.set(0, b"", price, size);
                }
                // Neither side: there is no national quote any more.
                if is_bid || !is_ask {
                    self.book.set(0, b"", bid.0, bid.1);
                }
                self.book.set(1, b"", ask.0, ask.1);
                self.changed(ts)
            }
        }
    }

    /// A bid that changed alone is an event of its own.
    fn release(&mut self) -> Result<()> {
        if let Some((ts, price, size)) = self.waiting.take() {
            self.until(ts)?;
            self.book.set(0, b"", price, size);
            self.changed(ts)?;
        }
        Ok(())
    }

    /// Everything that comes before the quotes of `ts`: trades of earlier milliseconds, the open and the close.
    ///
    /// Quotes come before the trades of their millisecond: the two tapes are stamped apart, so their order within it is
    /// unknown, and the book that a trade is shown with is then never older than the trade.
    fn until(&mut self, ts: i64) -> Result<()> {
        while let Some(&trade) = self.trades.get(self.next_trade).filter(|trade| trade.ts < ts) {
            self.next_trade += 1;
            self.pass(trade.ts);
            self.print(&trade)?;
        }
        self.pass(ts);
        if ts > self.reference_ts {
            self.reference = self.book.best();
            self.reference_ts = ts;
        }
        Ok(())
    }

    /// The open and the close, when time goes past them.
    fn pass(&mut self, ts: i64) {
        let (open, close) =
            (self.options.midnight + self.options.session.0, self.options.midnight + self.options.session.1);
        if self.phase == Phase::Before && ts >= open {
            self.phase = Phase::Open;
            self.emit(open, action::RESUME, side::NONE, NO_PRICE, 0);
        }
        if self.phase == Phase::Open && ts >= close {
            self.phase = Phase::Closed;
            self.emit(close, action::HALT, side::NONE, NO_PRICE, 0);
        }
    }

    fn changed(&mut self, ts: i64) -> Result<()> {
        if self.phase == Phase::Open {
            let best = self.book.best();
            self.crossed += u64::from(best.bid_price > best.ask_price);
        }
        if self.is_kept() {
            self.emit(ts, action::NONE, side::NONE, NO_PRICE, 0);
        }
        Ok(())
    }

    fn is_kept(&mut self) -> bool {
        let is_kept = self.options.extended || self.phase == Phase::Open;
        if !is_kept {
            self.quality.add(Flaw::OutsideSession);
        }
        is_kept
    }

    /// A trade, signed by the quote before its millisecond (Lee and Ready 1991,
    /// doi:10.1111/j.1540-6261.1991.tb02683.x): above the mid a buyer made it, below it a seller; at the mid, or without
    /// a sound quote, the last change of price says. Quotes of the same millisecond may be the trade's own consequence
    /// (Holden and Jacobsen 2014, doi:10.1111/jofi.12127).
    fn print(&mut self, trade: &Trade) -> Result<()> {
        if trade.ts > self.reference_ts {
            self.reference = self.book.best();
            self.reference_ts = trade.ts;
        }
        if trade.is_auction {
            if self.is_kept() {
                self.emit(trade.ts, action::CROSS, side::NONE, trade.price, trade.size);
            }
            return Ok(());
        }
        let by_tick = self.tick_rule.update(trade.price);
        let quote = &self.reference;
        let twice_mid = quote.bid_price.checked_add(quote.ask_price);
        let aggressor =
            match twice_mid {
                Some(twice)
                    if quote.is_two_sided() && quote.bid_price <= quote.ask_price && 2 * trade.price != twice =>
                {
                    if 2 * trade.price > twice { side::BID } else { side::ASK }
                }
                _ => by_tick,
            };
        if self.is_kept() {
            self.emit(trade.ts, action::TRADE, aggressor, trade.price, trade.size);
        }
        Ok(())
    }

    fn emit(&mut self, ts: i64, action: u8, side: u8, price: i64, size: i64) {
        let event = Event { ts, price, size, order_id: 0, participant: 0, action, side, flags: flag::LAST };
        self.events.push(&event);
        self.book.push_levels(self.events.depth_levels, &mut self.events.depth);
    }

    fn check_fields(&self, row: &csv::ByteRecord, place: &Place<'_>, source: &str, expected: usize) -> Result<()> {
        if row.len() == expected {
            return Ok(());
        }
        let kind = match row.len() {
            6 => " (a table of trades)",
            8 => " (a table of quotes)",
            _ => "",
        };
        let count = format!("{} fields{kind}", row.len());
        let rule = if expected == 8 { "8 of a quote" } else { "6 of a trade" };
        Err(Error::schema(Fault::new("TAQ001", source, "row", count, rule).at(place.text())))
    }

    fn number(
        &self,
        row: &csv::ByteRecord,
        place: &Place<'_>,
        source: &str,
        field: &str,
        i: usize,
        least: i64,
    ) -> Result<i64> {
        let number = integer(&row[i]).filter(|number| (least..=LARGEST).contains(number));
        number.ok_or_else(|| {
            let fault = Fault::new("TAQ003", source, field, shown(&row[i]), format!("an integer of at least {least}"));
            Error::data(fault.at(place.text()))
        })
    }

    fn finish(mut self, symbol: &str) -> Result<Tape> {
        for (count, source) in [(self.quote_rows, &self.quote_file), (self.trade_rows, &self.trade_file)] {
            if count == 0 {
                return Err(Error::truncated(Fault::new("TAQ006", source, "rows", "0", "at least one")));
            }
        }
        self.release()?;
        let end = self.last_quote.max(self.last_trade);
        self.until(end.saturating_add(1))?;
        if self.events.is_empty() {
            let rows = format!("{} rows outside", self.quality.count(Flaw::OutsideSession));
            let fault = Fault::new("TAQ007", &self.quote_file, "session", rows, "rows of the session");
            return Err(Error::data(fault.hint("pass extended=True or another session")));
        }
        let shown_quotes = self.events.action.iter().filter(|&&what| what == action::NONE).count() as u64;
        if self.crossed * 2 > shown_quotes {
            let value = format!("{} of {shown_quotes} crossed", self.crossed);
            let other = if self.options.quotes == Quotes::Venues { "national" } else { "venues" };
            let fault = Fault::new("TAQ008", &self.quote_file, "quotes", value, "best bids below best asks");
            return Err(Error::data(fault.hint(format!("pass kind=\"{other}\" if the rows are of that kind"))));
        }
        let grid = grid_of(self.options.tick_size, self.divisor, PLACES, &self.quote_file, "tick_size")?;
        for level in &mut self.events.depth {
            for price in [&mut level.bid_price, &mut level.ask_price] {
                if !matches!(*price, i64::MIN | i64::MAX) {
                    *price = grid.ticks(*price).ok_or_else(|| off_grid(&self.quote_file, *price, grid.tick()))?;
                }
            }
        }
        let mut kept = vec![true; self.events.len()];
        for (i, keep) in kept.iter_mut().enumerate() {
            let price = self.events.price[i];
            if price == NO_PRICE {
                continue;
            }
            let (ticks, is_exact) = trade_ticks(price, grid.tick(), self.events.side[i]);
            self.events.price[i] = ticks;
            if !is_exact {
                self.quality.add(Flaw::OffGridTrade);
                match self.options.off_grid {
                    Policy::Raise => return Err(off_grid(&self.trade_file, price, grid.tick())),
                    Policy::Flag => {}
                    Policy::Drop => {
                        self.quality.add(Flaw::Dropped);
                        *keep = false;
                    }
                }
            }
        }
        self.events.retain(&kept);
        let mut tape = Tape::of_columns(&self.quote_file, symbol, grid.tick() as f64 / 1e4, 1.0, self.events);
        tape.quality = self.quality;
        Ok(tape)
    }
}

#[cold]
fn off_grid(source: &str, price: i64, tick: i64) -> Error {
    let expected = format!("a multiple of the tick ({tick} of 1e-4 USD)");
    Error::data(Fault::new("TAQ009", source, "price", price.to_string(), expected).hint("pass tick_size="))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> Options {
        Options {
            midnight: 1_381_118_400_000_000_000,
            quotes: Quotes::National,
            session: (34_200_000 * MS, 57_600_000 * MS),
            extended: false,
            tick_size: None,
            backwards: Policy::Raise,
            suspicious: Policy::Drop,
            off_grid: Policy::Flag,
        }
    }

    fn read(quotes: &str, trades: &str, options: Options) -> Result<Tape> {
        let mut reader = Reader::new("q", "t", options);
        reader.push_trades(trades.as_bytes())?;
        reader.push_quotes(quotes.as_bytes())?;
        reader.finish("X")
    }

    const QUOTES: &str = "34100000,100000,5,0,0,N,1,0\n34100000,0,0,100200,7,P,1,0\n34300000,100100,3,0,0,N,1,0\n\
                          34300000,0,0,100200,6,P,1,0\n57600001,0,0,100300,6,P,1,0\n";

    #[test]
    fn national_quotes_come_in_pairs_between_open_and_close() {
        let trades = "34200001,100200,1,D,1,0\n34300000,100100,2,D,1,0\n34300001,100150,4,D,1,0\n34300002,100100,3,D,1,0\n\
                      34300003,100150,4,D,1,0\n57600000,100100,9,N,80,0\n";
        let tape = read(QUOTES, trades, options()).expect("a tape");
        let events = tape.columns().expect("columns");
        assert_eq!(events.action, b"OTNTTTTH");
        // Above the mid; at the mid of the quote BEFORE its millisecond, with the last change down; at the mid, with the
        // last change up; below the mid; at the mid again.
        assert_eq!(events.side, b"NBNABABN");
        assert_eq!(events.levels(0)[0], Level { bid_price: 1_000, ask_price: 1_002, bid_size: 5, ask_size: 7 });
        assert_eq!(events.levels(2)[0], Level { bid_price: 1_001, ask_price: 1_002, bid_size: 3, ask_size: 6 });
        assert!((tape.tick_size - 0.01).abs() < 1e-12);
        assert_eq!(tape.quality.count(Flaw::OffGridTrade), 2);
    }

    #[test]
    fn venues_are_added_up_by_price() {
        let quotes = "34200000,100000,5,100200,7,N,1,0\n34200001,100000,4,100300,7,P,1,0\n34200002,99900,4,0,0,P,1,0\n\
                      34200003,0,0,0,0,N,1,0\n";
        let trades = "34200003,100000,1,N,1,0\n";
        let tape = read(quotes, trades, Options { quotes: Quotes::Venues, ..options() }).expect("a tape");
        let events = tape.columns().expect("columns");
        assert_eq!(events.action, b"ONNNNT");
        let bids = |i: usize| events.levels(i).iter().map(|l| (l.bid_price, l.bid_size)).take(2).collect::<Vec<_>>();
        assert_eq!(bids(2), [(1_000, 9), (i64::MIN, 0)]);
        assert_eq!(bids(3), [(1_000, 5), (999, 4)]);
        assert_eq!(bids(4), [(999, 4), (i64::MIN, 0)]);
        assert_eq!(events.levels(4)[0].ask_size, 0);
    }

    #[test]
    fn prints_elsewhere_and_suspicious_rows_are_left_out_and_counted() {
        let trades = "34200001,100200,1,D,100000,0\n34200001,100200,1,N,40,0\n34200002,900000,1,D,1,1\n";
        let tape = read(QUOTES, trades, options()).expect("a tape");
        let events = tape.columns().expect("columns");
        assert_eq!(events.action, b"OXNH");
        let counts = [Flaw::OtherRecord, Flaw::Suspicious, Flaw::Dropped].map(|flaw| tape.quality.count(flaw));
        assert_eq!(counts, [1, 1, 1]);
    }

    #[test]
    fn tables_of_the_other_kind_are_refused() {
        let trade = "34200001,100200,1,D,1,0\n";
        let text = |quotes: &str, trades: &str| read(quotes, trades, options()).expect_err("refused").to_string();
        assert!(text(trade, trade).starts_with("TAQ001 q:line 1 row: got 6 fields (a table of trades), expected 8"));
        assert!(text(QUOTES, QUOTES).starts_with("TAQ001 t:line 1 row: got 8 fields (a table of quotes), expected 6"));
        assert!(text("x,1,1,1,1,N,1,0\n", trade).starts_with("TAQ002 q:line 1 time: got 'x'"));
        assert!(text("34200000,-1,1,1,1,N,1,0\n", trade).starts_with("TAQ003 q:line 1 bid_price: got '-1'"));
        assert!(text("34200000,1,1,1,1,N,g,0\n", trade).starts_with("TAQ002 q:line 1 condition: got 'g'"));
        assert!(text("34200000,1,1,1,1,N,1,2\n", trade).starts_with("TAQ002 q:line 1 suspicious: got '2'"));
        assert!(text(QUOTES, &format!("{trade}34200000,1,1,D,1,0\n")).starts_with("TAQ004 t:line 2 time"));
        assert!(text(QUOTES, "").starts_with("TAQ006 t rows: got 0"));
        assert!(text("1,100000,5,0,0,N,1,0\n", "1,100000,5,N,1,0\n").starts_with("TAQ007 q session"));
        let crossed = "34200000,100100,5,0,0,N,1,0\n34200000,0,0,100000,5,P,1,0\n";
        assert!(
            text(crossed, trade).contains("1 of 1 crossed, expected best bids below best asks; pass kind=\"venues\"")
        );
    }
}
