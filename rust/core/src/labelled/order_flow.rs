//! The labelled order flow: background, makers, episodes.
//!
//! Makers quote around a value: news and impact that stay, impact that decays, and the displacement of the episode
//! that is going on. Prices move because stale quotes are cancelled or hit and better ones are placed, so that every
//! move is order flow. Nothing here knows of the detector.

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use super::arrivals::{Arrivals, BUYER, QUOTE, SELLER, Switch};
use super::config::{FlowConfig, Style};
use super::draw::Draw;
use super::ladder::{Ladder, SideIndex};
use super::script::{Kind, Script};
use crate::error::{Error, Result};
use crate::events::Feed;
use crate::math::exp;
use crate::rng::Domain;

/// Value, episodes and schedules move on this often, ns.
const TICK: i64 = 20_000_000;
/// Slow noise moves on every so many ticks.
const SLOW: u64 = 10;
/// Fewest and most prices a side.
const RUNGS: (usize, usize) = (14, 48);
/// Quiet seconds before the first episode: five time constants of nothing shorter than the volatility's 60 s.
const LEAD_IN: f64 = 330.0;
/// 2024-01-02 14:30 UTC.
pub const START: i64 = 1_704_205_800_000_000_000;

/// Something that is going to happen.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Action {
    /// Both sides trade at the touch, and what was taken is put back.
    Wash {
        buyer: bool,
    },
    Refill {
        of: SideIndex,
        rank: i64,
        size: i64,
    },
    /// A child order of the push; of the unwinding.
    Child {
        buyer: bool,
    },
    Unwind {
        buyer: bool,
    },
    Stop {
        buyer: bool,
    },
    /// A child of a large order that is no episode.
    Parent {
        buyer: bool,
    },
    /// Makers take a quote away from the side under attack.
    Pull {
        of: SideIndex,
    },
    Sweep {
        buyer: bool,
        levels: i64,
    },
}

#[derive(Debug, Clone, Copy)]
struct Planned {
    at: i64,
    number: u64,
    action: Action,
}

impl PartialEq for Planned {
    fn eq(&self, other: &Self) -> bool {
        (self.at, self.number) == (other.at, other.number)
    }
}

impl Eq for Planned {}

impl PartialOrd for Planned {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Planned {
    fn cmp(&self, other: &Self) -> Ordering {
        (other.at, other.number).cmp(&(self.at, self.number))
    }
}

/// Arrivals by cause, to hold against the configured rates.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Counts {
    /// Marketable orders of the background process.
    pub trades: u64,
    /// Quotes of the background process.
    pub quotes: u64,
    /// Marketable orders against stale quotes.
    pub arbitrage: u64,
    /// Orders of episodes and of large orders split over time.
    pub planned: u64,
}

/// A large order that is worked over time.
#[derive(Debug, Clone, Copy)]
struct Parent {
    until: i64,
    buyer: bool,
    rate: f64,
}

/// What the simulation leaves behind.
#[derive(Debug)]
pub struct Flow {
    /// The book with the tape and the path of the mid.
    pub ladder: Ladder,
    /// The episodes in order.
    pub scripts: Vec<Script>,
    /// Arrivals by cause.
    pub counts: Counts,
    /// End of the tape, ns since the epoch.
    pub end: i64,
}

