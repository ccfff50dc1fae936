//! Conversion for streaming detection: one detector, fed event by event, record by record or in blocks.

use std::sync::{Mutex, MutexGuard, TryLockError};

use alvh_core::events::{Event, EventColumns, Feed, LEVELS, Level, flag};
use alvh_core::ignition::clock::Features;
use alvh_core::ignition::{CLOCKS, Detection, IgnitionConfig, Live};
use alvh_core::{Error, Fault};
use numpy::{PyReadonlyArray1, PyReadonlyArray2};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use crate::door;
use crate::errors::{IntoPyResult, to_py};
use crate::ignition::{STAGES, detection_columns};
use crate::tape::quality_dict;

/// Events of a block that are handled without letting other threads run.
const BLOCK: usize = 4_096;

/// A detector behind a lock that is never waited for: a second call at the same time is a defect of the caller.
#[pyclass(frozen, subclass, name = "Stream")]
pub struct PyStream {
    live: Mutex<Option<Live>>,
}

#[cold]
fn misused(py: Python<'_>, code: &'static str, value: &str, expected: &str) -> PyErr {
    to_py(py, &Error::config(Fault::new(code, "IgnitionDetector", "call", value, expected)))
}

/// A detector that is there and that nobody else is at work with.
struct Held<'a>(MutexGuard<'a, Option<Live>>);

impl PyStream {
    #[inline]
    fn hold(&self, py: Python<'_>) -> PyResult<Held<'_>> {
        match self.live.try_lock() {
            Ok(guard) if guard.is_some() => Ok(Held(guard)),
            Ok(_) => Err(misused(py, "IGN035", "a call after close", "a detector that is open")),
            Err(TryLockError::WouldBlock) => {
                Err(misused(py, "IGN036", "a call while another is at work", "one call at a time"))
            }
            Err(TryLockError::Poisoned(_)) => {
                Err(misused(py, "IGN037", "a call after a defect in another", "a new detector"))
            }
        }
    }
}

impl std::ops::Deref for Held<'_> {
    type Target = Live;

    #[inline]
    fn deref(&self) -> &Live {
        // `hold` has looked.
        self.0.as_ref().expect("a detector")
    }
}

impl std::ops::DerefMut for Held<'_> {
    #[inline]
    fn deref_mut(&mut self) -> &mut Live {
        self.0.as_mut().expect("a detector")
    }
}

/// The code of a letter, or of the number that stands for it.
fn code(py: Python<'_>, value: &Bound<'_, PyAny>, name: &'static str) -> PyResult<u8> {
    if let Ok(code) = value.extract::<u8>() {
        return Ok(code);
    }
    match value.extract::<&str>().ok().map(str::as_bytes) {
        Some(&[letter]) => Ok(letter),
        _ => {
            let got = value.repr().map_or_else(|_| String::from("?"), |text| text.to_string());
            let fault = Fault::new("IGN038", "IgnitionDetector", name, got, "a letter or its ASCII code");
            Err(to_py(py, &Error::schema(fault)))
        }
    }
}

fn feed_of(py: Python<'_>, name: &str) -> PyResult<Feed> {
    match name {
        "orders" => Ok(Feed::Orders),
        "levels" => Ok(Feed::Levels),
        "depth" => Ok(Feed::Depth(LEVELS)),
        _ => {
            let fault = Fault::new("IGN039", "IgnitionDetector", "feed", name, "orders, levels or depth");
            Err(to_py(py, &Error::config(fault)))
        }
    }
}

#[pymethods]
impl PyStream {
    #[new]
    #[pyo3(signature = (json, feed, tick_size, by_receive))]
    fn new(py: Python<'_>, json: &str, feed: &str, tick_size: Option<f64>, by_receive: bool) -> PyResult<Self> {
        let config = IgnitionConfig::from_json(json).into_py_result(py)?;
        let live = Live::new(config, feed_of(py, feed)?, tick_size, by_receive).into_py_result(py)?;
        Ok(Self { live: Mutex::new(Some(live)) })
    }

    /// One event; returns the highest stage of any clock, 0 idle, 1 armed, 2 ignited, 3 cascade.
    #[pyo3(signature = (ts, action, side, price, size, order_id=0, flags=flag::LAST, participant=0))]
    fn update(
        &self,
        py: Python<'_>,
        ts: i64,
        action: &Bound<'_, PyAny>,
        side: &Bound<'_, PyAny>,
        price: i64,
        size: i64,
        order_id: u64,
        flags: u8,
        participant: u64,
    ) -> PyResult<u8> {
        let (action, side) = (code(py, action, "action")?, code(py, side, "side")?);
        let event = Event { ts, price, size, order_id, participant, action, side, flags };
        let mut live = self.hold(py)?;
        if matches!(live.feed(), Feed::Depth(_)) {
            return Err(misused(py, "IGN040", "one event without levels", "records or blocks with levels"));
        }
        live.stream.event(&event, &[]).into_py_result(py)?;
        Ok(live.stream.detector().stage() as u8)
    }

