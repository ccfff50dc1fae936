//! What happens in one episode: its phases, the path of its displacement, its stops.

use serde::{Deserialize, Serialize};

use super::config::{EpisodePlan, Style};
use super::draw::Draw;
use crate::math::exp;

/// What an episode is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Kind {
    /// Volume at the touch, a one-sided push, reversion: the only true one.
    Ignition,
    /// A move that stays.
    Informed,
    /// Volume at the touch and nothing after it.
    VolumeOnly,
    /// One order through several levels, which refill.
    Sweep,
    /// A transplant of nothing.
    Sham,
    /// An ignition that did not come back or an informed move that did: chance made its label untrue, and alarms at
    /// it say nothing.
    Unclear,
}

impl Kind {
    /// Names by number.
    pub const NAMES: [&str; 6] = ["ignition", "informed", "volume_only", "sweep", "sham", "unclear"];
}

/// One episode, drawn before it begins. Times in ns since the epoch.
#[derive(Debug, Clone)]
pub struct Script {
    /// What it is.
    pub kind: Kind,
    /// +1 up, -1 down.
    pub side: i64,
    /// Unit of its clock, seconds.
    pub unit: f64,
    /// Time within which the move has to come back, seconds.
    pub window: f64,
    /// Start of the volume phase.
    pub onset: i64,
    /// Start of the push; end of the volume where nothing follows.
    pub ignition: i64,
    /// End of the push.
    pub push_end: i64,
    /// End of the retrace window.
    pub end: i64,
    /// Whether volume precedes the push.
    pub has_volume: bool,
    /// Displacement at the end of the push, ticks.
    pub amplitude: f64,
    /// Factor on the ordinary rate of trades in the volume phase.
    pub volume_factor: f64,
    /// Factor on the ordinary rate of trades for the child orders of the push.
    pub push_factor: f64,
    /// Factor on the consumed side's depth.
    pub thinning: f64,
    /// Distances of the stop orders, ticks from the reference, ascending.
    pub stops: Vec<f64>,
    /// Levels of a sweep.
    pub levels: i64,
    /// Value at the ignition without the episode's own displacement, ticks; set when it is reached.
    pub anchor: f64,
    /// Participant who makes it.
    pub participant: u64,
    furthest: f64,
    style: Style,
    acceleration: f64,
    decay: f64,
    permanent: f64,
}

const SECOND: f64 = 1e9;

impl Script {
    /// Draws an episode that begins at `onset`; `sigma` is the ordinary standard deviation of the mid over 1 s.
    /// Moves are at least `least` ticks, beyond the noise of the quotes.
    pub fn draw(
        plan: &EpisodePlan,
        style: Style,
        onset: i64,
        sigma: f64,
        least: f64,
        number: u64,
        draw: &mut Draw,
    ) -> Self {
        let kind = if draw.happens(plan.true_share) {
            Kind::Ignition
        } else {
            let total: f64 = plan.decoys.iter().sum();
            let point = draw.uniform() * total;
            match point {
                p if p < plan.decoys[0] => Kind::Informed,
                p if p < plan.decoys[0] + plan.decoys[1] => Kind::VolumeOnly,
                _ => Kind::Sweep,
            }
        };
        let side = draw.sign();
        let has_volume = match kind {
            Kind::Ignition | Kind::VolumeOnly => true,
            Kind::Informed => draw.happens(plan.informed_volume_share),
            Kind::Sweep | Kind::Sham | Kind::Unclear => false,
        };
        let units = |x: f64| libm::round(x * plan.unit * SECOND) as i64;
        let phase = draw.between(plan.volume_phase.0, plan.volume_phase.1);
        let ignition = onset + units(phase);
        let time = draw.log_normal(plan.push_time.0, plan.push_time.1).clamp(0.2, 10.0);
        // News is digested over a wider range of speeds than a push.
        let time = if kind == Kind::Informed { time * draw.log_between(0.7, 3.0) } else { time };
        let push_end = match kind {
            Kind::Ignition | Kind::Informed => ignition + units(time),
            Kind::VolumeOnly | Kind::Sweep | Kind::Sham | Kind::Unclear => ignition,
        };
        let z = draw.log_between(plan.displacement.0, plan.displacement.1);
        let amplitude = match kind {
            Kind::Ignition | Kind::Informed => (z * sigma * plan.unit.sqrt()).max(least),
            Kind::VolumeOnly | Kind::Sweep | Kind::Sham | Kind::Unclear => 0.0,
        };
        let thinning = match kind {
            Kind::Ignition => draw.between(plan.thinning.0, plan.thinning.1),
            Kind::Informed => draw.between(plan.informed_thinning.0, plan.informed_thinning.1),
            Kind::VolumeOnly | Kind::Sweep | Kind::Sham | Kind::Unclear => 1.0,
        };
        // On news makers move by themselves: fewer trades carry the price as far.
        let own_share = if kind == Kind::Informed { draw.log_between(0.2, 1.0) } else { 1.0 };
        let count = draw.between(plan.stops.0, plan.stops.1) as usize;
        let mut stops: Vec<f64> = if amplitude > 0.0 {
            (0..count).map(|_| amplitude * draw.between(0.25, 1.0)).collect()
        } else {
            Vec::new()
        };
        stops.sort_by(f64::total_cmp);
        Self {
            kind,
            side,
            unit: plan.unit,
            window: plan.window,
            onset,
            ignition,
            push_end,
            end: push_end + libm::round(plan.window * SECOND) as i64,
            has_volume,
            amplitude,
            volume_factor: draw.log_between(plan.volume_factor.0, plan.volume_factor.1),
            push_factor: draw.log_between(plan.push_factor.0, plan.push_factor.1) * own_share,
            thinning,
            stops,
            levels: 3 + draw.below(6) as i64,
            anchor: f64::NAN,
            participant: 1_000 + number,
            furthest: 0.0,
            style,
            acceleration: draw.between(plan.acceleration.0, plan.acceleration.1),
            decay: draw.log_between(plan.decay.0, plan.decay.1) * plan.unit,
            permanent: draw.between(plan.permanent.0, plan.permanent.1),
        }
    }

