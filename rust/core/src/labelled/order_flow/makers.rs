//! What makers do: where they quote, how much, and when they go away.

use super::{RUNGS, World};
use crate::labelled::config::Style;
use crate::labelled::ladder::SideIndex;

impl World<'_> {
    /// Where makers want the best quote of a side, as a rank.
    #[inline]
    pub(super) fn fair(&self, of: SideIndex) -> f64 {
        let value = if of == 0 { self.value() } else { -self.value() };
        value - self.half_spread
    }

    /// Distance within which a quote is left where it is, ticks: less would flicker on the grid.
    pub(super) fn tolerance(&self) -> f64 {
        0.35 + 0.25 * self.config.level_gap
    }

    /// How far the best quote of each side is beyond what makers want, ticks, bounded.
    #[inline]
    pub(super) fn staleness(&self) -> [f64; 2] {
        let most = 8.0 * self.config.half_spread;
        std::array::from_fn(|of| {
            (self.ladder.best(of) as f64 - self.fair(of) - self.tolerance() - self.half_spread).clamp(0.0, most)
        })
    }

    /// Mean lots at a level.
    pub(super) fn target(&self, of: SideIndex, level: usize) -> f64 {
        let level = level.min(9) as f64;
        let shape = match self.config.style {
            Style::A => 1.0 + self.config.depth_slope * level,
            Style::B => 1.6 / (1.0 + self.config.depth_slope * level),
        };
        self.config.touch_depth * shape * self.depth_factor[of]
    }

    pub(super) fn order_size(&mut self) -> i64 {
        let (median, deviation) = self.config.order_size;
        match self.config.style {
            Style::A => (self.draw.log_normal(median, deviation) as i64).max(1),
            Style::B => {
                // Round lots: a few multiples of one size.
                let unit = (0.5 * median).max(1.0);
                let multiple = [1.0, 1.0, 2.0, 2.0, 4.0, 10.0][self.draw.below(6)];
                (unit * multiple) as i64
            }
        }
    }

    pub(super) fn trade_size(&mut self) -> i64 {
        let (median, deviation) = self.config.trade_size;
        let size = match self.config.style {
            Style::A => self.draw.log_normal(median, deviation),
            Style::B => 0.6 * median * self.draw.pareto(1.4).min(60.0),
        };
        let (probability, exponent) = self.config.large_trade;
        let factor = if self.draw.happens(probability) { 5.0 * self.draw.pareto(exponent).min(20.0) } else { 1.0 };
        ((size * factor) as i64).max(1)
    }

    /// A maker adds, improves or cancels.
    pub(super) fn quote(&mut self) {
        let of = self.draw.below(2);
        let fair = self.fair(of);
        let best = self.ladder.best(of) as f64;
        let tolerance = self.tolerance();
        // Ranks of the two sides add to minus the spread: a quote must stay below the other side.
        let most = -self.ladder.best(1 - of) - 1;
        let is_stale = best > fair + tolerance;
        if is_stale && self.ladder.rungs(of) > 1 && self.draw.happens(0.85) {
            match self.config.style {
                Style::A => self.cancel(of, 0),
                Style::B => self.cancel_level(of),
            }
        } else if best < fair - tolerance && (best as i64) < most && self.draw.happens(0.75) {
            let wanted = libm::floor(fair + self.draw.between(0.0, tolerance)) as i64;
            let rank = wanted.clamp(best as i64 + 1, most);
            let size = match self.config.style {
                Style::A => self.order_size(),
                Style::B => (0.4 * self.target(of, 0)) as i64 + 1,
            };
            self.add(of, rank, size);
        } else {
            self.ordinary_quote(of, is_stale);
        }
        self.deepen(of);
    }

    pub(super) fn ordinary_quote(&mut self, of: SideIndex, is_stale: bool) {
        let level = match self.config.style {
            Style::A if self.draw.happens(0.3) => 0,
            Style::A => 1 + self.draw.geometric(2.5) as usize,
            Style::B => self.draw.below(10),
        };
        let level = level.min(self.ladder.rungs(of) - 1).max(usize::from(is_stale));
        let Some(rung) = self.ladder.rung(of, level) else { return };
        let (rank, size) = (rung.rank, rung.size as f64);
        let target = self.target(of, level);
        let wants_more = match self.config.style {
            Style::A => self.draw.happens(target / (target + size)),
            Style::B => size < target * self.draw.between(0.6, 1.4),
        };
        if wants_more {
            let below = self.ladder.rung(of, level + 1).map_or(i64::MIN / 8, |next| next.rank);
            let gap = (rank - below) as f64;
            let is_hole = below > i64::MIN / 8 && gap > 1.5 * self.config.level_gap && rank - below > 1;
            let rank = if is_hole && self.draw.happens(0.4) {
                let step = (0.5 * self.config.level_gap * (1.0 + self.draw.uniform())).min(gap - 1.0);
                rank - (step as i64).max(1)
            } else {
                rank
            };
            let size = self.order_size();
            self.add(of, rank, size);
        } else if level > 0 || self.ladder.rungs(of) > 2 {
            self.cancel(of, level);
        }
    }

    pub(super) fn add(&mut self, of: SideIndex, rank: i64, size: i64) {
        let owner = 1 + self.draw.below(20) as u64;
        self.ladder.add(self.now, of, rank, size, owner);
        while self.ladder.rungs(of) > RUNGS.1 {
            self.ladder.drop_worst(self.now, of);
        }
    }

    pub(super) fn cancel(&mut self, of: SideIndex, level: usize) {
        let choice = self.draw.below(1 << 16);
        self.ladder.cancel(self.now, of, level, choice);
    }

    /// Takes the best level away whole.
    pub(super) fn cancel_level(&mut self, of: SideIndex) {
        let rank = self.ladder.best(of);
        while self.ladder.best(of) == rank && self.ladder.rungs(of) > 1 {
            self.ladder.cancel(self.now, of, 0, 0);
        }
    }

    /// Puts orders behind the worst price until the book is deep enough; they stood there unseen.
    pub(super) fn deepen(&mut self, of: SideIndex) {
        while self.ladder.rungs(of) < RUNGS.0 {
            let level = self.ladder.rungs(of);
            let Some(worst) = self.ladder.rung(of, level - 1) else { return };
            let rank = worst.rank - 1 - self.draw.geometric(self.config.level_gap - 1.0);
            let size = self.target(of, level) * self.draw.between(0.5, 1.3);
            for _ in 0..3 {
                self.add(of, rank, (size / 3.0) as i64 + 1);
            }
        }
    }
}
