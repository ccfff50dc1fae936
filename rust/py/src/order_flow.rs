//! Conversion for the labelled order flow, transplants, baselines and scores.

use alvh_core::events::{Feed, LEVELS};
use alvh_core::ignition::{IgnitionConfig, detect};
use alvh_core::labelled::baselines::{BASELINES, baseline_alarms};
use alvh_core::labelled::order_flow::Counts;
use alvh_core::labelled::score::{Alarm, Claim, FALSE_NAMES, Tally, claims_of, merge_claims, tally, wilson};
use alvh_core::labelled::{EpisodePlan, FlowConfig, Graft, Kind, Label, order_flow, transplant};
use alvh_core::{Error, Fault};
use numpy::{PyArray1, PyReadonlyArray1};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arrays::finished;
use crate::door;
use crate::errors::{IntoPyResult, to_py};
use crate::tape::PyTape;

/// What is known about a tape: its episodes and the path of its mid; read-only.
#[pyclass(frozen, name = "Labels")]
pub struct PyLabels {
    labels: Vec<Label>,
    path: Vec<(i64, i64)>,
    span: (i64, i64),
    counts: Counts,
}

#[pymethods]
impl PyLabels {
    /// Columns of the labels.
    fn columns<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let labels = &self.labels;
        let columns = PyDict::new(py);
        columns.set_item("kind", finished(py, labels.iter().map(|l| l.kind as u8).collect()))?;
        columns.set_item("side", finished(py, labels.iter().map(|l| l.side).collect()))?;
        columns.set_item("unit", finished(py, labels.iter().map(|l| l.unit).collect()))?;
        columns.set_item("onset", finished(py, labels.iter().map(|l| l.onset).collect()))?;
        columns.set_item("ignition", finished(py, labels.iter().map(|l| l.ignition).collect()))?;
        columns.set_item("peak", finished(py, labels.iter().map(|l| l.peak).collect()))?;
        columns.set_item("half_back", finished(py, labels.iter().map(|l| l.half_back).collect()))?;
        columns.set_item("end", finished(py, labels.iter().map(|l| l.end).collect()))?;
        columns.set_item("reference", finished(py, labels.iter().map(|l| l.reference).collect()))?;
        columns.set_item("peak_price", finished(py, labels.iter().map(|l| l.peak_price).collect()))?;
        columns.set_item("displacement", finished(py, labels.iter().map(|l| l.displacement).collect()))?;
        columns.set_item("displacement_sigma", finished(py, labels.iter().map(|l| l.displacement_sigma).collect()))?;
        columns.set_item("sigma", finished(py, labels.iter().map(|l| l.sigma).collect()))?;
        columns.set_item("retrace", finished(py, labels.iter().map(|l| l.retrace).collect()))?;
        columns.set_item("participant", finished(py, labels.iter().map(|l| l.participant).collect()))?;
        Ok(columns)
    }

    /// Time and value of every change of the mid, ticks.
    #[allow(clippy::type_complexity)]
    fn mid<'py>(&self, py: Python<'py>) -> (Bound<'py, PyArray1<i64>>, Bound<'py, PyArray1<f64>>) {
        let path = &self.path;
        let mid = path.iter().map(|point| 0.5 * point.1 as f64).collect();
        (finished(py, path.iter().map(|point| point.0).collect()), finished(py, mid))
    }

    /// First and last moment.
    fn span(&self) -> (i64, i64) {
        self.span
    }

    /// Arrivals by cause: background trades and quotes, arbitrage, planned.
    fn counts(&self) -> (u64, u64, u64, u64) {
        let counts = self.counts;
        (counts.trades, counts.quotes, counts.arbitrage, counts.planned)
    }
}

/// Matches of alarms and labels.
#[pyclass(name = "Tally")]
#[derive(Clone)]
pub struct PyTally {
    inner: Tally,
}

#[pymethods]
impl PyTally {
    /// No tape yet.
    #[new]
    fn new() -> Self {
        Self { inner: Tally::default() }
    }

    /// Adds another tape's.
    fn merge(&mut self, other: &Self) {
        self.inner.merge(&other.inner);
    }

