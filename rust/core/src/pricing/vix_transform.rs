//! VIX, VIX futures and VIX options under the market model.
//!
//! VIX squared is affine in the state, so that Y_T, its value at T, has the Laplace transform of
//! [`Affine::transform`]. The square root comes from sqrt(y) = (1/(2 sqrt(pi))) int_0^inf (1 - exp(-s y)) s^(-3/2) ds
//! (Zhu & Lian 2012, An analytical formula for VIX futures and its applications, Journal of Futures Markets 32,
//! 166-190, doi:10.1002/fut.20512), the call from the Fourier transform of its payoff (Lian & Zhu 2013, Pricing VIX
//! options with stochastic volatility and random jumps, Decisions in Economics and Finance 36, 71-88,
//! doi:10.1007/s10203-011-0124-0).

use std::collections::BTreeMap;
use std::f64::consts::{LOG2_E, PI};
use std::sync::OnceLock;

use super::complex::Complex;
use super::faddeeva::faddeeva;
use super::market_columns::{GoOn, goes_on};
use super::transform::{Affine, Exponent, Factor, State, Weights};
use crate::error::{Error, Fault, Result};
use crate::math;

/// VIX squared, decimal, as a function of the state: a + b1 v1 + b2 v2 + c intensity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Squared {
    /// Constant.
    pub a: f64,
    /// Slope in v1.
    pub b1: f64,
    /// Slope in v2.
    pub b2: f64,
    /// Slope in the intensity.
    pub c: f64,
}

impl Squared {
    /// The value at a state.
    #[inline]
    pub fn at(&self, state: State) -> f64 {
        self.a + self.b1 * state.v1 + self.b2 * state.v2 + self.c * state.intensity
    }
}

/// (1 - exp(-k t))/(k t).
fn mean_decay(k: f64, t: f64) -> f64 {
    let x = k * t;
    if x == 0.0 { 1.0 } else { -math::exp_m1(-x) / x }
}

/// (f(k) - f(l))/(l - k) of a smooth function, by its slope between where the two are close.
fn divided(f: impl Fn(f64) -> f64, k: f64, l: f64) -> f64 {
    let gap = l - k;
    if gap.abs() > 1e-4 * l.abs() {
        return (f(k) - f(l)) / gap;
    }
    let (middle, h) = (0.5 * (k + l), 1e-3 * l.abs());
    // Five points: the error is of order h^4.
    (8.0 * (f(middle - h) - f(middle + h)) - (f(middle - 2.0 * h) - f(middle + 2.0 * h))) / (12.0 * h)
}

impl Affine {
    /// Net decay of the intensity, and its mean.
    fn mean_intensity(&self) -> (f64, f64) {
        let j = &self.jumps;
        let net = j.beta - j.eta;
        (net, j.beta * j.lambda_inf / net)
    }

    /// Mean of the state in the long run.
    pub fn long_run(&self) -> State {
        let [first, second] = &self.factors;
        let (_, intensity) = self.mean_intensity();
        State { v1: first.theta + self.jumps.mu_v * intensity / first.kappa, v2: second.theta, intensity }
    }

    /// Mean of the state after `years`.
    pub fn mean_state(&self, state: State, years: f64) -> State {
        let [first, second] = &self.factors;
        let (net, _) = self.mean_intensity();
        let mean = self.long_run();
        let decay = |k: f64| math::exp(-k * years);
        let fed = self.jumps.mu_v * (state.intensity - mean.intensity) * divided(decay, net, first.kappa);
        State {
            v1: mean.v1 + (state.v1 - mean.v1) * decay(first.kappa) + fed,
            v2: mean.v2 + (state.v2 - mean.v2) * decay(second.kappa),
            intensity: mean.intensity + (state.intensity - mean.intensity) * decay(net),
        }
    }

    /// VIX squared of a window of `years`: -2/years E\[ln(S/F)\].
    pub fn vix_squared(&self, years: f64) -> Squared {
        let [first, second] = &self.factors;
        let (net, _) = self.mean_intensity();
        let mean = self.long_run();
        let h = |k: f64| mean_decay(k, years);
        let (b1, b2) = (h(first.kappa), h(second.kappa));
        let fed = self.jumps.mu_v * divided(h, net, first.kappa);
        let gap = 2.0 * (self.mean_jump() - self.jumps.mu_x - self.jumps.rho_j * self.jumps.mu_v);
        Squared {
            a: mean.v1 * (1.0 - b1) + mean.v2 * (1.0 - b2) + mean.intensity * (gap * (1.0 - h(net)) - fed),
            b1,
            b2,
            c: fed + gap * h(net),
        }
    }
}

