//! Conversion for the margin functions of the core.

use pyo3::prelude::*;

/// Adds the margin functions to the module.
pub fn register(_module: &Bound<'_, PyModule>) -> PyResult<()> {
    Ok(())
}
