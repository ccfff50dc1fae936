//! Volatility surfaces out of index levels: SPX smile, VIX futures curve and VIX smile.
pub mod note_index;
pub mod spx;
pub mod vix;
