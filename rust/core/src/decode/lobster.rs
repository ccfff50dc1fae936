//! LOBSTER: a file of messages and a file with the book after each of them.
//!
//! Message rows are `time, type, order id, size, price, direction`, book rows `ask price, ask size, bid price, bid size`
//! level by level; prices are USD x 10,000, times seconds after midnight in New York. Types: 1 submission, 2 partial
//! cancellation, 3 deletion, 4 execution of a visible order, 5 of a hidden order, 6 cross, 7 halt (price -1 halted,
//! 0 quoting again, 1 trading again). The direction is that of the resting order: an executed sell order was bought.

use super::text::{Lines, Place, common_divisor, decimal, grid_of, integer, rows, shown, trade_ticks};
use crate::error::{Error, Fault, Result};
use crate::events::arrays::{LARGEST, Policy};
use crate::events::{Event, EventColumns, Flaw, LEVELS, Level, NO_PRICE, Quality, action, flag, side};
use crate::tape::Tape;

const PLACES: u32 = 4;
const NS: i128 = 1_000_000_000;
const NO_BID: i64 = -9_999_999_999;
const NO_ASK: i64 = 9_999_999_999;
/// Continuous trading begins at 09:30; a file whose first message comes within a minute of it holds the open.
const OPEN: i64 = 34_200_000_000_000;
const MINUTE: i64 = 60_000_000_000;

/// How the rows are to be read.
#[derive(Debug, Clone, Copy)]
pub struct Options {
    /// Midnight in New York, ns since the epoch.
    pub midnight: i64,
    /// Whether the direction of a hidden order is known: since 2014-07-14 Nasdaq always says "buy".
    pub hidden_sides: bool,
    /// One tick in USD; `None` takes the largest that every displayed price is a multiple of.
    pub tick_size: Option<f64>,
    /// Times before their predecessor's.
    pub backwards: Policy,
    /// Hidden executions and crosses between two ticks.
    pub off_grid: Policy,
}

/// Reads the messages, then the book, chunk by chunk.
#[derive(Debug)]
pub struct Reader {
    messages: Lines,
    book: Lines,
    table: Table,
}

/// The rows read so far.
#[derive(Debug)]
struct Table {
    options: Options,
    messages: String,
    book: String,
    events: EventColumns,
    /// Message rows that the policy dropped; their rows of the book go too.
    dropped: Vec<usize>,
    /// Events that stand before the first row: the open, if the file holds it.
    before: usize,
    message_rows: usize,
    book_rows: usize,
    last: i64,
    /// What all displayed prices are multiples of.
    divisor: i64,
    quality: Quality,
}

impl Reader {
    /// Nothing read yet.
    pub fn new(messages: &str, book: &str, options: Options) -> Self {
        let table = Table {
            options,
            messages: messages.to_owned(),
            book: book.to_owned(),
            events: EventColumns::default(),
            dropped: Vec::new(),
            before: 0,
            message_rows: 0,
            book_rows: 0,
            last: i64::MIN,
            divisor: 0,
            quality: Quality::default(),
        };
        Self { messages: Lines::new(messages), book: Lines::new(book), table }
    }

    /// The next bytes of the messages.
    ///
    /// # Errors
    /// `Error::Schema`, `Error::Decode` and `Error::Data` with the line.
    pub fn push_messages(&mut self, chunk: &[u8]) -> Result<()> {
        self.messages.push(chunk, |block, first| rows(block, first, |row, place| self.table.message(row, place)))
    }

    /// The next bytes of the book, after all messages.
    ///
    /// # Errors
    /// As `push_messages`.
    pub fn push_book(&mut self, chunk: &[u8]) -> Result<()> {
        self.messages.finish(|block, first| rows(block, first, |row, place| self.table.message(row, place)))?;
        self.book.push(chunk, |block, first| rows(block, first, |row, place| self.table.level_row(row, place)))
    }

