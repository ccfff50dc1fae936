//! Books on simulated paths: what may not change a bit, what the paths must be worth, what is refused.
#![allow(clippy::needless_range_loop, reason = "the same path of many columns")]

use alvh_core::book::{self, Book};
use alvh_core::calendar;
use alvh_core::instrument::{CLOSE_SECONDS, OPEN_SECONDS};
use alvh_core::market::model::MarketConfig;
use alvh_core::market::simulated::{Agenda, LANES, SimulatedSource};
use alvh_core::market::{MarketSource, MarketState};
use alvh_core::math;
use alvh_core::pricing::cos_method::PutPricer;
use alvh_core::pricing::market_columns::VIX_WINDOW;
use alvh_core::pricing::transform::State;
use alvh_core::pricing::vix_transform::FuturePricer;
use alvh_core::simulate::InstructionSet;
use alvh_core::simulate::paths::{self, Measure, Plan};
use alvh_core::simulate::study::{Shard, ShardResult, simulate};
use alvh_core::simulate::world::World;
use alvh_core::{Error, Result};

/// 2024-01-02.
const START: i32 = 19_724;

fn market() -> MarketConfig {
    MarketConfig { r: 0.03, q: 0.01, ..MarketConfig::preset("HSVCJ2F-2026").expect("preset") }
}

fn world(sessions: usize, steps_per_day: usize, measure: &str) -> World {
    let json = format!(
        r#"{{"start":{START},"sessions":{sessions},"steps_per_day":{steps_per_day},"spot":5000.0,
        "measure":"{measure}","marks":"surface"}}"#
    );
    World::from_json(&json).expect("a world")
}

fn books() -> Vec<Book> {
    let layer = |name: &str, dte: i32, roll: i32| {
        format!(
            r#"{{"name":"{name}","instrument":"vix_call","dte":{dte},"delta":0.5,"sizing":{{"weight":4}},
            "roll_dte":{roll},"expiries":"monthly"}}"#
        )
    };
    let layers = [layer("outer", 30, 21), layer("middle", 110, 80)].join(",");
    let hedge = format!(r#"{{"layers":[{layers}],"per_condors":10.0,"rounding":"nearest","trade_seconds":57600}}"#);
    [("bare", "null", 1), ("hedged", hedge.as_str(), 45)]
        .map(|(name, hedge, dte)| {
            let json = format!(
                r#"{{"name":"{name}","capital":500000.0,"condor":{{"dte":{dte},"dte_tolerance":null,
                "short_delta":0.16,"daily_range_multiple":null,"target_credit":null,"wing_width":25,
                "long_delta":null,"sizing":{{"contracts":3}},"entry":"session","entry_seconds":57600,
                "expiries":"weekly","profit_target":0.5,"stop":2.0,"exit_dte":null,"max_risk":0.1,
                "min_credit":0.0,"tier":"balanced","vix_gate":"none"}},"hedge":{hedge},"portfolio":null,
                "costs":{{}},"margin_stress":1.0,"cash_earns_rate":true}}"#
            );
            book::parse_book(&json).expect("a book")
        })
        .into_iter()
        .collect()
}

const SHARD: Shard = Shard { first_path: 0, n_paths: 70, seed: 5, recorded: 2 };

fn run(world: &World, shard: &Shard, threads: usize, set: InstructionSet) -> ShardResult {
    simulate(&market(), world, &books(), shard, None, threads, set, &mut || true).expect("a study")
}

#[test]
fn threads_instructions_and_shards_change_no_bit() {
    let best = InstructionSet::best();
    for steps in [1, 13] {
        let world = World { antithetic: steps == 13, ..world(25, steps, "P") };
        let whole = run(&world, &SHARD, 1, best);
        assert!(whole.outcomes.floats[0].iter().any(|&pnl| pnl.abs() > 1.0));
        for set in InstructionSet::available() {
            let other = run(&world, &SHARD, 2, set);
            assert_eq!(format!("{other:?}"), format!("{whole:?}"), "{} {steps}", set.name());
        }
        // Shards that do not end with a block, in another order.
        let parts = [(41, 29), (0, 1), (1, 40)].map(|(first_path, n_paths)| {
            (first_path as usize, run(&world, &Shard { first_path, n_paths, ..SHARD }, 1, best))
        });
        let (mut records, mut steps) = (Vec::new(), 0);
        for (first, part) in parts {
            let n = part.outcomes.cents[0].len() / 2;
            for (mine, all) in part.outcomes.cents.iter().zip(&whole.outcomes.cents) {
                for book in 0..2 {
                    assert_eq!(mine[book * n..][..n], all[book * SHARD.n_paths + first..][..n]);
                }
            }
            steps += part.steps;
            records.extend(part.records);
        }
        records.sort_by_key(|record| record.path);
        assert_eq!(steps, whole.steps);
        assert_eq!(format!("{records:?}"), format!("{:?}", whole.records));
    }
}

