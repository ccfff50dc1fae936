//! Conversion for the engine: books and a history in, the raw result of a run out.

use alvh_core::book::{self, Book};
use alvh_core::engine::record::{INCIDENTS, Partial, Record};
use alvh_core::engine::{self, RunOptions, bucket_names};
use alvh_core::instrument::{Day, Instrument, Right, Settlement};
use alvh_core::market::history::HistorySource;
use alvh_core::marks::model::ModelMarks;
use alvh_core::marks::quotes::QuoteMarks;
use alvh_core::marks::surface::SurfaceMarks;
use alvh_core::policy::{RULES, StaticPolicy};
use alvh_core::{Error, Fault, Result};
use numpy::{PyArray1, PyArray2, PyArrayMethods};
use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::arrays::{finished, frozen};
use crate::chain::PyChain;
use crate::door;
use crate::errors::{IntoPyResult, to_py};
use crate::history::PyHistory;
use crate::tables::PyTables;

/// Adds the engine's functions to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_function(wrap_pyfunction!(check_part, module)?)?;
    module.add_function(wrap_pyfunction!(book_hash, module)?)?;
    module.add_function(wrap_pyfunction!(backtest, module)?)?;
    Ok(())
}

/// Checks one part of a book.
#[pyfunction]
fn check_part(py: Python<'_>, class: &str, json: &str) -> PyResult<()> {
    book::check_part(class, json).into_py_result(py)
}

/// Hash of a book's canonical form.
#[pyfunction]
fn book_hash(py: Python<'_>, json: &str) -> PyResult<String> {
    book::parse_book(json).map(|book| book.hash()).into_py_result(py)
}

/// Runs the books over the history.
#[pyfunction]
#[pyo3(signature = (history, books, chain, scan_portfolio = false, tables = None, overlay = false))]
fn backtest<'py>(
    py: Python<'py>,
    history: &PyHistory,
    books: Vec<String>,
    chain: Option<&PyChain>,
    scan_portfolio: bool,
    tables: Option<&PyTables>,
    overlay: bool,
) -> PyResult<Bound<'py, PyDict>> {
    let books: Vec<Book> = books.iter().map(|json| book::parse_book(json)).collect::<Result<_>>().into_py_result(py)?;
    let source = history.inner.clone();
    let chain = chain.map(|chain| chain.inner.clone());
    let names = bucket_names(&books);
    let options = RunOptions { recorded: 1, scan_portfolio, first_day: Day::MIN };
    let tables = tables.map(|tables| tables.inner.clone());
    let (partial, counts) = door::enter(py, |go_on| match (chain, tables) {
        (None, Some(tables)) => {
            let mut marks = ModelMarks::new(tables).with_overlay(overlay);
            let partial = run(&source, &mut marks, &books, options, go_on)?;
            Ok((partial, vec![("clamped", marks.clamped())]))
        }
        (None, None) => {
            run(&source, &mut SurfaceMarks::new(), &books, options, go_on).map(|partial| (partial, Vec::new()))
        }
        (Some(chain), _) => {
            let mut marks = QuoteMarks::new(chain, SurfaceMarks::new());
            let partial = run(&source, &mut marks, &books, options, go_on)?;
            Ok((partial, marks.counts().entries().to_vec()))
        }
    })?;
    let record = partial.records.into_iter().next().ok_or_else(|| {
        to_py(py, &Error::internal(Fault::new("INT003", "backtest", "records", "none", "one recorded path")))
    })?;
    raw_result(py, &books, &names, &record, counts)
}

/// What a recorded path left behind, as Python reads it.
pub fn raw_result<'py>(
    py: Python<'py>,
    books: &[Book],
    names: &[String],
    record: &Record,
    counts: Vec<(&str, u64)>,
) -> PyResult<Bound<'py, PyDict>> {
    let raw = PyDict::new(py);
    raw.set_item("books", books.iter().map(|book| book.name.as_str()).collect::<Vec<_>>())?;
    raw.set_item("capital", finished(py, books.iter().map(|book| book.capital).collect()))?;
    raw.set_item("buckets", names)?;
    raw.set_item("rules", RULES)?;
    raw.set_item("event_kinds", INCIDENTS)?;
    raw.set_item("marks", counts.into_iter().collect::<std::collections::BTreeMap<&str, u64>>())?;
    sessions(py, &raw, record, names.len())?;
    raw.set_item("trades", trades(py, record)?)?;
    raw.set_item("condors", condors(py, record)?)?;
    raw.set_item("decisions", decisions(py, record)?)?;
    raw.set_item("events", incidents(py, record)?)?;
    Ok(raw)
}

fn run<M: alvh_core::marks::Marks>(
    source: &HistorySource,
    marks: &mut M,
    books: &[Book],
    options: RunOptions,
    poll: &mut dyn FnMut() -> bool,
) -> Result<Partial> {
    engine::run(&mut &*source, marks, &mut StaticPolicy, books, 0, options, poll)
}

fn dollars(cents: &[i64]) -> Vec<f64> {
    cents.iter().map(|&cents| cents as f64 / 100.0).collect()
}