/// Simulates `hours` of flow.
///
/// # Errors
/// `Error::Interrupted` when `go_on` says no.
pub fn simulate(
    config: &FlowConfig,
    seed: u64,
    hours: f64,
    feed: Feed,
    with_participants: bool,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<Flow> {
    let end = START + libm::round(hours * 3_600e9) as i64;
    let mut world = World::new(config, seed, feed, with_participants);
    world.open();
    let mut turns = 0_u64;
    while world.now < end {
        turns += 1;
        if turns.is_multiple_of(65_536) && !go_on() {
            return Err(Error::Interrupted);
        }
        world.turn();
    }
    world.scripts.extend(world.script.take());
    // Episodes that the tape does not hold whole are not scored.
    world.scripts.retain(|script| script.end < end);
    Ok(Flow { ladder: world.ladder, scripts: world.scripts, counts: world.counts, end })
}

struct World<'a> {
    config: &'a FlowConfig,
    draw: Draw,
    episode_draw: Draw,
    ladder: Ladder,
    arrivals: Arrivals,
    switch: Switch,
    now: i64,
    next_tick: i64,
    ticks: u64,
    permanent: f64,
    transient: f64,
    displacement: f64,
    activity: f64,
    rate_factor: f64,
    news_factor: f64,
    depth_noise: [f64; 2],
    depth_factor: [f64; 2],
    spread_noise: f64,
    half_spread: f64,
    run: bool,
    agenda: BinaryHeap<Planned>,
    planned: u64,
    parents: Vec<Parent>,
    script: Option<Script>,
    scripts: Vec<Script>,
    next_onset: i64,
    /// Variance of the mid over one second outside episodes, and the mid at the last second.
    variance: f64,
    second_mid: f64,
    counts: Counts,
}

impl<'a> World<'a> {
    fn new(config: &'a FlowConfig, seed: u64, feed: Feed, with_participants: bool) -> Self {
        let first = if config.episodes.is_empty() { i64::MAX } else { START + (LEAD_IN * 1e9) as i64 };
        Self {
            config,
            draw: Draw::new(seed, Domain::OrderFlow, 0),
            episode_draw: Draw::new(seed, Domain::OrderFlow, 1),
            ladder: Ladder::new(feed, with_participants),
            arrivals: Arrivals::new(config),
            switch: Switch::default(),
            now: START,
            next_tick: START + TICK,
            ticks: 0,
            permanent: config.price as f64 + 0.5,
            transient: 0.0,
            displacement: 0.0,
            activity: 0.0,
            rate_factor: 1.0,
            news_factor: 1.0,
            depth_noise: [0.0; 2],
            depth_factor: [1.0; 2],
            spread_noise: 0.0,
            half_spread: config.half_spread,
            run: true,
            agenda: BinaryHeap::new(),
            planned: 0,
            parents: Vec::new(),
            script: None,
            scripts: Vec::new(),
            next_onset: first,
            variance: 2.0 * config.volatility * config.volatility,
            second_mid: config.price as f64 + 0.5,
            counts: Counts::default(),
        }
    }

    /// The first book.
    fn open(&mut self) {
        for of in 0..2 {
            let rank = libm::floor(self.fair(of)) as i64;
            self.ladder.add(self.now, of, rank, self.target(of, 0) as i64 + 1, 1);
            self.deepen(of);
        }
        self.ladder.path.clear();
        self.ladder.path.push((self.now, self.ladder.double_mid()));
    }

    /// One arrival, one planned action or one tick.
    fn turn(&mut self) {
        let rates = self.arrivals.rates(self.rate_factor);
        let stale = self.staleness();
        let arbitrage = self.config.arbitrage * (stale[0] + stale[1]);
        let bound = rates[0] + rates[1] + rates[2] + arbitrage;
        let wait = self.draw.exponential() / bound;
        let next = self.now + (wait * 1e9) as i64 + 1;
        let planned = self.agenda.peek().map_or(i64::MAX, |item| item.at);
        let until = self.next_tick.min(planned);
        if until <= next {
            self.arrivals.pass((until - self.now) as f64 * 1e-9);
            self.now = until;
            if planned <= self.next_tick {
                if let Some(item) = self.agenda.pop() {
                    self.act(item.action);
                }
            } else {
                self.tick();
            }
            return;
        }
        self.arrivals.pass((next - self.now) as f64 * 1e-9);
        self.now = next;
        let rates = self.arrivals.rates(self.rate_factor);
        let point = self.draw.uniform() * bound;
        let total = rates[0] + rates[1] + rates[2];
        match Arrivals::kind_of(&rates, point) {
            Some(QUOTE) => {
                self.counts.quotes += 1;
                self.arrivals.excite(QUOTE);
                self.quote();
            }
            Some(kind) => {
                self.counts.trades += 1;
                let kind = self.side_of_trade(kind);
                self.arrivals.excite(kind);
                self.background_trade(kind == BUYER);
            }
            None if point < total + arbitrage => {
                self.counts.arbitrage += 1;
                // Whoever hits a stale ask buys.
                let buyer = self.draw.happens(stale[1] / (stale[0] + stale[1]));
                self.take_touch(buyer, 0.6, 0);
                self.arrivals.excite_quotes(BUYER);
            }
            None => {}
        }
    }

