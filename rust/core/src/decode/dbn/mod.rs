//! Databento Binary Encoding (DBN): strict framing of records whose layouts are those of the `dbn` crate.
//!
//! A file is metadata and records, as they are or in zstd frames. The vendor's decoder accepts a file that ends
//! anywhere; this one knows only whole records of the lengths and types of the format. What it cannot see: the format
//! has no mark of its end, so an uncompressed file that was cut between two records is a shorter file.

mod frames;
mod input;
mod layout;
mod metadata;
mod read;

use std::fmt;
use std::sync::Arc;

pub use frames::Blocks;
pub use input::Encoded;
pub use layout::{Layout, NO_FIXED_PRICE, PRICE_SCALE};
pub use read::{Options, Others, columns, for_each, read};

use crate::error::{Error, Fault, Result};
use crate::events::{Feed, Grid, LEVELS};

/// Which records a tape is made of.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Schema {
    /// Market by order.
    Mbo,
    /// Market by price, ten levels.
    Mbp10,
    /// Market by price, one level.
    Mbp1,
    /// Trades with the best bid and offer before them.
    Tbbo,
    /// Trades.
    Trades,
    /// Best bid and offer every second.
    Bbo1s,
    /// Best bid and offer every minute.
    Bbo1m,
}

impl Schema {
    const ALL: [Self; 7] = [Self::Mbo, Self::Mbp10, Self::Mbp1, Self::Tbbo, Self::Trades, Self::Bbo1s, Self::Bbo1m];

    /// The name of the vendor.
    pub fn name(self) -> &'static str {
        match self {
            Self::Mbo => "mbo",
            Self::Mbp10 => "mbp-10",
            Self::Mbp1 => "mbp-1",
            Self::Tbbo => "tbbo",
            Self::Trades => "trades",
            Self::Bbo1s => "bbo-1s",
            Self::Bbo1m => "bbo-1m",
        }
    }

    /// The schema of a name of the vendor; `None` when its records are not used.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|schema| schema.name() == name)
    }

    /// How the records describe the book; no levels at all for trades.
    pub fn feed(self) -> Feed {
        match self {
            Self::Mbo => Feed::Orders,
            Self::Mbp10 => Feed::Depth(LEVELS),
            Self::Mbp1 | Self::Tbbo | Self::Bbo1s | Self::Bbo1m => Feed::Depth(1),
            Self::Trades => Feed::Depth(0),
        }
    }
}

/// Which of the times of a record is the tape's clock.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Clock {
    /// When the vendor's server received it: never goes back.
    #[default]
    Receive,
    /// When the venue's matching engine received it.
    Event,
}

/// Where a record is in the decoded file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position {
    /// Number of the record, from 0.
    pub record: u64,
    /// Its first byte, counted from the beginning of the metadata.
    pub byte: u64,
}

impl fmt::Display for Position {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "record {} @ byte {}", self.record, self.byte)
    }
}

/// Consecutive records of a tape that are consecutive in the file too.
#[derive(Debug, Clone, Copy)]
struct Run {
    /// Number of the first in the tape or the block.
    index: usize,
    /// Where it is in the file.
    position: Position,
}

/// Where a record is, from the runs before it.
fn position_in(runs: &[Run], index: usize, stride: usize) -> Position {
    let k = runs.partition_point(|run| run.index <= index);
    let Some(run) = k.checked_sub(1).and_then(|k| runs.get(k)) else { return Position::default() };
    let after = (index - run.index) as u64;
    Position { record: run.position.record + after, byte: run.position.byte + after * stride as u64 }
}

/// Whole records of the tape's schema and instrument, one after the other; every one has been checked: length, type,
/// instrument, a time within `events::TIMES`, a known action and side. Records of others have been left out.
#[derive(Debug, Clone, Copy)]
pub struct Block<'a> {
    /// The records, each `Layout::stride` bytes.
    pub records: &'a [u8],
    first: usize,
    stride: usize,
    runs: &'a [Run],
}

impl Block<'_> {
    /// Where record `i` of the block is in the decoded file.
    pub fn position(&self, i: usize) -> Position {
        position_in(self.runs, self.first + i, self.stride)
    }
}

/// Records in memory.
#[derive(Debug, Clone)]
pub struct Records {
    bytes: Vec<u8>,
    runs: Vec<Run>,
}

/// Where the bytes are.
#[derive(Debug, Clone)]
pub enum Source {
    /// Decoded and checked.
    Memory(Arc<Records>),
    /// Decoded, and checked, again on every pass.
    Encoded(Encoded),
}

/// The records of one instrument in a DBN file.
#[derive(Debug, Clone)]
pub struct DbnTape {
    /// Kind of the records.
    pub schema: Schema,
    /// Where their fields are.
    pub layout: Layout,
    /// Which time is the clock.
    pub clock: Clock,
    /// Instrument whose records are used.
    pub instrument_id: u32,
    /// Price units (1e-9) to ticks.
    pub grid: Grid,
    /// Whether the tick was derived from the prices of the first records: a later price may be off the grid.
    pub is_tick_derived: bool,
    /// Number of the records of the instrument.
    pub length: u64,
    /// Times of the first and the last of them.
    pub span: (i64, i64),
    /// The records.
    pub source: Source,
    /// File or argument, as errors name it.
    name: Arc<str>,
    rules: frames::Rules,
}

impl DbnTape {
    /// A reader of whole, checked records from the beginning. Compressed files are decoded on a thread that ends with
    /// the reader.
    ///
    /// # Errors
    /// Those of opening the file.
    pub fn blocks(&self) -> Result<Blocks<'_>> {
        Blocks::new(self)
    }

    /// The error of a price that is no multiple of the tick.
    #[cold]
    pub fn off_grid(&self, position: Position, field: &str, price: i64) -> Error {
        let expected = format!("a multiple of the tick, {} x 1e-9, within 2^53 ticks of zero", self.grid.tick());
        let hint = if self.is_tick_derived {
            "the tick was derived from the first prices, pass tick_size"
        } else {
            "pass another tick_size"
        };
        let found = fault("DBN030", &self.name, field, price.to_string(), expected);
        Error::data(found.at(position.to_string()).hint(hint))
    }

    /// Whether the records are in memory; if not, every pass reads the file.
    pub fn is_in_memory(&self) -> bool {
        matches!(self.source, Source::Memory(_))
    }

    /// File or argument, as errors name it.
    pub fn name(&self) -> &str {
        &self.name
    }
}

/// A fault of a file; what a file says may hold line breaks, which errors must not.
#[cold]
fn fault(code: &'static str, name: &str, field: &str, value: impl Into<String>, expected: impl Into<String>) -> Fault {
    let value: String = value.into();
    let value: String = value.chars().take(80).map(|c| if c.is_control() { '\u{fffd}' } else { c }).collect();
    Fault::new(code, name, field, value, expected)
}
