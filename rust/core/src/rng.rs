//! Counter-based random numbers: a draw depends on (seed, domain, stream, position) only.
//!
//! No state is shared, so replicate 17 is the same whether it runs first, last or alone.

const M0: u64 = 0xD251_1F53;
const M1: u64 = 0xCD9E_8D57;
const W0: u32 = 0x9E37_79B9;
const W1: u32 = 0xBB67_AE85;

/// One block of Philox4x32-10.
///
/// Salmon, Moraes, Dror and Shaw (2011), "Parallel random numbers: as easy as 1, 2, 3",
/// doi:10.1145/2063384.2063405, section 4.
#[inline(always)]
pub fn philox4x32(mut counter: [u32; 4], mut key: [u32; 2]) -> [u32; 4] {
    for round in 0..10 {
        if round > 0 {
            key = [key[0].wrapping_add(W0), key[1].wrapping_add(W1)];
        }
        let p0 = M0 * u64::from(counter[0]);
        let p1 = M1 * u64::from(counter[2]);
        counter =
            [(p1 >> 32) as u32 ^ counter[1] ^ key[0], p1 as u32, (p0 >> 32) as u32 ^ counter[3] ^ key[1], p0 as u32];
    }
    counter
}

/// [`philox4x32`] in 64-bit words, for loops over lanes: the low halves of the result are the numbers.
///
/// The high halves hold what the next multiplication ignores, which saves masking it away in every round.
#[inline(always)]
pub fn philox4x32_wide(mut counter: [u64; 4], mut key: [u32; 2]) -> [u64; 4] {
    const LOW: u64 = 0xffff_ffff;
    for round in 0..10 {
        if round > 0 {
            key = [key[0].wrapping_add(W0), key[1].wrapping_add(W1)];
        }
        let p0 = M0.wrapping_mul(counter[0] & LOW);
        let p1 = M1.wrapping_mul(counter[2] & LOW);
        counter = [(p1 >> 32) ^ counter[1] ^ u64::from(key[0]), p1, (p0 >> 32) ^ counter[3] ^ u64::from(key[1]), p0];
    }
    counter
}

/// What a stream of numbers is for; two purposes never share numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Domain {
    /// Indices of the stationary bootstrap.
    Bootstrap = 1,
    /// The labelled order flow.
    OrderFlow = 16,
    /// Ignitions put into real books.
    Transplant = 17,
    /// Diffusion and jump times of the reference workload of the simulation.
    ReferenceSteps = 18,
    /// Jump sizes of the reference workload of the simulation.
    ReferenceJumps = 19,
    /// Shocks of the variances of the market model.
    ModelVariance = 20,
    /// Shocks of the price of the market model.
    ModelPrice = 21,
    /// Clock and sizes of the jumps of the market model.
    ModelJumps = 22,
    /// Highest and lowest price between two steps of the market model.
    ModelExtremes = 23,
    /// Which episodes a session has.
    Episodes = 40,
    /// Price between two closes on a day with an episode.
    Bridge = 41,
    /// False alarms of an order book.
    FairAlarm = 42,
    /// Noise of the quick ratio.
    FairQuickRatio = 43,
    /// Noise of the breadth of the market.
    FairBreadth = 44,
    /// Which fast moves an order book's alarm finds.
    FairMoves = 45,
}

/// An endless sequence of random numbers, fixed by (seed, domain, stream).
#[derive(Debug, Clone)]
pub struct Stream {
    key: [u32; 2],
    counter: [u32; 4],
    block: [u32; 4],
    used: usize,
}

impl Stream {
    /// The sequence number `stream` of `seed` for one purpose.
    pub fn new(seed: u64, domain: Domain, stream: u64) -> Self {
        let counter = [0, domain as u32, stream as u32, (stream >> 32) as u32];
        Self { key: [seed as u32, (seed >> 32) as u32], counter, block: [0; 4], used: 4 }
    }

    /// The same sequence from its block `position` on.
    pub fn starting_at(self, position: u32) -> Self {
        Self { counter: [position, self.counter[1], self.counter[2], self.counter[3]], used: 4, ..self }
    }

    /// Four numbers at once, the block at `position`; does not move the stream.
    #[inline]
    pub fn block(&self, position: u32) -> [u32; 4] {
        philox4x32([position, self.counter[1], self.counter[2], self.counter[3]], self.key)
    }

    /// The next 32 random bits. A stream holds 2^34 numbers before it repeats.
    #[inline]
    pub fn next_u32(&mut self) -> u32 {
        if self.used == 4 {
            self.block = philox4x32(self.counter, self.key);
            self.counter[0] = self.counter[0].wrapping_add(1);
            self.used = 0;
        }
        let value = self.block[self.used];
        self.used += 1;
        value
    }

    /// A uniform integer in `0..bound` without bias; `bound` must be positive.
    ///
    /// Lemire (2019), "Fast random integer generation in an interval", doi:10.1145/3230636.
    #[inline]
    pub fn below(&mut self, bound: u32) -> u32 {
        let mut product = u64::from(self.next_u32()) * u64::from(bound);
        if (product as u32) < bound {
            let threshold = bound.wrapping_neg() % bound;
            while (product as u32) < threshold {
                product = u64::from(self.next_u32()) * u64::from(bound);
            }
        }
        (product >> 32) as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers published with the reference implementation (Random123, `kat_vectors`).
    #[test]
    fn philox_gives_the_published_answers() {
        assert_eq!(philox4x32([0; 4], [0; 2]), [0x6627_e8d5, 0xe169_c58d, 0xbc57_ac4c, 0x9b00_dbd8]);
        assert_eq!(philox4x32([u32::MAX; 4], [u32::MAX; 2]), [0x408f_276d, 0x41c8_3b0e, 0xa20b_c7c6, 0x6d54_51fd]);
        assert_eq!(
            philox4x32([0x243f_6a88, 0x85a3_08d3, 0x1319_8a2e, 0x0370_7344], [0xa409_3822, 0x299f_31d0]),
            [0xd16c_fe09, 0x94fd_cceb, 0x5001_e420, 0x2412_6ea1]
        );
    }

    #[test]
    fn wide_words_give_the_same_numbers() {
        for i in 0..1_000_u32 {
            let (counter, key) = ([i, i.wrapping_mul(0x9E37_79B9), !i, 7], [i ^ 0x5555, u32::MAX - i]);
            assert_eq!(philox4x32_wide(counter.map(u64::from), key).map(|x| x as u32), philox4x32(counter, key));
        }
    }

    #[test]
    fn streams_depend_on_seed_and_number_only() {
        let take = |seed, stream| {
            let mut s = Stream::new(seed, Domain::Bootstrap, stream);
            (0..9).map(|_| s.next_u32()).collect::<Vec<_>>()
        };
        assert_eq!(take(7, 3), take(7, 3));
        assert_ne!(take(7, 3), take(7, 4));
        assert_ne!(take(7, 3), take(7, 3 + (1 << 32)));
        assert_ne!(take(7, 3), take(8, 3));
        assert_ne!(take(7, 3), take(7 + (1 << 32), 3));
    }

    #[test]
    fn bounded_integers_are_uniform() {
        let mut stream = Stream::new(1, Domain::Bootstrap, 0);
        let mut counts = [0_i32; 7];
        for _ in 0..70_000 {
            counts[stream.below(7) as usize] += 1;
        }
        // 5 standard deviations of a binomial count around 10,000.
        assert!(counts.iter().all(|&count| (count - 10_000).abs() < 463), "{counts:?}");
        assert_eq!(stream.below(1), 0);
    }
}
