//! Axes of the tables: where a value lies between which nodes.

use crate::math;

/// Nodes whose distance doubles every octave: x = offset (2^e (1 + m/steps) - 1). The position of a value is in the
/// bits of its shifted self, so that finding it takes no logarithm.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Octaves {
    least: f64,
    offset: f64,
    bits: u32,
    len: usize,
}

/// Bits of the fraction of a double.
const FRACTION: u32 = 52;
/// Bits of 1.0.
const ONE: u64 = 1_023 << FRACTION;

impl Octaves {
    /// Nodes from `least` to at least `most`, 2^`bits` an octave; the first octave is `offset` long. Without an `offset`
    /// the axis has one node.
    pub(super) fn new(least: f64, most: f64, offset: f64, bits: u32) -> Self {
        let mut axis = Self { least, offset, bits, len: 1 };
        while offset > 0.0 && axis.node(axis.len - 1) < most {
            axis.len += 1;
        }
        axis
    }

    pub(super) fn len(&self) -> usize {
        self.len
    }

    /// The value of a node.
    pub(super) fn node(&self, index: usize) -> f64 {
        let steps = 1_usize << self.bits;
        let octave = libm::ldexp(1.0, (index / steps) as i32);
        self.least + self.offset * (octave * (1.0 + (index % steps) as f64 / steps as f64) - 1.0)
    }

    /// The node below a value and the share of the way to the next; ends hold beyond.
    #[inline(always)]
    pub(super) fn locate(&self, x: f64) -> (usize, f32) {
        if self.len < 2 {
            return (0, 0.0);
        }
        let shifted = 1.0 + ((x - self.least) / self.offset).max(0.0);
        let distance = shifted.to_bits() - ONE;
        let below = FRACTION - self.bits;
        let index = (distance >> below) as usize;
        if index >= self.len - 1 {
            return (self.len - 2, 1.0);
        }
        let rest = distance & ((1 << below) - 1);
        // As the fraction of a number in [1, 2).
        (index, (f64::from_bits(ONE | rest << self.bits) - 1.0) as f32)
    }
}

/// Equal nodes from 0 to 1.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Unit {
    pub(super) len: usize,
}

impl Unit {
    pub(super) fn node(&self, index: usize) -> f64 {
        if self.len < 2 { 0.0 } else { index as f64 / (self.len - 1) as f64 }
    }

    #[inline(always)]
    pub(super) fn locate(&self, x: f64) -> (usize, f32) {
        if self.len < 2 {
            return (0, 0.0);
        }
        let at = x.clamp(0.0, 1.0) * (self.len - 1) as f64;
        let index = (at as usize).min(self.len - 2);
        (index, (at - index as f64) as f32)
    }
}

/// Nodes that are equally spaced in asinh x, for cubic interpolation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Stretched {
    first: f64,
    inverse_step: f64,
    len: usize,
}

impl Stretched {
    pub(super) fn new(least: f64, most: f64, len: usize) -> Self {
        let (first, last) = (asinh(least), asinh(most));
        Self { first, inverse_step: (len - 1) as f64 / (last - first), len }
    }

    pub(super) fn node(&self, index: usize) -> f64 {
        let at = self.first + index as f64 / self.inverse_step;
        0.5 * (math::exp(at) - math::exp(-at))
    }

    /// First of the four nodes around a value and their weights; ends hold beyond.
    #[inline(always)]
    pub(super) fn locate(&self, x: f64) -> (usize, [f32; 4]) {
        let at = ((asinh(x) - self.first) * self.inverse_step).clamp(0.0, (self.len - 1) as f64);
        // A NaN becomes node 0.
        let index = (at as usize).saturating_sub(1).min(self.len - 4);
        (index, cubic((at - index as f64) as f32))
    }
}

/// ln(x + sqrt(1 + x^2)) without cancellation.
#[inline(always)]
fn asinh(x: f64) -> f64 {
    let magnitude = x.abs();
    math::ln(magnitude + (1.0 + magnitude * magnitude).sqrt()).copysign(x)
}

/// Weights of Lagrange's cubic through nodes at 0, 1, 2 and 3.
#[inline(always)]
pub(super) fn cubic(t: f32) -> [f32; 4] {
    let (a, b, c) = (t - 1.0, t - 2.0, t - 3.0);
    let (left, right) = (0.5 * (a * b), 0.5 * (t * c));
    [left * c * (-1.0 / 3.0), t * b * c * 0.5, -(right * a), t * a * b * (1.0 / 6.0)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_is_found_where_it_is() {
        for axis in [Octaves::new(0.4921, 14.0, 0.7, 2), Octaves::new(0.0, 1.1, 0.0025, 3)] {
            assert!(axis.node(axis.len() - 1) >= if axis.least > 0.0 { 14.0 } else { 1.1 });
            for i in 0..axis.len() - 1 {
                let (low, high) = (axis.node(i), axis.node(i + 1));
                for share in [0.01, 0.3, 0.99] {
                    let (index, found) = axis.locate(low + share * (high - low));
                    assert_eq!(index, i);
                    assert!((f64::from(found) - share).abs() < 1e-6, "{i} {share} {found}");
                }
            }
            assert_eq!(axis.locate(-1.0), (0, 0.0));
            assert_eq!(axis.locate(1e9), (axis.len() - 2, 1.0));
        }
        assert_eq!(Octaves::new(0.5, 0.5, 0.0, 2).locate(3.0), (0, 0.0));
    }

    #[test]
    fn cubics_are_reproduced_between_stretched_nodes() {
        let axis = Stretched::new(-14.0, 8.0, 41);
        let cube = |u: f64| 1.0 + u * (0.5 - u * (0.25 - 0.125 * u));
        for i in 0..200 {
            let x = -15.0 + 0.12 * f64::from(i);
            let (first, weights) = axis.locate(x);
            let got: f64 = (0..4).map(|j| f64::from(weights[j]) * cube(asinh(axis.node(first + j)))).sum();
            assert!((got - cube(asinh(x.clamp(-14.0, 8.0)))).abs() < 2e-6, "{x}");
        }
    }
}