    /// Everything but the ignitions.
    fn totals<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let tally = &self.inner;
        let totals = PyDict::new(py);
        totals.set_item("hits", tally.hits)?;
        totals.set_item("wrong_side", tally.wrong_side)?;
        totals.set_item("repeats", tally.repeats)?;
        totals.set_item("ignored", tally.ignored)?;
        for (i, name) in FALSE_NAMES.iter().enumerate() {
            totals.set_item(format!("false_{name}"), tally.false_alarms[i])?;
            // Background has no episodes to count.
            if i > 0 {
                totals.set_item(format!("decoys_{name}"), tally.decoys[i])?;
            }
        }
        totals.set_item("hours", tally.hours)?;
        Ok(totals)
    }

    /// Unit, displacement, latency and share of the move of every ignition.
    fn found<'py>(&self, py: Python<'py>) -> [Bound<'py, PyArray1<f64>>; 4] {
        let found = &self.inner.found;
        [
            finished(py, found.iter().map(|f| f.unit).collect()),
            finished(py, found.iter().map(|f| f.displacement).collect()),
            finished(py, found.iter().map(|f| f.latency).collect()),
            finished(py, found.iter().map(|f| f.share).collect()),
        ]
    }

    fn precision(&self) -> f64 {
        self.inner.precision()
    }

    fn recall(&self, low: f64, high: f64) -> (u64, u64) {
        self.inner.recall(low, high)
    }

    fn latency(&self, share: f64) -> f64 {
        self.inner.latency(share)
    }

    fn share(&self, share: f64) -> f64 {
        self.inner.share(share)
    }

    fn false_per_session(&self) -> f64 {
        self.inner.false_per_session()
    }

    fn f1(&self) -> f64 {
        self.inner.f1()
    }
}

/// Times, moments of knowledge and sides of alarms.
type AlarmArrays<'py> = (Bound<'py, PyArray1<i64>>, Bound<'py, PyArray1<i64>>, Bound<'py, PyArray1<i8>>);

fn arrays_of<'py>(py: Python<'py>, alarms: &[Alarm]) -> AlarmArrays<'py> {
    (
        finished(py, alarms.iter().map(|alarm| alarm.ts).collect()),
        finished(py, alarms.iter().map(|alarm| alarm.known).collect()),
        finished(py, alarms.iter().map(|alarm| alarm.side).collect()),
    )
}

/// The fields of a built-in instrument as JSON.
#[pyfunction]
fn order_flow_preset(py: Python<'_>, name: &str) -> PyResult<String> {
    Ok(FlowConfig::preset(name).into_py_result(py)?.to_json())
}

/// The fields of the episodes of a clock as JSON.
#[pyfunction]
fn order_flow_episodes(unit: f64, window: f64) -> String {
    EpisodePlan::of_clock(unit, window).to_json()
}

/// Simulates labelled flow.
#[pyfunction]
fn simulate_order_flow(
    py: Python<'_>,
    config: &str,
    seed: u64,
    hours: f64,
    feed: &str,
    with_participants: bool,
) -> PyResult<(PyTape, PyLabels)> {
    let feed = match feed {
        "depth" => Feed::Depth(LEVELS),
        "levels" => Feed::Levels,
        "orders" => Feed::Orders,
        _ => {
            let fault = Fault::new("LAB006", "order_flow", "feed", feed, "depth, levels or orders");
            return Err(to_py(py, &Error::config(fault)));
        }
    };
    let config = FlowConfig::from_json(config).into_py_result(py)?;
    let made = door::enter(py, |go_on| order_flow(&config, seed, hours, feed, with_participants, go_on))?;
    Ok((
        PyTape::new(made.tape),
        PyLabels { labels: made.labels, path: made.path, span: made.span, counts: made.counts },
    ))
}

/// Puts ignitions and shams into a tape.
#[pyfunction]
fn transplant_ignitions(
    py: Python<'_>,
    tape: &PyTape,
    strengths: (f64, f64),
    ignitions: usize,
    shams: usize,
    seed: u64,
    unit: f64,
    window: f64,
) -> PyResult<(PyTape, PyLabels)> {
    let graft = Graft { strengths, ignitions, shams, unit, window };
    let tape = &tape.inner;
    let made = door::enter(py, |go_on| transplant(tape, &graft, seed, go_on))?;
    Ok((
        PyTape::new(made.tape),
        PyLabels { labels: made.labels, path: made.path, span: made.span, counts: made.counts },
    ))
}

