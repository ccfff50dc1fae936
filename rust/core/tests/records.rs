//! Bytes into the detector: the same bits as one event at a time, whatever the blocks.

mod flow;

use alvh_core::decode::dbn::{Clock, Layout, Schema};
use alvh_core::events::{Flaw, Grid, flag};
use alvh_core::ignition::Stream;
use alvh_core::ignition::records::{BadRecord, Reason, Records};
use flow::identity::{WAYS, digest, event_of, order_of, records, stream, word};
use flow::{Orders, Prices, Random, TICK, Width};

/// Everything that a stream knows; the shortest text of a float is its own.
fn state(stream: &Stream) -> String {
    format!("{:?}", stream.detector())
}

fn width(schema: Schema) -> Width {
    match schema {
        Schema::Mbp10 => Width::Ten,
        _ => Width::One,
    }
}

fn prices(schema: Schema, seed: u64, gap: u64, rare: u64, n: usize) -> Vec<u8> {
    let mut flow = Prices::new(seed, width(schema), gap, rare);
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
fn in_blocks(schema: Schema, clock: Clock, bytes: &[u8], seed: u64) -> (String, Stream) {
    let (mut stream, mut records) = (stream(schema), records(schema, clock, false));
    let size = Layout::new(schema, clock, false).stride;
    let mut random = Random::new(seed);
    let mut at = 0;
    while at < bytes.len() {
        let most = [1, 7, 1_000, bytes.len()][seed as usize % 4];
        let next = (at + size * (1 + random.below(most as u64) as usize)).min(bytes.len());
        records.run(&mut stream, &bytes[at..next]).expect("good records");
        at = next;
    }
    (state(&stream), stream)
}

#[test]
fn records_of_ten_levels_are_steps_of_the_stream() {
    for (seed, gap, rare) in [(1, 300_000, 0), (2, 3_000_000, 300), (3, 40_000, 3), (4, 9_000_000, 5_000)] {
        let bytes = prices(Schema::Mbp10, seed, gap, rare, 120_000);
        for clock in [Clock::Receive, Clock::Event] {
            let mut one_by_one = stream(Schema::Mbp10);
            for record in bytes.chunks(368) {
                let (event, levels) = event_of(record, clock);
                one_by_one.event(&event, &levels).expect("good event");
            }
            if rare == 0 {
                assert!(!one_by_one.detector().episodes().is_empty(), "nothing to tell apart");
            }
            let expected = state(&one_by_one);
            for blocks in 0..4 {
                let (got, _) = in_blocks(Schema::Mbp10, clock, &bytes, blocks);
                assert!(got == expected, "seed {seed}, blocks {blocks}");
            }
        }
    }
}

#[test]
fn records_of_one_level_are_steps_of_the_stream() {
    for schema in [Schema::Mbp1, Schema::Tbbo, Schema::Bbo1s, Schema::Bbo1m] {
        for (seed, rare) in [(1, 0), (2, 50)] {
            let bytes = prices(schema, seed, 1_000_000, rare, 60_000);
            let mut one_by_one = stream(schema);
            for record in bytes.chunks(80) {
                let (mut event, levels) = event_of(record, Clock::Receive);
                if schema == Schema::Tbbo {
                    event.flags |= flag::LAST;
                }
                if matches!(schema, Schema::Bbo1s | Schema::Bbo1m) {
                    event.action = b'N';
                    event.flags = flag::LAST | event.flags & flag::MAYBE_BAD_BOOK;
                }
                one_by_one.event(&event, &levels).expect("good event");
            }
            let expected = state(&one_by_one);
            for blocks in 0..4 {
                let (got, _) = in_blocks(schema, Clock::Receive, &bytes, blocks);
                assert!(got == expected, "{schema:?} seed {seed}, blocks {blocks}");
            }
        }
    }
}

#[test]
fn records_of_orders_are_steps_of_the_stream() {
    for target in [100, 2_000] {
        let bytes = orders(target, 100_000);
        let mut one_by_one = stream(Schema::Mbo);
        for record in bytes.chunks(56) {
            one_by_one.event(&order_of(record), &[]).expect("good event");
        }
        let expected = state(&one_by_one);
        assert_eq!(one_by_one.quality().count(Flaw::UnknownOrder), 0);
        for blocks in 0..4 {
            let (got, stream) = in_blocks(Schema::Mbo, Clock::Receive, &bytes, blocks);
            assert!(got == expected, "{target} orders, blocks {blocks}");
            assert_eq!(stream.quality(), one_by_one.quality());
        }
    }
}

#[test]
fn an_appended_send_time_is_stepped_over() {
    for schema in [Schema::Mbp10, Schema::Mbp1, Schema::Mbo] {
        let bytes = if schema == Schema::Mbo { orders(100, 1_000) } else { prices(schema, 1, 100_000, 0, 1_000) };
        let mut longer = Vec::new();
        for record in bytes.chunks(Layout::new(schema, Clock::Receive, false).stride) {
            longer.extend(record);
            longer.extend([0xee; 8]);
        }
        let (mut stream, mut records) = (stream(schema), records(schema, Clock::Receive, true));
        records.run(&mut stream, &longer).expect("good records");
        let (expected, _) = in_blocks(schema, Clock::Receive, &bytes, 3);
        assert!(state(&stream) == expected, "{schema:?}");
    }
}

#[test]
fn a_bad_record_is_named_and_changes_nothing() {
    let put = |record: &mut [u8], at: usize, value: i64| record[at..at + 8].copy_from_slice(&value.to_le_bytes());
    let off = |field: &str, price| Reason::OffGrid(field.to_owned(), price);
    let good = prices(Schema::Mbp10, 1, 100_000, 0, 40);
    let last = word(&good[16 * 368..], 32);
    let cases = [
        (48 + 3 * 32 + 8, 1, off("levels[3].ask_px", 1)),
        (48, 1, off("levels[0].bid_px", 1)),
        (16, -7, off("price", -7)),
        (32, last - 1, Reason::Backwards(last - 1, last)),
        (32, -1, Reason::Backwards(-1, last)),
    ];
    for (at, value, reason) in cases {
        let mut bad = good.clone();
        put(&mut bad[17 * 368..], at, value);
        let (mut stream, mut records) = (stream(Schema::Mbp10), records(Schema::Mbp10, Clock::Receive, false));
        let found = records.run(&mut stream, &bad).expect_err("a bad record");
        assert_eq!(*found, BadRecord { index: 17, reason });
        let (before, _) = in_blocks(Schema::Mbp10, Clock::Receive, &good[..17 * 368], 3);
        assert!(state(&stream) == before, "{found:?}: the detector is as before the record");
        records.run(&mut stream, &good[17 * 368..]).expect("the right record");
        let (after, _) = in_blocks(Schema::Mbp10, Clock::Receive, &good, 3);
        assert!(state(&stream) == after, "{found:?}: and goes on with the right one");
    }
}

#[test]
fn trades_alone_have_no_book() {
    let layout = Layout::new(Schema::Trades, Clock::Receive, false);
    let error = Records::new(Schema::Trades, &layout, Grid::new(TICK).expect("positive"), "x.dbn")
        .expect_err("no book")
        .to_string();
    assert!(error.starts_with("DBN037 x.dbn schema: got trades, "), "{error}");
}

#[test]
fn five_million_events_are_the_same_bits_on_every_way() {
    for (schema, count, gap) in [
        (Schema::Mbp10, 2_500_000, 1_000_000),
        (Schema::Mbo, 1_500_000, 500_000),
        (Schema::Mbp1, 1_000_000, 20_000_000),
    ] {
        let found = digest(schema, count, gap, &WAYS);
        assert!(found.iter().all(|other| *other == found[0]), "{schema:?}: {found:x?}");
        assert!(schema == Schema::Mbo || found[0].episodes > 0, "nothing to tell apart");
    }
}
