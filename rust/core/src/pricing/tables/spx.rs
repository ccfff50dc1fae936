//! Smiles of index options at one time, for all states at once.
//!
//! The cosine expansion of [`crate::pricing::cos_method`] on one range for all states: they share the exponents, and the
//! transform of a state is a product of one factor for its variances and one for its intensity. Strikes are the state's
//! own, so that nothing is interpolated.

use std::f64::consts::PI;

use alvh_simd::{InstructionSet, Kernel};

use super::grid::Stretched;
use super::smiles::{Linear, NODES, States, continue_wings};
use crate::error::{Error, Result};
use crate::math;
use crate::pricing::complex::Complex;
use crate::pricing::cos_method::PutPricer;
use crate::pricing::implied_vol::unit_total_sd;
use crate::pricing::transform::{Affine, Exponent, State, Weights};

/// Terms of a state at most. What needs more, hardly any variance over an hour, is cut off smoothly: that blurs the price
/// by a few thousandths of the range over this number.
const MAX_TERMS: usize = 1 << 12;
/// The expansion ends where |phi(u)|/u stays below.
const NEGLIGIBLE: f64 = 1e-9;
/// Prices below this, per unit of the forward, have no volatility.
const LEAST_PRICE: f64 = 1e-9;

/// The unit of moneyness and of total standard deviation: the root of the expected quadratic variation, which is that of
/// the model's own variance swap.
pub(super) fn variance(model: &Affine, years: f64) -> Linear {
    let squared = model.vix_squared(years);
    Linear { a: squared.a * years, b1: squared.b1 * years, b2: squared.b2 * years, c: squared.c * years }
}

/// Weights of level and share at a time: what each variance adds to [`variance`], a year.
pub(super) fn weights(model: &Affine, years: f64) -> [f64; 2] {
    let squared = model.vix_squared(years);
    [squared.b1, squared.b2]
}

