//! Books rebuilt from events: of orders (level 3) and of price levels (level 2).

mod ladder;
pub mod levels;
#[cfg(any(test, feature = "oracle"))]
pub mod naive;
pub mod orders;
mod saved;
mod table;

pub use levels::Levels;
pub use orders::Orders;

use crate::events::{Depth, Event, LARGEST, Quality, side};

/// A book that is rebuilt from events.
pub trait OrderBook {
    /// Applies one event and says the first level of `depth` that changed (`LEVELS` when none did).
    fn apply(&mut self, event: &Event) -> usize;

    /// The best levels of both sides.
    fn depth(&self) -> &Depth;

    /// What was flagged so far.
    fn quality(&self) -> &Quality;
}

/// 0 for bids, 1 for asks.
#[inline(always)]
fn side_index(of: u8) -> Option<usize> {
    let index = usize::from(side::BID.wrapping_sub(of));
    (index <= usize::from(side::BID - side::ASK)).then_some(index)
}

/// Whether a price can be a level's.
#[inline(always)]
fn is_price(price: i64) -> bool {
    price.unsigned_abs() <= LARGEST as u64
}

#[cfg(test)]
mod tests {
    use std::path::PathBuf;

    use super::naive::Naive;
    use super::*;
    use crate::events::{LEVELS, Level, NO_PRICE, action, flag};
    use crate::rng::{Domain, Stream};

    /// What a stream of random events is made of.
    struct Flow {
        ids: u64,
        spread: i64,
        drift: i64,
        hostile: u64,
        clears: u64,
    }

    struct Source {
        rng: Stream,
        flow: Flow,
        middle: i64,
    }

    impl Source {
        fn new(seed: u64, flow: Flow) -> Self {
            Self { rng: Stream::new(seed, Domain::Bootstrap, 0), flow, middle: 20_000 }
        }

        fn below(&mut self, n: u64) -> u64 {
            u64::from(self.rng.next_u32()) % n
        }

        fn next(&mut self) -> Event {
            self.middle += self.below(2 * self.flow.drift as u64 + 1) as i64 - self.flow.drift;
            let side = [side::BID, side::ASK][self.below(2) as usize];
            let near = self.below(self.flow.spread as u64) as i64;
            let away = if self.below(4) == 0 { near } else { near % 12 };
            let mut event = Event {
                ts: 0,
                price: if side == side::BID { self.middle - away } else { self.middle + 1 + away },
                size: 1 + self.below(20) as i64,
                order_id: self.below(self.flow.ids),
                participant: 0,
                action: [action::ADD, action::CANCEL, action::MODIFY, action::TRADE][self.below(13) as usize / 4],
                side,
                flags: 0,
            };
            if self.flow.hostile > 0 && self.below(self.flow.hostile) == 0 {
                const PRICES: [i64; 8] = [i64::MIN, NO_PRICE, 0, -1, LARGEST, -LARGEST, LARGEST + 1, 1 << 32];
                const SIZES: [i64; 8] = [i64::MIN, -1, 0, 1 << 31, LARGEST, LARGEST + 1, i64::MAX, 1 << 40];
                const FLAGS: [u8; 4] = [flag::TOP_OF_BOOK, flag::LEVEL, 0xff, 0x0f];
                match self.below(6) {
                    0 => event.price = PRICES[self.below(8) as usize],
                    1 => event.size = SIZES[self.below(8) as usize],
                    2 => event.flags = FLAGS[self.below(4) as usize],
                    3 => event.side = self.below(256) as u8,
                    4 => event.action = self.below(256) as u8,
                    _ => event.price += 1 << self.below(40),
                }
            }
            if self.flow.clears > 0 && self.below(self.flow.clears) == 0 {
                event.action = action::CLEAR;
            }
            event
        }
    }

    fn assert_sound(depth: &Depth, at: usize) {
        for (k, level) in depth.iter().enumerate() {
            assert!((level.bid_size > 0) == (level.bid_price != i64::MIN), "event {at} level {k}");
            assert!((level.ask_size > 0) == (level.ask_price != i64::MAX), "event {at} level {k}");
            assert!(level.is_plausible());
        }
        for (better, worse) in depth.iter().zip(&depth[1..]) {
            assert!(better.bid_price > worse.bid_price || worse.bid_price == i64::MIN, "event {at}");
            assert!(better.ask_price < worse.ask_price || worse.ask_price == i64::MAX, "event {at}");
        }
    }

    fn assert_equal_books(book: &mut dyn OrderBook, naive: &mut Naive, events: impl Iterator<Item = Event>) {
        for (at, event) in events.enumerate() {
            let (first, expected) = (book.apply(&event), naive.apply(&event));
            assert_eq!(first, expected, "first changed level at event {at}: {event:?}");
            assert_eq!(book.depth(), naive.depth(), "event {at}: {event:?}");
            if at % 64 == 0 {
                assert_sound(book.depth(), at);
            }
        }
        assert_eq!(book.quality(), naive.quality());
    }

    fn flows() -> [Flow; 6] {
        [
            Flow { ids: 300, spread: 40, drift: 1, hostile: 0, clears: 0 },
            Flow { ids: 40_000, spread: 1_500, drift: 3, hostile: 0, clears: 0 },
            Flow { ids: 5_000, spread: 20_000, drift: 300, hostile: 0, clears: 0 },
            Flow { ids: 2_000, spread: 100, drift: 2, hostile: 5, clears: 5_000 },
            Flow { ids: 50, spread: 100_000, drift: 50_000, hostile: 50, clears: 300 },
            Flow { ids: 20, spread: 5, drift: 0, hostile: 20, clears: 50 },
        ]
    }

