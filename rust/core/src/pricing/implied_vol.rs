//! Implied volatility.
//!
//! The price is reduced to that of the out-of-the-money option per unit of min(forward, strike), b(s). Below the
//! inflection s = sqrt(2x), ln b is decreasing and convex in 1/s^2, beyond it b is concave and ln(1 - b) is
//! concave in s, so Newton's method in the matching variable converges from the inflection without a table of
//! starting values (the choice of branches follows Jaeckel (2015), Let's Be Rational, Wilmott 75, 40-53,
//! doi:10.1002/wilm.10395). A bracket guards every step; the last one compares neighbouring volatilities by the
//! price they give. All arithmetic is this crate's own, so the bits are the same on every platform.

use super::black::{black76, unit_complement, unit_time_value};
use super::mills::{density, mills_difference};
use crate::instrument::Right;
use crate::math::{exp, ln, log_ratio};

/// Why a price has no implied volatility.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[repr(u8)]
pub enum Reason {
    /// It has one.
    Ok = 0,
    /// The price is below the discounted intrinsic value.
    BelowIntrinsic = 1,
    /// The price does not exceed the intrinsic value by more than its own rounding.
    NoTimeValue = 2,
    /// The price is not below the discounted forward (call) or strike (put).
    AboveBound = 3,
    /// An input is NaN, infinite or out of its domain.
    InvalidInput = 4,
}

impl Reason {
    /// The names that Python sees, by code.
    pub const NAMES: [&'static str; 5] = ["ok", "below_intrinsic", "no_time_value", "above_bound", "invalid_input"];
}

/// In the money, time value up to this many epsilons of the price is rounding.
const NOISE: f64 = 16.0 * f64::EPSILON;
const SQRT_TWO_PI: f64 = 2.506_628_274_631_000_5;
const HALF_LN_TWO_PI: f64 = 0.918_938_533_204_672_7;
const MAX_STEPS: u32 = 80;

/// Total standard deviation at which the out-of-the-money option costs `target` in (0, 1) per unit of min(forward,
/// strike), `x` = |ln(forward/strike)|.
pub(super) fn unit_total_sd(x: f64, target: f64) -> f64 {
    let inflection = (2.0 * x).sqrt();
    let at_inflection = unit_time_value(x, inflection);
    let (mut low, mut high) = (0.0, f64::INFINITY);
    let lower_branch = target < at_inflection;
    let log_target = ln(target);
    let log_rest = ln(1.0 - target);
    let mut s = if lower_branch {
        high = inflection;
        // ln b ~ -x^2 / (2 s^2): too small a 1/s^2, the side from which the iteration is monotone.
        let spread = -2.0 * log_target;
        (x / spread.sqrt()).min(inflection)
    } else {
        low = inflection;
        (inflection).max(SQRT_TWO_PI * (target - at_inflection))
    };
    for _ in 0..MAX_STEPS {
        let (a, t) = (x / s, 0.5 * s);
        let u = a - t;
        let next = if lower_branch {
            let difference = mills_difference(a, t);
            let excess = ln(difference) - 0.5 * u * u - HALF_LN_TWO_PI - log_target;
            if excess > 0.0 {
                high = high.min(s)
            } else {
                low = low.max(s)
            };
            // Newton in z = 1/s^2, where d ln b / dz = -s^3 / (2 difference).
            let z = 1.0 / (s * s) + 2.0 * excess * difference / (s * s * s);
            1.0 / z.sqrt()
        } else if target < 0.5 {
            let excess = unit_time_value(x, s) - target;
            if excess > 0.0 {
                high = high.min(s)
            } else {
                low = low.max(s)
            };
            s - excess / density(u)
        } else {
            let complement = if u < 0.0 { unit_complement(u, a + t) } else { 1.0 - unit_time_value(x, s) };
            let excess = ln(complement) - log_rest;
            if excess < 0.0 {
                high = high.min(s)
            } else {
                low = low.max(s)
            };
            s + excess * complement / density(u)
        };
        let next = if next > low && next < high {
            next
        } else if high.is_finite() {
            0.5 * (low + high)
        } else {
            2.0 * s
        };
        if (next - s).abs() <= 2.0 * f64::EPSILON * s {
            return next;
        }
        s = next;
    }
    s
}

/// Volatility at which [`black76`] gives `price`, with the reason when there is none (then NaN).
pub fn implied_vol(right: Right, price: f64, forward: f64, strike: f64, years: f64, rate: f64) -> (f64, Reason) {
    let positive = |value: f64| value > 0.0 && value < f64::INFINITY;
    if !(price.is_finite() && positive(forward) && positive(strike) && positive(years) && rate.is_finite()) {
        return (f64::NAN, Reason::InvalidInput);
    }
    let undiscounted = price * exp(rate * years);
    let intrinsic = right.payoff(forward, strike);
    let time_value = undiscounted - intrinsic;
    let noise = if intrinsic > 0.0 { NOISE * undiscounted } else { 0.0 };
    if time_value < -noise {
        return (f64::NAN, Reason::BelowIntrinsic);
    }
    if time_value <= noise {
        return (f64::NAN, Reason::NoTimeValue);
    }
    let target = time_value / forward.min(strike);
    if target >= 1.0 {
        return (f64::NAN, Reason::AboveBound);
    }
    let root = years.sqrt();
    let vol = unit_total_sd(log_ratio(forward, strike).abs(), target) / root;
    (refine(right, price, forward, strike, years, rate, vol), Reason::Ok)
}

/// The neighbour of `vol` whose price is nearest to `price`: far in the wings one unit in the last place of the
/// volatility moves the price by more than 1e-13 of itself.
fn refine(right: Right, price: f64, forward: f64, strike: f64, years: f64, rate: f64, vol: f64) -> f64 {
    const REACH: u64 = 6;
    let miss = |candidate: f64| (black76(right, forward, strike, years, candidate, rate) - price).abs();
    let (mut best, mut smallest) = (vol, miss(vol));
    if smallest <= 64.0 * f64::EPSILON * price {
        return best;
    }
    for step in 1..=REACH {
        for bits in [vol.to_bits() - step.min(vol.to_bits()), vol.to_bits() + step] {
            let candidate = f64::from_bits(bits);
            let distance = miss(candidate);
            if distance < smallest {
                (best, smallest) = (candidate, distance);
            }
        }
    }
    best
}
