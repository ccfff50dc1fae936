//! The state machine of one clock: idle, armed, ignited, cascade, and the outcomes.

use serde::{Deserialize, Serialize};

use super::clock::Clock;
use super::config::{IgnitionConfig, SCORED};
use super::episode::{Episode, Moment, Outcome, Stage, Transition};
use super::run::Run;
use super::traders::Traders;
use crate::events::side;
use crate::math::{exp, ln_1p};

/// Earlier cascades of one clock whose outcome is still awaited; beyond it the oldest expires.
const WATCHED: usize = 8;

/// Durations of one clock, ns.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Durations {
    /// Index of the clock.
    pub clock: usize,
    arm_hold: i64,
    arm_timeout: i64,
    /// Time within which an ignition has to become a cascade.
    pub cascade_window: i64,
    /// Time from the peak within which the move has to come back.
    pub retrace_window: i64,
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
    /// Every change of stage and every outcome since the beginning.
    pub transitions: &'a mut Vec<Transition>,
}

impl Books<'_> {
    fn log(&mut self, sight: &Sight<'_>, stage: Stage, what: Change) {
        let Change { side, episode, outcome, score } = what;
        let clock = sight.durations.clock as u8;
        self.transitions.push(Transition { moment: sight.now, clock, side, stage, episode, outcome, score });
    }
}

/// What a transition says of its episode.
#[derive(Debug, Clone, Copy)]
pub struct Change {
    /// Direction, 0 without an episode.
    pub side: i8,
    /// Number of the episode, -1 without one.
    pub episode: i64,
    /// How it ended, if it did.
    pub outcome: Outcome,
    /// Its score.
    pub score: f64,
}

impl Change {
    const NOTHING: Self = Self { side: 0, episode: -1, outcome: Outcome::Open, score: 0.0 };

    /// The change of an episode as it stands.
    pub fn of(number: usize, episode: &Episode) -> Self {
        Self { side: episode.side, episode: number as i64, outcome: episode.outcome, score: episode.score }
    }
}

/// The linear predictor of the score: sum of weights times features, less the offset.
#[inline]
pub fn predictor(config: &IgnitionConfig, features: [f64; SCORED.len()]) -> f64 {
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
pub fn scored(config: &IgnitionConfig, clock: &Clock, direction: f64, push: f64) -> [f64; SCORED.len()] {
    let consumed = if direction > 0.0 { side::ASK } else { side::BID };
    let velocity = clock.velocity_z(config) * direction;
    // Each is bounded so that no single number can carry the score.
    [
        (push * direction).clamp(0.0, 30.0),
        velocity.clamp(0.0, 20.0),
        ln_1p(clock.trade_burst_z(config).clamp(0.0, 60.0)),
        clock.thinning(consumed).clamp(0.0, 2.0),
        // Nothing lost says nothing of who took it.
        clock.fade_share().unwrap_or(0.5),
    ]
}

/// The state machine of one clock.
///
/// A cascade holds the stage until the price made no new extreme for the cool-down; then the clock looks for the next
/// ignition, while the outcome of the last is still awaited.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Machine {
    stage: Stage,
    hold: Moment,
    onset: Moment,
    idle_until: i64,
    traders: Traders,
    run: Option<Run>,
    watched: Vec<Run>,
    armed_ns: i64,
    armed_since: i64,
}

impl Default for Machine {
    fn default() -> Self {
        Self {
            stage: Stage::Idle,
            hold: Moment::NONE,
            onset: Moment::NONE,
            idle_until: i64::MIN,
            traders: Traders::default(),
            run: None,
            watched: Vec::with_capacity(WATCHED + 1),
            armed_ns: 0,
            armed_since: 0,
        }
    }
}

impl Machine {
    /// Stage now.
    pub fn stage(&self) -> Stage {
        self.stage
    }

    /// Whether prints of participants are of use.
    pub fn wants_prints(&self) -> bool {
        self.stage > Stage::Idle || !self.watched.is_empty()
    }

    /// Time spent armed or beyond until `now`, ns.
    pub fn armed_ns(&self, now: i64) -> i64 {
        self.armed_ns + if self.stage > Stage::Idle { now - self.armed_since } else { 0 }
    }

    /// Takes an aggressor's print while something is going on.
    pub fn print(&mut self, participant: u64, size: f64, is_buyer: bool) {
        if self.stage == Stage::Armed {
            self.traders.print(participant, size, is_buyer);
        }
        for run in self.run.iter_mut().chain(&mut self.watched) {
            run.traders.print(participant, size, is_buyer);
        }
    }

    fn enter(&mut self, stage: Stage, sight: &Sight<'_>, books: &mut Books<'_>, what: Change) {
        let now = sight.now.ts;
        if self.stage == Stage::Idle {
            self.armed_since = now;
        } else if stage == Stage::Idle {
            self.armed_ns += now - self.armed_since;
        }
        self.stage = stage;
        books.log(sight, stage, what);
    }

