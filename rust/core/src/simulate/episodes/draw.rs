//! Which episodes a session has: every jump of the model becomes one, and pure ones come on their own.

use super::config::IntradayConfig;
use crate::instrument::OPEN_SECONDS;
use crate::labelled::draw::Draw;
use crate::market::clock::SESSIONS_PER_YEAR;
use crate::rng::Domain;

/// Episodes of one session at most: with a branching ratio below one more are a defect of the draw.
const MOST: usize = 64;
/// Blocks of random numbers of one session and purpose.
pub const BLOCKS_PER_SESSION: u32 = 1 << 12;

/// Variates of one session of a path for one purpose.
pub fn session_draw(seed: u64, domain: Domain, stream: u64, session: u32) -> Draw {
    Draw::starting_at(seed, domain, stream, session.wrapping_mul(BLOCKS_PER_SESSION))
}

/// The label of an episode. Nothing that a hedge may see depends on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A jump that overshoots.
    Ignition,
    /// A displacement that leaves nothing at the close.
    Pure,
    /// A jump that stays.
    News,
}

impl Kind {
    /// Names by number.
    pub const NAMES: [&str; 3] = ["ignition", "pure", "news"];
}

/// What a jump of the model leaves at the close of its session.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Jump {
    /// Log price.
    pub price: f64,
    /// Fast variance.
    pub v1: f64,
    /// Intensity under Q.
    pub intensity: f64,
}

/// One fast move of the price and what it does to volatility and quotes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Episode {
    /// Label.
    pub kind: Kind,
    /// Start, seconds after midnight New York.
    pub onset: i32,
    /// Time to the peak, seconds.
    pub rise: f64,
    /// +1 up, -1 down.
    pub sign: f64,
    /// Displacement at the peak, log points, not negative.
    pub amplitude: f64,
    /// Share of it that stays.
    pub retained: f64,
    /// The jump that it decomposes; zero for a pure episode.
    pub jump: Jump,
    /// Spread multiplier at the peak.
    pub spread: f64,
    /// Quote noise on spot VIX at the peak, log points.
    pub noise: f64,
    /// Half-life of the quote noise, seconds.
    pub noise_half_life: f64,
}

/// What the episodes of a session depend on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Circumstances<'a> {
    /// VIX at the open, points.
    pub vix: f64,
    /// Jumps between open and close.
    pub jumps: &'a [Jump],
    /// Close of the session, seconds after midnight New York.
    pub close: i32,
}

struct Drawing<'a> {
    config: &'a IntradayConfig,
    circumstances: Circumstances<'a>,
    draw: Draw,
}

impl Drawing<'_> {
    fn rise(&mut self) -> f64 {
        let longest = f64::from(self.circumstances.close - OPEN_SECONDS) / 3.0;
        self.draw.log_normal(self.config.rise_seconds, self.config.rise_spread).min(longest)
    }

    /// Latest onset that leaves the way back one time constant before the close.
    fn latest(&self, rise: f64) -> i32 {
        let latest = self.circumstances.close - (rise + self.config.reversion_seconds) as i32;
        latest.max(self.earliest())
    }

    fn earliest(&self) -> i32 {
        OPEN_SECONDS + self.config.coarse_seconds
    }

    /// On the grid of fine steps.
    fn on_grid(&self, seconds: f64) -> i32 {
        let step = self.config.fine_seconds;
        OPEN_SECONDS + (seconds as i32 - OPEN_SECONDS) / step * step
    }

    fn episode(&mut self, kind: Kind, onset: i32, rise: f64, move_: (f64, f64, f64), jump: Jump) -> Episode {
        let c = self.config;
        let (sign, amplitude, retained) = move_;
        let [low, high] = c.spread;
        let spread = self.draw.between(low, high);
        let noise = self.draw.uniform() * c.quote_noise * -crate::math::exp_m1(-amplitude / c.quote_noise_scale);
        let [short, long] = c.quote_noise_half_life;
        let noise_half_life = self.draw.between(short, long);
        // Quotes of puts run away when the index falls.
        let noise = if sign < 0.0 { noise } else { 0.0 };
        Episode { kind, onset, rise, sign, amplitude, retained, jump, spread, noise, noise_half_life }
    }

    fn of_jump(&mut self, jump: Jump) -> Episode {
        let c = self.config;
        let ignition = self.draw.happens(c.ignition_share);
        let share =
            self.draw.beta(c.retained * c.retained_concentration, (1.0 - c.retained) * c.retained_concentration);
        let rise = self.rise();
        let place = self.draw.uniform();
        let latest = self.latest(rise);
        let onset = self.on_grid(f64::from(self.earliest()) + place * f64::from(latest - self.earliest()));
        let size = jump.price.abs();
        let kind = if ignition { Kind::Ignition } else { Kind::News };
        // Only a fall overshoots, and not beyond the largest displacement.
        let amplitude = if ignition && jump.price < 0.0 { (size / share).min(c.largest.max(size)) } else { size };
        let sign = if jump.price < 0.0 { -1.0 } else { 1.0 };
        let retained = if amplitude > 0.0 { size / amplitude } else { 1.0 };
        self.episode(kind, onset, rise, (sign, amplitude, retained), jump)
    }

    /// A pure episode; `after` is the peak of the one that set it off.
    fn pure(&mut self, after: Option<f64>) -> Option<Episode> {
        let c = self.config;
        let daily = self.circumstances.vix / 100.0 / SESSIONS_PER_YEAR.sqrt();
        let amplitude = (c.pure_scale * daily * self.draw.pareto(c.pure_tail)).min(c.largest);
        let sign = if self.draw.happens(c.pure_down) { -1.0 } else { 1.0 };
        let rise = self.rise();
        let place = self.draw.uniform();
        let latest = self.latest(rise);
        let onset = match after {
            Some(peak) => peak - c.reignition_seconds * crate::math::ln(place),
            None => f64::from(self.earliest()) + place * f64::from(latest - self.earliest()),
        };
        let episode =
            self.episode(Kind::Pure, self.on_grid(onset.min(1e6)), rise, (sign, amplitude, 0.0), Jump::default());
        (episode.onset <= latest).then_some(episode)
    }
}

