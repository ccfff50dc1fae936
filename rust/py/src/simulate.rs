//! Conversion for the path simulator of the core.

use alvh_core::market::model::MarketConfig;
use alvh_core::simulate::paths::{Measure, Plan};
use alvh_core::simulate::{self, InstructionSet, hc1};
use numpy::PyArray1;
use pyo3::prelude::*;

use crate::arrays::finished;
use crate::door;
use crate::errors::IntoPyResult;

type Output<'py> = Bound<'py, PyArray1<f64>>;
type Columns<'py> = (Output<'py>, Output<'py>, Output<'py>, Output<'py>);

/// Instruction sets of this machine, the one in use first.
#[pyfunction]
fn instruction_sets() -> Vec<&'static str> {
    InstructionSet::available().into_iter().map(InstructionSet::name).collect()
}

/// Final equity, maximum drawdown, maximum margin and stops of every path.
#[pyfunction]
fn reference_workload<'py>(
    py: Python<'py>,
    n_paths: usize,
    first_path: u64,
    seed: u64,
    n_jobs: usize,
    set: &str,
) -> PyResult<Columns<'py>> {
    let set = simulate::instruction_set(set).into_py_result(py)?;
    let out = door::enter(py, |go_on| hc1::simulate(n_paths, first_path, seed, n_jobs, set, go_on))?;
    Ok((
        finished(py, out.equity),
        finished(py, out.max_drawdown),
        finished(py, out.max_margin),
        finished(py, out.stops),
    ))
}

/// Number of records, then spot, v1, v2 and intensity, path after path.
#[pyfunction]
fn simulate_paths<'py>(
    py: Python<'py>,
    market: &str,
    n_paths: usize,
    first_path: u64,
    sessions: usize,
    steps_per_day: usize,
    record_every: usize,
    spot: f64,
    real_world: bool,
    antithetic: bool,
    seed: u64,
    n_jobs: usize,
    set: &str,
) -> PyResult<(usize, Columns<'py>)> {
    let market = MarketConfig::from_json(market).into_py_result(py)?;
    let set = simulate::instruction_set(set).into_py_result(py)?;
    let measure = if real_world { Measure::P } else { Measure::Q };
    let plan = Plan { n_paths, first_path, sessions, steps_per_day, record_every, spot, measure, antithetic, seed };
    let out = door::enter(py, |go_on| simulate::paths::simulate(&market, &plan, n_jobs, set, go_on))?;
    let columns = (finished(py, out.spot), finished(py, out.v1), finished(py, out.v2), finished(py, out.intensity));
    Ok((out.records, columns))
}

/// Adds the path simulator to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(instruction_sets, module)?)?;
    module.add_function(wrap_pyfunction!(reference_workload, module)?)?;
    module.add_function(wrap_pyfunction!(simulate_paths, module)?)
}
