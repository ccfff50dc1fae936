//! Momentum ignition: features of the order flow, the state machine, episodes.

pub mod arrivals;
pub mod batch;
pub mod bulk;
pub mod clock;
pub mod config;
pub mod detector;
pub mod episode;
pub mod flow;
pub mod hawkes;
pub mod imbalance;
pub mod live;
pub mod machine;
pub mod records;
pub mod run;
mod state;
pub mod stream;
pub mod traders;
pub mod walk;

pub use batch::{Detection, detect};
pub use config::{CLOCKS, IgnitionConfig};
pub use detector::Detector;
pub use episode::{Episode, Outcome, Stage, Transition};
pub use live::Live;
pub use stream::Stream;
pub use walk::{walk, walk_any};
