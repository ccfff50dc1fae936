//! One path of the market model with its episodes, as a source of the engine.
//!
//! Paths have their episodes on days of their own: a block in lock step would be on fine steps every day. So each path
//! runs alone. Sessions without an episode have the steps of the world, taken from the path as it is without the layer;
//! a session with one has fine steps between the same open and the same close.

use alvh_simd::InstructionSet;

use super::{Agenda, Draws, SimulatedSource, price};
use crate::calendar;
use crate::instrument::{DAY_SECONDS, OPEN_SECONDS};
use crate::market::clock::SESSIONS_PER_YEAR;
use crate::market::state::{EpisodeColumns, MarketSource, MarketState, SettlementValue};
use crate::math::{ln, pow};
use crate::pricing::transform::State;
use crate::rng::Domain;
use crate::simulate::episodes::config::IntradayConfig;
use crate::simulate::episodes::draw::{Circumstances, Episode, Jump, draw, session_draw};
use crate::simulate::episodes::session::{FinePath, Node, Span, fill, grid, rebalancing_at, rebalancing_at_close};
use crate::simulate::fair::alarm::Seen;
use crate::simulate::fair::{FairConfig, FairSignals, Moment, Morning};
use crate::simulate::scheme::Block;

/// A session with episodes, known before the path is run.
#[derive(Debug, Clone)]
struct FineSession {
    session: usize,
    nodes: Vec<Node>,
    episodes: Vec<Episode>,
    n_steps: usize,
}

/// Where in the path a step lies.
#[derive(Debug, Clone, Copy, Default)]
struct Cursor {
    session: usize,
    first_step: usize,
    /// Sessions with episodes before this one.
    fine: usize,
}

/// A path with episodes and the signals of its world.
#[derive(Debug)]
pub struct EpisodeSource<'a> {
    agenda: &'a Agenda,
    config: &'a IntradayConfig,
    fair: &'a FairConfig,
    inner: SimulatedSource<'a, 1>,
    seed: u64,
    stream: u64,
    mirror: f64,
    start: Node,
    fine: Vec<FineSession>,
    /// Shock by rebalancing at each close; empty where there is none.
    shocks: Vec<f64>,
    n_steps: usize,
    cursor: Cursor,
    path: FinePath,
    /// The close of a session with episodes, as it is without the layer.
    close: MarketState,
    /// Close of the session before.
    before: Node,
    shares: [f64; 7],
    signals: FairSignals,
    seen: Vec<Seen>,
    ahead: Vec<i32>,
}

impl<'a> EpisodeSource<'a> {
    /// Path `path` of a run.
    pub fn new(
        agenda: &'a Agenda,
        config: &'a IntradayConfig,
        fair: &'a FairConfig,
        seed: u64,
        path: u64,
        set: InstructionSet,
    ) -> Self {
        let mirrored = agenda.antithetic && path & 1 == 1;
        let stream = if agenda.antithetic { path >> 1 } else { path };
        let block = Block::<1>::new(&agenda.dynamics, Draws { seed, antithetic: agenda.antithetic }, path);
        let start = Node { passed: 1.0, ..node_of(agenda, &block) };
        let mut source = Self {
            agenda,
            config,
            fair,
            inner: SimulatedSource::new(agenda, seed, path, 1, set),
            seed,
            stream,
            mirror: if mirrored { -1.0 } else { 1.0 },
            start,
            fine: Vec::new(),
            shocks: Vec::new(),
            n_steps: 0,
            cursor: Cursor::default(),
            path: FinePath::default(),
            close: MarketState::default(),
            before: start,
            shares: config.pass_through.shares(),
            signals: FairSignals::new(fair, seed, stream, start.log_spot),
            seen: Vec::new(),
            ahead: Vec::new(),
        };
        source.look_for_episodes(block);
        source
    }

