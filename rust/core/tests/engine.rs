//! The engine on a made-up market: blocks against single paths, cuts, schedules, forced closings.

use alvh_core::book::{
    Book, CondorSizing, EntrySchedule, Expiries, HedgeLayer, IronCondor, LayerInstrument, LayerSizing, LayeredHedge,
    Rounding, Tier, VixGate,
};
use alvh_core::calendar;
use alvh_core::costs::CostConfig;
use alvh_core::engine::record::{Partial, Record, incident};
use alvh_core::engine::{RunOptions, bucket_names, run};
use alvh_core::instrument::{CLOSE_SECONDS, Day, Instrument, OPEN_SECONDS};
use alvh_core::market::state::{SettlementSource, SettlementValue};
use alvh_core::market::{MarketSource, MarketState};
use alvh_core::marks::surface::SurfaceMarks;
use alvh_core::policy::{Policy, PolicyView, StaticPolicy, Targets, rule};

/// Two steps a session; every path has its own spot and VIX.
#[derive(Clone)]
struct Made {
    days: Vec<Day>,
    spot: Vec<Vec<f64>>,
    vix: Vec<Vec<f64>>,
    steps: usize,
}

impl Made {
    fn new(seeds: &[u64], sessions: usize) -> Self {
        let start = calendar::session_index(calendar::from_civil(2012, 1, 3)).unwrap();
        let days = calendar::sessions()[start..start + sessions].to_vec();
        let (mut spot, mut vix) = (Vec::new(), Vec::new());
        for &seed in seeds {
            let mut noise = seed.wrapping_mul(0x9E37_79B9_7F4A_7C15);
            let (mut level, mut fear) = (1_300.0, 17.0);
            let (mut path, mut fears) = (Vec::new(), Vec::new());
            for _ in 0..2 * sessions {
                noise = noise.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let shock = ((noise >> 33) as f64 / (1_u64 << 31) as f64 - 0.5) * 0.024;
                level *= 1.0 + shock + 0.0002;
                fear = (fear * (1.0 - 4.0 * shock) + 0.05 * (17.0 - fear)).clamp(9.5, 70.0);
                path.push(level);
                fears.push(fear);
            }
            spot.push(path);
            vix.push(fears);
        }
        Self { days, spot, vix, steps: 2 * sessions }
    }

    fn only(&self, path: usize) -> Self {
        Self { spot: vec![self.spot[path].clone()], vix: vec![self.vix[path].clone()], ..self.clone() }
    }

    fn cut(&self, sessions: usize) -> Self {
        Self { steps: 2 * sessions, ..self.clone() }
    }
}

impl MarketSource for Made {
    fn n_paths(&self) -> usize {
        self.spot.len()
    }

    fn n_steps(&self) -> usize {
        self.steps
    }

    fn fill(&mut self, step: usize, state: &mut MarketState) {
        let n = self.n_paths();
        let absent = vec![f64::NAN; n];
        let vix: Vec<f64> = self.vix.iter().map(|path| path[step]).collect();
        let before = step.checked_sub(1).map_or(0, |before| 86_400 * i64::from(self.days[before / 2]));
        *state = MarketState {
            day: self.days[step / 2],
            seconds: if step.is_multiple_of(2) { OPEN_SECONDS } else { CLOSE_SECONDS },
            length_seconds: if step == 0 { 0 } else { 86_400 * i64::from(self.days[step / 2]) - before },
            is_close: step % 2 == 1,
            is_open: step.is_multiple_of(2),
            spot: self.spot.iter().map(|path| path[step]).collect(),
            high: absent.clone(),
            low: absent.clone(),
            vix_quoted: vix.clone(),
            vix,
            vix9d: absent.clone(),
            vix3m: absent.clone(),
            vix6m: absent.clone(),
            vvix: absent.clone(),
            skew: absent,
            rate: vec![0.01; n],
            dividend_yield: vec![0.02; n],
            spread_multiplier: vec![1.0; n],
            signals: vec![self.vix.iter().map(|path| f64::from(path[step] > 17.0)).collect()],
            ..MarketState::default()
        };
    }

