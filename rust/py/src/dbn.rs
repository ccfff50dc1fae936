//! Conversion for the readers of dbn.

use pyo3::prelude::*;

/// Adds its names to the module.
pub fn register(_module: &Bound<'_, PyModule>) -> PyResult<()> {
    Ok(())
}
