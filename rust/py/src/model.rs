//! Conversion for the market model of the core.

use alvh_core::market::inversion;
use alvh_core::market::model::{MarketConfig, PRESETS};
use alvh_core::pricing::columns::Column;
use alvh_core::pricing::market_columns::{self, Pricing, States};
use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;

use crate::arrays::finished;
use crate::door;
use crate::errors::IntoPyResult;

type Floats<'py> = PyReadonlyArray1<'py, f64>;
type Output<'py> = Bound<'py, PyArray1<f64>>;
type Triple<'py> = (Floats<'py>, Floats<'py>, Floats<'py>);

fn column<'a, T: Copy + numpy::Element>(array: &'a PyReadonlyArray1<'_, T>) -> PyResult<Column<'a, T>> {
    Ok(Column::new(array.as_slice()?))
}

fn states<'a>(state: &'a Triple<'_>) -> PyResult<States<'a>> {
    Ok(States { v1: column(&state.0)?, v2: column(&state.1)?, intensity: column(&state.2)? })
}

fn pricing(py: Python<'_>, json: &str) -> PyResult<Pricing> {
    let config = MarketConfig::from_json(json).into_py_result(py)?;
    Ok(Pricing { model: config.pricing(), rate: config.r, dividend_yield: config.q })
}

/// Checks a configuration.
#[pyfunction]
fn check_market(py: Python<'_>, json: &str) -> PyResult<()> {
    MarketConfig::from_json(json).map(|_| ()).into_py_result(py)
}

/// Canonical JSON of a preset.
#[pyfunction]
fn market_preset(py: Python<'_>, name: &str) -> PyResult<String> {
    MarketConfig::preset(name).map(|config| config.to_json()).into_py_result(py)
}

/// Hash of the parameters.
#[pyfunction]
fn market_hash(py: Python<'_>, json: &str) -> PyResult<String> {
    MarketConfig::from_json(json).map(|config| config.hash()).into_py_result(py)
}

/// v1, v2 and intensity at the start.
#[pyfunction]
fn market_start(py: Python<'_>, json: &str) -> PyResult<(f64, f64, f64)> {
    let start = MarketConfig::from_json(json).into_py_result(py)?.start();
    Ok((start.v1, start.v2, start.intensity))
}

/// 2 kappa theta / sigma^2 of both factors.
#[pyfunction]
fn market_feller(py: Python<'_>, json: &str) -> PyResult<(f64, f64)> {
    Ok(MarketConfig::from_json(json).into_py_result(py)?.feller().into())
}

/// Constant and slopes of VIX squared in v1, v2 and intensity.
#[pyfunction]
fn market_vix_squared(py: Python<'_>, json: &str, days: f64) -> PyResult<(f64, f64, f64, f64)> {
    let squared = pricing(py, json)?.model.vix_squared(days / 365.0);
    Ok((squared.a, squared.b1, squared.b2, squared.c))
}

/// Prices of options on the index.
#[pyfunction]
fn market_options<'py>(
    py: Python<'py>,
    json: &str,
    n: usize,
    spot: Floats<'py>,
    strike: Floats<'py>,
    years: Floats<'py>,
    sign: PyReadonlyArray1<'py, i8>,
    state: Triple<'py>,
) -> PyResult<Output<'py>> {
    let pricing = pricing(py, json)?;
    let (spot, strike, years, sign) = (column(&spot)?, column(&strike)?, column(&years)?, column(&sign)?);
    let states = states(&state)?;
    let prices =
        door::enter(py, |go_on| market_columns::option_prices(&pricing, n, spot, strike, years, sign, &states, go_on))?;
    Ok(finished(py, prices))
}

/// VIX futures.
#[pyfunction]
fn market_vix_futures<'py>(
    py: Python<'py>,
    json: &str,
    n: usize,
    years: Floats<'py>,
    state: Triple<'py>,
) -> PyResult<Output<'py>> {
    let pricing = pricing(py, json)?;
    let (years, states) = (column(&years)?, states(&state)?);
    let prices = door::enter(py, |go_on| market_columns::vix_futures(&pricing, n, years, &states, go_on))?;
    Ok(finished(py, prices))
}

/// Prices of options on VIX.
#[pyfunction]
fn market_vix_options<'py>(
    py: Python<'py>,
    json: &str,
    n: usize,
    strike: Floats<'py>,
    years: Floats<'py>,
    sign: PyReadonlyArray1<'py, i8>,
    state: Triple<'py>,
) -> PyResult<Output<'py>> {
    let pricing = pricing(py, json)?;
    let (strike, years, sign, states) = (column(&strike)?, column(&years)?, column(&sign)?, states(&state)?);
    let prices =
        door::enter(py, |go_on| market_columns::vix_options(&pricing, n, strike, years, sign, &states, go_on))?;
    Ok(finished(py, prices))
}

/// Volatility indices of windows of days.
#[pyfunction]
fn market_vix<'py>(
    py: Python<'py>,
    json: &str,
    n: usize,
    days: Floats<'py>,
    state: Triple<'py>,
) -> PyResult<Output<'py>> {
    let pricing = pricing(py, json)?;
    let (days, states) = (column(&days)?, states(&state)?);
    let levels = door::enter(py, |_| market_columns::vix_levels(&pricing, n, days, &states))?;
    Ok(finished(py, levels))
}

/// Volatility indices of VIX.
#[pyfunction]
fn market_vvix<'py>(py: Python<'py>, json: &str, n: usize, state: Triple<'py>) -> PyResult<Output<'py>> {
    let pricing = pricing(py, json)?;
    let states = states(&state)?;
    let levels = door::enter(py, |go_on| market_columns::vvix_levels(&pricing, n, &states, go_on))?;
    Ok(finished(py, levels))
}

/// States that volatility indices imply, and the indices at these states.
#[pyfunction]
fn market_invert<'py>(
    py: Python<'py>,
    json: &str,
    days: Floats<'py>,
    quotes: Floats<'py>,
    quote_error: f64,
) -> PyResult<(Output<'py>, Output<'py>, Output<'py>, Output<'py>)> {
    let config = MarketConfig::from_json(json).into_py_result(py)?;
    let (days, quotes) = (days.as_slice()?, quotes.as_slice()?);
    let found = door::enter(py, |go_on| inversion::invert(&config, days, quotes, quote_error, go_on))?;
    let arrays = [found.v1, found.v2, found.intensity, found.fitted].map(|values| finished(py, values));
    Ok(arrays.into())
}

/// Adds the market model to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("MARKET_PRESETS", PRESETS)?;
    module.add_function(wrap_pyfunction!(check_market, module)?)?;
    module.add_function(wrap_pyfunction!(market_preset, module)?)?;
    module.add_function(wrap_pyfunction!(market_hash, module)?)?;
    module.add_function(wrap_pyfunction!(market_start, module)?)?;
    module.add_function(wrap_pyfunction!(market_feller, module)?)?;
    module.add_function(wrap_pyfunction!(market_vix_squared, module)?)?;
    module.add_function(wrap_pyfunction!(market_options, module)?)?;
    module.add_function(wrap_pyfunction!(market_vix_futures, module)?)?;
    module.add_function(wrap_pyfunction!(market_vix_options, module)?)?;
    module.add_function(wrap_pyfunction!(market_vix, module)?)?;
    module.add_function(wrap_pyfunction!(market_vvix, module)?)?;
    module.add_function(wrap_pyfunction!(market_invert, module)?)
}
