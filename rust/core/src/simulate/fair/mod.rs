//! Fair signals in simulated worlds: what an order book and the breadth of the market would show on a path.
//!
//! A generator sees what a trader sees: the price so far, how far fast moves have gone so far, VIX so far. Labels of
//! episodes are not among its inputs, nor is anything later than its step; the foresight knob, off by default, is the
//! only exception and says so. Columns come in the order of [`crate::signals::input`].

pub mod alarm;
pub mod events;
pub mod skill;

use serde::{Deserialize, Serialize};

use crate::error::{Error, Fault, Result};
use crate::labelled::draw::Draw;
use crate::math::{exp, ln, tanh};
use crate::rng::Domain;
use crate::signals::{Alarm, input};
use crate::simulate::episodes::draw::session_draw;
use alarm::{AlarmSession, Seen};
use skill::Skill;

/// Sessions of VIX whose median the quick ratio is measured against.
const MEDIAN_SESSIONS: usize = 20;

/// How fair signals are made. `docs/episodes.md` has the status and the source of every number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct FairConfig {
    /// What the order book's alarm sees.
    pub skill: Skill,
    /// Probability that the alarm is armed before a fast move, above that of any window of this length.
    pub foresight: f64,
    /// How long before, seconds.
    pub foresight_seconds: f64,
    /// Fall of the log quick ratio per log of VIX over its 20-session median.
    pub quick_ratio_beta: f64,
    /// Standard deviation of its noise.
    pub quick_ratio_noise: f64,
    /// Half-life of its noise, seconds of trading.
    pub quick_ratio_half_life: f64,
    /// Slope of net advances in the session's return over its standard deviation.
    pub breadth_slope: f64,
    /// Standard deviation of the noise beside it.
    pub breadth_noise: f64,
}

impl Default for FairConfig {
    fn default() -> Self {
        Self {
            skill: Skill::default(),
            foresight: 0.0,
            foresight_seconds: 600.0,
            quick_ratio_beta: 1.15,
            quick_ratio_noise: 0.25,
            quick_ratio_half_life: 300.0,
            // Correlation 0.80 of tanh(z + 0.648 e) with z, both standard normal.
            breadth_slope: 1.0,
            breadth_noise: 0.648,
        }
    }
}

impl FairConfig {
    /// The configuration from its JSON, validated; fields left out have their defaults.
    ///
    /// # Errors
    /// `Error::Config` for unknown fields and for fields that break their rule.
    pub fn from_json(text: &str) -> Result<Self> {
        let config: Self = serde_json::from_str(text).map_err(|error| {
            Error::config(Fault::new("CFG411", "FairSignals", "fields", error.to_string(), "the documented fields"))
        })?;
        config.validate()?;
        Ok(config)
    }

    /// The configuration as canonical JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Checks every field.
    ///
    /// # Errors
    /// `Error::Config` naming the field.
    pub fn validate(&self) -> Result<()> {
        self.skill.validate()?;
        for (field, value, low, high) in [
            ("foresight", self.foresight, 0.0, 0.99),
            ("foresight_seconds", self.foresight_seconds, 1.0, 23_400.0),
            ("quick_ratio_beta", self.quick_ratio_beta, 0.0, 20.0),
            ("quick_ratio_noise", self.quick_ratio_noise, 0.0, 5.0),
            ("quick_ratio_half_life", self.quick_ratio_half_life, 1.0, 1e6),
            ("breadth_slope", self.breadth_slope, 0.0, 20.0),
            ("breadth_noise", self.breadth_noise, 0.0, 20.0),
        ] {
            if !(low..=high).contains(&value) {
                let expected = format!("{low}..{high}");
                return Err(Error::config(Fault::new("CFG412", "FairSignals", field, value.to_string(), expected)));
            }
        }
        Ok(())
    }
}

/// What is known at the open of a session.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Morning<'a> {
    /// Session, days since 1970-01-01.
    pub day: crate::instrument::Day,
    /// Close, seconds after midnight New York.
    pub close: i32,
    /// VIX at the open, points.
    pub vix: f64,
    /// Standard deviation of the log price over one unit of the alarm's clock.
    pub unit_deviation: f64,
    /// Standard deviation of the log price from close to close.
    pub daily_deviation: f64,
    /// Onsets of the fast moves to come, seconds; read for foresight only.
    pub ahead: &'a [i32],
}

/// What is seen on a step.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Moment<'a> {
    /// Seconds after midnight New York.
    pub seconds: i32,
    /// Log of the index.
    pub log_spot: f64,
    /// VIX without quote noise, points.
    pub vix: f64,
    /// Spread multiplier of the episodes.
    pub spread: f64,
    /// Fast moves that have begun, in the order of their onset.
    pub moves: &'a [Seen],
    /// Last step of the session.
    pub is_close: bool,
}

