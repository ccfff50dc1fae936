//! Every number of the signals as a field, with the default of the specification and its status.
//!
//! PUB: published number, STD: standard in the field, OWN: defined here. docs/signals.md says what feeds each signal.

use serde::{Deserialize, Serialize};

use crate::book::parse;
use crate::error::{Error, Fault, Result};
use crate::phase::PhaseConfig;
use crate::signals::{GROUPS, INPUTS, MAX_USER_SIGNALS, SIGNALS};

/// Longest window in sessions or months.
const MAX_WINDOW: usize = 2_520;

/// Rises from 0 at the first value to 1 at the second; falls when the first is larger.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Ramp(pub f64, pub f64);

impl Ramp {
    /// clip((x - a)/(b - a), 0, 1); NaN stays NaN.
    #[inline]
    pub fn at(self, x: f64) -> f64 {
        ((x - self.0) / (self.1 - self.0)).clamp(0.0, 1.0)
    }

    fn validate(self, field: &str) -> Result<()> {
        if self.0.is_finite() && self.1.is_finite() && (self.0 - self.1).abs() > 0.0 {
            return Ok(());
        }
        fault("SIG001", field, format!("{:?}", (self.0, self.1)), "two different finite numbers")
    }
}

/// Which term structure of VIX futures is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum CarrySource {
    /// 60 days over 30 days, interpolated between the listed futures.
    ConstantMaturity,
    /// Second over first future: it jumps at rolls.
    Raw,
}

/// Which changes of the rate differential count.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RateSign {
    /// Both.
    Both,
    /// US yields rise against foreign ones.
    Widening,
    /// US yields fall against foreign ones.
    Narrowing,
}

/// Weights of the groups in the hedge score; a group of weight zero is off.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct GroupWeights {
    /// VIX and its derivatives.
    pub volatility: f64,
    /// Advances and declines, RSI and capitalisation of the index.
    pub breadth: f64,
    /// The order book.
    pub microstructure: f64,
    /// Rates, REITs, on-chain flows, events.
    pub r#macro: f64,
    /// Cash flows and payouts.
    pub valuation: f64,
}

impl Default for GroupWeights {
    fn default() -> Self {
        Self { volatility: 0.40, breadth: 0.25, microstructure: 0.20, r#macro: 0.10, valuation: 0.05 }
    }
}

impl GroupWeights {
    /// Checks every weight.
    ///
    /// # Errors
    /// `Config` with the first that is out of range.
    pub fn validate(&self) -> Result<()> {
        for (name, weight) in GROUPS.iter().zip(self.values()) {
            if !(0.0..=1.0).contains(&weight) {
                return fault("SIG014", &format!("weights.{name}"), weight, "0..1");
            }
        }
        Ok(())
    }

