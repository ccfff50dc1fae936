//! Conversion for batch detection: configuration as JSON in, columns out.

use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use alvh_core::events::{Event, Flaw, LEVELS, Level, NO_PRICE, action};
use alvh_core::ignition::clock::Features;
use alvh_core::ignition::episode::Moment;
use alvh_core::ignition::{CLOCKS, Detection, Detector, Episode, IgnitionConfig, Stage, detect, walk};
use alvh_core::{Error, Fault};
use numpy::{PyArray1, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arrays;
use crate::door;
use crate::errors::{IntoPyResult, to_py};
use crate::tape::{PyTape, quality_dict};

/// A caller that wants to know how far a detection is hears of it this often.
const PROGRESS_INTERVAL: Duration = Duration::from_millis(100);

/// The default configuration as JSON.
#[pyfunction]
fn ignition_defaults() -> String {
    IgnitionConfig::default().to_json()
}

/// Checks a configuration and gives its hash.
#[pyfunction]
fn ignition_hash(py: Python<'_>, json: &str) -> PyResult<String> {
    Ok(IgnitionConfig::from_json(json).into_py_result(py)?.hash())
}

type Columns<'py> = Bound<'py, PyDict>;
type NamedMoment = (&'static str, fn(&Episode) -> Moment);

/// Sets a column of every row's value.
macro_rules! column {
    ($py:expr, $columns:expr, $rows:expr, $($name:literal => $value:expr),+ $(,)?) => {
        $($columns.set_item($name, arrays::finished($py, $rows.iter().map($value).collect()))?;)+
    };
}

fn episode_columns<'py>(py: Python<'py>, rows: &[Episode]) -> PyResult<Columns<'py>> {
    let columns = PyDict::new(py);
    column!(py, columns, rows,
        "clock" => |row| row.clock,
        "side" => |row| row.side,
        "outcome" => |row| row.outcome as u8,
        "was_armed" => |row| row.was_armed,
        "reference_price" => |row| row.reference_price,
        "detected_price" => |row| row.detected_price,
        "peak_price" => |row| row.peak_price,
        "end_price" => |row| row.end_price,
        "retrace" => |row| row.retrace,
        "score" => |row| row.score,
        "push_z" => |row| row.push_z,
        "velocity_z" => |row| row.velocity_z,
        "volume_burst" => |row| row.volume_burst,
        "thinning" => |row| row.thinning,
        "cascade_share" => |row| row.cascade_share,
        "levels_swept" => |row| row.levels_swept,
        "branching_jump" => |row| row.branching_jump,
        "sigma" => |row| row.sigma,
        "participant" => |row| row.participant,
        "participant_share" => |row| row.participant_share,
        "participant_reversal" => |row| row.participant_reversal,
    );
    let moments: [NamedMoment; 5] = [
        ("onset", |row| row.onset),
        ("detected", |row| row.detected),
        ("cascade", |row| row.cascade),
        ("peak", |row| row.peak),
        ("end", |row| row.end),
    ];
    for (name, of) in moments {
        columns.set_item(name, arrays::finished(py, rows.iter().map(|row| of(row).ts).collect()))?;
        let events = rows.iter().map(|row| of(row).event).collect();
        columns.set_item(format!("{name}_event"), arrays::finished(py, events))?;
    }
    Ok(columns)
}

pub fn detection_columns<'py>(py: Python<'py>, found: &Detection) -> PyResult<Columns<'py>> {
    let transitions = PyDict::new(py);
    column!(py, transitions, found.transitions,
        "time" => |row| row.moment.ts,
        "event" => |row| row.moment.event,
        "clock" => |row| row.clock,
        "side" => |row| row.side,
        "stage" => |row| row.stage as u8,
        "episode" => |row| row.episode,
        "outcome" => |row| row.outcome as u8,
        "score" => |row| row.score,
    );
    let timeline = PyDict::new(py);
    column!(py, timeline, found.timeline,
        "time" => |row| row.ts,
        "known" => |row| row.known,
        "mid" => |row| row.mid,
        "spread" => |row| row.spread,
        "volume" => |row| row.volume,
        "score" => |row| row.score,
        "quick_ratio" => |row| row.quick_ratio,
        "push_z" => |row| row.push_z,
        "stage" => |row| row.stage as u8,
        "is_scored" => |row| row.is_scored,
    );
    let all = PyDict::new(py);
    all.set_item("episodes", episode_columns(py, &found.episodes)?)?;
    all.set_item("transitions", transitions)?;
    all.set_item("timeline", timeline)?;
    all.set_item("quality", quality_dict(py, &found.quality)?)?;
    all.set_item("events", found.events)?;
    all.set_item("end", found.end)?;
    Ok(all)
}