    /// The tape.
    ///
    /// # Errors
    /// As `push_messages`; `LOB009` unless both files have the same number of rows.
    pub fn finish(mut self, symbol: &str) -> Result<Tape> {
        self.push_book(&[])?;
        self.book.finish(|block, first| rows(block, first, |row, place| self.table.level_row(row, place)))?;
        self.table.finish(symbol)
    }
}

impl Table {
    fn message(&mut self, row: &csv::ByteRecord, place: &Place<'_>) -> Result<()> {
        if row.len() != 6 {
            let count = format!("{} fields", row.len());
            let fault =
                Fault::new("LOB001", &self.messages, "row", count, "6 (time, type, id, size, price, direction)");
            return Err(Error::schema(fault.at(place.text())));
        }
        let wrong = |field: &str, i: usize, expected: &str| {
            let fault = Fault::new("LOB002", &self.messages, field, shown(&row[i]), expected);
            Error::decode(fault.at(place.text()))
        };
        let since = decimal(&row[0], 9).filter(|&since| since < 86_400 * NS);
        let since = since.ok_or_else(|| wrong("time", 0, "seconds after midnight with at most 9 decimals"))? as i64;
        let number = |field: &str, i: usize| integer(&row[i]).ok_or_else(|| wrong(field, i, "an integer"));
        let (kind, id, size) = (number("type", 1)?, number("order_id", 2)?, number("size", 3)?);
        let (price, direction) = (number("price", 4)?, number("direction", 5)?);
        let broken = |field: &str, value: i64, expected: String| {
            let fault = Fault::new("LOB003", &self.messages, field, value.to_string(), expected);
            Error::data(fault.at(place.text()))
        };
        let is_order = (1..=5).contains(&kind);
        if is_order || (kind == 6 && price != 0 && size != 0) {
            for (field, value) in [("price", price), ("size", size)] {
                if !(1..=LARGEST).contains(&value) {
                    return Err(broken(field, value, format!("above 0 for type {kind}")));
                }
            }
        }
        if is_order && !matches!(direction, -1 | 1) {
            return Err(broken("direction", direction, format!("1 or -1 for type {kind}")));
        }
        let resting = if direction == 1 { side::BID } else { side::ASK };
        let aggressor = if direction == 1 { side::ASK } else { side::BID };
        let (what, of) = match (kind, price) {
            (1, _) => (action::ADD, resting),
            (2 | 3, _) => (action::CANCEL, resting),
            (4, _) => (action::TRADE, aggressor),
            (5, _) if self.options.hidden_sides => (action::TRADE, aggressor),
            (5, _) => (action::TRADE, side::NONE),
            // A cross without a price or volume did not take place.
            (6, price) if price > 0 && size > 0 => (action::CROSS, side::NONE),
            (6, _) | (7, 0) => (action::NONE, side::NONE),
            (7, -1) => (action::HALT, side::NONE),
            (7, 1) => (action::RESUME, side::NONE),
            (7, _) => return Err(broken("price", price, "-1, 0 or 1 for type 7".to_owned())),
            _ => return Err(broken("type", kind, "1 to 7".to_owned())),
        };
        let mut ts = self.options.midnight + since;
        if self.message_rows == 0 && (OPEN..OPEN + MINUTE).contains(&since) {
            let open = self.options.midnight + OPEN;
            self.events.push_order(&event(open, action::RESUME, side::NONE, NO_PRICE, 0, 0));
            self.before = 1;
        }
        self.message_rows += 1;
        if ts < self.last {
            if self.options.backwards == Policy::Raise {
                let expected = format!("at least {}, the time before it (ns)", self.last - self.options.midnight);
                let fault = Fault::new("LOB004", &self.messages, "time", shown(&row[0]), expected);
                return Err(Error::data(fault.at(place.text())));
            }
            self.quality.add(Flaw::TimeBackwards);
            if self.options.backwards == Policy::Drop {
                self.quality.add(Flaw::Dropped);
                self.dropped.push(self.message_rows - 1);
                return Ok(());
            }
            ts = self.last;
        }
        self.last = ts;
        if kind == 5 {
            self.quality.add(Flaw::HiddenTrade);
        }
        if (1..=4).contains(&kind) {
            self.divisor = common_divisor(self.divisor, price);
        }
        let (price, size) =
            if matches!(what, action::NONE | action::HALT | action::RESUME) { (NO_PRICE, 0) } else { (price, size) };
        self.events.push_order(&event(ts, what, of, price, size, id.max(0) as u64));
        Ok(())
    }

