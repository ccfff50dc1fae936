//! Conversion for the calendar functions of the core.

use alvh_core::calendar::{self, listing};
use alvh_core::error::{Error, Fault};
use alvh_core::instrument::{Day, Settlement};
use alvh_core::marks::OptionProduct;
use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;

use crate::arrays::finished;
use crate::errors::IntoPyResult;

/// Adds the calendar functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(calendar_sessions, module)?)?;
    module.add_function(wrap_pyfunction!(calendar_early_closes, module)?)?;
    module.add_function(wrap_pyfunction!(calendar_close_seconds, module)?)?;
    module.add_function(wrap_pyfunction!(calendar_expiries, module)?)?;
    module.add_function(wrap_pyfunction!(calendar_listed, module)?)?;
    module.add_function(wrap_pyfunction!(calendar_snap_strikes, module)?)?;
    Ok(())
}

type Days<'py> = Bound<'py, PyArray1<Day>>;

fn range(py: Python<'_>, source: &str, start: i64, end: i64) -> PyResult<(Day, Day)> {
    let start = calendar::check_day(source, "start", start).into_py_result(py)?;
    let end = calendar::check_day(source, "end", end).into_py_result(py)?;
    Ok((start, end))
}

/// Sessions from start to end.
#[pyfunction]
fn calendar_sessions<'py>(py: Python<'py>, start: i64, end: i64) -> PyResult<Days<'py>> {
    let (start, end) = range(py, "sessions", start, end)?;
    let all = calendar::sessions();
    let from = all.partition_point(|&day| day < start);
    let to = all.partition_point(|&day| day <= end);
    Ok(finished(py, all[from..to.max(from)].to_vec()))
}

/// Days of early closes from start to end.
#[pyfunction]
fn calendar_early_closes<'py>(py: Python<'py>, start: i64, end: i64) -> PyResult<Days<'py>> {
    let (start, end) = range(py, "early_closes", start, end)?;
    Ok(finished(py, calendar::early_closes(start, end).iter().map(|&(day, _)| day).collect()))
}

/// Close of each session in seconds after midnight, -1 where there is no session.
#[pyfunction]
fn calendar_close_seconds<'py>(py: Python<'py>, dates: PyReadonlyArray1<'py, i64>) -> PyResult<Days<'py>> {
    let close = |(at, &day): (usize, &i64)| match calendar::check_day("dates", "date", day) {
        Ok(day) if calendar::is_session(day) => Ok(calendar::close_seconds(day)),
        Ok(_) => Ok(-1),
        Err(Error::Data(fault)) => Err(Error::data(fault.at(at.to_string()))),
        Err(error) => Err(error),
    };
    let seconds: alvh_core::Result<Vec<i32>> = dates.as_slice()?.iter().enumerate().map(close).collect();
    Ok(finished(py, seconds.into_py_result(py)?))
}

fn unknown_product(product: &str) -> Error {
    Error::config(Fault::new("CAL002", "calendar", "product", format!("'{product}'"), "SPX, SPXW, VIX or VX"))
}

/// Expiries of a product from start to end.
#[pyfunction]
fn calendar_expiries<'py>(py: Python<'py>, product: &str, start: i64, end: i64, weekly: bool) -> PyResult<Days<'py>> {
    let (start, end) = range(py, "expiries", start, end)?;
    let expiries = match product {
        "SPX" => listing::spx_expiries_between(start, end),
        "SPXW" => listing::spxw_expiries_between(start, end),
        "VIX" => listing::vix_expiries_between(start, end, weekly),
        "VX" => listing::vx_expiries_between(start, end),
        other => return Err(unknown_product(other)).into_py_result(py),
    };
    Ok(finished(py, expiries))
}

type Listed<'py> = (Days<'py>, Bound<'py, PyArray1<bool>>, Bound<'py, PyArray1<bool>>);

/// Expiries of a product that could be traded on a day: days, whether PM-settled, whether weekly.
#[pyfunction]
fn calendar_listed<'py>(py: Python<'py>, product: &str, on: i64, weekly: bool) -> PyResult<Listed<'py>> {
    let on = calendar::check_day("listed_expiries", "on", on).into_py_result(py)?;
    let listed = match product {
        "SPX" => listing::spx_expiries(on),
        "SPXW" => listing::spxw_expiries(on),
        "VIX" => listing::vix_expiries(on, weekly),
        "VX" => listing::vx_expiries(on),
        other => return Err(unknown_product(other)).into_py_result(py),
    };
    Ok((
        finished(py, listed.iter().map(|expiry| expiry.day).collect()),
        PyArray1::from_iter(py, listed.iter().map(|expiry| expiry.settlement == Settlement::Pm)),
        PyArray1::from_iter(py, listed.iter().map(|expiry| expiry.weekly)),
    ))
}

/// Listed strikes that stand for wanted ones.
#[pyfunction]
fn calendar_snap_strikes<'py>(
    py: Python<'py>,
    product: &str,
    on: i64,
    expiry: i64,
    spot: f64,
    targets: PyReadonlyArray1<'py, f64>,
    how: &str,
) -> PyResult<Bound<'py, PyArray1<f64>>> {
    let on = calendar::check_day("snap_strikes", "on", on).into_py_result(py)?;
    let expiry = calendar::check_day("snap_strikes", "expiry", expiry).into_py_result(py)?;
    let product = match product {
        "SPX" => OptionProduct::Spx,
        "SPXW" => OptionProduct::Spxw,
        "VIX" => OptionProduct::Vix,
        other => {
            let fault = Fault::new("CAL002", "calendar", "product", format!("'{other}'"), "SPX, SPXW or VIX");
            return Err(Error::config(fault)).into_py_result(py);
        }
    };
    let snap = match how {
        "nearest" => listing::Snap::Nearest,
        "down" => listing::Snap::Down,
        "up" => listing::Snap::Up,
        other => {
            let fault = Fault::new("CAL003", "snap_strikes", "how", format!("'{other}'"), "nearest, down or up");
            return Err(Error::config(fault)).into_py_result(py);
        }
    };
    let strike = |&target: &f64| listing::snap_strike(product, on, expiry, spot, target, snap);
    Ok(finished(py, targets.as_slice()?.iter().map(strike).collect()))
}
