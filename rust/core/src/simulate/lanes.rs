//! Elementary functions for loops over lanes: no branch, no call, the same bits on every instruction set.
//!
//! They are shorter than those of [`crate::math`]: errors stay near 1e-12, far below what any number of paths resolves.
//! `tools/print_simulation_polynomials.py` prints the coefficients with the errors of their fits.

use std::f64::consts::{LN_2, LOG2_E};

/// 1.5 * 2^52: adding and taking it away rounds to the nearest integer and leaves that in the low bits.
const ROUND: f64 = 6_755_399_441_055_744.0;

/// 2^y for |y| < 1022, relative error below 2e-14.
#[inline(always)]
pub fn exp2(y: f64) -> f64 {
    let shifted = y + ROUND;
    let r = y - (shifted - ROUND);
    let w = r * r;
    let w2 = w * w;
    let low = (1.000_000_000_000_013_5 + r * 0.693_147_180_559_946_2)
        + w * (0.240_226_506_956_403_4 + r * 0.055_504_108_664_651_67);
    let middle = (0.009_618_129_193_934_313 + r * 0.001_333_355_820_079_459_2)
        + w * (0.000_154_034_337_512_510_1 + r * 1.525_267_292_485_073_7e-5);
    let high = 1.325_964_524_488_711e-6 + r * 1.020_590_541_376_559_5e-7;
    let value = low + w2 * (middle + w2 * high);
    value * f64::from_bits(shifted.to_bits().wrapping_add(1_023) << 52)
}

/// e^x for |x| < 700.
#[inline(always)]
pub fn exp(x: f64) -> f64 {
    exp2(x * LOG2_E)
}

/// ln x of a positive normal number, absolute error below 1e-12 (relative near one).
#[inline(always)]
pub fn ln(x: f64) -> f64 {
    /// Bits of sqrt(1/2), less 1000 exponents so that the difference below is positive.
    const OFFSET: u64 = 0x3fe6_a09e_667f_3bcd - (1_000 << 52);
    /// 2^52 plus 1000.
    const SHIFT: f64 = 4_503_599_627_370_496.0 + 1_000.0;
    let biased = x.to_bits().wrapping_sub(OFFSET) >> 52;
    let k = f64::from_bits(biased | 0x4330_0000_0000_0000) - SHIFT;
    let m = f64::from_bits(x.to_bits().wrapping_sub(biased.wrapping_sub(1_000) << 52));
    let f = (m - 1.0) / (m + 1.0);
    let w = f * f;
    let tail = (0.333_333_333_336_875_4 + w * 0.199_999_993_986_687_94)
        + w * w * ((0.142_858_772_679_572_45 + w * 0.110_957_004_151_542_51) + w * w * 0.096_813_268_571_010_04);
    k * LN_2 + 2.0 * (f + f * w * tail)
}

/// A uniform number in (0, 1] from 52 bits.
#[inline(always)]
fn open_uniform(high: u32, low: u32) -> f64 {
    let bits = (u64::from(high) << 20) | u64::from(low >> 12);
    2.0 - f64::from_bits(bits | 0x3ff0_0000_0000_0000)
}

/// Two independent standard normals from 84 bits.
///
/// Box and Muller (1958), doi:10.1214/aoms/1177706645; the angle is an eighth of a turn either way, then mirrored and
/// turned by two bits more.
#[inline(always)]
pub fn normals(radius_high: u32, radius_low: u32, angle: u32) -> (f64, f64) {
    let radius = (-2.0 * ln(open_uniform(radius_high, radius_low))).max(0.0).sqrt();
    // 30 bits to [-1, 1): an odd multiple of 2^-30, so that the four quarters do not overlap.
    let f = f64::from_bits((u64::from(angle >> 2) << 22) | 0x4000_0000_0000_0000) - (3.0 - 1.0 / 1_073_741_824.0);
    let w = f * f;
    let w2 = w * w;
    let sine = f
        * ((0.785_398_163_397_445 - w * 0.080_745_512_188_038_63)
            + w2 * ((0.002_490_394_567_367_063_4 - w * 3.657_619_212_076_725_6e-5)
                + w2 * (3.133_384_082_909_3e-7 - w * 1.736_516_728_859_757_8e-9)));
    let cosine = (0.999_999_999_999_944_4 - w * 0.308_425_137_530_039_8)
        + w2 * ((0.015_854_344_197_106_52 - w * 0.000_325_991_687_535_072_6)
            + w2 * (3.590_475_534_976_395_4e-6 - w * 2.426_851_890_411_488e-8));
    let turned = angle & 1 != 0;
    let (a, b) = if turned { (sine, cosine) } else { (cosine, sine) };
    let radius = f64::from_bits(radius.to_bits() ^ (u64::from(angle & 2) << 62));
    (radius * a, radius * b)
}

/// Numerator and denominator of Mills' ratio (1 - N(x))/n(x) for 0 <= x <= 12.
///
/// The error of n(x) R(x), a probability, stays below 2e-12; so a price errs by less than 5e-12 of the larger of forward
/// and strike.
#[inline(always)]
fn mills(x: f64) -> (f64, f64) {
    let w = x * x;
    let w2 = w * w;
    let above = (1.253_314_137_318_959_4 + x * 0.935_965_835_792_781_7)
        + w * (0.348_656_623_464_181_97 + x * 0.066_738_991_264_598_09)
        + w2 * 0.005_588_993_707_608_166;
    let below = (1.0 + x * 1.544_677_251_029_761_5)
        + w * (1.010_661_857_202_500_3 + x * 0.353_264_485_408_357_03)
        + w2 * (0.066_817_023_751_568_07 + x * 0.005_585_976_045_233_119);
    (above, below)
}

/// Undiscounted Black price of the out-of-the-money option per unit of the smaller of forward and strike.
///
/// `a` = ln(forward/strike)/sd, of either sign, and half the total standard deviation, below 1. With u = |a| - half,
/// v = |a| + half this is n(u) (R(u) - R(v)) for u >= 0, else 1 - n(u) (R(-u) + R(v)): one exponential, one division.
#[inline(always)]
pub fn unit_time_value(a: f64, half: f64) -> f64 {
    /// -log2(e)/2 and 1/sqrt(2 pi).
    const EXPONENT: f64 = -0.5 * LOG2_E;
    const SCALE: f64 = 0.398_942_280_401_432_7;
    let a = a.abs().min(10.0);
    let (u, v) = (a - half, a + half);
    let density = SCALE * exp2(EXPONENT * (u * u));
    let (p, q) = mills(u.abs());
    let (s, t) = mills(v);
    let base = if u < 0.0 { 1.0 } else { 0.0 };
    base + density * (p.copysign(u) * t - s * q) / (q * t)
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
            assert!((exp(x) / libm::exp(x) - 1.0).abs() < 3e-13, "{x}");
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
            let (x, y) = normals(stream.next_u32(), stream.next_u32(), stream.next_u32());
            for (sum, value) in sums.iter_mut().zip([x, y, x * x, y * y, x * y, x.powi(4), y.powi(4)]) {
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
        for i in 0..1 << 12 {
            let (x, y) = normals(1 << 30, 7, (i as u32) << 20 | (i as u32 & 3));
            assert!((x.hypot(y) - normals(1 << 30, 7, 0).0.hypot(normals(1 << 30, 7, 0).1)).abs() < 1e-12);
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
                let got = forward.min(strike) * unit_time_value(x / sd, 0.5 * sd);
                let want = black(right, forward, strike, sd);
                assert!((got - want).abs() < 5e-12 * forward.max(strike), "{x} {sd}: {got:e} {want:e}");
            }
        }
    }
}
