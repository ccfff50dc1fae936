use super::*;
use crate::market::model::{MarketConfig, PRESETS};
use crate::signals::input;
use crate::simulate::world::World;

fn world(steps_per_day: usize, antithetic: bool) -> World {
    let text = format!(
        r#"{{"start": 17000, "sessions": 120, "steps_per_day": {steps_per_day}, "spot": 2500.0, "measure": "P",
            "antithetic": {antithetic}, "marks": "surface", "intraday": {{"pure_rate": 20.0}}}}"#
    );
    World::from_json(&text).expect("world")
}

/// Jumps on many days.
fn market() -> MarketConfig {
    MarketConfig { lambda_inf: 20.0, eta: 5.0, beta: 20.0, ..MarketConfig::preset(PRESETS[0]).expect("preset") }
}

/// Into a state that holds nothing each time: a source may rely on nothing in it.
fn steps<S: MarketSource>(source: &mut S) -> Vec<MarketState> {
    (0..source.n_steps())
        .map(|step| {
            let mut state = MarketState::default();
            source.fill(step, &mut state);
            state
        })
        .collect()
}

#[test]
fn what_a_state_held_before_does_not_matter() {
    let world = world(1, false);
    let market = market();
    let agenda = Agenda::new(&market, &world);
    let config = world.intraday.clone().expect("layer");
    let new = || EpisodeSource::new(&agenda, &config, &world.fair, 7, 1, InstructionSet::best());
    let (mut source, mut states) = (new(), [MarketState::default(), MarketState::default()]);
    for (step, want) in steps(&mut new()).iter().enumerate() {
        let state = &mut states[step % 2];
        source.fill(step, state);
        assert_eq!(format!("{state:?}"), format!("{want:?}"));
    }
}

fn with_layer(world: &World, market: &MarketConfig, path: u64) -> Vec<MarketState> {
    let agenda = Agenda::new(market, world);
    let config = world.intraday.clone().expect("layer");
    let mut source = EpisodeSource::new(&agenda, &config, &world.fair, 7, path, InstructionSet::best());
    steps(&mut source)
}

fn closing_bits(states: &[MarketState]) -> Vec<[u64; 10]> {
    let closes = states.iter().filter(|state| state.is_close);
    closes
        .map(|s| {
            let m = &s.model;
            [s.spot[0], s.vix[0], s.vix_quoted[0], s.vix9d[0], s.vix3m[0], s.vix6m[0], m.v1[0], m.v2[0], m.intensity[0]]
        })
        .zip(states.iter().filter(|state| state.is_close))
        .map(|(values, state)| {
            let mut bits = [0; 10];
            for (bit, value) in bits.iter_mut().zip(values) {
                *bit = value.to_bits();
            }
            bits[9] = state.spread_multiplier[0].to_bits() ^ state.day as u64;
            bits
        })
        .collect()
}

#[test]
fn every_close_is_the_same_with_and_without_the_layer_bit_for_bit() {
    for (steps_per_day, antithetic) in [(1, false), (1, true), (13, false)] {
        let world = world(steps_per_day, antithetic);
        let market = market();
        let agenda = Agenda::new(&market, &world);
        for path in [0, 1, 5] {
            let mut plain: SimulatedSource<'_, 1> = SimulatedSource::new(&agenda, 7, path, 1, InstructionSet::best());
            let (with, without) = (with_layer(&world, &market, path), steps(&mut plain));
            assert!(with.len() > without.len() + 1_000);
            assert_eq!(closing_bits(&with), closing_bits(&without));
        }
    }
}

#[test]
fn time_runs_forward_and_every_session_has_one_open_and_one_close() {
    let world = world(13, false);
    let states = with_layer(&world, &market(), 3);
    for pair in states.windows(2) {
        let [a, b] = pair else { continue };
        let length = i64::from(b.day - a.day) * 86_400 + i64::from(b.seconds - a.seconds);
        assert!(length > 0);
        assert_eq!(b.length_seconds, length);
        assert_eq!(a.is_close, b.is_open);
    }
    assert_eq!(states.iter().filter(|state| state.is_close).count(), 120);
    let fine = states.iter().filter(|state| !state.episode.transient.is_empty()).count();
    assert!(fine > 500 && fine < states.len());
}

