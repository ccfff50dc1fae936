//! Black-76 and Black-Scholes prices and greeks.
//!
//! Black (1976), Journal of Financial Economics 3, 167-179, doi:10.1016/0304-405X(76)90024-6; Black & Scholes
//! (1973), Journal of Political Economy 81, 637-654, doi:10.1086/260062; the dividend yield as in Merton (1973),
//! Bell Journal of Economics 4, 141-183, doi:10.2307/3003143.
//!
//! An option is its intrinsic value plus the price of the out-of-the-money option at the same strike. With
//! m = min(forward, strike), x = |ln(forward/strike)|, s = sigma sqrt(T), u = x/s - s/2 and v = x/s + s/2 that
//! price is m n(u) (R(u) - R(v)), R being Mills' ratio: one logarithm, one exponential, no cancellation.

use super::mills::{LAST_NODE, density, mills_difference, mills_ratio, normal_quantile};
use crate::instrument::Right;
use crate::math::{exp, exp_m1, log_ratio};

/// Half the total standard deviation below which the difference of Mills' ratios is expanded.
const NEAR: f64 = 1.0 / 16.0;
/// exp(-z^2/2) is zero beyond.
const FAR: f64 = 39.0;

/// Price of the out-of-the-money option per unit of min(forward, strike), from x = |ln(forward/strike)| and s.
#[inline]
pub(super) fn unit_time_value(x: f64, s: f64) -> f64 {
    if s <= 0.0 {
        return 0.0;
    }
    let (a, t) = (x / s, 0.5 * s);
    let u = a - t;
    if u >= FAR { 0.0 } else { weighted_difference(density(u), a, t) }
}

/// The same from n(a - t), a = x/s and t = s/2.
#[inline]
pub(super) fn weighted_difference(density: f64, a: f64, t: f64) -> f64 {
    if t < NEAR {
        return density * mills_difference(a, t);
    }
    let (u, v) = (a - t, a + t);
    if a <= LAST_NODE {
        // n R(u) - n R(v) where u >= 0, else 1 - n R(-u) - n R(v): a select, not a branch that data decide.
        let (base, sign) = if u < 0.0 { (1.0, -1.0) } else { (0.0, 1.0) };
        base + density * (sign * mills_ratio(u.abs()) - mills_ratio(v))
    } else if u >= 0.0 {
        density * mills_difference(a, t)
    } else {
        1.0 - unit_complement(u, v)
    }
}

/// One minus the unit time value for u < 0, without cancellation.
#[inline]
pub(super) fn unit_complement(u: f64, v: f64) -> f64 {
    if u <= -FAR { 0.0 } else { density(u) * (mills_ratio(-u) + mills_ratio(v)) }
}

#[inline]
fn valid(a: f64, b: f64, total_sd: f64) -> bool {
    a >= 0.0 && b >= 0.0 && total_sd >= 0.0 && a < f64::INFINITY && b < f64::INFINITY
}

/// Undiscounted Black price; `total_sd` is sigma sqrt(T).
///
/// Zero `total_sd`, forward or strike give the limit, the intrinsic value; negative or NaN input gives NaN.
#[inline]
pub fn black(right: Right, forward: f64, strike: f64, total_sd: f64) -> f64 {
    if !valid(forward, strike, total_sd) {
        return f64::NAN;
    }
    if forward <= 0.0 || strike <= 0.0 {
        return right.payoff(forward, strike);
    }
    black_at(right, forward, strike, log_ratio(forward, strike), total_sd)
}

/// [`black`] of positive forward and strike whose `log_moneyness` ln(forward/strike) is known already.
#[inline]
pub fn black_at(right: Right, forward: f64, strike: f64, log_moneyness: f64, total_sd: f64) -> f64 {
    let time_value = forward.min(strike) * unit_time_value(log_moneyness.abs(), total_sd);
    right.payoff(forward, strike) + time_value
}

