use super::skill::{RateRow, SkillRow};
use super::*;
use crate::instrument::{CLOSE_SECONDS, OPEN_SECONDS};

const DAY: i32 = 17_567;
const UNIT: f64 = 0.0008;

fn skill() -> Skill {
    let row = |low, recall| SkillRow { low, recall, delay: 60.0, delay_p90: 120.0 };
    Skill {
        rows: vec![row(3.0, 0.3), row(10.0, 0.8)],
        false_alarms: vec![RateRow { vix: 0.0, per_day: 2.0 }, RateRow { vix: 30.0, per_day: 6.0 }],
        armed_per_day: 3.0,
        armed_seconds: 60.0,
        ..Skill::default()
    }
}

fn config() -> FairConfig {
    FairConfig { skill: skill(), ..FairConfig::default() }
}

/// A fast move as its displacement over time, whatever it is called.
fn displacement(onset: i32, size: f64, retained: f64, seconds: i32) -> f64 {
    let t = f64::from(seconds - onset);
    if t <= 270.0 { size * t / 270.0 } else { size * (retained + (1.0 - retained) * exp(-(t - 270.0) / 480.0)) }
}

/// All columns of a session on 5-second steps.
fn session(config: &FairConfig, number: u32, onset: i32, path: impl Fn(i32) -> f64) -> Vec<Vec<f64>> {
    let mut signals = FairSignals::new(config, 9, 4, 4.6);
    for _ in 0..MEDIAN_SESSIONS {
        signals.close_vix(18.0);
    }
    let morning = Morning {
        day: DAY,
        close: CLOSE_SECONDS,
        vix: 18.0,
        unit_deviation: UNIT,
        daily_deviation: 0.01,
        ahead: &[onset],
    };
    signals.begin(number, &morning);
    let mut rows = Vec::new();
    let mut columns = Vec::new();
    for seconds in (OPEN_SECONDS..=CLOSE_SECONDS).step_by(5) {
        let move_ = Seen { onset, displacement: path(seconds) };
        let moves = if onset < seconds { std::slice::from_ref(&move_) } else { &[] };
        let moment = Moment {
            seconds,
            log_spot: 4.6 + if onset < seconds { move_.displacement } else { 0.0 },
            vix: 18.0 * exp(-4.3 * if onset < seconds { move_.displacement } else { 0.0 }),
            spread: 1.0 + 100.0 * if onset < seconds { move_.displacement.abs() } else { 0.0 },
            moves,
            is_close: seconds == CLOSE_SECONDS,
        };
        signals.step(&moment, &mut columns);
        rows.push(columns.iter().map(|column| column.first().copied().unwrap_or(f64::NAN)).collect());
    }
    rows
}

fn bits(rows: &[Vec<f64>]) -> Vec<u64> {
    rows.iter().flatten().map(|value| value.to_bits()).collect()
}

#[test]
fn nothing_of_the_future_is_in_it() {
    let onset = 40_000;
    for number in 0..40 {
        let stays = session(&config(), number, onset, |seconds| displacement(onset, -0.02, 1.0, seconds));
        let reverts = session(&config(), number, onset, |seconds| displacement(onset, -0.02, 0.0, seconds));
        let grows = session(&config(), number, onset, |seconds| displacement(onset, -0.02, 3.0, seconds));
        let peak = ((onset + 270 - OPEN_SECONDS) / 5 + 1) as usize;
        assert_eq!(bits(&stays[..peak]), bits(&reverts[..peak]));
        assert_eq!(bits(&stays[..peak]), bits(&grows[..peak]));
        assert_ne!(bits(&stays), bits(&reverts));
        // A move that has not begun changes nothing, not even through the number of moves to come.
        let none = session(&config(), number, i32::MAX, |_| 0.0);
        let before = ((onset - OPEN_SECONDS) / 5) as usize;
        assert_eq!(bits(&stays[..before]), bits(&none[..before]));
    }
}

