//! Conversion for the pricing functions of the core.

use pyo3::prelude::*;

/// Adds the pricing functions to the module.
pub fn register(_module: &Bound<'_, PyModule>) -> PyResult<()> {
    Ok(())
}
