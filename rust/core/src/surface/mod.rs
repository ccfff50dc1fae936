//! Volatility surfaces out of index levels: SPX smile, VIX futures curve and VIX smile.

pub mod note;
pub mod spx;
pub mod vix;
