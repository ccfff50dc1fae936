//! Conversion of tapes: event columns in, quality and columns out.

use std::sync::{Arc, OnceLock};

use alvh_core::events::arrays::{Arrays, LevelArrays, Numbers, Policy};
use alvh_core::events::{EventColumns, Feed, Flaw, LEVELS, Level, Quality};
use alvh_core::tape::{Body, Tape};
use alvh_core::{Error, Fault};
use numpy::{PyArray2, PyArrayMethods, PyReadonlyArray1, PyReadonlyArrayDyn};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arrays;
use crate::door;
use crate::errors::{IntoPyResult, to_py};

/// The events of one instrument, shared and read-only.
#[pyclass(frozen, name = "Tape")]
pub struct PyTape {
    /// The tape; a detection holds it without copying.
    pub inner: Arc<Tape>,
    hash: OnceLock<String>,
}

impl PyTape {
    /// The tape as Python holds it.
    pub fn new(tape: Tape) -> Self {
        Self { inner: Arc::new(tape), hash: OnceLock::new() }
    }
}

/// Counters by name, zeros left out.
pub fn quality_dict<'py>(py: Python<'py>, quality: &Quality) -> PyResult<Bound<'py, PyDict>> {
    let counts = PyDict::new(py);
    for (name, count) in quality.iter().filter(|(_, count)| *count > 0) {
        counts.set_item(name, count)?;
    }
    Ok(counts)
}

/// Counters from their names; the inverse of `quality_dict`.
fn quality_of(counts: &[(String, u64)]) -> Option<Quality> {
    let mut quality = Quality::default();
    for (name, count) in counts {
        quality.add_many(Flaw::named(name)?, *count);
    }
    Some(quality)
}

/// A read-only array of integers or floats.
enum Column<'py> {
    Integers(PyReadonlyArrayDyn<'py, i64>),
    Floats(PyReadonlyArrayDyn<'py, f64>),
}

impl<'py> Column<'py> {
    fn new(array: &Bound<'py, PyAny>) -> PyResult<Self> {
        match array.extract() {
            Ok(integers) => Ok(Self::Integers(integers)),
            Err(_) => Ok(Self::Floats(array.extract()?)),
        }
    }

    fn numbers(&self) -> PyResult<Numbers<'_>> {
        Ok(match self {
            Self::Integers(array) => Numbers::Integers(array.as_slice()?),
            Self::Floats(array) => Numbers::Floats(array.as_slice()?),
        })
    }
}