#[test]
fn books_begin_after_the_warm_up_of_the_same_path() {
    let best = InstructionSet::best();
    let before = 40;
    let cold = world(before + 20, 1, "P");
    let days = cold.calendar_days();
    let warm = World { start: days[before], sessions: 20, warm_up: before, ..cold.clone() };
    assert_eq!(warm.calendar_days(), days);
    let (warm, cold) = (run(&warm, &SHARD, 1, best), run(&cold, &SHARD, 1, best));
    assert_eq!(warm.steps, 20 * SHARD.n_paths as u64);
    for (record, whole) in warm.records.iter().zip(&cold.records) {
        assert_eq!(record.day, days[before..]);
        assert!(record.trades.iter().all(|trade| trade.day > days[before]), "a book decides on its first session");
        // The same market: what both runs sell on one day of one path has the same mid.
        let sold = |trades: &[alvh_core::engine::record::Trade]| {
            trades
                .iter()
                .map(|trade| (trade.day, format!("{:?}", trade.instrument), trade.mid.to_bits()))
                .collect::<Vec<_>>()
        };
        let whole = sold(&whole.trades);
        let common = sold(&record.trades).into_iter().filter(|trade| whole.contains(trade)).count();
        assert!(common > 20, "{common}");
    }
    let early = World { warm_up: 1_000_000, ..world(5, 1, "P") };
    assert!(early.validate().expect_err("too early").to_string().starts_with("SIM032 world warm_up"));
}

#[test]
fn a_path_cut_short_is_the_start_of_the_longer_one() {
    let best = InstructionSet::best();
    let long = run(&world(60, 1, "P"), &SHARD, 1, best);
    for sessions in [1, 2, 31] {
        let short = run(&world(sessions, 1, "P"), &SHARD, 1, best);
        for (cut, whole) in short.records.iter().zip(&long.records) {
            for (cut, whole) in cut.books.iter().zip(&whole.books) {
                assert_eq!(cut.equity, whole.equity[..sessions]);
                assert_eq!(cut.excess, whole.excess[..sessions]);
            }
        }
    }
}

/// Calls `see` with the market at every close, path by path in blocks, and with the one before and its open after it.
fn walk(world: &World, n_paths: usize, see: impl FnMut(&MarketState, &MarketState, &[f64], &[f64])) {
    walk_of(&market(), world, n_paths, see);
}

fn walk_of(
    market: &MarketConfig,
    world: &World,
    n_paths: usize,
    mut see: impl FnMut(&MarketState, &MarketState, &[f64], &[f64]),
) {
    let agenda = Agenda::new(market, world);
    for first in (0..n_paths).step_by(LANES) {
        let mut source: SimulatedSource<'_> =
            SimulatedSource::new(&agenda, 11, first as u64, LANES, InstructionSet::best());
        let (mut before, mut now) = (MarketState::default(), MarketState::default());
        for step in 0..source.n_steps() {
            source.fill(step, &mut now);
            let open: Vec<f64> = (0..LANES).map(|path| source.spx_settlement(step, path).value).collect();
            let vix: Vec<f64> = (0..LANES).map(|path| source.vix_settlement(step, path).value).collect();
            if step > 0 {
                see(&before, &now, &open, &vix);
            }
            std::mem::swap(&mut before, &mut now);
        }
    }
}

fn hidden(state: &MarketState, path: usize) -> State {
    State { v1: state.model.v1[path], v2: state.model.v2[path], intensity: state.model.intensity[path] }
}

fn square(x: f64) -> f64 {
    x * x
}

/// Mean and standard error.
fn mean(values: &[f64]) -> (f64, f64) {
    let n = values.len() as f64;
    let mean = values.iter().sum::<f64>() / n;
    let squares: f64 = values.iter().map(|x| (x - mean) * (x - mean)).sum();
    (mean, (squares / (n * (n - 1.0))).sqrt())
}

