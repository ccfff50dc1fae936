//! Bytes into the detector: the same bits as one event at a time, whatever the blocks.

mod flow;

use alvh_core::decode::dbn::Schema;
use alvh_core::events::{Event, Feed, Flaw, Grid, Level, NO_PRICE, flag};
use alvh_core::ignition::records::{Origin, Records};
use alvh_core::ignition::{IgnitionConfig, Stream};
use flow::{INSTRUMENT, Layout, Orders, Prices, Random, TICK};

fn grid() -> Grid {
    Grid::new(TICK).expect("positive")
}

fn stream(feed: Feed) -> Stream {
    let config = IgnitionConfig { vpin_bucket: 50.0, open_mask: 1.0, ..IgnitionConfig::default() };
    Stream::new(config, feed).expect("valid").with_timeline()
}

fn records(schema: Schema, by_receive: bool) -> Records {
    Records::new(schema, INSTRUMENT, grid(), by_receive, 0).expect("a book")
}

/// Everything that a stream knows; the shortest text of a float is its own.
fn state(stream: &Stream) -> String {
    format!("{:?}", stream.detector())
}

fn word(bytes: &[u8], at: usize) -> i64 {
    i64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

fn half(bytes: &[u8], at: usize) -> i64 {
    i64::from(u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes")))
}

fn ticks(raw: i64, none: i64) -> i64 {
    if raw == NO_PRICE { none } else { raw / TICK }
}

/// A record of market by price as an event and levels, in the plainest way.
fn event_of(record: &[u8], by_receive: bool) -> (Event, Vec<Level>) {
    let event = Event {
        ts: word(record, if by_receive { 32 } else { 8 }),
        price: ticks(word(record, 16), NO_PRICE),
        size: half(record, 24),
        order_id: 0,
        participant: 0,
        action: record[28],
        side: record[29],
        flags: record[30],
    };
    let levels = record[48..].chunks(32).map(|pair| Level {
        bid_price: ticks(word(pair, 0), i64::MIN),
        ask_price: ticks(word(pair, 8), i64::MAX),
        bid_size: half(pair, 16),
        ask_size: half(pair, 20),
    });
    (event, levels.collect())
}

fn order_of(record: &[u8]) -> Event {
    Event {
        ts: word(record, 40),
        price: ticks(word(record, 24), NO_PRICE),
        size: half(record, 32),
        order_id: word(record, 16) as u64,
        participant: 0,
        action: record[38],
        side: record[39],
        flags: record[36],
    }
}

fn prices(layout: Layout, seed: u64, gap: u64, rare: u64, n: usize) -> Vec<u8> {
    let mut flow = Prices::new(seed, layout, gap, rare);
    let mut bytes = Vec::new();
    for _ in 0..n {
        flow.push(&mut bytes);
    }
    bytes
}

fn orders(target: usize, n: usize) -> Vec<u8> {
    let mut flow = Orders::new(5, target, 2_000_000);
    let mut bytes = Vec::new();
    while bytes.len() < n * 56 {
        flow.push(&mut bytes);
    }
    bytes
}

/// The state after all of the bytes, given in random blocks.
fn in_blocks(schema: Schema, feed: Feed, by_receive: bool, bytes: &[u8], size: usize, seed: u64) -> (String, Stream) {
    let (mut stream, mut records) = (stream(feed), records(schema, by_receive));
    let mut random = Random::new(seed);
    let mut at = 0;
    while at < bytes.len() {
        let most = [1, 7, 1_000, bytes.len()][seed as usize % 4];
        let next = (at + size * (1 + random.below(most as u64) as usize)).min(bytes.len());
        let origin = Origin { record: (at / size) as u64, byte: at as u64 };
        records.run(&mut stream, &bytes[at..next], origin).expect("good records");
        at = next;
    }
    (state(&stream), stream)
}

#[test]
fn records_of_ten_levels_are_steps_of_the_stream() {
    for (seed, gap, rare) in [(1, 300_000, 0), (2, 3_000_000, 300), (3, 40_000, 3), (4, 9_000_000, 5_000)] {
        let bytes = prices(Layout::Mbp10, seed, gap, rare, 120_000);
        for by_receive in [true, false] {
            let mut one_by_one = stream(Feed::Depth(10));
            for record in bytes.chunks(368).filter(|record| half(record, 4) == i64::from(INSTRUMENT)) {
                let (event, levels) = event_of(record, by_receive);
                one_by_one.event(&event, &levels).expect("good event");
            }
            let (expected, detector) = (state(&one_by_one), one_by_one.detector());
            if rare == 0 {
                assert!(!detector.episodes().is_empty(), "nothing to tell apart");
            }
            for blocks in 0..4 {
                let (got, _) = in_blocks(Schema::Mbp10, Feed::Depth(10), by_receive, &bytes, 368, blocks);
                assert!(got == expected, "seed {seed}, blocks {blocks}");
            }
        }
    }
}

#[test]
fn records_of_one_level_are_steps_of_the_stream() {
    for (schema, layout) in [(Schema::Mbp1, Layout::Mbp1), (Schema::Tbbo, Layout::Tbbo), (Schema::Bbo, Layout::Bbo)] {
        for (seed, rare) in [(1, 0), (2, 50)] {
            let bytes = prices(layout, seed, 1_000_000, rare, 60_000);
            let mut one_by_one = stream(Feed::Depth(1));
            for record in bytes.chunks(80).filter(|record| half(record, 4) == i64::from(INSTRUMENT)) {
                let (mut event, levels) = event_of(record, true);
                if layout == Layout::Tbbo {
                    event.flags |= flag::LAST;
                }
                if layout == Layout::Bbo {
                    event.action = b'N';
                    event.flags = flag::LAST | event.flags & flag::MAYBE_BAD_BOOK;
                }
                one_by_one.event(&event, &levels).expect("good event");
            }
            let expected = state(&one_by_one);
            for blocks in 0..4 {
                let (got, _) = in_blocks(schema, Feed::Depth(1), true, &bytes, 80, blocks);
                assert!(got == expected, "{schema:?} seed {seed}, blocks {blocks}");
            }
        }
    }
}

#[test]
fn records_of_orders_are_steps_of_the_stream() {
    for target in [100, 2_000] {
        let bytes = orders(target, 100_000);
        let mut one_by_one = stream(Feed::Orders);
        for record in bytes.chunks(56) {
            one_by_one.event(&order_of(record), &[]).expect("good event");
        }
        let expected = state(&one_by_one);
        assert_eq!(one_by_one.quality().count(Flaw::UnknownOrder), 0);
        for blocks in 0..4 {
            let (got, stream) = in_blocks(Schema::Mbo, Feed::Orders, true, &bytes, 56, blocks);
            assert!(got == expected, "{target} orders, blocks {blocks}");
            assert_eq!(stream.quality(), one_by_one.quality());
        }
    }
}

#[test]
fn records_of_others_are_counted_and_left_out() {
    let bytes = prices(Layout::Mbp10, 1, 100_000, 0, 1_000);
    let mut mixed = Vec::new();
    for (i, record) in bytes.chunks(368).enumerate() {
        if i % 3 == 0 {
            mixed.extend([2, 0x17, 0, 0, 7, 0, 0, 0]);
        }
        if i % 5 == 0 {
            let at = mixed.len();
            mixed.extend(record);
            mixed[at + 4] = 9;
        }
        mixed.extend(record);
    }
    mixed.extend([4, 0x17, 0, 0, 7, 0, 0, 0, 1, 2, 3, 4, 5, 6, 7, 8]);
    let (mut stream, mut records) = (stream(Feed::Depth(10)), records(Schema::Mbp10, true));
    records.run(&mut stream, &mixed, Origin::default()).expect("good records");
    let (expected, _) = in_blocks(Schema::Mbp10, Feed::Depth(10), true, &bytes, 368, 3);
    assert!(state(&stream) == expected);
    let counts = [Flaw::OtherRecord, Flaw::OtherInstrument].map(|flaw| records.quality().count(flaw));
    assert_eq!(counts, [335, 200]);
}

#[test]
fn appended_bytes_are_stepped_over() {
    let bytes = prices(Layout::Mbp10, 1, 100_000, 0, 1_000);
    let mut longer = Vec::new();
    for record in bytes.chunks(368) {
        longer.extend(record);
        let at = longer.len() - 368;
        longer[at] += 2;
        longer.extend([0xee; 8]);
    }
    let (mut stream, mut records) =
        (stream(Feed::Depth(10)), Records::new(Schema::Mbp10, INSTRUMENT, grid(), true, 8).expect("a book"));
    records.run(&mut stream, &longer, Origin::default()).expect("good records");
    let (expected, _) = in_blocks(Schema::Mbp10, Feed::Depth(10), true, &bytes, 368, 3);
    assert!(state(&stream) == expected);
}

#[test]
fn a_bad_record_is_named_and_changes_nothing() {
    type Break = fn(&mut [u8]);
    let cases: [(&str, Break); 7] = [
        ("DBN020 tape:record 517 (byte 36800) levels[3].ask_px: got 1, ", |r| {
            r[48 + 3 * 32 + 8..][..8].copy_from_slice(&1_i64.to_le_bytes())
        }),
        ("DBN020 tape:record 517 (byte 36800) levels[0].bid_px: got 1, ", |r| {
            r[48..56].copy_from_slice(&1_i64.to_le_bytes())
        }),
        ("DBN020 tape:record 517 (byte 36800) price: got -7, ", |r| r[16..24].copy_from_slice(&(-7_i64).to_le_bytes())),
        ("DBN021 tape:record 517 (byte 36800) ts: got 1600000000000000000, ", |r| {
            r[32..40].copy_from_slice(&1_600_000_000_000_000_000_i64.to_le_bytes())
        }),
        ("DBN023 tape:record 517 (byte 36800) ts: got 1700000000000000, ", |r| {
            r[32..40].copy_from_slice(&1_700_000_000_000_000_i64.to_le_bytes())
        }),
        ("DBN023 tape:record 517 (byte 36800) ts: got -1, ", |r| r[32..40].fill(0xff)),
        ("DBN023 tape:record 517 (byte 36800) ts: got 5, ", |r| {
            r[32..40].copy_from_slice(&5_i64.to_le_bytes());
            r[30] = 0xa0;
        }),
    ];
    let good = prices(Layout::Mbp10, 1, 100_000, 0, 40);
    for (expected, break_it) in cases {
        let mut bad = good.clone();
        break_it(&mut bad[17 * 368..18 * 368]);
        let (mut stream, mut records) = (stream(Feed::Depth(10)), records(Schema::Mbp10, true));
        let origin = Origin { record: 500, byte: 36_800 - 17 * 368 };
        let error = records.run(&mut stream, &bad, origin).expect_err(expected).to_string();
        assert!(error.starts_with(expected), "{error}");
        let (before, _) = in_blocks(Schema::Mbp10, Feed::Depth(10), true, &good[..17 * 368], 368, 3);
        assert!(state(&stream) == before, "{expected}: the detector is as before the record");
        records.run(&mut stream, &good[17 * 368..], origin).expect("the right record");
        let (after, _) = in_blocks(Schema::Mbp10, Feed::Depth(10), true, &good, 368, 3);
        assert!(state(&stream) == after, "{expected}: and goes on with the right one");
    }
}

#[test]
fn trades_alone_have_no_book() {
    let error = Records::new(Schema::Trades, INSTRUMENT, grid(), true, 0).expect_err("no book").to_string();
    assert!(error.starts_with("DBN022 tape schema: got trades, "), "{error}");
}
