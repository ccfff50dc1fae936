//! European option pricing on lognormal forwards.

pub mod black;
pub mod implied_vol;
