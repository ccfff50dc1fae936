//! A session with episodes, step by step, between two closes that stay what they are.
//!
//! Without its jumps the log price is a Brownian bridge on the business clock from one close to the next, the state a
//! straight line; jumps come in as episodes do ([`super::shape`]) or over the night. The last step is the closing state
//! itself, bit for bit.

use super::config::IntradayConfig;
use super::draw::{Drawn, Jump};
use super::shape::{Effect, Shape};
use crate::instrument::OPEN_SECONDS;
use crate::labelled::draw::Draw;
use crate::market::clock::SESSIONS_PER_YEAR;
use crate::math::{exp, ln};
use crate::pricing::transform::State;
use crate::pricing::vix_transform::Squared;

/// Seconds before the close in which exchange-traded products rebalance: 15:35 to 16:00 on 2018-02-05.
const REBALANCING_SECONDS: i32 = 1_500;

/// The market at a close.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Close {
    /// Log of the index.
    pub log_spot: f64,
    /// Hidden state, the intensity under Q.
    pub state: State,
}

/// Two closes and what lies between.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span {
    /// Close before the session.
    pub before: Close,
    /// Close of the session.
    pub after: Close,
    /// Share of the session's time that has passed at its open.
    pub share_at_open: f64,
    /// Close, seconds after midnight New York.
    pub close: i32,
    /// VIX squared as a function of the state.
    pub squared: Squared,
    /// +1, or -1 for the mirrored path of a pair.
    pub mirror: f64,
}

/// The steps of a session with episodes, in columns.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FinePath {
    /// Seconds after midnight New York, ascending, the last at the close.
    pub seconds: Vec<i32>,
    /// Log of the index.
    pub log_spot: Vec<f64>,
    /// Hidden state without what is transient.
    pub state: Vec<State>,
    /// What an episode adds to the fast variance for minutes.
    pub transient: Vec<f64>,
    /// VIX of the hidden state alone, points.
    pub vix_state: Vec<f64>,
    /// VIX without quote noise, points.
    pub vix: Vec<f64>,
    /// Spot VIX as quoted, points.
    pub vix_quoted: Vec<f64>,
    /// Spread multiplier m(t) of the episodes.
    pub spread: Vec<f64>,
    /// Displacement of all episodes together.
    pub displacement: Vec<f64>,
    /// Shock on the first two VIX futures by rebalancing, log points.
    pub rebalancing: Vec<f64>,
}

impl FinePath {
    /// Number of steps.
    pub fn len(&self) -> usize {
        self.seconds.len()
    }

    /// Whether there is no step.
    pub fn is_empty(&self) -> bool {
        self.seconds.is_empty()
    }

    fn clear(&mut self) {
        self.seconds.clear();
        self.state.clear();
        for column in [
            &mut self.log_spot,
            &mut self.transient,
            &mut self.vix_state,
            &mut self.vix,
            &mut self.vix_quoted,
            &mut self.spread,
            &mut self.displacement,
            &mut self.rebalancing,
        ] {
            column.clear();
        }
    }
}

/// Share of the variance of a session's trading hours that has passed at a share of their time.
///
/// Density 1 + u (12 (x - 1/2)^2 - 1): u = 0 is flat, ends at 1 + 2u, noon at 1 - u.
pub fn diurnal(u: f64, x: f64) -> f64 {
    let centred = x - 0.5;
    x + u * (4.0 * (centred * centred * centred) + 0.5 - x)
}

/// Shock on the first two VIX futures at a close: in proportion to the log move of VIX, in full where it doubled.
pub fn rebalancing_at_close(config: &IntradayConfig, vix_before: f64, vix_after: f64) -> f64 {
    if config.rebalancing == 0.0 {
        return 0.0;
    }
    config.rebalancing * (ln(vix_after / vix_before) / std::f64::consts::LN_2).clamp(0.0, 1.0)
}

/// Factor on the future of `months` to expiry: the transient part of VIX passed through, and the shock by rebalancing.
///
/// `shares` are those of [`super::config::PassThrough::shares`]; between whole months they are interpolated, nearer
/// than one month they rise to 1, so that a future that expires now moves as VIX does.
pub fn future_factor(shares: &[f64], months: f64, vix: f64, vix_state: f64, rebalancing: f64) -> f64 {
    let below = months.clamp(0.0, shares.len() as f64) as usize;
    let left = if below == 0 { 1.0 } else { shares[below - 1] };
    let right = if below < shares.len() { shares[below] } else { left };
    let share = left + (right - left) * (months - below as f64).clamp(0.0, 1.0);
    let passed = 1.0 + share * (vix / vix_state - 1.0);
    // Products hold the first two contracts.
    if rebalancing != 0.0 && months < 2.0 { passed * exp(rebalancing) } else { passed }
}

