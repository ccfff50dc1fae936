//! Mills' ratio R(z) = N(-z) / n(z) of the standard normal law, the building block of Black's formula.
//!
//! R is smooth, positive and decreasing, so prices written with it need one exponential and never subtract
//! two nearly equal probabilities. Up to `LAST_NODE` it comes from Taylor expansions around tabulated nodes,
//! beyond that from Laplace's continued fraction (NIST Digital Library of Mathematical Functions, 7.9).
//! Everything is plain arithmetic in a fixed order: the same bits everywhere.

pub(super) use super::mills_table::LAST_NODE;
use super::mills_table::{COEFFICIENTS, STEPS_PER_UNIT, TABLE};
use crate::math::{exp, ln};

pub(super) const INV_SQRT_TWO_PI: f64 = 0.398_942_280_401_432_7;
/// Half distance up to which a difference is expanded around one node.
const NEAR: f64 = 1.0 / 16.0;
/// Continued-fraction terms beyond the table: 1e-17 relative at z = 10, better further out.
const FRACTION_TERMS: u32 = 24;

/// Standard normal density without the constant folded into an exponent: n(z).
#[inline]
pub fn density(z: f64) -> f64 {
    INV_SQRT_TWO_PI * exp(-0.5 * z * z)
}

#[inline]
fn node(z: f64) -> (&'static [f64; COEFFICIENTS], f64) {
    // The cast saturates: arguments a little below zero use the first node.
    let index = (z * STEPS_PER_UNIT + 0.5) as usize;
    let index = index.min(TABLE.len() - 1);
    (&TABLE[index], z - index as f64 / STEPS_PER_UNIT)
}

/// Mills' ratio for z >= 0.
#[inline]
pub fn mills_ratio(z: f64) -> f64 {
    if z <= LAST_NODE {
        let (c, h) = node(z);
        // Two interleaved halves shorten the chain of dependent operations.
        let w = h * h;
        let even = c[0] + w * (c[2] + w * (c[4] + w * (c[6] + w * (c[8] + w * c[10]))));
        let odd = c[1] + w * (c[3] + w * (c[5] + w * (c[7] + w * (c[9] + w * c[11]))));
        even + h * odd
    } else {
        mills_far(z)
    }
}

#[cold]
fn mills_far(z: f64) -> f64 {
    let mut tail = 0.0;
    for k in (1..=FRACTION_TERMS).rev() {
        tail = f64::from(k) / (z + tail);
    }
    1.0 / (z + tail)
}

/// R(a - t) - R(a + t) for a >= 0 and 0 <= t, where a - t may be negative only while t < 1/16.
///
/// Near differences are a divided difference of the node's polynomial, so nothing cancels however small t is.
#[inline]
pub fn mills_difference(a: f64, t: f64) -> f64 {
    if a <= LAST_NODE {
        if t < NEAR {
            let (c, h) = node(a);
            let (p, q) = (h - t, h + t);
            // Horner at p leaves the coefficients of the quotient, which Horner at q sums on the way.
            let mut value = c[COEFFICIENTS - 1];
            let mut quotient = value;
            for k in (1..COEFFICIENTS - 1).rev() {
                value = c[k] + p * value;
                quotient = value + q * quotient;
            }
            return -2.0 * t * quotient;
        }
        mills_ratio(a - t) - mills_ratio(a + t)
    } else {
        difference_far(a, t)
    }
}

#[cold]
fn difference_far(a: f64, t: f64) -> f64 {
    if t >= 0.125 * a {
        return mills_ratio(a - t) - mills_ratio(a + t);
    }
    // (-1)^k R^(k)(a) / k! is the minimal solution of c[k-1] = a c[k] + (k+1) c[k+1], c[-1] = 1, so Miller's
    // backward recurrence gives its ratios r[k] = c[k] / c[k-1] to full precision (DLMF 3.6, 7.18).
    const TERMS: usize = 20;
    let mut ratios = [0.0; TERMS];
    let mut tail = 0.0;
    for k in (0..FRACTION_TERMS as usize + TERMS).rev() {
        tail = 1.0 / (a + (k + 1) as f64 * tail);
        if k < TERMS {
            ratios[k] = tail;
        }
    }
    let mut terms = [0.0; TERMS / 2];
    let mut moment = ratios[0] * ratios[1] * t;
    for (k, term) in terms.iter_mut().enumerate() {
        *term = moment;
        if 2 * k + 3 < TERMS {
            moment = moment * (ratios[2 * k + 2] * t) * (ratios[2 * k + 3] * t);
        }
    }
    2.0 * terms.iter().rev().sum::<f64>()
}

