//! VIX futures as a short sum of exponentials that are affine in the state.
//!
//! sqrt(y) = (1/(2 sqrt(pi))) int (1 - exp(-s y)) s^(-3/2) ds by the trapezoidal rule in z = ln s. Where s is so large
//! that its exponential is gone, and so small that two moments of Y stand for it, the rest of the infinite sum is a
//! geometric series. A step of [`STEP`] alone leaves an error of 1e-8 of the future.

use std::f64::consts::PI;

use alvh_simd::Kernel;

use super::smiles::Linear;
use crate::market::state::ModelColumns;
use crate::math;
use crate::pricing::complex::Complex;
use crate::pricing::transform::{Affine, State};
use crate::pricing::vix_transform::{Squared, exponent_of};

/// Distance of the nodes in z.
const STEP: f64 = 0.6;
/// First node, in units of the long-run mean of Y: its third moment is what is left out.
const START: f64 = -8.0;
/// exp(-s y) is negligible when s y is above.
const NEGLIGIBLE: f64 = 40.0;
/// Nodes at most: exp(-z/2) itself is negligible there.
const MOST: usize = 70;
/// Times of the table of exponents, spaced ever wider: the k-th is at (k/last)^2 of the longest.
const TIMES: usize = 160;

/// The sum at one time.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FutureTerms {
    mean: Linear,
    /// Second moment about the mean.
    variance: Linear,
    exponents: Vec<Linear>,
}

/// Exponents of all nodes at all times.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct FutureTable {
    weights: Vec<f64>,
    constant: f64,
    first_moment: f64,
    second_moment: f64,
    longest: f64,
    terms: Vec<FutureTerms>,
}

impl FutureTable {
    /// For times up to `longest` years.
    pub(super) fn new(model: &Affine, squared: Squared, jumps: bool, longest: f64) -> Self {
        let long_run = squared.at(model.long_run()).max(1e-6);
        let floor = squared.a.max(0.0);
        let start = START - math::ln(long_run);
        let factor = 0.5 * STEP / PI.sqrt();
        let mut nodes = Vec::new();
        for i in 0..MOST {
            let s = math::exp(start + i as f64 * STEP);
            nodes.push(s);
            if s * floor > NEGLIGIBLE {
                break;
            }
        }
        let weights: Vec<f64> = nodes.iter().map(|s| factor / s.sqrt()).collect();
        // Sums of s^(-1/2) beyond the last node, of s^(1/2) and s^(3/2)/2 before the first.
        let tail = |power: f64, s: f64, away: f64| {
            let ratio = math::exp(away * power * STEP);
            factor * math::pow(s, power) * ratio / (1.0 - ratio)
        };
        let last = nodes[nodes.len() - 1];
        let constant = weights.iter().sum::<f64>() + tail(-0.5, last, 1.0);
        let first_moment = tail(0.5, nodes[0], -1.0);
        let second_moment = 0.5 * tail(1.5, nodes[0], -1.0);
        let terms = (0..TIMES).map(|k| terms_at(model, squared, &nodes, jumps, time(k, longest))).collect();
        Self { weights, constant, first_moment, second_moment, longest, terms }
    }

    /// The sum at a time, into `out`.
    pub(super) fn fill(&self, years: f64, out: &mut FutureTerms) {
        let at = (years / self.longest).clamp(0.0, 1.0).sqrt() * (TIMES - 1) as f64;
        let index = (at as usize).saturating_sub(1).min(TIMES - 4);
        let weights = cubic64(at - index as f64);
        let around = &self.terms[index..index + 4];
        let mix = |pick: &dyn Fn(&FutureTerms) -> Linear| {
            let mut total = Linear::default();
            for (terms, weight) in around.iter().zip(weights) {
                let part = pick(terms);
                total.a += weight * part.a;
                total.b1 += weight * part.b1;
                total.b2 += weight * part.b2;
                total.c += weight * part.c;
            }
            total
        };
        out.mean = mix(&|terms| terms.mean);
        out.variance = mix(&|terms| terms.variance);
        out.exponents.clear();
        out.exponents.extend((0..self.weights.len()).map(|node| mix(&|terms| terms.exponents[node])));
    }

    /// The future of a state, decimal.
    #[inline]
    pub(super) fn price(&self, terms: &FutureTerms, state: State) -> f64 {
        self.prices(terms, [state.v1], [state.v2], [state.intensity])[0]
    }

