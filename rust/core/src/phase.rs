//! The four phases of the market that the policy tells apart, and the machine that moves between them.
//!
//! Legal edges: calm to press and expansion, press to calm and expansion, expansion to normalisation, normalisation to
//! calm and expansion; at most one a closed bar. A condition whose input is unknown is left out of an "and" and does
//! not count in an "n of".

use serde::{Deserialize, Serialize};

use crate::error::{Error, Fault, Result};
use crate::signals::window::Window;

/// Phase of one path on a closed bar.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Phase {
    /// Nothing unusual: the base hedge.
    #[default]
    Calm,
    /// A fast rise while volatility is briefly compressed ("Big Top Temporal Theta Cash Press").
    Press,
    /// Volatility expands.
    Expansion,
    /// Volatility gives back what it gained.
    Normalisation,
}

/// Names of the phases, in the order of [`Phase`].
pub const PHASES: [&str; 4] = ["calm", "press", "expansion", "normalisation"];

/// What is a bar of the machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PhaseBar {
    /// The session: the machine moves at its close.
    Session,
    /// Every step whose prices are quotes; a move is measured against the same time of day.
    Step,
}

/// Thresholds of the machine with the defaults of the specification. PUB: published number, STD: standard, OWN:
/// defined here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct PhaseConfig {
    /// What is a bar (OWN: the session).
    pub bar: PhaseBar,
    /// Sessions behind the deviation of moves (OWN).
    pub move_window: usize,
    /// Least move of the index in a press, standard deviations (OWN).
    pub press_move: f64,
    /// Largest change of VIX in a press, points (OWN).
    pub press_vix_change: f64,
    /// Conditions of a press beside its move that must hold (PUB).
    pub press_count: u32,
    /// RSI of the S&P 500 above which a condition of a press holds (PUB 68).
    pub press_rsi: f64,
    /// Sessions of the slow average of VIX (PUB).
    pub slow_average: usize,
    /// Sessions of the realised volatility beside VIX (PUB).
    pub realised_window: usize,
    /// Excess of VIX over realised volatility, relative (PUB 18 %).
    pub press_premium: f64,
    /// Term structure (OWN 8 %; published 12 % on the raw contracts).
    pub press_carry: f64,
    /// Sessions of the high of the index (OWN).
    pub high_window: usize,
    /// Distance from that high, relative (OWN).
    pub press_distance: f64,
    /// Sessions after which a press is over (OWN).
    pub press_sessions: u32,
    /// Conditions of an expansion beside the MACD that must hold (PUB).
    pub expansion_count: u32,
    /// VIX (PUB 16).
    pub expansion_vix: f64,
    /// Expected daily range, percent (PUB .94); counts once with the level of VIX.
    pub expansion_range: f64,
    /// Sessions of the average of VIX (STD).
    pub average: usize,
    /// Term structure below which a condition holds (PUB 3.5 %).
    pub expansion_carry: f64,
    /// Rise of VIX in one session, points (PUB).
    pub expansion_vix_change: f64,
    /// Sessions before the expansion whose lowest close of VIX is its base (OWN).
    pub base_sessions: usize,
    /// Share of the rise from base to peak that VIX has given back (OWN a third).
    pub give_back: f64,
    /// Closes with a term structure above zero (OWN).
    pub contango_closes: u32,
    /// Term structure from which a normalisation may end (PUB 3.5 %).
    pub calm_carry: f64,
    /// Sessions after which a normalisation is over (OWN).
    pub normalisation_sessions: u32,
}

impl Default for PhaseConfig {
    fn default() -> Self {
        Self {
            bar: PhaseBar::Session,
            move_window: 20,
            press_move: 2.0,
            press_vix_change: 0.0,
            press_count: 2,
            press_rsi: 68.0,
            slow_average: 200,
            realised_window: 30,
            press_premium: 0.18,
            press_carry: 0.08,
            high_window: 20,
            press_distance: 0.01,
            press_sessions: 5,
            expansion_count: 2,
            expansion_vix: 16.0,
            expansion_range: 0.94,
            average: 20,
            expansion_carry: 0.035,
            expansion_vix_change: 5.0,
            base_sessions: 5,
            give_back: 1.0 / 3.0,
            contango_closes: 2,
            calm_carry: 0.035,
            normalisation_sessions: 20,
        }
    }
}

