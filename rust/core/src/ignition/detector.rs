//! The detector: one step an event, the same for a file, an array and a live feed.

use serde::{Deserialize, Serialize};

use super::clock::{BookView, Clock, Decays, Features};
use super::config::{CELLS_PER_UNIT, CLOCKS, IgnitionConfig};
use super::episode::{Episode, Moment, Stage, Transition};
use super::flow::{
    Extremes, HawkesIntensity, LEVEL_WEIGHTS, Sweep, Totals, UltrafastRun, Vpin, depth_lost, order_flow_imbalance,
};
use super::machine::{Books, Durations, Machine, Sight, predictor, score_of, scored};
use crate::error::Result;
use crate::events::{Depth, Event, Flaw, LEVELS, Level, NO_PRICE, Quality, action, flag, side};

/// One bit a level of the book.
const ALL_LEVELS: u32 = (1 << LEVELS) - 1;

/// Everything that follows from the configuration.
#[derive(Debug, Clone)]
struct Plan {
    cell_ns: i64,
    multiples: [i64; CLOCKS],
    durations: [Durations; CLOCKS],
    warm_up: [i64; CLOCKS],
    open_mask: i64,
    stale_after: i64,
    decays: Decays,
}

impl Default for Plan {
    fn default() -> Self {
        Self::new(&IgnitionConfig::default())
    }
}

impl Plan {
    fn new(config: &IgnitionConfig) -> Self {
        let ns = |seconds: f64| libm::round(seconds * 1e9) as i64;
        Self {
            cell_ns: config.cell_ns(0),
            multiples: std::array::from_fn(|i| config.multiple(i)),
            durations: std::array::from_fn(|i| Durations::new(config, i)),
            warm_up: std::array::from_fn(|i| ns(config.warm_up * config.tau_slow * config.clocks[i])),
            open_mask: ns(config.open_mask),
            stale_after: ns(config.stale_after),
            decays: Decays::new(config),
        }
    }
}

/// One unit of the first clock, as it was known at its end.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
pub struct TimelineRow {
    /// End of the unit, ns since the epoch.
    pub ts: i64,
    /// Time of the event that ended it, ns since the epoch: nothing of the row is known before.
    pub known: i64,
    /// Mid at the end, ticks.
    pub mid: f64,
    /// Best ask less best bid at the end, ticks.
    pub spread: f64,
    /// Volume of the unit, lots.
    pub volume: f64,
    /// Largest score of an alarm that was going on, 0..100; 0 without one.
    pub score: f64,
    /// Smallest quick ratio of either side; infinite when nobody takes.
    pub quick_ratio: f64,
    /// Push of the largest absolute value on the first clock, standard deviations.
    pub push_z: f64,
    /// Highest stage of any clock.
    pub stage: Stage,
    /// Whether anything was scored in the unit.
    pub is_scored: bool,
}

/// A timeline row in the making.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, Deserialize)]
struct Unit {
    index: i64,
    volume: f64,
    predictor: f64,
    quick_ratio: f64,
    push: f64,
    stage: Stage,
    is_scored: bool,
}

impl Unit {
    fn new(index: i64) -> Self {
        let (predictor, quick_ratio) = (f64::MIN, f64::MAX);
        Self { index, volume: 0.0, predictor, quick_ratio, push: 0.0, stage: Stage::Idle, is_scored: false }
    }
}

/// What changes from event to event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
struct State {
    events: i64,
    last_ts: i64,
    cell_end: i64,
    is_whole: bool,
    is_rebasing: bool,
    is_two_sided: bool,
    is_scorable: bool,
    is_started: bool,
    has_gap: bool,
    is_halted: bool,
    open_until: i64,
    warm_until: [i64; CLOCKS],
    changed: u32,
    mask: usize,
    highest: Stage,
    wants_prints: bool,
    predictors: [f64; CLOCKS],
    unit: Unit,
}

impl Default for State {
    fn default() -> Self {
        Self {
            events: 0,
            last_ts: i64::MIN,
            cell_end: i64::MIN,
            is_whole: true,
            is_rebasing: true,
            is_two_sided: false,
            is_scorable: false,
            is_started: false,
            has_gap: false,
            is_halted: false,
            open_until: i64::MIN,
            warm_until: [i64::MIN; CLOCKS],
            changed: 0,
            mask: 0,
            highest: Stage::Idle,
            wants_prints: false,
            predictors: [f64::MIN; CLOCKS],
            unit: Unit::new(i64::MIN),
        }
    }
}

