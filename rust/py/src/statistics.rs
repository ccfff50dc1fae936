//! Conversion for the statistics functions of the core.

use alvh_core::statistics::{self, BookSeries, Estimate, METRICS, PAIRED, Plan};
use numpy::{IntoPyArray, PyArrayMethods, PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::door;
use crate::errors::IntoPyResult;

/// Adds the statistics functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(study_statistics, module)?)?;
    module.add_function(wrap_pyfunction!(drawdown, module)?)?;
    module.add_function(wrap_pyfunction!(optimal_block_length, module)?)?;
    module.add_function(wrap_pyfunction!(bootstrap_indices, module)?)?;
    Ok(())
}

/// Statistics, paired quantities and intervals of books over the same sessions.
#[pyfunction]
#[pyo3(signature = (capital, pnl, interest, credit, hedge, hedge_calm, *, base, seed, replicates, block, level))]
fn study_statistics<'py>(
    py: Python<'py>,
    capital: PyReadonlyArray1<'py, f64>,
    pnl: PyReadonlyArray2<'py, f64>,
    interest: PyReadonlyArray2<'py, f64>,
    credit: PyReadonlyArray2<'py, f64>,
    hedge: PyReadonlyArray2<'py, f64>,
    hedge_calm: PyReadonlyArray2<'py, f64>,
    base: usize,
    seed: u64,
    replicates: usize,
    block: Option<f64>,
    level: f64,
) -> PyResult<Bound<'py, PyDict>> {
    // Copies: the caller may write to its arrays while the interpreter is free.
    let capital = capital.as_array().to_vec();
    let [pnl, interest, credit, hedge, hedge_calm] = [&pnl, &interest, &credit, &hedge, &hedge_calm].map(rows);
    let row = |rows: &'_ [Vec<f64>], index: usize| rows.get(index).cloned().unwrap_or_default();
    let owned: Vec<[Vec<f64>; 5]> = (0..capital.len())
        .map(|index| [&pnl, &interest, &credit, &hedge, &hedge_calm].map(|rows| row(rows, index)))
        .collect();
    let plan = Plan { replicates, seed, block, level, base };
    let result = door::enter(py, |go_on| {
        let books: Vec<BookSeries<'_>> = capital
            .iter()
            .zip(&owned)
            .map(|(&capital, [pnl, interest, credit, hedge, hedge_calm])| BookSeries {
                capital,
                pnl,
                interest,
                credit,
                hedge,
                hedge_calm,
            })
            .collect();
        statistics::study(&books, &plan, || !go_on())
    })?;
    let out = PyDict::new(py);
    out.set_item("metrics", METRICS)?;
    out.set_item("books", estimates(py, &result.books)?)?;
    out.set_item("quantities", PAIRED)?;
    out.set_item("paired", estimates(py, &result.paired)?)?;
    out.set_item("block", result.block)?;
    Ok(out)
}

fn rows(array: &PyReadonlyArray2<'_, f64>) -> Vec<Vec<f64>> {
    array.as_array().rows().into_iter().map(|row| row.to_vec()).collect()
}

/// Array [books, statistics, (value, low, high, undefined)].
fn estimates<'py, const N: usize>(py: Python<'py>, books: &[[Estimate; N]]) -> PyResult<Bound<'py, PyAny>> {
    let flat: Vec<f64> = books.iter().flatten().flat_map(|e| [e.value, e.low, e.high, e.undefined]).collect();
    let array = flat.into_pyarray(py).reshape([books.len(), N, 4])?;
    Ok(array.readwrite().make_nonwriteable().as_any().clone())
}

/// Maximum drawdown: (fraction, usd, peak, trough, recovery, sessions).
#[pyfunction]
#[pyo3(signature = (capital, pnl))]
fn drawdown(
    py: Python<'_>,
    capital: f64,
    pnl: PyReadonlyArray1<'_, f64>,
) -> PyResult<(f64, f64, i64, i64, Option<i64>, i64)> {
    let pnl = pnl.as_array().to_vec();
    let zero = vec![0.0; pnl.len()];
    let series = BookSeries { capital, pnl: &pnl, interest: &zero, credit: &zero, hedge: &zero, hedge_calm: &zero };
    series.validate("drawdown").into_py_result(py)?;
    let found = statistics::drawdown(capital, &pnl);
    Ok((found.fraction, found.usd, found.peak, found.trough, found.recovery, found.sessions))
}

/// Mean block length of the stationary bootstrap for a series.
#[pyfunction]
#[pyo3(signature = (values))]
fn optimal_block_length(values: PyReadonlyArray1<'_, f64>) -> f64 {
    statistics::optimal_block_length(&values.as_array().to_vec())
}

/// Days of one replicate of the stationary bootstrap.
#[pyfunction]
#[pyo3(signature = (n, block, seed, replicate))]
fn bootstrap_indices<'py>(
    py: Python<'py>,
    n: u32,
    block: f64,
    seed: u64,
    replicate: u64,
) -> Bound<'py, numpy::PyArray1<u32>> {
    statistics::indices(n as usize, block, seed, replicate).into_pyarray(py)
}
