//! When orders arrive: a Hawkes process of buyers, sellers and quotes, thinned exactly.
//!
//! Hawkes 1971, doi:10.1093/biomet/58.1.83; simulation by thinning: Ogata 1981, doi:10.1109/TIT.1981.1056305.

use super::config::{FlowConfig, Style};
use super::draw::Draw;
use crate::math::exp;

/// Kind of an arrival: marketable orders of buyers and of sellers, and limit orders or cancels.
pub const BUYER: usize = 0;
/// See [`BUYER`].
pub const SELLER: usize = 1;
/// See [`BUYER`].
pub const QUOTE: usize = 2;

/// Intensities of the three kinds.
#[derive(Debug, Clone)]
pub struct Arrivals {
    base: [f64; 3],
    /// Mean number of children of the first index that one of the second causes.
    reach: [[f64; 3]; 3],
    decay: [f64; 2],
    share: [f64; 2],
    excited: [[f64; 2]; 3],
}

impl Arrivals {
    /// The arrivals of an instrument. In style B trades cause no trades.
    pub fn new(config: &FlowConfig) -> Self {
        let (same, cross) = match config.style {
            Style::A => (config.branching_same, config.branching_cross),
            Style::B => (0.0, 0.0),
        };
        // Without children, the same mean rate comes from more immigrants.
        let trades = config.trade_rate / (1.0 - config.branching_same - config.branching_cross) * (1.0 - same - cross);
        let quotes = config.quotes_per_trade;
        Self {
            base: [0.5 * trades, 0.5 * trades, config.quote_rate],
            reach: [[same, cross, 0.0], [cross, same, 0.0], [quotes, quotes, config.branching_quote]],
            decay: [config.kernel_decay.0, config.kernel_decay.1],
            share: [config.kernel_share, 1.0 - config.kernel_share],
            excited: [[0.0; 2]; 3],
        }
    }

    /// Stationary mean rates of marketable orders and of quotes at unit activity, 1/s.
    pub fn mean_rates(&self) -> (f64, f64) {
        let [[same, cross, _], _, [quotes, _, own]] = self.reach;
        let trades = (self.base[0] + self.base[1]) / (1.0 - same - cross);
        (trades, (self.base[2] + quotes * trades) / (1.0 - own))
    }

    /// Rates now, with the base multiplied by `activity`.
    #[inline]
    pub fn rates(&self, activity: f64) -> [f64; 3] {
        std::array::from_fn(|i| self.base[i] * activity + self.excited[i][0] + self.excited[i][1])
    }

    /// Lets `seconds` pass.
    #[inline]
    pub fn pass(&mut self, seconds: f64) {
        let g = [exp(-self.decay[0] * seconds), exp(-self.decay[1] * seconds)];
        for excited in &mut self.excited {
            excited[0] *= g[0];
            excited[1] *= g[1];
        }
    }

    /// One arrival of a kind: its children come.
    #[inline]
    pub fn excite(&mut self, kind: usize) {
        for i in 0..3 {
            for k in 0..2 {
                self.excited[i][k] += self.reach[i][kind] * self.share[k] * self.decay[k];
            }
        }
    }

    /// One arrival of a kind whose only children are quotes.
    pub fn excite_quotes(&mut self, kind: usize) {
        for k in 0..2 {
            self.excited[QUOTE][k] += self.reach[QUOTE][kind] * self.share[k] * self.decay[k];
        }
    }

    /// The kind that `point`, uniform below the sum of `rates`, falls on.
    #[inline]
    pub fn kind_of(rates: &[f64; 3], point: f64) -> Option<usize> {
        let mut left = point;
        for (kind, rate) in rates.iter().enumerate() {
            if left < *rate {
                return Some(kind);
            }
            left -= rate;
        }
        None
    }
}

/// A switch between calm and busy times (style B).
#[derive(Debug, Clone, Default)]
pub struct Switch {
    is_busy: bool,
}

impl Switch {
    /// Mean lengths of calm and busy times, seconds. Ours.
    const LENGTHS: (f64, f64) = (9.0, 1.0);
    /// Factor on rates when busy; that of calm times makes the mean 1. Ours.
    const BUSY: f64 = 5.0;

    /// Lets `seconds` pass, in steps of which the lengths are the means exactly.
    pub fn pass(&mut self, seconds: f64, draw: &mut Draw) {
        let length = if self.is_busy { Self::LENGTHS.1 } else { Self::LENGTHS.0 };
        if draw.happens(seconds / length) {
            self.is_busy = !self.is_busy;
        }
    }

    /// Factor on rates; its mean is 1.
    pub fn factor(&self) -> f64 {
        let (calm, busy) = Self::LENGTHS;
        if self.is_busy { Self::BUSY } else { (calm + busy - Self::BUSY * busy) / calm }
    }
}
