//! Which expiries and strikes were listed on a date.

use crate::instrument::{Day, Settlement};

/// An expiry that could be traded on the date that was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListedExpiry {
    /// Expiry (settlement) day.
    pub day: Day,
    /// AM or PM settlement.
    pub settlement: Settlement,
    /// Weekly, as opposed to monthly, expiry.
    pub weekly: bool,
}
