//! European option pricing on lognormal forwards.

pub mod black;
pub mod columns;
pub mod implied_vol;
pub mod mills;
mod mills_table;