    fn spx_settlement(&self, step: usize, path: usize) -> SettlementValue {
        SettlementValue { value: self.spot[path][step / 2 * 2], source: SettlementSource::Series }
    }

    fn vix_settlement(&self, step: usize, path: usize) -> SettlementValue {
        SettlementValue { value: self.vix[path][step / 2 * 2], source: SettlementSource::Series }
    }
}

fn condor() -> IronCondor {
    IronCondor {
        dte: 45,
        dte_tolerance: None,
        short_delta: Some(0.16),
        daily_range_multiple: None,
        target_credit: None,
        wing_width: None,
        long_delta: None,
        sizing: CondorSizing::Contracts(10),
        entry: EntrySchedule::Every(5),
        entry_seconds: CLOSE_SECONDS,
        expiries: Expiries::Monthly,
        profit_target: Some(0.5),
        stop: Some(2.0),
        exit_dte: Some(21),
        max_risk: 1.0,
        min_credit: 0.0,
        tier: Tier::Balanced,
        vix_gate: VixGate::None,
    }
}

fn layer(name: &str, dte: i32, roll_dte: i32, weight: f64) -> HedgeLayer {
    HedgeLayer {
        name: name.to_owned(),
        instrument: LayerInstrument::VixCall,
        dte,
        delta: 0.5,
        strike_offset: None,
        strike_level: None,
        sizing: LayerSizing::Weight(weight),
        roll_dte,
        roll_every: None,
        expiries: Expiries::Monthly,
        vix_rise: None,
    }
}

fn hedge() -> LayeredHedge {
    LayeredHedge {
        layers: vec![layer("outer", 30, 21, 4.0), layer("middle", 110, 80, 4.0), layer("inner", 220, 190, 2.0)],
        per_condors: 10.0,
        rounding: Rounding::Nearest,
        trade_seconds: CLOSE_SECONDS,
        budget: None,
    }
}

fn book(name: &str, condor: Option<IronCondor>, hedge: Option<LayeredHedge>) -> Book {
    let book = Book {
        name: name.to_owned(),
        capital: 2_000_000.0,
        condor,
        hedge,
        portfolio: None,
        costs: CostConfig::default(),
        margin_stress: 1.0,
        cash_earns_rate: true,
        rules: None,
    };
    book.validate().unwrap();
    book
}

fn books() -> Vec<Book> {
    let mut future = hedge();
    future.layers = vec![HedgeLayer { instrument: LayerInstrument::VixFuture, ..layer("front", 30, 5, 1.0) }];
    let mut note = hedge();
    note.layers = vec![HedgeLayer { instrument: LayerInstrument::VixNote, ..layer("note", 30, 5, 100.0) }];
    let mut spread = hedge();
    spread.layers =
        vec![HedgeLayer { instrument: LayerInstrument::VixCallSpread(0.2), ..layer("spread", 60, 21, 4.0) }];
    vec![
        book("unhedged", Some(condor()), None),
        book("static", Some(condor()), Some(hedge())),
        book("future", Some(condor()), Some(future)),
        book("note", Some(condor()), Some(note)),
        book("spread", Some(condor()), Some(spread)),
    ]
}

const RUN: RunOptions = RunOptions { recorded: u64::MAX, scan_portfolio: false, first_day: Day::MIN };

fn go(source: &Made, books: &[Book], first_path: u64) -> Partial {
    run(&mut source.clone(), &mut SurfaceMarks::new(), &mut StaticPolicy, books, first_path, RUN, &mut || true).unwrap()
}

