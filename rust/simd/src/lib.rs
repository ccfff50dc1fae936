//! Runs a kernel compiled for the widest vectors of the machine, chosen at run time.
//!
//! A build for the oldest x86-64 vectorises loops two numbers at a time. [`InstructionSet::run`] holds the same kernel
//! compiled once more for each newer set, inside a function that allows its instructions. Results do not change: the
//! compiler neither fuses nor reorders floating point operations. This crate exists to keep the only unsafe code of alvh
//! in one place, the calls of these functions.
#![deny(unsafe_op_in_unsafe_fn)]

/// Work to be compiled for every instruction set.
///
/// `run` and all it calls must be `#[inline(always)]`: only what is inlined into the shell gets its instructions.
pub trait Kernel {
    /// What the work returns.
    type Output;
    /// Does the work.
    fn run(self) -> Self::Output;
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Set {
    Baseline,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
}

/// Instructions this machine has: a value exists only for a set that was detected.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InstructionSet(Set);

impl InstructionSet {
    /// What every machine of this architecture has.
    pub const BASELINE: Self = Self(Set::Baseline);

    /// All sets of this machine, the widest first.
    pub fn available() -> Vec<Self> {
        let mut sets = Vec::new();
        #[cfg(target_arch = "x86_64")]
        {
            let wide = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl")
                && is_x86_feature_detected!("avx512bw");
            if wide {
                sets.push(Self(Set::Avx512));
            }
            if is_x86_feature_detected!("avx2") {
                sets.push(Self(Set::Avx2));
            }
        }
        sets.push(Self::BASELINE);
        sets
    }

    /// The widest set of this machine.
    pub fn best() -> Self {
        Self::available()[0]
    }

    /// `avx512`, `avx2` or `baseline`.
    pub fn name(self) -> &'static str {
        match self.0 {
            Set::Baseline => "baseline",
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => "avx2",
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => "avx512",
        }
    }

    /// Runs the kernel as compiled for this set.
    #[inline]
    pub fn run<K: Kernel>(self, kernel: K) -> K::Output {
        match self.0 {
            Set::Baseline => kernel.run(),
            // SAFETY: the field is private and set in `available` only, after the machine was asked for every feature
            // that the function enables; nothing else makes calling it unsafe.
            #[cfg(target_arch = "x86_64")]
            Set::Avx2 => unsafe { run_avx2(kernel) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Set::Avx512 => unsafe { run_avx512(kernel) },
        }
    }
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2")]
fn run_avx2<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512dq,avx512vl,avx512bw")]
fn run_avx512<K: Kernel>(kernel: K) -> K::Output {
    kernel.run()
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Quotients([f64; 64]);

    impl Kernel for Quotients {
        type Output = [f64; 64];

        #[inline(always)]
        fn run(self) -> [f64; 64] {
            self.0.map(|x| (x * 1.1 + 0.3) / (x * x + 0.7) + x.sqrt())
        }
    }

    #[test]
    fn every_set_of_this_machine_gives_the_same_bits() {
        let input: [f64; 64] = std::array::from_fn(|i| 0.1 + 0.37 * i as f64);
        let bits = |set: InstructionSet| set.run(Quotients(input)).map(f64::to_bits);
        for set in InstructionSet::available() {
            assert_eq!(bits(set), bits(InstructionSet::BASELINE), "{}", set.name());
        }
    }

    #[test]
    fn the_best_set_comes_first_and_the_baseline_last() {
        let sets = InstructionSet::available();
        assert_eq!(sets.first(), Some(&InstructionSet::best()));
        assert_eq!(sets.last(), Some(&InstructionSet::BASELINE));
    }
}
