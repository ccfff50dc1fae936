//! The four phases of the market that the policy tells apart, and the machine that moves between them.
//!
//! Legal edges: calm to press and expansion, press to calm and expansion, expansion to normalisation, normalisation to
//! calm and expansion; at most one a closed bar. A condition whose input is unknown is left out of an "and" and does
//! not count in an "n of".

use serde::{Deserialize, Serialize};

use crate::error::{Error, Fault, Result};

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
