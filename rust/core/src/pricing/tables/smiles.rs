//! Smiles of all states and times: implied volatility in units of a closed form, by moneyness in units of another.

use super::grid::{Octaves, Stretched, Unit};
use crate::math;
use crate::pricing::transform::State;

/// A quantity that is affine in the state.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub(super) struct Linear {
    pub(super) a: f64,
    pub(super) b1: f64,
    pub(super) b2: f64,
    pub(super) c: f64,
}

impl Linear {
    #[inline(always)]
    pub(super) fn at(&self, state: State) -> f64 {
        (self.a + self.b1 * state.v1) + (self.b2 * state.v2 + self.c * state.intensity)
    }

    /// Between two, `share` of the way to `other`.
    pub(super) fn towards(&self, other: &Self, share: f64) -> Self {
        let mix = |x: f64, y: f64| x + (y - x) * share;
        Self {
            a: mix(self.a, other.a),
            b1: mix(self.b1, other.b1),
            b2: mix(self.b2, other.b2),
            c: mix(self.c, other.c),
        }
    }
}

/// The states of the tables: how much variance, how much of it is fast, and the intensity.
///
/// With weights that depend on the time to expiry, level is w1 v1 + w2 v2 and share is w1 v1 over it. Smiles move
/// smoothly and little along these three, so that linear interpolation does where v1 and v2 themselves need cubic.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct States {
    pub(super) level: Octaves,
    pub(super) share: Unit,
    pub(super) intensity: Octaves,
    /// The share where the axis of shares has one node.
    pub(super) only_share: f64,
}

/// A state's place in a table.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Cell {
    offset: usize,
    weights: [f32; 8],
}

impl States {
    pub(super) fn len(&self) -> usize {
        self.level.len() * self.share.len * self.intensity.len()
    }

    /// Level and share of a node, its intensity left out.
    pub(super) fn pair(&self, level: usize, share: usize, [w1, w2]: [f64; 2]) -> (f64, f64) {
        let share = if self.share.len < 2 { self.only_share } else { self.share.node(share) };
        let level = self.level.node(level);
        (level * share / w1, level * (1.0 - share) / w2)
    }
}

/// All smiles of one product.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct SmileTable {
    pub(super) states: States,
    pub(super) moneyness: Stretched,
    pub(super) times: Times,
    /// By time, level, share, intensity and moneyness, the last fastest.
    pub(super) values: Vec<f32>,
    /// Distances of the corners of a cell from its first.
    corners: [usize; 8],
    /// Distance of a time from the one before.
    slice: usize,
}

/// Nodes that are equally spaced in the logarithm of time.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Times {
    pub(super) first: f64,
    /// Logarithm of the ratio of neighbours.
    pub(super) step: f64,
    pub(super) len: usize,
}

impl Times {
    pub(super) fn node(&self, index: usize) -> f64 {
        self.first * math::exp(index as f64 * self.step)
    }

    /// The node below a time, the share of the way to the next, and whether the time lies beyond the last.
    pub(super) fn locate(&self, years: f64) -> (usize, f64, bool) {
        let at = math::ln(years / self.first) / self.step;
        let last = (self.len - 1) as f64;
        let index = (at.clamp(0.0, last) as usize).min(self.len - 2);
        (index, at.clamp(0.0, last) - index as f64, at > last)
    }
}

/// Nodes of moneyness.
pub(super) const NODES: usize = 44;

impl SmileTable {
    /// A table without values.
    pub(super) fn new(states: States, moneyness: Stretched, times: Times) -> Self {
        let slice = states.len() * NODES;
        Self { states, moneyness, times, values: Vec::new(), corners: Self::corners(&states), slice }
    }

    /// Values of the table when it is full.
    pub(super) fn len(&self) -> usize {
        self.times.len * self.slice
    }

    /// Place of a state: level and share by the weights `w` of a time, the intensity's place known already.
    #[inline(always)]
    pub(super) fn cell(&self, state: State, w: [f64; 2], intensity: (usize, f32)) -> Cell {
        let states = &self.states;
        let fast = w[0] * state.v1;
        let level = fast + w[1] * state.v2;
        let (i, fi) = states.level.locate(level);
        let (j, fj) = states.share.locate(if level > 0.0 { fast / level } else { 0.0 });
        let (k, fk) = intensity;
        let offset = ((i * states.share.len + j) * states.intensity.len() + k) * NODES;
        let (gi, gj, gk) = (1.0 - fi, 1.0 - fj, 1.0 - fk);
        let [low, lower, high, higher] = [gi * gj, gi * fj, fi * gj, fi * fj];
        let weights = [low * gk, low * fk, lower * gk, lower * fk, high * gk, high * fk, higher * gk, higher * fk];
        Cell { offset, weights }
    }

    /// Distances of the corners of a cell from its first; 0 along an axis with one node.
    fn corners(states: &States) -> [usize; 8] {
        let stride = |len: usize, stride: usize| if len > 1 { stride } else { 0 };
        let row = states.intensity.len() * NODES;
        let k = stride(states.intensity.len(), NODES);
        let j = stride(states.share.len, row);
        let i = stride(states.level.len(), states.share.len * row);
        [0, k, j, j + k, i, i + k, i + j, i + j + k]
    }

    /// The value at a moneyness, `time` being a node and the share of the way to the next.
    #[inline(always)]
    pub(super) fn value(&self, time: (usize, f32), cell: &Cell, x: f64) -> f64 {
        let (node, weights) = self.moneyness.locate(x);
        let start = time.0 * self.slice + cell.offset + node;
        let mut now = [0.0_f32; 4];
        let mut next = [0.0_f32; 4];
        for (corner, &share) in self.corners.iter().zip(&cell.weights) {
            let at = start + corner;
            add(&mut now, share, &self.values[at..]);
            add(&mut next, share, &self.values[at + self.slice..]);
        }
        let total: [f32; 4] = std::array::from_fn(|i| (now[i] + time.1 * (next[i] - now[i])) * weights[i]);
        f64::from((total[0] + total[1]) + (total[2] + total[3]))
    }
}

/// Adds a share of the first four values.
#[inline(always)]
fn add(total: &mut [f32; 4], share: f32, values: &[f32]) {
    if let Some(four) = values.first_chunk::<4>() {
        for (total, value) in total.iter_mut().zip(four) {
            *total += share * value;
        }
    }
}

/// Continues a smile linearly where a price is too small to have a volatility.
pub(super) fn continue_wings(smile: &mut [f64], moneyness: &Stretched) {
    let known: Vec<usize> = (0..smile.len()).filter(|&i| smile[i].is_finite()).collect();
    let (Some(&low), Some(&high)) = (known.first(), known.last()) else {
        smile.fill(0.0);
        return;
    };
    let slope = |i: usize, j: usize, smile: &[f64]| (smile[j] - smile[i]) / (moneyness.node(j) - moneyness.node(i));
    let (left, right) =
        if low < high { (slope(low, low + 1, smile), slope(high - 1, high, smile)) } else { (0.0, 0.0) };
    // Volatility does not fall into a wing that has no price.
    let (left, right) =
        (if left.is_nan() { 0.0 } else { left.min(0.0) }, if right.is_nan() { 0.0 } else { right.max(0.0) });
    for i in 0..smile.len() {
        if i < low {
            smile[i] = smile[low] + left * (moneyness.node(i) - moneyness.node(low));
        } else if i > high {
            smile[i] = smile[high] + right * (moneyness.node(i) - moneyness.node(high));
        } else if !smile[i].is_finite() {
            smile[i] = smile[i - 1];
        }
    }
}
