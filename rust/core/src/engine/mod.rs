//! One loop for history and simulation: a block of paths, any number of books, step by step.
//!
//! On each step: interest and settlements, marks of all legs at once, the orders decided on the step before, then
//! margin, triggers and targets for the step after. Nothing is filled at the price that triggered it.

pub mod account;
pub mod controls;
pub mod ledger;
pub mod legs;
pub mod orders;
pub mod record;
pub mod scan;
pub mod shared;

use account::{BookAccount, Growth, Step};
use controls::BookControls;
use legs::LegTable;
use record::{BookSeries, Partial, Record};
use shared::SharedMarks;

use crate::book::{Book, RESERVED_BUCKETS, SLEEVE_BUCKET};
use crate::calendar::listed::Today;
use crate::error::{Error, Fault, Result};
use crate::instrument::{Day, Instrument};
use crate::market::state::{SettlementSource, SettlementValue};
use crate::market::{MarketSource, MarketState};
use crate::marks::Marks;
use crate::math;
use crate::policy::Policy;
use crate::signals::Trackers;

/// Closes behind the 20-session volatility.
const VOL_WINDOW: usize = 20;
const SESSIONS_PER_YEAR: f64 = 252.0;
/// Steps between two looks at the caller's wish to stop.
const POLL_STEPS: usize = 64;

/// Names of the P&L buckets of a set of books: the fixed ones, then every layer name once in order of appearance.
pub fn bucket_names(books: &[Book]) -> Vec<String> {
    let mut names: Vec<String> = RESERVED_BUCKETS.iter().map(ToString::to_string).collect();
    for layer in books.iter().filter_map(|book| book.hedge.as_ref()).flat_map(|hedge| &hedge.layers) {
        if !names.contains(&layer.name) {
            names.push(layer.name.clone());
        }
    }
    if books.iter().any(Book::has_sleeve) {
        names.push(SLEEVE_BUCKET.to_owned());
    }
    names
}

/// Annualised close-to-close volatility of the last twenty sessions of one path.
#[derive(Debug, Clone)]
struct RealisedVol {
    last: f64,
    returns: [f64; VOL_WINDOW],
    n: usize,
    value: f64,
}

impl RealisedVol {
    fn new() -> Self {
        Self { last: f64::NAN, returns: [0.0; VOL_WINDOW], n: 0, value: f64::NAN }
    }

    fn push(&mut self, close: f64) {
        if self.last.is_finite() {
            self.returns[self.n % VOL_WINDOW] = math::ln(close / self.last);
            self.n += 1;
        }
        self.last = close;
        self.value = self.deviation();
    }

    /// Sample standard deviation, NaN before the window is full.
    fn deviation(&self) -> f64 {
        if self.n < VOL_WINDOW {
            return f64::NAN;
        }
        let n = VOL_WINDOW as f64;
        let mean = self.returns.iter().sum::<f64>() / n;
        let squares: f64 = self.returns.iter().map(|r| (r - mean) * (r - mean)).sum();
        (squares / (n - 1.0) * SESSIONS_PER_YEAR).sqrt()
    }
}

/// What a run keeps beyond the outcomes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RunOptions {
    /// Paths numbered below this keep their sessions, fills, decisions and incidents.
    pub recorded: u64,
    /// Recorded paths keep the requirement of the portfolio scan at every close.
    pub scan_portfolio: bool,
    /// Books begin on this day; before it signals are taken and nothing else happens.
    pub first_day: Day,
}

/// Runs all books over one block of paths.
///
/// `first_path` numbers the first path of the block, `poll` is asked every few steps whether to go on.
///
/// # Errors
/// `Interrupted` when `poll` says so; `Config` when two books share a name; `Internal` when a bucket sum differs
/// from the change of equity.
pub fn run<S: MarketSource, M: Marks, P: Policy>(
    source: &mut S,
    marks: &mut M,
    policy: &mut P,
    books: &[Book],
    first_path: u64,
    options: RunOptions,
    poll: &mut dyn FnMut() -> bool,
) -> Result<Partial> {
    run_with_controls(source, marks, policy, books, first_path, options, None, poll)
}