    /// The side of a trade of the background process: style B trades in runs.
    fn side_of_trade(&mut self, kind: usize) -> usize {
        match self.config.style {
            Style::A => kind,
            Style::B => {
                if self.draw.happens(0.25) {
                    self.run = self.draw.happens(0.5);
                }
                if self.run { BUYER } else { SELLER }
            }
        }
    }

    fn value(&self) -> f64 {
        self.permanent + self.transient + self.displacement
    }

    /// Where makers want the best quote of a side, as a rank.
    #[inline]
    fn fair(&self, of: SideIndex) -> f64 {
        let value = if of == 0 { self.value() } else { -self.value() };
        value - self.half_spread
    }

    /// Distance within which a quote is left where it is, ticks: less would flicker on the grid.
    fn tolerance(&self) -> f64 {
        0.35 + 0.25 * self.config.level_gap
    }

    /// How far the best quote of each side is beyond what makers want, ticks, bounded.
    #[inline]
    fn staleness(&self) -> [f64; 2] {
        let most = 8.0 * self.config.half_spread;
        std::array::from_fn(|of| {
            (self.ladder.best(of) as f64 - self.fair(of) - self.tolerance() - self.half_spread).clamp(0.0, most)
        })
    }

    /// Mean lots at a level.
    fn target(&self, of: SideIndex, level: usize) -> f64 {
        let level = level.min(9) as f64;
        let shape = match self.config.style {
            Style::A => 1.0 + self.config.depth_slope * level,
            Style::B => 1.6 / (1.0 + self.config.depth_slope * level),
        };
        self.config.touch_depth * shape * self.depth_factor[of]
    }

    fn order_size(&mut self) -> i64 {
        let (median, deviation) = self.config.order_size;
        match self.config.style {
            Style::A => (self.draw.log_normal(median, deviation) as i64).max(1),
            Style::B => {
                // Round lots: a few multiples of one size.
                let unit = (0.5 * median).max(1.0);
                let multiple = [1.0, 1.0, 2.0, 2.0, 4.0, 10.0][self.draw.below(6)];
                (unit * multiple) as i64
            }
        }
    }

    fn trade_size(&mut self) -> i64 {
        let (median, deviation) = self.config.trade_size;
        let size = match self.config.style {
            Style::A => self.draw.log_normal(median, deviation),
            Style::B => 0.6 * median * self.draw.pareto(1.4).min(60.0),
        };
        let (probability, exponent) = self.config.large_trade;
        let factor = if self.draw.happens(probability) { 5.0 * self.draw.pareto(exponent).min(20.0) } else { 1.0 };
        ((size * factor) as i64).max(1)
    }

    /// A maker adds, improves or cancels.
    fn quote(&mut self) {
        let of = self.draw.below(2);
        let fair = self.fair(of);
        let best = self.ladder.best(of) as f64;
        let tolerance = self.tolerance();
        // Ranks of the two sides add to minus the spread: a quote must stay below the other side.
        let most = -self.ladder.best(1 - of) - 1;
        let is_stale = best > fair + tolerance;
        if is_stale && self.ladder.rungs(of) > 1 && self.draw.happens(0.85) {
            match self.config.style {
                Style::A => self.cancel(of, 0),
                Style::B => self.cancel_level(of),
            }
        } else if best < fair - tolerance && (best as i64) < most && self.draw.happens(0.75) {
            let wanted = libm::floor(fair + self.draw.between(0.0, tolerance)) as i64;
            let rank = wanted.clamp(best as i64 + 1, most);
            let size = match self.config.style {
                Style::A => self.order_size(),
                Style::B => (0.4 * self.target(of, 0)) as i64 + 1,
            };
            self.add(of, rank, size);
        } else {
            self.ordinary_quote(of, is_stale);
        }
        self.deepen(of);
    }

