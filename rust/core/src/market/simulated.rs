//! A block of paths of the market model on the calendar of sessions, as a source of the engine.
//!
//! Every session has a move over the night, from the close before to its open, and then its steps, equally long in
//! the time of the model. The open is the path's own value at 09:30: it settles what settles on the open. An account
//! sees it as a step of its own only where a session has several steps.
//!
//! Two times run side by side. The state moves, and options lose their time, on the clock of sessions
//! ([`BusinessClock`]); cash earns interest by the calendar (ACT/365F), as in history.
#![allow(clippy::needless_range_loop, reason = "the same lane of many arrays")]

pub mod futures;
pub mod intraday;

use alvh_simd::{InstructionSet, Kernel};

use super::clock::{BusinessClock, SESSIONS_PER_YEAR};
use super::state::{MarketSource, MarketState, SettlementSource, SettlementValue};
use crate::calendar;
use crate::instrument::{DAY_SECONDS, Day, OPEN_SECONDS};
use crate::market::model::MarketConfig;
use crate::pricing::market_columns::VIX_WINDOW;
use crate::pricing::vix_transform::Squared;
use crate::rng::Domain;
use crate::simulate::lanes::{exp, larger, ln, smaller};
use crate::simulate::scheme::innovations::{Before, Innovations};
use crate::simulate::scheme::{Block, Draws, Dynamics, Lane, Stride};
use crate::simulate::world::World;

/// Paths of a block.
pub const LANES: usize = 64;
/// Calendar days of the windows of VIX9D, VIX3M and VIX6M.
const OTHER_WINDOWS: [f64; 3] = [9.0, 93.0, 184.0];
/// Index points of a decimal volatility.
const POINTS: f64 = 100.0;

/// A session as all paths share it.
#[derive(Debug, Clone, Copy)]
struct Session {
    day: Day,
    close_seconds: i32,
    /// Index of the strides of its night and of its steps.
    night: usize,
}

/// What all blocks of a run share: sessions, lengths of steps, windows of the indices.
#[derive(Debug)]
pub struct Agenda {
    sessions: Vec<Session>,
    /// Before the first session.
    start: Day,
    dynamics: Dynamics,
    /// Of a night between days and over a weekend: the move to the open, then one step of the session.
    strides: [[Stride; 2]; 2],
    steps_per_day: usize,
    account_steps: usize,
    antithetic: bool,
    controls: bool,
    /// Sessions before the books begin.
    early: usize,
    vix: Squared,
    others: [Squared; 3],
    rate: f64,
    dividend_yield: f64,
}

impl Agenda {
    /// The agenda of a world that was validated.
    pub fn new(market: &MarketConfig, world: &World) -> Self {
        let clock = world.clock();
        let dynamics = Dynamics::new(market, world.measure, world.spot);
        let steps = world.steps_per_day as f64;
        let strides = [clock.overnight, clock.weekend].map(|share| {
            let jumps = world.overnight_jump_share.unwrap_or(share);
            let stride = |variance: f64, jumps: f64| {
                Stride::new(&dynamics, variance / SESSIONS_PER_YEAR, jumps / SESSIONS_PER_YEAR)
            };
            [stride(share, jumps), stride((1.0 - share) / steps, (1.0 - jumps) / steps)]
        });
        let days = world.calendar_days();
        let start = days.first().and_then(|&day| calendar::previous_session(day)).unwrap_or(world.start);
        let sessions = days.iter().map(|&day| Session {
            day,
            close_seconds: calendar::close_seconds(day),
            night: usize::from(BusinessClock::is_after_weekend(day)),
        });
        let pricing = market.pricing();
        Self {
            sessions: sessions.collect(),
            start,
            dynamics,
            strides,
            steps_per_day: world.steps_per_day,
            account_steps: world.account_steps(),
            antithetic: world.antithetic,
            controls: world.controls,
            early: days.partition_point(|&day| day < world.start),
            vix: pricing.vix_squared(VIX_WINDOW),
            others: OTHER_WINDOWS.map(|days| pricing.vix_squared(days / 365.0)),
            rate: market.r,
            dividend_yield: market.q,
        }
    }

    /// Steps that an account sees of a path.
    pub fn n_steps(&self) -> usize {
        self.sessions.len() * self.account_steps
    }

    /// The session of a step, and how many moves of it have been made by then (the night is the first).
    fn place(&self, step: usize) -> (usize, usize) {
        let moves = if self.account_steps == 1 { 2 } else { 1 + step % self.account_steps };
        (step / self.account_steps, moves)
    }

    /// Day and time of a step.
    fn instant(&self, step: usize) -> (Day, i32) {
        let (session, moves) = self.place(step);
        let Session { day, close_seconds, .. } = self.sessions[session];
        let length = i64::from(close_seconds - OPEN_SECONDS);
        let passed = length * (moves as i64 - 1) / self.steps_per_day as i64;
        (day, OPEN_SECONDS + passed as i32)
    }
}

