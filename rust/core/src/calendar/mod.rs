//! Trading sessions, expiries and listings, 1990-2035.

pub mod listing;
