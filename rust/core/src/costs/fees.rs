//! Dated fees per contract and leg.

use super::InstrumentKind;
use crate::instrument::Day;
use serde::{Deserialize, Serialize};

/// A named fee table.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FeePreset {
    /// All-in cost of a retail account (broker commission with exchange and clearing fees passed through).
    /// Broker-dependent, unverified.
    Retail,
    /// What the exchange and the clearing house charge a customer, no broker commission.
    CboeCustomer,
    /// Nothing.
    None,
}

impl FeePreset {
    /// Every preset with its name.
    pub const NAMES: [(&'static str, Self); 3] =
        [("retail", Self::Retail), ("cboe_customer", Self::CboeCustomer), ("none", Self::None)];
}

/// 2010-01-01, from when flat per-contract commissions near one dollar were common (unverified).
const RETAIL_CHEAP_DAY: Day = 14_610;
/// 2020-01-01: SPX 0.36/0.45 instead of 0.35/0.44, VIX options in four tiers (the Cboe Fees Schedules of 2019-02-07
/// and 2020-04-07 bracket the change; the exact day is unverified).
const OPTION_SCHEDULE_DAY: Day = 18_262;
/// 2018-01-01: VX 1.40 (before: 1.20, unverified).
const VX_STEP_1: Day = 17_532;
/// 2021-01-01: VX 1.47 (CFE fee schedule; the exact day is unverified).
const VX_STEP_2: Day = 18_628;
/// 2023-01-01: VX 1.51 (CFE fee schedule; the exact day is unverified).
const VX_STEP_3: Day = 19_358;

/// OCC clearing (0.02) and options regulatory fee (about 0.01), in tenths of a cent per option contract (unverified).
const OPTION_CLEARING_MILLS: i64 = 30;
/// CFE regulatory and NFA fees per VX contract side, tenths of a cent (unverified).
const VX_REGULATORY_MILLS: i64 = 40;
/// Commission per share of a note or fund in the retail preset, tenths of a cent.
const SHARE_MILLS: i64 = 5;

/// Fee of one leg in cents, rounded up over all its contracts.
///
/// `price` in points, `contracts` unsigned, `complex` when the leg is part of a package at one net price (Cboe
/// charges complex VIX option orders less). Buying and selling cost the same: broad-based index options are
/// exempt from the Section 31 fee. Cash settlement at expiry costs nothing: call this for trades only. The SPX
/// execution surcharge, which depends on the order's route, is not in the table.
///
/// Sources: Cboe Exchange Fees Schedule (customer: SPX by premium below/from 1.00, codes CS and CT; VIX by premium
/// to 0.10, 0.99, 1.99 and above, codes CV to CY simple and CZ to DC complex), CFE Fee Schedule (code XC).
pub fn fee_cents(preset: FeePreset, kind: InstrumentKind, day: Day, price: f64, contracts: i64, complex: bool) -> i64 {
    let mills = match preset {
        FeePreset::None => 0,
        FeePreset::Retail => retail_mills(kind, day),
        FeePreset::CboeCustomer => exchange_mills(kind, day, price, complex),
    };
    // One cent is ten mills; a broker bills whole cents.
    let total = mills * contracts.abs();
    (total + 9) / 10
}

fn retail_mills(kind: InstrumentKind, day: Day) -> i64 {
    let cheap = day >= RETAIL_CHEAP_DAY;
    match kind {
        InstrumentKind::SpxOption => {
            if cheap {
                1_000
            } else {
                1_500
            }
        }
        InstrumentKind::VixOption => {
            if cheap {
                600
            } else {
                1_000
            }
        }
        InstrumentKind::VixFuture => {
            if cheap {
                2_000
            } else {
                2_500
            }
        }
        InstrumentKind::VixNote | InstrumentKind::SpxIndex => SHARE_MILLS,
    }
}

fn exchange_mills(kind: InstrumentKind, day: Day, price: f64, complex: bool) -> i64 {
    // Tiers are in whole cents of premium.
    let premium = (price * 100.0).round() as i64;
    let new = day >= OPTION_SCHEDULE_DAY;
    match kind {
        InstrumentKind::SpxOption => {
            let fee = match (new, premium < 100) {
                (false, true) => 350,
                (false, false) => 440,
                (true, true) => 360,
                (true, false) => 450,
            };
            fee + OPTION_CLEARING_MILLS
        }
        InstrumentKind::VixOption => {
            let fee = match (new, complex, premium) {
                (false, _, ..100) => 250,
                (false, _, _) => 450,
                (true, false, ..=10) => 100,
                (true, false, 11..=99) => 250,
                (true, false, 100..=199) => 400,
                (true, true, ..=10) => 50,
                (true, true, 11..=99) => 170,
                (true, true, 100..=199) => 300,
                (true, _, _) => 450,
            };
            fee + OPTION_CLEARING_MILLS
        }
        InstrumentKind::VixFuture => {
            let fee = match day {
                VX_STEP_3.. => 1_510,
                VX_STEP_2.. => 1_470,
                VX_STEP_1.. => 1_400,
                _ => 1_200,
            };
            fee + VX_REGULATORY_MILLS
        }
        InstrumentKind::VixNote | InstrumentKind::SpxIndex => 0,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use InstrumentKind::{SpxOption, VixFuture, VixNote, VixOption};

    #[test]
    fn golden_fees() {
        let fee =
            |preset, kind, day, price, contracts, complex| fee_cents(preset, kind, day, price, contracts, complex);
        let day = 18_360; // 2020-04-08
        let cboe = FeePreset::CboeCustomer;
        assert_eq!(fee(cboe, SpxOption, day, 0.95, 10, true), 390);
        assert_eq!(fee(cboe, SpxOption, day, 1.00, 10, true), 480);
        assert_eq!(fee(cboe, SpxOption, 17_934, 1.00, 1, true), 47);
        let simple = [0.10, 0.11, 1.0, 2.0].map(|price| fee(cboe, VixOption, day, price, 1, false));
        assert_eq!(simple, [13, 28, 43, 48]);
        let complex = [0.10, 0.11, 1.0, 2.0].map(|price| fee(cboe, VixOption, day, price, 1, true));
        assert_eq!(complex, [8, 20, 33, 48]);
        assert_eq!(fee(cboe, VixFuture, 17_500, 15.0, 2, false), 248);
        assert_eq!(fee(FeePreset::Retail, SpxOption, day, 5.0, 4, true), 400);
        assert_eq!(fee(FeePreset::Retail, VixNote, day, 5.0, 3, false), 2);
        assert_eq!(fee(FeePreset::None, VixFuture, day, 15.0, 100, false), 0);
    }
}
