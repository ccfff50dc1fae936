//! Records of market by order: the book is rebuilt from them.

use std::mem::{offset_of, size_of};

use dbn::MboMsg;

use super::{BadRecord, Times, fetch_ahead, half, price_of, word};
use crate::decode::dbn::Layout;
use crate::events::{Event, Grid};
use crate::ignition::Stream;
use crate::orderbook::OrderBook;

const SIZE: usize = size_of::<MboMsg>();

/// Steps a stream over records of market by order.
#[derive(Debug, Clone)]
pub struct OrderRecords {
    stride: usize,
    by_receive: bool,
    grid: Grid,
    times: Times,
}

impl OrderRecords {
    /// A reader of records of a layout.
    pub fn new(layout: &Layout, grid: Grid) -> Self {
        let by_receive = layout.ts_at == offset_of!(MboMsg, ts_recv);
        Self { stride: layout.stride, by_receive, grid, times: Times::new() }
    }

    /// Steps the stream over whole, checked records; nothing happens if its feed is another.
    ///
    /// # Errors
    /// As `Records::run`.
    #[inline]
    pub fn run(&mut self, stream: &mut Stream, records: &[u8]) -> Result<(), Box<BadRecord>> {
        let Some((book, detector)) = stream.orders_mut() else { return Ok(()) };
        let Self { stride, by_receive, grid, times } = self;
        let (stride, by_receive, grid) = (*stride, *by_receive, *grid);
        let mut rest = records;
        while let Some(record) = rest.first_chunk::<SIZE>() {
            fetch_ahead::<SIZE>(rest);
            let index = || (records.len() - rest.len()) / stride;
            let raw = word(record, offset_of!(MboMsg, price));
            let Some(price) = price_of(raw, &grid) else {
                return Err(BadRecord::off_grid(index(), "price", raw));
            };
            let flags = record[offset_of!(MboMsg, flags)];
            let at =
                word(record, if by_receive { offset_of!(MboMsg, ts_recv) } else { offset_of!(MboMsg, hd.ts_event) });
            let Some(ts) = times.at(at, flags) else {
                return Err(BadRecord::backwards(index(), at, times.last));
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
            rest = rest.get(stride..).unwrap_or_default();
        }
        Ok(())
    }
}
