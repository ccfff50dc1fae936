//! The maths of alvh: order books, ignition, calendar, pricing, marks, positions, ledger, engine and statistics.
//!
//! Events -> features -> ignition; market state -> marks -> policy -> positions -> ledger -> study. History and simulation
//! drive the same engine. Nothing in this crate knows of Python.
#![forbid(unsafe_code)]

pub mod book;
pub mod calendar;
pub mod costs;
pub mod decode;
pub mod engine;
pub mod error;
pub mod events;
pub mod ignition;
pub mod instrument;
pub mod labelled;
pub mod margin;
pub mod market;
pub mod marks;
pub mod math;
pub mod orderbook;
pub mod phase;
pub mod policy;
pub mod positions;
pub mod pricing;
pub mod rng;
pub mod signals;
pub mod simulate;
pub mod statistics;
pub mod surface;
pub mod tape;

pub use error::{Error, Fault, Result};
