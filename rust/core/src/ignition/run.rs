//! One alarm on its way to an outcome: its peak, its retrace, the volume on the way.

use serde::{Deserialize, Serialize};

use super::episode::{Episode, Moment, Outcome};
use super::machine::{Books, Change, Sight, predictor, score_of, scored};
use super::traders::Traders;
use crate::events::side;

/// An episode that is followed.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Run {
    /// Number of the episode.
    pub episode: usize,
    /// Who traded since the burst.
    pub traders: Traders,
    push_volume: f64,
    push_steps: f64,
    retrace_volume: f64,
    retrace_steps: f64,
}

impl Run {
    /// Begins an episode at the alarm; `traders` are those since the burst.
    pub fn ignite(
        sight: &Sight<'_>,
        episodes: &mut Vec<Episode>,
        direction: f64,
        onset: Moment,
        was_armed: bool,
        score: f64,
        burst: f64,
        traders: &mut Traders,
    ) -> Self {
        let (config, clock) = (sight.config, sight.clock);
        let consumed = if direction > 0.0 { side::ASK } else { side::BID };
        let number = episodes.len();
        episodes.push(Episode {
            clock: sight.durations.clock as u8,
            side: direction as i8,
            outcome: Outcome::Open,
            was_armed,
            onset,
            detected: sight.now,
            cascade: Moment::NONE,
            peak: sight.now,
            end: Moment::NONE,
            reference_price: clock.reference(),
            detected_price: clock.book.mid,
            peak_price: clock.book.mid,
            end_price: f64::NAN,
            retrace: 0.0,
            score,
            push_z: clock.push_z(config) * direction,
            velocity_z: clock.velocity_z(config) * direction,
            volume_burst: burst,
            thinning: clock.thinning(consumed),
            cascade_share: clock.cascade_share(),
            levels_swept: clock.levels_swept(),
            branching_jump: f64::NAN,
            sigma: clock.sigma(),
            participant: 0,
            participant_share: f64::NAN,
            participant_reversal: f64::NAN,
        });
        Self {
            episode: number,
            traders: std::mem::take(traders),
            push_volume: 0.0,
            push_steps: 0.0,
            retrace_volume: 0.0,
            retrace_steps: 0.0,
        }
    }

    /// Gathers evidence: the extremes of the features in the direction of the move.
    pub fn gather(&self, sight: &Sight<'_>, episodes: &mut [Episode], push: f64, burst: f64) {
        let (config, clock, episode) = (sight.config, sight.clock, &mut episodes[self.episode]);
        let direction = f64::from(episode.side);
        let consumed = if direction > 0.0 { side::ASK } else { side::BID };
        episode.push_z = episode.push_z.max(push * direction);
        episode.velocity_z = episode.velocity_z.max(clock.velocity_z(config) * direction);
        episode.volume_burst = episode.volume_burst.max(burst);
        episode.thinning = episode.thinning.min(clock.thinning(consumed));
        episode.cascade_share = episode.cascade_share.max(clock.cascade_share());
        episode.levels_swept = episode.levels_swept.max(clock.levels_swept());
        let score = score_of(predictor(config, scored(config, clock, direction, push)));
        episode.score = episode.score.max(score);
    }

    /// Moves on by a cell; says how the episode ended if it did.
    pub fn step(&mut self, sight: &Sight<'_>, episodes: &mut [Episode]) -> Option<Outcome> {
        let (config, clock, durations) = (sight.config, sight.clock, sight.durations);
        let episode = &mut episodes[self.episode];
        let direction = f64::from(episode.side);
        let mid = clock.book.mid;
        let rate = clock.volume_rate(config);
        if (mid - episode.peak_price) * direction > 0.0 {
            (episode.peak, episode.peak_price) = (sight.now, mid);
            self.push_volume += self.retrace_volume;
            self.push_steps += self.retrace_steps;
            (self.retrace_volume, self.retrace_steps) = (0.0, 0.0);
        }
        if episode.peak.ts == sight.now.ts {
            (self.push_volume, self.push_steps) = (self.push_volume + rate, self.push_steps + 1.0);
        } else {
            (self.retrace_volume, self.retrace_steps) = (self.retrace_volume + rate, self.retrace_steps + 1.0);
        }
        let moved = (episode.peak_price - episode.reference_price) * direction;
        episode.retrace = if moved > 0.0 { (episode.peak_price - mid) * direction / moved } else { 0.0 };
        if episode.cascade.event < 0 {
            let enough = config
                .cascade_ticks
                .max(config.cascade_sigma[durations.clock] * episode.sigma)
                .max(config.cascade_bp * 1e-4 * episode.reference_price.abs());
            if moved >= enough {
                episode.cascade = sight.now;
                episode.branching_jump = clock.features(config).branching_change;
                return None;
            }
            return (sight.now.ts - episode.detected.ts > durations.cascade_window).then_some(Outcome::Expired);
        }
        if sight.now.ts - episode.peak.ts > durations.retrace_window {
            return Some(Outcome::Continued);
        }
        (episode.retrace >= config.retrace_share && self.retrace_is_quieter()).then_some(Outcome::Reverted)
    }

    /// Whether the mean volume rate since the peak is below that of the push.
    fn retrace_is_quieter(&self) -> bool {
        self.retrace_volume * self.push_steps < self.push_volume * self.retrace_steps
    }

    /// Writes the end of the episode.
    pub fn finish(&self, outcome: Outcome, sight: &Sight<'_>, books: &mut Books<'_>) -> Change {
        let episode = &mut books.episodes[self.episode];
        episode.outcome = outcome;
        episode.end = sight.now;
        episode.end_price = sight.clock.book.mid;
        let (participant, share, reversal) = self.traders.heaviest(episode.side);
        (episode.participant, episode.participant_share, episode.participant_reversal) = (participant, share, reversal);
        Change::of(self.episode, episode)
    }
}
