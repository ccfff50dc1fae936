//! Conversion for the chain functions of the core.

use pyo3::prelude::*;

/// Adds the chain functions to the module.
pub fn register(_module: &Bound<'_, PyModule>) -> PyResult<()> {
    Ok(())
}
