//! The scheme that moves the state of the market model H-SVCJ-2F over one step, for a block of paths at a time.
//!
//! Variances move by the quadratic-exponential scheme of Andersen (2008), Journal of Computational Finance 11(3),
//! doi:10.21314/JCF.2008.189, with switch at 1.5 and central weights; the log price by his scheme that is tied to the
//! variances. Jumps come by an exponential clock: the integral of the intensity, closed form between jumps, is spent
//! against unit exponentials, which is exact for self-exciting jumps whatever the step (Ozaki 1979,
//! doi:10.1007/BF02480272). A jump of the variance decays from its time to the end of the step, so that means are exact;
//! the price takes its jump at the end of the step.
//!
//! Steps may differ in length, and jumps may run on a clock of their own: see [`Stride`].
#![allow(clippy::needless_range_loop, reason = "the same lane of many arrays")]

use serde::{Deserialize, Serialize};

pub(crate) mod innovations;

use super::lanes::{inverses, larger, ln, normals, smaller, unit_interval};
use crate::market::model::MarketConfig;
use crate::math;
use crate::pricing::transform::Factor;
use crate::rng::{Domain, Stream, philox4x32_wide};

/// The measure whose law the paths have.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub enum Measure {
    /// Real world.
    P,
    /// Pricing.
    Q,
}

/// One variance factor over one step.
#[derive(Debug, Clone, Copy)]
struct Transition {
    /// Mean of the next variance: level + decay v.
    level: f64,
    decay: f64,
    /// Variance of the next variance: constant + slope v.
    constant: f64,
    slope: f64,
    /// Shock to the log price: weight (v' - v - pull + reversion I) with I the integrated variance.
    weight: f64,
    pull: f64,
    reversion: f64,
    /// 1 - rho^2: what the factor's own shock does not explain.
    independent: f64,
}

impl Transition {
    fn new(factor: Factor, dt: f64) -> Self {
        let Factor { kappa, theta, sigma, rho } = factor;
        let decay = math::exp(-kappa * dt);
        let gone = -math::exp_m1(-kappa * dt);
        // Without volatility of variance there is no shock to be correlated with.
        let (weight, rho) = if sigma > 0.0 { (rho / sigma, rho) } else { (0.0, 0.0) };
        Self {
            level: theta * gone,
            decay,
            constant: theta * sigma * sigma * gone * gone / (2.0 * kappa),
            slope: sigma * sigma * decay * gone / kappa,
            weight,
            pull: kappa * theta * dt,
            reversion: kappa,
            independent: 1.0 - rho * rho,
        }
    }

    /// The next variance from a standard normal and a uniform number, of which one is used.
    ///
    /// With r = 2/psi = 2 m^2/s^2: a (b + z)^2 where r >= 4/3, b^2 = r - 1 + sqrt(r (r - 1)), a = m/(1 + b^2); else zero
    /// or exponential, which is the positive part of m (2 + r)/(2 r) ln(2 r/((2 + r) u)).
    #[inline(always)]
    fn next(&self, v: f64, z: f64, u: f64) -> f64 {
        /// psi between 2e-20, noise of 1e-10, and 2e12, where nothing but zero is left.
        const RANGE: (f64, f64) = (1e-12, 1e20);
        let mean = self.level + self.decay * v;
        let variance = larger(self.constant + self.slope * v, 1e-300);
        let r = smaller(larger(2.0 * (mean * mean) / variance, RANGE.0), RANGE.1);
        let root = larger(r - 1.0, 0.0);
        let square = root + (r * root).sqrt();
        let sum = 2.0 + r;
        let [to_scale, to_log, to_half] = inverses([1.0 + square, sum * u, r]);
        let shifted = square.sqrt() + z;
        let quadratic = mean * to_scale * (shifted * shifted);
        let exponential = 0.5 * mean * sum * to_half * larger(ln(2.0 * r * to_log), 0.0);
        if r >= 4.0 / 3.0 { quadratic } else { exponential }
    }
}

/// What moves the state, whatever the length of a step.
#[derive(Debug, Clone)]
pub(crate) struct Dynamics {
    factors: [Factor; 2],
    /// r - q.
    carry: f64,
    /// gamma - 1/2 under P, -1/2 under Q.
    variance_drift: f64,
    /// Mean relative jump under Q per jump of this measure.
    compensator: f64,
    beta: f64,
    lambda_inf: f64,
    eta: f64,
    mu_x: f64,
    delta: f64,
    mu_v: f64,
    rho_j: f64,
    /// Intensity under Q over intensity under this measure.
    pub premium: f64,
    start: [f64; 4],
}