#[test]
fn the_range_of_a_session_holds_all_its_steps() {
    let states = with_layer(&world(1, false), &market(), 2);
    let (mut low, mut high) = (f64::INFINITY, f64::NEG_INFINITY);
    for state in &states {
        (low, high) = (low.min(state.spot[0]), high.max(state.spot[0]));
        if state.is_close {
            assert!(state.low[0] <= low && high <= state.high[0]);
            (low, high) = (f64::INFINITY, f64::NEG_INFINITY);
        } else {
            assert!(state.low[0].is_nan() && state.high[0].is_nan());
        }
    }
}

#[test]
fn a_path_read_twice_is_the_same() {
    let world = world(1, false);
    let market = market();
    let agenda = Agenda::new(&market, &world);
    let config = world.intraday.clone().expect("layer");
    let mut source = EpisodeSource::new(&agenda, &config, &world.fair, 7, 4, InstructionSet::best());
    let (first, second) = (steps(&mut source), steps(&mut source));
    let bits = |states: &[MarketState]| {
        let of = |state: &MarketState| {
            let signals = state.signals.iter().flatten();
            [state.spot[0], state.vix_quoted[0]].iter().chain(signals).map(|x| x.to_bits()).collect::<Vec<_>>()
        };
        states.iter().map(of).collect::<Vec<_>>()
    };
    assert_eq!(bits(&first), bits(&second));
}

#[test]
fn labels_do_not_reach_the_signals() {
    let world = world(1, false);
    let market = market();
    let agenda = Agenda::new(&market, &world);
    let config = world.intraday.clone().expect("layer");
    let signals = |source: &mut EpisodeSource<'_>| {
        let states = steps(source);
        let of = |state: &MarketState| state.signals.iter().flatten().map(|x| x.to_bits()).collect::<Vec<_>>();
        states.iter().map(of).collect::<Vec<_>>()
    };
    let new = || EpisodeSource::new(&agenda, &config, &world.fair, 7, 6, InstructionSet::best());
    let mut plain = new();
    let want = signals(&mut plain);
    assert!(plain.fine.iter().any(|fine| fine.episodes.len() > 1));
    use crate::simulate::episodes::draw::Kind;
    for label in [Kind::Ignition, Kind::Pure, Kind::News] {
        let mut renamed = new();
        for episode in renamed.fine.iter_mut().flat_map(|fine| &mut fine.episodes) {
            episode.kind = label;
        }
        assert_eq!(signals(&mut renamed), want);
    }
}

#[test]
fn signals_up_to_a_time_do_not_know_what_follows() {
    let world = world(1, false);
    let market = market();
    let agenda = Agenda::new(&market, &world);
    let config = world.intraday.clone().expect("layer");
    let new = || EpisodeSource::new(&agenda, &config, &world.fair, 7, 6, InstructionSet::best());
    let mut plain = new();
    let want = steps(&mut plain);
    // The last move of a day ends otherwise: up to its peak nothing may differ.
    let mut changed = new();
    let fine = changed.fine.last_mut().expect("an episode");
    let (day, episode) = (agenda.sessions[fine.session].day, fine.episodes.last_mut().expect("an episode"));
    episode.retained = if episode.retained > 0.5 { 0.0 } else { 1.0 };
    episode.kind = crate::simulate::episodes::draw::Kind::News;
    let peak = f64::from(episode.onset) + episode.rise;
    let got = steps(&mut changed);
    let mut compared = 0;
    for (a, b) in want.iter().zip(&got) {
        if a.day > day || (a.day == day && f64::from(a.seconds) > peak) {
            break;
        }
        assert_eq!(a.spot[0].to_bits(), b.spot[0].to_bits());
        for (x, y) in a.signals.iter().flatten().zip(b.signals.iter().flatten()) {
            assert_eq!(x.to_bits(), y.to_bits());
        }
        compared += usize::from(a.day == day);
    }
    assert!(compared > 20, "{compared}");
    assert!(want.iter().any(|state| state.signals[input::IGNITED][0] > 0.5));
}