/// The momentum-ignition detector.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct Detector {
    config: IgnitionConfig,
    #[serde(skip)]
    plan: Plan,
    state: State,
    depth: Depth,
    view: BookView,
    totals: Totals,
    extreme: [[f64; 2]; CLOCKS],
    extremes: [Extremes; CLOCKS],
    clocks: [Clock; CLOCKS],
    machines: [Machine; CLOCKS],
    sweep: Sweep,
    run: UltrafastRun,
    hawkes: HawkesIntensity,
    vpin: Vpin,
    quality: Quality,
    episodes: Vec<Episode>,
    transitions: Vec<Transition>,
    timeline: Option<Vec<TimelineRow>>,
}

impl Detector {
    /// A detector that has seen nothing.
    ///
    /// # Errors
    /// `Error::Config` when the configuration breaks a rule.
    pub fn new(config: IgnitionConfig) -> Result<Self> {
        config.validate()?;
        Ok(Self {
            plan: Plan::new(&config),
            state: State::default(),
            depth: [Level::EMPTY; LEVELS],
            view: BookView::default(),
            totals: Totals::default(),
            extreme: [[0.0; 2]; CLOCKS],
            extremes: std::array::from_fn(|_| Extremes::default()),
            clocks: std::array::from_fn(|_| Clock::default()),
            machines: std::array::from_fn(|_| Machine::default()),
            sweep: Sweep::default(),
            run: UltrafastRun::default(),
            hawkes: HawkesIntensity::default(),
            vpin: Vpin::new(config.vpin_bucket as i64),
            quality: Quality::default(),
            episodes: Vec::new(),
            transitions: Vec::new(),
            timeline: None,
            config,
        })
    }

    /// Completes a detector that was read back: what follows from the configuration is not kept.
    ///
    /// # Errors
    /// `Error::Config` when the configuration breaks a rule.
    pub(super) fn resume(&mut self) -> Result<()> {
        self.config.validate()?;
        self.plan = Plan::new(&self.config);
        Ok(())
    }

    /// The same detector, keeping a row of its timeline for every unit of the first clock.
    #[must_use]
    pub fn with_timeline(mut self) -> Self {
        self.timeline = Some(Vec::new());
        self
    }

    /// One event, with the first level of the book that it changed and the book after it.
    ///
    /// Times must not go back and the book must be the one after the event: the callers see to both.
    #[inline]
    pub fn step(&mut self, event: &Event, first_changed: usize, depth: &Depth) {
        self.step_changed::<false>(event, ALL_LEVELS << first_changed & ALL_LEVELS, depth);
    }

    /// The same with one bit for every level of the book that may have changed; `EXACT` says that nearly all of them have.
    #[inline(always)]
    pub(super) fn step_changed<const EXACT: bool>(&mut self, event: &Event, changed: u32, depth: &Depth) {
        if event.ts >= self.state.cell_end && self.state.is_whole {
            self.close(event.ts);
        }
        self.state.last_ts = event.ts;
        self.state.changed |= changed;
        self.totals.messages = self.totals.messages.wrapping_add(1);
        match event.action {
            action::ADD | action::CANCEL | action::MODIFY | action::FILL | action::NONE => {}
            action::TRADE => self.trade(event),
            _ => self.status(event),
        }
        const RARE: u8 = flag::MAYBE_BAD_BOOK | flag::SNAPSHOT | flag::BAD_RECEIVE_TIME;
        if event.flags & RARE != 0 {
            self.rare_flags(event);
        }
        self.state.is_whole = event.is_last();
        if event.is_last() {
            self.boundary::<EXACT>(depth);
        }
        self.state.events += 1;
    }

    /// The book is whole: what changed since it last was is one step.
    #[inline(always)]
    fn boundary<const EXACT: bool>(&mut self, depth: &Depth) {
        let mut changed = std::mem::take(&mut self.state.changed);
        if self.state.is_rebasing {
            if changed != 0 || depth[0].is_two_sided() {
                self.rebase(depth);
            }
            return;
        }
        while changed != 0 {
            let k = changed.trailing_zeros() as usize;
            changed &= changed - 1;
            let (Some(old), Some(&new)) = (self.depth.get_mut(k), depth.get(k)) else { return };
            let before = *old;
            // A level that came back to what it was, or never left it, adds nothing.
            let difference = (before.bid_price ^ new.bid_price)
                | (before.ask_price ^ new.ask_price)
                | (before.bid_size ^ new.bid_size)
                | (before.ask_size ^ new.ask_size);
            if !EXACT && difference == 0 {
                continue;
            }
            let e = order_flow_imbalance(&before, &new) as f64;
            self.totals.multi_level += LEVEL_WEIGHTS[k] * e;
            // Field by field: a copy of the whole would wait for the stores of its parts.
            old.bid_price = new.bid_price;
            old.ask_price = new.ask_price;
            old.bid_size = new.bid_size;
            old.ask_size = new.ask_size;
            if k == 0 && difference != 0 {
                self.totals.imbalance += e;
                self.totals.imbalance_squared += e * e;
                self.totals.lost += depth_lost(&before, &new) as f64;
                self.judge(&new);
            }
        }
    }

