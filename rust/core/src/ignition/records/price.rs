//! Records of market by price: the best levels come with every record.
//!
//! On average one level changes from record to record, so levels are compared as blocks of 32 bytes with the record
//! before, and only changed ones are decoded.

use std::mem::{offset_of, size_of};

use dbn::{BboMsg, BidAskPair, Mbp1Msg, Mbp10Msg, RecordHeader, rtype};

use super::{Frame, HEADER_MASK, Origin, Place, Skip, UNDEFINED, fetch_ahead, half, price_of, word};
use crate::decode::dbn::Schema;
use crate::error::{Error, Result};
use crate::events::{Depth, Event, Grid, LEVELS, Level, action, flag};
use crate::ignition::Detector;

const PAIR: usize = size_of::<BidAskPair>();
const HEAD: usize = offset_of!(Mbp1Msg, levels);
const WIDE: usize = size_of::<Mbp10Msg>();
const NARROW: usize = size_of::<Mbp1Msg>();
// One layout whatever the schema and the number of levels.
const _: () = assert!(offset_of!(Mbp10Msg, levels) == HEAD && offset_of!(BboMsg, levels) == HEAD);
const _: () = assert!(offset_of!(Mbp10Msg, ts_recv) == offset_of!(BboMsg, ts_recv));
const _: () = assert!(size_of::<BboMsg>() == NARROW && WIDE == HEAD + LEVELS * PAIR && NARROW == HEAD + PAIR);

/// What a record of one level stands for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    /// An event and the book after it.
    Event,
    /// A trade and the book before it (TBBO). Its flags are the trade's, which its own change of the book follows,
    /// but no record of that follows here: each record is whole.
    Trade,
    /// The book at the end of an interval (BBO). The last trade that comes with it may be hours old and is one of
    /// many: no volume is counted. The time is the interval's end; that the record is a snapshot is no interruption.
    Interval,
}

/// Steps a detector over records of market by price.
#[derive(Debug, Clone)]
pub struct PriceRecords {
    pub(super) frame: Frame,
    is_wide: bool,
    kind: Kind,
    by_receive: bool,
    grid: Grid,
    /// Levels of the last record; none before the first and after one that could not be taken.
    previous: Option<[[u8; PAIR]; LEVELS]>,
    depth: Depth,
}

impl PriceRecords {
    /// Records of MBP-10, MBP-1, TBBO or BBO; `by_receive` and `appended` as `Records::new` takes them.
    pub fn new(schema: Schema, instrument_id: u32, grid: Grid, by_receive: bool, appended: usize) -> Self {
        let is_wide = schema == Schema::Mbp10;
        let (kind, rtype) = match schema {
            Schema::Mbp10 => (Kind::Event, rtype::MBP_10),
            Schema::Tbbo => (Kind::Trade, rtype::MBP_1),
            Schema::Bbo => (Kind::Interval, rtype::BBO_1S),
            _ => (Kind::Event, rtype::MBP_1),
        };
        let stride = if is_wide { WIDE } else { NARROW } + appended;
        Self {
            frame: Frame::new(stride, rtype, instrument_id),
            is_wide,
            kind,
            by_receive: by_receive || kind == Kind::Interval,
            grid,
            previous: None,
            depth: [Level::EMPTY; LEVELS],
        }
    }

    /// Steps the detector over a block of whole, well-framed records.
    ///
    /// # Errors
    /// As `Records::run`.
    #[inline]
    pub fn run(&mut self, detector: &mut Detector, block: &[u8], origin: Origin) -> Result<()> {
        if self.is_wide {
            self.run_levels::<LEVELS, WIDE>(detector, block, origin)
        } else {
            self.run_levels::<1, NARROW>(detector, block, origin)
        }
    }

