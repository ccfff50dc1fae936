//! Days that happened, as scripts on top of the model: what came before, the move, and what volatility did.
//!
//! A script conditions on published numbers (VIX before, return, size and time of the fast moves, and for extreme days
//! VIX at the close); the path between, VIX inside the day, futures and the term structure are what the mechanism of
//! [`super::episodes`] makes of them. `docs/episodes.md` sets both beside what is known of the day.

use crate::error::{Error, Fault, Result};
use crate::instrument::{CLOSE_SECONDS, Day};
use crate::market::inversion::invert;
use crate::market::model::MarketConfig;
use crate::math::{exp, ln};
use crate::pricing::transform::State;
use crate::pricing::vix_transform::Squared;
use crate::rng::Domain;
use crate::simulate::episodes::config::IntradayConfig;
use crate::simulate::episodes::draw::{Episode, Jump, Kind, session_draw};
use crate::simulate::episodes::session::{FinePath, Node, Span, fill};

/// Model years between open and close on a session after a night between two days.
const TRADING_YEARS: f64 = 0.7 / 252.0;
/// Days and points to which the state before is fitted.
const QUOTE_ERROR: f64 = 0.1;

/// A fast move of a script.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Move {
    /// Onset, seconds after midnight New York.
    pub onset: i32,
    /// Time to the peak, seconds.
    pub rise: f64,
    /// Displacement at the peak, log points, signed.
    pub peak: f64,
    /// What of it stays, log points, signed.
    pub stays: f64,
}

/// One session of a script.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scripted {
    /// Session, days since 1970-01-01.
    pub day: Day,
    /// Log return from the close before to the open.
    pub gap: f64,
    /// Log return from the close before to the close.
    pub net: f64,
    /// Fast moves; the first brings the jump.
    pub moves: &'static [Move],
    /// VIX at the close where it is conditioned on; `None`: one jump of the model's mean size under P.
    pub vix_close: Option<f64>,
    /// Share of the jump that came over the night.
    pub overnight: f64,
    /// Quote noise on spot VIX at the peak of the first move, share of the largest that its size allows.
    pub noise: f64,
    /// Shock on the first two futures at the close, log points.
    pub rebalancing: f64,
}

/// A named script.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Scenario {
    /// Name.
    pub name: &'static str,
    /// What happened.
    pub title: &'static str,
    /// VIX9D, VIX and VIX3M at the close before, points; NaN where it is not conditioned on.
    pub before: [f64; 3],
    /// Sessions in order; none for a mere start.
    pub sessions: &'static [Scripted],
}

const fn at(hour: i32, minute: i32) -> i32 {
    3_600 * hour + 60 * minute
}

const QUIET: Scripted =
    Scripted { day: 0, gap: 0.0, net: 0.0, moves: &[], vix_close: None, overnight: 0.0, noise: 0.0, rebalancing: 0.0 };

