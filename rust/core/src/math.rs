//! Elementary functions that give the same bits on every platform.
//!
//! Everything on a result path goes through here; clippy refuses the platform's own versions. The
//! implementations are the pure-Rust ports of `libm`. Square root needs no wrapper: IEEE 754 fixes its bits.

/// ln 2 in two parts, the first with enough trailing zeros that its product with an exponent is exact.
const LN2_HIGH: f64 = 0.693_147_180_369_123_8;
const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;

/// Exponential, within two units in the last place.
///
/// Argument reduction to |r| <= ln(2)/2 and the Taylor polynomial of degree 13 (truncation below 1e-17), without a
/// division: about twice as fast as the port in `libm`, to which the ends of the range are left.
#[inline]
pub fn exp(x: f64) -> f64 {
    if has_plain_exp(x) { exp_plain(x) } else { libm::exp(x) }
}

/// Whether [`exp_plain`] holds: the result is a normal number.
#[inline]
pub(crate) fn has_plain_exp(x: f64) -> bool {
    x.abs() <= 700.0
}

/// [`exp`] where [`has_plain_exp`], without a branch, so that loops over it vectorise.
#[inline(always)]
pub(crate) fn exp_plain(x: f64) -> f64 {
    // Adding and taking away 1.5 * 2^52 rounds to the nearest integer and leaves it in the low bits.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    let shifted = x * std::f64::consts::LOG2_E + ROUND;
    let k = shifted - ROUND;
    let r = (x - k * LN2_HIGH) - k * LN2_LOW;
    let w = r * r;
    let w2 = w * w;
    let low = (0.5 + r * (1.0 / 6.0)) + w * (1.0 / 24.0 + r * (1.0 / 120.0));
    let middle = (1.0 / 720.0 + r * (1.0 / 5_040.0)) + w * (1.0 / 40_320.0 + r * (1.0 / 362_880.0));
    let high = (1.0 / 3_628_800.0 + r * (1.0 / 39_916_800.0)) + w * (1.0 / 479_001_600.0 + r * (1.0 / 6_227_020_800.0));
    let value = 1.0 + (r + w * (low + w2 * (middle + w2 * high)));
    value * f64::from_bits(shifted.to_bits().wrapping_add(1_023) << 52)
}

/// exp(x) - 1 without cancellation near zero.
#[inline]
pub fn exp_m1(x: f64) -> f64 {
    libm::expm1(x)
}

/// Natural logarithm, within two units in the last place.
#[inline]
pub fn ln(x: f64) -> f64 {
    if has_plain_ln(x) { log_ratio_plain(x, 1.0) } else { libm::log(x) }
}

/// ln(a / b) of positive numbers, within three units in the last place however close the two are.
#[inline]
pub fn log_ratio(a: f64, b: f64) -> f64 {
    if has_plain_ln(a) && has_plain_ln(b) { log_ratio_plain(a, b) } else { libm::log(a) - libm::log(b) }
}

/// Whether [`log_ratio_plain`] holds: a positive number between 2^-511 and 2^510.
#[inline(always)]
pub(crate) fn has_plain_ln(x: f64) -> bool {
    x.to_bits().wrapping_sub(512 << 52) < 1_021 << 52
}

/// [`log_ratio`] where [`has_plain_ln`] of both, without a branch, so that loops over it vectorise.
///
/// With k such that b 2^k lies within 1.51 of `a` either way, f = (a - b 2^k)/(a + b 2^k) has an exact numerator and
/// ln(a/b) = k ln 2 + 2 atanh f. The polynomial is the Chebyshev fit of (2 atanh f - 2 f)/f^3 in f^2 for |f| <= 0.2005,
/// relative error of the logarithm below 2e-18; `tools/print_log_polynomial.py` prints it.
#[inline(always)]
pub(crate) fn log_ratio_plain(a: f64, b: f64) -> f64 {
    /// Bits of 2^52 + 2048: a biased exponent put into the low bits becomes a number.
    const SHIFT: f64 = 4_503_599_627_370_496.0 + 2_048.0;
    // The difference of the bits of two positive numbers is 2^52 times the log2 of their ratio, within 0.09.
    let distance = a.to_bits().wrapping_sub(b.to_bits()).wrapping_add((1 << 63) + (1 << 51));
    let biased = distance >> 52;
    let k = f64::from_bits(biased | 0x4330_0000_0000_0000) - SHIFT;
    let scaled = b * f64::from_bits(biased.wrapping_sub(1_025) << 52);
    let f = (a - scaled) / (a + scaled);
    let w = f * f;
    let w2 = w * w;
    let low = (0.666_666_666_666_666_6 + w * 0.400_000_000_000_080_85)
        + w2 * (0.285_714_285_672_117 + w * 0.222_222_230_590_330_36);
    let high = (0.181_817_367_892_016_02 + w * 0.153_889_012_011_978_56)
        + w2 * (0.132_090_524_440_005_52 + w * 0.136_140_595_857_727_61);
    let tail = f * (w * (low + w2 * w2 * high)) + k * LN2_LOW;
    k * LN2_HIGH + (2.0 * f + tail)
}

