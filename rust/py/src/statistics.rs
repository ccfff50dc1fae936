//! Conversion for the statistics functions of the core.

use pyo3::prelude::*;

/// Adds the statistics functions to the module.
pub fn register(_module: &Bound<'_, PyModule>) -> PyResult<()> {
    Ok(())
}