/// All scenarios. Where their numbers come from, and which could not be checked, is in docs/episodes.md.
pub const SCENARIOS: [Scenario; 8] = [
    Scenario {
        name: "calm_year",
        title: "a year that starts calm: the state of a VIX of 11 and no script",
        before: [f64::NAN, 11.0, f64::NAN],
        sessions: &[],
    },
    Scenario {
        name: "flash_crash",
        title: "2010-05-06: five per cent in four and a half minutes, most of it back by 15:07",
        before: [f64::NAN, 24.91, f64::NAN],
        sessions: &[Scripted {
            day: 14_735,
            net: -0.0344,
            moves: &[Move { onset: at(14, 41), rise: 270.0, peak: -0.05, stays: 0.0 }],
            noise: 1.0,
            ..QUIET
        }],
    },
    Scenario {
        name: "opening_dislocation",
        title: "2015-08-24: five per cent below the close before within minutes of the open",
        before: [f64::NAN, 28.03, f64::NAN],
        sessions: &[Scripted {
            day: 16_671,
            net: -0.0402,
            moves: &[Move { onset: at(9, 31), rise: 270.0, peak: -0.0541, stays: -0.0402 }],
            vix_close: Some(40.74),
            noise: 1.0,
            ..QUIET
        }],
    },
    Scenario {
        name: "volmageddon",
        title: "2018-02-05: exchange-traded products buy VIX futures into the close",
        before: [f64::NAN, 17.31, f64::NAN],
        sessions: &[
            Scripted {
                day: 17_567,
                net: -0.0419,
                moves: &[Move { onset: at(15, 0), rise: 600.0, peak: -0.03, stays: -0.02 }],
                vix_close: Some(37.32),
                // What the model's futures lack to the published 97 per cent of the first two.
                rebalancing: 0.26,
                ..QUIET
            },
            Scripted { day: 17_568, net: 0.0173, vix_close: Some(29.98), ..QUIET },
        ],
    },
    Scenario {
        name: "pandemic_crash",
        title: "2020-03-16: the largest fall since 1987, VIX closes at its record",
        before: [f64::NAN, 57.83, f64::NAN],
        sessions: &[Scripted {
            day: 18_337,
            gap: -0.085,
            net: -0.1277,
            moves: &[Move { onset: at(15, 0), rise: 1_800.0, peak: -0.05, stays: -0.04 }],
            vix_close: Some(82.69),
            overnight: 0.5,
            ..QUIET
        }],
    },
    Scenario {
        name: "carry_unwind",
        title: "2024-08-05: spot VIX triples on quotes before the open",
        before: [f64::NAN, 23.39, f64::NAN],
        sessions: &[Scripted {
            day: 19_940,
            gap: -0.037,
            net: -0.0304,
            moves: &[Move { onset: at(9, 31), rise: 120.0, peak: -0.006, stays: 0.0 }],
            vix_close: Some(38.57),
            overnight: 1.0,
            ..QUIET
        }],
    },
    Scenario {
        name: "momentum_unwind",
        title: "2022-02-03: growth shares fall after earnings of one of the largest",
        before: [f64::NAN, 22.09, f64::NAN],
        sessions: &[Scripted {
            day: 19_026,
            gap: -0.012,
            net: -0.0247,
            moves: &[Move { onset: at(14, 30), rise: 600.0, peak: -0.012, stays: -0.008 }],
            vix_close: Some(24.35),
            ..QUIET
        }],
    },
    Scenario {
        name: "geopolitical_gap",
        title: "2022-02-24: war, a gap at the open that is bought until the close",
        before: [f64::NAN, 31.02, f64::NAN],
        sessions: &[Scripted { day: 19_047, gap: -0.026, net: 0.0149, vix_close: Some(30.32), ..QUIET }],
    },
];

impl Scenario {
    /// A scenario by name.
    ///
    /// # Errors
    /// `Error::Config` for a name that is not known.
    pub fn named(name: &str) -> Result<&'static Self> {
        SCENARIOS.iter().find(|scenario| scenario.name == name).ok_or_else(|| {
            let names: Vec<_> = SCENARIOS.iter().map(|scenario| scenario.name).collect();
            let expected = format!("one of {}", names.join(", "));
            Error::config(Fault::new("CFG421", "scenario", "name", format!("{name:?}"), expected))
        })
    }

    /// State at the close before.
    ///
    /// # Errors
    /// Those of [`invert`].
    pub fn start(&self, market: &MarketConfig) -> Result<State> {
        let found = invert(market, &[9.0, 30.0, 93.0], &self.before, QUOTE_ERROR, &mut || true)?;
        Ok(State { v1: found.v1[0], v2: found.v2[0], intensity: found.intensity[0] })
    }
}

/// One session as it was played.
#[derive(Debug, Clone, PartialEq)]
pub struct Played {
    /// Session.
    pub day: Day,
    /// Steps.
    pub path: FinePath,
    /// State at the close before.
    pub before: State,
}

/// The state next to `state`, fast variance first, at which VIX is `vix` points.
fn at_vix(squared: &Squared, state: State, vix: f64) -> State {
    let target = vix * vix / 1e4;
    let v1 = state.v1 + (target - squared.at(state)) / squared.b1;
    if v1 >= 0.0 {
        return State { v1, ..state };
    }
    let v2 = state.v2 + (target - squared.at(State { v1: 0.0, ..state })) / squared.b2;
    State { v1: 0.0, v2: v2.max(0.0), ..state }
}

