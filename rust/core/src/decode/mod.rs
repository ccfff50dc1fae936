//! Readers of feeds: bytes to events.

pub mod binance;
mod binance_json;
pub mod dbn;
pub mod lobster;
pub mod taq;
pub mod text;
