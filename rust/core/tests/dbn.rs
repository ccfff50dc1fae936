//! DBN files packed with the vendor's own structures and encoder; broken ones never panic.

use std::num::NonZeroU64;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use alvh_core::decode::dbn::{DbnTape, Encoded, Options, Others, columns, read};
use alvh_core::events::{Feed, Flaw, LEVELS, NO_PRICE};
use alvh_core::rng::{Domain, Stream};
use alvh_core::tape::{Body, Tape};
use alvh_core::{Error, Result};
use dbn::encode::EncodeRecord;
use dbn::encode::dbn::Encoder;
use dbn::{BidAskPair, FlagSet, MboMsg, Mbp10Msg, Metadata, RecordHeader, SType, Schema, UNDEF_PRICE, rtype};

const START: u64 = 1_700_000_000_000_000_000;
const TICK: i64 = 250_000_000;

fn header<T: dbn::HasRType>(kind: u8, instrument: u32, i: u64) -> RecordHeader {
    RecordHeader::new::<T>(kind, 1, instrument, START + 1_000 * i - 500)
}

fn order(instrument: u32, i: u64) -> MboMsg {
    MboMsg {
        hd: header::<MboMsg>(rtype::MBO, instrument, i),
        order_id: 100 + i,
        price: 16_000 * TICK + TICK * (i % 7) as i64,
        size: 1 + i as u32 % 5,
        flags: FlagSet::from(128),
        channel_id: 0,
        action: b"ACM"[i as usize % 3] as std::ffi::c_char,
        side: b"AB"[i as usize % 2] as std::ffi::c_char,
        ts_recv: START + 1_000 * i,
        ts_in_delta: 10,
        sequence: i as u32,
    }
}

fn depth(instrument: u32, i: u64) -> Mbp10Msg {
    let level = |k: i64| BidAskPair {
        bid_px: if k == 9 { UNDEF_PRICE } else { (16_000 - k) * TICK },
        ask_px: (16_001 + k) * TICK,
        bid_sz: if k == 9 { 0 } else { 10 + k as u32 },
        ask_sz: 20 + i as u32 % 9,
        bid_ct: 1,
        ask_ct: 2,
    };
    Mbp10Msg {
        hd: header::<Mbp10Msg>(rtype::MBP_10, instrument, i),
        price: UNDEF_PRICE,
        size: 3,
        action: b'A' as std::ffi::c_char,
        side: b'N' as std::ffi::c_char,
        flags: FlagSet::from(128),
        depth: 0,
        ts_recv: START + 1_000 * i,
        ts_in_delta: 10,
        sequence: i as u32,
        levels: std::array::from_fn(|k| level(k as i64)),
    }
}

fn metadata(version: u8, schema: Schema) -> Metadata {
    let mut metadata = Metadata::builder()
        .version(version)
        .dataset("MADE.UP".to_owned())
        .schema(Some(schema))
        .stype_in(Some(SType::RawSymbol))
        .stype_out(SType::InstrumentId)
        .start(START)
        .end(NonZeroU64::new(START + 1))
        .build();
    metadata.version = version;
    metadata
}

fn orders(version: u8, instruments: &[u32], n: u64) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, &metadata(version, Schema::Mbo)).expect("metadata");
    for i in 0..n {
        encoder.encode_record(&order(instruments[i as usize % instruments.len()], i)).expect("a record");
    }
    file
}

fn depths(n: u64) -> Vec<u8> {
    let mut file = Vec::new();
    let mut encoder = Encoder::new(&mut file, &metadata(3, Schema::Mbp10)).expect("metadata");
    for i in 0..n {
        encoder.encode_record(&depth(7, i)).expect("a record");
    }
    file
}

fn tape(bytes: Vec<u8>, options: &Options) -> Result<Tape> {
    read(Encoded::Bytes(Arc::from(bytes)), "file", options, &mut || true)
}

fn records(tape: &Tape) -> &DbnTape {
    match &tape.body {
        Body::Dbn(records) => records,
        Body::Columns(_) => panic!("records"),
    }
}

