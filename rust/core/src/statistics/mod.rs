//! Performance statistics and bootstrap intervals.
//!
//! A book is a fixed-capital account in USD: its equity is the capital plus the cumulated daily P&L. An undefined
//! statistic (flat series, a single observation, equity at or below zero) is NaN, never infinite and never an error.

mod bootstrap;
mod metrics;

pub use bootstrap::{Estimate, PAIRED, Plan, Statistics, indices, optimal_block_length, quantile, study};
pub use metrics::{BookSeries, Drawdown, METRICS, Metric, PathMetrics, SESSIONS_PER_YEAR, Session, drawdown, metrics};
