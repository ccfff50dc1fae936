//! Conversion for the surface marks: implied volatility, price and forward of options on any session.

use alvh_core::instrument::{Day, Right};
use alvh_core::marks::OptionProduct;
use alvh_core::marks::surface::{self, MarkTime, SurfaceQuery, look_up};
use alvh_core::{Error, Fault, Result};
use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;

use crate::arrays::finished;
use crate::door;
use crate::errors::IntoPyResult;
use crate::history::PyHistory;

type Columns<'py> = (Bound<'py, PyArray1<f64>>, Bound<'py, PyArray1<f64>>, Bound<'py, PyArray1<f64>>);

/// Adds the functions of the surface marks to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(surface_rows, module)?)?;
    module.add_function(wrap_pyfunction!(note_levels, module)?)
}

fn unknown<T>(field: &str, value: &str, expected: &str) -> Result<T> {
    Err(Error::config(Fault::new("CFG070", "surface", field, format!("{value:?}"), expected)))
}

fn query<'a>(
    (day, expiry, strike): (&'a [Day], &'a [Day], &'a [f64]),
    (right, product, time): (&str, &str, &str),
) -> Result<SurfaceQuery<'a>> {
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
    Ok(SurfaceQuery { day, expiry, strike, right, product, time })
}

/// Implied volatility, price and forward of options on the surface of a history.
#[pyfunction]
fn surface_rows<'py>(
    py: Python<'py>,
    history: &PyHistory,
    day: PyReadonlyArray1<'py, Day>,
    expiry: PyReadonlyArray1<'py, Day>,
    strike: PyReadonlyArray1<'py, f64>,
    right: &str,
    product: &str,
    time: &str,
) -> PyResult<Columns<'py>> {
    let columns = (day.as_slice()?, expiry.as_slice()?, strike.as_slice()?);
    let query = query(columns, (right, product, time)).into_py_result(py)?;
    let source = history.inner.clone();
    let rows = door::enter(py, |_| look_up(&*source, &query))?;
    Ok((
        PyArray1::from_vec(py, rows.implied_vol),
        PyArray1::from_vec(py, rows.price),
        PyArray1::from_vec(py, rows.forward),
    ))
}

/// Level of the rolled VIX note at every close of a history.
#[pyfunction]
fn note_levels<'py>(py: Python<'py>, history: &PyHistory) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let source = history.inner.clone();
    let levels = door::enter(py, |_| Ok(surface::note_levels(&*source)))?;
    Ok(finished(py, levels))
}
