//! All readings of one path as columns.

use crate::error::{Error, Result};
use crate::instrument::Day;
use crate::market::{MarketSource, MarketState};
use crate::signals::{GROUPS, Reading, SIGNALS, SignalConfig, Tracker};

/// Names of the number columns after signals, user signals and groups.
pub const NUMBERS: [&str; 16] = [
    "score",
    "raw_score",
    "standing",
    "quick_ratio_relative",
    "daily_range",
    "carry",
    "vix_rsi_value",
    "spx_rsi_value",
    "macd",
    "macd_signal",
    "macd_cross",
    "amplifier",
    "stretch",
    "move_z",
    "ignition_score",
    "ignition_side",
];

/// Names of the flag columns.
pub const FLAGS: [&str; 8] =
    ["macd_bullish", "collapse", "event", "armed", "ignited", "cascade", "event_driven", "is_warm"];

/// Steps between two looks at the caller's wish to stop.
const POLL_STEPS: usize = 4_096;

/// Readings of one path, step by step or at the closes.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct SignalTable {
    /// Session of each row.
    pub day: Vec<Day>,
    /// Time of day of each row, seconds after midnight New York.
    pub seconds: Vec<i32>,
    /// [`SIGNALS`], then those of users.
    pub signals: Vec<Vec<f64>>,
    /// In the order of [`GROUPS`].
    pub groups: Vec<Vec<f64>>,
    /// In the order of [`NUMBERS`].
    pub numbers: Vec<Vec<f64>>,
    /// In the order of [`FLAGS`].
    pub flags: Vec<Vec<bool>>,
    /// Index into [`crate::phase::PHASES`].
    pub phase: Vec<u8>,
    /// Closed sessions since the phase was entered.
    pub phase_sessions: Vec<u32>,
    /// Index and VIX of the row, points.
    pub prices: [Vec<f64>; 2],
}

impl SignalTable {
    fn push(&mut self, state: &MarketState, path: usize, reading: &Reading) {
        self.day.push(state.day);
        self.seconds.push(state.seconds);
        for (column, value) in self.signals.iter_mut().zip(reading.value.iter().chain(&reading.user)) {
            column.push(*value);
        }
        for (column, value) in self.groups.iter_mut().zip(reading.group) {
            column.push(value);
        }
        let numbers = [
            reading.score,
            reading.raw_score,
            f64::from(reading.standing),
            reading.quick_ratio,
            reading.daily_range,
            reading.term_structure,
            reading.rsi_vix,
            reading.rsi_spx,
            reading.macd,
            reading.macd_signal,
            f64::from(reading.macd_cross),
            reading.amplifier,
            reading.stretch,
            reading.move_z,
            reading.alarm.score,
            f64::from(reading.alarm.side),
        ];
        for (column, value) in self.numbers.iter_mut().zip(numbers) {
            column.push(value);
        }
        let flags = [
            reading.macd_bullish,
            reading.collapse,
            reading.event,
            reading.alarm.armed,
            reading.alarm.ignited,
            reading.alarm.cascade,
            reading.event_driven,
            reading.is_warm,
        ];
        for (column, value) in self.flags.iter_mut().zip(flags) {
            column.push(value);
        }
        self.phase.push(reading.phase as u8);
        self.phase_sessions.push(reading.phase_sessions);
        self.prices[0].push(state.spot[path]);
        self.prices[1].push(state.vix_quoted[path]);
    }
}

/// Runs a tracker over one path of a market.
///
/// # Errors
/// `Interrupted` when `poll` says so.
pub fn compute<S: MarketSource>(
    source: &mut S,
    path: usize,
    config: &SignalConfig,
    every_step: bool,
    poll: &mut dyn FnMut() -> bool,
) -> Result<SignalTable> {
    let mut table = SignalTable {
        signals: vec![Vec::new(); SIGNALS.len() + config.user.len()],
        groups: vec![Vec::new(); GROUPS.len()],
        numbers: vec![Vec::new(); NUMBERS.len()],
        flags: vec![Vec::new(); FLAGS.len()],
        ..SignalTable::default()
    };
    let mut tracker = Tracker::new(config, source.user_columns());
    let mut state = MarketState::default();
    for step in 0..source.n_steps() {
        if step % POLL_STEPS == 0 && !poll() {
            return Err(Error::Interrupted);
        }
        source.fill(step, &mut state);
        tracker.push(&state, path);
        if every_step || state.is_close {
            table.push(&state, path, tracker.reading());
        }
    }
    Ok(table)
}