    /// In the order of [`GROUPS`].
    pub fn values(&self) -> [f64; GROUPS.len()] {
        [self.volatility, self.breadth, self.microstructure, self.r#macro, self.valuation]
    }
}

/// A signal that a user adds: a column of the history and a ramp.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct UserSignal {
    /// Name, different from all others.
    pub name: String,
    /// Group whose mean it joins.
    pub group: String,
    /// Column that it reads at the close of each session.
    pub column: String,
    /// Ramp on that column.
    pub ramp: Ramp,
}

impl UserSignal {
    /// Checks every field; `path` goes before the names of fields in errors.
    ///
    /// # Errors
    /// `Config` with the first field that breaks its rule.
    pub fn validate(&self, path: &str) -> Result<()> {
        let at = |field: &str| format!("{path}{field}");
        for (field, text) in [("name", &self.name), ("column", &self.column)] {
            let is_plain =
                !text.is_empty() && text.len() <= 32 && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
            if !is_plain {
                return fault("SIG009", &at(field), format!("{text:?}"), "1..32 of a-z A-Z 0-9 _");
            }
        }
        if SIGNALS.contains(&self.name.as_str()) {
            return fault("SIG010", &at("name"), format!("{:?}", self.name), "a name that no other signal has");
        }
        if INPUTS.contains(&self.column.as_str()) {
            return fault("SIG011", &at("column"), format!("{:?}", self.column), "a column of its own");
        }
        if !GROUPS.contains(&self.group.as_str()) {
            return fault("SIG012", &at("group"), format!("{:?}", self.group), "one of the five groups");
        }
        self.ramp.validate(&at("ramp"))
    }
}

/// All parameters of the signals and of the phases.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct SignalConfig {
    /// Weights of the groups (OWN).
    pub weights: GroupWeights,
    /// Groups that must stand before the score counts (PUB: no single key).
    pub quorum: u32,
    /// Group mean at which a group stands (OWN).
    pub standing: f64,
    /// Closed sessions before a policy may act (OWN).
    pub warm_up: u32,
    /// Names of signals that are switched off.
    pub off: Vec<String>,
    /// VIX, points (PUB 16).
    pub vix_level: Ramp,
    /// Sessions of the fast average of MACD (STD).
    pub macd_fast: usize,
    /// Sessions of the slow average of MACD (STD).
    pub macd_slow: usize,
    /// Sessions of the signal line of MACD (STD).
    pub macd_signal: usize,
    /// Sessions of RSI (STD).
    pub rsi_period: usize,
    /// RSI of VIX (PUB 65).
    pub vix_rsi: Ramp,
    /// Which term structure (OWN: constant maturity).
    pub carry_source: CarrySource,
    /// Term structure (PUB 3.5 %).
    pub term_structure: Ramp,
    /// Term structure below which it has collapsed (PUB 3.5 %).
    pub carry_floor: f64,
    /// Fall of the term structure that is a collapse (PUB 5 percentage points).
    pub carry_fall: f64,
    /// Sessions of that fall (PUB).
    pub carry_sessions: usize,
    /// Multiple of the expected daily range, 0.8..2 (PUB).
    pub edr_multiple: f64,
    /// Expected daily range, percent (PUB .94).
    pub edr: Ramp,
    /// Sessions of the mean of the advance-decline line (PUB).
    pub ad_mean: usize,
    /// Sessions of its highs (PUB).
    pub ad_window: usize,
    /// Standard deviations below its high that are a divergence (OWN).
    pub ad_divergence: f64,
    /// RSI of the S&P 500, overbought (PUB 68).
    pub rsi_spx_high: Ramp,
    /// RSI of the S&P 500, oversold (STD 30).
    pub rsi_spx_low: Ramp,
    /// Sessions of the change of capitalisation (OWN).
    pub cap_window: usize,
    /// Relative change of capitalisation (OWN).
    pub cap_contraction: Ramp,
    /// Ignition score after the amplifier (OWN).
    pub ignition: Ramp,
    /// Quick ratio over its median (OWN).
    pub quick_ratio: Ramp,
    /// Sessions of the median spread (OWN; PUB 1.8 times the mean spread is its alarm).
    pub spread_window: usize,
    /// Sessions of the change of the rate differential (PUB).
    pub rate_change: usize,
    /// Sessions behind the deviation of its daily changes (PUB).
    pub rate_window: usize,
    /// Change of the rate differential in standard deviations (OWN).
    pub rate_differential: Ramp,
    /// Which sign counts (OWN: both).
    pub rate_sign: RateSign,
    /// Sessions of the REIT return (OWN).
    pub reit_change: usize,
    /// Sessions of the beta of REITs and of the z-score (OWN).
    pub reit_window: usize,
    /// z-score of the return of REITs beyond their beta (OWN).
    pub reit_lead: Ramp,
    /// Deviation of the implied rate from the money market, basis points (STD).
    pub implied_rate: Ramp,
    /// Standard error from which the implied rate is not read, basis points (STD).
    pub implied_rate_error: f64,
    /// Days of the median of extracted value (PUB 30).
    pub dex_window: usize,
    /// Extracted value over its median (PUB 3).
    pub dex_flow: Ramp,
    /// Sessions of the correlation of crypto and VIX (OWN).
    pub dex_correlation_window: usize,
    /// Correlation below which extracted value is not read (OWN).
    pub dex_correlation: f64,
    /// Sessions before an event that belong to its window (PUB 1).
    pub event_sessions: u32,
    /// Months of the valuation windows (OWN).
    pub valuation_months: usize,
    /// Months until a period is reported (OWN: a quarter).
    pub reporting_lag: usize,
    /// z-score of price to cash flow beyond which an index is dear (OWN).
    pub cash_flow_z: f64,
    /// Dear indices that switch the signal on (OWN).
    pub cash_flow_count: usize,
    /// Expected return of equity over the long rate, decimal (STD).
    pub equity_premium: f64,
    /// Beta of the index in that return (STD).
    pub index_beta: f64,
    /// Half width of the growth rate in the band, decimal (STD).
    pub growth_margin: f64,
    /// Least excess of the discount rate over growth, decimal (STD).
    pub least_excess: f64,
    /// Lower and upper quantile of price to earnings (STD).
    pub earnings_quantiles: (f64, f64),
    /// Change of the stretch from its median (STD).
    pub fair_value: Ramp,
    /// Sessions behind the z-score of ETF flows (OWN).
    pub flow_window: usize,
    /// Weight of ETF flows in the amplifier (OWN).
    pub flow_weight: f64,
    /// Sessions behind the z-score of IPO proceeds (OWN).
    pub ipo_window: usize,
    /// Weight of IPO proceeds in the amplifier (OWN).
    pub ipo_weight: f64,
    /// Least and largest amplifier (OWN).
    pub amplifier: (f64, f64),
    /// Columns that come with the market are read this many sessions late, 0 for on time: a placebo has the prices of
    /// its path beside the other signals of another time (OWN).
    pub exogenous_delay: usize,
    /// Signals that users add.
    pub user: Vec<UserSignal>,
    /// The phases.
    pub phase: PhaseConfig,
}