/// Times of a session: fine inside the episodes, coarse on the rest.
fn grid(config: &IntradayConfig, drawn: &Drawn, close: i32, seconds: &mut Vec<i32>) {
    let tail = config.fine_tail * config.reversion_seconds;
    let mut fine_until = i32::MIN;
    let mut next = drawn.episodes.iter().peekable();
    let mut now = OPEN_SECONDS;
    while now < close {
        seconds.push(now);
        while let Some(episode) = next.next_if(|episode| episode.onset <= now) {
            fine_until = fine_until.max((f64::from(episode.onset) + episode.rise + tail) as i32);
        }
        let coarse = now + config.coarse_seconds - (now - OPEN_SECONDS) % config.coarse_seconds;
        now = if now < fine_until {
            now + config.fine_seconds
        } else {
            next.peek().map_or(coarse, |episode| coarse.min(episode.onset))
        };
    }
    seconds.push(close);
}

fn vix_of(squared: &Squared, state: State) -> f64 {
    100.0 * squared.at(state).sqrt()
}

/// Writes the session into `path`. `bridge` draws the noise between the closes, `rebalanced` is the shock on futures at
/// the close before.
pub fn fill(
    config: &IntradayConfig,
    span: &Span,
    drawn: &Drawn,
    rebalanced: f64,
    mut bridge: Draw,
    path: &mut FinePath,
) {
    path.clear();
    grid(config, drawn, span.close, &mut path.seconds);
    let (before, after) = (span.before, span.after);
    let squared = &span.squared;
    let base = squared.at(before.state);
    let permanent = |jump: &Jump| (squared.b1 * jump.v1 + squared.c * jump.intensity) / base;
    let shapes: Vec<(Shape, Jump)> = drawn
        .episodes
        .iter()
        .map(|episode| (Shape::new(config, episode, permanent(&episode.jump), span.close), episode.jump))
        .collect();
    let mut jumps = drawn.overnight;
    for (_, jump) in &shapes {
        jumps.price += jump.price;
        jumps.v1 += jump.v1;
        jumps.intensity += jump.intensity;
    }
    let end = State {
        v1: (after.state.v1 - jumps.v1).max(0.0),
        v2: after.state.v2,
        intensity: (after.state.intensity - jumps.intensity).max(0.0),
    };
    let price_end = after.log_spot - jumps.price;
    let integral = 0.5 * (before.state.v1 + before.state.v2 + end.v1 + end.v2) / SESSIONS_PER_YEAR;
    let (vix_before, vix_after) = (vix_of(squared, before.state), vix_of(squared, after.state));
    let shock = rebalancing_at_close(config, vix_before, vix_after);
    let length = f64::from(span.close - OPEN_SECONDS);
    let (mut price, mut passed) = (before.log_spot, 0.0);
    for index in 0..path.seconds.len() - 1 {
        let seconds = path.seconds[index];
        let of_day = f64::from(seconds - OPEN_SECONDS) / length;
        let share = span.share_at_open + (1.0 - span.share_at_open) * diurnal(config.u_shape, of_day);
        let step = share - passed;
        if step > 0.0 {
            let deviation = (integral * step * (1.0 - share) / (1.0 - passed)).sqrt();
            price += (price_end - price) * step / (1.0 - passed) + deviation * span.mirror * bridge.normal();
            passed = share;
        }
        let mut total = Effect::default();
        let mut happened = drawn.overnight;
        for (shape, jump) in &shapes {
            let effect = shape.at(f64::from(seconds));
            total.displacement += effect.displacement;
            total.excess += effect.excess;
            total.spread = total.spread.max(effect.spread);
            total.noise += effect.noise;
            happened.v1 += effect.progress * jump.v1;
            happened.intensity += effect.progress * jump.intensity;
        }
        let between = |a: f64, b: f64| a + (b - a) * share;
        let state = State {
            v1: between(before.state.v1, end.v1) + happened.v1,
            v2: between(before.state.v2, end.v2),
            intensity: between(before.state.intensity, end.intensity) + happened.intensity,
        };
        let level = squared.at(state);
        let (transient, vix) = if total.excess == 0.0 {
            (0.0, 100.0 * level.sqrt())
        } else {
            let wanted = level * (exp(2.0 * total.excess) - 1.0) / squared.b1;
            let transient = wanted.max(-state.v1);
            (transient, 100.0 * (level + squared.b1 * transient).sqrt())
        };
        let ramp = f64::from(seconds - (span.close - REBALANCING_SECONDS)) / f64::from(REBALANCING_SECONDS);
        path.log_spot.push(price + drawn.overnight.price + total.displacement);
        path.state.push(state);
        path.transient.push(transient);
        path.vix_state.push(100.0 * level.sqrt());
        path.vix.push(vix);
        path.vix_quoted.push(if total.noise > 0.0 { vix * exp(total.noise.min(config.quote_noise)) } else { vix });
        path.spread.push(1.0 + total.spread);
        path.displacement.push(total.displacement);
        path.rebalancing.push(rebalanced * (1.0 - of_day) + shock * ramp.max(0.0));
    }
    path.log_spot.push(after.log_spot);
    path.state.push(after.state);
    path.transient.push(0.0);
    path.vix_state.push(vix_after);
    path.vix.push(vix_after);
    path.vix_quoted.push(vix_after);
    path.spread.push(1.0);
    path.displacement.push(shapes.iter().map(|(shape, _)| shape.at(f64::from(span.close)).displacement).sum());
    path.rebalancing.push(shock);
}

