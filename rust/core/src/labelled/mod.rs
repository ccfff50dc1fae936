//! Order flow with known ignitions: what the detector is tuned and measured on.

pub mod arrivals;
pub mod baselines;
pub mod config;
pub mod draw;
pub mod label;
pub mod ladder;
pub mod order_flow;
pub mod score;
pub mod script;
pub mod transplant;

pub use config::{EpisodePlan, FlowConfig, Style};
pub use label::{Label, Labelled, order_flow};
pub use script::Kind;
pub use transplant::{Graft, transplant};
