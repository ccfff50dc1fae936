//! European options on the index under the market model, by Fourier cosine expansion.
//!
//! Fang & Oosterlee (2009), A novel pricing method for European options based on Fourier-cosine series expansions, SIAM
//! Journal on Scientific Computing 31, 826-848, doi:10.1137/080718061. Puts are expanded, because their payoff is
//! bounded; calls follow by parity. The range is not taken from cumulants, which say little about tails of
//! jumps, but from Chernoff's bound: the mass outside is below [`OUTSIDE`], certainly.

use std::collections::BTreeMap;

use super::complex::Complex;
use super::market_columns::{GoOn, goes_on};
use super::transform::{Affine, Exponent, State, Weights};
use crate::error::{Error, Fault, Result};
use crate::math;

/// Log of the probability that may lie outside the range, on either side.
const LN_OUTSIDE: f64 = -27.0;
/// Terms are added in blocks of this many, until a whole block is negligible.
const BLOCK: usize = 32;
/// Terms after which a price is given up.
const MAX_TERMS: usize = 1 << 17;
/// A block is negligible when |phi(u)| / u stays below, relative to the forward.
const NEGLIGIBLE: f64 = 1e-12;
/// Cosines and sines are computed anew after this many rotations.
const RESYNC: usize = 16;
/// Powers of two of the exponents at which Chernoff's bound is tried.
const MOMENTS: std::ops::RangeInclusive<i32> = -6..=10;

/// Prices puts of one time to expiry; what does not depend on the state is computed once.
#[derive(Debug)]
pub struct PutPricer<'a> {
    model: &'a Affine,
    years: f64,
    jumps: bool,
    lower: Vec<(f64, Exponent)>,
    upper: Vec<(f64, Exponent)>,
    tables: BTreeMap<(i32, i32), Table>,
    last: Option<(State, (i32, i32), Vec<f64>)>,
}

/// Exponents of the characteristic function on the grid of one range.
#[derive(Debug)]
struct Table {
    below: f64,
    step: f64,
    exponents: Vec<Exponent>,
}

/// The least half power of two that is not below `x`, as its exponent in halves.
fn rounded_up(x: f64) -> i32 {
    (2.0 * math::ln(x) * std::f64::consts::LOG2_E - 1e-12).ceil() as i32
}

fn half_power(k: i32) -> f64 {
    let whole = libm::ldexp(1.0, k.div_euclid(2));
    if k.rem_euclid(2) == 1 { whole * std::f64::consts::SQRT_2 } else { whole }
}

impl<'a> PutPricer<'a> {
    /// A pricer for `years` > 0. Without `jumps` every state must have intensity 0, and the model none to come.
    pub fn new(model: &'a Affine, years: f64, jumps: bool) -> Self {
        let moments = |sign: f64| {
            MOMENTS
                .map(|k| libm::ldexp(1.0, k))
                .map_while(|p| model.moment(sign * p, 0.0, 0.0, 0.0, years, jumps).map(|exponent| (p, exponent)))
                .collect()
        };
        let (lower, upper) = (moments(-1.0), moments(1.0));
        Self { model, years, jumps, lower, upper, tables: BTreeMap::new(), last: None }
    }

    /// Undiscounted put per unit of forward; `strike` is in units of the forward and above 0.
    ///
    /// # Errors
    /// `Error::Numerical` where the expansion does not converge, `Error::Interrupted`.
    pub fn price(&mut self, strike: f64, state: State, go_on: GoOn<'_>) -> Result<f64> {
        let intrinsic = (strike - 1.0).max(0.0);
        if self.is_certain(state) {
            return Ok(intrinsic);
        }
        let known = matches!(&self.last, Some((before, ..)) if *before == state);
        if !known {
            let key = self.range(state)?;
            let terms = self.terms(key, state, go_on)?;
            self.last = Some((state, key, terms));
        }
        let Some((_, key, terms)) = &self.last else { return Ok(intrinsic) };
        let table = &self.tables[key];
        let distance = math::ln(strike) + table.below;
        if distance <= 0.0 {
            return Ok(0.0);
        }
        if distance >= std::f64::consts::PI / table.step {
            return Ok(intrinsic);
        }
        Ok(expand(terms, table, strike, distance).clamp(intrinsic, strike))
    }

