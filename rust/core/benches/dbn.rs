//! Reading compressed records against bare zstd on the same file, by the same library.
//!
//! `cargo bench -p alvh-core --bench dbn` prints a table: processor time of one thread, medians of rounds in turn.

#[path = "../tests/flow/mod.rs"]
mod flow;

use std::fs::File;
use std::hint::black_box;
use std::io::{Read, Write};
use std::path::Path;
use std::time::Instant;

use alvh_core::decode::dbn::{Clock, Encoded, Layout, Options, Schema, read};
use alvh_core::tape::Body;
use flow::{Orders, Prices, Width};
use zstd::stream::raw::{Decoder, InBuffer, Operation, OutBuffer};

/// Bytes of records: more than are kept in memory.
const BYTES: usize = 300 << 20;
const ROUNDS: usize = 5;

fn make(schema: Schema) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(BYTES + 1_000);
    if schema == Schema::Mbo {
        let mut flow = Orders::new(1, 10_000, 500_000);
        while bytes.len() < BYTES {
            flow.push(&mut bytes);
        }
    } else {
        let mut flow = Prices::new(1, if schema == Schema::Mbp10 { Width::Ten } else { Width::One }, 500_000, 0);
        while bytes.len() < BYTES {
            flow.push(&mut bytes);
        }
    }
    bytes
}

/// Nanoseconds that this thread has had a processor; on a machine that does not say, that have passed.
fn processor_ns(start: Instant) -> f64 {
    let told = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    let first = told.as_deref().and_then(|text| text.split(' ').next()).and_then(|text| text.parse().ok());
    first.unwrap_or_else(|| start.elapsed().as_nanos() as f64)
}

/// Bytes that bare zstd unpacks, chunk by chunk into one buffer.
fn unpack(path: &Path, room: usize) -> usize {
    let mut file = File::open(path).expect("the file");
    let mut decoder = Decoder::new().expect("a decoder");
    let (mut chunk, mut out) = (vec![0; 1 << 17], vec![0; room]);
    let mut total = 0;
    loop {
        let length = file.read(&mut chunk).expect("readable");
        if length == 0 {
            return total;
        }
        let mut from = InBuffer::around(&chunk[..length]);
        loop {
            let mut to = OutBuffer::around(&mut out[..]);
            decoder.run(&mut from, &mut to).expect("a frame");
            total += to.pos();
            if from.pos() == length && to.pos() < room {
                break;
            }
        }
        black_box(&out);
    }
}

fn median(mut times: Vec<f64>) -> f64 {
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}

fn main() {
    let folder = std::env::temp_dir().join(format!("alvh-bench-dbn-{}", std::process::id()));
    std::fs::create_dir_all(&folder).expect("a folder");
    println!(
        "| schema | bare zstd [GB/s] | read, one thread [GB/s] | of zstd | a later pass, wall [GB/s] | uncompressed [GB/s] |"
    );
    println!("| --- | --- | --- | --- | --- | --- |");
    for schema in [Schema::Mbp10, Schema::Mbp1, Schema::Mbo] {
        let bytes = make(schema);
        let (packed, raw) = (folder.join("a.dbn.zst"), folder.join("a.dbn"));
        File::create(&raw).and_then(|mut file| file.write_all(&bytes)).expect("written");
        let compressed = zstd::encode_all(&bytes[..], 3).expect("compressed");
        std::fs::write(&packed, compressed).expect("written");
        let options = Options { schema: Some(schema.name().to_owned()), tick_size: Some(1e-9), ..Options::default() };
        let start = Instant::now();
        let size = std::fs::metadata(&packed).map_or(0, |about| about.len());
        let mut times = [const { Vec::new() }; 5];
        for _ in 0..ROUNDS {
            for (k, room) in [(0, 1 << 17), (1, 1 << 18)] {
                let before = processor_ns(start);
                assert_eq!(unpack(&packed, room), bytes.len());
                times[k].push(processor_ns(start) - before);
            }
            for (k, path) in [(2, &packed), (4, &raw)] {
                let before = processor_ns(start);
                let tape = read(Encoded::File(path.clone()), "bench", &options, &mut || true).expect("a good file");
                times[k].push(processor_ns(start) - before);
                let Body::Dbn(tape) = &tape.body else { panic!("records") };
                assert!(!tape.is_in_memory());
                if k == 4 {
                    continue;
                }
                let before = Instant::now();
                let mut blocks = tape.blocks().expect("the file");
                let mut count = 0;
                while let Some(block) = blocks.next_block().expect("good records") {
                    count += black_box(block.records).len();
                }
                times[3].push(before.elapsed().as_nanos() as f64);
                assert_eq!(count / Layout::new(schema, Clock::Receive, false).stride, tape.length as usize);
            }
        }
        let [small, large, here, pass, plain] = times.map(|times| bytes.len() as f64 / median(times));
        let bare = small.max(large);
        let name = schema.name();
        println!(
            "| {name}, 1 : {:.1} | {bare:.2} | {here:.2} | {:.1} % | {pass:.2} | {plain:.2} |",
            bytes.len() as f64 / size as f64,
            100.0 * here / bare
        );
    }
    std::fs::remove_dir_all(&folder).expect("removed");
}