    fn ordinary_quote(&mut self, of: SideIndex, is_stale: bool) {
        let level = match self.config.style {
            Style::A if self.draw.happens(0.3) => 0,
            Style::A => 1 + self.draw.geometric(2.5) as usize,
            Style::B => self.draw.below(10),
        };
        let level = level.min(self.ladder.rungs(of) - 1).max(usize::from(is_stale));
        let Some(rung) = self.ladder.rung(of, level) else { return };
        let (rank, size) = (rung.rank, rung.size as f64);
        let target = self.target(of, level);
        let wants_more = match self.config.style {
            Style::A => self.draw.happens(target / (target + size)),
            Style::B => size < target * self.draw.between(0.6, 1.4),
        };
        if wants_more {
            let below = self.ladder.rung(of, level + 1).map_or(i64::MIN / 8, |next| next.rank);
            let gap = (rank - below) as f64;
            let is_hole = below > i64::MIN / 8 && gap > 1.5 * self.config.level_gap && rank - below > 1;
            let rank = if is_hole && self.draw.happens(0.4) {
                let step = (0.5 * self.config.level_gap * (1.0 + self.draw.uniform())).min(gap - 1.0);
                rank - (step as i64).max(1)
            } else {
                rank
            };
            let size = self.order_size();
            self.add(of, rank, size);
        } else if level > 0 || self.ladder.rungs(of) > 2 {
            self.cancel(of, level);
        }
    }

    fn add(&mut self, of: SideIndex, rank: i64, size: i64) {
        let owner = 1 + self.draw.below(20) as u64;
        self.ladder.add(self.now, of, rank, size, owner);
        while self.ladder.rungs(of) > RUNGS.1 {
            self.ladder.drop_worst(self.now, of);
        }
    }

    fn cancel(&mut self, of: SideIndex, level: usize) {
        let choice = self.draw.below(1 << 16);
        self.ladder.cancel(self.now, of, level, choice);
    }

    /// Takes the best level away whole.
    fn cancel_level(&mut self, of: SideIndex) {
        let rank = self.ladder.best(of);
        while self.ladder.best(of) == rank && self.ladder.rungs(of) > 1 {
            self.ladder.cancel(self.now, of, 0, 0);
        }
    }

    /// Puts orders behind the worst price until the book is deep enough; they stood there unseen.
    fn deepen(&mut self, of: SideIndex) {
        while self.ladder.rungs(of) < RUNGS.0 {
            let level = self.ladder.rungs(of);
            let Some(worst) = self.ladder.rung(of, level - 1) else { return };
            let rank = worst.rank - 1 - self.draw.geometric(self.config.level_gap - 1.0);
            let size = self.target(of, level) * self.draw.between(0.5, 1.3);
            for _ in 0..3 {
                self.add(of, rank, (size / 3.0) as i64 + 1);
            }
        }
    }

    fn taker(&mut self) -> u64 {
        // A few takers trade often.
        21 + self.draw.geometric(30.0) as u64
    }

    /// A marketable order of the background; value moves with it.
    fn background_trade(&mut self, buyer: bool) {
        let against = usize::from(buyer);
        let size = self.trade_size();
        let best = self.ladder.best(against);
        let (size, limit) = if self.draw.happens(0.85) {
            (size.min(self.ladder.touch(against)), best)
        } else {
            (size, best - (4.0 * self.config.level_gap) as i64)
        };
        let taker = self.taker();
        let taken = self.ladder.take(self.now, against, size, limit, taker);
        self.deepen(against);
        self.impact(buyer, taken);
    }

    /// Value moves with the square root of what was taken.
    fn impact(&mut self, buyer: bool, taken: i64) {
        let direction = if buyer { 1.0 } else { -1.0 };
        let size = (taken as f64 / self.config.trade_size.0).sqrt().min(5.0);
        let (stays, goes) = (self.config.impact * size, self.config.transient_impact.0 * size);
        // What an informed move draws after it stays, too.
        let is_informed = self.script.as_ref().is_some_and(|s| s.kind == Kind::Informed && self.now >= s.ignition);
        self.move_value(direction * if is_informed { stays + goes } else { stays });
        if !is_informed {
            self.transient += direction * goes;
        }
    }