    /// One record of Databento's binary encoding; returns the stage as `update` does.
    fn update_record(&self, py: Python<'_>, record: &[u8]) -> PyResult<u8> {
        let mut live = self.hold(py)?;
        live.record(record).into_py_result(py)?;
        Ok(live.stream.detector().stage() as u8)
    }

    /// A block of events in columns; returns the stage after the last.
    #[pyo3(signature = (ts, action, side, price, size, order_id=None, flags=None, participant=None, levels=None))]
    fn update_columns(
        &self,
        py: Python<'_>,
        ts: PyReadonlyArray1<'_, i64>,
        action: PyReadonlyArray1<'_, u8>,
        side: PyReadonlyArray1<'_, u8>,
        price: PyReadonlyArray1<'_, i64>,
        size: PyReadonlyArray1<'_, i64>,
        order_id: Option<PyReadonlyArray1<'_, u64>>,
        flags: Option<PyReadonlyArray1<'_, u8>>,
        participant: Option<PyReadonlyArray1<'_, u64>>,
        levels: Option<[PyReadonlyArray2<'_, i64>; 4]>,
    ) -> PyResult<u8> {
        let columns = Columns {
            ts: ts.as_slice()?,
            action: action.as_slice()?,
            side: side.as_slice()?,
            price: price.as_slice()?,
            size: size.as_slice()?,
            order_id: optional(&order_id)?,
            flags: optional(&flags)?,
            participant: optional(&participant)?,
        };
        columns.check(py)?;
        let n = columns.ts.len();
        let depth_levels = levels.as_ref().map_or(0, |levels| levels[0].as_array().ncols());
        let mut depth = Vec::new();
        if let Some(levels) = &levels {
            let arrays = [levels[0].as_array(), levels[1].as_array(), levels[2].as_array(), levels[3].as_array()];
            if depth_levels > LEVELS || arrays.iter().any(|array| array.dim() != (n, depth_levels)) {
                return Err(unequal(py, "levels", depth_levels));
            }
            let [bid_price, ask_price, bid_size, ask_size] = arrays;
            let rows = bid_price.iter().zip(ask_price).zip(bid_size.iter().zip(ask_size));
            depth.extend(rows.map(|((&bid_price, &ask_price), (&bid_size, &ask_size))| Level {
                bid_price,
                ask_price,
                bid_size,
                ask_size,
            }));
        }
        let mut live = self.hold(py)?;
        if matches!(live.feed(), Feed::Depth(_)) != levels.is_some() {
            return Err(misused(
                py,
                "IGN040",
                "events with the wrong kind of levels",
                "levels for a feed of depths only",
            ));
        }
        if n <= BLOCK {
            for i in 0..n {
                let row = &depth[i * depth_levels..(i + 1) * depth_levels];
                live.stream.event(&columns.event(i), row).into_py_result(py)?;
            }
            return Ok(live.stream.detector().stage() as u8);
        }
        // Other threads run meanwhile and could change the arrays: the events are copied first.
        let events = columns.copy(depth, depth_levels);
        let live = &mut *live;
        door::enter(py, move |go_on| {
            for i in 0..events.len() {
                if i % BLOCK == 0 && !go_on() {
                    return Err(Error::Interrupted);
                }
                live.stream.event(&events.event(i), events.levels(i))?;
            }
            Ok(live.stream.detector().stage() as u8)
        })
    }

    /// Highest stage of any clock.
    #[getter]
    fn stage(&self, py: Python<'_>) -> PyResult<&'static str> {
        Ok(STAGES[self.hold(py)?.stream.detector().stage() as usize])
    }

    /// Stage of each clock.
    #[getter]
    fn stages(&self, py: Python<'_>) -> PyResult<[&'static str; CLOCKS]> {
        Ok(self.hold(py)?.stream.detector().stages().map(|stage| STAGES[stage as usize]))
    }

    /// Largest score of any clock at the end of its last cell, 0 to 100.
    #[getter]
    fn score(&self, py: Python<'_>) -> PyResult<f64> {
        Ok(self.hold(py)?.stream.detector().score())
    }

    /// Number of events so far.
    #[getter]
    fn n_events(&self, py: Python<'_>) -> PyResult<i64> {
        Ok(self.hold(py)?.stream.detector().events())
    }

    /// What was flagged so far.
    #[getter]
    fn quality<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let quality = self.hold(py)?.stream.quality();
        quality_dict(py, &quality)
    }

    /// Features of one clock at the end of its last cell.
    fn features<'py>(&self, py: Python<'py>, clock: usize) -> PyResult<Bound<'py, PyDict>> {
        let live = self.hold(py)?;
        if clock >= CLOCKS {
            return Err(misused(py, "IGN041", "features of another clock", "0, 1 or 2"));
        }
        let features = PyDict::new(py);
        for (name, value) in Features::NAMES.iter().zip(live.stream.detector().features(clock).values()) {
            features.set_item(name, value)?;
        }
        Ok(features)
    }

    /// What was found so far, in the columns of a detection.
    fn columns<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let found = {
            let live = self.hold(py)?;
            let detector = live.stream.detector();
            Detection {
                episodes: detector.episodes().to_vec(),
                transitions: detector.transitions().to_vec(),
                timeline: detector.timeline().to_vec(),
                quality: live.stream.quality(),
                events: detector.events(),
                end: detector.last_ts(),
            }
        };
        detection_columns(py, &found)
    }

    /// The configuration as JSON.
    fn config_json(&self, py: Python<'_>) -> PyResult<String> {
        Ok(self.hold(py)?.stream.detector().config().to_json())
    }

    /// The whole state as bytes.
    fn to_bytes<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        let bytes = self.hold(py)?.to_bytes().into_py_result(py)?;
        Ok(PyBytes::new(py, &bytes))
    }

    /// Takes the state of another detector.
    fn load_bytes(&self, py: Python<'_>, state: &[u8]) -> PyResult<()> {
        let read = Live::from_bytes(state).into_py_result(py)?;
        *self.hold(py)? = read;
        Ok(())
    }

    /// Ends the detector: every later call but this is refused.
    fn close(&self, py: Python<'_>) -> PyResult<()> {
        match self.live.try_lock() {
            Ok(mut live) => *live = None,
            Err(TryLockError::Poisoned(live)) => *live.into_inner() = None,
            Err(TryLockError::WouldBlock) => {
                return Err(misused(py, "IGN036", "a call while another is at work", "one call at a time"));
            }
        }
        Ok(())
    }
}

