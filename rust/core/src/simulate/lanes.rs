//! Elementary functions for loops over lanes: no branch, no call, the same bits on every instruction set.
//!
//! They are shorter than those of [`crate::math`]: errors stay below 1e-9, far below what any number of paths resolves.
//! `tools/print_simulation_polynomials.py` prints the coefficients with the errors of their fits.

use std::f64::consts::{LN_2, LOG2_E};

/// 1.5 * 2^52: adding and taking it away rounds to the nearest integer and leaves that in the low bits.
const ROUND: f64 = 6_755_399_441_055_744.0;

/// The larger of two numbers, the second where one is NaN: one instruction, where `f64::max` takes three.
#[inline(always)]
pub fn larger(a: f64, b: f64) -> f64 {
    if a > b { a } else { b }
}

/// The smaller of two numbers, the second where one is NaN.
#[inline(always)]
pub fn smaller(a: f64, b: f64) -> f64 {
    if a < b { a } else { b }
}

/// c\[0\] + c\[1\] x + ...: Horner's rule has the fewest operations, and other lanes fill the waiting.
#[inline(always)]
fn polynomial<const N: usize>(x: f64, c: [f64; N]) -> f64 {
    let mut value = c[N - 1];
    for i in (0..N - 1).rev() {
        value = value * x + c[i];
    }
    value
}

/// `scale` 2^y for |y| < 1022, relative error below 1e-12; the scale is a constant and costs nothing.
#[inline(always)]
fn scaled_exp2(scale: f64, y: f64) -> f64 {
    const COEFFICIENTS: [f64; 9] = [
        1.0,
        0.693_147_180_545_933_5,
        0.240_226_506_958_129_9,
        0.055_504_109_412_059_33,
        0.009_618_129_159_402_558,
        0.001_333_345_056_800_064_5,
        0.000_154_034_558_524_538_38,
        1.531_007_940_224_929_6e-5,
        1.325_522_487_866_881_7e-6,
    ];
    let shifted = y + ROUND;
    let r = y - (shifted - ROUND);
    let c = COEFFICIENTS.map(|c| c * scale);
    // Even and odd powers apart: the longest chain of a price is this one.
    let w = r * r;
    let value = polynomial(w, [c[0], c[2], c[4], c[6], c[8]]) + r * polynomial(w, [c[1], c[3], c[5], c[7]]);
    value * f64::from_bits(shifted.to_bits().wrapping_add(1_023) << 52)
}

/// e^x for |x| < 700.
#[inline(always)]
pub fn exp(x: f64) -> f64 {
    scaled_exp2(1.0, x * LOG2_E)
}

/// A positive normal number x as (k, m): x = 2^k m with sqrt(1/2) <= m < sqrt(2).
#[inline(always)]
pub fn split(x: f64) -> (f64, f64) {
    /// Bits of sqrt(1/2), less 1000 exponents so that the difference below is positive.
    const OFFSET: u64 = 0x3fe6_a09e_667f_3bcd - (1_000 << 52);
    /// 2^52 plus 1000.
    const SHIFT: f64 = 4_503_599_627_370_496.0 + 1_000.0;
    let biased = x.to_bits().wrapping_sub(OFFSET) >> 52;
    let k = f64::from_bits(biased | 0x4330_0000_0000_0000) - SHIFT;
    (k, f64::from_bits(x.to_bits().wrapping_sub(biased.wrapping_sub(1_000) << 52)))
}

/// ln x from [`split`] and f = (m - 1)/(m + 1).
#[inline(always)]
pub fn ln_of_parts(k: f64, f: f64) -> f64 {
    const COEFFICIENTS: [f64; 5] = [
        0.333_333_333_336_875_4,
        0.199_999_993_986_687_94,
        0.142_858_772_679_572_45,
        0.110_957_004_151_542_51,
        0.096_813_268_571_010_04,
    ];
    let w = f * f;
    let tail = polynomial(w, COEFFICIENTS);
    k * LN_2 + 2.0 * (f + f * w * tail)
}

/// ln x of a positive normal number, absolute error below 1e-12 (relative near one).
#[inline(always)]
pub fn ln(x: f64) -> f64 {
    let (k, m) = split(x);
    ln_of_parts(k, (m - 1.0) / (m + 1.0))
}

