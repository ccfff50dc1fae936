//! What the detector is told: clocks, time constants, thresholds, masks, weights.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Error, Fault, Result};

/// Number of clocks that run side by side.
pub const CLOCKS: usize = 3;

/// Cells of the lattice in one unit of a clock.
pub const CELLS_PER_UNIT: i64 = 100;

/// Features that make the score, in the order of `score_weights`; of the burst its ln(1 + z) counts.
pub const SCORED: [&str; 5] = ["push_z", "velocity_z", "trade_burst_z", "thinning", "fade_share"];

/// Configuration of the detector. Time constants are in units of the clock (seconds on a clock of 1 s).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct IgnitionConfig {
    /// Lengths of the clocks' unit, seconds, ascending; each a whole multiple of the first.
    pub clocks: [f64; CLOCKS],
    /// Time from the peak within which a move has to come back, seconds, one a clock.
    pub retrace_windows: [f64; CLOCKS],
    /// Time constant of the push, the burst and the fast mean of the mid.
    pub tau_fast: f64,
    /// Time constant of the mean of the mid that a move is measured from.
    pub tau_mid: f64,
    /// Time constant of ordinary rates and depths.
    pub tau_slow: f64,
    /// Time constant of the volatility of the mid.
    pub tau_sigma: f64,
    /// Ratio of the fast to the slow volume rate that arms.
    pub volume_ratio: [f64; CLOCKS],
    /// Time that the arming condition has to hold.
    pub arm_hold: f64,
    /// Time after which an armed clock goes idle; it may arm again at once.
    pub arm_timeout: f64,
    /// Largest distance of the mid from its mean while arming, ticks.
    pub arm_move_ticks: f64,
    /// Push in standard deviations that ignites.
    pub push_z: [f64; CLOCKS],
    /// Velocity in standard deviations that ignites.
    pub velocity_z: [f64; CLOCKS],
    /// Largest ratio of the consumed side's depth to its mean that ignites.
    pub thinning: f64,
    /// Smallest distance of the mid from its mean that ignites, basis points.
    pub move_bp: [f64; CLOCKS],
    /// Smallest score that ignites, 0..100.
    pub alarm_score: [f64; CLOCKS],
    /// Factor of the push and velocity thresholds when the clock was not armed.
    pub idle_factor: f64,
    /// Smallest move of a cascade, ticks.
    pub cascade_ticks: f64,
    /// Smallest move of a cascade in standard deviations of the mid's change over one unit.
    pub cascade_sigma: [f64; CLOCKS],
    /// Smallest move of a cascade, basis points.
    pub cascade_bp: f64,
    /// Time within which an ignition has to become a cascade.
    pub cascade_window: f64,
    /// Share of the move that has to come back.
    pub retrace_share: f64,
    /// Time after an episode without another one on the same clock.
    pub cool_down: f64,
    /// Time after the start of a tape, or after a gap, without scoring, as a share of `tau_slow`.
    pub warm_up: f64,
    /// Seconds after an open or reopen without scoring.
    pub open_mask: f64,
    /// Windows without scoring, ns since the epoch, `[start, end)`.
    pub masks: Vec<(i64, i64)>,
    /// A pause of the feed beyond this many seconds is counted as stale, and nothing is scored on its far side.
    pub stale_after: f64,
    /// Lots of one VPIN bucket; 0 switches VPIN off.
    pub vpin_bucket: f64,
    /// Weights of the score, in the order of `SCORED`.
    pub score_weights: [f64; SCORED.len()],
    /// The score's constant.
    pub score_offset: f64,
}