/// Terminal weights of exp(w Y).
fn weights_of(squared: &Squared, w: Complex) -> Weights {
    Weights { u: Complex::ZERO, b1: w * squared.b1, b2: w * squared.b2, c: w * squared.c }
}

/// The exponent of E\[exp(w Y)\].
pub(super) fn exponent_of(model: &Affine, squared: &Squared, w: Complex, years: f64, jumps: bool) -> Exponent {
    let exponent = model.transform(&weights_of(squared, w), years, jumps);
    Exponent { a: exponent.a + w * squared.a, ..exponent }
}

/// Distance of the nodes of the Laplace integral in z = ln s.
const LAPLACE_STEP: f64 = 0.2;
/// First node: what is left out is of the order of exp(1.5 z).
const LAPLACE_START: f64 = -18.0;
/// exp(-s y) is negligible when s y is above.
const LAPLACE_NEGLIGIBLE: f64 = 40.0;
/// Nodes at most: exp(-z/2) itself is negligible there.
const LAPLACE_NODES: usize = 400;

/// VIX futures of one expiry, and the mean log of VIX: what does not depend on the state is computed once.
#[derive(Debug)]
pub struct FuturePricer<'a> {
    model: &'a Affine,
    squared: Squared,
    years: f64,
    /// s and the exponent of E exp(-s Y).
    nodes: Vec<(f64, Exponent)>,
}

impl<'a> FuturePricer<'a> {
    /// Futures that settle in `years` on an index of a window.
    pub fn new(model: &'a Affine, squared: Squared, years: f64, jumps: bool) -> Self {
        let mut nodes = Vec::new();
        if years > 0.0 {
            // No intensity falls below what decays from zero.
            let floor = squared.a - squared.c * model.jumps.lambda_inf * math::exp_m1(-model.jumps.beta * years);
            for i in 0..LAPLACE_NODES {
                let s = math::exp(LAPLACE_START + i as f64 * LAPLACE_STEP);
                nodes.push((s, exponent_of(model, &squared, Complex::real(-s), years, jumps)));
                if s * floor > LAPLACE_NEGLIGIBLE {
                    break;
                }
            }
        }
        Self { model, squared, years, nodes }
    }

    /// exp(-s m) - E exp(-s Y), without cancellation for small s.
    fn gap(s: f64, mean: f64, exponent: f64) -> f64 {
        let sm = s * mean;
        if sm < 1.0 { -math::exp(-sm) * math::exp_m1(exponent + sm) } else { math::exp(-sm) - math::exp(exponent) }
    }

    /// Mean of Y.
    fn mean(&self, state: State) -> f64 {
        self.squared.at(self.model.mean_state(state, self.years))
    }

    /// The future, decimal.
    pub fn price(&self, state: State) -> f64 {
        let mean = self.mean(state);
        if mean <= 0.0 {
            return 0.0;
        }
        let mut total = 0.0;
        for (s, exponent) in &self.nodes {
            total += Self::gap(*s, mean, exponent.at(state).re) / s.sqrt();
        }
        mean.sqrt() + 0.5 * LAPLACE_STEP / PI.sqrt() * total
    }

    /// Mean of ln VIX, decimal, at the expiry.
    pub fn mean_log(&self, state: State) -> f64 {
        let mean = self.mean(state);
        let mut total = 0.0;
        for (s, exponent) in &self.nodes {
            total += Self::gap(*s, mean, exponent.at(state).re);
        }
        0.5 * (math::ln(mean) + LAPLACE_STEP * total)
    }
}

/// Points of the Gauss-Legendre rule on each panel.
const PANEL: usize = 16;
/// Oscillations of the integrand on a panel, at most.
const OSCILLATIONS: f64 = 2.5;
/// Growth of the panels near zero.
const GROWTH: f64 = 1.8;
/// Real part of the contour where it lies well inside the strip of finite moments.
const CONTOUR: f64 = 8.0;
/// Smallest real part tried.
const LEAST_CONTOUR: f64 = 1e-3;
/// Radians of oscillation after which the integral is cut off smoothly.
const CUT_RADIANS: f64 = 200.0;
/// Standard deviations of the transform's own decay that the cut has to clear.
const CUT_DEVIATIONS: f64 = 16.0;
/// Distances of a strike from the floor below this power of two are treated alike.
const LEAST_DISTANCE: f64 = -12.0;
/// The integral ends where what is left of it, decimal, is of this order.
const NEGLIGIBLE: f64 = 1e-13;
/// Nodes after which a price is given up.
const MAX_NODES: usize = 1 << 17;