#[test]
fn a_straddle_of_one_day_earns_nothing_on_any_weekday() {
    let (market, world) = (market(), world(100, 1, "Q"));
    let model = market.pricing();
    let clock = world.clock();
    let carry = |years: f64| math::exp((market.r - market.q) * years);
    let mut day = PutPricer::new(&model, 1.0 / 252.0, true);
    let mut nights = [clock.overnight, clock.weekend].map(|share| PutPricer::new(&model, share / 252.0, true));
    // P&L over premium by weekday of the expiry: to the next close, and to the next open.
    let (mut closes, mut opens) = (vec![Vec::new(); 5], vec![Vec::new(); 5]);
    walk(&world, 8 * LANES, |before, now, open, _| {
        let weekday = calendar::weekday(now.day) as usize;
        for path in 0..LANES {
            let (spot, state) = (before.spot[path], hidden(before, path));
            // At the forward a call costs what a put costs.
            let straddle = 2.0 * day.price(1.0, state, &mut || true).expect("a price");
            let forward = spot * carry(1.0 / 252.0);
            closes[weekday].push((now.spot[path] - forward).abs() / (forward * straddle) - 1.0);
            let years = clock.years(before.day, before.seconds, now.day, OPEN_SECONDS);
            let night = &mut nights[usize::from(now.day - before.day > 1)];
            let straddle = 2.0 * night.price(1.0, state, &mut || true).expect("a price");
            let forward = spot * carry(years);
            opens[weekday].push((open[path] - forward).abs() / (forward * straddle) - 1.0);
        }
    });
    for (name, days) in [("close", closes), ("open", opens)] {
        for (weekday, earned) in days.iter().enumerate() {
            let (mean, error) = mean(earned);
            assert!(mean.abs() < 3.0 * error && error < 0.02, "{name} on weekday {weekday}: {mean} +- {error}");
        }
    }
}

#[test]
fn an_option_held_for_two_weeks_has_no_drift_under_q() {
    let (market, world) = (market(), world(12, 13, "Q"));
    let model = market.pricing();
    // Ten sessions from the close of the second: two weekends are inside.
    let years = 10.0 / 252.0;
    let mut pricer = PutPricer::new(&model, years, true);
    for strike in [0.95, 1.0] {
        let (mut price, mut level, mut earned) = (vec![0.0; 64 * LANES], vec![0.0; 64 * LANES], Vec::new());
        let (mut block, mut closes) = (0, 0);
        walk(&world, 64 * LANES, |_, now, _, _| {
            if !now.is_close {
                return;
            }
            closes += 1;
            for path in 0..LANES {
                let at = block * LANES + path;
                if closes == 2 {
                    level[at] = now.spot[path] * math::exp((market.r - market.q) * years);
                    price[at] = pricer.price(strike, hidden(now, path), &mut || true).expect("a price");
                } else if closes == 12 {
                    earned.push((strike - now.spot[path] / level[at]).max(0.0) - price[at]);
                }
            }
            if closes == 12 {
                (block, closes) = (block + 1, 0);
            }
        });
        let (mean, error) = mean(&earned);
        assert_eq!(earned.len(), 64 * LANES);
        assert!(mean.abs() < 3.0 * error, "{strike}: {mean} +- {error}");
    }
}

#[test]
fn a_future_on_vix_earns_nothing_until_it_settles_at_the_open() {
    let (market, world) = (market(), world(120, 1, "Q"));
    let model = market.pricing();
    let squared = model.vix_squared(VIX_WINDOW);
    let clock = world.clock();
    let pricers = [clock.overnight, clock.weekend].map(|share| FuturePricer::new(&model, squared, share / 252.0, true));
    let (mut earned, mut moved) = ([Vec::new(), Vec::new()], 0.0_f64);
    walk(&world, 4 * LANES, |before, now, _, vix| {
        let night = usize::from(now.day - before.day > 1);
        for path in 0..LANES {
            let future = 100.0 * pricers[night].price(hidden(before, path));
            earned[night].push(vix[path] - future);
            moved = moved.max((vix[path] - before.vix[path]).abs());
        }
    });
    for earned in &earned {
        let (mean, error) = mean(earned);
        assert!(mean.abs() < 3.0 * error && error < 0.02, "{mean} +- {error}");
    }
    assert!(moved > 3.0);
}

