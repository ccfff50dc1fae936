//! Records of DBN bytes straight into the detector: no intermediate columns.
//!
//! A block is whole records of one file, as the framing of `decode::dbn` delivers them. Records of other kinds and of
//! other instruments are counted and left out. Time and prices are checked as `Stream::event` checks them.

mod orders;
mod price;

use dbn::rtype;
use prefetch_index::prefetch_index;

pub use orders::OrderRecords;
pub use price::PriceRecords;

use super::Stream;
use crate::decode::dbn::{DbnTape, Schema};
use crate::error::{Error, Fault, Result};
use crate::events::{Flaw, Grid, NO_PRICE, Quality, TIMES, flag};

/// Price of a record that has none.
const UNDEFINED: i64 = i64::MAX;
/// Distance of the bytes that are fetched from those in work: eight records of ten levels.
const AHEAD: usize = 8 * 368;
/// Bytes that a processor fetches at once.
const LINE: usize = 64;

/// Where a block begins in its file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Origin {
    /// Records before the block.
    pub record: u64,
    /// Bytes before the block.
    pub byte: u64,
}

/// A reader of the records of one schema.
#[derive(Debug, Clone)]
pub enum Records {
    /// Levels come with every record.
    Price(Box<PriceRecords>),
    /// The book is rebuilt from orders.
    Orders(OrderRecords),
}

impl Records {
    /// A reader of the records of a schema. `by_receive` takes the receive time as the tape's clock; `appended` is the
    /// number of bytes that the file puts after each record.
    ///
    /// # Errors
    /// `Error::Schema` (`DBN022`) for trades, which say nothing of the book.
    pub fn new(schema: Schema, instrument_id: u32, grid: Grid, by_receive: bool, appended: usize) -> Result<Self> {
        match schema {
            Schema::Mbo => Ok(Self::Orders(OrderRecords::new(instrument_id, grid, by_receive, appended))),
            Schema::Trades => {
                let fault = Fault::new("DBN022", "tape", "schema", "trades", "a schema with a book");
                Err(Error::schema(fault.hint("mbo, mbp-1, mbp-10, tbbo and bbo have one")))
            }
            _ => Ok(Self::Price(Box::new(PriceRecords::new(schema, instrument_id, grid, by_receive, appended)))),
        }
    }

    /// Steps a stream over a block of whole, well-framed records.
    ///
    /// # Errors
    /// `Error::Data` with the record and its byte in the file: `DBN020` for a price off the grid, `DBN021` for a time
    /// that goes back, `DBN023` for one that is not ns since the epoch. The stream has taken the records before it.
    #[inline]
    pub fn run(&mut self, stream: &mut Stream, block: &[u8], origin: Origin) -> Result<()> {
        match self {
            Self::Price(records) => records.run(stream.detector_mut(), block, origin),
            Self::Orders(records) => records.run(stream, block, origin),
        }
    }

    /// What was left out.
    pub fn quality(&self) -> &Quality {
        match self {
            Self::Price(records) => &records.frame.quality,
            Self::Orders(records) => &records.frame.quality,
        }
    }
}

/// Steps a stream over the records of a DBN tape and says what was left out.
///
/// # Errors
/// The reader's and the records' errors, `Error::Interrupted` when `go_on` says no.
pub fn run_dbn(stream: &mut Stream, tape: &DbnTape, go_on: &mut dyn FnMut() -> bool) -> Result<Quality> {
    let mut blocks = tape.blocks()?;
    let mut records = Records::new(tape.schema, tape.instrument_id, tape.grid, true, 0)?;
    let mut origin = Origin::default();
    while let Some(block) = blocks.next_block()? {
        if !go_on() {
            return Err(Error::Interrupted);
        }
        records.run(stream, block, origin)?;
        origin.byte += block.len() as u64;
    }
    Ok(*records.quality())
}

/// What records of every schema share: header, times, counts.
#[derive(Debug, Clone)]
struct Frame {
    /// Bytes from record to record.
    stride: usize,
    /// Length, type and instrument of a record, as its first word without the publisher has them.
    header: u64,
    /// Time of the last record, or the earliest that is taken.
    last_ts: i64,
    /// What was left out.
    quality: Quality,
}

