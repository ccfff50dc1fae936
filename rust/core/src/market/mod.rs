//! The market on one state per step: recorded (history) or simulated.

pub mod clock;
pub mod history;
pub mod inversion;
pub mod model;
pub mod simulated;
pub mod state;

pub use state::{MarketSource, MarketState};
