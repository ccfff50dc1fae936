//! Conversion for streaming detection: one detector, fed event by event, record by record or in blocks.

use std::ops::Range;
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
    fn record(&self, py: Python<'_>, record: &[u8]) -> PyResult<u8> {
        let mut live = self.hold(py)?;
        live.record(record).into_py_result(py)?;
        Ok(live.stream.detector().stage() as u8)
    }

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

#[cold]
fn unfit(value: &Bound<'_, PyAny>, name: &'static str, expected: &str) -> PyErr {
    let got = value.repr().map_or_else(|_| String::from("?"), |text| text.to_string().replace(['\n', '\r'], " "));
    to_py(value.py(), &Error::schema(Fault::new("IGN038", "IgnitionDetector", name, got, expected)))
}

/// An integer that the type can hold.
#[inline]
fn integer<'py, T: FromPyObject<'py, 'py>>(value: &'py Bound<'py, PyAny>, name: &'static str) -> PyResult<T> {
    value.extract().map_err(|_| unfit(value, name, "an integer within its range"))
}

/// The code of a letter, or of the number that stands for it.
#[inline]
fn code(value: &Bound<'_, PyAny>, name: &'static str) -> PyResult<u8> {
    if let Ok(code) = value.extract::<u8>() {
        return Ok(code);
    }
    match value.extract::<&str>().ok().map(str::as_bytes) {
        Some(&[letter]) => Ok(letter),
        _ => Err(unfit(value, name, "a letter or its ASCII code")),
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
    #[pyo3(signature = (ts, action, side, price, size, order_id=None, flags=None, participant=None))]
    fn update(
        &self,
        py: Python<'_>,
        ts: &Bound<'_, PyAny>,
        action: &Bound<'_, PyAny>,
        side: &Bound<'_, PyAny>,
        price: &Bound<'_, PyAny>,
        size: &Bound<'_, PyAny>,
        order_id: Option<&Bound<'_, PyAny>>,
        flags: Option<&Bound<'_, PyAny>>,
        participant: Option<&Bound<'_, PyAny>>,
    ) -> PyResult<u8> {
        let event = Event {
            ts: integer(ts, "ts")?,
            price: integer(price, "price")?,
            size: integer(size, "size")?,
            order_id: order_id.map_or(Ok(0), |value| integer(value, "order_id"))?,
            participant: participant.map_or(Ok(0), |value| integer(value, "participant"))?,
            action: code(action, "action")?,
            side: code(side, "side")?,
            flags: flags.map_or(Ok(flag::LAST), |value| integer(value, "flags"))?,
        };
        let mut live = self.hold(py)?;
        if matches!(live.feed(), Feed::Depth(_)) {
            return Err(misused(py, "IGN040", "one event without levels", "records or blocks with levels"));
        }
        live.stream.event(&event, &[]).into_py_result(py)?;
        Ok(live.stream.detector().stage() as u8)
    }

    /// One record of Databento's binary encoding; returns the stage as `update` does.
    fn update_record(&self, py: Python<'_>, record: &Bound<'_, PyAny>) -> PyResult<u8> {
        let Ok(bytes) = record.cast::<PyBytes>() else {
            // A packed record of another kind, such as a row of a structured array: its bytes.
            let bytes = py.get_type::<PyBytes>().call1((record,));
            let bytes = bytes.map_err(|_| unfit(record, "record", "the bytes of a record"))?;
            return self.record(py, bytes.cast::<PyBytes>()?.as_bytes());
        };
        self.record(py, bytes.as_bytes())
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
        // Other threads run meanwhile and could change the arrays: each block is copied first.
        let live = &mut *live;
        let mut block = EventColumns { depth_levels, ..EventColumns::default() };
        for start in (0..n).step_by(BLOCK) {
            columns.copy(start..(start + BLOCK).min(n), &depth, &mut block);
            let (live, block) = (&mut *live, &block);
            door::enter(py, move |_| {
                (0..block.len()).try_for_each(|i| live.stream.event(&block.event(i), block.levels(i)))
            })?;
            py.check_signals()?;
        }
        Ok(live.stream.detector().stage() as u8)
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

    /// Largest score of an alarm that is going on, 0 to 100, else 0.
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

    /// Copies a range of rows.
    fn copy(&self, rows: Range<usize>, depth: &[Level], block: &mut EventColumns) {
        fn take<T: Copy>(to: &mut Vec<T>, from: Option<&[T]>, rows: &Range<usize>) {
            to.clear();
            to.extend_from_slice(from.map_or(&[], |column| &column[rows.clone()]));
        }
        take(&mut block.ts, Some(self.ts), &rows);
        take(&mut block.action, Some(self.action), &rows);
        take(&mut block.side, Some(self.side), &rows);
        take(&mut block.price, Some(self.price), &rows);
        take(&mut block.size, Some(self.size), &rows);
        take(&mut block.order_id, self.order_id, &rows);
        take(&mut block.participant, self.participant, &rows);
        take(&mut block.flags, self.flags, &rows);
        block.flags.resize(rows.len(), flag::LAST);
        let k = block.depth_levels;
        take(&mut block.depth, Some(depth), &(rows.start * k..rows.end * k));
    }
}

/// Adds its names to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyStream>()
}
