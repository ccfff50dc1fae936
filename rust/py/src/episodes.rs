//! Conversion for episodes inside a day, fair signals and scenarios.

use alvh_core::market::model::MarketConfig;
use alvh_core::pricing::transform::State;
use alvh_core::rng::Domain;
use alvh_core::simulate::episodes::config::{IntradayConfig, PassThrough};
use alvh_core::simulate::episodes::draw::{Circumstances, Episode, Jump, Kind, draw, session_draw};
use alvh_core::simulate::episodes::session::{FinePath, Node, Span, fill};
use alvh_core::simulate::fair::FairConfig;
use alvh_core::simulate::scenarios::{SCENARIOS, Scenario, play};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arrays::finished;
use crate::door;
use crate::errors::IntoPyResult;

/// Canonical JSON of a configuration whose missing fields have their defaults.
#[pyfunction]
fn check_intraday(py: Python<'_>, json: &str) -> PyResult<String> {
    IntradayConfig::from_json(json).map(|config| config.to_json()).into_py_result(py)
}

/// The same of fair signals.
#[pyfunction]
fn check_fair_signals(py: Python<'_>, json: &str) -> PyResult<String> {
    FairConfig::from_json(json).map(|config| config.to_json()).into_py_result(py)
}

/// Shares of the relative move of VIX that futures of 1, 2, ... 7 months take.
#[pyfunction]
fn pass_through_shares(name: &str) -> Option<[f64; 7]> {
    PassThrough::NAMES.iter().find(|(known, _)| *known == name).map(|(_, scenario)| scenario.shares())
}

/// Names and titles.
#[pyfunction]
fn scenario_names() -> Vec<(&'static str, &'static str)> {
    SCENARIOS.iter().map(|scenario| (scenario.name, scenario.title)).collect()
}

fn columns<'py>(py: Python<'py>, path: &FinePath) -> PyResult<Bound<'py, PyDict>> {
    let out = PyDict::new(py);
    out.set_item("seconds", finished(py, path.seconds.clone()))?;
    let part = |f: fn(&State) -> f64| finished(py, path.state.iter().map(f).collect::<Vec<f64>>());
    out.set_item("v1", part(|state| state.v1))?;
    out.set_item("v2", part(|state| state.v2))?;
    out.set_item("intensity", part(|state| state.intensity))?;
    for (name, column) in [
        ("log_spot", &path.log_spot),
        ("transient", &path.transient),
        ("vix_state", &path.vix_state),
        ("vix", &path.vix),
        ("vix_quoted", &path.vix_quoted),
        ("spread_multiplier", &path.spread),
        ("rebalancing", &path.rebalancing),
    ] {
        out.set_item(name, finished(py, column.clone()))?;
    }
    Ok(out)
}

/// Sessions of a scenario, one dictionary of columns each, and the state at the close before.
#[pyfunction]
fn play_scenario<'py>(
    py: Python<'py>,
    name: &str,
    market: &str,
    intraday: &str,
    noise: f64,
    seed: u64,
) -> PyResult<(f64, f64, f64, Vec<Bound<'py, PyDict>>)> {
    let scenario = Scenario::named(name).into_py_result(py)?;
    let market = MarketConfig::from_json(market).into_py_result(py)?;
    let config = IntradayConfig::from_json(intraday).into_py_result(py)?;
    let start = scenario.start(&market).into_py_result(py)?;
    let played = door::enter(py, |_| play(scenario, &market, &config, noise, seed))?;
    let sessions: PyResult<Vec<_>> = played
        .iter()
        .map(|session| {
            let out = columns(py, &session.path)?;
            out.set_item("day", session.day)?;
            Ok(out)
        })
        .collect();
    Ok((start.v1, start.v2, start.intensity, sessions?))
}

/// Numbers of an episode, in this order: kind, onset, rise, sign, amplitude, retained, the jump's price, v1 and
/// intensity, spread, noise and its half-life.
type Row = [f64; 12];

fn row_of(e: &Episode) -> Row {
    [
        f64::from(e.kind as u8),
        f64::from(e.onset),
        e.rise,
        e.sign,
        e.amplitude,
        e.retained,
        e.jump.price,
        e.jump.v1,
        e.jump.intensity,
        e.spread,
        e.noise,
        e.noise_half_life,
    ]
}

fn jump_of([price, v1, intensity]: [f64; 3]) -> Jump {
    Jump { price, v1, intensity }
}

/// Draws the episodes of a session with these jumps and writes its steps between nodes (passed, log spot, v1, v2,
/// intensity, jump of price, v1 and intensity).
#[pyfunction]
fn episode_session<'py>(
    py: Python<'py>,
    market: &str,
    intraday: &str,
    nodes: Vec<[f64; 8]>,
    years: f64,
    close: i32,
    seed: u64,
    path: u64,
    session: u32,
) -> PyResult<(Vec<Row>, Bound<'py, PyDict>)> {
    let market = MarketConfig::from_json(market).into_py_result(py)?;
    let config = IntradayConfig::from_json(intraday).into_py_result(py)?;
    let nodes: Vec<Node> = nodes
        .iter()
        .map(|&[passed, log_spot, v1, v2, intensity, a, b, c]| Node {
            passed,
            log_spot,
            state: State { v1, v2, intensity },
            jump: jump_of([a, b, c]),
        })
        .collect();
    let jumps: Vec<Jump> = nodes.iter().map(|node| node.jump).filter(|jump| *jump != Jump::default()).collect();
    let squared = market.pricing().vix_squared(30.0 / 365.0);
    let vix = nodes.first().map_or(f64::NAN, |open| 100.0 * squared.at(open.state).sqrt());
    let chance = session_draw(seed, Domain::Episodes, path, session);
    let episodes = draw(&config, Circumstances { vix, jumps: &jumps, close }, chance);
    let span = Span { nodes: &nodes, years, close, squared, vix_before: vix, rebalanced: 0.0, mirror: 1.0 };
    let mut fine = FinePath::default();
    fill(&config, &span, &episodes, session_draw(seed, Domain::Bridge, path, session), &mut fine);
    Ok((episodes.iter().map(row_of).collect(), columns(py, &fine)?))
}

/// Adds episodes to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("EPISODE_KINDS", Kind::NAMES)?;
    module.add_function(wrap_pyfunction!(check_intraday, module)?)?;
    module.add_function(wrap_pyfunction!(check_fair_signals, module)?)?;
    module.add_function(wrap_pyfunction!(pass_through_shares, module)?)?;
    module.add_function(wrap_pyfunction!(scenario_names, module)?)?;
    module.add_function(wrap_pyfunction!(play_scenario, module)?)?;
    module.add_function(wrap_pyfunction!(episode_session, module)?)
}
