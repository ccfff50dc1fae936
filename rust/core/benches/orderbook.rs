//! Speed of the level-3 book, alone and with the detector behind it, on synthetic orders.
//!
//! `cargo bench -p alvh-core --bench orderbook` prints nanoseconds an event for books of two sizes.

use std::hint::black_box;
use std::time::Instant;

use alvh_core::events::{Event, Feed, action, flag, side};
use alvh_core::ignition::{IgnitionConfig, Stream};
use alvh_core::orderbook::{OrderBook, Orders};

const EVENTS: usize = 4_000_000;
const MIDDLE: i64 = 20_000;
const BLOCK: usize = 100_000;
const RUNS: usize = 5;

/// xorshift64*: the flow only has to look like one.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    fn below(&mut self, n: u64) -> u64 {
        ((self.next() >> 32) * n) >> 32
    }

    fn unit(&mut self) -> f64 {
        (self.next() >> 11) as f64 / (1_u64 << 53) as f64
    }
}

/// The touch may move by some ticks; the book is never crossed.
fn uncrossed(side: u8, price: i64) -> i64 {
    if side == side::BID { price.min(MIDDLE) } else { price.max(MIDDLE + 1) }
}

/// Adds, cancels, modifies and trades around a slow random walk; `live` orders rest in the mean.
fn flow(live: usize, reach: f64, seed: u64) -> Vec<Event> {
    let mut random = Random(seed);
    let mut resting: Vec<(u64, u8, i64, i64)> = Vec::new();
    let mut events = Vec::with_capacity(EVENTS + live);
    let (mut middle, mut ts, mut next_id) = (MIDDLE, 1_700_000_000_000_000_000_i64, 6_400_000_000_000_u64);
    while events.len() < EVENTS + live {
        ts += 1 + random.below(100_000) as i64;
        if random.below(2_000) == 0 {
            middle = (middle + random.below(3) as i64 - 1).clamp(MIDDLE - 5, MIDDLE + 5);
        }
        let choice = random.unit();
        let must_add = resting.len() < live;
        if resting.len() < live / 2 || (choice < 0.9 && (must_add || resting.is_empty())) {
            let side = if random.below(2) == 0 { side::BID } else { side::ASK };
            // Two in three around the touch, the others up to `reach` away.
            let away = if random.below(3) == 0 { random.unit() * random.unit() * reach } else { random.unit() * 10.0 };
            let price = if side == side::BID { middle - away as i64 } else { middle + 1 + away as i64 };
            let price = uncrossed(side, price);
            let size = 1 + random.below(20) as i64;
            next_id += 1 + random.below(40);
            resting.push((next_id, side, price, size));
            events.push(event(ts, action::ADD, side, price, size, next_id));
        } else if choice < 0.9 {
            // The young go first: most orders live briefly.
            let n = resting.len() as u64;
            let i = if random.below(4) > 0 { n - 1 - random.below(n.min(256)) } else { random.below(n) } as usize;
            let (id, side, price, size) = resting.swap_remove(i);
            events.push(event(ts, action::CANCEL, side, price, size, id));
        } else if choice < 0.96 {
            let i = random.below(resting.len() as u64) as usize;
            let order = &mut resting[i];
            order.2 = uncrossed(order.1, order.2 + random.below(3) as i64 - 1);
            order.3 = 1 + random.below(20) as i64;
            events.push(event(ts, action::MODIFY, order.1, order.2, order.3, order.0));
        } else {
            let side = if random.below(2) == 0 { side::BID } else { side::ASK };
            events.push(event(ts, action::TRADE, side, middle, 1 + random.below(5) as i64, 0));
        }
    }
    events
}

fn event(ts: i64, action: u8, side: u8, price: i64, size: i64, order_id: u64) -> Event {
    Event { ts, price, size, order_id, participant: 0, action, side, flags: flag::LAST }
}

/// Times `work` over blocks of events: the fastest block is what the machine does when nothing else disturbs it.
fn time(events: &[Event], times: &mut Vec<f64>, mut work: impl FnMut(&Event)) {
    for block in events.chunks(BLOCK) {
        let start = Instant::now();
        block.iter().for_each(&mut work);
        times.push(start.elapsed().as_secs_f64() * 1e9 / block.len() as f64);
    }
}

fn summary(mut times: Vec<f64>) -> (f64, f64) {
    times.sort_unstable_by(f64::total_cmp);
    (times[0], times[times.len() / 2])
}

fn main() {
    println!(
        "live orders | book: ns an event (best, median) | with detector (best, median) | million/s (best, median)"
    );
    for (live, reach) in [(1_000, 300.0), (40_000, 3_000.0)] {
        let events = flow(live, reach, 7);
        let (warm, timed) = events.split_at(live);
        let (mut alone, mut both) = (Vec::new(), Vec::new());
        let mut resting = 0;
        for _ in 0..RUNS {
            let mut book = Orders::default();
            warm.iter().for_each(|event| {
                book.apply(event);
            });
            time(timed, &mut alone, |event| {
                black_box(book.apply(event));
            });
            resting = book.len();
            let mut stream = Stream::new(IgnitionConfig::default(), Feed::Orders).expect("defaults");
            warm.iter().for_each(|event| stream.event(event, &[]).expect("in order"));
            time(timed, &mut both, |event| stream.event(event, &[]).expect("in order"));
            black_box(stream.detector().score());
        }
        let ((a, b), (c, d)) = (summary(alone), summary(both));
        println!("{resting:11} | {a:8.1} {b:8.1} | {c:8.1} {d:8.1} | {:8.1} {:8.1}", 1e3 / c, 1e3 / d);
    }
}
