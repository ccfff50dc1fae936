//! Conversion for the backtest functions of the core.

use pyo3::prelude::*;

/// Adds the backtest functions to the module.
pub fn register(_module: &Bound<'_, PyModule>) -> PyResult<()> {
    Ok(())
}
