//! Smiles of VIX options at one time, for all states at once.
//!
//! The Fourier integral of [`crate::pricing::vix_transform`] on fixed nodes and strikes, whose payoff no state and no time
//! changes. What a state does is a product of one factor for its variances and one for its intensity; its own strikes
//! are interpolated between the shared ones, in implied volatility.

use std::f64::consts::PI;

use alvh_simd::{InstructionSet, Kernel};

use super::futures::{FutureTable, FutureTerms, mean_of, moments};
use super::grid::{Stretched, cubic};
use super::smiles::{Linear, NODES, States, continue_wings};
use crate::error::{Error, Result};
use crate::math;
use crate::pricing::complex::Complex;
use crate::pricing::faddeeva::faddeeva;
use crate::pricing::implied_vol::unit_total_sd;
use crate::pricing::transform::{Affine, Exponent, State};
use crate::pricing::vix_transform::{Squared, contour, exponent_of};

/// Nodes of the integral: the k-th is at end (k/N)^4.
const FREQUENCIES: usize = 1_200;
/// End of the integral times the long-run mean of VIX squared.
const END: f64 = 6_500.0;
/// Strikes that all states share, equally spaced in the logarithm.
const STRIKES: usize = 256;
/// Strikes of the kernel at a time.
const BLOCK: usize = 32;
/// Prices below this, per unit of the smaller of strike and future, have no volatility.
const LEAST_PRICE: f64 = 2e-7;
/// The integral ends where what a node adds is below.
const NEGLIGIBLE: f64 = 1e-10;

/// The part of the integral that depends on strikes.
#[derive(Debug)]
pub(super) struct Payoffs {
    first: f64,
    step: f64,
    strikes: Vec<f64>,
    frequencies: Vec<Complex>,
    /// By block of strikes and frequency: real parts of a block, then imaginary ones.
    factors: Vec<f64>,
    /// The largest factor of each frequency.
    largest: Vec<f64>,
}

impl Payoffs {
    /// For strikes from the floor of VIX to far above any future; `None` where no contour lies inside the strip of finite
    /// moments up to `longest` years.
    pub(super) fn new(model: &Affine, squared: Squared, longest: f64, jumps: bool) -> Option<Self> {
        let contour = contour(model, &squared, longest, jumps)?;
        let long_run = squared.at(model.long_run()).max(1e-6);
        let end = END / long_run;
        let first = math::ln(squared.a.max(1e-4 * long_run)) * 0.5;
        let last = math::ln(300.0 * long_run) * 0.5;
        let step = (last - first) / (STRIKES - 1) as f64;
        let strikes: Vec<f64> = (0..STRIKES).map(|i| math::exp(first + i as f64 * step)).collect();
        let mut frequencies = Vec::with_capacity(FREQUENCIES);
        let mut factors = vec![0.0; STRIKES * FREQUENCIES * 2];
        let mut largest = Vec::with_capacity(FREQUENCIES);
        for node in 0..FREQUENCIES {
            let t = (node as f64 + 0.5) / FREQUENCIES as f64;
            let omega = end * t * t * t * t;
            let weight = 4.0 * end * t * t * t / FREQUENCIES as f64;
            let phi = Complex::new(contour, omega);
            let root = phi.sqrt();
            let factor = (phi * root).inverse() * (0.5 / PI.sqrt() * weight);
            let mut most = 0.0_f64;
            for (i, strike) in strikes.iter().enumerate() {
                let z = root * *strike;
                let value = factor * (phi * (-strike * strike)).exp() * faddeeva(Complex::new(-z.im, z.re));
                let at = ((i / BLOCK) * FREQUENCIES + node) * 2 * BLOCK + i % BLOCK;
                (factors[at], factors[at + BLOCK]) = (value.re, value.im);
                most = most.max(value.norm());
            }
            frequencies.push(phi);
            largest.push(most);
        }
        Some(Self { first, step, strikes, frequencies, factors, largest })
    }
}

/// What places a VIX option in the tables at one time.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Scales {
    /// Mean of VIX squared.
    pub(super) mean: Linear,
    /// Its variance.
    pub(super) variance: Linear,
    /// Its least value, of the intensity.
    pub(super) floor: Linear,
    /// Weights of level and share: what each variance adds to the mean.
    pub(super) weights: [f64; 2],
}

impl Scales {
    pub(super) fn new(model: &Affine, squared: Squared, years: f64, jumps: bool) -> Self {
        let (_, variance) = moments(model, squared, years, jumps);
        Self::with_variance(model, squared, years, variance)
    }

    /// The same with a variance from elsewhere, which takes longest to compute.
    pub(super) fn with_variance(model: &Affine, squared: Squared, years: f64, variance: Linear) -> Self {
        let mean = mean_of(model, squared, years);
        let decay = math::exp(-model.jumps.beta * years);
        let least = squared.c * model.jumps.lambda_inf * (1.0 - decay);
        let floor = Linear { a: squared.a + least, b1: 0.0, b2: 0.0, c: squared.c * decay };
        Self { mean, variance, floor, weights: [mean.b1, mean.b2] }
    }