/// Bits of a record's first word that `Frame::header` compares: all but the publisher's.
const HEADER_MASK: u64 = 0xffff_ffff_0000_ffff;

impl Frame {
    fn new(stride: usize, rtype: u8, instrument_id: u32) -> Self {
        let header = (stride as u64 / 4) | u64::from(rtype) << 8 | u64::from(instrument_id) << 32;
        Self { stride, header, last_ts: TIMES.start, quality: Quality::default() }
    }

    /// Counts a record that is not the reader's and says how long it is.
    #[cold]
    #[inline(never)]
    fn skip(&mut self, rest: &[u8]) -> Skip {
        let &[length, kind, ..] = rest else { return Skip::Bytes(rest.len()) };
        let of_reader = (self.header >> 8) as u8;
        let is_interval = |kind: u8| kind == rtype::BBO_1S || kind == rtype::BBO_1M;
        if kind != of_reader && is_interval(kind) && is_interval(of_reader) && usize::from(length) * 4 == self.stride {
            // Intervals of a second and of a minute are one schema of the reader.
            self.header = self.header & !0xff00 | u64::from(kind) << 8;
            return Skip::Retry;
        }
        self.quality.add(if kind == of_reader { Flaw::OtherInstrument } else { Flaw::OtherRecord });
        // The framing lets no record of no length through; one would stand still here.
        Skip::Bytes(if length == 0 { rest.len() } else { usize::from(length) * 4 })
    }

    /// The tape's time of a record, which does not go back.
    #[inline(always)]
    fn time(&mut self, ts: i64, flags: u8) -> Option<i64> {
        if ts < self.last_ts || ts >= TIMES.end {
            // Orders of a snapshot carry the time they were placed: the tape's clock stands still for them.
            let is_late = TIMES.contains(&ts) && flags & flag::SNAPSHOT != 0;
            return is_late.then_some(self.last_ts);
        }
        self.last_ts = ts;
        Some(ts)
    }
}

/// What to do with a record that is not the reader's.
enum Skip {
    /// Go on after it.
    Bytes(usize),
    /// Read it again.
    Retry,
}

/// The price of a record in ticks, or that it has none.
#[inline(always)]
fn price_of(raw: i64, grid: &Grid) -> Option<i64> {
    match grid.ticks(raw) {
        None if raw == UNDEFINED => Some(NO_PRICE),
        ticks => ticks,
    }
}

/// Asks for the bytes that will be in work a few records on: a stream of wide records is slower than memory without.
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

/// A record that cannot be taken, by its place in the file.
struct Place {
    record: u64,
    byte: u64,
}

impl Place {
    /// The place of the record at `position` of a block.
    #[cold]
    fn of(block: &[u8], position: usize, origin: Origin) -> Self {
        let (mut record, mut at) = (origin.record, 0);
        while at < position {
            at += 4 * usize::from(block[at]).max(1);
            record += 1;
        }
        Self { record, byte: origin.byte + position as u64 }
    }

    fn error(&self, code: &'static str, field: String, value: i64, expected: String, hint: &'static str) -> Error {
        let at = format!("record {} (byte {})", self.record, self.byte);
        Error::data(Fault::new(code, "tape", field, value.to_string(), expected).at(at).hint(hint))
    }

    #[cold]
    fn off_grid(&self, field: String, raw: i64, grid: &Grid) -> Error {
        let expected = format!("a multiple of the tick ({} x 1e-9) within 2^53 ticks", grid.tick());
        self.error("DBN020", field, raw, expected, "pass tick_size")
    }

    #[cold]
    fn bad_time(&self, ts: i64, last: i64) -> Error {
        if !TIMES.contains(&ts) {
            let expected = "ns since the epoch, 1990..2100".to_owned();
            return self.error("DBN023", "ts".to_owned(), ts, expected, "the record has no such time");
        }
        let expected = format!("at least {last}, the time before it");
        self.error("DBN021", "ts".to_owned(), ts, expected, "pass time=\"receive\"")
    }
}