/// sigma sqrt(T), NaN when either is negative or NaN.
#[inline]
fn total_sd(vol: f64, years: f64) -> f64 {
    if vol >= 0.0 && (0.0..f64::INFINITY).contains(&years) { vol * years.sqrt() } else { f64::NAN }
}

#[inline]
fn discount(rate: f64, years: f64) -> f64 {
    let exponent = rate * years;
    if exponent == 0.0 { 1.0 } else { exp(-exponent) }
}

/// Black-76 price of an option on a forward or future, discounted at the continuous `rate`.
#[inline]
pub fn black76(right: Right, forward: f64, strike: f64, years: f64, vol: f64, rate: f64) -> f64 {
    if !rate.is_finite() {
        return f64::NAN;
    }
    discount(rate, years) * black(right, forward, strike, total_sd(vol, years))
}

/// Black-Scholes-Merton price of an option on a spot with continuous dividend yield.
#[inline]
pub fn black_scholes(
    right: Right,
    spot: f64,
    strike: f64,
    years: f64,
    vol: f64,
    rate: f64,
    dividend_yield: f64,
) -> f64 {
    let sd = total_sd(vol, years);
    if !(valid(spot, strike, sd) && rate.is_finite() && dividend_yield.is_finite()) {
        return f64::NAN;
    }
    let asset = spot * discount(dividend_yield, years);
    let cash = strike * discount(rate, years);
    if asset <= 0.0 || cash <= 0.0 {
        return right.payoff(asset, cash);
    }
    // From the inputs rather than from the rounded legs: for small s the ratio needs all its digits.
    let log_moneyness = log_ratio(spot, strike) + (rate - dividend_yield) * years;
    let time_value = asset.min(cash) * unit_time_value(log_moneyness.abs(), sd);
    time_value
        + if log_moneyness.abs() < 0.25 {
            // Close to the money the rounded legs would drown a small price in their difference.
            (right.sign() * cash * exp_m1(log_moneyness)).max(0.0)
        } else {
            right.payoff(asset, cash)
        }
}

/// Sensitivities of a price. Time derivatives are per year of calendar time that passes (so -d/dT).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Greeks {
    /// d/dF or d/dS, signed.
    pub delta: f64,
    /// Second derivative in F or S, per unit.
    pub gamma: f64,
    /// d/d sigma, per 1.00 of volatility.
    pub vega: f64,
    /// -d/dT, per year.
    pub theta: f64,
    /// d/d rate, per 1.00, with the forward fixed (Black-76) or the spot fixed (Black-Scholes).
    pub rho: f64,
    /// d delta / d sigma.
    pub vanna: f64,
    /// d vega / d sigma.
    pub volga: f64,
    /// -d delta / dT, per year.
    pub charm: f64,
    /// -d vega / dT, per year.
    pub veta: f64,
    /// d/dK, signed.
    pub dual_delta: f64,
    /// Second derivative in K.
    pub dual_gamma: f64,
}

