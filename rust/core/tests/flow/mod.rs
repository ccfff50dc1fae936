//! Endless made-up order flow as DBN records: calm stretches, bursts that run and come back, and whatever a feed can
//! hold besides. Integers only, so that every build makes the same bytes.

#![allow(dead_code, reason = "each test and benchmark uses a part of it")]

pub mod identity;

/// Ticks in units of 1e-9.
pub const TICK: i64 = 250_000_000;
/// Instrument of the records.
pub const INSTRUMENT: u32 = 7;
const START: u64 = 1_700_000_000_000_000_000;
const UNDEFINED: i64 = i64::MAX;

/// Records from run to run.
pub const PERIOD: u64 = 40_000;

/// Xorshift.
pub struct Random(u64);

impl Random {
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    pub fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    pub fn below(&mut self, n: u64) -> u64 {
        (self.next() >> 11) % n
    }
}

/// Levels of a record of market by price.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Width {
    Ten,
    One,
}

/// Market by price.
pub struct Prices {
    random: Random,
    width: Width,
    /// Mean gap of records in calm, ns.
    gap: u64,
    /// One record in so many is of a rare kind; 0 for none.
    rare: u64,
    ts: u64,
    bid: i64,
    sizes: [[u32; 10]; 2],
    count: u64,
    /// Records from run to run.
    period: u64,
}

impl Prices {
    pub fn new(seed: u64, width: Width, gap: u64, rare: u64) -> Self {
        let sizes = [[60; 10]; 2];
        Self { random: Random::new(seed), width, gap, rare, ts: START, bid: 20_000, sizes, count: 0, period: PERIOD }
    }

    /// The same with a run in so many records.
    pub fn every(mut self, period: u64) -> Self {
        self.period = period;
        self
    }

    /// Bytes of a record.
    pub fn size(&self) -> usize {
        if self.width == Width::Ten { 368 } else { 80 }
    }

    /// Direction of the run in progress and whether it is coming back: one stretch of 4,000 a period.
    fn phase(&self) -> (i64, bool) {
        let at = self.count % self.period;
        let way = if (self.count / self.period).is_multiple_of(2) { 1 } else { -1 };
        match at {
            30_000..31_500 => (way, false),
            31_500..34_000 => (-way, true),
            _ => (0, false),
        }
    }

    fn shift(&mut self, up: bool) {
        let [bids, asks] = &mut self.sizes;
        let (gains, loses) = if up { (bids, asks) } else { (asks, bids) };
        gains.rotate_right(1);
        gains[0] = 20;
        loses.rotate_left(1);
        loses[9] = 60;
        self.bid += if up { 1 } else { -1 };
    }

    /// Appends one record.
    pub fn push(&mut self, bytes: &mut Vec<u8>) {
        let (way, is_back) = self.phase();
        let r = self.random.next();
        let gap = if way == 0 || is_back { self.gap } else { self.gap / 4 };
        self.ts += self.random.below(2 * gap + 1);
        let mut side = usize::from(r & 1 == 0);
        let (mut action, mut size) = (b'A', 1 + self.random.below(9) as u32);
        let (trades, shifts) = if way != 0 && !is_back { (40, 55) } else { (5, 10) };
        match (r >> 8) % 100 {
            kind if kind < trades => {
                action = b'T';
                side = if way == 0 { side } else { usize::from(way < 0) };
                size = if way == 0 { size } else { 5 * size };
            }
            kind if kind < shifts => self.shift(if way == 0 { r & 1 == 0 } else { way > 0 }),
            _ => {
                let k = self.random.below(10).min(self.random.below(10)) as usize;
                let thins = way != 0 && !is_back && side == usize::from(way > 0);
                let level = &mut self.sizes[side][k];
                if (r & 2 == 0 && !thins) || *level <= size {
                    *level += size;
                } else {
                    *level -= size;
                    action = b'C';
                }
            }
        }
        let mut flags = 0x80;
        let mut hole = 0;
        if self.rare > 0 && self.random.below(self.rare) == 0 {
            match self.random.below(8) {
                0 => flags = 0,
                1 => flags = 0x88,
                2 => flags = 0xa0,
                3 => flags = 0x84,
                4 => action = b'R',
                5 => hole = 1 + self.random.below(10) as i64,
                6 => side = 2,
                _ => self.ts += 40_000_000_000,
            }
        }
        self.count += 1;
        let (rtype, levels) = if self.width == Width::Ten { (0x0a, 10) } else { (0x01, 1) };
        bytes.extend([if levels == 10 { 92 } else { 20 }, rtype]);
        bytes.extend(1_u16.to_le_bytes());
        bytes.extend(INSTRUMENT.to_le_bytes());
        bytes.extend(self.ts.to_le_bytes());
        bytes.extend((self.bid * TICK).to_le_bytes());
        bytes.extend(size.to_le_bytes());
        bytes.extend([action, b"BAN"[side], flags, 0]);
        bytes.extend((self.ts + 1_000).to_le_bytes());
        bytes.extend([0; 8]);
        for k in 0..levels {
            let is_hole = hole > 0 && k as i64 + 1 >= hole;
            let below = if is_hole { UNDEFINED } else { (self.bid - k as i64) * TICK };
            bytes.extend(below.to_le_bytes());
            bytes.extend(((self.bid + 1 + k as i64) * TICK).to_le_bytes());
            bytes.extend(if is_hole { 0 } else { self.sizes[0][k] }.to_le_bytes());
            bytes.extend(self.sizes[1][k].to_le_bytes());
            bytes.extend([1, 0, 0, 0, 1, 0, 0, 0]);
        }
    }
}