/// Detection over a tape; `progress` hears now and then that it goes on.
#[pyfunction]
#[pyo3(signature = (tape, json, progress=None))]
fn ignition_detect<'py>(
    py: Python<'py>,
    tape: &PyTape,
    json: &str,
    progress: Option<Py<PyAny>>,
) -> PyResult<Columns<'py>> {
    let config = IgnitionConfig::from_json(json).into_py_result(py)?;
    let tape = tape.inner.clone();
    let mut refused: Option<PyErr> = None;
    let begun = Instant::now();
    let found = door::enter(py, |go_on| {
        let mut last = begun;
        detect(&tape, &config, &mut || {
            if let Some(progress) = progress.as_ref().filter(|_| last.elapsed() >= PROGRESS_INTERVAL) {
                last = Instant::now();
                let seconds = begun.elapsed().as_secs_f64();
                refused = Python::attach(|py| progress.call1(py, (seconds,))).err();
            }
            refused.is_none() && go_on()
        })
    });
    match refused {
        Some(error) => Err(error),
        None => detection_columns(py, &found?),
    }
}

/// Features of one clock: after each event, or after the first event at or past each multiple of `every` ns.
#[pyfunction]
fn ignition_features<'py>(
    py: Python<'py>,
    tape: &PyTape,
    json: &str,
    clock: usize,
    every: i64,
) -> PyResult<Columns<'py>> {
    let config = IgnitionConfig::from_json(json).into_py_result(py)?;
    if clock >= CLOCKS || every < 0 {
        let fault = Fault::new("IGN010", "features", "clock", clock.to_string(), "0, 1 or 2");
        return Err(to_py(py, &Error::config(fault)));
    }
    const MORE: [&str; 7] =
        ["vpin", "intensity_10ms", "intensity_100ms", "intensity_1s", "ultrafast_run", "is_ultrafast", "follow_on"];
    const WIDTH: usize = Features::NAMES.len() + MORE.len();
    let tape = tape.inner.clone();
    let (times, numbers, values) = door::enter(py, |go_on| {
        let (mut times, mut numbers): (Vec<i64>, Vec<i64>) = (Vec::new(), Vec::new());
        let mut values: [Vec<f64>; WIDTH] = std::array::from_fn(|_| Vec::new());
        let mut due = i64::MIN;
        walk(&tape, &config, go_on, &mut |event, detector| {
            if !detector.is_started() || event.ts < due {
                return ControlFlow::Continue(());
            }
            if every > 0 {
                due = (event.ts.div_euclid(every) + 1) * every;
            }
            let (count, is_ultrafast) = detector.ultrafast();
            let [fast, middle, slow] = detector.intensities();
            let own = detector.features(clock).values();
            let more = [
                detector.vpin(),
                fast,
                middle,
                slow,
                f64::from(count),
                f64::from(u8::from(is_ultrafast)),
                detector.follow_on(),
            ];
            for (column, value) in values.iter_mut().zip(own.into_iter().chain(more)) {
                column.push(value);
            }
            times.push(detector.last_ts());
            numbers.push(detector.events() - 1);
            ControlFlow::Continue(())
        })?;
        Ok((times, numbers, values))
    })?;
    let columns = PyDict::new(py);
    columns.set_item("time", arrays::finished(py, times))?;
    columns.set_item("event", arrays::finished(py, numbers))?;
    for (name, column) in Features::NAMES.iter().chain(&MORE).zip(values) {
        columns.set_item(name, arrays::finished(py, column))?;
    }
    Ok(columns)
}

fn event_columns<'py>(py: Python<'py>, first: i64, rows: &[Event]) -> PyResult<Columns<'py>> {
    let columns = PyDict::new(py);
    let numbers = (first..first + rows.len() as i64).collect();
    columns.set_item("event", arrays::finished(py, numbers))?;
    column!(py, columns, rows,
        "time" => |row| row.ts,
        "action" => |row| row.action,
        "side" => |row| row.side,
        "flags" => |row| row.flags,
        "price" => |row| row.price,
        "size" => |row| row.size,
        "order_id" => |row| row.order_id,
        "participant" => |row| row.participant,
    );
    Ok(columns)
}

