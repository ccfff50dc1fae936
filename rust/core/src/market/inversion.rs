//! The state of the market model that volatility indices of several tenors imply.
//!
//! Squared indices are linear in the state, so that every day is one small least-squares problem: squared distances
//! of the indices, in units of a quote error, plus those of the state from its long-run mean under P, in units of its
//! long-run standard deviations (a weak ridge: where a day has fewer indices than the state has parts, it decides).
//! Variances are not negative and the intensity is at least its floor.

use super::model::MarketConfig;
use crate::error::{Error, Fault, Result};
use crate::pricing::transform::State;
use crate::pricing::vix_transform::Squared;

/// Parts of a state.
const PARTS: usize = 3;
/// Index points of a decimal volatility.
const POINTS: f64 = 100.0;

/// States of all days, and the indices that they give.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Inversion {
    /// Fast variance, NaN for a day without indices.
    pub v1: Vec<f64>,
    /// Slow variance.
    pub v2: Vec<f64>,
    /// Intensity under Q.
    pub intensity: Vec<f64>,
    /// Indices at these states, points, one row of all tenors a day.
    pub fitted: Vec<f64>,
}

/// What is known before a day's indices: least values, means and standard deviations of the parts.
#[derive(Debug, Clone)]
struct Prior {
    least: [f64; PARTS],
    mean: [f64; PARTS],
    sd: [f64; PARTS],
}

impl Prior {
    /// From the long run under P; the standard deviation of v1 leaves out that jumps come in clusters.
    fn new(config: &MarketConfig) -> Self {
        let model = config.real_world();
        let [first, second] = &model.factors;
        let jumps = &model.jumps;
        let mean = model.long_run();
        let premium = config.intensity_premium;
        let v1 = (0.5 * mean.v1 * first.sigma * first.sigma + mean.intensity * jumps.mu_v * jumps.mu_v) / first.kappa;
        let v2 = 0.5 * mean.v2 * second.sigma * second.sigma / second.kappa;
        // Stationary variance of a Hawkes intensity with exponential kernel.
        let intensity = 0.5 * jumps.eta * jumps.eta * mean.intensity / (jumps.beta - jumps.eta);
        Self {
            least: [0.0, 0.0, config.lambda_inf],
            mean: [mean.v1, mean.v2, mean.intensity * premium],
            sd: [v1.sqrt(), v2.sqrt(), intensity.sqrt() * premium],
        }
    }
}

/// Inverts one day's indices after another, without checking them.
#[derive(Debug, Clone)]
pub struct Inverter {
    prior: Prior,
    windows: Vec<Squared>,
    quote_error: f64,
}

impl Inverter {
    /// For indices of windows of `days`, quoted to `quote_error` points.
    pub fn new(config: &MarketConfig, days: &[f64], quote_error: f64) -> Self {
        let model = config.pricing();
        let windows = days.iter().map(|days| model.vix_squared(days / 365.0)).collect();
        Self { prior: Prior::new(config), windows, quote_error: quote_error / POINTS }
    }

    /// The state that one row of `quotes` implies, in points and in the order of the windows; NaN: not known. All parts
    /// are NaN where none is known.
    pub fn state(&self, quotes: &[f64]) -> State {
        if quotes.iter().all(|quote| quote.is_nan()) {
            return State { v1: f64::NAN, v2: f64::NAN, intensity: f64::NAN };
        }
        nearest(&self.prior, &self.windows, quotes, self.quote_error)
    }
}

