//! All books on the same simulated paths: blocks of paths on threads owned by the call, outcomes by path.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::InstructionSet;
use super::scheme::innovations::SUMS;
use super::workers;
use super::world::{MarkKind, World};
use crate::book::{Book, LayerInstrument};
use crate::engine::controls::{self, AverageJump, BookControls};
use crate::engine::record::{Outcome, Partial, Record};
use crate::engine::{self, RunOptions, bucket_names};
use crate::error::{Error, Fault, Result};
use crate::market::MarketSource;
use crate::market::model::MarketConfig;
use crate::market::simulated::futures::WithFutures;
use crate::market::simulated::intraday::EpisodeSource;
use crate::market::simulated::{Agenda, LANES, SimulatedSource};
use crate::marks::model::ModelMarks;
use crate::marks::surface::SurfaceMarks;
use crate::policy::{Policy, StaticPolicy};
use crate::pricing::tables::ModelTables;

/// Which paths of a world to run: shards of a study differ in this only.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Shard {
    /// Index of the first path.
    pub first_path: u64,
    /// Number of paths.
    pub n_paths: usize,
    /// Seed of the study.
    pub seed: u64,
    /// Paths numbered below this are recorded in full.
    pub recorded: u64,
}

/// Outcomes of many paths as columns, book after book and path after path within a book.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Outcomes {
    /// One column for each of [`Outcome::CENTS`].
    pub cents: Vec<Vec<i64>>,
    /// One column for each of [`Outcome::count_names`].
    pub counts: Vec<Vec<u32>>,
    /// One column for each of [`Outcome::float_names`].
    pub floats: Vec<Vec<f64>>,
    /// P&L in cents, book after book, bucket after bucket, path after path.
    pub pnl: Vec<i64>,
}

impl Outcomes {
    fn new(n_books: usize, n_buckets: usize, n_paths: usize) -> Self {
        Self {
            cents: vec![vec![0; n_books * n_paths]; Outcome::CENTS.len()],
            counts: vec![vec![0; n_books * n_paths]; Outcome::count_names().count()],
            floats: vec![vec![0.0; n_books * n_paths]; Outcome::float_names().count()],
            pnl: vec![0; n_books * n_buckets * n_paths],
        }
    }

    fn put(&mut self, n_paths: usize, path: usize, book: usize, outcome: &Outcome) {
        let row = book * n_paths + path;
        for (column, value) in self.cents.iter_mut().zip(outcome.cents()) {
            column[row] = value;
        }
        for (column, value) in self.counts.iter_mut().zip(outcome.counts()) {
            column[row] = value;
        }
        for (column, value) in self.floats.iter_mut().zip(outcome.floats()) {
            column[row] = value;
        }
        let n_buckets = outcome.pnl.len();
        for (bucket, &cents) in outcome.pnl.iter().enumerate() {
            self.pnl[(book * n_buckets + bucket) * n_paths + path] = cents;
        }
    }
}

/// What a shard leaves behind.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct ShardResult {
    /// Outcomes of all paths.
    pub outcomes: Outcomes,
    /// Control variates of all paths, whose expectation is zero, one column for each of [`control_names`].
    pub controls: Vec<Vec<f64>>,
    /// Recorded paths in path order.
    pub records: Vec<Record>,
    /// Steps of all paths.
    pub steps: u64,
    /// Marks of legs whose state had to be clamped.
    pub clamped: u64,
}

/// Everything that the threads of a call share.
struct Collected {
    result: ShardResult,
    /// The failure of the block with the lowest number.
    failure: Option<(usize, Error)>,
}

/// A block that panicked leaves nothing half written: it is put in as a whole.
fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Runs all books over the paths of a shard. Marks of the model need the `tables` of the market.
///
/// # Errors
/// Those of [`MarketConfig::validate`], [`World::validate`], [`World::check_size`] and of the engine; `Config` where
/// tables are missing or another market's; interrupted when `go_on` says so.
pub fn simulate(
    market: &MarketConfig,
    world: &World,
    books: &[Book],
    shard: &Shard,
    tables: Option<Arc<ModelTables>>,
    threads: usize,
    set: InstructionSet,
    go_on: &mut dyn FnMut() -> bool,
) -> Result<ShardResult> {
    market.validate()?;
    world.validate()?;
    let (n_books, n_buckets) = (books.len(), bucket_names(books).len());
    let n_controls = control_names(world, books).len();
    let numbers = n_books.saturating_mul(Outcome::numbers() + n_buckets) + n_controls;
    let recorded = shard.recorded.saturating_sub(shard.first_path).min(shard.n_paths as u64) as usize;
    world.check_size(shard.n_paths, numbers, n_books, recorded)?;
    let refuse =
        |value: &str, expected: &str| Err(Error::config(Fault::new("SIM031", "simulate", "tables", value, expected)));
    let tables = match (world.marks, tables) {
        (MarkKind::Surface, _) => None,
        (MarkKind::Model, Some(tables)) if tables.config().hash() == market.hash() => Some(tables),
        (MarkKind::Model, Some(tables)) => {
            return refuse(&format!("tables of {:?}", tables.config().name), "the tables of the market");
        }
        (MarkKind::Model, None) => return refuse("none", "tables of the market, since marks are the model's"),
    };
    let agenda = Agenda::new(market, world);
    let common = Common { market, world, books, agenda: &agenda, tables, shard, set };
    let outcomes = Outcomes::new(n_books, n_buckets, shard.n_paths);
    let controls = vec![vec![0.0; shard.n_paths]; n_controls];
    let result = ShardResult { outcomes, controls, ..ShardResult::default() };
    let collected = Mutex::new(Collected { result, failure: None });
    let blocks = (0..shard.n_paths).step_by(LANES);
    workers::run(threads, blocks, go_on, |first, alive| {
        let answer = common.run(first, alive);
        let mut collected = lock(&collected);
        match answer {
            Ok(partial) => {
                for (index, (_, outcomes)) in partial.outcomes.iter().enumerate() {
                    for (book, outcome) in outcomes.iter().enumerate() {
                        collected.result.outcomes.put(shard.n_paths, first + index, book, outcome);
                    }
                }
                for (index, (_, row)) in partial.controls.iter().enumerate() {
                    for (column, &value) in collected.result.controls.iter_mut().zip(row) {
                        column[first + index] = value;
                    }
                }
                collected.result.records.extend(partial.records);
                collected.result.steps += partial.steps;
                collected.result.clamped += partial.clamped;
            }
            Err(error) => {
                let earlier = collected.failure.as_ref().is_none_or(|(block, _)| first < *block);
                if earlier && error != Error::Interrupted {
                    collected.failure = Some((first, error));
                }
            }
        }
    })?;
    let Collected { mut result, failure } = collected.into_inner().unwrap_or_else(PoisonError::into_inner);
    if let Some((_, error)) = failure {
        return Err(error);
    }
    result.records.sort_by_key(|record| record.path);
    Ok(result)
}

