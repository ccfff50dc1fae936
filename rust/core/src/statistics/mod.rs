//! Performance statistics and bootstrap intervals.
