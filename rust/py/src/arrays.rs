//! What is handed to Python as arrays: moved, not copied, and read-only.

use numpy::{Element, PyArray, PyArray1, PyArrayMethods, ndarray::Dimension};
use pyo3::prelude::*;

/// A vector as a read-only array.
pub fn finished<T: Element>(py: Python<'_>, values: Vec<T>) -> Bound<'_, PyArray1<T>> {
    frozen(PyArray1::from_vec(py, values))
}

/// The array, read-only from here on.
pub fn frozen<T: Element, D: Dimension>(array: Bound<'_, PyArray<T, D>>) -> Bound<'_, PyArray<T, D>> {
    array.readwrite().make_nonwriteable();
    array
}
