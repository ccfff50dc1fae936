//! Speed of the path from record bytes to alarms, and the same bits from every build.
//!
//! `cargo bench -p alvh-core --bench detect` prints a table. After `--`, `write FOLDER COUNT` writes the records that
//! it takes, `serve FILE SCHEMA` times them once for every line of standard input, and `identity COUNT` prints one
//! digest over `COUNT` made-up events of three schemas, for comparison with other builds (`scripts/identity`).

#[path = "../tests/flow/mod.rs"]
mod flow;

use std::hint::black_box;
use std::io::BufRead;
use std::path::Path;
use std::time::Instant;

use alvh_core::decode::dbn::{Clock, Layout, Schema};
use alvh_core::ignition::{IgnitionConfig, Stream};
use flow::identity::{WAYS, digest, records};
use flow::{Orders, Prices, Width};

/// Records that stay in the second-level cache: 740 kB of the widest.
const CACHED: usize = 2_000;
/// Records that are not: 370 MB of the widest.
const COUNT: usize = 1_000_000;
const ROUNDS: usize = 5;
/// Records from run to run: alarms are rare in a market, and an alarm that waits for its outcome costs at every cell.
const PERIOD: u64 = 500_000;

/// Work to time: a name, the schema, the mean gap between records in ns, live orders.
const WORK: [(&str, Schema, u64, usize); 7] = [
    ("mbp-10", Schema::Mbp10, 1_000_000, 0),
    ("mbp-10-sparse", Schema::Mbp10, 20_000_000, 0),
    ("mbp-1", Schema::Mbp1, 1_000_000, 0),
    ("tbbo", Schema::Tbbo, 1_000_000, 0),
    ("bbo-1s", Schema::Bbo1s, 1_000_000, 0),
    ("mbo-1k", Schema::Mbo, 500_000, 1_000),
    ("mbo-40k", Schema::Mbo, 500_000, 40_000),
];

fn make(schema: Schema, gap: u64, live: usize, count: usize) -> Vec<u8> {
    let stride = Layout::new(schema, Clock::Receive, false).stride;
    let mut bytes = Vec::with_capacity((count + 3) * stride);
    if schema == Schema::Mbo {
        let mut flow = Orders::new(1, live, gap);
        while bytes.len() < count * stride {
            flow.push(&mut bytes);
        }
        return bytes;
    }
    let width = if schema == Schema::Mbp10 { Width::Ten } else { Width::One };
    let mut flow = Prices::new(1, width, gap, 0).every(PERIOD);
    for _ in 0..count {
        flow.push(&mut bytes);
    }
    bytes
}

/// The first of the records that are timed in cache: in the middle of the flow and in none of its runs.
fn calm(count: usize) -> usize {
    count / 2 / PERIOD as usize * PERIOD as usize + 5_000
}

/// Nanoseconds that this thread has had a processor; on a machine that does not say, that have passed.
fn processor_ns(start: Instant) -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let first = told.as_deref().and_then(|text| text.split(' ').next()).and_then(|text| text.parse().ok());
    first.unwrap_or_else(|| start.elapsed().as_nanos() as f64)
}

/// A stream as `detect` makes it.
fn stream(schema: Schema) -> Stream {
    Stream::new(IgnitionConfig::default(), schema.feed()).expect("valid").with_timeline()
}

/// Nanoseconds a record from memory and from cache, and the alarms.
fn time(schema: Schema, bytes: &[u8]) -> (f64, f64, usize) {
    let start = Instant::now();
    let stride = Layout::new(schema, Clock::Receive, false).stride;
    let count = bytes.len() / stride;
    let (mut whole, mut reader) = (stream(schema), records(schema, Clock::Receive, false));
    let before = processor_ns(start);
    reader.run(&mut whole, bytes).expect("good records");
    let from_memory = (processor_ns(start) - before) / count as f64;

    // A block again and again, each time by the stream as it was before it.
    let half = calm(count);
    let (mut warm, mut reader) = (stream(schema), records(schema, Clock::Receive, false));
    reader.run(&mut warm, &bytes[..half * stride]).expect("good records");
    let block = &bytes[half * stride..(half + CACHED.min(count - half)) * stride];
    let mut times: Vec<f64> = (0..100)
        .map(|_| {
            let (mut stream, mut reader) = (warm.clone(), reader.clone());
            reader.run(&mut stream, &block[..block.len() / 10 / stride * stride]).expect("good records");
            let rest = &block[block.len() / 10 / stride * stride..];
            block.iter().step_by(64).for_each(|byte| {
                black_box(byte);
            });
            let start = Instant::now();
            reader.run(&mut stream, rest).expect("good records");
            start.elapsed().as_nanos() as f64 / (rest.len() / stride) as f64
        })
        .collect();
    (from_memory, median(&mut times), whole.detector().episodes().len())
}