/// The same with control variates of the books, from a source that keeps innovations.
///
/// # Errors
/// Those of [`run`].
#[allow(clippy::too_many_arguments, reason = "those of `run` and one more")]
pub fn run_with_controls<S: MarketSource, M: Marks, P: Policy>(
    source: &mut S,
    marks: &mut M,
    policy: &mut P,
    books: &[Book],
    first_path: u64,
    options: RunOptions,
    mut controls: Option<BookControls<M>>,
    poll: &mut dyn FnMut() -> bool,
) -> Result<Partial> {
    for (index, book) in books.iter().enumerate() {
        if books[..index].iter().any(|other| other.name == book.name) {
            let name = format!("{:?} twice", book.name);
            return Err(Error::config(Fault::new("CFG060", "books", "name", name, "different names")));
        }
    }
    let n_paths = source.n_paths();
    let names = bucket_names(books);
    let mut legs = LegTable::new(n_paths);
    let mut accounts: Vec<Vec<BookAccount>> = (0..n_paths)
        .map(|_| books.iter().enumerate().map(|(index, book)| new_account(index, book, &names)).collect())
        .collect();
    let mut records: Vec<Option<Record>> = (0..n_paths as u64)
        .map(|path| {
            (first_path + path < options.recorded).then(|| Record {
                path: first_path + path,
                books: vec![BookSeries::default(); books.len()],
                ..Record::default()
            })
        })
        .collect();
    let mut realised: Vec<RealisedVol> = vec![RealisedVol::new(); n_paths];
    let mut trackers = Trackers::new(policy, books, source);
    // Only strikes by range and by credit ask for it.
    let by_range = |book: &Book| book.condor.as_ref().is_some_and(|condor| condor.short_delta.is_none());
    let reads_realised_vol = books.iter().any(by_range);
    let mut settled: Vec<bool> = Vec::with_capacity(n_paths);
    let (mut state, mut before) = (MarketState::default(), MarketState::default());
    let marks = &mut SharedMarks::new(marks);
    let mut growth = Growth::default();
    let (mut clamped, mut steps) = (0, 0);
    for step_index in 0..source.n_steps() {
        if step_index % POLL_STEPS == 0 && !poll() {
            return Err(Error::Interrupted);
        }
        std::mem::swap(&mut state, &mut before);
        source.fill(step_index, &mut state);
        marks.prepare(&state);
        trackers.push(&mut state);
        if state.day < options.first_day {
            if reads_realised_vol && state.is_close {
                realised.iter_mut().zip(&state.spot).for_each(|(path, &close)| path.push(close));
            }
            continue;
        }
        let is_first = steps == 0;
        if let Some(controls) = controls.as_mut() {
            controls.accrue(&state);
        }
        steps += n_paths as u64;
        let today = Today::new(state.day);
        // Most steps settle nothing, and a settlement may have to be estimated.
        let nothing = SettlementValue { value: f64::NAN, source: SettlementSource::CloseFallback };
        settled.clear();
        settled.extend((0..n_paths).map(|path| legs.settles(path, state.day)));
        for phase in [Phase::Settle, Phase::Trade] {
            if phase == Phase::Trade {
                clamped += legs.mark(marks, &state);
            }
            for path in 0..n_paths {
                let [spx_settlement, vix_settlement] = match (phase, settled[path]) {
                    (Phase::Settle, false) => continue,
                    (Phase::Settle, true) => {
                        [source.spx_settlement(step_index, path), source.vix_settlement(step_index, path)]
                    }
                    (Phase::Trade, _) => [nothing; 2],
                };
                for (index, (book, account)) in books.iter().zip(&mut accounts[path]).enumerate() {
                    let mut step = Step {
                        state: &state,
                        path,
                        marks,
                        legs: &mut legs,
                        today: &today,
                        growth: &mut growth,
                        before: (!is_first).then_some(&before),
                        spx_settlement,
                        vix_settlement,
                        realised_vol: realised[path].value,
                        signals: trackers.reading(index, path),
                        record: records[path].as_mut(),
                    };
                    // Cash accrues before anything changes it.
                    if phase == Phase::Settle || !settled[path] {
                        account.accrue(book, &mut step);
                    }
                    match phase {
                        Phase::Settle => account.settle(&mut step),
                        Phase::Trade => {
                            account.mark(&mut step);
                            account.execute(book, &mut step);
                            account.conclude(book, policy, &mut step);
                        }
                    }
                }
                if phase == Phase::Settle || !state.is_close {
                    continue;
                }
                if reads_realised_vol {
                    realised[path].push(state.spot[path]);
                }
                if let Some(record) = &mut records[path] {
                    record.day.push(state.day);
                    if options.scan_portfolio {
                        scan_path(marks, &mut legs, &state, path, &accounts[path], record);
                    }
                }
            }
        }
        if let Some(controls) = controls.as_mut() {
            controls.measure(&state, &legs, &accounts);
        }
    }
    let mut kept = Vec::new();
    for path in 0..n_paths {
        let mut row = Vec::new();
        source.path_controls(path, &mut row);
        if let Some(controls) = &controls {
            controls.of_path(path, &mut row);
        }
        if !row.is_empty() {
            kept.push((first_path + path as u64, row));
        }
    }
    let outcomes = accounts
        .into_iter()
        .enumerate()
        .map(|(path, books)| (first_path + path as u64, books.into_iter().map(BookAccount::outcome).collect()))
        .collect();
    let records = records.into_iter().flatten().collect();
    let partial = Partial { outcomes, controls: kept, records, steps, clamped };
    check_residual(&partial, books, names.len())?;
    Ok(partial)
}