    #[test]
    fn orders_equal_the_naive_book_on_every_random_event() {
        for (seed, flow) in flows().into_iter().enumerate() {
            let mut source = Source::new(seed as u64, flow);
            let (mut book, mut naive) = (Orders::default(), Naive::new(true));
            assert_equal_books(&mut book, &mut naive, (0..400_000).map(|_| source.next()));
            assert_eq!(book.len(), naive.orders());
        }
    }

    #[test]
    fn levels_equal_the_naive_book_on_every_random_event() {
        for (seed, flow) in flows().into_iter().enumerate() {
            let mut source = Source::new(100 + seed as u64, flow);
            let events = (0..200_000).map(|_| {
                let mut event = source.next();
                event.flags &= !flag::TOP_OF_BOOK | (event.size as u8 & flag::TOP_OF_BOOK);
                event
            });
            assert_equal_books(&mut Levels::default(), &mut Naive::new(false), events);
        }
    }

    /// Records of a DBN file as events on a grid of a quarter point, or nothing where the data are not there.
    fn real_events() -> Option<Vec<Event>> {
        let root = std::env::var_os("ALVH_SHARED_DATA").map(PathBuf::from).unwrap_or("../../../shared/data".into());
        let Ok(folder) = std::fs::read_dir(root.join("books/dbn_es")) else {
            eprintln!("skipped: no real market data at {}; set ALVH_SHARED_DATA", root.display());
            return None;
        };
        let mut paths = folder.flatten().map(|entry| entry.path());
        let path = paths.find(|path| path.to_string_lossy().contains("_mbo_")).expect("the MBO sample in its folder");
        let bytes = zstd::decode_all(std::fs::File::open(path).expect("readable")).expect("zstd");
        let start = 8 + u32::from_le_bytes(bytes[4..8].try_into().expect("length")) as usize;
        let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        let (mut events, mut at) = (Vec::new(), start);
        while at < bytes.len() {
            assert_eq!((bytes[at], bytes[at + 1]), (14, 0xa0), "an MBO record");
            let raw = word(at + 24) as i64;
            events.push(Event {
                ts: word(at + 40) as i64,
                price: if raw == NO_PRICE { raw } else { raw / 250_000_000 },
                size: i64::from(word(at + 32) as u32),
                order_id: word(at + 16),
                participant: 0,
                action: bytes[at + 38],
                side: bytes[at + 39],
                flags: bytes[at + 36],
            });
            at += 56;
        }
        Some(events)
    }

    #[test]
    fn real_records_make_the_naive_book() {
        let Some(events) = real_events() else { return };
        assert!(events.len() > 1_000);
        let (mut book, mut naive) = (Orders::default(), Naive::new(true));
        assert_equal_books(&mut book, &mut naive, events.into_iter());
        assert_eq!(book.len(), naive.orders());
        assert!(book.len() > 100 && book.depth()[LEVELS - 1].is_two_sided());
    }

    fn order(action: u8, order_id: u64, side: u8, price: i64, size: i64) -> Event {
        Event { ts: 0, price, size, order_id, participant: 0, action, side, flags: flag::LAST }
    }

    #[test]
    fn a_price_far_away_costs_no_memory_up_to_it() {
        let mut book = Orders::default();
        for (id, shift) in (0..53).enumerate() {
            book.apply(&order(action::ADD, id as u64, side::ASK, 1 << shift, 1));
            book.apply(&order(action::ADD, 100 + id as u64, side::BID, -(1 << shift), 1));
        }
        assert_eq!(book.depth()[9].ask_price, 512);
        assert_eq!(book.depth()[9].bid_price, -512);
        assert_eq!(book.apply(&order(action::ADD, 200, side::ASK, 1 << 62, 1)), LEVELS);
        assert_eq!(book.quality().count(crate::events::Flaw::BadOrder), 1);
    }

    #[test]
    fn a_top_of_book_record_is_the_only_level_of_its_side() {
        let mut book = Orders::default();
        for k in 0..5 {
            book.apply(&order(action::ADD, k, side::BID, 100 - k as i64, 7));
        }
        book.apply(&order(action::ADD, 9, side::ASK, 105, 2));
        let mut top = order(action::ADD, 0, side::BID, 100, 7);
        top.flags |= flag::TOP_OF_BOOK;
        assert_eq!(book.apply(&top), 1, "the best level stays as it was");
        assert_eq!((book.depth()[0].bid_size, book.depth()[1].bid_size), (7, 0));
        top.price = NO_PRICE;
        assert_eq!(book.apply(&top), 0);
        assert_eq!(book.depth()[0], Level { ask_price: 105, ask_size: 2, ..Level::EMPTY });
    }

    #[test]
    fn memory_follows_the_live_orders() {
        let mut book = Orders::default();
        for id in 0..100_000 {
            book.apply(&order(action::ADD, id, side::BID, 100 - (id % 50) as i64, 1));
        }
        assert_eq!(book.len(), 100_000);
        let most = book.slots();
        for id in 0..100_000 {
            book.apply(&order(action::CANCEL, id, side::BID, 0, 1));
        }
        assert!(book.is_empty() && book.slots() * 64 < most, "{} of {most}", book.slots());
        assert_eq!(book.depth(), &[Level::EMPTY; LEVELS]);
    }
}
