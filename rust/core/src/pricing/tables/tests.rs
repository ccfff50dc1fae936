//! Tables against direct prices, and what their prices must obey.

use super::*;
use crate::instrument::Right;
use crate::pricing::black::black;
use crate::pricing::cos_method::PutPricer;
use crate::pricing::vix_transform::{CallPricer, FuturePricer};
use crate::rng::{Domain, Stream};

fn preset(name: &str) -> MarketConfig {
    MarketConfig::preset(name).expect("preset")
}

/// Tables of which only the slices around some times are filled.
fn partial(config: &MarketConfig, spx_years: &[f64], vix_years: &[f64]) -> ModelTables {
    let mut tables = ModelTables::empty(config).expect("configuration");
    let slice = tables.spx.states.len() * NODES;
    let mut values = vec![f32::NAN; tables.spx.len()];
    for &years in spx_years {
        let (index, ..) = tables.spx.times.locate(years);
        for time in [index, index + 1] {
            let filled = tables.spx_slice(time, &mut || true).expect("slice");
            values[time * slice..(time + 1) * slice].copy_from_slice(&filled);
        }
    }
    tables.spx.values = values;
    if let Some(table) = &tables.vix {
        let longest = table.times.node(table.times.len - 1);
        let payoffs = Payoffs::new(&tables.model, tables.squared, longest, tables.has_jumps());
        let mut values = vec![f32::NAN; table.len()];
        for &years in vix_years {
            let (index, ..) = table.times.locate(years);
            for time in [index, index + 1] {
                let filled = tables.vix_slice(time, payoffs.as_ref(), &mut || true).expect("slice");
                values[time * slice..(time + 1) * slice].copy_from_slice(&filled);
            }
        }
        if let Some(table) = &mut tables.vix {
            table.values = values;
        }
    }
    tables
}

/// States about as spread out as those of a century: variances at zero, calm ones, and those of a crash.
fn states(n: usize) -> Vec<State> {
    let mut stream = Stream::new(11, Domain::Bootstrap, 1);
    let mut uniform = || f64::from(stream.next_u32()) / 4_294_967_296.0;
    (0..n)
        .map(|_| {
            let (a, b, c) = (uniform(), uniform(), uniform());
            State { v1: 0.15 * a * a * a * a, v2: 0.4 * b * b * b * b, intensity: 0.4921 + 8.0 * c * c * c }
        })
        .collect()
}

const DAYS: [f64; 3] = [1.0, 9.4, 21.0];

#[test]
fn index_options_are_near_their_direct_prices() {
    let config = preset("HSVCJ2F-2026");
    let years = DAYS.map(|days| days / SESSIONS_PER_YEAR);
    let tables = partial(&config, &years, &[]);
    for (years, bound) in years.into_iter().zip([6e-5, 5e-5, 5e-5]) {
        let time = tables.spx_time(years);
        let mut direct = PutPricer::new(&tables.model, years, true);
        let mut worst = 0.0_f64;
        for state in states(60) {
            let placed = tables.place(state);
            assert!(!placed.is_clamped);
            let smile = tables.spx_smile(&time, &placed);
            for step in 0..13 {
                let x = smile.scale * (-5.0 + 0.6 * f64::from(step));
                let strike = math::exp(x);
                let got = black(Right::Put, 1.0, strike, tables.spx_total_sd(&smile, x));
                let want = direct.price(strike, state, &mut || true).expect("price");
                worst = worst.max((got - want).abs());
            }
        }
        assert!(worst < bound, "{years}: {worst:e}");
    }
}

#[test]
fn index_options_have_no_arbitrage_between_strikes() {
    let config = preset("HSVCJ2F-2026");
    let years = 21.0 / SESSIONS_PER_YEAR;
    let tables = partial(&config, &[years], &[]);
    let time = tables.spx_time(years);
    for state in states(200) {
        let smile = tables.spx_smile(&time, &tables.place(state));
        // Strikes a thirtieth of the forward apart, as a condor's legs are.
        let price = |strike: f64| black(Right::Put, 1.0, strike, tables.spx_total_sd(&smile, math::ln(strike)));
        let puts: Vec<f64> = (0..40).map(|i| price(0.6 + f64::from(i) / 60.0)).collect();
        for three in puts.windows(3) {
            assert!(three[1] >= three[0] - 1e-9, "{state:?} falls");
            assert!(three[0] + three[2] - 2.0 * three[1] > -2e-6, "{state:?} {three:?} not convex");
        }
    }
}

