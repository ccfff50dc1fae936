//! SPX smile from the level of the volatility indices.
