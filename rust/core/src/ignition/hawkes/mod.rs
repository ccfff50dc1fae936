//! Maximum likelihood of a self-exciting point process with an exponential kernel, offline.
//!
//! Intensity `mu + sum n beta exp(-beta (t - t_i))` over the events before t: baseline mu, branching ratio n (the mean
//! number of children of an event), decay beta (Hawkes 1971, doi:10.1093/biomet/58.1.83).

mod likelihood;
mod optimum;
mod residuals;

pub use likelihood::{Curvature, Flow, Parameters, evaluate};
pub use residuals::{ResidualTest, increments, test_residuals};

use crate::error::{Error, Fault, Result};
use crate::math::ln;

/// Fewest events of a fit: three parameters and something to hold them against.
pub const FEWEST: usize = 50;

/// Where the largest likelihood lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Optimum {
    /// Inside: the observed information gives standard errors.
    Interior,
    /// No excitation raises the likelihood above that of a Poisson process: branching 0, no decay.
    Poisson,
    /// At the slowest or fastest decay that the window resolves: no standard errors.
    Edge,
}

impl Optimum {
    /// Names in the order of the variants.
    pub const NAMES: [&str; 3] = ["interior", "poisson", "edge"];
}

/// A fit.
#[derive(Debug, Clone, PartialEq)]
pub struct Fit {
    /// Baseline 1/s, branching ratio, decay 1/s.
    pub parameters: Parameters,
    /// Standard errors of the three, of the observed information; NaN where there are none.
    pub errors: [f64; 3],
    /// Log-likelihood at the parameters.
    pub log_likelihood: f64,
    /// Largest log-likelihood of a Poisson process.
    pub poisson_log_likelihood: f64,
    /// Where the optimum lies.
    pub optimum: Optimum,
    /// Events that count.
    pub events: usize,
    /// Evaluations of the likelihood over all events.
    pub evaluations: u32,
    /// Increments of the compensator between events.
    pub residuals: Vec<f64>,
    /// Tests of the increments.
    pub test: ResidualTest,
}

/// Checks times, s from the start of the window: finite, strictly ascending, in `[0, end]`, enough of them.
fn check(times: &[f64], first: usize, end: f64) -> Result<()> {
    let fail = |code, field: &str, value: String, rule: &str| {
        Err(Error::data(Fault::new(code, "fit_hawkes", field, value, rule)))
    };
    if times.len() < FEWEST + first {
        return fail("HWK001", "times", format!("{} events", times.len()), &format!("at least {}", FEWEST + first));
    }
    let at = |code, i: usize, rule: &str| {
        let fault = Fault::new(code, "fit_hawkes", "times", times[i].to_string(), rule).at(i.to_string());
        Err(Error::data(fault))
    };
    if let Some(i) = times.iter().position(|t| !t.is_finite()) {
        return at("HWK002", i, "finite seconds");
    }
    if let Some(i) = (1..times.len()).find(|&i| times[i] <= times[i - 1]) {
        return at("HWK003", i, "a time after the one before it: one event a moment");
    }
    if times[0] < 0.0 {
        return at("HWK004", 0, "no time before the start of the window");
    }
    let last = times[times.len() - 1];
    if !end.is_finite() || end < last {
        return fail("HWK005", "end", format!("{end} s"), &format!("at least {last} s, the last event"));
    }
    Ok(())
}

/// Fits times of events, s from the start of the window, observed until `end`.
///
/// With `is_opened_by_first` the window opens with the first event, which excites but does not count. The likelihood and
/// its derivatives take one pass (Ozaki 1979, doi:10.1007/BF02480272). The decay is searched on a grid, on which the
/// likelihood is concave in baseline and branching, and a damped Newton iteration in the logarithms of the three ends
/// the search.
///
/// # Errors
/// `Error::Data`: `HWK001` fewer than 50 events, `HWK002` a time that is not finite, `HWK003` times that do not ascend,
/// `HWK004` a time before the start, `HWK005` an end before the last event; `Error::Config` (`HWK006`): no lags that
/// can be tested; `Error::Interrupted`.
pub fn fit(
    times: &[f64],
    end: f64,
    is_opened_by_first: bool,
    lags: usize,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Fit> {
    let first = usize::from(is_opened_by_first);
    check(times, first, end)?;
    let events = times.len() - first;
    residuals::check_lags(lags, events)?;
    let flow = Flow { times, end, first };
    let rate = events as f64 / end;
    let poisson_log_likelihood = events as f64 * (ln(rate) - 1.0);
    let found = optimum::search(&flow, go_on)?;
    let (parameters, errors, log_likelihood, optimum) = match found.best {
        Some(best) if best.value > poisson_log_likelihood + 1e-6 => {
            let errors = if best.is_interior { optimum::standard_errors(&flow, &best.parameters) } else { None };
            let optimum = if errors.is_some() { Optimum::Interior } else { Optimum::Edge };
            (best.parameters, errors.unwrap_or([f64::NAN; 3]), best.value, optimum)
        }
        _ => {
            let parameters = Parameters { baseline: rate, branching: 0.0, decay: f64::NAN };
            let errors = [(events as f64).sqrt() / end, f64::NAN, f64::NAN];
            (parameters, errors, poisson_log_likelihood, Optimum::Poisson)
        }
    };
    let residuals = increments(&flow, &parameters);
    let test = test_residuals(&residuals, lags)?;
    Ok(Fit {
        parameters,
        errors,
        log_likelihood,
        poisson_log_likelihood,
        optimum,
        events,
        evaluations: found.evaluations,
        residuals,
        test,
    })
}

#[cfg(test)]
mod tests;