/// N(z), accurate in the lower tail.
#[inline]
pub fn normal_cdf(z: f64) -> f64 {
    if z.is_nan() {
        return z;
    }
    let far = if z.abs() > 39.0 { 0.0 } else { density(z) * mills_ratio(z.abs()) };
    if z < 0.0 { far } else { 1.0 - far }
}

/// Inverse of N on (0, 1); infinite at the ends, NaN outside.
///
/// Starts from Abramowitz & Stegun 26.2.23 (error below 4.5e-4) and takes Newton steps on the logarithm of
/// the tail, whose derivative is -1/R.
pub fn normal_quantile(p: f64) -> f64 {
    if !(0.0..=1.0).contains(&p) {
        return f64::NAN;
    }
    let tail = if p < 0.5 { p } else { 1.0 - p };
    if tail <= 0.0 {
        return if p < 0.5 { f64::NEG_INFINITY } else { f64::INFINITY };
    }
    let log_tail = ln(tail);
    let w = (-2.0 * log_tail).sqrt();
    let mut z =
        w - (2.515_517 + w * (0.802_853 + w * 0.010_328)) / (1.0 + w * (1.432_788 + w * (0.189_269 + w * 0.001_308)));
    z = z.max(0.0);
    for _ in 0..4 {
        let ratio = mills_ratio(z);
        let excess = ln(INV_SQRT_TWO_PI * ratio) - 0.5 * z * z - log_tail;
        z = (z + excess * ratio).max(0.0);
    }
    if p < 0.5 { -z } else { z }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn close(got: f64, want: f64, relative: f64) {
        assert!((got - want).abs() <= relative * want.abs(), "got {got:e}, want {want:e}");
    }

    #[test]
    fn ratio_against_fifty_digit_values() {
        // mpmath: sqrt(pi/2) exp(z^2/2) erfc(z/sqrt(2)).
        for (z, want) in
            [(0.0, 1.253_314_137_315_500_3), (1.0, 0.655_679_542_418_798_5), (10.0, 0.099_028_596_471_731_93)]
        {
            close(mills_ratio(z), want, 4e-16);
        }
        // Both sides of the hand-over from table to continued fraction.
        close(mills_ratio(10.000_000_000_1), mills_ratio(10.0), 2e-11);
    }

    #[test]
    fn differences_agree_with_the_derivative() {
        for a in [0.0, 0.3, 2.5, 9.9, 10.1, 25.0] {
            let t = 1e-9;
            // -R' = 1 - a R, where that does not cancel too much.
            close(mills_difference(a, t), 2.0 * t * (1.0 - a * mills_ratio(a)), 2e-13);
        }
    }

    #[test]
    fn quantile_inverts_the_distribution() {
        for p in [1e-300, 1e-20, 1e-5, 0.05, 0.2, 0.499_999, 0.5, 0.51, 0.8, 0.999] {
            close(normal_cdf(normal_quantile(p)), p, 2e-13);
        }
        // Wichura (1988), Applied Statistics 37, 477-484, doi:10.2307/2347330: the check values of AS 241.
        close(normal_quantile(0.25), -0.674_489_750_196_081_7, 4e-16);
        close(normal_quantile(0.001), -3.090_232_306_167_813_5, 4e-16);
        close(normal_quantile(1e-20), -9.262_340_089_798_408, 4e-16);
        assert!(normal_quantile(-0.1).is_nan() && normal_quantile(1.1).is_nan());
        assert!(normal_quantile(0.0).is_infinite() && normal_quantile(1.0).is_infinite());
    }
}
