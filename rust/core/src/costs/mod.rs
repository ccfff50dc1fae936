//! Spreads, ticks and fees.