#[cfg(test)]
mod tests {
    use super::super::draw::{Circumstances, Episode, Kind, draw, session_draw};
    use super::*;
    use crate::instrument::CLOSE_SECONDS;
    use crate::market::model::MarketConfig;
    use crate::rng::Domain;

    fn span(jump: Jump) -> Span {
        let before = Close { log_spot: 4.6, state: State { v1: 0.01, v2: 0.014, intensity: 1.0 } };
        let after = Close {
            log_spot: 4.6 + 0.003 + jump.price,
            state: State { v1: 0.011 + jump.v1, v2: 0.0137, intensity: 1.01 + jump.intensity },
        };
        let market = MarketConfig::preset("HSVCJ2F-2026").expect("preset");
        let squared = market.pricing().vix_squared(30.0 / 365.0);
        Span { before, after, share_at_open: 0.3, close: CLOSE_SECONDS, squared, mirror: 1.0 }
    }

    fn episode(jump: Jump, amplitude: f64, retained: f64) -> Episode {
        Episode {
            kind: Kind::Ignition,
            onset: 52_860,
            rise: 270.0,
            sign: -1.0,
            amplitude,
            retained,
            jump,
            spread: 5.0,
            noise: 0.2,
            noise_half_life: 2_400.0,
        }
    }

    fn filled(config: &IntradayConfig, span: &Span, drawn: &Drawn, seed: u64) -> FinePath {
        let mut path = FinePath::default();
        fill(config, span, drawn, 0.0, session_draw(seed, Domain::Bridge, 0, 0), &mut path);
        path
    }

    const JUMP: Jump = Jump { price: -0.02, v1: 0.03, intensity: 1.7157 };

    #[test]
    fn the_close_is_the_close_bit_for_bit() {
        let span = span(JUMP);
        let circumstances = Circumstances { vix_before: 18.0, jumps: &[JUMP], close: CLOSE_SECONDS };
        let config = IntradayConfig { pure_rate: 500.0, u_shape: 0.4, ..IntradayConfig::default() };
        for session in 0..200 {
            let drawn = draw(&config, circumstances, session_draw(1, Domain::Episodes, 0, session));
            let path = filled(&config, &span, &drawn, u64::from(session));
            let last = path.len() - 1;
            assert_eq!(path.seconds[last], CLOSE_SECONDS);
            assert_eq!(path.log_spot[last].to_bits(), span.after.log_spot.to_bits());
            assert_eq!(path.state[last], span.after.state);
            assert_eq!(path.transient[last].to_bits(), 0);
            assert_eq!((path.vix[last], path.vix_quoted[last]), (path.vix_state[last], path.vix_state[last]));
            assert_eq!((path.spread[last].to_bits(), path.rebalancing[last].to_bits()), (1f64.to_bits(), 0));
            // And the step before lies near it: nothing is left to jump.
            let gap = (path.log_spot[last] - path.log_spot[last - 1]).abs();
            let minute = (0.025 / 252.0 * 0.7 / 390.0f64).sqrt();
            assert!(gap < 6.0 * minute, "{gap} {minute}");
            assert!((path.vix[last] / path.vix[last - 1] - 1.0).abs() < 0.01);
            assert!(path.state.iter().all(|state| state.v1 >= 0.0 && state.intensity > 0.0));
            assert!(path.state.iter().zip(&path.transient).all(|(state, u)| state.v1 + u >= 0.0));
        }
    }

