use super::*;
use crate::calendar;
use crate::instrument::{OPEN_SECONDS, years_between};
use crate::market::model::PRESETS;
use crate::market::state::{EpisodeColumns, MarketState};
use crate::pricing::vix_transform::FuturePricer;

fn market() -> MarketConfig {
    MarketConfig::preset(PRESETS[0]).expect("preset")
}

fn played(name: &str) -> Vec<Played> {
    let scenario = Scenario::named(name).expect(name);
    play(scenario, &market(), &IntradayConfig::default(), 0.0, 1).expect(name)
}

fn highest(values: &[f64]) -> f64 {
    values.iter().copied().fold(f64::NEG_INFINITY, f64::max)
}

fn step(path: &FinePath, seconds: i32) -> usize {
    path.seconds.partition_point(|&s| s < seconds)
}

/// A future of the model at a state, by calendar time.
fn future(state: State, day: Day, expiry: Day) -> f64 {
    let model = market().pricing();
    let squared = model.vix_squared(30.0 / 365.0);
    FuturePricer::new(&model, squared, years_between(day, CLOSE_SECONDS, expiry, OPEN_SECONDS), true).price(state)
}

#[test]
fn every_scenario_starts_at_its_vix_and_ends_at_its_returns() {
    for scenario in &SCENARIOS {
        let squared = market().pricing().vix_squared(30.0 / 365.0);
        let vix = 100.0 * squared.at(scenario.start(&market()).expect("state")).sqrt();
        // The ridge of the inversion and the floor of the model leave something.
        assert!((vix / scenario.before[1] - 1.0).abs() < 0.05, "{}: {vix}", scenario.name);
        let mut log_spot = 0.0;
        for (session, scripted) in played(scenario.name).iter().zip(scenario.sessions) {
            log_spot += scripted.net;
            let last = session.path.len() - 1;
            assert!((session.path.log_spot[last] - log_spot).abs() < 1e-12, "{}", scenario.name);
            assert!(calendar::session_index(session.day).is_some(), "{}", scenario.name);
        }
    }
    assert!(Scenario::named("crash").expect_err("unknown").to_string().starts_with("CFG421 scenario name: got "));
}

#[test]
fn flash_crash_falls_in_minutes_and_is_mostly_back_by_seven_past_three() {
    let path = &played("flash_crash")[0].path;
    let (onset, low) = (step(path, at(14, 41)), step(path, at(14, 41) + 270));
    let fall = path.log_spot[low] - path.log_spot[onset];
    assert!((exp(fall) - 1.0 + 0.05).abs() < 0.003, "{fall}");
    assert_eq!((0..path.len()).min_by(|&a, &b| path.log_spot[a].total_cmp(&path.log_spot[b])), Some(low));
    let back = (path.log_spot[step(path, at(15, 7))] - path.log_spot[low]) / -fall;
    assert!((0.5..1.0).contains(&back), "most is regained by 15:07: {back}");
    // VIX that day: 24.91 before, 40.71 high, 32.80 close. The close rests on a jump of mean size.
    let (high, close) = (highest(&path.vix_quoted), path.vix[path.len() - 1]);
    assert!((close / 32.80 - 1.0).abs() < 0.10, "{close}");
    assert!((high / 40.71 - 1.0).abs() < 0.10, "{high}");
    assert!(highest(&path.vix) < 40.71, "without quote noise VIX stays lower");
}

#[test]
fn opening_dislocation_reaches_its_high_with_quote_noise_only() {
    let path = &played("opening_dislocation")[0].path;
    let (high, fundamental) = (highest(&path.vix_quoted), highest(&path.vix));
    // 28.03 before, 53.29 high, 40.74 close; the model of a day gives an eighth less at the high.
    assert!((high / 53.29 - 1.0).abs() < 0.15, "{high}");
    assert!(fundamental < 45.0 && high > 1.1 * fundamental, "{fundamental}");
    assert!(path.seconds[step(path, at(9, 36))] < at(9, 40));
}