#[test]
fn orders_are_what_the_vendor_packed() {
    for version in 1..=3 {
        let file = orders(version, &[7], 1_000);
        for bytes in [file.clone(), zstd::encode_all(&file[..], 3).expect("compressed")] {
            let tape = tape(bytes, &Options::default()).expect("a good file");
            assert_eq!((tape.feed, tape.tick_size, tape.len()), (Feed::Orders, 0.25, 1_000));
            let found = columns(records(&tape), &mut || true).expect("events");
            for i in 0..1_000 {
                let (event, packed) = (found.event(i), order(7, i as u64));
                assert_eq!(event.ts, packed.ts_recv as i64);
                assert_eq!(event.price * TICK, packed.price);
                assert_eq!((event.size, event.order_id), (i64::from(packed.size), packed.order_id));
                assert_eq!((event.action, event.side), (packed.action as u8, packed.side as u8));
                assert_eq!(event.flags, 128);
            }
        }
    }
}

#[test]
fn levels_without_orders_are_empty() {
    let tape = tape(depths(50), &Options::default()).expect("a good file");
    assert_eq!(tape.feed, Feed::Depth(LEVELS));
    let found = columns(records(&tape), &mut || true).expect("events");
    assert_eq!(found.event(3).price, NO_PRICE);
    for (k, level) in found.levels(3).iter().enumerate() {
        let packed = &depth(7, 3).levels[k];
        assert_eq!(level.ask_price * TICK, packed.ask_px);
        assert_eq!(level.bid_price, if k == 9 { i64::MIN } else { packed.bid_px / TICK });
        assert_eq!((level.bid_size, level.ask_size), (i64::from(packed.bid_sz), i64::from(packed.ask_sz)));
    }
}

#[test]
fn blocks_say_where_their_records_are() {
    // Longer than a block, and every third record is used: the others are closed up, their places are not.
    let file = orders(3, &[7, 8, 9], 30_000);
    let begin = file.len() - 30_000 * size_of::<MboMsg>();
    let options = Options { instrument_id: Some(8), ..Options::default() };
    let in_memory = tape(file.clone(), &options).expect("a good file");
    assert_eq!(in_memory.quality.count(Flaw::OtherInstrument), 20_000);
    let mut blocks = records(&in_memory).blocks().expect("memory");
    let (mut n, mut turns) = (0, 0);
    while let Some(block) = blocks.next_block().expect("good records") {
        turns += 1;
        for (i, record) in block.records.chunks_exact(size_of::<MboMsg>()).enumerate() {
            let position = block.position(i);
            assert_eq!(position.record, 3 * n + 1);
            let at = position.byte as usize;
            assert_eq!(at, begin + position.record as usize * size_of::<MboMsg>());
            assert_eq!(record, &file[at..at + record.len()]);
            n += 1;
        }
    }
    assert_eq!((n, records(&in_memory).length), (10_000, 10_000));
    assert!(turns > 1);
    let raise = Options { others: Others::Raise, ..options };
    assert!(matches!(tape(file, &raise), Err(Error::Data(fault)) if fault.code == "DBN027"));
}

#[test]
fn reading_stops_when_it_is_told_to() {
    let file = orders(3, &[7], 100);
    let answer = read(Encoded::Bytes(Arc::from(file)), "file", &Options::default(), &mut || false);
    assert_eq!(answer.map(|_| ()), Err(Error::Interrupted));
}

#[test]
fn broken_files_never_panic() {
    let mut files = vec![orders(1, &[7], 20), orders(3, &[7, 8], 20), depths(8)];
    for k in 0..files.len() {
        files.push(zstd::encode_all(&files[k][..], 1).expect("compressed"));
    }
    let mut rng = Stream::new(20, Domain::Bootstrap, 1);
    let (mut panics, mut errors) = (0, 0);
    for _ in 0..20_000 {
        let mut file = files[rng.below(files.len() as u32) as usize].clone();
        for _ in 0..=rng.below(3) {
            let at = rng.below(file.len() as u32) as usize;
            match rng.below(4) {
                0 => file.truncate(at.max(1)),
                1 => file.insert(at, rng.next_u32() as u8),
                _ => file[at] = rng.next_u32() as u8,
            }
        }
        let options = Options { instrument_id: (rng.below(2) == 0).then_some(7), ..Options::default() };
        let work = || match tape(file, &options) {
            Ok(tape) => tape.events(&mut || true).map(|events| assert_eq!(events.len(), tape.len())),
            Err(error) => Err(error),
        };
        match catch_unwind(AssertUnwindSafe(work)) {
            Ok(Ok(())) => {}
            Ok(Err(error)) => {
                errors += 1;
                assert!(!error.to_string().contains('\n') && !matches!(error, Error::Internal(_)), "{error}");
            }
            Err(_) => panics += 1,
        }
    }
    assert_eq!(panics, 0);
    assert!(errors > 10_000, "{errors}");
}
