//! What the engine itself costs on simulated paths: marks are a flat volatility, so that nearly nothing else is timed.
//!
//! `cargo bench -p alvh-core --bench study [paths]` prints nanoseconds of processor time per step of a path and book.

use std::fs;
use std::time::Instant;

use alvh_core::book::{self, Book};
use alvh_core::calendar::listing::ListedExpiry;
use alvh_core::costs::spread::{SpreadLeg, half_spread_at, vix_multiplier};
use alvh_core::engine::{self, RunOptions};
use alvh_core::instrument::{Day, Instrument, OPEN_SECONDS, Right, Settlement, years_between};
use alvh_core::market::model::MarketConfig;
use alvh_core::market::simulated::{Agenda, LANES, SimulatedSource};
use alvh_core::market::{MarketSource, MarketState};
use alvh_core::marks::{LegBatch, Marks, OptionProduct, Quote};
use alvh_core::policy::StaticPolicy;
use alvh_core::pricing::black;
use alvh_core::simulate::InstructionSet;
use alvh_core::simulate::world::World;

/// Options at the volatility of VIX, options on VIX at 90 %; nothing is interpolated.
#[derive(Default)]
struct Flat {
    multiplier: Vec<f64>,
}

impl Flat {
    fn terms(state: &MarketState, path: usize, instrument: Instrument) -> (Right, f64, f64, f64) {
        let (right, strike, expiry, level, vol) = match instrument {
            Instrument::SpxOption { right, strike, expiry, .. } => {
                (right, strike, expiry, state.spot[path], state.vix[path] / 100.0)
            }
            Instrument::VixOption { right, strike, expiry } => (right, strike, expiry, state.vix[path], 0.9),
            _ => (Right::Call, 0.0, state.day, state.spot[path], 0.0),
        };
        let years = years_between(state.day, state.seconds, expiry, OPEN_SECONDS).max(1e-6);
        (right, strike, level, vol * years.sqrt())
    }
}

impl Marks for Flat {
    fn prepare(&mut self, state: &MarketState) {
        self.multiplier.clear();
        self.multiplier.extend(state.vix.iter().map(|&vix| vix_multiplier(vix)));
    }

    fn quote(&mut self, state: &MarketState, legs: &LegBatch, quotes: &mut Vec<Quote>) {
        quotes.clear();
        for (&path, &instrument) in legs.path.iter().zip(&legs.instrument) {
            let path = path as usize;
            let (right, strike, level, sd) = Self::terms(state, path, instrument);
            let mid = if strike > 0.0 { black::black(right, level, strike, sd) } else { level };
            let leg = SpreadLeg {
                kind: instrument.into(),
                mid,
                settlement: Settlement::Am,
                spot: state.spot[path],
                day: state.day,
                vix: state.vix[path],
            };
            quotes.push(Quote { mid, half_spread: half_spread_at(&leg, self.multiplier[path]), flags: 0 });
        }
    }

    fn delta(&mut self, state: &MarketState, path: usize, instrument: Instrument) -> f64 {
        let (right, strike, level, sd) = Self::terms(state, path, instrument);
        black::forward_delta(right, level, strike, sd)
    }

    fn forward(&mut self, state: &MarketState, path: usize, instrument: Instrument) -> f64 {
        Self::terms(state, path, instrument).2
    }

    fn listed_strikes(&self, _: &MarketState, _: OptionProduct, _: Day, _: Right) -> Option<&[f64]> {
        None
    }

    fn listed_expiries(&self, _: &MarketState, _: OptionProduct) -> Option<&[ListedExpiry]> {
        None
    }
}

fn books() -> Vec<Book> {
    let layer = |name: &str, dte: i32, roll: i32, weight: u32| {
        format!(
            r#"{{"name":"{name}","instrument":"vix_call","dte":{dte},"delta":0.5,"sizing":{{"weight":{weight}}},"roll_dte":{roll},"expiries":"monthly"}}"#
        )
    };
    let layers = [layer("outer", 30, 21, 4), layer("middle", 110, 80, 4), layer("inner", 220, 190, 2)].join(",");
    let hedge = format!(r#"{{"layers":[{layers}],"per_condors":10.0,"rounding":"nearest","trade_seconds":57600}}"#);
    let book = |name: &str, hedge: &str| {
        let json = format!(
            r#"{{"name":"{name}","capital":500000.0,"condor":{{"dte":45,"dte_tolerance":null,"short_delta":0.16,
            "daily_range_multiple":null,"target_credit":null,"wing_width":null,"long_delta":null,
            "sizing":{{"contracts":10}},"entry":"roll","entry_seconds":57600,"expiries":"monthly",
            "profit_target":0.5,"stop":2.0,"exit_dte":21,"max_risk":1.0,"min_credit":0.0,"tier":"balanced",
            "vix_gate":"none"}},"hedge":{hedge},"portfolio":null,"costs":{{}},"margin_stress":1.0,
            "cash_earns_rate":true}}"#
        );
        book::parse_book(&json).expect("a book")
    };
    ["a", "b", "c", "d"].map(|name| book(name, &hedge)).into_iter().collect()
}

/// Nanoseconds on a processor where the system tells, else since `start`.
fn spent(start: Instant) -> f64 {
    let text = fs::read_to_string("/proc/thread-self/schedstat").ok();
    let spent = text.and_then(|text| text.split(' ').next().and_then(|first| first.parse().ok()));
    spent.unwrap_or_else(|| start.elapsed().as_nanos() as f64)
}

fn main() {
    let n: usize = std::env::args().filter_map(|argument| argument.parse().ok()).next().unwrap_or(2_048);
    let market = MarketConfig::preset("HSVCJ2F-2026").expect("preset");
    let world = r#"{"start":19724,"sessions":252,"steps_per_day":1,"spot":5000,"measure":"P","marks":"surface"}"#;
    let world = World::from_json(world).expect("a world");
    let agenda = Agenda::new(&market, &world);
    let books = books();
    let set = InstructionSet::best();
    let source = |first: usize| SimulatedSource::<LANES>::new(&agenda, 1, first as u64, LANES, set);
    let mut state = MarketState::default();
    let start = Instant::now();
    let before = spent(start);
    for first in (0..n).step_by(LANES) {
        let mut source = source(first);
        for step in 0..source.n_steps() {
            source.fill(step, &mut state);
        }
    }
    let path_steps = (n.div_ceil(LANES) * LANES * 252) as f64;
    println!("paths alone: {:.1} ns per path-step", (spent(start) - before) / path_steps);
    let before = spent(start);
    let mut total = 0;
    for first in (0..n).step_by(LANES) {
        let options = RunOptions { recorded: 0, scan_portfolio: false, first_day: Day::MIN };
        let mut marks = Flat::default();
        let policy = &mut StaticPolicy;
        let part = engine::run(&mut source(first), &mut marks, policy, &books, first as u64, options, &mut || true)
            .expect("a run");
        total += part.outcomes.iter().flat_map(|path| &path.1).map(|outcome| outcome.final_equity).sum::<i64>();
    }
    let each = (spent(start) - before) / path_steps / books.len() as f64;
    println!("engine with flat marks: {each:.1} ns per path-step and book (sum of equity {total} cents)");
}