    /// Nothing moves the price.
    fn is_certain(&self, state: State) -> bool {
        let still = |theta: f64, v: f64| theta == 0.0 && v == 0.0;
        let [first, second] = &self.model.factors;
        still(first.theta, state.v1)
            && still(second.theta, state.v2)
            && still(self.model.jumps.lambda_inf, state.intensity)
    }

    /// How far below and above the forward, in log, all but the least part of the probability lies.
    pub(super) fn bounds(&self, state: State) -> Result<(f64, f64)> {
        let nearest = |moments: &[(f64, Exponent)]| {
            moments.iter().map(|(p, exponent)| (exponent.at(state).re - LN_OUTSIDE) / p).fold(f64::INFINITY, f64::min)
        };
        let (below, above) = (nearest(&self.lower), nearest(&self.upper));
        if !(below.is_finite() && above.is_finite()) {
            return Err(self.failure("a price whose distribution has finite moments"));
        }
        Ok((below, above))
    }

    /// Ends of the range, as exponents of half powers of two.
    fn range(&self, state: State) -> Result<(i32, i32)> {
        let (below, above) = self.bounds(state)?;
        Ok((rounded_up(below), rounded_up(above)))
    }

    /// Coefficients of the density's expansion at a state.
    fn terms(&mut self, key: (i32, i32), state: State, go_on: GoOn<'_>) -> Result<Vec<f64>> {
        let (below, above) = (half_power(key.0), half_power(key.1));
        let width = below + above;
        let step = std::f64::consts::PI / width;
        let table = self.tables.entry(key).or_insert_with(|| Table { below, step, exponents: Vec::new() });
        let mut terms = Vec::with_capacity(8 * BLOCK);
        while terms.len() < MAX_TERMS {
            goes_on(go_on)?;
            let mut largest = 0.0_f64;
            for k in terms.len()..terms.len() + BLOCK {
                let u = k as f64 * step;
                if k == table.exponents.len() {
                    let weights = Weights { u: Complex::new(0.0, u), ..Weights::default() };
                    table.exponents.push(self.model.transform(&weights, self.years, self.jumps));
                }
                let exponent = table.exponents[k].at(state);
                let turned = (exponent + Complex::new(0.0, u * below)).exp().re;
                let half = if k == 0 { 1.0 } else { 2.0 };
                terms.push(half / width * turned);
                largest = largest.max(math::exp(exponent.re) / u.max(step));
            }
            if largest < NEGLIGIBLE {
                return Ok(terms);
            }
            if largest.is_nan() {
                break;
            }
        }
        Err(self.failure("a price whose distribution has a density"))
    }

    fn failure(&self, expected: &str) -> Error {
        Error::numerical(Fault::new("MKT020", "option_price", "years", self.years.to_string(), expected))
    }
}

/// Sum of the products of density and put coefficients.
///
/// The put's are [k (sin t / u - cos t) + exp(-below)] / (1 + u^2) with t = u (ln k + below).
fn expand(terms: &[f64], table: &Table, strike: f64, distance: f64) -> f64 {
    let floor = math::exp(-table.below);
    let turn = Complex::new(0.0, table.step * distance).exp();
    let mut total = 0.0;
    let mut point = Complex::ONE;
    for (k, term) in terms.iter().enumerate() {
        if k == 0 {
            total += term * (strike * (distance - 1.0) + floor);
            continue;
        }
        let u = k as f64 * table.step;
        point = if k % RESYNC == 0 { Complex::new(0.0, u * distance).exp() } else { point * turn };
        total += term * (strike * (point.im / u - point.re) + floor) / (1.0 + u * u);
    }
    total
}