    /// Displacement of value at `ts`, ticks.
    ///
    /// Style A: A (e^{a u} - 1)/(e^a - 1) on the way, A (phi + (1 - phi) e^{-t/tau}) after an ignition (MODEL.md,
    /// section 5). Style B: linear, then hyperbolic.
    pub fn displacement(&self, ts: i64) -> f64 {
        if ts <= self.ignition || self.amplitude <= 0.0 {
            return 0.0;
        }
        let signed = self.amplitude * self.side as f64;
        if ts < self.push_end {
            let u = (ts - self.ignition) as f64 / (self.push_end - self.ignition) as f64;
            return signed
                * match self.style {
                    Style::A => (exp(self.acceleration * u) - 1.0) / (exp(self.acceleration) - 1.0),
                    Style::B => u,
                };
        }
        if self.kind == Kind::Informed {
            return signed;
        }
        let t = (ts - self.push_end) as f64 / SECOND / self.decay;
        let left = match self.style {
            Style::A => exp(-t),
            Style::B => 1.0 / (1.0 + t),
        };
        signed * (self.permanent + (1.0 - self.permanent) * left)
    }

    /// Time constant of the way back, seconds.
    pub fn decay(&self) -> f64 {
        self.decay
    }

    /// Factor on the consumed side's depth at `ts`: the pull, then a recovery over five units.
    pub fn thinning_at(&self, ts: i64) -> f64 {
        if ts < self.ignition {
            return 1.0;
        }
        if ts < self.push_end {
            return self.thinning;
        }
        let t = (ts - self.push_end) as f64 / SECOND / (5.0 * self.unit);
        1.0 + (self.thinning - 1.0) * exp(-t)
    }

    /// Whether a move of value by chance, by `step` to `offset` ticks from the anchor (the displacement included),
    /// would make the label untrue: an ignition has to come back, an informed move has to stay.
    pub fn refuses(&mut self, ts: i64, offset: f64, step: f64) -> bool {
        let (along, step) = (offset * self.side as f64, step * self.side as f64);
        if ts < self.ignition {
            return false;
        }
        self.furthest = self.furthest.max(along);
        match self.kind {
            Kind::Ignition => {
                let own = self.displacement(ts) * self.side as f64;
                step > 0.0 && along - own > 0.2 * self.amplitude
            }
            // Follow-on flow may carry it somewhat further, but not away.
            Kind::Informed if step > 0.0 => along > 1.3 * self.amplitude,
            Kind::Informed => along < 0.75 * self.furthest,
            Kind::VolumeOnly | Kind::Sweep | Kind::Sham | Kind::Unclear => false,
        }
    }
}
