//! Known parameters come back, and what is no such process is refused.

use super::*;
use crate::labelled::FlowConfig;
use crate::labelled::arrivals::{Arrivals, BUYER, SELLER};
use crate::labelled::draw::Draw;
use crate::rng::Domain;

const TRUE: Parameters = Parameters { baseline: 1.3, branching: 0.6, decay: 4.0 };

/// Marketable orders of the labelled order flow with one kernel: buyers and sellers together are one process.
fn labelled(seed: u64, seconds: f64) -> Vec<f64> {
    let mut config = FlowConfig::preset("stock").expect("preset");
    (config.branching_same, config.branching_cross) = (0.4, TRUE.branching - 0.4);
    config.trade_rate = TRUE.baseline;
    (config.kernel_decay, config.kernel_share) = ((TRUE.decay, 1.0), 1.0);
    (config.quote_rate, config.quotes_per_trade) = (1e-9, 0.0);
    let mut arrivals = Arrivals::new(&config);
    let mut draw = Draw::new(seed, Domain::OrderFlow, 9);
    let (mut now, mut times) = (0.0, Vec::new());
    loop {
        let bound: f64 = arrivals.rates(1.0).iter().sum();
        let wait = draw.exponential() / bound;
        now += wait;
        if now > seconds {
            return times;
        }
        arrivals.pass(wait);
        match Arrivals::kind_of(&arrivals.rates(1.0), draw.uniform() * bound) {
            Some(kind) if kind == BUYER || kind == SELLER => {
                arrivals.excite(kind);
                times.push(now);
            }
            _ => {}
        }
    }
}

fn poisson(seed: u64, n: usize) -> Vec<f64> {
    let mut draw = Draw::new(seed, Domain::OrderFlow, 10);
    let mut now = 0.0;
    (0..n)
        .map(|_| {
            now += draw.exponential();
            now
        })
        .collect()
}

fn fitted(times: &[f64], end: f64) -> Fit {
    fit(times, end, false, 20, &mut || true).expect("fit")
}

#[test]
fn derivatives_are_those_of_the_value() {
    let times = labelled(1, 60.0);
    let flow = Flow { times: &times, end: 61.0, first: 1 };
    let at = |x: [f64; 3]| evaluate(&flow, &Parameters { baseline: x[0], branching: x[1], decay: x[2] });
    let x = [1.0, 0.5, 3.0];
    let here = at(x);
    let h = 1e-5;
    let rows = [[0, 1, 2], [1, 3, 4], [2, 4, 5]];
    for i in 0..3 {
        let (mut up, mut down) = (x, x);
        (up[i], down[i]) = (x[i] + h, x[i] - h);
        let (up, down) = (at(up), at(down));
        let slope = (up.value - down.value) / (2.0 * h);
        assert!((slope - here.gradient[i]).abs() < 1e-4 * (1.0 + slope.abs()), "{i}: {slope} {:?}", here.gradient);
        for (j, &row) in rows[i].iter().enumerate() {
            let bend = (up.gradient[j] - down.gradient[j]) / (2.0 * h);
            let want = here.hessian[row];
            assert!((bend - want).abs() < 1e-4 * (1.0 + bend.abs()), "{i} {j}: {bend} {want}");
        }
    }
}