    /// Moves value for good, unless that made the label of the episode untrue: then the other way.
    fn move_value(&mut self, step: f64) {
        let after = self.value() + step;
        let now = self.now;
        let is_refused = self
            .script
            .as_mut()
            .is_some_and(|script| !script.anchor.is_nan() && script.refuses(now, after - script.anchor, step));
        self.permanent += if is_refused { -step } else { step };
    }

    /// A marketable order of a share of the touch, which moves nothing but the book.
    fn take_touch(&mut self, buyer: bool, share: f64, who: u64) -> (i64, i64) {
        let against = usize::from(buyer);
        let rank = self.ladder.best(against);
        let size = ((self.ladder.touch(against) as f64 * share) as i64).max(1);
        let who = if who == 0 { self.taker() } else { who };
        let taken = self.ladder.take(self.now, against, size, rank, who);
        self.deepen(against);
        (rank, taken)
    }

    fn plan(&mut self, at: i64, action: Action) {
        self.planned += 1;
        self.agenda.push(Planned { at, number: self.planned, action });
    }

    /// Some time before the next tick.
    fn soon(&mut self) -> i64 {
        self.now + 1 + (self.draw.uniform() * (TICK - 2) as f64) as i64
    }

    fn delay(&mut self, low_ms: f64, high_ms: f64) -> i64 {
        self.now + (self.draw.log_between(low_ms, high_ms) * 1e6) as i64
    }

    fn act(&mut self, action: Action) {
        self.counts.planned += 1;
        let igniter = self.script.as_ref().map_or(0, |script| script.participant);
        match action {
            Action::Wash { buyer } => {
                let share = self.draw.between(0.05, 0.5);
                let who = if self.draw.happens(0.5) { igniter } else { 0 };
                let (rank, taken) = self.take_touch(buyer, share, who);
                let at = self.delay(2.0, 60.0);
                let size = (taken as f64 * self.draw.between(0.7, 1.3)) as i64 + 1;
                self.plan(at, Action::Refill { of: usize::from(buyer), rank, size });
            }
            Action::Refill { of, rank, size } => {
                let most = -self.ladder.best(1 - of) - 1;
                if rank <= most && (rank as f64) <= self.fair(of) + self.tolerance() + 1.0 {
                    self.add(of, rank, size);
                }
            }
            Action::Child { buyer } => {
                let share = self.draw.between(0.2, 1.1).min(1.0);
                self.take_touch(buyer, share, igniter);
                self.arrivals.excite(if buyer { BUYER } else { SELLER });
            }
            Action::Unwind { buyer } => {
                let share = self.draw.between(0.05, 0.4);
                self.take_touch(buyer, share, igniter);
                self.arrivals.excite_quotes(BUYER);
            }
            Action::Stop { buyer } => {
                let against = usize::from(buyer);
                let size = (self.config.touch_depth * self.draw.log_between(0.3, 3.0)) as i64;
                let limit = self.ladder.best(against) - (4.0 * self.config.level_gap) as i64;
                let taker = self.taker();
                self.ladder.take(self.now, against, size.max(1), limit, taker);
                self.deepen(against);
                self.arrivals.excite(if buyer { BUYER } else { SELLER });
            }
            Action::Parent { buyer } => {
                let share = self.draw.between(0.1, 0.6);
                let (_, taken) = self.take_touch(buyer, share, 0);
                self.impact(buyer, taken);
                self.arrivals.excite_quotes(BUYER);
            }
            Action::Pull { of } => {
                let level = self.draw.below(5);
                if self.ladder.rungs(of) > 6 {
                    match self.config.style {
                        Style::A => self.cancel(of, level),
                        Style::B => self.cancel_level(of),
                    }
                    self.deepen(of);
                }
            }
            Action::Sweep { buyer, levels } => {
                let against = usize::from(buyer);
                let levels = (levels as usize).min(self.ladder.rungs(against) - 2);
                let limit = self.ladder.rung(against, levels).map_or(0, |rung| rung.rank) + 1;
                self.ladder.take(self.now, against, i64::MAX / 4, limit, igniter);
                self.deepen(against);
                self.arrivals.excite(if buyer { BUYER } else { SELLER });
            }
        }
    }

