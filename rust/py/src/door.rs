//! The one door for long calls: the GIL is released, Ctrl-C is answered, a panic becomes an `InternalError`.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::time::{Duration, Instant};

use alvh_core::{Error, Fault, Result};
use pyo3::prelude::*;

use crate::errors::IntoPyResult;

/// A long call looks for signals this often.
const SIGNAL_INTERVAL: Duration = Duration::from_millis(50);

/// Runs `work` without the GIL. `work` is given a function that says whether to go on.
///
/// Nothing that `work` could leave half done is seen again: it owns or only reads what it uses.
pub fn enter<T: Send>(py: Python<'_>, work: impl Send + FnOnce(&mut dyn FnMut() -> bool) -> Result<T>) -> PyResult<T> {
    let mut raised: Option<PyErr> = None;
    let answer = py.detach(|| {
        let mut last = Instant::now();
        let mut go_on = || {
            if last.elapsed() < SIGNAL_INTERVAL {
                return true;
            }
            last = Instant::now();
            raised = Python::attach(|py| py.check_signals()).err();
            raised.is_none()
        };
        catch_unwind(AssertUnwindSafe(|| work(&mut go_on)))
    });
    // What the user's own signal handler raised, if it did, else the interrupt of the core.
    if let Some(error) = raised {
        return Err(error);
    }
    match answer {
        Ok(result) => result.into_py_result(py),
        Err(panic) => {
            let text = panic.downcast_ref::<&str>().map(ToString::to_string);
            let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
            // One line: what a panic says may have several.
            let text = text.unwrap_or_default().replace(['\n', '\r'], " ");
            let fault = Fault::new("INT004", "core", "panic", text, "no panic").hint("please report it with the input");
            Err(Error::internal(fault)).into_py_result(py)
        }
    }
}
