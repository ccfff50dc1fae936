//! A detector that a caller feeds: event by event, or by single records of Databento's binary encoding.

use std::mem::{offset_of, size_of};

use dbn::{BidAskPair, MboMsg, Mbp1Msg, Mbp10Msg, RecordHeader, rtype};
use serde::{Deserialize, Serialize};

use super::{IgnitionConfig, Stream};
use crate::error::{Error, Fault, Result};
use crate::events::{Event, Feed, Grid, LEVELS, Level, NO_PRICE};

/// Price of a record that has none.
const UNDEFINED: i64 = i64::MAX;

/// A time stamp that is appended to records of a live feed.
const APPENDED: usize = 8;

/// How records are read.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Rules {
    /// One tick in units of 1e-9.
    tick: i64,
    by_receive: bool,
    instrument: Option<u32>,
}

/// A stream, and how records become its events.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Live {
    /// The detector behind its book.
    pub stream: Stream,
    feed: Feed,
    rules: Option<Rules>,
}

impl Live {
    /// A detector for a feed; `tick_size` is that of records, in the price's currency.
    ///
    /// # Errors
    /// `Error::Config` for a configuration that breaks a rule, and `IGN030` for a tick that is not a whole number of
    /// 1e-9 units.
    pub fn new(config: IgnitionConfig, feed: Feed, tick_size: Option<f64>, by_receive: bool) -> Result<Self> {
        let rules = match tick_size {
            None => None,
            Some(tick_size) => {
                let tick = libm::round(tick_size * 1e9);
                if !((1.0..9e18).contains(&tick) && (tick * 1e-9 - tick_size).abs() <= 1e-12 * tick_size) {
                    let expected = "a positive whole number of 1e-9 units";
                    let fault = Fault::new("IGN030", "IgnitionDetector", "tick_size", tick_size.to_string(), expected);
                    return Err(Error::config(fault));
                }
                Some(Rules { tick: tick as i64, by_receive, instrument: None })
            }
        };
        Ok(Self { stream: Stream::new(config, feed)?.with_timeline(), feed, rules })
    }

    /// How the events describe the book.
    pub fn feed(&self) -> Feed {
        self.feed
    }

    /// One record: market by order for a feed of orders, market by price (1 or 10 levels) for one of depths.
    ///
    /// # Errors
    /// `Error::Decode` (`IGN031`) for bytes that are no such record, `Error::Data` for another instrument than that of
    /// the first record (`IGN032`) and for a price off the grid (`IGN033`), `Error::Config` (`IGN034`) without a tick;
    /// else those of `Stream::event`. The detector is unchanged then.
    #[inline]
    pub fn record(&mut self, record: &[u8]) -> Result<()> {
        let Some(rules) = self.rules else { return Err(no_tick()) };
        let (kind, size) = match (record.get(1).copied(), self.feed) {
            (Some(rtype::MBO), Feed::Orders) => (rtype::MBO, size_of::<MboMsg>()),
            (Some(rtype::MBP_1), Feed::Depth(_)) => (rtype::MBP_1, size_of::<Mbp1Msg>()),
            (Some(rtype::MBP_10), Feed::Depth(_)) => (rtype::MBP_10, size_of::<Mbp10Msg>()),
            _ => return Err(self.no_record(record)),
        };
        let is_framed = usize::from(record[0]) * 4 == record.len();
        if !is_framed || (record.len() != size && record.len() != size + APPENDED) {
            return Err(self.no_record(record));
        }
        let instrument = half(record, offset_of!(RecordHeader, instrument_id));
        if rules.instrument.is_some_and(|known| known != instrument) {
            return Err(self.other_instrument(instrument));
        }
        let Some(grid) = Grid::new(rules.tick) else { return Err(no_tick()) };
        if kind == rtype::MBO {
            let event = Event {
                ts: word(record, ts_at(rules.by_receive, offset_of!(MboMsg, ts_recv))),
                price: self.price(record, offset_of!(MboMsg, price), "price", &grid)?,
                size: i64::from(half(record, offset_of!(MboMsg, size))),
                order_id: word(record, offset_of!(MboMsg, order_id)) as u64,
                participant: 0,
                action: record[offset_of!(MboMsg, action)],
                side: record[offset_of!(MboMsg, side)],
                flags: record[offset_of!(MboMsg, flags)],
            };
            self.stream.event(&event, &[])?;
        } else {
            let event = Event {
                ts: word(record, ts_at(rules.by_receive, offset_of!(Mbp1Msg, ts_recv))),
                price: self.price(record, offset_of!(Mbp1Msg, price), "price", &grid)?,
                size: i64::from(half(record, offset_of!(Mbp1Msg, size))),
                order_id: 0,
                participant: 0,
                action: record[offset_of!(Mbp1Msg, action)],
                side: record[offset_of!(Mbp1Msg, side)],
                flags: record[offset_of!(Mbp1Msg, flags)],
            };
            let mut levels = [Level::EMPTY; LEVELS];
            let n = if kind == rtype::MBP_10 { LEVELS } else { 1 };
            let pairs = record[offset_of!(Mbp1Msg, levels)..].chunks_exact(size_of::<BidAskPair>());
            for (level, pair) in levels[..n].iter_mut().zip(pairs) {
                let bid = self.price(pair, offset_of!(BidAskPair, bid_px), "levels", &grid)?;
                let ask = self.price(pair, offset_of!(BidAskPair, ask_px), "levels", &grid)?;
                if bid != NO_PRICE {
                    (level.bid_price, level.bid_size) = (bid, half(pair, offset_of!(BidAskPair, bid_sz)).into());
                }
                if ask != NO_PRICE {
                    (level.ask_price, level.ask_size) = (ask, half(pair, offset_of!(BidAskPair, ask_sz)).into());
                }
            }
            self.stream.event(&event, &levels[..n])?;
        }
        if rules.instrument.is_none() {
            self.rules = Some(Rules { instrument: Some(instrument), ..rules });
        }
        Ok(())
    }