    fn level_row(&mut self, row: &csv::ByteRecord, place: &Place<'_>) -> Result<()> {
        let k = (row.len() / 4).min(LEVELS);
        if row.is_empty() || !row.len().is_multiple_of(4) || (self.book_rows > 0 && k != self.events.depth_levels) {
            let expected = match self.events.depth_levels {
                0 => "4 for each level".to_owned(),
                k => format!("{} as in the first row", 4 * k),
            };
            let count = format!("{} fields", row.len());
            return Err(Error::schema(Fault::new("LOB005", &self.book, "row", count, expected).at(place.text())));
        }
        if self.book_rows == 0 {
            self.events.depth_levels = k;
            self.events.depth.resize(self.before * k, Level::EMPTY);
        }
        self.book_rows += 1;
        if self.dropped.binary_search(&(self.book_rows - 1)).is_ok() {
            return Ok(());
        }
        let mut better = Level { bid_price: i64::MAX, ask_price: 0, bid_size: 0, ask_size: 0 };
        for j in 0..k {
            let number = |i: usize| {
                integer(&row[4 * j + i]).ok_or_else(|| {
                    let field = ["ask_price", "ask_size", "bid_price", "bid_size"][i];
                    let field = format!("{field}[{j}]");
                    let fault = Fault::new("LOB006", &self.book, field, shown(&row[4 * j + i]), "an integer");
                    Error::decode(fault.at(place.text()))
                })
            };
            let mut level =
                Level { ask_price: number(0)?, ask_size: number(1)?, bid_price: number(2)?, bid_size: number(3)? };
            let sound = |price: i64, size: i64| (1..=LARGEST).contains(&price) && (1..=LARGEST).contains(&size);
            let (mut asks, mut bids) = (true, true);
            if level.ask_price == NO_ASK && level.ask_size == 0 {
                (level.ask_price, asks) = (i64::MAX, false);
            } else if !sound(level.ask_price, level.ask_size) || level.ask_price <= better.ask_price {
                return Err(self.level_error(
                    place,
                    j,
                    "ask",
                    level.ask_price,
                    level.ask_size,
                    "above the level before it",
                ));
            }
            if level.bid_price == NO_BID && level.bid_size == 0 {
                (level.bid_price, bids) = (i64::MIN, false);
            } else if !sound(level.bid_price, level.bid_size) || level.bid_price >= better.bid_price {
                return Err(self.level_error(
                    place,
                    j,
                    "bid",
                    level.bid_price,
                    level.bid_size,
                    "below the level before it",
                ));
            }
            if asks {
                self.divisor = common_divisor(self.divisor, level.ask_price);
            }
            if bids {
                self.divisor = common_divisor(self.divisor, level.bid_price);
            }
            // Behind a missing level nothing is better than nothing.
            better = level;
            self.events.depth.push(level);
        }
        Ok(())
    }

    #[cold]
    fn level_error(&self, place: &Place<'_>, k: usize, of: &str, price: i64, size: i64, order: &str) -> Error {
        let expected = format!("price and size above 0 and {order}, or the dummy of a missing level");
        let fault = Fault::new("LOB007", &self.book, format!("{of}[{k}]"), format!("{price} x {size}"), expected);
        Error::data(fault.at(place.text()))
    }

