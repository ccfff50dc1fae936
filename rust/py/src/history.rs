//! Conversion for the history functions of the core.

use pyo3::prelude::*;

/// Adds the history functions to the module.
pub fn register(_module: &Bound<'_, PyModule>) -> PyResult<()> {
    Ok(())
}
