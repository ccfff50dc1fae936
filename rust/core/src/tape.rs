//! A tape: the events of one instrument from one source, in memory or streamed from a file.

use std::borrow::Cow;
use std::fmt::Write;

use sha2::{Digest, Sha256};

use crate::decode::dbn::{self, DbnTape};
use crate::error::{Error, Fault, Result};
use crate::events::{Event, EventColumns, Feed, Level, Quality};

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
    /// What the reader flagged or dropped and the events do not show by themselves.
    pub quality: Quality,
    /// The events.
    pub body: Body,
}

impl Tape {
    /// A tape of columns.
    pub fn of_columns(source: &str, symbol: &str, tick_size: f64, lot_size: f64, events: EventColumns) -> Self {
        Self {
            source: source.to_owned(),
            symbol: symbol.to_owned(),
            feed: events.feed(),
            tick_size,
            lot_size,
            quality: Quality::default(),
            body: Body::Columns(events),
        }
    }

    /// The events, where they are in columns.
    ///
    /// # Errors
    /// `Error::Schema` (`EVT010`) for a tape of records.
    pub fn columns(&self) -> Result<&EventColumns> {
        match &self.body {
            Body::Columns(events) => Ok(events),
            Body::Dbn(_) => {
                let fault = Fault::new("EVT010", &self.source, "tape", "records of a file", "events in columns");
                Err(Error::schema(fault))
            }
        }
    }

    /// The events in columns, decoded if they are records; a long file takes as much memory as its records.
    ///
    /// # Errors
    /// The reader's errors, `Error::Interrupted` when `go_on` says no.
    pub fn events(&self, go_on: &mut dyn FnMut() -> bool) -> Result<Cow<'_, EventColumns>> {
        match &self.body {
            Body::Columns(events) => Ok(Cow::Borrowed(events)),
            Body::Dbn(records) => dbn::columns(records, go_on).map(Cow::Owned),
        }
    }

    /// Number of events.
    pub fn len(&self) -> usize {
        match &self.body {
            Body::Columns(events) => events.len(),
            Body::Dbn(records) => records.length as usize,
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// Times of the first and the last event; `None` without events.
    pub fn span(&self) -> Option<(i64, i64)> {
        match &self.body {
            Body::Columns(events) => events.ts.first().copied().zip(events.ts.last().copied()),
            Body::Dbn(records) => Some(records.span),
        }
    }

    /// SHA-256 of the events and of what they are measured in; the name of the source is no part of it.
    ///
    /// # Errors
    /// As `events`.
    pub fn data_hash(&self, go_on: &mut dyn FnMut() -> bool) -> Result<String> {
        let depth_levels = match &self.body {
            Body::Columns(events) => events.depth_levels,
            Body::Dbn(records) => records.layout.levels,
        };
        let mut hash = Sha256::new();
        hash.update(self.tick_size.to_le_bytes());
        hash.update(self.lot_size.to_le_bytes());
        hash.update((self.len() as u64).to_le_bytes());
        hash.update((depth_levels as u64).to_le_bytes());
        let mut take = |event: &Event, levels: &[Level]| {
            let words = [event.ts, event.price, event.size, event.order_id as i64, event.participant as i64];
            for word in words {
                hash.update(word.to_le_bytes());
            }
            hash.update([event.action, event.side, event.flags]);
            for level in levels {
                for word in [level.bid_price, level.bid_size, level.ask_price, level.ask_size] {
                    hash.update(word.to_le_bytes());
                }
            }
        };
        match &self.body {
            Body::Columns(events) => {
                for i in 0..events.len() {
                    take(&events.event(i), events.levels(i));
                }
            }
            Body::Dbn(records) => dbn::for_each(records, go_on, &mut take)?,
        }
        Ok(hash.finalize().iter().fold(String::with_capacity(64), |mut text, byte| {
            // Writing to a string does not fail.
            let _ = write!(text, "{byte:02x}");
            text
        }))
    }
}
