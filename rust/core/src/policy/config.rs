//! The adaptive hedge as numbers: every rule has a switch, every constant is a field.

use serde::{Deserialize, Serialize};

use crate::book::{Check, within};
use crate::error::Result;
use crate::signals::SignalConfig;

/// What a trim in the cash press buys back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Trim {
    /// The winning vertical, where it earned its share of that side's credit.
    Side,
    /// Whole condors, where they earned half of their profit target.
    Condor,
}

/// Rules on top of the schedule of a book.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rules {
    /// The adaptive layered hedge.
    Adaptive(Box<AdaptivePolicy>),
    /// Every bar re-struck to the delta of its layer and to the beta-vega of its base size.
    Motion(MotionPolicy),
    /// Condors are sold anew around the index whenever it leaves its range.
    Breakout(BreakoutPolicy),
}

impl Rules {
    /// The signals that the rules read, if any.
    pub fn signals(&self) -> Option<&SignalConfig> {
        match self {
            Self::Adaptive(policy) => Some(&policy.signals),
            Self::Motion(_) | Self::Breakout(_) => None,
        }
    }

    /// Checks every field.
    ///
    /// # Errors
    /// `Config` with the first field that breaks its rule.
    pub fn validate(&self, path: &str) -> Result<()> {
        match self {
            Self::Adaptive(policy) => policy.validate(path),
            Self::Motion(policy) => policy.validate(path),
            Self::Breakout(policy) => policy.validate(path),
        }
    }
}

/// The adaptive layered hedge: switches first, then the constants of each rule.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct AdaptivePolicy {
    /// Layers grow with the hedge score.
    pub sizing: bool,
    /// Layers grow when the book of the future is thin, confirmed by the quorum.
    pub automatic_vega: bool,
    /// The last step of the automatic vega acts without the quorum.
    pub automatic_vega_exception: bool,
    /// The outer layer grows on each bullish cross in a cash press.
    pub press: bool,
    /// Beta-vega of the longer layers moves into the outer one before ignition confirms.
    pub time_shift_hedge: bool,
    /// Gains of the outer layer are realised and go into the longer ones.
    pub recycling: bool,
    /// Outer contracts are sold at fixed levels of VIX.
    pub sell_ladder: bool,
    /// When volatility normalises, the outer gain is sold and every layer is struck anew.
    pub normalisation: bool,
    /// Cost of carry and stressed beta bound the hedge in calm markets.
    pub caps: bool,
    /// A ring-fenced sleeve fed by realised hedge gains.
    pub second_engine: bool,
    /// Winning sides of condors are bought back in a cash press.
    pub trim: bool,
    /// Threatened condors roll to a few days and back.
    pub time_shift_condor: bool,
    /// No new condors while volatility expands above a level of VIX.
    pub expansion_gate: bool,
    /// Short strikes move one step away from a stretched valuation.
    pub fair_value_shift: bool,

    /// Signals and phases: what the rules read.
    pub signals: SignalConfig,
    /// Growth of the outer layer's multiplier per unit of the score.
    pub outer_slope: f64,
    /// The same of all longer layers.
    pub longer_slope: f64,
    /// Largest multiplier of a layer.
    pub multiplier_max: f64,
    /// Smallest size of a layer as a share of its base.
    pub core_share: f64,
    /// Rows (quick ratio below, multiplier added), falling levels; the last row is the exception to the quorum.
    pub vega_steps: Vec<(f64, f64)>,
    /// Added to the outer multiplier on each bullish cross in a cash press.
    pub press_step: f64,
    /// A layer is left alone when its contracts would change by less than this share.
    pub hysteresis: f64,
    /// Minutes between two changes.
    pub minutes_between: u32,
    /// Changes a session.
    pub changes: u32,
    /// Of them, at most this many on an alarm that is armed only.
    pub armed_changes: u32,
    /// Of them, this many are kept for an ignition and need not wait.
    pub reserved_changes: u32,

    /// Share of the longer layers' beta-vega that moves outward.
    pub shift_share: f64,
    /// VIX above which time is shifted.
    pub shift_vix: f64,
    /// Expected daily range in per cent above which time is shifted.
    pub shift_range: f64,
    /// Absolute delta of a short strike from which a condor is threatened.
    pub threatened_delta: f64,
    /// Share of the distance at entry within which a condor is threatened.
    pub threatened_distance: f64,
    /// Calendar days to expiry of a condor that was rolled: least and most.
    pub condor_roll_dte: (i32, i32),
    /// Sessions that a rolled condor is held at least.
    pub condor_roll_sessions: u32,

    /// Gain of the outer layer on the cost of its strike from which it is recycled.
    pub recycle_gain: f64,
    /// Share of a realised gain that goes into the longer layers.
    pub recycle_share: f64,
    /// Levels of VIX of the sell ladder, ascending.
    pub ladder_levels: Vec<f64>,
    /// Share of the outer contracts sold at each level.
    pub ladder_share: f64,

    /// What a trim buys back.
    pub trim_what: Trim,
    /// Share of the contracts that a trim buys back.
    pub trim_share: f64,
    /// Share of its credit that a side must have earned.
    pub trim_earned: f64,
    /// VIX above which no condor is sold while volatility expands, and below which they reopen.
    pub gate_vix: f64,
    /// Half widths of the fair-value band beyond which strikes move.
    pub fair_value_stretch: f64,
    /// The step in index points.
    pub fair_value_step: f64,

    /// Equity risk premium a year.
    pub equity_premium: f64,
    /// Debt costs this much more than the money-market rate a year.
    pub debt_spread: f64,
    /// Sessions behind the beta.
    pub beta_sessions: u32,
    /// Largest loss in the stress scenario per loss of the index, as shares.
    pub stressed_beta: f64,
    /// Move of the index in the stress scenario, a fraction below zero.
    pub stress_move: f64,
    /// Points of VIX in the stress scenario.
    pub stress_vix: f64,
    /// Largest carry of the hedge a year as a share of equity.
    pub carry_max: f64,
    /// Closed condors before their loss ratio bounds the carry.
    pub carry_condors: u32,

    /// Share of realised hedge gains that feeds the sleeve.
    pub sleeve_feed: f64,
    /// Largest sleeve as a share of equity.
    pub sleeve_max: f64,
    /// Largest delta notional of the sleeve over its value.
    pub sleeve_gross: f64,
    /// Expected daily range in per cent above which the sleeve buys.
    pub sleeve_range: f64,
    /// Calendar days to expiry of its calls: least and most.
    pub sleeve_dte: (i32, i32),
    /// Forward delta of its calls.
    pub sleeve_delta: f64,
}