/// The constants of one length of step.
#[derive(Debug, Clone)]
pub(crate) struct Stride {
    factors: [Transition; 2],
    /// Model years of the step.
    dt: f64,
    /// (r - q) dt.
    carry: f64,
    /// Years by which the clock of the jumps advances.
    jump_time: f64,
    /// Model years per year of the jumps' clock.
    pace: f64,
    /// exp(-beta t) of the intensity over the step.
    decay: f64,
    /// Integral of exp(-beta t) over the step.
    spent: f64,
}

impl Stride {
    /// A step of `dt` model years in which jumps have `jump_time` years of their own: the same unless the share of the
    /// night in jumps is another one than its share in the variance. The intensity lives on the clock of the jumps.
    pub fn new(dynamics: &Dynamics, dt: f64, jump_time: f64) -> Self {
        let beta = dynamics.beta;
        Self {
            factors: dynamics.factors.map(|factor| Transition::new(factor, dt)),
            dt,
            carry: dynamics.carry * dt,
            jump_time,
            pace: if jump_time > 0.0 { dt / jump_time } else { 0.0 },
            decay: math::exp(-beta * jump_time),
            spent: -math::exp_m1(-beta * jump_time) / beta,
        }
    }
}

impl Stride {
    /// Model years of the step.
    pub fn years(&self) -> f64 {
        self.dt
    }

    /// The intensity at the end of the step if there is no jump.
    pub fn quiet_intensity(&self, dynamics: &Dynamics, intensity: f64) -> f64 {
        dynamics.lambda_inf + (intensity - dynamics.lambda_inf) * self.decay
    }
}

impl Dynamics {
    /// The dynamics of a market under a measure, its paths starting from `spot`.
    pub fn new(market: &MarketConfig, measure: Measure, spot: f64) -> Self {
        let pricing = market.pricing();
        let (affine, premium, gamma) = match measure {
            Measure::P => (market.real_world(), market.intensity_premium, market.gamma),
            Measure::Q => (pricing, 1.0, 0.0),
        };
        let (jumps, start) = (affine.jumps, market.start());
        Self {
            factors: affine.factors,
            carry: market.r - market.q,
            variance_drift: gamma - 0.5,
            compensator: pricing.mean_jump() * premium,
            beta: jumps.beta,
            lambda_inf: jumps.lambda_inf,
            eta: jumps.eta,
            mu_x: jumps.mu_x,
            delta: jumps.delta,
            mu_v: jumps.mu_v,
            rho_j: jumps.rho_j,
            premium,
            start: [math::ln(spot), start.v1, start.v2, start.intensity / premium],
        }
    }

    /// Integral of the intensity over `h` without a jump.
    fn hazard(&self, intensity: f64, h: f64) -> f64 {
        self.lambda_inf * h - (intensity - self.lambda_inf) * math::exp_m1(-self.beta * h) / self.beta
    }

    /// When the integral of the intensity reaches `clock`, which it does before `h`.
    ///
    /// Newton's method between bounds that close in: the integral increases and bends one way.
    fn time_of(&self, intensity: f64, clock: f64, h: f64) -> f64 {
        let (mut low, mut high) = (0.0, h);
        let mut time = h * clock / self.hazard(intensity, h);
        for _ in 0..60 {
            let miss = self.hazard(intensity, time) - clock;
            if miss > 0.0 {
                high = time
            } else {
                low = time
            }
            let slope = self.lambda_inf + (intensity - self.lambda_inf) * math::exp(-self.beta * time);
            let newton = time - miss / slope;
            let next = if newton >= low && newton <= high { newton } else { 0.5 * (low + high) };
            if (next - time).abs() <= 1e-15 * h {
                return next;
            }
            time = next;
        }
        time
    }
}

/// One number for every path of a block.
pub(crate) type Lane<const N: usize> = [f64; N];

/// Which numbers the paths of a block draw.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Draws {
    /// Seed of the run.
    pub seed: u64,
    /// Paths 2k and 2k + 1 share jumps and mirror each other's other draws.
    pub antithetic: bool,
}

