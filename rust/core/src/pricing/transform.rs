//! The exponential-affine transform of the market model, from which every price of it is computed.
//!
//! With x the log of spot over its forward, E\[exp(u x_T + b1 v1_T + b2 v2_T + c lambda_T)\] = exp(A + B1 v1 + B2 v2 +
//! C lambda): Duffie, Pan & Singleton (2000), Econometrica 68, 1343-1376, doi:10.1111/1468-0262.00164. B1 and B2 solve
//! the Riccati equation of Heston (1993), doi:10.1093/rfs/6.2.327, here with the root that never crosses the cut of
//! the logarithm (Albrecher, Mayer, Schoutens & Tistaert 2007; Lord & Kahl 2010, doi:10.1111/j.1467-9965.2010.00416.x)
//! and without a division by the volatility of variance, so that it may be zero. C of the self-exciting intensity
//! (Errais, Giesecke & Goldberg 2010, doi:10.1137/090771272) solves one scalar equation, stepped by the method of
//! Cooper & Verner (1972), doi:10.1137/0709037.

use super::complex::Complex;
use crate::math;

/// A square-root variance factor and the correlation of its shocks with those of the log price.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Factor {
    /// Speed of reversion, 1/year.
    pub kappa: f64,
    /// Level of reversion, variance a year.
    pub theta: f64,
    /// Volatility of variance.
    pub sigma: f64,
    /// Correlation with the log price.
    pub rho: f64,
}

/// Jumps that raise variance, move the price and excite their own intensity.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Jumps {
    /// Decay of the intensity, 1/year.
    pub beta: f64,
    /// Level to which the intensity decays, jumps a year.
    pub lambda_inf: f64,
    /// What one jump adds to the intensity.
    pub eta: f64,
    /// Mean log-price jump of a jump without variance.
    pub mu_x: f64,
    /// Standard deviation of the log-price jump given the variance jump.
    pub delta: f64,
    /// Mean of the exponential variance jump.
    pub mu_v: f64,
    /// Slope of the mean log-price jump in the variance jump.
    pub rho_j: f64,
}

/// State of the market: two variances and an intensity.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct State {
    /// Fast variance.
    pub v1: f64,
    /// Slow variance.
    pub v2: f64,
    /// Intensity, jumps a year under the pricing measure.
    pub intensity: f64,
}

/// The dynamics under one measure.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Affine {
    /// The fast and the slow variance factor; jumps raise the fast one.
    pub factors: [Factor; 2],
    /// Jumps.
    pub jumps: Jumps,
}

/// Terminal weights of the transform: of x, v1, v2 and the intensity.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Weights {
    /// Of x.
    pub u: Complex,
    /// Of v1.
    pub b1: Complex,
    /// Of v2.
    pub b2: Complex,
    /// Of the intensity.
    pub c: Complex,
}

/// An exponent that is affine in the state.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Exponent {
    /// Constant.
    pub a: Complex,
    /// Slope in v1.
    pub b1: Complex,
    /// Slope in v2.
    pub b2: Complex,
    /// Slope in the intensity.
    pub c: Complex,
}

impl Exponent {
    /// The exponent at a state.
    #[inline]
    pub fn at(&self, state: State) -> Complex {
        self.a + self.b1 * state.v1 + self.b2 * state.v2 + self.c * state.intensity
    }

    fn is_finite(&self) -> bool {
        self.a.is_finite() && self.b1.is_finite() && self.b2.is_finite() && self.c.is_finite()
    }
}

/// Closed form of a factor's Riccati equation for one pair of weights.
///
/// B(t) = (B- - D H e)/(1 - sigma^2 H e) with e = exp(-d t), g = rho sigma u - kappa, d = sqrt(g^2 - sigma^2 (u^2 - u)),
/// D = d - g, B- = (u^2 - u)/D and H = (b - B-)/(sigma^2 b - D).
struct Riccati {
    d: Complex,
    steep: Complex,
    fixed: Complex,
    h: Complex,
    variance: f64,
}

impl Riccati {
    fn new(factor: &Factor, u: Complex, b: Complex) -> Self {
        let variance = factor.sigma * factor.sigma;
        let g = u * (factor.rho * factor.sigma) - factor.kappa;
        let curve = u * u - u;
        let d = (g * g - curve * variance).sqrt();
        let steep = d - g;
        let fixed = curve / steep;
        let h = (b - fixed) / (b * variance - steep);
        Self { d, steep, fixed, h, variance }
    }

    #[inline]
    fn at(&self, t: f64) -> Complex {
        let he = self.h * (self.d * -t).exp();
        (self.fixed - self.steep * he) / (1.0 - he * self.variance)
    }