#[test]
fn with_foresight_the_future_shows_and_only_as_armed() {
    let (onset, path) = (40_000, |seconds| displacement(40_000, -0.02, 1.0, seconds));
    let quiet = Skill { armed_per_day: 0.0, ..skill() };
    let blind = FairConfig { skill: quiet, ..config() };
    let seeing = FairConfig { foresight: 0.9, ..blind.clone() };
    let step = ((onset - 600 - OPEN_SECONDS) / 5) as usize;
    let mut armed = 0;
    for number in 0..200 {
        let (a, b) = (session(&blind, number, onset, path), session(&seeing, number, onset, path));
        armed += usize::from(b[step][input::ARMED] > 0.5);
        let other = |rows: &[Vec<f64>]| rows.iter().map(|row| row[input::IGNITION_SCORE].to_bits()).collect::<Vec<_>>();
        assert_eq!(other(&a), other(&b));
        assert!(a[..step + 100].iter().all(|row| row[input::ARMED] < 0.5));
    }
    // Binomial(200, 0.9), four standard deviations.
    assert!((armed as f64 - 180.0).abs() < 17.0, "{armed}");
}

#[test]
fn recall_and_delay_are_those_of_the_skill() {
    let quiet = FairConfig { skill: Skill { false_alarms: Vec::new(), ..skill() }, ..config() };
    let onset = 40_000;
    for (size, recall) in [(2.0, 0.0), (8.0, 0.3), (25.0, 0.8)] {
        let n = 400;
        let mut found = Vec::new();
        for number in 0..n {
            let rows = session(&quiet, number, onset, |s| displacement(onset, -size * UNIT, 0.0, s));
            if let Some(at) = rows.iter().position(|row| row[input::IGNITED] > 0.5) {
                assert!(rows[at][input::IGNITION_SIDE] < 0.0 && rows[at][input::IGNITION_SCORE] >= 50.0);
                found.push(OPEN_SECONDS + 5 * at as i32 - onset);
            }
        }
        let (share, n) = (found.len() as f64 / f64::from(n), f64::from(n));
        assert!((share - recall).abs() <= 4.0 * (recall * (1.0 - recall) / n).sqrt(), "{size}: {share}");
        // Never before it was large enough to be seen.
        let least = if size > 3.0 { (270.0 * 3.0 / size) as i32 } else { 0 };
        assert!(found.iter().all(|&delay| delay >= least), "{size}");
    }
}

#[test]
fn false_alarms_come_at_their_rate_by_vix() {
    let config = config();
    for (vix, rate) in [(18.0, 2.0), (35.0, 6.0)] {
        let n = 600;
        let mut starts = 0;
        for number in 0..n {
            let morning = Morning {
                day: DAY,
                close: CLOSE_SECONDS,
                vix,
                unit_deviation: UNIT,
                daily_deviation: 0.01,
                ahead: &[],
            };
            let draw = |domain| session_draw(1, domain, 0, number);
            let mut alarms = AlarmSession::new(&config, &morning, draw(Domain::FairAlarm), draw(Domain::FairMoves));
            let mut score = 0.0f64;
            for seconds in (OPEN_SECONDS..=CLOSE_SECONDS).step_by(5) {
                let alarm = alarms.step(&config.skill, seconds, &[]);
                starts += usize::from(alarm.score > 0.0 && alarm.score.to_bits() != score.to_bits());
                score = alarm.score;
            }
        }
        let want = rate * f64::from(n);
        // Alarms that overlap another may hide it: a few per cent.
        assert!(starts as f64 > 0.85 * want && (starts as f64) < want + 4.0 * want.sqrt(), "{starts} {want}");
    }
}

