//! Reg-T and portfolio margin.
//!
//! Money is integer cents. Option terms are integers too: a point times the multiplier of 100 USD is 10,000 cents, so
//! strikes and prices are kept in ten-thousandths of a point, which are cents per contract.

pub mod account;
pub mod futures;
pub mod payoff;
pub mod portfolio;
pub mod reg_t;