fn sessions<'py>(py: Python<'py>, raw: &Bound<'py, PyDict>, record: &Record, n_buckets: usize) -> PyResult<()> {
    let (n_books, n_sessions) = (record.books.len(), record.day.len());
    raw.set_item("day", finished(py, record.day.clone()))?;
    let matrix = |pick: fn(&engine::record::BookSeries) -> &Vec<i64>| -> PyResult<Bound<'py, PyArray2<f64>>> {
        let values: Vec<f64> = record.books.iter().flat_map(|series| dollars(pick(series))).collect();
        let array = PyArray1::from_vec(py, values).reshape([n_books, n_sessions])?;
        Ok(frozen(array))
    };
    raw.set_item("equity", matrix(|series| &series.equity)?)?;
    raw.set_item("cash", matrix(|series| &series.cash)?)?;
    raw.set_item("margin", matrix(|series| &series.margin)?)?;
    raw.set_item("excess", matrix(|series| &series.excess)?)?;
    if record.books.iter().all(|series| series.portfolio_margin.len() == n_sessions) {
        raw.set_item("portfolio_margin", matrix(|series| &series.portfolio_margin)?)?;
    }
    let open: Vec<i32> =
        record.books.iter().flat_map(|series| series.open_contracts.iter().map(|&n| n as i32)).collect();
    raw.set_item("open_condors", PyArray1::from_vec(py, open).reshape([n_books, n_sessions])?)?;
    // Session-major in the core, bucket-major outside: every bucket is a series.
    let mut attribution = Vec::with_capacity(n_books * n_buckets * n_sessions);
    for series in &record.books {
        for bucket in 0..n_buckets {
            attribution.extend((0..n_sessions).map(|session| series.pnl[session * n_buckets + bucket]));
        }
    }
    raw.set_item("attribution", PyArray1::from_vec(py, attribution).reshape([n_books, n_buckets, n_sessions])?)
}

/// Product, right, strike and expiry of a contract.
fn terms(instrument: Instrument) -> (&'static str, &'static str, f64, i32) {
    let side = |right| match right {
        Right::Call => "call",
        Right::Put => "put",
    };
    match instrument {
        Instrument::SpxOption { right, strike, expiry, settlement: Settlement::Am } => {
            ("SPX", side(right), strike, expiry)
        }
        Instrument::SpxOption { right, strike, expiry, settlement: Settlement::Pm } => {
            ("SPXW", side(right), strike, expiry)
        }
        Instrument::VixOption { right, strike, expiry } => ("VIX", side(right), strike, expiry),
        Instrument::VixFuture { expiry } => ("VX", "", f64::NAN, expiry),
        Instrument::VixNote => ("NOTE", "", f64::NAN, i32::MAX),
        Instrument::SpxIndex => ("INDEX", "", f64::NAN, i32::MAX),
    }
}

macro_rules! columns {
    ($py:expr, $rows:expr, $($name:literal => $value:expr),+ $(,)?) => {{
        let frame = PyDict::new($py);
        $( frame.set_item($name, finished($py, $rows.iter().map($value).collect::<Vec<_>>()))?; )+
        frame
    }};
}

fn trades<'py>(py: Python<'py>, record: &Record) -> PyResult<Bound<'py, PyDict>> {
    let rows = &record.trades;
    let frame = columns!(py, rows,
        "book" => |row| row.book as i32,
        "day" => |row| row.day,
        "seconds" => |row| row.seconds,
        "strike" => |row| terms(row.instrument).2,
        "expiry" => |row| terms(row.instrument).3,
        "contracts" => |row| row.contracts,
        "mid" => |row| row.mid,
        "price" => |row| row.price,
        "multiplier" => |row| row.instrument.multiplier(),
        "fee_cents" => |row| row.fee_cents,
        "slippage_cents" => |row| row.slippage_cents,
        "bucket" => |row| i32::from(row.bucket),
        "position" => |row| row.position,
        "rule" => |row| i32::from(row.rule),
        "flags" => |row| row.flags,
    );
    frame.set_item("product", rows.iter().map(|row| terms(row.instrument).0).collect::<Vec<_>>())?;
    frame.set_item("right", rows.iter().map(|row| terms(row.instrument).1).collect::<Vec<_>>())?;
    Ok(frame)
}

fn condors<'py>(py: Python<'py>, record: &Record) -> PyResult<Bound<'py, PyDict>> {
    Ok(columns!(py, record.condors,
        "book" => |row| row.book as i32,
        "position" => |row| row.position,
        "opened" => |row| row.opened,
        "closed" => |row| row.closed,
        "contracts" => |row| row.contracts,
        "credit_cents" => |row| row.credit_cents,
        "pnl_cents" => |row| row.pnl_cents,
        "max_loss_cents" => |row| row.max_loss_cents,
        "exit_rule" => |row| i32::from(row.rule),
        "double_breach" => |row| row.double_breach,
        "chain" => |row| row.chain,
    ))
}

fn decisions<'py>(py: Python<'py>, record: &Record) -> PyResult<Bound<'py, PyDict>> {
    let frame = columns!(py, record.decisions,
        "book" => |row| row.book as i32,
        "day" => |row| row.day,
        "seconds" => |row| row.seconds,
        "rule" => |row| i32::from(row.rule),
        "before" => |row| row.before,
        "after" => |row| row.after,
    );
    frame.set_item("inputs", record.decisions.iter().map(|row| row.inputs.as_str()).collect::<Vec<_>>())?;
    Ok(frame)
}

fn incidents<'py>(py: Python<'py>, record: &Record) -> PyResult<Bound<'py, PyDict>> {
    Ok(columns!(py, record.incidents,
        "book" => |row| row.book as i32,
        "day" => |row| row.day,
        "seconds" => |row| row.seconds,
        "kind" => |row| i32::from(row.kind),
        "value" => |row| row.value,
    ))
}