#[test]
fn paths_on_the_calendar_have_the_moments_of_plain_paths() {
    let (market, sessions, n) = (market(), 126, 8_192);
    for measure in [Measure::P, Measure::Q] {
        let plan = Plan {
            n_paths: n,
            first_path: 1 << 40,
            sessions,
            steps_per_day: 1,
            record_every: sessions,
            spot: 5_000.0,
            measure,
            antithetic: false,
            seed: 3,
        };
        let plain = paths::simulate(&market, &plan, 1, InstructionSet::best(), &mut || true).expect("paths");
        let last = |column: &[f64]| column.iter().skip(1).step_by(2).copied().collect::<Vec<f64>>();
        let world = world(sessions, 1, if measure == Measure::P { "P" } else { "Q" });
        let agenda = Agenda::new(&market, &world);
        let mut ends: [Vec<f64>; 4] = Default::default();
        let mut state = MarketState::default();
        for first in (0..n).step_by(LANES) {
            let mut source: SimulatedSource<'_> =
                SimulatedSource::new(&agenda, 3, first as u64, LANES, InstructionSet::best());
            source.fill(sessions - 1, &mut state);
            let model = &state.model;
            for (end, column) in ends.iter_mut().zip([&state.spot, &model.v1, &model.v2, &model.intensity]) {
                end.extend(column);
            }
        }
        for (name, calendar, plain) in [
            ("spot", &ends[0], last(&plain.spot)),
            ("v1", &ends[1], last(&plain.v1)),
            ("v2", &ends[2], last(&plain.v2)),
            ("intensity", &ends[3], last(&plain.intensity)),
        ] {
            for power in [1, 2] {
                let raised =
                    |values: &[f64]| values.iter().map(|x| if power == 2 { x * x } else { *x }).collect::<Vec<f64>>();
                let ((a, ea), (b, eb)) = (mean(&raised(calendar)), mean(&raised(&plain)));
                assert!((a - b).abs() < 4.0 * (ea * ea + eb * eb).sqrt(), "{measure:?} {name}^{power}: {a} {b}");
            }
        }
    }
}

#[test]
fn the_range_of_a_session_does_not_depend_on_its_steps_where_variance_stands_still() {
    let still = MarketConfig { sigma1: 0.0, sigma2: 0.0, lambda_inf: 0.0, intensity: Some(0.0), ..market() };
    let ranges = [1, 26].map(|steps| {
        let (mut up, mut down) = (Vec::new(), Vec::new());
        walk_of(&still, &world(60, steps, "P"), 4 * LANES, |_, now, open, _| {
            for path in 0..LANES {
                if now.is_close {
                    let (high, low) = (now.high[path], now.low[path]);
                    assert!(high >= now.spot[path].max(open[path]) * (1.0 - 1e-9));
                    assert!(low <= now.spot[path].min(open[path]) * (1.0 + 1e-9));
                    up.push(math::ln(high / open[path]));
                    down.push(math::ln(low / open[path]));
                } else {
                    assert!(now.high[path].is_nan() && now.low[path].is_nan());
                }
            }
        });
        [up, down]
    });
    for side in 0..2 {
        let ((a, ea), (b, eb)) = (mean(&ranges[0][side]), mean(&ranges[1][side]));
        assert!((a - b).abs() < 4.0 * (ea * ea + eb * eb).sqrt(), "{a} {b}");
    }
}

#[test]
fn jumps_of_the_night_are_as_many_as_their_share_says() {
    let measured = |share: f64| {
        let world = World { overnight_jump_share: Some(share), ..world(200, 1, "P") };
        let (mut squares, mut ends) = (Vec::new(), Vec::new());
        walk(&world, 8 * LANES, |before, now, open, _| {
            for path in 0..LANES {
                squares.push(square(math::ln(open[path] / before.spot[path])));
                ends.push(square(math::ln(now.spot[path] / before.spot[path])));
            }
        });
        (mean(&squares), mean(&ends))
    };
    let (none, all) = (measured(0.0), measured(1.0));
    assert!(all.0.0 > none.0.0 + 4.0 * (all.0.1 + none.0.1), "{none:?} {all:?}");
    // A day keeps its variance whatever part of it is the night's.
    assert!((all.1.0 - none.1.0).abs() < 4.0 * (all.1.1 + none.1.1), "{none:?} {all:?}");
}

#[test]
fn mirrored_paths_go_opposite_ways() {
    let world = World { antithetic: true, ..world(20, 1, "P") };
    let agenda = Agenda::new(&market(), &world);
    let mut source: SimulatedSource<'_> = SimulatedSource::new(&agenda, 2, 0, LANES, InstructionSet::best());
    let mut state = MarketState::default();
    source.fill(19, &mut state);
    let returns: Vec<f64> = state.spot.iter().map(|spot| math::ln(spot / 5_000.0)).collect();
    let single = mean(&returns).1 * (LANES as f64).sqrt();
    let pairs: Vec<f64> = returns.chunks(2).map(|pair| 0.5 * (pair[0] + pair[1])).collect();
    let paired = mean(&pairs).1 * (pairs.len() as f64).sqrt();
    // Two independent paths would halve the variance; a mirrored pair does much better.
    assert!(paired < 0.5 * single, "{paired} {single}");
}

