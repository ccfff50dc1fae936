//! Order flow with known ignitions: what the detector is tuned and measured on.
