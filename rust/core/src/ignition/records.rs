//! Records of DBN bytes straight into the detector: no intermediate columns.
//!
//! On average one level changes from record to record, so levels are compared as blocks of 32 bytes with the record
//! before, and only changed ones are decoded.

use std::mem::{offset_of, size_of};

use dbn::{BidAskPair, Mbp1Msg, Mbp10Msg, RecordHeader};

use super::{Detector, Stream};
use crate::decode::dbn::DbnTape;
use crate::error::{Error, Fault, Result};
use crate::events::{Depth, Event, Flaw, Grid, LEVELS, Level, NO_PRICE, Quality, flag};

const PAIR: usize = size_of::<BidAskPair>();
const UNDEFINED: i64 = i64::MAX;

#[inline(always)]
fn int64(bytes: &[u8], at: usize) -> i64 {
    let mut word = [0; 8];
    word.copy_from_slice(&bytes[at..at + 8]);
    i64::from_le_bytes(word)
}

#[inline(always)]
fn uint32(bytes: &[u8], at: usize) -> u32 {
    let mut word = [0; 4];
    word.copy_from_slice(&bytes[at..at + 4]);
    u32::from_le_bytes(word)
}

#[inline(always)]
fn block_of(pairs: &[u8], k: usize) -> [u64; 4] {
    std::array::from_fn(|i| int64(pairs, k * PAIR + 8 * i) as u64)
}

/// Fields of a record of market by price, at the same place whatever the number of levels.
#[derive(Debug, Clone)]
pub struct PriceRecords {
    /// Bytes of a record, with what the file appends to each.
    stride: usize,
    levels: usize,
    header: [u8; 2],
    instrument_id: u32,
    ts_at: usize,
    grid: Grid,
    previous: Vec<u8>,
    depth: Depth,
    last_ts: i64,
    /// What was left out.
    pub quality: Quality,
}

impl PriceRecords {
    /// Records of `levels` levels (1 or 10); `by_receive` takes the receive time as the tape's clock, `appended` is
    /// the number of bytes after each record.
    pub fn new(levels: usize, instrument_id: u32, grid: Grid, by_receive: bool, appended: usize) -> Self {
        let (size, rtype) = if levels == LEVELS { (size_of::<Mbp10Msg>(), 0x0a) } else { (size_of::<Mbp1Msg>(), 0x01) };
        let stride = size + appended;
        let ts_at = if by_receive { offset_of!(Mbp1Msg, ts_recv) } else { offset_of!(RecordHeader, ts_event) };
        Self {
            stride,
            levels,
            header: [(stride / 4) as u8, rtype],
            instrument_id,
            ts_at,
            grid,
            previous: vec![0xff; levels * PAIR],
            depth: [Level::EMPTY; LEVELS],
            last_ts: i64::MIN,
            quality: Quality::default(),
        }
    }

    /// Steps the detector over a block of whole, well-framed records.
    ///
    /// # Errors
    /// `Error::Data` with the number of the record in the block for prices off the grid and times that go back.
    pub fn run(&mut self, detector: &mut Detector, block: &[u8]) -> Result<()> {
        match self.levels {
            LEVELS => self.run_levels::<LEVELS>(detector, block),
            _ => self.run_levels::<1>(detector, block),
        }
    }

