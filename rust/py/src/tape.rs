//! Conversion of tapes: event columns in, quality and columns out.

use std::sync::Arc;

use alvh_core::events::{EventColumns, Feed, Quality};
use alvh_core::tape::{Body, Tape};
use numpy::PyReadonlyArray1;
use pyo3::prelude::*;
use pyo3::types::PyDict;

/// The events of one instrument, shared and read-only.
#[pyclass(frozen, name = "Tape")]
pub struct PyTape {
    /// The tape; a detection holds it without copying.
    pub inner: Arc<Tape>,
}

/// Counters by name, zeros left out.
pub fn quality_dict<'py>(py: Python<'py>, quality: &Quality) -> PyResult<Bound<'py, PyDict>> {
    let counts = PyDict::new(py);
    for (name, count) in quality.iter().filter(|(_, count)| *count > 0) {
        counts.set_item(name, count)?;
    }
    Ok(counts)
}

#[pymethods]
impl PyTape {
    /// A tape of columns that the caller has checked.
    #[staticmethod]
    fn from_columns(
        source: &str,
        tick_size: f64,
        lot_size: f64,
        ts: PyReadonlyArray1<'_, i64>,
        action: PyReadonlyArray1<'_, u8>,
        side: PyReadonlyArray1<'_, u8>,
        flags: PyReadonlyArray1<'_, u8>,
        price: PyReadonlyArray1<'_, i64>,
        size: PyReadonlyArray1<'_, i64>,
    ) -> PyResult<Self> {
        let events = EventColumns {
            ts: ts.as_slice()?.to_vec(),
            action: action.as_slice()?.to_vec(),
            side: side.as_slice()?.to_vec(),
            flags: flags.as_slice()?.to_vec(),
            price: price.as_slice()?.to_vec(),
            size: size.as_slice()?.to_vec(),
            ..EventColumns::default()
        };
        let feed: Feed = events.feed();
        let inner = Tape {
            source: source.to_owned(),
            symbol: String::new(),
            feed,
            tick_size,
            lot_size,
            quality: Quality::default(),
            body: Body::Columns(events),
        };
        Ok(Self { inner: Arc::new(inner) })
    }

    fn quality<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        quality_dict(py, &self.inner.quality)
    }
}

/// Adds its names to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyTape>()?;
    Ok(())
}