    /// Integral of B from 0 to `t`.
    fn integral(&self, t: f64) -> Complex {
        let grown = self.h * (1.0 - (self.d * -t).exp()) / (1.0 - self.h * self.variance);
        let x = grown * self.variance;
        // ln(1 + x)/sigma^2; for small x its series, which also holds at sigma = 0.
        let log = if x.norm_squared() < 1e-6 {
            let series = 1.0 - x * (0.5 - x * (1.0 / 3.0 - x * (0.25 - x * (0.2 - x * (1.0 / 6.0)))));
            grown * series
        } else {
            x.ln_1p() * (1.0 / self.variance)
        };
        self.fixed * t - log * 2.0
    }

    /// Time at which a real solution from `b` goes to infinity.
    fn explosion(factor: &Factor, u: f64, b: f64) -> f64 {
        let variance = factor.sigma * factor.sigma;
        if variance == 0.0 {
            return f64::INFINITY;
        }
        let g = factor.rho * factor.sigma * u - factor.kappa;
        let discriminant = g * g - variance * (u * u - u);
        let slope = variance * b + g;
        let root = discriminant.abs().sqrt();
        if discriminant < 0.0 {
            // The angle of (slope, root) is pi/2 - atan(slope/root).
            2.0 / root * math::atan2(root, slope)
        } else if slope <= root {
            f64::INFINITY
        } else if root == 0.0 {
            2.0 / slope
        } else {
            math::ln((slope + root) / (slope - root)) / root
        }
    }
}

/// Stages of Cooper & Verner's method of order eight with sqrt(21) as r; the stage times are those of [`TIMES`].
struct Tableau {
    rows: [[f64; 10]; 11],
    weights: [f64; 11],
}

/// Distinct stage times of a step beyond its start, and which of them (0 is the start) each stage uses.
const STAGE_TIME: [usize; 11] = [0, 2, 2, 3, 3, 2, 1, 1, 2, 3, 4];
/// sqrt(21).
const R: f64 = 4.582_575_694_955_84;
const TIMES: [f64; 5] = [0.0, (7.0 - R) / 14.0, 0.5, (7.0 + R) / 14.0, 1.0];