/// ln(1 + x) without cancellation near zero.
#[inline]
pub fn ln_1p(x: f64) -> f64 {
    libm::log1p(x)
}

/// x to the power y.
#[inline]
pub fn pow(x: f64, y: f64) -> f64 {
    libm::pow(x, y)
}

/// Hyperbolic tangent.
#[inline]
pub fn tanh(x: f64) -> f64 {
    libm::tanh(x)
}

/// Sine and cosine.
#[inline]
pub fn sin_cos(x: f64) -> (f64, f64) {
    libm::sincos(x)
}

/// Angle of the point (x, y), in (-pi, pi].
#[inline]
pub fn atan2(y: f64, x: f64) -> f64 {
    libm::atan2(y, x)
}

/// Complementary error function.
#[inline]
pub fn erfc(x: f64) -> f64 {
    libm::erfc(x)
}

/// Standard normal density.
#[inline]
pub fn normal_pdf(x: f64) -> f64 {
    const INV_SQRT_TWO_PI: f64 = 0.398_942_280_401_432_7;
    INV_SQRT_TWO_PI * exp(-0.5 * x * x)
}

/// Standard normal distribution function, accurate in both tails.
#[inline]
pub fn normal_cdf(x: f64) -> f64 {
    0.5 * erfc(-x * std::f64::consts::FRAC_1_SQRT_2)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exponential_is_within_two_units_of_the_reference() {
        for i in -74_600..71_000 {
            let x = f64::from(i) * 0.010_000_3;
            let (got, want) = (exp(x), libm::exp(x));
            assert!(got.to_bits().abs_diff(want.to_bits()) <= 2, "exp({x}): {got:e}, {want:e}");
        }
        assert!(exp(f64::NAN).is_nan());
        assert!(exp(f64::INFINITY).is_infinite() && exp(f64::NEG_INFINITY).abs() < 1e-300);
        assert!((exp(0.0) - 1.0).abs() < 1e-300);
    }

    #[test]
    fn logarithm_is_within_two_units_of_the_reference() {
        for i in -70_000..70_000 {
            let x = libm::exp(f64::from(i) * 0.010_000_3);
            let (got, want) = (ln(x), libm::log(x));
            assert!(got.to_bits().abs_diff(want.to_bits()) <= 2, "ln({x}): {got:e}, {want:e}");
            let close = 1.0 + f64::from(i) * 1.1e-6;
            let (got, want) = (ln(close), libm::log(close));
            assert!(got.to_bits().abs_diff(want.to_bits()) <= 2, "ln({close}): {got:e}, {want:e}");
        }
        assert!(ln(f64::NAN).is_nan() && ln(-1.0).is_nan());
        assert!(ln(0.0).is_infinite() && ln(f64::INFINITY).is_infinite());
        assert!(ln(1.0).abs() < 1e-300);
    }

    #[test]
    fn the_log_of_a_ratio_keeps_its_digits_near_one() {
        for (a, exponent) in [(4_321.5, -50), (0.017, -40), (9.9e99, -30), (1.234e-80, -20), (7.0, -10), (3.3, -3)] {
            let b: f64 = a * (1.0 + libm::exp2(f64::from(exponent)));
            let want = libm::log1p((b - a) / a);
            assert!((log_ratio(b, a) - want).abs() <= 4.0 * f64::EPSILON * want, "{a} {b}");
            assert!((log_ratio(a, b) + want).abs() <= 4.0 * f64::EPSILON * want, "{a} {b}");
        }
        assert!((log_ratio(1e200, 1e-200) - libm::log(1e200) * 2.0).abs() < 1e-12);
        assert!((log_ratio(5e-324, 1.0) - libm::log(5e-324)).abs() < 1e-12);
        assert!((log_ratio(f64::MAX, 1.0) - libm::log(f64::MAX)).abs() < 1e-12);
        assert!(log_ratio(123.4, 123.4).abs() < 1e-300);
    }
}