    /// Takes the best level's state: whether it can be scored.
    #[inline]
    fn judge(&mut self, best: &Level) {
        let is_two_sided = best.is_two_sided();
        let is_sound = is_two_sided && best.bid_price < best.ask_price;
        self.state.is_two_sided = is_two_sided;
        self.state.is_scorable = is_sound;
        if !is_sound {
            self.flag_book(best);
        }
    }

    #[cold]
    fn flag_book(&mut self, best: &Level) {
        self.quality.add(if !best.is_two_sided() {
            Flaw::OneSided
        } else if best.bid_price > best.ask_price {
            Flaw::Crossed
        } else {
            Flaw::Locked
        });
    }

    /// Takes the book as a new beginning, from which imbalances are measured.
    #[cold]
    fn rebase(&mut self, depth: &Depth) {
        self.depth = *depth;
        self.judge(&depth[0]);
        if self.state.is_two_sided {
            self.state.is_rebasing = false;
            for clock in &mut self.clocks {
                clock.forget_mid();
            }
        }
    }

    #[cold]
    fn rare_flags(&mut self, event: &Event) {
        if event.flags & flag::BAD_RECEIVE_TIME != 0 {
            self.quality.add(Flaw::BadReceiveTime);
        }
        if event.flags & flag::SNAPSHOT != 0 {
            if event.is_last() {
                self.quality.add(Flaw::Snapshot);
                self.recover(event.ts);
            }
            self.state.is_rebasing = true;
        } else if event.flags & flag::MAYBE_BAD_BOOK != 0 && !self.state.has_gap {
            self.quality.add(Flaw::Gap);
            self.state.has_gap = true;
            self.abandon(event.ts);
        }
    }

    /// The book is to be believed again after a gap.
    fn recover(&mut self, ts: i64) {
        if std::mem::take(&mut self.state.has_gap) {
            self.state.warm_until = std::array::from_fn(|i| ts.saturating_add(self.plan.warm_up[i]));
            self.state.is_rebasing = true;
        }
    }

    #[cold]
    fn status(&mut self, event: &Event) {
        match event.action {
            action::HALT => {
                self.quality.add(Flaw::Halt);
                self.state.is_halted = true;
                self.abandon(event.ts);
            }
            action::RESUME => {
                self.state.is_halted = false;
                self.state.open_until = event.ts.saturating_add(self.plan.open_mask);
                self.state.is_rebasing = true;
                self.abandon(event.ts);
            }
            action::CROSS => self.quality.add(Flaw::Cross),
            action::CLEAR => {
                self.quality.add(Flaw::Clear);
                self.recover(event.ts);
                self.state.is_rebasing = true;
            }
            _ => {}
        }
    }

    fn trade(&mut self, event: &Event) {
        let (sign, is_buyer) = match event.side {
            side::BID => (1, true),
            side::ASK => (-1, false),
            _ => (0, false),
        };
        self.vpin.print(event.size, sign);
        if sign == 0 {
            self.quality.add(Flaw::UnsignedTrade);
            self.totals.unsigned += event.size as f64;
        } else {
            *(if is_buyer { &mut self.totals.bought } else { &mut self.totals.sold }) += event.size as f64;
            if self.state.wants_prints && event.participant != 0 {
                for machine in &mut self.machines {
                    machine.print(event.participant, event.size as f64, is_buyer);
                }
            }
        }
        let (is_new, levels) = self.sweep.print(event);
        if is_new {
            self.totals.aggressors = self.totals.aggressors.wrapping_add(1);
            self.hawkes.print(event.ts);
        }
        self.totals.swept = self.totals.swept.max(levels);
        if event.price == NO_PRICE {
            return;
        }
        self.run.print(event.ts, event.price);
        for (extremes, volume) in self.extremes.iter_mut().zip(&mut self.extreme) {
            let (is_high, is_low) = extremes.print(event.price);
            if is_high && sign > 0 {
                volume[0] += event.size as f64;
            }
            if is_low && sign < 0 {
                volume[1] += event.size as f64;
            }
        }
    }