fn scan_path<M: Marks>(
    marks: &mut M,
    legs: &mut LegTable,
    state: &MarketState,
    path: usize,
    accounts: &[BookAccount],
    record: &mut Record,
) {
    let held: Vec<_> = accounts.iter().map(|account| account.held(legs)).collect();
    let note_level = legs.peek(marks, state, path, Instrument::VixNote).mid;
    let needed = scan::portfolio_requirements(state, path, &held, note_level);
    for (series, cents) in record.books.iter_mut().zip(needed) {
        series.portfolio_margin.push(cents.unwrap_or(i64::MAX));
    }
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Phase {
    Settle,
    Trade,
}

fn new_account(index: usize, book: &Book, names: &[String]) -> BookAccount {
    let layers = book.hedge.as_ref().map_or(&[][..], |hedge| &hedge.layers);
    let buckets = layers
        .iter()
        .map(|layer| layer.name.as_str())
        .chain(book.has_sleeve().then_some(SLEEVE_BUCKET))
        .map(|wanted| names.iter().position(|name| name == wanted).unwrap_or_default() as u16)
        .collect();
    BookAccount::new(index as u32, book, buckets, names.len())
}

/// Every session's buckets must sum to the change of its equity, to the cent, and so must those of a whole path.
fn check_residual(partial: &Partial, books: &[Book], n_buckets: usize) -> Result<()> {
    for (path, outcomes) in &partial.outcomes {
        for (book, outcome) in books.iter().zip(outcomes) {
            let earned = outcome.final_equity - (book.capital * 100.0).round() as i64;
            let residual = earned - outcome.pnl.iter().sum::<i64>();
            if residual != 0 {
                let value = format!("{residual} cents");
                let fault = Fault::new("INT002", format!("book {:?}", book.name), "residual", value, "0 cents");
                return Err(Error::internal(fault.at(format!("path {path}"))));
            }
        }
    }
    for record in &partial.records {
        for (book, series) in books.iter().zip(&record.books) {
            let mut before = (book.capital * 100.0).round() as i64;
            for (session, (equity, row)) in series.equity.iter().zip(series.pnl.chunks(n_buckets)).enumerate() {
                let residual = equity - before - row.iter().sum::<i64>();
                if residual != 0 {
                    let value = format!("{residual} cents");
                    let fault = Fault::new("INT002", format!("book {:?}", book.name), "residual", value, "0 cents");
                    return Err(Error::internal(fault.at(format!("session {session}"))));
                }
                before = *equity;
            }
        }
    }
    Ok(())
}
