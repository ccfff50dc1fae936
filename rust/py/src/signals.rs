//! Conversion for the signals: a history and a configuration in, readings as columns out.

use alvh_core::phase::PHASES;
use alvh_core::signals::table::{self, FLAGS, NUMBERS};
use alvh_core::signals::{GROUPS, INPUTS, SIGNALS, parse_signal_config};
use alvh_core::{Error, Fault};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arrays::finished;
use crate::door;
use crate::errors::IntoPyResult;
use crate::history::PyHistory;

/// Names of the signals, groups, inputs and phases in the order of the core.
#[pyfunction]
fn signal_names(py: Python<'_>) -> PyResult<Bound<'_, PyDict>> {
    let names = PyDict::new(py);
    names.set_item("signals", SIGNALS)?;
    names.set_item("groups", GROUPS)?;
    names.set_item("inputs", INPUTS)?;
    names.set_item("phases", PHASES)?;
    Ok(names)
}

/// Checks a configuration of signals and returns it with all defaults filled in.
#[pyfunction]
fn check_signal_config(py: Python<'_>, json: &str) -> PyResult<String> {
    let config = parse_signal_config(json).into_py_result(py)?;
    Ok(config.to_json())
}

/// Readings of a history, at its closes or on every step.
#[pyfunction]
fn signals<'py>(py: Python<'py>, history: &PyHistory, json: &str, every_step: bool) -> PyResult<Bound<'py, PyDict>> {
    let config = parse_signal_config(json).into_py_result(py)?;
    let source = history.inner.clone();
    let known = &source.columns().user_columns;
    if let Some((index, user)) = config.user.iter().enumerate().find(|(_, user)| !known.contains(&user.column)) {
        let (field, value) = (format!("user[{index}].column"), format!("{:?}", user.column));
        let expected = "a column of History.with_signals";
        return Err(Error::config(Fault::new("SIG013", "SignalConfig", field, value, expected))).into_py_result(py);
    }
    let names: Vec<&str> = SIGNALS.iter().copied().chain(config.user.iter().map(|user| user.name.as_str())).collect();
    let readings = door::enter(py, |go_on| table::compute(&mut &*source, 0, &config, every_step, go_on))?;
    let columns = PyDict::new(py);
    columns.set_item("day", finished(py, readings.day))?;
    columns.set_item("seconds", finished(py, readings.seconds))?;
    let [spot, vix] = readings.prices;
    columns.set_item("spot", finished(py, spot))?;
    columns.set_item("vix", finished(py, vix))?;
    columns.set_item("phase", finished(py, readings.phase))?;
    columns.set_item("phase_sessions", finished(py, readings.phase_sessions))?;
    let numbers = readings.signals.into_iter().chain(readings.groups).chain(readings.numbers);
    for (name, column) in names.into_iter().chain(GROUPS).chain(NUMBERS).zip(numbers) {
        columns.set_item(name, finished(py, column))?;
    }
    for (name, column) in FLAGS.iter().zip(readings.flags) {
        columns.set_item(name, finished(py, column))?;
    }
    Ok(columns)
}

/// Adds the functions of the signals to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(signal_names, module)?)?;
    module.add_function(wrap_pyfunction!(check_signal_config, module)?)?;
    module.add_function(wrap_pyfunction!(signals, module)?)
}