impl Default for SignalConfig {
    fn default() -> Self {
        Self {
            weights: GroupWeights::default(),
            quorum: 2,
            standing: 0.5,
            warm_up: 252,
            off: Vec::new(),
            vix_level: Ramp(16.0, 24.0),
            macd_fast: 12,
            macd_slow: 26,
            macd_signal: 9,
            rsi_period: 14,
            vix_rsi: Ramp(65.0, 80.0),
            carry_source: CarrySource::ConstantMaturity,
            term_structure: Ramp(0.035, -0.05),
            carry_floor: 0.035,
            carry_fall: 0.05,
            carry_sessions: 5,
            edr_multiple: 1.0,
            edr: Ramp(0.94, 1.10),
            ad_mean: 10,
            ad_window: 20,
            ad_divergence: 1.0,
            rsi_spx_high: Ramp(68.0, 75.0),
            rsi_spx_low: Ramp(30.0, 20.0),
            cap_window: 20,
            cap_contraction: Ramp(-0.05, -0.10),
            ignition: Ramp(50.0, 90.0),
            quick_ratio: Ramp(0.8, 0.4),
            spread_window: 20,
            rate_change: 5,
            rate_window: 21,
            rate_differential: Ramp(2.0, 4.0),
            rate_sign: RateSign::Both,
            reit_change: 5,
            reit_window: 60,
            reit_lead: Ramp(-2.0, -4.0),
            implied_rate: Ramp(25.0, 75.0),
            implied_rate_error: 10.0,
            dex_window: 30,
            dex_flow: Ramp(2.0, 4.0),
            dex_correlation_window: 60,
            dex_correlation: 0.3,
            event_sessions: 1,
            valuation_months: 120,
            reporting_lag: 3,
            cash_flow_z: 1.5,
            cash_flow_count: 2,
            equity_premium: 0.05,
            index_beta: 1.0,
            growth_margin: 0.01,
            least_excess: 0.01,
            earnings_quantiles: (0.25, 0.75),
            fair_value: Ramp(1.0, 2.0),
            flow_window: 20,
            flow_weight: 0.1,
            ipo_window: 252,
            ipo_weight: 0.05,
            amplifier: (0.8, 1.2),
            exogenous_delay: 0,
            user: Vec::new(),
            phase: PhaseConfig::default(),
        }
    }
}

fn fault<T>(code: &'static str, field: &str, value: impl ToString, expected: &str) -> Result<T> {
    Err(Error::config(Fault::new(code, "SignalConfig", field, value.to_string(), expected)))
}

