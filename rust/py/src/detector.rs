//! Conversion for detection, batch and streaming.

use pyo3::prelude::*;

/// Adds its names to the module.
pub fn register(_module: &Bound<'_, PyModule>) -> PyResult<()> {
    Ok(())
}