impl Default for AdaptivePolicy {
    fn default() -> Self {
        Self {
            sizing: true,
            automatic_vega: true,
            automatic_vega_exception: true,
            press: true,
            time_shift_hedge: true,
            recycling: true,
            sell_ladder: false,
            normalisation: true,
            caps: true,
            second_engine: true,
            trim: true,
            time_shift_condor: true,
            expansion_gate: true,
            fair_value_shift: true,
            signals: SignalConfig::default(),
            outer_slope: 1.0,
            longer_slope: 0.5,
            multiplier_max: 2.0,
            core_share: 0.5,
            vega_steps: vec![(0.8, 0.25), (0.55, 0.25), (0.35, 0.5)],
            press_step: 0.25,
            hysteresis: 0.10,
            minutes_between: 15,
            changes: 3,
            armed_changes: 1,
            reserved_changes: 1,
            shift_share: 0.25,
            shift_vix: 16.0,
            shift_range: 0.94,
            threatened_delta: 0.30,
            threatened_distance: 0.25,
            condor_roll_dte: (1, 7),
            condor_roll_sessions: 1,
            recycle_gain: 1.5,
            recycle_share: 0.6,
            ladder_levels: vec![40.0, 50.0, 60.0],
            ladder_share: 0.25,
            trim_what: Trim::Side,
            trim_share: 0.25,
            trim_earned: 0.5,
            gate_vix: 20.0,
            fair_value_stretch: 1.0,
            fair_value_step: 5.0,
            equity_premium: 0.05,
            debt_spread: 0.01,
            beta_sessions: 60,
            stressed_beta: 0.2,
            stress_move: -0.08,
            stress_vix: 20.0,
            carry_max: 0.02,
            carry_condors: 12,
            sleeve_feed: 0.25,
            sleeve_max: 0.05,
            sleeve_gross: 2.0,
            sleeve_range: 1.10,
            sleeve_dte: (45, 90),
            sleeve_delta: 0.25,
        }
    }
}