#[test]
fn vix_options_are_near_their_direct_prices() {
    let config = preset("HSVCJ2F-2026");
    let years = [11.3, 76.3].map(|days| days / SESSIONS_PER_YEAR);
    let tables = partial(&config, &[], &years);
    for years in years {
        let time = tables.vix_time(years).expect("options");
        let mut direct = CallPricer::new(&tables.model, tables.squared, years, true);
        let mut errors = Vec::new();
        for state in states(25) {
            let smile = tables.vix_smile(&time, &tables.place(state));
            let future = tables.vix_future(state, years);
            for step in 0..11 {
                let strike = future * math::exp(-0.5 + 0.2 * f64::from(step));
                let got = black(Right::Call, future, strike, tables.vix_total_sd(&smile, strike));
                let want = 100.0 * direct.price(strike / 100.0, future / 100.0, state, &mut || true).expect("price");
                errors.push((got - want).abs());
            }
        }
        errors.sort_by(f64::total_cmp);
        let (q99, worst) = (errors[errors.len() * 99 / 100], errors[errors.len() - 1]);
        assert!(q99 < 0.012 && worst < 0.05, "{years}: {q99} {worst}");
    }
}

#[test]
fn futures_are_those_of_the_integral_one_by_one_or_together() {
    for name in ["HSVCJ2F-2026", "HSVCJ2F-2026-fast", "Broadie-Kaya-Heston-2", "Broadie-Kaya-SVCJ"] {
        let tables = ModelTables::empty(&preset(name)).expect("configuration");
        for days in [0.0, 0.2, 1.0, 5.3, 30.0, 111.7, 250.0] {
            let years = days / SESSIONS_PER_YEAR;
            let direct = FuturePricer::new(&tables.model, tables.squared, years, tables.has_jumps());
            let some: Vec<State> = states(21).into_iter().map(|state| tables.place(state).state).collect();
            let pick = |part: fn(&State) -> f64| some.iter().map(part).collect::<Vec<f64>>();
            let columns = ModelColumns { v1: pick(|s| s.v1), v2: pick(|s| s.v2), intensity: pick(|s| s.intensity) };
            let (mut terms, mut block) = (FutureTerms::default(), vec![0.0; some.len()]);
            tables.vix_futures(years, &columns, &mut terms, &mut block);
            for (state, together) in some.iter().zip(block) {
                let want = 100.0 * direct.price(*state);
                assert!((together - want).abs() < 2e-5, "{name} {days}: {together} {want}");
                assert_eq!(together.to_bits(), tables.vix_future(*state, years).to_bits());
            }
        }
    }
}

#[test]
fn tables_do_not_depend_on_the_number_of_threads_and_survive_bytes() {
    let config = preset("Broadie-Kaya-Heston-1");
    let one = ModelTables::build(&config, 1, &mut || true).expect("tables");
    let two = ModelTables::build(&config, 2, &mut || true).expect("tables");
    let bytes = one.to_bytes();
    assert!(bytes == two.to_bytes());
    assert!(ModelTables::from_bytes(&config, &bytes).expect("bytes") == one);
    let mut asked = 0;
    let stopped = ModelTables::build(&config, 1, &mut || {
        asked += 1;
        asked < 50
    });
    assert!(matches!(stopped, Err(Error::Interrupted)));
}

#[test]
fn damaged_bytes_are_refused() {
    let config = preset("Broadie-Kaya-Heston-1");
    let mut tables = ModelTables::empty(&config).expect("configuration");
    tables.spx.values = vec![0.5; tables.spx.len()];
    if let Some(table) = &mut tables.vix {
        table.values = vec![0.25; table.len()];
    }
    let bytes = tables.to_bytes();
    let refused = |config: &MarketConfig, bytes: &[u8], code: &str| {
        let error = ModelTables::from_bytes(config, bytes).expect_err(code).to_string();
        assert!(error.starts_with(code), "{code}: {error}");
    };
    for length in [0, 7, 60, 61, bytes.len() / 2, bytes.len() - 1] {
        refused(&config, &bytes[..length], if length < 60 { "MKT041" } else { "MKT044" });
    }
    refused(&config, &[&bytes[..], &[0]].concat(), "MKT044");
    for (at, code) in [
        (3, "MKT041"),
        (8, "MKT042"),
        (20, "MKT043"),
        (50, "MKT043"),
        (60, "MKT045"),
        (bytes.len() / 2, "MKT045"),
        (bytes.len() - 1, "MKT045"),
    ] {
        for bit in 0..8 {
            let mut broken = bytes.clone();
            broken[at] ^= 1 << bit;
            refused(&config, &broken, code);
        }
    }
    refused(&preset("Broadie-Kaya-Heston-2"), &bytes, "MKT043");
}

#[test]
fn states_outside_are_clamped_and_say_so() {
    let tables = ModelTables::empty(&preset("HSVCJ2F-2026")).expect("configuration");
    let outside = tables.place(State { v1: 0.7, v2: 0.1, intensity: 20.0 });
    assert!(outside.is_clamped);
    assert_eq!(outside.state, State { v1: 0.5, v2: 0.1, intensity: 14.0 });
    assert!(tables.spx_time(3.0).is_clamped && !tables.spx_time(0.5).is_clamped);
}
