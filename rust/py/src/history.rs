//! Conversion for the history functions of the core.

use std::sync::Arc;

use alvh_core::market::MarketSource;
use alvh_core::market::history::{HistoryColumns, HistoryOptions, HistorySource};
use alvh_core::signals::INPUTS;
use alvh_core::signals::input::SESSIONS_TO_EVENT;
use alvh_core::{Error, Fault};
use numpy::{Element, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arrays::finished;
use crate::door;
use crate::errors::IntoPyResult;

/// History in the core: the steps that the engine walks over.
#[pyclass(frozen, name = "HistorySource", module = "alvh._core")]
pub struct PyHistory {
    /// Shared with the engine.
    pub inner: Arc<HistorySource>,
}

/// The column `name`, or an empty one when it is absent.
fn column<T: Element + Copy>(columns: &Bound<'_, PyDict>, name: &str) -> PyResult<Vec<T>> {
    match columns.get_item(name)? {
        Some(values) => Ok(values.extract::<PyReadonlyArray1<'_, T>>()?.as_slice()?.to_vec()),
        None => Ok(Vec::new()),
    }
}

#[pymethods]
impl PyHistory {
    #[new]
    #[pyo3(signature = (columns, *, open_step = true, mid_morning = true))]
    fn new(py: Python<'_>, columns: &Bound<'_, PyDict>, open_step: bool, mid_morning: bool) -> PyResult<Self> {
        let offsets: Vec<i64> = column(columns, "vx_offset")?;
        let vx_offset = offsets
            .iter()
            .map(|&offset| usize::try_from(offset))
            .collect::<Result<Vec<usize>, _>>()
            .map_err(|_| {
                let fault = Fault::new("HIS106", "HistoryColumns", "vx_offset", "a negative value", "offsets >= 0");
                Error::schema(fault)
            })
            .into_py_result(py)?;
        let mut bar_vx = Vec::new();
        while columns.contains(format!("bar_vx{}", bar_vx.len() + 1))? {
            bar_vx.push(column(columns, &format!("bar_vx{}", bar_vx.len() + 1))?);
        }
        let prefixed = |prefix: &str, names: &[&str]| -> PyResult<Vec<Vec<f64>>> {
            names.iter().map(|name| column(columns, &format!("{prefix}{name}"))).collect()
        };
        let mut user_columns: Vec<String> = Vec::new();
        for name in columns.keys() {
            if let Some(user) = name.extract::<&str>()?.strip_prefix("user.") {
                user_columns.push(user.to_owned());
            }
        }
        let mut signals = prefixed("signal.", &INPUTS)?;
        for user in &user_columns {
            signals.push(column(columns, &format!("user.{user}"))?);
        }
        if signals.iter().all(Vec::is_empty) {
            signals.clear();
        }
        let alarm_day: Vec<i32> = column(columns, "alarm_day")?;
        let alarm = if alarm_day.is_empty() { Vec::new() } else { prefixed("alarm.", &INPUTS[..SESSIONS_TO_EVENT])? };
        let columns = HistoryColumns {
            day: column(columns, "day")?,
            spx_open: column(columns, "spx_open")?,
            spx_high: column(columns, "spx_high")?,
            spx_low: column(columns, "spx_low")?,
            spx_close: column(columns, "spx_close")?,
            vix_open: column(columns, "vix_open")?,
            vix_high: column(columns, "vix_high")?,
            vix_low: column(columns, "vix_low")?,
            vix_close: column(columns, "vix_close")?,
            vix9d_close: column(columns, "vix9d_close")?,
            vix3m_close: column(columns, "vix3m_close")?,
            vix6m_close: column(columns, "vix6m_close")?,
            vvix_close: column(columns, "vvix_close")?,
            skew_close: column(columns, "skew_close")?,
            rate: column(columns, "rate")?,
            dividend_yield: column(columns, "dividend_yield")?,
            spy_open: column(columns, "spy_open")?,
            spy_close: column(columns, "spy_close")?,
            spx_settlement: column(columns, "spx_settlement")?,
            vix_settlement: column(columns, "vix_settlement")?,
            vx_offset,
            vx_expiry: column(columns, "vx_expiry")?,
            vx_settle: column(columns, "vx_settle")?,
            bar_day: column(columns, "bar_day")?,
            bar_seconds: column(columns, "bar_seconds")?,
            bar_spot: column(columns, "bar_spot")?,
            bar_vix: column(columns, "bar_vix")?,
            bar_vx,
            signals,
            user_columns,
            alarm_day,
            alarm_seconds: column(columns, "alarm_seconds")?,
            alarm,
        };
        let options = HistoryOptions { open_step, mid_morning };
        let inner = door::enter(py, |_| HistorySource::new(columns, options))?;
        Ok(Self { inner: Arc::new(inner) })
    }

    fn __len__(&self) -> usize {
        (&*self.inner).n_steps()
    }

    fn flag_counts<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let counts = PyDict::new(py);
        for (name, count) in self.inner.flag_counts() {
            counts.set_item(name, count)?;
        }
        Ok(counts)
    }

    fn steps<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let n = (&*self.inner).n_steps();
        let (mut day, mut seconds, mut flags) = (Vec::with_capacity(n), Vec::with_capacity(n), Vec::with_capacity(n));
        let (mut spot, mut vix) = (Vec::with_capacity(n), Vec::with_capacity(n));
        for step in 0..n {
            let values = self.inner.step(step);
            day.push(values.0);
            seconds.push(values.1);
            spot.push(values.2);
            vix.push(values.3);
            flags.push(values.4);
        }
        let steps = PyDict::new(py);
        steps.set_item("day", finished(py, day))?;
        steps.set_item("seconds", finished(py, seconds))?;
        steps.set_item("spot", finished(py, spot))?;
        steps.set_item("vix", finished(py, vix))?;
        steps.set_item("flags", finished(py, flags))?;
        Ok(steps)
    }

    fn settlements<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let source = &*self.inner;
        let sessions = source.columns().day.len();
        let mut columns: [Vec<f64>; 2] = std::array::from_fn(|_| Vec::with_capacity(sessions));
        let mut sources: [Vec<u8>; 2] = std::array::from_fn(|_| Vec::with_capacity(sessions));
        let mut last = None;
        for step in 0..source.n_steps() {
            let day = source.step(step).0;
            if last == Some(day) {
                continue;
            }
            last = Some(day);
            for (i, value) in [source.spx_settlement(step, 0), source.vix_settlement(step, 0)].into_iter().enumerate() {
                columns[i].push(value.value);
                sources[i].push(value.source as u8);
            }
        }
        let [spx, vix] = columns;
        let [spx_source, vix_source] = sources;
        let result = PyDict::new(py);
        result.set_item("spx", finished(py, spx))?;
        result.set_item("spx_source", finished(py, spx_source))?;
        result.set_item("vix", finished(py, vix))?;
        result.set_item("vix_source", finished(py, vix_source))?;
        Ok(result)
    }
}

/// Adds the history functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyHistory>()
}
