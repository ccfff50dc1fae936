//! Labels of a simulated tape, measured on the path that the mid really took.

use super::config::FlowConfig;
use super::order_flow::{Counts, START, simulate};
use super::script::{Kind, Script};
use crate::error::{Error, Fault, Result};
use crate::events::Feed;
use crate::tape::Tape;

/// One episode as it came out. Times in ns since the epoch, prices in ticks.
#[derive(Debug, Clone, PartialEq)]
pub struct Label {
    /// What it is; an ignition is the only true one.
    pub kind: Kind,
    /// +1 up, -1 down.
    pub side: i8,
    /// Unit of its clock, seconds.
    pub unit: f64,
    /// Start of the volume phase.
    pub onset: i64,
    /// Start of the push; end of the volume where nothing follows.
    pub ignition: i64,
    /// When the mid was furthest.
    pub peak: i64,
    /// When three quarters of the move had come back, two units after the push at the earliest; else the end of the
    /// retrace window.
    pub end: i64,
    /// Mid at the ignition.
    pub reference: f64,
    /// Mid at the peak.
    pub peak_price: f64,
    /// Distance of the two along the side.
    pub displacement: f64,
    /// Standard deviation of the mid over 1 s in the 300 s before the onset, without episodes; at least half a tick.
    pub sigma: f64,
    /// Displacement over sigma sqrt(unit): what the clock of the episode takes for ordinary.
    pub displacement_sigma: f64,
    /// Largest share of the move that came back between the push and the end of the window.
    pub retrace: f64,
    /// When half of it had come back; 0 when it did not.
    pub half_back: i64,
    /// Participant who made it.
    pub participant: u64,
}

impl Label {
    /// Whether it is an ignition.
    pub fn is_true(&self) -> bool {
        self.kind == Kind::Ignition
    }
}

/// A simulated tape with what is known about it.
#[derive(Debug, Clone)]
pub struct Labelled {
    /// The events.
    pub tape: Tape,
    /// The episodes in order.
    pub labels: Vec<Label>,
    /// Twice the mid by the time of its change.
    pub path: Vec<(i64, i64)>,
    /// Arrivals by cause.
    pub counts: Counts,
    /// First and last moment, ns since the epoch.
    pub span: (i64, i64),
}

/// Simulates `hours` of labelled flow.
///
/// # Errors
/// `Error::Config` for the configuration or the hours (`LAB004`), `Error::Interrupted` when `go_on` says no.
pub fn order_flow(
    config: &FlowConfig,
    seed: u64,
    hours: f64,
    feed: Feed,
    with_participants: bool,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Labelled> {
    config.validate()?;
    if !(hours > 0.0 && hours <= 1_000.0) {
        let fault = Fault::new("LAB004", "order_flow", "hours", hours.to_string(), "a number in (0, 1000]");
        return Err(Error::config(fault));
    }
    let flow = simulate(config, seed, hours, feed, with_participants, go_on)?;
    let mut labels = measure(&flow.ladder.path, &flow.scripts);
    for label in &mut labels {
        let is_untrue = match label.kind {
            Kind::Ignition => label.half_back == 0,
            Kind::Informed => label.half_back != 0,
            _ => false,
        };
        if is_untrue {
            label.kind = Kind::Unclear;
        }
    }
    let source = format!("order_flow(seed={seed})");
    let mut tape = Tape::of_columns(&source, &config.symbol, config.tick_size, config.lot_size, flow.ladder.columns);
    tape.feed = feed;
    Ok(Labelled { tape, labels, path: flow.ladder.path, counts: flow.counts, span: (START, flow.end) })
}

/// Seconds before the onset that the ordinary volatility is taken from.
const BACK: i64 = 300;
const SECOND: i64 = 1_000_000_000;

/// The labels of scripts, from twice the mid by time of change.
pub fn measure(path: &[(i64, i64)], scripts: &[Script]) -> Vec<Label> {
    let mid_at = |ts: i64| {
        let after = path.partition_point(|&(at, _)| at <= ts);
        0.5 * path[after.saturating_sub(1)].1 as f64
    };
    let busy = |ts: i64| {
        let next = scripts.partition_point(|script| script.end < ts);
        scripts.get(next).is_some_and(|script| script.onset <= ts)
    };
    let first = path.first().map_or(0, |point| point.0);
    let mut labels = Vec::with_capacity(scripts.len());
    for script in scripts {
        let mut squares = (0.0, 0.0);
        for back in 1..=BACK {
            let from = script.onset - back * SECOND;
            if from < first {
                break;
            }
            if !busy(from) {
                let moved = mid_at(from + SECOND) - mid_at(from);
                squares = (squares.0 + moved * moved, squares.1 + 1.0);
            }
        }
        let sigma = if squares.1 > 0.0 { (squares.0 / squares.1).sqrt().max(0.5) } else { 0.5 };
        labels.push(label_of(path, script, sigma, mid_at(script.ignition)));
    }
    labels
}

fn label_of(path: &[(i64, i64)], script: &Script, sigma: f64, reference: f64) -> Label {
    let side = script.side as f64;
    let from = path.partition_point(|&(at, _)| at <= script.ignition);
    let to = path.partition_point(|&(at, _)| at <= script.end);
    // The furthest point of the push itself; a peak long after it would be another move.
    let push_end = script.push_end + (script.unit * SECOND as f64) as i64;
    let near = path.partition_point(|&(at, _)| at <= push_end).min(to);
    let along = |point: &(i64, i64)| (0.5 * point.1 as f64 - reference) * side;
    let mut peak = (script.ignition, 0.0);
    for point in &path[from..near] {
        if along(point) > peak.1 {
            peak = (point.0, along(point));
        }
    }
    let (mut retrace, mut half_back, mut end) = (0.0_f64, 0, script.end);
    // A swing inside the push is no reversion, and a move is not over before two units after it.
    let over = script.push_end + (2.0 * script.unit * SECOND as f64) as i64;
    if peak.1 > 0.0 {
        let after = path.partition_point(|&(at, _)| at < script.push_end.max(peak.0)).saturating_sub(1);
        for point in &path[after..to] {
            let at = point.0.max(script.push_end);
            let share = (peak.1 - along(point)) / peak.1;
            retrace = retrace.max(share);
            if half_back == 0 && share >= 0.5 {
                half_back = at;
            }
            if share >= 0.75 && end == script.end {
                end = at.max(over).min(script.end);
            }
        }
    }
    Label {
        kind: script.kind,
        side: script.side as i8,
        unit: script.unit,
        onset: script.onset,
        ignition: script.ignition,
        peak: peak.0,
        end,
        reference,
        peak_price: reference + peak.1 * side,
        displacement: peak.1,
        sigma,
        displacement_sigma: peak.1 / (sigma * script.unit.sqrt()),
        retrace,
        half_back,
        participant: script.participant,
    }
}
