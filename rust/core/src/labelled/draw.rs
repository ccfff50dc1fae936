//! Random variates from one counter-based stream.

use crate::math::{exp, ln, pow};
use crate::rng::{Domain, Stream};

/// Variates of one purpose and number.
#[derive(Debug, Clone)]
pub struct Draw {
    stream: Stream,
    spare: f64,
}

impl Draw {
    /// The variates of (seed, domain, stream).
    pub fn new(seed: u64, domain: Domain, stream: u64) -> Self {
        Self { stream: Stream::new(seed, domain, stream), spare: f64::NAN }
    }

    /// The same variates from block `position` of the stream on.
    pub fn starting_at(seed: u64, domain: Domain, stream: u64, position: u32) -> Self {
        Self { stream: Stream::new(seed, domain, stream).starting_at(position), spare: f64::NAN }
    }

    /// Uniform in the open interval (0, 1), on a grid of 2^-52.
    #[inline]
    pub fn uniform(&mut self) -> f64 {
        const UNIT: f64 = 1.0 / (1_u64 << 52) as f64;
        let high = u64::from(self.stream.next_u32()) << 20;
        let low = u64::from(self.stream.next_u32()) >> 12;
        ((high | low) as f64 + 0.5) * UNIT
    }

    /// Uniform between `low` and `high`.
    #[inline]
    pub fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.uniform()
    }

    /// Between `low` and `high` with a uniform logarithm.
    pub fn log_between(&mut self, low: f64, high: f64) -> f64 {
        exp(self.between(ln(low), ln(high)))
    }

    /// Whether an event of this probability happens.
    #[inline]
    pub fn happens(&mut self, probability: f64) -> bool {
        self.uniform() < probability
    }

    /// A uniform integer in `0..bound`.
    #[inline]
    pub fn below(&mut self, bound: usize) -> usize {
        self.stream.below(bound as u32) as usize
    }

    /// +1 or -1.
    pub fn sign(&mut self) -> i64 {
        if self.stream.next_u32() & 1 == 0 { 1 } else { -1 }
    }

    /// Exponential of mean 1.
    #[inline]
    pub fn exponential(&mut self) -> f64 {
        -ln(self.uniform())
    }

    /// Standard normal: the polar method (Marsaglia, Bray 1964, doi:10.1137/1006063).
    pub fn normal(&mut self) -> f64 {
        if !self.spare.is_nan() {
            return std::mem::replace(&mut self.spare, f64::NAN);
        }
        loop {
            let (x, y) = (2.0 * self.uniform() - 1.0, 2.0 * self.uniform() - 1.0);
            let square = x * x + y * y;
            if square < 1.0 {
                let factor = (-2.0 * ln(square) / square).sqrt();
                self.spare = y * factor;
                return x * factor;
            }
        }
    }

    /// Log-normal with this median and this standard deviation of the logarithm.
    pub fn log_normal(&mut self, median: f64, deviation: f64) -> f64 {
        median * exp(deviation * self.normal())
    }

    /// Pareto with smallest value 1 and this tail exponent.
    pub fn pareto(&mut self, exponent: f64) -> f64 {
        pow(self.uniform(), -1.0 / exponent)
    }

    /// Gamma of this shape and scale 1 (Marsaglia, Tsang 2000, doi:10.1145/358407.358414).
    pub fn gamma(&mut self, shape: f64) -> f64 {
        if shape < 1.0 {
            let root = pow(self.uniform(), 1.0 / shape);
            return root * self.gamma(shape + 1.0);
        }
        let d = shape - 1.0 / 3.0;
        let c = 1.0 / (9.0 * d).sqrt();
        loop {
            let z = self.normal();
            let root = 1.0 + c * z;
            if root > 0.0 {
                let v = root * root * root;
                if ln(self.uniform()) < 0.5 * z * z + d - d * v + d * ln(v) {
                    return d * v;
                }
            }
        }
    }

    /// Beta of these shapes.
    pub fn beta(&mut self, a: f64, b: f64) -> f64 {
        let x = self.gamma(a);
        x / (x + self.gamma(b))
    }

    /// Number of failures before a success, mean `mean`.
    #[inline]
    pub fn geometric(&mut self, mean: f64) -> i64 {
        if mean <= 0.0 {
            return 0;
        }
        (ln(self.uniform()) / ln(mean / (1.0 + mean))) as i64
    }

    /// Poisson by counting exponentials; for small means.
    pub fn poisson(&mut self, mean: f64) -> usize {
        let mut left = mean - self.exponential();
        let mut count = 0;
        while left > 0.0 {
            count += 1;
            left -= self.exponential();
        }
        count
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn variates_have_their_moments() {
        let mut draw = Draw::new(5, Domain::OrderFlow, 0);
        let n = 40_000;
        let mut mean_of =
            |f: &mut dyn FnMut(&mut Draw) -> f64| (0..n).map(|_| f(&mut draw)).sum::<f64>() / f64::from(n);
        // Four standard errors of each mean.
        let error = 4.0 / f64::from(n).sqrt();
        assert!((mean_of(&mut Draw::uniform) - 0.5).abs() < error * 0.289);
        assert!((mean_of(&mut Draw::exponential) - 1.0).abs() < error);
        assert!(mean_of(&mut Draw::normal).abs() < error);
        assert!((mean_of(&mut |d| d.normal() * d.normal()) - 0.0).abs() < error);
        let square = |d: &mut Draw| {
            let z = d.normal();
            z * z
        };
        assert!((mean_of(&mut { square }) - 1.0).abs() < error * 1.415);
        assert!((mean_of(&mut |d| d.geometric(2.0) as f64) - 2.0).abs() < error * 2.45);
        assert!((mean_of(&mut |d| d.poisson(1.5) as f64) - 1.5).abs() < error * 1.225);
        assert!((mean_of(&mut |d| d.pareto(4.0)) - 4.0 / 3.0).abs() < error * 0.472);
        assert!((mean_of(&mut |d| d.gamma(2.5)) - 2.5).abs() < error * 1.582);
        assert!((mean_of(&mut |d| d.gamma(0.5)) - 0.5).abs() < error * 0.708);
        // Beta(3, 5): mean 3/8, variance 15/576; its square has mean 1/6.
        assert!((mean_of(&mut |d| d.beta(3.0, 5.0)) - 0.375).abs() < error * 0.162);
        let square = |d: &mut Draw| {
            let x = d.beta(3.0, 5.0);
            x * x
        };
        assert!((mean_of(&mut { square }) - 1.0 / 6.0).abs() < error * 0.135);
    }
}