    /// Ends what is going on because the book cannot be trusted or trading stopped.
    pub fn abandon(&mut self, sight: &Sight<'_>, books: &mut Books<'_>) {
        self.hold = Moment::NONE;
        while let Some(run) = self.watched.pop() {
            let change = run.finish(Outcome::Expired, sight, books);
            books.log(sight, self.stage, change);
        }
        match self.run.take() {
            Some(run) => self.settle(&run, Outcome::Expired, sight, books),
            None if self.stage == Stage::Armed => self.enter(Stage::Idle, sight, books, Change::NOTHING),
            None => {}
        }
    }

    /// One step at the end of a cell. `predictor` is that of the score, in the direction of the push.
    pub fn step(&mut self, sight: &Sight<'_>, books: &mut Books<'_>, push: f64, burst: f64, predictor: f64) {
        if !self.watched.is_empty() {
            self.await_outcomes(sight, books);
        }
        match self.stage {
            Stage::Idle => {
                self.look_for_arming(sight, books, burst);
                if sight.now.ts >= self.idle_until {
                    self.look_for_ignition(sight, books, push, burst, predictor);
                }
            }
            Stage::Armed => {
                if sight.now.ts >= self.idle_until {
                    self.look_for_ignition(sight, books, push, burst, predictor);
                }
                if self.stage == Stage::Armed && sight.now.ts - self.armed_since > sight.durations.arm_timeout {
                    self.enter(Stage::Idle, sight, books, Change::NOTHING);
                    self.hold = Moment::NONE;
                }
            }
            Stage::Ignited | Stage::Cascade => self.follow(sight, books, push, burst),
        }
    }

    fn await_outcomes(&mut self, sight: &Sight<'_>, books: &mut Books<'_>) {
        let mut k = 0;
        while k < self.watched.len() {
            match self.watched[k].step(sight, books.episodes) {
                Some(outcome) => {
                    let change = self.watched.remove(k).finish(outcome, sight, books);
                    books.log(sight, self.stage, change);
                }
                None => k += 1,
            }
        }
    }

    fn look_for_arming(&mut self, sight: &Sight<'_>, books: &mut Books<'_>, burst: f64) {
        let half_spread = 0.5 * sight.clock.book.spread;
        let is_arming = burst >= sight.config.volume_ratio[sight.durations.clock]
            && sight.clock.distance().abs() <= sight.config.arm_move_ticks.max(half_spread + 0.5);
        if !is_arming {
            self.hold = Moment::NONE;
            return;
        }
        if self.hold.event < 0 {
            self.hold = sight.now;
        }
        if sight.now.ts - self.hold.ts >= sight.durations.arm_hold {
            self.onset = self.hold;
            self.traders.clear();
            self.enter(Stage::Armed, sight, books, Change::NOTHING);
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
        let is_move = clock.velocity_z(config) * direction >= config.velocity_z[i] * factor
            && clock.acceleration(config) * direction > 0.0
            && clock.signed_volume() * direction > 0.0
            && clock.thinning(consumed) <= config.thinning
            && clock.distance().abs() >= config.move_bp[i] * 1e-4 * clock.book.mid.abs();
        if !is_move {
            return;
        }
        let score = score_of(predictor);
        if score < config.alarm_score[i] {
            return;
        }
        if !was_armed {
            self.onset = sight.now;
            self.traders.clear();
        }
        let change =
            Change { side: direction as i8, episode: books.episodes.len() as i64, outcome: Outcome::Open, score };
        let run = Run::ignite(sight, books.episodes, direction, self.onset, was_armed, score, burst, &mut self.traders);
        self.run = Some(run);
        self.enter(Stage::Ignited, sight, books, change);
    }

    fn follow(&mut self, sight: &Sight<'_>, books: &mut Books<'_>, push: f64, burst: f64) {
        let Some(mut run) = self.run.take() else { return };
        run.gather(sight, books.episodes, push, burst);
        if let Some(outcome) = run.step(sight, books.episodes) {
            self.settle(&run, outcome, sight, books);
            return;
        }
        let episode = &books.episodes[run.episode];
        let (is_cascade, since_peak) = (episode.cascade.event >= 0, sight.now.ts - episode.peak.ts);
        let change = Change::of(run.episode, episode);
        if self.stage == Stage::Ignited && is_cascade {
            self.enter(Stage::Cascade, sight, books, change);
        } else if self.stage == Stage::Cascade && since_peak >= sight.durations.cool_down {
            self.enter(Stage::Idle, sight, books, change);
            self.hold = Moment::NONE;
            self.watched.push(run);
            if self.watched.len() > WATCHED {
                let change = self.watched.remove(0).finish(Outcome::Expired, sight, books);
                books.log(sight, Stage::Idle, change);
            }
            return;
        }
        self.run = Some(run);
    }

    /// Ends the run that held the stage; the next alarm comes a cool-down after its peak at the earliest.
    fn settle(&mut self, run: &Run, outcome: Outcome, sight: &Sight<'_>, books: &mut Books<'_>) {
        let change = run.finish(outcome, sight, books);
        self.idle_until = books.episodes[run.episode].peak.ts.saturating_add(sight.durations.cool_down);
        self.hold = Moment::NONE;
        self.enter(Stage::Idle, sight, books, change);
    }
}
