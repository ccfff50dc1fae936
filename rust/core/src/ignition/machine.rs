//! The state machine of one clock: idle, armed, ignited, cascade, and the outcomes.

use serde::{Deserialize, Serialize};

use super::clock::Clock;
use super::config::IgnitionConfig;
use super::episode::{Episode, Moment, Outcome, Stage, Transition};
use crate::events::side;
use crate::math::exp;

/// Participants that are told apart during one episode.
const PARTICIPANTS: usize = 16;

/// Volume of the heaviest participants, by the algorithm of Misra and Gries (1982, doi:10.1016/0167-6423(82)90012-0):
/// whoever has more than 1/17 of the volume is in the table at the end.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
struct Traders {
    table: Vec<Trader>,
    /// Volume of all buyers and of all sellers.
    total: [f64; 2],
}

/// One participant's volume bought and sold.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Trader {
    id: u64,
    volume: [f64; 2],
}

impl Traders {
    fn clear(&mut self) {
        self.table.clear();
        self.total = [0.0; 2];
    }

    fn print(&mut self, id: u64, size: f64, is_buyer: bool) {
        let way = usize::from(!is_buyer);
        self.total[way] += size;
        if let Some(row) = self.table.iter_mut().find(|row| row.id == id) {
            row.volume[way] += size;
            return;
        }
        let mut left = size;
        if self.table.len() == PARTICIPANTS {
            // Everybody, the newcomer included, gives up as much as the lightest has.
            left = self.table.iter().map(|row| row.volume[0] + row.volume[1]).fold(size, f64::min);
            for row in &mut self.table {
                let bought = left.min(row.volume[0]);
                row.volume = [row.volume[0] - bought, row.volume[1] - (left - bought)];
            }
            self.table.retain(|row| row.volume[0] + row.volume[1] > 0.0);
            left = size - left;
        }
        if left > 0.0 && self.table.len() < PARTICIPANTS {
            if self.table.capacity() == 0 {
                self.table.reserve_exact(PARTICIPANTS);
            }
            let mut volume = [0.0; 2];
            volume[way] = left;
            self.table.push(Trader { id, volume });
        }
    }

    /// The heaviest participant in a direction, its share of that direction's volume, and its reversal.
    fn heaviest(&self, direction: i8) -> (u64, f64, f64) {
        let with = usize::from(direction < 0);
        let mut heaviest: Option<&Trader> = None;
        for row in &self.table {
            // The first of equals: the table's order is that of arrival.
            if heaviest.is_none_or(|best| row.volume[with] > best.volume[with]) {
                heaviest = Some(row);
            }
        }
        match heaviest {
            Some(row) if row.volume[with] > 0.0 => {
                (row.id, row.volume[with] / self.total[with], row.volume[1 - with] / row.volume[with])
            }
            _ => (0, f64::NAN, f64::NAN),
        }
    }
}

/// Durations of one clock, ns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Durations {
    /// Index of the clock.
    pub clock: usize,
    arm_hold: i64,
    arm_timeout: i64,
    cascade_window: i64,
    retrace_window: i64,
    cool_down: i64,
}

impl Durations {
    /// Durations of clock `clock`.
    pub fn new(config: &IgnitionConfig, clock: usize) -> Self {
        let ns = |seconds: f64| libm::round(seconds * 1e9) as i64;
        let units = |time: f64| ns(time * config.clocks[clock]);
        Self {
            clock,
            arm_hold: units(config.arm_hold),
            arm_timeout: units(config.arm_timeout),
            cascade_window: units(config.cascade_window),
            retrace_window: ns(config.retrace_windows[clock]),
            cool_down: units(config.cool_down),
        }
    }
}

/// What a machine looks at on a step.
pub struct Sight<'a> {
    /// The configuration.
    pub config: &'a IgnitionConfig,
    /// The durations of this clock.
    pub durations: &'a Durations,
    /// The state of this clock.
    pub clock: &'a Clock,
    /// Now.
    pub now: Moment,
}

