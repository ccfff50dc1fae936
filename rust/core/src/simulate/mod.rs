//! Many paths at once: blocks of paths in arrays, drawn by counter, on the widest vectors of the machine.

pub mod hc1;
mod lanes;
pub mod paths;
mod workers;
