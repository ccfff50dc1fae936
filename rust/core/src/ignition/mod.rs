//! Momentum ignition: features of the order flow, the state machine, episodes.