impl AdaptivePolicy {
    /// Every rule off: what is left is the schedule.
    pub fn off() -> Self {
        Self {
            sizing: false,
            automatic_vega: false,
            automatic_vega_exception: false,
            press: false,
            time_shift_hedge: false,
            recycling: false,
            sell_ladder: false,
            normalisation: false,
            caps: false,
            second_engine: false,
            trim: false,
            time_shift_condor: false,
            expansion_gate: false,
            fair_value_shift: false,
            ..Self::default()
        }
    }

    /// Checks every field.
    ///
    /// # Errors
    /// `Config` with the first field that breaks its rule.
    pub fn validate(&self, path: &str) -> Result<()> {
        self.signals.validate()?;
        let check = Check { source: "AdaptivePolicy", path: path.to_owned() };
        let share = |field: &str, value: f64| check.that(within(value, 0.0, 1.0), "RUL001", field, value, "0..1");
        share("core_share", self.core_share)?;
        check.that(
            self.core_share >= 0.5,
            "RUL002",
            "core_share",
            self.core_share,
            "0.5..1: the core is never cut below half",
        )?;
        share("hysteresis", self.hysteresis)?;
        share("shift_share", self.shift_share)?;
        share("threatened_delta", self.threatened_delta)?;
        share("threatened_distance", self.threatened_distance)?;
        share("recycle_share", self.recycle_share)?;
        share("ladder_share", self.ladder_share)?;
        share("trim_share", self.trim_share)?;
        share("trim_earned", self.trim_earned)?;
        share("equity_premium", self.equity_premium)?;
        share("debt_spread", self.debt_spread)?;
        share("carry_max", self.carry_max)?;
        share("sleeve_feed", self.sleeve_feed)?;
        share("sleeve_max", self.sleeve_max)?;
        check.that(
            self.recycle_share + self.sleeve_feed <= 1.0,
            "RUL003",
            "sleeve_feed",
            self.sleeve_feed,
            "recycle_share + sleeve_feed <= 1: a gain is spent once",
        )?;
        let positive = |field: &str, value: f64, high: f64| {
            check.that(
                value > 0.0 && within(value, 0.0, high),
                "RUL004",
                field,
                value,
                &format!("0 < {field} <= {high}"),
            )
        };
        positive("shift_vix", self.shift_vix, 200.0)?;
        positive("shift_range", self.shift_range, 100.0)?;
        positive("gate_vix", self.gate_vix, 200.0)?;
        positive("recycle_gain", self.recycle_gain, 1e3)?;
        positive("fair_value_stretch", self.fair_value_stretch, 1e3)?;
        positive("stressed_beta", self.stressed_beta, 10.0)?;
        positive("stress_vix", self.stress_vix, 100.0)?;
        positive("sleeve_gross", self.sleeve_gross, 100.0)?;
        positive("sleeve_range", self.sleeve_range, 100.0)?;
        check.that(within(self.outer_slope, 0.0, 10.0), "RUL005", "outer_slope", self.outer_slope, "0..10")?;
        check.that(within(self.longer_slope, 0.0, 10.0), "RUL005", "longer_slope", self.longer_slope, "0..10")?;
        check.that(within(self.press_step, 0.0, 10.0), "RUL005", "press_step", self.press_step, "0..10")?;
        check.that(within(self.multiplier_max, 1.0, 10.0), "RUL006", "multiplier_max", self.multiplier_max, "1..10")?;
        check.that(
            within(self.fair_value_step, 0.0, 100.0),
            "RUL007",
            "fair_value_step",
            self.fair_value_step,
            "0..100 points",
        )?;
        check.that(
            self.stress_move > -1.0 && self.stress_move < 0.0,
            "RUL008",
            "stress_move",
            self.stress_move,
            "-1 < stress_move < 0",
        )?;
        check.that(
            self.sleeve_delta > 0.0 && self.sleeve_delta < 0.5,
            "RUL009",
            "sleeve_delta",
            self.sleeve_delta,
            "0 < sleeve_delta < 0.5: out of the money",
        )?;
        let falling = self.vega_steps.windows(2).all(|pair| pair[0].0 > pair[1].0);
        let steps = self.vega_steps.iter().all(|step| within(step.0, 0.0, 10.0) && within(step.1, 0.0, 10.0));
        check.that(
            falling && steps && self.vega_steps.len() <= 16,
            "RUL010",
            "vega_steps",
            format!("{:?}", self.vega_steps),
            "at most 16 rows (quick ratio, added) with falling ratios, both in 0..10",
        )?;
        let rising = self.ladder_levels.windows(2).all(|pair| pair[0] < pair[1]);
        check.that(
            rising
                && self.ladder_levels.iter().all(|&level| within(level, 1.0, 300.0))
                && self.ladder_levels.len() <= 16,
            "RUL011",
            "ladder_levels",
            format!("{:?}", self.ladder_levels),
            "at most 16 ascending levels in 1..300",
        )?;
        let days = |field: &str, range: (i32, i32)| {
            let ordered = range.0 >= 1 && range.0 <= range.1 && range.1 <= 730;
            check.that(ordered, "RUL012", field, format!("{range:?}"), "(least, most) days, 1 <= least <= most <= 730")
        };
        days("condor_roll_dte", self.condor_roll_dte)?;
        days("sleeve_dte", self.sleeve_dte)?;
        check.that(
            self.armed_changes <= self.changes && self.reserved_changes <= self.changes && self.changes <= 100,
            "RUL013",
            "changes",
            self.changes,
            "armed_changes and reserved_changes at most changes, changes at most 100",
        )?;
        check.that(self.minutes_between <= 1_440, "RUL014", "minutes_between", self.minutes_between, "0..1440")?;
        check.that(
            (2..=2_520).contains(&self.beta_sessions),
            "RUL016",
            "beta_sessions",
            self.beta_sessions,
            "2..2520",
        )?;
        check.that(self.carry_condors <= 10_000, "RUL017", "carry_condors", self.carry_condors, "0..10000")?;
        check.that(
            self.condor_roll_sessions <= 100,
            "RUL018",
            "condor_roll_sessions",
            self.condor_roll_sessions,
            "0..100",
        )?;
        Ok(())
    }
}

