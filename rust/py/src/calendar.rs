//! Conversion for the calendar functions of the core.

use pyo3::prelude::*;

/// Adds the calendar functions to the module.
pub fn register(_module: &Bound<'_, PyModule>) -> PyResult<()> {
    Ok(())
}
