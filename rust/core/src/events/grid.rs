//! Prices of a feed to integer ticks, exactly.

use super::LARGEST;

/// A price grid: how many of the feed's fixed-point units make a tick.
///
/// Division by the tick is a shift and a multiplication by the inverse of its odd part modulo 2^64, which is exact
/// for multiples of the tick and gives a number too large for a quotient otherwise, so a price off the grid is never
/// rounded (Granlund, Montgomery 1994, doi:10.1145/178243.178249, section 9).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Grid {
    tick: i64,
    shift: u32,
    inverse: u64,
    /// Largest quotient either way.
    largest: i64,
}

impl Grid {
    /// A grid of `tick` units, or `None` unless it is positive.
    pub fn new(tick: i64) -> Option<Self> {
        if tick <= 0 {
            return None;
        }
        let shift = tick.trailing_zeros();
        let odd = (tick as u64) >> shift;
        // Newton's iteration doubles the correct bits; an odd number is its own inverse modulo 8.
        let mut inverse = odd;
        for _ in 0..5 {
            inverse = inverse.wrapping_mul(2_u64.wrapping_sub(odd.wrapping_mul(inverse)));
        }
        Some(Self { tick, shift, inverse, largest: LARGEST.min(i64::MAX / tick) })
    }

    /// Units of a tick.
    pub fn tick(&self) -> i64 {
        self.tick
    }

    /// The price in ticks, or `None` off the grid and beyond `LARGEST` ticks.
    #[inline]
    pub fn ticks(&self, price: i64) -> Option<i64> {
        let shifted = price >> (self.shift & 63);
        let ticks = (shifted as u64).wrapping_mul(self.inverse) as i64;
        let is_whole = shifted << (self.shift & 63) == price;
        (is_whole && ticks.unsigned_abs() <= self.largest as u64).then_some(ticks)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn expected(price: i64, tick: i64) -> Option<i64> {
        let ticks = price / tick;
        (price % tick == 0 && ticks.unsigned_abs() <= LARGEST as u64).then_some(ticks)
    }

    #[test]
    fn ticks_are_exact_and_nothing_is_rounded() {
        assert_eq!((Grid::new(0), Grid::new(-5)), (None, None));
        for tick in [1, 2, 5, 25, 100, 10_000_000, 250_000_000, 7_812_500, i64::MAX] {
            let grid = Grid::new(tick).expect("positive");
            for n in [0_i64, 1, -1, 2, 3, 17, -400, 12_345, 1 << 20] {
                let Some(price) = n.checked_mul(tick) else { continue };
                assert_eq!(grid.ticks(price), Some(n), "{tick} {n}");
                for off in (0..63).flat_map(|bit| [1 << bit, -(1 << bit)]) {
                    let Some(beside) = price.checked_add(off) else { continue };
                    assert_eq!(grid.ticks(beside), expected(beside, tick), "{tick} {n} {off}");
                }
            }
            for price in [i64::MIN, i64::MAX, i64::MIN + 1, i64::MAX - 1] {
                assert_eq!(grid.ticks(price), expected(price, tick), "{tick} {price}");
            }
        }
    }
}