const METHOD: Tableau = Tableau {
    rows: [
        [0.0; 10],
        [0.5, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        [0.25, 0.25, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        [1.0 / 7.0, (-7.0 - 3.0 * R) / 98.0, (21.0 + 5.0 * R) / 49.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        [(11.0 + R) / 84.0, 0.0, (18.0 + 4.0 * R) / 63.0, (21.0 - R) / 252.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0],
        [
            (5.0 + R) / 48.0,
            0.0,
            (9.0 + R) / 36.0,
            (-231.0 + 14.0 * R) / 360.0,
            (63.0 - 7.0 * R) / 80.0,
            0.0,
            0.0,
            0.0,
            0.0,
            0.0,
        ],
        [
            (10.0 - R) / 42.0,
            0.0,
            (-432.0 + 92.0 * R) / 315.0,
            (633.0 - 145.0 * R) / 90.0,
            (-504.0 + 115.0 * R) / 70.0,
            (63.0 - 13.0 * R) / 35.0,
            0.0,
            0.0,
            0.0,
            0.0,
        ],
        [1.0 / 14.0, 0.0, 0.0, 0.0, (14.0 - 3.0 * R) / 126.0, (13.0 - 3.0 * R) / 63.0, 1.0 / 9.0, 0.0, 0.0, 0.0],
        [
            1.0 / 32.0,
            0.0,
            0.0,
            0.0,
            (91.0 - 21.0 * R) / 576.0,
            11.0 / 72.0,
            (-385.0 - 75.0 * R) / 1_152.0,
            (63.0 + 13.0 * R) / 128.0,
            0.0,
            0.0,
        ],
        [
            1.0 / 14.0,
            0.0,
            0.0,
            0.0,
            1.0 / 9.0,
            (-733.0 - 147.0 * R) / 2_205.0,
            (515.0 + 111.0 * R) / 504.0,
            (-51.0 - 11.0 * R) / 56.0,
            (132.0 + 28.0 * R) / 245.0,
            0.0,
        ],
        [
            0.0,
            0.0,
            0.0,
            0.0,
            (-42.0 + 7.0 * R) / 18.0,
            (-18.0 + 28.0 * R) / 45.0,
            (-273.0 - 53.0 * R) / 72.0,
            (301.0 + 53.0 * R) / 72.0,
            (28.0 - 28.0 * R) / 45.0,
            (49.0 - 7.0 * R) / 18.0,
        ],
    ],
    weights: [1.0 / 20.0, 0.0, 0.0, 0.0, 0.0, 0.0, 0.0, 49.0 / 180.0, 16.0 / 45.0, 49.0 / 180.0, 1.0 / 20.0],
};

impl Affine {
    /// Mean relative price jump, E\[exp(Jx)\] - 1.
    pub fn mean_jump(&self) -> f64 {
        let j = &self.jumps;
        math::exp_m1(j.mu_x + 0.5 * j.delta * j.delta - math::ln_1p(-j.rho_j * j.mu_v))
    }

    /// Steps for the intensity's equation; docs/model.md has the errors.
    fn steps(&self, years: f64) -> usize {
        let pace = (years * (1.0_f64).max(self.jumps.beta / 4.0)).sqrt();
        8 + (24.0 * pace).ceil() as usize
    }

    /// The exponent of the transform over `years`. Without `jumps` (no intensity now, none to come) C is left out.
    pub fn transform(&self, weights: &Weights, years: f64, jumps: bool) -> Exponent {
        let first = Riccati::new(&self.factors[0], weights.u, weights.b1);
        let second = Riccati::new(&self.factors[1], weights.u, weights.b2);
        let drift = |factor: &Factor, riccati: &Riccati| riccati.integral(years) * (factor.kappa * factor.theta);
        let mut a = drift(&self.factors[0], &first) + drift(&self.factors[1], &second);
        let mut c = Complex::ZERO;
        if jumps {
            let (end, integral) = self.intensity_exponent(weights, &first, years);
            c = end;
            a = a + integral * (self.jumps.beta * self.jumps.lambda_inf);
        }
        Exponent { a, b1: first.at(years), b2: second.at(years), c }
    }

    /// C at `years` and its integral, of C' = -beta C + E\[exp(u Jx + B1 Jv)\] exp(eta C) - 1 - u k.
    fn intensity_exponent(&self, weights: &Weights, first: &Riccati, years: f64) -> (Complex, Complex) {
        let j = &self.jumps;
        let u = weights.u;
        let price_jump = (u * j.mu_x + u * u * (0.5 * j.delta * j.delta)).exp();
        let constant = u * self.mean_jump() + 1.0;
        // The transform of a jump at a time, and the slope of C there.
        let jump = |t: f64| match j.mu_v {
            0.0 => price_jump,
            mean => price_jump / (1.0 - (u * j.rho_j + first.at(t)) * mean),
        };
        let slope = |c: Complex, jump: Complex| {
            let excited = if j.eta == 0.0 { jump } else { jump * (c * j.eta).exp() };
            excited - c * j.beta - constant
        };
        let n = self.steps(years);
        let (mut c, mut integral) = (weights.c, Complex::ZERO);
        let mut jumps = [Complex::ZERO; TIMES.len()];
        jumps[0] = jump(0.0);
        // B1 moves fastest at the start: steps grow in proportion to their number.
        let time = |i: usize| {
            let share = i as f64 / n as f64;
            years * share * share
        };
        let mut start = 0.0;
        for i in 1..=n {
            let end = time(i);
            let h = end - start;
            for (value, share) in jumps.iter_mut().zip(TIMES).skip(1) {
                *value = jump(start + share * h);
            }
            let mut slopes = [Complex::ZERO; 11];
            let (mut mean, mut mean_slope) = (Complex::ZERO, Complex::ZERO);
            for (stage, row) in METHOD.rows.iter().enumerate() {
                let mut at = Complex::ZERO;
                for (slope, &weight) in slopes[..stage].iter().zip(row) {
                    at = at + *slope * weight;
                }
                let at = c + at * h;
                slopes[stage] = slope(at, jumps[STAGE_TIME[stage]]);
                mean = mean + at * METHOD.weights[stage];
                mean_slope = mean_slope + slopes[stage] * METHOD.weights[stage];
            }
            integral = integral + mean * h;
            c = c + mean_slope * h;
            jumps[0] = jumps[4];
            start = end;
        }
        (c, integral)
    }

    /// The exponent for real weights, `None` where the expectation is infinite.
    pub fn moment(&self, u: f64, b1: f64, b2: f64, c: f64, years: f64, jumps: bool) -> Option<Exponent> {
        if u - 1.0 == 0.0 && b1 == 0.0 && b2 == 0.0 && c == 0.0 {
            // A martingale: where kappa < rho sigma the closed form of this very point is 0/0.
            return Some(Exponent::default());
        }
        let explodes = |factor, b| Riccati::explosion(factor, u, b) <= years * (1.0 + 1e-9);
        if explodes(&self.factors[0], b1) || explodes(&self.factors[1], b2) {
            return None;
        }
        let real = Complex::real;
        let exponent = self.transform(&Weights { u: real(u), b1: real(b1), b2: real(b2), c: real(c) }, years, jumps);
        // B1 is monotone in time: its largest value is at one of the ends.
        let largest = b1.max(exponent.b1.re);
        let jump_is_finite = self.jumps.mu_v * (self.jumps.rho_j * u + largest) < 1.0;
        (exponent.is_finite() && (jump_is_finite || !jumps) && exponent.c.re < LARGEST && exponent.a.re < LARGEST)
            .then_some(exponent)
    }
}

/// A real exponent beyond this is taken for an explosion of the intensity's equation.
const LARGEST: f64 = 600.0;
