//! Records of DBN bytes straight into the detector: no intermediate columns.
//!
//! The framing of `decode::dbn` delivers blocks of whole records of one schema and instrument, with times, actions and
//! sides checked; prices and the order of times are checked here.

mod orders;
mod price;

use prefetch_index::prefetch_index;

pub use orders::OrderRecords;
pub use price::PriceRecords;

use super::Stream;
use crate::decode::dbn::{DbnTape, Layout, NO_FIXED_PRICE, Position, Schema};
use crate::error::{Error, Fault, Result};
use crate::events::{Grid, NO_PRICE, TIMES, flag};

/// Distance of the bytes that are fetched from those in work: eight records of ten levels.
const AHEAD: usize = 8 * 368;
/// Bytes that a processor fetches at once.
const LINE: usize = 64;

/// A reader of the records of one schema.
#[derive(Debug, Clone)]
pub enum Records {
    /// Levels come with every record.
    Price(Box<PriceRecords>),
    /// The book is rebuilt from orders.
    Orders(OrderRecords),
}

/// A record that cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BadRecord {
    /// Its number among those given, from 0.
    pub index: usize,
    /// What is wrong with it.
    pub reason: Reason,
}

/// Why a record cannot be taken.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reason {
    /// A price is no multiple of the tick, or beyond 2^53 ticks: the field and the price in units of 1e-9.
    OffGrid(String, i64),
    /// The time is before that of the record before: both.
    Backwards(i64, i64),
}

impl BadRecord {
    #[cold]
    fn off_grid(index: usize, field: impl Into<String>, price: i64) -> Box<Self> {
        Box::new(Self { index, reason: Reason::OffGrid(field.into(), price) })
    }

    #[cold]
    fn backwards(index: usize, ts: i64, last: i64) -> Box<Self> {
        Box::new(Self { index, reason: Reason::Backwards(ts, last) })
    }

    /// The error of a record of a tape that is at `position` of its file.
    #[cold]
    pub fn error(&self, tape: &DbnTape, position: Position) -> Error {
        match &self.reason {
            Reason::OffGrid(field, price) => tape.off_grid(position, field, *price),
            Reason::Backwards(ts, last) => {
                let expected = format!("at least {last}, the time before it");
                let fault = Fault::new("DBN036", tape.name(), "ts", ts.to_string(), expected).at(position.to_string());
                Error::data(fault.hint("take the receive time as the clock"))
            }
        }
    }
}

impl Records {
    /// A reader of records of a schema and layout.
    ///
    /// # Errors
    /// `Error::Schema` (`DBN037`) for trades, which say nothing of the book; `source` is what the error names.
    pub fn new(schema: Schema, layout: &Layout, grid: Grid, source: &str) -> Result<Self> {
        match schema {
            Schema::Mbo => Ok(Self::Orders(OrderRecords::new(layout, grid))),
            Schema::Trades => {
                let fault = Fault::new("DBN037", source, "schema", schema.name(), "a schema with a book");
                Err(Error::schema(fault.hint("mbo, mbp-1, mbp-10, tbbo, bbo-1s and bbo-1m have one")))
            }
            _ => Ok(Self::Price(Box::new(PriceRecords::new(schema, layout, grid)))),
        }
    }

    /// Steps a stream over whole, checked records.
    ///
    /// # Errors
    /// The first record whose prices are off the grid or whose time goes back; the stream has taken those before it and
    /// is as it was after them.
    #[inline]
    pub fn run(&mut self, stream: &mut Stream, records: &[u8]) -> std::result::Result<(), Box<BadRecord>> {
        match self {
            Self::Price(reader) => reader.run(stream.detector_mut(), records),
            Self::Orders(reader) => reader.run(stream, records),
        }
    }
}

/// Steps a stream over the records of a DBN tape.
///
/// # Errors
/// The reader's and the records' errors, `Error::Interrupted` when `go_on` says no.
pub fn run_dbn(stream: &mut Stream, tape: &DbnTape, go_on: &mut dyn FnMut() -> bool) -> Result<()> {
    let mut records = Records::new(tape.schema, &tape.layout, tape.grid, tape.name())?;
    let mut blocks = tape.blocks()?;
    while let Some(block) = blocks.next_block()? {
        if !go_on() {
            return Err(Error::Interrupted);
        }
        records.run(stream, block.records).map_err(|bad| bad.error(tape, block.position(bad.index)))?;
    }
    Ok(())
}

/// The tape's clock.
#[derive(Debug, Clone, Copy)]
struct Times {
    last: i64,
}

impl Times {
    fn new() -> Self {
        Self { last: TIMES.start }
    }

    /// The tape's time at a record of time `ts`; `None` when that goes back.
    #[inline(always)]
    fn at(&mut self, ts: i64, flags: u8) -> Option<i64> {
        if ts < self.last {
            // Orders of a snapshot carry the time they were placed: the tape's clock stands still for them.
            return (flags & flag::SNAPSHOT != 0).then_some(self.last);
        }
        self.last = ts;
        Some(ts)
    }
}

/// The price of a record in ticks, or that it has none.
#[inline(always)]
fn price_of(raw: i64, grid: &Grid) -> Option<i64> {
    match grid.ticks(raw) {
        None if raw == NO_FIXED_PRICE => Some(NO_PRICE),
        ticks => ticks,
    }
}

/// Asks for the bytes that will be in work a few records on: wide records come faster than a processor guesses.
#[inline(always)]
fn fetch_ahead<const SIZE: usize>(rest: &[u8]) {
    for line in 0..SIZE.div_ceil(LINE) {
        prefetch_index(rest, AHEAD + LINE * line);
    }
}

#[inline(always)]
fn word<const SIZE: usize>(record: &[u8; SIZE], at: usize) -> i64 {
    i64::from_le_bytes(std::array::from_fn(|i| record[at + i]))
}

#[inline(always)]
fn half<const SIZE: usize>(record: &[u8; SIZE], at: usize) -> i64 {
    i64::from(u32::from_le_bytes(std::array::from_fn(|i| record[at + i])))
}