#[test]
fn steps_of_a_session_are_on_its_clock() {
    let agenda_world = world(130, 13, "P");
    let agenda = Agenda::new(&market(), &agenda_world);
    let mut source: SimulatedSource<'_> = SimulatedSource::new(&agenda, 2, 0, 1, InstructionSet::best());
    let mut state = MarketState::default();
    let mut seen = Vec::new();
    for step in 0..source.n_steps() {
        source.fill(step, &mut state);
        seen.push((state.day, state.seconds, state.length_seconds, state.is_open, state.is_close));
    }
    assert_eq!(seen[0].1, OPEN_SECONDS);
    assert_eq!(seen[0].2, 4 * 86_400 - i64::from(CLOSE_SECONDS - OPEN_SECONDS), "from 2023-12-29 16:00");
    assert!(seen[0].3 && !seen[0].4 && seen[13].4);
    assert_eq!((seen[1].1, seen[1].2), (OPEN_SECONDS + 1_800, 1_800));
    for window in seen.windows(2) {
        let days = i64::from(window[1].0 - window[0].0);
        assert_eq!(days * 86_400 + i64::from(window[1].1 - window[0].1), window[1].2);
    }
    // 2024-07-03 closes at 13:00.
    let early = calendar::from_civil(2024, 7, 3);
    assert_eq!(seen.iter().rfind(|step| step.0 == early).map(|step| step.1), Some(46_800));
}

#[test]
fn bad_worlds_are_named() {
    let good = serde_json::to_value(world(5, 1, "P")).expect("json");
    for (field, value, code) in [
        ("sessions", "0", "SIM021"),
        ("sessions", "9000", "SIM022"),
        ("steps_per_day", "7", "SIM023"),
        ("steps_per_day", "0", "SIM023"),
        ("spot", "0.0", "SIM024"),
        ("spot", "1e300", "SIM024"),
        ("overnight", "1.0", "SIM025"),
        ("weekend", "-0.1", "SIM025"),
        ("overnight_jump_share", "1.01", "SIM026"),
        ("start", "0", "CAL001"),
        ("measure", "\"R\"", "SIM020"),
        ("marks", "\"none\"", "SIM020"),
        ("colour", "1", "SIM020"),
    ] {
        let mut bad = good.clone();
        bad[field] = serde_json::from_str(value).expect("a value");
        let error = World::from_json(&bad.to_string()).expect_err(field).to_string();
        assert!(error.starts_with(code) && !error.contains('\n'), "{field}: {error}");
    }
}

#[test]
fn absurd_sizes_are_refused_before_anything_is_allocated() {
    let attempt = |shard: &Shard, sessions: usize, steps: usize| -> Result<ShardResult> {
        let set = InstructionSet::best();
        simulate(&market(), &world(sessions, steps, "P"), &books(), shard, None, 1, set, &mut || true)
    };
    for (shard, sessions, steps) in [
        (Shard { n_paths: usize::MAX, ..SHARD }, 1, 1),
        (Shard { n_paths: 100_000_000, ..SHARD }, 1, 1),
        (Shard { n_paths: 1 << 36, ..SHARD }, 252, 390),
        (Shard { n_paths: 1_000_000, recorded: u64::MAX, ..SHARD }, 252, 1),
    ] {
        let error = attempt(&shard, sessions, steps).expect_err("too large");
        assert!(matches!(error, Error::Limit(_)), "{error}");
    }
    assert!(matches!(attempt(&Shard { n_paths: 0, ..SHARD }, 1, 1), Err(Error::Config(_))));
}

#[test]
fn marks_of_the_model_ask_for_their_tables() {
    let json = serde_json::to_string(&world(5, 1, "P")).expect("json").replace("surface", "model");
    let world = World::from_json(&json).expect("a world");
    let set = InstructionSet::best();
    let error = simulate(&market(), &world, &books(), &SHARD, None, 1, set, &mut || true).expect_err("no tables");
    assert!(error.to_string().starts_with("SIM031 simulate tables: got none"), "{error}");
}

#[test]
fn an_impatient_caller_stops_the_study() {
    for threads in [1, 2] {
        let mut asked = 0;
        let mut go_on = || {
            asked += 1;
            asked < 2
        };
        let big = Shard { n_paths: 10_000, recorded: 0, ..SHARD };
        let world = world(2_000, 1, "P");
        let set = InstructionSet::best();
        let stopped = simulate(&market(), &world, &books(), &big, None, threads, set, &mut go_on);
        assert_eq!(stopped, Err(Error::Interrupted));
    }
}