    /// Value, noise, schedules and the episode move on.
    fn tick(&mut self) {
        let seconds = TICK as f64 * 1e-9;
        self.next_tick += TICK;
        self.ticks += 1;
        self.transient *= exp(-seconds / self.config.transient_impact.1);
        if self.ticks.is_multiple_of(SLOW) {
            self.slow_noise(seconds * SLOW as f64);
        }
        if self.ticks.is_multiple_of(50) {
            self.end_second();
        }
        let is_held = self.script.as_ref().is_some_and(|s| s.has_volume && self.now < s.ignition);
        // Refills at the touch absorb most of what would move the price in the volume phase.
        let hold = if is_held { 0.3 } else { 1.0 };
        let mut step = self.config.volatility * self.news_factor * hold * seconds.sqrt() * self.draw.normal();
        if self.draw.happens(self.config.news.0 / 3_600.0 * seconds) {
            step += self.config.news.1 * self.variance.sqrt() * self.draw.normal();
        }
        self.move_value(step);
        self.parent_orders(seconds);
        self.play(seconds);
    }

    fn slow_noise(&mut self, seconds: f64) {
        let config = self.config;
        let mut revert = |x: &mut f64, (deviation, tau): (f64, f64)| {
            let keep = exp(-seconds / tau);
            *x = *x * keep + deviation * (1.0 - keep * keep).sqrt() * self.draw.normal();
        };
        revert(&mut self.activity, config.activity);
        let [bid, ask] = &mut self.depth_noise;
        revert(bid, config.depth_noise);
        revert(ask, config.depth_noise);
        revert(&mut self.spread_noise, config.spread_noise);
        let level = |x: f64, deviation: f64| exp(x - 0.5 * deviation * deviation);
        let day = (self.now - START) as f64 * 1e-9 / 23_400.0;
        let from_noon = 2.0 * (day - libm::floor(day)) - 1.0;
        // The parabola's mean is one third.
        let shape = (1.0 + (config.diurnal - 1.0) * from_noon * from_noon) / (1.0 + (config.diurnal - 1.0) / 3.0);
        let activity = level(self.activity, config.activity.0) * shape;
        self.news_factor = activity.sqrt();
        self.rate_factor = activity;
        if config.style == Style::B {
            self.switch.pass(seconds, &mut self.draw);
            self.rate_factor *= self.switch.factor();
        }
        let thinning = self.script.as_ref().map_or([1.0; 2], |script| {
            let factor = script.thinning_at(self.now);
            if script.side > 0 { [1.0, factor] } else { [factor, 1.0] }
        });
        for (of, thin) in thinning.into_iter().enumerate() {
            self.depth_factor[of] = level(self.depth_noise[of], config.depth_noise.0) * thin;
        }
        self.half_spread = config.half_spread * level(self.spread_noise, config.spread_noise.0);
    }

    /// The ordinary volatility, from the seconds without an episode.
    fn end_second(&mut self) {
        let mid = 0.5 * self.ladder.double_mid() as f64;
        if self.script.is_none() {
            let moved = mid - self.second_mid;
            self.variance += (moved * moved - self.variance) / 300.0;
        }
        self.second_mid = mid;
    }

    fn parent_orders(&mut self, seconds: f64) {
        if self.draw.happens(self.config.parent_orders / 3_600.0 * seconds) {
            let length = self.draw.log_between(5.0, 60.0);
            let rate = self.arrivals.mean_rates().0 * self.draw.log_between(0.3, 1.5);
            let buyer = self.draw.happens(0.5);
            self.parents.push(Parent { until: self.now + (length * 1e9) as i64, buyer, rate });
        }
        let now = self.now;
        self.parents.retain(|parent| parent.until > now);
        for i in 0..self.parents.len() {
            let Parent { buyer, rate, .. } = self.parents[i];
            if self.draw.happens(rate * seconds) {
                let at = self.soon();
                self.plan(at, Action::Parent { buyer });
            }
        }
    }