impl PhaseConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// `Config` with the first field that breaks its rule.
    pub fn validate(&self) -> Result<()> {
        let fault = |code: &'static str, field: &str, value: String, expected: String| {
            Err(Error::config(Fault::new(code, "PhaseConfig", field, value, expected)))
        };
        for (name, value) in [
            ("move_window", self.move_window),
            ("slow_average", self.slow_average),
            ("realised_window", self.realised_window),
            ("high_window", self.high_window),
            ("average", self.average),
            ("base_sessions", self.base_sessions),
        ] {
            if !(2..=2_520).contains(&value) {
                return fault("SIG020", name, value.to_string(), "2..2520 sessions".into());
            }
        }
        for (name, value, low, high) in [
            ("press_move", self.press_move, -10.0, 20.0),
            ("press_vix_change", self.press_vix_change, -100.0, 100.0),
            ("press_count", f64::from(self.press_count), 0.0, 5.0),
            ("press_rsi", self.press_rsi, 0.0, 100.0),
            ("press_premium", self.press_premium, -1.0, 10.0),
            ("press_carry", self.press_carry, -1.0, 1.0),
            ("press_distance", self.press_distance, 0.0, 1.0),
            ("press_sessions", f64::from(self.press_sessions), 1.0, 2_520.0),
            ("expansion_count", f64::from(self.expansion_count), 0.0, 4.0),
            ("expansion_vix", self.expansion_vix, 0.0, 200.0),
            ("expansion_range", self.expansion_range, 0.0, 100.0),
            ("expansion_carry", self.expansion_carry, -1.0, 1.0),
            ("expansion_vix_change", self.expansion_vix_change, 0.0, 200.0),
            ("give_back", self.give_back, 0.0, 1.0),
            ("contango_closes", f64::from(self.contango_closes), 0.0, 64.0),
            ("calm_carry", self.calm_carry, -1.0, 1.0),
            ("normalisation_sessions", f64::from(self.normalisation_sessions), 1.0, 2_520.0),
        ] {
            if !(value.is_finite() && (low..=high).contains(&value)) {
                return fault("SIG021", name, value.to_string(), format!("{low}..{high}"));
            }
        }
        Ok(())
    }
}

/// What the machine reads of one closed bar; NaN where unknown.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Bar {
    /// The bar closes its session.
    pub is_close: bool,
    /// VIX, points.
    pub vix: f64,
    /// Change of VIX over the bar, points.
    pub vix_change: f64,
    /// Move of the index over the bar, standard deviations.
    pub move_z: f64,
    /// RSI of the S&P 500 at the last close.
    pub rsi_spx: f64,
    /// Mean of the last closes of VIX.
    pub average: f64,
    /// The same over the slow window.
    pub slow_average: f64,
    /// VIX over realised volatility less 1.
    pub premium: f64,
    /// Term structure.
    pub carry: f64,
    /// Distance below the recent high of the index, relative.
    pub distance: f64,
    /// Expected daily range, percent.
    pub daily_range: f64,
    /// Whether the MACD line of VIX is above its signal; `None` in its warm-up.
    pub macd_bullish: Option<bool>,
    /// Inside an event window.
    pub event: bool,
}

/// How many of the conditions hold; unknown ones do not.
fn count(conditions: &[bool]) -> u32 {
    conditions.iter().map(|&holds| u32::from(holds)).sum()
}

/// The machine of one path.
#[derive(Debug, Clone)]
pub struct PhaseMachine {
    phase: Phase,
    sessions: u32,
    event_driven: bool,
    /// Closes of VIX of the last sessions, before the bar.
    closes: Window,
    base: f64,
    peak: f64,
    contango: u32,
}

impl PhaseMachine {
    /// A machine in the calm phase.
    pub fn new(config: &PhaseConfig) -> Self {
        Self {
            phase: Phase::Calm,
            sessions: 0,
            event_driven: false,
            closes: Window::new(config.base_sessions),
            base: f64::NAN,
            peak: f64::NAN,
            contango: 0,
        }
    }

    /// Phase after the last bar.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Closed sessions since the phase was entered.
    pub fn sessions(&self) -> u32 {
        self.sessions
    }

    /// The expansion that runs was entered inside an event window.
    pub fn event_driven(&self) -> bool {
        self.event_driven && self.phase == Phase::Expansion
    }

    fn is_press(config: &PhaseConfig, bar: &Bar) -> bool {
        let beside = [
            bar.rsi_spx > config.press_rsi,
            bar.vix > bar.slow_average,
            bar.premium >= config.press_premium,
            bar.carry >= config.press_carry,
            bar.distance <= config.press_distance,
        ];
        bar.move_z >= config.press_move
            && bar.vix_change <= config.press_vix_change
            && count(&beside) >= config.press_count
    }

    fn is_expansion(&self, config: &PhaseConfig, bar: &Bar) -> bool {
        let beside = [
            bar.vix > config.expansion_vix || bar.daily_range > config.expansion_range,
            bar.vix > bar.average,
            bar.carry < config.expansion_carry,
            bar.vix - self.closes.back(0) >= config.expansion_vix_change,
        ];
        bar.macd_bullish == Some(true) && count(&beside) >= config.expansion_count
    }

    fn is_normalisation(&self, config: &PhaseConfig, bar: &Bar) -> bool {
        let has_given_back = self.peak - bar.vix >= config.give_back * (self.peak - self.base);
        let is_contango = bar.carry.is_nan() || self.contango >= config.contango_closes;
        has_given_back && bar.macd_bullish == Some(false) && is_contango
    }

    fn is_calm(&self, config: &PhaseConfig, bar: &Bar) -> bool {
        let is_flat = bar.carry.is_nan() || bar.carry >= config.calm_carry;
        (bar.vix < bar.average && is_flat) || self.sessions >= config.normalisation_sessions
    }