/// Total standard deviations over the root of [`variance`] of all states and moneynesses at one time.
pub(super) fn slice(
    model: &Affine,
    states: &States,
    moneyness: &Stretched,
    years: f64,
    jumps: bool,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Vec<f32>> {
    let unit = variance(model, years);
    let weights = weights(model, years);
    let nodes: [f64; NODES] = std::array::from_fn(|i| moneyness.node(i));
    let last = |len: usize| len - 1;
    let largest = (0..states.share.len).map(|share| {
        let (v1, v2) = states.pair(last(states.level.len()), share, weights);
        State { v1, v2, intensity: states.intensity.node(last(states.intensity.len())) }
    });
    let pricer = PutPricer::new(model, years, jumps);
    let (mut below, mut above) = (0.0_f64, 0.0_f64);
    for state in largest {
        let (low, high) = pricer.bounds(state)?;
        (below, above) = (below.max(low), above.max(high));
    }
    let step = PI / (below + above);
    let mut exponents: Vec<Exponent> = Vec::new();
    let mut by_intensity: Vec<Vec<Complex>> = vec![Vec::new(); states.intensity.len()];
    let mut out = Vec::with_capacity(states.len() * NODES);
    let set = InstructionSet::best();
    let (mut pair, mut terms) = (Vec::new(), Terms::default());
    for level in 0..states.level.len() {
        for share in 0..states.share.len {
            let (v1, v2) = states.pair(level, share, weights);
            pair.clear();
            for (index, jump) in by_intensity.iter_mut().enumerate() {
                if !go_on() {
                    return Err(Error::Interrupted);
                }
                let state = State { v1, v2, intensity: states.intensity.node(index) };
                let scale = unit.at(state).max(0.0).sqrt();
                terms.clear();
                let mut converged = false;
                for k in 0..MAX_TERMS {
                    if k == exponents.len() {
                        let u = Complex::new(0.0, k as f64 * step);
                        let weights = Weights { u, ..Weights::default() };
                        exponents.push(model.transform(&weights, years, jumps));
                    }
                    if k == pair.len() {
                        let Exponent { a, b1, b2, .. } = exponents[k];
                        pair.push((a + b1 * v1 + b2 * v2 + Complex::new(0.0, k as f64 * step * below)).exp());
                    }
                    if k == jump.len() {
                        jump.push((exponents[k].c * state.intensity).exp());
                    }
                    let phi = pair[k] * jump[k];
                    let u = k as f64 * step;
                    terms.push(phi.re, u, step);
                    if k % 16 == 15 && phi.norm() < NEGLIGIBLE * u {
                        converged = true;
                        break;
                    }
                }
                if !converged {
                    terms.cut();
                }
                let strikes: [f64; NODES] = std::array::from_fn(|i| math::exp(scale * nodes[i]));
                let turns: [(f64, f64); NODES] =
                    std::array::from_fn(|i| math::sin_cos(step * (scale * nodes[i] + below).clamp(0.0, below + above)));
                let sums = set.run(Expansion { terms: &terms, turns: &turns });
                let floor = math::exp(-below) * terms.floor;
                let mut smile: [f64; NODES] = std::array::from_fn(|i| {
                    let put = strikes[i] * sums[i]
                        + floor
                        + terms.first * {
                            let distance = (scale * nodes[i] + below).clamp(0.0, below + above);
                            strikes[i] * (distance - 1.0) + math::exp(-below)
                        };
                    let price = if nodes[i] > 0.0 { put - (strikes[i] - 1.0) } else { put / strikes[i] };
                    let inside = scale * nodes[i] > -below && scale * nodes[i] < above;
                    if price > LEAST_PRICE && price < 1.0 && inside {
                        unit_total_sd((scale * nodes[i]).abs(), price) / scale
                    } else {
                        f64::NAN
                    }
                });
                continue_wings(&mut smile, moneyness);
                out.extend(smile.iter().map(|&value| value as f32));
            }
        }
    }
    Ok(out)
}

/// The expansion's terms of one state.
#[derive(Debug, Default)]
struct Terms {
    sine: Vec<f64>,
    cosine: Vec<f64>,
    first: f64,
    floor: f64,
}

impl Terms {
    fn clear(&mut self) {
        self.sine.clear();
        self.cosine.clear();
        (self.first, self.floor) = (0.0, 0.0);
    }

    /// Lets the terms fade out towards the last.
    fn cut(&mut self) {
        let n = self.cosine.len() as f64;
        self.floor = 0.0;
        for (k, (sine, cosine)) in self.sine.iter_mut().zip(&mut self.cosine).enumerate() {
            let fade = 0.5 * math::erfc(10.0 * ((k + 1) as f64 / n - 0.5));
            *sine *= fade;
            *cosine *= fade;
            self.floor += *cosine;
        }
    }

    /// The next term. The put's coefficient is [K (sin t / u - cos t) + exp(-below)]/(1 + u^2).
    fn push(&mut self, phi: f64, u: f64, step: f64) {
        if u == 0.0 {
            self.first = phi * step / PI;
            return;
        }
        let term = 2.0 * phi * step / (PI * (1.0 + u * u));
        self.floor += term;
        self.sine.push(term / u);
        self.cosine.push(term);
    }
}

/// Sum over the terms of sine sin(k t) - cosine cos(k t), for every strike's t.
struct Expansion<'a> {
    terms: &'a Terms,
    turns: &'a [(f64, f64); NODES],
}

impl Kernel for Expansion<'_> {
    type Output = [f64; NODES];

    #[inline(always)]
    fn run(self) -> Self::Output {
        let (mut sin, mut cos) = ([0.0; NODES], [0.0; NODES]);
        for (i, &(s, c)) in self.turns.iter().enumerate() {
            (sin[i], cos[i]) = (s, c);
        }
        let (turn_sin, turn_cos) = (sin, cos);
        let mut total = [0.0; NODES];
        for (&sine, &cosine) in self.terms.sine.iter().zip(&self.terms.cosine) {
            for i in 0..NODES {
                total[i] += sine * sin[i] - cosine * cos[i];
                let turned = cos[i] * turn_cos[i] - sin[i] * turn_sin[i];
                sin[i] = sin[i] * turn_cos[i] + cos[i] * turn_sin[i];
                cos[i] = turned;
            }
        }
        total
    }
}