#[test]
fn a_block_of_three_paths_is_three_single_paths() {
    let block = Made::new(&[3, 5, 8], 300);
    let together = go(&block, &books(), 0);
    let alone = (0..3).map(|path| go(&block.only(path), &books(), path as u64));
    let merged = alone.reduce(|a, b| b.merge(a).unwrap()).unwrap();
    assert_eq!(together.outcomes, merged.outcomes);
    for (a, b) in together.records.iter().zip(&merged.records) {
        assert_eq!(format!("{a:?}"), format!("{b:?}"));
        assert!(a.trades.len() > 100 && a.condors.len() > 20);
    }
    assert!(together.merge(merged).is_err(), "a path in both parts");
}

fn prefix_of(cut: &Record, full: &Record, last: Day) {
    let n = cut.day.len();
    assert_eq!(cut.day, full.day[..n]);
    let buckets = cut.books[0].pnl.len() / n;
    for (a, b) in cut.books.iter().zip(&full.books) {
        assert_eq!(a.equity, b.equity[..n]);
        assert_eq!(a.pnl, b.pnl[..n * buckets]);
        assert_eq!(a.excess, b.excess[..n]);
    }
    let shown = |record: &Record| {
        let trades: Vec<_> = record.trades.iter().filter(|row| row.day <= last).collect();
        let condors: Vec<_> = record.condors.iter().filter(|row| row.closed <= last).collect();
        let decisions: Vec<_> = record.decisions.iter().filter(|row| row.day <= last).collect();
        let incidents: Vec<_> = record.incidents.iter().filter(|row| row.day <= last).collect();
        format!("{trades:?} {condors:?} {decisions:?} {incidents:?}")
    };
    assert_eq!(shown(cut), shown(full));
}

#[test]
fn nothing_looks_ahead() {
    let source = Made::new(&[11], 260);
    let full = go(&source, &books(), 0);
    for sessions in [1, 2, 7, 40, 99, 163, 259] {
        let cut = go(&source.cut(sessions), &books(), 0);
        prefix_of(&cut.records[0], &full.records[0], source.days[sessions - 1]);
    }
}

#[test]
fn the_published_sizes() {
    let source = Made::new(&[2], 60);
    for (contracts, expected) in [(10, [4, 4, 2]), (25, [10, 10, 5]), (1, [1, 1, 1])] {
        let mut rule = condor();
        rule.sizing = CondorSizing::Contracts(contracts);
        let record = go(&source, &[book("static", Some(rule), Some(hedge()))], 0).records.remove(0);
        let names = bucket_names(&[book("static", Some(condor()), Some(hedge()))]);
        for (name, size) in ["outer", "middle", "inner"].iter().zip(expected) {
            let bucket = names.iter().position(|other| other == name).unwrap() as u16;
            let first = record.trades.iter().find(|trade| trade.bucket == bucket).unwrap();
            assert_eq!(first.contracts, size, "{name} at {contracts} condors");
        }
    }
}

#[test]
fn exits_fill_on_the_step_after_their_trigger() {
    let record = go(&Made::new(&[21], 500), &[book("unhedged", Some(condor()), None)], 0).records.remove(0);
    let mut seen = 0;
    for decision in record.decisions.iter().filter(|d| d.rule == rule::STOP || d.rule == rule::PROFIT_TARGET) {
        let fill = record
            .trades
            .iter()
            .find(|t| t.rule == decision.rule && (t.day, t.seconds) > (decision.day, decision.seconds))
            .expect("a fill after the trigger");
        let next = calendar::next_session(decision.day).unwrap();
        let on_time = if decision.seconds == OPEN_SECONDS {
            (fill.day, fill.seconds) == (decision.day, CLOSE_SECONDS)
        } else {
            (fill.day, fill.seconds) == (next, OPEN_SECONDS)
        };
        assert!(on_time, "{decision:?} {fill:?}");
        seen += 1;
    }
    assert!(seen > 5);
}

