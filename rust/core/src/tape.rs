//! A tape: the events of one instrument from one source, in memory or streamed from a file.

use crate::decode::dbn::DbnTape;
use crate::events::{EventColumns, Feed, Quality};

/// Where the events of a tape are.
#[derive(Debug, Clone)]
pub enum Body {
    /// In memory, in columns.
    Columns(EventColumns),
    /// Records of a DBN file, in memory or read again on every pass.
    Dbn(DbnTape),
}

/// The events of one instrument.
#[derive(Debug, Clone)]
pub struct Tape {
    /// File or argument, as errors name it.
    pub source: String,
    /// Instrument as the feed names it; empty when unknown.
    pub symbol: String,
    /// How the events describe the book.
    pub feed: Feed,
    /// One tick in units of the price's currency.
    pub tick_size: f64,
    /// One lot in units of the instrument (contracts, shares, coins).
    pub lot_size: f64,
    /// What the reader flagged or dropped.
    pub quality: Quality,
    /// The events.
    pub body: Body,
}