    fn run_levels<const N: usize>(&mut self, detector: &mut Detector, block: &[u8]) -> Result<()> {
        const LEVELS_AT: usize = offset_of!(Mbp1Msg, levels);
        let mut depth = self.depth;
        let mut last_ts = self.last_ts;
        let grid = self.grid;
        let mut before: &[u8] = &self.previous;
        let mut position = 0;
        while position < block.len() {
            let length = usize::from(block[position]) * 4;
            let record = &block[position..position + length];
            if record[..2] != self.header
                || uint32(record, offset_of!(RecordHeader, instrument_id)) != self.instrument_id
            {
                self.quality.add(if record[1] == self.header[1] { Flaw::OtherInstrument } else { Flaw::OtherRecord });
                position += length;
                continue;
            }
            let pairs = &record[LEVELS_AT..LEVELS_AT + N * PAIR];
            let before_now = &before[..N * PAIR];
            // Compared without branches, so that the loads of a whole record are on their way at once.
            let mut changed = 0_u32;
            for k in 0..N {
                let (new, old) = (block_of(pairs, k), block_of(before_now, k));
                changed |= u32::from(new != old) << k;
            }
            let first_changed = if changed == 0 { LEVELS } else { changed.trailing_zeros() as usize };
            while changed != 0 {
                let k = changed.trailing_zeros() as usize;
                changed &= changed - 1;
                let pair = &pairs[k * PAIR..(k + 1) * PAIR];
                let Some(level) = level_of(pair, &grid) else {
                    return Err(off_grid(pair, position / self.stride, k, &grid));
                };
                depth[k] = level;
            }
            before = pairs;
            let flags = record[offset_of!(Mbp1Msg, flags)];
            let mut ts = int64(record, self.ts_at);
            if ts < last_ts {
                if flags & flag::SNAPSHOT == 0 {
                    return Err(backwards(ts, last_ts, position / self.stride));
                }
                ts = last_ts;
            }
            last_ts = ts;
            let raw = int64(record, offset_of!(Mbp1Msg, price));
            let price = match grid.ticks(raw) {
                Some(price) => price,
                None if raw == UNDEFINED => NO_PRICE,
                None => return Err(off_grid(&record[offset_of!(Mbp1Msg, price)..], position / self.stride, N, &grid)),
            };
            let event = Event {
                ts,
                price,
                size: i64::from(uint32(record, offset_of!(Mbp1Msg, size))),
                order_id: 0,
                participant: 0,
                action: record[offset_of!(Mbp1Msg, action)],
                side: record[offset_of!(Mbp1Msg, side)],
                flags,
            };
            detector.step(&event, first_changed, &depth);
            position += length;
        }
        if before.as_ptr() != self.previous.as_ptr() {
            self.previous = before.to_vec();
        }
        self.depth = depth;
        self.last_ts = last_ts;
        Ok(())
    }
}

/// Steps a stream over the records of a DBN tape and says what the framing left out.
///
/// # Errors
/// The reader's and the records' errors, `Error::Interrupted` when `go_on` says no.
pub fn run_dbn(stream: &mut Stream, tape: &DbnTape, go_on: &mut dyn FnMut() -> bool) -> Result<Quality> {
    let mut blocks = tape.blocks()?;
    let mut records = PriceRecords::new(LEVELS, tape.instrument_id, tape.grid, true, 0);
    while let Some(block) = blocks.next_block()? {
        if !go_on() {
            return Err(Error::Interrupted);
        }
        records.run(stream.detector_mut(), block.records)?;
    }
    Ok(records.quality)
}

#[inline]
fn level_of(pair: &[u8], grid: &Grid) -> Option<Level> {
    let (bid, ask) = (int64(pair, offset_of!(BidAskPair, bid_px)), int64(pair, offset_of!(BidAskPair, ask_px)));
    let bid_size = i64::from(uint32(pair, offset_of!(BidAskPair, bid_sz)));
    let ask_size = i64::from(uint32(pair, offset_of!(BidAskPair, ask_sz)));
    if bid == UNDEFINED || ask == UNDEFINED {
        return level_with_a_hole(bid, ask, bid_size, ask_size, grid);
    }
    Some(Level { bid_price: grid.ticks(bid)?, ask_price: grid.ticks(ask)?, bid_size, ask_size })
}

#[cold]
fn level_with_a_hole(bid: i64, ask: i64, bid_size: i64, ask_size: i64, grid: &Grid) -> Option<Level> {
    let mut level = Level::EMPTY;
    if bid != UNDEFINED {
        (level.bid_price, level.bid_size) = (grid.ticks(bid)?, bid_size);
    }
    if ask != UNDEFINED {
        (level.ask_price, level.ask_size) = (grid.ticks(ask)?, ask_size);
    }
    Some(level)
}

#[cold]
fn off_grid(pair: &[u8], record: usize, level: usize, grid: &Grid) -> Error {
    let raw = int64(pair, 0);
    let raw = if grid.ticks(raw).is_some() || raw == UNDEFINED { int64(pair, 8) } else { raw };
    let field = if level < LEVELS { format!("levels[{level}]") } else { "price".to_owned() };
    Error::data(
        Fault::new(
            "DBN020",
            "tape",
            field,
            raw.to_string(),
            format!("a multiple of the tick ({} x 1e-9)", grid.tick()),
        )
        .at(format!("record {record} of its block"))
        .hint("pass tick_size"),
    )
}

#[cold]
fn backwards(ts: i64, last: i64, record: usize) -> Error {
    Error::data(
        Fault::new("DBN021", "tape", "ts", ts.to_string(), format!("at least {last}, the time before it"))
            .at(format!("record {record} of its block"))
            .hint("pass time=\"receive\""),
    )
}
