//! The market model H-SVCJ-2F: two variance factors, co-jumps of price and variance, self-exciting intensity.
//!
//! docs/model.md has the equations, their sources and what the model cannot do.

use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::error::{Error, Fault, Result};
use crate::math;
use crate::pricing::transform::{Affine, Factor, Jumps, State};

/// Parameters under the pricing measure Q; those of the real-world measure P where they differ; rates; start.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MarketConfig {
    /// What to call it.
    pub name: String,
    /// Reversion of the fast variance, 1/year.
    pub kappa1: f64,
    /// Level of the fast variance without jumps, variance a year.
    pub theta1: f64,
    /// Volatility of the fast variance.
    pub sigma1: f64,
    /// Correlation of the fast variance with the log price.
    pub rho1: f64,
    /// Reversion of the slow variance, 1/year.
    pub kappa2: f64,
    /// Level of the slow variance, variance a year.
    pub theta2: f64,
    /// Volatility of the slow variance.
    pub sigma2: f64,
    /// Correlation of the slow variance with the log price.
    pub rho2: f64,
    /// Decay of the intensity, 1/year.
    pub beta: f64,
    /// Level of the intensity, jumps a year.
    pub lambda_inf: f64,
    /// What a jump adds to the intensity.
    pub eta: f64,
    /// Mean log-price jump of a jump without variance.
    pub mu_x: f64,
    /// Standard deviation of the log-price jump given the variance jump.
    pub delta: f64,
    /// Mean variance jump.
    pub mu_v: f64,
    /// Slope of the mean log-price jump in the variance jump.
    pub rho_j: f64,
    /// `kappa1` under P.
    pub kappa1_p: Option<f64>,
    /// `kappa2` under P.
    pub kappa2_p: Option<f64>,
    /// Intensity under Q over intensity under P.
    pub intensity_premium: f64,
    /// `mu_x` under P.
    pub mu_x_p: Option<f64>,
    /// `mu_v` under P.
    pub mu_v_p: Option<f64>,
    /// Drift of the price under P per unit of variance.
    pub gamma: f64,
    /// Interest rate, continuous decimal.
    pub r: f64,
    /// Dividend yield, continuous decimal.
    pub q: f64,
    /// Fast variance at the start; the mean under P where `None`.
    pub v1: Option<f64>,
    /// Slow variance at the start.
    pub v2: Option<f64>,
    /// Intensity under Q at the start.
    pub intensity: Option<f64>,
}

/// Names of the presets, the default first.
pub const PRESETS: [&str; 8] = [
    "HSVCJ2F-2026",
    "HSVCJ2F-2026-fast",
    "Broadie-Kaya-Heston-1",
    "Broadie-Kaya-Heston-2",
    "Broadie-Kaya-SVJ",
    "Broadie-Kaya-SVCJ",
    "BCC-1997-SVJ",
    "EJP-2003-SVCJ",
];

impl MarketConfig {
    /// One variance factor without jumps: Heston (1993).
    fn heston(name: &str, kappa: f64, theta: f64, sigma: f64, rho: f64, v: f64) -> Self {
        Self {
            name: name.to_owned(),
            kappa1: kappa,
            theta1: theta,
            sigma1: sigma,
            rho1: rho,
            kappa2: 1.0,
            theta2: 0.0,
            sigma2: 0.0,
            rho2: 0.0,
            beta: 1.0,
            lambda_inf: 0.0,
            eta: 0.0,
            mu_x: 0.0,
            delta: 0.0,
            mu_v: 0.0,
            rho_j: 0.0,
            kappa1_p: None,
            kappa2_p: None,
            intensity_premium: 1.0,
            mu_x_p: None,
            mu_v_p: None,
            gamma: 0.0,
            r: 0.0,
            q: 0.0,
            v1: Some(v),
            v2: Some(0.0),
            intensity: Some(0.0),
        }
    }

    /// The same with jumps of constant intensity.
    fn with_jumps(self, intensity: f64, mu_x: f64, delta: f64, mu_v: f64, rho_j: f64) -> Self {
        Self { lambda_inf: intensity, intensity: Some(intensity), mu_x, delta, mu_v, rho_j, ..self }
    }