    #[inline]
    fn run_levels<const N: usize, const SIZE: usize>(
        &mut self,
        detector: &mut Detector,
        block: &[u8],
        origin: Origin,
    ) -> Result<()> {
        let Self { frame, kind, by_receive, grid, previous, depth, .. } = self;
        let (kind, grid) = (*kind, *grid);
        let ts_at = if *by_receive { offset_of!(Mbp1Msg, ts_recv) } else { offset_of!(RecordHeader, ts_event) };
        let mut before = previous.as_ref().and_then(|levels| levels.first_chunk::<N>());
        let mut position = 0;
        let failed = 'records: loop {
            let rest = block.get(position..).unwrap_or_default();
            if rest.is_empty() {
                break None;
            }
            fetch_ahead::<SIZE>(rest);
            let record = rest.first_chunk::<SIZE>();
            let Some(record) = record.filter(|record| word(record, 0) as u64 & HEADER_MASK == frame.header) else {
                if let Skip::Bytes(length) = frame.skip(rest) {
                    position += length;
                }
                continue;
            };
            let Some(pairs) = record[HEAD..].as_chunks().0.first_chunk::<N>() else { break None };
            // Compared without branches, so that the loads of a whole record are on their way at once.
            let mut changed = 0_u32;
            match before {
                Some(before) => {
                    for k in 0..N {
                        changed |= u32::from(pairs[k] != before[k]) << k;
                    }
                }
                None => changed = (1 << N) - 1,
            }
            before = None;
            let mut left = changed;
            while left != 0 {
                let k = left.trailing_zeros() as usize;
                left &= left - 1;
                let (Some(pair), Some(level)) = (pairs.get(k), depth.get_mut(k)) else { break };
                if !decode(pair, &grid, level) {
                    break 'records Some(off_grid(pair, k, &grid, &Place::of(block, position, origin)));
                }
            }
            let mut flags = record[offset_of!(Mbp1Msg, flags)];
            let mut action = record[offset_of!(Mbp1Msg, action)];
            if N == 1 && kind != Kind::Event {
                flags |= flag::LAST;
                if kind == Kind::Interval {
                    flags &= flag::LAST | flag::MAYBE_BAD_BOOK;
                    action = action::NONE;
                }
            }
            let raw = word(record, offset_of!(Mbp1Msg, price));
            let Some(price) = price_of(raw, &grid) else {
                break Some(Place::of(block, position, origin).off_grid("price".to_owned(), raw, &grid));
            };
            let raw_ts = word(record, ts_at);
            let Some(ts) = frame.time(raw_ts, flags) else {
                break Some(Place::of(block, position, origin).bad_time(raw_ts, frame.last_ts));
            };
            let event = Event {
                ts,
                price,
                size: half(record, offset_of!(Mbp1Msg, size)),
                order_id: 0,
                participant: 0,
                action,
                side: record[offset_of!(Mbp1Msg, side)],
                flags,
            };
            detector.step_changed(&event, changed, depth);
            before = Some(pairs);
            position += frame.stride;
        };
        *previous = before.map(|pairs| std::array::from_fn(|k| pairs.get(k).copied().unwrap_or_default()));
        failed.map_or(Ok(()), Err)
    }
}

#[inline(always)]
fn prices(pair: &[u8; PAIR]) -> [i64; 2] {
    [word(pair, offset_of!(BidAskPair, bid_px)), word(pair, offset_of!(BidAskPair, ask_px))]
}

#[inline(always)]
fn sizes(pair: &[u8; PAIR]) -> [i64; 2] {
    [half(pair, offset_of!(BidAskPair, bid_sz)), half(pair, offset_of!(BidAskPair, ask_sz))]
}

/// Decodes a level; says no when a price is off the grid.
#[inline(always)]
fn decode(pair: &[u8; PAIR], grid: &Grid, level: &mut Level) -> bool {
    let [bid, ask] = prices(pair);
    if bid == UNDEFINED || ask == UNDEFINED {
        return decode_hole(pair, grid, level);
    }
    let (Some(bid), Some(ask)) = (grid.ticks(bid), grid.ticks(ask)) else { return false };
    // Field by field: a copy of the whole would wait for the stores of its parts.
    [level.bid_price, level.ask_price] = [bid, ask];
    [level.bid_size, level.ask_size] = sizes(pair);
    true
}

/// The same for a level that misses a side.
#[cold]
#[inline(never)]
fn decode_hole(pair: &[u8; PAIR], grid: &Grid, level: &mut Level) -> bool {
    let ([bid, ask], [bid_size, ask_size]) = (prices(pair), sizes(pair));
    *level = Level::EMPTY;
    if bid != UNDEFINED {
        let Some(price) = grid.ticks(bid) else { return false };
        (level.bid_price, level.bid_size) = (price, bid_size);
    }
    if ask != UNDEFINED {
        let Some(price) = grid.ticks(ask) else { return false };
        (level.ask_price, level.ask_size) = (price, ask_size);
    }
    true
}

#[cold]
fn off_grid(pair: &[u8; PAIR], k: usize, grid: &Grid, place: &Place) -> Error {
    let [bid, ask] = prices(pair);
    let is_bid = grid.ticks(bid).is_none() && bid != UNDEFINED;
    let (field, raw) = if is_bid { ("bid_px", bid) } else { ("ask_px", ask) };
    place.off_grid(format!("levels[{k}].{field}"), raw, grid)
}
