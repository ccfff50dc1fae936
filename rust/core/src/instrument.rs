//! What can be held: SPX and VIX options, VIX futures, a futures ETN and the index itself.

use serde::{Deserialize, Serialize};

/// Days since 1970-01-01.
pub type Day = i32;

/// Seconds in a day.
pub const DAY_SECONDS: i32 = 86_400;
/// Seconds in a year of option time (ACT/365F).
pub const YEAR_SECONDS: f64 = 365.0 * DAY_SECONDS as f64;
/// Regular opening, 09:30 New York, in seconds after midnight.
pub const OPEN_SECONDS: i32 = 34_200;
/// Regular close, 16:00 New York, in seconds after midnight.
pub const CLOSE_SECONDS: i32 = 57_600;
/// Cents per USD.
pub const CENTS_PER_USD: f64 = 100.0;
/// Cents per point of an option contract, whose multiplier is 100.
pub const CENTS_PER_POINT: f64 = 100.0 * CENTS_PER_USD;

/// Call or put.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Right {
    /// Right to buy.
    Call,
    /// Right to sell.
    Put,
}

impl Right {
    /// +1 for a call, -1 for a put.
    #[inline]
    pub fn sign(self) -> f64 {
        match self {
            Self::Call => 1.0,
            Self::Put => -1.0,
        }
    }

    /// Payoff at expiry, per unit.
    #[inline]
    pub fn payoff(self, settlement: f64, strike: f64) -> f64 {
        (self.sign() * (settlement - strike)).max(0.0)
    }
}

/// On the opening print or on the close of the expiry day.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Settlement {
    /// Special opening quotation.
    Am,
    /// Close.
    Pm,
}

impl Settlement {
    /// Seconds after midnight New York at which the payoff is fixed on a full session.
    #[inline]
    pub fn seconds(self) -> i32 {
        match self {
            Self::Am => OPEN_SECONDS,
            Self::Pm => CLOSE_SECONDS,
        }
    }
}

/// One listed instrument. Equality is identity of the contract: strikes are listed values, compared exactly.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Instrument {
    /// European option on the S&P 500 index.
    SpxOption {
        /// Call or put.
        right: Right,
        /// Index points.
        strike: f64,
        /// Expiry day.
        expiry: Day,
        /// AM (third Friday SPX) or PM (SPXW).
        settlement: Settlement,
    },
    /// European option on the VIX future of the same expiry.
    VixOption {
        /// Call or put.
        right: Right,
        /// VIX points.
        strike: f64,
        /// Expiry day.
        expiry: Day,
    },
    /// VIX future.
    VixFuture {
        /// Expiry day.
        expiry: Day,
    },
    /// Note on the daily-rebalanced first two VIX futures (the S&P 500 VIX Short-Term Futures index).
    VixNote,
    /// The S&P 500 total return index itself, in index units.
    SpxIndex,
}

impl Instrument {
    /// USD per point and contract.
    #[inline]
    pub fn multiplier(self) -> f64 {
        match self {
            Self::SpxOption { .. } | Self::VixOption { .. } => 100.0,
            Self::VixFuture { .. } => 1_000.0,
            Self::VixNote | Self::SpxIndex => 1.0,
        }
    }

    /// Expiry day, where there is one.
    #[inline]
    pub fn expiry(self) -> Option<Day> {
        match self {
            Self::SpxOption { expiry, .. } | Self::VixOption { expiry, .. } | Self::VixFuture { expiry } => {
                Some(expiry)
            }
            Self::VixNote | Self::SpxIndex => None,
        }
    }

    /// Whether its price is paid up front (options, notes) rather than settled by variation (futures).
    #[inline]
    pub fn is_funded(self) -> bool {
        !matches!(self, Self::VixFuture { .. })
    }
}

/// Time from one instant to another in years, ACT/365F.
#[inline]
pub fn years_between(day: Day, seconds: i32, to_day: Day, to_seconds: i32) -> f64 {
    (f64::from(to_day - day) * f64::from(DAY_SECONDS) + f64::from(to_seconds - seconds)) / YEAR_SECONDS
}