/// Latency of one record at a time, clock included: median, 99th and 99.9th percentile; and of the clock alone.
fn latency(schema: Schema, bytes: &[u8]) -> [f64; 4] {
    let stride = Layout::new(schema, Clock::Receive, false).stride;
    let (mut stream, mut reader) = (stream(schema), records(schema, Clock::Receive, false));
    let mut times: Vec<f64> = bytes
        .chunks_exact(stride)
        .map(|record| {
            let start = Instant::now();
            reader.run(&mut stream, record).expect("good record");
            start.elapsed().as_nanos() as f64
        })
        .collect();
    let mut clock: Vec<f64> = (0..100_000).map(|_| Instant::now().elapsed().as_nanos() as f64).collect();
    times.sort_by(f64::total_cmp);
    let at = |share: f64| times[((times.len() - 1) as f64 * share) as usize];
    [at(0.5), at(0.99), at(0.999), median(&mut clock)]
}

fn median(times: &mut [f64]) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn table() {
    for (name, schema, gap, live) in WORK {
        let bytes = make(schema, gap, live, COUNT);
        let (mut memory, mut cache) = (Vec::new(), Vec::new());
        let mut alarms = 0;
        for _ in 0..ROUNDS {
            let (from_memory, from_cache, episodes) = time(schema, &bytes);
            memory.push(from_memory);
            cache.push(from_cache);
            alarms = episodes;
        }
        let (memory, cache) = (median(&mut memory), median(&mut cache));
        let [middle, late, later, clock] = latency(schema, &bytes);
        println!(
            "{name:14} memory {memory:6.1} ns {:5.1} M/s   cache {cache:6.1} ns {:5.1} M/s   one by one {middle:.0}, \
             p99 {late:.0}, p99.9 {later:.0} ns (clock {clock:.0})   {alarms} episodes",
            1e3 / memory,
            1e3 / cache
        );
    }
}

fn serve(path: &Path, name: &str) {
    let schema = Schema::parse(name).expect("a schema");
    let bytes = std::fs::read(path).expect("a file");
    for line in std::io::stdin().lock().lines() {
        if line.expect("a line").is_empty() {
            return;
        }
        let (memory, cache, episodes) = time(schema, &bytes);
        println!("{memory} {cache} {episodes}");
    }
}

fn identity(count: usize) {
    let parts =
        [(Schema::Mbp10, count / 2, 1_000_000), (Schema::Mbo, count / 4, 500_000), (Schema::Mbp1, 0, 20_000_000)];
    for (schema, events, gap) in parts {
        let events = if events == 0 { count - count / 2 - count / 4 } else { events };
        let found = digest(schema, events, gap, &WAYS);
        for (way, found) in WAYS.iter().zip(&found) {
            println!(
                "{:8} {events:>11} events {:8} {:016x} {} episodes {} transitions",
                schema.name(),
                format!("{way:?}"),
                found.digest,
                found.episodes,
                found.transitions
            );
        }
        assert!(found.iter().all(|other| *other == found[0]), "the ways differ");
    }
}

fn write(folder: &Path, count: usize) {
    for (name, schema, gap, live) in WORK {
        std::fs::write(folder.join(name), make(schema, gap, live, count)).expect("a folder to write to");
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match words[..] {
        [] => table(),
        ["write", folder, count] => write(Path::new(folder), count.parse().expect("a number")),
        ["serve", path, schema] => serve(Path::new(path), schema),
        ["identity", count] => identity(count.parse().expect("a number")),
        _ => panic!("write FOLDER COUNT, serve FILE SCHEMA, identity COUNT or nothing"),
    }
}
