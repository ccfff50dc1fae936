//! What a step brings beyond its conditional mean: control variates whose expectation is zero exactly.
//!
//! Means are those of the scheme, not of the model in continuous time: a variance has its exact mean and variance (both
//! branches of the quadratic-exponential step match them), jumps have the integral of the intensity as compensator, and
//! the rest of the log price is normal given the variances.
#![allow(clippy::needless_range_loop, reason = "the same lane of many arrays")]

use super::{Block, Dynamics, Lane, Stride};

/// Innovations of a step: log price without jumps; its square; fast and slow variance; number of jumps.
pub(crate) const INNOVATIONS: usize = 5;
/// Names of the sums that a path keeps.
pub(crate) const SUMS: [&str; 8] = ["price", "square", "v1", "v2", "jumps", "start_v1", "start_v2", "start_jumps"];

/// A block before a step.
#[derive(Debug)]
pub(crate) struct Before<const N: usize> {
    log_spot: Lane<N>,
    v1: Lane<N>,
    v2: Lane<N>,
    jumps: [u32; N],
}

impl<const N: usize> Before<N> {
    #[inline(always)]
    pub fn of(block: &Block<N>) -> Self {
        Self { log_spot: block.log_spot, v1: block.v1, v2: block.v2, jumps: block.jumps }
    }
}

/// Innovations of a block of paths.
#[derive(Debug, Clone)]
pub(crate) struct Innovations<const N: usize> {
    /// Of the current step of accounts, which may be several of the scheme.
    pub step: [Lane<N>; INNOVATIONS],
    /// Since the start, in the order of [`SUMS`].
    pub sums: [Lane<N>; SUMS.len()],
}

impl<const N: usize> Innovations<N> {
    pub fn new() -> Self {
        Self { step: [[0.0; N]; INNOVATIONS], sums: [[0.0; N]; SUMS.len()] }
    }

    /// Adds a step of the scheme. Before the books begin only what it leaves in the state is kept.
    #[inline(always)]
    pub fn add(&mut self, dynamics: &Dynamics, stride: &Stride, before: &Before<N>, block: &Block<N>, is_early: bool) {
        let [fast, slow] = &stride.factors;
        let half = 0.5 * stride.dt;
        // Slope of the shock to the log price in the next variance.
        let (c1, c2) = (fast.weight * (1.0 + fast.reversion * half), slow.weight * (1.0 + slow.reversion * half));
        for i in 0..N {
            let (v1, v2) = (before.v1[i], before.v2[i]);
            let (m1, m2) = (fast.level + fast.decay * v1, slow.level + slow.decay * v2);
            let (mean_i1, mean_i2) = (half * (v1 + m1), half * (v2 + m2));
            let shocks = fast.weight * (m1 - v1 - fast.pull + fast.reversion * mean_i1)
                + slow.weight * (m2 - v2 - slow.pull + slow.reversion * mean_i2);
            let drift =
                stride.carry + dynamics.variance_drift * block.integral[i] - dynamics.compensator * block.hazard[i];
            let price = block.log_spot[i] - before.log_spot[i] - block.price_jump[i] - drift - shocks;
            let variance = c1 * c1 * (fast.constant + fast.slope * v1)
                + c2 * c2 * (slow.constant + slow.slope * v2)
                + fast.independent * mean_i1
                + slow.independent * mean_i2
                + block.extra[i];
            let square = price * price - variance;
            let (d1, d2) = (block.v1[i] - block.variance_jump[i] - m1, block.v2[i] - m2);
            let jumps = f64::from(block.jumps[i] - before.jumps[i]) - block.hazard[i];
            if is_early {
                self.sums[5][i] = fast.decay * self.sums[5][i] + d1;
                self.sums[6][i] = slow.decay * self.sums[6][i] + d2;
                self.sums[7][i] += jumps;
                continue;
            }
            // The square of a sum: what came before is known when the next part comes.
            self.step[1][i] += square + 2.0 * self.step[0][i] * price;
            self.step[0][i] += price;
            self.step[2][i] += d1;
            self.step[3][i] += d2;
            self.step[4][i] += jumps;
            for (sum, value) in self.sums.iter_mut().zip([price, square, d1, d2, jumps]) {
                sum[i] += value;
            }
        }
    }
}