    #[inline(always)]
    fn price(&self, record: &[u8], at: usize, field: &str, grid: &Grid) -> Result<i64> {
        let raw = word(record, at);
        if raw == UNDEFINED {
            return Ok(NO_PRICE);
        }
        grid.ticks(raw).ok_or_else(|| self.off_grid(field, raw, grid))
    }

    fn fault(&self, code: &'static str, field: &str, value: String, expected: String) -> Fault {
        Fault::new(code, "record", field, value, expected).at(self.stream.detector().events().to_string())
    }

    #[cold]
    fn no_record(&self, record: &[u8]) -> Error {
        let value = match record {
            [length, kind, ..] => {
                format!("{} bytes that say {} of type 0x{kind:02x}", record.len(), usize::from(*length) * 4)
            }
            _ => format!("{} bytes", record.len()),
        };
        let expected = match self.feed {
            Feed::Orders => "one record of market by order (0xa0)",
            Feed::Levels => "no records: a feed of levels takes events",
            Feed::Depth(_) => "one record of market by price (0x01, 0x0a)",
        };
        Error::decode(self.fault("IGN031", "length", value, expected.to_owned()))
    }

    #[cold]
    fn other_instrument(&self, instrument: u32) -> Error {
        let known = self.rules.and_then(|rules| rules.instrument).unwrap_or(0);
        let expected = format!("{known}, that of the first record");
        let fault = self.fault("IGN032", "instrument_id", instrument.to_string(), expected);
        Error::data(fault.hint("make one detector for each instrument"))
    }

    #[cold]
    fn off_grid(&self, field: &str, raw: i64, grid: &Grid) -> Error {
        let expected = format!("a multiple of the tick ({} x 1e-9)", grid.tick());
        Error::data(self.fault("IGN033", field, raw.to_string(), expected))
    }
}

#[cold]
fn no_tick() -> Error {
    Error::config(Fault::new("IGN034", "IgnitionDetector", "tick_size", "None", "the tick of the records' prices"))
}

#[inline(always)]
fn ts_at(by_receive: bool, receive: usize) -> usize {
    if by_receive { receive } else { offset_of!(RecordHeader, ts_event) }
}

#[inline(always)]
fn word(bytes: &[u8], at: usize) -> i64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    i64::from_le_bytes(word)
}

#[inline(always)]
fn half(bytes: &[u8], at: usize) -> u32 {
    let mut half = [0; 4];
    half.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(half)
}