/// Calls on VIX of one expiry: what does not depend on the state is computed once.
///
/// The integral runs along Re phi = const. Its integrand oscillates with the distance of the squared strike from the
/// least value of Y, at which the density of Y has its singularity, and decays only by a power. It is multiplied by a
/// smooth cut-off after [`CUT_RADIANS`] of that distance, which a density does not feel that is smooth around the
/// strike. Next to where one jump more sets in it is not quite: there the price moves by up to 4e-10 points.
#[derive(Debug)]
pub struct CallPricer<'a> {
    model: &'a Affine,
    squared: Squared,
    years: f64,
    jumps: bool,
    contour: Option<f64>,
    tables: BTreeMap<Key, Table>,
    last: Option<(State, Key, Vec<Complex>)>,
}

/// What the nodes depend on, as exponents of two: where the integral is cut off, where the bulk of the law has died out,
/// and how fast the integrand turns before and after that.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Key {
    cut: i32,
    bulk: i32,
    bulk_turns: i32,
    tail_turns: i32,
}

/// Nodes of one key, as far as some state needed them.
#[derive(Debug)]
struct Table {
    nodes: Vec<Node>,
    /// Ends of the next panel.
    next: (f64, f64),
}

#[derive(Debug)]
struct Node {
    phi: Complex,
    root: Complex,
    /// Quadrature weight, cut-off and sqrt(pi)/2 phi^(-3/2).
    factor: Complex,
    exponent: Exponent,
}

/// Abscissae and weights on \[-1, 1\].
fn gauss_legendre() -> &'static [(f64, f64); PANEL] {
    static RULE: OnceLock<[(f64, f64); PANEL]> = OnceLock::new();
    RULE.get_or_init(|| {
        let n = PANEL as f64;
        std::array::from_fn(|i| {
            let (_, mut x) = math::sin_cos(PI * (i as f64 + 0.75) / (n + 0.5));
            let mut slope = 1.0;
            for _ in 0..100 {
                let (mut before, mut value) = (1.0, x);
                for k in 2..=PANEL {
                    let k = k as f64;
                    (before, value) = (value, ((2.0 * k - 1.0) * x * value - (k - 1.0) * before) / k);
                }
                slope = n * (x * value - before) / (x * x - 1.0);
                let step = value / slope;
                x -= step;
                if step.abs() < 1e-15 {
                    break;
                }
            }
            (x, 2.0 / ((1.0 - x * x) * slope * slope))
        })
    })
}

/// Variance of a factor after `years` without jumps.
fn factor_variance(factor: &Factor, v: f64, years: f64) -> f64 {
    let decay = math::exp(-factor.kappa * years);
    let gone = 1.0 - decay;
    factor.sigma * factor.sigma / factor.kappa * (v * decay * gone + 0.5 * factor.theta * gone * gone)
}

/// Real part of a contour inside the strip of finite moments, as far right as [`CONTOUR`]; `None` where there is none.
pub(super) fn contour(model: &Affine, squared: &Squared, years: f64, jumps: bool) -> Option<f64> {
    let finite = |w: f64| model.moment(0.0, w * squared.b1, w * squared.b2, w * squared.c, years, jumps).is_some();
    let mut contour = CONTOUR;
    while contour > LEAST_CONTOUR && !finite(1.2 * contour) {
        contour *= 0.5;
    }
    (contour > LEAST_CONTOUR).then_some(contour)
}

impl<'a> CallPricer<'a> {
    /// Options that expire in `years` > 0 on an index of a window.
    pub fn new(model: &'a Affine, squared: Squared, years: f64, jumps: bool) -> Self {
        let contour = contour(model, &squared, years, jumps);
        Self { model, squared, years, jumps, contour, tables: BTreeMap::new(), last: None }
    }