    /// The calibrated set of docs/model.md.
    fn calibrated() -> Self {
        let premium = 1.33;
        Self {
            kappa2: 1.22,
            theta2: 0.0461 / 1.22,
            sigma2: 0.61,
            rho2: -0.93,
            beta: 2.0,
            lambda_inf: 0.4921,
            eta: 1.7157,
            mu_x: -0.057,
            delta: 0.042,
            mu_v: 0.069,
            rho_j: -0.033,
            kappa1_p: Some(26.1),
            kappa2_p: Some(2.42),
            intensity_premium: premium,
            mu_x_p: Some(-0.0231),
            mu_v_p: Some(0.039),
            gamma: 0.20,
            v1: None,
            v2: None,
            intensity: None,
            ..Self::heston(PRESETS[0], 15.5, 0.198 / 15.5, 0.82, -0.90, 0.0)
        }
    }

    /// A preset by name.
    ///
    /// # Errors
    /// `Error::Config` for a name that is not in [`PRESETS`].
    pub fn preset(name: &str) -> Result<Self> {
        let calibrated = Self::calibrated();
        // Mean relative jump to mean log jump.
        let log_jump = |mean: f64, delta: f64, slope: f64| math::ln((1.0 + mean) * (1.0 - slope)) - 0.5 * delta * delta;
        Ok(match name {
            "HSVCJ2F-2026" => calibrated,
            "HSVCJ2F-2026-fast" => Self { name: name.to_owned(), beta: 15.0, eta: 9.7 * 1.33, ..calibrated },
            "Broadie-Kaya-Heston-1" => Self { r: 0.0319, ..Self::heston(name, 6.21, 0.019, 0.61, -0.70, 0.010201) },
            "Broadie-Kaya-Heston-2" => Self { r: 0.05, ..Self::heston(name, 2.0, 0.09, 1.0, -0.3, 0.09) },
            "Broadie-Kaya-SVJ" => Self { r: 0.0319, ..Self::heston(name, 3.99, 0.014, 0.27, -0.79, 0.008836) }
                .with_jumps(0.11, log_jump(-0.12, 0.15, 0.0), 0.15, 0.0, 0.0),
            "Broadie-Kaya-SVCJ" => Self { r: 0.0319, ..Self::heston(name, 3.46, 0.008, 0.14, -0.82, 0.007569) }
                .with_jumps(0.47, log_jump(-0.10, 1e-4, -0.38 * 0.05), 1e-4, 0.05, -0.38),
            "BCC-1997-SVJ" => Self::heston(name, 2.03, 0.04, 0.38, -0.57, 0.04).with_jumps(0.59, -0.05, 0.07, 0.0, 0.0),
            "EJP-2003-SVCJ" => Self::heston(name, 6.552, 0.013548, 0.19908, -0.4838, 0.013548)
                .with_jumps(1.663, -0.017533, 0.028864, 0.037377, -0.2384),
            _ => {
                let expected = format!("one of {}", PRESETS.join(", "));
                return Err(Error::config(Fault::new("CFG301", "Market", "preset", format!("{name:?}"), expected)));
            }
        })
    }

    /// The configuration from its JSON, validated.
    ///
    /// # Errors
    /// `Error::Config` for unknown or missing fields and for fields that break their rule.
    pub fn from_json(text: &str) -> Result<Self> {
        let config: Self = serde_json::from_str(text).map_err(|error| {
            Error::config(Fault::new("CFG302", "Market", "fields", error.to_string(), "the documented fields"))
        })?;
        config.validate()?;
        Ok(config)
    }

    /// The configuration as canonical JSON.
    pub fn to_json(&self) -> String {
        serde_json::to_string(self).unwrap_or_default()
    }