/// Where the records of a machine go.
pub struct Books<'a> {
    /// Every episode since the beginning.
    pub episodes: &'a mut Vec<Episode>,
    /// Every change of stage since the beginning.
    pub transitions: &'a mut Vec<Transition>,
}

/// The state machine of one clock.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    stage: Stage,
    hold: Moment,
    onset: Moment,
    idle_until: i64,
    episode: usize,
    retrace_volume: f64,
    retrace_steps: f64,
    push_volume: f64,
    push_steps: f64,
    armed_ns: i64,
    armed_since: i64,
    traders: Traders,
}

impl Default for Machine {
    fn default() -> Self {
        Self {
            stage: Stage::Idle,
            hold: Moment::NONE,
            onset: Moment::NONE,
            idle_until: i64::MIN,
            episode: usize::MAX,
            retrace_volume: 0.0,
            retrace_steps: 0.0,
            push_volume: 0.0,
            push_steps: 0.0,
            armed_ns: 0,
            armed_since: 0,
            traders: Traders::default(),
        }
    }
}

/// The linear predictor of the score: sum of weights times features, less the offset.
#[inline]
pub fn predictor(config: &IgnitionConfig, features: [f64; 5]) -> f64 {
    let mut sum = -config.score_offset;
    for (weight, feature) in config.score_weights.iter().zip(features) {
        sum += weight * feature;
    }
    sum
}

/// 100 times the logistic function.
pub fn score_of(predictor: f64) -> f64 {
    if predictor <= f64::MIN { 0.0 } else { 100.0 / (1.0 + exp(-predictor.clamp(-700.0, 700.0))) }
}

/// The scored features of a clock, in the direction that they point to.
#[inline]
pub fn scored(config: &IgnitionConfig, clock: &Clock, direction: f64, push: f64, burst: f64) -> [f64; 5] {
    let consumed = if direction > 0.0 { side::ASK } else { side::BID };
    let velocity = clock.velocity_z(config) * direction;
    // Each is bounded so that no single number can carry the score.
    [
        (push * direction).clamp(0.0, 20.0),
        velocity.clamp(0.0, 20.0),
        burst.clamp(0.0, 20.0),
        clock.thinning(consumed).clamp(0.0, 2.0),
        clock.cascade_share().clamp(0.0, 1.0),
    ]
}

impl Machine {
    /// Stage now.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// Time spent armed or beyond until `now`, ns.
    pub fn armed_ns(&self, now: i64) -> i64 {
        self.armed_ns + if self.stage > Stage::Idle { now - self.armed_since } else { 0 }
    }

    /// Takes an aggressor's print while something is going on.
    #[inline]
    pub fn print(&mut self, participant: u64, size: f64, is_buyer: bool) {
        if self.stage > Stage::Idle {
            self.traders.print(participant, size, is_buyer);
        }
    }

    fn enter(
        &mut self,
        stage: Stage,
        sight: &Sight<'_>,
        books: &mut Books<'_>,
        side: i8,
        outcome: Outcome,
        score: f64,
    ) {
        let now = sight.now.ts;
        if self.stage == Stage::Idle {
            self.armed_since = now;
        } else if stage == Stage::Idle {
            self.armed_ns += now - self.armed_since;
        }
        self.stage = stage;
        let clock = sight.durations.clock as u8;
        books.transitions.push(Transition { moment: sight.now, clock, side, stage, outcome, score });
    }

    /// Ends what is going on because the book cannot be trusted or trading stopped.
    pub fn abandon(&mut self, sight: &Sight<'_>, books: &mut Books<'_>) {
        self.hold = Moment::NONE;
        match self.stage {
            Stage::Idle => {}
            Stage::Armed => self.enter(Stage::Idle, sight, books, 0, Outcome::Open, 0.0),
            Stage::Ignited | Stage::Cascade => self.finish(Outcome::Expired, sight, books),
        }
    }