/// Every bar: each layer at the strike of its delta, in as many contracts as its base beta-vega needs.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct MotionPolicy {
    /// A strike is left alone while its delta is within this of the layer's.
    pub delta_tolerance: f64,
}

impl Default for MotionPolicy {
    fn default() -> Self {
        Self { delta_tolerance: 0.0 }
    }
}

impl MotionPolicy {
    /// Checks every field.
    ///
    /// # Errors
    /// `Config` with the first field that breaks its rule.
    pub fn validate(&self, path: &str) -> Result<()> {
        let check = Check { source: "MotionPolicy", path: path.to_owned() };
        check.that(within(self.delta_tolerance, 0.0, 1.0), "RUL021", "delta_tolerance", self.delta_tolerance, "0..1")
    }
}

/// Whenever the index closes outside of its range of the sessions before, condors are sold anew around it.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct BreakoutPolicy {
    /// Sessions of the range.
    pub range_sessions: u32,
}

impl Default for BreakoutPolicy {
    fn default() -> Self {
        Self { range_sessions: 20 }
    }
}

impl BreakoutPolicy {
    /// Checks every field.
    ///
    /// # Errors
    /// `Config` with the first field that breaks its rule.
    pub fn validate(&self, path: &str) -> Result<()> {
        let check = Check { source: "BreakoutPolicy", path: path.to_owned() };
        check.that((2..=252).contains(&self.range_sessions), "RUL022", "range_sessions", self.range_sessions, "2..252")
    }
}