#[test]
fn the_quick_ratio_follows_vix_and_spreads_and_its_noise_decays() {
    let quiet = FairConfig { quick_ratio_noise: 0.0, ..config() };
    let rows = session(&quiet, 0, 40_000, |s| displacement(40_000, -0.02, 0.0, s));
    let at = ((40_270 - OPEN_SECONDS) / 5) as usize;
    let want = exp(-1.15 * 4.3 * 0.02) / 3.0;
    assert!((rows[at][input::QUICK_RATIO_RELATIVE] - want).abs() < 1e-9);
    let (mut sum, mut square, mut lagged, mut n) = (0.0, 0.0, 0.0, 0.0);
    for number in 0..60 {
        let rows = session(&config(), number, i32::MAX, |_| 0.0);
        let noise: Vec<f64> = rows.iter().map(|row| ln(row[input::QUICK_RATIO_RELATIVE])).collect();
        for pair in noise.windows(61).step_by(60) {
            sum += pair[0];
            square += pair[0] * pair[0];
            lagged += pair[0] * pair[60];
            n += 1.0;
        }
    }
    // 5 minutes apart: half the correlation; 78 * 60 pairs with correlations 1/2, 1/4, ...: 3 times fewer.
    let error = 4.0 * (3.0f64 / n).sqrt();
    assert!((sum / n).abs() < 0.25 * error && (square / n / 0.0625 - 1.0).abs() < 1.5 * error);
    assert!((lagged / square - 0.5).abs() < error, "{}", lagged / square);
}

#[test]
fn breadth_goes_with_the_return_and_does_not_lead_it() {
    let config = config();
    let mut signals = FairSignals::new(&config, 5, 0, 4.6);
    let mut returns = Draw::new(77, Domain::Bridge, 0);
    let (mut log_spot, mut columns) = (4.6, Vec::new());
    let (mut rows, n) = (Vec::new(), 4_000);
    for number in 0..n {
        let z = returns.normal();
        log_spot += 0.01 * z;
        let morning = Morning {
            day: DAY,
            close: CLOSE_SECONDS,
            vix: 18.0,
            unit_deviation: UNIT,
            daily_deviation: 0.01,
            ahead: &[],
        };
        signals.begin(number, &morning);
        let moment = Moment { seconds: CLOSE_SECONDS, log_spot, vix: 18.0, spread: 1.0, moves: &[], is_close: true };
        signals.step(&moment, &mut columns);
        rows.push((z, columns[input::NET_ADVANCES][0]));
    }
    let correlation = |pairs: &[(f64, f64)]| {
        let n = pairs.len() as f64;
        let (mx, my) = (pairs.iter().map(|p| p.0).sum::<f64>() / n, pairs.iter().map(|p| p.1).sum::<f64>() / n);
        let of = |f: &dyn Fn(&(f64, f64)) -> f64| pairs.iter().map(f).sum::<f64>();
        of(&|p| (p.0 - mx) * (p.1 - my)) / (of(&|p| (p.0 - mx) * (p.0 - mx)) * of(&|p| (p.1 - my) * (p.1 - my))).sqrt()
    };
    let lead: Vec<(f64, f64)> = rows.windows(2).map(|pair| (pair[1].0, pair[0].1)).collect();
    let error = 4.0 / f64::from(n).sqrt();
    assert!((correlation(&rows) - 0.8).abs() < 0.36 * error, "{}", correlation(&rows));
    assert!(correlation(&lead).abs() < error, "{}", correlation(&lead));
}

#[test]
fn every_rule_names_its_field() {
    type Break = fn(&mut FairConfig);
    let bad: [(&str, &str, Break); 6] = [
        ("CFG412 FairSignals", "foresight", |c| c.foresight = 1.0),
        ("CFG413 Skill", "unit", |c| c.skill.unit = f64::NAN),
        ("CFG414 Skill", "rows", |c| c.skill.rows.clear()),
        ("CFG415 Skill", "rows[0]", |c| c.skill.rows[0].recall = 1.5),
        ("CFG415 Skill", "rows[1]", |c| c.skill.rows[1].delay = f64::INFINITY),
        ("CFG416 Skill", "false_alarms", |c| c.skill.false_alarms[1].vix = -1.0),
    ];
    for (start, field, change) in bad {
        let mut config = config();
        change(&mut config);
        let error = config.validate().expect_err(field).to_string();
        assert!(error.starts_with(&format!("{start} {field}: got ")), "{error}");
    }
    let error = FairConfig::from_json("{\"leak\": 1}").expect_err("unknown").to_string();
    assert!(error.starts_with("CFG411 FairSignals fields: got "), "{error}");
    let config = FairConfig::default();
    assert_eq!(FairConfig::from_json(&config.to_json()).expect("json"), config);
}