    /// Undiscounted call, decimal; `strike` is decimal, `future` the price of the future.
    ///
    /// # Errors
    /// `Error::Numerical` where no moment above the mean exists, or VIX is driven by jumps alone;
    /// `Error::Interrupted`.
    pub fn price(&mut self, strike: f64, future: f64, state: State, go_on: GoOn<'_>) -> Result<f64> {
        let intrinsic = (future - strike).max(0.0);
        let jumps = &self.model.jumps;
        let least = jumps.lambda_inf + (state.intensity - jumps.lambda_inf) * math::exp(-jumps.beta * self.years);
        let distance = strike * strike - self.squared.a - self.squared.c * least;
        if distance <= 0.0 {
            return Ok(intrinsic);
        }
        let [first, second] = &self.model.factors;
        let variance = self.squared.b1 * self.squared.b1 * factor_variance(first, state.v1, self.years)
            + self.squared.b2 * self.squared.b2 * factor_variance(second, state.v2, self.years);
        if variance <= 0.0 {
            if !self.jumps {
                return Ok(intrinsic);
            }
            return Err(self.failure("a variance factor that moves"));
        }
        let exponent_of_two = |x: f64| math::ln(x) * LOG2_E;
        let near = libm::ldexp(1.0, exponent_of_two(distance).floor().max(LEAST_DISTANCE) as i32);
        // The integrand turns with the distance of the strike from where Y may be. While the bulk of the law has not
        // died out that is its floor or its mean; after that, its floor, without jump or with one.
        let bulk = CUT_DEVIATIONS / variance.sqrt();
        let near_turns = distance.max(self.squared.c * jumps.eta);
        let key = Key {
            cut: exponent_of_two((CUT_RADIANS / near).max(bulk)).ceil() as i32,
            bulk: exponent_of_two(bulk).ceil() as i32,
            bulk_turns: exponent_of_two(near_turns.max(self.mean_above(least, state))).ceil() as i32,
            tail_turns: exponent_of_two(near_turns).ceil() as i32,
        };
        let known = matches!(&self.last, Some((before, at, _)) if *before == state && *at == key);
        if !known {
            let values = self.values(key, state, go_on)?;
            self.last = Some((state, key, values));
        }
        let Some((_, _, values)) = &self.last else { return Ok(intrinsic) };
        let mut total = 0.0;
        for (node, value) in self.tables[&key].nodes.iter().zip(values) {
            let z = node.root * strike;
            let erfc = (node.phi * (-strike * strike)).exp() * faddeeva(Complex::new(-z.im, z.re));
            total += (*value * erfc).re;
        }
        if !total.is_finite() {
            return Err(self.failure("a transform that stays finite"));
        }
        Ok((total / PI).clamp(intrinsic, future))
    }

    /// How far the mean of Y lies above its least value, with intensity `least`.
    fn mean_above(&self, least: f64, state: State) -> f64 {
        self.squared.at(self.model.mean_state(state, self.years)) - self.squared.a - self.squared.c * least
    }

    /// The transform at a state times all that does not depend on the strike, until it is negligible or cut off.
    fn values(&mut self, key: Key, state: State, go_on: GoOn<'_>) -> Result<Vec<Complex>> {
        let Some(contour) = self.contour else {
            return Err(self.failure("a VIX whose square has exponential moments"));
        };
        let power = |k: i32| libm::ldexp(1.0, k);
        let (end, bulk) = (power(key.cut), power(key.bulk));
        let table = self.tables.entry(key).or_insert_with(|| Table { nodes: Vec::new(), next: (0.0, 0.5 * contour) });
        let mut values: Vec<Complex> = Vec::new();
        loop {
            goes_on(go_on)?;
            let from = values.len();
            if from == table.nodes.len() {
                let (low, high) = table.next;
                if low >= end {
                    return Ok(values);
                }
                if from > MAX_NODES {
                    return Err(self.failure("a time in which VIX can move"));
                }
                for &(x, weight) in gauss_legendre() {
                    let half = 0.5 * (high - low);
                    let omega = low + half * (1.0 + x);
                    let phi = Complex::new(contour, omega);
                    let root = phi.sqrt();
                    let cut = 0.5 * math::erfc(10.0 * (omega / end - 0.5));
                    let factor = (phi * root).inverse() * (0.5 * PI.sqrt() * half * weight * cut);
                    let exponent = exponent_of(self.model, &self.squared, phi, self.years, self.jumps);
                    table.nodes.push(Node { phi, root, factor, exponent });
                }
                let turns = power(if high < bulk { key.bulk_turns } else { key.tail_turns });
                let widest = 2.0 * PI * OSCILLATIONS / turns;
                table.next = (high, end.min(high + widest.min(high * (GROWTH - 1.0))));
            }
            let mut largest = 0.0_f64;
            for node in &table.nodes[from..from + PANEL] {
                let transform = node.exponent.at(state).exp();
                // What is left of the integral is of this order.
                largest = largest.max(transform.norm() / node.phi.norm().sqrt());
                values.push(transform * node.factor);
            }
            if largest < NEGLIGIBLE {
                return Ok(values);
            }
            if largest.is_nan() {
                return Err(self.failure("a transform that stays finite"));
            }
        }
    }

    fn failure(&self, expected: &str) -> Error {
        Error::numerical(Fault::new("MKT021", "vix_option_price", "years", self.years.to_string(), expected))
    }
}
