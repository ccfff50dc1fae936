//! Core errors to the exception classes of `alvh.errors`.

use alvh_core::{Error, Fault};
use pyo3::exceptions::PyKeyboardInterrupt;
use pyo3::prelude::*;
use pyo3::types::PyType;

/// The Python exception of a core error.
pub fn to_py(py: Python<'_>, error: &Error) -> PyErr {
    let (class, fault): (&str, &Fault) = match error {
        Error::Config(fault) => ("ConfigError", fault),
        Error::Data(fault) => ("DataError", fault),
        Error::Decode(fault) => ("DecodeError", fault),
        Error::Truncated(fault) => ("TruncatedError", fault),
        Error::Schema(fault) => ("SchemaError", fault),
        Error::Numerical(fault) => ("NumericalError", fault),
        Error::Limit(fault) => ("LimitError", fault),
        Error::LookAhead(fault) => ("LookAheadError", fault),
        Error::Internal(fault) => ("InternalError", fault),
        Error::Interrupted => return PyKeyboardInterrupt::new_err(()),
    };
    match build(py, class, fault) {
        Ok(error) | Err(error) => error,
    }
}

fn build(py: Python<'_>, class: &str, fault: &Fault) -> PyResult<PyErr> {
    let class = py.import("alvh.errors")?.getattr(class)?.cast_into::<PyType>()?;
    let instance = class.call1((
        fault.code,
        &fault.source,
        &fault.field,
        &fault.value,
        &fault.expected,
        &fault.position,
        &fault.hint,
    ))?;
    Ok(PyErr::from_value(instance))
}

/// Maps the error of a core result.
pub trait IntoPyResult<T> {
    /// The value, or the Python exception of the error.
    fn into_py_result(self, py: Python<'_>) -> PyResult<T>;
}

impl<T> IntoPyResult<T> for alvh_core::Result<T> {
    fn into_py_result(self, py: Python<'_>) -> PyResult<T> {
        self.map_err(|error| to_py(py, &error))
    }
}
