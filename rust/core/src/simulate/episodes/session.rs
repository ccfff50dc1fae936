//! A session with episodes, step by step, between nodes of a path that stay what they are.
//!
//! Without its jumps the log price is a Brownian bridge from node to node, the state a straight line; the jumps come in
//! as episodes do ([`super::shape`]). The first step is the open and the last the close, bit for bit.

use super::config::IntradayConfig;
use super::draw::{Episode, Jump};
use super::shape::{Effect, Shape};
use crate::instrument::OPEN_SECONDS;
use crate::labelled::draw::Draw;
use crate::math::{exp, exp_m1, ln};
use crate::pricing::transform::State;
use crate::pricing::vix_transform::Squared;

/// Seconds before the close in which exchange-traded products rebalance: 15:35 to 16:00 on 2018-02-05.
const REBALANCING_SECONDS: i32 = 1_500;

/// A time of a session at which the path is known.
#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub struct Node {
    /// Share of the trading hours that has passed: 0 at the open, 1 at the close.
    pub passed: f64,
    /// Log of the index.
    pub log_spot: f64,
    /// Hidden state, the intensity under Q.
    pub state: State,
    /// What the jumps since the node before did, as it stands at this node.
    pub jump: Jump,
}

/// The nodes of a session and what its steps depend on beside them.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Span<'a> {
    /// The open, the ends of the moves, the close.
    pub nodes: &'a [Node],
    /// Model years between open and close.
    pub years: f64,
    /// Close, seconds after midnight New York.
    pub close: i32,
    /// VIX squared as a function of the state.
    pub squared: Squared,
    /// VIX at the close before, points.
    pub vix_before: f64,
    /// Shock on the first two VIX futures at the close before, log points.
    pub rebalanced: f64,
    /// +1, or -1 for the mirrored path of a pair.
    pub mirror: f64,
}

/// The steps of a session with episodes, in columns.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct FinePath {
    /// Seconds after midnight New York, ascending from the open to the close.
    pub seconds: Vec<i32>,
    /// Log of the index.
    pub log_spot: Vec<f64>,
    /// Hidden state without what is transient.
    pub state: Vec<State>,
    /// What episodes add to the fast variance for minutes.
    pub transient: Vec<f64>,
    /// VIX of the hidden state alone, points.
    pub vix_state: Vec<f64>,
    /// VIX without quote noise, points.
    pub vix: Vec<f64>,
    /// Spot VIX as quoted, points.
    pub vix_quoted: Vec<f64>,
    /// Spread multiplier m(t) of the episodes.
    pub spread: Vec<f64>,
    /// Shock on the first two VIX futures by rebalancing, log points.
    pub rebalancing: Vec<f64>,
    /// Displacement by each episode, step after step.
    pub moves: Vec<f64>,
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
            &mut self.rebalancing,
            &mut self.moves,
        ] {
            column.clear();
        }
    }
}

/// Share of the variance of the trading hours that has passed at a share of their time.
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

/// The same at a time of the session: that of the close before fades, that of this close builds up in its last minutes.
pub fn rebalancing_at(before: f64, after: f64, seconds: i32, close: i32) -> f64 {
    let left = f64::from(close - seconds) / f64::from(close - OPEN_SECONDS);
    let ramp = 1.0 - f64::from(close - seconds) / f64::from(REBALANCING_SECONDS);
    before * left + after * ramp.max(0.0)
}

