//! Signals in [0, 1] from the closed bars of one path, their groups and the hedge score.

use crate::phase::Phase;

/// Signals, in the order of [`Reading::value`].
pub const SIGNALS: [&str; 17] = [
    "vix_level",
    "vix_macd",
    "vix_rsi",
    "term_structure",
    "edr",
    "ad_line",
    "rsi_spx",
    "cap_contraction",
    "ignition",
    "quick_ratio",
    "rate_differential",
    "reit_lead",
    "implied_rate",
    "dex_flow",
    "event_window",
    "price_to_cash_flow",
    "fair_value",
];

/// Groups, in the order of [`Reading::group`].
pub const GROUPS: [&str; 5] = ["volatility", "breadth", "microstructure", "macro", "valuation"];

/// What is known of the order book's alarm on a step.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Alarm {
    /// A push that is not yet an ignition.
    pub armed: bool,
    /// An ignition was detected and has not ended.
    pub ignited: bool,
    /// Its cascade has begun.
    pub cascade: bool,
    /// 0..100; NaN without a book.
    pub score: f64,
    /// +1 upward, -1 downward, 0 none.
    pub side: i8,
}

/// All that a policy reads of the signals of one path; nothing in it is later than its step.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Signals in [0, 1]; NaN where absent.
    pub value: [f64; SIGNALS.len()],
    /// Means of the present signals of each group; NaN where the group is absent.
    pub group: [f64; GROUPS.len()],
    /// Weighted sum of the groups, 0 while the quorum is missed.
    pub score: f64,
    /// Groups at one half or more.
    pub standing: u32,
    /// Quick ratio over its median at that time of day; NaN where unknown.
    pub quick_ratio: f64,
    /// Expected daily range in percent; NaN where unknown.
    pub daily_range: f64,
    /// VIX60/VIX30 - 1; NaN where unknown.
    pub term_structure: f64,
    /// MACD line of VIX above its signal line.
    pub macd_bullish: bool,
    /// The MACD line crossed upward (+1) or downward (-1) on this closed bar.
    pub macd_cross: i8,
    /// Inside an event window.
    pub event: bool,
    /// The order book's alarm.
    pub alarm: Alarm,
    /// Distance of the index from the middle of its fair-value band in half widths, signed; NaN where unknown.
    pub stretch: f64,
    /// Phase of the market.
    pub phase: Phase,
    /// Sessions seen; a policy waits for the warm-up.
    pub sessions: u32,
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            value: [f64::NAN; SIGNALS.len()],
            group: [f64::NAN; GROUPS.len()],
            score: 0.0,
            standing: 0,
            quick_ratio: f64::NAN,
            daily_range: f64::NAN,
            term_structure: f64::NAN,
            macd_bullish: false,
            macd_cross: 0,
            event: false,
            alarm: Alarm { score: f64::NAN, ..Alarm::default() },
            stretch: f64::NAN,
            phase: Phase::Calm,
            sessions: 0,
        }
    }
}
