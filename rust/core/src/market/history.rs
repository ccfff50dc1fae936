//! Recorded history as a market of one path: daily bars or intraday bars to steps.