/// The inverse of each of up to eight positive numbers by one division; their product must not overflow.
///
/// A tree of products, node i over 2 i and 2 i + 1: the inverse of a node times one child is the inverse of the other.
#[inline(always)]
pub fn inverses<const N: usize>(x: [f64; N]) -> [f64; N] {
    const { assert!(N <= 8) };
    let mut tree = [1.0; 16];
    tree[8..8 + N].copy_from_slice(&x);
    for i in (1..8).rev() {
        tree[i] = tree[2 * i] * tree[2 * i + 1];
    }
    tree[1] = 1.0 / tree[1];
    for i in 1..8 {
        (tree[2 * i], tree[2 * i + 1]) = (tree[i] * tree[2 * i + 1], tree[i] * tree[2 * i]);
    }
    std::array::from_fn(|i| tree[8 + i])
}

/// A uniform number in (0, 1) from the low 32 bits: the middle of one of 2^32 intervals.
#[inline(always)]
pub fn unit_interval(word: u64) -> f64 {
    f64::from_bits(((word & 0xffff_ffff) << 20) | 0x3ff0_0000_0008_0000) - 1.0
}

/// Two independent standard normals from 84 bits, the low halves of three words.
///
/// Box and Muller (1958), doi:10.1214/aoms/1177706645; the angle is an eighth of a turn either way, then mirrored and
/// turned by two bits more.
#[inline(always)]
pub fn normals(radius_high: u64, radius_low: u64, angle: u64) -> (f64, f64) {
    const SINE: [f64; 5] = [
        0.785_398_163_394_05,
        -0.080_745_512_018_349_42,
        0.002_490_393_210_175_957,
        -3.657_239_263_067_379e-5,
        3.089_966_866_337_448e-7,
    ];
    const COSINE: [f64; 5] = [
        0.999_999_999_952_489_4,
        -0.308_425_135_158_290_56,
        0.015_854_325_228_444_592,
        -0.000_325_938_585_941_626_23,
        3.529_797_134_297_853_7e-6,
    ];
    // 52 bits in (0, 1].
    let bits = (radius_high << 32 | radius_low & 0xffff_ffff) >> 12;
    let uniform = 2.0 - f64::from_bits(bits | 0x3ff0_0000_0000_0000);
    let radius = larger(-2.0 * ln(uniform), 0.0).sqrt();
    // 30 bits to [-1, 1): an odd multiple of 2^-30, so that the four quarters do not overlap.
    let f = f64::from_bits(((angle & 0xffff_fffc) << 20) | 0x4000_0000_0000_0000) - (3.0 - 1.0 / 1_073_741_824.0);
    let w = f * f;
    let sine = f * polynomial(w, SINE);
    let cosine = polynomial(w, COSINE);
    let turned = angle & 1 != 0;
    let (a, b) = if turned { (sine, cosine) } else { (cosine, sine) };
    let radius = f64::from_bits(radius.to_bits() ^ ((angle & 2) << 62));
    (radius * a, radius * b)
}

/// Mills' ratio (1 - N(x))/n(x) for 0 <= x <= 12 as [`MILLS_FACTOR`] times numerator over denominator.
///
/// The error of n(x) R(x), a probability, stays below 3e-10; so a price errs by less than 1e-9 of the larger of forward
/// and strike. Leading coefficients of one save two multiplications.
#[inline(always)]
fn mills(x: f64) -> (f64, f64) {
    const NUMERATOR: [f64; 4] = [50.319_693_769_070_09, 29.968_916_958_204_765, 8.701_909_200_440_17, 1.0];
    const DENOMINATOR: [f64; 5] =
        [40.018_652_418_878_666, 55.764_184_932_074_84, 31.404_619_314_188_87, 8.613_626_477_974_863, 1.0];
    (polynomial(x, NUMERATOR), polynomial(x, DENOMINATOR))
}

const MILLS_FACTOR: f64 = 0.996_745_787_781_467_5;

/// A time value as a fraction.
#[derive(Debug, Clone, Copy, Default)]
pub struct TimeValue {
    /// Not negative but for rounding.
    pub numerator: f64,
    /// Positive, below 1e9.
    pub denominator: f64,
}