/// Inverts `quotes` (points, NaN where missing), one row of all windows of `days` per day.
///
/// # Errors
/// `Error::Data` for a quote that is neither NaN nor in (0, 1000], `Error::Config` for windows or a quote error out of
/// range, `Error::Interrupted`.
pub fn invert(
    config: &MarketConfig,
    days: &[f64],
    quotes: &[f64],
    quote_error: f64,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Inversion> {
    let fault = |code, field: &str, value: f64, expected: &str| {
        Fault::new(code, "calibrate_state", field, value.to_string(), expected)
    };
    if let Some(&bad) = days.iter().find(|days| !(1.0..=3_650.0).contains(*days)) {
        return Err(Error::config(fault("MKT031", "days", bad, "1..3650 days")));
    }
    if !(1e-6..=100.0).contains(&quote_error) {
        return Err(Error::config(fault("MKT032", "quote_error", quote_error, "1e-6..100 points")));
    }
    let wrong = quotes.iter().position(|quote| !(quote.is_nan() || (*quote > 0.0 && *quote <= 1_000.0)));
    if let Some(row) = wrong {
        let fault = fault("MKT033", "quotes", quotes[row], "points in (0, 1000], or NaN where missing");
        return Err(Error::data(fault.at(format!("[{}]", row / days.len()))));
    }
    let inverter = Inverter::new(config, days, quote_error);
    let mut out = Inversion::default();
    for row in quotes.chunks(days.len().max(1)) {
        if !go_on() {
            return Err(Error::Interrupted);
        }
        let state = inverter.state(row);
        out.v1.push(state.v1);
        out.v2.push(state.v2);
        out.intensity.push(state.intensity);
        out.fitted.extend(inverter.windows.iter().map(|squared| POINTS * squared.at(state).sqrt()));
    }
    Ok(out)
}

/// The state of one day. In units of the prior's standard deviations, x = least + sd z, z >= 0.
fn nearest(prior: &Prior, windows: &[Squared], quotes: &[f64], error: f64) -> State {
    let offset: [f64; PARTS] =
        std::array::from_fn(|k| if prior.sd[k] > 0.0 { (prior.mean[k] - prior.least[k]) / prior.sd[k] } else { 0.0 });
    // Normal equations of the ridge and of every quote.
    let mut matrix = [[0.0; PARTS]; PARTS];
    let mut right = offset;
    for (k, row) in matrix.iter_mut().enumerate() {
        row[k] = 1.0;
    }
    for (squared, &quote) in windows.iter().zip(quotes).filter(|(_, quote)| !quote.is_nan()) {
        let level = quote / POINTS;
        let scale = 1.0 / (2.0 * level * error);
        let slopes = [squared.b1, squared.b2, squared.c];
        let least = State { v1: prior.least[0], v2: prior.least[1], intensity: prior.least[2] };
        let target = (level * level - squared.at(least)) * scale;
        let row: [f64; PARTS] = std::array::from_fn(|k| slopes[k] * prior.sd[k] * scale);
        for i in 0..PARTS {
            right[i] += row[i] * target;
            for k in 0..PARTS {
                matrix[i][k] += row[i] * row[k];
            }
        }
    }
    // Of the eight sets of parts above their floor, the one that lowers the distance most.
    let mut best = ([0.0; PARTS], 0.0);
    for free in 1_u32..1 << PARTS {
        let is_free: [bool; PARTS] = std::array::from_fn(|k| free >> k & 1 == 1);
        if (0..PARTS).any(|k| is_free[k] && prior.sd[k] <= 0.0) {
            continue;
        }
        let z = solve(&matrix, &right, is_free);
        // At the minimum over a set, the distance falls by half of right . z.
        let gain: f64 = z.iter().zip(&right).map(|(z, right)| z * right).sum();
        if z.iter().all(|&z| z >= 0.0) && gain > best.1 {
            best = (z, gain);
        }
    }
    let x: [f64; PARTS] = std::array::from_fn(|k| prior.least[k] + prior.sd[k] * best.0[k]);
    State { v1: x[0], v2: x[1], intensity: x[2] }
}

/// Solves the positive definite system of the free parts by Gauss-Jordan elimination; the others are zero.
fn solve(matrix: &[[f64; PARTS]; PARTS], right: &[f64; PARTS], free: [bool; PARTS]) -> [f64; PARTS] {
    let mut m = *matrix;
    let mut z = *right;
    for k in 0..PARTS {
        if !free[k] {
            z[k] = 0.0;
            continue;
        }
        for i in (0..PARTS).filter(|&i| i != k && free[i]) {
            let pivot = m[k];
            let factor = m[i][k] / pivot[k];
            for (value, above) in m[i].iter_mut().zip(pivot) {
                *value -= factor * above;
            }
            z[i] -= factor * z[k];
        }
    }
    for k in (0..PARTS).filter(|&k| free[k]) {
        z[k] /= m[k][k];
    }
    z
}

#[cfg(test)]
mod tests {
    use super::*;

    fn market() -> MarketConfig {
        MarketConfig::preset("HSVCJ2F-2026").expect("preset")
    }

    #[test]
    fn indices_of_a_state_give_the_state_back() {
        let config = market();
        let days = [9.0, 30.0, 93.0, 184.0];
        let state = State { v1: 0.021, v2: 0.013, intensity: 2.1 };
        let model = config.pricing();
        let quotes: Vec<f64> = days.iter().map(|d| POINTS * model.vix_squared(d / 365.0).at(state).sqrt()).collect();
        let found = invert(&config, &days, &quotes, 1e-5, &mut || true).expect("inversion");
        assert!((found.v1[0] - state.v1).abs() < 1e-6, "{found:?}");
        assert!((found.v2[0] - state.v2).abs() < 1e-6);
        assert!((found.intensity[0] - state.intensity).abs() < 1e-4);
    }

    #[test]
    fn the_floor_is_kept_and_a_day_without_indices_is_nan() {
        let config = market();
        let quotes = [9.0, 9.2, f64::NAN, f64::NAN];
        let found = invert(&config, &[30.0, 93.0], &quotes, 0.1, &mut || true).expect("inversion");
        // Zero variance cannot go below 10.5: everything sits on its floor.
        assert_eq!((found.v1[0], found.v2[0], found.intensity[0]), (0.0, 0.0, config.lambda_inf));
        assert!((found.fitted[0] - 10.5).abs() < 0.1, "{found:?}");
        assert!(found.v1[1].is_nan() && found.fitted[2].is_nan());
    }

    #[test]
    fn no_other_state_is_nearer() {
        let config = market();
        let prior = Prior::new(&config);
        let windows: Vec<Squared> = [9.0, 30.0].iter().map(|d| config.pricing().vix_squared(d / 365.0)).collect();
        let distance = |state: State, quotes: &[f64; 2]| {
            let parts = [state.v1, state.v2, state.intensity];
            let square = |x: f64| x * x;
            let ridge: f64 = (0..PARTS).map(|k| square((parts[k] - prior.mean[k]) / prior.sd[k])).sum();
            let fit = |(squared, quote): (&Squared, &f64)| {
                let level = quote / POINTS;
                square((squared.at(state) - level * level) / (2.0 * level * 0.001))
            };
            ridge + windows.iter().zip(quotes).map(fit).sum::<f64>()
        };
        for quotes in [[14.0, 16.0], [40.0, 31.0], [11.0, 19.0], [25.0, 18.0], [10.0, 10.2]] {
            let best = nearest(&prior, &windows, &quotes, 0.001);
            let least = distance(best, &quotes);
            for (k, step) in [(0, 1e-5), (1, 1e-5), (2, 1e-3), (0, -1e-5), (1, -1e-5), (2, -1e-3)] {
                let mut parts = [best.v1, best.v2, best.intensity];
                parts[k] = (parts[k] + step).max(prior.least[k]);
                let moved = State { v1: parts[0], v2: parts[1], intensity: parts[2] };
                assert!(distance(moved, &quotes) >= least - 1e-9, "{quotes:?} {k} {step}");
            }
        }
    }
}