/// Times of a session: fine inside the episodes, coarse on the rest.
pub fn grid(config: &IntradayConfig, episodes: &[Episode], close: i32, seconds: &mut Vec<i32>) {
    seconds.clear();
    let tail = config.fine_tail * config.reversion_seconds;
    let mut fine_until = i32::MIN;
    let mut next = episodes.iter().peekable();
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

/// A node without the jumps of the session up to it.
#[derive(Debug, Clone, Copy)]
struct Bare {
    share: f64,
    log_spot: f64,
    state: State,
}

/// The nodes without jumps, `share` on the clock of the day's variance.
fn bare_nodes(config: &IntradayConfig, nodes: &[Node]) -> Vec<Bare> {
    let mut jumps = Jump::default();
    nodes
        .iter()
        .map(|node| {
            jumps.price += node.jump.price;
            jumps.v1 += node.jump.v1;
            jumps.intensity += node.jump.intensity;
            Bare {
                share: diurnal(config.u_shape, node.passed),
                log_spot: node.log_spot - jumps.price,
                state: State {
                    v1: (node.state.v1 - jumps.v1).max(0.0),
                    v2: node.state.v2,
                    intensity: (node.state.intensity - jumps.intensity).max(0.0),
                },
            }
        })
        .collect()
}

/// Writes the session into `path`; `bridge` draws the noise between the nodes.
pub fn fill(config: &IntradayConfig, span: &Span<'_>, episodes: &[Episode], mut bridge: Draw, path: &mut FinePath) {
    path.clear();
    let [open, .., last] = span.nodes else { return };
    grid(config, episodes, span.close, &mut path.seconds);
    let squared = &span.squared;
    let base = squared.at(open.state);
    let permanent = |jump: &Jump| (squared.b1 * jump.v1 + squared.c * jump.intensity) / base;
    let shapes: Vec<(Shape, Jump)> = episodes
        .iter()
        .map(|episode| (Shape::new(config, episode, permanent(&episode.jump), span.close), episode.jump))
        .collect();
    let bare = bare_nodes(config, span.nodes);
    let vix_after = 100.0 * squared.at(last.state).sqrt();
    let shock = rebalancing_at_close(config, span.vix_before, vix_after);
    let length = f64::from(span.close - OPEN_SECONDS);
    let mut node = 1;
    let (mut price, mut at) = (bare[0].log_spot, 0.0);
    for index in 0..path.seconds.len() - 1 {
        let seconds = path.seconds[index];
        let of_day = f64::from(seconds - OPEN_SECONDS) / length;
        let share = diurnal(config.u_shape, of_day);
        while node + 1 < bare.len() && bare[node].share <= share {
            (price, at) = (bare[node].log_spot, bare[node].share);
            node += 1;
        }
        let (from, to) = (&bare[node - 1], &bare[node]);
        if share > at {
            let variance = 0.5 * (from.state.v1 + from.state.v2 + to.state.v1 + to.state.v2) * span.years;
            let part = (share - at) / (to.share - at);
            let deviation = (variance * (to.share - share) * part).max(0.0).sqrt();
            price += (to.log_spot - price) * part + deviation * span.mirror * bridge.normal();
            at = share;
        }
        let mut total = Effect::default();
        let mut happened = Jump::default();
        for (shape, jump) in &shapes {
            let effect = shape.at(f64::from(seconds));
            path.moves.push(effect.displacement);
            total.displacement += effect.displacement;
            total.excess += effect.excess;
            total.spread = total.spread.max(effect.spread);
            total.noise += effect.noise;
            happened.v1 += effect.progress * jump.v1;
            happened.intensity += effect.progress * jump.intensity;
        }
        let part = (share - from.share) / (to.share - from.share);
        let between = |a: f64, b: f64| a + (b - a) * part;
        let state = State {
            v1: between(from.state.v1, to.state.v1) + happened.v1,
            v2: between(from.state.v2, to.state.v2),
            intensity: between(from.state.intensity, to.state.intensity) + happened.intensity,
        };
        let level = squared.at(state);
        let vix_state = 100.0 * level.sqrt();
        let (transient, vix) = if total.excess == 0.0 {
            (0.0, vix_state)
        } else {
            let transient = (level * exp_m1(2.0 * total.excess) / squared.b1).max(-state.v1);
            (transient, 100.0 * (level + squared.b1 * transient).sqrt())
        };
        path.log_spot.push(price + total.displacement);
        path.state.push(state);
        path.transient.push(transient);
        path.vix_state.push(vix_state);
        path.vix.push(vix);
        path.vix_quoted.push(if total.noise > 0.0 { vix * exp(total.noise.min(config.quote_noise)) } else { vix });
        path.spread.push(1.0 + total.spread);
        path.rebalancing.push(rebalancing_at(span.rebalanced, shock, seconds, span.close));
    }
    path.log_spot.push(last.log_spot);
    path.state.push(last.state);
    path.transient.push(0.0);
    for column in [&mut path.vix_state, &mut path.vix, &mut path.vix_quoted] {
        column.push(vix_after);
    }
    path.spread.push(1.0);
    path.rebalancing.push(shock);
    path.moves.extend(shapes.iter().map(|(shape, _)| shape.at(f64::from(span.close)).displacement));
}

#[cfg(test)]
mod tests {
    use super::super::draw::{Circumstances, Kind, draw, session_draw};
    use super::*;
    use crate::instrument::CLOSE_SECONDS;
    use crate::market::model::MarketConfig;
    use crate::rng::Domain;

    const NONE: Jump = Jump { price: 0.0, v1: 0.0, intensity: 0.0 };
    const JUMP: Jump = Jump { price: -0.02, v1: 0.03, intensity: 1.7157 };
    const YEARS: f64 = 0.7 / 252.0;

    /// Open, one o'clock, close; the jump in the afternoon.
    fn nodes(jump: Jump) -> [Node; 3] {
        let node = |passed, log_spot, v1, v2, intensity, jump: Jump| Node {
            passed,
            log_spot: log_spot + jump.price,
            state: State { v1: v1 + jump.v1, v2, intensity: intensity + jump.intensity },
            jump,
        };
        [
            node(0.0, 4.6, 0.01, 0.014, 1.0, NONE),
            node(210.0 / 390.0, 4.601, 0.012, 0.0139, 1.0, NONE),
            node(1.0, 4.603, 0.011, 0.0137, 1.01, jump),
        ]
    }

    fn span(nodes: &[Node]) -> Span<'_> {
        let market = MarketConfig::preset("HSVCJ2F-2026").expect("preset");
        let squared = market.pricing().vix_squared(30.0 / 365.0);
        let vix_before = 100.0 * squared.at(nodes[0].state).sqrt();
        Span { nodes, years: YEARS, close: CLOSE_SECONDS, squared, vix_before, rebalanced: 0.0, mirror: 1.0 }
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

    fn filled(config: &IntradayConfig, span: &Span<'_>, episodes: &[Episode], seed: u64) -> FinePath {
        let mut path = FinePath::default();
        fill(config, span, episodes, session_draw(seed, Domain::Bridge, 0, 0), &mut path);
        path
    }

    #[test]
    fn open_and_close_are_those_of_the_path_bit_for_bit() {
        let nodes = nodes(JUMP);
        let span = span(&nodes);
        let circumstances = Circumstances { vix: 18.0, jumps: &[JUMP], close: CLOSE_SECONDS };
        let config = IntradayConfig { pure_rate: 500.0, u_shape: 0.4, ..IntradayConfig::default() };
        for session in 0..200 {
            let episodes = draw(&config, circumstances, session_draw(1, Domain::Episodes, 0, session));
            let path = filled(&config, &span, &episodes, u64::from(session));
            let last = path.len() - 1;
            for (step, node, seconds) in [(0, &nodes[0], OPEN_SECONDS), (last, &nodes[2], CLOSE_SECONDS)] {
                assert_eq!(path.seconds[step], seconds);
                assert_eq!(path.log_spot[step].to_bits(), node.log_spot.to_bits());
                assert_eq!(path.state[step], node.state);
                assert_eq!(path.transient[step].to_bits(), 0);
                assert_eq!((path.vix[step], path.vix_quoted[step]), (path.vix_state[step], path.vix_state[step]));
                assert_eq!((path.spread[step].to_bits(), path.rebalancing[step].to_bits()), (1f64.to_bits(), 0));
            }
            // And the step before the close lies near it: nothing is left to jump.
            let gap = (path.log_spot[last] - path.log_spot[last - 1]).abs();
            let minute = (0.026 * YEARS / 390.0f64).sqrt();
            assert!(gap < 6.0 * minute, "{gap} {minute}");
            assert!((path.vix[last] / path.vix[last - 1] - 1.0).abs() < 0.01);
            assert!(path.state.iter().all(|state| state.v1 >= 0.0 && state.intensity > 0.0));
            assert!(path.state.iter().zip(&path.transient).all(|(state, u)| state.v1 + u >= 0.0));
        }
    }

    #[test]
    fn a_quiet_session_runs_through_its_nodes() {
        let nodes = nodes(NONE);
        let path = filled(&IntradayConfig::default(), &span(&nodes), &[], 3);
        let noon = path.seconds.iter().position(|&seconds| seconds == 46_800).expect("step");
        assert_eq!(path.log_spot[noon].to_bits(), nodes[1].log_spot.to_bits());
        assert_eq!(path.state[noon], nodes[1].state);
    }

    #[test]
    fn steps_are_fine_inside_and_coarse_around() {
        let nodes = nodes(JUMP);
        let path = filled(&IntradayConfig::default(), &span(&nodes), &[episode(JUMP, 0.05, 0.4)], 0);
        let inside = 52_860..52_860 + 270 + 960;
        for pair in path.seconds.windows(2) {
            let step = pair[1] - pair[0];
            assert!(if inside.contains(&pair[0]) { step == 5 } else { (1..=60).contains(&step) }, "{pair:?}");
        }
        let fine = 1_230 / 5;
        assert!((path.len() as i32 - 1 - (fine + 390 - 1_230 / 60)).abs() <= 1, "{}", path.len());
    }

    #[test]
    fn a_fall_of_five_percent_lifts_vix_by_its_beta() {
        let nodes = nodes(NONE);
        let config = IntradayConfig::default();
        let with = filled(&config, &span(&nodes), &[episode(NONE, 0.05, 0.0)], 0);
        let without = filled(&config, &span(&nodes), &[], 0);
        let low = with.seconds.iter().position(|&s| s == 53_130).expect("step");
        let vix = with.vix[low] / with.vix_state[low];
        assert!((ln(vix) - 0.215).abs() < 1e-12);
        assert!((ln(with.vix_quoted[low] / with.vix[low]) - 0.2).abs() < 1e-12);
        assert!(without.vix.iter().zip(&without.vix_state).all(|(a, b)| a.to_bits() == b.to_bits()));
        assert_eq!(with.spread[low].to_bits(), 5f64.to_bits());
    }

    #[test]
    fn the_bridge_has_the_variance_of_the_clock() {
        let nodes = nodes(NONE);
        let ends = [nodes[0], nodes[2]];
        let span = span(&ends);
        let config = IntradayConfig { u_shape: 0.5, coarse_seconds: 3_600, ..IntradayConfig::default() };
        let n = 20_000;
        let share = diurnal(0.5, 3.0 * 3_600.0 / 23_400.0);
        let mean = 4.6 + 0.003 * share;
        let (mut first, mut second) = (0.0, 0.0);
        for seed in 0..n {
            let x = filled(&config, &span, &[], seed).log_spot[3] - mean;
            first += x;
            second += x * x;
        }
        let variance = 0.5 * (0.01 + 0.014 + 0.011 + 0.0137) * YEARS * share * (1.0 - share);
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
        let path = filled(&config, &span(&nodes(jump)), &[episode(jump, 0.02, 1.0)], 0);
        let last = path.len() - 1;
        assert!((path.rebalancing[last] - 0.4).abs() < 1e-15, "VIX more than doubled");
        assert_eq!(path.rebalancing[last - 25].to_bits(), 0);
        let calm = nodes(NONE);
        let next = filled(&config, &Span { rebalanced: path.rebalancing[last], ..span(&calm) }, &[], 0);
        assert!((next.rebalancing[0] - 0.4).abs() < 1e-15 && next.rebalancing[next.len() - 1] < 0.02);
    }
}
