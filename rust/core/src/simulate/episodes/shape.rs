//! What an episode does at a time of its day.
//!
//! The displacement accelerates to its peak and comes back exponentially; all that is transient ends at the close
//! exactly, because every decay is measured from its value at the close.

use super::config::IntradayConfig;
use super::draw::Episode;
use crate::math::{exp, exp_m1, ln_1p};

/// What an episode adds at one time.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Effect {
    /// Displacement of the log price.
    pub displacement: f64,
    /// Share of the jumps of variance and intensity that has happened.
    pub progress: f64,
    /// Transient part of ln VIX.
    pub excess: f64,
    /// Spread multiplier less one.
    pub spread: f64,
    /// Quote noise on spot VIX.
    pub noise: f64,
}

/// An episode with what its effects are computed from.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shape {
    onset: f64,
    peak: f64,
    close: f64,
    rise: f64,
    acceleration: f64,
    /// 1/(exp(a) - 1).
    scale: f64,
    displacement: f64,
    retained: f64,
    vix_beta: f64,
    /// What the jump adds to VIX squared, relative to VIX squared before.
    permanent: f64,
    peak_excess: f64,
    fast_share: f64,
    spread: f64,
    noise: f64,
    reversion: f64,
    noise_rate: f64,
    /// What the two exponentials are at the close.
    left: f64,
    noise_left: f64,
}

impl Shape {
    /// `permanent` is what the episode's jump adds to VIX squared over VIX squared before the session.
    pub fn new(config: &IntradayConfig, episode: &Episode, permanent: f64, close: i32) -> Self {
        let close = f64::from(close);
        let peak = f64::from(episode.onset) + episode.rise;
        let displacement = episode.sign * episode.amplitude;
        let (reversion, noise_rate) =
            (1.0 / config.reversion_seconds, std::f64::consts::LN_2 / episode.noise_half_life);
        let permanent = permanent.max(0.0);
        Self {
            onset: f64::from(episode.onset),
            peak,
            close,
            rise: episode.rise,
            acceleration: config.acceleration,
            scale: 1.0 / exp_m1(config.acceleration),
            displacement,
            retained: episode.retained,
            vix_beta: config.vix_beta,
            permanent,
            peak_excess: -config.vix_beta * displacement - 0.5 * ln_1p(permanent),
            fast_share: config.fast_share,
            spread: episode.spread - 1.0,
            noise: episode.noise,
            reversion,
            noise_rate,
            left: exp(-(close - peak) * reversion),
            noise_left: exp(-(close - peak) * noise_rate),
        }
    }

    /// The effect at a time of day, seconds after midnight New York, not after the close.
    pub fn at(&self, seconds: f64) -> Effect {
        if seconds <= self.onset {
            return Effect::default();
        }
        if seconds < self.peak {
            let g = exp_m1(self.acceleration * (seconds - self.onset) / self.rise) * self.scale;
            let displacement = self.displacement * g;
            return Effect {
                displacement,
                progress: g,
                excess: -self.vix_beta * displacement - 0.5 * ln_1p(self.permanent * g),
                spread: self.spread * g,
                noise: self.noise * g,
            };
        }
        let since = seconds - self.peak;
        let fast = (exp(-since * self.reversion) - self.left) / (1.0 - self.left);
        let slow = (self.close - seconds) / (self.close - self.peak);
        let noise = if self.noise > 0.0 {
            self.noise * (exp(-since * self.noise_rate) - self.noise_left) / (1.0 - self.noise_left)
        } else {
            0.0
        };
        Effect {
            displacement: self.displacement * (self.retained + (1.0 - self.retained) * fast),
            progress: 1.0,
            excess: self.peak_excess * (self.fast_share * fast + (1.0 - self.fast_share) * slow),
            spread: self.spread * fast,
            noise,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::draw::{Jump, Kind};
    use super::*;

    fn episode() -> Episode {
        Episode {
            kind: Kind::Ignition,
            onset: 52_860,
            rise: 270.0,
            sign: -1.0,
            amplitude: 0.05,
            retained: 0.4,
            jump: Jump { price: -0.02, v1: 0.03, intensity: 1.7 },
            spread: 5.0,
            noise: 0.2,
            noise_half_life: 2_400.0,
        }
    }

    fn shape(permanent: f64) -> Shape {
        Shape::new(&IntradayConfig::default(), &episode(), permanent, 57_600)
    }

    #[test]
    fn it_begins_with_nothing_and_ends_with_the_jump_alone() {
        let shape = shape(0.5);
        assert_eq!(shape.at(52_860.0), Effect::default());
        let close = shape.at(57_600.0);
        assert!((close.displacement + 0.02).abs() < 1e-17);
        assert_eq!(close, Effect { displacement: close.displacement, progress: 1.0, ..Effect::default() });
    }

    #[test]
    fn it_is_continuous_at_the_peak() {
        let shape = shape(0.5);
        let (before, after) = (shape.at(53_130.0 - 1e-9), shape.at(53_130.0));
        for (a, b) in [
            (before.displacement, after.displacement),
            (before.progress, after.progress),
            (before.excess, after.excess),
            (before.spread, after.spread),
            (before.noise, after.noise),
        ] {
            assert!((a - b).abs() < 1e-9, "{a} {b}");
        }
        assert!((after.displacement + 0.05).abs() < 1e-15);
        assert!((after.spread - 4.0).abs() < 1e-12 && (after.noise - 0.2).abs() < 1e-12);
    }

    #[test]
    fn vix_rises_by_its_beta_whatever_the_jump_leaves() {
        for permanent in [0.0, 0.5, 2.0] {
            let shape = shape(permanent);
            for seconds in [52_900.0, 53_000.0, 53_130.0] {
                let effect = shape.at(seconds);
                let total = effect.excess + 0.5 * ln_1p(permanent * effect.progress);
                assert!((total + 4.3 * effect.displacement).abs() < 1e-12);
            }
        }
    }

    #[test]
    fn the_fall_accelerates_as_in_the_runs_of_the_order_flow() {
        // MODEL.md section 5, item 3: 18 to 21 % of the fall in the first half of the time.
        let half = shape(0.0).at(52_860.0 + 135.0).displacement / -0.05;
        assert!((0.17..0.22).contains(&half), "{half}");
    }
}