    /// Runs through the states of the path once: which sessions have episodes, and how many steps that makes.
    fn look_for_episodes(&mut self, mut block: Block<1>) {
        let agenda = self.agenda;
        let mut nodes = Vec::with_capacity(agenda.steps_per_day + 1);
        let (mut jumps, mut seconds) = (Vec::new(), Vec::new());
        let mut vix_before = self.vix_of(self.start.state);
        for (session, about) in agenda.sessions.iter().enumerate() {
            nodes.clear();
            jumps.clear();
            for number in 0..=agenda.steps_per_day {
                let stride = &agenda.strides[about.night][usize::from(number > 0)];
                let expected = stride.quiet_intensity(&agenda.dynamics, block.intensity[0]);
                block.step(&agenda.dynamics, stride, session * (agenda.steps_per_day + 1) + number);
                let mut node = node_of(agenda, &block);
                node.passed = number as f64 / agenda.steps_per_day as f64;
                if number > 0 && block.has_jumped() {
                    node.jump = Jump {
                        price: block.price_jump[0],
                        v1: block.variance_jump[0],
                        intensity: (block.intensity[0] - expected) * agenda.dynamics.premium,
                    };
                    jumps.push(node.jump);
                }
                nodes.push(node);
            }
            let circumstances =
                Circumstances { vix: self.vix_of(nodes[0].state), jumps: &jumps, close: about.close_seconds };
            let chance = session_draw(self.seed, Domain::Episodes, self.stream, session as u32);
            let episodes = draw(self.config, circumstances, chance);
            if self.config.rebalancing > 0.0 {
                let vix = self.vix_of(nodes[nodes.len() - 1].state);
                self.shocks.push(rebalancing_at_close(self.config, vix_before, vix));
                vix_before = vix;
            }
            if episodes.is_empty() {
                self.n_steps += agenda.account_steps;
                continue;
            }
            grid(self.config, &episodes, about.close_seconds, &mut seconds);
            self.n_steps += seconds.len();
            self.fine.push(FineSession { session, nodes: nodes.clone(), episodes, n_steps: seconds.len() });
        }
    }

    fn vix_of(&self, state: State) -> f64 {
        super::POINTS * self.agenda.vix.at(state).max(0.0).sqrt()
    }

    /// The session of the cursor if it has episodes.
    fn fine(&self) -> Option<&FineSession> {
        self.fine.get(self.cursor.fine).filter(|fine| fine.session == self.cursor.session)
    }

    fn session_steps(&self) -> usize {
        self.fine().map_or(self.agenda.account_steps, |fine| fine.n_steps)
    }

    /// Moves the cursor to the session of a step; true where that session has not begun yet.
    fn seek(&mut self, step: usize) -> bool {
        if step < self.cursor.first_step {
            self.cursor = Cursor::default();
            self.before = self.start;
            self.signals = FairSignals::new(self.fair, self.seed, self.stream, self.start.log_spot);
        }
        while step >= self.cursor.first_step + self.session_steps() {
            let is_fine = self.fine().is_some();
            self.cursor = Cursor {
                session: self.cursor.session + 1,
                first_step: self.cursor.first_step + self.session_steps(),
                fine: self.cursor.fine + usize::from(is_fine),
            };
        }
        step == self.cursor.first_step
    }

    fn shock(&self, session: usize) -> f64 {
        self.shocks.get(session).copied().unwrap_or(0.0)
    }

    fn shock_before(&self) -> f64 {
        self.cursor.session.checked_sub(1).map_or(0.0, |before| self.shock(before))
    }

    /// Prepares the fine steps of the session; the inner source stands at its close from here on.
    fn begin_fine(&mut self, state: &mut MarketState) {
        let session = self.cursor.session;
        let about = self.agenda.sessions[session];
        self.inner.fill((session + 1) * self.agenda.account_steps - 1, state);
        self.close = state.clone();
        let Some(fine) = self.fine.get(self.cursor.fine) else { return };
        let [night, _] = &self.agenda.strides[about.night];
        let span = Span {
            nodes: &fine.nodes,
            years: 1.0 / SESSIONS_PER_YEAR - night.years(),
            close: about.close_seconds,
            squared: self.agenda.vix,
            vix_before: self.vix_of(self.before.state),
            rebalanced: self.shock_before(),
            mirror: self.mirror,
        };
        let bridge = session_draw(self.seed, Domain::Bridge, self.stream, session as u32);
        fill(self.config, &span, &fine.episodes, bridge, &mut self.path);
    }