fn optional<'a, T: numpy::Element>(column: &'a Option<PyReadonlyArray1<'_, T>>) -> PyResult<Option<&'a [T]>> {
    Ok(column.as_ref().map(|column| column.as_slice()).transpose()?)
}

/// Columns of a block as they were given.
struct Columns<'a> {
    ts: &'a [i64],
    action: &'a [u8],
    side: &'a [u8],
    price: &'a [i64],
    size: &'a [i64],
    order_id: Option<&'a [u64]>,
    flags: Option<&'a [u8]>,
    participant: Option<&'a [u64]>,
}

fn unequal(py: Python<'_>, name: &'static str, length: usize) -> PyErr {
    let fault = Fault::new("IGN042", "update_batch", name, length.to_string(), "columns of the length of ts");
    to_py(py, &Error::schema(fault))
}

impl Columns<'_> {
    fn check(&self, py: Python<'_>) -> PyResult<()> {
        let n = self.ts.len();
        let lengths = [
            ("action", Some(self.action.len())),
            ("side", Some(self.side.len())),
            ("price", Some(self.price.len())),
            ("size", Some(self.size.len())),
            ("order_id", self.order_id.map(<[u64]>::len)),
            ("flags", self.flags.map(<[u8]>::len)),
            ("participant", self.participant.map(<[u64]>::len)),
        ];
        match lengths.into_iter().find(|(_, length)| length.is_some_and(|length| length != n)) {
            Some((name, length)) => Err(unequal(py, name, length.unwrap_or(0))),
            None => Ok(()),
        }
    }

    #[inline(always)]
    fn event(&self, i: usize) -> Event {
        Event {
            ts: self.ts[i],
            price: self.price[i],
            size: self.size[i],
            order_id: self.order_id.map_or(0, |column| column[i]),
            participant: self.participant.map_or(0, |column| column[i]),
            action: self.action[i],
            side: self.side[i],
            flags: self.flags.map_or(flag::LAST, |column| column[i]),
        }
    }

    fn copy(&self, depth: Vec<Level>, depth_levels: usize) -> EventColumns {
        EventColumns {
            ts: self.ts.to_vec(),
            action: self.action.to_vec(),
            side: self.side.to_vec(),
            flags: self.flags.map_or_else(|| vec![flag::LAST; self.ts.len()], <[u8]>::to_vec),
            price: self.price.to_vec(),
            size: self.size.to_vec(),
            order_id: self.order_id.map_or_else(Vec::new, <[u64]>::to_vec),
            participant: self.participant.map_or_else(Vec::new, <[u64]>::to_vec),
            depth,
            depth_levels,
        }
    }
}

/// Adds its names to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyStream>()
}