impl TimeValue {
    /// Undiscounted Black price of the out-of-the-money option per unit of the smaller of forward and strike.
    ///
    /// `a` = ln(forward/strike)/sd, of either sign, and half the total standard deviation, below 1. With u = |a| - half,
    /// v = |a| + half this is n(u) (R(u) - R(v)) for u >= 0, else 1 - n(u) (R(-u) + R(v)).
    #[inline(always)]
    pub fn new(a: f64, half: f64) -> Self {
        const EXPONENT: f64 = -0.5 * LOG2_E;
        /// 1/sqrt(2 pi) and the factor.
        const SCALE: f64 = 0.398_942_280_401_432_7 * MILLS_FACTOR;
        let a = smaller(a.abs(), 10.0);
        let (u, v) = (a - half, a + half);
        let density = scaled_exp2(SCALE, EXPONENT * (u * u));
        let (p, q) = mills(u.abs());
        let (s, t) = mills(v);
        let difference = density * (p.copysign(u) * t - s * q);
        let denominator = q * t;
        Self { numerator: if u < 0.0 { difference + denominator } else { difference }, denominator }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instrument::Right;
    use crate::pricing::black::black;
    use crate::rng::{Domain, Stream};

    #[test]
    fn exponential_and_logarithm_are_near_the_reference() {
        for i in -60_000..60_000 {
            let x = f64::from(i) * 0.011_3;
            assert!((exp(x) / libm::exp(x) - 1.0).abs() < 2e-12, "{x}");
            let y = libm::exp(x);
            assert!((ln(y) - libm::log(y)).abs() < 1e-12, "{y}");
            let close = 1.0 + f64::from(i) * 1e-9;
            assert!((ln(close) - libm::log(close)).abs() <= 1e-12 * libm::log(close).abs(), "{close}");
        }
    }

    #[test]
    fn normals_have_the_moments_of_normals() {
        let mut stream = Stream::new(5, Domain::Bootstrap, 1);
        let n = 400_000;
        let mut sums = [0.0; 7];
        for _ in 0..n {
            let (x, y) = normals(stream.next_u32().into(), stream.next_u32().into(), stream.next_u32().into());
            for (sum, value) in sums.iter_mut().zip([x, y, x * x, y * y, x * y, x * x * x * x, y * y * y * y]) {
                *sum += value / f64::from(n);
            }
        }
        let root = f64::from(n).sqrt();
        for (i, (mean, sd)) in
            [(0.0, 1.0), (0.0, 1.0), (1.0, 1.414), (1.0, 1.414), (0.0, 1.0), (3.0, 9.8), (3.0, 9.8)].iter().enumerate()
        {
            assert!((sums[i] - mean).abs() < 4.0 * sd / root, "{i}: {}", sums[i]);
        }
    }

    #[test]
    fn the_angle_covers_the_circle_once() {
        let mut seen = [0; 16];
        for i in 0_u64..1 << 12 {
            let (x, y) = normals(1 << 30, 7, i << 20 | i & 3);
            assert!((x.hypot(y) - normals(1 << 30, 7, 0).0.hypot(normals(1 << 30, 7, 0).1)).abs() < 1e-10);
            let turn = libm::atan2(y, x) / std::f64::consts::TAU + 0.5;
            seen[((turn * 16.0) as usize).min(15)] += 1;
        }
        assert!(seen.iter().all(|&count: &i32| (count - 256).abs() <= 4), "{seen:?}");
    }

    #[test]
    fn prices_are_near_the_black_prices() {
        for i in -400..=400 {
            for sd in [1e-3, 0.015, 0.05, 0.1, 0.3, 0.9, 1.5] {
                let x = f64::from(i) * 0.01;
                let (forward, strike) = (libm::exp(x), 1.0);
                let right = if x >= 0.0 { Right::Put } else { Right::Call };
                let value = TimeValue::new(x / sd, 0.5 * sd);
                let got = forward.min(strike) * value.numerator / value.denominator;
                let want = black(right, forward, strike, sd);
                assert!((got - want).abs() < 1e-9 * forward.max(strike), "{x} {sd}: {got:e} {want:e}");
            }
        }
    }
}