#[test]
fn volmageddon_moves_the_first_two_futures_and_gives_back_the_next_day() {
    let sessions = played("volmageddon");
    let (first, second) = (17_576, 17_611);
    // Contracts of the short-term index on 2018-02-05: 7 of 20 sessions of its roll were left.
    let mix =
        |state, day, weight: f64| weight * future(state, day, first) + (1.0 - weight) * future(state, day, second);
    let last = |played: &Played| played.path.state[played.path.len() - 1];
    let (monday, tuesday) = (&sessions[0], &sessions[1]);
    let rise = mix(last(monday), monday.day, 0.35) / mix(monday.before, monday.day - 3, 0.35);
    let shock = monday.path.rebalancing[monday.path.len() - 1];
    assert!((shock - 0.26).abs() < 1e-12);
    // Without the shock more than the 20.7 % of 15:35, less than the 97 % of 16:15; with it, which was chosen for
    // that, about as much.
    assert!((1.207..1.97).contains(&rise), "{rise}");
    assert!((rise * exp(shock) / 1.97 - 1.0).abs() < 0.05, "{}", rise * exp(shock));
    // The day after, -26 %: not chosen for.
    let fall = mix(last(tuesday), tuesday.day, 0.30) / (mix(last(monday), monday.day, 0.30) * exp(shock));
    assert!((fall - 0.74).abs() < 0.05, "{fall}");
    assert!(tuesday.path.rebalancing[tuesday.path.len() - 1].abs() < 1e-12);
}

#[test]
fn until_the_rebalancing_futures_follow_between_the_two_lower_scenarios() {
    // 15:35 on 2018-02-05: VIX up 67.5 %, the first two futures up 20.7 %.
    use crate::simulate::episodes::config::PassThrough;
    let rise = |scenario: PassThrough| {
        let state = MarketState {
            day: 17_567,
            vix: vec![1.675 * 17.31],
            episode: EpisodeColumns {
                transient: vec![0.0],
                vix_state: vec![17.31],
                rebalancing: vec![0.0],
                shares: scenario.shares(),
            },
            ..MarketState::default()
        };
        0.35 * state.future_factor(0, 17_576) + 0.65 * state.future_factor(0, 17_611) - 1.0
    };
    let (low, middle) = (rise(PassThrough::Low), rise(PassThrough::Middle));
    assert!(low < 0.207 && 0.207 < middle, "{low} {middle}");
}

#[test]
fn crashes_invert_the_curve_and_calm_does_not() {
    for (name, inverted) in
        [("opening_dislocation", true), ("volmageddon", true), ("pandemic_crash", true), ("carry_unwind", true)]
    {
        let first = &played(name)[0];
        let state = first.path.state[first.path.len() - 1];
        let curve = [20, 50, 110].map(|days| future(state, first.day, first.day + days));
        assert_eq!(curve[0] > curve[1] && curve[1] > curve[2], inverted, "{name}: {curve:?}");
    }
    let calm = Scenario::named("calm_year").expect("name").start(&market()).expect("state");
    assert!(future(calm, 17_000, 17_020) < future(calm, 17_000, 17_110));
}

#[test]
fn carry_unwind_needs_no_more_quote_noise_than_allowed() {
    let path = &played("carry_unwind")[0].path;
    // 65.73 before the open: over VIX of the state at the open, in log points.
    let needed = ln(65.73 / path.vix[0]);
    assert!((0.3..=IntradayConfig::default().quote_noise).contains(&needed), "{needed}");
}

#[test]
fn a_gap_lifts_vix_by_its_beta_and_is_bought_back() {
    let path = &played("geopolitical_gap")[0].path;
    // 37.79 at its highest, 30.32 at the close.
    assert!((highest(&path.vix) / 37.79 - 1.0).abs() < 0.10, "{}", highest(&path.vix));
    assert!((path.vix[0] - highest(&path.vix)).abs() < 1e-9);
    assert!((path.vix[path.len() - 1] - 30.32).abs() < 1e-6);
}

#[test]
fn noise_moves_what_is_between_and_nothing_else() {
    let scenario = Scenario::named("flash_crash").expect("name");
    let config = IntradayConfig::default();
    let run = |noise, seed| play(scenario, &market(), &config, noise, seed).expect("play").remove(0).path;
    let (plain, noisy, other) = (run(0.0, 1), run(1.0, 1), run(1.0, 2));
    let last = plain.len() - 1;
    assert_eq!(noisy.log_spot[last].to_bits(), plain.log_spot[last].to_bits());
    assert_ne!(noisy.log_spot[100].to_bits(), plain.log_spot[100].to_bits());
    assert_ne!(noisy.log_spot[100].to_bits(), other.log_spot[100].to_bits());
    assert_eq!(noisy.vix, plain.vix);
}
