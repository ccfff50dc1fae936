//! European option pricing: on lognormal forwards, and under the affine market model by transforms.

pub mod black;
pub mod columns;
pub mod complex;
pub mod cos_method;
pub mod faddeeva;
pub mod implied_vol;
pub mod market_columns;
pub mod mills;
mod mills_table;
pub mod tables;
pub mod transform;
pub mod vix_transform;
