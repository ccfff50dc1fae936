//! Conversion for the surface marks: implied volatility, price and forward of options on any session.

use alvh_core::instrument::{Day, Right};
use alvh_core::marks::OptionProduct;
use alvh_core::marks::lookup::{self, MarkTime, SmileQuery, look_up};
use alvh_core::marks::model::ModelMarks;
use alvh_core::marks::surface::SurfaceMarks;
use alvh_core::{Error, Fault, Result};
use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;

use crate::arrays::finished;
use crate::door;
use crate::errors::IntoPyResult;
use crate::history::PyHistory;
use crate::tables::PyTables;

type Columns<'py> = (Bound<'py, PyArray1<f64>>, Bound<'py, PyArray1<f64>>, Bound<'py, PyArray1<f64>>);

/// Adds the functions of the surface marks to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(smile_rows, module)?)?;
    module.add_function(wrap_pyfunction!(note_levels, module)?)
}

fn unknown<T>(field: &str, value: &str, expected: &str) -> Result<T> {
    Err(Error::config(Fault::new("CFG070", "surface", field, format!("{value:?}"), expected)))
}

fn query<'a>(
    (day, expiry, strike): (&'a [Day], &'a [Day], &'a [f64]),
    (right, product, time): (&str, &str, &str),
) -> Result<SmileQuery<'a>> {
    let right = match right {
        "call" => Right::Call,
        "put" => Right::Put,
        other => return unknown("right", other, "\"call\" or \"put\""),
    };
    let product = match product {
        "" => None,
        "SPX" => Some(OptionProduct::Spx),
        "SPXW" => Some(OptionProduct::Spxw),
        "VIX" => Some(OptionProduct::Vix),
        other => return unknown("product", other, "\"SPX\", \"SPXW\" or \"VIX\""),
    };
    let time = match time {
        "open" => MarkTime::Open,
        "mid_morning" => MarkTime::MidMorning,
        "close" => MarkTime::Close,
        other => return unknown("time", other, "\"open\", \"mid_morning\" or \"close\""),
    };
    Ok(SmileQuery { day, expiry, strike, right, product, time })
}

/// Implied volatility, price and forward of options on the smiles of a history: those of a model where tables are given.
#[pyfunction]
#[pyo3(signature = (history, day, expiry, strike, right, product, time, tables = None, overlay = false))]
fn smile_rows<'py>(
    py: Python<'py>,
    history: &PyHistory,
    day: PyReadonlyArray1<'py, Day>,
    expiry: PyReadonlyArray1<'py, Day>,
    strike: PyReadonlyArray1<'py, f64>,
    right: &str,
    product: &str,
    time: &str,
    tables: Option<&PyTables>,
    overlay: bool,
) -> PyResult<Columns<'py>> {
    let columns = (day.as_slice()?, expiry.as_slice()?, strike.as_slice()?);
    let query = query(columns, (right, product, time)).into_py_result(py)?;
    let source = history.inner.clone();
    let tables = tables.map(|tables| tables.inner.clone());
    let rows = door::enter(py, |_| match tables {
        None => look_up(&*source, &mut SurfaceMarks::new(), &query),
        Some(tables) => look_up(&*source, &mut ModelMarks::new(tables).with_overlay(overlay), &query),
    })?;
    Ok((
        PyArray1::from_vec(py, rows.implied_vol),
        PyArray1::from_vec(py, rows.price),
        PyArray1::from_vec(py, rows.forward),
    ))
}

/// Level of the rolled VIX note at every close of a history.
#[pyfunction]
#[pyo3(signature = (history, tables = None))]
fn note_levels<'py>(
    py: Python<'py>,
    history: &PyHistory,
    tables: Option<&PyTables>,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let source = history.inner.clone();
    let tables = tables.map(|tables| tables.inner.clone());
    let levels = door::enter(py, |_| {
        Ok(match tables {
            None => lookup::note_levels(&*source, &mut SurfaceMarks::new()),
            Some(tables) => lookup::note_levels(&*source, &mut ModelMarks::new(tables)),
        })
    })?;
    Ok(finished(py, levels))
}