    /// Ends the cells before the one of `ts`, on every clock that has a cell to end.
    #[inline(never)]
    fn close(&mut self, ts: i64) {
        let cell = ts.div_euclid(self.plan.cell_ns);
        self.state.cell_end = (cell + 1).saturating_mul(self.plan.cell_ns);
        if self.state.is_two_sided {
            self.view = BookView::of(&self.depth);
        } else if !self.state.is_started {
            // No book yet: there is nothing to measure, and nothing to remember of it.
            self.totals = Totals::default();
            self.extreme = [[0.0; 2]; CLOCKS];
            return;
        }
        if !self.state.is_started {
            self.start(ts, cell);
        }
        let pause = ts - self.state.last_ts;
        let was_stale = pause > self.plan.stale_after;
        if was_stale {
            self.quality.add(Flaw::Stale);
        }
        while self.state.mask < self.config.masks.len() && ts >= self.config.masks[self.state.mask].1 {
            self.state.mask += 1;
        }
        let in_mask = self.config.masks.get(self.state.mask).is_some_and(|mask| ts >= mask.0);
        let is_shut = self.state.has_gap || self.state.is_halted || in_mask || ts < self.state.open_until;
        let is_open = !is_shut && !was_stale && self.state.is_scorable;
        let totals = std::mem::take(&mut self.totals);
        self.state.unit.volume += totals.volume();
        let now = Moment { ts, event: self.state.events };
        let mut highest = Stage::Idle;
        for i in 0..CLOCKS {
            let clock = &mut self.clocks[i];
            clock.pending.add(&totals);
            let [high, low] = std::mem::take(&mut self.extreme[i]);
            clock.pending.bought_high += high;
            clock.pending.sold_low += low;
            let multiple = self.plan.multiples[i];
            if cell >= (clock.cell + 1) * multiple {
                let own_cell = if multiple == 1 { cell } else { cell.div_euclid(multiple) };
                clock.close(own_cell, &self.view, &self.plan.decays);
                self.extremes[i].advance(own_cell.div_euclid(CELLS_PER_UNIT));
                let sight =
                    Sight { config: &self.config, durations: &self.plan.durations[i], clock: &self.clocks[i], now };
                let mut books = Books { episodes: &mut self.episodes, transitions: &mut self.transitions };
                if is_shut {
                    self.machines[i].abandon(&sight, &mut books);
                    self.state.predictors[i] = f64::MIN;
                } else if is_open && ts >= self.state.warm_until[i] {
                    let push = sight.clock.push_z(&self.config);
                    let burst = sight.clock.volume_burst(&self.config);
                    let direction = if push < 0.0 { -1.0 } else { 1.0 };
                    let features = scored(&self.config, sight.clock, direction, push);
                    let predictor = predictor(&self.config, features);
                    let unit = &mut self.state.unit;
                    unit.is_scored = true;
                    if i == 0 {
                        if push.abs() > unit.push.abs() {
                            unit.push = push;
                        }
                        let [bid, ask] = sight.clock.quick_ratios(&self.config);
                        unit.quick_ratio = unit.quick_ratio.min(bid).min(ask);
                    }
                    self.machines[i].step(&sight, &mut books, push, burst, predictor);
                    // The score is that of an alarm: without the other conditions it says nothing.
                    let is_alarm = self.machines[i].stage() >= Stage::Ignited;
                    self.state.predictors[i] = if is_alarm { predictor } else { f64::MIN };
                    self.state.unit.predictor = self.state.unit.predictor.max(self.state.predictors[i]);
                }
            }
            if pause > self.plan.stale_after.saturating_mul(self.plan.multiples[i]) {
                // Over such a pause the price did not move, it is another: a night, not a volatile second.
                self.clocks[i].forget_mid();
            }
            highest = highest.max(self.machines[i].stage());
        }
        self.state.highest = highest;
        self.state.wants_prints = self.machines.iter().any(Machine::wants_prints);
        self.state.unit.stage = self.state.unit.stage.max(highest);
        let index = cell.div_euclid(CELLS_PER_UNIT);
        if index != self.state.unit.index {
            self.end_unit(index, ts);
        }
    }

