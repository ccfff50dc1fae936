//! Conversion for the rules: the pure target of the hedge.

use alvh_core::book::parse;
use alvh_core::policy::target::{Components, automatic_vega, multipliers};
use alvh_core::policy::{AdaptivePolicy, RULES};
use pyo3::prelude::*;

use crate::errors::IntoPyResult;

/// Adds the functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(policy_multipliers, module)?)?;
    module.add_function(wrap_pyfunction!(policy_rules, module)?)?;
    Ok(())
}

/// Multipliers of the layers before rounding, hysteresis and limits.
#[pyfunction]
#[expect(clippy::too_many_arguments, reason = "named on the other side")]
fn policy_multipliers(
    py: Python<'_>,
    policy: &str,
    score: f64,
    quick_ratio: f64,
    quorum: bool,
    press: f64,
    shift: bool,
    scale: f64,
    base: Vec<f64>,
    exchange: Vec<f64>,
) -> PyResult<Vec<f64>> {
    let config: AdaptivePolicy = parse(policy, "AdaptivePolicy").into_py_result(py)?;
    config.validate("").into_py_result(py)?;
    let (vega, exception) = automatic_vega(&config, quick_ratio, quorum);
    let components = Components {
        score: if config.sizing && quorum { score } else { 0.0 },
        vega,
        exception,
        press: if config.press { press } else { 0.0 },
        shift: config.time_shift_hedge && shift,
        scale: if config.caps { scale } else { 1.0 },
    };
    let mut out = Vec::new();
    multipliers(&config, &components, &base, &exchange, &mut out);
    Ok(out)
}

/// Identifiers of all rules.
#[pyfunction]
fn policy_rules() -> Vec<&'static str> {
    RULES.to_vec()
}
