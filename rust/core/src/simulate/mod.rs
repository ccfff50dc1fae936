//! Many paths at once: blocks of paths in arrays, drawn by counter, on the widest vectors of the machine.
//!
//! A number depends on seed, path, step and purpose only, and every path is computed by the same operations in the same
//! order, so block size, shards, threads and instruction set change no bit of a result.

pub mod episodes;
pub mod fair;
pub mod hc1;
pub(crate) mod lanes;
pub mod paths;
pub mod scenarios;
pub(crate) mod scheme;
pub mod study;
pub(crate) mod workers;
pub mod world;

pub use alvh_simd::InstructionSet;

use crate::error::{Error, Fault, Result};

/// The instruction set of a name, which this machine must have.
///
/// # Errors
/// `Error::Config` with the names that it has.
pub fn instruction_set(name: &str) -> Result<InstructionSet> {
    let sets = InstructionSet::available();
    sets.iter().find(|set| set.name() == name).copied().ok_or_else(|| {
        let names: Vec<_> = sets.iter().map(|set| set.name()).collect();
        let expected = format!("one of {}", names.join(", "));
        Error::config(Fault::new("SIM009", "simulation", "instruction_set", format!("{name:?}"), expected))
    })
}
