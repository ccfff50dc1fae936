//! One number for everything that a detector knew along the way.

use alvh_core::decode::dbn::{Clock, Layout, Schema};
use alvh_core::events::{Event, Grid, Level, NO_PRICE};
use alvh_core::ignition::records::Records;
use alvh_core::ignition::{CLOCKS, Detector, IgnitionConfig, Stream};

use super::{Orders, Prices, Random, TICK, Width};

/// Records between two looks at the detector.
const STRETCH: usize = 50_000;

/// How the records reach the detector.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Way {
    /// One event at a time.
    Events,
    /// As few blocks as there are.
    Batch,
    /// Blocks of random lengths, single records among them.
    Chunks,
}

pub const WAYS: [Way; 3] = [Way::Events, Way::Batch, Way::Chunks];

/// FNV-1a.
struct Digest(u64);

impl Digest {
    fn new() -> Self {
        Self(0xcbf2_9ce4_8422_2325)
    }

    fn take(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = (self.0 ^ u64::from(*byte)).wrapping_mul(0x100_0000_01b3);
        }
    }

    fn float(&mut self, x: f64) {
        self.take(&x.to_bits().to_le_bytes());
    }

    fn look(&mut self, detector: &Detector) {
        for clock in 0..CLOCKS {
            // The shortest text of a float is its own.
            self.take(format!("{:?}", detector.features(clock)).as_bytes());
        }
        self.float(detector.score());
        self.float(detector.vpin());
        detector.intensities().into_iter().for_each(|rate| self.float(rate));
        self.take(&detector.events().to_le_bytes());
    }

    fn finish(&mut self, detector: &Detector) -> u64 {
        self.take(format!("{:?}", detector.episodes()).as_bytes());
        self.take(format!("{:?}", detector.transitions()).as_bytes());
        self.take(format!("{:?}", detector.timeline()).as_bytes());
        self.take(format!("{:?}", detector.quality()).as_bytes());
        self.0
    }
}

pub fn word(bytes: &[u8], at: usize) -> i64 {
    i64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"))
}

pub fn half(bytes: &[u8], at: usize) -> i64 {
    i64::from(u32::from_le_bytes(bytes[at..at + 4].try_into().expect("four bytes")))
}

fn ticks(raw: i64, none: i64) -> i64 {
    if raw == NO_PRICE { none } else { raw / TICK }
}

/// A record of market by price as an event and levels, in the plainest way.
pub fn event_of(record: &[u8], clock: Clock) -> (Event, Vec<Level>) {
    let event = Event {
        ts: word(record, if clock == Clock::Receive { 32 } else { 8 }),
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

/// A record of market by order as an event.
pub fn order_of(record: &[u8]) -> Event {
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

/// A stream that keeps everything that there is to keep.
pub fn stream(schema: Schema) -> Stream {
    let config = IgnitionConfig { vpin_bucket: 50.0, open_mask: 1.0, ..IgnitionConfig::default() };
    Stream::new(config, schema.feed()).expect("valid").with_timeline()
}

/// A reader of made-up records.
pub fn records(schema: Schema, clock: Clock, appended: bool) -> Records {
    let grid = Grid::new(TICK).expect("positive");
    Records::new(schema, &Layout::new(schema, clock, appended), grid, "made up").expect("a book")
}

/// What is left of a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Found {
    pub digest: u64,
    pub episodes: usize,
    pub transitions: usize,
}

enum Flow {
    Prices(Prices),
    Orders(Orders),
}

/// Digest of a detector over `count` made-up records of a schema, which every way of the three must give.
pub fn digest(schema: Schema, count: usize, gap: u64, ways: &[Way]) -> Vec<Found> {
    let mut flow = match schema {
        Schema::Mbo => Flow::Orders(Orders::new(11, 1_000, gap)),
        Schema::Mbp10 => Flow::Prices(Prices::new(12, Width::Ten, gap, 20_000)),
        _ => Flow::Prices(Prices::new(13, Width::One, gap, 20_000)),
    };
    let stride = Layout::new(schema, Clock::Receive, false).stride;
    let mut random = Random::new(count as u64);
    let mut runs: Vec<_> =
        ways.iter().map(|&way| (way, stream(schema), records(schema, Clock::Receive, false), Digest::new())).collect();
    let mut bytes = Vec::new();
    let mut done = 0;
    while done < count {
        bytes.clear();
        while bytes.len() < STRETCH.min(count - done) * stride {
            match &mut flow {
                Flow::Prices(flow) => flow.push(&mut bytes),
                Flow::Orders(flow) => flow.push(&mut bytes),
            }
        }
        done += bytes.len() / stride;
        for (way, stream, records, digest) in &mut runs {
            match way {
                Way::Events => {
                    for record in bytes.chunks(stride) {
                        let (event, levels) = match schema {
                            Schema::Mbo => (order_of(record), Vec::new()),
                            _ => event_of(record, Clock::Receive),
                        };
                        stream.event(&event, &levels).expect("good event");
                    }
                }
                Way::Batch => records.run(stream, &bytes).expect("good records"),
                Way::Chunks => {
                    let mut rest = &bytes[..];
                    while !rest.is_empty() {
                        let most = [1, 5, 300, 20_000][random.below(4) as usize];
                        let (now, later) = rest.split_at((stride * (1 + random.below(most) as usize)).min(rest.len()));
                        records.run(stream, now).expect("good records");
                        rest = later;
                    }
                }
            }
            digest.look(stream.detector());
        }
    }
    let mut found = Vec::new();
    for (_, stream, _, digest) in &mut runs {
        let detector = stream.detector();
        let (episodes, transitions) = (detector.episodes().len(), detector.transitions().len());
        found.push(Found { digest: digest.finish(detector), episodes, transitions });
    }
    found
}