impl SignalConfig {
    /// Checks every field.
    ///
    /// # Errors
    /// `Config` with the first field that breaks its rule.
    pub fn validate(&self) -> Result<()> {
        for (name, ramp) in self.ramps() {
            ramp.validate(name)?;
        }
        self.weights.validate()?;
        for (name, window, least) in self.windows() {
            if !(least..=MAX_WINDOW).contains(&window) {
                return fault("SIG002", name, window, &format!("{least}..{MAX_WINDOW}"));
            }
        }
        if self.macd_fast >= self.macd_slow {
            return fault("SIG003", "macd_fast", self.macd_fast, "fewer sessions than macd_slow");
        }
        for (name, value, low, high) in self.numbers() {
            if !(value.is_finite() && (low..=high).contains(&value)) {
                return fault("SIG004", name, value, &format!("{low}..{high}"));
            }
        }
        for (name, pair, low, high) in
            [("earnings_quantiles", self.earnings_quantiles, 0.0, 1.0), ("amplifier", self.amplifier, 0.0, 10.0)]
        {
            let is_range = low <= pair.0 && pair.0 < pair.1 && pair.1 <= high;
            if !is_range {
                return fault("SIG005", name, format!("{pair:?}"), &format!("{low} <= first < second <= {high}"));
            }
        }
        if !(1..=GROUPS.len() as u32).contains(&self.quorum) {
            return fault("SIG006", "quorum", self.quorum, "1..5 groups");
        }
        if let Some(name) = self.off.iter().find(|name| self.index_of(name).is_none()) {
            return fault("SIG007", "off", format!("{name:?}"), "names of signals");
        }
        self.validate_user()?;
        self.phase.validate()
    }

    fn validate_user(&self) -> Result<()> {
        if self.user.len() > MAX_USER_SIGNALS {
            return fault("SIG008", "user", format!("{} signals", self.user.len()), "at most 8");
        }
        for (index, user) in self.user.iter().enumerate() {
            user.validate(&format!("user[{index}]."))?;
            let others = &self.user[..index];
            if others.iter().any(|other| other.name == user.name) {
                let value = format!("{:?} twice", user.name);
                return fault("SIG010", &format!("user[{index}].name"), value, "a name that no other signal has");
            }
            if others.iter().any(|other| other.column == user.column) {
                let value = format!("{:?} twice", user.column);
                return fault("SIG011", &format!("user[{index}].column"), value, "a column of its own");
            }
        }
        Ok(())
    }

    /// The configuration as JSON, defaults filled in.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// Index of a signal by name: those of users follow after [`SIGNALS`].
    pub fn index_of(&self, name: &str) -> Option<usize> {
        let user = || self.user.iter().position(|user| user.name == name).map(|index| SIGNALS.len() + index);
        SIGNALS.iter().position(|signal| *signal == name).or_else(user)
    }