    /// One step at the end of a cell. `predictor` is that of the score, in the direction of the push.
    pub fn step(&mut self, sight: &Sight<'_>, books: &mut Books<'_>, push: f64, burst: f64, predictor: f64) {
        match self.stage {
            Stage::Idle => {
                if sight.now.ts < self.idle_until {
                    return;
                }
                self.look_for_arming(sight, books, burst);
                self.look_for_ignition(sight, books, push, burst, predictor);
            }
            Stage::Armed => {
                self.look_for_ignition(sight, books, push, burst, predictor);
                if self.stage == Stage::Armed && sight.now.ts - self.armed_since > sight.durations.arm_timeout {
                    self.enter(Stage::Idle, sight, books, 0, Outcome::Open, 0.0);
                    self.hold = Moment::NONE;
                }
            }
            Stage::Ignited | Stage::Cascade => self.follow(sight, books, push, burst),
        }
    }

    fn arming_holds(&self, sight: &Sight<'_>, burst: f64) -> bool {
        let config = sight.config;
        let half_spread = 0.5 * sight.clock.book.spread;
        burst >= config.volume_ratio[sight.durations.clock]
            && sight.clock.distance().abs() <= config.arm_move_ticks.max(half_spread + 0.5)
    }

    fn look_for_arming(&mut self, sight: &Sight<'_>, books: &mut Books<'_>, burst: f64) {
        if !self.arming_holds(sight, burst) {
            self.hold = Moment::NONE;
            return;
        }
        if self.hold.event < 0 {
            self.hold = sight.now;
        }
        if sight.now.ts - self.hold.ts >= sight.durations.arm_hold {
            self.onset = self.hold;
            self.traders.clear();
            self.enter(Stage::Armed, sight, books, 0, Outcome::Open, 0.0);
        }
    }

    fn look_for_ignition(&mut self, sight: &Sight<'_>, books: &mut Books<'_>, push: f64, burst: f64, predictor: f64) {
        let (config, clock, i) = (sight.config, sight.clock, sight.durations.clock);
        let was_armed = self.stage == Stage::Armed;
        let factor = if was_armed { 1.0 } else { config.idle_factor };
        if push.abs() < config.push_z[i] * factor {
            return;
        }
        let direction = if push > 0.0 { 1.0 } else { -1.0 };
        let consumed = if push > 0.0 { side::ASK } else { side::BID };
        let velocity = clock.velocity_z(config) * direction;
        let thinning = clock.thinning(consumed);
        let is_move = velocity >= config.velocity_z[i] * factor
            && clock.acceleration(config) * direction > 0.0
            && clock.signed_volume() * direction > 0.0
            && thinning <= config.thinning
            && clock.distance().abs() >= config.move_bp[i] * 1e-4 * clock.book.mid.abs();
        if !is_move {
            return;
        }
        if !was_armed {
            self.onset = sight.now;
            self.traders.clear();
        }
        let score = score_of(predictor);
        let nothing = f64::NAN;
        self.episode = books.episodes.len();
        books.episodes.push(Episode {
            clock: i as u8,
            side: direction as i8,
            outcome: Outcome::Open,
            was_armed,
            onset: self.onset,
            detected: sight.now,
            cascade: Moment::NONE,
            peak: sight.now,
            end: Moment::NONE,
            reference_price: clock.reference(),
            detected_price: clock.book.mid,
            peak_price: clock.book.mid,
            end_price: nothing,
            retrace: 0.0,
            score,
            push_z: push.abs(),
            velocity_z: velocity,
            volume_burst: burst,
            thinning,
            cascade_share: clock.cascade_share(),
            levels_swept: clock.levels_swept(),
            branching_jump: nothing,
            sigma: clock.sigma(),
            participant: 0,
            participant_share: nothing,
            participant_reversal: nothing,
        });
        (self.push_volume, self.push_steps) = (0.0, 0.0);
        (self.retrace_volume, self.retrace_steps) = (0.0, 0.0);
        self.enter(Stage::Ignited, sight, books, direction as i8, Outcome::Open, score);
    }

