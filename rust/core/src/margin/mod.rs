//! Reg-T and portfolio margin.
