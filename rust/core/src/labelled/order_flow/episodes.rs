//! How an episode is played.

use super::{Action, World};
use crate::labelled::config::{FlowConfig, Style};
use crate::labelled::script::{Kind, Script};
use crate::math::exp;

impl World<'_> {
    /// The episode moves on.
    pub(super) fn play(&mut self, seconds: f64) {
        let Some(mut script) = self.script.take() else {
            self.begin();
            return;
        };
        let ordinary = self.arrivals.mean_rates().0;
        let buyer = script.side > 0;
        if script.has_volume && self.now < script.ignition {
            // The unit sets the pace: a slow episode's burst is as large a share of the flow of its own time.
            for _ in 0..self.draw.poisson(script.volume_factor * ordinary * seconds) {
                let (at, buyer) = (self.soon(), self.draw.happens(0.5));
                self.plan(at, Action::Wash { buyer });
            }
        }
        if self.now >= script.ignition && script.anchor.is_nan() {
            script.anchor = self.permanent + self.transient;
            self.strike(&script);
        }
        self.displacement = script.displacement(self.now);
        if script.amplitude > 0.0 && self.now >= script.ignition {
            if self.now < script.push_end {
                for _ in 0..self.draw.poisson(script.push_factor * ordinary * seconds) {
                    let at = self.soon();
                    self.plan(at, Action::Child { buyer });
                }
            } else if script.kind == Kind::Ignition {
                let since = (self.now - script.push_end) as f64 * 1e-9;
                let rate = 0.3 * script.push_factor * ordinary * exp(-since / script.decay());
                if self.draw.happens(rate.min(30.0) * seconds) {
                    let at = self.soon();
                    self.plan(at, Action::Unwind { buyer: !buyer });
                }
            }
            let mid = 0.5 * self.ladder.double_mid() as f64;
            let moved = (mid - script.anchor) * script.side as f64;
            while script.stops.first().is_some_and(|&distance| distance <= moved) {
                script.stops.remove(0);
                let at = self.delay(0.5, 50.0);
                self.plan(at, Action::Stop { buyer });
            }
        }
        if self.now >= script.end {
            // What is left of the displacement is value from here on.
            self.permanent += self.displacement;
            self.displacement = 0.0;
            let gap = script_gap(self.config, script.unit) * (0.5 + 0.5 * self.episode_draw.exponential());
            self.next_onset = self.now + (gap * 1e9) as i64;
            self.scripts.push(script);
        } else {
            self.script = Some(script);
        }
    }

    /// Draws the next episode when its time has come.
    pub(super) fn begin(&mut self) {
        if self.now < self.next_onset {
            return;
        }
        let choice = self.episode_draw.below(self.config.episodes.len());
        let plan = &self.config.episodes[choice];
        let sigma = self.variance.sqrt().max(0.5);
        let number = self.scripts.len() as u64;
        let least = 6.0 * self.config.half_spread + 2.0 * self.config.level_gap;
        let draw = &mut self.episode_draw;
        self.script = Some(Script::draw(plan, self.config.style, self.now, sigma, least, number, draw));
    }

    /// What happens at the moment of ignition.
    pub(super) fn strike(&mut self, script: &Script) {
        let buyer = script.side > 0;
        let of = usize::from(buyer);
        if script.kind == Kind::Sweep {
            let at = self.soon();
            self.plan(at, Action::Sweep { buyer, levels: script.levels });
        }
        if script.thinning < 1.0 {
            let orders = self.config.touch_depth / self.config.order_size.0 * (1.0 + 2.0 * self.config.depth_slope);
            let count = match self.config.style {
                Style::A => 5.0 * (1.0 - script.thinning) * orders.min(40.0),
                Style::B => 3.0 * (1.0 - script.thinning),
            };
            let length = (script.push_end - script.ignition) as f64;
            for _ in 0..count as usize {
                let at = self.now + 1 + (0.6 * length * self.draw.uniform()) as i64;
                self.plan(at, Action::Pull { of });
            }
        }
    }
}

/// Quiet time after episodes of this unit, seconds.
fn script_gap(config: &FlowConfig, unit: f64) -> f64 {
    config.episodes.iter().find(|plan| (plan.unit - unit).abs() < 1e-9).map_or(60.0, |plan| plan.gap)
}
