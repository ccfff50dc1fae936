//! Whether the process is the fitted one: increments of its compensator are independent exponentials of mean 1.

use std::f64::consts::PI;

use super::likelihood::{Flow, Parameters};
use crate::error::{Error, Fault, Result};
use crate::math::{exp, exp_m1};

/// Tests of increments of the compensator.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ResidualTest {
    /// Largest distance of their distribution from the exponential of mean 1 (Kolmogorov, Smirnov).
    pub ks: f64,
    /// Its p-value; too large, since the parameters were fitted to the same events.
    pub ks_p_value: f64,
    /// Ljung-Box statistic of their probability transforms.
    pub ljung_box: f64,
    /// Its p-value, by chi-squared with as many degrees of freedom as lags.
    pub ljung_box_p_value: f64,
}

/// Refuses lags whose chi-squared has no closed form, or that are too many for the events.
pub(super) fn check_lags(lags: usize, events: usize) -> Result<()> {
    if lags >= 2 && lags.is_multiple_of(2) && lags <= 1_000 && 2 * lags < events {
        return Ok(());
    }
    let rule = "an even number from 2 to 1000, less than half the events";
    Err(Error::config(Fault::new("HWK006", "fit_hawkes", "lags", lags.to_string(), rule)))
}

/// Increments of the compensator, from the start of the window to the first event that counts and on from one to the
/// next; O(n).
///
/// Time-rescaling theorem: for the true process they are independent exponentials of mean 1 (Ogata 1988,
/// doi:10.1080/01621459.1988.10478560; Brown, Barbieri, Ventura, Kass and Frank 2002, doi:10.1162/08997660252741149).
pub fn increments(flow: &Flow<'_>, at: &Parameters) -> Vec<f64> {
    let is_excited = at.branching > 0.0;
    let (mut a, mut before) = (0.0, 0.0);
    let mut found = Vec::with_capacity(flow.times.len());
    for (i, &time) in flow.times.iter().enumerate() {
        let dt = time - before;
        before = time;
        let mut increment = at.baseline * dt;
        if is_excited {
            let fallen = -exp_m1(-at.decay * dt);
            increment += at.branching * a * fallen;
            a -= a * fallen;
            a += 1.0;
        }
        if i >= flow.first {
            found.push(increment);
        }
    }
    found
}

/// Survival function of Kolmogorov's distribution.
fn kolmogorov(x: f64) -> f64 {
    if x <= 0.0 {
        return 1.0;
    }
    // Two series of the same function; each converges in a few terms on its side of 1.
    let p = if x < 1.0 {
        let term = |k: f64| exp(-(k * PI / x) * (k * PI / x) / 8.0);
        1.0 - (2.0 * PI).sqrt() / x * (term(1.0) + term(3.0) + term(5.0) + term(7.0))
    } else {
        let term = |k: f64| exp(-2.0 * k * k * x * x);
        2.0 * (term(1.0) - term(2.0) + term(3.0) - term(4.0) + term(5.0))
    };
    p.clamp(0.0, 1.0)
}

/// Survival function of chi-squared with an even number of degrees of freedom: a finite sum.
fn chi_squared(x: f64, degrees: usize) -> f64 {
    let half = 0.5 * x;
    if half > 700.0 + degrees as f64 {
        return 0.0;
    }
    // Terms of the Poisson distribution; the exponential is taken in two halves, which do not underflow early.
    let root = exp(-0.5 * half);
    let (mut term, mut sum) = (root, 0.0);
    for k in 0..degrees / 2 {
        if k > 0 {
            term *= half / k as f64;
        }
        sum += term;
    }
    (sum * root).clamp(0.0, 1.0)
}

/// Tests increments: their distribution (Kolmogorov-Smirnov, with the factor of Stephens 1970,
/// doi:10.1111/j.2517-6161.1970.tb00821.x) and their independence (Ljung and Box 1978, doi:10.1093/biomet/65.2.297).
///
/// # Errors
/// `Error::Config` (`HWK006`): lags that are odd, none, more than 1,000 or half the increments.
pub fn test_residuals(residuals: &[f64], lags: usize) -> Result<ResidualTest> {
    check_lags(lags, residuals.len())?;
    // Probability transforms: uniform where the increments are exponential.
    let uniform: Vec<f64> = residuals.iter().map(|&x| -exp_m1(-x)).collect();
    let n = uniform.len() as f64;
    let mut sorted = uniform.clone();
    sorted.sort_unstable_by(f64::total_cmp);
    let ks = sorted
        .iter()
        .enumerate()
        .fold(0.0, |worst: f64, (i, &u)| worst.max(u - i as f64 / n).max((i + 1) as f64 / n - u));
    let ks_p_value = kolmogorov(ks * (n.sqrt() + 0.12 + 0.11 / n.sqrt()));
    let mean = uniform.iter().sum::<f64>() / n;
    let variance: f64 = uniform.iter().map(|u| (u - mean) * (u - mean)).sum();
    let mut ljung_box = 0.0;
    for lag in 1..=lags {
        let pairs = uniform.iter().zip(&uniform[lag..]);
        let r = pairs.map(|(x, y)| (x - mean) * (y - mean)).sum::<f64>() / variance;
        ljung_box += r * r / (n - lag as f64);
    }
    ljung_box *= n * (n + 2.0);
    Ok(ResidualTest { ks, ks_p_value, ljung_box, ljung_box_p_value: chi_squared(ljung_box, lags) })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn kolmogorov_and_chi_squared_match_tables() {
        // Critical values at 5 % and 1 %; the two series agree where they meet.
        assert!((kolmogorov(1.358_1) - 0.05).abs() < 1e-5);
        assert!((kolmogorov(1.627_6) - 0.01).abs() < 1e-5);
        assert!((kolmogorov(1.0) - kolmogorov(1.0 - 1e-12)).abs() < 1e-10);
        assert!((kolmogorov(0.3) - 1.0).abs() < 1e-4);
        assert!((chi_squared(31.410_433, 20) - 0.05).abs() < 1e-7);
        assert!((chi_squared(9.210_340, 2) - 0.01).abs() < 1e-7);
        assert!(chi_squared(1e6, 20) < 1e-300);
    }

    #[test]
    fn lags_are_checked() {
        for lags in [0, 3, 26] {
            assert!(test_residuals(&[1.0; 50], lags).expect_err("lags").to_string().starts_with("HWK006"));
        }
    }
}