    /// Floor, mean above it, and standard deviation of ln(Y - floor) were that normal.
    #[inline(always)]
    pub(super) fn of(&self, state: State) -> (f64, f64, f64) {
        let floor = self.floor.at(state);
        let above = self.mean.at(state) - floor;
        let relative = self.variance.at(state) / (above * above);
        (floor, above, math::ln(1.0 + relative).sqrt())
    }
}

/// Total standard deviations of all states and moneynesses at one time, over sd above/(2 mean) of [`Scales::of`].
#[allow(clippy::too_many_arguments)]
pub(super) fn slice(
    model: &Affine,
    squared: Squared,
    states: &States,
    moneyness: &Stretched,
    payoffs: &Payoffs,
    futures: &FutureTable,
    years: f64,
    jumps: bool,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Vec<f32>> {
    let scales = Scales::new(model, squared, years, jumps);
    let nodes: [f64; NODES] = std::array::from_fn(|i| moneyness.node(i));
    let exponents: Vec<Exponent> =
        payoffs.frequencies.iter().map(|&phi| exponent_of(model, &squared, phi, years, jumps)).collect();
    let by_intensity: Vec<Vec<Complex>> = (0..states.intensity.len())
        .map(|index| {
            let intensity = states.intensity.node(index);
            exponents.iter().map(|exponent| (exponent.c * intensity).exp()).collect()
        })
        .collect();
    let mut terms = FutureTerms::default();
    futures.fill(years, &mut terms);
    let set = InstructionSet::best();
    let mut out = Vec::with_capacity(states.len() * NODES);
    let mut vols = vec![0.0; STRIKES];
    let (mut pair, mut real, mut imaginary) = (Vec::new(), Vec::new(), Vec::new());
    for level in 0..states.level.len() {
        for share in 0..states.share.len {
            let (v1, v2) = states.pair(level, share, scales.weights);
            pair.clear();
            pair.extend(exponents.iter().map(|e| (e.a + e.b1 * v1 + e.b2 * v2).exp()));
            for (index, by_intensity) in by_intensity.iter().enumerate() {
                if !go_on() {
                    return Err(Error::Interrupted);
                }
                let state = State { v1, v2, intensity: states.intensity.node(index) };
                real.clear();
                imaginary.clear();
                for ((&pair, &jump), &largest) in pair.iter().zip(by_intensity).zip(&payoffs.largest) {
                    let value = pair * jump;
                    real.push(value.re);
                    imaginary.push(value.im);
                    if value.norm() * largest < NEGLIGIBLE {
                        break;
                    }
                }
                let (floor, above, sd) = scales.of(state);
                let future = futures.price(&terms, state);
                let unit = 0.5 * sd * above / (floor + above);
                let own = |z: f64| 0.5 * math::ln(floor + above * math::exp(sd * z));
                let place = |z: f64| ((own(z) - payoffs.first) / payoffs.step).clamp(0.0, (STRIKES - 1) as f64);
                let (from, until) = (place(nodes[0]) as usize, (place(nodes[NODES - 1]) as usize + 3).min(STRIKES));
                vols.fill(f64::NAN);
                for block in from.saturating_sub(2) / BLOCK..until.div_ceil(BLOCK) {
                    let start = block * FREQUENCIES * 2 * BLOCK;
                    let factors = &payoffs.factors[start..start + real.len() * 2 * BLOCK];
                    let sums = set.run(Integral { real: &real, imaginary: &imaginary, factors });
                    for (i, &call) in sums.iter().enumerate() {
                        let at = block * BLOCK + i;
                        let strike = payoffs.strikes[at];
                        let time_value =
                            if strike > future { call / future } else { (call - (future - strike)) / strike };
                        vols[at] = if time_value > LEAST_PRICE && time_value < 1.0 && strike * strike > floor {
                            unit_total_sd(math::log_ratio(future, strike).abs(), time_value) / unit
                        } else {
                            f64::NAN
                        };
                    }
                }
                let mut smile: [f64; NODES] = std::array::from_fn(|i| {
                    let at = place(nodes[i]);
                    let index = (at as usize).saturating_sub(1).min(STRIKES - 4);
                    let weights = cubic((at - index as f64) as f32);
                    (0..4).map(|j| f64::from(weights[j]) * vols[index + j]).sum()
                });
                continue_wings(&mut smile, moneyness);
                out.extend(smile.iter().map(|&value| value as f32));
            }
        }
    }
    Ok(out)
}

/// Real part of the integral for a block of strikes.
struct Integral<'a> {
    real: &'a [f64],
    imaginary: &'a [f64],
    factors: &'a [f64],
}

impl Kernel for Integral<'_> {
    type Output = [f64; BLOCK];

    #[inline(always)]
    fn run(self) -> Self::Output {
        let mut total = [0.0; BLOCK];
        for ((&re, &im), factors) in self.real.iter().zip(self.imaginary).zip(self.factors.chunks_exact(2 * BLOCK)) {
            let (a, b) = factors.split_at(BLOCK);
            for i in 0..BLOCK {
                total[i] += re * a[i] - im * b[i];
            }
        }
        total
    }
}