impl Greeks {
    /// Names in the order of [`Greeks::values`].
    pub const NAMES: [&'static str; 11] =
        ["delta", "gamma", "vega", "theta", "rho", "vanna", "volga", "charm", "veta", "dual_delta", "dual_gamma"];

    /// All values, in the order of [`Greeks::NAMES`].
    pub fn values(&self) -> [f64; 11] {
        [
            self.delta,
            self.gamma,
            self.vega,
            self.theta,
            self.rho,
            self.vanna,
            self.volga,
            self.charm,
            self.veta,
            self.dual_delta,
            self.dual_gamma,
        ]
    }
}

/// n(d1), N(sign d1), N(sign d2), d1, d2 of a log moneyness and s > 0.
#[inline]
fn probabilities(sign: f64, log_moneyness: f64, s: f64) -> (f64, f64, f64, f64, f64) {
    let d1 = log_moneyness / s + 0.5 * s;
    let d2 = log_moneyness / s - 0.5 * s;
    (density(d1), super::mills::normal_cdf(sign * d1), super::mills::normal_cdf(sign * d2), d1, d2)
}

/// Greeks to the underlying `asset` whose forward grows at `rate - dividend_yield`; all but rho.
fn greeks(
    right: Right,
    asset: f64,
    strike: f64,
    years: f64,
    vol: f64,
    rate: f64,
    dividend_yield: f64,
) -> (Greeks, f64) {
    let s = total_sd(vol, years);
    let carry = rate - dividend_yield;
    let finite = rate.is_finite() && dividend_yield.is_finite() && s < f64::INFINITY;
    if !(valid(asset, strike, s) && finite && asset > 0.0 && strike > 0.0) {
        return (Greeks::from([f64::NAN; 11]), f64::NAN);
    }
    let sign = right.sign();
    let (growth, df) = (discount(dividend_yield, years), discount(rate, years));
    let log_moneyness = log_ratio(asset, strike) + carry * years;
    if s <= 0.0 {
        // The payoff's own slopes; at the kink the curvature does not exist.
        let weight = if log_moneyness == 0.0 { 0.5 } else { f64::from(u8::from(sign * log_moneyness > 0.0)) };
        let bend = if log_moneyness == 0.0 { f64::NAN } else { 0.0 };
        let (delta, dual_delta) = (sign * growth * weight, -sign * df * weight);
        let theta = dividend_yield * asset * delta + rate * strike * dual_delta;
        let charm = dividend_yield * delta + bend;
        let values = [delta, bend, bend, theta + bend, 0.0, bend, bend, charm, bend, dual_delta, bend];
        return (Greeks::from(values), sign * df * strike * weight);
    }
    let (n1, cdf1, cdf2, d1, d2) = probabilities(sign, log_moneyness, s);
    let root = years.sqrt();
    let slope = carry / s - d2 / (2.0 * years);
    let delta = sign * growth * cdf1;
    let dual_delta = -sign * df * cdf2;
    let vega = asset * growth * n1 * root;
    let values = Greeks {
        delta,
        gamma: growth * n1 / (asset * s),
        vega,
        theta: -vega * vol / (2.0 * years) + dividend_yield * asset * delta + rate * strike * dual_delta,
        rho: 0.0,
        vanna: -growth * n1 * d2 / vol,
        volga: vega * d1 * d2 / vol,
        charm: dividend_yield * delta - growth * n1 * slope,
        veta: vega * (dividend_yield + d1 * slope - 1.0 / (2.0 * years)),
        dual_delta,
        dual_gamma: asset * growth * n1 / (strike * strike * s),
    };
    (values, -strike * dual_delta)
}

impl From<[f64; 11]> for Greeks {
    fn from(v: [f64; 11]) -> Self {
        Self {
            delta: v[0],
            gamma: v[1],
            vega: v[2],
            theta: v[3],
            rho: v[4],
            vanna: v[5],
            volga: v[6],
            charm: v[7],
            veta: v[8],
            dual_delta: v[9],
            dual_gamma: v[10],
        }
    }
}

/// Greeks of [`black76`]; delta, gamma, vanna and charm are to the forward. NaN for a zero forward or strike.
pub fn black76_greeks(right: Right, forward: f64, strike: f64, years: f64, vol: f64, rate: f64) -> Greeks {
    let (mut values, _) = greeks(right, forward, strike, years, vol, rate, rate);
    values.rho = -years * black76(right, forward, strike, years, vol, rate);
    values
}

/// Greeks of [`black_scholes`]; delta, gamma, vanna and charm are to the spot. NaN for a zero spot or strike.
pub fn black_scholes_greeks(
    right: Right,
    spot: f64,
    strike: f64,
    years: f64,
    vol: f64,
    rate: f64,
    dividend_yield: f64,
) -> Greeks {
    let (mut values, cash) = greeks(right, spot, strike, years, vol, rate, dividend_yield);
    values.rho = years * cash;
    values
}

/// Absolute undiscounted delta to the forward, N(d1) for a call and N(-d1) for a put.
#[inline]
pub fn forward_delta(right: Right, forward: f64, strike: f64, total_sd: f64) -> f64 {
    if !(valid(forward, strike, total_sd) && forward > 0.0 && strike > 0.0) {
        return f64::NAN;
    }
    forward_delta_at(right, log_ratio(forward, strike), total_sd)
}

/// [`forward_delta`] whose `log_moneyness` ln(forward/strike) is known already.
#[inline]
pub fn forward_delta_at(right: Right, log_moneyness: f64, total_sd: f64) -> f64 {
    let x = log_moneyness;
    if total_sd <= 0.0 {
        return if x == 0.0 { 0.5 } else { f64::from(u8::from(right.sign() * x > 0.0)) };
    }
    super::mills::normal_cdf(right.sign() * (x / total_sd + 0.5 * total_sd))
}

/// Strike whose [`forward_delta`] is `delta`, in closed form for a flat volatility; NaN unless 0 < delta < 1.
pub fn strike_for_delta(right: Right, forward: f64, total_sd: f64, delta: f64) -> f64 {
    if !(delta > 0.0 && delta < 1.0 && forward > 0.0 && total_sd >= 0.0) {
        return f64::NAN;
    }
    let d1 = right.sign() * normal_quantile(delta);
    forward * exp(-total_sd * (d1 - 0.5 * total_sd))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn textbook_prices() {
        // Hull, Options, Futures, and Other Derivatives, example 15.6 (S=42, K=40, r=.1, sigma=.2, T=.5): 4.76, 0.81.
        assert!((black_scholes(Right::Call, 42.0, 40.0, 0.5, 0.2, 0.1, 0.0) - 4.759_422_392_871_532).abs() < 1e-13);
        assert!((black_scholes(Right::Put, 42.0, 40.0, 0.5, 0.2, 0.1, 0.0) - 0.808_599_372_900_095_8).abs() < 1e-13);
        // Hull, section 18.8: futures option F=20, K=20, r=.09, sigma=.25, T=4/12: put 1.12.
        assert!((black76(Right::Put, 20.0, 20.0, 4.0 / 12.0, 0.25, 0.09) - 1.116_641_5).abs() < 1e-6);
    }

    #[test]
    fn limits_are_intrinsic_and_bad_input_is_nan() {
        for right in [Right::Call, Right::Put] {
            let intrinsic = right.payoff(100.0, 90.0);
            assert!((black(right, 100.0, 90.0, 0.0) - intrinsic).abs() < 1e-300);
            assert!((black76(right, 100.0, 90.0, 0.0, 0.2, 0.5) - intrinsic).abs() < 1e-300);
            assert!((black(right, 0.0, 90.0, 0.3) - right.payoff(0.0, 90.0)).abs() < 1e-300);
            assert!(black(right, 100.0, 90.0, -0.1).is_nan());
            assert!(black(right, f64::NAN, 90.0, 0.1).is_nan());
            assert!(black76(right, 100.0, 90.0, -1.0, 0.1, 0.0).is_nan());
            assert!(black76(right, 100.0, 90.0, 1.0, 0.1, f64::NAN).is_nan());
        }
        assert!((black(Right::Call, 100.0, 90.0, f64::INFINITY) - 100.0).abs() < 1e-12);
    }

    #[test]
    fn strike_for_delta_inverts_forward_delta() {
        for right in [Right::Call, Right::Put] {
            for delta in [0.001, 0.05, 0.2, 0.5, 0.9] {
                for sd in [0.01, 0.2, 1.5] {
                    let strike = strike_for_delta(right, 4_000.0, sd, delta);
                    assert!((forward_delta(right, 4_000.0, strike, sd) - delta).abs() < 1e-13);
                }
            }
        }
    }
}
