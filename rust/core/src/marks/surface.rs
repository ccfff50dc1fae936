//! Marks from a smile built out of index levels, where there are no quotes.