/// A tape of a user's arrays, every value checked.
#[pyfunction]
#[pyo3(signature = (source, symbol, tick_size, lot_size, unit, policies, ts, action, side, price, size, flags, order_id, participant, levels))]
fn tape_from_arrays(
    py: Python<'_>,
    source: &str,
    symbol: &str,
    tick_size: f64,
    lot_size: f64,
    unit: i64,
    policies: (String, String),
    ts: PyReadonlyArray1<'_, i64>,
    action: PyReadonlyArray1<'_, u8>,
    side: PyReadonlyArray1<'_, u8>,
    price: &Bound<'_, PyAny>,
    size: &Bound<'_, PyAny>,
    flags: Option<PyReadonlyArray1<'_, u8>>,
    order_id: Option<PyReadonlyArray1<'_, u64>>,
    participant: Option<PyReadonlyArray1<'_, u64>>,
    levels: Option<(usize, [Bound<'_, PyAny>; 4])>,
) -> PyResult<PyTape> {
    let (price, size) = (Column::new(price)?, Column::new(size)?);
    let sides = match &levels {
        Some((k, [bid_price, ask_price, bid_size, ask_size])) => Some((
            *k,
            [Column::new(bid_price)?, Column::new(ask_price)?, Column::new(bid_size)?, Column::new(ask_size)?],
        )),
        None => None,
    };
    let levels = match &sides {
        Some((k, [bid_price, ask_price, bid_size, ask_size])) => Some(LevelArrays {
            k: *k,
            bid_price: bid_price.numbers()?,
            ask_price: ask_price.numbers()?,
            bid_size: bid_size.numbers()?,
            ask_size: ask_size.numbers()?,
        }),
        None => None,
    };
    let given = Arrays {
        source,
        ts: ts.as_slice()?,
        unit,
        action: action.as_slice()?,
        side: side.as_slice()?,
        price: price.numbers()?,
        size: size.numbers()?,
        flags: flags.as_ref().map(|column| column.as_slice()).transpose()?,
        order_id: order_id.as_ref().map(|column| column.as_slice()).transpose()?,
        participant: participant.as_ref().map(|column| column.as_slice()).transpose()?,
        levels,
        tick_size,
        lot_size,
        backwards: Policy::parse(&policies.0, "time_backwards").into_py_result(py)?,
        values: Policy::parse(&policies.1, "bad_value").into_py_result(py)?,
    };
    let tape = door::enter(py, |_| {
        let (events, quality) = given.events()?;
        let mut tape = Tape::of_columns(source, symbol, tick_size, lot_size, events);
        tape.quality = quality;
        Ok(tape)
    })?;
    Ok(PyTape::new(tape))
}

#[pymethods]
impl PyTape {
    /// A tape of columns that have been checked before: what `arrays` gave.
    #[staticmethod]
    #[pyo3(signature = (source, tick_size, lot_size, ts, action, side, flags, price, size, *, symbol="", order_id=None,
                        participant=None, levels=None, quality=Vec::new()))]
    fn from_columns(
        py: Python<'_>,
        source: &str,
        tick_size: f64,
        lot_size: f64,
        ts: PyReadonlyArray1<'_, i64>,
        action: PyReadonlyArray1<'_, u8>,
        side: PyReadonlyArray1<'_, u8>,
        flags: PyReadonlyArray1<'_, u8>,
        price: PyReadonlyArray1<'_, i64>,
        size: PyReadonlyArray1<'_, i64>,
        symbol: &str,
        order_id: Option<PyReadonlyArray1<'_, u64>>,
        participant: Option<PyReadonlyArray1<'_, u64>>,
        levels: Option<[numpy::PyReadonlyArray2<'_, i64>; 4]>,
        quality: Vec<(String, u64)>,
    ) -> PyResult<Self> {
        let n = ts.as_slice()?.len();
        let mut events = EventColumns {
            ts: ts.as_slice()?.to_vec(),
            action: action.as_slice()?.to_vec(),
            side: side.as_slice()?.to_vec(),
            flags: flags.as_slice()?.to_vec(),
            price: price.as_slice()?.to_vec(),
            size: size.as_slice()?.to_vec(),
            order_id: order_id.map_or_else(|| Ok(Vec::new()), |ids| ids.as_slice().map(<[u64]>::to_vec))?,
            participant: participant.map_or_else(|| Ok(Vec::new()), |ids| ids.as_slice().map(<[u64]>::to_vec))?,
            ..EventColumns::default()
        };
        let mut is_sound = [events.action.len(), events.side.len(), events.flags.len()].iter().all(|&len| len == n)
            && events.price.len() == n
            && events.size.len() == n
            && [events.order_id.len(), events.participant.len()].iter().all(|&len| len == 0 || len == n);
        if let Some([bid_price, ask_price, bid_size, ask_size]) = &levels {
            let shape = bid_price.as_array().shape().to_vec();
            is_sound &= shape[0] == n && (1..=LEVELS).contains(&shape[1]);
            is_sound &= [ask_price, bid_size, ask_size].iter().all(|array| array.as_array().shape() == shape);
            if is_sound {
                events.depth_levels = shape[1];
                let columns =
                    [bid_price.as_slice()?, ask_price.as_slice()?, bid_size.as_slice()?, ask_size.as_slice()?];
                events.depth = (0..n * shape[1])
                    .map(|i| Level {
                        bid_price: columns[0][i],
                        ask_price: columns[1][i],
                        bid_size: columns[2][i],
                        ask_size: columns[3][i],
                    })
                    .collect();
            }
        }
        let mut tape = Tape::of_columns(source, symbol, tick_size, lot_size, events);
        match quality_of(&quality) {
            Some(quality) if is_sound => tape.quality = quality,
            _ => {
                let fault = Fault::new("EVT011", source, "columns", "other shapes or counters", "those of a tape");
                return Err(to_py(py, &Error::schema(fault)));
            }
        }
        Ok(Self::new(tape))
    }

    #[getter]
    fn source(&self) -> &str {
        &self.inner.source
    }

    #[getter]
    fn symbol(&self) -> &str {
        &self.inner.symbol
    }

    #[getter]
    fn feed(&self) -> &'static str {
        match (&self.inner.body, self.inner.feed) {
            (Body::Dbn(_), _) => "dbn",
            (_, Feed::Orders) => "orders",
            (_, Feed::Levels) => "levels",
            (_, Feed::Depth(_)) => "depth",
        }
    }

    #[getter]
    fn n_levels(&self) -> usize {
        if let Feed::Depth(k) = self.inner.feed { k } else { 0 }
    }

    #[getter]
    fn tick_size(&self) -> f64 {
        self.inner.tick_size
    }

    #[getter]
    fn lot_size(&self) -> f64 {
        self.inner.lot_size
    }

    #[getter]
    fn n_events(&self) -> usize {
        self.inner.len()
    }

    /// Times of the first and the last event; `None` without events.
    fn span(&self) -> Option<(i64, i64)> {
        self.inner.span()
    }

    /// What the reader flagged or dropped, and with `all` what the events show by themselves.
    #[pyo3(signature = (*, all=true))]
    fn quality<'py>(&self, py: Python<'py>, all: bool) -> PyResult<Bound<'py, PyDict>> {
        let mut quality = self.inner.quality;
        if let (true, Body::Columns(events)) = (all, &self.inner.body) {
            quality.merge(&events.shown());
        }
        quality_dict(py, &quality)
    }

    fn data_hash(&self, py: Python<'_>) -> PyResult<String> {
        if let Some(hash) = self.hash.get() {
            return Ok(hash.clone());
        }
        let hash = door::enter(py, |go_on| self.inner.data_hash(go_on))?;
        Ok(self.hash.get_or_init(|| hash).clone())
    }

    /// The events from `start` to before `stop`; bounds beyond the ends are cut.
    fn slice(&self, py: Python<'_>, start: usize, stop: usize) -> PyResult<Self> {
        let tape = door::enter(py, |go_on| {
            let events = self.inner.events(go_on)?;
            let stop = stop.min(events.len());
            let part = events.slice(start.min(stop), stop);
            let tape = &self.inner;
            let mut part = Tape::of_columns(&tape.source, &tape.symbol, tape.tick_size, tape.lot_size, part);
            part.feed = tape.feed;
            Ok(part)
        })?;
        Ok(Self::new(tape))
    }

    /// Columns of the events, read-only: ticks, lots and nanoseconds.
    fn arrays<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let events = door::enter(py, |go_on| self.inner.events(go_on))?;
        let columns = PyDict::new(py);
        columns.set_item("ts", arrays::finished(py, events.ts.clone()))?;
        columns.set_item("action", arrays::finished(py, events.action.clone()))?;
        columns.set_item("side", arrays::finished(py, events.side.clone()))?;
        columns.set_item("flags", arrays::finished(py, events.flags.clone()))?;
        columns.set_item("price", arrays::finished(py, events.price.clone()))?;
        columns.set_item("size", arrays::finished(py, events.size.clone()))?;
        if !events.order_id.is_empty() {
            columns.set_item("order_id", arrays::finished(py, events.order_id.clone()))?;
        }
        if !events.participant.is_empty() {
            columns.set_item("participant", arrays::finished(py, events.participant.clone()))?;
        }
        if events.depth_levels > 0 {
            type Field = fn(&Level) -> i64;
            let fields: [(&str, Field); 4] = [
                ("bid_price", |level| level.bid_price),
                ("ask_price", |level| level.ask_price),
                ("bid_size", |level| level.bid_size),
                ("ask_size", |level| level.ask_size),
            ];
            for (name, field) in fields {
                let values: Vec<i64> = events.depth.iter().map(field).collect();
                let flat = numpy::PyArray1::from_vec(py, values);
                let table: Bound<'py, PyArray2<i64>> = flat.reshape([events.len(), events.depth_levels])?;
                columns.set_item(name, arrays::frozen(table))?;
            }
        }
        Ok(columns)
    }
}

/// Adds its names to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyTape>()?;
    module.add_function(wrap_pyfunction!(tape_from_arrays, module)?)?;
    Ok(())
}
