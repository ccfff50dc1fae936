//! What trading costs: spreads for marks without quotes, dated ticks and fees, and the fill price.
//!
//! Prices that can be traded are integers here, in hundredths of a point: a tick of 0.05 is 5.

pub mod fees;
pub mod fill;
pub mod spread;
pub mod tick;

use crate::error::{Error, Fault, Result};
use crate::instrument::Instrument;
use fees::FeePreset;
use serde::{Deserialize, Serialize};

/// What costs depend on: the family of an instrument, not its terms.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum InstrumentKind {
    /// SPX or SPXW option.
    SpxOption,
    /// VIX option.
    VixOption,
    /// VIX future.
    VixFuture,
    /// Exchange-traded note on VIX futures.
    VixNote,
    /// The index itself, held through a fund.
    SpxIndex,
}

impl InstrumentKind {
    /// Every kind with its name outside the core.
    pub const NAMES: [(&'static str, Self); 5] = [
        ("spx_option", Self::SpxOption),
        ("vix_option", Self::VixOption),
        ("vix_future", Self::VixFuture),
        ("vix_note", Self::VixNote),
        ("spx_index", Self::SpxIndex),
    ];
}

impl From<Instrument> for InstrumentKind {
    fn from(instrument: Instrument) -> Self {
        match instrument {
            Instrument::SpxOption { .. } => Self::SpxOption,
            Instrument::VixOption { .. } => Self::VixOption,
            Instrument::VixFuture { .. } => Self::VixFuture,
            Instrument::VixNote => Self::VixNote,
            Instrument::SpxIndex => Self::SpxIndex,
        }
    }
}

/// How an order reaches the market, which decides how much of the spread it pays.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OrderKind {
    /// All legs at one net price.
    Package,
    /// Leg by leg.
    Legged,
    /// Triggered by a price.
    Stop,
    /// A margin call.
    Forced,
}

/// Cost assumptions of a book.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CostConfig {
    /// Share of the summed half-spreads that a package order pays, in [0, 1]; 0 is the middle of the market.
    pub package_fraction: f64,
    /// Share that legged, stop and forced orders pay, in [0, 1].
    pub legged_fraction: f64,
    /// Fee table.
    pub fee_preset: FeePreset,
    /// Multiplier of every half-spread, >= 0.
    pub spread_scale: f64,
}

impl Default for CostConfig {
    fn default() -> Self {
        Self { package_fraction: 0.4, legged_fraction: 0.8, fee_preset: FeePreset::Retail, spread_scale: 1.0 }
    }
}

impl CostConfig {
    /// Checks every field.
    pub fn validate(&self) -> Result<()> {
        let fault = |code, field, value: f64, rule| {
            Err(Error::config(Fault::new(code, "CostConfig", field, value.to_string(), rule)))
        };
        if !(0.0..=1.0).contains(&self.package_fraction) {
            return fault("CFG201", "package_fraction", self.package_fraction, "0 <= package_fraction <= 1");
        }
        if !(0.0..=1.0).contains(&self.legged_fraction) {
            return fault("CFG202", "legged_fraction", self.legged_fraction, "0 <= legged_fraction <= 1");
        }
        if !(0.0..=100.0).contains(&self.spread_scale) {
            return fault("CFG203", "spread_scale", self.spread_scale, "0 <= spread_scale <= 100");
        }
        Ok(())
    }

    /// Share of the half-spreads that an order pays.
    pub fn fraction(&self, order: OrderKind) -> f64 {
        match order {
            OrderKind::Package => self.package_fraction,
            OrderKind::Legged | OrderKind::Stop | OrderKind::Forced => self.legged_fraction,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configuration_is_checked_and_closed() {
        assert!(CostConfig::default().validate().is_ok());
        let bad = CostConfig { package_fraction: 1.5, ..CostConfig::default() };
        assert_eq!(
            bad.validate().unwrap_err().to_string(),
            "CFG201 CostConfig package_fraction: got 1.5, expected 0 <= package_fraction <= 1"
        );
        assert!(CostConfig { legged_fraction: f64::NAN, ..CostConfig::default() }.validate().is_err());
        assert!(CostConfig { spread_scale: -1.0, ..CostConfig::default() }.validate().is_err());
        assert!(serde_json::from_str::<CostConfig>(r#"{"package_fractoin": 0.4}"#).is_err());
        let read: CostConfig = serde_json::from_str(r#"{"fee_preset": "none"}"#).unwrap();
        assert_eq!(read, CostConfig { fee_preset: FeePreset::None, ..CostConfig::default() });
    }

    #[test]
    fn only_packages_pay_the_smaller_share() {
        let config = CostConfig { package_fraction: 0.25, legged_fraction: 0.75, ..CostConfig::default() };
        let shares = [OrderKind::Package, OrderKind::Legged, OrderKind::Stop, OrderKind::Forced]
            .map(|order| (config.fraction(order) * 4.0) as i64);
        assert_eq!(shares, [1, 3, 3, 3]);
    }
}
