//! What the intraday layer is told: how often episodes come, how large they are, and what they do to quotes.

use serde::{Deserialize, Serialize};

use crate::error::{Error, Fault, Result};

/// Months to expiry of [`PassThrough::shares`].
const LADDER_MONTHS: usize = 7;

/// How far VIX futures follow the part of VIX that an episode adds for minutes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PassThrough {
    /// What the first two futures did until 15:35 on 2018-02-05.
    Low,
    /// Between the two.
    #[default]
    Middle,
    /// Medians of days on which VIX rose 25 %.
    High,
}

impl PassThrough {
    /// Names and values.
    pub const NAMES: [(&'static str, Self); 3] = [("low", Self::Low), ("middle", Self::Middle), ("high", Self::High)];

    /// Relative move of the future of 1, 2, ... 7 months over that of VIX. The first, second, fourth and seventh are
    /// given; the others lie between on a line in the logarithm.
    pub fn shares(self) -> [f64; LADDER_MONTHS] {
        let [first, second, fourth, seventh] = match self {
            Self::Low => [0.30, 0.20, 0.12, 0.08],
            Self::Middle => [0.45, 0.30, 0.18, 0.10],
            Self::High => [0.62, 0.42, 0.24, 0.15],
        };
        let third = f64::sqrt(second * fourth);
        let step = libm::cbrt(seventh / fourth);
        [first, second, third, fourth, fourth * step, fourth * step * step, seventh]
    }
}

/// The intraday layer. `docs/episodes.md` has the status and the source of every number.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct IntradayConfig {
    /// Probability that a jump is an ignition; the others are news.
    pub ignition_share: f64,
    /// Mean share of an ignition's displacement that stays until the close.
    pub retained: f64,
    /// Concentration a + b of the beta law of that share.
    pub retained_concentration: f64,
    /// Pure episodes, which leave nothing at the close, a year at a VIX of 20.
    pub pure_rate: f64,
    /// Smallest displacement of a pure episode, daily standard deviations (VIX/100/sqrt(252)).
    pub pure_scale: f64,
    /// Tail exponent of its Pareto law.
    pub pure_tail: f64,
    /// Probability that a pure episode goes down.
    pub pure_down: f64,
    /// Mean number of pure episodes that an ignition or a pure episode sets off on the same day.
    pub reignition: f64,
    /// Mean time until such a successor, seconds after the peak.
    pub reignition_seconds: f64,
    /// Largest displacement, log points, unless the jump itself is larger.
    pub largest: f64,
    /// Median time from onset to peak, seconds.
    pub rise_seconds: f64,
    /// Standard deviation of its logarithm.
    pub rise_spread: f64,
    /// Acceleration a of the displacement: (exp(a t/T) - 1)/(exp(a) - 1).
    pub acceleration: f64,
    /// Time constant of the way back, seconds.
    pub reversion_seconds: f64,
    /// Log move of VIX per log move of the index against its sign.
    pub vix_beta: f64,
    /// Share of the excess of VIX that decays with the price; the rest fades until the close.
    pub fast_share: f64,
    /// Largest quote noise on spot VIX, log points.
    pub quote_noise: f64,
    /// Displacement at which quote noise is about two thirds of that, log points.
    pub quote_noise_scale: f64,
    /// Bounds of the half-life of quote noise, seconds.
    pub quote_noise_half_life: [f64; 2],
    /// Bounds of the spread multiplier at the peak.
    pub spread: [f64; 2],
    /// How far VIX futures follow.
    pub pass_through: PassThrough,
    /// Largest shock on the first two VIX futures at the close by the rebalancing of exchange-traded products, log
    /// points; reached on a day on which VIX doubles, and reverting during the next session. Zero leaves daily marks
    /// untouched.
    pub rebalancing: f64,
    /// Depth of the U-shape of variance over the session: 0 is flat; at 0.5 variance at noon is half its mean.
    pub u_shape: f64,
    /// Step inside an episode, seconds.
    pub fine_seconds: i32,
    /// Step on the rest of a day with an episode, seconds.
    pub coarse_seconds: i32,
    /// Time constants of the way back that count as inside.
    pub fine_tail: f64,
}

impl Default for IntradayConfig {
    fn default() -> Self {
        Self {
            ignition_share: 0.25,
            retained: 0.375,
            retained_concentration: 40.0,
            pure_rate: 6.0,
            pure_scale: 1.0,
            pure_tail: 3.0,
            pure_down: 0.65,
            reignition: 0.5,
            reignition_seconds: 1_800.0,
            largest: 0.20,
            rise_seconds: 270.0,
            rise_spread: 0.15,
            acceleration: 3.0,
            reversion_seconds: 480.0,
            vix_beta: 4.3,
            fast_share: 0.7,
            quote_noise: 0.7,
            quote_noise_scale: 0.10,
            quote_noise_half_life: [1_800.0, 3_600.0],
            spread: [3.0, 6.0],
            pass_through: PassThrough::Middle,
            rebalancing: 0.0,
            u_shape: 0.0,
            fine_seconds: 5,
            coarse_seconds: 60,
            fine_tail: 2.0,
        }
    }
}

impl IntradayConfig {
    /// The configuration from its JSON, validated; fields left out have their defaults.
    ///
    /// # Errors
    /// `Error::Config` for unknown fields and for fields that break their rule.
    pub fn from_json(text: &str) -> Result<Self> {
        let config: Self = serde_json::from_str(text).map_err(|error| {
            Error::config(Fault::new("CFG401", "IntradayConfig", "fields", error.to_string(), "the documented fields"))
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
        let fail = |code, field: &str, value: String, expected: &str| {
            Err(Error::config(Fault::new(code, "IntradayConfig", field, value, expected)))
        };
        let ranges = [
            ("ignition_share", self.ignition_share, 0.0, 1.0),
            ("retained", self.retained, 0.05, 0.95),
            ("retained_concentration", self.retained_concentration, 2.0, 1e4),
            ("pure_rate", self.pure_rate, 0.0, 1e3),
            ("pure_scale", self.pure_scale, 0.05, 20.0),
            ("pure_tail", self.pure_tail, 1.05, 100.0),
            ("pure_down", self.pure_down, 0.0, 1.0),
            ("reignition", self.reignition, 0.0, 0.95),
            ("reignition_seconds", self.reignition_seconds, 1.0, 1e6),
            ("largest", self.largest, 0.001, 1.0),
            ("rise_seconds", self.rise_seconds, 5.0, 7_200.0),
            ("rise_spread", self.rise_spread, 0.0, 2.0),
            ("acceleration", self.acceleration, 0.01, 50.0),
            ("reversion_seconds", self.reversion_seconds, 5.0, 1e5),
            ("vix_beta", self.vix_beta, 0.0, 20.0),
            ("fast_share", self.fast_share, 0.0, 1.0),
            ("quote_noise", self.quote_noise, 0.0, 2.0),
            ("quote_noise_scale", self.quote_noise_scale, 1e-4, 10.0),
            ("quote_noise_half_life[0]", self.quote_noise_half_life[0], 1.0, 1e5),
            ("quote_noise_half_life[1]", self.quote_noise_half_life[1], 1.0, 1e5),
            ("spread[0]", self.spread[0], 1.0, 100.0),
            ("spread[1]", self.spread[1], 1.0, 100.0),
            ("rebalancing", self.rebalancing, 0.0, 2.0),
            ("u_shape", self.u_shape, 0.0, 0.95),
            ("fine_tail", self.fine_tail, 0.0, 20.0),
        ];
        for (field, value, low, high) in ranges {
            if !(low..=high).contains(&value) {
                return fail("CFG402", field, value.to_string(), &format!("{low}..{high}"));
            }
        }
        for (field, [low, high]) in [("quote_noise_half_life", self.quote_noise_half_life), ("spread", self.spread)] {
            if low > high {
                return fail("CFG403", field, format!("[{low}, {high}]"), "bounds that ascend");
            }
        }
        for (field, seconds) in [("fine_seconds", self.fine_seconds), ("coarse_seconds", self.coarse_seconds)] {
            if !(1..=3_600).contains(&seconds) {
                return fail("CFG404", field, seconds.to_string(), "1..3600 seconds");
            }
        }
        if self.coarse_seconds % self.fine_seconds != 0 {
            let value = format!("{} beside {}", self.coarse_seconds, self.fine_seconds);
            return fail("CFG405", "coarse_seconds", value, "a multiple of fine_seconds");
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn defaults_are_valid_and_survive_json() {
        let config = IntradayConfig::default();
        config.validate().expect("defaults");
        assert_eq!(IntradayConfig::from_json(&config.to_json()).expect("json"), config);
        assert_eq!(IntradayConfig::from_json("{}").expect("empty"), config);
    }

    #[test]
    fn the_ladder_falls_with_the_tenor_and_rises_with_the_scenario() {
        let ladders = PassThrough::NAMES.map(|(_, scenario)| scenario.shares());
        for shares in ladders {
            assert!(shares.windows(2).all(|pair| pair[1] < pair[0]), "{shares:?}");
        }
        for pair in ladders.windows(2) {
            assert!(pair[0].iter().zip(&pair[1]).all(|(low, high)| low < high));
        }
        for (month, share) in [(0, 0.62), (1, 0.42), (3, 0.24), (6, 0.15)] {
            assert!((ladders[2][month] - share).abs() < 1e-15);
        }
    }

    #[test]
    fn every_rule_names_its_field() {
        type Break = fn(&mut IntradayConfig);
        let bad: [(&str, &str, Break); 9] = [
            ("CFG402", "ignition_share", |c| c.ignition_share = 1.1),
            ("CFG402", "retained", |c| c.retained = 0.0),
            ("CFG402", "pure_rate", |c| c.pure_rate = f64::NAN),
            ("CFG402", "reignition", |c| c.reignition = 1.0),
            ("CFG402", "spread[0]", |c| c.spread[0] = 0.5),
            ("CFG403", "spread", |c| c.spread = [6.0, 3.0]),
            ("CFG404", "fine_seconds", |c| c.fine_seconds = 0),
            ("CFG405", "coarse_seconds", |c| c.coarse_seconds = 7),
            ("CFG401", "fields", |_| ()),
        ];
        for (code, field, change) in bad {
            let mut config = IntradayConfig::default();
            change(&mut config);
            let result = if code == "CFG401" {
                IntradayConfig::from_json("{\"pi\": 1}")
            } else {
                config.validate().map(|()| config)
            };
            let error = result.expect_err(field).to_string();
            assert!(error.starts_with(&format!("{code} IntradayConfig {field}: got ")), "{error}");
        }
    }
}
