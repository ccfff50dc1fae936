//! Records of market by order: the book is rebuilt from them.

use std::mem::{offset_of, size_of};

use dbn::{MboMsg, RecordHeader, rtype};

use super::{Frame, HEADER_MASK, Origin, Place, Skip, fetch_ahead, half, price_of, word};
use crate::error::Result;
use crate::events::{Event, Grid};
use crate::ignition::Stream;
use crate::orderbook::OrderBook;

const SIZE: usize = size_of::<MboMsg>();

/// Steps a stream over records of market by order.
#[derive(Debug, Clone)]
pub struct OrderRecords {
    pub(super) frame: Frame,
    by_receive: bool,
    grid: Grid,
}

impl OrderRecords {
    /// A reader; `by_receive` and `appended` as `Records::new` takes them.
    pub fn new(instrument_id: u32, grid: Grid, by_receive: bool, appended: usize) -> Self {
        Self { frame: Frame::new(SIZE + appended, rtype::MBO, instrument_id), by_receive, grid }
    }

    /// Steps the stream over a block of whole, well-framed records.
    ///
    /// # Errors
    /// As `Records::run`.
    #[inline]
    pub fn run(&mut self, stream: &mut Stream, block: &[u8], origin: Origin) -> Result<()> {
        let Some((book, detector)) = stream.orders_mut() else { return Ok(()) };
        let Self { frame, by_receive, grid } = self;
        let grid = *grid;
        let ts_at = if *by_receive { offset_of!(MboMsg, ts_recv) } else { offset_of!(RecordHeader, ts_event) };
        let mut position = 0;
        loop {
            let rest = block.get(position..).unwrap_or_default();
            if rest.is_empty() {
                return Ok(());
            }
            fetch_ahead::<SIZE>(rest);
            let record = rest.first_chunk::<SIZE>();
            let Some(record) = record.filter(|record| word(record, 0) as u64 & HEADER_MASK == frame.header) else {
                if let Skip::Bytes(length) = frame.skip(rest) {
                    position += length;
                }
                continue;
            };
            let flags = record[offset_of!(MboMsg, flags)];
            let raw = word(record, offset_of!(MboMsg, price));
            let Some(price) = price_of(raw, &grid) else {
                return Err(Place::of(block, position, origin).off_grid("price".to_owned(), raw, &grid));
            };
            let raw_ts = word(record, ts_at);
            let Some(ts) = frame.time(raw_ts, flags) else {
                return Err(Place::of(block, position, origin).bad_time(raw_ts, frame.last_ts));
            };
            let event = Event {
                ts,
                price,
                size: half(record, offset_of!(MboMsg, size)),
                order_id: word(record, offset_of!(MboMsg, order_id)) as u64,
                participant: 0,
                action: record[offset_of!(MboMsg, action)],
                side: record[offset_of!(MboMsg, side)],
                flags,
            };
            let first = book.apply(&event);
            detector.step(&event, first, book.depth());
            position += frame.stride;
        }
    }
}
