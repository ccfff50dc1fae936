//! Conversion for the surface functions of the core.

use alvh_core::surface::spx::{SpxInputs, SpxSurface, variance_years};
use alvh_core::{Error, Fault, Result};
use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;

use crate::arrays::finished;
use crate::errors::IntoPyResult;

/// Adds the surface functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(spx_surface_vol, module)?)?;
    module.add_function(wrap_pyfunction!(spx_variance_years, module)?)
}

type Column<'py> = PyReadonlyArray1<'py, f64>;
type VolsAndFlags<'py> = (Bound<'py, PyArray1<f64>>, Bound<'py, PyArray1<u32>>);

/// Implied volatilities off the SPX surfaces of several moments: query i asks surface `row[i]`.
#[pyfunction]
fn spx_surface_vol<'py>(
    py: Python<'py>,
    spot: Column<'py>,
    rate: Column<'py>,
    dividend_yield: Column<'py>,
    vix: Column<'py>,
    vix9d: Column<'py>,
    vix3m: Column<'py>,
    vix6m: Column<'py>,
    skew: Column<'py>,
    row: PyReadonlyArray1<'py, u32>,
    strike: Column<'py>,
    years: Column<'py>,
    variance_years: Column<'py>,
) -> PyResult<VolsAndFlags<'py>> {
    let spot = spot.as_slice()?;
    let n = spot.len();
    let rate = same("rate", rate.as_slice()?, n).into_py_result(py)?;
    let dividend_yield = same("dividend_yield", dividend_yield.as_slice()?, n).into_py_result(py)?;
    let vix = same("vix", vix.as_slice()?, n).into_py_result(py)?;
    let vix9d = same("vix9d", vix9d.as_slice()?, n).into_py_result(py)?;
    let vix3m = same("vix3m", vix3m.as_slice()?, n).into_py_result(py)?;
    let vix6m = same("vix6m", vix6m.as_slice()?, n).into_py_result(py)?;
    let skew = same("skew", skew.as_slice()?, n).into_py_result(py)?;
    let row = row.as_slice()?;
    let strike = same("strike", strike.as_slice()?, row.len()).into_py_result(py)?;
    let years = same("years", years.as_slice()?, row.len()).into_py_result(py)?;
    let variance_years = same("variance_years", variance_years.as_slice()?, row.len()).into_py_result(py)?;
    if let Some(position) = row.iter().position(|&row| row as usize >= n) {
        let fault = Fault::new("COL902", "spx_surface_vol", "row", row[position].to_string(), format!("< {n}"));
        Err(Error::data(fault.at(position.to_string()))).into_py_result(py)?;
    }

    let (vols, flags) = py.detach(|| {
        let surfaces: Vec<SpxSurface> = (0..n)
            .map(|i| {
                SpxSurface::fit(&SpxInputs {
                    spot: spot[i],
                    rate: rate[i],
                    dividend_yield: dividend_yield[i],
                    vix: vix[i],
                    vix9d: vix9d[i],
                    vix3m: vix3m[i],
                    vix6m: vix6m[i],
                    skew: skew[i],
                })
            })
            .collect();
        let vols: Vec<f64> = row
            .iter()
            .zip(strike.iter().zip(years.iter().zip(variance_years)))
            .map(|(&row, (&strike, (&years, &clock)))| {
                surfaces[row as usize].implied_vol_by_clock(strike, years, clock)
            })
            .collect();
        (vols, surfaces.iter().map(SpxSurface::flags).collect::<Vec<u32>>())
    });
    Ok((finished(py, vols), finished(py, flags)))
}

/// Years of variance until expiry.
#[pyfunction]
fn spx_variance_years(years: f64, session_seconds: f64, openings: f64) -> f64 {
    variance_years(years, session_seconds, openings)
}

/// The column, if it has the length of the columns beside it.
fn same<'a>(field: &'static str, column: &'a [f64], n: usize) -> Result<&'a [f64]> {
    if column.len() == n {
        return Ok(column);
    }
    let found = format!("{} values", column.len());
    Err(Error::data(Fault::new("COL901", "spx_surface_vol", field, found, format!("{n} values"))))
}