    fn ramps(&self) -> [(&'static str, Ramp); 14] {
        [
            ("vix_level", self.vix_level),
            ("vix_rsi", self.vix_rsi),
            ("term_structure", self.term_structure),
            ("edr", self.edr),
            ("rsi_spx_high", self.rsi_spx_high),
            ("rsi_spx_low", self.rsi_spx_low),
            ("cap_contraction", self.cap_contraction),
            ("ignition", self.ignition),
            ("quick_ratio", self.quick_ratio),
            ("rate_differential", self.rate_differential),
            ("reit_lead", self.reit_lead),
            ("implied_rate", self.implied_rate),
            ("dex_flow", self.dex_flow),
            ("fair_value", self.fair_value),
        ]
    }

    fn windows(&self) -> [(&'static str, usize, usize); 21] {
        [
            ("macd_fast", self.macd_fast, 2),
            ("macd_slow", self.macd_slow, 2),
            ("macd_signal", self.macd_signal, 1),
            ("rsi_period", self.rsi_period, 2),
            ("carry_sessions", self.carry_sessions, 1),
            ("ad_mean", self.ad_mean, 2),
            ("ad_window", self.ad_window, 2),
            ("cap_window", self.cap_window, 1),
            ("spread_window", self.spread_window, 2),
            ("rate_change", self.rate_change, 1),
            ("rate_window", self.rate_window, 2),
            ("reit_change", self.reit_change, 1),
            ("reit_window", self.reit_window, 3),
            ("dex_window", self.dex_window, 2),
            ("dex_correlation_window", self.dex_correlation_window, 3),
            ("valuation_months", self.valuation_months, 12),
            ("reporting_lag", self.reporting_lag, 0),
            ("cash_flow_count", self.cash_flow_count, 1),
            ("flow_window", self.flow_window, 2),
            ("ipo_window", self.ipo_window, 2),
            ("exogenous_delay", self.exogenous_delay, 0),
        ]
    }

    fn numbers(&self) -> [(&'static str, f64, f64, f64); 16] {
        [
            ("standing", self.standing, 0.0, 1.0),
            ("warm_up", f64::from(self.warm_up), 0.0, 100_000.0),
            ("carry_floor", self.carry_floor, -1.0, 1.0),
            ("carry_fall", self.carry_fall, 0.0, 1.0),
            ("edr_multiple", self.edr_multiple, 0.8, 2.0),
            ("ad_divergence", self.ad_divergence, 0.0, 10.0),
            ("implied_rate_error", self.implied_rate_error, 0.0, 1_000.0),
            ("dex_correlation", self.dex_correlation, -1.0, 1.0),
            ("event_sessions", f64::from(self.event_sessions), 0.0, 20.0),
            ("index_beta", self.index_beta, -10.0, 10.0),
            ("cash_flow_z", self.cash_flow_z, -10.0, 10.0),
            ("equity_premium", self.equity_premium, 0.0, 1.0),
            ("growth_margin", self.growth_margin, 0.0, 0.5),
            ("least_excess", self.least_excess, 1e-4, 0.5),
            ("flow_weight", self.flow_weight, 0.0, 10.0),
            ("ipo_weight", self.ipo_weight, 0.0, 10.0),
        ]
    }
}

/// Reads a configuration from JSON and checks it; absent fields have their defaults.
///
/// # Errors
/// `Config` when the text is no such object or a field breaks its rule.
pub fn parse_signal_config(json: &str) -> Result<SignalConfig> {
    let config: SignalConfig = parse(json, "SignalConfig")?;
    config.validate()?;
    Ok(config)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_default_is_valid_and_absent_fields_have_it() {
        assert_eq!(parse_signal_config("{}").expect("defaults"), SignalConfig::default());
        let config = parse_signal_config(&SignalConfig::default().to_json()).expect("a round trip");
        assert_eq!(config, SignalConfig::default());
    }

    #[test]
    fn weights_sum_to_one_and_ramps_clip() {
        assert!((GroupWeights::default().values().iter().sum::<f64>() - 1.0).abs() < 1e-15);
        let falling = SignalConfig::default().term_structure;
        assert!((falling.at(0.035), falling.at(-0.05), falling.at(0.2)) == (0.0, 1.0, 0.0));
        assert!((falling.at(-0.0075) - 0.5).abs() < 1e-12 && falling.at(f64::NAN).is_nan());
    }

    #[test]
    fn every_rule_has_its_code() {
        for (json, code, field) in [
            (r#"{"vix_level": [16, 16]}"#, "SIG001", "vix_level"),
            (r#"{"rsi_period": 1}"#, "SIG002", "rsi_period"),
            (r#"{"macd_fast": 26}"#, "SIG003", "macd_fast"),
            (r#"{"edr_multiple": 2.5}"#, "SIG004", "edr_multiple"),
            (r#"{"amplifier": [1.2, 0.8]}"#, "SIG005", "amplifier"),
            (r#"{"quorum": 0}"#, "SIG006", "quorum"),
            (r#"{"off": ["vix"]}"#, "SIG007", "off"),
            (r#"{"weights": {"macro": -0.1}}"#, "SIG014", "weights.macro"),
            (r#"{"phase": {"average": 1}}"#, "SIG020", "average"),
            (r#"{"phase": {"give_back": 2}}"#, "SIG021", "give_back"),
            (r#"{"vix_levels": [1, 2]}"#, "CFG000", "fields"),
        ] {
            let error = parse_signal_config(json).expect_err(json).to_string();
            assert!(error.starts_with(code) && error.contains(&format!(" {field}: got")), "{error}");
        }
        let user = |name: &str, group: &str, column: &str| {
            let one = format!(r#"{{"name": "{name}", "group": "{group}", "column": "{column}", "ramp": [0, 1]}}"#);
            format!(r#"{{"user": [{{"name": "a", "group": "macro", "column": "b", "ramp": [1, 0]}}, {one}]}}"#)
        };
        for (json, code) in [
            (user("no name", "macro", "c"), "SIG009"),
            (user("edr", "macro", "c"), "SIG010"),
            (user("a", "macro", "c"), "SIG010"),
            (user("c", "macro", "b"), "SIG011"),
            (user("c", "macro", "reit"), "SIG011"),
            (user("c", "fear", "c"), "SIG012"),
        ] {
            let error = parse_signal_config(&json).expect_err(&json).to_string();
            assert!(error.starts_with(code) && error.contains("user[1]"), "{error}");
        }
        assert!(parse_signal_config(&user("c", "breadth", "c")).is_ok());
    }
}
