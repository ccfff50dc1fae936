//! Readers of feeds: bytes to events.

pub mod dbn;
