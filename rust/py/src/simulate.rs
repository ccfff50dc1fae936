//! Conversion for the path simulator of the core.

use alvh_core::Result;
use alvh_core::book::{self, Book};
use alvh_core::engine::bucket_names;
use alvh_core::engine::record::{INCIDENTS, Outcome};
use alvh_core::market::model::MarketConfig;
use alvh_core::policy::RULES;
use alvh_core::simulate::paths::{Measure, Plan};
use alvh_core::simulate::study::{self, Shard};
use alvh_core::simulate::world::World;
use alvh_core::simulate::{self, InstructionSet, hc1};
use numpy::{PyArray1, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arrays::{finished, frozen};
use crate::backtest::raw_result;
use crate::door;
use crate::errors::IntoPyResult;
use crate::tables::PyTables;

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

/// Checks a world.
#[pyfunction]
fn check_world(py: Python<'_>, json: &str) -> PyResult<()> {
    World::from_json(json).map(|_| ()).into_py_result(py)
}

/// All books on the same simulated paths: outcomes by path, and the recorded paths in full.
#[pyfunction]
#[pyo3(
    name = "simulate",
    signature = (market, world, books, first_path, n_paths, seed, n_jobs, record_paths, instruction_set = None,
        tables = None)
)]
fn simulate_books<'py>(
    py: Python<'py>,
    market: &str,
    world: &str,
    books: Vec<String>,
    first_path: u64,
    n_paths: usize,
    seed: u64,
    n_jobs: usize,
    record_paths: u64,
    instruction_set: Option<&str>,
    tables: Option<&PyTables>,
) -> PyResult<Bound<'py, PyDict>> {
    let market = MarketConfig::from_json(market).into_py_result(py)?;
    let world = World::from_json(world).into_py_result(py)?;
    let books: Vec<Book> = books.iter().map(|json| book::parse_book(json)).collect::<Result<_>>().into_py_result(py)?;
    let set = instruction_set.map_or_else(|| Ok(InstructionSet::best()), simulate::instruction_set);
    let set = set.into_py_result(py)?;
    let names = bucket_names(&books);
    let tables = tables.map(|tables| tables.inner.clone());
    let shard = Shard { first_path, n_paths, seed, recorded: record_paths };
    let run =
        |go_on: &mut dyn FnMut() -> bool| study::simulate(&market, &world, &books, &shard, tables, n_jobs, set, go_on);
    let result = door::enter(py, run)?;
    let outcomes = PyDict::new(py);
    let shape = [books.len(), n_paths];
    for (name, column) in Outcome::CENTS.iter().zip(result.outcomes.cents) {
        outcomes.set_item(format!("{name}_cents"), frozen(PyArray1::from_vec(py, column).reshape(shape)?))?;
    }
    for (name, column) in Outcome::count_names().zip(result.outcomes.counts) {
        outcomes.set_item(name, frozen(PyArray1::from_vec(py, column).reshape(shape)?))?;
    }
    for (name, column) in Outcome::float_names().zip(result.outcomes.floats) {
        outcomes.set_item(name, frozen(PyArray1::from_vec(py, column).reshape(shape)?))?;
    }
    let pnl = PyArray1::from_vec(py, result.outcomes.pnl).reshape([books.len(), names.len(), n_paths])?;
    outcomes.set_item("bucket_cents", frozen(pnl))?;
    let records: PyResult<Vec<_>> = result
        .records
        .iter()
        .map(|record| {
            let raw = raw_result(py, &books, &names, record, Vec::new())?;
            raw.set_item("path", record.path)?;
            Ok(raw)
        })
        .collect();
    let raw = PyDict::new(py);
    let paths = (0..n_paths as u64).map(|path| first_path.wrapping_add(path) as i64).collect();
    raw.set_item("path", finished(py, paths))?;
    raw.set_item("books", books.iter().map(|book| book.name.as_str()).collect::<Vec<_>>())?;
    raw.set_item("capital", finished(py, books.iter().map(|book| book.capital).collect()))?;
    raw.set_item("buckets", &names)?;
    raw.set_item("rules", RULES)?;
    raw.set_item("event_kinds", INCIDENTS)?;
    let paths = PyDict::new(py);
    for (name, column) in study::control_names(&world, &books).iter().zip(result.controls) {
        paths.set_item(format!("control:{name}"), finished(py, column))?;
    }
    raw.set_item("paths", paths)?;
    raw.set_item("outcomes", outcomes)?;
    raw.set_item("records", records?)?;
    raw.set_item("sessions", world.sessions)?;
    raw.set_item("steps", result.steps)?;
    raw.set_item("clamped", result.clamped)?;
    Ok(raw)
}

/// Adds the path simulator to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(instruction_sets, module)?)?;
    module.add_function(wrap_pyfunction!(reference_workload, module)?)?;
    module.add_function(wrap_pyfunction!(simulate_paths, module)?)?;
    module.add_function(wrap_pyfunction!(check_world, module)?)?;
    module.add_function(wrap_pyfunction!(simulate_books, module)?)
}