impl Default for IgnitionConfig {
    fn default() -> Self {
        Self {
            clocks: [1.0, 15.0, 120.0],
            retrace_windows: [60.0, 600.0, 3600.0],
            tau_fast: 0.25,
            tau_mid: 1.0,
            tau_slow: 60.0,
            tau_sigma: 300.0,
            volume_ratio: [3.0; CLOCKS],
            arm_hold: 0.2,
            arm_timeout: 10.0,
            arm_move_ticks: 2.0,
            push_z: [4.0; CLOCKS],
            velocity_z: [1.5; CLOCKS],
            thinning: 0.9,
            move_bp: [0.3; CLOCKS],
            alarm_score: [50.0; CLOCKS],
            idle_factor: 2.0,
            cascade_ticks: 4.0,
            cascade_sigma: [3.0; CLOCKS],
            cascade_bp: 1.0,
            cascade_window: 5.0,
            retrace_share: 0.5,
            cool_down: 5.0,
            warm_up: 0.5,
            open_mask: 300.0,
            masks: Vec::new(),
            stale_after: 30.0,
            vpin_bucket: 0.0,
            score_weights: [0.014, 0.215, 1.893, -3.129, -3.395],
            score_offset: 3.084,
        }
    }
}

impl IgnitionConfig {
    /// The configuration from its JSON, validated.
    ///
    /// # Errors
    /// `Error::Config` for unknown or missing fields (CFG100) and for fields that break their rule (CFG101..).
    pub fn from_json(text: &str) -> Result<Self> {
        let config: Self = serde_json::from_str(text).map_err(|error| {
            Error::config(Fault::new("CFG100", "IgnitionConfig", "fields", error.to_string(), "the documented fields"))
        })?;
        config.validate()?;
        Ok(config)
    }