/// What is read off the state of a block.
#[derive(Debug, Clone)]
struct Observed<const N: usize> {
    spot: Lane<N>,
    vix: Lane<N>,
    others: [Lane<N>; 3],
    intensity: Lane<N>,
}

/// Extremes of the log price since the open of the session, and what the open was.
#[derive(Debug, Clone)]
struct Range<const N: usize> {
    high: Lane<N>,
    low: Lane<N>,
    open_spot: Lane<N>,
    open_vix: Lane<N>,
}

/// A block of paths of the model.
#[derive(Debug)]
pub struct SimulatedSource<'a, const N: usize = LANES> {
    agenda: &'a Agenda,
    set: InstructionSet,
    n_paths: usize,
    start: Box<Block<N>>,
    block: Box<Block<N>>,
    observed: Box<Observed<N>>,
    range: Box<Range<N>>,
    innovations: Option<Box<Innovations<N>>>,
    /// Steps made.
    done: usize,
}

impl<'a, const N: usize> SimulatedSource<'a, N> {
    /// Paths `first_path`, ... of a run, at most `N` of them.
    pub fn new(agenda: &'a Agenda, seed: u64, first_path: u64, n_paths: usize, set: InstructionSet) -> Self {
        let draws = Draws { seed, antithetic: agenda.antithetic };
        let start = Box::new(Block::new(&agenda.dynamics, draws, first_path));
        let zero = [0.0; N];
        Self {
            agenda,
            set,
            n_paths: n_paths.min(N),
            block: start.clone(),
            start,
            observed: Box::new(Observed { spot: zero, vix: zero, others: [zero; 3], intensity: zero }),
            range: Box::new(Range { high: zero, low: zero, open_spot: zero, open_vix: zero }),
            innovations: agenda.controls.then(|| Box::new(Innovations::new())),
            done: 0,
        }
    }

    fn advance(&mut self) {
        let (session, until) = self.agenda.place(self.done);
        let from = if self.done.is_multiple_of(self.agenda.account_steps) { 0 } else { until - 1 };
        let first = session * (self.agenda.steps_per_day + 1);
        if let Some(innovations) = &mut self.innovations {
            innovations.step = Innovations::new().step;
        }
        self.set.run(Advance {
            agenda: self.agenda,
            innovations: self.innovations.as_deref_mut(),
            is_early: session < self.agenda.early,
            strides: &self.agenda.strides[self.agenda.sessions[session].night],
            block: &mut self.block,
            observed: &mut self.observed,
            range: &mut self.range,
            first,
            moves: from..until,
        });
        self.done += 1;
    }
}

/// Moves of one session, and what is seen after them.
struct Advance<'a, const N: usize> {
    agenda: &'a Agenda,
    strides: &'a [Stride; 2],
    block: &'a mut Block<N>,
    observed: &'a mut Observed<N>,
    range: &'a mut Range<N>,
    innovations: Option<&'a mut Innovations<N>>,
    is_early: bool,
    /// Number of the session's first move.
    first: usize,
    moves: std::ops::Range<usize>,
}

/// A price whose logarithm is `x`, kept inside what numbers hold.
#[inline(always)]
fn price(x: f64) -> f64 {
    exp(smaller(larger(x, -690.0), 690.0))
}

impl<const N: usize> Advance<'_, N> {
    /// An index of a window, points.
    #[inline(always)]
    fn index(&self, squared: &Squared, out: &mut Lane<N>) {
        let block = &*self.block;
        let c = squared.c * self.agenda.dynamics.premium;
        for i in 0..N {
            let square = squared.a + squared.b1 * block.v1[i] + squared.b2 * block.v2[i] + c * block.intensity[i];
            out[i] = POINTS * larger(square, 0.0).sqrt();
        }
    }

    /// Highest and lowest price of a move beside its end.
    ///
    /// Given both ends and the integrated variance s2 the diffusion is a Brownian bridge over a distance d, whose
    /// highest point is (d + sqrt(d^2 - 2 s2 ln u))/2 above its start (Asmussen, Glynn & Pitman 1995,
    /// doi:10.1214/aoap/1177004597), the lowest alike. Each of the two has its exact law while the variance stands
    /// still; that they depend on each other beyond the ends is left out. Jumps come at the end of a move. With the
    /// variance of the default model lows of one step a session lie 8 % nearer to the open than those of 26.
    #[inline(always)]
    fn extremes(&mut self, before: &Lane<N>, step: usize) {
        let [up, down] = self.block.two_uniforms(Domain::ModelExtremes, step);
        let block = &*self.block;
        let range = &mut *self.range;
        for i in 0..N {
            let after = block.log_spot[i];
            let distance = after - block.price_jump[i] - before[i];
            let square = distance * distance;
            let twice = 2.0 * block.integral[i];
            let highest = before[i] + 0.5 * (distance + (square - twice * ln(up[i])).sqrt());
            let lowest = before[i] + 0.5 * (distance - (square - twice * ln(down[i])).sqrt());
            range.high[i] = larger(larger(range.high[i], highest), after);
            range.low[i] = smaller(smaller(range.low[i], lowest), after);
        }
    }
}