/// The state of a block of paths.
#[derive(Debug, Clone)]
pub(crate) struct Block<const N: usize> {
    draws: Draws,
    pub log_spot: Lane<N>,
    pub v1: Lane<N>,
    pub v2: Lane<N>,
    /// In jumps a year of the measure.
    pub intensity: Lane<N>,
    /// Integrated variance of the last step.
    pub integral: Lane<N>,
    /// What jumps of the last step did to the log price, at its end.
    pub price_jump: Lane<N>,
    /// What jumps of the last step left in the fast variance at its end.
    pub variance_jump: Lane<N>,
    /// What is left of the exponential clock of the next jump.
    clock: Lane<N>,
    hazard: Lane<N>,
    next_intensity: Lane<N>,
    extra: Lane<N>,
    jumps: [u32; N],
    jumped: [u64; N],
    /// The three columns of jumps hold something.
    has_jumps: bool,
    words: [[u64; N]; 4],
    uniform: [Lane<N>; 2],
    normal: [Lane<N>; 4],
    stream: [u64; N],
    sign: Lane<N>,
    /// Zero, or one for the mirrored path of a pair: a uniform u becomes |offset - u|.
    offset: Lane<N>,
}

impl<const N: usize> Block<N> {
    /// Paths `first`, `first + 1`, ... at their start.
    pub fn new(dynamics: &Dynamics, draws: Draws, first: u64) -> Self {
        let zero = [0.0; N];
        let path: [u64; N] = std::array::from_fn(|i| first.wrapping_add(i as u64));
        let mirrored = path.map(|path| draws.antithetic && path & 1 == 1);
        let stream = path.map(|path| if draws.antithetic { path >> 1 } else { path });
        let [log_spot, v1, v2, intensity] = dynamics.start;
        let clock = stream.map(|stream| {
            let [a, ..] = Stream::new(draws.seed, Domain::ModelJumps, stream).block(0);
            -ln(unit_interval(a.into()))
        });
        Self {
            draws,
            log_spot: [log_spot; N],
            v1: [v1; N],
            v2: [v2; N],
            intensity: [intensity; N],
            integral: zero,
            price_jump: zero,
            variance_jump: zero,
            clock,
            hazard: zero,
            next_intensity: zero,
            extra: zero,
            jumps: [0; N],
            jumped: [0; N],
            has_jumps: false,
            words: [[0; N]; 4],
            uniform: [zero; 2],
            normal: [zero; 4],
            stream,
            sign: mirrored.map(|mirrored| if mirrored { -1.0 } else { 1.0 }),
            offset: mirrored.map(|mirrored| if mirrored { 1.0 } else { 0.0 }),
        }
    }

    /// Whether any path jumped in the last step.
    pub fn has_jumped(&self) -> bool {
        self.has_jumps
    }

    /// Four random words for every path of step `step`, for one purpose.
    #[inline(always)]
    fn words(&mut self, domain: Domain, step: usize) {
        let key = [self.draws.seed as u32, (self.draws.seed >> 32) as u32];
        for i in 0..N {
            let counter = [step as u64, domain as u64, self.stream[i] & 0xffff_ffff, self.stream[i] >> 32];
            let words = philox4x32_wide(counter, key);
            for (lanes, word) in self.words.iter_mut().zip(words) {
                lanes[i] = word;
            }
        }
    }

    /// Two uniform numbers for every path of step `step`, for one purpose.
    #[inline(always)]
    pub fn two_uniforms(&mut self, domain: Domain, step: usize) -> [Lane<N>; 2] {
        self.words(domain, step);
        let mut out = [[0.0; N]; 2];
        for (lanes, words) in out.iter_mut().zip(&self.words) {
            for i in 0..N {
                lanes[i] = (self.offset[i] - unit_interval(words[i])).abs();
            }
        }
        out
    }

    /// Four normals (the fourth is not used) and two uniform numbers for every path.
    #[inline(always)]
    fn draw(&mut self, step: usize) {
        for half in 0..2 {
            self.words(if half == 0 { Domain::ModelVariance } else { Domain::ModelPrice }, step);
            for i in 0..N {
                let (x, y) = normals(self.words[0][i], self.words[3][i], self.words[1][i]);
                self.normal[2 * half][i] = self.sign[i] * x;
                self.normal[2 * half + 1][i] = self.sign[i] * y;
                self.uniform[half][i] = (self.offset[i] - unit_interval(self.words[2][i])).abs();
            }
        }
    }