#[test]
fn the_labelled_flow_gives_its_parameters_back() {
    let seeds = 20;
    let mut squares = [0.0; 3];
    let mut beyond = Vec::new();
    for seed in 1..=seeds {
        let times = labelled(seed, 2_000.0);
        let found = fitted(&times, 2_000.0);
        assert_eq!(found.optimum, Optimum::Interior);
        let p = found.parameters;
        let pairs = [(p.baseline, TRUE.baseline), (p.branching, TRUE.branching), (p.decay, TRUE.decay)];
        for (i, (got, want)) in pairs.into_iter().enumerate() {
            let z = (got - want) / found.errors[i];
            if z.abs() >= 3.0 {
                beyond.push((seed, i, got, found.errors[i]));
            }
            squares[i] += z * z;
        }
        assert!(found.test.ks_p_value > 1e-3 && found.test.ljung_box_p_value > 1e-4, "seed {seed}: {:?}", found.test);
        assert!(found.log_likelihood > found.poisson_log_likelihood + 100.0);
    }
    // Of 60 standard normals two are beyond 3 with probability .012.
    assert!(beyond.len() < 2, "{beyond:?}");
    // The errors have the right size: 20 squares of standard normals lie in (5.9, 45.3) with probability .998.
    for sum in squares {
        assert!((5.9..45.3).contains(&sum), "{squares:?}");
    }
}

#[test]
fn a_poisson_process_shows_no_excitation() {
    let (mut rises, mut outside) = (0, 0);
    for seed in 1..=20 {
        let times = poisson(seed, 2_000);
        let found = fitted(&times, times[times.len() - 1]);
        let ratio = 2.0 * (found.log_likelihood - found.poisson_log_likelihood);
        assert!(ratio >= 0.0);
        rises += u32::from(ratio > 13.8);
        outside += u32::from(found.parameters.branching > 0.2);
        assert!(found.test.ks_p_value > 1e-3);
    }
    assert!(rises <= 1 && outside <= 1, "{rises} {outside}");
}

#[test]
fn other_processes_fail_the_residual_test() {
    // A Hawkes process is no Poisson process, ...
    let times = labelled(3, 2_000.0);
    let flow = Flow { times: &times, end: 2_000.0, first: 0 };
    let rate = times.len() as f64 / 2_000.0;
    let flat = increments(&flow, &Parameters { baseline: rate, branching: 0.0, decay: f64::NAN });
    let test = test_residuals(&flat, 20).expect("test");
    assert!(test.ks_p_value < 1e-6 && test.ljung_box_p_value < 1e-6, "{test:?}");
    // ... a Poisson process whose clock alternates is no Hawkes process with one kernel, ...
    let warped: Vec<f64> = poisson(4, 5_000)
        .into_iter()
        .map(|t| {
            let phase = t % 100.0;
            (t - phase) + if phase < 90.0 { phase / 9.0 } else { 10.0 + 9.0 * (phase - 90.0) }
        })
        .collect();
    let found = fitted(&warped, warped[warped.len() - 1]);
    assert!(found.test.ks_p_value < 0.01 || found.test.ljung_box_p_value < 0.01, "{found:?}");
    // ... and times that are too regular neither.
    let regular: Vec<f64> = poisson(5, 4_000).into_iter().step_by(2).collect();
    let found = fitted(&regular, regular[regular.len() - 1]);
    assert!(found.test.ks_p_value < 1e-6 && found.parameters.branching < 0.05, "{:?}", found.parameters);
}

#[test]
fn bad_times_are_named() {
    let good: Vec<f64> = (0..100).map(f64::from).collect();
    let code = |times: &[f64], end: f64| fit(times, end, true, 20, &mut || true).expect_err("bad").to_string();
    assert!(code(&good[..50], 100.0).starts_with("HWK001 fit_hawkes times: got 50 events, expected at least 51"));
    let with = |i: usize, value: f64| {
        let mut bad = good.clone();
        bad[i] = value;
        bad
    };
    assert!(code(&with(7, f64::NAN), 100.0).starts_with("HWK002 fit_hawkes:7 times: got NaN"));
    assert!(code(&with(7, 6.0), 100.0).starts_with("HWK003 fit_hawkes:7 times: got 6"));
    assert!(code(&with(0, -1.0), 100.0).starts_with("HWK004 fit_hawkes:0"));
    assert!(code(&good, 98.0).starts_with("HWK005 fit_hawkes end: got 98 s"));
    assert_eq!(fit(&good, 100.0, true, 20, &mut || false), Err(Error::Interrupted));
}