/// Early and confirmed alarms at each factor on the z thresholds.
#[pyfunction]
fn ignition_alarms<'py>(
    py: Python<'py>,
    tape: &PyTape,
    config: &str,
    factors: Vec<f64>,
) -> PyResult<Vec<(AlarmArrays<'py>, AlarmArrays<'py>)>> {
    let base = IgnitionConfig::from_json(config).into_py_result(py)?;
    let mut rows = Vec::new();
    for factor in factors {
        let mut config = base.clone();
        for thresholds in [&mut config.push_z, &mut config.velocity_z, &mut config.cascade_sigma] {
            thresholds.iter_mut().for_each(|threshold| *threshold *= factor);
        }
        let tape = &tape.inner;
        let found = door::enter(py, |go_on| detect(tape, &config, go_on))?;
        let (early, confirmed) = merge_claims(&claims_of(&found.episodes, &config));
        rows.push((arrays_of(py, &early), arrays_of(py, &confirmed)));
    }
    Ok(rows)
}

/// Early and confirmed alarms of episodes, once over the clocks; `confirmed` is 0 where there was no reversion.
#[pyfunction]
fn merge_alarms<'py>(
    py: Python<'py>,
    unit: PyReadonlyArray1<'_, f64>,
    side: PyReadonlyArray1<'_, i8>,
    ts: PyReadonlyArray1<'_, i64>,
    confirmed: PyReadonlyArray1<'_, i64>,
) -> PyResult<(AlarmArrays<'py>, AlarmArrays<'py>)> {
    let rows = unit.as_slice()?.iter().zip(side.as_slice()?).zip(ts.as_slice()?).zip(confirmed.as_slice()?);
    let claim = |(((&unit, &side), &ts), &at)| Claim { unit, side, ts, confirmed: (at != 0).then_some(at) };
    let claims: Vec<Claim> = rows.map(claim).collect();
    let (early, confirmed) = merge_claims(&claims);
    Ok((arrays_of(py, &early), arrays_of(py, &confirmed)))
}

/// Alarms of every baseline at each of its thresholds.
#[pyfunction]
fn baseline_alarm_lists<'py>(
    py: Python<'py>,
    tape: &PyTape,
    thresholds: [Vec<f64>; BASELINES.len()],
) -> PyResult<Vec<Vec<AlarmArrays<'py>>>> {
    let tape = &tape.inner;
    let lists = door::enter(py, |go_on| baseline_alarms(tape, &thresholds, go_on))?;
    Ok(lists.iter().map(|list| list.iter().map(|alarms| arrays_of(py, alarms)).collect()).collect())
}

/// Holds alarms against the labels of a flow.
#[pyfunction]
fn score_alarms(
    labels: &PyLabels,
    ts: PyReadonlyArray1<'_, i64>,
    known: PyReadonlyArray1<'_, i64>,
    side: PyReadonlyArray1<'_, i8>,
) -> PyResult<PyTally> {
    let rows = ts.as_slice()?.iter().zip(known.as_slice()?).zip(side.as_slice()?);
    let alarms: Vec<Alarm> = rows.map(|((&ts, &known), &side)| Alarm { ts, known, side }).collect();
    Ok(PyTally { inner: tally(&alarms, &labels.labels, &labels.path, labels.span) })
}

/// 95 % interval of a proportion.
#[pyfunction]
fn wilson_interval(count: u64, total: u64) -> (f64, f64) {
    wilson(count, total)
}

/// Adds its names to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<PyLabels>()?;
    module.add_class::<PyTally>()?;
    module.add("LABEL_KINDS", Kind::NAMES)?;
    module.add("BASELINES", BASELINES)?;
    module.add_function(wrap_pyfunction!(order_flow_preset, module)?)?;
    module.add_function(wrap_pyfunction!(order_flow_episodes, module)?)?;
    module.add_function(wrap_pyfunction!(simulate_order_flow, module)?)?;
    module.add_function(wrap_pyfunction!(transplant_ignitions, module)?)?;
    module.add_function(wrap_pyfunction!(ignition_alarms, module)?)?;
    module.add_function(wrap_pyfunction!(merge_alarms, module)?)?;
    module.add_function(wrap_pyfunction!(baseline_alarm_lists, module)?)?;
    module.add_function(wrap_pyfunction!(score_alarms, module)?)?;
    module.add_function(wrap_pyfunction!(wilson_interval, module)?)?;
    Ok(())
}
