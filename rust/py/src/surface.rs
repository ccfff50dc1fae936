//! Conversion for the surface functions of the core.

use pyo3::prelude::*;

/// Adds the surface functions to the module.
pub fn register(_module: &Bound<'_, PyModule>) -> PyResult<()> {
    Ok(())
}