    /// SHA-256 of the canonical JSON without the name, hexadecimal.
    pub fn hash(&self) -> String {
        let anonymous = Self { name: String::new(), ..self.clone() };
        Sha256::digest(anonymous.to_json().as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    }

    /// Checks every field. The Feller condition is not one of the rules: see [`MarketConfig::feller`].
    ///
    /// # Errors
    /// `Error::Config` naming the field.
    pub fn validate(&self) -> Result<()> {
        let fail = |code, field: &str, value: String, expected: &str| {
            Err(Error::config(Fault::new(code, "Market", field, value, expected)))
        };
        let inside = |value: f64, low: f64, high: f64| (low..=high).contains(&value);
        for (field, value) in [
            ("kappa1", Some(self.kappa1)),
            ("kappa2", Some(self.kappa2)),
            ("kappa1_p", self.kappa1_p),
            ("kappa2_p", self.kappa2_p),
            ("beta", Some(self.beta)),
        ] {
            if let Some(value) = value.filter(|&value| !inside(value, 1e-6, 1e3)) {
                return fail("CFG303", field, value.to_string(), "a decay of 1e-6..1000 a year");
            }
        }
        for (field, value) in [("rho1", self.rho1), ("rho2", self.rho2)] {
            if !inside(value, -1.0, 1.0) {
                return fail("CFG304", field, value.to_string(), "a correlation in -1..1");
            }
        }
        for (field, value, low, high) in [
            ("theta1", Some(self.theta1), 0.0, 10.0),
            ("theta2", Some(self.theta2), 0.0, 10.0),
            ("sigma1", Some(self.sigma1), 0.0, 20.0),
            ("sigma2", Some(self.sigma2), 0.0, 20.0),
            ("lambda_inf", Some(self.lambda_inf), 0.0, 1e3),
            ("eta", Some(self.eta), 0.0, 1e3),
            ("mu_x", Some(self.mu_x), -2.0, 2.0),
            ("mu_x_p", self.mu_x_p, -2.0, 2.0),
            ("delta", Some(self.delta), 0.0, 2.0),
            ("mu_v", Some(self.mu_v), 0.0, 2.0),
            ("mu_v_p", self.mu_v_p, 0.0, 2.0),
            ("rho_j", Some(self.rho_j), -20.0, 20.0),
            ("intensity_premium", Some(self.intensity_premium), 0.01, 100.0),
            ("gamma", Some(self.gamma), -100.0, 100.0),
            ("r", Some(self.r), -1.0, 1.0),
            ("q", Some(self.q), -1.0, 1.0),
            ("v1", self.v1, 0.0, 10.0),
            ("v2", self.v2, 0.0, 10.0),
            ("intensity", self.intensity, 0.0, 1e3),
        ] {
            if let Some(value) = value.filter(|&value| !inside(value, low, high)) {
                return fail("CFG305", field, value.to_string(), &format!("{low}..{high}"));
            }
        }
        for (field, eta) in [("eta", self.eta), ("eta / intensity_premium", self.eta / self.intensity_premium)] {
            let branching = eta / self.beta;
            if branching >= 1.0 {
                let expected = "a branching ratio eta/beta below 1: otherwise jumps never end";
                return fail("CFG306", field, format!("{branching} times beta"), expected);
            }
        }
        for (field, mu_v) in [("rho_j", self.mu_v), ("rho_j with mu_v_p", self.mu_v_p.unwrap_or(self.mu_v))] {
            if self.rho_j * mu_v >= 1.0 {
                let expected = "rho_j mu_v below 1: otherwise the mean jump is infinite";
                return fail("CFG307", field, (self.rho_j * mu_v).to_string(), expected);
            }
        }
        Ok(())
    }

    /// The dynamics under Q.
    pub fn pricing(&self) -> Affine {
        Affine {
            factors: [
                Factor { kappa: self.kappa1, theta: self.theta1, sigma: self.sigma1, rho: self.rho1 },
                Factor { kappa: self.kappa2, theta: self.theta2, sigma: self.sigma2, rho: self.rho2 },
            ],
            jumps: Jumps {
                beta: self.beta,
                lambda_inf: self.lambda_inf,
                eta: self.eta,
                mu_x: self.mu_x,
                delta: self.delta,
                mu_v: self.mu_v,
                rho_j: self.rho_j,
            },
        }
    }

    /// The dynamics under P, the intensity in jumps a year under P. kappa theta is common to both measures.
    pub fn real_world(&self) -> Affine {
        let pricing = self.pricing();
        let factor = |factor: Factor, kappa: Option<f64>| {
            let kappa = kappa.unwrap_or(factor.kappa);
            Factor { kappa, theta: factor.kappa * factor.theta / kappa, ..factor }
        };
        let [first, second] = pricing.factors;
        Affine {
            factors: [factor(first, self.kappa1_p), factor(second, self.kappa2_p)],
            jumps: Jumps {
                lambda_inf: self.lambda_inf / self.intensity_premium,
                eta: self.eta / self.intensity_premium,
                mu_x: self.mu_x_p.unwrap_or(self.mu_x),
                mu_v: self.mu_v_p.unwrap_or(self.mu_v),
                ..pricing.jumps
            },
        }
    }

    /// Mean of the state under P in the long run, the intensity in jumps a year under Q.
    pub fn mean_state(&self) -> State {
        let mean = self.real_world().long_run();
        State { intensity: mean.intensity * self.intensity_premium, ..mean }
    }

    /// The state at the start.
    pub fn start(&self) -> State {
        let mean = self.mean_state();
        State {
            v1: self.v1.unwrap_or(mean.v1),
            v2: self.v2.unwrap_or(mean.v2),
            intensity: self.intensity.unwrap_or(mean.intensity),
        }
    }

    /// 2 kappa theta / sigma^2 of both factors: below 1 the variance reaches zero.
    pub fn feller(&self) -> [f64; 2] {
        self.pricing().factors.map(|f| 2.0 * f.kappa * f.theta / (f.sigma * f.sigma))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn presets_are_valid_and_survive_json() {
        for name in PRESETS {
            let config = MarketConfig::preset(name).expect(name);
            assert_eq!(config.name, name);
            assert_eq!(MarketConfig::from_json(&config.to_json()).expect(name), config);
        }
        let error = MarketConfig::preset("Heston").expect_err("unknown").to_string();
        assert!(error.starts_with("CFG301 Market preset: got \"Heston\", expected one of HSVCJ2F-2026, "), "{error}");
    }

    #[test]
    fn the_published_log_jump_comes_out() {
        let config = MarketConfig::preset("Broadie-Kaya-SVCJ").expect("preset");
        assert!((config.mu_x + 0.086_538_766_4).abs() < 1e-10, "{}", config.mu_x);
        assert!((config.pricing().mean_jump() + 0.10).abs() < 1e-15);
    }

    #[test]
    fn the_real_world_keeps_what_must_be_equal() {
        let config = MarketConfig::preset(PRESETS[0]).expect("preset");
        let (q, p) = (config.pricing(), config.real_world());
        for (q, p) in q.factors.iter().zip(&p.factors) {
            assert!((q.kappa * q.theta - p.kappa * p.theta).abs() < 1e-15);
            assert_eq!((q.sigma, q.rho), (p.sigma, p.rho));
        }
        // Section 3.1 of the design: E[lambda] 1.042 under P, E[v1] .00914, E[v2] .01905.
        let mean = config.mean_state();
        assert!((mean.intensity / config.intensity_premium - 1.042).abs() < 1e-3);
        assert!((mean.v1 - 0.00914).abs() < 1e-5 && (mean.v2 - 0.01905).abs() < 1e-5);
        assert!((config.feller()[0] - 0.59).abs() < 5e-3 && (config.feller()[1] - 0.25).abs() < 5e-3);
    }

    #[test]
    fn every_rule_names_its_field() {
        type Break = fn(&mut MarketConfig);
        let bad: [(&str, &str, Break); 9] = [
            ("CFG303", "kappa2", |c| c.kappa2 = -1.0),
            ("CFG303", "beta", |c| c.beta = f64::NAN),
            ("CFG303", "kappa1_p", |c| c.kappa1_p = Some(0.0)),
            ("CFG304", "rho1", |c| c.rho1 = -1.01),
            ("CFG305", "sigma1", |c| c.sigma1 = f64::INFINITY),
            ("CFG305", "v2", |c| c.v2 = Some(-1e-9)),
            ("CFG306", "eta", |c| c.eta = c.beta),
            ("CFG306", "eta / intensity_premium", |c| c.intensity_premium = 0.5),
            ("CFG307", "rho_j with mu_v_p", |c| (c.rho_j, c.mu_v_p) = (1.0, Some(1.0))),
        ];
        for (code, field, break_it) in bad {
            let mut config = MarketConfig::preset(PRESETS[0]).expect("preset");
            break_it(&mut config);
            let error = config.validate().expect_err(code).to_string();
            assert!(error.starts_with(&format!("{code} Market {field}: got ")), "{error}");
        }
    }

    #[test]
    fn the_hash_is_of_the_parameters_alone() {
        let config = MarketConfig::preset(PRESETS[0]).expect("preset");
        assert_eq!(config.hash(), MarketConfig { name: "other".to_owned(), ..config.clone() }.hash());
        assert_ne!(config.hash(), MarketConfig { r: 0.01, ..config.clone() }.hash());
    }
}