/// Plays a scenario from a log price of 0. `noise` scales the bridge between what is scripted: 1 is the model's, 0 leaves
/// it out.
///
/// # Errors
/// Those of [`IntradayConfig::validate`], [`MarketConfig::validate`] and [`Scenario::start`].
pub fn play(
    scenario: &Scenario,
    market: &MarketConfig,
    config: &IntradayConfig,
    noise: f64,
    seed: u64,
) -> Result<Vec<Played>> {
    config.validate()?;
    market.validate()?;
    let squared = market.pricing().vix_squared(30.0 / 365.0);
    let vix_of = |state: State| 100.0 * squared.at(state).sqrt();
    let mean_jump = market.real_world().jumps.mu_v;
    let (mut before, mut log_before, mut rebalanced) = (scenario.start(market)?, 0.0, 0.0);
    let mut played = Vec::with_capacity(scenario.sessions.len());
    for (number, session) in scenario.sessions.iter().enumerate() {
        let jumps = !session.moves.is_empty();
        let eta = if jumps { market.eta } else { 0.0 };
        let jumped = State { intensity: before.intensity + eta, ..before };
        let after = match session.vix_close {
            Some(vix) => at_vix(&squared, jumped, vix),
            None => State { v1: jumped.v1 + if jumps { mean_jump } else { 0.0 }, ..jumped },
        };
        // A gap moves VIX by its beta; what comes over the night of the jump is there as well.
        let partly = |a: f64, b: f64| a + (b - a) * session.overnight;
        let night = State {
            v1: partly(before.v1, after.v1),
            v2: partly(before.v2, after.v2),
            intensity: partly(before.intensity, after.intensity),
        };
        let by_beta = vix_of(before) * exp(-config.vix_beta * session.gap);
        let open = if by_beta > vix_of(night) { at_vix(&squared, night, by_beta) } else { night };
        let jump = Jump {
            price: session.moves.iter().map(|m| m.stays).sum(),
            v1: (after.v1 - open.v1).max(0.0),
            intensity: (after.intensity - open.intensity).max(0.0),
        };
        let jump = if jumps { jump } else { Jump::default() };
        let nodes = [
            Node { passed: 0.0, log_spot: log_before + session.gap, state: open, jump: Jump::default() },
            Node { passed: 1.0, log_spot: log_before + session.net, state: after, jump },
        ];
        let episodes: Vec<Episode> = session
            .moves
            .iter()
            .enumerate()
            .map(|(index, m)| {
                let largest = config.quote_noise * (1.0 - exp(-m.peak.abs() / config.quote_noise_scale));
                let carried = if index == 0 { jump } else { Jump::default() };
                Episode {
                    kind: if m.stays == 0.0 { Kind::Pure } else { Kind::Ignition },
                    onset: m.onset,
                    rise: m.rise,
                    sign: m.peak.signum(),
                    amplitude: m.peak.abs(),
                    retained: m.stays / m.peak,
                    jump: Jump { price: m.stays, ..carried },
                    spread: 0.5 * (config.spread[0] + config.spread[1]),
                    noise: if index == 0 { session.noise * largest } else { 0.0 },
                    noise_half_life: 0.5 * (config.quote_noise_half_life[0] + config.quote_noise_half_life[1]),
                }
            })
            .collect();
        let vix_before = vix_of(before);
        // The shock is that of the script, whatever VIX did.
        let rise = ln(vix_of(after) / vix_before) / std::f64::consts::LN_2;
        let full = if session.rebalancing > 0.0 && rise > 0.0 { session.rebalancing / rise.min(1.0) } else { 0.0 };
        let scripted = IntradayConfig { rebalancing: full, ..config.clone() };
        let span = Span {
            nodes: &nodes,
            years: TRADING_YEARS,
            close: CLOSE_SECONDS,
            squared,
            vix_before,
            rebalanced,
            mirror: noise,
        };
        let mut path = FinePath::default();
        fill(&scripted, &span, &episodes, session_draw(seed, Domain::Bridge, 0, number as u32), &mut path);
        rebalanced = session.rebalancing;
        played.push(Played { day: session.day, path, before });
        (before, log_before) = (after, log_before + session.net);
    }
    Ok(played)
}

#[cfg(test)]
mod tests;