#[derive(Clone, Copy)]
struct Order {
    id: u64,
    side: usize,
    price: i64,
    size: u32,
}

/// Market by order.
pub struct Orders {
    random: Random,
    live: Vec<Order>,
    counts: [Vec<u32>; 2],
    best: [i64; 2],
    target: usize,
    gap: u64,
    ts: u64,
    next_id: u64,
}

const PRICES: i64 = 1 << 15;

impl Orders {
    /// Flow of about `target` live orders, records `gap` ns apart in the mean.
    pub fn new(seed: u64, target: usize, gap: u64) -> Self {
        let middle = PRICES / 2;
        Self {
            random: Random::new(seed),
            live: Vec::new(),
            counts: std::array::from_fn(|_| vec![0; PRICES as usize]),
            best: [middle - 1, middle],
            target,
            gap,
            ts: START,
            next_id: 1,
        }
    }

    fn record(&mut self, bytes: &mut Vec<u8>, action: u8, flags: u8, order: &Order, size: u32) {
        bytes.extend([14, 0xa0, 1, 0]);
        bytes.extend(INSTRUMENT.to_le_bytes());
        bytes.extend(self.ts.to_le_bytes());
        bytes.extend(order.id.to_le_bytes());
        bytes.extend((order.price * TICK).to_le_bytes());
        bytes.extend(size.to_le_bytes());
        bytes.extend([flags, 0, action, b"BA"[order.side]]);
        bytes.extend((self.ts + 1_000).to_le_bytes());
        bytes.extend([0; 8]);
    }

    fn count(&mut self, side: usize, price: i64, by: i32) {
        let step = if side == 0 { -1 } else { 1 };
        let cell = &mut self.counts[side][price as usize];
        *cell = cell.wrapping_add_signed(by);
        if by > 0 && (self.best[side] - price) * step > 0 {
            self.best[side] = price;
        }
        while self.counts[side][self.best[side] as usize] == 0 && (2..PRICES - 2).contains(&self.best[side]) {
            self.best[side] += step;
        }
    }

    /// A price on a side that does not cross, most of them close to the other side's best.
    fn price(&mut self, side: usize) -> i64 {
        let reach = if self.target > 10_000 { 400 } else { 30 };
        let away = self.random.below(reach).min(self.random.below(reach)).min(self.random.below(reach)) as i64;
        let price = if side == 0 { self.best[1] - 1 - away } else { self.best[0] + 1 + away };
        price.clamp(1, PRICES - 2)
    }

    /// Appends the records of one event.
    pub fn push(&mut self, bytes: &mut Vec<u8>) {
        let r = self.random.next();
        self.ts += self.random.below(2 * self.gap + 1);
        let kind = (r >> 8) % 100;
        if self.live.len() < 20 || (kind < 48 && self.live.len() < self.target + self.target / 8) {
            let side = (r & 1) as usize;
            let order =
                Order { id: self.next_id, side, price: self.price(side), size: 1 + self.random.below(20) as u32 };
            self.next_id += 1;
            self.live.push(order);
            self.count(side, order.price, 1);
            return self.record(bytes, b'A', 0x80, &order, order.size);
        }
        let at = self.random.below(self.live.len() as u64) as usize;
        let order = self.live[at];
        if kind < 92 && (kind >= 56 || self.live.len() > self.target) {
            self.live.swap_remove(at);
            self.count(order.side, order.price, -1);
            self.record(bytes, b'C', 0x80, &order, order.size);
        } else if kind < 96 {
            let mut moved = order;
            if r & 2 == 0 {
                self.count(order.side, order.price, -1);
                moved.price = self.price(order.side);
                self.count(order.side, moved.price, 1);
            } else {
                moved.size = 1 + self.random.below(20) as u32;
            }
            self.live[at] = moved;
            self.record(bytes, b'M', 0x80, &moved, moved.size);
        } else {
            let filled = 1 + self.random.below(u64::from(order.size)) as u32;
            let aggressor = Order { id: 0, side: 1 - order.side, ..order };
            self.record(bytes, b'T', 0, &aggressor, filled);
            self.record(bytes, b'F', 0, &order, filled);
            self.record(bytes, b'C', 0x80, &order, filled);
            self.live[at].size -= filled;
            if filled == order.size {
                self.live.swap_remove(at);
                self.count(order.side, order.price, -1);
            }
        }
    }
}
