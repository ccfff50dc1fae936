//! Black-76 prices of whole columns.
//!
//! Blocks of options go through short passes over arrays: those without table look-ups vectorise, and the branch of
//! the one that has them waits for no logarithm. The operations of each option are those of [`black76`] in the same
//! order, so the bits are the same; a block with anything unusual in it is priced one by one.

use super::black::{black76 as price_one, weighted_difference};
use super::mills::INV_SQRT_TWO_PI;
use crate::instrument::Right;
use crate::math::{exp_plain, has_plain_exp, has_plain_ln, log_ratio_plain};

/// Options in a block: eight arrays of them stay in the nearest cache.
const LANES: usize = 64;

/// A column of values, or one value for all rows.
#[derive(Debug, Clone, Copy)]
pub struct Column<'a, T> {
    values: &'a [T],
    step: usize,
}

impl<'a, T: Copy> Column<'a, T> {
    /// A column; a slice of one value holds for all rows.
    pub fn new(values: &'a [T]) -> Self {
        Self { values, step: usize::from(values.len() != 1) }
    }

    /// The value of a row.
    #[inline]
    pub fn at(self, row: usize) -> T {
        self.values[row * self.step]
    }

    #[inline]
    fn load(self, start: usize, lanes: &mut [T]) {
        if self.step == 0 {
            lanes.fill(self.values[0]);
        } else {
            lanes.copy_from_slice(&self.values[start..start + lanes.len()]);
        }
    }
}

impl Column<'_, i8> {
    /// The right of a row: a positive sign is a call.
    #[inline]
    pub fn right(self, row: usize) -> Right {
        right(self.at(row))
    }
}

#[inline]
fn right(sign: i8) -> Right {
    if sign > 0 { Right::Call } else { Right::Put }
}

/// Columns of Black-76.
#[derive(Debug, Clone, Copy)]
pub struct Black76<'a> {
    /// Forward.
    pub forward: Column<'a, f64>,
    /// Strike.
    pub strike: Column<'a, f64>,
    /// Years to expiry.
    pub years: Column<'a, f64>,
    /// Annualised volatility.
    pub vol: Column<'a, f64>,
    /// Continuous rate.
    pub rate: Column<'a, f64>,
    /// +1 for a call, -1 for a put.
    pub sign: Column<'a, i8>,
}

impl Black76<'_> {
    /// Prices of the rows from `start` on, as many as `out` holds.
    pub fn price(&self, start: usize, out: &mut [f64]) {
        for (block, out) in out.chunks_mut(LANES).enumerate() {
            self.block(start + block * LANES, out);
        }
    }

    fn block(&self, start: usize, out: &mut [f64]) {
        let n = out.len();
        // The lanes beyond the last row price something harmless.
        let (mut forward, mut strike, mut years) = ([1.0; LANES], [1.0; LANES], [1.0; LANES]);
        let (mut vol, mut rate, mut sign) = ([1.0; LANES], [0.0; LANES], [1_i8; LANES]);
        self.forward.load(start, &mut forward[..n]);
        self.strike.load(start, &mut strike[..n]);
        self.years.load(start, &mut years[..n]);
        self.vol.load(start, &mut vol[..n]);
        self.rate.load(start, &mut rate[..n]);
        self.sign.load(start, &mut sign[..n]);

        let (mut a, mut t, mut density, mut discount) = ([0.0; LANES], [0.0; LANES], [0.0; LANES], [0.0; LANES]);
        let mut usual = true;
        for i in 0..LANES {
            let s = vol[i] * years[i].sqrt();
            let x = log_ratio_plain(forward[i], strike[i]).abs();
            a[i] = x / s;
            t[i] = 0.5 * s;
            let u = a[i] - t[i];
            density[i] = -0.5 * u * u;
            discount[i] = -(rate[i] * years[i]);
            usual &= has_plain_ln(forward[i])
                & has_plain_ln(strike[i])
                & (vol[i] > 0.0)
                & (s > 0.0)
                & has_plain_exp(density[i])
                & has_plain_exp(discount[i]);
        }
        if !usual {
            for (i, out) in out.iter_mut().enumerate() {
                *out = price_one(right(sign[i]), forward[i], strike[i], years[i], vol[i], rate[i]);
            }
            return;
        }
        for i in 0..LANES {
            density[i] = INV_SQRT_TWO_PI * exp_plain(density[i]);
            discount[i] = exp_plain(discount[i]);
        }
        for i in 0..n {
            a[i] = weighted_difference(density[i], a[i], t[i]);
        }
        for i in 0..n {
            let gap = f64::from(sign[i]) * (forward[i] - strike[i]);
            let intrinsic = if gap > 0.0 { gap } else { 0.0 };
            let least = if forward[i] < strike[i] { forward[i] } else { strike[i] };
            out[i] = discount[i] * (intrinsic + least * a[i]);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::math::exp;

    #[test]
    fn columns_have_the_bits_of_single_prices() {
        let mut seed = 1_u64;
        let mut uniform = || {
            seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            (seed >> 11) as f64 / (1_u64 << 53) as f64
        };
        for wild in [false, true] {
            let n = 20 * LANES + 17;
            let mut columns: [Vec<f64>; 5] = std::array::from_fn(|_| Vec::with_capacity(n));
            let mut sign = Vec::with_capacity(n);
            for row in 0..n {
                let (years, vol) = (exp(-12.0 * uniform()), exp(1.0 - 7.0 * uniform()));
                let forward = exp(10.0 * uniform());
                let strike = forward * exp(vol * years.sqrt() * 12.0 * (uniform() - 0.5));
                let values = [forward, strike, years, vol, 0.2 * uniform() - 0.1];
                let odd = [0.0, -1.0, f64::NAN, f64::INFINITY, 1e-310, 1e300][row % 6];
                for (k, (column, value)) in columns.iter_mut().zip(values).enumerate() {
                    column.push(if wild && row % 40 == 8 * k { odd } else { value });
                }
                sign.push(if uniform() < 0.5 { 1 } else { -1 });
            }
            let [forward, strike, years, vol, rate] = &columns;
            let options = Black76 {
                forward: Column::new(forward),
                strike: Column::new(strike),
                years: Column::new(years),
                vol: Column::new(vol),
                rate: Column::new(rate),
                sign: Column::new(&sign),
            };
            let mut out = vec![f64::NAN; n];
            options.price(0, &mut out);
            for (i, price) in out.iter().enumerate() {
                let one = price_one(right(sign[i]), forward[i], strike[i], years[i], vol[i], rate[i]);
                assert_eq!(price.to_bits(), one.to_bits(), "{i}: {price:e}, {one:e}");
            }
            let mut part = vec![0.0; 70];
            Black76 { vol: Column::new(&vol[3..4]), ..options }.price(5, &mut part);
            for (i, price) in part.iter().enumerate().map(|(i, price)| (i + 5, price)) {
                let one = price_one(right(sign[i]), forward[i], strike[i], years[i], vol[3], rate[i]);
                assert_eq!(price.to_bits(), one.to_bits());
            }
        }
    }
}
