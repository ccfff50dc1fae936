//! Records of market by price: the best levels come with every record.
//!
//! On average one level changes from record to record, so levels are compared as blocks of 32 bytes with the record
//! before, and only changed ones are decoded.

use std::mem::{offset_of, size_of};

use dbn::{BidAskPair, Mbp1Msg, Mbp10Msg};

use super::{BadRecord, Times, fetch_ahead, half, price_of, word};
use crate::decode::dbn::{Layout, NO_FIXED_PRICE, Schema};
use crate::events::{Depth, Event, Grid, LEVELS, Level, action, flag};
use crate::ignition::Detector;

const PAIR: usize = size_of::<BidAskPair>();
const HEAD: usize = offset_of!(Mbp1Msg, levels);
const WIDE: usize = size_of::<Mbp10Msg>();
const NARROW: usize = size_of::<Mbp1Msg>();
const _: () = assert!(WIDE == HEAD + LEVELS * PAIR && NARROW == HEAD + PAIR);

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
    stride: usize,
    is_wide: bool,
    kind: Kind,
    by_receive: bool,
    grid: Grid,
    times: Times,
    /// Levels of the last record; none before the first and after one that could not be taken.
    previous: Option<[[u8; PAIR]; LEVELS]>,
    depth: Depth,
}

impl PriceRecords {
    /// A reader of records of MBP-10, MBP-1, TBBO or BBO.
    pub fn new(schema: Schema, layout: &Layout, grid: Grid) -> Self {
        let kind = match schema {
            Schema::Tbbo => Kind::Trade,
            Schema::Bbo1s | Schema::Bbo1m => Kind::Interval,
            _ => Kind::Event,
        };
        Self {
            stride: layout.stride,
            is_wide: layout.levels == LEVELS,
            kind,
            // The event's time of an interval is that of its last trade.
            by_receive: layout.ts_at == offset_of!(Mbp1Msg, ts_recv) || kind == Kind::Interval,
            grid,
            times: Times::new(),
            previous: None,
            depth: [Level::EMPTY; LEVELS],
        }
    }

    /// Steps the detector over whole, checked records.
    ///
    /// # Errors
    /// As `Records::run`.
    #[inline]
    pub fn run(&mut self, detector: &mut Detector, records: &[u8]) -> Result<(), Box<BadRecord>> {
        if self.is_wide {
            self.run_levels::<LEVELS, WIDE>(detector, records)
        } else {
            self.run_levels::<1, NARROW>(detector, records)
        }
    }

    #[inline]
    fn run_levels<const N: usize, const SIZE: usize>(
        &mut self,
        detector: &mut Detector,
        records: &[u8],
    ) -> Result<(), Box<BadRecord>> {
        let Self { stride, kind, by_receive, grid, times, previous, depth, .. } = self;
        let (stride, kind, by_receive, grid) = (*stride, *kind, *by_receive, *grid);
        let mut before = previous.as_ref().and_then(|levels| levels.first_chunk::<N>());
        let mut rest = records;
        let mut outcome = Ok(());
        'records: while let Some(record) = rest.first_chunk::<SIZE>() {
            fetch_ahead::<SIZE>(rest);
            let index = || (records.len() - rest.len()) / stride;
            let Some(pairs) = record[HEAD..].as_chunks().0.first_chunk::<N>() else { break };
            // Compared without branches, so that the loads of a whole record are on their way at once.
            let mut changed = 0_u32;
            match before.take() {
                Some(before) => {
                    for k in 0..N {
                        changed |= u32::from(pairs[k] != before[k]) << k;
                    }
                }
                None => changed = (1 << N) - 1,
            }
            let mut left = changed;
            while left != 0 {
                let k = left.trailing_zeros() as usize;
                left &= left - 1;
                let (Some(pair), Some(level)) = (pairs.get(k), depth.get_mut(k)) else { break };
                if !decode(pair, &grid, level) {
                    outcome = Err(off_grid(index(), pair, k, &grid));
                    break 'records;
                }
            }
            let raw = word(record, offset_of!(Mbp1Msg, price));
            let Some(price) = price_of(raw, &grid) else {
                outcome = Err(BadRecord::off_grid(index(), "price", raw));
                break;
            };
            let mut flags = record[offset_of!(Mbp1Msg, flags)];
            let mut action = record[offset_of!(Mbp1Msg, action)];
            if N == 1 && kind != Kind::Event {
                flags |= flag::LAST;
                if kind == Kind::Interval {
                    flags &= flag::LAST | flag::MAYBE_BAD_BOOK;
                    action = action::NONE;
                }
            }
            let at = if by_receive { offset_of!(Mbp1Msg, ts_recv) } else { offset_of!(Mbp1Msg, hd.ts_event) };
            let at = word(record, at);
            let Some(ts) = times.at(at, flags) else {
                outcome = Err(BadRecord::backwards(index(), at, times.last));
                break;
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
            detector.step_changed::<true>(&event, changed, depth);
            before = Some(pairs);
            rest = rest.get(stride..).unwrap_or_default();
        }
        *previous = before.map(|pairs| std::array::from_fn(|k| pairs.get(k).copied().unwrap_or_default()));
        outcome
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
    if bid == NO_FIXED_PRICE || ask == NO_FIXED_PRICE {
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
    if bid != NO_FIXED_PRICE {
        let Some(price) = grid.ticks(bid) else { return false };
        (level.bid_price, level.bid_size) = (price, bid_size);
    }
    if ask != NO_FIXED_PRICE {
        let Some(price) = grid.ticks(ask) else { return false };
        (level.ask_price, level.ask_size) = (price, ask_size);
    }
    true
}

#[cold]
fn off_grid(index: usize, pair: &[u8; PAIR], k: usize, grid: &Grid) -> Box<BadRecord> {
    let [bid, ask] = prices(pair);
    let is_bid = grid.ticks(bid).is_none() && bid != NO_FIXED_PRICE;
    let (field, price) = if is_bid { ("bid_px", bid) } else { ("ask_px", ask) };
    BadRecord::off_grid(index, format!("levels[{k}].{field}"), price)
}
