//! What a run of the state machine leaves behind.

use serde::{Deserialize, Serialize};

/// Stage of a clock's state machine.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Stage {
    /// Nothing.
    Idle,
    /// A burst of volume while the price holds.
    Armed,
    /// The early alarm.
    Ignited,
    /// The move is large.
    Cascade,
}

/// How an episode ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Outcome {
    /// It has not.
    Open,
    /// The move came back: the confirmed event.
    Reverted,
    /// The move stayed: an informed one, not an event.
    Continued,
    /// The move never became a cascade, or trading stopped.
    Expired,
}

impl Outcome {
    /// Names by number.
    pub const NAMES: [&str; 4] = ["open", "reverted", "continued", "expired"];
}

/// A moment of an episode: when it was known and after which event.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Moment {
    /// ns since the epoch; 0 when it has not come.
    pub ts: i64,
    /// Number of the event that made it known, counted from 0; -1 when it has not come.
    pub event: i64,
}

impl Moment {
    /// Not yet.
    pub const NONE: Self = Self { ts: 0, event: -1 };
}

/// One ignition, from the burst that armed it to its outcome.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Episode {
    /// Index of the clock that saw it.
    pub clock: u8,
    /// +1 up, -1 down.
    pub side: i8,
    /// How it ended.
    pub outcome: Outcome,
    /// Whether the burst before it was seen; otherwise it met the doubled thresholds.
    pub was_armed: bool,
    /// Beginning of the burst, or the ignition when there was none.
    pub onset: Moment,
    /// The early alarm.
    pub detected: Moment,
    /// The move was large.
    pub cascade: Moment,
    /// The furthest point so far.
    pub peak: Moment,
    /// The outcome.
    pub end: Moment,
    /// Mid that the move is measured from, ticks.
    pub reference_price: f64,
    /// Mid at the alarm, ticks.
    pub detected_price: f64,
    /// Mid at the peak, ticks.
    pub peak_price: f64,
    /// Mid at the end, ticks.
    pub end_price: f64,
    /// Share of the move that had come back at the end, or by now.
    pub retrace: f64,
    /// Largest score, 0..100.
    pub score: f64,
    /// Largest push in its direction, standard deviations.
    pub push_z: f64,
    /// Largest velocity in its direction, standard deviations.
    pub velocity_z: f64,
    /// Largest ratio of fast to slow volume.
    pub volume_burst: f64,
    /// Smallest ratio of the consumed side's depth to its mean.
    pub thinning: f64,
    /// Largest share of volume at new extremes.
    pub cascade_share: f64,
    /// Most levels that one aggressor event swept.
    pub levels_swept: f64,
    /// Change of the branching ratio at the cascade; NaN when unknown.
    pub branching_jump: f64,
    /// sigma at the alarm, ticks.
    pub sigma: f64,
    /// Participant with the most volume in the direction of the move; 0 when unknown.
    pub participant: u64,
    /// Its share of that volume; NaN when unknown.
    pub participant_share: f64,
    /// Its volume against the move over its volume with it; NaN when unknown.
    pub participant_reversal: f64,
}

/// A change of stage, or an outcome, as it became known: the log only grows.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct Transition {
    /// When and after which event.
    pub moment: Moment,
    /// Index of the clock.
    pub clock: u8,
    /// Direction, 0 while there is none.
    pub side: i8,
    /// Stage of the clock from here on.
    pub stage: Stage,
    /// Number of the episode that this is about; -1 when there is none.
    pub episode: i64,
    /// Outcome of the episode that ended here; `Open` otherwise.
    pub outcome: Outcome,
    /// Score at the moment, 0..100.
    pub score: f64,
}
