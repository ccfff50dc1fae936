//! Bytes as events of an order book: the fast books against the plain ones, and through their written form.
#![no_main]

use alvh_core::events::{Event, NO_PRICE};
use alvh_core::orderbook::naive::Naive;
use alvh_core::orderbook::{Levels, OrderBook, Orders};
use libfuzzer_sys::fuzz_target;
use serde::Serialize;
use serde::de::DeserializeOwned;

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
        flags: if flags & 1 != 0 { flags } else { 0x80 },
    }
}

fn assert_sound(book: &impl OrderBook) {
    for pair in book.depth().windows(2) {
        assert!(pair[0].bid_price > pair[1].bid_price || pair[1].bid_size == 0);
        assert!(pair[0].ask_price < pair[1].ask_price || pair[1].ask_size == 0);
    }
    assert!(book.depth().iter().all(|level| level.is_plausible()));
}

/// Half of the events go to the book, the others to what it is after it was written down and read.
fn compare<B: OrderBook + Default + Serialize + DeserializeOwned>(mut naive: Naive, data: &[u8]) -> (B, Naive) {
    let events = data.as_chunks::<8>().0;
    let mut book = B::default();
    for (i, bytes) in events.iter().enumerate() {
        if i == events.len() / 2 {
            let written = postcard::to_allocvec(&book).expect("a book can be written");
            let read: B = postcard::from_bytes(&written).expect("a written book can be read");
            assert_eq!((read.depth(), read.quality()), (book.depth(), book.quality()));
            book = read;
        }
        let event = event(bytes);
        assert_eq!(book.apply(&event), naive.apply(&event), "{event:?}");
        assert_eq!(book.depth(), naive.depth(), "{event:?}");
    }
    assert_eq!(book.quality(), naive.quality());
    assert_sound(&book);
    (book, naive)
}

/// Bytes that nobody wrote are refused or are a book that takes events.
fn read<B: OrderBook + DeserializeOwned>(data: &[u8]) {
    let Ok((mut book, events)) = postcard::take_from_bytes::<B>(data) else { return };
    assert_sound(&book);
    for bytes in events.as_chunks::<8>().0 {
        book.apply(&event(bytes));
    }
    assert_sound(&book);
}

fuzz_target!(|data: &[u8]| {
    let Some((&choice, data)) = data.split_first() else { return };
    match choice % 4 {
        0 => {
            let (orders, naive) = compare::<Orders>(Naive::new(true), data);
            assert_eq!(orders.len(), naive.orders());
        }
        1 => drop(compare::<Levels>(Naive::new(false), data)),
        2 => read::<Orders>(data),
        _ => read::<Levels>(data),
    }
});
