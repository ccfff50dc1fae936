//! Columns that a market hands to the signals beside its prices: their order in `MarketState::signals`.
//!
//! A source leaves a column empty that it never has, and writes NaN where it has no value on a step. Columns of users
//! follow after [`INPUTS`], in the order of `SignalConfig::user`.

use crate::market::MarketState;

/// Names of the input columns, in the order of `MarketState::signals`.
///
/// The first [`STEP_INPUTS`] are read on every step and hold what is known at that step; the others are read at the
/// close of a session and hold the value of that session.
pub const INPUTS: [&str; 29] = [
    "ignition_score",
    "armed",
    "ignited",
    "cascade",
    "ignition_side",
    "quick_ratio_relative",
    "sessions_to_event",
    "net_advances",
    "float_cap",
    "spread",
    "us_2y",
    "foreign_2y",
    "reit",
    "implied_rate",
    "implied_rate_error",
    "extracted_value",
    "crypto_realised_vol",
    "etf_flow",
    "ipo_proceeds",
    "market_cap_1",
    "market_cap_2",
    "market_cap_3",
    "cash_flow_1",
    "cash_flow_2",
    "cash_flow_3",
    "dividends",
    "buybacks",
    "earnings",
    "long_rate",
];

/// How many of [`INPUTS`] are read on every step.
pub const STEP_INPUTS: usize = 7;

/// Score of the ignition detector, 0..100; usable on this step.
pub const IGNITION_SCORE: usize = 0;
/// 1 while a push is armed, 0 otherwise.
pub const ARMED: usize = 1;
/// 1 from the detection of an ignition to its end, 0 otherwise.
pub const IGNITED: usize = 2;
/// 1 while the cascade of an ignition runs, 0 otherwise.
pub const CASCADE: usize = 3;
/// Direction of the push: +1, -1, 0 none.
pub const IGNITION_SIDE: usize = 4;
/// Quick ratio over its median at the same time of day of the 20 sessions before.
pub const QUICK_RATIO_RELATIVE: usize = 5;
/// Sessions to the next scheduled event: 0 on its session, 1 on the session before; NaN where none is near.
pub const SESSIONS_TO_EVENT: usize = 6;
/// Advances less declines of the session, any scale that stays the same.
pub const NET_ADVANCES: usize = 7;
/// Float capitalisation of the index; where the column is empty the index itself is read.
pub const FLOAT_CAP: usize = 8;
/// Mean bid-ask spread of the session, any unit that stays the same: a quick ratio without a book.
pub const SPREAD: usize = 9;
/// US two-year yield, the unit of [`FOREIGN_2Y`].
pub const US_2Y: usize = 10;
/// Mean foreign two-year yield.
pub const FOREIGN_2Y: usize = 11;
/// Level of a REIT index or fund.
pub const REIT: usize = 12;
/// Continuous rate implied by put-call parity in the chain.
pub const IMPLIED_RATE: usize = 13;
/// Standard error of [`IMPLIED_RATE`], decimal.
pub const IMPLIED_RATE_ERROR: usize = 14;
/// On-chain extracted value of 24 hours.
pub const EXTRACTED_VALUE: usize = 15;
/// Realised volatility of a crypto index.
pub const CRYPTO_REALISED_VOL: usize = 16;
/// Net creations of exchange-traded funds over their assets.
pub const ETF_FLOW: usize = 17;
/// Proceeds of initial public offerings of the last 30 days.
pub const IPO_PROCEEDS: usize = 18;
/// Market capitalisation of the first of three indices; the others follow.
pub const MARKET_CAP: usize = 19;
/// Trailing operating cash flow of the first of three indices as of its period, not yet lagged; the others follow.
pub const CASH_FLOW: usize = 22;
/// Indices of price to cash flow.
pub const CASH_FLOW_INDICES: usize = 3;
/// Trailing twelve-month dividends of the index, points, as of their period.
pub const DIVIDENDS: usize = 25;
/// Trailing twelve-month net buybacks of the index, points, as of their period; empty counts as zero.
pub const BUYBACKS: usize = 26;
/// Trailing twelve-month earnings of the index, points, as of their period.
pub const EARNINGS: usize = 27;
/// Long government yield, decimal; where it is unknown the money-market rate is read.
pub const LONG_RATE: usize = 28;

/// Value of an input column on a path; NaN where there is none.
#[inline]
pub fn input_at(state: &MarketState, column: usize, path: usize) -> f64 {
    state.signals.get(column).and_then(|values| values.get(path)).copied().unwrap_or(f64::NAN)
}

/// Whether the source has an input column at all.
#[inline]
pub fn is_given(state: &MarketState, column: usize) -> bool {
    state.signals.get(column).is_some_and(|values| !values.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn constants_name_their_columns() {
        for (index, name) in [
            (IGNITION_SCORE, "ignition_score"),
            (CASCADE, "cascade"),
            (IGNITION_SIDE, "ignition_side"),
            (QUICK_RATIO_RELATIVE, "quick_ratio_relative"),
            (SESSIONS_TO_EVENT, "sessions_to_event"),
            (STEP_INPUTS, "net_advances"),
            (FLOAT_CAP, "float_cap"),
            (SPREAD, "spread"),
            (FOREIGN_2Y, "foreign_2y"),
            (REIT, "reit"),
            (IMPLIED_RATE_ERROR, "implied_rate_error"),
            (CRYPTO_REALISED_VOL, "crypto_realised_vol"),
            (IPO_PROCEEDS, "ipo_proceeds"),
            (MARKET_CAP, "market_cap_1"),
            (CASH_FLOW, "cash_flow_1"),
            (DIVIDENDS, "dividends"),
            (EARNINGS, "earnings"),
            (LONG_RATE, "long_rate"),
        ] {
            assert_eq!(INPUTS[index], name);
        }
    }
}
