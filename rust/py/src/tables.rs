//! The tables of the market model as an opaque object.

use std::sync::Arc;

use alvh_core::market::model::MarketConfig;
use alvh_core::pricing::tables::ModelTables;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::door;
use crate::errors::IntoPyResult;

/// Tables of one model.
#[pyclass(name = "ModelTables", frozen, module = "alvh._core")]
pub struct PyTables {
    pub inner: Arc<ModelTables>,
}

#[pymethods]
impl PyTables {
    /// Computes the tables of a market with `threads` threads.
    #[staticmethod]
    fn build(py: Python<'_>, json: &str, threads: usize) -> PyResult<Self> {
        let config = MarketConfig::from_json(json).into_py_result(py)?;
        let tables = door::enter(py, |go_on| ModelTables::build(&config, threads, go_on))?;
        Ok(Self { inner: Arc::new(tables) })
    }

    /// The tables of a market from bytes, verified.
    #[staticmethod]
    fn from_bytes(py: Python<'_>, json: &str, bytes: &[u8]) -> PyResult<Self> {
        let config = MarketConfig::from_json(json).into_py_result(py)?;
        let tables = door::enter(py, |_| ModelTables::from_bytes(&config, bytes))?;
        Ok(Self { inner: Arc::new(tables) })
    }

    /// Name of the tables of a market among those of others.
    #[staticmethod]
    fn key(py: Python<'_>, json: &str) -> PyResult<String> {
        MarketConfig::from_json(json).map(|config| ModelTables::key(&config)).into_py_result(py)
    }

    /// The tables as bytes.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let tables = self.inner.clone();
        let bytes = door::enter(py, |_| Ok(tables.to_bytes()))?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// Bytes of the values in memory.
    #[getter]
    fn size(&self) -> usize {
        self.inner.size()
    }
}

/// Adds the tables to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyTables>()
}
