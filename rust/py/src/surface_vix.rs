//! Conversion for the VIX curve and VIX smile functions of the core.

use alvh_core::surface::vix::{self, VixInputs, VixSurface};
use alvh_core::{Error, Fault};
use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;

use crate::arrays::finished;
use crate::errors::IntoPyResult;

type Floats<'py> = Bound<'py, PyArray1<f64>>;
type Flags<'py> = Bound<'py, PyArray1<u32>>;
type Columns<'py> = (Floats<'py>, Flags<'py>, Floats<'py>, Floats<'py>, Flags<'py>, Floats<'py>);

/// Future price, flags, at-the-money and implied volatility, option flags and beta for one expiry and strike a row.
///
/// Futures of row i are `vx_expiry[vx_start[i]..vx_start[i + 1]]`.
#[pyfunction]
#[pyo3(signature = (day, seconds, indices, vx_start, vx_expiry, vx_price, expiry, strike, shift=0.0))]
fn vix_surface_rows<'py>(
    py: Python<'py>,
    day: PyReadonlyArray1<'py, i32>,
    seconds: PyReadonlyArray1<'py, i32>,
    indices: [PyReadonlyArray1<'py, f64>; 5],
    vx_start: PyReadonlyArray1<'py, i64>,
    vx_expiry: PyReadonlyArray1<'py, i32>,
    vx_price: PyReadonlyArray1<'py, f64>,
    expiry: PyReadonlyArray1<'py, i32>,
    strike: PyReadonlyArray1<'py, f64>,
    shift: f64,
) -> PyResult<Columns<'py>> {
    let day = day.as_slice()?;
    let seconds = seconds.as_slice()?;
    let [vix, vix9d, vix3m, vix6m, vvix] = &indices;
    let columns = [
        vix.as_slice()?,
        vix9d.as_slice()?,
        vix3m.as_slice()?,
        vix6m.as_slice()?,
        vvix.as_slice()?,
        strike.as_slice()?,
    ];
    let (start, vx_expiry, vx_price, expiry) =
        (vx_start.as_slice()?, vx_expiry.as_slice()?, vx_price.as_slice()?, expiry.as_slice()?);
    let n = day.len();
    let bounds_hold = start.len() == n + 1
        && start.windows(2).all(|pair| 0 <= pair[0] && pair[0] <= pair[1])
        && start.last().is_some_and(|&end| end >= 0 && end as usize <= vx_expiry.len());
    if seconds.len() != n
        || expiry.len() != n
        || columns.iter().any(|column| column.len() != n)
        || vx_expiry.len() != vx_price.len()
        || !bounds_hold
    {
        let found = format!("{n} days, {} starts, {} futures", start.len(), vx_expiry.len());
        let rule = "columns of one row each, and vx_start of one more row, ascending";
        let fault = Fault::new("COL903", "vix_surface_rows", "vx_start", found, rule);
        return Err(Error::schema(fault)).into_py_result(py);
    }
    let (prices, flags, atm, vols, option_flags, betas) = py.detach(|| {
        let mut out = (Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new(), Vec::new());
        for i in 0..n {
            let listed = start[i] as usize..start[i + 1] as usize;
            let surface = VixSurface::fit(&VixInputs {
                day: day[i],
                seconds: seconds[i],
                vix: columns[0][i],
                vix9d: columns[1][i],
                vix3m: columns[2][i],
                vix6m: columns[3][i],
                vvix: columns[4][i],
                vx_expiry: &vx_expiry[listed.clone()],
                vx_price: &vx_price[listed],
            })
            .shift(shift);
            let future = surface.future(expiry[i]);
            out.0.push(future.price);
            out.1.push(future.flags);
            out.2.push(surface.at_the_money(surface.years(expiry[i])));
            out.3.push(surface.implied_vol(columns[5][i], expiry[i]));
            out.4.push(surface.option_flags(expiry[i]));
            out.5.push(surface.beta(expiry[i]));
        }
        out
    });
    Ok((
        finished(py, prices),
        finished(py, flags),
        finished(py, atm),
        finished(py, vols),
        finished(py, option_flags),
        finished(py, betas),
    ))
}

/// Response of a VIX future to one point of spot VIX.
#[pyfunction]
fn vix_pass_through(years: f64) -> f64 {
    vix::pass_through(years)
}

/// A futures price carried by a move of spot VIX.
#[pyfunction]
fn vix_moved_future(price: f64, beta: f64, d_vix: f64) -> f64 {
    vix::moved_future(price, beta, d_vix)
}

/// Adds the VIX surface functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(vix_surface_rows, module)?)?;
    module.add_function(wrap_pyfunction!(vix_pass_through, module)?)?;
    module.add_function(wrap_pyfunction!(vix_moved_future, module)?)?;
    Ok(())
}