impl<const N: usize> Kernel for Advance<'_, N> {
    type Output = ();

    #[inline(always)]
    fn run(mut self) {
        for number in self.moves.clone() {
            let step = self.first + number;
            let stride = &self.strides[usize::from(number > 0)];
            let before = self.block.log_spot;
            let whole = self.innovations.is_some().then(|| Before::of(self.block));
            self.block.step(&self.agenda.dynamics, stride, step);
            if let (Some(innovations), Some(whole)) = (self.innovations.as_deref_mut(), whole) {
                innovations.add(&self.agenda.dynamics, stride, &whole, self.block, self.is_early);
            }
            if number > 0 {
                self.extremes(&before, step);
                continue;
            }
            let mut vix = [0.0; N];
            self.index(&self.agenda.vix, &mut vix);
            let range = &mut *self.range;
            range.open_vix = vix;
            for i in 0..N {
                let x = self.block.log_spot[i];
                (range.high[i], range.low[i], range.open_spot[i]) = (x, x, price(x));
            }
        }
        for i in 0..N {
            self.observed.spot[i] = price(self.block.log_spot[i]);
            self.observed.intensity[i] = self.block.intensity[i] * self.agenda.dynamics.premium;
        }
        let mut lane = [0.0; N];
        self.index(&self.agenda.vix, &mut lane);
        self.observed.vix = lane;
        for (index, squared) in self.agenda.others.iter().enumerate() {
            self.index(squared, &mut lane);
            self.observed.others[index] = lane;
        }
    }
}

fn copy(column: &mut Vec<f64>, lanes: &[f64]) {
    column.clear();
    column.extend_from_slice(lanes);
}

fn constant(column: &mut Vec<f64>, n: usize, value: f64) {
    column.clear();
    column.resize(n, value);
}

impl<const N: usize> MarketSource for SimulatedSource<'_, N> {
    fn n_paths(&self) -> usize {
        self.n_paths
    }

    fn n_steps(&self) -> usize {
        self.agenda.n_steps()
    }

    fn fill(&mut self, step: usize, state: &mut MarketState) {
        if step < self.done {
            self.block.clone_from(&self.start);
            if let Some(innovations) = &mut self.innovations {
                **innovations = Innovations::new();
            }
            self.done = 0;
        }
        while self.done <= step {
            self.advance();
        }
        let (agenda, n) = (self.agenda, self.n_paths);
        let (day, seconds) = agenda.instant(step);
        let moves = agenda.place(step).1;
        let (day_before, seconds_before) = match step.checked_sub(1) {
            Some(before) => agenda.instant(before),
            None => (agenda.start, calendar::close_seconds(agenda.start)),
        };
        state.day = day;
        state.seconds = seconds;
        state.length_seconds =
            i64::from(day - day_before) * i64::from(DAY_SECONDS) + i64::from(seconds - seconds_before);
        state.is_close = moves == agenda.steps_per_day + 1;
        state.is_open = step.is_multiple_of(agenda.account_steps);
        state.flags = 0;
        copy(&mut state.spot, &self.observed.spot[..n]);
        for (column, lanes) in [(&mut state.high, &self.range.high), (&mut state.low, &self.range.low)] {
            column.clear();
            // The range of the session is known at its close.
            column.extend(lanes[..n].iter().map(|&x| if state.is_close { price(x) } else { f64::NAN }));
        }
        copy(&mut state.vix, &self.observed.vix[..n]);
        copy(&mut state.vix_quoted, &self.observed.vix[..n]);
        copy(&mut state.vix9d, &self.observed.others[0][..n]);
        copy(&mut state.vix3m, &self.observed.others[1][..n]);
        copy(&mut state.vix6m, &self.observed.others[2][..n]);
        constant(&mut state.vvix, n, f64::NAN);
        constant(&mut state.skew, n, f64::NAN);
        constant(&mut state.rate, n, agenda.rate);
        constant(&mut state.dividend_yield, n, agenda.dividend_yield);
        constant(&mut state.spread_multiplier, n, 1.0);
        copy(&mut state.model.v1, &self.block.v1[..n]);
        copy(&mut state.model.v2, &self.block.v2[..n]);
        copy(&mut state.model.intensity, &self.observed.intensity[..n]);
        if let Some(innovations) = &self.innovations {
            for (column, lanes) in state.innovations.iter_mut().zip(&innovations.step) {
                copy(column, &lanes[..n]);
            }
        }
        state.episode.clear();
        state.vx_expiry.clear();
        state.vx_price.clear();
        state.signals.clear();
    }

    fn path_controls(&self, path: usize, out: &mut Vec<f64>) {
        if let Some(innovations) = &self.innovations {
            out.extend(innovations.sums.iter().map(|lane| lane[path]));
        }
    }

    fn spx_settlement(&self, _step: usize, path: usize) -> SettlementValue {
        SettlementValue { value: self.range.open_spot[path], source: SettlementSource::Series }
    }

    fn vix_settlement(&self, _step: usize, path: usize) -> SettlementValue {
        SettlementValue { value: self.range.open_vix[path], source: SettlementSource::Series }
    }
}
