//! Conversion for the reader of DBN files.

use std::path::PathBuf;
use std::sync::Arc;

use alvh_core::decode::dbn::{Clock, Encoded, Options, Others, read};
use alvh_core::tape::Body;
use alvh_core::{Error, Fault, Result};
use pyo3::prelude::*;

use crate::door;
use crate::errors::IntoPyResult;
use crate::tape::PyTape;

fn clock_of(time: &str) -> Result<Clock> {
    match time {
        "receive" => Ok(Clock::Receive),
        "event" => Ok(Clock::Event),
        _ => Err(Error::config(Fault::new("DBN041", "read_dbn", "time", format!("'{time}'"), "receive or event"))),
    }
}

fn others_of(policy: &str) -> Result<Others> {
    match policy {
        "flag" => Ok(Others::Flag),
        "raise" => Ok(Others::Raise),
        _ => {
            let fault = Fault::new("DBN042", "read_dbn", "other_instruments", format!("'{policy}'"), "flag or raise");
            Err(Error::config(fault))
        }
    }
}

/// A tape of a file, or of the bytes of one.
#[pyfunction]
fn tape_from_dbn(
    py: Python<'_>,
    name: &str,
    path: Option<PathBuf>,
    bytes: &[u8],
    instrument_id: Option<u32>,
    symbol: Option<String>,
    schema: Option<String>,
    tick_size: Option<f64>,
    time: &str,
    other_instruments: &str,
) -> PyResult<PyTape> {
    let clock = clock_of(time).into_py_result(py)?;
    let others = others_of(other_instruments).into_py_result(py)?;
    let options = Options { instrument_id, symbol, schema, tick_size, clock, others };
    let encoded = path.map_or_else(|| Encoded::Bytes(Arc::from(bytes)), Encoded::File);
    let tape = door::enter(py, |go_on| read(encoded, name, &options, go_on))?;
    Ok(PyTape::new(tape))
}

/// Schema, instrument, whether the tick was derived and whether the records are in memory; `None` for other tapes.
#[pyfunction]
fn dbn_about(tape: &PyTape) -> Option<(&'static str, u32, bool, bool)> {
    match &tape.inner.body {
        Body::Dbn(tape) => Some((tape.schema.name(), tape.instrument_id, tape.is_tick_derived, tape.is_in_memory())),
        Body::Columns(_) => None,
    }
}

/// Adds its names to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(tape_from_dbn, module)?)?;
    module.add_function(wrap_pyfunction!(dbn_about, module)?)?;
    Ok(())
}