/// Draws the episodes of a session, in the order of their onset: those of its jumps, pure ones, and their successors.
pub fn draw(config: &IntradayConfig, circumstances: Circumstances<'_>, draw: Draw) -> Vec<Episode> {
    let mut drawing = Drawing { config, circumstances, draw };
    let mut episodes: Vec<Episode> = circumstances.jumps.iter().map(|&jump| drawing.of_jump(jump)).collect();
    let mean = config.pure_rate * circumstances.vix / 20.0 / SESSIONS_PER_YEAR;
    let immigrants = drawing.draw.poisson(mean);
    for _ in 0..immigrants {
        episodes.extend(drawing.pure(None));
    }
    let mut index = 0;
    while index < episodes.len() && episodes.len() < MOST {
        let parent = episodes[index];
        index += 1;
        if parent.kind == Kind::News {
            continue;
        }
        let successors = drawing.draw.poisson(config.reignition);
        for _ in 0..successors {
            episodes.extend(drawing.pure(Some(f64::from(parent.onset) + parent.rise)));
        }
    }
    episodes.sort_by_key(|episode| episode.onset);
    episodes
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::instrument::CLOSE_SECONDS;

    const JUMP: Jump = Jump { price: -0.02, v1: 0.03, intensity: 1.7 };

    fn many(config: &IntradayConfig, jumps: &[Jump], n: u32) -> Vec<Vec<Episode>> {
        let circumstances = Circumstances { vix: 20.0, jumps, close: CLOSE_SECONDS };
        (0..n).map(|session| draw(config, circumstances, session_draw(3, Domain::Episodes, 0, session))).collect()
    }

    #[test]
    fn a_jump_is_never_lost_and_never_changed() {
        for episodes in many(&IntradayConfig::default(), &[JUMP, Jump { price: 0.01, ..JUMP }], 2_000) {
            let sum = |f: fn(&Jump) -> f64| episodes.iter().map(|e| f(&e.jump)).sum::<f64>();
            assert!((sum(|j| j.price) + 0.01).abs() < 1e-15 && (sum(|j| j.v1) - 0.06).abs() < 1e-15);
            for episode in &episodes {
                let stays = episode.sign * episode.amplitude * episode.retained;
                assert!((stays - episode.jump.price).abs() < 1e-15);
                assert!(episode.onset > OPEN_SECONDS && f64::from(episode.onset) + episode.rise < 57_600.0);
                assert_eq!((episode.onset - OPEN_SECONDS) % 5, 0);
            }
        }
    }

    #[test]
    fn a_half_day_has_room_for_all() {
        let config = IntradayConfig { rise_seconds: 3_600.0, pure_rate: 100.0, ..IntradayConfig::default() };
        let circumstances = Circumstances { vix: 20.0, jumps: &[JUMP], close: 46_800 };
        for session in 0..500 {
            for episode in draw(&config, circumstances, session_draw(3, Domain::Episodes, 0, session)) {
                assert!(episode.onset > OPEN_SECONDS && f64::from(episode.onset) + episode.rise < 46_800.0);
            }
        }
    }

    #[test]
    fn shares_and_rates_are_those_of_the_configuration() {
        let config = IntradayConfig { reignition: 0.0, ..IntradayConfig::default() };
        let n = 20_000;
        let episodes: Vec<Episode> = many(&config, &[JUMP], n).into_iter().flatten().collect();
        let count = |kind| episodes.iter().filter(|e| e.kind == kind).count() as f64;
        let total = f64::from(n);
        let near = |got: f64, share: f64| (got - share * total).abs() < 4.0 * (share * (1.0 - share) * total).sqrt();
        assert!(near(count(Kind::Ignition), 0.25), "{}", count(Kind::Ignition));
        assert!(near(count(Kind::News), 0.75), "{}", count(Kind::News));
        let pure = 6.0 / 252.0 * total;
        assert!((count(Kind::Pure) - pure).abs() < 4.0 * pure.sqrt(), "{} {pure}", count(Kind::Pure));
        let overshoots: Vec<f64> = episodes.iter().filter(|e| e.kind == Kind::Ignition).map(|e| e.retained).collect();
        let mean = overshoots.iter().sum::<f64>() / overshoots.len() as f64;
        // Beta(15, 25) has standard deviation 0.0756.
        assert!((mean - 0.375).abs() < 4.0 * 0.0756 / (overshoots.len() as f64).sqrt(), "{mean}");
    }

    #[test]
    fn successors_multiply_by_the_branching_ratio() {
        let quiet = IntradayConfig { pure_rate: 60.0, reignition: 0.0, ..IntradayConfig::default() };
        let busy = IntradayConfig { reignition: 0.5, reignition_seconds: 60.0, ..quiet.clone() };
        let count = |config| many(config, &[], 20_000).iter().map(Vec::len).sum::<usize>() as f64;
        let ratio = count(&busy) / count(&quiet);
        // 1/(1 - 1/2), less the few that come too late in the day.
        assert!((1.8..2.03).contains(&ratio), "{ratio}");
    }
}
