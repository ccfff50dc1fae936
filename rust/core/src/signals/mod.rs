//! Signals in [0, 1] from what is known of one path on each step, their groups and the hedge score.
//!
//! A [`Tracker`] folds the steps of one path into a [`Reading`]. Signals made from daily bars move at the close of a
//! session; those that may move within one (VIX, expected range, term structure, the order book, events) move on every
//! step whose prices are quotes. A step whose index or VIX is an estimate from the bar of its own session moves
//! nothing made from prices: that bar was not known yet.

pub(crate) mod carry;
mod config;
mod exogenous;
mod indicators;
pub mod input;
pub mod table;
mod tracker;
mod trackers;
mod valuation;
pub(crate) mod window;

pub use config::{CarrySource, GroupWeights, Ramp, RateSign, SignalConfig, UserSignal, parse_signal_config};
pub use input::{INPUTS, STEP_INPUTS};
pub use tracker::Tracker;
pub use trackers::Trackers;

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

/// Index into [`SIGNALS`].
pub mod signal {
    /// Level of VIX.
    pub const VIX_LEVEL: usize = 0;
    /// MACD of VIX.
    pub const VIX_MACD: usize = 1;
    /// RSI of VIX.
    pub const VIX_RSI: usize = 2;
    /// Slope of the VIX futures.
    pub const TERM_STRUCTURE: usize = 3;
    /// Expected daily range.
    pub const EDR: usize = 4;
    /// Advance-decline line.
    pub const AD_LINE: usize = 5;
    /// RSI of the S&P 500.
    pub const RSI_SPX: usize = 6;
    /// Change of the float capitalisation.
    pub const CAP_CONTRACTION: usize = 7;
    /// Score of the ignition detector.
    pub const IGNITION: usize = 8;
    /// Quick ratio over its median.
    pub const QUICK_RATIO: usize = 9;
    /// Differential of two-year yields.
    pub const RATE_DIFFERENTIAL: usize = 10;
    /// REITs that fall before the index.
    pub const REIT_LEAD: usize = 11;
    /// Rate implied by the chain.
    pub const IMPLIED_RATE: usize = 12;
    /// On-chain extracted value.
    pub const DEX_FLOW: usize = 13;
    /// Scheduled events.
    pub const EVENT_WINDOW: usize = 14;
    /// Price to cash flow of three indices.
    pub const PRICE_TO_CASH_FLOW: usize = 15;
    /// Stretch from the fair-value band.
    pub const FAIR_VALUE: usize = 16;
}

/// Groups, in the order of [`Reading::group`].
pub const GROUPS: [&str; 5] = ["volatility", "breadth", "microstructure", "macro", "valuation"];

/// First signal of each group, and the end: group g holds the signals `GROUP_START[g]..GROUP_START[g + 1]`.
pub const GROUP_START: [usize; GROUPS.len() + 1] = [0, 5, 8, 10, 15, 17];

/// Largest number of signals that users add.
pub const MAX_USER_SIGNALS: usize = 8;

/// What is known of the order book's alarm on a step.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Alarm {
    /// A push that is not yet an ignition.
    pub armed: bool,
    /// An ignition was detected and has not ended.
    pub ignited: bool,
    /// Its cascade has begun.
    pub cascade: bool,
    /// 0..100 as given, before the amplifier; NaN without a book.
    pub score: f64,
    /// +1 upward, -1 downward, 0 none.
    pub side: i8,
}

/// All that a policy reads of the signals of one path; nothing in it is later than its step.
#[derive(Debug, Clone, PartialEq)]
pub struct Reading {
    /// Signals in [0, 1]; NaN where absent.
    pub value: [f64; SIGNALS.len()],
    /// Signals that users added, in the order of the configuration; NaN where absent.
    pub user: [f64; MAX_USER_SIGNALS],
    /// Means of the present signals of each group; NaN where the group is absent.
    pub group: [f64; GROUPS.len()],
    /// Hedge score H: weighted sum of the groups, 0 while the quorum is missed.
    pub score: f64,
    /// The same whatever the quorum.
    pub raw_score: f64,
    /// Groups at one half or more.
    pub standing: u32,
    /// Quick ratio over its median at that time of day, or its daily stand-in from spreads; NaN where unknown.
    pub quick_ratio: f64,
    /// Expected daily range in percent; NaN where unknown.
    pub daily_range: f64,
    /// VX60/VX30 - 1 (or second/first future - 1); NaN where unknown.
    pub term_structure: f64,
    /// The term structure is flat or fell fast.
    pub collapse: bool,
    /// RSI of VIX at the last close; NaN before its warm-up.
    pub rsi_vix: f64,
    /// RSI of the S&P 500 at the last close; NaN before its warm-up.
    pub rsi_spx: f64,
    /// MACD line of VIX at the last close; NaN before its warm-up.
    pub macd: f64,
    /// Its signal line.
    pub macd_signal: f64,
    /// MACD line of VIX above its signal line.
    pub macd_bullish: bool,
    /// The MACD line crossed upward (+1) or downward (-1) on this closed bar.
    pub macd_cross: i8,
    /// Factor of ETF flows and IPO proceeds on the ignition score.
    pub amplifier: f64,
    /// Inside an event window.
    pub event: bool,
    /// The order book's alarm.
    pub alarm: Alarm,
    /// Distance of the index from the middle of its fair-value band in half widths, signed; NaN where unknown.
    pub stretch: f64,
    /// Last move of the index in standard deviations of the bars before; NaN where unknown.
    pub move_z: f64,
    /// Phase of the market.
    pub phase: Phase,
    /// The expansion was entered inside an event window.
    pub event_driven: bool,
    /// Closed sessions since the phase was entered.
    pub phase_sessions: u32,
    /// Signals that were present on a step so far: bit i is signal i, those of users follow after [`SIGNALS`].
    pub seen: u32,
    /// Closed sessions seen.
    pub sessions: u32,
    /// The warm-up is over: a policy may act.
    pub is_warm: bool,
}

impl Default for Reading {
    fn default() -> Self {
        Self {
            value: [f64::NAN; SIGNALS.len()],
            user: [f64::NAN; MAX_USER_SIGNALS],
            group: [f64::NAN; GROUPS.len()],
            score: 0.0,
            raw_score: 0.0,
            standing: 0,
            quick_ratio: f64::NAN,
            daily_range: f64::NAN,
            term_structure: f64::NAN,
            collapse: false,
            rsi_vix: f64::NAN,
            rsi_spx: f64::NAN,
            macd: f64::NAN,
            macd_signal: f64::NAN,
            macd_bullish: false,
            macd_cross: 0,
            amplifier: 1.0,
            event: false,
            alarm: Alarm { score: f64::NAN, ..Alarm::default() },
            stretch: f64::NAN,
            move_z: f64::NAN,
            phase: Phase::Calm,
            event_driven: false,
            phase_sessions: 0,
            seen: 0,
            sessions: 0,
            is_warm: false,
        }
    }
}