#[test]
fn a_fully_reserved_condor_never_gets_a_call_by_marking() {
    for seed in 0..20 {
        let source = Made::new(&[seed], 250);
        let mut rule = condor();
        rule.sizing = CondorSizing::Contracts(1_000);
        let mut account = book("large", Some(rule), None);
        // No fees and nothing paid for exits: only marks move, and they must not matter.
        account.costs =
            serde_json::from_str(r#"{"fee_preset":"none","package_fraction":0,"legged_fraction":0}"#).unwrap();
        account.condor.as_mut().unwrap().exit_dte = None;
        account.condor.as_mut().unwrap().stop = None;
        account.condor.as_mut().unwrap().profit_target = None;
        let record = go(&source, &[account], 0).records.remove(0);
        assert!(record.incidents.iter().any(|i| i.kind == incident::BUYING_POWER), "margin must bind");
        assert!(!record.incidents.iter().any(|i| i.kind == incident::MARGIN_CALL));
    }
}

#[test]
fn futures_on_too_little_cash_are_called_and_condors_closed() {
    let source = Made::new(&[4], 400);
    let mut front = hedge();
    front.layers = vec![HedgeLayer { instrument: LayerInstrument::VixFuture, ..layer("front", 30, 5, 12.0) }];
    let mut account = book("thin", Some(condor()), Some(front));
    account.capital = 60_000.0;
    let record = go(&source, &[account], 0).records.remove(0);
    assert!(record.incidents.iter().any(|i| i.kind == incident::MARGIN_CALL));
    let forced: Vec<_> = record.trades.iter().filter(|t| t.rule == rule::FORCED_CLOSE).collect();
    let calls: Vec<_> = record.incidents.iter().filter(|i| i.kind == incident::MARGIN_CALL).collect();
    for trade in &forced {
        assert!(calls.iter().any(|call| (call.day, call.seconds) < (trade.day, trade.seconds)));
    }
}

/// Doubles every layer while the first signal of the market is on.
struct Doubling;

impl Policy for Doubling {
    fn decide(&mut self, _: &Book, view: &PolicyView<'_>, targets: &mut Targets) {
        let multiplier = 1.0 + view.state.signals[0][view.path];
        targets.layer_multiplier.fill(multiplier);
        targets.resize = Some(rule::LAYER_RESIZE);
    }
}

#[test]
fn a_policy_resizes_layers_between_rolls() {
    let source = Made::new(&[9], 120);
    // One condor at a time: the base never moves, only the policy does.
    let single = IronCondor { entry: EntrySchedule::Flat, ..condor() };
    let accounts = [book("static", Some(single), Some(hedge()))];
    let mut marks = SurfaceMarks::new();
    let record =
        run(&mut source.clone(), &mut marks, &mut Doubling, &accounts, 0, RUN, &mut || true).unwrap().records.remove(0);
    let changes: Vec<_> = record.decisions.iter().filter(|d| d.rule == rule::LAYER_RESIZE).collect();
    assert!(changes.len() > 4);
    for change in &changes {
        let ratio = change.after / change.before;
        assert!((ratio - 2.0).abs() < 1e-12 || (ratio - 0.5).abs() < 1e-12, "{change:?}");
    }
}

#[test]
fn a_layer_rolls_to_a_later_expiry_nearest_its_target() {
    let record = go(&Made::new(&[6], 400), &[book("static", Some(condor()), Some(hedge()))], 0).records.remove(0);
    let expiry_of = |instrument: Instrument| instrument.expiry().unwrap();
    let rolls: Vec<_> = record.trades.iter().filter(|t| t.rule == rule::LAYER_ROLL).collect();
    assert!(rolls.len() > 30);
    for pair in rolls.chunks(2) {
        let (sold, bought) = (pair[0], pair[1]);
        assert!(sold.contracts < 0 && bought.contracts > 0);
        assert_eq!(sold.bucket, bought.bucket);
        assert!(expiry_of(bought.instrument) > expiry_of(sold.instrument));
    }
}

#[test]
fn an_impatient_caller_stops_the_run() {
    let source = Made::new(&[1], 200);
    let stopped =
        run(&mut source.clone(), &mut SurfaceMarks::new(), &mut StaticPolicy, &books(), 0, RUN, &mut || false)
            .unwrap_err();
    assert_eq!(stopped, alvh_core::Error::Interrupted);
}