    /// Tells the signals what is known at the open.
    fn begin_signals(&mut self) {
        let session = self.cursor.session;
        let about = self.agenda.sessions[session];
        self.ahead.clear();
        let mut unit_deviation = f64::NAN;
        if let Some(fine) = self.fine.get(self.cursor.fine).filter(|fine| fine.session == session) {
            self.ahead.extend(fine.episodes.iter().map(|episode| episode.onset));
            let [night, _] = &self.agenda.strides[about.night];
            let open = fine.nodes[0].state;
            let share = self.fair.skill.unit / f64::from(about.close_seconds - OPEN_SECONDS);
            let years = (1.0 / SESSIONS_PER_YEAR - night.years()) * share;
            unit_deviation = ((open.v1 + open.v2) * years).sqrt();
        }
        let before = self.before.state;
        let morning = Morning {
            day: about.day,
            close: about.close_seconds,
            vix: self.inner.range.open_vix[0],
            unit_deviation,
            daily_deviation: ((before.v1 + before.v2) / SESSIONS_PER_YEAR).sqrt(),
            ahead: &self.ahead,
        };
        self.signals.begin(session as u32, &morning);
    }

    /// One fine step into `state`, whatever it holds.
    fn fill_fine(&mut self, local: usize, state: &mut MarketState) {
        let agenda = self.agenda;
        let about = agenda.sessions[self.cursor.session];
        let path = &self.path;
        let seconds = path.seconds[local];
        let (day_before, seconds_before) = match (local.checked_sub(1), self.cursor.session.checked_sub(1)) {
            (Some(before), _) => (about.day, path.seconds[before]),
            (None, Some(before)) => (agenda.sessions[before].day, agenda.sessions[before].close_seconds),
            (None, None) => (agenda.start, calendar::close_seconds(agenda.start)),
        };
        state.seconds = seconds;
        state.length_seconds =
            i64::from(about.day - day_before) * i64::from(DAY_SECONDS) + i64::from(seconds - seconds_before);
        state.is_open = local == 0;
        let set = |column: &mut Vec<f64>, value: f64| {
            column.clear();
            column.push(value);
        };
        let is_close = local + 1 == path.len();
        let extreme = |pick: fn(f64, f64) -> f64, start: f64| path.log_spot.iter().copied().fold(start, pick);
        let (mut high, mut low) = (f64::NAN, f64::NAN);
        if is_close {
            high = price(extreme(f64::max, f64::NEG_INFINITY));
            low = price(extreme(f64::min, f64::INFINITY));
        }
        set(&mut state.high, high);
        set(&mut state.low, low);
        state.episode.shares = self.shares;
        set(&mut state.episode.transient, path.transient[local]);
        set(&mut state.episode.vix_state, path.vix_state[local]);
        set(&mut state.episode.rebalancing, path.rebalancing[local]);
        // At the close all else is the path's own.
        if is_close {
            return;
        }
        (state.day, state.is_close, state.flags) = (about.day, false, 0);
        set(&mut state.vvix, f64::NAN);
        set(&mut state.skew, f64::NAN);
        set(&mut state.rate, agenda.rate);
        set(&mut state.dividend_yield, agenda.dividend_yield);
        state.vx_expiry.clear();
        state.vx_price.clear();
        set(&mut state.spot, price(path.log_spot[local]));
        let (hidden, transient) = (path.state[local], path.transient[local]);
        let whole = State { v1: hidden.v1 + transient, ..hidden };
        let index = |window: usize| super::POINTS * agenda.others[window].at(whole).max(0.0).sqrt();
        set(&mut state.vix9d, index(0));
        set(&mut state.vix3m, index(1));
        set(&mut state.vix6m, index(2));
        set(&mut state.vix, path.vix[local]);
        set(&mut state.vix_quoted, path.vix_quoted[local]);
        set(&mut state.model.v1, hidden.v1);
        set(&mut state.model.v2, hidden.v2);
        set(&mut state.model.intensity, hidden.intensity);
        // Marks widen with VIX already; the larger of the two holds, so that stress is not counted twice.
        let widened = pow(path.vix[local] / path.vix[0], crate::costs::spread::VIX_ELASTICITY);
        set(&mut state.spread_multiplier, (path.spread[local] / widened).max(1.0));
    }