/// Whether books have control variates of their own: their sensitivities need marks of the model, and steps that are
/// decided on nothing later. Fine steps of a session with an episode lie between an open and a close that are drawn
/// before them.
fn has_book_controls(world: &World) -> bool {
    world.controls && world.marks == MarkKind::Model && world.intraday.is_none()
}

/// Names of the control variates of a run: innovations summed over a path, then those weighted by what books hold.
pub fn control_names(world: &World, books: &[Book]) -> Vec<String> {
    let mut names = Vec::new();
    if world.controls {
        names.extend(SUMS.iter().map(ToString::to_string));
    }
    if has_book_controls(world) {
        let of = |book: usize| controls::NAMES.iter().map(move |name| format!("book{book}:{name}"));
        names.extend((0..books.len()).flat_map(of));
    }
    names
}

fn holds_note(book: &Book) -> bool {
    let layers = book.hedge.iter().flat_map(|hedge| &hedge.layers);
    layers.map(|layer| layer.instrument).any(|instrument| instrument == LayerInstrument::VixNote)
}

/// What all blocks of a call have in common.
struct Common<'a> {
    market: &'a MarketConfig,
    world: &'a World,
    books: &'a [Book],
    agenda: &'a Agenda,
    tables: Option<Arc<ModelTables>>,
    shard: &'a Shard,
    set: InstructionSet,
}

impl Common<'_> {
    /// Runs the block of paths that begins with the shard's path `first`.
    fn run(&self, first: usize, alive: &mut dyn FnMut() -> bool) -> Result<Partial> {
        let shard = self.shard;
        let n = LANES.min(shard.n_paths - first);
        let first_path = shard.first_path.wrapping_add(first as u64);
        match &self.world.intraday {
            None => {
                let mut source: SimulatedSource<'_> =
                    SimulatedSource::new(self.agenda, shard.seed, first_path, n, self.set);
                self.run_source(&mut source, first_path, alive)
            }
            Some(intraday) => (first_path..first_path + n as u64).try_fold(Partial::default(), |done, path| {
                let fair = &self.world.fair;
                let mut source = EpisodeSource::new(self.agenda, intraday, fair, shard.seed, path, self.set);
                done.merge(self.run_source(&mut source, path, alive)?)
            }),
        }
    }

    fn run_source<S: MarketSource>(
        &self,
        source: &mut S,
        first_path: u64,
        alive: &mut dyn FnMut() -> bool,
    ) -> Result<Partial> {
        let options = RunOptions { recorded: self.shard.recorded, scan_portfolio: false, first_day: self.world.start };
        let policy = &mut StaticPolicy;
        match &self.tables {
            None => engine::run(source, &mut SurfaceMarks::new(), policy, self.books, first_path, options, alive),
            Some(tables) => {
                let mut marks = ModelMarks::new(tables.clone())
                    .with_clock(self.world.clock())
                    .with_overlay(self.world.overlay)
                    .with_note(self.books.iter().any(holds_note));
                let jumps = self.market.pricing().jumps;
                let jump =
                    AverageJump { price: jumps.mu_x + jumps.rho_j * jumps.mu_v, v1: jumps.mu_v, intensity: jumps.eta };
                let capitals: Vec<f64> = self.books.iter().map(|book| book.capital).collect();
                // The note has a level that follows every step: moved states would spoil it.
                let controls = has_book_controls(self.world)
                    .then(|| BookControls::new(marks.clone().with_note(false), jump, source.n_paths(), &capitals));
                let books = self.books;
                if books.iter().any(|book| policy.signals(book).is_some()) {
                    let source = &mut WithFutures::new(source, tables, self.world.clock());
                    return engine::run_with_controls(
                        source, &mut marks, policy, books, first_path, options, controls, alive,
                    );
                }
                engine::run_with_controls(source, &mut marks, policy, books, first_path, options, controls, alive)
            }
        }
    }
}