/// Events `first` to `last` of a tape, both included.
#[pyfunction]
fn ignition_events<'py>(py: Python<'py>, tape: &PyTape, first: i64, last: i64) -> PyResult<Columns<'py>> {
    let tape = tape.inner.clone();
    let events = door::enter(py, |go_on| {
        let mut events: Vec<Event> = Vec::new();
        walk(&tape, &IgnitionConfig::default(), go_on, &mut |event, detector| {
            let number = detector.events() - 1;
            if (first..=last).contains(&number) {
                events.push(*event);
            }
            if number < last { ControlFlow::Continue(()) } else { ControlFlow::Break(()) }
        })?;
        Ok(events)
    })?;
    event_columns(py, first, &events)
}

/// The book at the end of each of `n` equal steps from `start` to `stop` (ns), and the trades between.
///
/// The book of a step is the last whole one at its end; steps before the first book are empty.
#[pyfunction]
fn ignition_books<'py>(py: Python<'py>, tape: &PyTape, start: i64, stop: i64, n: usize) -> PyResult<Columns<'py>> {
    if n == 0 || stop <= start || n > 100_000 {
        let fault = Fault::new("IGN011", "books", "window", format!("{n} steps of [{start}, {stop})"), "a window");
        return Err(to_py(py, &Error::config(fault)));
    }
    let tape = tape.inner.clone();
    let (books, trades) = door::enter(py, |go_on| {
        let mut books = vec![[Level::EMPTY; LEVELS]; n];
        let mut trades: Vec<Event> = Vec::new();
        let step = |ts: i64| (((ts - start) as f64 / (stop - start) as f64) * n as f64) as usize;
        let mut now = [Level::EMPTY; LEVELS];
        let mut done = 0;
        walk(&tape, &IgnitionConfig::default(), go_on, &mut |event, detector: &Detector| {
            if event.ts >= stop {
                return ControlFlow::Break(());
            }
            if event.ts >= start {
                // Steps that ended before this event hold the book before it.
                while done < step(event.ts).min(n) {
                    books[done] = now;
                    done += 1;
                }
                if event.action == action::TRADE && event.price != NO_PRICE {
                    trades.push(*event);
                }
            }
            now = *detector.depth();
            ControlFlow::Continue(())
        })?;
        books[done..].fill(now);
        Ok((books, trades))
    })?;
    let columns = event_columns(py, 0, &trades)?;
    let matrix = |of: fn(&Level) -> i64| -> PyResult<_> {
        let flat: Vec<i64> = books.iter().flat_map(|levels| levels.iter().map(of)).collect();
        Ok(arrays::frozen(PyArray1::from_vec(py, flat).reshape([n, LEVELS])?))
    };
    columns.set_item("bid_price", matrix(|level| level.bid_price)?)?;
    columns.set_item("ask_price", matrix(|level| level.ask_price)?)?;
    columns.set_item("bid_size", matrix(|level| level.bid_size)?)?;
    columns.set_item("ask_size", matrix(|level| level.ask_size)?)?;
    Ok(columns)
}

/// Names of the stages, by number.
pub const STAGES: [&str; 4] = ["idle", "armed", "ignited", "cascade"];
const _: () = assert!(Stage::Cascade as usize + 1 == STAGES.len());

/// Adds its names to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("IGNITION_STAGES", STAGES.to_vec())?;
    module.add("IGNITION_OUTCOMES", alvh_core::ignition::Outcome::NAMES.to_vec())?;
    module.add("FEATURE_NAMES", Features::NAMES.to_vec())?;
    module.add("FLAW_NAMES", Flaw::NAMES.to_vec())?;
    module.add_function(wrap_pyfunction!(ignition_defaults, module)?)?;
    module.add_function(wrap_pyfunction!(ignition_hash, module)?)?;
    module.add_function(wrap_pyfunction!(ignition_detect, module)?)?;
    module.add_function(wrap_pyfunction!(ignition_features, module)?)?;
    module.add_function(wrap_pyfunction!(ignition_events, module)?)?;
    module.add_function(wrap_pyfunction!(ignition_books, module)?)?;
    Ok(())
}
