//! Conversion for measures of a tape's order flow: imbalance, bulk VPIN, arrivals and their self-excitation.

use alvh_core::events::side;
use alvh_core::ignition::arrivals::arrivals;
use alvh_core::ignition::bulk::{self, BulkPlan};
use alvh_core::ignition::hawkes::{self, Flow, Optimum, Parameters};
use alvh_core::ignition::imbalance::{imbalances, normalised_imbalances};
use alvh_core::{Error, Fault};
use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arrays::finished;
use crate::door;
use crate::errors::to_py;
use crate::tape::PyTape;

/// Order-flow imbalance of every event, lots; over a trailing window of ns and per unit of depth if there is one.
#[pyfunction]
#[pyo3(signature = (tape, levels, window))]
fn order_flow_imbalances<'py>(
    py: Python<'py>,
    tape: &PyTape,
    levels: usize,
    window: Option<i64>,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let tape = tape.inner.clone();
    let found = door::enter(py, |go_on| match window {
        None => imbalances(&tape, levels, go_on),
        Some(window) => normalised_imbalances(&tape, levels, window, go_on),
    })?;
    Ok(finished(py, found))
}

/// Full buckets with bulk classification.
#[pyfunction]
fn bulk_vpin<'py>(
    py: Python<'py>,
    tape: &PyTape,
    bucket: i64,
    buckets: usize,
    bars: usize,
) -> PyResult<Bound<'py, PyDict>> {
    let tape = tape.inner.clone();
    let found = door::enter(py, |go_on| bulk::bulk_vpin(&tape, BulkPlan { bucket, buckets, bars }, go_on))?;
    let columns = PyDict::new(py);
    columns.set_item("time", finished(py, found.iter().map(|row| row.ts).collect()))?;
    columns.set_item("event", finished(py, found.iter().map(|row| row.event).collect()))?;
    columns.set_item("bought", finished(py, found.iter().map(|row| row.bought).collect()))?;
    columns.set_item("vpin", finished(py, found.iter().map(|row| row.vpin).collect()))?;
    Ok(columns)
}

/// Times of aggressor events, ns: those of a side, or of every trade.
#[pyfunction]
fn aggressor_times<'py>(py: Python<'py>, tape: &PyTape, side: &str) -> PyResult<Bound<'py, PyArray1<i64>>> {
    let of = match side {
        "buy" => side::BID,
        "sell" => side::ASK,
        "trade" => side::NONE,
        _ => {
            let fault = Fault::new("IGN065", "arrivals", "side", side, "buy, sell or trade");
            return Err(to_py(py, &Error::config(fault)));
        }
    };
    let tape = tape.inner.clone();
    let times = door::enter(py, |go_on| arrivals(&tape, of, go_on))?;
    Ok(finished(py, times))
}

/// A maximum-likelihood fit with its residuals.
#[pyfunction]
fn hawkes_fit<'py>(
    py: Python<'py>,
    times: PyReadonlyArray1<'py, f64>,
    end: f64,
    is_opened_by_first: bool,
    lags: usize,
) -> PyResult<Bound<'py, PyDict>> {
    // A copy: the caller may write to its array while the interpreter is free.
    let times = times.as_array().to_vec();
    let fit = door::enter(py, |go_on| hawkes::fit(&times, end, is_opened_by_first, lags, go_on))?;
    let Parameters { baseline, branching, decay } = fit.parameters;
    let found = PyDict::new(py);
    found.set_item("baseline", baseline)?;
    found.set_item("branching", branching)?;
    found.set_item("decay", decay)?;
    found.set_item("errors", fit.errors)?;
    found.set_item("log_likelihood", fit.log_likelihood)?;
    found.set_item("poisson_log_likelihood", fit.poisson_log_likelihood)?;
    found.set_item("optimum", Optimum::NAMES[fit.optimum as usize])?;
    found.set_item("events", fit.events)?;
    found.set_item("evaluations", fit.evaluations)?;
    found.set_item("ks", fit.test.ks)?;
    found.set_item("ks_p_value", fit.test.ks_p_value)?;
    found.set_item("ljung_box", fit.test.ljung_box)?;
    found.set_item("ljung_box_p_value", fit.test.ljung_box_p_value)?;
    found.set_item("residuals", finished(py, fit.residuals))?;
    Ok(found)
}

/// Log-likelihood, gradient and Hessian (00, 01, 02, 11, 12, 22) in baseline, branching and decay.
#[pyfunction]
fn hawkes_likelihood(
    py: Python<'_>,
    times: PyReadonlyArray1<'_, f64>,
    end: f64,
    baseline: f64,
    branching: f64,
    decay: f64,
) -> PyResult<(f64, [f64; 3], [f64; 6])> {
    let times = times.as_array().to_vec();
    let at = Parameters { baseline, branching, decay };
    let found = door::enter(py, |_| Ok(hawkes::evaluate(&Flow { times: &times, end, first: 0 }, &at)))?;
    Ok((found.value, found.gradient, found.hessian))
}

/// Adds its names to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(order_flow_imbalances, module)?)?;
    module.add_function(wrap_pyfunction!(bulk_vpin, module)?)?;
    module.add_function(wrap_pyfunction!(aggressor_times, module)?)?;
    module.add_function(wrap_pyfunction!(hawkes_fit, module)?)?;
    module.add_function(wrap_pyfunction!(hawkes_likelihood, module)?)?;
    Ok(())
}