    fn follow(&mut self, sight: &Sight<'_>, books: &mut Books<'_>, push: f64, burst: f64) {
        let (config, clock, durations) = (sight.config, sight.clock, sight.durations);
        let Some(episode) = books.episodes.get_mut(self.episode) else { return };
        let direction = f64::from(episode.side);
        let mid = clock.book.mid;
        let rate = clock.volume_rate(config);
        let consumed = if direction > 0.0 { side::ASK } else { side::BID };
        episode.push_z = episode.push_z.max(push * direction);
        episode.velocity_z = episode.velocity_z.max(clock.velocity_z(config) * direction);
        episode.volume_burst = episode.volume_burst.max(burst);
        episode.thinning = episode.thinning.min(clock.thinning(consumed));
        episode.cascade_share = episode.cascade_share.max(clock.cascade_share());
        episode.levels_swept = episode.levels_swept.max(clock.levels_swept());
        let score = score_of(predictor(config, scored(config, clock, direction, push, burst)));
        episode.score = episode.score.max(score);
        if (mid - episode.peak_price) * direction > 0.0 {
            (episode.peak, episode.peak_price) = (sight.now, mid);
            (self.push_volume, self.push_steps) =
                (self.push_volume + self.retrace_volume, self.push_steps + self.retrace_steps);
            (self.retrace_volume, self.retrace_steps) = (0.0, 0.0);
        }
        if episode.peak.ts == sight.now.ts {
            (self.push_volume, self.push_steps) = (self.push_volume + rate, self.push_steps + 1.0);
        } else {
            (self.retrace_volume, self.retrace_steps) = (self.retrace_volume + rate, self.retrace_steps + 1.0);
        }
        let moved = (episode.peak_price - episode.reference_price) * direction;
        let back = (episode.peak_price - mid) * direction;
        episode.retrace = if moved > 0.0 { back / moved } else { 0.0 };
        let (retrace, peak_ts, detected_ts, side) =
            (episode.retrace, episode.peak.ts, episode.detected.ts, episode.side);
        if self.stage == Stage::Ignited {
            let enough = config
                .cascade_ticks
                .max(config.cascade_sigma[durations.clock] * episode.sigma)
                .max(config.cascade_bp * 1e-4 * episode.reference_price.abs());
            if moved >= enough {
                episode.cascade = sight.now;
                episode.branching_jump = clock.features(config).branching_change;
                self.enter(Stage::Cascade, sight, books, side, Outcome::Open, score);
            } else if sight.now.ts - detected_ts > durations.cascade_window {
                self.finish(Outcome::Expired, sight, books);
            }
        } else if sight.now.ts - peak_ts > durations.retrace_window {
            self.finish(Outcome::Continued, sight, books);
        } else if retrace >= config.retrace_share && self.retrace_is_quieter() {
            self.finish(Outcome::Reverted, sight, books);
        }
    }

    /// Whether the mean volume rate since the peak is below that of the push.
    fn retrace_is_quieter(&self) -> bool {
        self.retrace_volume * self.push_steps < self.push_volume * self.retrace_steps
    }

    fn finish(&mut self, outcome: Outcome, sight: &Sight<'_>, books: &mut Books<'_>) {
        let Some(episode) = books.episodes.get_mut(self.episode) else { return };
        episode.outcome = outcome;
        episode.end = sight.now;
        episode.end_price = sight.clock.book.mid;
        let (participant, share, reversal) = self.traders.heaviest(episode.side);
        (episode.participant, episode.participant_share, episode.participant_reversal) = (participant, share, reversal);
        let (side, score) = (episode.side, episode.score);
        self.episode = usize::MAX;
        self.idle_until = sight.now.ts + sight.durations.cool_down;
        self.hold = Moment::NONE;
        self.enter(Stage::Idle, sight, books, side, outcome, score);
    }
}