    /// Moves every path by one step; `step` numbers the random numbers and must not repeat.
    #[inline(always)]
    pub fn step(&mut self, dynamics: &Dynamics, stride: &Stride, step: usize) {
        self.draw(step);
        let mut any = 0;
        for i in 0..N {
            let above = self.intensity[i] - dynamics.lambda_inf;
            let hazard = dynamics.lambda_inf * stride.jump_time + above * stride.spent;
            self.hazard[i] = hazard;
            self.next_intensity[i] = dynamics.lambda_inf + above * stride.decay;
            let jumped = u64::from(self.clock[i] <= hazard);
            self.jumped[i] = jumped;
            any |= jumped;
            self.clock[i] -= if jumped == 0 { hazard } else { 0.0 };
        }
        // Where there is a jump: the exact intensity and its integral, and the sizes, in these lanes.
        if self.has_jumps {
            (self.price_jump, self.variance_jump, self.extra) = ([0.0; N], [0.0; N], [0.0; N]);
            self.has_jumps = false;
        }
        if any != 0 {
            self.jump(dynamics, stride);
        }
        let [fast, slow] = &stride.factors;
        for i in 0..N {
            let (v1, v2) = (self.v1[i], self.v2[i]);
            let w1 = fast.next(v1, self.normal[0][i], self.uniform[0][i]);
            let w2 = slow.next(v2, self.normal[1][i], self.uniform[1][i]);
            let half = 0.5 * stride.dt;
            let (i1, i2) = (half * (v1 + w1), half * (v2 + w2));
            let shock1 = fast.weight * (w1 - v1 - fast.pull + fast.reversion * i1);
            let shock2 = slow.weight * (w2 - v2 - slow.pull + slow.reversion * i2);
            let rest = (fast.independent * i1 + slow.independent * i2 + self.extra[i]).sqrt() * self.normal[2][i];
            let integral = i1 + i2 + self.extra[i];
            let drift = stride.carry + dynamics.variance_drift * integral - dynamics.compensator * self.hazard[i];
            self.log_spot[i] += drift + (shock1 + shock2) + rest + self.price_jump[i];
            self.integral[i] = integral;
            self.v1[i] = w1 + self.variance_jump[i];
            self.v2[i] = w2;
            self.intensity[i] = self.next_intensity[i];
        }
    }

    /// The rare jumps, one path after the other: to the log price, to the fast variance at the end of the step, and to
    /// its integral over the step.
    #[cold]
    #[inline(never)]
    fn jump(&mut self, dynamics: &Dynamics, stride: &Stride) {
        self.has_jumps = true;
        let kappa = stride.factors[0].reversion;
        for i in 0..N {
            if self.jumped[i] == 0 {
                continue;
            }
            let stream = Stream::new(self.draws.seed, Domain::ModelJumps, self.stream[i]);
            let (mut left, mut intensity, mut hazard) = (stride.jump_time, self.intensity[i], 0.0);
            loop {
                let rest = dynamics.hazard(intensity, left);
                if rest < self.clock[i] {
                    self.clock[i] -= rest;
                    hazard += rest;
                    break;
                }
                let time = dynamics.time_of(intensity, self.clock[i], left);
                hazard += self.clock[i];
                left = (left - time).max(0.0);
                intensity = dynamics.lambda_inf
                    + (intensity - dynamics.lambda_inf) * math::exp(-dynamics.beta * time)
                    + dynamics.eta;
                self.jumps[i] += 1;
                let [a, b, c, d] = stream.block(self.jumps[i]).map(u64::from);
                self.clock[i] = -ln(unit_interval(a));
                let size = -dynamics.mu_v * ln(unit_interval(b));
                self.price_jump[i] += dynamics.mu_x + dynamics.rho_j * size + dynamics.delta * normals(c, 1 << 31, d).0;
                let gone = -math::exp_m1(-kappa * (left * stride.pace));
                self.variance_jump[i] += size * (1.0 - gone);
                self.extra[i] += size * gone / kappa;
            }
            self.hazard[i] = hazard;
            self.next_intensity[i] =
                dynamics.lambda_inf + (intensity - dynamics.lambda_inf) * math::exp(-dynamics.beta * left);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::market::model::PRESETS;

    #[test]
    fn the_time_of_a_jump_spends_the_clock() {
        let market = MarketConfig {
            lambda_inf: 40.0,
            eta: 60.0,
            beta: 100.0,
            ..MarketConfig::preset(PRESETS[0]).expect("preset")
        };
        let dynamics = Dynamics::new(&market, Measure::P, 100.0);
        for intensity in [0.0, 1.0, 30.0, 500.0] {
            for share in [1e-9, 0.1, 0.5, 0.999_999] {
                let clock = share * dynamics.hazard(intensity, 0.01);
                let time = dynamics.time_of(intensity, clock, 0.01);
                assert!((dynamics.hazard(intensity, time) / clock - 1.0).abs() < 1e-6, "{intensity} {share} {time}");
            }
        }
    }
}