    #[cold]
    fn start(&mut self, ts: i64, cell: i64) {
        self.state.is_started = true;
        for i in 0..CLOCKS {
            self.clocks[i].cell = cell.div_euclid(self.plan.multiples[i]) - 1;
            self.extremes[i].advance(self.clocks[i].cell.div_euclid(CELLS_PER_UNIT));
            self.state.warm_until[i] = ts.saturating_add(self.plan.warm_up[i]);
        }
        self.state.last_ts = ts;
        self.state.unit = Unit::new(cell.div_euclid(CELLS_PER_UNIT));
    }

    #[inline(never)]
    fn end_unit(&mut self, index: i64, known: i64) {
        let unit = std::mem::replace(&mut self.state.unit, Unit::new(index));
        if let Some(timeline) = &mut self.timeline {
            timeline.push(TimelineRow {
                ts: (unit.index + 1) * CELLS_PER_UNIT * self.plan.cell_ns,
                known,
                mid: self.view.mid,
                spread: self.view.spread,
                volume: unit.volume,
                score: score_of(unit.predictor),
                quick_ratio: if unit.quick_ratio < f64::MAX { unit.quick_ratio } else { f64::INFINITY },
                push_z: unit.push,
                stage: unit.stage,
                is_scored: unit.is_scored,
            });
        }
    }

    fn abandon(&mut self, ts: i64) {
        let now = Moment { ts, event: self.state.events };
        for i in 0..CLOCKS {
            let sight = Sight { config: &self.config, durations: &self.plan.durations[i], clock: &self.clocks[i], now };
            let mut books = Books { episodes: &mut self.episodes, transitions: &mut self.transitions };
            self.machines[i].abandon(&sight, &mut books);
        }
        self.state.highest = Stage::Idle;
        self.state.wants_prints = false;
    }

    /// The configuration.
    pub fn config(&self) -> &IgnitionConfig {
        &self.config
    }

    /// Number of events so far.
    pub fn events(&self) -> i64 {
        self.state.events
    }

    /// Time of the last event, ns since the epoch; `i64::MIN` before the first.
    pub fn last_ts(&self) -> i64 {
        self.state.last_ts
    }

    /// Whether there has been a book to measure.
    pub fn is_started(&self) -> bool {
        self.state.is_started
    }

    /// The book when it was last whole.
    pub fn depth(&self) -> &Depth {
        &self.depth
    }

    /// Highest stage of any clock.
    #[inline]
    pub fn stage(&self) -> Stage {
        self.state.highest
    }

    /// Stage of each clock.
    pub fn stages(&self) -> [Stage; CLOCKS] {
        std::array::from_fn(|i| self.machines[i].stage())
    }

    /// Largest score of the clocks that are ignited or in a cascade, at the end of their last cells, 0..100; else 0.
    pub fn score(&self) -> f64 {
        score_of(self.state.predictors.iter().copied().fold(f64::MIN, f64::max))
    }

    /// Time spent armed or beyond by each clock, ns.
    pub fn armed_ns(&self) -> [i64; CLOCKS] {
        std::array::from_fn(|i| self.machines[i].armed_ns(self.state.last_ts))
    }

    /// Features of a clock at the end of its last cell.
    pub fn features(&self, clock: usize) -> Features {
        self.clocks[clock].features(&self.config)
    }

    /// VPIN; NaN when it is off or not yet full.
    pub fn vpin(&self) -> f64 {
        self.vpin.value()
    }

    /// Rates of aggressor events through kernels of 10 ms, 100 ms and 1 s, 1/s.
    pub fn intensities(&self) -> [f64; 3] {
        self.hawkes.rates(self.state.last_ts)
    }

    /// Same-direction price changes of trades within 1.5 s, and whether they are an ultrafast run.
    pub fn ultrafast(&self) -> (u32, bool) {
        (self.run.count(), self.run.is_ultrafast())
    }

    /// Volume that followed the last sweep within 250 ms over the sweep's own.
    pub fn follow_on(&self) -> f64 {
        self.sweep.follow_on()
    }

    /// Every episode so far, in the order of their alarms.
    pub fn episodes(&self) -> &[Episode] {
        &self.episodes
    }

    /// Every change of stage so far.
    pub fn transitions(&self) -> &[Transition] {
        &self.transitions
    }

    /// The timeline so far; empty when it is not kept.
    pub fn timeline(&self) -> &[TimelineRow] {
        self.timeline.as_deref().unwrap_or_default()
    }

    /// What was flagged so far.
    pub fn quality(&self) -> &Quality {
        &self.quality
    }
}
