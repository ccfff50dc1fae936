//! Ignition episodes inside a day, consistent with the daily model.
//!
//! An episode is a decomposition of a jump of the model, or leaves nothing: at the close price and state are what they are
//! without the layer, so that every daily mark stays free of arbitrage. `docs/episodes.md` has mechanism, parameters and
//! sources.

pub mod config;
pub mod draw;
pub mod session;
pub mod shape;
