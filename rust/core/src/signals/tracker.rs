//! Folds the steps of one path into a reading.

use crate::market::MarketState;
use crate::signals::input;
use crate::signals::{Alarm, Reading, SignalConfig, signal};

/// The signals of one path. Strictly causal: after `push` of a step the reading holds what is known at that step.
#[derive(Debug, Clone)]
pub struct Tracker {
    config: SignalConfig,
    reading: Reading,
}

/// An input column of a path; NaN where there is none.
fn input_at(state: &MarketState, column: usize, path: usize) -> f64 {
    state.signals.get(column).and_then(|values| values.get(path)).copied().unwrap_or(f64::NAN)
}

impl Tracker {
    /// A tracker before its first step.
    pub fn new(config: &SignalConfig) -> Self {
        Self { config: config.clone(), reading: Reading::default() }
    }

    /// Reads one step.
    pub fn push(&mut self, state: &MarketState, path: usize) {
        let column = |index| input_at(state, index, path);
        let reading = &mut self.reading;
        reading.macd_cross = 0;
        reading.alarm = Alarm {
            armed: column(input::ARMED) >= 0.5,
            ignited: column(input::IGNITED) >= 0.5,
            cascade: column(input::CASCADE) >= 0.5,
            score: column(input::IGNITION_SCORE),
            side: column(input::IGNITION_SIDE) as i8,
        };
        reading.event = column(input::SESSIONS_TO_EVENT) <= f64::from(self.config.event_sessions);
        reading.value[signal::VIX_LEVEL] = self.config.vix_level.at(state.vix_quoted[path]);
        if state.is_close {
            reading.sessions += 1;
            reading.is_warm = reading.sessions >= self.config.warm_up;
        }
    }

    /// What is known after the last step.
    pub fn reading(&self) -> &Reading {
        &self.reading
    }
}
