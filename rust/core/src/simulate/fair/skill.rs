//! What the detector was measured to see, as numbers.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Fault, Result};

/// Recall and delay at displacements from `low` on, up to the next row.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct SkillRow {
    /// Displacement, standard deviations of the mid over one unit.
    pub low: f64,
    /// Probability that a move of this displacement raises an alarm.
    pub recall: f64,
    /// Median time from onset to alarm, seconds.
    pub delay: f64,
    /// Its 90 % quantile, seconds.
    pub delay_p90: f64,
}

/// Alarms a session while VIX is at `vix` or above, up to the next row.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RateRow {
    /// VIX, points.
    pub vix: f64,
    /// Alarms in a session of 6.5 h.
    pub per_day: f64,
}

/// The skill of an alarm on one clock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct Skill {
    /// Unit of the clock, seconds.
    pub unit: f64,
    /// By displacement, ascending.
    pub rows: Vec<SkillRow>,
    /// False alarms by VIX, ascending.
    pub false_alarms: Vec<RateRow>,
    /// How often the clock is armed in a calm session.
    pub armed_per_day: f64,
    /// How long it is armed, seconds.
    pub armed_seconds: f64,
    /// Bounds of the score at an alarm.
    pub score: [f64; 2],
    /// Displacement at which an ignition has become a cascade, standard deviations over one unit.
    pub cascade: f64,
    /// An alarm that does not become a cascade, or reaches no new extreme, ends after so many units.
    pub cool_down: f64,
}

impl Default for Skill {
    /// `tools/measure_fair_skill.py` prints the measured part.
    fn default() -> Self {
        let row = |low, recall, delay, delay_p90| SkillRow { low, recall, delay, delay_p90 };
        Self {
            unit: 120.0,
            rows: vec![
                row(3.0, 0.219, 73.5, 271.2),
                row(5.0, 0.493, 65.6, 207.7),
                row(10.0, 0.755, 32.3, 163.6),
                row(15.0, 0.739, 23.7, 120.0),
                row(20.0, 0.875, 23.4, 104.4),
            ],
            false_alarms: vec![RateRow { vix: 0.0, per_day: 1.9 }],
            armed_per_day: 1.15,
            armed_seconds: 148.0,
            score: [52.0, 96.9],
            cascade: 3.0,
            cool_down: 5.0,
        }
    }
}

impl Skill {
    /// Checks every field.
    ///
    /// # Errors
    /// `Error::Config` naming the field.
    pub fn validate(&self) -> Result<()> {
        let fail = |code, field: &str, value: String, expected: &str| {
            Err(Error::config(Fault::new(code, "Skill", field, value, expected)))
        };
        let [low, high] = self.score;
        for (field, value, least, most) in [
            ("unit", self.unit, 0.1, 3_600.0),
            ("armed_per_day", self.armed_per_day, 0.0, 1e4),
            ("armed_seconds", self.armed_seconds, 0.0, 23_400.0),
            ("score[0]", low, 0.0, 100.0),
            ("score[1]", high, low, 100.0),
            ("cascade", self.cascade, 0.0, 1e3),
            ("cool_down", self.cool_down, 0.1, 1e3),
        ] {
            if !(least..=most).contains(&value) {
                return fail("CFG413", field, value.to_string(), &format!("{least}..{most}"));
            }
        }
        if self.rows.is_empty() || self.rows.windows(2).any(|pair| pair[0].low >= pair[1].low) {
            return fail("CFG414", "rows", format!("{} rows", self.rows.len()), "rows with ascending displacements");
        }
        for (index, row) in self.rows.iter().enumerate() {
            let is_good = row.low >= 0.0
                && (0.0..=1.0).contains(&row.recall)
                && (row.recall == 0.0 || (0.0 < row.delay && row.delay <= row.delay_p90 && row.delay_p90 < 1e6));
            if !is_good {
                let expected = "a displacement >= 0, a recall in 0..1 and 0 < delay <= delay_p90 where it is not 0";
                return fail("CFG415", &format!("rows[{index}]"), format!("{row:?}"), expected);
            }
        }
        let rates = &self.false_alarms;
        if rates.windows(2).any(|pair| pair[0].vix >= pair[1].vix)
            || rates.iter().any(|row| !(0.0..=1e4).contains(&row.per_day) || row.vix.is_nan())
        {
            let expected = "rates of 0..10000 a session, by ascending VIX";
            return fail("CFG416", "false_alarms", format!("{rates:?}"), expected);
        }
        Ok(())
    }

    /// The row of a displacement; `None` below the smallest that was measured.
    pub fn row(&self, displacement: f64) -> Option<&SkillRow> {
        self.rows.iter().rev().find(|row| displacement >= row.low)
    }

    /// False alarms a session at a level of VIX.
    pub fn false_alarms_at(&self, vix: f64) -> f64 {
        self.false_alarms.iter().rev().find(|row| vix >= row.vix).map_or(0.0, |row| row.per_day)
    }
}