    /// Reads a closed bar: at most one edge.
    pub fn push(&mut self, config: &PhaseConfig, bar: &Bar) -> Phase {
        if bar.is_close {
            self.sessions += 1;
            self.contango = if bar.carry > 0.0 { self.contango + 1 } else { 0 };
        }
        self.peak = self.peak.max(bar.vix);
        let next = match self.phase {
            Phase::Calm | Phase::Press | Phase::Normalisation if self.is_expansion(config, bar) => Phase::Expansion,
            Phase::Calm if Self::is_press(config, bar) => Phase::Press,
            Phase::Press if self.sessions >= config.press_sessions => Phase::Calm,
            Phase::Expansion if self.is_normalisation(config, bar) => Phase::Normalisation,
            Phase::Normalisation if self.is_calm(config, bar) => Phase::Calm,
            same => same,
        };
        if next != self.phase {
            self.phase = next;
            self.sessions = 0;
            if next == Phase::Expansion {
                // Base of the rise: before the bar that entered, whose VIX may be its peak already.
                self.base = self.closes.min();
                self.peak = bar.vix;
                self.event_driven = bar.event;
            }
        }
        if bar.is_close {
            self.closes.push(bar.vix);
        }
        next
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const UNKNOWN: Bar = Bar {
        is_close: true,
        vix: 12.0,
        vix_change: f64::NAN,
        move_z: f64::NAN,
        rsi_spx: f64::NAN,
        average: f64::NAN,
        slow_average: f64::NAN,
        premium: f64::NAN,
        carry: f64::NAN,
        distance: f64::NAN,
        daily_range: f64::NAN,
        macd_bullish: None,
        event: false,
    };

    fn walk(bars: &[Bar]) -> Vec<Phase> {
        let config = PhaseConfig::default();
        let mut machine = PhaseMachine::new(&config);
        bars.iter().map(|bar| machine.push(&config, bar)).collect()
    }

    #[test]
    fn nothing_known_stays_calm() {
        assert!(walk(&[UNKNOWN; 40]).iter().all(|&phase| phase == Phase::Calm));
    }

    #[test]
    fn a_press_lasts_five_sessions() {
        let press = Bar { move_z: 2.0, vix_change: 0.0, rsi_spx: 68.1, distance: 0.01, ..UNKNOWN };
        let phases = walk(&[press, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN, UNKNOWN]);
        assert_eq!(phases[..5], [Phase::Press; 5]);
        assert_eq!(phases[5..], [Phase::Calm; 2]);
        let one_short = Bar { distance: 0.011, ..press };
        assert_eq!(walk(&[one_short])[0], Phase::Calm);
        assert_eq!(walk(&[Bar { vix_change: 0.01, ..press }])[0], Phase::Calm);
    }

    #[test]
    fn an_expansion_normalises_when_a_third_is_given_back() {
        let calm = Bar { average: 13.0, macd_bullish: Some(false), carry: 0.06, ..UNKNOWN };
        let up = Bar { vix: 24.0, macd_bullish: Some(true), carry: -0.02, event: true, ..calm };
        let falling = |vix: f64| Bar { vix, macd_bullish: Some(false), carry: 0.01, average: 18.0, ..calm };
        // Base 12, peak 24: a third is given back at 20, and contango must have stood on two closes.
        let phases = walk(&[calm, calm, up, falling(20.5), falling(20.1), falling(20.0), falling(19.0)]);
        assert_eq!(phases[2..5], [Phase::Expansion; 3]);
        assert_eq!(phases[5..], [Phase::Normalisation; 2]);
        let quick = walk(&[calm, calm, up, falling(20.0), falling(20.0)]);
        assert_eq!(quick[3..], [Phase::Expansion, Phase::Normalisation]);
        // Level and range count once.
        let level = Bar { vix: 17.0, daily_range: 2.0, average: 18.0, macd_bullish: Some(true), ..UNKNOWN };
        assert_eq!(walk(&[UNKNOWN, Bar { vix: 16.5, ..level }])[1], Phase::Calm);
        assert_eq!(walk(&[UNKNOWN, level])[1], Phase::Expansion);
    }

    #[test]
    fn a_normalisation_ends_after_twenty_sessions_or_expands_again() {
        let calm = Bar { average: 13.0, macd_bullish: Some(false), carry: 0.06, ..UNKNOWN };
        let up = Bar { vix: 24.0, macd_bullish: Some(true), carry: -0.02, ..calm };
        let flat = Bar { vix: 19.0, macd_bullish: Some(false), carry: 0.01, ..calm };
        let mut bars = vec![calm, up, flat, flat];
        bars.extend([flat; 20]);
        let phases = walk(&bars);
        assert_eq!(phases[3], Phase::Normalisation);
        assert_eq!(phases[22], Phase::Normalisation);
        assert_eq!(phases[23], Phase::Calm);
        let again = walk(&[calm, up, flat, flat, Bar { vix: 25.0, ..up }]);
        assert_eq!(again[4], Phase::Expansion);
        let over = walk(&[calm, up, flat, flat, Bar { vix: 12.9, carry: 0.035, ..flat }]);
        assert_eq!(over[4], Phase::Calm);
    }
}