/// The signals of one path, step by step.
#[derive(Debug, Clone)]
pub struct FairSignals {
    config: FairConfig,
    seed: u64,
    stream: u64,
    session: u32,
    alarm: Option<AlarmSession>,
    noise: Draw,
    /// Noise of the log quick ratio, in standard deviations.
    quick_noise: f64,
    /// Last time of this session at which it moved.
    seconds: i32,
    vix_closes: Vec<f64>,
    median: f64,
    log_close: f64,
    daily_deviation: f64,
    sessions_to_event: f64,
}

impl FairSignals {
    /// The signals of a path before its first session.
    pub fn new(config: &FairConfig, seed: u64, stream: u64, log_close: f64) -> Self {
        let mut noise = session_draw(seed, Domain::FairQuickRatio, stream, 0);
        let quick_noise = noise.normal();
        Self {
            config: config.clone(),
            seed,
            stream,
            session: 0,
            alarm: None,
            noise,
            quick_noise,
            seconds: crate::instrument::OPEN_SECONDS,
            vix_closes: Vec::with_capacity(MEDIAN_SESSIONS),
            median: f64::NAN,
            log_close,
            daily_deviation: f64::NAN,
            sessions_to_event: f64::NAN,
        }
    }

    /// Begins session number `session` of the path.
    pub fn begin(&mut self, session: u32, morning: &Morning<'_>) {
        self.session = session;
        let draw = |domain| session_draw(self.seed, domain, self.stream, session);
        self.noise = draw(Domain::FairQuickRatio);
        self.alarm = Some(AlarmSession::new(&self.config, morning, draw(Domain::FairAlarm), draw(Domain::FairMoves)));
        // A night is many half-lives long: noise begins anew.
        self.quick_noise = self.noise.normal();
        self.seconds = crate::instrument::OPEN_SECONDS;
        self.daily_deviation = morning.daily_deviation;
        self.sessions_to_event = events::sessions_to_event(morning.day);
    }

    /// Writes the columns of one step of one path.
    pub fn step(&mut self, moment: &Moment<'_>, columns: &mut Vec<Vec<f64>>) {
        columns.resize_with(input::INPUTS.len(), Vec::new);
        let mut put = |column: usize, value: f64| {
            columns[column].clear();
            columns[column].push(value);
        };
        let c = &self.config;
        let passed = f64::from(moment.seconds - self.seconds);
        if passed > 0.0 {
            let kept = exp(-std::f64::consts::LN_2 * passed / c.quick_ratio_half_life);
            self.quick_noise = kept * self.quick_noise + (1.0 - kept * kept).sqrt() * self.noise.normal();
            self.seconds = moment.seconds;
        }
        let log_ratio = -c.quick_ratio_beta * ln(moment.vix / self.median) - ln(moment.spread)
            + c.quick_ratio_noise * self.quick_noise;
        put(input::QUICK_RATIO_RELATIVE, if self.median.is_nan() { f64::NAN } else { exp(log_ratio) });
        let alarm = self.alarm.as_mut().map_or_else(Alarm::default, |a| a.step(&c.skill, moment.seconds, moment.moves));
        let flag = |on: bool| f64::from(u8::from(on));
        put(input::IGNITION_SCORE, alarm.score);
        put(input::ARMED, flag(alarm.armed));
        put(input::IGNITED, flag(alarm.ignited));
        put(input::CASCADE, flag(alarm.cascade));
        put(input::IGNITION_SIDE, f64::from(alarm.side));
        put(input::SESSIONS_TO_EVENT, self.sessions_to_event);
        if !moment.is_close {
            put(input::NET_ADVANCES, f64::NAN);
            return;
        }
        let e = session_draw(self.seed, Domain::FairBreadth, self.stream, self.session).normal();
        let z = (moment.log_spot - self.log_close) / self.daily_deviation;
        put(input::NET_ADVANCES, tanh(c.breadth_slope * z + c.breadth_noise * e));
        self.log_close = moment.log_spot;
        self.close_vix(moment.vix);
    }

    fn close_vix(&mut self, vix: f64) {
        if self.vix_closes.len() == MEDIAN_SESSIONS {
            self.vix_closes.remove(0);
        }
        self.vix_closes.push(vix);
        if self.vix_closes.len() == MEDIAN_SESSIONS {
            let mut sorted = self.vix_closes.clone();
            sorted.sort_by(f64::total_cmp);
            self.median = 0.5 * (sorted[MEDIAN_SESSIONS / 2 - 1] + sorted[MEDIAN_SESSIONS / 2]);
        }
    }
}

#[cfg(test)]
mod tests;
