//! Bytes as events of an order book: the fast books against the plain ones, and through their written form.
#![no_main]

use alvh_core::events::{Event, LEVELS, NO_PRICE};
use alvh_core::orderbook::naive::Naive;
use alvh_core::orderbook::{Levels, OrderBook, Orders};
use libfuzzer_sys::fuzz_target;

/// Prices and sizes at the edges of what is taken.
const EDGES: [i64; 8] = [i64::MIN, NO_PRICE, 0, -1, 1 << 53, -(1 << 53), (1 << 53) + 1, 1 << 32];

fn event(bytes: &[u8; 8]) -> Event {
    let [action, side, flags, kind, price, size, id, more] = *bytes;
    let near = i64::from(price) << (8 * (kind & 3));
    Event {
        ts: 0,
        price: if kind & 0x80 != 0 { EDGES[usize::from(price % 8)] } else { near - i64::from(more) },
        size: if kind & 0x40 != 0 { EDGES[usize::from(size % 8)] } else { i64::from(size) },
        order_id: u64::from(id) << (kind & 0x3c),
        participant: 0,
        action: b"ACMTFRNHOXACM"[usize::from(action) % 13],
        side: if side > 250 { side } else { b"BA"[usize::from(side & 1)] },
        flags: if flags > 240 { flags } else { 0x80 },
    }
}

fn compare(book: &mut dyn OrderBook, naive: &mut Naive, data: &[u8]) {
    for bytes in data.as_chunks::<8>().0 {
        let event = event(bytes);
        assert_eq!(book.apply(&event), naive.apply(&event), "{event:?}");
        assert_eq!(book.depth(), naive.depth(), "{event:?}");
    }
    assert_eq!(book.quality(), naive.quality());
    for pair in book.depth().windows(2) {
        assert!(pair[0].bid_price > pair[1].bid_price || pair[1].bid_size == 0);
        assert!(pair[0].ask_price < pair[1].ask_price || pair[1].ask_size == 0);
    }
    assert!(book.depth().len() == LEVELS && book.depth().iter().all(|level| level.is_plausible()));
}

fuzz_target!(|data: &[u8]| {
    let (mut orders, mut naive) = (Orders::default(), Naive::new(true));
    compare(&mut orders, &mut naive, data);
    assert_eq!(orders.len(), naive.orders());
    compare(&mut Levels::default(), &mut Naive::new(false), data);
});