    /// Futures of several states at once: each is that of its state alone, bit for bit.
    #[inline(always)]
    pub(super) fn prices<const N: usize>(
        &self,
        terms: &FutureTerms,
        v1: [f64; N],
        v2: [f64; N],
        intensity: [f64; N],
    ) -> [f64; N] {
        let state = |i: usize| State { v1: v1[i], v2: v2[i], intensity: intensity[i] };
        let mut total: [f64; N] = std::array::from_fn(|i| {
            let mean = terms.mean.at(state(i));
            let second = terms.variance.at(state(i)) + mean * mean;
            self.constant + self.first_moment * mean - self.second_moment * second
        });
        for (exponent, weight) in terms.exponents.iter().zip(&self.weights) {
            for (i, total) in total.iter_mut().enumerate() {
                // Exponents are not positive; what is below the limit is nothing.
                let value = exponent.at(state(i));
                *total -= weight * math::exp_plain(if value > LEAST_EXPONENT { value } else { LEAST_EXPONENT });
            }
        }
        total.map(|total| if total > 0.0 { total } else { 0.0 })
    }
}

/// Futures of blocks of states.
pub(super) struct Batch<'a> {
    pub(super) table: &'a FutureTable,
    pub(super) terms: &'a FutureTerms,
    pub(super) states: &'a ModelColumns,
    pub(super) scale: f64,
    pub(super) out: &'a mut [f64],
}

/// States priced at once.
const LANES: usize = 16;

impl Kernel for Batch<'_> {
    type Output = ();

    #[inline(always)]
    fn run(self) {
        let Self { table, terms, states, scale, out } = self;
        // A path alone does not pay for the lanes beside it.
        if let ([out], [v1], [v2], [intensity]) = (&mut *out, &*states.v1, &*states.v2, &*states.intensity) {
            *out = scale * table.prices(terms, [*v1], [*v2], [*intensity])[0];
            return;
        }
        for (block, out) in out.chunks_mut(LANES).enumerate() {
            // The last block repeats its last state.
            let lane = |column: &[f64]| -> [f64; LANES] {
                let last = column.len() - 1;
                std::array::from_fn(|i| column[(block * LANES + i).min(last)])
            };
            let prices = table.prices(terms, lane(&states.v1), lane(&states.v2), lane(&states.intensity));
            for (out, price) in out.iter_mut().zip(prices) {
                *out = scale * price;
            }
        }
    }
}

/// exp of less is taken to be exp of this.
const LEAST_EXPONENT: f64 = -600.0;

/// Weights of Lagrange's cubic through nodes at 0, 1, 2 and 3.
fn cubic64(t: f64) -> [f64; 4] {
    let (a, b, c) = (t - 1.0, t - 2.0, t - 3.0);
    [a * b * c * (-1.0 / 6.0), t * b * c * 0.5, -(t * a * c * 0.5), t * a * b * (1.0 / 6.0)]
}

fn time(index: usize, longest: f64) -> f64 {
    let share = index as f64 / (TIMES - 1) as f64;
    longest * share * share
}

/// Mean of Y after `years`, affine in the state.
pub(super) fn mean_of(model: &Affine, squared: Squared, years: f64) -> Linear {
    let mean = |state: State| squared.at(model.mean_state(state, years));
    let zero = State::default();
    let a = mean(zero);
    let b1 = mean(State { v1: 1.0, ..zero }) - a;
    let b2 = mean(State { v2: 1.0, ..zero }) - a;
    Linear { a, b1, b2, c: mean(State { intensity: 1.0, ..zero }) - a }
}

/// Mean and variance of Y after `years`, affine in the state: derivatives of the exponent of its transform.
pub(super) fn moments(model: &Affine, squared: Squared, years: f64, jumps: bool) -> (Linear, Linear) {
    /// Small beside one over Y, large beside its rounding.
    const H: f64 = 0.02;
    let mean = mean_of(model, squared, years);
    let exponent = exponent_of(model, &squared, Complex::new(0.0, H), years, jumps);
    let second = |part: Complex| (-2.0 * part.re / (H * H)).max(0.0);
    let variance =
        Linear { a: second(exponent.a), b1: second(exponent.b1), b2: second(exponent.b2), c: second(exponent.c) };
    (mean, variance)
}

fn terms_at(model: &Affine, squared: Squared, nodes: &[f64], jumps: bool, years: f64) -> FutureTerms {
    let (mean, variance) = moments(model, squared, years, jumps);
    let exponents = nodes
        .iter()
        .map(|&s| {
            let exponent = exponent_of(model, &squared, Complex::real(-s), years, jumps);
            Linear { a: exponent.a.re, b1: exponent.b1.re, b2: exponent.b2.re, c: exponent.c.re }
        })
        .collect();
    FutureTerms { mean, variance, exponents }
}