    /// The configuration as canonical JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// SHA-256 of the canonical JSON, hexadecimal.
    pub fn hash(&self) -> String {
        Sha256::digest(self.to_json().as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Checks every field.
    ///
    /// # Errors
    /// `Error::Config` naming the field.
    pub fn validate(&self) -> Result<()> {
        let fail = |code, field: &str, value: String, expected: &str| {
            Err(Error::config(Fault::new(code, "IgnitionConfig", field, value, expected)))
        };
        let unit = self.clocks[0];
        if !(0.1..=3_600.0).contains(&unit) {
            return fail("CFG101", "clocks[0]", unit.to_string(), "0.1 to 3600 seconds");
        }
        for (i, pair) in self.clocks.windows(2).enumerate() {
            let multiple = pair[1] / unit;
            let is_whole = (multiple - libm::round(multiple)).abs() < 1e-9;
            if !(pair[1] > pair[0] && pair[1] <= 86_400.0 && is_whole) {
                let field = format!("clocks[{}]", i + 1);
                return fail(
                    "CFG101",
                    &field,
                    pair[1].to_string(),
                    "ascending whole multiples of the first, up to 86400",
                );
            }
        }
        let positive = [
            ("tau_fast", self.tau_fast),
            ("tau_mid", self.tau_mid),
            ("tau_slow", self.tau_slow),
            ("tau_sigma", self.tau_sigma),
            ("arm_hold", self.arm_hold),
            ("arm_timeout", self.arm_timeout),
            ("cascade_window", self.cascade_window),
            ("stale_after", self.stale_after),
            ("idle_factor", self.idle_factor),
        ];
        for (field, value) in positive {
            if !(value > 0.0 && value <= 1e6) {
                return fail("CFG102", field, value.to_string(), "a number in (0, 1e6]");
            }
        }
        if !(self.tau_fast < self.tau_mid && self.tau_mid < self.tau_slow) {
            let got = format!("{} {} {}", self.tau_fast, self.tau_mid, self.tau_slow);
            return fail("CFG103", "tau_fast, tau_mid, tau_slow", got, "ascending");
        }
        if self.tau_fast * (CELLS_PER_UNIT as f64) < 2.0 {
            return fail("CFG103", "tau_fast", self.tau_fast.to_string(), "at least two cells (0.02)");
        }
        let not_negative = [
            ("arm_move_ticks", self.arm_move_ticks),
            ("cascade_ticks", self.cascade_ticks),
            ("cascade_bp", self.cascade_bp),
            ("cool_down", self.cool_down),
            ("warm_up", self.warm_up),
            ("open_mask", self.open_mask),
            ("vpin_bucket", self.vpin_bucket),
            ("thinning", self.thinning),
        ];
        for (field, value) in not_negative {
            if !(0.0..=1e15).contains(&value) {
                return fail("CFG104", field, value.to_string(), "a number that is not negative");
            }
        }
        let per_clock = [
            ("retrace_windows", &self.retrace_windows),
            ("volume_ratio", &self.volume_ratio),
            ("push_z", &self.push_z),
            ("velocity_z", &self.velocity_z),
            ("move_bp", &self.move_bp),
            ("alarm_score", &self.alarm_score),
            ("cascade_sigma", &self.cascade_sigma),
        ];
        for (name, values) in per_clock {
            for (i, &value) in values.iter().enumerate() {
                let smallest = if name == "retrace_windows" { 1e-3 } else { 0.0 };
                if !(value >= smallest && value <= 1e9) {
                    return fail("CFG104", &format!("{name}[{i}]"), value.to_string(), "a number that is not negative");
                }
            }
        }
        if self.vpin_bucket > 0.0 && self.vpin_bucket < 1.0 {
            return fail("CFG104", "vpin_bucket", self.vpin_bucket.to_string(), "0, or at least one lot");
        }
        if !(self.retrace_share > 0.0 && self.retrace_share <= 1.0) {
            return fail("CFG105", "retrace_share", self.retrace_share.to_string(), "0 < share <= 1");
        }
        for (i, weight) in self.score_weights.iter().chain([&self.score_offset]).enumerate() {
            if !weight.is_finite() {
                return fail("CFG106", &format!("score_weights[{i}]"), weight.to_string(), "finite");
            }
        }
        for (i, &(start, end)) in self.masks.iter().enumerate() {
            let in_order = i == 0 || self.masks[i - 1].1 <= start;
            if !(start < end && in_order) {
                return fail(
                    "CFG107",
                    &format!("masks[{i}]"),
                    format!("[{start}, {end})"),
                    "windows in order without overlap",
                );
            }
        }
        Ok(())
    }

    /// Length of a cell of clock `i`, ns.
    pub fn cell_ns(&self, i: usize) -> i64 {
        let base = libm::round(self.clocks[0] * 1e9 / CELLS_PER_UNIT as f64) as i64;
        base * self.multiple(i)
    }

    /// Cells of the first clock in a cell of clock `i`.
    pub fn multiple(&self, i: usize) -> i64 {
        libm::round(self.clocks[i] / self.clocks[0]) as i64
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_survive_json() {
        let config = IgnitionConfig::default();
        config.validate().expect("defaults");
        assert_eq!(IgnitionConfig::from_json(&config.to_json()).expect("round trip"), config);
        assert_eq!((config.cell_ns(0), config.cell_ns(1), config.cell_ns(2)), (10_000_000, 150_000_000, 1_200_000_000));
        assert_eq!(config.hash().len(), 64);
    }

    #[test]
    fn every_rule_names_its_field() {
        type Break = (&'static str, fn(&mut IgnitionConfig));
        let bad: [Break; 8] = [
            ("CFG101", |c| c.clocks[1] = 1.5),
            ("CFG101", |c| c.clocks[0] = f64::NAN),
            ("CFG102", |c| c.tau_sigma = 0.0),
            ("CFG103", |c| c.tau_fast = 2.0),
            ("CFG104", |c| c.push_z[2] = -1.0),
            ("CFG105", |c| c.retrace_share = 0.0),
            ("CFG106", |c| c.score_offset = f64::INFINITY),
            ("CFG107", |c| c.masks = vec![(5, 5)]),
        ];
        for (code, break_it) in bad {
            let mut config = IgnitionConfig::default();
            break_it(&mut config);
            let error = config.validate().expect_err(code).to_string();
            assert!(error.starts_with(code), "{error}");
        }
    }
}
