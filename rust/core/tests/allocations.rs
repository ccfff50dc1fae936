//! No event of a calm market allocates: what grows is the list of alarms.

mod flow;

use std::alloc::{GlobalAlloc, Layout as Block, System};
use std::sync::atomic::{AtomicUsize, Ordering};

use alvh_core::decode::dbn::{Clock, Layout, Schema};
use alvh_core::ignition::{IgnitionConfig, Stream};
use flow::identity::records;
use flow::{Orders, Prices, Width};

struct Counting;

static ALLOCATIONS: AtomicUsize = AtomicUsize::new(0);

// SAFETY: every call goes to the system's allocator as it is.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, block: Block) -> *mut u8 {
        ALLOCATIONS.fetch_add(1, Ordering::Relaxed);
        // SAFETY: the caller's promises are those that the system's allocator asks for.
        unsafe { System.alloc(block) }
    }

    unsafe fn dealloc(&self, pointer: *mut u8, block: Block) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, block) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Allocations over the second half of the records, one by one and in a block.
fn allocations(schema: Schema, bytes: &[u8]) -> [usize; 2] {
    let stride = Layout::new(schema, Clock::Receive, false).stride;
    let (first, second) = bytes.split_at(bytes.len() / stride / 2 * stride);
    [true, false].map(|one_by_one| {
        let mut stream = Stream::new(IgnitionConfig::default(), schema.feed()).expect("valid");
        let mut reader = records(schema, Clock::Receive, false);
        reader.run(&mut stream, first).expect("good records");
        let before = ALLOCATIONS.load(Ordering::Relaxed);
        if one_by_one {
            second.chunks(stride).for_each(|record| reader.run(&mut stream, record).expect("good record"));
        } else {
            reader.run(&mut stream, second).expect("good records");
        }
        ALLOCATIONS.load(Ordering::Relaxed) - before
    })
}

// One test: the counter counts every thread.
#[test]
fn an_event_allocates_nothing() {
    let before = ALLOCATIONS.load(Ordering::Relaxed);
    drop(std::hint::black_box(vec![1_u8; 100]));
    assert_eq!(ALLOCATIONS.load(Ordering::Relaxed) - before, 1, "the counter counts");
    for (schema, width) in [(Schema::Mbp10, Width::Ten), (Schema::Mbp1, Width::One)] {
        let mut flow = Prices::new(1, width, 20_000, 0);
        let mut bytes = Vec::new();
        for _ in 0..30_000 {
            flow.push(&mut bytes);
        }
        assert_eq!(allocations(schema, &bytes), [0, 0], "{schema:?}");
    }
    let mut flow = Orders::new(1, 1_000, 500_000);
    let mut bytes = Vec::new();
    while bytes.len() < 500_000 * 56 {
        flow.push(&mut bytes);
    }
    assert_eq!(allocations(Schema::Mbo, &bytes), [0, 0]);
}