    /// The episode moves on.
    fn play(&mut self, seconds: f64) {
        let Some(mut script) = self.script.take() else {
            self.begin();
            return;
        };
        let ordinary = self.arrivals.mean_rates().0;
        let buyer = script.side > 0;
        if script.has_volume && self.now < script.ignition {
            // The unit sets the pace: a slow episode's burst is as large a share of the flow of its own time.
            for _ in 0..self.draw.poisson(script.volume_factor * ordinary * seconds) {
                let (at, buyer) = (self.soon(), self.draw.happens(0.5));
                self.plan(at, Action::Wash { buyer });
            }
        }
        if self.now >= script.ignition && script.anchor.is_nan() {
            script.anchor = self.permanent + self.transient;
            self.strike(&script);
        }
        self.displacement = script.displacement(self.now);
        if script.amplitude > 0.0 && self.now >= script.ignition {
            if self.now < script.push_end {
                for _ in 0..self.draw.poisson(script.push_factor * ordinary * seconds) {
                    let at = self.soon();
                    self.plan(at, Action::Child { buyer });
                }
            } else if script.kind == Kind::Ignition {
                let since = (self.now - script.push_end) as f64 * 1e-9;
                let rate = 0.3 * script.push_factor * ordinary * exp(-since / script.decay());
                if self.draw.happens(rate.min(30.0) * seconds) {
                    let at = self.soon();
                    self.plan(at, Action::Unwind { buyer: !buyer });
                }
            }
            let mid = 0.5 * self.ladder.double_mid() as f64;
            let moved = (mid - script.anchor) * script.side as f64;
            while script.stops.first().is_some_and(|&distance| distance <= moved) {
                script.stops.remove(0);
                let at = self.delay(0.5, 50.0);
                self.plan(at, Action::Stop { buyer });
            }
        }
        if self.now >= script.end {
            // What is left of the displacement is value from here on.
            self.permanent += self.displacement;
            self.displacement = 0.0;
            let gap = script_gap(self.config, script.unit) * (0.5 + 0.5 * self.episode_draw.exponential());
            self.next_onset = self.now + (gap * 1e9) as i64;
            self.scripts.push(script);
        } else {
            self.script = Some(script);
        }
    }

    /// Draws the next episode when its time has come.
    fn begin(&mut self) {
        if self.now < self.next_onset {
            return;
        }
        let choice = self.episode_draw.below(self.config.episodes.len());
        let plan = &self.config.episodes[choice];
        let sigma = self.variance.sqrt().max(0.5);
        let number = self.scripts.len() as u64;
        self.script = Some(Script::draw(plan, self.config.style, self.now, sigma, number, &mut self.episode_draw));
    }

    /// What happens at the moment of ignition.
    fn strike(&mut self, script: &Script) {
        let buyer = script.side > 0;
        let of = usize::from(buyer);
        if script.kind == Kind::Sweep {
            let at = self.soon();
            self.plan(at, Action::Sweep { buyer, levels: script.levels });
        }
        if script.thinning < 1.0 {
            let orders = self.config.touch_depth / self.config.order_size.0 * (1.0 + 2.0 * self.config.depth_slope);
            let count = match self.config.style {
                Style::A => 5.0 * (1.0 - script.thinning) * orders.min(40.0),
                Style::B => 3.0 * (1.0 - script.thinning),
            };
            let length = (script.push_end - script.ignition) as f64;
            for _ in 0..count as usize {
                let at = self.now + 1 + (0.6 * length * self.draw.uniform()) as i64;
                self.plan(at, Action::Pull { of });
            }
        }
    }
}

/// Quiet time after episodes of this unit, seconds.
fn script_gap(config: &FlowConfig, unit: f64) -> f64 {
    config.episodes.iter().find(|plan| (plan.unit - unit).abs() < 1e-9).map_or(60.0, |plan| plan.gap)
}
