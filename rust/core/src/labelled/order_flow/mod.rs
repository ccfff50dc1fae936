//! The labelled order flow: background, makers, episodes.
//!
//! Makers quote around a value: news and impact that stay, impact that decays, and the displacement of the episode
//! that is going on. Prices move because stale quotes are cancelled or hit and better ones are placed, so that every
//! move is order flow. Nothing here knows of the detector.

mod episodes;
mod makers;
mod takers;

use std::cmp::Ordering;
use std::collections::BinaryHeap;

use crate::error::{Error, Result};
use crate::events::Feed;
use crate::labelled::arrivals::{Arrivals, BUYER, QUOTE, SELLER, Switch};
use crate::labelled::config::{FlowConfig, Style};
use crate::labelled::draw::Draw;
use crate::labelled::ladder::{Ladder, SideIndex};
use crate::labelled::script::Script;
use crate::math::exp;
use crate::rng::Domain;

/// Value, episodes and schedules move on this often, ns.
const TICK: i64 = 20_000_000;
/// Slow noise moves on every so many ticks.
const SLOW: u64 = 10;
/// Fewest and most prices a side: after the largest sweep, ten are left.
const RUNGS: (usize, usize) = (20, 56);
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

    /// The first book, whole after its last order.
    fn open(&mut self) {
        self.ladder.is_unfinished = true;
        for of in 0..2 {
            let rank = libm::floor(self.fair(of)) as i64;
            self.ladder.add(self.now, of, rank, self.target(of, 0) as i64 + 1, 1);
            self.deepen(of);
        }
        self.ladder.is_unfinished = false;
        let best = self.ladder.best(0);
        self.ladder.add(self.now, 0, best, 1, 1);
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
}
