//! From what a book wants (days, deltas, credits) to listed contracts.

pub mod expiries;
pub mod strikes;