    /// Shocks on futures at a step of a session without episodes.
    fn fill_shocks(&self, state: &mut MarketState) {
        let (before, after) = (self.shock_before(), self.shock(self.cursor.session));
        if before > 0.0 || after > 0.0 {
            let close = self.agenda.sessions[self.cursor.session].close_seconds;
            state.episode = EpisodeColumns {
                transient: vec![0.0],
                vix_state: state.vix.clone(),
                rebalancing: vec![rebalancing_at(before, after, state.seconds, close)],
                shares: self.shares,
            };
        }
    }

    fn fill_signals(&mut self, local: usize, is_fine: bool, state: &mut MarketState) {
        self.seen.clear();
        let mut spread = 1.0;
        if let Some(fine) = self.fine.get(self.cursor.fine).filter(|_| is_fine) {
            let n = fine.episodes.len();
            let displacements = &self.path.moves[local * n..(local + 1) * n];
            let begun = fine.episodes.iter().zip(displacements).filter(|(episode, _)| episode.onset < state.seconds);
            self.seen.extend(begun.map(|(episode, &displacement)| Seen { onset: episode.onset, displacement }));
            spread = self.path.spread[local];
        }
        let moment = Moment {
            seconds: state.seconds,
            log_spot: ln(state.spot[0]),
            vix: state.vix[0],
            spread,
            moves: &self.seen,
            is_close: state.is_close,
        };
        self.signals.step(&moment, &mut state.signals);
    }
}

/// The state of a block of one path.
fn node_of(agenda: &Agenda, block: &Block<1>) -> Node {
    let intensity = block.intensity[0] * agenda.dynamics.premium;
    Node {
        passed: 0.0,
        log_spot: block.log_spot[0],
        state: State { v1: block.v1[0], v2: block.v2[0], intensity },
        jump: Jump::default(),
    }
}

impl MarketSource for EpisodeSource<'_> {
    fn n_paths(&self) -> usize {
        1
    }

    fn n_steps(&self) -> usize {
        self.n_steps
    }

    fn fill(&mut self, step: usize, state: &mut MarketState) {
        let begins = self.seek(step);
        let local = step - self.cursor.first_step;
        let is_fine = self.fine().is_some();
        if !is_fine {
            self.inner.fill(self.cursor.session * self.agenda.account_steps + local, state);
            self.fill_shocks(state);
        } else {
            if begins {
                self.begin_fine(state);
            } else if local + 1 == self.path.len() {
                state.clone_from(&self.close);
            }
            self.fill_fine(local, state);
        }
        if begins {
            self.begin_signals();
        }
        self.fill_signals(local, is_fine, state);
        if state.is_close {
            self.before = node_of(self.agenda, &self.inner.block);
        }
    }

    fn path_controls(&self, path: usize, out: &mut Vec<f64>) {
        self.inner.path_controls(path, out);
    }

    fn spx_settlement(&self, step: usize, path: usize) -> SettlementValue {
        self.inner.spx_settlement(step, path)
    }

    fn vix_settlement(&self, step: usize, path: usize) -> SettlementValue {
        self.inner.vix_settlement(step, path)
    }
}

#[cfg(test)]
mod tests;