    #[test]
    fn steps_are_fine_inside_and_coarse_around() {
        let config = IntradayConfig::default();
        let drawn = Drawn { episodes: vec![episode(JUMP, 0.05, 0.4)], overnight: Jump::default() };
        let path = filled(&config, &span(JUMP), &drawn, 0);
        let inside = 52_860..52_860 + 270 + 960;
        for pair in path.seconds.windows(2) {
            let step = pair[1] - pair[0];
            assert!(if inside.contains(&pair[0]) { step == 5 } else { (1..=60).contains(&step) }, "{pair:?}");
        }
        let fine = 1_230 / 5;
        assert!((path.len() as i32 - 1 - (fine + 390 - 1_230 / 60)).abs() <= 1, "{}", path.len());
    }

    #[test]
    fn a_fall_of_five_percent_lifts_vix_by_its_beta_and_futures_by_their_share() {
        let none = Jump::default();
        let span = span(none);
        let quiet = Drawn::default();
        let drawn = Drawn { episodes: vec![episode(none, 0.05, 0.0)], overnight: none };
        let config = IntradayConfig::default();
        let (with, without) = (filled(&config, &span, &drawn, 0), filled(&config, &span, &quiet, 0));
        let at = |path: &FinePath, seconds: i32| path.seconds.iter().position(|&s| s == seconds).expect("step");
        let low = at(&with, 53_130);
        let vix = with.vix[low] / with.vix_state[low];
        assert!((ln(vix) - 0.215).abs() < 1e-12);
        assert!((ln(with.vix_quoted[low] / with.vix[low]) - 0.2).abs() < 1e-12);
        let shares = config.pass_through.shares();
        let future = future_factor(&shares, 1.0, with.vix[low], with.vix_state[low], 0.0);
        assert!((future - 1.0 - 0.45 * (vix - 1.0)).abs() < 1e-12);
        assert!((future_factor(&shares, 0.0, 30.0, 20.0, 0.0) - 1.5).abs() < 1e-12);
        assert!((future_factor(&shares, 12.0, 30.0, 20.0, 0.3) - 1.05).abs() < 1e-12);
        assert!(without.vix.iter().zip(&without.vix_state).all(|(a, b)| a == b));
        assert_eq!(with.spread[low].to_bits(), 5f64.to_bits());
    }

    #[test]
    fn the_bridge_has_the_variance_of_the_clock() {
        let none = Jump::default();
        let span = span(none);
        let config =
            IntradayConfig { u_shape: 0.5, coarse_seconds: 3_600, fine_seconds: 5, ..IntradayConfig::default() };
        let noon = 3;
        let n = 20_000;
        let share = 0.3 + 0.7 * diurnal(0.5, 3.0 * 3_600.0 / 23_400.0);
        let mean = 4.6 + 0.003 * share;
        let (mut first, mut second) = (0.0, 0.0);
        for seed in 0..n {
            let path = filled(&config, &span, &Drawn::default(), seed);
            let x = path.log_spot[noon] - mean;
            first += x;
            second += x * x;
        }
        let variance = 0.5 * (0.01 + 0.014 + 0.011 + 0.0137) / 252.0 * share * (1.0 - share);
        let n = n as f64;
        assert!((first / n).abs() < 4.0 * (variance / n).sqrt());
        assert!((second / n / variance - 1.0).abs() < 4.0 * (2.0 / n).sqrt(), "{}", second / n / variance);
    }

    #[test]
    fn the_day_has_the_shape_of_a_u_and_one_unit_of_variance() {
        for u in [0.0, 0.3, 0.9] {
            assert!(diurnal(u, 0.0).abs() < 1e-15 && (diurnal(u, 1.0) - 1.0).abs() < 1e-15);
            let density = |x: f64| (diurnal(u, x + 1e-5) - diurnal(u, x - 1e-5)) / 2e-5;
            assert!((density(0.5) - (1.0 - u)).abs() < 1e-6 && (density(0.99) - density(0.01)).abs() < 1e-6);
        }
    }

    #[test]
    fn rebalancing_grows_to_the_close_and_is_gone_a_day_later() {
        let config = IntradayConfig { rebalancing: 0.4, ..IntradayConfig::default() };
        let jump = Jump { v1: 0.2, ..JUMP };
        let path = filled(&config, &span(jump), &Drawn { overnight: jump, ..Drawn::default() }, 0);
        let last = path.len() - 1;
        assert!((path.rebalancing[last] - 0.4).abs() < 1e-15, "VIX more than doubled");
        assert_eq!(path.rebalancing[last - 25].to_bits(), 0);
        let mut next = FinePath::default();
        let calm = span(Jump::default());
        let noise = session_draw(0, Domain::Bridge, 0, 1);
        fill(&config, &calm, &Drawn::default(), path.rebalancing[last], noise, &mut next);
        assert!((next.rebalancing[0] - 0.4).abs() < 1e-15 && next.rebalancing[next.len() - 1] < 0.03);
    }
}