    fn finish(mut self, symbol: &str) -> Result<Tape> {
        if self.message_rows == 0 {
            let fault = Fault::new("LOB008", &self.messages, "rows", "0", "at least one message");
            return Err(Error::truncated(fault));
        }
        if self.message_rows != self.book_rows {
            let expected = format!("{}, as {} has messages", self.message_rows, self.messages);
            let fault = Fault::new("LOB009", &self.book, "rows", self.book_rows.to_string(), expected);
            return Err(Error::truncated(fault.hint("one of the files is cut off, or they are not of one day")));
        }
        let grid = grid_of(self.options.tick_size, self.divisor, PLACES, &self.messages, "tick_size")?;
        for (i, level) in self.events.depth.iter_mut().enumerate() {
            for price in [&mut level.bid_price, &mut level.ask_price] {
                if !matches!(*price, i64::MIN | i64::MAX) {
                    let row = i / self.events.depth_levels - self.before;
                    *price = grid.ticks(*price).ok_or_else(|| off_grid(&self.book, row, *price, grid.tick()))?;
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
            if is_exact {
                continue;
            }
            // Only what is not displayed may lie between two ticks.
            let is_print = matches!(self.events.action[i], action::TRADE | action::CROSS);
            match self.options.off_grid {
                Policy::Flag if is_print => self.quality.add(Flaw::OffGridTrade),
                Policy::Drop if is_print => {
                    self.quality.add(Flaw::OffGridTrade);
                    self.quality.add(Flaw::Dropped);
                    *keep = false;
                }
                _ => return Err(off_grid(&self.messages, i - self.before, price, grid.tick())),
            }
        }
        self.events.retain(&kept);
        let tick_size = grid.tick() as f64 / 1e4;
        let mut tape = Tape::of_columns(&self.messages, symbol, tick_size, 1.0, self.events);
        tape.quality = self.quality;
        Ok(tape)
    }
}

fn event(ts: i64, action: u8, side: u8, price: i64, size: i64, order_id: u64) -> Event {
    Event { ts, price, size, order_id, participant: 0, action, side, flags: flag::LAST }
}

#[cold]
fn off_grid(source: &str, row: usize, price: i64, tick: i64) -> Error {
    let expected = format!("a multiple of the tick ({tick} of 1e-4 USD)");
    let fault = Fault::new("LOB010", source, "price", price.to_string(), expected).at(format!("row {}", row + 1));
    Error::data(fault.hint("pass tick_size="))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options() -> Options {
        Options {
            midnight: 1_340_251_200_000_000_000,
            hidden_sides: true,
            tick_size: None,
            backwards: Policy::Raise,
            off_grid: Policy::Flag,
        }
    }

    fn read(messages: &str, book: &str, options: Options) -> Result<Tape> {
        let mut reader = Reader::new("m", "b", options);
        reader.push_messages(messages.as_bytes())?;
        reader.push_book(book.as_bytes())?;
        reader.finish("X")
    }

    const BOOK: &str = "100200,5,100000,7\n";

    #[test]
    fn every_type_has_its_event() {
        let messages = "36000.1,1,11,7,100000,1\n36000.2,2,11,1,100000,1\n36000.3,3,12,1,100200,-1\n\
                        36000.4,4,13,2,100200,-1\n36000.5,5,0,2,100150,1\n36000.6,6,-1,9,100100,-1\n\
                        36000.7,7,0,0,-1,-1\n36000.8,7,0,0,0,-1\n36000.9,7,0,0,1,-1\n";
        let tape = read(messages, &BOOK.repeat(9), options()).expect("a tape");
        let events = tape.columns().expect("columns");
        assert_eq!(events.action, b"ACCTTXHNO");
        assert_eq!(events.side, b"BBABANNNN");
        // The tick is that of displayed prices; the hidden print between two of them goes up, as a seller made it.
        assert!((tape.tick_size - 0.02).abs() < 1e-12);
        assert_eq!(events.price[..6], [500, 500, 501, 501, 501, 500]);
        assert_eq!(tape.quality.count(Flaw::OffGridTrade), 2);
        assert_eq!(tape.quality.count(Flaw::HiddenTrade), 1);
        assert_eq!(events.levels(0), [Level { bid_price: 500, ask_price: 501, bid_size: 7, ask_size: 5 }]);
        assert_eq!(events.ts[0], options().midnight + 36_000_100_000_000);
    }

    #[test]
    fn the_open_stands_before_the_first_message_of_a_day() {
        let tape = read("34200.000000001,1,1,7,100000,1", BOOK, options()).expect("a tape");
        let events = tape.columns().expect("columns");
        assert_eq!((events.action.as_slice(), events.ts[0]), (&b"OA"[..], options().midnight + OPEN));
        assert_eq!(events.levels(0), [Level::EMPTY]);
    }

    #[test]
    fn files_that_do_not_fit_are_refused() {
        let message = "36000.1,1,11,7,100000,1\n";
        let text = |messages: &str, book: &str| read(messages, book, options()).expect_err("refused").to_string();
        assert!(text(message, &BOOK.repeat(2)).starts_with("LOB009 b rows: got 2, expected 1, as m has messages"));
        assert!(text("", "").starts_with("LOB008 m rows"));
        assert!(text("36000.1,1,11,7,100000\n", BOOK).starts_with("LOB001 m:line 1 row: got 5 fields"));
        assert!(text("36000.1234567891,1,11,7,100000,1\n", BOOK).starts_with("LOB002 m:line 1 time"));
        assert_eq!(text("36000.1,1,11,7,-1,1\n", BOOK), "LOB003 m:line 1 price: got -1, expected above 0 for type 1");
        assert!(text("36000.1,8,11,7,1,1\n", BOOK).starts_with("LOB003 m:line 1 type: got 8"));
        assert!(text(&format!("{message}36000.0,1,1,1,100,1\n"), BOOK).starts_with("LOB004 m:line 2 time"));
        assert!(text(message, "100200,5,100000\n").starts_with("LOB005 b:line 1 row: got 3 fields"));
        assert!(text(message, "100200,x,100000,1\n").starts_with("LOB006 b:line 1 ask_size[0]: got 'x'"));
        assert!(text(message, "100200,0,100000,1\n").starts_with("LOB007 b:line 1 ask[0]: got 100200 x 0"));
        let rising = "100200,5,100000,7,100300,1,100100,1\n";
        assert!(text(message, rising).starts_with("LOB007 b:line 1 bid[1]: got 100100 x 1"));
        let own = Options { tick_size: Some(0.05), ..options() };
        let error = read(message, BOOK, own).expect_err("off the grid").to_string();
        assert!(error.starts_with("LOB010 b:row 1 price: got 100200"), "{error}");
    }

    #[test]
    fn dummies_are_missing_levels() {
        let book = "100200,5,100000,7,9999999999,0,-9999999999,0\n";
        let tape = read("36000.1,1,11,7,100000,1", book, options()).expect("a tape");
        assert_eq!(tape.columns().expect("columns").levels(0)[1], Level::EMPTY);
    }

    #[test]
    fn times_backwards_by_policy() {
        let messages = "36000.2,1,11,7,100000,1\n36000.1,1,12,7,100000,1\n36000.3,1,13,7,100000,1\n";
        let tape = |backwards| read(messages, &BOOK.repeat(3), Options { backwards, ..options() }).expect("a tape");
        let flagged = tape(Policy::Flag);
        let ts = &flagged.columns().expect("columns").ts;
        assert_eq!((ts[1], flagged.quality.count(Flaw::TimeBackwards)), (ts[0], 1));
        let dropped = tape(Policy::Drop);
        assert_eq!(dropped.columns().expect("columns").order_id, [11, 13]);
        assert_eq!(dropped.columns().expect("columns").depth.len(), 2);
    }
}
